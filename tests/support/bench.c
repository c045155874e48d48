/* Starts the engines' databases and gives each test its own. */
#include "tests/support/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"

static struct bench benches[] = {
    {
        .dialect = DIALECT_SQLITE,
        .slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) SELECT count(*) FROM n",
        .set = "PRAGMA foreign_keys = ON",
        .show = "PRAGMA foreign_keys",
        .temporary = "CREATE TEMP TABLE leftover (a int)",
    },
    {
        .dialect = DIALECT_POSTGRESQL,
        .slow = "SELECT count(*) FROM generate_series(1, 2000000000) a",
        .set = "SET search_path = pg_catalog",
        .show = "SHOW search_path",
        .temporary = "CREATE TEMPORARY TABLE leftover (a int)",
        .row_locks = true,
        .server = true,
    },
    {
        .dialect = DIALECT_MARIADB,
        .slow = "SELECT count(*) FROM information_schema.COLUMNS a, information_schema.COLUMNS b, information_schema.COLUMNS c",
        .set = "SET sql_mode = ''",
        .show = "SELECT @@sql_mode",
        .row_locks = true,
        .server = true,
    },
};

char *bench_dsn_of(struct bench *b, const char *database)
{
	if (b->server)
		return server_dsn(b->process, database);
	struct buf text = BUF_INIT;
	buf_addf(&text, "sqlite:%s/%s.db?create=1", b->dir, database);
	return buf_take(&text);
}

static int setup(void **state)
{
	struct bench *b = *state;
	struct fixture *f = mem_alloc(sizeof *f);
	f->b = b;
	f->en = b->en;
	snprintf(f->database, sizeof f->database, "shop%u", b->databases++);
	if (b->server) {
		server_create(b->process, f->database);
		f->password = secret_new(server_password(b->process), strlen(server_password(b->process)));
	}
	f->dsn = bench_dsn_of(b, f->database);
	f->target = (struct engine_target){.id = "eu/one/shop",
	                                   .dsn = f->dsn,
	                                   .password = f->password,
	                                   .connect_timeout_ms = 5000,
	                                   .lock_timeout_ms = 1000,
	                                   .statement_timeout_ms = 20000};
	f->arena = arena_new(64 << 20);
	OK(f->en->open(&f->target, &f->c, &f->e));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	*state = f->b;
	f->en->close(&f->c);
	arena_destroy(&f->arena);
	secret_destroy(&f->password);
	free(f->dsn);
	free(f);
	return 0;
}

struct conn *bench_another(struct fixture *f)
{
	struct conn *c = NULL;
	OK(f->en->open(&f->target, &c, &f->e));
	return c;
}

void bench_with_limits(struct fixture *f, uint32_t lock_ms, uint32_t statement_ms)
{
	f->target.lock_timeout_ms = lock_ms;
	f->target.statement_timeout_ms = statement_ms;
	f->en->close(&f->c);
	f->c = bench_another(f);
}

int bench_exec_on(struct fixture *f, struct conn *c, const char *sql)
{
	return f->en->exec(c, bytes_of_str(sql), NULL, &f->e);
}

void bench_apply(struct fixture *f, const char *sql)
{
	OK(f->en->begin(f->c, &f->e));
	OK(bench_exec_on(f, f->c, sql));
	OK(f->en->commit(f->c, &f->e));
}

void bench_ddl(struct fixture *f, const char *sql)
{
	if (f->en->caps.transactional_ddl)
		bench_apply(f, sql);
	else
		OK(bench_exec_on(f, f->c, sql));
}

void bench_until_busy(struct fixture *f)
{
	char sql[256];
	if (!f->b->server) {
		clock_sleep_ms(300);
		return;
	}
	snprintf(sql, sizeof sql,
	         f->b->dialect == DIALECT_POSTGRESQL
	             ? "SELECT count(*) FROM pg_stat_activity WHERE datname = '%s' AND usename = 'rollcall' AND state = 'active'"
	             : "SELECT count(*) FROM information_schema.PROCESSLIST WHERE DB = '%s' AND USER = 'rollcall' AND COMMAND = 'Query'",
	         f->database);
	for (int i = 0; i < 3000; i++) {
		AUTO(mem_free_ptr) char *n = server_sql(f->b->process, NULL, sql);
		if (strtol(n, NULL, 10) > 0)
			return;
		clock_sleep_ms(20);
	}
}

int bench_value_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)e;
	struct value *v = arg;
	assert_true(n >= 1);
	str_copy(v->text, sizeof v->text, values[0] ? values[0] : "NULL");
	v->rows++;
	return 0;
}

struct value bench_ask(struct fixture *f, struct conn *c, const char *sql)
{
	struct value v = {"", 0};
	OK(f->en->query(c, bytes_of_str(sql), NULL, 0, bench_value_row, &v, &f->e));
	return v;
}

static int start_all(void **state)
{
	(void)state;
	struct err e;
	assert_int_equal(engines_init(&e), 0);
	for (size_t i = 0; i < ARRAY_LEN(benches); i++) {
		struct bench *b = &benches[i];
		b->en = engine_by_name(dialect_name(b->dialect));
		assert_non_null(b->en);
		if (b->server) {
			b->process = server_start(b->dialect, true);
		} else {
			str_copy(b->dir, sizeof b->dir, "/tmp/rollcall-engine-XXXXXX");
			assert_non_null(mkdtemp(b->dir));
		}
	}
	return 0;
}

static int stop_all(void **state)
{
	(void)state;
	struct err e;
	for (size_t i = 0; i < ARRAY_LEN(benches); i++) {
		server_stop(&benches[i].process);
		if (benches[i].dir[0])
			assert_int_equal(file_remove_tree(benches[i].dir, &e), 0);
	}
	engines_done();
	return 0;
}

static void test_every_engine_has_a_bench(void **state)
{
	(void)state;
	size_t n = 0;
	while (engines[n])
		n++;
	assert_int_equal(n, ARRAY_LEN(benches));
}

int bench_run(const struct bench_test *suite, size_t n_suite, int argc, char **argv)
{
	size_t n = 1, total = ARRAY_LEN(benches) * n_suite + 1;
	struct CMUnitTest *tests = mem_alloc(total * sizeof *tests);
	char(*names)[96] = mem_alloc(total * sizeof *names);
	tests[0] = (struct CMUnitTest)cmocka_unit_test(test_every_engine_has_a_bench);
	for (size_t i = 0; i < ARRAY_LEN(benches); i++)
		for (size_t k = 0; k < n_suite; k++, n++) {
			snprintf(names[n], sizeof names[n], "%s: %s", dialect_name(benches[i].dialect), suite[k].name);
			tests[n] = (struct CMUnitTest){names[n], suite[k].function, setup, teardown, &benches[i]};
		}
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	int failed = _cmocka_run_group_tests("engines", tests, total, start_all, stop_all);
	free(tests);
	free(names);
	return failed;
}
