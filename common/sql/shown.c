/* Does SHOW CREATE TABLE show what a statement says? A definition is read line by line: two blanks and a quoted name are a column, "KEY `i`" a key, and so on. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/sql/effect.h"

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

static bool in_primary_key(const char *definition, const char *column)
{
	struct line l;
	char quoted[260];
	snprintf(quoted, sizeof quoted, "`%s`", column);
	return find(definition, SQL_PART_KEY, "PRIMARY", &l) && memmem(l.rest.p, l.rest.n, quoted, strlen(quoted));
}

static bool fits(const struct sql_effect *e, const char *definition, const struct line *l)
{
	switch (e->part) {
	case SQL_PART_COLUMN:
		return sql_column_fits(e->says, l->rest, in_primary_key(definition, l->name), e->change == SQL_CHANGES);
	case SQL_PART_KEY:
		return e->says.n == 0 || ((begins(l->text, "  UNIQUE") || begins(l->text, "  PRIMARY")) == e->unique && sql_columns_fit(e->says, l->rest));
	case SQL_PART_CONSTRAINT: {
		static const char key[] = " FOREIGN KEY ";
		bool foreign = begins(l->rest, key);
		size_t over = foreign ? strlen(key) : 0;
		return foreign == e->foreign && (!foreign || sql_columns_fit(e->says, bytes_of(l->rest.p + over, l->rest.n - over)));
	}
	default:
		return true;
	}
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

/* "ENGINE=InnoDB" among the options now, and they are others than before. */
static bool option_shows(const struct sql_effect *e, const char *before, const char *now)
{
	struct bytes was = options_of(before), is = options_of(now);
	char wanted[300];
	if (bytes_equal(was, is) || e->says.n > 200)
		return false;
	snprintf(wanted, sizeof wanted, "%.*s=%.*s", (int)e->name.text.n, (const char *)e->name.text.p, (int)e->says.n, (const char *)e->says.p);
	for (size_t n = strlen(wanted), i = 0; i + n <= is.n; i++)
		if (strncasecmp((const char *)is.p + i, wanted, n) == 0 && (i + n == is.n || is.p[i + n] == ' '))
			return true;
	return false;
}

static bool shows(const struct sql_effect *e, const char *before, const char *now)
{
	char name[256];
	struct line was, is;
	if (e->part == SQL_PART_OPTION)
		return option_shows(e, before, now);
	if (e->part == SQL_PART_PARTITIONING)
		return !bytes_equal(partitioning_of(before), partitioning_of(now));
	if (e->name.kind == TOKEN_SPACE)
		return appears_unnamed(e, before, now);
	token_name(DIALECT_MARIADB, &e->name, name, sizeof name);
	bool had = find(before, e->part, name, &was), has = find(now, e->part, name, &is);
	switch (e->change) {
	case SQL_APPEARS:
		return has && (!had || e->if_exists) && fits(e, now, &is);
	case SQL_VANISHES:
		return !has && (had || e->if_exists);
	case SQL_CHANGES:
		return had && has && !bytes_equal(was.text, is.text) && fits(e, now, &is);
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

bool sql_effects_show(const struct sql_effects *effects, const char *before, const char *now)
{
	size_t columns = 0;
	if (effects->unknown || effects->n == 0)
		return false;
	for (size_t i = 0; i < effects->n; i++) {
		if (!shows(&effects->of[i], before, now))
			return false;
		columns += effects->of[i].part == SQL_PART_COLUMN;
	}
	return !effects->whole || columns == count(now, SQL_PART_COLUMN);
}

bool sql_columns_equal(const char *a, const char *b)
{
	size_t n = count(a, SQL_PART_COLUMN);
	if (n == 0 || n != count(b, SQL_PART_COLUMN))
		return false;
	for (struct line l; line_next(&a, &l);)
		if (l.part == SQL_PART_COLUMN && !has_line(b, l.text))
			return false;
	return true;
}
