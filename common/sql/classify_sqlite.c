/* SQLite: DDL is transactional, so nearly all is class T. Source: sqlite.org, lang.html and pragma.html. */
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/sql/rule.h"

static const char transaction[] = "transaction control inside a changeset: take it out, each step is one transaction already";
static const char attach[] = "a transaction over attached files is not atomic in WAL mode: make one target of each file";

static const struct rule rules[] = {
    {"CREATE [TEMP|TEMPORARY] TABLE ? @", "CREATE TABLE", "table", SQL_DDL, STEP_T, NULL, NULL},
    {"CREATE VIRTUAL TABLE ? @", "CREATE VIRTUAL TABLE", "table", SQL_DDL, STEP_T, NULL, NULL},
    {"CREATE [UNIQUE] INDEX ? @ ON ^", "CREATE INDEX", "index", SQL_DDL, STEP_T, NULL, NULL},
    {"CREATE [TEMP|TEMPORARY] VIEW ? @", "CREATE VIEW", "view", SQL_DDL, STEP_T, NULL, NULL},
    {"CREATE [TEMP|TEMPORARY] TRIGGER ? @ .. ON ^", "CREATE TRIGGER", "trigger", SQL_DDL, STEP_T, NULL, NULL},
    {"ALTER TABLE @ RENAME TO ^", "ALTER TABLE", "table", SQL_DDL, STEP_T, NULL, NULL},
    {"ALTER TABLE @", "ALTER TABLE", "table", SQL_DDL, STEP_T, NULL, NULL},
    {"DROP TABLE ? @", "DROP TABLE", "table", SQL_DDL, STEP_T, NULL, NULL},
    {"DROP INDEX ? @", "DROP INDEX", "index", SQL_DDL, STEP_T, NULL, NULL},
    {"DROP VIEW ? @", "DROP VIEW", "view", SQL_DDL, STEP_T, NULL, NULL},
    {"DROP TRIGGER ? @", "DROP TRIGGER", "trigger", SQL_DDL, STEP_T, NULL, NULL},
    {"INSERT [OR] [REPLACE|ROLLBACK|ABORT|FAIL|IGNORE] INTO @", "INSERT", "table", SQL_DML, STEP_T, NULL, NULL},
    {"REPLACE INTO @", "REPLACE", "table", SQL_DML, STEP_T, NULL, NULL},
    {"UPDATE OR REPLACE|ROLLBACK|ABORT|FAIL|IGNORE @", "UPDATE", "table", SQL_DML, STEP_T, NULL, NULL},
    {"UPDATE @", "UPDATE", "table", SQL_DML, STEP_T, NULL, NULL},
    {"DELETE FROM @", "DELETE", "table", SQL_DML, STEP_T, NULL, NULL},
    {"EXPLAIN", "EXPLAIN", "", SQL_QUERY, STEP_T, NULL, NULL},
    {"SELECT", "SELECT", "", SQL_QUERY, STEP_T, NULL, NULL},
    {"VALUES", "VALUES", "", SQL_QUERY, STEP_T, NULL, NULL},
    {"WITH", "WITH", "", SQL_QUERY, STEP_T, NULL, NULL},
    {"VACUUM .. INTO", "VACUUM INTO", "", SQL_UTILITY, STEP_X, "writes a file beside the database: use the backup API instead", NULL},
    {"VACUUM", "VACUUM", "", SQL_UTILITY, STEP_N, "cannot run inside a transaction; safe to repeat", NULL},
    {"REINDEX", "REINDEX", "", SQL_UTILITY, STEP_T, NULL, NULL},
    {"ANALYZE", "ANALYZE", "", SQL_UTILITY, STEP_T, NULL, NULL},
    {"ATTACH", "ATTACH", "", SQL_SESSION, STEP_X, attach, NULL},
    {"DETACH", "DETACH", "", SQL_SESSION, STEP_X, attach, NULL},
    {"PRAGMA @", "PRAGMA", "pragma", SQL_SESSION, STEP_T, NULL, NULL},
    {"BEGIN", "BEGIN", "", SQL_TRANSACTION, STEP_X, transaction, NULL},
    {"COMMIT", "COMMIT", "", SQL_TRANSACTION, STEP_X, transaction, NULL},
    {"END", "END", "", SQL_TRANSACTION, STEP_X, transaction, NULL},
    {"ROLLBACK", "ROLLBACK", "", SQL_TRANSACTION, STEP_X, transaction, NULL},
    {"SAVEPOINT", "SAVEPOINT", "", SQL_TRANSACTION, STEP_X, transaction, NULL},
    {"RELEASE", "RELEASE", "", SQL_TRANSACTION, STEP_X, transaction, NULL},
};

/* WITH ... before INSERT, UPDATE or DELETE changes rows. */
static const struct mark writes[] = {{"INTO", "INSERT", false, ""},
                                     {"INTO", "REPLACE", false, ""},
                                     {"FROM", "DELETE", false, ""},
                                     {"UPDATE", NULL, false, ""},
                                     {"OR", "INSERT", false, ""}};

static const struct mark outside[] = {
    {"load_extension", NULL, true, "runs code of a library file on the site: load it in the application, not in a changeset"},
    {"writefile", NULL, true, "writes a file on the site: take it out"},
};

/* Those that belong to the transaction, to the session of the step, or only ask. The rest changes how SQLite keeps or guards the file, in the middle of our transaction:
 * writable_schema lets a later statement break it, synchronous and locking_mode outlive the step. */
static const char *const harmless_pragmas[] = {
    "foreign_keys",  "defer_foreign_keys", "legacy_alter_table", "recursive_triggers", "user_version", "application_id",
    "optimize",      "table_info",         "table_xinfo",        "table_list",         "index_list",   "index_info",
    "index_xinfo",   "foreign_key_list",   "foreign_key_check",  "integrity_check",    "quick_check",  "database_list",
    "function_list", "collation_list",     "compile_options",    "case_sensitive_like"};

/* `object` may carry the schema: main.user_version */
static bool is_pragma(const struct sql_class *c, const char *name)
{
	const char *dot = strrchr(c->object, '.');
	return str_eq(c->object_kind, "pragma") && str_ieq(dot ? dot + 1 : c->object, name);
}

static void classify_pragma(struct sql_class *c)
{
	if (!str_eq(c->object_kind, "pragma"))
		return;
	if (is_pragma(c, "journal_mode")) {
		class_set(c, STEP_N, "the journal mode cannot change inside a transaction; safe to repeat");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(harmless_pragmas); i++)
		if (is_pragma(c, harmless_pragmas[i]))
			return;
	class_set(c, STEP_X, "changes how SQLite keeps or guards the file, outside of the transaction: have the site set it, not a changeset");
}

void classify_sqlite(const struct window *w, struct bytes statement, struct sql_class *ret)
{
	if (!rules_apply(rules, ARRAY_LEN(rules), w, ret))
		return;
	classify_pragma(ret);
	if (str_eq(ret->verb, "WITH") && marks_find(writes, ARRAY_LEN(writes), w->dialect, statement))
		ret->kind = SQL_DML;
	const struct mark *m = ret->kind == SQL_DDL ? NULL : marks_find(outside, ARRAY_LEN(outside), w->dialect, statement);
	if (m)
		class_set(ret, STEP_X, m->why);
}
