/* Somebody with a request to be an agent, or for new keys, before the brain of brain_fixture.h: what they bring is made good, and changed by a case before it is put together. */
#ifndef TESTS_SUPPORT_ENROL_FIXTURE_H
#define TESTS_SUPPORT_ENROL_FIXTURE_H

#include "common/model/enrol.h"
#include "common/wire/request.h"
#include "tests/support/brain_fixture.h"

#define ENROL_KEY_ONE "=]@C5xrNo=ugjdH7>oTZJ0ZqXaVwXr[K2w1K8iFP"
#define ENROL_KEY_TWO "0123456789abcdefghijklmnopqrstuvwxyzABCD"

struct enrol_fixture {
	struct brain_fixture f;
	struct enrol_token token; /* for eu-9 of site eu */
	struct agent_request request; /* of eu-9, with ENROL_KEY_ONE */
	struct sign_key *report, *signer; /* signer: of the request; NULL: report */
	enum fixture_person inviter; /* who signs the token */
	const char *user; /* the key of the handshake */
	bool break_signature;
	int64_t life_us; /* of the certificate that is made for it */
};

void enrol_fixture_init(struct enrol_fixture *x);
void enrol_fixture_done(struct enrol_fixture *x);
struct bytes enrol_fixture_request(struct enrol_fixture *x);
struct bytes enrol_fixture_token(struct enrol_fixture *x);
/* One message of a stranger, and the one answer to it. */
const struct msg *enrol_fixture_say(struct enrol_fixture *x, const struct msg *m);
const struct msg *enrol_fixture_ask(struct enrol_fixture *x); /* ENROL_REQ with the token */
const struct msg *enrol_fixture_poll(struct enrol_fixture *x);
/* For the request, by this person's key. */
struct bytes enrol_fixture_certificate(struct enrol_fixture *x, enum fixture_person by);

#endif
