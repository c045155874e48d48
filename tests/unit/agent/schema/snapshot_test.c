/* Snapshots: an engine's rows in, sorted lines out; what differs between two; and one text for one PostgreSQL expression. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/engine/engine_postgres.h"
#include "agent/schema/snapshot.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"

static const char *const (*rows)[3];

static int fake_snapshot(struct conn *c, engine_row_fn *fn, void *arg, struct err *e)
{
	(void)c;
	for (size_t i = 0; rows[i][0]; i++)
		if (fn(arg, 3, rows[i], e) != 0)
			return -1;
	return 0;
}

static const struct engine fake = {.name = "fake", .snapshot = fake_snapshot};

static void test_lines_are_sorted_and_escaped(void **state)
{
	(void)state;
	static const char *const given[][3] = {
	    {"table", "b", "(x)"}, {"routine", "f", "a\\nb\r\n c\\"}, {"schema", "a", "  OWNER x"}, {"schema", "b", NULL}, {0}};
	AUTO(snapshot_done) struct snapshot s = {0};
	struct err e;
	uint8_t digest[DIGEST_SIZE];
	rows = given;
	assert_int_equal(snapshot_take(&fake, NULL, &s, &e), 0);
	assert_string_equal(s.text.p, "# Rollcall snapshot 2 of a fake target\nroutine f a\\\\nb\\r\\n c\\\\\nschema a OWNER x\nschema b\ntable b (x)\n");
	digest_sha256(buf_bytes(&s.text), digest);
	assert_memory_equal(s.fingerprint, digest, DIGEST_SIZE);
	assert_int_equal(s.n_objects, 4);
}

static void test_an_empty_schema_has_a_fingerprint(void **state)
{
	(void)state;
	static const char *const given[][3] = {{0}};
	AUTO(snapshot_done) struct snapshot s = {0};
	struct err e;
	rows = given;
	assert_int_equal(snapshot_take(&fake, NULL, &s, &e), 0);
	assert_string_equal(s.text.p, "# Rollcall snapshot 2 of a fake target\n");
}

static void test_differences(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b, *diff;
		size_t n;
	} cases[] = {
	    {"a\nb\n", "a\nb\n", "", 0},
	    {"", "", "", 0},
	    {"a\nb\nc\n", "a\nc\nd\n", "- b\n+ d\n", 2},
	    {"a\n", "", "- a\n", 1},
	    {"", "a\nab\n", "+ a\n+ ab\n", 2},
	    {"t (a)\n", "t (a, b)\n", "- t (a)\n+ t (a, b)\n", 2},
	    {"a\nb", "a\nb\n", "", 0}, /* a file without its last line break */
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf diff = BUF_INIT;
		assert_int_equal(snapshot_diff(cases[i].a, cases[i].b, &diff), cases[i].n);
		assert_string_equal(buf_str(&diff), cases[i].diff);
	}
}

static void test_postgres_expressions(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out;
	} cases[] = {
	    {"CHECK (a = ANY (ARRAY['x'::character varying, 'y'::character varying]::text[]))",
	     "CHECK (a = ANY (ARRAY['x'::character varying::text, 'y'::character varying::text]))"},
	    {"ARRAY[1, 2]::numeric[] AND b", "ARRAY[1::numeric, 2::numeric] AND b"},
	    {"ARRAY[a || 'b, c', lower(d)]::text[]", "ARRAY[(a || 'b, c')::text, lower(d)::text]"},
	    {"ARRAY['it''s ]'::text, '[']::\"char\"[]", "ARRAY['it''s ]'::text::\"char\", '['::\"char\"]"},
	    {"ARRAY[ARRAY[1]::int[], x]::other.\"T[] x\"[]", "ARRAY[ARRAY[1::int]::other.\"T[] x\", x::other.\"T[] x\"]"},
	    {"ARRAY['a'::text, 'b'::text]", "ARRAY['a'::text, 'b'::text]"},
	    {"'ARRAY[1]::int[]'::text", "'ARRAY[1]::int[]'::text"},
	    {"ARRAY[]::text[]", "ARRAY[]::text[]"},
	    {"(ARRAY[1, 2])[1]", "(ARRAY[1, 2])[1]"},
	    {"ARRAY[1", "ARRAY[1"},
	    {"ARRAY['1", "ARRAY['1"},
	    {"ARRAY[1]::", "ARRAY[1]::"},
	    {"", ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf text = BUF_INIT;
		buf_adds(&text, cases[i].in);
		pg_snapshot_canonical(&text);
		assert_string_equal(buf_str(&text), cases[i].out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines_are_sorted_and_escaped),
	    cmocka_unit_test(test_an_empty_schema_has_a_fingerprint),
	    cmocka_unit_test(test_differences),
	    cmocka_unit_test(test_postgres_expressions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
