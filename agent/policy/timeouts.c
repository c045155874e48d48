/* C21: the time-outs of agent.yaml under the site's caps, and a SET among a release's statements that would lift them. The session's own time-outs are asked of the server: agent/apply/limits.c. */
#include <stdlib.h>
#include <string.h>

#include "agent/policy/policy.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/sql/lex.h"

#define WORD_MAX 64

static const struct setting {
	enum dialect dialect;
	const char *name;
	bool locks; /* longest_lock is its cap, otherwise longest_statement */
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

static const char *judge(const struct policy *p, const struct setting *s, struct lexer *l, struct token *value, struct arena *a)
{
	uint32_t cap_ms = s->locks ? p->longest_lock_ms : p->longest_statement_ms;
	const char *rule = s->locks ? "longest_lock" : "longest_statement";
	char text[WORD_MAX] = "";
	if (!cap_ms)
		return NULL;
	if (s->dialect == DIALECT_POSTGRESQL && token_is_word(value, "DEFAULT")) /* what the connection began with */
		return NULL;
	if (value->kind == TOKEN_NUMBER)
		snprintf(text, sizeof text, "%.*s", (int)(value->text.n < WORD_MAX ? value->text.n : WORD_MAX - 1), (const char *)value->text.p);
	else if (value->kind == TOKEN_STRING)
		token_name(s->dialect, value, text, sizeof text);
	double ms = *text && ends_value(l) ? ms_of(s, text) : -1;
	if (ms < 0)
		return arena_printf(a, "it sets %s to what cannot be told from the text, and this site allows %u ms (%s)", s->name, (unsigned)cap_ms, rule);
	if (ms == 0 && s->zero_is_none)
		return arena_printf(a, "it sets %s to 0, which is no time-out at all, and this site allows %u ms (%s)", s->name, (unsigned)cap_ms, rule);
	return ms > cap_ms ? arena_printf(a, "it sets %s to %.0f ms, and this site allows %u ms (%s)", s->name, ms, (unsigned)cap_ms, rule) : NULL;
}

const char *policy_lifts_timeout(const struct policy *p, enum dialect d, struct bytes sql, struct arena *a)
{
	struct lexer l;
	struct token t;
	if ((!p->longest_lock_ms && !p->longest_statement_ms) || !may_set(d, sql))
		return NULL;
	lex_init(&l, d, sql, 1);
	while (lex_next_code(&l, &t) && t.kind != TOKEN_BAD) {
		const struct setting *s = setting_of(d, &t);
		bool between = false, more = true;
		while (s && (more = lex_next_code(&l, &t)) && is_between(&t))
			between = true;
		if (!s || !between || !more)
			continue;
		const char *why = judge(p, s, &l, &t, a);
		if (why)
			return why;
	}
	return NULL;
}

static uint32_t lower(uint32_t ms, uint32_t cap_ms)
{
	return cap_ms && cap_ms < ms ? cap_ms : ms;
}

void policy_cap_timeouts(const struct policy *p, uint32_t *lock_ms, uint32_t *lock_max_ms, uint32_t *statement_ms)
{
	*lock_ms = lower(*lock_ms, p->longest_lock_ms);
	*lock_max_ms = lower(*lock_max_ms, p->longest_lock_ms);
	*statement_ms = lower(*statement_ms, p->longest_statement_ms);
}
