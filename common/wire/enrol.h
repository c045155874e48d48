/* Enrolment's documents: the token's codec, what the signatures of an ENROL_REQ cover, and the fingerprint that two people compare. */
#ifndef COMMON_WIRE_ENROL_H
#define COMMON_WIRE_ENROL_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/model/enrol.h"

void enrol_token_encode(const struct enrol_token *t, struct buf *ret);
int enrol_token_decode(struct bytes data, struct arena *a, struct enrol_token *ret, struct err *e) MUST_CHECK;

/* "ROLLCALL-enrol\0", then each with its u64le length: the controller's key, the token's bytes (empty for new keys of a known agent), the request's bytes. */
void enrol_signed_bytes(const char *controller_key, struct bytes token, struct bytes request, struct buf *ret);

#define ENROL_FINGERPRINT_SIZE 40
/* "3f2a-91bc-...": the first 16 octets of SHA-256 of the request's bytes, which hold both keys. Returns out. */
char *enrol_fingerprint(struct bytes request, char out[ENROL_FINGERPRINT_SIZE]);

#endif
