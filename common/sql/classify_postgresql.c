/* PostgreSQL 15. DDL is transactional but for the list of what "cannot run inside a transaction block"; each row of it was measured on a server.
 * Source: PostgreSQL 15 manual, SQL Commands. */
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/sql/rule.h"

static const char transaction[] = "transaction control inside a changeset: take it out, each step is one transaction already";
static const char prepared[] = "a prepared transaction keeps its locks past every crash: take it out, each step is one transaction already";
static const char index_alone[] = "cannot run inside a transaction; when it breaks off it leaves an invalid index";
static const char alone[] = "cannot run inside a transaction block";
static const char repeat[] = "cannot run inside a transaction block; safe to repeat";
static const char slot[] = "makes or drops a replication slot on another server: write WITH (create_slot = false) or detach the slot first";
static const char refresh[] = "refreshes outside the transaction; write WITH (refresh = false) to keep it inside";
static const char discard[] = "DISCARD ALL gives up the session's locks and settings, which the runner relies on: take it out";
static const char program[] = "runs a program on the server, which no rollback undoes: take it out";

#define DDL(pattern, verb, object)                         \
	{                                                      \
		pattern, verb, object, SQL_DDL, STEP_T, NULL, NULL \
	}
#define DML(pattern, verb)                                  \
	{                                                       \
		pattern, verb, "table", SQL_DML, STEP_T, NULL, NULL \
	}
#define ROW(pattern, verb, kind)                    \
	{                                               \
		pattern, verb, "", kind, STEP_T, NULL, NULL \
	}
#define ALONE(pattern, verb, obj, why)                 \
	{                                                  \
		pattern, verb, obj, SQL_DDL, STEP_N, why, NULL \
	}
#define CONTROL(pattern, verb, why)                           \
	{                                                         \
		pattern, verb, "", SQL_TRANSACTION, STEP_X, why, NULL \
	}

static const struct rule rules[] = {
    DML("INSERT INTO @", "INSERT"),
    DML("UPDATE [ONLY] @", "UPDATE"),
    DML("DELETE FROM [ONLY] @", "DELETE"),
    DML("MERGE INTO [ONLY] @", "MERGE"),
    DML("TRUNCATE [TABLE] [ONLY] @", "TRUNCATE"),
    DML("COPY @", "COPY"),
    ROW("COPY", "COPY", SQL_DML),
    ROW("SELECT", "SELECT", SQL_QUERY),
    ROW("WITH", "WITH", SQL_QUERY),
    ROW("VALUES", "VALUES", SQL_QUERY),
    ROW("TABLE", "TABLE", SQL_QUERY),
    ROW("SHOW", "SHOW", SQL_QUERY),
    ROW("EXPLAIN", "EXPLAIN", SQL_QUERY),
    ROW("FETCH|MOVE", "FETCH", SQL_QUERY),

    DDL("CREATE [GLOBAL|LOCAL] [TEMP|TEMPORARY|UNLOGGED] TABLE ? @", "CREATE TABLE", "table"),
    DDL("CREATE FOREIGN TABLE ? @", "CREATE FOREIGN TABLE", "table"),
    ALONE("CREATE [UNIQUE] INDEX CONCURRENTLY ON [ONLY] ^", "CREATE INDEX CONCURRENTLY", "index", index_alone),
    ALONE("CREATE [UNIQUE] INDEX CONCURRENTLY ? @ ON [ONLY] ^", "CREATE INDEX CONCURRENTLY", "index", index_alone),
    DDL("CREATE [UNIQUE] INDEX ON [ONLY] ^", "CREATE INDEX", "index"),
    DDL("CREATE [UNIQUE] INDEX ? @ ON [ONLY] ^", "CREATE INDEX", "index"),
    DDL("CREATE MATERIALIZED VIEW ? @", "CREATE MATERIALIZED VIEW", "materialized view"),
    DDL("CREATE ! [TEMP|TEMPORARY] [RECURSIVE] VIEW @", "CREATE VIEW", "view"),
    DDL("CREATE ! [CONSTRAINT] TRIGGER @ .. ON ^", "CREATE TRIGGER", "trigger"),
    DDL("CREATE EVENT TRIGGER @", "CREATE EVENT TRIGGER", "event trigger"),
    DDL("CREATE ! FUNCTION @", "CREATE FUNCTION", "function"),
    DDL("CREATE ! PROCEDURE @", "CREATE PROCEDURE", "procedure"),
    DDL("CREATE ! AGGREGATE @", "CREATE AGGREGATE", "aggregate"),
    DDL("CREATE [TEMP|TEMPORARY|UNLOGGED] SEQUENCE ? @", "CREATE SEQUENCE", "sequence"),
    DDL("CREATE TYPE @", "CREATE TYPE", "type"),
    DDL("CREATE DOMAIN @", "CREATE DOMAIN", "domain"),
    DDL("CREATE SCHEMA ? AUTHORIZATION", "CREATE SCHEMA", "schema"),
    DDL("CREATE SCHEMA ? @", "CREATE SCHEMA", "schema"),
    DDL("CREATE EXTENSION ? @", "CREATE EXTENSION", "extension"),
    DDL("CREATE POLICY @ ON ^", "CREATE POLICY", "policy"),
    DDL("CREATE ! RULE @ .. TO ^", "CREATE RULE", "rule"),
    DDL("CREATE ! [TRUSTED] [PROCEDURAL] LANGUAGE @", "CREATE LANGUAGE", "language"),
    DDL("CREATE STATISTICS ? @", "CREATE STATISTICS", "statistics"),
    DDL("CREATE PUBLICATION @", "CREATE PUBLICATION", "publication"),
    DDL("CREATE COLLATION ? @", "CREATE COLLATION", "collation"),
    DDL("CREATE SERVER ? @", "CREATE SERVER", "server"),
    ROW("CREATE USER MAPPING", "CREATE USER MAPPING", SQL_DDL),
    DDL("CREATE ROLE|USER|GROUP @", "CREATE ROLE", "role"),
    {"CREATE SUBSCRIPTION @", "CREATE SUBSCRIPTION", "subscription", SQL_DDL, STEP_X, slot, NULL},
    ALONE("CREATE DATABASE @", "CREATE DATABASE", "database", alone),
    ALONE("CREATE TABLESPACE @", "CREATE TABLESPACE", "tablespace", alone),
    ROW("CREATE", "CREATE", SQL_DDL),

    ALONE("ALTER TABLE ? [ONLY] @ DETACH PARTITION ^ CONCURRENTLY", "ALTER TABLE DETACH PARTITION CONCURRENTLY", "table",
          "cannot run inside a transaction; when it breaks off, finish it with DETACH PARTITION ... FINALIZE"),
    DDL("ALTER TABLE ? [ONLY] @ RENAME TO ^", "ALTER TABLE", "table"),
    DDL("ALTER TABLE ALL IN TABLESPACE", "ALTER TABLE", "table"),
    DDL("ALTER [FOREIGN] TABLE ? [ONLY] @", "ALTER TABLE", "table"),
    DDL("ALTER INDEX ALL IN TABLESPACE", "ALTER INDEX", "index"),
    DDL("ALTER INDEX ? @ RENAME TO ^", "ALTER INDEX", "index"),
    DDL("ALTER INDEX ? @ ATTACH PARTITION ^", "ALTER INDEX", "index"),
    DDL("ALTER INDEX ? @", "ALTER INDEX", "index"),
    DDL("ALTER VIEW ? @ RENAME TO ^", "ALTER VIEW", "view"),
    DDL("ALTER VIEW ? @", "ALTER VIEW", "view"),
    DDL("ALTER MATERIALIZED VIEW ? @ RENAME TO ^", "ALTER MATERIALIZED VIEW", "materialized view"),
    DDL("ALTER MATERIALIZED VIEW ? @", "ALTER MATERIALIZED VIEW", "materialized view"),
    DDL("ALTER TRIGGER @ ON ^", "ALTER TRIGGER", "trigger"),
    DDL("ALTER POLICY @ ON ^", "ALTER POLICY", "policy"),
    DDL("ALTER FUNCTION @ () RENAME TO ^", "ALTER FUNCTION", "function"),
    DDL("ALTER FUNCTION @", "ALTER FUNCTION", "function"),
    DDL("ALTER PROCEDURE @ () RENAME TO ^", "ALTER PROCEDURE", "procedure"),
    DDL("ALTER PROCEDURE @", "ALTER PROCEDURE", "procedure"),
    DDL("ALTER SEQUENCE ? @ RENAME TO ^", "ALTER SEQUENCE", "sequence"),
    DDL("ALTER SEQUENCE ? @", "ALTER SEQUENCE", "sequence"),
    DDL("ALTER TYPE @ RENAME TO ^", "ALTER TYPE", "type"),
    DDL("ALTER TYPE @", "ALTER TYPE", "type"),
    DDL("ALTER DOMAIN @", "ALTER DOMAIN", "domain"),
    DDL("ALTER SCHEMA @ RENAME TO ^", "ALTER SCHEMA", "schema"),
    DDL("ALTER SCHEMA @", "ALTER SCHEMA", "schema"),
    DDL("ALTER EXTENSION @", "ALTER EXTENSION", "extension"),
    ROW("ALTER USER MAPPING", "ALTER USER MAPPING", SQL_DDL),
    DDL("ALTER ROLE|USER|GROUP @", "ALTER ROLE", "role"),
    ROW("ALTER DEFAULT PRIVILEGES", "ALTER DEFAULT PRIVILEGES", SQL_DDL),
    ALONE("ALTER SYSTEM", "ALTER SYSTEM", "", repeat),
    ALONE("ALTER DATABASE @ SET TABLESPACE", "ALTER DATABASE SET TABLESPACE", "database", alone),
    DDL("ALTER DATABASE @", "ALTER DATABASE", "database"),
    ALONE("ALTER SUBSCRIPTION @ REFRESH", "ALTER SUBSCRIPTION REFRESH", "subscription", repeat),
    ALONE("ALTER SUBSCRIPTION @ SET|ADD|DROP PUBLICATION", "ALTER SUBSCRIPTION PUBLICATION", "subscription", refresh),
    DDL("ALTER SUBSCRIPTION @", "ALTER SUBSCRIPTION", "subscription"),
    ROW("ALTER", "ALTER", SQL_DDL),

    ALONE("DROP INDEX CONCURRENTLY ? @", "DROP INDEX CONCURRENTLY", "index", index_alone),
    DDL("DROP INDEX ? @", "DROP INDEX", "index"),
    DDL("DROP [FOREIGN] TABLE ? @", "DROP TABLE", "table"),
    DDL("DROP VIEW ? @", "DROP VIEW", "view"),
    DDL("DROP MATERIALIZED VIEW ? @", "DROP MATERIALIZED VIEW", "materialized view"),
    DDL("DROP EVENT TRIGGER ? @", "DROP EVENT TRIGGER", "event trigger"),
    DDL("DROP TRIGGER ? @ ON ^", "DROP TRIGGER", "trigger"),
    DDL("DROP POLICY ? @ ON ^", "DROP POLICY", "policy"),
    DDL("DROP RULE ? @ ON ^", "DROP RULE", "rule"),
    DDL("DROP FUNCTION ? @ ()", "DROP FUNCTION", "function"),
    DDL("DROP PROCEDURE ? @ ()", "DROP PROCEDURE", "procedure"),
    DDL("DROP AGGREGATE ? @ ()", "DROP AGGREGATE", "aggregate"),
    DDL("DROP SEQUENCE ? @", "DROP SEQUENCE", "sequence"),
    DDL("DROP TYPE ? @", "DROP TYPE", "type"),
    DDL("DROP DOMAIN ? @", "DROP DOMAIN", "domain"),
    DDL("DROP SCHEMA ? @", "DROP SCHEMA", "schema"),
    DDL("DROP EXTENSION ? @", "DROP EXTENSION", "extension"),
    DDL("DROP STATISTICS ? @", "DROP STATISTICS", "statistics"),
    DDL("DROP PUBLICATION ? @", "DROP PUBLICATION", "publication"),
    ROW("DROP USER MAPPING", "DROP USER MAPPING", SQL_DDL),
    DDL("DROP ROLE|USER|GROUP ? @", "DROP ROLE", "role"),
    {"DROP SUBSCRIPTION ? @", "DROP SUBSCRIPTION", "subscription", SQL_DDL, STEP_X, slot, NULL},
    ALONE("DROP DATABASE ? @", "DROP DATABASE", "database", alone),
    ALONE("DROP TABLESPACE ? @", "DROP TABLESPACE", "tablespace", alone),
    ROW("DROP", "DROP", SQL_DDL),
    ROW("COMMENT ON", "COMMENT", SQL_DDL),
    ROW("SECURITY LABEL", "SECURITY LABEL", SQL_DDL),
    ROW("IMPORT FOREIGN SCHEMA", "IMPORT FOREIGN SCHEMA", SQL_DDL),

    ALONE("REINDEX () [VERBOSE] INDEX CONCURRENTLY @", "REINDEX CONCURRENTLY", "index", index_alone),
    ALONE("REINDEX () TABLE CONCURRENTLY @", "REINDEX CONCURRENTLY", "table", index_alone),
    ALONE("REINDEX () SCHEMA CONCURRENTLY @", "REINDEX CONCURRENTLY", "schema", index_alone),
    ALONE("REINDEX () DATABASE CONCURRENTLY @", "REINDEX CONCURRENTLY", "database", index_alone),
    ALONE("REINDEX () DATABASE CONCURRENTLY", "REINDEX CONCURRENTLY", "", index_alone), /* the present one, from PostgreSQL 16 on */
    ALONE("REINDEX () SCHEMA @", "REINDEX", "schema", repeat),
    ALONE("REINDEX () DATABASE @", "REINDEX", "database", repeat),
    ALONE("REINDEX () DATABASE|SYSTEM", "REINDEX", "", repeat),
    {"REINDEX () INDEX @", "REINDEX", "index", SQL_UTILITY, STEP_T, NULL, NULL},
    {"REINDEX () TABLE @", "REINDEX", "table", SQL_UTILITY, STEP_T, NULL, NULL},
    {"VACUUM", "VACUUM", "", SQL_UTILITY, STEP_N, repeat, NULL},
    {"CLUSTER () [VERBOSE] @", "CLUSTER", "table", SQL_UTILITY, STEP_T, NULL, NULL},
    {"CLUSTER", "CLUSTER", "", SQL_UTILITY, STEP_N, repeat, NULL},
    {"REFRESH MATERIALIZED VIEW [CONCURRENTLY] @", "REFRESH MATERIALIZED VIEW", "materialized view", SQL_UTILITY, STEP_T, NULL, NULL},
    ROW("ANALYZE|ANALYSE", "ANALYZE", SQL_UTILITY),
    ROW("GRANT", "GRANT", SQL_UTILITY),
    ROW("REVOKE", "REVOKE", SQL_UTILITY),
    ROW("REASSIGN OWNED", "REASSIGN OWNED", SQL_UTILITY),
    ROW("CALL", "CALL", SQL_UTILITY),
    ROW("DO", "DO", SQL_UTILITY),
    ROW("EXECUTE", "EXECUTE", SQL_UTILITY),
    ROW("NOTIFY", "NOTIFY", SQL_UTILITY),
    ROW("LOCK", "LOCK TABLE", SQL_UTILITY),
    ROW("CHECKPOINT", "CHECKPOINT", SQL_UTILITY),

    CONTROL("SET TRANSACTION", "SET TRANSACTION", transaction),
    CONTROL("SET LOCAL TRANSACTION", "SET TRANSACTION", transaction),
    ROW("SET CONSTRAINTS", "SET CONSTRAINTS", SQL_UTILITY),
    ROW("SET", "SET", SQL_SESSION),
    ROW("RESET", "RESET", SQL_SESSION),
    {"DISCARD ALL", "DISCARD ALL", "", SQL_SESSION, STEP_X, discard, NULL},
    ROW("DISCARD", "DISCARD", SQL_SESSION),
    ROW("LISTEN|UNLISTEN", "LISTEN", SQL_SESSION),
    ROW("LOAD", "LOAD", SQL_SESSION),
    ROW("DECLARE", "DECLARE", SQL_SESSION),
    ROW("CLOSE", "CLOSE", SQL_SESSION),
    CONTROL("PREPARE TRANSACTION", "PREPARE TRANSACTION", prepared),
    ROW("PREPARE", "PREPARE", SQL_SESSION),
    ROW("DEALLOCATE", "DEALLOCATE", SQL_SESSION),
    CONTROL("COMMIT PREPARED", "COMMIT PREPARED", prepared),
    CONTROL("ROLLBACK PREPARED", "ROLLBACK PREPARED", prepared),
    CONTROL("BEGIN", "BEGIN", transaction),
    CONTROL("START TRANSACTION", "START TRANSACTION", transaction),
    CONTROL("COMMIT", "COMMIT", transaction),
    CONTROL("END", "END", transaction),
    CONTROL("ROLLBACK", "ROLLBACK", transaction),
    CONTROL("ABORT", "ABORT", transaction),
    CONTROL("SAVEPOINT", "SAVEPOINT", transaction),
    CONTROL("RELEASE", "RELEASE SAVEPOINT", transaction),
};

/* Effects that no rollback undoes, in statements that run expressions. */
static const struct mark outside[] = {
    {"setval", NULL, true, "setval is not undone by a rollback: use ALTER SEQUENCE ... RESTART WITH, or let a person allow it"},
    {"dblink", NULL, true, "dblink works in another database, outside the transaction: make that database a target of its own"},
    {"dblink_exec", NULL, true, "dblink works in another database, outside the transaction: make that database a target of its own"},
    {"dblink_connect", NULL, true, "dblink works in another database, outside the transaction: make that database a target of its own"},
    {"dblink_connect_u", NULL, true, "dblink works in another database, outside the transaction: make that database a target of its own"},
    {"dblink_send_query", NULL, true, "dblink works in another database, outside the transaction: make that database a target of its own"},
    {"lo_export", NULL, true, "writes a file on the server: take it out"},
    {"pg_advisory_unlock_all", NULL, true, "gives up the session's locks, which the runner relies on: take it out"},
    {"pg_advisory_unlock", NULL, true, "gives up a lock of the session, which the runner may rely on: take it out"},
    {"pg_create_physical_replication_slot", NULL, true, "makes a replication slot, which no rollback takes back: take it out"},
    {"pg_create_logical_replication_slot", NULL, true, "makes a replication slot, which no rollback takes back: take it out"},
    {"pg_copy_physical_replication_slot", NULL, true, "makes a replication slot, which no rollback takes back: take it out"},
    {"pg_copy_logical_replication_slot", NULL, true, "makes a replication slot, which no rollback takes back: take it out"},
    {"pg_drop_replication_slot", NULL, true, "drops a replication slot, which no rollback brings back: take it out"},
    {"pg_cancel_backend", NULL, true, "ends another session's statement, which no rollback undoes: take it out"},
    {"pg_terminate_backend", NULL, true, "ends another session, which no rollback undoes: take it out"},
};

static const struct mark writes[] = {{"INTO", "INSERT", false, ""}, {"INTO", "MERGE", false, ""}, {"FROM", "DELETE", false, ""}};
static const struct mark copy_marks[] = {
    {"PROGRAM", "FROM", false, program},
    {"PROGRAM", "TO", false, program},
    {"STDOUT", "TO", false, "sends rows to the client, which keeps none: take it out"},
    {"STDIN", "FROM", false, "its data lines need psql: write INSERT statements"},
};
static const struct mark into[] = {{"INTO", NULL, false, ""}};
static const struct mark analyze[] = {{"ANALYZE", NULL, false, ""}, {"ANALYSE", NULL, false, ""}};
static const struct mark options[] = {{"CONCURRENTLY", NULL, false, ""}};
static const struct mark no_slot[] = {{"create_slot", NULL, false, ""}, {"connect", NULL, false, ""}, {"refresh", NULL, false, ""}};

#define HAS(marks) (marks_find(marks, ARRAY_LEN(marks), w->dialect, statement) != NULL)

/* An UPDATE behind WITH stands behind a parenthesis; FOR UPDATE and DO UPDATE do not. */
static bool has_update(enum dialect d, struct bytes statement)
{
	struct lexer l;
	struct token t, before = {.kind = TOKEN_SPACE};
	lex_init(&l, d, statement, 1);
	for (; lex_next_code(&l, &t); before = t)
		if (token_is_word(&t, "UPDATE") && (token_is_symbol(&before, '(') || token_is_symbol(&before, ')')))
			return true;
	return false;
}

static void refine_query(const struct window *w, struct bytes statement, struct sql_class *c)
{
	if (str_eq(c->verb, "WITH") && (HAS(writes) || has_update(w->dialect, statement)))
		c->kind = SQL_DML;
	else if (str_eq(c->verb, "EXPLAIN") && HAS(analyze))
		c->kind = SQL_UTILITY; /* it runs the statement */
	else if (str_eq(c->verb, "SELECT") && HAS(into)) {
		c->kind = SQL_DDL;
		str_copy(c->verb, sizeof c->verb, "SELECT INTO");
	}
}

/* CONCURRENTLY may stand in the parentheses. Without it a schema is no one table whose size or state could be asked for. */
static void refine_reindex(const struct window *w, struct bytes statement, struct sql_class *c)
{
	if (token_is_symbol(&w->t[1], '(') && HAS(options)) {
		class_set(c, STEP_N, index_alone);
		str_copy(c->verb, sizeof c->verb, "REINDEX CONCURRENTLY");
	} else if (c->class == STEP_N) {
		c->object_kind[0] = c->object[0] = '\0';
	}
}

/* "name = false" behind one of these words keeps the replication slot, or the refresh, out of it. */
static bool says_false(const struct window *w)
{
	for (size_t i = 0; i + 2 < w->n; i++) {
		for (size_t k = 0; k < ARRAY_LEN(no_slot); k++)
			if (window_is(w, i, no_slot[k].word) && token_is_symbol(&w->t[i + 1], '=') &&
			    (window_is(w, i + 2, "false") || window_is(w, i + 2, "off")))
				return true;
	}
	return false;
}

/* What stands between the quotes of a string, or between the tags of a dollar quote. */
static struct bytes string_content(struct bytes b)
{
	const uint8_t *open = b.p;
	while (*open != '\'' && *open != '$') /* over the E of E'' */
		open++;
	const uint8_t *from = open + 1;
	if (*open == '$')
		while (*from++ != '$')
			;
	size_t tag = (size_t)(from - open);
	return bytes_of(from, b.n - (size_t)(from - b.p) - tag);
}

/* A DO block's code stands in a string: its words are searched as code. */
static void look_into_do(const struct window *w, struct sql_class *c)
{
	for (size_t i = 1; i < w->n; i++) {
		if (w->t[i].kind != TOKEN_STRING)
			continue;
		struct bytes body = string_content(w->t[i].text);
		const struct mark *m = marks_find(outside, ARRAY_LEN(outside), w->dialect, body);
		const char *why = m ? m->why : setting_refused(w->dialect, body, SETTING_IN_BODY);
		if (why)
			class_set(c, STEP_X, why);
	}
}

/* COPY ... TO 'file'. */
static bool copies_to_file(enum dialect d, struct bytes statement)
{
	struct lexer l;
	struct token t, before = {.kind = TOKEN_SPACE};
	lex_init(&l, d, statement, 1);
	for (; lex_next_code(&l, &t); before = t)
		if (t.kind == TOKEN_STRING && token_is_word(&before, "TO"))
			return true;
	return false;
}

static bool runs_expressions(const struct sql_class *c)
{
	return c->kind == SQL_DML || c->kind == SQL_QUERY || c->kind == SQL_UTILITY || str_eq(c->verb, "SELECT INTO") || str_eq(c->verb, "CREATE TABLE");
}

void classify_postgresql(const struct window *w, struct bytes statement, struct sql_class *ret)
{
	const struct mark *m = NULL;
	const char *why;
	if (!rules_apply(rules, ARRAY_LEN(rules), w, ret))
		return;
	if (ret->kind == SQL_QUERY)
		refine_query(w, statement, ret);
	if (str_eq(ret->object_kind, "subscription") && ret->class != STEP_T && says_false(w))
		class_set(ret, STEP_T, NULL);
	if (str_eq(ret->verb, "REINDEX"))
		refine_reindex(w, statement, ret);
	if (str_eq(ret->verb, "COPY"))
		m = marks_find(copy_marks, ARRAY_LEN(copy_marks), w->dialect, statement);
	if (!m && runs_expressions(ret))
		m = marks_find(outside, ARRAY_LEN(outside), w->dialect, statement);
	if (m)
		class_set(ret, STEP_X, m->why);
	else if (str_eq(ret->verb, "COPY") && copies_to_file(w->dialect, statement))
		class_set(ret, STEP_X, "writes a file on the server, which no rollback undoes: take it out");
	bool is_set = str_eq(ret->verb, "SET");
	if (str_eq(ret->verb, "UPDATE") && str_eq(ret->object, "pg_settings"))
		class_set(ret, STEP_X, "sets what the session is set to, and some of it changes how the text is read: write SET name = value");
	if ((is_set || runs_expressions(ret)) && (why = setting_refused(w->dialect, statement, is_set ? SETTING_IN_SET : SETTING_IN_CALL)))
		class_set(ret, STEP_X, why);
	if (str_eq(ret->verb, "DO"))
		look_into_do(w, ret);
}
