/* What a statement of MariaDB's DDL leaves behind in its table, clause by clause, and whether a definition (SHOW CREATE TABLE) shows it. By lexing alone, no database: after a crash
 * the question is whether the statement took effect, or somebody else's did.
 *
 *   ALTER TABLE t ADD COLUMN a int, DROP INDEX i   -->   column a appears, key i vanishes   -->   looked for in the definition before and in the one now */
#ifndef COMMON_SQL_EFFECT_H
#define COMMON_SQL_EFFECT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/bytes.h"
#include "common/sql/lex.h"

#define SQL_EFFECTS_MAX 512 /* clauses of one statement; more of them are not told apart */

enum sql_part {
	SQL_PART_COLUMN,
	SQL_PART_KEY, /* the primary key is named PRIMARY */
	SQL_PART_CONSTRAINT, /* a foreign key or a check */
	SQL_PART_EITHER, /* DROP CONSTRAINT: whichever of the two */
	SQL_PART_PARTITION,
	SQL_PART_PARTITIONING, /* how the table is partitioned, as a whole */
	SQL_PART_OPTION /* ENGINE, COMMENT, ... of the table */
};
enum sql_change {
	SQL_APPEARS,
	SQL_VANISHES,
	SQL_CHANGES,
	SQL_DEFAULT, /* of a column: `says` is its default from then on, n 0: none */
	SQL_IGNORED, /* of a key */
	SQL_NOT_IGNORED
};

struct sql_effect {
	enum sql_part part;
	enum sql_change change;
	struct token name; /* kind TOKEN_SPACE: none is said, the server chooses one */
	struct token from; /* of what gets another name: the one before. Of a key or foreign key in a column's own clause: the column */
	struct bytes
	    says; /* column: from its type to the end of the clause; key, foreign key: from its list of columns; check: its expression; partition: from its values; option: its value */
	const char *kind; /* of a key: FULLTEXT, SPATIAL; NULL: neither */
	bool unique, foreign; /* of a key; of a constraint */
	bool if_exists; /* IF [NOT] EXISTS, OR REPLACE: that it was so already is no error */
};

struct sql_effects {
	struct sql_effect of[SQL_EFFECTS_MAX];
	size_t n;
	bool whole; /* CREATE TABLE: the columns, keys and constraints are all that there are */
	bool renames; /* the table, which is looked for elsewhere */
	bool unknown; /* a clause that is not known here, or whose effect does not show */
};

/* In front of a definition, where the engine knows it: "made 1795693813", when its object was made, or last altered. Of two definitions that are alike it tells whether they are of one object. */
#define SQL_MADE "made "

/* Of CREATE TABLE, ALTER TABLE, CREATE INDEX and DROP INDEX; anything else is unknown. Points into the statement. */
void sql_effects_read(struct bytes statement, struct sql_effects *ret);
/* Does the definition `now` show all of it, and `before` not yet? Definitions as SHOW CREATE TABLE gives them; before "" where there was no table. */
bool sql_effects_show(const struct sql_effects *effects, const char *before, const char *now);
/* Are two definitions the same but for the table's name, and for the names that the server makes of it? What a renamed table is known by. */
bool sql_tables_equal(const char *a, const char *b);

/* Is the index that pg_get_indexdef shows the one that CREATE INDEX says: unique or not, its table, method and columns? The server writes expressions and predicates anew, so false, too, of an
 * index that has any, or anything else: the server itself is asked for those (engine->index_wanted). */
bool sql_index_fits(struct bytes statement, const char *shown);
/* What stands behind the table's name in a CREATE INDEX of PostgreSQL, points into the statement; and whether it is unique. False: it is none. */
bool sql_index_tail(struct bytes statement, bool *ret_unique, struct bytes *ret);
/* Are two that pg_get_indexdef shows the same but for their own names and their schemas'? */
bool sql_index_same(const char *a, const char *b);
/* A routine, trigger or event of MariaDB, whose body SHOW CREATE gives as it was written: body, parameters, characteristics, schedule. False, too, when it is not seen where the body begins. */
bool sql_body_fits(struct bytes statement, const char *shown);
/* A table of SQLite, whose statement is kept as it was written: the same words from the first parenthesis on? */
bool sql_kept_fits(struct bytes statement, const char *shown);
/* A view of MariaDB, whose text the server writes anew (same.h). False, too, of what is not understood: SELECT *, whose columns are no longer told from the text. */
bool sql_view_fits(struct bytes statement, const char *shown);
/* A sequence of MariaDB: has it the numbers that CREATE SEQUENCE says, and the server's own for the others? */
bool sql_sequence_fits(struct bytes statement, const char *shown);

/* RENAME TABLE a TO b, c TO d, in the end: which names go and which come, and whose table bears which. Names in one schema; more than these are not told apart. */
#define SQL_RENAMES_MAX 32
struct sql_renames {
	struct {
		char name[256];
		bool source, target; /* there was a table of this name; there is one */
		size_t from; /* of a target: the name that its table had */
	} of[2 * SQL_RENAMES_MAX];
	size_t n;
	bool unknown;
};
void sql_renames_read(struct bytes statement, struct sql_renames *ret);

/* ---- for sql_effects_show ---- */

/* Is a column whose line in SHOW CREATE TABLE reads `shown` (behind its name) what the clause `says`? False, too, of what is not understood. `in_key`: of the primary key; `options`: of the table,
 * whose character set is not repeated. */
bool sql_column_fits(struct bytes says, struct bytes shown, bool in_key, struct bytes options);
/* Two lines of one column that differ in their DEFAULT alone; the later one's is `value`, n 0: it has none. */
bool sql_default_became(struct bytes was, struct bytes is, struct bytes value);
/* The type that a function returns; its character set where `says` has one. */
bool sql_type_fits(struct bytes says, struct bytes shown);
/* The columns of two lists in parentheses: names, lengths and directions. */
bool sql_columns_fit(struct bytes says, struct bytes shown);

#endif
