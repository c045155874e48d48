/* See the header. */
#include "tests/support/enrol_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/wire/documents.h"
#include "common/wire/enrol.h"
#include "controller/release/trust_draft.h"

static const char *globs[] = {"eu/pg1/*", "eu/pg2/*"};

void enrol_fixture_init(struct enrol_fixture *x)
{
	*x = (struct enrol_fixture){.inviter = ERIN, .user = ENROL_KEY_ONE, .life_us = FIXTURE_HOUR};
	brain_fixture_init(&x->f);
	assert_int_equal(sign_key_generate(&x->report, NULL), 0);
	x->token = (struct enrol_token){.nonce = {1},
	                                .agent = "eu-9",
	                                .site = "eu",
	                                .targets = globs,
	                                .n_targets = 2,
	                                .created_at_us = x->f.now_us,
	                                .expires_at_us = x->f.now_us + ENROL_TOKEN_MAX_US,
	                                .endpoint = "tcp://c:7100",
	                                .controller_key = BRAIN_CONTROLLER_KEY};
	x->request = (struct agent_request){.agent = "eu-9", .site = "eu", .curve_key = ENROL_KEY_ONE, .targets = globs, .n_targets = 1};
	sign_key_public(x->report, x->request.report_key);
}

void enrol_fixture_done(struct enrol_fixture *x)
{
	sign_key_destroy(&x->report);
	brain_fixture_done(&x->f);
}

struct bytes enrol_fixture_request(struct enrol_fixture *x)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	struct err e = ERR_INIT;
	if (request_format("request", &x->request, &text, &e) != 0)
		fail_msg("%s", e.msg);
	return arena_bytes(x->f.arena, buf_bytes(&text));
}

struct bytes enrol_fixture_token(struct enrol_fixture *x)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	enrol_token_encode(&x->token, &b);
	return trust_fixture_sign(&x->f.trust, TYPE_ENROL_TOKEN, arena_bytes(x->f.arena, buf_bytes(&b)), x->inviter);
}

const struct msg *enrol_fixture_say(struct enrol_fixture *x, const struct msg *m)
{
	struct hub_event ev = {.type = HUB_MESSAGE, .from = {.kind = LINK_STRANGER}, .session = x->f.next_session++, .msg = *m};
	str_copy(ev.from.curve_key, sizeof ev.from.curve_key, x->user);
	brain_fixture_event(&x->f, &ev);
	assert_int_equal(x->f.n_sent, 1);
	assert_int_equal(x->f.sent[0].session, ev.session);
	return &x->f.sent[0].msg;
}

const struct msg *enrol_fixture_ask(struct enrol_fixture *x)
{
	uint8_t sig[SIGNATURE_SIZE];
	struct msg m = {.type = MSG_ENROL_REQ, .enrol_req = {.token = enrol_fixture_token(x), .request = enrol_fixture_request(x)}};
	AUTO(buf_done) struct buf b = BUF_INIT;
	enrol_signed_bytes(BRAIN_CONTROLLER_KEY, m.enrol_req.token, m.enrol_req.request, &b);
	sign_make(x->signer ? x->signer : x->report, buf_bytes(&b), sig);
	sig[7] ^= x->break_signature;
	m.enrol_req.signature = bytes_of(sig, sizeof sig);
	return enrol_fixture_say(x, &m);
}

const struct msg *enrol_fixture_poll(struct enrol_fixture *x)
{
	struct msg m = {.type = MSG_ENROL_POLL};
	digest_sha256(enrol_fixture_request(x), m.enrol_poll.request_digest);
	return enrol_fixture_say(x, &m);
}

struct bytes enrol_fixture_certificate(struct enrol_fixture *x, enum fixture_person by)
{
	struct envelope env;
	struct err e = ERR_INIT;
	AUTO(buf_done) struct buf b = BUF_INIT;
	if (certificate_make(&x->request, &x->f.trust.trust, x->f.trust.keys[by], x->f.now_us, x->f.now_us + x->life_us, x->f.arena, &env, &e) != 0)
		fail_msg("%s", e.msg);
	envelope_encode(&env, &b);
	return arena_bytes(x->f.arena, buf_bytes(&b));
}
