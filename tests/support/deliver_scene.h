/* One delivery by deliver() over papers_fixture.h, in a static fixture that each test makes anew: what the unit tests of a delivery from the journal's task to the sealed report share.
 * Include it after cmocka.h. */
#ifndef TESTS_SUPPORT_DELIVER_SCENE_H
#define TESTS_SUPPORT_DELIVER_SCENE_H

#include "agent/apply/preview.h"
#include "tests/support/papers_fixture.h"

static struct papers_fixture f;

static inline int setup(void **state)
{
	(void)state;
	papers_fixture_init(&f);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	papers_fixture_done(&f);
	return 0;
}

#define DELIVER_CASE(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

/* The accepted task, as its papers lie there; the report is the newest one of the outbox. */
static inline struct report deliver_now(void)
{
	struct err e = ERR_INIT;
	struct report r = {0};
	enum outcome outcome = OUTCOME_COUNT;
	if (papers_fixture_deliver(&f, &outcome, &e) != 0)
		fail_msg("%s", e.msg);
	papers_fixture_report(&f, &r);
	assert_int_equal(r.outcome, outcome);
	return r;
}

/* The same, with its papers signed and written first. */
static inline struct report deliver_all(void)
{
	papers_fixture_write(&f);
	return deliver_now();
}

/* The next attempt of the same task. */
static inline struct report deliver_once_more(void)
{
	f.task.attempt++;
	papers_fixture_accept(&f);
	return deliver_now();
}

/* What the target's ledger leaves of the fixture's task to be done. */
static inline struct preview look(void)
{
	struct deliver_job job = {.config = &f.config, .target = &f.config.targets[0], .task = &f.task};
	struct verified v;
	struct preview p;
	struct err e = ERR_INIT;
	if (deliver_look(&job, f.journal, f.arena, true, &v, &p, &e) != CHECK_NONE)
		fail_msg("%s", e.msg);
	return p;
}

#endif
