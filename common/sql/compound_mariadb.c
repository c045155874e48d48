/* Routine bodies and compound statements of MariaDB 10.6 and later, in both SQL modes (sql_mode=ORACLE has AS and IS, declarations before BEGIN, packages).
 * BEGIN, END, IF and REPEAT are also plain identifiers or functions there: what they are depends on where they stand, so the place where a statement
 * may begin is followed through the whole body. Source: MariaDB manual, "Programmatic and Compound Statements". */
#include "common/sql/compound.h"

#include <stddef.h>

static const char *const openers[] = {"BEGIN", "IF", "CASE", "LOOP", "WHILE", "REPEAT", "FOR", NULL};

/* The first word of a body that is one plain statement. */
static const char *const simple_verbs[] = {"RETURN", "SELECT",  "INSERT", "UPDATE",  "DELETE", "REPLACE", "CALL",  "SIGNAL",   "RESIGNAL", "WITH",
                                           "LEAVE",  "ITERATE", "DO",     "EXECUTE", "CREATE", "DROP",    "ALTER", "TRUNCATE", "COMMIT",   "ROLLBACK",
                                           "START",  "PREPARE", "SHOW",   "VALUES",  "RENAME", "LOCK",    "OPEN",  NULL};

static bool top_is(const struct compound *c, enum compound_frame f)
{
	return c->depth && c->frame[c->depth - 1] == f;
}

/* BEGIN where a statement may begin: opens a block, or turns declarations into one, or starts a package's own block. */
static void open_begin(struct compound *c, const struct token *t)
{
	if (top_is(c, FRAME_DECLARE))
		c->frame[c->depth - 1] = FRAME_BLOCK;
	else if (!top_is(c, FRAME_PACKAGE) || c->sub != SUB_NONE)
		compound_push(c, FRAME_BLOCK, t);
	c->sub = SUB_NONE;
	c->at_statement = true;
}

static void open_statement(struct compound *c, const struct token *t)
{
	c->at_statement = c->handler = c->handler_for = false;
	if (token_is_word(t, "BEGIN")) {
		open_begin(c, t);
	} else if (token_is_word(t, "REPEAT")) {
		compound_push(c, FRAME_REPEAT, t);
		c->at_statement = true;
	} else {
		compound_push(c, FRAME_BLOCK, t);
		c->at_statement = token_is_word(t, "LOOP");
	}
}

/* END: of a CASE expression anywhere; of a block where a statement may begin; of REPEAT after UNTIL. Elsewhere it is an identifier. */
static void close_end(struct compound *c)
{
	bool closes = top_is(c, FRAME_CASE) || c->at_statement || (top_is(c, FRAME_REPEAT) && c->until);
	c->at_statement = false;
	if (!closes)
		return;
	if (!top_is(c, FRAME_CASE))
		c->until = false;
	compound_pop(c);
	c->after_end = true;
}

/* Directly inside a package: its own AS, and the heads of its routines. */
static void feed_package(struct compound *c, const struct token *t)
{
	static const char *const subs[] = {"FUNCTION", "PROCEDURE", NULL};
	static const char *const declares[] = {"AS", "IS", NULL};
	if (!top_is(c, FRAME_PACKAGE) || c->parens)
		return;
	if (token_is_any(t, declares)) {
		c->sub = c->sub == SUB_HEAD ? SUB_DECLARE : c->sub;
		c->at_statement = true;
	} else if (token_is_any(t, subs)) {
		c->sub = SUB_HEAD;
		c->at_statement = false;
	} else if (token_is_word(t, "BEGIN") && c->sub == SUB_HEAD) {
		open_begin(c, t);
	}
}

/* A statement of the body starts with this word and is none that holds others. */
static void begin_plain(struct compound *c, const struct token *t)
{
	c->at_statement = token_is_word(t, "ELSE");
	c->label = !c->at_statement;
	c->handler = token_is_word(t, "DECLARE");
	c->until = token_is_word(t, "UNTIL");
	feed_package(c, t);
}

static bool is_simple_verb(const struct compound *c, const struct token *t)
{
	return token_is_any(t, simple_verbs) || (token_is_word(t, "SET") && !token_is_word(&c->prev, "CHARACTER"));
}

/* DECLARE ... HANDLER FOR conditions statement: the statement has no mark before it. */
static bool feed_handler(struct compound *c, const struct token *t)
{
	if (!c->handler)
		return false;
	if (!c->handler_for) {
		c->handler_for = token_is_word(t, "FOR") && token_is_word(&c->prev, "HANDLER");
		return false;
	}
	if (is_simple_verb(c, t)) {
		c->handler = c->handler_for = false;
		return false;
	}
	if (!token_is_any(t, openers) || token_is_word(t, "FOR"))
		return false;
	open_statement(c, t);
	return true;
}

/* Words inside a statement after which another may begin. */
static void feed_inner(struct compound *c, const struct token *t)
{
	static const char *const starts[] = {"THEN", "ELSE", "DO", "LOOP", NULL};
	if (token_is_word(t, "CASE"))
		compound_push(c, FRAME_CASE, t);
	else if (token_is_any(t, starts) && c->depth && !top_is(c, FRAME_CASE))
		c->at_statement = true;
	else
		feed_package(c, t);
}

static void feed_body_word(struct compound *c, const struct token *t)
{
	static const char *const tails[] = {"IF", "CASE", "LOOP", "WHILE", "REPEAT", "FOR", NULL};
	bool tail = c->after_end && token_is_any(t, tails);
	c->after_end = c->label = false;
	if (c->follows) {
		c->follows = false;
	} else if (token_is_word(t, "ATOMIC") && token_is_word(&c->prev, "NOT")) {
		c->at_statement = true; /* label: BEGIN NOT ATOMIC */
	} else if (tail || token_is_symbol(&c->prev, '.') || token_is_symbol(&c->prev, '@')) {
		c->at_statement = false;
	} else if (c->at_statement && c->depth == 0 && (token_is_word(t, "FOLLOWS") || token_is_word(t, "PRECEDES"))) {
		c->follows = true;
	} else if (token_is_word(t, "END")) {
		close_end(c);
	} else if (c->at_statement) {
		if (token_is_any(t, openers))
			open_statement(c, t);
		else
			begin_plain(c, t);
	} else if (!feed_handler(c, t)) {
		feed_inner(c, t);
	}
}

static void feed_body(struct compound *c, const struct token *t)
{
	bool label = c->label;
	if (t->kind == TOKEN_WORD) {
		feed_body_word(c, t);
		return;
	}
	c->after_end = c->label = false;
	if (t->kind == TOKEN_SEMICOLON) {
		c->at_statement = true;
		c->handler = c->handler_for = c->until = false;
		if (c->sub == SUB_HEAD)
			c->sub = SUB_NONE; /* a declaration, no body */
	} else if (token_is_symbol(t, ':') && label) {
		c->at_statement = true;
	} else if (c->follows) {
		c->follows = false;
	} else {
		c->label = c->at_statement && t->kind == TOKEN_QUOTED;
		c->at_statement = false;
	}
}

static void enter_body(struct compound *c)
{
	c->phase = COMPOUND_BODY;
	c->at_statement = true;
}

static void enter_declarations(struct compound *c, const struct token *t)
{
	enter_body(c);
	compound_push(c, FRAME_DECLARE, t);
}

/* "RETURN x IS NULL" is an expression, "RETURN INT IS x INT; BEGIN" is Oracle's function head. */
static bool feed_return(struct compound *c, const struct token *t)
{
	static const char *const predicates[] = {"NULL", "NOT", "TRUE", "FALSE", "UNKNOWN", NULL};
	if (c->is_pending) {
		c->is_pending = false;
		if (!token_is_any(t, predicates)) {
			c->returned = false;
			enter_declarations(c, t);
			feed_body(c, t);
			return true;
		}
	}
	if (c->parens || c->depth)
		return false;
	if (token_is_word(t, "AS")) {
		c->returned = false;
		enter_declarations(c, t);
		return true;
	}
	c->is_pending = token_is_word(t, "IS");
	return false;
}

/* A routine's head ends with its parameters and characteristics; with none (a plug-in function, SONAME) there is no body. */
static void feed_routine_head(struct compound *c, const struct token *t)
{
	bool plain_is = c->parens == 0 && (token_is_word(t, "AS") || token_is_word(t, "IS"));
	if (plain_is) {
		enter_declarations(c, t);
	} else if (token_is_symbol(t, ')') && c->parens == 0) {
		c->params = true;
	} else if (c->params && c->parens == 0 && token_is_any(t, openers)) {
		enter_body(c);
		feed_body(c, t);
	} else if (c->params && c->parens == 0 && is_simple_verb(c, t)) {
		c->phase = COMPOUND_BODY;
		c->returned = token_is_word(t, "RETURN");
	} else if (token_is_symbol(t, ':') && c->params && c->parens == 0) {
		enter_body(c); /* a label */
	}
}

static void feed_head(struct compound *c, const struct token *t)
{
	switch (c->head) {
	case HEAD_ROUTINE:
		feed_routine_head(c, t);
		break;
	case HEAD_TRIGGER:
		if (token_is_word(t, "ROW") && token_is_word(&c->prev, "EACH"))
			enter_body(c);
		break;
	case HEAD_EVENT:
		if (token_is_word(t, "DO") && c->parens == 0)
			enter_body(c);
		break;
	}
}

/* Words between CREATE and the kind of object: OR REPLACE, AGGREGATE, DEFINER = user. */
static void feed_create(struct compound *c, const struct token *t)
{
	static const char *const skipped[] = {"OR", "REPLACE", "AGGREGATE", "DEFINER", NULL};
	if (t->kind != TOKEN_WORD || token_is_symbol(&c->prev, '=') || token_is_symbol(&c->prev, '@') || token_is_any(t, skipped))
		return;
	c->phase = COMPOUND_HEAD;
	if (token_is_word(t, "PROCEDURE") || token_is_word(t, "FUNCTION")) {
		c->head = HEAD_ROUTINE;
	} else if (token_is_word(t, "TRIGGER")) {
		c->head = HEAD_TRIGGER;
	} else if (token_is_word(t, "EVENT")) {
		c->head = HEAD_EVENT;
	} else if (token_is_word(t, "PACKAGE")) {
		enter_body(c);
		compound_push(c, FRAME_PACKAGE, t);
		c->at_statement = false;
	} else {
		c->phase = COMPOUND_PLAIN;
	}
}

/* The first tokens of a statement: BEGIN alone starts a transaction, BEGIN NOT ATOMIC a block. */
static void feed_start(struct compound *c, const struct token *t)
{
	if (c->tokens == 0 && (token_is_word(t, "CREATE") || token_is_word(t, "ALTER"))) {
		c->phase = COMPOUND_CREATE;
	} else if (c->tokens == 1 && token_is_symbol(t, ':')) {
		enter_body(c);
	} else if (c->tokens == 1 && token_is_word(&c->prev, "BEGIN") && token_is_word(t, "NOT")) {
		return; /* the next word decides */
	} else if (c->tokens == 2 && token_is_word(t, "ATOMIC")) {
		enter_body(c);
		compound_push(c, FRAME_BLOCK, t);
	} else if (c->tokens == 0 && token_is_any(t, openers) && !token_is_word(t, "BEGIN")) {
		enter_body(c);
		feed_body(c, t);
	} else if (c->tokens > 0 || t->kind == TOKEN_SYMBOL) {
		c->phase = COMPOUND_PLAIN;
	}
}

void compound_feed_mariadb(struct compound *c, const struct token *t)
{
	if (token_is_symbol(t, '('))
		c->parens++;
	else if (token_is_symbol(t, ')') && c->parens)
		c->parens--;
	switch (c->phase) {
	case COMPOUND_START:
		feed_start(c, t);
		break;
	case COMPOUND_CREATE:
		feed_create(c, t);
		break;
	case COMPOUND_HEAD:
		feed_head(c, t);
		break;
	case COMPOUND_BODY:
		if (!c->returned || !feed_return(c, t))
			feed_body(c, t);
		break;
	case COMPOUND_PLAIN:
		break;
	}
}
