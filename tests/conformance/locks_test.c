/* Lock discipline, measured: a table under a reader load, an open transaction that has read it, and a delivery that wants to change it. Readers may queue behind the
 * delivery for its lock timeout, never for as long as the transaction stays open, and not for each of several locks; the delivery says who is in the way, and is through when that one
 * is gone.
 * LOCKS_HOLD_S, LOCKS_LIMIT_MS and LOCKS_READERS make it a measurement (make bench-locks); without them it is a short test. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "tests/support/delivery_fixture.h"
#include "tests/support/servers.h"

#define READERS_MAX  64
#define READER_PAUSE 2 /* ms between two queries of one reader */
#define OTHERS       5 /* tables item_1 ... beside item, which is read */
#define SEVERAL_MS   1000 /* lock timeout, where there are several */
#define TWO_MS       5000 /* where there are two, the first held for FIRST_MS: the watch stops it that much before the server does */
#define FIRST_MS     2500
#define SECOND_MS    9000 /* beyond what the server itself would bear */
#define RUNS         3 /* a busy machine adds to a wait, and takes nothing from it: of so many measurements one must be within the bounds */
#define STAGGER_MS   600 /* by which their holders go, one after the other: less than the lock timeout */

static const char reading[] = "SELECT count(*) FROM item";

struct ground { /* one server for all tests, a database for each */
	enum dialect dialect;
	struct server *server;
	char database[32], *dsn;
	unsigned n;
	struct fixture f;
};

static struct ground grounds[] = {{.dialect = DIALECT_POSTGRESQL}, {.dialect = DIALECT_MARIADB}};

static uint32_t setting(const char *name, uint32_t otherwise)
{
	const char *text = getenv(name);
	return text && text[0] ? (uint32_t)strtoul(text, NULL, 10) : otherwise;
}

/* ---- the others ---- */

static struct conn *connect_patiently(struct ground *g)
{
	struct engine_target t = g->f.target;
	struct conn *c = NULL;
	struct err e = ERR_INIT;
	t.lock_timeout_ms = 120000; /* an application that has no timeout of its own */
	if (g->f.engine.open(&t, &c, &e) != 0)
		fail_msg("%s", e.msg);
	return c;
}

static void run(struct ground *g, struct conn *c, const char *sql)
{
	struct err e = ERR_INIT;
	if (g->f.engine.query(c, bytes_of_str(sql), NULL, 0, NULL, NULL, &e) != 0)
		fail_msg("%s: %s", sql, e.msg);
}

struct reader {
	pthread_t thread;
	struct ground *g;
	atomic_bool *stop;
	int64_t *us; /* how long each query took */
	size_t n, cap;
};

static void *read_on(void *arg)
{
	struct reader *r = arg;
	struct conn *c = connect_patiently(r->g);
	while (!atomic_load(r->stop)) {
		int64_t start_us = clock_mono_us();
		run(r->g, c, reading);
		vec_grow(r->us, r->n, r->cap);
		r->us[r->n++] = clock_mono_us() - start_us;
		clock_sleep_ms(READER_PAUSE);
	}
	r->g->f.engine.close(&c);
	engines_thread_end();
	return NULL;
}

struct holder { /* reads once and stays in its transaction */
	pthread_t thread;
	struct ground *g;
	char reads[64];
	uint32_t hold_ms; /* from the first step on */
	atomic_bool holds, *begun; /* NULL: measure's */
	atomic_llong gone_at_us;
	char id[32]; /* as blockers are named */
};

static void *hold(void *arg)
{
	struct holder *h = arg;
	const struct engine *en = &h->g->f.engine;
	struct conn *c = connect_patiently(h->g);
	struct err e = ERR_INIT;
	snprintf(h->id, sizeof h->id, "%s %ld ", h->g->dialect == DIALECT_POSTGRESQL ? "pid" : "connection", strtol(en->backend(c), NULL, 10));
	if (en->begin(c, &e) != 0)
		fail_msg("%s", e.msg);
	run(h->g, c, h->reads);
	atomic_store(&h->holds, true);
	while (!atomic_load(h->begun))
		clock_sleep_ms(2);
	clock_sleep_ms(h->hold_ms);
	atomic_store(&h->gone_at_us, clock_mono_us());
	if (en->rollback(c, &e) != 0)
		fail_msg("%s", e.msg);
	en->close(&c);
	engines_thread_end();
	return NULL;
}

struct looker { /* the runner's second thread, with its times */
	pthread_t thread;
	struct ground *g;
	atomic_bool *stop;
};

static void *look(void *arg)
{
	struct looker *l = arg;
	char text[512];
	while (!atomic_load(l->stop)) {
		clock_sleep_ms(watch_pause_ms(&l->g->f.watch, 250));
		(void)watch_look(&l->g->f.watch, 300, text);
	}
	engines_thread_end();
	return NULL;
}

/* ---- the measurement ---- */

struct measured {
	size_t queries;
	int64_t p50_us, p99_us, max_us, after_us; /* after: from the holder's end to the delivery's */
	unsigned tries;
};

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void sum_up(struct reader *readers, size_t n, struct measured *m)
{
	struct reader all = {0};
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < readers[i].n; k++) {
			vec_grow(all.us, all.n, all.cap);
			all.us[all.n++] = readers[i].us[k];
		}
		free(readers[i].us);
	}
	assert_true(all.n > n);
	qsort(all.us, all.n, sizeof *all.us, compare);
	m->queries = all.n;
	m->p50_us = all.us[all.n / 2];
	m->p99_us = all.us[all.n * 99 / 100];
	m->max_us = all.us[all.n - 1];
	free(all.us);
}

static unsigned count(const char *text, const char *word)
{
	unsigned n = 0;
	for (const char *at = text; (at = strstr(at, word)); at++)
		n++;
	return n;
}

static void make_table(struct ground *g, struct conn *c, const char *name)
{
	char sql[128];
	snprintf(sql, sizeof sql, "CREATE TABLE %s (id int PRIMARY KEY, name varchar(20))", name);
	run(g, c, sql);
	snprintf(sql, sizeof sql, "INSERT INTO %s VALUES (1, 'a'), (2, 'b'), (3, 'c')", name);
	run(g, c, sql);
}

static const char *table_name(struct ground *g, unsigned i)
{
	return i ? arena_printf(g->f.arena, "item_%u", i) : "item";
}

static void prepare(struct ground *g)
{
	free(g->dsn);
	snprintf(g->database, sizeof g->database, "locks_%u", ++g->n);
	server_create(g->server, g->database);
	g->dsn = server_dsn(g->server, g->database);
	fixture_init_on(&g->f, dialect_name(g->dialect), g->dsn);
	struct conn *c = connect_patiently(g);
	for (unsigned i = 0; i <= OTHERS; i++)
		make_table(g, c, table_name(g, i));
	g->f.engine.close(&c);
}

static void add_column(struct ground *g, struct changeset *to, const char *table)
{
	fixture_step(&g->f, to, g->dialect == DIALECT_POSTGRESQL ? STEP_T : STEP_N,
	             arena_printf(g->f.arena, "ALTER TABLE %s ADD COLUMN note varchar(20)", table));
}

/* The holders' clock begins with the first step. */
static void note_begin(void *arg, const struct delivery_progress *p)
{
	if (str_eq(p->state, "applying"))
		atomic_store((atomic_bool *)arg, true);
}

static void check_report(struct ground *g, const struct report *r, enum outcome outcome, bool as_it_should)
{
	if (r->outcome != outcome || !as_it_should)
		fail_msg("%s: %s\n%s", outcome_name(r->outcome), r->failure.message ? r->failure.message : "", buf_str(&g->f.progress));
}

/* With the limits of g->f.target; beside these holders, of whom the last one stays longest. *ret: the report. */
static struct measured measure(struct ground *g, struct holder *holders, size_t n_holders, const struct report **ret)
{
	atomic_bool stop = false, begun = false;
	size_t n = setting("LOCKS_READERS", 4);
	struct reader readers[READERS_MAX] = {0};
	struct looker looker = {.g = g, .stop = &stop};
	struct measured m = {0};
	assert_in_range(n, 1, READERS_MAX);
	for (size_t i = 0; i < n; i++) {
		readers[i] = (struct reader){.g = g, .stop = &stop};
		pthread_create(&readers[i].thread, NULL, read_on, &readers[i]);
	}
	for (size_t i = 0; i < n_holders; i++) {
		holders[i].g = g;
		if (!holders[i].begun)
			holders[i].begun = &begun;
		pthread_create(&holders[i].thread, NULL, hold, &holders[i]);
		while (!atomic_load(&holders[i].holds))
			clock_sleep_ms(2);
	}
	pthread_create(&looker.thread, NULL, look, &looker);
	g->f.progress_hook = note_begin;
	g->f.progress_hook_arg = &begun;
	*ret = fixture_deliver(&g->f);
	for (size_t i = 0; i < n_holders; i++)
		pthread_join(holders[i].thread, NULL);
	m.after_us = clock_mono_us() - atomic_load(&holders[n_holders - 1].gone_at_us);
	atomic_store(&stop, true);
	pthread_join(looker.thread, NULL);
	for (size_t i = 0; i < n; i++)
		pthread_join(readers[i].thread, NULL);
	m.tries = count(buf_str(&g->f.progress), "next try in") + 1;
	sum_up(readers, n, &m);
	return m;
}

static struct measured measure_one(struct ground *g, uint32_t hold_ms)
{
	struct holder holder = {.hold_ms = hold_ms};
	const struct report *r = NULL;
	str_copy(holder.reads, sizeof holder.reads, reading);
	g->f.budget_ms = hold_ms + 120000;
	struct measured m = measure(g, &holder, 1, &r);
	const char *said = buf_str(&g->f.progress);
	check_report(g, r, OUTCOME_APPLIED, !strstr(said, "waiting-lock") || strstr(said, holder.id));
	return m;
}

static struct measured measure_column(struct ground *g, uint32_t hold_ms, uint32_t limit_ms)
{
	prepare(g);
	add_column(g, fixture_changeset(&g->f, "a:column"), "item");
	g->f.target.lock_timeout_ms = limit_ms < 1000 ? limit_ms : 1000;
	g->f.target.lock_timeout_max_ms = limit_ms;
	struct measured m = measure_one(g, hold_ms);
	fixture_done(&g->f);
	return m;
}

static void test_readers_wait_no_longer_than_the_lock_timeout(void **state)
{
	struct ground *g = *state;
	uint32_t hold_ms = setting("LOCKS_HOLD_S", 8) * 1000, limit_ms = setting("LOCKS_LIMIT_MS", 2000);
	struct measured m = measure_column(g, hold_ms, limit_ms);
	for (int i = 1; i < RUNS && m.max_us >= (int64_t)limit_ms * 1000 + 1500000; i++)
		m = measure_column(g, hold_ms, limit_ms);
	fprintf(stderr,
	        "locks: %s, transaction open %u s, lock timeout 1 s to %u ms: %zu reads, p50 %.1f ms, p99 %.0f ms, longest %.0f ms; %u tries, done %.1f "
	        "s after it went\n",
	        dialect_name(g->dialect), hold_ms / 1000, limit_ms, m.queries, (double)m.p50_us / 1e3, (double)m.p99_us / 1e3, (double)m.max_us / 1e3,
	        m.tries, (double)m.after_us / 1e6);
	assert_true(m.tries > 1);
	assert_true(m.p99_us < (int64_t)limit_ms * 2000);
	assert_true(m.max_us < (int64_t)limit_ms * 1000 + 1500000);
	assert_true(m.after_us < 65000000); /* the longest pause, and the step */
}

/* ---- several locks ---- */

/* Of a delivery that has to wait STAGGER_MS for the lock of each of the others, while it has item's. */
static struct measured measure_several(struct ground *g, const char *what, void (*build)(struct ground *g))
{
	struct holder holders[OTHERS] = {0};
	const struct report *r = NULL;
	prepare(g);
	build(g);
	g->f.budget_ms = 120000;
	g->f.target.lock_timeout_ms = g->f.target.lock_timeout_max_ms = SEVERAL_MS;
	for (unsigned i = 0; i < OTHERS; i++) {
		snprintf(holders[i].reads, sizeof holders[i].reads, "SELECT count(*) FROM item_%u", i + 1);
		holders[i].hold_ms = STAGGER_MS * (i + 1);
	}
	struct measured m = measure(g, holders, OTHERS, &r);
	check_report(g, r, OUTCOME_APPLIED, true);
	fprintf(stderr, "locks: %s, %s, lock timeout %d ms: %zu reads, p50 %.1f ms, p99 %.0f ms, longest %.0f ms; %u tries\n", dialect_name(g->dialect),
	        what, SEVERAL_MS, m.queries, (double)m.p50_us / 1e3, (double)m.p99_us / 1e3, (double)m.max_us / 1e3, m.tries);
	fixture_done(&g->f);
	return m;
}

static void check_several(struct ground *g, const char *what, void (*build)(struct ground *g))
{
	struct measured m = measure_several(g, what, build);
	for (int i = 1; i < RUNS && m.max_us >= SEVERAL_MS * 2000; i++)
		m = measure_several(g, what, build);
	assert_true(m.tries > 1);
	assert_true(m.max_us < SEVERAL_MS * 2000);
}

static void several_in_one(struct ground *g)
{
	if (g->dialect == DIALECT_POSTGRESQL)
		fixture_step(&g->f, fixture_changeset(&g->f, "a:empty"), STEP_T, "TRUNCATE item, item_1, item_2, item_3, item_4, item_5");
	else
		fixture_step(&g->f, fixture_changeset(&g->f, "a:turn"), STEP_N,
		             "RENAME TABLE item TO x, item_1 TO item, item_2 TO item_1, item_3 TO item_2, item_4 TO item_3, item_5 TO item_4, x TO item_5");
}

/* What is stopped for the sum of its waits ends as by a lock timeout: with no effect, and the blocker named. */
static void test_what_is_stopped_says_so(void **state)
{
	struct ground *g = *state;
	struct holder holders[] = {{.reads = "SELECT count(*) FROM item_1", .hold_ms = FIRST_MS},
	                           {.reads = "SELECT count(*) FROM item_2", .hold_ms = SECOND_MS}};
	const struct report *r = NULL;
	prepare(g);
	several_in_one(g);
	g->f.target.lock_timeout_ms = g->f.target.lock_timeout_max_ms = TWO_MS;
	g->f.budget_ms = 10; /* one try */
	(void)measure(g, holders, ARRAY_LEN(holders), &r);
	const char *why = r->failure.message ? r->failure.message : "";
	bool pg = g->dialect == DIALECT_POSTGRESQL;
	check_report(g, r, OUTCOME_FAILED,
	             strstr(why, pg ? "was stopped: its transaction waited " : "was stopped: it waited ") && strstr(why, holders[1].id) &&
	                 (pg ? str_eq(r->failure.sqlstate, "55P03") : r->failure.db_errno == 1205));
	fixture_done(&g->f);
}

static struct late { /* a cancel that comes when the statement is through */
	const struct engine *real;
	atomic_bool asked;
	unsigned n;
} late;

static void cancel_late(struct conn *c)
{
	late.n++;
	atomic_store(&late.asked, true); /* lets the last holder go */
	clock_sleep_ms(500);
	late.real->cancel(c);
}

/* It must hit neither the ledger's row nor the COMMIT. */
static void test_a_cancel_that_comes_late_hits_nothing(void **state)
{
	struct ground *g = *state;
	struct holder holders[] = {{.reads = "SELECT count(*) FROM item_1", .hold_ms = FIRST_MS},
	                           {.reads = "SELECT count(*) FROM item_2", .begun = &late.asked}};
	const struct report *r = NULL;
	late = (struct late){.real = engine_by_name(dialect_name(g->dialect))};
	prepare(g);
	several_in_one(g);
	g->f.target.lock_timeout_ms = g->f.target.lock_timeout_max_ms = TWO_MS;
	g->f.engine.cancel = cancel_late;
	struct measured m = measure(g, holders, ARRAY_LEN(holders), &r);
	check_report(g, r, OUTCOME_APPLIED, m.tries == 1 && late.n == 1);
	fixture_done(&g->f);
}

/* All steps of the changeset as one. */
static void join_steps(struct ground *g, struct changeset *c)
{
	struct body *b = c->bodies;
	struct statement *all = arena_alloc(g->f.arena, b->n_steps * sizeof *all);
	for (size_t i = 0; i < b->n_steps; i++)
		all[i] = b->steps[i].statements[0];
	b->steps[0].statements = all;
	b->steps[0].n_statements = b->n_steps;
	b->n_steps = 1;
	digest_step(&b->steps[0], b->steps[0].digest);
}

static void several_in_one_step(struct ground *g)
{
	struct changeset *c = fixture_changeset(&g->f, "a:columns");
	for (unsigned i = 0; i <= OTHERS; i++)
		add_column(g, c, table_name(g, i));
	join_steps(g, c);
}

static void several_in_one_transaction(struct ground *g)
{
	for (unsigned i = 0; i <= OTHERS; i++)
		add_column(g, fixture_changeset(&g->f, arena_printf(g->f.arena, "a:%u", i)), table_name(g, i));
	fixture_whole(&g->f);
}

#define SEVERAL(test, what, build)          \
	static void test(void **state)          \
	{                                       \
		check_several(*state, what, build); \
	}
SEVERAL(test_one_statement_with_several_locks, "one statement, six locks", several_in_one)
SEVERAL(test_one_step_of_several_statements, "one step, six statements", several_in_one_step)
SEVERAL(test_a_release_in_one_transaction, "transaction: release, six changesets", several_in_one_transaction)

static void no_patience(struct conn *c, uint32_t lock_timeout_ms)
{
	(void)c, (void)lock_timeout_ms;
}

/* A delivery that waits inside the server for as long as it takes: the measurement must see what that does to others. */
static void test_the_measurement_is_not_blind(void **state)
{
	struct ground *g = *state;
	prepare(g);
	add_column(g, fixture_changeset(&g->f, "a:column"), "item");
	g->f.engine.patience = no_patience;
	g->f.target.lock_timeout_ms = 60000;
	struct measured m = measure_one(g, 4000);
	assert_int_equal(m.tries, 1);
	assert_true(m.max_us > 2500000);
	fixture_done(&g->f);
}

/* ---- servers ---- */

static int start(void **state)
{
	struct err e = ERR_INIT;
	(void)state;
	assert_int_equal(engines_init(&e), 0);
	for (size_t i = 0; i < ARRAY_LEN(grounds); i++)
		grounds[i].server = server_start(grounds[i].dialect, false);
	return 0;
}

static int stop_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(grounds); i++) {
		server_stop(&grounds[i].server);
		free(grounds[i].dsn);
	}
	engines_done();
	return 0;
}

#define ON(ground, test)                                                                                   \
	{                                                                                                      \
		.name = ground ": " #test, .test_func = test, .initial_state = &grounds[str_eq(ground, "mariadb")] \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    ON("postgresql", test_readers_wait_no_longer_than_the_lock_timeout),
	    ON("mariadb", test_readers_wait_no_longer_than_the_lock_timeout),
	    ON("postgresql", test_one_statement_with_several_locks),
	    ON("mariadb", test_one_statement_with_several_locks),
	    ON("postgresql", test_what_is_stopped_says_so),
	    ON("mariadb", test_what_is_stopped_says_so),
	    ON("postgresql", test_a_cancel_that_comes_late_hits_nothing),
	    ON("mariadb", test_a_cancel_that_comes_late_hits_nothing),
	    ON("postgresql", test_one_step_of_several_statements),
	    ON("postgresql", test_a_release_in_one_transaction),
	    ON("postgresql", test_the_measurement_is_not_blind),
	    ON("mariadb", test_the_measurement_is_not_blind),
	};
	return cmocka_run_group_tests(tests, start, stop_all);
}
