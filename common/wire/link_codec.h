/* Inside of the link's codecs: what link_encode.c, link_decode.c and the files of one part of the link (link_enrol.c, link_blob.c, link_operator.c) share. */
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

/* A text for protobuf-c, borrowed: NULL is sent as an empty one. */
static inline char *link_text(const char *s)
{
	return (char *)(uintptr_t)(s ? s : "");
}
/* Free text comes from databases and operating systems: it is cut and cleaned here, because the other end refuses what is too long or not UTF-8. A copy in the arena; NULL is an empty one. */
char *link_free_text(const char *s, struct arena *a);
/* ERR_LIMIT "WHAT: N bytes; at most MAX are allowed". */
int link_check_length(const char *s, const char *what, size_t max, struct err *e) MUST_CHECK;

/* link_enrol.c */
encode_fn link_encode_enrol_req, link_encode_enrol_poll, link_encode_enrol_pending, link_encode_enrol_grant;
decode_fn link_decode_enrol_req, link_decode_enrol_poll, link_decode_enrol_pending, link_decode_enrol_grant;
/* link_blob.c */
encode_fn link_encode_fetch, link_encode_chunk, link_encode_nak, link_encode_put_ack;
decode_fn link_decode_fetch, link_decode_chunk, link_decode_nak, link_decode_put_ack;
/* link_operator.c */
encode_fn link_encode_command, link_encode_reply;
decode_fn link_decode_command, link_decode_reply;

#endif
