/* Lock discipline, measured: a table under a reader load, an open transaction that has read it, and a delivery that wants to change it. Readers may queue behind the
 * delivery for its lock timeout, never for as long as the transaction stays open; the delivery says who is in the way, and is through when that one is gone.
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
#include "tests/support/delivery_fixture.h"
#include "tests/support/servers.h"

#define READERS_MAX  64
#define READER_PAUSE 2 /* ms between two queries of one reader */

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
	uint32_t hold_ms;
	atomic_bool holds;
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
	run(h->g, c, reading);
	atomic_store(&h->holds, true);
	clock_sleep_ms(h->hold_ms);
	atomic_store(&h->gone_at_us, clock_mono_us());
	if (en->rollback(c, &e) != 0)
		fail_msg("%s", e.msg);
	en->close(&c);
	engines_thread_end();
	return NULL;
}

struct looker { /* the runner's second thread */
	pthread_t thread;
	struct ground *g;
	atomic_bool *stop;
};

static void *look(void *arg)
{
	struct looker *l = arg;
	char text[512];
	while (!atomic_load(l->stop)) {
		clock_sleep_ms(100);
		(void)watch_look(&l->g->f.watch, 200, text);
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

static void prepare(struct ground *g)
{
	free(g->dsn);
	snprintf(g->database, sizeof g->database, "locks_%u", ++g->n);
	server_create(g->server, g->database);
	g->dsn = server_dsn(g->server, g->database);
	fixture_init_on(&g->f, dialect_name(g->dialect), g->dsn);
	struct conn *c = connect_patiently(g);
	run(g, c, "CREATE TABLE item (id int PRIMARY KEY, name varchar(20))");
	run(g, c, "INSERT INTO item VALUES (1, 'a'), (2, 'b'), (3, 'c')");
	g->f.engine.close(&c);
	fixture_step(&g->f, fixture_changeset(&g->f, "a:column"), g->dialect == DIALECT_POSTGRESQL ? STEP_T : STEP_N,
	             "ALTER TABLE item ADD COLUMN note varchar(20)");
}

/* With the limits of g->f.target. */
static struct measured measure(struct ground *g, uint32_t hold_ms)
{
	atomic_bool stop = false;
	size_t n = setting("LOCKS_READERS", 4);
	struct reader readers[READERS_MAX] = {0};
	struct looker looker = {.g = g, .stop = &stop};
	struct holder holder = {.g = g, .hold_ms = hold_ms};
	struct measured m = {0};
	assert_in_range(n, 1, READERS_MAX);
	for (size_t i = 0; i < n; i++) {
		readers[i] = (struct reader){.g = g, .stop = &stop};
		pthread_create(&readers[i].thread, NULL, read_on, &readers[i]);
	}
	pthread_create(&holder.thread, NULL, hold, &holder);
	pthread_create(&looker.thread, NULL, look, &looker);
	while (!atomic_load(&holder.holds))
		clock_sleep_ms(5);
	g->f.budget_ms = hold_ms + 120000;
	const struct report *r = fixture_deliver(&g->f);
	pthread_join(holder.thread, NULL);
	m.after_us = clock_mono_us() - atomic_load(&holder.gone_at_us);
	atomic_store(&stop, true);
	pthread_join(looker.thread, NULL);
	for (size_t i = 0; i < n; i++)
		pthread_join(readers[i].thread, NULL);
	const char *said = buf_str(&g->f.progress);
	if (r->outcome != OUTCOME_APPLIED || (count(said, "waiting-lock") && !strstr(said, holder.id)))
		fail_msg("%s: %s\n%s", outcome_name(r->outcome), r->failure.message ? r->failure.message : "", said);
	m.tries = count(said, "next try in") + 1;
	sum_up(readers, n, &m);
	return m;
}

static void test_readers_wait_no_longer_than_the_lock_timeout(void **state)
{
	struct ground *g = *state;
	uint32_t hold_ms = setting("LOCKS_HOLD_S", 8) * 1000, limit_ms = setting("LOCKS_LIMIT_MS", 2000);
	prepare(g);
	g->f.target.lock_timeout_ms = limit_ms < 1000 ? limit_ms : 1000;
	g->f.target.lock_timeout_max_ms = limit_ms;
	struct measured m = measure(g, hold_ms);
	fprintf(stderr,
	        "locks: %s, transaction open %u s, lock timeout 1 s to %u ms: %zu reads, p50 %.1f ms, p99 %.0f ms, longest %.0f ms; %u tries, done %.1f "
	        "s after it went\n",
	        dialect_name(g->dialect), hold_ms / 1000, limit_ms, m.queries, (double)m.p50_us / 1e3, (double)m.p99_us / 1e3, (double)m.max_us / 1e3,
	        m.tries, (double)m.after_us / 1e6);
	assert_true(m.tries > 1);
	assert_true(m.p99_us < (int64_t)limit_ms * 2000);
	assert_true(m.max_us < (int64_t)limit_ms * 1000 + 1500000);
	assert_true(m.after_us < 65000000); /* the longest pause, and the step */
	fixture_done(&g->f);
}

static void no_patience(struct conn *c, uint32_t lock_timeout_ms)
{
	(void)c, (void)lock_timeout_ms;
}

/* A delivery that waits inside the server for as long as it takes: the measurement must see what that does to others. */
static void test_the_measurement_is_not_blind(void **state)
{
	struct ground *g = *state;
	prepare(g);
	g->f.engine.patience = no_patience;
	g->f.target.lock_timeout_ms = 60000;
	struct measured m = measure(g, 4000);
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
	    ON("postgresql", test_the_measurement_is_not_blind),
	    ON("mariadb", test_the_measurement_is_not_blind),
	};
	return cmocka_run_group_tests(tests, start, stop_all);
}
