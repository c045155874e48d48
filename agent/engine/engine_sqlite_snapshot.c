/* The schema of a SQLite target as lines. ALTER TABLE edits the text of CREATE TABLE, so its white space tells the table's history: it is folded. */
#include "agent/engine/engine_sqlite.h"

#include <string.h>

#include "agent/engine/sql/sqlite_snapshot.sql.h"
#include "common/base/str.h"
#include "common/sql/lex.h"

struct giving {
	engine_row_fn *fn;
	void *arg;
};

static int give(const struct giving *g, const char *kind, const char *name, const char *definition, struct err *e)
{
	const char *row[] = {kind, name, definition};
	return g->fn(g->arg, ARRAY_LEN(row), row, e);
}

/* One blank between two tokens, none inside brackets' edges or before a comma. */
static void add_token(struct buf *to, const struct token *t)
{
	bool tight = to->n == 0 || to->p[to->n - 1] == '(' || token_is_symbol(t, ')') || token_is_symbol(t, ',');
	if (!tight)
		buf_addc(to, ' ');
	buf_add(to, t->text.p, t->text.n);
}

static int give_folded(const struct giving *g, const char *kind, const char *name, const char *sql, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	struct lexer l;
	struct token t;
	lex_init(&l, DIALECT_SQLITE, bytes_of_str(sql), 1);
	while (lex_next_code(&l, &t))
		add_token(&text, &t);
	return give(g, kind, name, buf_str(&text), e);
}

/* ---- CREATE TABLE ---- */

struct table {
	const struct giving *g;
	const char *name;
	struct lexer lexer;
	struct buf columns; /* "a, b": of the table's own line */
};

static bool begins_constraint(const struct token *t)
{
	static const char *const words[] = {"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (token_is_word(t, words[i]))
			return true;
	return false;
}

static int give_part(struct table *t, const struct token *first, const struct buf *text, struct err *e)
{
	AUTO(buf_done) struct buf name = BUF_INIT;
	char column[256];
	if (begins_constraint(first))
		return give(t->g, "constraint", t->name, buf_str(text), e);
	token_name(DIALECT_SQLITE, first, column, sizeof column);
	buf_addf(&name, "%s.%s", t->name, column);
	buf_addf(&t->columns, "%s%s", t->columns.n ? ", " : "", column);
	return give(t->g, "column", buf_str(&name), buf_str(text), e);
}

/* From behind the opening bracket to behind its closing one. */
static int give_parts(struct table *t, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	struct token token, first = {.kind = TOKEN_SPACE};
	for (unsigned depth = 0; lex_next_code(&t->lexer, &token);) {
		bool ends = depth == 0 && (token_is_symbol(&token, ',') || token_is_symbol(&token, ')'));
		if (!ends) {
			depth += token_is_symbol(&token, '(');
			depth -= token_is_symbol(&token, ')');
			first = text.n ? first : token;
			add_token(&text, &token);
			continue;
		}
		if (text.n && give_part(t, &first, &text, e) < 0)
			return -1;
		buf_clear(&text);
		if (token_is_symbol(&token, ')'))
			break;
	}
	return 0;
}

static int give_table(const struct giving *g, const char *name, const char *sql, struct err *e)
{
	struct table t = {.g = g, .name = name};
	AUTO(buf_done) struct buf line = BUF_INIT;
	struct token token;
	int rc = 0;
	lex_init(&t.lexer, DIALECT_SQLITE, bytes_of_str(sql), 1);
	while (lex_next_code(&t.lexer, &token) && !token_is_symbol(&token, '('))
		;
	rc = give_parts(&t, e);
	buf_addf(&line, "(%s)", buf_str(&t.columns));
	while (rc == 0 && lex_next_code(&t.lexer, &token)) /* WITHOUT ROWID, STRICT */
		add_token(&line, &token);
	if (rc == 0)
		rc = give(g, "table", name, buf_str(&line), e);
	buf_done(&t.columns);
	return rc;
}

static int schema_row(void *arg, size_t n, const char *const *v, struct err *e)
{
	(void)n;
	const struct giving *g = arg;
	AUTO(buf_done) struct buf name = BUF_INIT;
	if (str_eq(v[0], "table") && !str_starts(v[3], "CREATE VIRTUAL"))
		return give_table(g, v[1], v[3], e);
	if (str_eq(v[0], "trigger") || str_eq(v[0], "index"))
		buf_addf(&name, "%s.", v[2]);
	buf_adds(&name, v[1]);
	return give_folded(g, v[0], buf_str(&name), v[3], e);
}

int lite_snapshot(struct conn *c, engine_row_fn *fn, void *arg, struct err *e)
{
	struct giving g = {fn, arg};
	return lite_engine_query(c, bytes_of_str(lite_sql_snapshot), NULL, 0, schema_row, &g, e);
}
