/* The site's yes: what it is shown before (the preview), and to what its yes is given: not to what another order has made of it since. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/journal/holds.h"
#include "agent/policy/policy.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/crypto/dsse.h"
#include "tests/support/deliver_scene.h"

/* Before the papers are written. */
static void give_the_site_a_key(void)
{
	trust_fixture_set_role(&f.agent.signed_by, ROLE_SITE, 1, (const enum fixture_person[]){DAVE}, 1);
}

/* The site asks to be asked: its policy, signed by dave. */
static void ask_the_site(void)
{
	struct trust_fixture *t = &f.agent.signed_by;
	struct err e = ERR_INIT;
	static const char text[] = "site: eu\nversion: 1\nconsent: [\"*\"]\n";
	const char *path = arena_printf(f.arena, "%s/policy.env", f.agent.dir);
	assert_int_equal(file_write_atomic(path, trust_fixture_sign(t, TYPE_SITE_POLICY, bytes_of_str(text), DAVE), 0644, &e), 0);
	f.config.policy_file = path;
}

static void say_yes(const struct preview *p)
{
	struct err e = ERR_INIT;
	struct consent c = {.by = "ann", .at_us = clock_wall_us(), .direction = f.task.direction, .to_ledger = p, .rows = p ? p->rows : 0};
	if (p)
		memcpy(c.head, p->head, DIGEST_SIZE);
	assert_int_equal(journal_consent_put(f.journal, &f.task, &c, &e), 0);
}

/* Another order over the same release, with papers of its own, to which the site says yes, too. */
static struct report deliver_another_order(uint8_t id, enum direction d)
{
	struct trust_fixture *t = &f.agent.signed_by;
	t->order.id = arena_printf(t->arena, "%032x", id);
	t->order.direction = f.task.direction = d;
	f.task.attempt = 1;
	memset(f.task.id, id, TASK_SIZE);
	papers_fixture_write(&f);
	ask_the_site();
	say_yes(NULL);
	return deliver_now();
}

static void test_a_preview_is_what_would_run(void **state)
{
	(void)state;
	papers_fixture_write(&f);
	struct preview p = look();
	assert_true(p.reached);
	assert_null(p.why_not);
	assert_null(p.refusal);
	assert_int_equal(p.rows, 0);
	assert_int_equal(p.plan.n_items, 2);
	assert_int_equal(p.plan.n_steps, 2);
	assert_int_equal(p.plan.items[1].action, PLAN_RUN);
	assert_string_equal(papers_fixture_value(&f, "SELECT group_concat(name) FROM sqlite_master"), "unrelated"); /* nothing was made */
	struct report r = deliver_now();
	assert_string_equal(outcome_name(r.outcome), "applied");
	f.task.id[0]++;
	p = look();
	assert_int_equal(p.rows, 2);
	assert_memory_equal(p.head, r.ledger_head, DIGEST_SIZE);
	assert_int_equal(p.plan.n_steps, 0);
	assert_int_equal(p.plan.items[0].action, PLAN_SKIP);
	papers_fixture_sql(&f, "UPDATE rollcall_ledger SET changeset = 'alice:another' WHERE seq = 1");
	p = look();
	assert_non_null(strstr(p.refusal, "C25 ledger-chain: read the ledger rollcall_ledger: ledger row 1 was changed"));
	assert_int_equal(p.plan.n_items, 0);
	assert_int_equal(unlink(f.db), 0);
	p = look();
	assert_false(p.reached);
	assert_non_null(strstr(p.why_not, "does not exist"));
	assert_int_equal(access(f.db, F_OK), -1);
}

static void test_a_yes_to_what_was_shown(void **state)
{
	(void)state;
	give_the_site_a_key();
	papers_fixture_write(&f);
	ask_the_site();
	struct preview p = look();
	say_yes(&p);
	struct report r = deliver_now();
	assert_string_equal(outcome_name(r.outcome), "applied");
}

/* Shown was that everything is there and nothing would run; then another order takes it all back, and now all of it would run. */
static void test_a_yes_is_not_to_what_another_order_left(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	struct held *list = NULL;
	size_t n = 0;
	bool yes = true;
	give_the_site_a_key();
	assert_string_equal(outcome_name(deliver_another_order(1, DIRECTION_APPLY).outcome), "applied");
	f.agent.signed_by.order.id = "22222222222222222222222222222222";
	memset(f.task.id, 2, TASK_SIZE);
	papers_fixture_write(&f);
	ask_the_site();
	struct preview p = look();
	assert_int_equal(p.plan.n_steps, 0);
	say_yes(&p);
	const struct task waiting = f.task;
	assert_string_equal(outcome_name(deliver_another_order(3, DIRECTION_ROLLBACK).outcome), "rolled-back");
	f.task = waiting;
	struct report r = deliver_now();
	assert_string_equal(outcome_name(r.outcome), "held");
	assert_int_equal(r.n_steps, 0);
	assert_string_equal(r.failure.check, "C2 site-policy");
	assert_non_null(strstr(r.failure.message, "nothing was begun: since the site said yes (ann, "));
	assert_non_null(strstr(r.failure.message,
	                       ") release 1.2.0 came here under another order (ledger row 3), so that what would run now may not be what was looked "
	                       "at. The site is asked again: there, 'rollcall-agent consent eu/pg-1/shop_3' shows what would run now"));
	assert_string_equal(r.failure.next, "The delivery begins by itself once the site says yes again.");
	assert_string_equal(papers_fixture_value(&f, "SELECT count(*) FROM sqlite_master WHERE name = 'orders'"), "0");
	assert_int_equal(journal_consented(f.journal, &waiting, &yes, &e), 0);
	assert_false(yes);
	assert_int_equal(journal_helds(f.journal, f.arena, &list, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_string_equal(list[0].code, "consent");
	p = look();
	assert_int_equal(p.plan.n_steps, 2);
	say_yes(&p);
	r = deliver_once_more();
	assert_string_equal(outcome_name(r.outcome), "applied");
}

/* A yes to the whole release is to whatever of it is left; without any yes nothing begins, whoever asked before. */
static void test_a_yes_to_the_whole_release(void **state)
{
	(void)state;
	give_the_site_a_key();
	assert_string_equal(outcome_name(deliver_another_order(1, DIRECTION_APPLY).outcome), "applied");
	assert_string_equal(outcome_name(deliver_another_order(2, DIRECTION_ROLLBACK).outcome), "rolled-back");
	assert_string_equal(outcome_name(deliver_another_order(3, DIRECTION_APPLY).outcome), "applied");
	assert_string_equal(outcome_name(deliver_another_order(4, DIRECTION_ROLLBACK).outcome), "rolled-back");
	f.agent.signed_by.order.id = "55555555555555555555555555555555";
	f.agent.signed_by.order.direction = f.task.direction = DIRECTION_APPLY;
	memset(f.task.id, 5, TASK_SIZE);
	papers_fixture_write(&f);
	ask_the_site();
	struct report r = deliver_now();
	assert_string_equal(outcome_name(r.outcome), "held");
	assert_non_null(strstr(r.failure.message, "nothing was begun: its policy asks for that now. The site is asked again"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    DELIVER_CASE(test_a_preview_is_what_would_run),
	    DELIVER_CASE(test_a_yes_to_what_was_shown),
	    DELIVER_CASE(test_a_yes_is_not_to_what_another_order_left),
	    DELIVER_CASE(test_a_yes_to_the_whole_release),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
