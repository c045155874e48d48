/* Strangers who ask to be agents: what the brain takes, once, and each thing that it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/str.h"
#include "common/cli/cmd.h"
#include "common/wire/enrol.h"
#include "tests/support/enrol_fixture.h"

static struct enrol_fixture x;

static int setup(void **state)
{
	(void)state;
	enrol_fixture_init(&x);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	enrol_fixture_done(&x);
	return 0;
}

static void expect_denied(const char *words)
{
	const struct msg *m = enrol_fixture_ask(&x);
	if (m->type != MSG_ENROL_DENY || !strstr(m->deny.message, words))
		fail_msg("%s: %s", msg_type_name(m->type), m->type == MSG_ENROL_DENY ? m->deny.message : "");
	assert_int_equal(x.f.principals, 0);
	(void)brain_fixture_command(&x.f, "viewer", VERB_AGENT_LIST, NONE, NULL);
	assert_string_equal(brain_fixture_cell(&x.f, "agent"), ""); /* and nothing waits */
}

static void test_a_person_approves(void **state)
{
	(void)state;
	char fingerprint[ENROL_FINGERPRINT_SIZE];
	enrol_fingerprint(enrol_fixture_request(&x), fingerprint);
	const struct msg *m = enrol_fixture_ask(&x);
	assert_int_equal(m->type, MSG_ENROL_PENDING);
	assert_string_equal(m->enrol_pending.fingerprint, fingerprint);
	assert_int_equal(x.f.principals, 0); /* it cannot come in by asking */
	assert_int_equal(enrol_fixture_ask(&x)->type, MSG_ENROL_PENDING); /* the answer was lost: the same request again */
	brain_fixture_restart(&x.f);
	assert_int_equal(enrol_fixture_poll(&x)->type, MSG_ENROL_PENDING);
	(void)brain_fixture_command(&x.f, "viewer", VERB_AGENT_REQUEST, NONE, "agent", "eu-9", NULL);
	assert_string_equal(brain_fixture_cell_of(&x.f, "key", "fingerprint", "value"), fingerprint);
	(void)brain_fixture_command(&x.f, "viewer", VERB_AGENT_LIST, NONE, NULL);
	assert_string_equal(brain_fixture_cell(&x.f, "state"), "pending");
	struct bytes certificate = enrol_fixture_certificate(&x, ERIN);
	const struct msg_reply *r = brain_fixture_command(&x.f, "operator", VERB_AGENT_APPROVE, certificate, "agent", "eu-9", NULL);
	assert_int_equal(r->exit_code, EXIT_REFUSED); /* an admin's business */
	r = brain_fixture_command(&x.f, NULL, VERB_AGENT_APPROVE, certificate, "agent", "eu-9", NULL);
	assert_string_equal(r->error_code ? r->error_code : "", "");
	assert_int_equal(x.f.principals, 1);
	m = enrol_fixture_poll(&x);
	assert_int_equal(m->type, MSG_ENROL_GRANT);
	assert_true(bytes_equal(m->enrol_grant.certificate, certificate));
	x.user = ENROL_KEY_TWO; /* somebody else who knows the request */
	assert_int_equal(enrol_fixture_poll(&x)->type, MSG_ENROL_DENY);
	r = brain_fixture_command(&x.f, NULL, VERB_AGENT_APPROVE, certificate, "agent", "eu-9", NULL);
	assert_string_equal(r->error_code, "not-found");
}

static void test_a_certificate_for_another_request_is_not_taken(void **state)
{
	(void)state;
	assert_int_equal(enrol_fixture_ask(&x)->type, MSG_ENROL_PENDING);
	x.request.curve_key = ENROL_KEY_TWO;
	const struct msg_reply *r = brain_fixture_command(&x.f, NULL, VERB_AGENT_APPROVE, enrol_fixture_certificate(&x, ERIN), "agent", "eu-9", NULL);
	assert_int_equal(r->exit_code, EXIT_REFUSED);
	assert_non_null(strstr(r->message, "not for the request"));
	assert_int_equal(x.f.principals, 0);
}

static void test_an_enrol_key_at_the_controller_approves(void **state)
{
	(void)state;
	x.f.config.enrol_key = x.f.trust.keys[ERIN];
	const struct msg *m = enrol_fixture_ask(&x);
	assert_int_equal(m->type, MSG_ENROL_GRANT);
	assert_int_equal(x.f.principals, 1);
	x.f.config.enrol_key = NULL;
}

static void test_a_token_is_good_once(void **state)
{
	(void)state;
	assert_int_equal(enrol_fixture_ask(&x)->type, MSG_ENROL_PENDING);
	x.request.curve_key = x.user = ENROL_KEY_TWO;
	const struct msg *m = enrol_fixture_ask(&x);
	assert_int_equal(m->type, MSG_ENROL_DENY);
	assert_non_null(strstr(m->deny.message, "was used already"));
	brain_fixture_restart(&x.f);
	assert_int_equal(enrol_fixture_ask(&x)->type, MSG_ENROL_DENY);
}

static void test_expired_token(void **state)
{
	(void)state;
	brain_fixture_idle(&x.f, ENROL_TOKEN_MAX_US + 1);
	expect_denied("expired at");
}

static void test_token_that_nobody_of_the_role_signed(void **state)
{
	(void)state;
	x.inviter = ALICE;
	expect_denied("0 of 1 signatures (enrol)");
}

static void test_token_for_another_name_site_or_targets(void **state)
{
	(void)state;
	x.request.agent = "eu-1";
	expect_denied("the token was made for eu-9");
	x.request.agent = "eu-9";
	x.request.site = "us";
	expect_denied("the token was made for site eu");
	x.request.site = "eu";
	const char *more[] = {"eu/pg1/*", "us/*"};
	x.request.targets = more;
	x.request.n_targets = 2;
	expect_denied("us/*, which the token does not name");
}

static void test_keys_are_proven(void **state)
{
	(void)state;
	struct sign_key *other = NULL;
	struct err e = ERR_INIT;
	x.user = ENROL_KEY_TWO; /* the handshake was made with another key than the request names */
	expect_denied("another CURVE key");
	x.user = ENROL_KEY_ONE;
	assert_int_equal(sign_key_generate(&other, &e), 0);
	x.signer = other;
	expect_denied("not signed by the report key");
	x.signer = NULL;
	x.break_signature = true;
	expect_denied("not signed by the report key");
	sign_key_destroy(&other);
}

static void test_names_that_are_taken(void **state)
{
	(void)state;
	brain_fixture_admit(&x.f); /* eu-agent */
	x.token.agent = x.request.agent = "eu-agent";
	const struct msg *m = enrol_fixture_ask(&x);
	assert_int_equal(m->type, MSG_ENROL_DENY);
	assert_non_null(strstr(m->deny.message, "there is an agent eu-agent already"));
	(void)brain_fixture_command(&x.f, NULL, VERB_AGENT_REVOKE, NONE, "agent", "eu-agent", "reason", "stolen", NULL);
	m = enrol_fixture_ask(&x);
	assert_int_equal(m->type, MSG_ENROL_DENY);
	assert_non_null(strstr(m->deny.message, "its name stays used up"));
}

static void test_a_token_when_the_controllers_key_has_lost_its_role(void **state)
{
	(void)state;
	x.f.config.enrol_key = x.f.trust.keys[MALLORY];
	assert_int_equal(enrol_fixture_ask(&x)->type, MSG_ENROL_PENDING);
	assert_int_equal(x.f.principals, 0);
}

static void test_bytes_that_are_no_request(void **state)
{
	(void)state;
	static uint8_t sig[SIGNATURE_SIZE];
	const struct msg cases[] = {
	    {.type = MSG_ENROL_REQ,
	     .enrol_req = {.token = bytes_of_str("x"), .request = enrol_fixture_request(&x), .signature = bytes_of(sig, sizeof sig)}},
	    {.type = MSG_ENROL_REQ,
	     .enrol_req = {.token = enrol_fixture_token(&x), .request = bytes_of_str("agent: eu-9\n"), .signature = bytes_of(sig, sizeof sig)}},
	    {.type = MSG_ENROL_REQ,
	     .enrol_req = {.request = enrol_fixture_request(&x), .signature = bytes_of(sig, sizeof sig), .former_signature = bytes_of(sig, sizeof sig)}},
	    {.type = MSG_ENROL_POLL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(enrol_fixture_say(&x, &cases[i])->type, MSG_ENROL_DENY);
	assert_int_equal(x.f.principals, 0);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_a_person_approves),
	    CASE(test_a_certificate_for_another_request_is_not_taken),
	    CASE(test_an_enrol_key_at_the_controller_approves),
	    CASE(test_a_token_is_good_once),
	    CASE(test_expired_token),
	    CASE(test_token_that_nobody_of_the_role_signed),
	    CASE(test_token_for_another_name_site_or_targets),
	    CASE(test_keys_are_proven),
	    CASE(test_names_that_are_taken),
	    CASE(test_a_token_when_the_controllers_key_has_lost_its_role),
	    CASE(test_bytes_that_are_no_request),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
