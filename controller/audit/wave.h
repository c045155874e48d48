/* What the agents' signed reports say of one wave of an order, worked out from a bundle's bytes alone: what a gate looks at before it signs. It believes the trust document that it is
 * given, what follows from it in the bundle (audit_verify), and no word of the controller; what the controller keeps back shows as a target without a report, or as a gap in an agent's chain of reports. Pure but for memory. */
#ifndef CONTROLLER_AUDIT_WAVE_H
#define CONTROLLER_AUDIT_WAVE_H

#include "common/model/order.h"
#include "common/model/report.h"
#include "common/model/trust.h"
#include "controller/audit/bundle.h"

enum wave_result { WAVE_RESULT_DONE, WAVE_RESULT_FAILED, WAVE_RESULT_NONE };

struct wave_target {
	const char *target, *agent; /* agent NULL without a report */
	enum wave_result result;
	const char *said; /* the report's outcome; "" without one */
	const char *detail; /* why it failed */
	int64_t ended_at_us;
	uint8_t hash[DIGEST_SIZE]; /* of the newest report's envelope; zero without one */
};

struct wave_evidence {
	struct order order;
	uint32_t wave; /* number, from 0 */
	struct wave_target *targets; /* in the order of its list */
	uint32_t n_targets, done, failed, unreported;
	int64_t soak_until_us; /* the end of the last delivery that is done, and the soak; 0: none is */
	const struct trust *trust; /* the newest that follows from the signer's own: its role gate signs */
	const char *rests_on; /* as in struct audit_result */
	uint8_t reports_digest[DIGEST_SIZE]; /* SHA-256 over each target's name (length first) and hash, in the order of the list */
};

/* `t`: the signer's own trust document. A certificate counts that role enrol of the newest trust document signed, or, where the bundle has the log's rows, that of the one in force at
 * its row. `rollout`: the order's id or how it begins. `wave`: its name; NULL: the last one that has a later one behind it and of which anything is reported. In the arena. ERR_SIGNATURE: what is there was signed
 * wrongly, or reports are missing in an agent's chain; ERR_NOT_FOUND. */
int wave_evidence(const struct bundle *b, const struct trust *t, const char *rollout, const char *wave, struct arena *a, struct wave_evidence *ret,
                  struct err *e) MUST_CHECK;
/* 0 when the wave passes by the order's own words at now_us; `unreported`: how many targets without a report the signer knows of. ERR_POLICY, with what to do. */
int wave_may_pass(const struct wave_evidence *w, uint64_t unreported, int64_t now_us, struct err *e) MUST_CHECK;

#endif
