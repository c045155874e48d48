/* agent/journal/holds: what the site says survives, and each word is about what it was said of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/journal/holds.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/wire/limits.h"

static char dir[64], path[128];
static struct journal *j;
static struct arena *a;

static void reopen(void)
{
	struct err e = ERR_INIT;
	journal_close(&j);
	if (journal_open(path, &j, &e) != 0)
		fail_msg("%s", e.msg);
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/holds_test.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/journal.db", dir);
	a = arena_new((size_t)16 * 1024 * 1024);
	reopen();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	journal_close(&j);
	arena_destroy(&a);
	return file_remove_tree(dir, NULL);
}

#define OK(call)                    \
	do {                            \
		struct err e_ = ERR_INIT;   \
		struct err *e = &e_;        \
		if ((call) != 0)            \
			fail_msg("%s", e_.msg); \
	} while (0)

static void test_holds(void **state)
{
	(void)state;
	struct site_hold *list = NULL, one = {.target = "eu/pg1/a", .reason = "why", .by = "ann", .at_us = 5, .until_us = 9};
	struct site_hold all = {.target = HOLD_ALL, .reason = "", .by = "bob", .at_us = 6};
	size_t n = 0;
	OK(journal_hold_put(j, &one, e));
	one.reason = "another";
	OK(journal_hold_put(j, &one, e));
	OK(journal_hold_put(j, &all, e));
	reopen();
	OK(journal_holds(j, a, &list, &n, e));
	assert_int_equal(n, 2);
	assert_string_equal(list[0].target, HOLD_ALL);
	assert_string_equal(list[1].reason, "another");
	assert_int_equal(list[1].until_us, 9);
	OK(journal_hold_drop(j, "eu/pg1/b", &n, e));
	assert_int_equal(n, 0);
	OK(journal_hold_drop(j, "eu/pg1/a", &n, e));
	assert_int_equal(n, 1);
	OK(journal_hold_drop(j, NULL, &n, e));
	assert_int_equal(n, 1);
	OK(journal_holds(j, a, &list, &n, e));
	assert_int_equal(n, 0);
}

static struct task make_task(uint8_t id, const char *target)
{
	struct task t = {.attempt = 1, .epoch = 1, .target = target, .deadline_us = 7, .direction = DIRECTION_APPLY};
	memset(t.id, id, sizeof t.id);
	memset(t.release_hash, id, sizeof t.release_hash);
	memset(t.dossier_hash, id + 1, sizeof t.dossier_hash);
	return t;
}

static void test_held(void **state)
{
	(void)state;
	struct held h = {.task = make_task(1, "eu/pg1/a"), .code = "hold", .reason = "r", .until_us = 3, .at_us = 2}, *list = NULL;
	size_t n = 0;
	OK(journal_held_put(j, &h, e));
	h.task.attempt = 2;
	h.reason = "later";
	h.at_us = 100;
	OK(journal_held_put(j, &h, e));
	reopen();
	OK(journal_helds(j, a, &list, &n, e));
	assert_int_equal(n, 1);
	assert_int_equal(list[0].task.attempt, 2);
	assert_string_equal(list[0].reason, "later");
	assert_int_equal(list[0].at_us, 2); /* since when it waits */
	assert_memory_equal(list[0].task.dossier_hash, h.task.dossier_hash, DIGEST_SIZE);
	OK(journal_held_drop(j, h.task.id, e));
	OK(journal_helds(j, a, &list, &n, e));
	assert_int_equal(n, 0);
}

/* A controller that offers without an end fills no disk; who is there stays, and other targets have room. */
static void test_held_has_an_end(void **state)
{
	(void)state;
	struct held h = {.task = make_task(1, "eu/pg1/a"), .code = "hold", .reason = "r", .until_us = 3, .at_us = 2}, *list = NULL;
	size_t n = 0;
	for (uint8_t i = 1; i <= LIMIT_OPEN_TASKS + 5; i++) {
		h.task = make_task(i, "eu/pg1/a");
		OK(journal_held_put(j, &h, e));
	}
	h.task = make_task(1, "eu/pg1/a");
	h.reason = "later";
	OK(journal_held_put(j, &h, e));
	h.task = make_task(200, "eu/pg1/b");
	OK(journal_held_put(j, &h, e));
	OK(journal_helds(j, a, &list, &n, e));
	assert_int_equal(n, LIMIT_OPEN_TASKS + 1);
	size_t later = 0;
	for (size_t i = 0; i < n; i++)
		later += strcmp(list[i].reason, "later") == 0;
	assert_int_equal(later, 2);
}

static void test_consent_is_of_one_order_on_one_target(void **state)
{
	(void)state;
	struct task t = make_task(1, "eu/pg1/a"), other = make_task(1, "eu/pg1/b");
	bool yes = true;
	OK(journal_consented(j, &t, &yes, e));
	assert_false(yes);
	struct consent said = {.by = "ann", .at_us = 17, .direction = DIRECTION_ROLLBACK, .to_ledger = true, .rows = 3, .head = {1, 2, 3}},
	               got = {.by = "x"};
	OK(journal_consent_put(j, &t, &said, e));
	reopen();
	OK(journal_consent_get(j, &other, a, &yes, &got, e));
	assert_false(yes);
	assert_string_equal(got.by, "x");
	OK(journal_consent_get(j, &t, a, &yes, &got, e));
	assert_true(yes);
	assert_string_equal(got.by, "ann");
	assert_int_equal(got.at_us, 17);
	assert_int_equal(got.direction, DIRECTION_ROLLBACK);
	assert_true(got.to_ledger);
	assert_int_equal(got.rows, 3);
	assert_memory_equal(got.head, said.head, DIGEST_SIZE);
	OK(journal_consented(j, &t, &yes, e));
	assert_true(yes);
	OK(journal_consented(j, &other, &yes, e));
	assert_false(yes);
	said = (struct consent){.by = "bob", .rows = 5};
	OK(journal_consent_put(j, &t, &said, e)); /* to the whole release */
	OK(journal_consent_get(j, &t, a, &yes, &got, e));
	assert_string_equal(got.by, "bob");
	assert_false(got.to_ledger);
	assert_int_equal(got.rows, 0);
	OK(journal_consent_drop(j, &other, e));
	OK(journal_consented(j, &t, &yes, e));
	assert_true(yes);
	t.dossier_hash[0] ^= 1; /* another order, or other approvals */
	OK(journal_consented(j, &t, &yes, e));
	assert_false(yes);
	t.dossier_hash[0] ^= 1;
	OK(journal_consent_drop(j, &t, e));
	OK(journal_consented(j, &t, &yes, e));
	assert_false(yes);
}

static void test_unaccept_takes_back_only_what_has_not_begun(void **state)
{
	(void)state;
	struct task t = make_task(1, "eu/pg1/a");
	bool known = false;
	enum task_state s;
	OK(journal_accept(j, &t, &known, &s, e));
	OK(journal_unaccept(j, t.id, t.attempt, e));
	OK(journal_find_task(j, &t, &known, &s, e));
	assert_false(known);
	OK(journal_accept(j, &t, &known, &s, e));
	OK(journal_task_state(j, t.id, t.attempt, TASK_RUNNING, e));
	OK(journal_unaccept(j, t.id, t.attempt, e));
	OK(journal_find_task(j, &t, &known, &s, e));
	assert_true(known);
	assert_int_equal(s, TASK_RUNNING);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_holds),
	    CASE(test_held),
	    CASE(test_held_has_an_end),
	    CASE(test_consent_is_of_one_order_on_one_target),
	    CASE(test_unaccept_takes_back_only_what_has_not_begun),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
