/* The splitter against the servers' own parsers: every piece that it cuts from a script is one statement to MariaDB's PREPARE, and two pieces joined never are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/engine/engine.h"
#include "common/sql/split.h"
#include "tests/support/servers.h"

static struct server *server;
static struct conn *c;
static const struct engine *en;
static struct engine_target target;
static char *dsn;

static int start(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	assert_int_equal(engines_init(&e), 0);
	server = server_start(DIALECT_MARIADB, false);
	server_create(server, "shop");
	dsn = server_dsn(server, "shop");
	target =
	    (struct engine_target){.id = "eu/my/shop", .dsn = dsn, .connect_timeout_ms = 3000, .lock_timeout_ms = 1000, .statement_timeout_ms = 10000};
	en = engine_by_name("mariadb");
	if (en->open(&target, &c, &e) != 0)
		fail_msg("%s", e.msg);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	en->close(&c);
	free(dsn);
	server_stop(&server);
	engines_done();
	return 0;
}

/* The server's error number for PREPARE of these bytes; 0 when it takes them. Nothing is executed. */
static int prepare(struct bytes sql)
{
	struct err e = ERR_INIT;
	struct engine_param text = {.value = sql};
	if (en->query(c, bytes_of_str("SET @q = ?"), &text, 1, NULL, NULL, &e) != 0)
		fail_msg("%s", e.msg);
	return en->query(c, bytes_of_str("PREPARE s FROM @q"), NULL, 0, NULL, NULL, &e) == 0 ? 0 : e.db_errno;
}

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
	if (code == 1064)
		fail_msg("piece %zu of\n%s\nis no statement to the server: %.*s", s->n + 1, s->script, (int)p->sql.n, (const char *)p->sql.p);
	if (s->previous.n) {
		buf_adds(&s->previous, ";\n");
		buf_add(&s->previous, p->sql.p, p->sql.n);
		assert_int_equal(prepare(buf_bytes(&s->previous)), 1064);
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

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_piece_is_one_statement)};
	return cmocka_run_group_tests(tests, start, stop);
}
