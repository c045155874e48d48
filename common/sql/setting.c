/* Settings under which the server would read a later statement otherwise than the lexer here did, or take its UTF-8 for another encoding: what was checked would not be what runs.
 * Sessions are pinned to what the lexer reads; this is for a SET inside of a changeset. */
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/sql/rule.h"

static const char strings[] =
    "strings would end elsewhere than in the text that was checked: take it out, and write E'' strings where a backslash is to mean something";
static const char backslashes[] = "strings would end elsewhere than in the text that was checked: take it out, and double the backslashes";
static const char encoding[] = "the text is sent as UTF-8, and would be stored as something else: take it out, and save the file as UTF-8";

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

static const struct setting *find_setting(enum dialect d, const struct token *t)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		if (settings[i].dialect == d && token_is_word(t, settings[i].name))
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

const char *setting_refused(enum dialect d, struct bytes statement)
{
	struct lexer l;
	struct token t, before = {.kind = TOKEN_SPACE}, before_that = before;
	lex_init(&l, d, statement, 1);
	for (; lex_next_code(&l, &t); before_that = before, before = t) {
		if (d == DIALECT_MARIADB && (t.kind == TOKEN_STRING || t.kind == TOKEN_WORD) && bytes_ifind(t.text, 0, "NO_BACKSLASH_ESCAPES") != SIZE_MAX)
			return backslashes;
		bool of_user = token_is_symbol(&before, '@') && !token_is_symbol(&before_that, '@');
		const struct setting *s = of_user ? NULL : find_setting(d, &t);
		if (!s)
			continue;
		do
			if (!lex_next_code(&l, &t))
				return NULL;
		while (stands_between(&t));
		if (!is_allowed(d, s, &t))
			return s->why;
	}
	return NULL;
}
