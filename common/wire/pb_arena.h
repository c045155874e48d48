/* protobuf-c made strict: memory only from a capped arena, and one walk over the unpacked message that refuses what the library lets pass (bad UTF-8, NULs in
 * text, unknown fields, fields given twice). For the codecs of common/wire alone. */
#ifndef COMMON_WIRE_PB_ARENA_H
#define COMMON_WIRE_PB_ARENA_H

#include <protobuf-c/protobuf-c.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/bytes.h"
#include "common/base/err.h"

/* An allocator over the arena: NULL at the arena's cap, free does nothing. `a` is borrowed. */
ProtobufCAllocator pb_allocator(struct arena *a);

enum pb_unknown { PB_UNKNOWN_REFUSE, PB_UNKNOWN_KEEP };
/* Unpacks `data`, at most max_bytes, into the arena. ERR_LIMIT above max_bytes or the arena's cap; ERR_PARSE "WHAT: ..." when the bytes are no such message, a text
 * is not UTF-8 or holds a NUL, a field came twice or in a needless form (the bytes are not those that an encoder writes), or, with PB_UNKNOWN_REFUSE, a field is
 * unknown. The caller casts the result to the descriptor's struct; it lives as long as the arena. */
int pb_unpack(const ProtobufCMessageDescriptor *d, const char *what, struct bytes data, size_t max_bytes, enum pb_unknown unknown, struct arena *a,
              ProtobufCMessage **ret, struct err *e) MUST_CHECK;
/* Appends the packed bytes. */
void pb_pack(const ProtobufCMessage *m, struct buf *ret);

/* Between struct bytes and protobuf-c's pair; both borrow. */
ProtobufCBinaryData pb_from_bytes(struct bytes b);
struct bytes pb_to_bytes(ProtobufCBinaryData b);
/* Copies exactly n octets; ERR_PARSE "WHAT: N bytes, must be n" otherwise. */
int pb_fixed(ProtobufCBinaryData b, const char *what, uint8_t *out, size_t n, struct err *e) MUST_CHECK;

#endif
