/* See the header. */
#include "common/sql/timeouts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/sql/classify.h"

#define WORD_MAX 64

static const struct setting {
	enum dialect dialect;
	const char *name;
	bool locks;
	bool zero_is_none; /* 0 is no time-out at all, otherwise no waiting at all */
	double unit_ms; /* of a bare number */
} settings[] = {
    {DIALECT_POSTGRESQL, "lock_timeout", true, true, 1},        {DIALECT_POSTGRESQL, "statement_timeout", false, true, 1},
    {DIALECT_MARIADB, "lock_wait_timeout", true, false, 1000},  {DIALECT_MARIADB, "innodb_lock_wait_timeout", true, false, 1000},
    {DIALECT_MARIADB, "max_statement_time", false, true, 1000}, {DIALECT_SQLITE, "busy_timeout", true, false, 1},
};

static const struct setting *setting_of(enum dialect d, const struct token *t)
{
	char name[WORD_MAX];
	if (t->kind != TOKEN_WORD && t->kind != TOKEN_QUOTED && t->kind != TOKEN_STRING)
		return NULL;
	token_name(d, t, name, sizeof name);
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		if (settings[i].dialect == d && str_ieq(settings[i].name, name))
			return &settings[i];
	return NULL;
}

/* Only statements that set something: a column may have such a name, too. */
static bool may_set(enum dialect d, struct bytes sql)
{
	struct sql_class c;
	struct lexer l;
	struct token t;
	sql_classify(d, sql, &c);
	lex_init(&l, d, sql, 1);
	bool found = c.kind == SQL_SESSION || (lex_next_code(&l, &t) && token_is_word(&t, "SET"));
	while (!found && lex_next_code(&l, &t) && t.kind != TOKEN_BAD)
		found = token_is_word(&t, "set_config");
	return found;
}

/* "5s", "500ms", "1min", "2h", "1d", "30": PostgreSQL's units. Negative when it is none of these. */
static double ms_of(const struct setting *s, const char *text)
{
	static const struct {
		const char *name;
		double ms;
	} units[] = {{"us", 0.001}, {"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
	char *end = NULL;
	double v = strtod(text, &end);
	if (end == text || v < 0)
		return -1;
	end += strspn(end, " ");
	if (!*end)
		return v * s->unit_ms;
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (str_eq(end, units[i].name))
			return v * units[i].ms;
	return -1;
}

/* What stands between the name and its value: "= ", "TO ", ":= ", "', '" of set_config, "(" of a PRAGMA. */
static bool is_between(const struct token *t)
{
	return token_is_symbol(t, '=') || token_is_symbol(t, ':') || token_is_symbol(t, ',') || token_is_symbol(t, '(') || token_is_word(t, "TO");
}

/* A value that goes on ("@@x * 2", "5 + 5") is none that could be read here. */
static bool ends_value(struct lexer *l)
{
	struct token t;
	return !lex_next_code(l, &t) || token_is_symbol(&t, ',') || token_is_symbol(&t, ')') || t.kind == TOKEN_SEMICOLON || token_is_word(&t, "FOR");
}

static double value_of(const struct setting *s, struct lexer *l, struct token *value)
{
	char text[WORD_MAX] = "";
	if (value->kind == TOKEN_NUMBER)
		snprintf(text, sizeof text, "%.*s", (int)(value->text.n < WORD_MAX ? value->text.n : WORD_MAX - 1), (const char *)value->text.p);
	else if (value->kind == TOKEN_STRING)
		token_name(s->dialect, value, text, sizeof text);
	return *text && ends_value(l) ? ms_of(s, text) : -1;
}

void sql_timeouts_begin(struct sql_timeouts *t, enum dialect d, struct bytes statement)
{
	*t = (struct sql_timeouts){.dialect = d, .over = !may_set(d, statement)};
	lex_init(&t->lexer, d, statement, 1);
}

bool sql_timeouts_next(struct sql_timeouts *t, struct sql_timeout *ret)
{
	struct lexer *l = &t->lexer;
	struct token k;
	while (!t->over && lex_next_code(l, &k) && k.kind != TOKEN_BAD) {
		const struct setting *s = setting_of(t->dialect, &k);
		bool between = false, more = true;
		while (s && (more = lex_next_code(l, &k)) && is_between(&k))
			between = true;
		if (!s || !between || !more)
			continue;
		if (s->dialect == DIALECT_POSTGRESQL && token_is_word(&k, "DEFAULT")) /* what the connection began with */
			continue;
		double ms = value_of(s, l, &k);
		*ret = (struct sql_timeout){.name = s->name, .locks = s->locks, .none = ms == 0 && s->zero_is_none, .ms = ms};
		return true;
	}
	t->over = true;
	return false;
}
