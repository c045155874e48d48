/* Making a gate pass: that a wave has passed, by one who has looked at its reports. See proto/order.proto. */
#ifndef CONTROLLER_RELEASE_GATE_PASS_H
#define CONTROLLER_RELEASE_GATE_PASS_H

#include "common/crypto/sign.h"
#include "common/model/trust.h"
#include "controller/audit/wave.h"

struct gate_terms {
	const struct wave_evidence *evidence; /* which wave_may_pass has let pass */
	const char *signer, *reason; /* reason may be NULL */
	int64_t now_us, expires_at_us; /* expires 0: when the order ends */
};

/* ERR_POLICY when the key is not in the environment's role gate, or the order is over; nothing is signed then. */
int gate_pass_make(const struct gate_terms *t, const struct sign_key *k, struct arena *a, struct envelope *ret, struct err *e) MUST_CHECK;

#endif
