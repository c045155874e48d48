/* common/sql/split: each row is a script and the pieces that it must fall into, or the exact error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/buf.h"
#include "common/sql/classify.h"
#include "common/sql/split.h"

#define PG DIALECT_POSTGRESQL
#define MA DIALECT_MARIADB
#define LI DIALECT_SQLITE

struct row {
	enum dialect d;
	const char *script;
	const char *want; /* pieces as "line:text" joined by U+00A6, or "!" and the message */
	const char *delimiter;
	bool whole, strip;
};

static int collect(void *arg, const struct piece *p, struct err *e)
{
	struct buf *out = arg;
	(void)e;
	if (out->n)
		buf_adds(out, "¦");
	buf_addf(out, "%u:", p->line);
	buf_add(out, p->sql.p, p->sql.n);
	return 0;
}

static void run_row(const struct row *r)
{
	AUTO(buf_done) struct buf out = BUF_INIT;
	struct err e = ERR_INIT;
	struct split_options o = {.split = !r->whole, .strip_comments = r->strip, .delimiter = r->delimiter, .first_line = 1};
	buf_adds(&out, "");
	if (sql_split(r->d, bytes_of_str(r->script), &o, collect, &out, &e)) {
		buf_clear(&out);
		buf_addf(&out, "!%s", e.msg);
		assert_int_equal(e.code, ERR_PARSE);
	}
	if (strcmp(buf_str(&out), r->want) != 0)
		print_message("script: %s\n", r->script);
	assert_string_equal(buf_str(&out), r->want);
}

static void run_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		run_row(&rows[i]);
}

#define RUN(rows) run_rows(rows, ARRAY_LEN(rows))

static void test_plain(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {.d = PG, .script = "", .want = ""},
	    {.d = PG, .script = " ;; ; \n", .want = ""},
	    {.d = PG, .script = "-- only\n/* comments */;", .want = ""},
	    {.d = PG, .script = "SELECT 1", .want = "1:SELECT 1"},
	    {.d = PG, .script = "SELECT 1;\n\n  SELECT\n 2 ; ", .want = "1:SELECT 1¦3:SELECT\n 2"},
	    {.d = PG, .script = "-- lead\nSELECT 1 /* in */ + 1 -- tail\n;-- end", .want = "2:SELECT 1 /* in */ + 1"},
	    {.d = PG, .script = "\xEF\xBB\xBFSELECT 1;", .want = "1:SELECT 1"},
	    {.d = PG, .script = "SELECT 1;\r\nSELECT 2;\r\n", .want = "1:SELECT 1¦2:SELECT 2"},
	    {.d = MA,
	     .script = "SELECT 1\ngo \nSELECT 2",
	     .want = "!line 2: GO alone on its line, where other tools end a statement: end it with ';' and take the line out, or write endDelimiter:GO"},
	    {.d = LI,
	     .script = "SELECT 4\n/\n2;",
	     .want = "!line 2: '/' alone on its line, where other tools end a statement: end it with ';' and take the line out, or write endDelimiter:/"},
	    {.d = PG, .script = "SELECT a\n GO\n, 4\n / 2, go\nFROM t", .want = "1:SELECT a\n GO\n, 4\n / 2, go\nFROM t"},
	    {.d = PG, .script = "SELECT 'a\nGO\n', $$\nGO\n$$ /*\n/\n*/", .want = "1:SELECT 'a\nGO\n', $$\nGO\n$$"},
	    {.d = PG, .script = "SELECT 1\nGO\n", .want = "1:SELECT 1\nGO", .delimiter = ";"},
	    {.d = PG, .script = "SELECT 1\nGO\n", .want = "1:SELECT 1\nGO", .whole = true},
	};
	RUN(rows);
}

static void test_postgresql_quotes(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {.d = PG, .script = "SELECT $a$;$a$; x", .want = "1:SELECT $a$;$a$¦1:x"},
	    {.d = PG, .script = "SELECT $$;$a$;$$; x", .want = "1:SELECT $$;$a$;$$¦1:x"},
	    {.d = PG, .script = "SELECT $a$ $b$a$; x", .want = "1:SELECT $a$ $b$a$¦1:x"},
	    {.d = PG, .script = "SELECT $1; x", .want = "1:SELECT $1¦1:x"},
	    {.d = PG, .script = "SELECT a$b$; x", .want = "1:SELECT a$b$¦1:x"},
	    {.d = PG, .script = "SELECT 1 /* a /* ; */ ; */ + 1; x", .want = "1:SELECT 1 /* a /* ; */ ; */ + 1¦1:x"},
	    {.d = PG, .script = "SELECT '\\'; x", .want = "1:SELECT '\\'¦1:x"},
	    {.d = PG, .script = "SELECT 'it''s;'; x", .want = "1:SELECT 'it''s;'¦1:x"},
	    {.d = PG, .script = "SELECT E'\\';'; x", .want = "1:SELECT E'\\';'¦1:x"},
	    {.d = PG, .script = "SELECT U&'\\0061;\\'; x", .want = "1:SELECT U&'\\0061;\\'¦1:x"},
	    {.d = PG, .script = "SELECT \"a;\"\"b\"; x", .want = "1:SELECT \"a;\"\"b\"¦1:x"},
	    {.d = PG, .script = "SELECT 1--;\n; x", .want = "1:SELECT 1¦2:x"},
	    {.d = PG, .script = "SELECT 1 -- a\rFROM t; x", .want = "1:SELECT 1 -- a\rFROM t¦1:x"},
	    {.d = PG, .script = "SELECT a[1:2], b[1:'2'], c::\"char\"; x", .want = "1:SELECT a[1:2], b[1:'2'], c::\"char\"¦1:x"},
	    {.d = PG,
	     .script = "CREATE RULE r AS ON INSERT TO t DO ALSO (DELETE FROM a; DELETE FROM b); x",
	     .want = "1:CREATE RULE r AS ON INSERT TO t DO ALSO (DELETE FROM a; DELETE FROM b)¦1:x"},
	};
	RUN(rows);
}

static void test_postgresql_bodies(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {.d = PG,
	     .script = "DO $$ BEGIN IF true THEN PERFORM 1; END IF; END $$; x",
	     .want = "1:DO $$ BEGIN IF true THEN PERFORM 1; END IF; END $$¦1:x"},
	    {.d = PG,
	     .script = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 ELSE 2 END; END; x",
	     .want = "1:CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 ELSE 2 END; END¦1:x"},
	    {.d = PG,
	     .script = "create or replace procedure p() language sql begin atomic insert into t(\"end\") values (1); select t.end from t; end;\nx",
	     .want = "1:create or replace procedure p() language sql begin atomic insert into t(\"end\") values (1); select t.end from t; end¦2:x"},
	    {.d = PG, .script = "BEGIN; SELECT 1; END; x", .want = "1:BEGIN¦1:SELECT 1¦1:END¦1:x"},
	};
	RUN(rows);
}

static void test_mariadb_tokens(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {.d = MA, .script = "SELECT `a;``b`; x", .want = "1:SELECT `a;``b`¦1:x"},
	    {.d = MA, .script = "SELECT 5--x;\nSELECT 1 -- x;\n; y", .want = "1:SELECT 5--x¦2:SELECT 1¦3:y"},
	    {.d = MA, .script = "--x;\nSELECT 1; ---- y;\n--\nz", .want = "2:SELECT 1¦4:z"},
	    {.d = MA, .script = "SELECT 1 # ;\n; x", .want = "1:SELECT 1¦2:x"},
	    {.d = MA, .script = "SELECT 1 /* /* ; */; x", .want = "1:SELECT 1¦1:x"},
	    {.d = MA, .script = "SELECT '\\';'; x", .want = "1:SELECT '\\';'¦1:x"},
	    {.d = MA, .script = "SELECT \"a\\\";b\"; x", .want = "1:SELECT \"a\\\";b\"¦1:x"},
	    {.d = MA,
	     .script = "/*!40101 SET NAMES utf8 */;\n/*M!100100 SET a=1*/; x",
	     .want = "1:/*!40101 SET NAMES utf8 */¦2:/*M!100100 SET a=1*/¦2:x"},
	    {.d = MA, .script = "SELECT 1 /*!50000 ; */; x", .want = "1:SELECT 1 /*!50000 ; */¦1:x"},
	    {.d = MA, .script = "SELECT 1 /*!50000 ';' , 2 */; x", .want = "1:SELECT 1 /*!50000 ';' , 2 */¦1:x"},
	    {.d = MA, .script = "SELECT \\N; x", .want = "1:SELECT \\N¦1:x"},
	    {.d = MA, .script = "SELECT begin, t.end FROM t; x", .want = "1:SELECT begin, t.end FROM t¦1:x"},
	    {.d = MA, .script = "BEGIN; x; COMMIT;", .want = "1:BEGIN¦1:x¦1:COMMIT"},
	};
	RUN(rows);
}

static void test_mariadb_delimiter(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {.d = MA,
	     .script = "a;\nDELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1; END//\nb//\nDELIMITER ;\nc;",
	     .want = "1:a¦3:CREATE PROCEDURE p() BEGIN SELECT 1; END¦4:b¦6:c"},
	    {.d = MA,
	     .script = "a; delimiter $$\nCREATE PROCEDURE p() BEGIN SELECT 1; END$$\ndelimiter ;\nc",
	     .want = "1:a¦2:CREATE PROCEDURE p() BEGIN SELECT 1; END¦4:c"},
	    {.d = MA,
	     .script = "DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN\nSET "
	               "NEW.a=1; SET NEW.b=2;\nEND */;;\nDELIMITER ;\n",
	     .want = "2:/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN\nSET NEW.a=1; SET "
	             "NEW.b=2;\nEND */"},
	    {.d = MA,
	     .script = "DELIMITER //\nDROP PROCEDURE IF EXISTS p;\nCREATE PROCEDURE p() BEGIN SELECT ';'; END;//\n",
	     .want = "2:DROP PROCEDURE IF EXISTS p¦3:CREATE PROCEDURE p() BEGIN SELECT ';'; END"},
	    {.d = MA,
	     .script = "DELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1; END\nDELIMITER ;\nx",
	     .want = "!line 3: DELIMITER line in the middle of a statement: end the statement before it with the delimiter that was chosen"},
	    {.d = MA, .script = "SELECT delimiter FROM t; x", .want = "1:SELECT delimiter FROM t¦1:x"},
	    {.d = MA, .script = "DELIMITER '|'\na|b|", .want = "2:a¦2:b"},
	    {.d = MA,
	     .script = "SELECT 1;\nDELIMITER\n",
	     .want = "!line 2: DELIMITER without an argument: write the new delimiter after it, such as DELIMITER //"},
	    {.d = MA, .script = "DELIMITER \\\\\n", .want = "!line 1: DELIMITER with a backslash: choose another, such as DELIMITER //"},
	};
	RUN(rows);
}

static void test_mariadb_bodies(void **state)
{
	(void)state;
	/* Each is one statement, told apart from the "; x" that follows without any DELIMITER line. */
	static const char *const one[] = {
	    "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END",
	    "CREATE OR REPLACE DEFINER=`root`@`localhost` PROCEDURE IF NOT EXISTS p(IN a INT, OUT b INT) COMMENT 'x' READS SQL DATA BEGIN SELECT 1; END",
	    "CREATE DEFINER=CURRENT_USER() PROCEDURE p() lbl: BEGIN LEAVE lbl; END lbl",
	    "CREATE FUNCTION f(a INT) RETURNS INT DETERMINISTIC RETURN CASE WHEN a THEN 1 ELSE 2 END",
	    "CREATE FUNCTION f(a INT) RETURNS CHAR(10) CHARACTER SET utf8 RETURN IF(a, 'x', 'y')",
	    "CREATE FUNCTION f(a INT) RETURNS INT RETURN a IS NULL",
	    "CREATE FUNCTION f RETURNS STRING SONAME 'f.so'",
	    "CREATE PROCEDURE p() SET @a = IF(1, 2, 3)",
	    "CREATE PROCEDURE p() IF 1 THEN SELECT 1; ELSEIF 2 THEN SELECT 2; ELSE SELECT 3; END IF",
	    "CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW SET NEW.a = 1",
	    "CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW FOLLOWS u BEGIN SET NEW.a = 1; END",
	    "CREATE TRIGGER t AFTER UPDATE ON x FOR EACH ROW IF NEW.a > 1 THEN INSERT INTO l VALUES (1); END IF",
	    "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN DELETE FROM a; DELETE FROM b; END",
	    "CREATE EVENT e ON SCHEDULE AT CURRENT_TIMESTAMP + INTERVAL 1 HOUR DO DELETE FROM a",
	    "ALTER EVENT e DO BEGIN DELETE FROM a; END",
	    "BEGIN NOT ATOMIC DECLARE x INT; IF x THEN SELECT 1; END IF; END",
	    "BEGIN NOT ATOMIC BEGIN SELECT 1; END; END",
	    "IF 1 THEN SELECT 1; END IF",
	    "CASE 1 WHEN 1 THEN SELECT 1; ELSE SELECT 2; END CASE",
	    "WHILE @a < 3 DO SET @a = @a + 1; END WHILE",
	    "REPEAT SET @a = 1; UNTIL @a = 1 END REPEAT",
	    "LOOP SELECT 1; LEAVE l; END LOOP",
	    "l: LOOP SELECT 1; LEAVE l; END LOOP l",
	    "FOR i IN 1..10 DO SELECT i; END FOR",
	    "CREATE PROCEDURE p() BEGIN DECLARE CONTINUE HANDLER FOR NOT FOUND SET d = IF(1, 2, 3); DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN "
	    "ROLLBACK; RESIGNAL; END; SELECT 1; END",
	    "CREATE PROCEDURE p() BEGIN DECLARE c CURSOR FOR SELECT a FROM t; l: LOOP FETCH c INTO x; IF d THEN LEAVE l; END IF; END LOOP l; CLOSE c; "
	    "END",
	    "CREATE PROCEDURE p() BEGIN CASE x WHEN 1 THEN SELECT CASE WHEN a THEN 1 END; ELSE BEGIN END; END CASE; SELECT 2; END",
	    "CREATE PROCEDURE p() BEGIN SELECT REPEAT('a', 3), IF(a, b, c), LEFT(x, 1) FROM t; WHILE CASE WHEN a THEN 1 END DO SELECT 1; END WHILE; END",
	    "CREATE PROCEDURE p() BEGIN SELECT t.begin, t.end, `end` FROM t; UPDATE t SET end = 1; SELECT 3; END",
	    "CREATE PROCEDURE p() BEGIN IF (a > b) THEN SELECT 1; END IF; REPEAT SELECT 1; UNTIL CASE WHEN a THEN 1 END END REPEAT; END",
	    "CREATE PROCEDURE p AS x INT; BEGIN SELECT 1; END",
	    "CREATE FUNCTION f(a INT) RETURN INT IS x INT; BEGIN RETURN 1; END",
	    "CREATE PROCEDURE p() BEGIN FOR i IN 1..3 LOOP SELECT 1; END LOOP; WHILE a LOOP SELECT 2; END LOOP; END",
	    "CREATE PACKAGE pk AS FUNCTION f RETURN INT; PROCEDURE p; END",
	    "CREATE PACKAGE BODY pk AS v INT; FUNCTION f RETURN INT AS y INT; BEGIN RETURN 1; END; PROCEDURE p AS BEGIN SELECT 1; END; BEGIN SELECT 2; "
	    "END",
	    "CREATE PROCEDURE p() BEGIN /* ; */ SELECT ';'; -- ; END\n SELECT 1; # END;\n END",
	};
	for (size_t i = 0; i < ARRAY_LEN(one); i++) {
		AUTO(buf_done) struct buf script = BUF_INIT, want = BUF_INIT;
		buf_addf(&script, "%s;x", one[i]);
		buf_addf(&want, "1:%s¦%u:x", one[i], 1 + (strchr(one[i], '\n') ? 2 : 0));
		run_row(&(struct row){.d = MA, .script = buf_str(&script), .want = buf_str(&want)});
		assert_true(sql_is_single(MA, bytes_of_str(one[i])));
	}
}

static void test_sqlite(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {.d = LI,
	     .script = "CREATE TRIGGER t AFTER INSERT ON x BEGIN UPDATE a SET b=1; SELECT CASE WHEN 1 THEN 2 END; END; y",
	     .want = "1:CREATE TRIGGER t AFTER INSERT ON x BEGIN UPDATE a SET b=1; SELECT CASE WHEN 1 THEN 2 END; END¦1:y"},
	    {.d = LI,
	     .script = "CREATE TEMP TRIGGER t AFTER INSERT ON x BEGIN SELECT 1; END",
	     .want = "1:CREATE TEMP TRIGGER t AFTER INSERT ON x BEGIN SELECT 1; END"},
	    {.d = LI, .script = "SELECT [a;b], `c;d`, \"e;f\", 'g'';'; y", .want = "1:SELECT [a;b], `c;d`, \"e;f\", 'g'';'¦1:y"},
	    {.d = LI, .script = "SELECT 1 /* a /* b */; y", .want = "1:SELECT 1¦1:y"},
	    {.d = LI, .script = "BEGIN; y; END; z", .want = "1:BEGIN¦1:y¦1:END¦1:z"},
	    {.d = LI,
	     .script = "CREATE TRIGGER t AFTER INSERT ON x BEGIN UPDATE a SET b=1;",
	     .want = "!line 1: unterminated trigger: end it with ; END;"},
	    {.d = LI,
	     .script = "SELECT 1;\n.read x.sql\n",
	     .want = "!line 2: sqlite3 shell command: the shell does not run here, write it as SQL or take it out"},
	};
	RUN(rows);
}

static void test_end_delimiter(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {.d = PG, .script = "a\n//\nb//c", .want = "1:a¦3:b¦3:c", .delimiter = "//"},
	    {.d = PG, .script = "SELECT 4 / 2\n/\nb", .want = "1:SELECT 4 / 2¦3:b", .delimiter = "/"},
	    {.d = PG, .script = "SELECT 4\n / 2\n/\nb", .want = "1:SELECT 4\n / 2¦4:b", .delimiter = "\n/"},
	    {.d = PG, .script = "SELECT 4\n / 2\n/\nb", .want = "1:SELECT 4\n / 2¦4:b", .delimiter = "\\n/\\s*\\n|\\n/\\s*$"},
	    {.d = PG, .script = "SELECT go FROM t\nGO\nb go", .want = "1:SELECT go FROM t¦3:b", .delimiter = "GO"},
	    {.d = PG, .script = "SELECT 1\ngo  \nb", .want = "1:SELECT 1¦3:b", .delimiter = "\\nGO"},
	    {.d = PG, .script = "SELECT 1\ngo\nb", .want = "1:SELECT 1¦3:b", .delimiter = "^GO$"},
	    {.d = MA,
	     .script = "CREATE PROCEDURE p() BEGIN SELECT 1; END$$ b$$",
	     .want = "1:CREATE PROCEDURE p() BEGIN SELECT 1; END¦1:b",
	     .delimiter = "$$"},
	    {.d = MA, .script = "a$$ b$$", .want = "1:a¦1:b", .delimiter = "\\$\\$"},
	    {.d = PG, .script = "SELECT '//' -- //\n, \"//\"//b", .want = "1:SELECT '//' -- //\n, \"//\"¦2:b", .delimiter = "//"},
	    {.d = PG, .script = "a; b//c", .want = "1:a¦1:b¦1:c", .delimiter = "//"},
	    {.d = PG, .script = "a; b", .want = "1:a¦1:b", .delimiter = ";"},
	    {.d = PG,
	     .script = "a",
	     .want = "!endDelimiter '(a|b)\\d': this regular expression is not supported: write plain text, such as // or GO",
	     .delimiter = "(a|b)\\d"},
	    {.d = PG, .script = "a", .want = "!endDelimiter: 0 bytes: write 1 to 63", .delimiter = ""},
	};
	RUN(rows);
}

static void test_whole_and_strip(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {.d = PG, .script = "-- c\nSELECT 1; SELECT 2;\n", .want = "2:SELECT 1; SELECT 2", .whole = true},
	    {.d = PG, .script = "a // b", .want = "1:a // b", .whole = true, .delimiter = "//"},
	    {.d = MA,
	     .script = "DELIMITER //\n",
	     .want = "!line 1: DELIMITER line in text that is not split: take it out, or split statements",
	     .whole = true},
	    {.d = PG, .script = "SELECT/* a */1 -- b\n  , '--' /* c */;x", .want = "1:SELECT 1\n, '--'¦2:x", .strip = true},
	    {.d = MA,
	     .script = "SELECT /*+ hint */ 1 /*!50000 , 2 */ # gone\n, 3;",
	     .want = "1:SELECT /*+ hint */ 1 /*!50000 , 2 */\n, 3",
	     .strip = true},
	    {.d = PG, .script = "a /* x */; b -- y\n;", .want = "1:a ; b", .strip = true, .whole = true},
	    {.d = MA, .script = "SELECT 5 --/* keep */x;", .want = "1:SELECT 5 --/* keep */x", .strip = true},
	};
	RUN(rows);
}

static void test_errors(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {.d = PG, .script = "SELECT 1;\nSELECT 'a;\n", .want = "!line 2: unterminated string: close it with '"},
	    {.d = PG, .script = "SELECT E'a\\';", .want = "!line 1: unterminated string: close it with '"},
	    {.d = MA, .script = "SELECT 'a\\';", .want = "!line 1: unterminated string: close it with '"},
	    {.d = PG, .script = "SELECT \"a", .want = "!line 1: unterminated identifier: close it with \""},
	    {.d = MA, .script = "SELECT `a", .want = "!line 1: unterminated identifier: close it with `"},
	    {.d = LI, .script = "SELECT [a", .want = "!line 1: unterminated identifier: close it with ]"},
	    {.d = PG, .script = "SELECT 1 /* /* */", .want = "!line 1: unterminated comment: close it with */"},
	    {.d = PG, .script = "\nSELECT $a$ b $b$", .want = "!line 2: unterminated dollar quote $a$: close it with the same tag"},
	    {.d = PG, .script = "SELECT (1;\n", .want = "!line 1: unterminated parenthesis: close it with )"},
	    {.d = PG, .script = "\nCREATE FUNCTION f() BEGIN ATOMIC SELECT 1;", .want = "!line 2: unterminated BEGIN or compound statement: add its END"},
	    {.d = MA, .script = "CREATE PROCEDURE p()\nBEGIN SELECT 1;", .want = "!line 2: unterminated BEGIN or compound statement: add its END"},
	    {.d = MA,
	     .script = "DELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1;//",
	     .want = "!line 2: unterminated BEGIN or compound statement: add its END"},
	    {.d = MA, .script = "SELECT 1 /*!50000 , 2", .want = "!line 1: unterminated versioned comment: close it with */"},
	    {.d = MA,
	     .script = "SELECT 1 /*!50000 ; DROP TABLE x */",
	     .want = "!line 1: two statements around a ';' in a versioned comment: write them apart"},
	    {.d = PG, .script = "SELECT 1;\n\\d t\n", .want = "!line 2: psql command \\d: psql does not run here, write it as SQL or take it out"},
	    {.d = PG, .script = "SELECT 1 \\gexec", .want = "!line 1: psql command \\gexec: psql does not run here, write it as SQL or take it out"},
	    {.d = PG, .script = "SELECT :'v'", .want = "!line 1: psql variable :'v': psql does not run here, write the value"},
	    {.d = PG,
	     .script = "COPY t (a) FROM stdin;\n1\n\\.\n",
	     .want = "!line 1: COPY FROM stdin: its data lines need psql, write INSERT statements"},
	    {.d = MA,
	     .script = "SELECT 1\\G",
	     .want = "!line 1: client command \\G: the mariadb client does not run here, end statements with ';' and take it out"},
	    {.d = MA,
	     .script = "source x.sql",
	     .want = "!line 1: client command source: the mariadb client does not run here, put the file's statements here"},
	    {.d = PG, .script = "SELECT 1;\nSELECT '\xC3'", .want = "!line 2: invalid UTF-8: save the file as UTF-8"},
	};
	RUN(rows);
	struct err e = ERR_INIT;
	assert_int_equal(sql_split(PG, bytes_of("a;\nb\0c", 6), NULL, collect, &(struct buf){0}, &e), -1);
	assert_string_equal(e.msg, "line 2: NUL byte: take it out, or save the file as UTF-8 if it is UTF-16");
}

static int refuse(void *arg, const struct piece *p, struct err *e)
{
	(void)arg;
	(void)p;
	return err_set(e, ERR_POLICY, "no");
}

static void test_callback_error_ends_the_split(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	assert_int_equal(sql_split(PG, bytes_of_str("a; 'b"), NULL, refuse, NULL, &e), -1);
	assert_int_equal(e.code, ERR_POLICY);
	assert_string_equal(e.msg, "no");
}

static void test_is_single(void **state)
{
	(void)state;
	assert_true(sql_is_single(PG, bytes_of_str("SELECT 1")));
	assert_true(sql_is_single(PG, bytes_of_str("SELECT 1;")));
	assert_false(sql_is_single(PG, bytes_of_str("SELECT 1; DROP TABLE t")));
	assert_false(sql_is_single(PG, bytes_of_str("-- nothing")));
	assert_false(sql_is_single(PG, bytes_of_str("")));
	assert_false(sql_is_single(PG, bytes_of_str("SELECT 'a")));
	assert_false(sql_is_single(MA, bytes_of_str("DELIMITER //\nSELECT 1")));
	assert_false(sql_is_single(MA, bytes_of_str("SELECT 1 /*!50000 ; DROP TABLE t */")));
	assert_false(sql_is_single(MA, bytes_of_str("SELECT 5--1;DROP TABLE t")));
	assert_true(sql_is_single(PG, bytes_of_str("SELECT 5--1;DROP TABLE t")));
	assert_false(sql_is_single(PG, bytes_of_str("SELECT 1 -- a\r; DROP TABLE t")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_plain),
	    cmocka_unit_test(test_postgresql_quotes),
	    cmocka_unit_test(test_postgresql_bodies),
	    cmocka_unit_test(test_mariadb_tokens),
	    cmocka_unit_test(test_mariadb_delimiter),
	    cmocka_unit_test(test_mariadb_bodies),
	    cmocka_unit_test(test_sqlite),
	    cmocka_unit_test(test_end_delimiter),
	    cmocka_unit_test(test_whole_and_strip),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_callback_error_ends_the_split),
	    cmocka_unit_test(test_is_single),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
