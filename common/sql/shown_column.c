/* A column as a statement says it against the same column as SHOW CREATE TABLE shows it: "integer unsigned not null default 0" is "int(10) unsigned NOT NULL DEFAULT 0". What is not
 * understood here speaks against nothing: the column's name, and that it was not there, have said most of it. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/sql/effect.h"

#define WORD_MAX   64
#define TOKENS_MAX 128

struct words {
	struct token t[TOKENS_MAX];
	size_t n;
};

static void words_read(struct words *w, struct bytes text)
{
	struct lexer l;
	w->n = 0;
	lex_init(&l, DIALECT_MARIADB, text, 1);
	while (w->n < TOKENS_MAX && lex_next_code(&l, &w->t[w->n]) && w->t[w->n].kind != TOKEN_BAD)
		w->n++;
}

static bool is(const struct words *w, size_t i, const char *word)
{
	return i < w->n && token_is_word(&w->t[i], word);
}

/* ---- the type ---- */

static const struct {
	const char *said, *shown;
} synonyms[] = {
    {"int", "int"},
    {"integer", "int"},
    {"int4", "int"},
    {"tinyint", "tinyint"},
    {"int1", "tinyint"},
    {"bool", "tinyint"},
    {"boolean", "tinyint"},
    {"smallint", "smallint"},
    {"int2", "smallint"},
    {"mediumint", "mediumint"},
    {"int3", "mediumint"},
    {"middleint", "mediumint"},
    {"bigint", "bigint"},
    {"int8", "bigint"},
    {"serial", "bigint"},
    {"decimal", "decimal"},
    {"dec", "decimal"},
    {"numeric", "decimal"},
    {"fixed", "decimal"},
    {"double", "double"},
    {"float8", "double"},
    {"varchar", "varchar"},
    {"char", "char"},
    {"varbinary", "varbinary"},
    {"binary", "binary"},
    {"tinytext", "tinytext"},
    {"mediumtext", "mediumtext"},
    {"longtext", "longtext"},
    {"json", "longtext"},
    {"tinyblob", "tinyblob"},
    {"mediumblob", "mediumblob"},
    {"longblob", "longblob"},
    {"date", "date"},
    {"time", "time"},
    {"datetime", "datetime"},
    {"timestamp", "timestamp"},
    {"year", "year"},
    {"enum", "enum"},
    {"set", "set"},
    {"bit", "bit"},
    {"uuid", "uuid"},
    {"inet4", "inet4"},
    {"inet6", "inet6"},
};

/* NULL: not compared (text(100), which becomes tinytext; what the SQL mode decides: real; what other versions may add). */
static const char *type_shown(const struct words *said)
{
	if (is(said, 1, "VARYING") || (is(said, 0, "CHAR") && is(said, 1, "BYTE")))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(synonyms); i++)
		if (is(said, 0, synonyms[i].said))
			return synonyms[i].shown;
	return (is(said, 0, "TEXT") || is(said, 0, "BLOB")) && !(said->n > 1 && token_is_symbol(&said->t[1], '(')) ? is(said, 0, "TEXT") ? "text" : "blob"
	                                                                                                           : NULL;
}

static bool tokens_equal(const struct token *a, const struct token *b)
{
	return a->kind == b->kind && a->text.n == b->text.n && strncasecmp((const char *)a->text.p, (const char *)b->text.p, a->text.n) == 0;
}

static size_t group_end(const struct words *w, size_t i)
{
	size_t depth = 0;
	for (; i < w->n; i++) {
		depth += token_is_symbol(&w->t[i], '(');
		depth -= depth && token_is_symbol(&w->t[i], ')');
		if (depth == 0)
			return i + 1;
	}
	return i;
}

/* Lengths, digits, lists of values. The width that an integer is displayed with is left out where it does not matter. */
static bool arguments_fit(const char *type, const struct words *said, const struct words *shown)
{
	bool has = shown->n > 1 && token_is_symbol(&shown->t[1], '(');
	if (said->n < 2 || !token_is_symbol(&said->t[1], '(') || str_ends(type, "int") || str_eq(type, "year"))
		return true;
	size_t n = group_end(said, 1) - 1;
	if (!has || group_end(shown, 1) - 1 != n)
		return str_eq(type, "decimal") || !has; /* decimal(8) is decimal(8,0); datetime(0) is datetime */
	for (size_t i = 1; i <= n; i++)
		if (!tokens_equal(&said->t[i], &shown->t[i]))
			return false;
	return true;
}

static bool has_word(const struct words *w, const char *word)
{
	for (size_t i = 0; i < w->n; i++)
		if (is(w, i, word))
			return true;
	return false;
}

static bool type_fits(const struct words *said, const struct words *shown)
{
	const char *type = type_shown(said);
	if (!type)
		return true;
	bool is_unsigned = is(said, 0, "SERIAL") || has_word(said, "UNSIGNED") || has_word(said, "ZEROFILL");
	return is(shown, 0, type) && arguments_fit(type, said, shown) && is_unsigned == has_word(shown, "UNSIGNED");
}

/* ---- what stands behind the type ---- */

static size_t at_word(const struct words *w, const char *word)
{
	size_t i = 0;
	while (i < w->n && !is(w, i, word))
		i++;
	return i;
}

static bool not_null(const struct words *w)
{
	for (size_t i = 0; i + 1 < w->n; i++)
		if (is(w, i, "NOT") && is(w, i + 1, "NULL"))
			return true;
	return false;
}

/* As it is said, without quotes. */
static void plain(const struct token *t, char *out, size_t size)
{
	if (t->kind == TOKEN_WORD || t->kind == TOKEN_QUOTED || t->kind == TOKEN_STRING) {
		token_name(DIALECT_MARIADB, t, out, size);
		return;
	}
	size_t n = t->text.n < size ? t->text.n : size - 1;
	memcpy(out, t->text.p, n);
	out[n] = '\0';
}

/* 5, '5' and 5.00 are one value; what is no literal is not compared. */
static bool literals_fit(const struct token *a, const struct token *b)
{
	char text[2][WORD_MAX], *end[2];
	if ((a->kind != TOKEN_STRING && a->kind != TOKEN_NUMBER) || a->text.n >= WORD_MAX || b->text.n >= WORD_MAX)
		return true;
	if (b->kind != TOKEN_STRING && b->kind != TOKEN_NUMBER)
		return false;
	plain(a, text[0], sizeof text[0]);
	plain(b, text[1], sizeof text[1]);
	double values[] = {strtod(text[0], &end[0]), strtod(text[1], &end[1])};
	return strcmp(text[0], text[1]) == 0 || (!*end[0] && !*end[1] && values[0] == values[1]);
}

static bool default_fits(const struct words *said, const struct words *shown, bool whole)
{
	size_t a = at_word(said, "DEFAULT") + 1, b = at_word(shown, "DEFAULT") + 1;
	bool null = is(shown, b, "NULL");
	if (a < said->n) /* a sign stands before the number: then it is not compared */
		return is(said, a, "NULL") ? null || b >= shown->n : b < shown->n && literals_fit(&said->t[a], &shown->t[b]);
	return !whole || b >= shown->n || null || is(said, 0, "TIMESTAMP");
}

static bool comment_fits(const struct words *said, const struct words *shown, bool whole)
{
	size_t a = at_word(said, "COMMENT") + 1, b = at_word(shown, "COMMENT") + 1;
	if (a < said->n)
		return b < shown->n ? literals_fit(&said->t[a], &shown->t[b]) : said->t[a].text.n == 2;
	return !whole || b >= shown->n;
}

bool sql_column_fits(struct bytes says, struct bytes shown, bool in_key, bool whole)
{
	struct words said, has;
	words_read(&said, says);
	words_read(&has, shown);
	if (said.n == 0)
		return true;
	if (!type_fits(&said, &has) || !default_fits(&said, &has, whole) || !comment_fits(&said, &has, whole))
		return false;
	if (has_word(&said, "AUTO_INCREMENT") && !has_word(&has, "AUTO_INCREMENT"))
		return false;
	if (not_null(&said))
		return not_null(&has);
	bool may_be = in_key || is(&said, 0, "TIMESTAMP") || is(&said, 0, "SERIAL") || has_word(&said, "KEY");
	return !whole || may_be || !not_null(&has);
}

/* ---- columns of a key ---- */

bool sql_columns_fit(struct bytes says, struct bytes shown)
{
	struct words said, has;
	words_read(&said, says);
	words_read(&has, shown);
	size_t i = 0, k = 0, depth = 0;
	while (i < said.n && !token_is_symbol(&said.t[i], '('))
		i++; /* USING BTREE */
	while (k < has.n && !token_is_symbol(&has.t[k], '('))
		k++;
	for (; i < said.n && k < has.n; i++) {
		char names[2][256];
		if (is(&said, i, "ASC"))
			continue;
		plain(&said.t[i], names[0], sizeof names[0]);
		plain(&has.t[k], names[1], sizeof names[1]);
		if (strcasecmp(names[0], names[1]) != 0)
			return false;
		depth += token_is_symbol(&said.t[i], '(');
		depth -= depth && token_is_symbol(&said.t[i], ')');
		k++;
		if (depth == 0)
			return true;
	}
	return false;
}
