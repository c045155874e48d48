/* See the header. */
#include "agent/engine/row_values.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/sql/redact.h"

#define HIDDEN "..."

/* ---- PostgreSQL (its appendix of error codes; src/backend, ereport) ---- */

enum telling {
	TELL_NOTHING,
	TELL_UNQUOTED, /* of the message: it quotes values */
	TELL_MESSAGE, /* it quotes names; the detail shows the row */
	TELL_ALL /* objects, sessions, limits */
};

static const struct {
	const char *class; /* the first two of SQLSTATE */
	enum telling telling;
} pg_classes[] = {
    {"22", TELL_UNQUOTED}, /* invalid input syntax for type integer: "abc" */
    {"23", TELL_MESSAGE}, /* duplicate key value violates unique constraint "customers_email"; Key (email)=(...) already exists. */
    {"44", TELL_MESSAGE}, /* new row violates check option for view "v"; Failing row contains (...). */
    {"21", TELL_MESSAGE},  {"08", TELL_ALL}, {"0A", TELL_ALL}, {"24", TELL_ALL}, {"25", TELL_ALL}, {"26", TELL_ALL}, {"28", TELL_ALL},
    {"2B", TELL_ALL}, /* cannot drop table a because other objects depend on it; view b depends on table a */
    {"2D", TELL_ALL},      {"34", TELL_ALL}, {"3B", TELL_ALL}, {"3D", TELL_ALL}, {"3F", TELL_ALL}, {"40", TELL_ALL}, /* deadlock detected; Process 1 waits for ... */
    {"42", TELL_ALL},      {"53", TELL_ALL}, {"54", TELL_ALL}, {"55", TELL_ALL}, {"57", TELL_ALL}, {"58", TELL_ALL}, {"F0", TELL_ALL},
};

static enum telling pg_telling(const char *sqlstate)
{
	for (size_t i = 0; i < ARRAY_LEN(pg_classes); i++)
		if (strncmp(sqlstate, pg_classes[i].class, 2) == 0)
			return pg_classes[i].telling;
	return TELL_NOTHING;
}

static bool is_ascii(const char *s)
{
	while (*s && !(*s & 0x80))
		s++;
	return *s == '\0';
}

/* From the first quote to the last, and all behind a colon or of bytes in hexadecimal, which are not quoted. Other languages have other quotes: of those nothing is told. */
static void add_unquoted(const char *text, struct buf *ret)
{
	AUTO(mem_free_ptr) char *s = mem_strdup(text);
	sql_hide_quoted(s);
	const char *colon = strstr(s, ": "), *hex = strstr(s, "0x");
	const char *end = colon ? colon + 2 : s + strlen(s);
	end = hex && hex < end ? hex : end;
	if (!is_ascii(s))
		buf_adds(ret, HIDDEN);
	else
		buf_addf(ret, "%.*s%s", (int)(end - s), s, *end || colon ? HIDDEN : "");
}

void row_values_hide_postgres(const char *sqlstate, bool raised, enum pg_part part, const char *text, struct buf *ret)
{
	enum telling t = raised ? TELL_NOTHING : pg_telling(sqlstate);
	if (t == TELL_ALL || (t == TELL_MESSAGE && part != PG_PART_DETAIL))
		buf_adds(ret, text);
	else if (t == TELL_UNQUOTED && part == PG_PART_MESSAGE)
		add_unquoted(text, ret);
	else
		buf_adds(ret, HIDDEN);
}

/* ---- MariaDB (sql/share/errmsg-utf8.txt) ---- */

static const struct maria_rule {
	unsigned code;
	const char *starts; /* of the message; "": any */
	const char *from, *to; /* the value is what stands between them, `to` NULL: or up to the end; from NULL: there is none to hide */
} maria_rules[] = {
    {1062, "", "entry ", " for key "}, /* Duplicate entry 'Ada' for key 'email' */
    {1569, "", "entry ", " for key "},
    {1586, "", "entry ", " for key "},
    {1292, "Truncated incorrect ", "value: ", NULL}, /* Truncated incorrect DOUBLE value: 'abc' */
    {1292, "", "value: ", " for column "}, /* Incorrect datetime value: 'abc' for column `db`.`t`.`c` at row 1 */
    {1366, "", "value: ", " for column "},
    {1411, "", "value: ", " for function "},
    {1525, "", "value: ", NULL},
    {1300, "", "string: ", NULL}, /* Invalid utf8mb4 character string: '\xE4' */
    {1367, "", "Illegal ", " value found during parsing"},
    {1526, "", "for value ", NULL}, /* Table has no partition for value 5 */
    {1690, "", "out of range in ", NULL},
    {1761, "", "record ", " would lead "},
    {1762, "", "record ", " would lead "},
    {1918, "", "illegal value ", " when converting "},
    {1977, "", "character ", NULL},
    {1264, "", NULL, NULL}, /* Out of range value for column 'n' at row 1 */
    {1265, "", NULL, NULL}, /* Data truncated for column 'n' at row 1 */
    {1365, "", NULL, NULL},
    {1406, "", NULL, NULL}, /* Data too long for column 'name' at row 1 */
    {1441, "", NULL, NULL},
};

static const char *last_of(const char *s, const char *word)
{
	const char *found = NULL;
	for (const char *at = s; (at = strstr(at, word)); at++)
		found = at;
	return found;
}

static void add_around(const struct maria_rule *r, const char *text, struct buf *ret)
{
	const char *from = strstr(text, r->from), *value = from ? from + strlen(r->from) : NULL;
	const char *to = value && r->to ? last_of(value, r->to) : NULL;
	if (!value || (r->to && !to))
		buf_adds(ret, HIDDEN); /* in another language, or cut off */
	else
		buf_addf(ret, "%.*s" HIDDEN "%s", (int)(value - text), text, to ? to : "");
}

static void add_hiding_quoted(const char *text, struct buf *ret)
{
	AUTO(mem_free_ptr) char *s = mem_strdup(text);
	sql_hide_quoted(s);
	buf_adds(ret, s);
}

void row_values_hide_mariadb(unsigned code, const char *sqlstate, const char *text, struct buf *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(maria_rules); i++) {
		const struct maria_rule *r = &maria_rules[i];
		if (r->code != code || !str_starts(text, r->starts))
			continue;
		if (r->from)
			add_around(r, text, ret);
		else
			buf_adds(ret, text);
		return;
	}
	if ((code >= 1642 && code <= 1644) || str_starts(sqlstate, "45")) /* SIGNAL: a program's own words */
		buf_adds(ret, HIDDEN);
	else if (str_starts(sqlstate, "22") || str_starts(sqlstate, "01"))
		add_hiding_quoted(text, ret);
	else
		buf_adds(ret, text);
}
