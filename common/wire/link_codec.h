/* Inside of the link's codecs: what link_encode.c, link_decode.c and link_enrol.c share. */
#ifndef COMMON_WIRE_LINK_CODEC_H
#define COMMON_WIRE_LINK_CODEC_H

#include "common/wire/link.h"
#include "common/wire/pb_arena.h"

#define CODE_MAX         64
#define CERTIFICATE_MAX  ((size_t)64 * 1024)
#define HEARTBEAT_MAX_MS (3600u * 1000)

typedef void encode_fn(const struct msg *m, struct arena *a, struct buf *ret);
/* Every decoder gets the unpacked protobuf of its row's type. */
typedef int decode_fn(const void *pb, struct arena *a, struct msg *ret, struct err *e);

int link_check_length(const char *s, const char *what, size_t max, struct err *e) MUST_CHECK;

/* link_enrol.c */
encode_fn link_encode_enrol_req, link_encode_enrol_poll, link_encode_enrol_pending, link_encode_enrol_grant;
decode_fn link_decode_enrol_req, link_decode_enrol_poll, link_decode_enrol_pending, link_decode_enrol_grant;

#endif
