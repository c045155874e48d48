/* enrol_ask for a loop: one question on a connection of its own, without waiting. The caller keeps the time: a call without an answer is closed by it. */
#ifndef AGENT_LINK_ENROL_CALL_H
#define AGENT_LINK_ENROL_CALL_H

#include "agent/link/dial.h"
#include "agent/link/enrol.h"

/* m: ENROL_PENDING, ENROL_GRANT, ENROL_DENY or RETRY_AFTER, gone after the call; or NULL, then why says what. Closing the call inside is fine; at most once for each call. */
typedef void enrol_answer_fn(void *arg, const struct msg *m, const char *why);

struct enrol_call { /* embedded; all zero: closed */
	struct dial dial;
	struct msg question; /* what it points to is borrowed until the answer */
	enrol_answer_fn *answer;
	void *arg;
};

int enrol_call_open(struct enrol_call *c, zloop_t *loop, const struct enrol_settings *s, const struct msg *question, enrol_answer_fn *answer,
                    void *arg, struct err *e) MUST_CHECK;
void enrol_call_close(struct enrol_call *c);
bool enrol_call_is_open(const struct enrol_call *c);

#endif
