/* A stranger's side of enrolment: one question on a connection of its own, and the answer. Blocking, with a deadline; for the command line. */
#ifndef AGENT_LINK_ENROL_H
#define AGENT_LINK_ENROL_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/link/curve.h"
#include "common/wire/link.h"

struct enrol_settings { /* borrowed */
	const char *endpoint, *controller_key; /* Z85, pinned */
	const struct curve_key *key;
	uint32_t timeout_ms;
};

/* The answer is ENROL_PENDING, ENROL_GRANT, ENROL_DENY or RETRY_AFTER, in the arena. ERR_LINK when the controller cannot be reached, is another one, or does not answer. */
int enrol_ask(const struct enrol_settings *s, const struct msg *question, struct arena *a, struct msg *ret, struct err *e) MUST_CHECK;

#endif
