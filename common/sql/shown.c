/* Does SHOW CREATE TABLE show what a statement says? A definition is read line by line: two blanks and a quoted name are a column, "KEY `i`" a key, and so on. */
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/sql/effect.h"
#include "common/sql/reader.h"
#include "common/sql/same.h"

struct line {
	struct bytes text; /* without the comma at its end */
	enum sql_part part; /* SQL_PART_OPTION: none of the others */
	char name[256];
	struct bytes rest; /* behind the name */
};

static bool begins(struct bytes b, const char *with)
{
	size_t n = strlen(with);
	return b.n >= n && memcmp(b.p, with, n) == 0;
}

/* `name`, its quote doubled inside. */
static struct bytes quoted_name(struct bytes b, char *out, size_t size)
{
	size_t i = 1, n = 0;
	for (; i < b.n; i++) {
		if (b.p[i] == '`' && (i + 1 == b.n || b.p[++i] != '`'))
			break;
		if (n + 1 < size)
			out[n++] = (char)b.p[i];
	}
	out[n] = '\0';
	return bytes_of(b.p + i, b.n - i);
}

static void line_read(struct line *l)
{
	static const struct {
		const char *begins;
		enum sql_part part;
	} kinds[] = {
	    {"  `", SQL_PART_COLUMN},
	    {"  KEY `", SQL_PART_KEY},
	    {"  UNIQUE KEY `", SQL_PART_KEY},
	    {"  FULLTEXT KEY `", SQL_PART_KEY},
	    {"  SPATIAL KEY `", SQL_PART_KEY},
	    {"  CONSTRAINT `", SQL_PART_CONSTRAINT},
	    {"(PARTITION `", SQL_PART_PARTITION},
	    {" PARTITION `", SQL_PART_PARTITION},
	};
	l->part = SQL_PART_OPTION;
	l->name[0] = '\0';
	l->rest = l->text;
	if (begins(l->text, "  PRIMARY KEY")) {
		snprintf(l->name, sizeof l->name, "PRIMARY");
		l->part = SQL_PART_KEY;
		l->rest = bytes_of(l->text.p + strlen("  PRIMARY KEY"), l->text.n - strlen("  PRIMARY KEY"));
	}
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!begins(l->text, kinds[i].begins))
			continue;
		size_t at = strlen(kinds[i].begins) - 1;
		l->part = kinds[i].part;
		l->rest = quoted_name(bytes_of(l->text.p + at, l->text.n - at), l->name, sizeof l->name);
		return;
	}
}

static bool line_next(const char **at, struct line *ret)
{
	if (!**at)
		return false;
	size_t n = strcspn(*at, "\n");
	ret->text = bytes_of(*at, n && (*at)[n - 1] == ',' ? n - 1 : n);
	*at += n + ((*at)[n] == '\n');
	line_read(ret);
	return true;
}

static bool is_part(const struct line *l, enum sql_part part)
{
	return l->part == part || (part == SQL_PART_EITHER && (l->part == SQL_PART_KEY || l->part == SQL_PART_CONSTRAINT));
}

static bool find(const char *definition, enum sql_part part, const char *name, struct line *ret)
{
	while (line_next(&definition, ret))
		if (is_part(ret, part) && strcasecmp(ret->name, name) == 0)
			return true;
	return false;
}

static bool has_line(const char *definition, struct bytes text)
{
	for (struct line l; line_next(&definition, &l);)
		if (bytes_equal(l.text, text))
			return true;
	return false;
}

/* ---- one effect ---- */

/* Where the columns and keys end: ") ENGINE=...". Behind that line, how it is partitioned. */
static struct bytes options_of(const char *definition)
{
	const char *at = strstr(definition, "\n) ");
	return at ? bytes_of(at, strcspn(at + 1, "\n") + 1) : bytes_of(NULL, 0);
}

static struct bytes partitioning_of(const char *definition)
{
	struct bytes options = options_of(definition);
	return options.n ? bytes_of_str((const char *)options.p + options.n) : options;
}

static bool in_primary_key(const char *definition, const char *column)
{
	struct line l;
	char quoted[260];
	snprintf(quoted, sizeof quoted, "`%s`", column);
	return find(definition, SQL_PART_KEY, "PRIMARY", &l) && memmem(l.rest.p, l.rest.n, quoted, strlen(quoted));
}

/* What an index is beside its columns. */
struct key_options {
	struct bytes comment;
	bool ignored, hash;
};

static struct key_options key_options(struct bytes text)
{
	struct key_options o = {.ignored = false};
	struct reader r;
	for (reader_begin(&r, DIALECT_MARIADB, text); !reader_at_end(&r);) {
		if (token_is_symbol(&r.t, '(')) {
			reader_skip_group(&r);
			continue;
		}
		o.ignored |= token_is_word(&r.t, "IGNORED");
		o.hash |= token_is_word(&r.t, "HASH");
		if (reader_take(&r, "COMMENT")) {
			reader_take_symbol(&r, '=');
			o.comment = r.t.text;
		}
		reader_next(&r);
	}
	return o;
}

static bool key_options_fit(struct bytes says, struct bytes shown)
{
	struct key_options a = key_options(says), b = key_options(shown);
	return a.ignored == b.ignored && a.hash == b.hash && sql_same(a.comment, b.comment);
}

/* "(`c`)" of a key, or "(`c`) REFERENCES ..." of a foreign key, that column c's own clause makes. */
static bool of_column(const struct sql_effect *e, struct bytes shown)
{
	AUTO(buf_done) struct buf says = BUF_INIT;
	buf_addf(&says, "(%.*s) %.*s", (int)e->from.text.n, (const char *)e->from.text.p, (int)e->says.n, (const char *)e->says.p);
	return sql_same(buf_bytes(&says), shown);
}

static bool key_fits(const struct sql_effect *e, const struct line *l)
{
	const char *kind = begins(l->text, "  FULLTEXT") ? "FULLTEXT" : begins(l->text, "  SPATIAL") ? "SPATIAL" : NULL;
	if ((begins(l->text, "  UNIQUE") || begins(l->text, "  PRIMARY")) != e->unique || !str_eq(kind, e->kind))
		return false;
	return e->from.kind != TOKEN_SPACE ? of_column(e, l->rest) : sql_columns_fit(e->says, l->rest) && key_options_fit(e->says, l->rest);
}

/* ON DELETE RESTRICT is what a foreign key does anyway, and is not shown. */
static void without_restrict(struct bytes says, struct buf *ret)
{
	struct reader r;
	const uint8_t *from = says.p;
	for (reader_begin(&r, DIALECT_MARIADB, says); !reader_at_end(&r);) {
		const uint8_t *on = r.t.text.p;
		if (!reader_take(&r, "ON")) {
			reader_next(&r);
		} else if ((reader_take(&r, "DELETE") || reader_take(&r, "UPDATE")) && reader_take(&r, "RESTRICT")) {
			buf_add(ret, from, (size_t)(on - from));
			from = r.t.text.p;
		}
	}
	buf_add(ret, from, (size_t)(says.p + says.n - from));
}

static bool constraint_fits(const struct sql_effect *e, const struct line *l)
{
	static const char key[] = " FOREIGN KEY ", check[] = " CHECK ";
	const char *begin = e->foreign ? key : check;
	if (!begins(l->rest, begin))
		return false;
	struct bytes shown = bytes_of(l->rest.p + strlen(begin), l->rest.n - strlen(begin));
	AUTO(buf_done) struct buf says = BUF_INIT;
	without_restrict(e->says, &says);
	struct sql_effect plain = *e;
	plain.says = buf_bytes(&says);
	return e->from.kind != TOKEN_SPACE ? of_column(&plain, shown) : sql_same(plain.says, shown);
}

/* The server says of each partition which engine it is in. */
static bool partition_fits(struct bytes says, struct bytes shown)
{
	static const char engine[] = " ENGINE = ";
	AUTO(buf_done) struct buf without = BUF_INIT;
	for (const uint8_t *at; (at = memmem(shown.p, shown.n, engine, strlen(engine)));) {
		buf_add(&without, shown.p, (size_t)(at - shown.p));
		shown = bytes_of(at + strlen(engine), shown.n - (size_t)(at - shown.p) - strlen(engine));
		while (shown.n && !strchr(",)\n", shown.p[0]))
			shown = bytes_of(shown.p + 1, shown.n - 1);
	}
	buf_add(&without, shown.p, shown.n);
	return sql_same(says, buf_bytes(&without));
}

static bool fits(const struct sql_effect *e, const char *definition, const struct line *l)
{
	switch (e->part) {
	case SQL_PART_COLUMN:
		return sql_column_fits(e->says, l->rest, in_primary_key(definition, l->name), options_of(definition));
	case SQL_PART_KEY:
		return key_fits(e, l);
	case SQL_PART_CONSTRAINT:
		return constraint_fits(e, l);
	case SQL_PART_PARTITION:
		return partition_fits(e->says, l->rest);
	case SQL_PART_EITHER:
	case SQL_PART_PARTITIONING:
	case SQL_PART_OPTION:
		return true;
	}
	return false;
}

/* The server chose the name: a line that was not there before and says the same. */
static bool appears_unnamed(const struct sql_effect *e, const char *before, const char *now)
{
	const char *at = now;
	for (struct line l; line_next(&at, &l);)
		if (is_part(&l, e->part) && !has_line(before, l.text) && fits(e, now, &l))
			return true;
	return false;
}

/* "ENGINE=InnoDB" among the options now, and they are others than before. */
static bool option_shows(const struct sql_effect *e, const char *before, const char *now)
{
	struct bytes was = options_of(before), is = options_of(now);
	char wanted[300];
	if (bytes_equal(was, is) || e->says.n > 200)
		return false;
	snprintf(wanted, sizeof wanted, "%.*s=%.*s", (int)e->name.text.n, (const char *)e->name.text.p, (int)e->says.n, (const char *)e->says.p);
	for (size_t n = strlen(wanted), i = 0; (i = bytes_ifind(is, i, wanted)) != SIZE_MAX; i++)
		if (i + n == is.n || is.p[i + n] == ' ')
			return true;
	return false;
}

/* A column or a key under another name; says nothing of itself. */
static bool is_renamed(const struct sql_effect *e)
{
	return e->from.kind != TOKEN_SPACE && e->says.n == 0 && !e->unique;
}

static bool renamed_shows(const struct sql_effect *e, const char *before, const struct line *is)
{
	char from[256];
	struct line was;
	token_name(DIALECT_MARIADB, &e->from, from, sizeof from);
	return find(before, e->part, from, &was) && bytes_equal(was.rest, is->rest);
}

/* " IGNORED" at its end is all that came or went. */
static bool ignored_shows(bool ignored, const struct line *was, const struct line *is)
{
	static const char word[] = " IGNORED";
	struct bytes with = ignored ? is->text : was->text, without = ignored ? was->text : is->text;
	size_t n = strlen(word);
	return with.n == without.n + n && memcmp(with.p, without.p, without.n) == 0 && memcmp(with.p + without.n, word, n) == 0;
}

static bool partitioning_shows(const struct sql_effect *e, const char *before, const char *now)
{
	struct bytes is = partitioning_of(now);
	if (bytes_equal(partitioning_of(before), is))
		return false;
	return e->change == SQL_VANISHES ? is.n <= 1 : partition_fits(e->says, is);
}

static bool shows(const struct sql_effect *e, const char *before, const char *now)
{
	char name[256];
	struct line was, is;
	if (e->part == SQL_PART_OPTION)
		return option_shows(e, before, now);
	if (e->part == SQL_PART_PARTITIONING)
		return partitioning_shows(e, before, now);
	if (e->name.kind == TOKEN_SPACE)
		return appears_unnamed(e, before, now);
	token_name(DIALECT_MARIADB, &e->name, name, sizeof name);
	bool had = find(before, e->part, name, &was), has = find(now, e->part, name, &is);
	switch (e->change) {
	case SQL_APPEARS:
		return has && (!had || e->if_exists) && (is_renamed(e) ? renamed_shows(e, before, &is) : fits(e, now, &is));
	case SQL_VANISHES:
		return !has && (had || e->if_exists);
	case SQL_CHANGES:
		return had && has && !bytes_equal(was.text, is.text) && fits(e, now, &is);
	case SQL_DEFAULT:
		return had && has && !bytes_equal(was.text, is.text) && sql_default_became(was.rest, is.rest, e->says);
	case SQL_IGNORED:
	case SQL_NOT_IGNORED:
		return had && has && ignored_shows(e->change == SQL_IGNORED, &was, &is);
	}
	return false;
}

/* ---- a definition ---- */

static size_t count(const char *definition, enum sql_part part)
{
	size_t n = 0;
	for (struct line l; line_next(&definition, &l);)
		n += l.part == part;
	return n;
}

static bool says_option(const struct sql_effects *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->of[i].part == SQL_PART_OPTION && token_is_word(&s->of[i].name, name))
			return true;
	return false;
}

/* Options that are shown only where somebody has said them, and an engine that is not the usual one. */
static bool options_usual(const struct sql_effects *s, struct bytes shown)
{
	static const char *const names[] = {"COMMENT", "ROW_FORMAT", "KEY_BLOCK_SIZE", "PAGE_COMPRESSED"};
	static const char usual[] = "ENGINE=InnoDB ";
	char option[40];
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(option, sizeof option, "%s=", names[i]);
		if (!says_option(s, names[i]) && memmem(shown.p, shown.n, option, strlen(option)))
			return false;
	}
	return says_option(s, "ENGINE") || memmem(shown.p, shown.n, usual, strlen(usual));
}

/* CREATE TABLE: nothing is there that it does not say. A foreign key makes a key of its own where there is none. */
static bool nothing_else(const struct sql_effects *s, const char *now)
{
	size_t columns = 0, keys = 0, constraints = 0;
	bool partitioned = false;
	for (size_t i = 0; i < s->n; i++) {
		const struct sql_effect *e = &s->of[i];
		columns += e->part == SQL_PART_COLUMN;
		keys += e->part == SQL_PART_KEY || (e->part == SQL_PART_CONSTRAINT && e->foreign);
		constraints += e->part == SQL_PART_CONSTRAINT;
		partitioned |= e->part == SQL_PART_PARTITIONING;
	}
	return columns == count(now, SQL_PART_COLUMN) && keys >= count(now, SQL_PART_KEY) && constraints == count(now, SQL_PART_CONSTRAINT) &&
	       (partitioned || partitioning_of(now).n <= 1) && options_usual(s, options_of(now));
}

/* MODIFY to what the column is already: it neither shows nor speaks against the others. */
static bool changes_nothing(const struct sql_effect *e, const char *before, const char *now)
{
	char name[256];
	struct line was, is;
	if (e->change != SQL_CHANGES || e->part != SQL_PART_COLUMN)
		return false;
	token_name(DIALECT_MARIADB, &e->name, name, sizeof name);
	return find(before, e->part, name, &was) && find(now, e->part, name, &is) && bytes_equal(was.text, is.text) && fits(e, now, &is);
}

bool sql_effects_show(const struct sql_effects *effects, const char *before, const char *now)
{
	size_t shown = 0;
	if (effects->unknown || effects->renames)
		return false;
	for (size_t i = 0; i < effects->n; i++)
		if (shows(&effects->of[i], before, now))
			shown++;
		else if (!changes_nothing(&effects->of[i], before, now))
			return false;
	return shown > 0 && (!effects->whole || nothing_else(effects, now));
}

/* `t_ibfk_1` of a table t goes with its name. */
static bool has_alike(const char *definition, const struct line *l)
{
	if (l->part != SQL_PART_CONSTRAINT)
		return has_line(definition, l->text);
	for (struct line other; line_next(&definition, &other);)
		if (other.part == l->part && bytes_equal(other.rest, l->rest))
			return true;
	return false;
}

static size_t lines_alike(const char *a, const char *b)
{
	size_t n = 0;
	for (struct line l; line_next(&a, &l);)
		n += l.text.n && !begins(l.text, "CREATE TABLE ") && !begins(l.text, SQL_MADE) && has_alike(b, &l);
	return n;
}

bool sql_tables_equal(const char *a, const char *b)
{
	size_t n = lines_alike(a, a);
	return n > 0 && n == lines_alike(b, b) && n == lines_alike(a, b);
}
