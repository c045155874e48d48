/* An enrolment token as plain values (proto/trust.proto): one agent may ask once for a certificate of this name, before it expires. */
#ifndef COMMON_MODEL_ENROL_H
#define COMMON_MODEL_ENROL_H

#include <stddef.h>
#include <stdint.h>

#define TYPE_ENROL_TOKEN   "application/vnd.rollcall.enrol-token.v1+protobuf"
#define ENROL_NONCE_SIZE   16
#define ENROL_TOKEN_MAX_US ((int64_t)30 * 60 * 1000000)
#define ENROL_TARGETS_MAX  64 /* a request must fit into a message of the enrolment socket */

struct enrol_token {
	uint8_t nonce[ENROL_NONCE_SIZE];
	const char *agent, *site;
	const char **targets; /* globs over target ids */
	size_t n_targets;
	int64_t created_at_us, expires_at_us;
	const char *endpoint; /* of the controller's enrolment socket */
	const char *controller_key; /* Z85 */
};

#endif
