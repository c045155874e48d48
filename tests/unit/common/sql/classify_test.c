/* common/sql/classify: a row for each statement form: class, kind, verb, object. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/buf.h"
#include "common/sql/classify.h"

struct row {
	const char *sql;
	const char *want; /* class kind verb|object kind schema.object parent, see text_of */
};

static const char *const kinds[] = {[SQL_DDL] = "ddl",         [SQL_DML] = "dml",         [SQL_QUERY] = "query", [SQL_TRANSACTION] = "transaction",
                                    [SQL_SESSION] = "session", [SQL_UTILITY] = "utility", [SQL_OTHER] = "other"};

/* "T ddl CREATE INDEX: index s.i of t, if" */
static void text_of(const struct sql_class *c, struct buf *out)
{
	buf_addf(out, "%s %s %s", step_class_name(c->class), kinds[c->kind], c->verb);
	if (c->object_kind[0])
		buf_addf(out, ": %s", c->object_kind);
	if (c->object[0])
		buf_addf(out, " %s%s%s", c->object_schema, c->object_schema[0] ? "." : "", c->object);
	if (c->parent[0])
		buf_addf(out, " of %s", c->parent);
	if (c->if_exists)
		buf_adds(out, ", if");
}

static void run_rows(enum dialect d, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		AUTO(buf_done) struct buf out = BUF_INIT;
		struct sql_class c;
		sql_classify(d, bytes_of_str(rows[i].sql), &c);
		text_of(&c, &out);
		if (strcmp(buf_str(&out), rows[i].want) != 0)
			print_message("%s\n", rows[i].sql);
		assert_string_equal(buf_str(&out), rows[i].want);
		assert_true((c.class == STEP_T) == (c.why == NULL));
	}
}

#define RUN(d, rows) run_rows(d, rows, ARRAY_LEN(rows))

static void test_postgresql_transactional(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {"CREATE TABLE Orders (id int)", "T ddl CREATE TABLE: table orders"},
	    {"create temporary table if not exists s.\"My \"\"T\" (a int)", "T ddl CREATE TABLE: table s.My \"T, if"},
	    {"CREATE UNLOGGED TABLE db.s.t AS SELECT 1", "T ddl CREATE TABLE: table s.t"},
	    {"-- c\n/* d */ ALTER TABLE IF EXISTS ONLY s.t ADD COLUMN a int", "T ddl ALTER TABLE: table s.t, if"},
	    {"ALTER TABLE t RENAME TO u", "T ddl ALTER TABLE: table t of u"},
	    {"ALTER TABLE t RENAME COLUMN a TO b", "T ddl ALTER TABLE: table t"},
	    {"ALTER TABLE p DETACH PARTITION c", "T ddl ALTER TABLE: table p"},
	    {"ALTER TABLE p DETACH PARTITION c FINALIZE", "T ddl ALTER TABLE: table p"},
	    {"CREATE UNIQUE INDEX IF NOT EXISTS i ON ONLY s.t (a)", "T ddl CREATE INDEX: index i of t, if"},
	    {"CREATE INDEX ON t (a)", "T ddl CREATE INDEX: index of t"},
	    {"CREATE OR REPLACE VIEW s.v AS SELECT 1", "T ddl CREATE VIEW: view s.v, if"},
	    {"CREATE MATERIALIZED VIEW v AS SELECT 1", "T ddl CREATE MATERIALIZED VIEW: materialized view v"},
	    {"CREATE TRIGGER g BEFORE INSERT OR UPDATE OF a ON s.t FOR EACH ROW EXECUTE FUNCTION f()", "T ddl CREATE TRIGGER: trigger g of t"},
	    {"CREATE FUNCTION s.f(a int) RETURNS int LANGUAGE sql AS 'SELECT setval(1)'", "T ddl CREATE FUNCTION: function s.f"},
	    {"CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC SELECT setval('x', 1); END", "T ddl CREATE PROCEDURE: procedure p, if"},
	    {"CREATE SEQUENCE IF NOT EXISTS q", "T ddl CREATE SEQUENCE: sequence q, if"},
	    {"CREATE TYPE mood AS ENUM ('a')", "T ddl CREATE TYPE: type mood"},
	    {"ALTER TYPE mood ADD VALUE 'b'", "T ddl ALTER TYPE: type mood"},
	    {"CREATE SCHEMA IF NOT EXISTS s", "T ddl CREATE SCHEMA: schema s, if"},
	    {"CREATE EXTENSION pgcrypto", "T ddl CREATE EXTENSION: extension pgcrypto"},
	    {"DROP TABLE IF EXISTS a CASCADE", "T ddl DROP TABLE: table a, if"},
	    {"DROP TABLE a, b", "T ddl DROP TABLE: table"},
	    {"DROP INDEX i", "T ddl DROP INDEX: index i"},
	    {"DROP TRIGGER g ON t", "T ddl DROP TRIGGER: trigger g of t"},
	    {"DROP FUNCTION f(int, text)", "T ddl DROP FUNCTION: function f"},
	    {"COMMENT ON TABLE t IS 'x'", "T ddl COMMENT"},
	    {"INSERT INTO s.t SELECT nextval('q')", "T dml INSERT: table s.t"},
	    {"UPDATE ONLY t SET a = 1", "T dml UPDATE: table t"},
	    {"DELETE FROM t", "T dml DELETE: table t"},
	    {"TRUNCATE t", "T dml TRUNCATE: table t"},
	    {"COPY t FROM '/x'", "T dml COPY: table t"},
	    {"WITH x AS (SELECT 1) SELECT * FROM x FOR UPDATE", "T query WITH"},
	    {"WITH x AS (DELETE FROM t RETURNING *) SELECT 1", "T dml WITH"},
	    {"WITH x AS (SELECT 1) UPDATE t SET a = 1", "T dml WITH"},
	    {"SELECT a INTO u FROM t", "T ddl SELECT INTO"},
	    {"SELECT 'setval(1)'", "T query SELECT"},
	    {"SELECT pg_create_physical_replication_slot('s')", "X query SELECT"},
	    {"SELECT pg_drop_replication_slot('s')", "X query SELECT"},
	    {"DO $$ BEGIN PERFORM pg_advisory_unlock(1, 2); END $$", "X utility DO"},
	    {"EXPLAIN SELECT 1", "T query EXPLAIN"},
	    {"EXPLAIN (ANALYZE) DELETE FROM t", "T utility EXPLAIN"},
	    {"DO $$ BEGIN PERFORM 1; END $$", "T utility DO"},
	    {"DO ''", "T utility DO"},
	    {"DO $$ BEGIN UPDATE t SET a = client_encoding, b = 2; SET LOCAL standard_conforming_strings = on; END $$", "T utility DO"},
	    {"DO $$$$", "T utility DO"},
	    {"SET search_path = a", "T session SET"},
	    {"SELECT pg_catalog.set_config('search_path', '', false)", "T query SELECT"},
	    {"SELECT set_config('standard_conforming_strings', 'on', false)", "T query SELECT"},
	    {"SELECT set_config('app.' || k, v, true) FROM c", "T query SELECT"},
	    {"SELECT 'set_config(x)', set_config FROM t", "T query SELECT"},
	    {"DO $$ BEGIN PERFORM set_config('lock_timeout', '1s', true); END $$", "T utility DO"},
	    {"SET standard_conforming_strings = on", "T session SET"},
	    {"SET client_encoding = 'UTF8'", "T session SET"},
	    {"SET NAMES 'utf-8'", "T session SET"},
	    {"CLUSTER t USING i", "T utility CLUSTER: table t"},
	    {"REINDEX TABLE t", "T utility REINDEX: table t"},
	    {"GRANT SELECT ON t TO u", "T utility GRANT"},
	    {"ALTER SUBSCRIPTION s SET PUBLICATION p WITH (refresh = false)", "T ddl ALTER SUBSCRIPTION PUBLICATION: subscription s"},
	    {"CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p WITH (create_slot = false)", "T ddl CREATE SUBSCRIPTION: subscription s"},
	    {"FROBNICATE t", "T other FROBNICATE"},
	    {"", "T other "},
	};
	RUN(DIALECT_POSTGRESQL, rows);
}

static void test_postgresql_alone(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {"CREATE INDEX CONCURRENTLY i ON t (a)", "N ddl CREATE INDEX CONCURRENTLY: index i of t"},
	    {"create unique index concurrently if not exists I on S.T (a)", "N ddl CREATE INDEX CONCURRENTLY: index i of t, if"},
	    {"CREATE INDEX CONCURRENTLY ON t (a)", "N ddl CREATE INDEX CONCURRENTLY: index of t"},
	    {"DROP INDEX CONCURRENTLY IF EXISTS s.i", "N ddl DROP INDEX CONCURRENTLY: index s.i, if"},
	    {"REINDEX INDEX CONCURRENTLY i", "N ddl REINDEX CONCURRENTLY: index i"},
	    {"REINDEX TABLE CONCURRENTLY t", "N ddl REINDEX CONCURRENTLY: table t"},
	    {"REINDEX (CONCURRENTLY, VERBOSE) TABLE t", "N utility REINDEX CONCURRENTLY: table t"},
	    {"REINDEX SCHEMA CONCURRENTLY S", "N ddl REINDEX CONCURRENTLY: schema s"},
	    {"REINDEX (CONCURRENTLY) DATABASE d", "N ddl REINDEX CONCURRENTLY: database d"},
	    {"REINDEX SCHEMA s", "N ddl REINDEX"},
	    {"REINDEX (VERBOSE) DATABASE d", "N ddl REINDEX"},
	    {"REINDEX SYSTEM d", "N ddl REINDEX"},
	    {"REINDEX DATABASE CONCURRENTLY", "N ddl REINDEX CONCURRENTLY"},
	    {"REINDEX DATABASE", "N ddl REINDEX"},
	    {"VACUUM (FULL) t", "N utility VACUUM"},
	    {"CREATE DATABASE d", "N ddl CREATE DATABASE: database d"},
	    {"DROP DATABASE IF EXISTS d", "N ddl DROP DATABASE: database d, if"},
	    {"ALTER DATABASE d SET TABLESPACE x", "N ddl ALTER DATABASE SET TABLESPACE: database d"},
	    {"ALTER DATABASE d SET x = 1", "T ddl ALTER DATABASE: database d"},
	    {"CREATE TABLESPACE x LOCATION '/x'", "N ddl CREATE TABLESPACE: tablespace x"},
	    {"DROP TABLESPACE x", "N ddl DROP TABLESPACE: tablespace x"},
	    {"ALTER SYSTEM SET x = 1", "N ddl ALTER SYSTEM"},
	    {"ALTER TABLE p DETACH PARTITION s.c CONCURRENTLY", "N ddl ALTER TABLE DETACH PARTITION CONCURRENTLY: table p of c"},
	    {"CLUSTER", "N utility CLUSTER"},
	    {"CLUSTER VERBOSE", "N utility CLUSTER"},
	    {"ALTER SUBSCRIPTION s REFRESH PUBLICATION", "N ddl ALTER SUBSCRIPTION REFRESH: subscription s"},
	};
	RUN(DIALECT_POSTGRESQL, rows);
}

static void test_postgresql_refused(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {"BEGIN", "X transaction BEGIN"},
	    {"START TRANSACTION", "X transaction START TRANSACTION"},
	    {"COMMIT", "X transaction COMMIT"},
	    {"END", "X transaction END"},
	    {"ROLLBACK TO SAVEPOINT a", "X transaction ROLLBACK"},
	    {"ABORT", "X transaction ABORT"},
	    {"SAVEPOINT a", "X transaction SAVEPOINT"},
	    {"RELEASE a", "X transaction RELEASE SAVEPOINT"},
	    {"PREPARE TRANSACTION 'a'", "X transaction PREPARE TRANSACTION"},
	    {"COMMIT PREPARED 'a'", "X transaction COMMIT PREPARED"},
	    {"SET TRANSACTION READ ONLY", "X transaction SET TRANSACTION"},
	    {"SET SESSION standard_conforming_strings TO off", "X session SET"},
	    {"set local client_encoding = 'LATIN1'", "X session SET"},
	    {"SET NAMES 'SJIS'", "X session SET"},
	    {"SELECT set_config('standard_conforming_strings', 'off', false)", "X query SELECT"},
	    {"SELECT 1, pg_catalog.\"set_config\" ( 'Client_Encoding' , 'LATIN1', true)", "X query SELECT"},
	    {"INSERT INTO t SELECT set_config(name, 'off', false) FROM s", "X dml INSERT: table t"},
	    {"SELECT set_config(E'standard\\x5fconforming_strings', 'off', false)", "X query SELECT"},
	    {"UPDATE pg_catalog.pg_settings SET setting = 'off' WHERE name = 'standard_conforming_strings'",
	     "X dml UPDATE: table pg_catalog.pg_settings"},
	    {"SELECT set_config('standard_' || 'conforming_strings', 'off', false)", "X query SELECT"},
	    {"SELECT set_config('standard_conforming_strings', lower('OFF'), false)", "X query SELECT"},
	    {"DO $x$ BEGIN PERFORM set_config('standard_conforming_strings', 'off', false); END $x$", "X utility DO"},
	    {"DO $x$ BEGIN UPDATE t SET a = 1; SET LOCAL standard_conforming_strings = off; END $x$", "X utility DO"},
	    {"DISCARD ALL", "X session DISCARD ALL"},
	    {"SELECT setval('q', 10)", "X query SELECT"},
	    {"SELECT pg_catalog.SETVAL ('q', (SELECT max(id) FROM t))", "X query SELECT"},
	    {"INSERT INTO t SELECT * FROM dblink('x', 'y')", "X dml INSERT: table t"},
	    {"DO $x$ BEGIN PERFORM setval('q', 1); END $x$", "X utility DO"},
	    {"COPY t FROM PROGRAM 'ls'", "X dml COPY: table t"},
	    {"COPY (SELECT 1) TO PROGRAM 'ls'", "X dml COPY"},
	    {"COPY t TO '/x'", "X dml COPY: table t"},
	    {"DO LANGUAGE plpgsql E'BEGIN PERFORM setval(1); END'", "X utility DO"},
	    {"COPY t TO STDOUT", "X dml COPY: table t"},
	    {"CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p", "X ddl CREATE SUBSCRIPTION: subscription s"},
	};
	RUN(DIALECT_POSTGRESQL, rows);
}

static void test_mariadb_ddl(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {"CREATE TABLE IF NOT EXISTS `My``T` (a int)", "N ddl CREATE TABLE: table My`T, if"},
	    {"CREATE TABLE db.T AS SELECT 1", "N ddl CREATE TABLE: table db.T"},
	    {"CREATE OR REPLACE TABLE t AS SELECT 1", "X ddl CREATE OR REPLACE TABLE: table t"},
	    {"CREATE TEMPORARY TABLE t (a int)", "T ddl CREATE TEMPORARY TABLE: table t"},
	    {"DROP TEMPORARY TABLE IF EXISTS t", "T ddl DROP TEMPORARY TABLE: table t, if"},
	    {"ALTER TABLE t ADD COLUMN a int, RENAME TO u", "N ddl ALTER TABLE: table t"},
	    {"ALTER ONLINE IGNORE TABLE IF EXISTS t ADD a int", "N ddl ALTER TABLE: table t, if"},
	    {"ALTER TABLE t RENAME TO u", "N ddl ALTER TABLE: table t of u"},
	    {"RENAME TABLE a TO b", "N ddl RENAME TABLE: table a of b"},
	    {"RENAME TABLE a TO b, c TO d", "N ddl RENAME TABLE: table"},
	    {"DROP TABLE IF EXISTS db.t", "N ddl DROP TABLE: table db.t, if"},
	    {"DROP TABLE a, b", "X ddl DROP TABLE: table"},
	    {"DROP VIEW a, b", "X ddl DROP VIEW: view"},
	    {"DROP VIEW a", "N ddl DROP VIEW: view a"},
	    {"DROP DATABASE d", "X ddl DROP DATABASE: schema d"},
	    {"CREATE DATABASE IF NOT EXISTS d", "N ddl CREATE DATABASE: schema d, if"},
	    {"CREATE UNIQUE INDEX i USING BTREE ON db.t (a)", "N ddl CREATE INDEX: index i of t"},
	    {"DROP INDEX i ON t", "N ddl DROP INDEX: index i of t"},
	    {"CREATE OR REPLACE ALGORITHM = MERGE DEFINER = `a`@`%` SQL SECURITY INVOKER VIEW v AS SELECT 1", "N ddl CREATE VIEW: view v, if"},
	    {"/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`b`*/ /*!50003 TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.a=1 */",
	     "N ddl CREATE TRIGGER: trigger g of t"},
	    {"CREATE DEFINER=CURRENT_USER() PROCEDURE p() COMMIT", "N ddl CREATE PROCEDURE: procedure p"},
	    {"CREATE AGGREGATE FUNCTION f(a int) RETURNS int RETURN 1", "N ddl CREATE FUNCTION: function f"},
	    {"CREATE EVENT IF NOT EXISTS e ON SCHEDULE EVERY 1 DAY DO CALL p()", "N ddl CREATE EVENT: event e, if"},
	    {"CREATE SEQUENCE q", "N ddl CREATE SEQUENCE: sequence q"},
	    {"CREATE OR REPLACE SEQUENCE q", "X ddl CREATE OR REPLACE SEQUENCE: sequence q"},
	    {"TRUNCATE TABLE t", "N ddl TRUNCATE: table t"},
	    {"SET STATEMENT max_statement_time=10 FOR ALTER TABLE t ADD a int", "N ddl ALTER TABLE: table t"},
	    {"SET STATEMENT a=1 FOR SET STATEMENT b=1 FOR DROP TABLE a, b", "X ddl DROP TABLE: table"},
	    {"SET STATEMENT a=1", "X other SET"},
	};
	RUN(DIALECT_MARIADB, rows);
}

static void test_mariadb_rest(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {"INSERT IGNORE INTO t VALUES (1)", "T dml INSERT: table t"},
	    {"REPLACE t VALUES (1)", "T dml REPLACE: table t"},
	    {"UPDATE t SET a = 1", "T dml UPDATE: table t"},
	    {"UPDATE a, b SET a.x = b.x", "T dml UPDATE: table"},
	    {"DELETE FROM t", "T dml DELETE: table t"},
	    {"DELETE a FROM a JOIN b", "T dml DELETE"},
	    {"SELECT 1", "T query SELECT"},
	    {"SELECT 1 INTO OUTFILE '/x'", "X query SELECT"},
	    {"SELECT 1 INTO @a", "T query SELECT"},
	    {"SELECT RELEASE_ALL_LOCKS()", "X query SELECT"},
	    {"LOAD DATA LOCAL INFILE 'x' INTO TABLE t", "X dml LOAD DATA"},
	    {"SET @a = 1", "T session SET"},
	    {"SET NAMES utf8mb4", "T session SET"},
	    {"SET GLOBAL x = 1", "N utility SET GLOBAL"},
	    {"SET @@global.x = 1", "N utility SET"},
	    {"SET autocommit = 0", "X transaction SET autocommit"},
	    {"SET sql_mode = 'ANSI,No_Backslash_Escapes'", "X session SET"},
	    {"SET STATEMENT sql_mode = 'NO_BACKSLASH_ESCAPES' FOR SELECT 'a\\'", "X query SELECT"},
	    {"SET a = 1, CHARACTER SET gbk", "X session SET"},
	    {"/*!40101 SET NAMES latin1 */", "X session SET"},
	    {"SET @@session.character_set_client = big5", "X session SET"},
	    {"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", "X transaction SET TRANSACTION"},
	    {"USE d", "X session USE"},
	    {"SET sql_mode = 'ANSI_QUOTES'", "X session SET"},
	    {"SET SESSION sql_mode = oracle", "X session SET"},
	    {"SET `sql_mode` = 'STRICT_TRANS_TABLES,MSSQL'", "X session SET"},
	    {"SET @@sql_mode := CONCAT(@@sql_mode, ',ANSI_QUOTES')", "X session SET"},
	    {"SET NAMES utf8mb4, sql_mode = 4", "X session SET"},
	    {"SET STATEMENT sql_mode = 'ORACLE' FOR SELECT 1", "X query SELECT"},
	    {"/*!40101 SET @old = @@sql_mode, sql_mode = 'NO_AUTO_VALUE_ON_ZERO' */", "T session SET"},
	    {"SET sql_mode = @old", "T session SET"},
	    {"SET sql_mode = '', a = 'ORACLE'", "T session SET"},
	    {"SET STATEMENT sql_mode = 0 FOR SELECT 'ANSI'", "T query SELECT"},
	    {"/*!40101 SET NAMES utf8mb4 */", "T session SET"},
	    {"SET NAMES DEFAULT", "T session SET"},
	    {"SET @names = 'gbk', @old = @@sql_mode, character_set_client = @saved", "T session SET"},
	    {"BEGIN", "X transaction BEGIN"},
	    {"START TRANSACTION", "X transaction START TRANSACTION"},
	    {"XA START 'a'", "X transaction XA"},
	    {"LOCK TABLES t WRITE", "X transaction LOCK TABLES"},
	    {"UNLOCK TABLES", "X transaction UNLOCK TABLES"},
	    {"FLUSH TABLES WITH READ LOCK", "X transaction FLUSH TABLES WITH READ LOCK"},
	    {"GRANT ALL ON d.* TO a, b", "N utility GRANT"},
	    {"CREATE USER a IDENTIFIED BY 'x'", "N utility CREATE USER: user"},
	    {"DROP USER a, b", "X utility DROP USER: user"},
	    {"ANALYZE TABLE t", "N utility ANALYZE TABLE"},
	    {"ANALYZE SELECT 1", "T utility ANALYZE"},
	    {"OPTIMIZE TABLE t", "N utility OPTIMIZE TABLE"},
	    {"CALL p()", "X utility CALL"},
	    {"EXECUTE IMMEDIATE 'DROP TABLE t'", "X utility EXECUTE"},
	    {"BEGIN NOT ATOMIC INSERT INTO t VALUES (1); END", "T utility BEGIN NOT ATOMIC"},
	    {"BEGIN NOT ATOMIC DROP TABLE t; END", "X utility BEGIN NOT ATOMIC"},
	    {"IF 1 THEN COMMIT; END IF", "X utility BEGIN NOT ATOMIC"},
	    {"KILL 1", "X utility KILL"},
	    {"FROBNICATE", "X other FROBNICATE"},
	};
	RUN(DIALECT_MARIADB, rows);
}

static void test_sqlite(void **state)
{
	(void)state;
	static const struct row rows[] = {
	    {"CREATE TABLE IF NOT EXISTS [My T] (a)", "T ddl CREATE TABLE: table My T, if"},
	    {"CREATE TABLE 'x''y' (a)", "T ddl CREATE TABLE: table x'y"},
	    {"CREATE UNIQUE INDEX main.i ON t (a)", "T ddl CREATE INDEX: index main.i of t"},
	    {"CREATE TEMP TRIGGER g AFTER UPDATE OF a ON t BEGIN SELECT 1; END", "T ddl CREATE TRIGGER: trigger g of t"},
	    {"ALTER TABLE t RENAME TO u", "T ddl ALTER TABLE: table t of u"},
	    {"DROP VIEW IF EXISTS v", "T ddl DROP VIEW: view v, if"},
	    {"INSERT OR REPLACE INTO t VALUES (1)", "T dml INSERT: table t"},
	    {"UPDATE OR IGNORE t SET a = 1", "T dml UPDATE: table t"},
	    {"WITH x AS (SELECT 1) SELECT * FROM x", "T query WITH"},
	    {"WITH x AS (SELECT 1) DELETE FROM t", "T dml WITH"},
	    {"VACUUM", "N utility VACUUM"},
	    {"VACUUM main INTO 'x'", "X utility VACUUM INTO"},
	    {"PRAGMA journal_mode = WAL", "N session PRAGMA: pragma journal_mode"},
	    {"PRAGMA main.JOURNAL_MODE(wal)", "N session PRAGMA: pragma main.JOURNAL_MODE"},
	    {"PRAGMA foreign_keys = off", "T session PRAGMA: pragma foreign_keys"},
	    {"PRAGMA main.User_Version = 7", "T session PRAGMA: pragma main.User_Version"},
	    {"PRAGMA writable_schema = 1", "X session PRAGMA: pragma writable_schema"},
	    {"PRAGMA synchronous = off", "X session PRAGMA: pragma synchronous"},
	    {"ATTACH 'x' AS y", "X session ATTACH"},
	    {"DETACH y", "X session DETACH"},
	    {"BEGIN IMMEDIATE", "X transaction BEGIN"},
	    {"END TRANSACTION", "X transaction END"},
	    {"SELECT load_extension('x')", "X query SELECT"},
	    {"FROBNICATE", "T other FROBNICATE"},
	};
	RUN(DIALECT_SQLITE, rows);
}

static void test_why_says_what_to_do(void **state)
{
	(void)state;
	struct sql_class c;
	sql_classify(DIALECT_MARIADB, bytes_of_str("DROP TABLE a, b"), &c);
	assert_string_equal(c.why, "a crash can leave some of the tables dropped: write one DROP TABLE for each");
	sql_classify(DIALECT_POSTGRESQL, bytes_of_str("COMMIT"), &c);
	assert_string_equal(c.why, "transaction control inside a changeset: take it out, each step is one transaction already");
}

static void test_postgresql_cuts_names_at_63_bytes(void **state)
{
	(void)state;
	struct sql_class c;
	AUTO(buf_done) struct buf b = BUF_INIT;
	buf_adds(&b, "CREATE TABLE \"");
	for (int i = 0; i < 40; i++)
		buf_adds(&b, "é");
	buf_adds(&b, "\" (a int)");
	sql_classify(DIALECT_POSTGRESQL, buf_bytes(&b), &c);
	assert_int_equal(strlen(c.object), 62); /* a whole number of letters */
	sql_classify(DIALECT_MARIADB, bytes_of_str("CREATE TABLE `éé`(a int)"), &c);
	assert_string_equal(c.object, "éé");
}

static void test_dialect_names(void **state)
{
	(void)state;
	enum dialect d = DIALECT_COUNT;
	assert_true(dialect_parse("PostgreSQL", &d) && d == DIALECT_POSTGRESQL);
	assert_true(dialect_parse("mysql", &d) && d == DIALECT_MARIADB);
	assert_true(dialect_parse("sqlite3", &d) && d == DIALECT_SQLITE);
	assert_false(dialect_parse("oracle", &d));
	assert_false(dialect_parse(NULL, &d));
	assert_string_equal(dialect_name(DIALECT_MARIADB), "mariadb");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_postgresql_transactional),
	    cmocka_unit_test(test_postgresql_alone),
	    cmocka_unit_test(test_postgresql_refused),
	    cmocka_unit_test(test_mariadb_ddl),
	    cmocka_unit_test(test_mariadb_rest),
	    cmocka_unit_test(test_sqlite),
	    cmocka_unit_test(test_why_says_what_to_do),
	    cmocka_unit_test(test_postgresql_cuts_names_at_63_bytes),
	    cmocka_unit_test(test_dialect_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
