/* Known agents that ask for new keys: who signs them, how long the old ones are good beside them, and who gets none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/str.h"
#include "common/wire/documents.h"
#include "common/wire/enrol.h"
#include "tests/support/enrol_fixture.h"

#define DAY_US (INT64_C(24) * 3600 * 1000000)

static struct enrol_fixture x;

/* eu-agent, which is known, and a request of it for new keys; x.report is its new report key. */
static int setup(void **state)
{
	(void)state;
	static const char *all[] = {"eu/*"};
	enrol_fixture_init(&x);
	brain_fixture_admit(&x.f);
	x.request.agent = "eu-agent";
	x.request.targets = all;
	x.request.curve_key = x.user = ENROL_KEY_TWO;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	enrol_fixture_done(&x);
	return 0;
}

/* `former` has to be its present report key. */
static const struct msg *ask_renewal(struct sign_key *former)
{
	uint8_t sig[SIGNATURE_SIZE], by_former[SIGNATURE_SIZE];
	struct msg m = {.type = MSG_ENROL_REQ, .enrol_req = {.request = enrol_fixture_request(&x)}};
	AUTO(buf_done) struct buf b = BUF_INIT;
	enrol_signed_bytes(BRAIN_CONTROLLER_KEY, NONE, m.enrol_req.request, &b);
	sign_make(x.report, buf_bytes(&b), sig);
	sign_make(former, buf_bytes(&b), by_former);
	m.enrol_req.signature = bytes_of(sig, sizeof sig);
	m.enrol_req.former_signature = bytes_of(by_former, sizeof by_former);
	return enrol_fixture_say(&x, &m);
}

static void a_person_approves(void)
{
	const struct msg_reply *r = brain_fixture_command(&x.f, NULL, VERB_AGENT_APPROVE, enrol_fixture_certificate(&x, ERIN), "agent", "eu-agent", NULL);
	assert_string_equal(r->error_code ? r->error_code : "", "");
}

/* The certificate of the new keys, by a person. The old session is over, nothing of either is connected. */
static struct bytes renewed(void)
{
	assert_int_equal(ask_renewal(x.f.agent.report_key)->type, MSG_ENROL_PENDING);
	a_person_approves();
	const struct msg *m = enrol_fixture_poll(&x);
	assert_int_equal(m->type, MSG_ENROL_GRANT);
	return arena_bytes(x.f.arena, m->enrol_grant.certificate);
}

/* The agent goes by its new keys from here on. */
static void take_new_keys(struct bytes certificate)
{
	sign_key_destroy(&x.f.agent.report_key);
	x.f.agent.report_key = take_ptr(&x.report);
	x.f.agent.certificate = certificate;
	str_copy(x.f.agent.curve_key, sizeof x.f.agent.curve_key, x.request.curve_key);
}

/* Other keys than those that it asked with last. */
static void make_keys(void)
{
	sign_key_destroy(&x.report);
	assert_int_equal(sign_key_generate(&x.report, NULL), 0);
	sign_key_public(x.report, x.request.report_key);
	x.request.curve_key = x.user = str_eq(x.user, ENROL_KEY_TWO) ? ENROL_KEY_ONE : ENROL_KEY_TWO;
}

static void expect_ended(uint64_t session, const char *words)
{
	for (size_t i = 0; i < x.f.n_sent; i++)
		if (x.f.sent[i].session == session && x.f.sent[i].msg.type == MSG_DENY) {
			assert_string_equal(x.f.sent[i].msg.deny.code, "expired");
			assert_non_null(strstr(x.f.sent[i].msg.deny.message, words));
			return;
		}
	fail_msg("the session goes on");
}

static const char *agent_state(void)
{
	static const char *const targets[] = {"eu/pg1/a"};
	brain_fixture_connect(&x.f, targets, 1);
	return x.f.n_sent && x.f.sent[0].msg.type == MSG_DENY ? x.f.sent[0].msg.deny.message : "in";
}

static void test_new_keys_of_a_known_agent(void **state)
{
	(void)state;
	static const char *all[] = {"eu/*"}, *more[] = {"eu/*", "us/*"};
	assert_string_equal(agent_state(), "in");
	x.request.targets = more;
	x.request.n_targets = 2;
	const struct msg *m = ask_renewal(x.f.agent.report_key);
	assert_int_equal(m->type, MSG_ENROL_DENY);
	assert_non_null(strstr(m->deny.message, "us/* are not in its present certificate"));
	x.request.targets = all;
	x.request.n_targets = 1;
	m = ask_renewal(x.report); /* who has only the new key */
	assert_int_equal(m->type, MSG_ENROL_DENY);
	assert_non_null(strstr(m->deny.message, "not signed by its present report key"));
	struct bytes old = x.f.agent.certificate, fresh = renewed();
	assert_int_equal(x.f.principals, 2); /* both keys */
	assert_string_equal(agent_state(), "in"); /* with the old keys, for now */
	brain_fixture_restart(&x.f);
	assert_string_equal(agent_state(), "in");
	struct sign_key *old_report = x.f.agent.report_key;
	x.f.agent.report_key = x.report;
	x.f.agent.certificate = fresh;
	str_copy(x.f.agent.curve_key, sizeof x.f.agent.curve_key, ENROL_KEY_TWO);
	assert_string_equal(agent_state(), "in"); /* with the new ones */
	brain_fixture_idle(&x.f, 8 * DAY_US);
	assert_string_equal(agent_state(), "the certificate of eu-agent is not valid now: make a new one and admit it"); /* it was made for an hour */
	x.f.agent.report_key = old_report;
	x.f.agent.certificate = old;
	str_copy(x.f.agent.curve_key, sizeof x.f.agent.curve_key, BRAIN_AGENT_KEY);
	assert_non_null(strstr(agent_state(), "was replaced by")); /* the overlap is over */
}

/* A report that the agent has signed with the key that it has now. */
static struct msg_report some_report(void)
{
	static const uint8_t order[DIGEST_SIZE];
	return brain_fixture_report(&x.f, &(struct msg_offer){.target = "eu/pg1/a", .attempt = 1}, order, OUTCOME_APPLIED);
}

static void test_a_session_of_the_old_keys_ends_with_the_overlap(void **state)
{
	(void)state;
	x.life_us = 30 * DAY_US;
	assert_string_equal(agent_state(), "in");
	x.f.agent.max_epoch = brain_epoch(x.f.brain); /* it was told */
	struct bytes fresh = renewed();
	assert_string_equal(agent_state(), "in"); /* with the old keys */
	assert_int_equal(brain_epoch(x.f.brain), x.f.agent.max_epoch); /* and known as before: our store is not taken for one that was set back */
	uint64_t old = x.f.agent.session;
	struct msg_report report = some_report();
	brain_fixture_idle(&x.f, 7 * DAY_US - 1);
	assert_int_equal(x.f.principals, 2);
	assert_int_equal(x.f.n_sent, 0);
	brain_fixture_idle(&x.f, 1); /* nothing came, nobody asked: its time is over */
	expect_ended(old, "was replaced");
	assert_int_equal(x.f.principals, 1);
	brain_fixture_send_report(&x.f, &report); /* a message that was on its way */
	assert_int_equal(x.f.n_sent, 0);
	assert_non_null(strstr(agent_state(), "was replaced by"));
	take_new_keys(fresh);
	x.f.agent.report_seq = 0; /* as the store has it */
	assert_string_equal(agent_state(), "in");
	brain_fixture_send_report(&x.f, &report); /* signed before the new keys, and still true */
	assert_int_equal(x.f.sent[0].msg.type, MSG_REPORT_ACK);
	assert_int_equal(x.f.sent[0].msg.report_ack.seq, 1);
}

static void test_a_message_behind_the_overlap_is_not_taken_even_when_it_is_what_wakes_us(void **state)
{
	(void)state;
	x.life_us = 30 * DAY_US;
	(void)renewed();
	assert_string_equal(agent_state(), "in");
	uint64_t old = x.f.agent.session;
	struct msg_report report = some_report();
	x.f.now_us += 7 * DAY_US;
	brain_fixture_send_report(&x.f, &report);
	expect_ended(old, "was replaced");
	assert_int_equal(x.f.n_sent, 1); /* no acknowledgement */
}

static void test_a_session_ends_with_its_certificate(void **state)
{
	(void)state;
	struct bytes fresh = renewed();
	take_new_keys(fresh);
	assert_string_equal(agent_state(), "in");
	brain_fixture_idle(&x.f, FIXTURE_HOUR);
	expect_ended(x.f.agent.session, "has expired");
	assert_int_equal(x.f.principals, 1); /* the former key is good for some days more */
	brain_fixture_idle(&x.f, -FIXTURE_HOUR); /* our clock was ahead, and is right again */
	assert_int_equal(x.f.principals, 2);
	assert_string_equal(agent_state(), "in");
}

static void test_an_overlap_is_no_longer_than_the_former_certificate(void **state)
{
	(void)state;
	x.life_us = 3 * DAY_US;
	take_new_keys(renewed());
	make_keys();
	brain_fixture_idle(&x.f, 2 * DAY_US);
	x.life_us = 30 * DAY_US;
	assert_int_equal(ask_renewal(x.f.agent.report_key)->type, MSG_ENROL_PENDING);
	a_person_approves();
	assert_string_equal(agent_state(), "in");
	brain_fixture_idle(&x.f, DAY_US);
	expect_ended(x.f.agent.session, "was replaced");
	assert_int_equal(x.f.principals, 1);
}

/* The controller has a key that signs by itself. */
static void begin_renewal(void)
{
	x.f.config.enrol_key = x.f.trust.keys[ERIN];
}

static const char *pending_detail(void)
{
	(void)brain_fixture_command(&x.f, "viewer", VERB_AGENT_LIST, NONE, NULL);
	return brain_fixture_cell_of(&x.f, "state", "pending", "detail");
}

static void test_an_enrol_key_at_the_controller_renews(void **state)
{
	(void)state;
	struct envelope env;
	struct certificate c;
	begin_renewal();
	x.f.config.certificate_lifetime_us = 30 * DAY_US;
	const struct msg *m = ask_renewal(x.f.agent.report_key);
	assert_int_equal(m->type, MSG_ENROL_GRANT);
	assert_int_equal(envelope_decode(m->enrol_grant.certificate, x.f.arena, &env, NULL), 0);
	assert_int_equal(certificate_decode(env.payload, x.f.arena, &c, NULL), 0);
	assert_int_equal(c.not_after_us - x.f.now_us, 30 * DAY_US);
	assert_int_equal(x.f.principals, 2);
	take_new_keys(m->enrol_grant.certificate);
	make_keys(); /* at once again: somebody should look */
	assert_int_equal(ask_renewal(x.f.agent.report_key)->type, MSG_ENROL_PENDING);
	assert_non_null(strstr(pending_detail(), "new keys a moment ago"));
	brain_fixture_idle(&x.f, 8 * DAY_US); /* the request that waited is forgotten, and an hour has passed */
	assert_int_equal(ask_renewal(x.f.agent.report_key)->type, MSG_ENROL_GRANT);
}

static void test_an_agent_whose_certificate_has_expired_is_for_a_person(void **state)
{
	(void)state;
	begin_renewal();
	brain_fixture_idle(&x.f, 1000 * FIXTURE_HOUR);
	assert_int_equal(x.f.principals, 0);
	assert_int_equal(ask_renewal(x.f.agent.report_key)->type, MSG_ENROL_PENDING);
	assert_non_null(strstr(pending_detail(), "its certificate has expired"));
	a_person_approves();
	assert_int_equal(x.f.principals, 1); /* the new key; the old one stays what it was */
}

static void test_an_agent_that_a_lost_key_has_certified_is_for_a_person(void **state)
{
	(void)state;
	begin_renewal();
	for (size_t i = 0; i < x.f.trust.trust.n_roles; i++)
		if (str_eq(x.f.trust.trust.roles[i].name, ROLE_ENROL))
			x.f.trust.trust.roles[i].key_ids[0] = x.f.trust.key_ids[DAVE];
	x.f.trust.trust.version++;
	trust_fixture_build(&x.f.trust);
	const struct msg_reply *r = brain_fixture_command(&x.f, NULL, VERB_TRUST_PUSH, x.f.trust.trust_bytes, "force", "yes", NULL);
	assert_string_equal(r->error_code ? r->error_code : "", "");
	assert_int_equal(ask_renewal(x.f.agent.report_key)->type, MSG_ENROL_PENDING); /* nor may the controller's key sign any more */
	assert_non_null(strstr(pending_detail(), "not of role enrol any more"));
	x.f.config.enrol_key = x.f.trust.keys[DAVE];
	make_keys();
	assert_int_equal(ask_renewal(x.report)->type, MSG_ENROL_DENY); /* not the present report key */
}

static void test_who_is_shut_out_gets_no_new_keys(void **state)
{
	(void)state;
	begin_renewal();
	assert_string_equal(agent_state(), "in");
	struct hub_event cloned = {.type = HUB_CLONED, .session = x.f.agent.session, .from = {.kind = LINK_AGENT, .name = "eu-agent"}};
	brain_fixture_event(&x.f, &cloned);
	const struct msg *m = ask_renewal(x.f.agent.report_key);
	assert_int_equal(m->type, MSG_ENROL_DENY);
	assert_non_null(strstr(m->deny.message, "Nothing is taken from either"));
	(void)brain_fixture_command(&x.f, NULL, VERB_AGENT_REVOKE, NONE, "agent", "eu-agent", "reason", "stolen", NULL);
	m = ask_renewal(x.f.agent.report_key);
	assert_int_equal(m->type, MSG_ENROL_DENY);
	assert_non_null(strstr(m->deny.message, "this agent was revoked"));
	assert_string_equal(pending_detail(), "");
	assert_int_equal(x.f.principals, 0);
}

/* The agent was away for longer than the controller remembers requests, and than its old keys were good. */
static void test_an_answer_that_was_lost_is_given_again(void **state)
{
	(void)state;
	begin_renewal();
	const struct msg *m = ask_renewal(x.f.agent.report_key);
	assert_int_equal(m->type, MSG_ENROL_GRANT);
	struct bytes certificate = arena_bytes(x.f.arena, m->enrol_grant.certificate);
	brain_fixture_idle(&x.f, 20 * DAY_US);
	m = ask_renewal(x.f.agent.report_key);
	assert_int_equal(m->type, MSG_ENROL_GRANT);
	assert_true(bytes_equal(m->enrol_grant.certificate, certificate));
	x.user = ENROL_KEY_ONE; /* who has not its CURVE key */
	assert_int_equal(ask_renewal(x.f.agent.report_key)->type, MSG_ENROL_DENY);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_new_keys_of_a_known_agent),
	    CASE(test_a_session_of_the_old_keys_ends_with_the_overlap),
	    CASE(test_a_message_behind_the_overlap_is_not_taken_even_when_it_is_what_wakes_us),
	    CASE(test_a_session_ends_with_its_certificate),
	    CASE(test_an_overlap_is_no_longer_than_the_former_certificate),
	    CASE(test_an_enrol_key_at_the_controller_renews),
	    CASE(test_an_agent_whose_certificate_has_expired_is_for_a_person),
	    CASE(test_an_agent_that_a_lost_key_has_certified_is_for_a_person),
	    CASE(test_who_is_shut_out_gets_no_new_keys),
	    CASE(test_an_answer_that_was_lost_is_given_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
