/* What is not seen clause by clause: an index of PostgreSQL, the body of a routine, names that change places. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/sql/effect.h"
#include "common/sql/reader.h"

#define COLUMNS_MAX 64
#define METHOD_MAX  64

/* ---- an index ---- */

struct index_column {
	char name[64];
	bool plain, descending;
};

struct index {
	bool unique, partial;
	char table[64], method[METHOD_MAX];
	struct index_column columns[COLUMNS_MAX];
	size_t n;
};

static void column_read(struct reader *r, struct index_column *c)
{
	size_t depth = 0;
	token_name(DIALECT_POSTGRESQL, &r->t, c->name, sizeof c->name);
	c->plain = r->t.kind == TOKEN_WORD || r->t.kind == TOKEN_QUOTED;
	for (; !reader_at_end(r); reader_next(r)) {
		if (depth == 0 && (token_is_symbol(&r->t, ',') || token_is_symbol(&r->t, ')')))
			return;
		depth += token_is_symbol(&r->t, '(');
		depth -= depth && token_is_symbol(&r->t, ')');
		c->plain &= r->t.kind == TOKEN_WORD || r->t.kind == TOKEN_QUOTED;
		c->descending |= token_is_word(&r->t, "DESC");
	}
}

static bool columns_read(struct reader *r, struct index *ret)
{
	if (!token_is_symbol(&r->t, '('))
		return false;
	do {
		reader_next(r);
		if (ret->n == COLUMNS_MAX)
			return false;
		column_read(r, &ret->columns[ret->n++]);
	} while (token_is_symbol(&r->t, ','));
	reader_next(r);
	return true;
}

static bool index_read(struct bytes text, struct index *ret)
{
	struct reader r;
	*ret = (struct index){.method = "btree"};
	reader_begin(&r, DIALECT_POSTGRESQL, text);
	if (!reader_take(&r, "CREATE"))
		return false;
	ret->unique = reader_take(&r, "UNIQUE");
	while (!reader_at_end(&r) && !reader_take(&r, "ON"))
		reader_next(&r);
	reader_take(&r, "ONLY");
	for (; r.t.kind == TOKEN_WORD || r.t.kind == TOKEN_QUOTED || token_is_symbol(&r.t, '.'); reader_next(&r)) {
		if (token_is_word(&r.t, "USING"))
			break;
		if (!token_is_symbol(&r.t, '.'))
			token_name(DIALECT_POSTGRESQL, &r.t, ret->table, sizeof ret->table);
	}
	if (reader_take(&r, "USING")) {
		token_name(DIALECT_POSTGRESQL, &r.t, ret->method, sizeof ret->method);
		reader_next(&r);
	}
	if (!columns_read(&r, ret) || (reader_take(&r, "INCLUDE") && !columns_read(&r, ret)))
		return false;
	for (; !reader_at_end(&r); reader_next(&r))
		ret->partial |= token_is_word(&r.t, "WHERE");
	return true;
}

bool sql_index_fits(struct bytes statement, const char *shown)
{
	struct index said, has;
	if (!index_read(statement, &said) || !index_read(bytes_of_str(shown), &has))
		return false;
	if (said.unique != has.unique || said.partial != has.partial || said.n != has.n || !str_eq(said.table, has.table) ||
	    !str_eq(said.method, has.method))
		return false;
	for (size_t i = 0; i < said.n; i++) {
		const struct index_column *a = &said.columns[i], *b = &has.columns[i];
		if (a->descending != b->descending || (a->plain && (!b->plain || !str_eq(a->name, b->name))))
			return false;
	}
	return true;
}

/* ---- a body ---- */

/* The word with which the body begins, wherever it stands first behind the kind of object. A trigger's time and table are as it was written, too. */
static bool begins_body(const struct token *t, bool trigger)
{
	static const char *const words[] = {"BEGIN",   "RETURN", "DO",   "SELECT", "INSERT", "UPDATE",  "DELETE",
	                                    "REPLACE", "SET",    "CALL", "WITH",   "SIGNAL", "TRUNCATE"};
	if (trigger)
		return token_is_word(t, "BEFORE") || token_is_word(t, "AFTER");
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (token_is_word(t, words[i]))
			return true;
	return false;
}

static bool to_body(struct reader *r)
{
	static const char *const kinds[] = {"TRIGGER", "PROCEDURE", "FUNCTION", "EVENT"};
	for (; !reader_at_end(r); reader_next(r))
		for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
			if (token_is_word(&r->t, kinds[i])) {
				reader_next(r);
				while (!reader_at_end(r) && !begins_body(&r->t, i == 0))
					reader_next(r);
				return !reader_at_end(r);
			}
	return false;
}

/* The same tokens from here to the end. */
static bool rest_equal(struct reader *a, struct reader *b)
{
	/* A semicolon ends neither: it may be a part of the body. */
	for (bool more_a = true, more_b = true;;) {
		if (!bytes_equal(a->t.text, b->t.text))
			return false;
		more_a = lex_next_code(&a->l, &a->t);
		more_b = lex_next_code(&b->l, &b->t);
		if (!more_a || !more_b)
			return more_a == more_b;
	}
}

bool sql_body_fits(struct bytes statement, const char *shown)
{
	struct reader a, b;
	reader_begin(&a, DIALECT_MARIADB, statement);
	reader_begin(&b, DIALECT_MARIADB, bytes_of_str(shown));
	return to_body(&a) && to_body(&b) && rest_equal(&a, &b);
}

static bool to_parenthesis(struct reader *r)
{
	while (!reader_at_end(r) && !token_is_symbol(&r->t, '('))
		reader_next(r);
	return !reader_at_end(r);
}

bool sql_kept_fits(struct bytes statement, const char *shown)
{
	struct reader a, b;
	reader_begin(&a, DIALECT_SQLITE, statement);
	reader_begin(&b, DIALECT_SQLITE, bytes_of_str(shown));
	return to_parenthesis(&a) && to_parenthesis(&b) && rest_equal(&a, &b);
}

/* ---- a view ---- */

static bool has_quoted(const char *shown, const struct token *t)
{
	char name[256], quoted[260];
	token_name(DIALECT_MARIADB, t, name, sizeof name);
	int n = snprintf(quoted, sizeof quoted, "`%s`", name);
	for (; *shown; shown++)
		if (strncasecmp(shown, quoted, (size_t)n) == 0)
			return true;
	return false;
}

/* To the last part of a.b.c, which is taken. */
static struct token last_part(struct reader *r)
{
	struct token name = r->t;
	reader_next(r);
	while (token_is_symbol(&r->t, '.')) {
		reader_next(r);
		name = r->t;
		reader_next(r);
	}
	return name;
}

bool sql_view_fits(struct bytes statement, const char *shown)
{
	struct reader r;
	reader_begin(&r, DIALECT_MARIADB, statement);
	while (!reader_at_end(&r) && !reader_take(&r, "AS")) {
		bool listed = token_is_symbol(&r.t, '(') || token_is_symbol(&r.t, ',');
		reader_next(&r);
		if (listed && reader_at_name(&r) && !has_quoted(shown, &r.t))
			return false;
	}
	while (!reader_at_end(&r)) {
		if (r.t.kind == TOKEN_STRING && !memmem(shown, strlen(shown), r.t.text.p, r.t.text.n))
			return false;
		bool table = reader_take(&r, "FROM") || reader_take(&r, "JOIN");
		if (!table) {
			reader_next(&r);
			continue;
		}
		if (!reader_at_name(&r))
			continue;
		struct token name = last_part(&r);
		if (!has_quoted(shown, &name) && !token_is_word(&name, "DUAL"))
			return false;
	}
	return true;
}

/* ---- a sequence ---- */

static bool number_behind(struct bytes text, const char *word, char *out, size_t size)
{
	struct reader r;
	reader_begin(&r, DIALECT_MARIADB, text);
	while (!reader_at_end(&r) && !reader_take(&r, word))
		reader_next(&r);
	if (!reader_take(&r, "WITH") && !reader_take(&r, "BY") && token_is_symbol(&r.t, '='))
		reader_next(&r);
	size_t minus = token_is_symbol(&r.t, '-');
	if (minus)
		reader_next(&r);
	if (r.t.kind != TOKEN_NUMBER)
		return false;
	snprintf(out, size, "%s%.*s", minus ? "-" : "", (int)r.t.text.n, (const char *)r.t.text.p);
	return true;
}

bool sql_sequence_fits(struct bytes statement, const char *shown)
{
	static const char *const words[] = {"START", "INCREMENT", "MINVALUE", "MAXVALUE", "CACHE"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		char said[64], has[64] = "";
		if (!number_behind(statement, words[i], said, sizeof said))
			continue;
		if (!number_behind(bytes_of_str(shown), words[i], has, sizeof has) || !str_eq(said, has))
			return false;
	}
	return true;
}

/* ---- names that change places ---- */

static void note_name(struct sql_renames *ret, const struct token *t, bool source)
{
	char name[256];
	size_t i = 0;
	token_name(DIALECT_MARIADB, t, name, sizeof name);
	while (i < ret->n && strcmp(ret->of[i].name, name) != 0)
		i++;
	if (i == ARRAY_LEN(ret->of) || (t->kind != TOKEN_WORD && t->kind != TOKEN_QUOTED)) {
		ret->unknown = true;
		return;
	}
	if (i == ret->n)
		str_copy(ret->of[ret->n++].name, sizeof ret->of[i].name, name);
	/* What was a target before is a name in passing, and goes again: a TO b, b TO c. */
	if (source && ret->of[i].target)
		ret->of[i].target = false;
	else if (source)
		ret->of[i].source = true;
	else
		ret->of[i].target = true;
}

void sql_renames_read(struct bytes statement, struct sql_renames *ret)
{
	struct reader r;
	*ret = (struct sql_renames){.n = 0};
	reader_begin(&r, DIALECT_MARIADB, statement);
	ret->unknown = !reader_take(&r, "RENAME") || (!reader_take(&r, "TABLE") && !reader_take(&r, "TABLES"));
	if (reader_take(&r, "IF"))
		ret->unknown = true; /* those that are not there are passed over */
	while (!ret->unknown && !reader_at_end(&r)) {
		note_name(ret, &r.t, true);
		reader_next(&r);
		if (!reader_take(&r, "TO")) {
			ret->unknown = true;
			return;
		}
		note_name(ret, &r.t, false);
		reader_next(&r);
		if (!reader_at_end(&r) && !token_is_symbol(&r.t, ','))
			ret->unknown = true;
		reader_next(&r);
	}
}
