/* Rows of the list of crash points. */
#include "tests/support/row_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/verify/verify.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"

#define ROWS_MAX   128
#define BECOMES_MS 60000

static struct row_bench bench;
static const char *preparation;

void row_sql(struct row_bench *b, const char *sql)
{
	if (b->server)
		free(server_sql(b->server, b->database, sql));
	else
		fixture_sql(&b->f, sql);
}

const char *row_value(struct row_bench *b, const char *sql)
{
	return b->server ? server_value(b->server, b->database, sql, b->f.arena) : fixture_value(&b->f, sql);
}

void row_is(struct row_bench *b, const char *sql, const char *wanted)
{
	const char *found = row_value(b, sql);
	if (!str_eq(found, wanted))
		fail_msg("%s: %s instead of %s", sql, found, wanted);
}

void row_becomes(struct row_bench *b, const char *sql, const char *wanted)
{
	int64_t end_us = clock_mono_us() + BECOMES_MS * 1000;
	while (!str_eq(row_value(b, sql), wanted)) {
		if (clock_mono_us() > end_us)
			fail_msg("%s: not %s within %d ms", sql, wanted, BECOMES_MS);
		clock_sleep_ms(20);
	}
}

void row_applied(struct row_bench *b, size_t done)
{
	const struct report *r = fixture_deliver(&b->f);
	if (r->outcome != OUTCOME_APPLIED)
		fail_msg("%s: %s", outcome_name(r->outcome), r->failure.message ? r->failure.message : "");
	row_is(b,
	       b->dialect == DIALECT_POSTGRESQL ? "SELECT count(*) FROM rollcall.ledger WHERE state = 'done'"
	                                        : "SELECT count(*) FROM rollcall_ledger WHERE state = 'done'",
	       arena_printf(b->f.arena, "%zu", done));
}

void row_refused(struct row_bench *b, const char *check, const char *message)
{
	struct err e = ERR_INIT;
	const char *got = check_title(verify_statements(&b->f.verified.release, b->f.engine.name, false, &e));
	if (!str_eq(got, check) || !strstr(e.msg, message))
		fail_msg("refused by %s: %s", got, e.msg);
}

pid_t row_outsider(struct row_bench *b, const char *sql)
{
	return server_session(b->server, b->database, sql);
}

void row_end(pid_t outsider)
{
	assert_int_equal(waitpid(outsider, NULL, 0), outsider);
}

/* The program beside this one: build/MODE/tests/fault/proxy. */
static pid_t start_proxy(const char *dir, int port)
{
	char self[512], number[16];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	assert_true(n > 0);
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	char *program = file_join(self, "../fault/proxy");
	snprintf(number, sizeof number, "%d", port);
	pid_t pid = fork();
	if (pid == 0) {
		execl(program, program, dir, number, "1", NULL);
		_exit(127);
	}
	free(program);
	return pid;
}

void row_lose(struct row_bench *b, const char *word, unsigned times)
{
	AUTO(buf_done) struct buf port = BUF_INIT;
	AUTO(mem_free_ptr) char *port_file = file_join(b->f.dir, "port"), *rules = file_join(b->f.dir, "rules");
	struct err e = ERR_INIT;
	b->proxy = start_proxy(b->f.dir, server_port(b->server));
	for (int i = 0; file_read(port_file, 16, &port, &e) != 0; i++) {
		assert_true(i < 500);
		clock_sleep_ms(10);
	}
	port.p[strcspn(port.p, "\n")] = '\0';
	b->f.target.dsn = arena_printf(b->f.arena, "%s://rollcall@127.0.0.1:%s/%s", b->f.engine.name, port.p, b->database);
	FILE *f = fopen(rules, "we");
	assert_non_null(f);
	fprintf(f, "lose %s %u\n", word, times);
	assert_int_equal(fclose(f), 0);
}

void row_kill_agent(struct row_bench *b, pid_t agent)
{
	kill(agent, SIGKILL);
	assert_int_equal(fixture_wait(&b->f, agent), -1);
}

void row_step(struct row_bench *b, const char *id, enum step_class class, const char *sql)
{
	fixture_step(&b->f, fixture_changeset(&b->f, id), class, sql);
}

/* ---- the run ---- */

static int setup(void **state)
{
	struct row_bench *b = &bench;
	*state = b;
	snprintf(b->database, sizeof b->database, "row_%u", ++b->n);
	if (b->server) {
		server_create(b->server, b->database);
		b->dsn = server_dsn(b->server, b->database);
		fixture_init_on(&b->f, dialect_name(b->dialect), b->dsn);
		row_sql(b, preparation);
	} else {
		fixture_init(&b->f);
		fixture_sql(&b->f, preparation);
	}
	b->f.budget_ms = 30000;
	return 0;
}

static int teardown(void **state)
{
	struct row_bench *b = *state;
	if (b->proxy) {
		kill(b->proxy, SIGTERM);
		assert_int_equal(waitpid(b->proxy, NULL, 0), b->proxy);
		b->proxy = 0;
	}
	fixture_done(&b->f);
	free(b->dsn);
	b->dsn = NULL;
	return 0;
}

static void run_row(void **state)
{
	struct row_bench *b = *state;
	b->row->run(b);
}

static int start_row(void **state)
{
	bench.row = *state;
	return setup(state);
}

int rows_run(enum dialect d, const char *prepare, const struct row_test *rows, size_t n, int argc, char **argv)
{
	struct CMUnitTest tests[ROWS_MAX];
	struct err e = ERR_INIT;
	size_t n_tests = 0;
	if (engines_init(&e) != 0 || n > ROWS_MAX)
		return 1;
	preparation = prepare;
	bench = (struct row_bench){.dialect = d, .server = d == DIALECT_SQLITE ? NULL : server_start(d, false)};
	for (size_t i = 0; i < n; i++)
		if (argc < 2 || strstr(rows[i].name, argv[1]))
			tests[n_tests++] = (struct CMUnitTest){rows[i].name, run_row, start_row, teardown, (void *)(uintptr_t)&rows[i]};
	int failed = _cmocka_run_group_tests("rows", tests, n_tests, NULL, NULL);
	if (bench.server)
		server_stop(&bench.server);
	engines_done();
	return failed;
}
