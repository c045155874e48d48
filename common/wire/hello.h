/* The bytes that an agent's report key signs in HELLO: one definition for the side that signs and the side that checks.
 *   "ROLLCALL-hello\0", then each with its u64le length: the controller's CURVE public key (Z85 text), agent name, boot id, certificate; u64le session counter, u64le report seq */
#ifndef COMMON_WIRE_HELLO_H
#define COMMON_WIRE_HELLO_H

#include "common/base/buf.h"
#include "common/wire/link.h"

/* Appends to *ret. h->signature is not looked at. */
void hello_signed_bytes(const struct msg_hello *h, const char *controller_key, struct buf *ret);

#endif
