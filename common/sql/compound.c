/* Bodies inside statements: what is common, PostgreSQL and SQLite. */
#include "common/sql/compound.h"

#include <stddef.h>

void compound_reset(struct compound *c, enum dialect d)
{
	c->dialect = d;
	c->phase = COMPOUND_START;
	c->tokens = c->parens = c->line = 0;
	c->depth = 0;
	c->too_deep = c->at_statement = c->label = c->after_end = false;
	c->until = c->handler = c->handler_for = false;
	c->params = c->returned = c->is_pending = c->follows = c->user = false;
	c->sub = SUB_NONE;
	c->prev = (struct token){.kind = TOKEN_SPACE};
}

bool token_is_any(const struct token *t, const char *const *words)
{
	for (; *words; words++)
		if (token_is_word(t, *words))
			return true;
	return false;
}

void compound_push(struct compound *c, enum compound_frame f, const struct token *t)
{
	if (c->depth == COMPOUND_DEPTH_MAX) {
		c->too_deep = true;
		return;
	}
	if (c->depth == 0)
		c->line = t->line;
	c->frame[c->depth++] = (uint8_t)f;
}

void compound_pop(struct compound *c)
{
	if (c->depth)
		c->depth--;
}

static void count_parens(struct compound *c, const struct token *t)
{
	if (token_is_symbol(t, '(')) {
		if (c->parens++ == 0 && c->depth == 0)
			c->line = t->line;
	} else if (token_is_symbol(t, ')') && c->parens) {
		c->parens--;
	}
}

/* CREATE [OR REPLACE] FUNCTION | PROCEDURE ... BEGIN ATOMIC ... END, where CASE ... END nests. In PostgreSQL END and CASE are reserved, but may be labels after AS or a dot. */
static void feed_postgresql(struct compound *c, const struct token *t)
{
	static const char *const routines[] = {"FUNCTION", "PROCEDURE", NULL};
	static const char *const skipped[] = {"OR", "REPLACE", NULL};
	count_parens(c, t);
	if (c->phase == COMPOUND_START)
		c->phase = token_is_word(t, "CREATE") ? COMPOUND_CREATE : COMPOUND_PLAIN;
	else if (c->phase == COMPOUND_CREATE && !token_is_any(t, skipped))
		c->phase = token_is_any(t, routines) ? COMPOUND_HEAD : COMPOUND_PLAIN;
	else if (c->phase == COMPOUND_HEAD && token_is_word(t, "ATOMIC") && token_is_word(&c->prev, "BEGIN") && c->parens == 0) {
		c->phase = COMPOUND_BODY;
		compound_push(c, FRAME_BLOCK, t);
	} else if (c->phase == COMPOUND_BODY && c->depth && !token_is_symbol(&c->prev, '.') && !token_is_word(&c->prev, "AS")) {
		if (token_is_word(t, "CASE"))
			compound_push(c, FRAME_CASE, t);
		else if (token_is_word(t, "END"))
			compound_pop(c);
	}
}

/* CREATE [TEMP] TRIGGER ends with the three tokens ; END ; and with nothing else. */
static void feed_sqlite(struct compound *c, const struct token *t)
{
	static const char *const skipped[] = {"TEMP", "TEMPORARY", NULL};
	static const char *const explain[] = {"EXPLAIN", "QUERY", "PLAN", NULL};
	if (c->phase == COMPOUND_START && !token_is_any(t, explain)) {
		c->phase = token_is_word(t, "CREATE") ? COMPOUND_CREATE : COMPOUND_PLAIN;
	} else if (c->phase == COMPOUND_CREATE && !token_is_any(t, skipped)) {
		c->phase = token_is_word(t, "TRIGGER") ? COMPOUND_BODY : COMPOUND_PLAIN;
		if (c->phase == COMPOUND_BODY)
			compound_push(c, FRAME_BLOCK, t);
	} else if (c->phase == COMPOUND_BODY) {
		c->after_end = token_is_word(t, "END") && c->prev.kind == TOKEN_SEMICOLON;
	}
}

void compound_feed(struct compound *c, const struct token *t)
{
	switch (c->dialect) {
	case DIALECT_POSTGRESQL:
		feed_postgresql(c, t);
		break;
	case DIALECT_MARIADB:
		compound_feed_mariadb(c, t);
		break;
	case DIALECT_SQLITE:
	case DIALECT_COUNT:
		feed_sqlite(c, t);
		break;
	}
	c->tokens++;
	c->prev = *t;
}

bool compound_inside(const struct compound *c)
{
	if (c->dialect == DIALECT_SQLITE)
		return c->depth > 0 && !c->after_end;
	return c->depth > 0 || (c->dialect == DIALECT_POSTGRESQL && c->parens > 0);
}

const char *compound_missing(const struct compound *c)
{
	if (c->too_deep)
		return "blocks nested too deeply: split the routine";
	if (!compound_inside(c))
		return NULL;
	if (c->depth == 0)
		return "unterminated parenthesis: close it with )";
	if (c->dialect == DIALECT_SQLITE)
		return "unterminated trigger: end it with ; END;";
	return "unterminated BEGIN or compound statement: add its END";
}
