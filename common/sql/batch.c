/* Reads a statement just far enough to know its one table and where its condition stands. */
#include "common/sql/batch.h"

#include <string.h>

#include "common/base/str.h"
#include "common/sql/lex.h"

struct scan { /* tokens of code, with one ahead */
	struct lexer lexer;
	struct token t, next; /* kind TOKEN_SPACE: past the end */
	size_t depth; /* of parentheses around t */
	size_t sub; /* depth of the outermost sub-select around t; 0: none */
	struct sql_batch *b;
};

static const char several[] = "it names several tables: pick the rows in a subquery (WHERE EXISTS (SELECT ...)), so that one table is left to walk";
static const char modifier[] = "it has a modifier between its verb and its table: take that out";
static const char unread[] = "its first table cannot be read: name one table there, not a function, a view's text or a subquery";
static const char unmatched[] = "its parentheses do not match: correct it";
static const char no_rows[] = "it walks no table: only UPDATE, DELETE and INSERT ... SELECT ... FROM can be batched; write one of them, or take "
                              "batch: out of the changeset's line";

static void read_token(struct scan *s, struct token *to)
{
	if (!lex_next_code(&s->lexer, to) || to->kind == TOKEN_BAD)
		*to = (struct token){.kind = TOKEN_SPACE};
}

static bool is_over(const struct scan *s)
{
	return s->t.kind == TOKEN_SPACE;
}

static bool opens_select(const struct scan *s)
{
	return token_is_symbol(&s->t, '(') && (token_is_word(&s->next, "SELECT") || token_is_word(&s->next, "WITH"));
}

/* A group's depth holds from its opening to its closing parenthesis. */
static void advance(struct scan *s)
{
	if (token_is_symbol(&s->t, ')') && s->depth) {
		if (s->depth == s->sub)
			s->sub = 0;
		s->depth--;
	}
	s->t = s->next;
	read_token(s, &s->next);
	if (!token_is_symbol(&s->t, '('))
		return;
	s->depth++;
	if (!s->sub && opens_select(s))
		s->sub = s->depth;
}

static bool take_word(struct scan *s, const char *word)
{
	if (!token_is_word(&s->t, word))
		return false;
	advance(s);
	return true;
}

static size_t offset(const struct scan *s)
{
	return is_over(s) ? s->b->text.n : (size_t)(s->t.text.p - s->b->text.p);
}

static size_t end_of(const struct scan *s, const struct token *t)
{
	return (size_t)(t->text.p - s->b->text.p) + t->text.n;
}

static bool is_name(const struct token *t)
{
	return t->kind == TOKEN_WORD || t->kind == TOKEN_QUOTED;
}

static bool is_one_of(const struct token *t, const char *const *words)
{
	for (; *words; words++)
		if (token_is_word(t, *words))
			return true;
	return false;
}

/* a, s.a, d.s.a. False when no name stands here. */
static bool take_name(struct scan *s, struct bytes *ret_text, char name[SQL_NAME_MAX], char schema[SQL_NAME_MAX])
{
	size_t from = offset(s), to;
	if (!is_name(&s->t))
		return false;
	schema[0] = '\0';
	for (;;) {
		token_name(s->b->dialect, &s->t, name, SQL_NAME_MAX);
		to = end_of(s, &s->t);
		advance(s);
		if (!token_is_symbol(&s->t, '.'))
			break;
		if (!is_name(&s->next))
			return false;
		str_copy(schema, SQL_NAME_MAX, name);
		advance(s);
	}
	*ret_text = bytes_of(s->b->text.p + from, to - from);
	return true;
}

/* The table to walk, with its alias. */
static bool take_table(struct scan *s)
{
	static const char *const follows[] = {"SET",     "WHERE",  "FROM",          "JOIN",      "INNER",       "LEFT",   "RIGHT", "FULL",      "CROSS",
	                                      "NATURAL", "ON",     "USING",         "ORDER",     "LIMIT",       "GROUP",  "UNION", "RETURNING", "HAVING",
	                                      "FOR",     "WINDOW", "STRAIGHT_JOIN", "INTERSECT", "EXCEPT",      "OFFSET", "FETCH", "PARTITION", "INDEXED",
	                                      "NOT",     "USE",    "FORCE",         "IGNORE",    "TABLESAMPLE", NULL};
	struct sql_batch *b = s->b;
	size_t from = offset(s);
	if (b->dialect == DIALECT_POSTGRESQL)
		(void)take_word(s, "ONLY");
	if (!take_name(s, &b->columns_of, b->name, b->schema))
		return false;
	b->table = bytes_of(b->text.p + from, (size_t)(b->columns_of.p - b->text.p) + b->columns_of.n - from);
	bool as = take_word(s, "AS");
	if (!is_name(&s->t) || (!as && is_one_of(&s->t, follows)))
		return !as;
	b->columns_of = s->t.text;
	advance(s);
	return true;
}

/* ---- what may not follow ---- */

struct obstacle {
	const char *word;
	const char *why;
};

static const struct obstacle obstacles[] = {
    {"LIMIT", "it has a LIMIT, which would count in each batch anew: take it out, batch: sets the size"},
    {"OFFSET", "it has an OFFSET, which would count in each batch anew: take it out"},
    {"FETCH", "it has FETCH FIRST, which would count in each batch anew: take it out"},
    {"ORDER", "it has an ORDER BY: take it out, batches go in the order of the key"},
    {"RETURNING", "it returns rows, which nobody reads: take RETURNING out"},
    {"GROUP", "its GROUP BY would see only a batch's rows: write it without batch:, or fill a summary table for each key"},
    {"HAVING", "its HAVING would see only a batch's rows: write it without batch:"},
    {"WINDOW", "its window functions would see only a batch's rows: write it without batch:"},
    {"UNION", "it has a UNION: make a statement of each part"},
    {"INTERSECT", "it has an INTERSECT: write it with WHERE EXISTS"},
    {"EXCEPT", "it has an EXCEPT: write it with WHERE NOT EXISTS"},
    {"FOR", "it locks rows with FOR: take it out, the batch is one transaction"},
    {"RIGHT", "a RIGHT JOIN keeps rows that have no key of the first table: turn it round into a LEFT JOIN"},
    {"FULL", "a FULL JOIN keeps rows that have no key of the first table: write two statements"},
    {"NATURAL", "a NATURAL JOIN does not say its columns: write JOIN ... ON"},
    {"USING", several},
    {"JOIN", several},
};

static const char *obstacle_here(const struct scan *s)
{
	bool join_allowed = s->b->kind == SQL_BATCH_INSERT;
	for (size_t i = 0; s->depth == 0 && i < ARRAY_LEN(obstacles); i++)
		if (token_is_word(&s->t, obstacles[i].word) && !(join_allowed && obstacles[i].why == several))
			return obstacles[i].why;
	return NULL;
}

/* Functions over many rows, outside of sub-selects, would get a batch's rows alone. */
static const char *many_rows_here(const struct scan *s)
{
	static const char *const aggregates[] = {
	    "count",     "sum",          "avg",      "min",       "max",           "total",          "string_agg",
	    "array_agg", "group_concat", "json_agg", "jsonb_agg", "json_arrayagg", "json_objectagg", "json_group_array",
	    "bool_and",  "bool_or",      "every",    "stddev",    "variance",      "bit_and",        "bit_or",
	    NULL};
	if (s->sub || !token_is_symbol(&s->next, '('))
		return NULL;
	if (token_is_word(&s->t, "OVER"))
		return "its window functions would see only a batch's rows: write it without batch:";
	if (s->b->kind == SQL_BATCH_INSERT && is_one_of(&s->t, aggregates))
		return "its aggregate would see only a batch's rows: write it without batch:, or compute it in a subquery";
	return NULL;
}

static bool begins_conflict_clause(const struct scan *s)
{
	return s->depth == 0 && token_is_word(&s->t, "ON") && (token_is_word(&s->next, "CONFLICT") || token_is_word(&s->next, "DUPLICATE"));
}

/* From here to the end: notes WHERE, and refuses what would make a batch mean something else than its part of the whole. */
static const char *read_clauses(struct scan *s)
{
	struct sql_batch *b = s->b;
	bool distinct = false, condition = false;
	for (; !is_over(s); distinct = token_is_word(&s->t, "DISTINCT"), advance(s)) {
		const char *why = obstacle_here(s);
		if (!why)
			why = many_rows_here(s);
		if (why)
			return why;
		if (s->depth)
			continue;
		if (token_is_symbol(&s->t, ')'))
			return unmatched;
		if (token_is_word(&s->t, "FROM") && !distinct)
			return several;
		if (token_is_symbol(&s->t, ',') && b->kind == SQL_BATCH_INSERT && !condition)
			return "it lists several tables with commas: write JOIN ... ON";
		if (begins_conflict_clause(s)) {
			b->skips_present = true;
			break;
		}
		if (!token_is_word(&s->t, "WHERE"))
			continue;
		if (token_is_word(&s->next, "CURRENT"))
			return "WHERE CURRENT OF needs a cursor: name the rows";
		condition = true;
		b->where = offset(s);
		b->condition = b->where + s->t.text.n;
	}
	if (s->depth)
		return unmatched;
	b->end = offset(s);
	if (!condition)
		b->where = b->condition = b->end;
	return NULL;
}

/* ---- the three kinds ---- */

static const char *read_update(struct scan *s)
{
	static const char *const modifiers[] = {"LOW_PRIORITY", "IGNORE", "OR", NULL};
	s->b->kind = SQL_BATCH_UPDATE;
	if (is_one_of(&s->t, modifiers))
		return modifier;
	if (!take_table(s))
		return unread;
	if (!token_is_word(&s->t, "SET"))
		return several;
	s->b->set = end_of(s, &s->t);
	return read_clauses(s);
}

static const char *read_delete(struct scan *s)
{
	s->b->kind = SQL_BATCH_DELETE;
	if (!take_word(s, "FROM"))
		return modifier;
	if (!take_table(s))
		return unread;
	return token_is_symbol(&s->t, ',') ? several : read_clauses(s);
}

static void skip_columns(struct scan *s)
{
	if (!token_is_symbol(&s->t, '(') || opens_select(s))
		return;
	while (!is_over(s) && !(token_is_symbol(&s->t, ')') && s->depth == 1))
		advance(s);
	advance(s);
}

/* Up to FROM: what each row is made of. */
static const char *read_select_list(struct scan *s)
{
	if (token_is_word(&s->t, "DISTINCT"))
		return "its DISTINCT would see only a batch's rows: use GROUP BY without batch:, or ON CONFLICT DO NOTHING on a unique key";
	for (bool distinct = false; !is_over(s); distinct = token_is_word(&s->t, "DISTINCT"), advance(s)) {
		const char *why = many_rows_here(s);
		if (why)
			return why;
		if (s->depth == 0 && token_is_word(&s->t, "FROM") && !distinct)
			break;
	}
	return take_word(s, "FROM") ? NULL : no_rows;
}

static bool is_same_table(const struct sql_batch *b, const char *schema)
{
	return str_ieq(b->into, b->name) && (!schema[0] || !b->schema[0] || str_ieq(schema, b->schema));
}

static const char *read_insert(struct scan *s)
{
	char schema[SQL_NAME_MAX];
	struct bytes into;
	struct sql_batch *b = s->b;
	b->kind = SQL_BATCH_INSERT;
	b->skips_present = take_word(s, "IGNORE") || (token_is_word(&s->next, "IGNORE") && take_word(s, "OR") && take_word(s, "IGNORE"));
	if (!take_word(s, "INTO"))
		return modifier;
	if (!take_name(s, &into, b->into, schema))
		return unread;
	if (take_word(s, "AS"))
		advance(s);
	skip_columns(s);
	while (token_is_word(&s->t, "OVERRIDING") || token_is_word(&s->t, "SYSTEM") || token_is_word(&s->t, "USER") || token_is_word(&s->t, "VALUE"))
		advance(s);
	if (opens_select(s))
		return "its SELECT stands in parentheses: take them off";
	if (token_is_word(&s->t, "WITH"))
		return "it begins with WITH: put that query into the statement itself, or into a table first";
	if (!take_word(s, "SELECT"))
		return no_rows;
	const char *why = read_select_list(s);
	if (why)
		return why;
	if (!take_table(s) || token_is_symbol(&s->t, '('))
		return unread;
	if (is_same_table(b, schema))
		return "it reads the table that it fills, so that later batches would take what earlier ones put in: go over a table in between";
	return read_clauses(s);
}

const char *sql_batch_read(enum dialect d, struct bytes statement, struct sql_batch *ret)
{
	struct sql_batch b = {.dialect = d, .text = statement};
	struct scan s = {.b = &b};
	const char *why = no_rows;
	lex_init(&s.lexer, d, statement, 1);
	read_token(&s, &s.t);
	read_token(&s, &s.next);
	if (take_word(&s, "UPDATE"))
		why = read_update(&s);
	else if (take_word(&s, "DELETE"))
		why = read_delete(&s);
	else if (take_word(&s, "INSERT"))
		why = read_insert(&s);
	else if (token_is_word(&s.t, "WITH"))
		why = "it begins with WITH: put that query into the statement itself, or into a table first";
	if (!why)
		*ret = b;
	return why;
}
