/* What one statement is: its class T/N/X, its kind, the object that it touches. Derived by lexing alone, no database. The agent derives it again and
 * compares with the manifest. Sources: PostgreSQL 15 "cannot run inside a transaction block" list, MariaDB "Atomic DDL" and implicit-commit pages. */
#ifndef COMMON_SQL_CLASSIFY_H
#define COMMON_SQL_CLASSIFY_H

#include <stdbool.h>

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/model/changeset.h"
#include "common/sql/dialect.h"

enum sql_kind {
	SQL_DDL, /* changes the schema */
	SQL_DML, /* changes rows (INSERT, UPDATE, DELETE, MERGE, REPLACE, COPY, TRUNCATE counts as DDL on MariaDB) */
	SQL_QUERY, /* SELECT, VALUES, SHOW, EXPLAIN: reads */
	SQL_TRANSACTION, /* BEGIN, START TRANSACTION, COMMIT, ROLLBACK, SAVEPOINT, XA, PREPARE TRANSACTION, LOCK/UNLOCK TABLES on MariaDB */
	SQL_SESSION, /* SET, PRAGMA, USE, RESET: state that outlives the statement */
	SQL_UTILITY, /* VACUUM, ANALYZE, GRANT, CALL, DO ... */
	SQL_OTHER /* first keyword unknown */
};

#define SQL_NAME_MAX 256

struct sql_class {
	enum step_class class;
	enum sql_kind kind;
	char verb[64]; /* upper case, such as "CREATE INDEX CONCURRENTLY" */
	char object_kind[32]; /* "table", "index", "view", "trigger", "function", ...; "" if not known */
	char object[SQL_NAME_MAX]; /* unquoted as the engine would fold it; "" if not known or several */
	char object_schema[SQL_NAME_MAX];
	char parent_schema[SQL_NAME_MAX]; /* of `parent`, where it is said */
	char parent[SQL_NAME_MAX]; /* the table of an index or trigger; the new name of a RENAME */
	bool if_exists; /* carries IF [NOT] EXISTS or OR REPLACE */
	const char *why; /* for N and X: one sentence, with what to do for X; static storage; NULL for T */
};

/* Never fails on outside input: what it cannot read is SQL_OTHER, class T where the engine's DDL is transactional and X where it is not. */
void sql_classify(enum dialect d, struct bytes statement, struct sql_class *ret);

/* True when the bytes hold exactly one statement for this dialect (ATK-35): what the agent checks on every statement of a release. */
bool sql_is_single(enum dialect d, struct bytes statement);

#endif
