/* What is not seen clause by clause: an index of PostgreSQL, a table of SQLite, names that change places. */
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
