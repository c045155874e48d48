/* Settings under which the server would read a later statement otherwise than the lexer here did, or take its UTF-8 for another encoding: what was checked would not be what runs.
 * Sessions are pinned to what the lexer reads; this is for a SET inside of a changeset, and for a call of set_config, which is PostgreSQL's other way to say it. */
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/sql/rule.h"

static const char strings[] =
    "strings would end elsewhere than in the text that was checked: take it out, and write E'' strings where a backslash is to mean something";
static const char no_backslashes[] = "NO_BACKSLASH_ESCAPES";
static const char backslashes[] = "strings would end elsewhere than in the text that was checked: take it out, and double the backslashes";
static const char encoding[] = "the text is sent as UTF-8, and would be stored as something else: take it out, and save the file as UTF-8";

static const char modes[] = "quotes and statements would be read otherwise than in the text that was checked: take that sql_mode out, and write "
                            "names in back quotes and texts in single quotes";
static const char any_setting[] =
    "which setting it changes cannot be told from the text, and some change how the text is read: name it, as in SET name = value";

static const struct setting {
	enum dialect dialect;
	const char *name;
	const char *allowed[5];
	const char *why;
} settings[] = {
    {DIALECT_POSTGRESQL, "standard_conforming_strings", {"on", "true", "yes", "1", "default"}, strings},
    {DIALECT_POSTGRESQL, "client_encoding", {"utf8", "utf-8", "unicode", "default"}, encoding},
    {DIALECT_POSTGRESQL, "names", {"utf8", "utf-8", "unicode", "default"}, encoding},
    {DIALECT_MARIADB, "names", {"utf8", "utf8mb3", "utf8mb4", "default"}, encoding},
    {DIALECT_MARIADB, "charset", {"utf8", "utf8mb3", "utf8mb4", "default"}, encoding},
    {DIALECT_MARIADB, "character", {"utf8", "utf8mb3", "utf8mb4", "default"}, encoding}, /* CHARACTER SET x */
    {DIALECT_MARIADB, "character_set_client", {"utf8", "utf8mb3", "utf8mb4", "default"}, encoding},
};

/* Of sql_mode: the one that changes what quotes mean, and those that stand for several, with it among them. */
static const char *const reading_modes[] = {"ANSI_QUOTES", "ANSI", "ORACLE", "MSSQL", "DB2", "MAXDB", "POSTGRESQL", NULL};

static const struct setting *find_setting(enum dialect d, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		if (settings[i].dialect == d && str_ieq(settings[i].name, name))
			return &settings[i];
	return NULL;
}

/* A value that is another variable's is not known here: dumps save and restore by it. */
static bool is_allowed(enum dialect d, const struct setting *s, const struct token *value)
{
	char word[32];
	if (token_is_symbol(value, '@'))
		return true;
	token_name(d, value, word, sizeof word);
	for (size_t i = 0; i < ARRAY_LEN(s->allowed) && s->allowed[i]; i++)
		if (str_ieq(word, s->allowed[i]))
			return true;
	return false;
}

static bool stands_between(const struct token *t)
{
	return token_is_symbol(t, '=') || token_is_symbol(t, ':') || token_is_word(t, "TO") || token_is_word(t, "SET");
}

static bool next_value(struct lexer *l, struct token *t)
{
	do
		if (!lex_next_code(l, t))
			return false;
	while (stands_between(t));
	return true;
}

/* ---- MariaDB's sql_mode ---- */

static bool is_of_word(uint8_t c)
{
	return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool names_mode(struct bytes text)
{
	for (size_t at = 0, end; at < text.n; at = end + 1) {
		for (end = at; end < text.n && is_of_word(text.p[end]); end++)
			;
		for (size_t i = 0; reading_modes[i]; i++)
			if (end - at == strlen(reading_modes[i]) && bytes_ifind(bytes_of(text.p + at, end - at), 0, reading_modes[i]) == 0)
				return true;
	}
	return false;
}

/* Its value is a list in a string, a word, a number with a bit for each, or an expression over such. */
static const char *mode_refused(struct lexer *l, struct token *t)
{
	size_t depth = 0;
	while (lex_next_code(l, t) && !token_is_word(t, "FOR") && (depth || !token_is_symbol(t, ','))) {
		if (token_is_symbol(t, '('))
			depth++;
		else if (token_is_symbol(t, ')') && depth)
			depth--;
		else if (bytes_ifind(t->text, 0, no_backslashes) != SIZE_MAX)
			return backslashes;
		else if (t->kind == TOKEN_NUMBER ? !bytes_equal(t->text, bytes_of_str("0")) : names_mode(t->text))
			return modes;
	}
	return NULL;
}

/* ---- set_config ---- */

/* Behind "set_config": "('name', value, ...". A name with a dot is an extension's, or of nobody. */
static const char *config_refused(enum dialect d, struct lexer *l, struct token *t)
{
	char name[64];
	if (!lex_next_code(l, t) || !token_is_symbol(t, '(') || !lex_next_code(l, t))
		return NULL;
	if (t->kind != TOKEN_STRING || t->text.p[0] != '\'') /* E'' and $$ $$ may spell a name in other ways */
		return any_setting;
	token_name(d, t, name, sizeof name);
	if (strchr(name, '.'))
		return NULL;
	if (!lex_next_code(l, t) || !token_is_symbol(t, ','))
		return any_setting;
	const struct setting *s = find_setting(d, name);
	return s && lex_next_code(l, t) && !is_allowed(d, s, t) ? s->why : NULL;
}

/* ---- all of them ---- */

/* In a body a column may have such a name, too. */
static bool may_name(enum setting_in in, const struct token *t, const struct token *before)
{
	if (t->kind == TOKEN_STRING || in == SETTING_IN_CALL)
		return false;
	return in == SETTING_IN_SET || token_is_word(before, "SET") || token_is_word(before, "LOCAL") || token_is_word(before, "SESSION");
}

const char *setting_refused(enum dialect d, struct bytes text, enum setting_in in)
{
	struct lexer l;
	struct token t, before = {.kind = TOKEN_SPACE}, before_that = before;
	if (in == SETTING_IN_CALL && bytes_ifind(text, 0, "set_config") == SIZE_MAX) /* most statements, and some are long */
		return NULL;
	lex_init(&l, d, text, 1);
	for (; lex_next_code(&l, &t); before_that = before, before = t) {
		char name[64];
		const char *why = NULL;
		token_name(d, &t, name, sizeof name);
		bool of_user = token_is_symbol(&before, '@') && !token_is_symbol(&before_that, '@');
		const struct setting *s = may_name(in, &t, &before) && !of_user ? find_setting(d, name) : NULL;
		if (d == DIALECT_MARIADB && (t.kind == TOKEN_STRING || t.kind == TOKEN_WORD) && bytes_ifind(t.text, 0, no_backslashes) != SIZE_MAX)
			return backslashes;
		if (d == DIALECT_MARIADB && t.kind != TOKEN_STRING && str_ieq(name, "sql_mode") && !of_user)
			why = mode_refused(&l, &t);
		else if (d == DIALECT_POSTGRESQL && (t.kind == TOKEN_WORD || t.kind == TOKEN_QUOTED) && str_ieq(name, "set_config"))
			why = config_refused(d, &l, &t);
		else if (s && next_value(&l, &t) && !is_allowed(d, s, &t))
			why = s->why;
		if (why)
			return why;
	}
	return NULL;
}
