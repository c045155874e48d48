/* controller/daemon/brain_gate: a later wave waits for the pass of role gate, whoever offers what; the pass goes out with the dossier, and a restart forgets nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/str.h"
#include "common/cli/cmd.h"
#include "common/crypto/blobs.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "tests/support/brain_fixture.h"

static const char plan_text[] = "name: p\n"
                                "environments:\n"
                                "  - name: production\n"
                                "    waves: [{name: canary, selector: ring=canary}, {name: rest}]\n";
static const char *const targets[] = {"eu/pg1/a", "eu/pg1/b"};

struct scene {
	struct brain_fixture f;
	const char *id;
	struct order order;
};

/* The next trust document has the role; threshold 0: it has not. */
static void name_gate(struct scene *s, uint32_t threshold)
{
	if (threshold)
		trust_fixture_set_role(&s->f.trust, ROLE_GATE, threshold, (const enum fixture_person[]){BOB, ERIN}, 2);
	s->f.trust.trust.version++;
	trust_fixture_build(&s->f.trust);
	assert_int_equal(brain_fixture_command(&s->f, NULL, VERB_TRUST_PUSH, s->f.trust.trust_bytes, NULL)->exit_code, EXIT_DONE);
}

/* The canary is applied; its wave has passed but for the gate. */
static void begin(struct scene *s, uint32_t threshold)
{
	struct msg_offer offers[4];
	uint8_t digest[DIGEST_SIZE];
	struct err e = ERR_INIT;
	brain_fixture_init(&s->f);
	brain_fixture_production_alone(&s->f);
	name_gate(s, threshold);
	brain_fixture_admit(&s->f);
	brain_fixture_release(&s->f);
	brain_fixture_connect(&s->f, targets, ARRAY_LEN(targets));
	s->id = brain_fixture_run(&s->f, plan_text, digest);
	const struct msg_offer canary = brain_fixture_offer(&s->f, "eu/pg1/a");
	brain_fixture_outcome(&s->f, &canary, digest, OUTCOME_APPLIED);
	size_t n = brain_fixture_offers(&s->f, offers, 4);
	assert_int_equal(n, threshold ? 0 : 1);
	(void)brain_fixture_command(&s->f, NULL, VERB_ROLLOUT_ORDER, NONE, "rollout", s->id, NULL);
	assert_int_equal(order_decode(s->f.sent[0].msg.reply.document, s->f.arena, &s->order, &e), 0);
}

static struct gate_pass of_canary(const struct scene *s)
{
	struct gate_pass p = {.wave_name = "canary",
	                      .signer = "somebody",
	                      .target_count = 1,
	                      .done = 1,
	                      .created_at_us = s->f.now_us,
	                      .expires_at_us = s->f.now_us + FIXTURE_HOUR};
	memcpy(p.order_digest, s->order.digest, DIGEST_SIZE);
	memcpy(p.release_digest, s->order.release_digest, DIGEST_SIZE);
	return p;
}

static const struct msg_reply *hand_in(struct scene *s, const struct gate_pass *p, enum fixture_person by)
{
	AUTO(buf_done) struct buf data = BUF_INIT;
	gate_pass_encode(p, &data);
	struct bytes env = trust_fixture_sign(&s->f.trust, TYPE_GATE_PASS, arena_bytes(s->f.arena, buf_bytes(&data)), by);
	return brain_fixture_command(&s->f, NULL, VERB_ROLLOUT_APPROVE, env, "rollout", s->id, NULL);
}

static const char *canary_state(struct scene *s)
{
	(void)brain_fixture_command(&s->f, "viewer", VERB_ROLLOUT_STATUS, NONE, "rollout", s->id, NULL);
	return brain_fixture_cell_of(&s->f, "wave", "canary", "state");
}

static void test_without_the_role_nothing_waits(void **state)
{
	(void)state;
	static struct scene s;
	begin(&s, 0);
	assert_string_equal(canary_state(&s), "passed");
	struct gate_pass p = of_canary(&s);
	const struct msg_reply *r = hand_in(&s, &p, BOB);
	assert_non_null(strstr(r->message, "the trust document has no role gate, so waves of production wait for no pass"));
	brain_fixture_done(&s.f);
}

static void test_both_keys_let_the_next_wave_begin(void **state)
{
	(void)state;
	static struct scene s;
	struct msg_offer offers[4];
	begin(&s, 2);
	assert_string_equal(canary_state(&s), "awaiting-pass");
	assert_string_equal(brain_fixture_cell_of(&s.f, "wave", "canary", "detail"),
	                    "0 of 2 signatures (gate): signed by nobody of that role; have 2 of bob, erin sign");
	struct gate_pass p = of_canary(&s);
	const struct msg_reply *r = hand_in(&s, &p, BOB);
	assert_int_equal(r->exit_code, EXIT_WAITING);
	assert_non_null(strstr(r->message, "1 of 2 signatures (gate): signed by bob; have one of erin sign"));
	r = hand_in(&s, &p, BOB); /* counts once */
	assert_int_equal(r->exit_code, EXIT_WAITING);
	brain_fixture_restart(&s.f);
	brain_fixture_connect(&s.f, targets, ARRAY_LEN(targets));
	assert_int_equal(brain_fixture_offers(&s.f, offers, 4), 0);
	assert_string_equal(canary_state(&s), "awaiting-pass");
	r = hand_in(&s, &p, ERIN);
	assert_int_equal(r->exit_code, EXIT_DONE);
	assert_int_equal(brain_fixture_offers(&s.f, offers, 4), 1);
	assert_string_equal(offers[0].target, "eu/pg1/b");

	AUTO(buf_done) struct buf dossier = BUF_INIT;
	struct dossier d;
	struct err e = ERR_INIT;
	assert_int_equal(blobs_get(s.f.config.blob_dir, offers[0].dossier_hash, LIMIT_DOSSIER, &dossier, &e), 0);
	assert_int_equal(dossier_decode(buf_bytes(&dossier), s.f.arena, &d, &e), 0);
	assert_int_equal(d.n_gate_passes, 2);
	assert_int_equal(d.n_approvals, 2);
	assert_string_equal(canary_state(&s), "passed");
	brain_fixture_done(&s.f);
}

/* The root keys name a gate while a wave behind it is under way: what has not begun waits. */
static void test_a_gate_that_is_named_later(void **state)
{
	(void)state;
	static struct scene s;
	struct msg_offer offers[4];
	begin(&s, 0);
	assert_string_equal(canary_state(&s), "passed");
	name_gate(&s, 1);
	assert_string_equal(canary_state(&s), "awaiting-pass");
	struct gate_pass p = of_canary(&s);
	(void)hand_in(&s, &p, ERIN);
	(void)brain_fixture_offers(&s.f, offers, 4);
	assert_string_equal(canary_state(&s), "passed");
	brain_fixture_done(&s.f);
}

static void refused(struct scene *s, const struct gate_pass *p, enum fixture_person by, const char *part)
{
	const struct msg_reply *r = hand_in(s, p, by);
	assert_int_not_equal(r->exit_code, EXIT_DONE);
	if (!strstr(r->message, part))
		fail_msg("'%s' is not in '%s'", part, r->message);
	assert_string_equal(canary_state(s), "awaiting-pass");
}

static void test_what_is_not_taken(void **state)
{
	(void)state;
	static struct scene s;
	begin(&s, 1);
	struct gate_pass p = of_canary(&s);
	refused(&s, &p, CAROL, "no key of role gate signed this gate pass");
	p.order_digest[0] ^= 1;
	refused(&s, &p, BOB, "the gate pass is for another order");
	p = of_canary(&s);
	p.wave_name = "middle";
	refused(&s, &p, BOB, "the gate pass is of wave middle with 1 targets");
	p = of_canary(&s);
	p.wave = 1;
	refused(&s, &p, BOB, "the gate pass is of wave canary");
	p = of_canary(&s);
	p.created_at_us -= 2 * FIXTURE_HOUR;
	p.expires_at_us -= FIXTURE_HOUR;
	refused(&s, &p, BOB, "the gate pass has expired");
	brain_fixture_done(&s.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_without_the_role_nothing_waits),
	    cmocka_unit_test(test_both_keys_let_the_next_wave_begin),
	    cmocka_unit_test(test_a_gate_that_is_named_later),
	    cmocka_unit_test(test_what_is_not_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
