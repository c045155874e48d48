/* A column as a statement says it against the same column as SHOW CREATE TABLE shows it: "integer unsigned not null default 0" is "int(10) unsigned NOT NULL DEFAULT 0". Both are read into the
 * same attributes; what is not understood of either fits nothing. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/sql/effect.h"
#include "common/sql/reader.h"
#include "common/sql/same.h"

#define WORD_MAX 64

enum flag {
	COLUMN_UNSIGNED = 1 << 0,
	COLUMN_ZEROFILL = 1 << 1,
	COLUMN_AUTO_INCREMENT = 1 << 2,
	COLUMN_INVISIBLE = 1 << 3,
	COLUMN_COMPRESSED = 1 << 4,
	COLUMN_STORED = 1 << 5,
	COLUMN_UNVERSIONED = 1 << 6,
	COLUMN_NOT_NULL = 1 << 7,
	COLUMN_KEY = 1 << 8, /* primary or unique, said in the column's own clause */
};
#define COLUMN_SAME \
	(COLUMN_UNSIGNED | COLUMN_ZEROFILL | COLUMN_AUTO_INCREMENT | COLUMN_INVISIBLE | COLUMN_COMPRESSED | COLUMN_STORED | COLUMN_UNVERSIONED)

struct column {
	char type[WORD_MAX];
	struct bytes arguments; /* with their parentheses; n 0: none, and so for the others */
	char charset[WORD_MAX], collate[WORD_MAX];
	struct bytes value, computed, check, update, comment; /* DEFAULT, AS, CHECK, ON UPDATE, COMMENT */
	unsigned flags;
	bool unknown;
};

/* ---- reading ---- */

static struct bytes to_here(const uint8_t *from, const struct reader *r)
{
	size_t n = (size_t)(r->t.text.p - from);
	while (n && isspace(from[n - 1]))
		n--;
	return bytes_of(from, n);
}

static struct bytes take_group(struct reader *r)
{
	const uint8_t *from = r->t.text.p;
	reader_skip_group(r);
	return to_here(from, r);
}

/* A literal with its sign, a function with its arguments, or an expression in parentheses. */
static struct bytes take_value(struct reader *r)
{
	const uint8_t *from = r->t.text.p;
	if (token_is_symbol(&r->t, '-') || token_is_symbol(&r->t, '+'))
		reader_next(r);
	if (!token_is_symbol(&r->t, '('))
		reader_next(r);
	reader_skip_group(r);
	return to_here(from, r);
}

static void take_word(struct reader *r, char *out)
{
	if (reader_at_name(r) || r->t.kind == TOKEN_STRING)
		token_name(DIALECT_MARIADB, &r->t, out, WORD_MAX);
	reader_next(r);
}

static bool take_flag(struct reader *r, struct column *c)
{
	static const struct {
		const char *word;
		unsigned flag;
	} flags[] = {{"UNSIGNED", COLUMN_UNSIGNED},
	             {"ZEROFILL", COLUMN_ZEROFILL | COLUMN_UNSIGNED},
	             {"INVISIBLE", COLUMN_INVISIBLE},
	             {"AUTO_INCREMENT", COLUMN_AUTO_INCREMENT},
	             {"COMPRESSED", COLUMN_COMPRESSED},
	             {"STORED", COLUMN_STORED},
	             {"PERSISTENT", COLUMN_STORED},
	             {"SIGNED", 0},
	             {"VIRTUAL", 0},
	             {"NULL", 0},
	             {"FIRST", 0},
	             {"UNIQUE", COLUMN_KEY},
	             {"PRIMARY", COLUMN_KEY},
	             {"KEY", COLUMN_KEY}};
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (reader_take(r, flags[i].word))
			return c->flags |= flags[i].flag, true;
	return false;
}

static bool take_versioning(struct reader *r, struct column *c)
{
	bool without = reader_take(r, "WITHOUT");
	if (!without && !reader_take(r, "WITH"))
		return false;
	c->flags |= without ? COLUMN_UNVERSIONED : 0;
	reader_take(r, "SYSTEM");
	reader_take(r, "VERSIONING");
	return true;
}

static bool take_computed(struct reader *r, struct column *c)
{
	bool generated = reader_take(r, "GENERATED");
	if (generated)
		reader_take(r, "ALWAYS");
	if (!reader_take(r, "AS"))
		return false;
	c->computed = take_group(r);
	return true;
}

static void take_attribute(struct reader *r, struct column *c)
{
	if (take_flag(r, c) || take_versioning(r, c) || take_computed(r, c))
		return;
	if (reader_take(r, "NOT")) {
		c->flags |= COLUMN_NOT_NULL;
		c->unknown |= !reader_take(r, "NULL");
	} else if (reader_take(r, "CHARACTER")) {
		reader_take(r, "SET");
		take_word(r, c->charset);
	} else if (reader_take(r, "CHARSET")) {
		take_word(r, c->charset);
	} else if (reader_take(r, "COLLATE")) {
		take_word(r, c->collate);
	} else if (reader_take(r, "DEFAULT")) {
		c->value = take_value(r);
	} else if (reader_take(r, "ON")) {
		reader_take(r, "UPDATE");
		c->update = take_value(r);
	} else if (reader_take(r, "COMMENT")) {
		c->comment = take_value(r);
	} else if (reader_take(r, "CONSTRAINT")) {
		reader_take_name(r);
	} else if (reader_take(r, "CHECK")) {
		c->check = take_group(r);
	} else if (reader_take(r, "AFTER")) {
		reader_take_name(r);
	} else {
		c->unknown = true;
		reader_next(r);
	}
}

static void column_read(struct bytes text, struct column *ret)
{
	struct reader r;
	*ret = (struct column){.flags = 0};
	reader_begin(&r, DIALECT_MARIADB, text);
	take_word(&r, ret->type);
	if (str_ieq(ret->type, "DOUBLE"))
		reader_take(&r, "PRECISION");
	if (token_is_symbol(&r.t, '('))
		ret->arguments = take_group(&r);
	/* REFERENCES is another effect (effect.c). */
	while (!reader_at_end(&r) && !token_is_word(&r.t, "REFERENCES"))
		take_attribute(&r, ret);
}

/* ---- the type ---- */

static const struct {
	const char *said, *shown;
} synonyms[] = {
    {"integer", "int"},   {"int4", "int"},        {"int1", "tinyint"},        {"bool", "tinyint"}, {"boolean", "tinyint"},
    {"int2", "smallint"}, {"int3", "mediumint"},  {"middleint", "mediumint"}, {"int8", "bigint"},  {"serial", "bigint"},
    {"dec", "decimal"},   {"numeric", "decimal"}, {"fixed", "decimal"},       {"float4", "float"}, {"float8", "double"},
    {"json", "longtext"}, {"character", "char"},
};

static const char *type_shown(const char *said)
{
	for (size_t i = 0; i < ARRAY_LEN(synonyms); i++)
		if (str_ieq(said, synonyms[i].said))
			return synonyms[i].shown;
	return said;
}

/* Lengths, digits, lists of values. The width that an integer is displayed with is left out where it does not matter. */
static bool arguments_fit(const char *type, struct bytes said, struct bytes shown)
{
	char with_scale[WORD_MAX];
	if (str_ends(type, "int") || str_eq(type, "year"))
		return true;
	if (said.n == 0)
		return shown.n == 0 || sql_same(bytes_of_str(str_eq(type, "decimal") ? "(10,0)" : "(1)"), shown);
	if (shown.n == 0)
		return sql_same(said, bytes_of_str("(0)")); /* of a time's digits */
	snprintf(with_scale, sizeof with_scale, "%.*s, 0", (int)said.n, (const char *)said.p);
	return sql_same(said, shown) || (str_eq(type, "decimal") && sql_same(bytes_of_str(with_scale), shown));
}

static bool type_fits(const struct column *said, const struct column *shown)
{
	const char *type = type_shown(said->type);
	return *type && str_ieq(type, shown->type) && arguments_fit(shown->type, said->arguments, shown->arguments);
}

/* ---- what stands behind the type ---- */

static bool both_or_neither(struct bytes said, struct bytes shown)
{
	return (said.n > 0) == (shown.n > 0) && (said.n == 0 || sql_same(said, shown));
}

static bool is_null(struct bytes value)
{
	return value.n >= 4 && strncasecmp((const char *)value.p, "NULL", 4) == 0;
}

/* '2020-01-01' of a time is '2020-01-01 00:00:00'. */
static bool values_fit(struct bytes said, struct bytes shown)
{
	size_t n = said.n > 2 && said.p[0] == '\'' && said.p[said.n - 1] == '\'' ? said.n - 1 : 0;
	if (n && shown.n > said.n && memcmp(said.p, shown.p, n) == 0 && strspn((const char *)shown.p + n, " 0:.") == shown.n - n - 1)
		return true;
	return both_or_neither(said, shown);
}

static bool default_fits(const struct column *said, const struct column *shown)
{
	if (str_ieq(said->type, "TIMESTAMP") && !said->value.n)
		return true; /* what the server gives the first of a table */
	if (said->value.n == 0 || is_null(said->value))
		return shown->value.n == 0 || is_null(shown->value);
	return values_fit(said->value, shown->value);
}

/* Shown only where it is not the table's. */
static bool word_fits(const char *said, const char *shown, const char *option, struct bytes options)
{
	char wanted[2 * WORD_MAX];
	if (*shown)
		return str_ieq(said, shown) || (str_ieq(said, "utf8") && str_ieq(shown, "utf8mb3"));
	snprintf(wanted, sizeof wanted, "%s=%s", option, said);
	for (size_t n = strlen(wanted), i = 0; (i = bytes_ifind(options, i, wanted)) != SIZE_MAX; i++)
		if (i + n == options.n || !strchr("_abcdefghijklmnopqrstuvwxyz0123456789", options.p[i + n]))
			return true;
	return false;
}

static bool text_fits(const struct column *said, const struct column *shown, struct bytes options)
{
	if (*said->charset || *said->collate)
		return (!*said->charset || word_fits(said->charset, shown->charset, "CHARSET", options)) &&
		       (!*said->collate || word_fits(said->collate, shown->collate, "COLLATE", options));
	return str_ieq(said->type, "json") || (!*shown->charset && !*shown->collate);
}

/* json comes with a check of its own. */
static bool check_fits(const struct column *said, const struct column *shown)
{
	if (str_ieq(said->type, "json") && !said->check.n)
		return shown->check.n && memmem(shown->check.p, shown->check.n, "json_valid", strlen("json_valid"));
	return both_or_neither(said->check, shown->check);
}

static bool null_fits(const struct column *said, const struct column *shown, bool in_key)
{
	bool shown_not = shown->flags & COLUMN_NOT_NULL;
	if (said->flags & COLUMN_NOT_NULL)
		return shown_not;
	return !shown_not || in_key || (said->flags & COLUMN_KEY) || str_ieq(said->type, "TIMESTAMP") || str_ieq(said->type, "SERIAL");
}

bool sql_column_fits(struct bytes says, struct bytes shows, bool in_key, struct bytes options)
{
	struct column said, shown;
	column_read(says, &said);
	column_read(shows, &shown);
	if (str_ieq(said.type, "SERIAL"))
		said.flags |= COLUMN_UNSIGNED | COLUMN_AUTO_INCREMENT | COLUMN_NOT_NULL;
	bool update = both_or_neither(said.update, shown.update) || (str_ieq(said.type, "TIMESTAMP") && !said.value.n && !said.update.n);
	return !said.unknown && !shown.unknown && type_fits(&said, &shown) && (said.flags & COLUMN_SAME) == (shown.flags & COLUMN_SAME) &&
	       default_fits(&said, &shown) && update && text_fits(&said, &shown, options) && both_or_neither(said.computed, shown.computed) &&
	       check_fits(&said, &shown) && both_or_neither(said.comment, shown.comment) && null_fits(&said, &shown, in_key);
}

bool sql_type_fits(struct bytes says, struct bytes shows)
{
	struct column said, shown;
	column_read(says, &said);
	column_read(shows, &shown);
	return !said.unknown && !shown.unknown && type_fits(&said, &shown) && (said.flags & COLUMN_SAME) == (shown.flags & COLUMN_SAME) &&
	       (!*said.charset || str_ieq(said.charset, shown.charset)) && (!*said.collate || str_ieq(said.collate, shown.collate));
}

/* Two definitions of one column that differ in their DEFAULT alone; the later one's is `value`, n 0: it has none. */
bool sql_default_became(struct bytes was, struct bytes is, struct bytes value)
{
	struct column a, b;
	column_read(was, &a);
	column_read(is, &b);
	bool dropped = value.n == 0 && b.value.n == 0;
	if (a.unknown || b.unknown || (!dropped && !values_fit(value, b.value)))
		return false;
	a.value = b.value;
	return a.flags == b.flags && str_eq(a.type, b.type) && str_eq(a.charset, b.charset) && str_eq(a.collate, b.collate) &&
	       both_or_neither(a.arguments, b.arguments) && both_or_neither(a.computed, b.computed) && both_or_neither(a.check, b.check) &&
	       both_or_neither(a.update, b.update) && both_or_neither(a.comment, b.comment);
}

/* ---- columns of a key ---- */

bool sql_columns_fit(struct bytes says, struct bytes shown)
{
	struct reader a, b;
	reader_begin(&a, DIALECT_MARIADB, says);
	reader_begin(&b, DIALECT_MARIADB, shown);
	while (!reader_at_end(&a) && !token_is_symbol(&a.t, '('))
		reader_next(&a); /* USING BTREE */
	while (!reader_at_end(&b) && !token_is_symbol(&b.t, '('))
		reader_next(&b);
	return !reader_at_end(&a) && !reader_at_end(&b) && sql_same(take_group(&a), take_group(&b));
}
