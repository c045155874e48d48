/* Strangers who ask to be agents: what the brain takes, once, and each thing that it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/cli/cmd.h"
#include "common/crypto/digest.h"
#include "common/wire/documents.h"
#include "common/wire/enrol.h"
#include "common/wire/request.h"
#include "controller/release/trust_draft.h"
#include "tests/support/brain_fixture.h"

#define NONE    bytes_of(NULL, 0)
#define KEY_ONE "=]@C5xrNo=ugjdH7>oTZJ0ZqXaVwXr[K2w1K8iFP"
#define KEY_TWO "0123456789abcdefghijklmnopqrstuvwxyzABCD"

static const char *const globs[] = {"eu/pg1/*", "eu/pg2/*"};

struct asking { /* what a stranger brings; changed by a case before it is put together */
	struct enrol_token token;
	struct agent_request request;
	struct sign_key *report, *signer; /* signer: of the request; NULL: report */
	enum fixture_person inviter;
	const char *user; /* the key of the handshake */
	bool break_signature;
	int64_t life_us; /* of the certificate that is made for it */
};

static struct brain_fixture f;
static struct asking x;

static int setup(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	brain_fixture_init(&f);
	assert_int_equal(sign_key_generate(&x.report, &e), 0);
	x.token = (struct enrol_token){.nonce = {1},
	                               .agent = "eu-9",
	                               .site = "eu",
	                               .targets = (const char **)(uintptr_t)globs,
	                               .n_targets = 2,
	                               .created_at_us = f.now_us,
	                               .expires_at_us = f.now_us + ENROL_TOKEN_MAX_US,
	                               .endpoint = "tcp://c:7100",
	                               .controller_key = BRAIN_CONTROLLER_KEY};
	x.request = (struct agent_request){.agent = "eu-9", .site = "eu", .curve_key = KEY_ONE, .targets = x.token.targets, .n_targets = 1};
	sign_key_public(x.report, x.request.report_key);
	x.inviter = ERIN;
	x.user = KEY_ONE;
	x.life_us = FIXTURE_HOUR;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sign_key_destroy(&x.report);
	x = (struct asking){.report = NULL};
	brain_fixture_done(&f);
	return 0;
}

static struct bytes request_bytes(void)
{
	struct buf text = BUF_INIT;
	struct err e = ERR_INIT;
	if (request_format("request", &x.request, &text, &e) != 0)
		fail_msg("%s", e.msg);
	struct bytes b = arena_bytes(f.arena, buf_bytes(&text));
	buf_done(&text);
	return b;
}

static struct bytes token_bytes(void)
{
	struct buf b = BUF_INIT;
	enrol_token_encode(&x.token, &b);
	struct bytes signed_token = trust_fixture_sign(&f.trust, TYPE_ENROL_TOKEN, arena_bytes(f.arena, buf_bytes(&b)), x.inviter);
	buf_done(&b);
	return signed_token;
}

static const struct msg *say(const struct msg *m)
{
	struct hub_event ev = {.type = HUB_MESSAGE, .from = {.kind = LINK_STRANGER}, .session = f.next_session++, .msg = *m};
	str_copy(ev.from.curve_key, sizeof ev.from.curve_key, x.user);
	brain_fixture_event(&f, &ev);
	assert_int_equal(f.n_sent, 1);
	assert_int_equal(f.sent[0].session, ev.session);
	return &f.sent[0].msg;
}

static const struct msg *ask(void)
{
	static uint8_t sig[SIGNATURE_SIZE];
	struct msg m = {.type = MSG_ENROL_REQ, .enrol_req = {.token = token_bytes(), .request = request_bytes()}};
	struct buf b = BUF_INIT;
	enrol_signed_bytes(BRAIN_CONTROLLER_KEY, m.enrol_req.token, m.enrol_req.request, &b);
	sign_make(x.signer ? x.signer : x.report, buf_bytes(&b), sig);
	buf_done(&b);
	sig[7] ^= x.break_signature;
	m.enrol_req.signature = bytes_of(sig, sizeof sig);
	return say(&m);
}

static void expect_denied(const char *words)
{
	const struct msg *m = ask();
	if (m->type != MSG_ENROL_DENY || !strstr(m->deny.message, words))
		fail_msg("%s: %s", msg_type_name(m->type), m->type == MSG_ENROL_DENY ? m->deny.message : "");
	assert_int_equal(f.principals, 0);
	(void)brain_fixture_command(&f, "viewer", VERB_AGENT_LIST, NONE, NULL);
	assert_string_equal(brain_fixture_cell(&f, "agent"), ""); /* and nothing waits */
}

static struct bytes certificate_of(enum fixture_person by)
{
	struct envelope env;
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	if (certificate_make(&x.request, &f.trust.trust, f.trust.keys[by], f.now_us, f.now_us + x.life_us, f.arena, &env, &e) != 0)
		fail_msg("%s", e.msg);
	envelope_encode(&env, &b);
	struct bytes data = arena_bytes(f.arena, buf_bytes(&b));
	buf_done(&b);
	return data;
}

static const struct msg *poll_state(void)
{
	struct msg m = {.type = MSG_ENROL_POLL};
	struct bytes text = request_bytes();
	digest_sha256(text, m.enrol_poll.request_digest);
	return say(&m);
}

/* ---- cases ---- */

static void test_a_person_approves(void **state)
{
	(void)state;
	char fingerprint[ENROL_FINGERPRINT_SIZE];
	enrol_fingerprint(request_bytes(), fingerprint);
	const struct msg *m = ask();
	assert_int_equal(m->type, MSG_ENROL_PENDING);
	assert_string_equal(m->enrol_pending.fingerprint, fingerprint);
	assert_int_equal(f.principals, 0); /* it cannot come in by asking */
	assert_int_equal(ask()->type, MSG_ENROL_PENDING); /* the answer was lost: the same request again */
	brain_fixture_restart(&f);
	assert_int_equal(poll_state()->type, MSG_ENROL_PENDING);
	(void)brain_fixture_command(&f, "viewer", VERB_AGENT_REQUEST, NONE, "agent", "eu-9", NULL);
	assert_string_equal(brain_fixture_cell_of(&f, "key", "fingerprint", "value"), fingerprint);
	(void)brain_fixture_command(&f, "viewer", VERB_AGENT_LIST, NONE, NULL);
	assert_string_equal(brain_fixture_cell(&f, "state"), "pending");
	struct bytes certificate = certificate_of(ERIN);
	const struct msg_reply *r = brain_fixture_command(&f, "operator", VERB_AGENT_APPROVE, certificate, "agent", "eu-9", NULL);
	assert_int_equal(r->exit_code, EXIT_REFUSED); /* an admin's business */
	r = brain_fixture_command(&f, NULL, VERB_AGENT_APPROVE, certificate, "agent", "eu-9", NULL);
	assert_string_equal(r->error_code ? r->error_code : "", "");
	assert_int_equal(f.principals, 1);
	m = poll_state();
	assert_int_equal(m->type, MSG_ENROL_GRANT);
	assert_true(bytes_equal(m->enrol_grant.certificate, certificate));
	x.user = KEY_TWO; /* somebody else who knows the request */
	assert_int_equal(poll_state()->type, MSG_ENROL_DENY);
	r = brain_fixture_command(&f, NULL, VERB_AGENT_APPROVE, certificate, "agent", "eu-9", NULL);
	assert_string_equal(r->error_code, "not-found");
}

static void test_a_certificate_for_another_request_is_not_taken(void **state)
{
	(void)state;
	assert_int_equal(ask()->type, MSG_ENROL_PENDING);
	x.request.curve_key = KEY_TWO;
	const struct msg_reply *r = brain_fixture_command(&f, NULL, VERB_AGENT_APPROVE, certificate_of(ERIN), "agent", "eu-9", NULL);
	assert_int_equal(r->exit_code, EXIT_REFUSED);
	assert_non_null(strstr(r->message, "not for the request"));
	assert_int_equal(f.principals, 0);
}

static void test_an_enrol_key_at_the_controller_approves(void **state)
{
	(void)state;
	f.config.enrol_key = f.trust.keys[ERIN];
	const struct msg *m = ask();
	assert_int_equal(m->type, MSG_ENROL_GRANT);
	assert_int_equal(f.principals, 1);
	f.config.enrol_key = NULL;
}

static void test_a_token_is_good_once(void **state)
{
	(void)state;
	assert_int_equal(ask()->type, MSG_ENROL_PENDING);
	x.request.curve_key = x.user = KEY_TWO;
	const struct msg *m = ask();
	assert_int_equal(m->type, MSG_ENROL_DENY);
	assert_non_null(strstr(m->deny.message, "was used already"));
	brain_fixture_restart(&f);
	assert_int_equal(ask()->type, MSG_ENROL_DENY);
}

static void test_expired_token(void **state)
{
	(void)state;
	brain_fixture_idle(&f, ENROL_TOKEN_MAX_US + 1);
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
	x.user = KEY_TWO; /* the handshake was made with another key than the request names */
	expect_denied("another CURVE key");
	x.user = KEY_ONE;
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
	brain_fixture_admit(&f); /* eu-agent */
	x.token.agent = x.request.agent = "eu-agent";
	const struct msg *m = ask();
	assert_int_equal(m->type, MSG_ENROL_DENY);
	assert_non_null(strstr(m->deny.message, "there is an agent eu-agent already"));
	(void)brain_fixture_command(&f, NULL, VERB_AGENT_REVOKE, NONE, "agent", "eu-agent", "reason", "stolen", NULL);
	m = ask();
	assert_int_equal(m->type, MSG_ENROL_DENY);
	assert_non_null(strstr(m->deny.message, "its name stays used up"));
}

/* The present report key asks for new keys of eu-agent; x.report is the new one. */
static const struct msg *ask_renewal(struct sign_key *former)
{
	static uint8_t sig[SIGNATURE_SIZE], by_former[SIGNATURE_SIZE];
	struct msg m = {.type = MSG_ENROL_REQ, .enrol_req = {.request = request_bytes()}};
	struct buf b = BUF_INIT;
	enrol_signed_bytes(BRAIN_CONTROLLER_KEY, NONE, m.enrol_req.request, &b);
	sign_make(x.report, buf_bytes(&b), sig);
	sign_make(former, buf_bytes(&b), by_former);
	buf_done(&b);
	m.enrol_req.signature = bytes_of(sig, sizeof sig);
	m.enrol_req.former_signature = bytes_of(by_former, sizeof by_former);
	return say(&m);
}

#define DAY_US (INT64_C(24) * 3600 * 1000000)

/* New keys of eu-agent, certified by a person; x.report is the new report key. The old session is over, nothing of either is connected. */
static struct bytes renewed(void)
{
	static const char *all[] = {"eu/*"};
	if (!f.agent.certificate.n)
		brain_fixture_admit(&f);
	x.request.agent = "eu-agent";
	x.request.targets = all;
	x.request.curve_key = x.user = KEY_TWO;
	assert_int_equal(ask_renewal(f.agent.report_key)->type, MSG_ENROL_PENDING);
	const struct msg_reply *r = brain_fixture_command(&f, NULL, VERB_AGENT_APPROVE, certificate_of(ERIN), "agent", "eu-agent", NULL);
	assert_string_equal(r->error_code ? r->error_code : "", "");
	const struct msg *m = poll_state();
	assert_int_equal(m->type, MSG_ENROL_GRANT);
	return arena_bytes(f.arena, m->enrol_grant.certificate);
}

static void take_new_keys(struct bytes certificate)
{
	f.agent.certificate = certificate;
	str_copy(f.agent.curve_key, sizeof f.agent.curve_key, KEY_TWO);
}

static void expect_ended(uint64_t session, const char *words)
{
	for (size_t i = 0; i < f.n_sent; i++)
		if (f.sent[i].session == session && f.sent[i].msg.type == MSG_DENY) {
			assert_string_equal(f.sent[i].msg.deny.code, "expired");
			assert_non_null(strstr(f.sent[i].msg.deny.message, words));
			return;
		}
	fail_msg("the session goes on");
}

static const char *agent_state(void)
{
	static const char *const targets[] = {"eu/pg1/a"};
	brain_fixture_connect(&f, targets, 1);
	return f.n_sent && f.sent[0].msg.type == MSG_DENY ? f.sent[0].msg.deny.message : "in";
}

static void test_new_keys_of_a_known_agent(void **state)
{
	(void)state;
	static const char *all[] = {"eu/*"}, *more[] = {"eu/*", "us/*"};
	brain_fixture_admit(&f);
	assert_string_equal(agent_state(), "in");
	x.request.agent = "eu-agent";
	x.request.targets = more;
	x.request.n_targets = 2;
	x.request.curve_key = x.user = KEY_TWO;
	const struct msg *m = ask_renewal(f.agent.report_key);
	assert_int_equal(m->type, MSG_ENROL_DENY);
	assert_non_null(strstr(m->deny.message, "us/* are not in its present certificate"));
	x.request.targets = all;
	x.request.n_targets = 1;
	m = ask_renewal(x.report); /* who has only the new key */
	assert_int_equal(m->type, MSG_ENROL_DENY);
	assert_non_null(strstr(m->deny.message, "not signed by its present report key"));
	assert_int_equal(ask_renewal(f.agent.report_key)->type, MSG_ENROL_PENDING);
	const struct msg_reply *r = brain_fixture_command(&f, NULL, VERB_AGENT_APPROVE, certificate_of(ERIN), "agent", "eu-agent", NULL);
	assert_string_equal(r->error_code ? r->error_code : "", "");
	assert_int_equal(f.principals, 2); /* both keys */
	struct bytes old = f.agent.certificate;
	m = poll_state();
	assert_int_equal(m->type, MSG_ENROL_GRANT);
	struct bytes fresh = arena_bytes(f.arena, m->enrol_grant.certificate);
	assert_string_equal(agent_state(), "in"); /* with the old keys, for now */
	brain_fixture_restart(&f);
	assert_string_equal(agent_state(), "in");
	struct sign_key *old_report = f.agent.report_key;
	f.agent.report_key = x.report;
	f.agent.certificate = fresh;
	str_copy(f.agent.curve_key, sizeof f.agent.curve_key, KEY_TWO);
	assert_string_equal(agent_state(), "in"); /* with the new ones */
	brain_fixture_idle(&f, INT64_C(8) * 24 * 3600 * 1000000);
	assert_string_equal(agent_state(),
	                    "the certificate of eu-agent is not valid now: make a new one and admit it"); /* certificate_of lasts an hour */
	f.agent.report_key = old_report;
	f.agent.certificate = old;
	str_copy(f.agent.curve_key, sizeof f.agent.curve_key, BRAIN_AGENT_KEY);
	assert_non_null(strstr(agent_state(), "was replaced by")); /* the overlap is over */
}

/* A report that the agent has signed with the key that it has now. */
static struct msg_report some_report(void)
{
	static const uint8_t order[DIGEST_SIZE];
	return brain_fixture_report(&f, &(struct msg_offer){.target = "eu/pg1/a", .attempt = 1}, order, OUTCOME_APPLIED);
}

static void test_a_session_of_the_old_keys_ends_with_the_overlap(void **state)
{
	(void)state;
	x.life_us = 30 * DAY_US;
	brain_fixture_admit(&f);
	assert_string_equal(agent_state(), "in");
	f.agent.max_epoch = brain_epoch(f.brain); /* it was told */
	struct bytes fresh = renewed();
	assert_string_equal(agent_state(), "in"); /* with the old keys */
	assert_int_equal(brain_epoch(f.brain), f.agent.max_epoch); /* and known as before: our store is not taken for one that was set back */
	uint64_t old = f.agent.session;
	struct msg_report report = some_report();
	brain_fixture_idle(&f, 7 * DAY_US - 1);
	assert_int_equal(f.principals, 2);
	assert_int_equal(f.n_sent, 0);
	brain_fixture_idle(&f, 1); /* nothing came, nobody asked: its time is over */
	expect_ended(old, "was replaced");
	assert_int_equal(f.principals, 1);
	brain_fixture_send_report(&f, &report); /* a message that was on its way */
	assert_int_equal(f.n_sent, 0);
	assert_non_null(strstr(agent_state(), "was replaced by"));
	sign_key_destroy(&f.agent.report_key);
	f.agent.report_key = x.report;
	x.report = NULL;
	take_new_keys(fresh);
	f.agent.report_seq = 0; /* as the store has it */
	assert_string_equal(agent_state(), "in");
	brain_fixture_send_report(&f, &report); /* signed before the new keys, and still true */
	assert_int_equal(f.sent[0].msg.type, MSG_REPORT_ACK);
	assert_int_equal(f.sent[0].msg.report_ack.seq, 1);
}

static void test_a_message_behind_the_overlap_is_not_taken_even_when_it_is_what_wakes_us(void **state)
{
	(void)state;
	x.life_us = 30 * DAY_US;
	(void)renewed();
	assert_string_equal(agent_state(), "in");
	uint64_t old = f.agent.session;
	struct msg_report report = some_report();
	f.now_us += 7 * DAY_US;
	brain_fixture_send_report(&f, &report);
	expect_ended(old, "was replaced");
	assert_int_equal(f.n_sent, 1); /* no acknowledgement */
}

static void test_a_session_ends_with_its_certificate(void **state)
{
	(void)state;
	struct bytes fresh = renewed();
	sign_key_destroy(&f.agent.report_key);
	f.agent.report_key = x.report;
	x.report = NULL;
	take_new_keys(fresh);
	assert_string_equal(agent_state(), "in");
	brain_fixture_idle(&f, FIXTURE_HOUR);
	expect_ended(f.agent.session, "has expired");
	assert_int_equal(f.principals, 1); /* the former key is good for some days more */
	brain_fixture_idle(&f, -FIXTURE_HOUR); /* our clock was ahead, and is right again */
	assert_int_equal(f.principals, 2);
	assert_string_equal(agent_state(), "in");
}

static void test_an_overlap_is_no_longer_than_the_former_certificate(void **state)
{
	(void)state;
	x.life_us = 3 * DAY_US;
	struct bytes first = renewed();
	struct sign_key *older = f.agent.report_key;
	f.agent.report_key = x.report;
	assert_int_equal(sign_key_generate(&x.report, NULL), 0);
	take_new_keys(first);
	brain_fixture_idle(&f, 2 * DAY_US);
	sign_key_public(x.report, x.request.report_key);
	x.request.curve_key = x.user = KEY_ONE;
	x.life_us = 30 * DAY_US;
	assert_int_equal(ask_renewal(f.agent.report_key)->type, MSG_ENROL_PENDING);
	const struct msg_reply *r = brain_fixture_command(&f, NULL, VERB_AGENT_APPROVE, certificate_of(ERIN), "agent", "eu-agent", NULL);
	assert_string_equal(r->error_code ? r->error_code : "", "");
	assert_string_equal(agent_state(), "in");
	brain_fixture_idle(&f, DAY_US);
	expect_ended(f.agent.session, "was replaced");
	assert_int_equal(f.principals, 1);
	sign_key_destroy(&older);
}

/* A known agent, and a controller with a key that signs by itself. */
static void begin_renewal(void)
{
	static const char *all[] = {"eu/*"};
	f.config.enrol_key = f.trust.keys[ERIN];
	brain_fixture_admit(&f);
	x.request.agent = "eu-agent";
	x.request.targets = all;
	x.request.curve_key = x.user = KEY_TWO;
}

/* Other keys, of the agent that has the present ones of x by now. */
static void next_keys(void)
{
	sign_key_destroy(&f.agent.report_key);
	f.agent.report_key = x.report;
	assert_int_equal(sign_key_generate(&x.report, NULL), 0);
	sign_key_public(x.report, x.request.report_key);
	x.request.curve_key = x.user = str_eq(x.user, KEY_TWO) ? KEY_ONE : KEY_TWO;
}

static const char *pending_detail(void)
{
	(void)brain_fixture_command(&f, "viewer", VERB_AGENT_LIST, NONE, NULL);
	return brain_fixture_cell_of(&f, "state", "pending", "detail");
}

static void test_an_enrol_key_at_the_controller_renews(void **state)
{
	(void)state;
	struct envelope env;
	struct certificate c;
	begin_renewal();
	f.config.certificate_lifetime_us = 30 * DAY_US;
	const struct msg *m = ask_renewal(f.agent.report_key);
	assert_int_equal(m->type, MSG_ENROL_GRANT);
	assert_int_equal(envelope_decode(m->enrol_grant.certificate, f.arena, &env, NULL), 0);
	assert_int_equal(certificate_decode(env.payload, f.arena, &c, NULL), 0);
	assert_int_equal(c.not_after_us - f.now_us, 30 * DAY_US);
	assert_int_equal(f.principals, 2);
	next_keys(); /* at once again: somebody should look */
	assert_int_equal(ask_renewal(f.agent.report_key)->type, MSG_ENROL_PENDING);
	assert_non_null(strstr(pending_detail(), "new keys a moment ago"));
	brain_fixture_idle(&f, 8 * DAY_US); /* the request that waited is forgotten, and an hour has passed */
	assert_int_equal(ask_renewal(f.agent.report_key)->type, MSG_ENROL_GRANT);
}

static void test_an_agent_whose_certificate_has_expired_is_for_a_person(void **state)
{
	(void)state;
	begin_renewal();
	brain_fixture_idle(&f, 1000 * FIXTURE_HOUR);
	assert_int_equal(f.principals, 0);
	assert_int_equal(ask_renewal(f.agent.report_key)->type, MSG_ENROL_PENDING);
	assert_non_null(strstr(pending_detail(), "its certificate has expired"));
	const struct msg_reply *r = brain_fixture_command(&f, NULL, VERB_AGENT_APPROVE, certificate_of(ERIN), "agent", "eu-agent", NULL);
	assert_string_equal(r->error_code ? r->error_code : "", "");
	assert_int_equal(f.principals, 1); /* the new key; the old one stays what it was */
}

static void test_an_agent_that_a_lost_key_has_certified_is_for_a_person(void **state)
{
	(void)state;
	begin_renewal();
	for (size_t i = 0; i < f.trust.trust.n_roles; i++)
		if (str_eq(f.trust.trust.roles[i].name, ROLE_ENROL))
			f.trust.trust.roles[i].key_ids[0] = f.trust.key_ids[DAVE];
	f.trust.trust.version++;
	trust_fixture_build(&f.trust);
	const struct msg_reply *r = brain_fixture_command(&f, NULL, VERB_TRUST_PUSH, f.trust.trust_bytes, NULL);
	assert_string_equal(r->error_code ? r->error_code : "", "");
	assert_int_equal(ask_renewal(f.agent.report_key)->type, MSG_ENROL_PENDING); /* nor may the controller's key sign any more */
	assert_non_null(strstr(pending_detail(), "not of role enrol any more"));
	f.config.enrol_key = f.trust.keys[DAVE];
	next_keys();
	assert_int_equal(ask_renewal(x.report)->type, MSG_ENROL_DENY); /* not the present report key */
}

static void test_a_token_when_the_controllers_key_has_lost_its_role(void **state)
{
	(void)state;
	f.config.enrol_key = f.trust.keys[MALLORY];
	assert_int_equal(ask()->type, MSG_ENROL_PENDING);
	assert_int_equal(f.principals, 0);
}

static void test_who_is_shut_out_gets_no_new_keys(void **state)
{
	(void)state;
	begin_renewal();
	assert_string_equal(agent_state(), "in");
	struct hub_event cloned = {.type = HUB_CLONED, .session = f.agent.session, .from = {.kind = LINK_AGENT, .name = "eu-agent"}};
	brain_fixture_event(&f, &cloned);
	const struct msg *m = ask_renewal(f.agent.report_key);
	assert_int_equal(m->type, MSG_ENROL_DENY);
	assert_non_null(strstr(m->deny.message, "Nothing is taken from either"));
	(void)brain_fixture_command(&f, NULL, VERB_AGENT_REVOKE, NONE, "agent", "eu-agent", "reason", "stolen", NULL);
	m = ask_renewal(f.agent.report_key);
	assert_int_equal(m->type, MSG_ENROL_DENY);
	assert_non_null(strstr(m->deny.message, "this agent was revoked"));
	assert_string_equal(pending_detail(), "");
	assert_int_equal(f.principals, 0);
}

/* The agent was away for longer than the controller remembers requests, and than its old keys were good. */
static void test_an_answer_that_was_lost_is_given_again(void **state)
{
	(void)state;
	begin_renewal();
	const struct msg *m = ask_renewal(f.agent.report_key);
	assert_int_equal(m->type, MSG_ENROL_GRANT);
	struct bytes certificate = arena_bytes(f.arena, m->enrol_grant.certificate);
	brain_fixture_idle(&f, 20 * DAY_US);
	m = ask_renewal(f.agent.report_key);
	assert_int_equal(m->type, MSG_ENROL_GRANT);
	assert_true(bytes_equal(m->enrol_grant.certificate, certificate));
	x.user = KEY_ONE; /* who has not its CURVE key */
	assert_int_equal(ask_renewal(f.agent.report_key)->type, MSG_ENROL_DENY);
}

static void test_bytes_that_are_no_request(void **state)
{
	(void)state;
	static uint8_t sig[SIGNATURE_SIZE];
	const struct msg cases[] = {
	    {.type = MSG_ENROL_REQ, .enrol_req = {.token = bytes_of_str("x"), .request = request_bytes(), .signature = bytes_of(sig, sizeof sig)}},
	    {.type = MSG_ENROL_REQ,
	     .enrol_req = {.token = token_bytes(), .request = bytes_of_str("agent: eu-9\n"), .signature = bytes_of(sig, sizeof sig)}},
	    {.type = MSG_ENROL_REQ,
	     .enrol_req = {.request = request_bytes(), .signature = bytes_of(sig, sizeof sig), .former_signature = bytes_of(sig, sizeof sig)}},
	    {.type = MSG_ENROL_POLL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(say(&cases[i])->type, MSG_ENROL_DENY);
	assert_int_equal(f.principals, 0);
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
	    CASE(test_new_keys_of_a_known_agent),
	    CASE(test_a_session_of_the_old_keys_ends_with_the_overlap),
	    CASE(test_a_message_behind_the_overlap_is_not_taken_even_when_it_is_what_wakes_us),
	    CASE(test_a_session_ends_with_its_certificate),
	    CASE(test_an_overlap_is_no_longer_than_the_former_certificate),
	    CASE(test_an_enrol_key_at_the_controller_renews),
	    CASE(test_an_agent_whose_certificate_has_expired_is_for_a_person),
	    CASE(test_an_agent_that_a_lost_key_has_certified_is_for_a_person),
	    CASE(test_a_token_when_the_controllers_key_has_lost_its_role),
	    CASE(test_who_is_shut_out_gets_no_new_keys),
	    CASE(test_an_answer_that_was_lost_is_given_again),
	    CASE(test_bytes_that_are_no_request),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
