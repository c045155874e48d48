/* The splitter against the server's own parser: every piece that it cuts from a script is one statement to MariaDB's PREPARE, and two pieces joined never are. The same for
 * hundreds of mutants, scripts with one mark taken out or doubled: where a piece is none, no other delimiter ends one there either, so it was the script and not the splitter. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "common/base/str.h"
#include "common/sql/split.h"
#include "tests/support/prepare.h"
#include "tests/support/split_marks.h"

static const struct {
	const char *script;
	size_t pieces;
} scripts[] = {
    {"CREATE TABLE a (b varchar(20) DEFAULT 'x;y');\nINSERT INTO a VALUES ('it''s; ok'), (\"a;b\\\"c\");", 2},
    {"-- a; comment\nSELECT 1; # another; one\nSELECT 2 /* ; */;\nSELECT 3", 3},
    {"SELECT `a;b` FROM (SELECT 1 AS `a;b`) x; SELECT 2", 2},
    {"DELIMITER //\nCREATE PROCEDURE p() BEGIN DECLARE i int DEFAULT 0; WHILE i < 3 DO SET i = i + 1; END WHILE; END//\nDELIMITER ;\nSELECT 1;", 2},
    {"DELIMITER $$\nCREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN IF NEW.b = ';' THEN SET NEW.b = 'x'; END IF; END$$\nDELIMITER ;", 1},
    {"CREATE PROCEDURE q() BEGIN SELECT CASE WHEN 1 THEN 2 END; SELECT IF(1, 2, 3); END; SELECT 4;", 2},
    {"CREATE FUNCTION f() RETURNS int DETERMINISTIC RETURN 1; SELECT 5;", 2},
    {"/*!40101 SET NAMES utf8mb4 */; /*M!100100 SET @x = 1 */; SELECT 6;", 3},
    {"CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN DELETE FROM a; DELETE FROM a; END; SELECT 7", 2},
    {"ALTER TABLE a ADD COLUMN c int COMMENT 'semi;colon', ADD INDEX (c); DROP TABLE a;", 2},
    {"SELECT '\\\\'; SELECT '\\';'; SELECT \"\\\";\"; SELECT 'a' 'b;'", 4},
    {"SELECT 1--1; SELECT 2 -- ;\n; SELECT 0x3B, x'3b', _utf8mb4';'", 3},
    {"BEGIN NOT ATOMIC SELECT 1; SELECT 2; END; SELECT 8;", 2},
};

struct seen {
	size_t n;
	struct buf previous;
	const char *script;
};

static int piece(void *arg, const struct piece *p, struct err *e)
{
	(void)e;
	struct seen *s = arg;
	int code = prepare(p->sql);
	if (code == PREPARE_NOT_SQL)
		fail_msg("piece %zu of\n%s\nis no statement to the server: %.*s", s->n + 1, s->script, (int)p->sql.n, (const char *)p->sql.p);
	if (s->previous.n) {
		buf_adds(&s->previous, ";\n");
		buf_add(&s->previous, p->sql.p, p->sql.n);
		assert_int_equal(prepare(buf_bytes(&s->previous)), PREPARE_NOT_SQL);
	}
	buf_clear(&s->previous);
	buf_add(&s->previous, p->sql.p, p->sql.n);
	s->n++;
	return 0;
}

static void test_every_piece_is_one_statement(void **state)
{
	(void)state;
	const struct split_options o = {.split = true, .first_line = 1};
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		struct seen seen = {.script = scripts[i].script};
		struct err e = ERR_INIT;
		int rc = sql_split(DIALECT_MARIADB, bytes_of_str(scripts[i].script), &o, piece, &seen, &e);
		buf_done(&seen.previous);
		if (rc != 0)
			fail_msg("%s\n%s", scripts[i].script, e.msg);
		if (seen.n != scripts[i].pieces)
			fail_msg("%zu pieces instead of %zu of\n%s", seen.n, scripts[i].pieces, scripts[i].script);
	}
}

/* ---- mutants ---- */

#define SCRIPT_MAX ((size_t)1 << 20)

struct judging {
	struct bytes script;
	const char *name;
	bool over; /* a piece was no statement: nothing behind it would run */
	unsigned pieces, refused, mutants;
};

/* The delimiter in force at `at`, by the client's rule. */
static struct bytes delimiter_at(struct bytes script, size_t at)
{
	struct bytes found = bytes_of_str(";");
	static const char word[] = "DELIMITER ";
	for (size_t i = 0; i + sizeof word < at; i++) {
		size_t n = 0, w = i + sizeof word - 1;
		if ((i && script.p[i - 1] != '\n') || strncasecmp((const char *)script.p + i, word, sizeof word - 1) != 0)
			continue;
		while (w + n < at && !strchr(" \t\n", script.p[w + n]))
			n++;
		found = n ? bytes_of(script.p + w, n) : found;
	}
	return found;
}

/* One statement, and its end does not lie in a comment: there, anything might follow on the line. */
static bool ends_a_statement(struct bytes text)
{
	AUTO(buf_done) struct buf more = BUF_INIT;
	if (prepare(text) == PREPARE_NOT_SQL)
		return false;
	buf_add(&more, text.p, text.n);
	buf_adds(&more, " )(");
	return prepare(buf_bytes(&more)) == PREPARE_NOT_SQL;
}

/* Does another delimiter than the piece's own end a statement that begins where it does? */
static void judge_alternatives(const struct judging *j, const struct piece *p, const char *why)
{
	size_t from = (size_t)(p->sql.p - j->script.p);
	struct bytes end = delimiter_at(j->script, from);
	for (size_t at = from + 1; at + end.n <= j->script.n; at++) {
		struct bytes other = bytes_of(p->sql.p, at - from);
		if (memcmp(j->script.p + at, end.p, end.n) != 0 || other.n == p->sql.n || !ends_a_statement(other))
			continue;
		fail_msg("%s: the splitter cuts %.*s\n---- which is no statement (%s), and the server would take\n%.*s", j->name, (int)p->sql.n,
		         (const char *)p->sql.p, why, (int)other.n, (const char *)other.p);
	}
}

static int judge_piece(void *arg, const struct piece *p, struct err *e)
{
	(void)e;
	struct judging *j = arg;
	if (j->over)
		return 0;
	j->pieces++;
	j->over = prepare(p->sql) == PREPARE_NOT_SQL;
	if (j->over)
		judge_alternatives(j, p, "1064");
	return 0;
}

static void judge_mutant(struct judging *j, struct bytes script, const struct split_mark *m, bool twice)
{
	const struct split_options o = {.split = true, .first_line = 1};
	AUTO(buf_done) struct buf mutant = split_mutant(script, m, twice);
	char name[400];
	struct err e = ERR_INIT;
	snprintf(name, sizeof name, "%s %s '%.*s' at %zu", j->name, twice ? "with two" : "without", (int)m->n, (const char *)script.p + m->at, m->at);
	struct judging one = {.script = buf_bytes(&mutant), .name = name};
	int rc = sql_split(DIALECT_MARIADB, one.script, &o, judge_piece, &one, &e);
	j->refused += rc != 0 || one.over;
	j->pieces += one.pieces;
	j->mutants++;
}

static void judge_script(struct judging *j, struct bytes script)
{
	static struct split_mark marks[SPLIT_MARKS_MAX];
	size_t n = split_marks_find(DIALECT_MARIADB, script, true, marks);
	for (size_t i = 0; i < n * 2; i++)
		judge_mutant(j, script, &marks[i / 2], i % 2);
}

static void judge_file(struct judging *j, const char *folder, const char *file)
{
	AUTO(buf_done) struct buf script = BUF_INIT;
	AUTO(mem_free_ptr) char *path = file_join(folder, file);
	struct err e = ERR_INIT;
	if (file_read(path, SCRIPT_MAX, &script, &e) != 0)
		fail_msg("%s", e.msg);
	j->name = path;
	judge_script(j, buf_bytes(&script));
	j->name = NULL;
}

static void test_mutants(void **state)
{
	static const char folder[] = "tests/data/split/mariadb";
	struct judging j = {0};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		j.name = scripts[i].script;
		judge_script(&j, bytes_of_str(scripts[i].script));
	}
	DIR *d = opendir(folder);
	assert_non_null(d);
	for (struct dirent *f; (f = readdir(d));)
		if (str_ends(f->d_name, ".sql"))
			judge_file(&j, folder, f->d_name);
	closedir(d);
	print_message("mariadb: %u mutants, %u pieces prepared, %u mutants refused\n", j.mutants, j.pieces, j.refused);
	assert_true(j.mutants > 500);
	assert_true(j.refused > j.mutants / 4 && j.refused < j.mutants); /* or nothing was changed that matters, or all was broken */
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_piece_is_one_statement), cmocka_unit_test(test_mutants)};
	return cmocka_run_group_tests(tests, prepare_start, prepare_stop);
}
