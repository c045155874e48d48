/* Large input to the splitter: its own memory stays small, whatever it reads, and blocks nested without end are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/buf.h"
#include "common/sql/classify.h"
#include "common/sql/split.h"

static int count(void *arg, const struct piece *p, struct err *e)
{
	(void)p;
	(void)e;
	++*(size_t *)arg;
	return 0;
}

#define OWN_MEMORY_MAX ((size_t)16 << 20)

static size_t status_bytes(const char *name)
{
	char line[256];
	size_t kb = 0, n = strlen(name);
	FILE *f = fopen("/proc/self/status", "re");
	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		if (strncmp(line, name, n) == 0)
			kb = strtoul(line + n, NULL, 10);
	fclose(f);
	return kb * 1024;
}

/* What is resident now; from here on the peak is counted anew. */
static size_t memory_begin(void)
{
	FILE *f = fopen("/proc/self/clear_refs", "we");
	assert_non_null(f);
	fputs("5", f);
	assert_int_equal(fclose(f), 0);
	return status_bytes("VmRSS:");
}

static size_t memory_peak(size_t before)
{
	size_t peak = status_bytes("VmHWM:");
	return peak > before ? peak - before : 0;
}

static void test_the_memory_test_is_not_blind(void **state)
{
	(void)state;
	size_t before = memory_begin(), size = OWN_MEMORY_MAX * 2;
	volatile char *used = test_malloc(size);
	memset((char *)used, 1, size);
	test_free((char *)used);
	assert_true(memory_peak(before) > OWN_MEMORY_MAX);
}

static void test_a_million_statements(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf script = BUF_INIT;
	struct err e = ERR_INIT;
	for (int i = 0; i < 1000000; i++)
		buf_adds(&script, "INSERT INTO t VALUES (1);\n");
	for (int d = 0; d < DIALECT_COUNT; d++) {
		size_t n = 0, before = memory_begin();
		assert_int_equal(sql_split((enum dialect)d, buf_bytes(&script), NULL, count, &n, &e), 0);
		assert_int_equal(n, 1000000);
		assert_in_range(memory_peak(before), 0, OWN_MEMORY_MAX);
	}
}

static void test_a_hundred_megabytes(void **state)
{
	(void)state;
	size_t n = 0, size = (size_t)100 * 1000 * 1000;
	AUTO(buf_done) struct buf script = BUF_INIT;
	struct err e = ERR_INIT;
	buf_adds(&script, "INSERT INTO t VALUES ('");
	buf_reserve(&script, size);
	memset(script.p + script.n, ';', size);
	script.n += size;
	buf_adds(&script, "')");
	size_t before = memory_begin();
	assert_int_equal(sql_split(DIALECT_POSTGRESQL, buf_bytes(&script), NULL, count, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_true(sql_is_single(DIALECT_MARIADB, buf_bytes(&script)));
	assert_in_range(memory_peak(before), 0, OWN_MEMORY_MAX);
}

static void test_deep_nesting_is_refused(void **state)
{
	(void)state;
	size_t n = 0;
	AUTO(buf_done) struct buf script = BUF_INIT;
	struct err e = ERR_INIT;
	buf_adds(&script, "BEGIN NOT ATOMIC ");
	for (int i = 0; i < 100000; i++)
		buf_adds(&script, "BEGIN ");
	assert_int_equal(sql_split(DIALECT_MARIADB, buf_bytes(&script), NULL, count, &n, &e), -1);
	assert_string_equal(e.msg, "line 1: blocks nested too deeply: split the routine");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_memory_test_is_not_blind),
	    cmocka_unit_test(test_a_million_statements),
	    cmocka_unit_test(test_a_hundred_megabytes),
	    cmocka_unit_test(test_deep_nesting_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
