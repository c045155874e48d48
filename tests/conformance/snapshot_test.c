/* Every engine: the snapshot of a rich schema is the same after a dump and its restore, whoever asks and whatever rows do; and every kind of change shows in it.
 * SNAPSHOT_OUT=FOLDER keeps the text of each, ENGINE.txt: run it once more with another minor version's programs in PG_BIN, or first in PATH, and compare. */
#include "tests/support/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ledger/ledger.h"
#include "agent/schema/snapshot.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"

/* ---- tools ---- */

static void admin(struct fixture *f, const char *database, const char *sql)
{
	if (f->b->server)
		free(server_sql(f->b->process, database, sql));
	else
		bench_apply(f, sql);
}

static void load_rich(struct fixture *f)
{
	AUTO(buf_done) struct buf path = BUF_INIT;
	AUTO(buf_done) struct buf sql = BUF_INIT;
	AUTO(buf_done) struct buf copy = BUF_INIT;
	buf_addf(&path, "tests/conformance/snapshot/%s.sql", f->en->name);
	if (f->b->server) {
		server_load(f->b->process, f->database, buf_str(&path));
		return;
	}
	buf_addf(&copy, "%s/%s.db", f->b->dir, f->database);
	sqlite_load(buf_str(&copy), buf_str(&path));
}

/* MariaDB keeps privileges outside the database, and a dump without them. */
static const char *const grants[] = {"GRANT SELECT ON customers TO app@localhost", "GRANT SELECT (id) ON orders TO app@localhost",
                                     "GRANT EXECUTE ON PROCEDURE p TO app@localhost",
                                     "GRANT EXECUTE, ALTER ROUTINE ON FUNCTION f TO app@localhost WITH GRANT OPTION"};

static void grant(struct fixture *f, const char *database)
{
	if (f->b->dialect != DIALECT_MARIADB)
		return;
	admin(f, database, "CREATE USER IF NOT EXISTS app@localhost");
	for (size_t i = 0; i < ARRAY_LEN(grants); i++)
		admin(f, database, grants[i]);
}

static void take(struct fixture *f, struct conn *c, struct snapshot *ret)
{
	OK(snapshot_take(f->en, c, ret, &f->e));
}

static void same(const struct snapshot *a, const struct snapshot *b, const char *after)
{
	AUTO(buf_done) struct buf diff = BUF_INIT;
	if (snapshot_diff(buf_str(&a->text), buf_str(&b->text), &diff) || memcmp(a->fingerprint, b->fingerprint, DIGEST_SIZE) != 0)
		fail_msg("%s: the snapshot differs:\n%s", after, buf_str(&diff));
}

static void keep_text(const struct fixture *f, const struct snapshot *s)
{
	AUTO(buf_done) struct buf path = BUF_INIT;
	struct err e = ERR_INIT;
	const char *folder = getenv("SNAPSHOT_OUT");
	if (!folder)
		return;
	buf_addf(&path, "%s/%s.txt", folder, f->en->name);
	if (file_write_atomic(buf_str(&path), buf_bytes(&s->text), 0644, &e) != 0)
		fail_msg("%s", e.msg);
}

/* ---- the same ---- */

static void test_same_after_dump_and_restore(void **state)
{
	struct fixture *f = *state;
	AUTO(snapshot_done) struct snapshot first = {0};
	AUTO(snapshot_done) struct snapshot restored = {0};
	char copy[64];
	struct ledger l;
	load_rich(f);
	grant(f, f->database);
	take(f, f->c, &first);
	assert_true(first.n_objects > 20);
	keep_text(f, &first);
	OK(ledger_open(f->en, f->c, f->target.id, 1, f->arena, &l, &f->e)); /* the copy has it too */
	snprintf(copy, sizeof copy, "%s_copy", f->database);
	if (f->b->server) {
		server_create(f->b->process, copy);
		server_copy(f->b->process, f->database, copy);
		grant(f, copy);
	} else {
		AUTO(mem_free_ptr) char *from = file_join(f->b->dir, f->database), *to = file_join(f->b->dir, copy);
		AUTO(buf_done) struct buf a = BUF_INIT;
		AUTO(buf_done) struct buf b = BUF_INIT;
		buf_addf(&a, "%s.db", from);
		buf_addf(&b, "%s.db", to);
		sqlite_copy(buf_str(&a), buf_str(&b));
	}
	struct engine_target target = f->target;
	AUTO(mem_free_ptr) char *dsn = bench_dsn_of(f->b, copy);
	struct conn *c = NULL;
	target.dsn = dsn;
	OK(f->en->open(&target, &c, &f->e));
	take(f, c, &restored);
	f->en->close(&c);
	same(&first, &restored, "dump and restore");
}

/* What moves without the schema having changed, and what a session or a server may be set to. */
static const struct {
	enum dialect dialect;
	const char *sql;
} harmless[] = {
    {DIALECT_POSTGRESQL, "INSERT INTO customers (email) VALUES ('x'), ('y')"},
    {DIALECT_POSTGRESQL, "SELECT nextval('free_seq')"},
    {DIALECT_POSTGRESQL, "VACUUM FULL orders"},
    {DIALECT_POSTGRESQL, "REINDEX TABLE customers"},
    /* what a server may stamp its own rows with */
    {DIALECT_POSTGRESQL, "UPDATE pg_attribute SET attoptions = coalesce(attoptions, '{}') || '{own_stamp=7}' WHERE attrelid = 'orders'::regclass"},
    {DIALECT_POSTGRESQL,
     "UPDATE pg_class SET reloptions = coalesce(reloptions, '{}') || '{own_stamp=7}' WHERE oid IN ('orders'::regclass, 'v2'::regclass)"},
    {DIALECT_POSTGRESQL, "GRANT SELECT ON customers TO app; REVOKE SELECT ON customers FROM app"},
    {DIALECT_POSTGRESQL,
     "ALTER ROLE rollcall SET search_path = other, public; ALTER ROLE rollcall SET DateStyle = 'German, DMY'; ALTER ROLE rollcall SET TimeZone = "
     "'Asia/Tokyo'; ALTER ROLE rollcall SET quote_all_identifiers = on; ALTER ROLE rollcall SET IntervalStyle = 'iso_8601'; ALTER ROLE rollcall SET "
     "extra_float_digits = 0; ALTER ROLE rollcall SET bytea_output = 'escape'"},
    {DIALECT_MARIADB, "INSERT INTO customers (email) VALUES ('x'), ('y')"},
    {DIALECT_MARIADB, "SELECT NEXTVAL(s)"},
    {DIALECT_MARIADB, "ANALYZE TABLE customers"},
    {DIALECT_MARIADB, "SET GLOBAL sql_mode = 'ANSI_QUOTES'"},
    {DIALECT_SQLITE, "INSERT INTO customers (email) VALUES ('x'), ('y')"},
    {DIALECT_SQLITE, "ANALYZE"},
};

static void test_same_whatever_moves(void **state)
{
	struct fixture *f = *state;
	AUTO(snapshot_done) struct snapshot first = {0};
	load_rich(f);
	grant(f, f->database);
	take(f, f->c, &first);
	for (size_t i = 0; i < ARRAY_LEN(harmless); i++) {
		if (harmless[i].dialect != f->b->dialect)
			continue;
		AUTO(snapshot_done) struct snapshot now = {0};
		admin(f, f->database, harmless[i].sql);
		struct conn *c = bench_another(f);
		take(f, c, &now);
		f->en->close(&c);
		same(&first, &now, harmless[i].sql);
	}
	if (f->b->dialect == DIALECT_POSTGRESQL)
		admin(f, f->database, "ALTER ROLE rollcall RESET ALL");
	if (f->b->dialect == DIALECT_MARIADB)
		admin(f, f->database, "SET GLOBAL sql_mode = DEFAULT");
}

/* ---- another ---- */

static const struct {
	enum dialect dialect;
	const char *sql, *shows; /* a line that it adds or takes away begins with, after "+ " or "- " */
} changes[] = {
    {DIALECT_POSTGRESQL, "CREATE TABLE extra (a int)", "+ table public.extra (a)"},
    {DIALECT_POSTGRESQL, "ALTER TABLE customers ALTER COLUMN late SET DEFAULT 0.6",
     "+ column public.customers.late numeric(12,2) NOT NULL DEFAULT 0.6"},
    {DIALECT_POSTGRESQL, "REVOKE INSERT ON orders FROM app", "+ grant table public.orders app: SELECT"},
    {DIALECT_POSTGRESQL, "REVOKE SELECT (id) ON orders FROM auditor", "- grant column public.orders.id auditor: SELECT"},
    {DIALECT_POSTGRESQL, "GRANT EXECUTE ON FUNCTION f(int, text) TO PUBLIC", "- revoke routine public.f(a integer, b text) PUBLIC: EXECUTE"},
    {DIALECT_POSTGRESQL, "CREATE OR REPLACE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'", "+ routine public.tf()"},
    {DIALECT_POSTGRESQL, "CREATE OR REPLACE FUNCTION g(a int) RETURNS int BEGIN ATOMIC SELECT a + 2; END", "+ routine public.g(a integer)"},
    {DIALECT_POSTGRESQL, "ALTER FUNCTION tf() SECURITY DEFINER", "+ routine public.tf()"},
    {DIALECT_POSTGRESQL, "DROP INDEX orders_body", "- index public.orders_body"},
    {DIALECT_POSTGRESQL, "ALTER TABLE orders DISABLE TRIGGER tr", "+ trigger public.orders.tr"},
    {DIALECT_POSTGRESQL, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'orders_part'::regclass", "+ index public.orders_part"},
    {DIALECT_POSTGRESQL, "ALTER TABLE customers ALTER COLUMN status SET (n_distinct = 3)", "+ column public.customers.status"},
    {DIALECT_POSTGRESQL, "ALTER TABLE customers SET (autovacuum_enabled = off)", "+ table public.customers"},
    {DIALECT_POSTGRESQL, "ALTER VIEW v SET (security_barrier)", "+ view public.v"},
    {DIALECT_POSTGRESQL, "CREATE OR REPLACE VIEW v2 AS SELECT id, 3 AS k FROM v", "+ view public.v2"},
    {DIALECT_POSTGRESQL, "ALTER TABLE orders VALIDATE CONSTRAINT kind_known", "+ constraint public.orders.kind_known"},
    {DIALECT_POSTGRESQL, "ALTER POLICY own ON orders USING (kind IN ('a','c'))", "+ policy public.orders.own"},
    {DIALECT_POSTGRESQL, "ALTER TABLE orders DISABLE ROW LEVEL SECURITY", "+ table public.orders"},
    {DIALECT_POSTGRESQL, "ALTER SEQUENCE free_seq INCREMENT 4", "+ sequence public.free_seq"},
    {DIALECT_POSTGRESQL, "ALTER TYPE mood ADD VALUE 'glad' BEFORE 'ok'", "+ type public.mood ENUM ('sad', 'glad', 'ok', 'it''s')"},
    {DIALECT_POSTGRESQL, "ALTER DOMAIN posint DROP NOT NULL", "+ type public.posint"},
    {DIALECT_POSTGRESQL, "ALTER TYPE pair ADD ATTRIBUTE c int", "+ type public.pair COMPOSITE (a, b, c)"},
    {DIALECT_POSTGRESQL, "ALTER TABLE customers ALTER COLUMN late TYPE numeric(13,2)", "+ column public.customers.late numeric(13,2)"},
    {DIALECT_POSTGRESQL, "ALTER TABLE customers OWNER TO app", "+ table public.customers"},
    {DIALECT_POSTGRESQL, "ALTER TABLE parts DETACH PARTITION parts_us", "+ table public.parts_us"},
    {DIALECT_POSTGRESQL, "ALTER DEFAULT PRIVILEGES IN SCHEMA other REVOKE SELECT ON TABLES FROM app", "- default-grant postgres other"},
    {DIALECT_POSTGRESQL, "COMMENT ON COLUMN orders.kind IS 'other'", "+ comment column public.orders.kind other"},
    {DIALECT_MARIADB, "CREATE TABLE extra (a int)", "+ table extra (a)"},
    {DIALECT_MARIADB, "ALTER TABLE customers ALTER amount SET DEFAULT 2", "+ column customers.amount `amount` decimal(10,2) DEFAULT 2.00"},
    {DIALECT_MARIADB, "REVOKE SELECT ON customers FROM app@localhost", "- grant table customers 'app'@'localhost' SELECT"},
    {DIALECT_MARIADB, "REVOKE EXECUTE ON PROCEDURE p FROM app@localhost", "- grant procedure p 'app'@'localhost' EXECUTE"},
    {DIALECT_MARIADB, "REVOKE ALTER ROUTINE ON FUNCTION f FROM app@localhost",
     "- grant function f 'app'@'localhost' ALTER ROUTINE, EXECUTE WITH GRANT OPTION"},
    {DIALECT_MARIADB, "CREATE OR REPLACE FUNCTION f(a int) RETURNS int DETERMINISTIC RETURN a + 2", "+ function f"},
    {DIALECT_MARIADB, "ALTER PROCEDURE p SQL SECURITY INVOKER", "+ procedure p"},
    {DIALECT_MARIADB, "DROP INDEX by_status ON customers", "- index customers.by_status"},
    {DIALECT_MARIADB, "ALTER TABLE orders ALTER INDEX at_i NOT IGNORED", "+ index orders.at_i"},
    {DIALECT_MARIADB, "CREATE OR REPLACE TRIGGER tr BEFORE INSERT ON orders FOR EACH ROW SET NEW.at = '2020-02-02'", "+ trigger orders.tr"},
    {DIALECT_MARIADB, "CREATE OR REPLACE VIEW v2 AS SELECT id FROM v", "+ view v2"},
    {DIALECT_MARIADB, "ALTER TABLE customers DROP CONSTRAINT pos", "- constraint customers.pos"},
    {DIALECT_MARIADB, "ALTER TABLE orders DROP FOREIGN KEY fk", "- constraint orders.fk"},
    {DIALECT_MARIADB, "ALTER EVENT ev ENABLE", "+ event ev"},
    {DIALECT_MARIADB, "ALTER SEQUENCE s INCREMENT 4", "+ sequence s"},
    {DIALECT_MARIADB, "ALTER TABLE parted DROP PARTITION p0", "+ table parted"},
    {DIALECT_MARIADB, "ALTER TABLE orders COMMENT 'new'", "+ table orders"},
    {DIALECT_SQLITE, "CREATE TABLE extra (a int)", "+ table extra (a)"},
    {DIALECT_SQLITE, "ALTER TABLE customers ADD COLUMN more TEXT DEFAULT 'x'", "+ column customers.more more TEXT DEFAULT 'x'"},
    {DIALECT_SQLITE, "DROP INDEX orders_amount", "- index orders.orders_amount"},
    {DIALECT_SQLITE, "DROP TRIGGER tr", "- trigger orders.tr"},
    {DIALECT_SQLITE, "CREATE VIEW w AS SELECT 1", "+ view w"},
    {DIALECT_SQLITE, "DROP TABLE strict_one", "- table strict_one (a, b) STRICT"},
};

static bool has_line(const char *diff, const char *beginning)
{
	const char *at = strstr(diff, beginning);
	return at && (at == diff || at[-1] == '\n');
}

static void test_every_change_shows(void **state)
{
	struct fixture *f = *state;
	AUTO(snapshot_done) struct snapshot before = {0};
	load_rich(f);
	grant(f, f->database);
	take(f, f->c, &before);
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		if (changes[i].dialect != f->b->dialect)
			continue;
		struct snapshot after = {0};
		AUTO(buf_done) struct buf diff = BUF_INIT;
		admin(f, f->database, changes[i].sql);
		take(f, f->c, &after);
		size_t n = snapshot_diff(buf_str(&before.text), buf_str(&after.text), &diff);
		if (n == 0 || n > 12 || !has_line(buf_str(&diff), changes[i].shows) || memcmp(before.fingerprint, after.fingerprint, DIGEST_SIZE) == 0)
			fail_msg("%s: %zu lines differ:\n%s", changes[i].sql, n, buf_str(&diff));
		snapshot_done(&before);
		before = after;
	}
}

static void test_back_is_the_same_again(void **state)
{
	struct fixture *f = *state;
	AUTO(snapshot_done) struct snapshot first = {0};
	AUTO(snapshot_done) struct snapshot back = {0};
	load_rich(f);
	take(f, f->c, &first);
	admin(f, f->database, "ALTER TABLE orders ADD COLUMN extra int");
	admin(f, f->database, "ALTER TABLE orders DROP COLUMN extra");
	take(f, f->c, &back);
	same(&first, &back, "there and back");
}

/* ---- cost ---- */

static void test_hundred_tables_in_time(void **state)
{
	struct fixture *f = *state;
	int64_t best_us = INT64_MAX;
	for (unsigned i = 0; i < 100; i++) {
		char sql[400];
		snprintf(sql, sizeof sql,
		         "CREATE TABLE t%u (id int PRIMARY KEY, a varchar(40) NOT NULL DEFAULT 'x', b int DEFAULT 3, c int, d varchar(10), e date, f date, g "
		         "int, h int, CHECK (b > 0))",
		         i);
		bench_ddl(f, sql);
		snprintf(sql, sizeof sql, "CREATE INDEX t%u_a ON t%u (a, b)", i, i);
		bench_ddl(f, sql);
	}
	for (unsigned n = 0; n < 5; n++) {
		AUTO(snapshot_done) struct snapshot s = {0};
		int64_t from_us = clock_mono_us();
		take(f, f->c, &s);
		int64_t took_us = clock_mono_us() - from_us;
		best_us = took_us < best_us ? took_us : best_us;
		assert_true(s.n_objects >= 1100);
	}
	print_message("%s: snapshot of 100 tables in %.1f ms\n", f->en->name, (double)best_us / 1000);
	assert_true(best_us < 500000); /* 50 ms on an idle machine; tests share theirs */
}

int main(int argc, char **argv)
{
	static const struct bench_test suite[] = {
	    BENCH_TEST(test_same_after_dump_and_restore), BENCH_TEST(test_same_whatever_moves),    BENCH_TEST(test_every_change_shows),
	    BENCH_TEST(test_back_is_the_same_again),      BENCH_TEST(test_hundred_tables_in_time),
	};
	return bench_run(suite, ARRAY_LEN(suite), argc, argv);
}
