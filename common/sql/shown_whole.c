/* What is not seen clause by clause: an index of PostgreSQL, a table of SQLite, names that change places. */
#include <stdint.h>
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
	bool unique, more; /* more: what is not read here, a predicate, an expression, a collation, ... */
	char table[64], method[METHOD_MAX];
	struct index_column columns[COLUMNS_MAX];
	size_t n, n_keys; /* those behind n_keys are only included */
};

static void column_read(struct reader *r, struct index_column *c)
{
	size_t depth = 0;
	token_name(DIALECT_POSTGRESQL, &r->t, c->name, sizeof c->name);
	c->plain = reader_at_name(r);
	if (c->plain)
		reader_next(r);
	for (; !reader_at_end(r); reader_next(r)) {
		if (depth == 0 && (token_is_symbol(&r->t, ',') || token_is_symbol(&r->t, ')')))
			return;
		depth += token_is_symbol(&r->t, '(');
		depth -= depth && token_is_symbol(&r->t, ')');
		c->plain &= token_is_word(&r->t, "ASC") || token_is_word(&r->t, "DESC");
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
		column_read(r, &ret->columns[ret->n]);
		ret->more |= !ret->columns[ret->n++].plain;
	} while (token_is_symbol(&r->t, ','));
	reader_next(r);
	return true;
}

/* CREATE [UNIQUE] INDEX ... ON table: up to behind the table's name. */
static bool to_table(struct bytes text, struct reader *r, struct index *ret)
{
	*ret = (struct index){.method = "btree"};
	reader_begin(r, DIALECT_POSTGRESQL, text);
	if (!reader_take(r, "CREATE"))
		return false;
	ret->unique = reader_take(r, "UNIQUE");
	while (!reader_at_end(r) && !reader_take(r, "ON"))
		reader_next(r);
	reader_take(r, "ONLY");
	for (; r->t.kind == TOKEN_WORD || r->t.kind == TOKEN_QUOTED || token_is_symbol(&r->t, '.'); reader_next(r)) {
		if (token_is_word(&r->t, "USING"))
			break;
		if (!token_is_symbol(&r->t, '.'))
			token_name(DIALECT_POSTGRESQL, &r->t, ret->table, sizeof ret->table);
	}
	return !reader_at_end(r);
}

static struct bytes rest(const struct reader *r, struct bytes text)
{
	return bytes_of(r->t.text.p, (size_t)(text.p + text.n - r->t.text.p));
}

bool sql_index_tail(struct bytes statement, bool *ret_unique, struct bytes *ret)
{
	struct index index;
	struct reader r;
	if (!to_table(statement, &r, &index))
		return false;
	*ret_unique = index.unique;
	*ret = rest(&r, statement);
	return true;
}

bool sql_index_same(const char *a, const char *b)
{
	struct index of[2];
	struct reader r[2];
	return to_table(bytes_of_str(a), &r[0], &of[0]) && to_table(bytes_of_str(b), &r[1], &of[1]) && of[0].unique == of[1].unique &&
	       str_eq(of[0].table, of[1].table) && bytes_equal(rest(&r[0], bytes_of_str(a)), rest(&r[1], bytes_of_str(b)));
}

static bool index_read(struct bytes text, struct index *ret)
{
	struct reader r;
	if (!to_table(text, &r, ret))
		return false;
	if (reader_take(&r, "USING")) {
		token_name(DIALECT_POSTGRESQL, &r.t, ret->method, sizeof ret->method);
		reader_next(&r);
	}
	if (!columns_read(&r, ret))
		return false;
	ret->n_keys = ret->n;
	if (reader_take(&r, "INCLUDE") && !columns_read(&r, ret))
		return false;
	ret->more |= !reader_at_end(&r);
	return true;
}

bool sql_index_fits(struct bytes statement, const char *shown)
{
	struct index said, has;
	if (!index_read(statement, &said) || !index_read(bytes_of_str(shown), &has))
		return false;
	if (said.more || has.more || said.unique != has.unique || said.n != has.n || said.n_keys != has.n_keys || !str_eq(said.table, has.table) ||
	    !str_eq(said.method, has.method))
		return false;
	for (size_t i = 0; i < said.n; i++) {
		const struct index_column *a = &said.columns[i], *b = &has.columns[i];
		if (a->descending != b->descending || !str_eq(a->name, b->name))
			return false;
	}
	return true;
}

/* ---- a table of SQLite ---- */

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
	return to_parenthesis(&a) && to_parenthesis(&b) && reader_rest_equal(&a, &b);
}

/* ---- names that change places ---- */

/* The name's place; a new one is a table's that was there before when it is first seen as one that goes. SIZE_MAX: too many, or no name. */
static size_t place_of(struct sql_renames *ret, const struct token *t, bool source)
{
	char name[256];
	size_t i = 0;
	token_name(DIALECT_MARIADB, t, name, sizeof name);
	while (i < ret->n && strcmp(ret->of[i].name, name) != 0)
		i++;
	if (i == ARRAY_LEN(ret->of) || (t->kind != TOKEN_WORD && t->kind != TOKEN_QUOTED))
		return SIZE_MAX;
	if (i == ret->n) {
		str_copy(ret->of[i].name, sizeof ret->of[i].name, name);
		ret->of[i].source = ret->of[i].target = source;
		ret->of[i].from = i;
		ret->n++;
	}
	return i;
}

static void rename_one(struct sql_renames *ret, const struct token *from, const struct token *to)
{
	size_t a = place_of(ret, from, true), b = a == SIZE_MAX ? a : place_of(ret, to, false);
	if (b == SIZE_MAX || !ret->of[a].target || ret->of[b].target) {
		ret->unknown = true;
		return;
	}
	ret->of[b].target = true;
	ret->of[b].from = ret->of[a].from;
	ret->of[a].target = false;
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
		struct token from = r.t;
		reader_next(&r);
		if (!reader_take(&r, "TO")) {
			ret->unknown = true;
			return;
		}
		rename_one(ret, &from, &r.t);
		reader_next(&r);
		if (!reader_at_end(&r) && !token_is_symbol(&r.t, ','))
			ret->unknown = true;
		reader_next(&r);
	}
}
