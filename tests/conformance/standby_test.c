/* A COMMIT that waits for a synchronous standby which never answers, and whose wait somebody cancels: it stands here, and is told as what it is. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "tests/support/delivery_fixture.h"
#include "tests/support/servers.h"

struct scene {
	struct server *server;
	char *dsn;
	struct fixture f;
	atomic_bool over;
};

static unsigned long cancel(struct scene *s)
{
	char *n = server_sql(s->server, "shop", "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
	unsigned long cancelled = strtoul(n, NULL, 10);
	free(n);
	return cancelled;
}

/* An administrator who loses patience. */
static void *cancel_waits(void *arg)
{
	struct scene *s = arg;
	while (!atomic_load(&s->over)) {
		(void)cancel(s);
		clock_sleep_ms(100);
	}
	return NULL;
}

static bool commit_waits(struct scene *s)
{
	pid_t pid = server_session(s->server, "shop", "SELECT pg_logical_emit_message(true, 'test', '')");
	unsigned long cancelled = 0;
	while (waitpid(pid, NULL, WNOHANG) == 0)
		cancelled += cancel(s);
	return cancelled > 0;
}

/* Until the setting is in force for whoever commits. */
static void wait_for(struct scene *s, const char *standby)
{
	char sql[96];
	snprintf(sql, sizeof sql, "ALTER SYSTEM SET synchronous_standby_names = '%s'", standby);
	free(server_sql(s->server, "shop", sql));
	free(server_sql(s->server, "shop", "SELECT pg_reload_conf()"));
	for (int i = 0; commit_waits(s) != (standby[0] != '\0'); i++) {
		assert_true(i < 1000);
		clock_sleep_ms(20);
	}
}

static const struct report *deliver(struct scene *s)
{
	pthread_t thread;
	atomic_store(&s->over, false);
	pthread_create(&thread, NULL, cancel_waits, s);
	const struct report *r = fixture_deliver(&s->f);
	atomic_store(&s->over, true);
	pthread_join(thread, NULL);
	return r;
}

static void check(const struct report *r, enum outcome outcome, const char *said, const char *place)
{
	const char *text = place[0] ? r->failure.message : r->failure.next;
	if (r->outcome != outcome || !text || !strstr(text, said) || (place[0] && !str_eq(r->failure.changeset, place)))
		fail_msg("%s: %s %s", outcome_name(r->outcome), r->failure.message ? r->failure.message : "", r->failure.next ? r->failure.next : "");
}

static void test_what_the_standby_has_not_confirmed_is_told(void **state)
{
	struct scene *s = *state;
	fixture_step(&s->f, fixture_changeset(&s->f, "a:one"), STEP_T, "CREATE TABLE one (a int)");
	wait_for(s, "nobody");
	check(deliver(s), OUTCOME_APPLIED, "step 1 of a:one is committed here and not confirmed by the synchronous standby", "a:one");
	assert_string_equal(s->f.report.report.failure.sqlstate, "01000");
	assert_int_equal(s->f.report.report.steps[0].state, STEP_DONE);
	/* A statement of class N, and a failure behind it, which is told first. */
	struct changeset *c = fixture_changeset(&s->f, "a:index");
	fixture_step(&s->f, c, STEP_N, "CREATE INDEX CONCURRENTLY one_a ON one (a)");
	fixture_step(&s->f, fixture_changeset(&s->f, "a:wrong"), STEP_T, "CREATE TABLE one (a int)");
	s->f.task.id[0]++;
	check(deliver(s), OUTCOME_FAILED, "Beside that, step 1 of a:index is committed here", "");
	wait_for(s, "");
	free(server_sql(s->server, "shop", "DROP TABLE one"));
	s->f.task.attempt = 2;
	const struct report *r = fixture_deliver(&s->f);
	assert_int_equal(r->outcome, OUTCOME_APPLIED);
	assert_null(r->failure.message);
}

static int start(void **state)
{
	struct scene *s = mem_alloc(sizeof *s);
	struct err e = ERR_INIT;
	assert_int_equal(engines_init(&e), 0);
	s->server = server_start(DIALECT_POSTGRESQL, false);
	server_create(s->server, "shop");
	s->dsn = server_dsn(s->server, "shop");
	fixture_init_on(&s->f, "postgresql", s->dsn);
	*state = s;
	return 0;
}

static int stop(void **state)
{
	struct scene *s = *state;
	fixture_done(&s->f);
	server_stop(&s->server);
	free(s->dsn);
	free(s);
	engines_done();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_the_standby_has_not_confirmed_is_told)};
	return cmocka_run_group_tests(tests, start, stop);
}
