/* Classification rules as data: each row is a pattern over the first tokens of a statement and what follows from it. The first row that matches wins.
 *
 * A pattern is words separated by blanks:
 *   WORD      this word          A|B   one of them          [A|B]   one of them, or nothing
 *   !         [OR REPLACE]       ?     [IF EXISTS | IF NOT EXISTS]: both are noted as if_exists
 *   @         the object's name, with schema                 ^       the parent's name
 *   ~         any number of ALGORITHM = x, DEFINER = user, SQL SECURITY x, AGGREGATE (MariaDB)
 *   ()        a group in parentheses, or nothing             ..      go on to the next word of the pattern, wherever it stands outside parentheses */
#ifndef COMMON_SQL_RULE_H
#define COMMON_SQL_RULE_H

#include "common/sql/classify.h"
#include "common/sql/lex.h"

#define WINDOW_TOKENS 64

struct window { /* the first tokens of code of a statement */
	enum dialect dialect;
	struct token t[WINDOW_TOKENS];
	size_t n;
};

struct rule {
	const char *pattern;
	const char *verb, *object_kind;
	enum sql_kind kind;
	enum step_class class;
	const char *why; /* NULL for class T */
	const char *why_many; /* not NULL: a list of objects is class X, for this reason */
};

void window_read(struct window *w, enum dialect d, struct bytes statement);
/* Fills *ret from the first rule that matches; false when none does. */
bool rules_apply(const struct rule *rules, size_t n, const struct window *w, struct sql_class *ret);
/* The word at index i of the window. */
bool window_is(const struct window *w, size_t i, const char *word);
void class_set(struct sql_class *c, enum step_class class, const char *why);

/* Marks that may stand anywhere in a statement; found in one pass over the whole of it. */
struct mark {
	const char *word;
	const char *after; /* only directly behind this word; NULL: anywhere */
	bool call; /* only before an opening parenthesis */
	const char *why; /* what class X is for */
};
/* The first mark that the statement holds, NULL if there is none. Strings are not searched. */
const struct mark *marks_find(const struct mark *marks, size_t n, enum dialect d, struct bytes statement);

/* setting.c: why what the text sets may not be set in a changeset; NULL: it may. */
enum setting_in {
	SETTING_IN_SET, /* the text is a SET */
	SETTING_IN_BODY, /* the body of a DO, in which SETs may stand */
	SETTING_IN_CALL /* any other statement: a call of set_config counts */
};
const char *setting_refused(enum dialect d, struct bytes text, enum setting_in in);

void classify_postgresql(const struct window *w, struct bytes statement, struct sql_class *ret);
void classify_mariadb(const struct window *w, struct bytes statement, struct sql_class *ret);
void classify_sqlite(const struct window *w, struct bytes statement, struct sql_class *ret);

#endif
