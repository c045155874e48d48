/* Is a ';' the end of the statement, or inside it? Fed with the code tokens of one statement, it knows the bodies that hold statements of their
 * own: BEGIN ATOMIC and parentheses (PostgreSQL, as psql counts them), CREATE TRIGGER (SQLite, as sqlite3_complete counts), routines and compound statements
 * (MariaDB, where no client knows them: it needs DELIMITER lines, we do not). One flat stack of fixed size. */
#ifndef COMMON_SQL_COMPOUND_H
#define COMMON_SQL_COMPOUND_H

#include <stdbool.h>
#include <stdint.h>

#include "common/sql/lex.h"

#define COMPOUND_DEPTH_MAX 256

enum compound_phase {
	COMPOUND_START,
	COMPOUND_CREATE, /* after CREATE or ALTER, the kind of object not seen yet */
	COMPOUND_HEAD, /* of a routine, trigger or event */
	COMPOUND_BODY,
	COMPOUND_PLAIN /* nothing in it can hold a statement */
};

enum compound_frame {
	FRAME_BLOCK, /* BEGIN, IF, CASE, LOOP, WHILE, FOR: statements, then END */
	FRAME_REPEAT, /* ends after an expression: UNTIL x END REPEAT */
	FRAME_CASE, /* CASE as an expression */
	FRAME_DECLARE, /* Oracle mode: declarations between AS and BEGIN */
	FRAME_PACKAGE
};

struct compound {
	enum dialect dialect;
	enum compound_phase phase;
	uint32_t tokens; /* code tokens so far */
	uint32_t parens;
	uint32_t line; /* where the outermost open body, or parenthesis, began */
	enum { HEAD_ROUTINE, HEAD_TRIGGER, HEAD_EVENT } head;
	uint8_t frame[COMPOUND_DEPTH_MAX];
	unsigned depth;
	bool too_deep;
	bool at_statement; /* the next word begins a statement of the body */
	bool label; /* the token before was a word where a statement may begin: a ':' makes it a label */
	bool after_end; /* the token before was END: an IF, LOOP or the like belongs to it */
	bool until, handler, handler_for; /* in UNTIL; in DECLARE ... HANDLER, after its FOR */
	bool params, returned, is_pending; /* head: parameters seen, RETURN seen, IS seen after it */
	bool follows, user; /* trigger: FOLLOWS x; the next word is part of a user name */
	enum { SUB_NONE, SUB_HEAD, SUB_DECLARE } sub; /* a routine inside a package */
	struct token prev; /* the code token before */
};

void compound_reset(struct compound *c, enum dialect d);
/* Every code token of the statement but a TOKEN_DELIMITER; a TOKEN_SEMICOLON only while compound_inside(). */
void compound_feed(struct compound *c, const struct token *t);
/* A ';' now belongs to the statement. */
bool compound_inside(const struct compound *c);
/* What is missing for the statement to be whole, as "what: what to do", static; NULL when nothing is. The line is c->line. */
const char *compound_missing(const struct compound *c);

/* The dialects' parts. */
void compound_feed_mariadb(struct compound *c, const struct token *t);
void compound_push(struct compound *c, enum compound_frame f, const struct token *t);
void compound_pop(struct compound *c);
bool token_is_any(const struct token *t, const char *const *words); /* NULL at the end */

#endif
