/* MariaDB 10.6 and later. Every DDL commits by itself, so each is class N when it is atomic alone and X when it is not.
 * Sources: MariaDB manual, "Atomic DDL" and "SQL statements that cause an implicit commit". */
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/sql/rule.h"

static const char commits[] = "commits by itself; atomic alone";
static const char repeat[] = "commits by itself; safe to repeat";
static const char transaction[] = "transaction control inside a changeset: take it out, the runner makes the transactions";
static const char locks[] = "table locks outlive the statement and commit the transaction: take it out";
static const char many_tables[] = "a crash can leave some of the tables dropped: write one DROP TABLE for each";
static const char many_views[] = "a crash can leave some of the views dropped: write one DROP VIEW for each";
static const char many_sequences[] = "a crash can leave some of the sequences dropped: write one DROP SEQUENCE for each";
static const char many_users[] = "a failure can leave some of the users changed: write one statement for each";
static const char replace_table[] =
    "a crash can leave neither the old nor the new table: write CREATE TABLE new_t, RENAME TABLE t TO old_t, new_t TO t, then DROP TABLE old_t";
static const char replace_sequence[] =
    "a crash can leave neither the old nor the new sequence: write DROP SEQUENCE and CREATE SEQUENCE as two statements";
static const char drop_database[] = "a crash can leave a part of the database: drop its tables one by one first, and let a person allow the rest";
static const char call[] = "a routine may commit inside: write its statements here, or let a person allow it";
static const char dynamic[] = "the text that runs is not known here and may commit: write the statement itself";
static const char file[] = "reads or writes a file outside the database, which no rollback undoes: write INSERT statements, or take it out";
static const char server[] = "changes the server, not this database: take it out and let its administrator do it";
static const char other_database[] = "what follows would work in another database than the target, where no ledger tells of it: take it out, and "
                                     "make that database a target of its own";
static const char compound[] = "holds statements that commit by themselves: write them as statements of their own";

#define DDL(pattern, verb, object)                            \
	{                                                         \
		pattern, verb, object, SQL_DDL, STEP_N, commits, NULL \
	}
#define DDL_MANY(pattern, verb, object, why)                 \
	{                                                        \
		pattern, verb, object, SQL_DDL, STEP_N, commits, why \
	}
#define ROW(pattern, verb, object, kind)                \
	{                                                   \
		pattern, verb, object, kind, STEP_T, NULL, NULL \
	}
#define USERS(pattern, verb, object)                                    \
	{                                                                   \
		pattern, verb, object, SQL_UTILITY, STEP_N, commits, many_users \
	}
#define ALONE(pattern, verb, why)                         \
	{                                                     \
		pattern, verb, "", SQL_UTILITY, STEP_N, why, NULL \
	}
#define REFUSED(pattern, verb, obj, kind, why)      \
	{                                               \
		pattern, verb, obj, kind, STEP_X, why, NULL \
	}

static const struct rule rules[] = {
    ROW("INSERT [LOW_PRIORITY|DELAYED|HIGH_PRIORITY] [IGNORE] [INTO] @", "INSERT", "table", SQL_DML),
    ROW("REPLACE [LOW_PRIORITY|DELAYED] [INTO] @", "REPLACE", "table", SQL_DML),
    ROW("UPDATE [LOW_PRIORITY] [IGNORE] @", "UPDATE", "table", SQL_DML),
    ROW("DELETE [LOW_PRIORITY] [QUICK] [IGNORE] FROM @", "DELETE", "table", SQL_DML),
    ROW("DELETE", "DELETE", "", SQL_DML),
    ROW("SELECT", "SELECT", "", SQL_QUERY),
    ROW("WITH", "WITH", "", SQL_QUERY),
    ROW("VALUES", "VALUES", "", SQL_QUERY),
    ROW("TABLE", "TABLE", "", SQL_QUERY),
    ROW("SHOW", "SHOW", "", SQL_QUERY),
    ROW("EXPLAIN|DESCRIBE|DESC", "EXPLAIN", "", SQL_QUERY),
    ROW("CHECKSUM", "CHECKSUM TABLE", "", SQL_QUERY),
    ROW("HELP", "HELP", "", SQL_QUERY),
    REFUSED("LOAD DATA|XML", "LOAD DATA", "", SQL_DML, file),

    ROW("CREATE ! TEMPORARY TABLE ? @", "CREATE TEMPORARY TABLE", "table", SQL_DDL),
    REFUSED("CREATE OR REPLACE TABLE @", "CREATE OR REPLACE TABLE", "table", SQL_DDL, replace_table),
    DDL("CREATE TABLE ? @", "CREATE TABLE", "table"),
    DDL("CREATE ! [UNIQUE|FULLTEXT|SPATIAL] INDEX ? @ .. ON ^", "CREATE INDEX", "index"),
    DDL("CREATE ! ~ VIEW ? @", "CREATE VIEW", "view"),
    DDL("CREATE ! ~ TRIGGER ? @ .. ON ^", "CREATE TRIGGER", "trigger"),
    DDL("CREATE ! ~ FUNCTION ? @", "CREATE FUNCTION", "function"),
    DDL("CREATE ! ~ PROCEDURE ? @", "CREATE PROCEDURE", "procedure"),
    DDL("CREATE ! ~ EVENT ? @", "CREATE EVENT", "event"),
    DDL("CREATE ! ~ PACKAGE [BODY] ? @", "CREATE PACKAGE", "package"),
    REFUSED("CREATE OR REPLACE SEQUENCE @", "CREATE OR REPLACE SEQUENCE", "sequence", SQL_DDL, replace_sequence),
    ROW("CREATE TEMPORARY SEQUENCE ? @", "CREATE TEMPORARY SEQUENCE", "sequence", SQL_DDL),
    DDL("CREATE SEQUENCE ? @", "CREATE SEQUENCE", "sequence"),
    REFUSED("CREATE OR REPLACE DATABASE|SCHEMA @", "CREATE OR REPLACE DATABASE", "schema", SQL_DDL, drop_database),
    DDL("CREATE DATABASE|SCHEMA ? @", "CREATE DATABASE", "schema"),
    REFUSED("CREATE ! SERVER", "CREATE SERVER", "server", SQL_DDL, server),

    DDL("ALTER [ONLINE] [IGNORE] TABLE ? @ RENAME TO|AS ^", "ALTER TABLE", "table"),
    DDL("ALTER [ONLINE] [IGNORE] TABLE ? @", "ALTER TABLE", "table"),
    DDL("ALTER ~ VIEW ? @", "ALTER VIEW", "view"),
    DDL("ALTER ~ EVENT ? @ RENAME TO ^", "ALTER EVENT", "event"),
    DDL("ALTER ~ EVENT ? @", "ALTER EVENT", "event"),
    DDL("ALTER FUNCTION @", "ALTER FUNCTION", "function"),
    DDL("ALTER PROCEDURE @", "ALTER PROCEDURE", "procedure"),
    DDL("ALTER SEQUENCE ? @", "ALTER SEQUENCE", "sequence"),
    DDL("ALTER DATABASE|SCHEMA @", "ALTER DATABASE", "schema"),
    REFUSED("ALTER SERVER", "ALTER SERVER", "server", SQL_DDL, server),

    ROW("DROP TEMPORARY TABLE|SEQUENCE ? @", "DROP TEMPORARY TABLE", "table", SQL_DDL),
    DDL_MANY("DROP TABLE|TABLES ? @", "DROP TABLE", "table", many_tables),
    DDL_MANY("DROP VIEW ? @", "DROP VIEW", "view", many_views),
    DDL_MANY("DROP SEQUENCE ? @", "DROP SEQUENCE", "sequence", many_sequences),
    DDL("DROP INDEX ? @ ON ^", "DROP INDEX", "index"),
    DDL("DROP TRIGGER ? @", "DROP TRIGGER", "trigger"),
    DDL("DROP FUNCTION ? @", "DROP FUNCTION", "function"),
    DDL("DROP PROCEDURE ? @", "DROP PROCEDURE", "procedure"),
    DDL("DROP EVENT ? @", "DROP EVENT", "event"),
    DDL("DROP PACKAGE [BODY] ? @", "DROP PACKAGE", "package"),
    REFUSED("DROP DATABASE|SCHEMA ? @", "DROP DATABASE", "schema", SQL_DDL, drop_database),
    REFUSED("DROP SERVER", "DROP SERVER", "server", SQL_DDL, server),
    ROW("DROP PREPARE", "DEALLOCATE", "", SQL_SESSION),
    DDL("RENAME TABLE|TABLES ? @ [WAIT|NOWAIT] TO ^", "RENAME TABLE", "table"),
    DDL("TRUNCATE [TABLE] @", "TRUNCATE", "table"),

    USERS("CREATE ! USER", "CREATE USER", "user"),
    USERS("ALTER USER", "ALTER USER", "user"),
    USERS("DROP USER", "DROP USER", "user"),
    USERS("CREATE ! ROLE", "CREATE ROLE", "user"),
    USERS("DROP ROLE", "DROP ROLE", "user"),
    USERS("RENAME USER", "RENAME USER", "user"),
    ALONE("GRANT", "GRANT", repeat),
    ALONE("REVOKE", "REVOKE", repeat),
    ALONE("SET PASSWORD", "SET PASSWORD", repeat),
    ALONE("SET DEFAULT ROLE", "SET DEFAULT ROLE", repeat),
    ALONE("OPTIMIZE", "OPTIMIZE TABLE", repeat),
    ALONE("REPAIR", "REPAIR TABLE", repeat),
    ALONE("CHECK", "CHECK TABLE", repeat),
    ALONE("CACHE", "CACHE INDEX", repeat),
    ALONE("LOAD INDEX", "LOAD INDEX", repeat),
    ALONE("ANALYZE [LOCAL|NO_WRITE_TO_BINLOG] TABLE|TABLES", "ANALYZE TABLE", repeat),
    ROW("ANALYZE", "ANALYZE", "", SQL_UTILITY), /* EXPLAIN ANALYZE: it runs the statement */
    REFUSED("FLUSH .. READ LOCK", "FLUSH TABLES WITH READ LOCK", "", SQL_TRANSACTION, locks),
    ALONE("FLUSH", "FLUSH", repeat),
    REFUSED("INSTALL", "INSTALL PLUGIN", "", SQL_UTILITY, server),
    REFUSED("UNINSTALL", "UNINSTALL PLUGIN", "", SQL_UTILITY, server),
    REFUSED("CHANGE", "CHANGE MASTER", "", SQL_UTILITY, server),
    REFUSED("START|STOP ALL|SLAVE|SLAVES|REPLICA|REPLICAS", "START REPLICA", "", SQL_UTILITY, server),
    REFUSED("RESET", "RESET", "", SQL_UTILITY, server),
    REFUSED("PURGE", "PURGE BINARY LOGS", "", SQL_UTILITY, server),
    REFUSED("KILL", "KILL", "", SQL_UTILITY, server),
    REFUSED("SHUTDOWN", "SHUTDOWN", "", SQL_UTILITY, server),
    REFUSED("BACKUP", "BACKUP", "", SQL_UTILITY, server),
    REFUSED("CALL", "CALL", "", SQL_UTILITY, call),
    REFUSED("EXECUTE", "EXECUTE", "", SQL_UTILITY, dynamic),
    ROW("PREPARE", "PREPARE", "", SQL_SESSION),
    ROW("DEALLOCATE", "DEALLOCATE", "", SQL_SESSION),
    ROW("DO", "DO", "", SQL_UTILITY),
    ROW("SIGNAL", "SIGNAL", "", SQL_UTILITY),

    REFUSED("SET [SESSION|LOCAL] TRANSACTION", "SET TRANSACTION", "", SQL_TRANSACTION, transaction),
    ALONE("SET GLOBAL", "SET GLOBAL", repeat),
    ROW("SET", "SET", "", SQL_SESSION),
    REFUSED("USE", "USE", "", SQL_SESSION, other_database),
    ROW("BEGIN NOT ATOMIC", "BEGIN NOT ATOMIC", "", SQL_UTILITY),
    ROW("IF|CASE|LOOP|WHILE|REPEAT|FOR", "BEGIN NOT ATOMIC", "", SQL_UTILITY),
    REFUSED("BEGIN", "BEGIN", "", SQL_TRANSACTION, transaction),
    REFUSED("START TRANSACTION", "START TRANSACTION", "", SQL_TRANSACTION, transaction),
    REFUSED("COMMIT", "COMMIT", "", SQL_TRANSACTION, transaction),
    REFUSED("ROLLBACK", "ROLLBACK", "", SQL_TRANSACTION, transaction),
    REFUSED("SAVEPOINT", "SAVEPOINT", "", SQL_TRANSACTION, transaction),
    REFUSED("RELEASE", "RELEASE SAVEPOINT", "", SQL_TRANSACTION, transaction),
    REFUSED("XA", "XA", "", SQL_TRANSACTION, transaction),
    REFUSED("LOCK", "LOCK TABLES", "", SQL_TRANSACTION, locks),
    REFUSED("UNLOCK", "UNLOCK TABLES", "", SQL_TRANSACTION, locks),
};

static const struct mark outside[] = {
    {"OUTFILE", "INTO", false, file},
    {"DUMPFILE", "INTO", false, file},
    {"SETVAL", NULL, true, "SETVAL is not undone by a rollback: use ALTER SEQUENCE ... RESTART WITH"},
    {"GET_LOCK", NULL, true, "user locks belong to the runner: take it out"},
    {"RELEASE_LOCK", NULL, true, "user locks belong to the runner: take it out"},
    {"RELEASE_ALL_LOCKS", NULL, true, "user locks belong to the runner: take it out"},
};

/* What makes a compound statement more than rows: anything that commits, or whose text is not known. */
static const struct mark committing[] = {
    {"CREATE", NULL, false, compound},   {"ALTER", NULL, false, compound},    {"DROP", NULL, false, compound},
    {"TRUNCATE", NULL, false, compound}, {"RENAME", NULL, false, compound},   {"COMMIT", NULL, false, compound},
    {"ROLLBACK", NULL, false, compound}, {"START", NULL, false, compound},    {"CALL", NULL, false, compound},
    {"EXECUTE", NULL, false, compound},  {"GRANT", NULL, false, compound},    {"REVOKE", NULL, false, compound},
    {"ANALYZE", NULL, false, compound},  {"OPTIMIZE", NULL, false, compound}, {"LOCK", NULL, false, compound},
    {"UNLOCK", NULL, false, compound},   {"FLUSH", NULL, false, compound},    {"autocommit", NULL, false, compound},
};

static const struct mark writes[] = {{"UPDATE", NULL, false, ""}, {"DELETE", NULL, false, ""}, {"INSERT", NULL, false, ""}};
static const struct mark autocommit[] = {{"autocommit", NULL, false, transaction}};
static const struct mark globals[] = {{"GLOBAL", NULL, false, repeat}};

/* SET STATEMENT variable = value FOR statement: the inner statement decides. */
static bool unwrap_set_statement(const struct window *w, struct bytes *statement)
{
	size_t i = 2;
	while (i < w->n && !window_is(w, i, "FOR"))
		i++;
	if (i + 1 >= w->n)
		return false;
	const uint8_t *from = w->t[i + 1].text.p;
	*statement = bytes_of(from, statement->n - (size_t)(from - statement->p));
	return true;
}

/* CREATE USER a, b; RENAME TABLE a TO b, c TO d: a comma outside parentheses. */
static bool names_several(const struct window *w)
{
	size_t depth = 0;
	for (size_t i = 0; i < w->n; i++) {
		if (token_is_symbol(&w->t[i], '('))
			depth++;
		else if (token_is_symbol(&w->t[i], ')') && depth)
			depth--;
		else if (depth == 0 && token_is_symbol(&w->t[i], ','))
			return true;
	}
	return false;
}

static const struct mark *find_outside(const struct window *w, struct bytes statement, const struct sql_class *c)
{
	if (str_eq(c->verb, "BEGIN NOT ATOMIC")) {
		const struct mark *m = marks_find(committing, ARRAY_LEN(committing), w->dialect, statement);
		if (m)
			return m;
	}
	if (str_eq(c->verb, "SET") && marks_find(autocommit, ARRAY_LEN(autocommit), w->dialect, statement))
		return autocommit;
	if (c->class != STEP_T)
		return NULL;
	return marks_find(outside, ARRAY_LEN(outside), w->dialect, statement);
}

static void refine(const struct window *w, struct bytes statement, struct sql_class *c)
{
	const struct mark *m = find_outside(w, statement, c);
	if (m == autocommit) {
		c->kind = SQL_TRANSACTION;
		str_copy(c->verb, sizeof c->verb, "SET autocommit");
	}
	if (m)
		class_set(c, STEP_X, m->why);
	else if (str_eq(c->verb, "SET") && marks_find(globals, ARRAY_LEN(globals), w->dialect, statement)) {
		class_set(c, STEP_N, repeat);
		c->kind = SQL_UTILITY; /* of the server, not of the session */
	}
	if (str_eq(c->object_kind, "user") && names_several(w))
		class_set(c, STEP_X, many_users);
	if (str_eq(c->verb, "RENAME TABLE") && names_several(w))
		c->object[0] = c->object_schema[0] = c->parent[0] = c->parent_schema[0] = '\0';
	if (str_eq(c->verb, "WITH") && marks_find(writes, ARRAY_LEN(writes), w->dialect, statement))
		c->kind = SQL_DML;
}

void classify_mariadb(const struct window *w, struct bytes statement, struct sql_class *ret)
{
	struct window inner = *w;
	const char *why = window_is(w, 0, "SET") ? setting_refused(w->dialect, statement, SETTING_IN_SET) : NULL;
	while (window_is(&inner, 0, "SET") && window_is(&inner, 1, "STATEMENT")) {
		if (!unwrap_set_statement(&inner, &statement))
			return; /* unknown, class X */
		window_read(&inner, w->dialect, statement);
	}
	w = &inner;
	if (rules_apply(rules, ARRAY_LEN(rules), w, ret))
		refine(w, statement, ret);
	if (why)
		class_set(ret, STEP_X, why);
}
