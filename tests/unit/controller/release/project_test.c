/* controller/release/project: rollcall.yaml, right and wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "controller/change/change.h"
#include "controller/gate/gates.h"
#include "tests/support/project_folder.h"

#define BASE "project: shop\nengines: [pg, sqlite]\npipeline: [staging, production]\n"

static struct project_folder folder;
static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	project_folder_init(&folder);
	arena = arena_new((size_t)1 << 24);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	project_folder_done(&folder);
	arena_destroy(&arena);
	return 0;
}

static void test_small(void **state)
{
	(void)state;
	struct project p;
	struct err e = ERR_INIT;
	project_folder_write(&folder, "rollcall.yaml", BASE);
	assert_int_equal(project_load(folder.path, arena, &p, &e), 0);
	assert_string_equal(p.name, "shop");
	assert_int_equal(p.engines, ENGINE_BIT(DIALECT_POSTGRESQL) | ENGINE_BIT(DIALECT_SQLITE));
	assert_int_equal(p.n_ranges, 2);
	assert_string_equal(p.ranges[0].engine, "postgresql");
	assert_string_equal(p.changes, "changes");
	assert_null(p.reader);
	assert_false(p.one_transaction);
	assert_null(p.online.algorithm);
	assert_null(p.online.lock);
	assert_int_equal(p.valid_ms, PROJECT_VALID_MS_DEFAULT);
	assert_true(project_has_environment(&p, "staging"));
	assert_false(project_has_environment(&p, "dev"));
}

static void test_whole(void **state)
{
	(void)state;
	struct project p;
	struct err e = ERR_INIT;
	project_folder_write(
	    &folder, "rollcall.yaml",
	    BASE
	    "changes: db/changes\nreader: updown\ntransaction: release\nvalid: 30d\ncontexts: [test]\nversions:\n  - {engine: postgresql, min: \"14\"}\n"
	    "gates:\n  - {rule: pf23, level: warn}\n  - {rule: PF23, level: \"off\", environment: staging}\n  - {rule: PF04, level: \"off\"}\n");
	if (project_load(folder.path, arena, &p, &e) != 0)
		fail_msg("%s", e.msg);
	assert_string_equal(p.changes, "db/changes");
	assert_string_equal(p.reader, "updown");
	assert_true(p.one_transaction);
	assert_int_equal(p.valid_ms, 30ull * 86400000);
	assert_string_equal(p.contexts[0], "test");
	assert_string_equal(p.ranges[0].min_version, "14");
	assert_null(p.ranges[1].min_version);
	const struct gate *g = gate_find("PF23");
	assert_int_equal(gate_level_in(g, &p, "staging"), GATE_OFF);
	assert_int_equal(gate_level_in(g, &p, "production"), GATE_WARN);
	assert_int_equal(gate_level_in(g, &p, NULL), GATE_WARN);
	assert_int_equal(gate_level_in(gate_find("PF04"), &p, NULL), GATE_OFF);
	assert_int_equal(gate_level_in(gate_find("PF05"), &p, NULL), GATE_ERROR);
}

static void test_mariadb(void **state)
{
	(void)state;
	struct project p;
	struct err e = ERR_INIT;
	project_folder_write(&folder, "rollcall.yaml", "project: shop\nengines: [mariadb]\npipeline: [a]\nmariadb: {algorithm: instant, lock: None}\n");
	if (project_load(folder.path, arena, &p, &e) != 0)
		fail_msg("%s", e.msg);
	assert_string_equal(p.online.algorithm, "INSTANT");
	assert_string_equal(p.online.lock, "NONE");
	project_folder_write(&folder, "rollcall.yaml", "project: shop\nengines: [mariadb]\npipeline: [a]\nmariadb: {lock: shared}\n");
	assert_int_equal(project_load(folder.path, arena, &p, &e), 0);
	assert_null(p.online.algorithm);
	assert_string_equal(p.online.lock, "SHARED");
}

static const struct {
	const char *text, *message; /* after "FOLDER/rollcall.yaml:" */
} mistakes[] = {
    {"project: Shop\nengines: [pg]\npipeline: [a]\n", "1: 'Shop' cannot be the name of a project: use a-z, 0-9, '.', '_' and '-'"},
    {"project: shop\nengines: [oracle]\npipeline: [a]\n", "2: engine 'oracle' is unknown: use postgresql, mariadb or sqlite"},
    {"project: shop\nengines: [pg, postgresql]\npipeline: [a]\n", "2: engine postgresql is listed twice: write it once"},
    {"project: shop\nengines: [pg]\npipeline: [a, \"b c\"]\n", "3: 'b c' cannot be the name of an environment: use a-z, 0-9, '.', '_' and '-'"},
    {"project: shop\nengines: [pg]\npipeline: [a, a]\n", "3: environment a is in the pipeline twice: write it once"},
    {BASE "changes: ../elsewhere\n", "4: changes '../elsewhere' is outside of the project: name a folder in it"},
    {BASE "changes: /etc\n", "4: changes '/etc' is outside of the project: name a folder in it"},
    {BASE "changes: a/..\n", "4: changes 'a/..' is outside of the project: name a folder in it"},
    {BASE "reader: liquibase\n", "4: reader 'liquibase' is unknown: use liquibase-sql"},
    {BASE "transaction: all\n", "4: transaction 'all' is unknown: use changeset (each step is one, the default) or release (all of it is one)"},
    {BASE "reader: flyway\n", "4: reader 'flyway' is unknown: use liquibase-sql, updown or diesel"},
    {BASE "valid: 30\n", "4: valid: '30' is not a duration: write a number and a unit, such as 250ms, 5s, 15m, 2h or 7d"},
    {BASE "gates:\n  - {rule: PF24, level: warn}\n", "5: gate 'PF24' is unknown: did you mean PF23"},
    {BASE "gates:\n  - {rule: hello-world, level: warn}\n", "5: gate 'hello-world' is unknown: rollcall lint --gates lists them all"},
    {BASE "gates:\n  - {rule: PF23, level: high}\n", "5: level 'high' is unknown: use error, warn or off"},
    {BASE "gates:\n  - {rule: PF23, level: warn, environment: dev}\n", "5: environment 'dev' is not in the pipeline: add it there, or name another"},
    {BASE "versions:\n  - {engine: pg, min: latest}\n", "5: 'latest' is no version: write numbers and dots, such as 14 or 10.11"},
    {BASE "versions:\n  - {engine: pg, min: \"16\", max: \"14.2\"}\n", "5: min 16 is above max 14.2: no server would do"},
    {BASE "mariadb: {lock: none}\n", "4: mariadb is none of the project's engines: add it to engines, or take this out"},
    {"project: shop\nengines: [mariadb]\npipeline: [a]\nmariadb:\n  algorithm: fast\n",
     "5: algorithm 'fast' is none of MariaDB's: use instant, nocopy, inplace, copy or default"},
    {"project: shop\nengines: [mariadb]\npipeline: [a]\nmariadb: {lock: instant}\n",
     "4: lock 'instant' is none of MariaDB's: use none, shared, exclusive or default"},
    {BASE "versions:\n  - {engine: mariadb, min: \"10.6\"}\n", "5: versions of 'mariadb', which is none of the project's engines: name one of them"},
};

static void test_mistakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
		struct project p;
		struct err e = ERR_INIT;
		project_folder_write(&folder, "rollcall.yaml", mistakes[i].text);
		assert_int_equal(project_load(folder.path, arena, &p, &e), -1);
		assert_string_equal(e.msg, arena_printf(arena, "%s/rollcall.yaml:%s", folder.path, mistakes[i].message));
	}
}

static void test_unknown_key_and_no_file(void **state)
{
	(void)state;
	struct project p;
	struct err e = ERR_INIT;
	project_folder_write(&folder, "rollcall.yaml", BASE "pipelines: [a]\n");
	assert_int_equal(project_load(folder.path, arena, &p, &e), -1);
	assert_non_null(strstr(e.msg, "rollcall.yaml:4: "));
	assert_non_null(strstr(e.msg, "pipelines"));
	project_folder_remove(&folder, "rollcall.yaml");
	assert_int_equal(project_load(folder.path, arena, &p, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_string_equal(e.msg, arena_printf(arena, "%s/rollcall.yaml: no such file: run `rollcall init %s`, or name the folder of a project",
	                                        folder.path, folder.path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_small),
	    cmocka_unit_test(test_whole),
	    cmocka_unit_test(test_mariadb),
	    cmocka_unit_test(test_mistakes),
	    cmocka_unit_test(test_unknown_key_and_no_file),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
