/* controller/release/online and the gate LK30: what rollcall.yaml and a changeset's line say of MariaDB's DDL stands in the release, and what is released keeps its text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/str.h"
#include "controller/release/build.h"
#include "tests/support/project_folder.h"

#define HEAD   "--liquibase formatted sql\n"
#define YAML   "project: shop\nengines: [mariadb, sqlite]\npipeline: [dev]\n"
#define ONLINE "mariadb: {algorithm: nocopy, lock: none}\n"
#define NOTE   "--changeset a:note\nALTER TABLE t ADD COLUMN note text;\n--rollback ALTER TABLE t DROP COLUMN note;\n"

static struct project_folder folder;

static int setup(void **state)
{
	(void)state;
	project_folder_init(&folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	project_folder_done(&folder);
	return 0;
}

static struct build build_of(const char *yaml, const char *changes, const struct release *previous)
{
	struct build b = {0};
	struct err e = ERR_INIT;
	const struct build_options o = {.folder = folder.path, .previous = previous, .pack = {.version = "2", .sequence = 2, .now_us = 1}};
	project_folder_write(&folder, "rollcall.yaml", yaml);
	project_folder_write(&folder, "changes/a.sql", changes);
	if (build_project(&o, &b, &e) != 0)
		fail_msg("%s", e.msg);
	return b;
}

/* Every statement of one direction, one a line. */
static const char *statements(const struct build *b, const char *engine, bool back)
{
	const char *text = "";
	for (size_t i = 0; i < b->release.n_changesets; i++) {
		const struct body *body = changeset_body(&b->release.changesets[i], engine);
		const struct step *steps = !body ? NULL : back ? body->rollback : body->steps;
		for (size_t k = 0; body && k < (back ? body->n_rollback : body->n_steps); k++)
			for (size_t n = 0; n < steps[k].n_statements; n++)
				text = arena_printf(b->arena, "%s%.*s\n", text, (int)steps[k].statements[n].sql.n, (const char *)steps[k].statements[n].sql.p);
	}
	return text;
}

static void assert_findings(const struct build *b, const char *wanted)
{
	const char *text = "";
	for (size_t i = 0; i < b->findings.n; i++)
		text = arena_printf(b->arena, "%s%s%s %s: %s\n", text, b->findings.list[i].suppressed ? "suppressed " : "", b->findings.list[i].rule,
		                    finding_text(&b->findings.list[i], b->arena), b->findings.list[i].suppressed ? b->findings.list[i].suppressed : "");
	if (!wanted ? *text != '\0' : !strstr(text, wanted))
		fail_msg("findings: %s instead of %s", text, wanted ? wanted : "none");
}

static void test_the_project_says_it(void **state)
{
	(void)state;
	AUTO(build_done)
	struct build b = build_of(YAML ONLINE, HEAD NOTE "--changeset a:index\nCREATE INDEX i ON t (note(9));\nDROP TABLE u;\n--rollback empty\n", NULL);
	assert_string_equal(statements(&b, "mariadb", false), "ALTER TABLE t ADD COLUMN note text, ALGORITHM=NOCOPY, LOCK=NONE\n"
	                                                      "CREATE INDEX i ON t (note(9)) ALGORITHM=NOCOPY LOCK=NONE\nDROP TABLE u\n");
	assert_string_equal(statements(&b, "mariadb", true), "ALTER TABLE t DROP COLUMN note, ALGORITHM=NOCOPY, LOCK=NONE\n");
	assert_string_equal(statements(&b, "sqlite", false), "ALTER TABLE t ADD COLUMN note text\nCREATE INDEX i ON t (note(9))\nDROP TABLE u\n");
	assert_findings(&b, NULL);
}

static void test_the_changeset_says_it(void **state)
{
	(void)state;
	AUTO(build_done)
	struct build b = build_of(
	    YAML ONLINE,
	    HEAD "--changeset a:1 algorithm:copy\nALTER TABLE t MODIFY a bigint;\n--rollback ALTER TABLE t MODIFY a int, ALGORITHM=COPY, LOCK=SHARED;\n"
	         "--changeset a:2 lock:exclusive algorithm:DEFAULT\nALTER TABLE t ADD b int;\n--rollback empty\n"
	         "--changeset a:3 dbms:mariadb\nALTER TABLE t ADD c int, LOCK=SHARED;\n--rollback empty\n",
	    NULL);
	assert_string_equal(statements(&b, "mariadb", false), "ALTER TABLE t MODIFY a bigint, ALGORITHM=COPY\n"
	                                                      "ALTER TABLE t ADD b int, ALGORITHM=DEFAULT, LOCK=EXCLUSIVE\n"
	                                                      "ALTER TABLE t ADD c int, LOCK=SHARED\n");
	assert_string_equal(statements(&b, "mariadb", true), "ALTER TABLE t MODIFY a int, ALGORITHM=COPY, LOCK=SHARED\n");
}

/* Another setting is for what comes: the digest of what targets have already must not change. */
static void test_released_changesets_keep_their_text(void **state)
{
	(void)state;
	static const char more[] = HEAD NOTE "--changeset a:more\nALTER TABLE t ADD COLUMN more int;\n--rollback empty\n";
	AUTO(build_done) struct build plain = build_of(YAML, HEAD NOTE, NULL), online = build_of(YAML ONLINE, HEAD NOTE, NULL);
	AUTO(build_done) struct build later = build_of(YAML ONLINE, more, &plain.release), off = build_of(YAML, more, &online.release);
	AUTO(build_done) struct build other = build_of(YAML "mariadb: {algorithm: instant}\n", more, &online.release);
	assert_memory_equal(later.release.changesets[0].digest, plain.release.changesets[0].digest, DIGEST_SIZE);
	assert_memory_equal(off.release.changesets[0].digest, online.release.changesets[0].digest, DIGEST_SIZE);
	assert_memory_equal(other.release.changesets[0].digest, online.release.changesets[0].digest, DIGEST_SIZE);
	assert_memory_not_equal(plain.release.changesets[0].digest, online.release.changesets[0].digest, DIGEST_SIZE);
	assert_string_equal(statements(&other, "mariadb", false),
	                    "ALTER TABLE t ADD COLUMN note text, ALGORITHM=NOCOPY, LOCK=NONE\nALTER TABLE t ADD COLUMN more int, ALGORITHM=INSTANT\n");
	assert_findings(&later, NULL); /* what is released cannot be changed: nothing is said of it */
	assert_findings(&other, NULL);
}

/* What its own line says is meant for it: a change like any other, with the old digest named. */
static void test_a_line_of_its_own_changes_a_released_changeset(void **state)
{
	(void)state;
	AUTO(build_done) struct build before = build_of(YAML ONLINE, HEAD NOTE, NULL);
	static const char copied[] =
	    HEAD "--changeset a:note algorithm:copy lock:shared\n%sALTER TABLE t ADD COLUMN note text;\n--rollback ALTER TABLE t DROP COLUMN note;\n";
	char hex[DIGEST_HEX_SIZE];
	bytes_to_hex(bytes_of(before.release.changesets[0].digest, DIGEST_SIZE), hex);
	AUTO(build_done) struct build changed = build_of(YAML ONLINE, arena_printf(before.arena, copied, ""), &before.release);
	assert_findings(&changed, "HY16-changed changes/a.sql:2: changeset a:note is not what release 2 holds");
	AUTO(build_done)
	struct build accepted =
	    build_of(YAML ONLINE, arena_printf(before.arena, copied, arena_printf(before.arena, "--validCheckSum: %s\n", hex)), &before.release);
	assert_findings(&accepted, NULL);
	assert_string_equal(statements(&accepted, "mariadb", false), "ALTER TABLE t ADD COLUMN note text, ALGORITHM=COPY, LOCK=SHARED\n");
}

#define LK30(place, table)                                                                                                                      \
	"LK30 changes/a.sql:" place ": ALTER TABLE " table " says neither ALGORITHM nor LOCK: write mariadb: {algorithm: nocopy, lock: none} into " \
	"rollcall.yaml, or algorithm: and lock: into the changeset's line, so that the server refuses instead: "

static void test_the_gate(void **state)
{
	(void)state;
	AUTO(build_done)
	struct build b =
	    build_of(YAML,
	             HEAD NOTE "--changeset a:2 dbms:mariadb\nALTER TABLE u ADD a int, LOCK=NONE;\nALTER TABLE p DROP PARTITION p1;\nCREATE INDEX i ON "
	                       "t (note(9));\n--rollback empty\n"
	                       "--changeset a:3 dbms:sqlite\nALTER TABLE s ADD a int;\n--rollback empty\n"
	                       "--changeset a:4 dbms:mariadb\n--lint-ignore LK30 reason:\"a dozen rows\"\nALTER TABLE few ADD a int;\n--rollback empty\n",
	             NULL);
	assert_findings(&b, LK30("3", "t") "\n" LK30("4", "t") "\nsuppressed " LK30("15", "few") "a dozen rows\n");
	assert_int_equal(b.findings.n, 3);
	assert_int_equal(findings_count(&b.findings, GATE_WARN), 2);
}

static void test_mistakes_on_the_line(void **state)
{
	(void)state;
	AUTO(build_done)
	struct build b = build_of(
	    YAML, HEAD "--changeset a:1 algorithm:fast\nSELECT 1;\n--rollback empty\n--changeset a:2 lock:\nSELECT 1;\n--rollback empty\n", NULL);
	assert_findings(&b, "read changes/a.sql:2: algorithm:fast is none of MariaDB's: write instant, nocopy, inplace, copy or default");
	assert_findings(&b, "read changes/a.sql:5: lock: is none of MariaDB's: write none, shared, exclusive or default");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_project_says_it),
	    cmocka_unit_test(test_the_changeset_says_it),
	    cmocka_unit_test(test_released_changesets_keep_their_text),
	    cmocka_unit_test(test_a_line_of_its_own_changes_a_released_changeset),
	    cmocka_unit_test(test_the_gate),
	    cmocka_unit_test(test_mistakes_on_the_line),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
