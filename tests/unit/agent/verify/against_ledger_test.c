/* agent/verify/against_ledger: C8 and C16, from ledger rows made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/ledger/ledger.h"
#include "agent/verify/verify.h"
#include "tests/support/trust_fixture.h"

struct scene {
	struct trust_fixture f;
	struct verified v;
	struct ledger l;
	struct ledger_row rows[8];
	struct sequence_known known;
};

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof *s);
	trust_fixture_init(&s->f);
	trust_fixture_build(&s->f);
	s->v.release = s->f.release;
	s->v.order = s->f.order;
	s->l.rows = s->rows;
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;
	trust_fixture_done(&s->f);
	free(s);
	return 0;
}

/* A done row for a changeset of the fixture's release, as an earlier release of this sequence would have left it. */
static struct ledger_row *add(struct scene *s, size_t changeset, enum direction direction, uint64_t sequence)
{
	struct ledger_row *r = &s->rows[s->l.n_rows++];
	const struct changeset *c = &s->f.release.changesets[changeset];
	*r = (struct ledger_row){.seq = s->l.n_rows,
	                         .project = s->f.release.project,
	                         .changeset = c->id,
	                         .direction = direction,
	                         .run = 1,
	                         .state = STEP_DONE,
	                         .release_version = "1.1.0",
	                         .release_sequence = sequence};
	memcpy(r->changeset_digest, c->digest, DIGEST_SIZE);
	return r;
}

static void assert_accepted(struct scene *s)
{
	struct err e = ERR_INIT;
	enum check_code c = verify_against_ledger(&s->v, &s->l, &s->known, "postgresql", &e);
	assert_string_equal(e.msg, "");
	assert_int_equal(c, CHECK_NONE);
}

static void assert_refused(struct scene *s, const char *check, const char *message)
{
	struct err e = ERR_INIT;
	assert_string_equal(check_title(verify_against_ledger(&s->v, &s->l, &s->known, "postgresql", &e)), check);
	if (!strstr(e.msg, message))
		print_message("%s\n", e.msg);
	assert_non_null(strstr(e.msg, message));
	assert_int_equal(e.code, ERR_POLICY);
}

static void test_empty_and_equal(void **state)
{
	struct scene *s = *state;
	assert_accepted(s);
	add(s, 0, DIRECTION_APPLY, 6);
	add(s, 1, DIRECTION_APPLY, 7);
	assert_accepted(s);
}

static void test_older_release(void **state)
{
	struct scene *s = *state;
	add(s, 0, DIRECTION_APPLY, 8);
	assert_refused(s, "C8 sequence",
	               "release shop 1.2.0 has sequence 7, and this target has changeset alice:orders-create of release 1.1.0, sequence 8: it is older");
	s->v.direction = DIRECTION_ROLLBACK;
	assert_accepted(s);
}

static void test_newer_release_was_rolled_back(void **state)
{
	struct scene *s = *state;
	add(s, 0, DIRECTION_APPLY, 8);
	add(s, 0, DIRECTION_ROLLBACK, 8);
	assert_accepted(s);
}

static void test_changed_content(void **state)
{
	struct scene *s = *state;
	add(s, 1, DIRECTION_APPLY, 6)->changeset_digest[0] ^= 1;
	assert_refused(s, "C16 ledger",
	               "changes/orders.sql:2: changeset alice:orders-add-note is applied on this target with another content (release 1.1.0, digest ");
}

static void test_accepted_digests(void **state)
{
	struct scene *s = *state;
	char hex[DIGEST_HEX_SIZE];
	const char *accepted[] = {hex};
	struct ledger_row *r = add(s, 1, DIRECTION_APPLY, 6);
	r->changeset_digest[0] ^= 1;
	bytes_to_hex(bytes_of(r->changeset_digest, DIGEST_SIZE), hex);
	s->v.release.changesets[1].accepted_digests = accepted;
	s->v.release.changesets[1].n_accepted_digests = 1;
	assert_accepted(s);
	accepted[0] = "any";
	assert_accepted(s);
	hex[0] = hex[0] == '0' ? '1' : '0';
	accepted[0] = hex;
	assert_refused(s, "C16 ledger", "with another content");
}

static void test_run_on_change(void **state)
{
	struct scene *s = *state;
	add(s, 1, DIRECTION_APPLY, 6)->changeset_digest[0] ^= 1;
	s->v.release.changesets[1].run_on_change = true;
	assert_accepted(s);
	/* In the middle of its steps it may not change, whatever its attributes say. */
	s->v.release.changesets[1].bodies[0].n_steps = 2;
	assert_refused(s, "C16 ledger", "is partial on this target with another content");
}

static void test_rolled_back_may_change(void **state)
{
	struct scene *s = *state;
	add(s, 1, DIRECTION_APPLY, 6)->changeset_digest[0] ^= 1;
	add(s, 1, DIRECTION_ROLLBACK, 6)->changeset_digest[0] ^= 1;
	assert_accepted(s);
}

/* Another project on the same target: its sequences are its own, and so is what its changesets of the same id hold. */
static void test_another_project_shares_the_target(void **state)
{
	struct scene *s = *state;
	struct ledger_row *r = add(s, 1, DIRECTION_APPLY, 900);
	r->project = "billing";
	r->changeset_digest[0] ^= 1;
	assert_accepted(s);
	s->known.max_step = 3;
	add(s, 0, DIRECTION_APPLY, 4);
	assert_accepted(s);
	r->project = ""; /* a row of before rows named their project: it counts for each */
	assert_refused(s, "C8 sequence", "sequence 900: it is older");
}

/* ---- C8: the journal, the floor, the step ------------------------------------------------------------------------------------------------------------ */

/* ATK-37, ATK-38: the database was set back to last week; what this agent saw in effect there still counts. */
static void test_journal_knows_more_than_the_ledger(void **state)
{
	struct scene *s = *state;
	s->known.in_journal = 8;
	assert_refused(
	    s, "C8 sequence",
	    "release shop 1.2.0 has sequence 7, and this agent has seen sequence 8 in effect on this target, of which the ledger knows nothing any "
	    "more: the database was set back");
	add(s, 0, DIRECTION_APPLY, 5);
	s->known.in_journal = 7; /* the same release again, or a newer one, may come */
	assert_accepted(s);
	s->known.in_journal = 8;
	s->v.direction = DIRECTION_ROLLBACK;
	assert_accepted(s);
}

/* ATK-11: a release whose sequence no later one could follow. */
static void test_fast_forward(void **state)
{
	struct scene *s = *state;
	s->known.max_step = 3;
	assert_accepted(s); /* nothing is known yet: the first one may have any sequence */
	s->known.in_journal = 4;
	assert_accepted(s);
	s->known.in_journal = 3;
	assert_refused(s, "C8 sequence", "release shop 1.2.0 has sequence 7, 4 above the highest one known here, and 3 are allowed (max_step)");
	add(s, 0, DIRECTION_APPLY, 4);
	assert_accepted(s);
	s->l.n_rows = 0;
	s->known.floor = 5;
	assert_accepted(s);
	s->known.floor = 0;
	s->v.release.sequence = INT64_MAX;
	assert_refused(s, "C8 sequence", "above the highest one known here");
	s->known.max_step = 0;
	assert_accepted(s);
}

static void test_newest_in_effect(void **state)
{
	struct scene *s = *state;
	const struct project_ledger ours = {.all = &s->l, .project = s->f.release.project};
	assert_null(ledger_newest(&ours));
	add(s, 0, DIRECTION_APPLY, 5);
	add(s, 1, DIRECTION_APPLY, 6);
	assert_int_equal(ledger_newest(&ours)->release_sequence, 6);
	add(s, 1, DIRECTION_ROLLBACK, 6);
	assert_int_equal(ledger_newest(&ours)->release_sequence, 5);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_empty_and_equal),
	    T(test_older_release),
	    T(test_newer_release_was_rolled_back),
	    T(test_changed_content),
	    T(test_accepted_digests),
	    T(test_run_on_change),
	    T(test_rolled_back_may_change),
	    T(test_journal_knows_more_than_the_ledger),
	    T(test_fast_forward),
	    T(test_newest_in_effect),
	    T(test_another_project_shares_the_target),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
