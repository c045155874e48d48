/* The attacks on a delivery, as data: what an attacker changes, and the check that stops it. Each row starts from a delivery that is right in all else, and the first row, which
 * changes nothing, shows that. Those on the documents that are believed are in trusted_test.c, on ledger and journal in against_ledger_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/crypto/dsse.h"
#include "common/wire/documents.h"
#include "tests/support/verify_scene.h"

#define YEAR (24 * 365 * FIXTURE_HOUR)

static void signers(struct scene *s, enum fixture_person a, enum fixture_person b, size_t n)
{
	s->f.release_signers[0] = a;
	s->f.release_signers[1] = b;
	s->f.n_release_signers = n;
}

/* ---- before the papers are signed ---- */

static void by_the_controller(struct scene *s)
{
	signers(s, MALLORY, ERIN, 2);
}

static void by_one(struct scene *s)
{
	signers(s, ALICE, ALICE, 1);
}

static void by_approvers(struct scene *s)
{
	signers(s, CAROL, DAVE, 2);
}

static void by_root(struct scene *s)
{
	signers(s, ROOT_1, ROOT_2, 2);
}

static void old_trust(struct scene *s)
{
	s->f.trust.expires_at_us = s->f.now_us - 1;
}

static void old_release(struct scene *s)
{
	s->f.release.expires_at_us = s->f.now_us;
}

static void release_of_tomorrow(struct scene *s)
{
	s->f.release.created_at_us = s->f.now_us + FIXTURE_HOUR;
}

static void order_of_tomorrow(struct scene *s)
{
	s->f.order.created_at_us = s->f.now_us + FIXTURE_HOUR;
}

static void order_that_ended(struct scene *s)
{
	s->f.order.not_after_us = s->f.now_us;
}

static void order_that_has_not_begun(struct scene *s)
{
	s->f.order.not_before_us = s->f.now_us + 1;
}

static void release_feature(struct scene *s)
{
	static const char *names[] = {"moon-phase"};
	s->f.release.critical = names, s->f.release.n_critical = 1;
}

static void order_feature(struct scene *s)
{
	static const char *names[] = {"moon-phase"};
	s->f.order.critical = names, s->f.order.n_critical = 1;
}

static void newer_agent(struct scene *s)
{
	s->f.release.min_agent_version = "9.0";
}

static void other_content(struct scene *s)
{
	s->f.keep_digests = true;
	s->f.release.changesets[0].bodies[0].steps[0].statements[0].sql = bytes_of_str("DROP TABLE orders");
}

static void fewer_changesets(struct scene *s)
{
	s->f.keep_order_links = true; /* the order is of the whole release */
	s->f.release.n_changesets = 1;
}

static void other_release_in_the_order(struct scene *s)
{
	s->f.keep_order_links = true;
	s->f.order.release_digest[0] ^= 1;
}

static void none_approved(struct scene *s)
{
	s->f.n_approvals = 0;
}

static void approved_twice_by_one(struct scene *s)
{
	s->f.approvals[1].by = s->f.approvals[0].by;
}

static void approved_by_the_author(struct scene *s)
{
	s->f.approvals[1].by = ALICE;
}

static void approved_by_a_stranger(struct scene *s)
{
	s->f.approvals[1].by = MALLORY;
}

static void of_another_order(struct approval *p)
{
	p->order_digest[0] ^= 1;
}

static void approved_another_order(struct scene *s)
{
	s->f.approvals[1].edit = of_another_order;
}

static void of_yesterday(struct approval *p)
{
	p->expires_at_us = p->created_at_us + 1;
}

static void approved_for_yesterday(struct scene *s)
{
	s->f.approvals[1].edit = of_yesterday;
}

static void of_fewer_targets(struct approval *p)
{
	p->target_count--;
}

static void approved_fewer_targets(struct scene *s)
{
	s->f.approvals[1].edit = of_fewer_targets;
}

static void of_dev(struct approval *p)
{
	p->environment = "dev";
}

static void approved_for_dev(struct scene *s)
{
	s->f.approvals[1].edit = of_dev;
}

/* ---- on their way ---- */

static struct bytes changed(struct scene *s, struct bytes from, size_t at, uint8_t bits)
{
	uint8_t *copy = arena_alloc(s->f.arena, from.n + 1);
	memcpy(copy, from.p, from.n);
	copy[at] ^= bits;
	return bytes_of(copy, from.n);
}

static void flip_in_the_payload(struct scene *s)
{
	s->facts.release_envelope = changed(s, s->facts.release_envelope, s->facts.release_envelope.n / 3, 1);
}

static void flip_in_a_signature(struct scene *s)
{
	s->facts.release_envelope = changed(s, s->facts.release_envelope, s->facts.release_envelope.n - 1, 0x80);
}

static void cut_short(struct scene *s)
{
	s->facts.release_envelope.n -= 1;
}

static void more_behind_it(struct scene *s)
{
	struct bytes all = changed(s, s->facts.release_envelope, 0, 0);
	s->facts.release_envelope = bytes_of(all.p, all.n + 1);
}

static void another_type(struct scene *s)
{
	s->facts.release_envelope = trust_fixture_sign(&s->f, TYPE_REPORT, s->f.release_envelope.payload, ALICE);
}

static void an_approval_as_the_release(struct scene *s)
{
	struct dossier d;
	struct err e = ERR_INIT;
	assert_int_equal(dossier_decode(s->f.dossier_bytes, s->f.arena, &d, &e), 0);
	s->facts.release_envelope = d.approvals[0];
}

/* One key, two key ids. */
static void one_key_under_two_names(struct scene *s)
{
	struct envelope env;
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	assert_int_equal(envelope_decode(s->facts.release_envelope, s->f.arena, &env, &e), 0);
	env.signatures[1] = env.signatures[0];
	env.signatures[1].key_id = "0000000000000000";
	envelope_encode(&env, &b);
	s->facts.release_envelope = arena_bytes(s->f.arena, buf_bytes(&b));
	buf_done(&b);
}

static void an_old_controller(struct scene *s)
{
	s->facts.epoch = s->facts.max_epoch - 1;
}

static void to_another_target(struct scene *s)
{
	s->facts.target = "eu/pg-1/shop_99";
}

static void to_its_neighbour(struct scene *s)
{
	s->facts.target = s->f.targets[3].target;
}

static void to_another_environment(struct scene *s)
{
	s->facts.environment = "dev";
}

static void to_an_environment_nobody_knows(struct scene *s)
{
	s->facts.environment = "qa";
}

static void to_another_engine(struct scene *s)
{
	s->facts.engine = "oracle";
}

static void in_another_wave(struct scene *s)
{
	s->facts.proof.wave ^= 1;
}

static void in_a_wave_that_is_not(struct scene *s)
{
	s->facts.proof.wave = 9;
}

static void of_a_longer_list(struct scene *s)
{
	s->facts.proof.count++;
}

static void backwards(struct scene *s)
{
	s->facts.direction = DIRECTION_ROLLBACK;
}

static void in_1970(struct scene *s)
{
	s->facts.now_us = 0;
}

static void a_year_back(struct scene *s)
{
	s->facts.attested_us = s->facts.now_us;
	s->facts.now_us -= YEAR;
}

static void ten_years_on(struct scene *s)
{
	s->facts.now_us += 10 * YEAR;
}

static const struct {
	const char *what;
	void (*signed_so)(struct scene *s), (*sent_so)(struct scene *s);
	const char *check, *part; /* NULL: accepted */
} attacks[] = {
    {"nothing", NULL, NULL, NULL, NULL},
    {"ATK-01 SQL that only the controller's keys signed", by_the_controller, NULL, "C6 release-signatures", "0 of 2 signatures"},
    {"ATK-02 one signature of two", by_one, NULL, "C6 release-signatures", "1 of 2 signatures (release): signed by alice"},
    {"ATK-02 one key under two key ids", NULL, one_key_under_two_names, "C6 release-signatures", "1 of 2 signatures"},
    {"keys of other roles", by_approvers, NULL, "C6 release-signatures", "0 of 2 signatures"},
    {"root keys sign no releases", by_root, NULL, "C6 release-signatures", "0 of 2 signatures"},
    {"ATK-03 an approval shown as the release", NULL, an_approval_as_the_release, "C6 release-signatures",
     "this is a signed approval; a signed release is needed here"},
    {"ATK-03 signed as something else", NULL, another_type, "C6 release-signatures", "this is a signed report; a signed release is needed here"},
    {"ATK-04 a bit of the payload", NULL, flip_in_the_payload, "C6 release-signatures", ""},
    {"ATK-04 a bit of a signature", NULL, flip_in_a_signature, "C6 release-signatures", "1 of 2 signatures"},
    {"ATK-04 cut short", NULL, cut_short, "C6 release-signatures", "envelope"},
    {"ATK-05 more behind it", NULL, more_behind_it, "C6 release-signatures", "envelope"},
    {"ATK-06 a feature of the release that nobody here knows", release_feature, NULL, "C7 release", "moon-phase"},
    {"ATK-06 a feature of the order", order_feature, NULL, "C11 order", "moon-phase"},
    {"a newer agent is asked for", newer_agent, NULL, "C7 release", "needs agent version 9.0"},
    {"ATK-08 to a target that is in no list", NULL, to_another_target, "C10 target", "is not in the frozen list"},
    {"ATK-08 to the target beside it", NULL, to_its_neighbour, "C10 target", "is not in the frozen list"},
    {"ATK-08 to another environment", NULL, to_another_environment, "C10 target", "is for environment production, and target"},
    {"to an environment that nobody may decide about", NULL, to_an_environment_nobody_knows, "C9 approvals", "no role 'approver/qa'"},
    {"to another engine", NULL, to_another_engine, "C14 engine", "is not made for engine oracle"},
    {"ATK-13 approvals of another order", approved_another_order, NULL, "C9 approvals", "approves another order"},
    {"ATK-13 an order of another release", other_release_in_the_order, NULL, "C9 approvals", "approves another release"},
    {"ATK-14 the first of two changesets only", fewer_changesets, NULL, "C9 approvals", "approves another release"},
    {"content changed, digests kept", other_content, NULL, "C18 content", "is not that of its statements"},
    {"nobody approved", none_approved, NULL, "C9 approvals", "0 of 2 signatures"},
    {"one person twice", approved_twice_by_one, NULL, "C9 approvals", "1 of 2 signatures"},
    {"who signed the release approves it", approved_by_the_author, NULL, "C9 approvals", "the key signed the release itself"},
    {"a stranger approves", approved_by_a_stranger, NULL, "C9 approvals", "by no key of the role"},
    {"an approval that has expired", approved_for_yesterday, NULL, "C9 approvals", "expired"},
    {"an approval of fewer targets", approved_fewer_targets, NULL, "C9 approvals", "approves 4 targets, the order has 5"},
    {"an approval of another environment", approved_for_dev, NULL, "C9 approvals", "approves another environment"},
    {"ATK-21 everything signed, the trust document expired", old_trust, NULL, "C3 trust", "expired"},
    {"ATK-21 the release expired", old_release, NULL, "C7 release", "expired"},
    {"ATK-21 the order ended", order_that_ended, NULL, "C11 order", "ended"},
    {"before its time", order_that_has_not_begun, NULL, "C11 order", "holds only from"},
    {"a release of the future", release_of_tomorrow, NULL, "C5 clock", "the release was made at"},
    {"an order of the future", order_of_tomorrow, NULL, "C11 order", "the order was made at"},
    {"ATK-22 the clock at 1970", NULL, in_1970, "C5 clock", "clock"},
    {"ATK-22 the clock a year back", NULL, a_year_back, "C5 clock", "the clock was set back"},
    {"ATK-22 the clock ten years on", NULL, ten_years_on, "C3 trust", "expired"},
    {"ATK-31 the proof names another wave", NULL, in_another_wave, "C10 target", "is not in the frozen list"},
    {"a wave that the order does not have", NULL, in_a_wave_that_is_not, "C10 target", "names wave 10"},
    {"ATK-32 a list with one target more", NULL, of_a_longer_list, "C10 target", "is not in the frozen list"},
    {"ATK-33 a controller that was replaced", NULL, an_old_controller, "C1 message", "a controller that was replaced sent it"},
    {"the other way round", NULL, backwards, "C11 order", "the offer says rollback"},
};

static void test_attacks(void **state)
{
	(void)state;
	size_t wrong = 0;
	for (size_t i = 0; i < ARRAY_LEN(attacks); i++) {
		struct scene s = {0};
		struct verified v;
		struct err e = ERR_INIT;
		trust_fixture_init(&s.f);
		if (attacks[i].signed_so)
			attacks[i].signed_so(&s);
		build(&s);
		if (attacks[i].sent_so)
			attacks[i].sent_so(&s);
		const char *check = check_title(verify_delivery(&s.facts, s.f.arena, &v, &e));
		bool right = attacks[i].check ? strcmp(check, attacks[i].check) == 0 && strstr(e.msg, attacks[i].part) : *check == '\0';
		if (!right)
			print_message("%s: %s: %s\n", attacks[i].what, *check ? check : "accepted", e.msg);
		wrong += !right;
		trust_fixture_done(&s.f);
	}
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_attacks)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
