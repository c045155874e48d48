/* Clauses of MariaDB's DDL. What is not listed is unknown, and nothing follows from it. */
#include "common/sql/effect.h"

#include <strings.h>

#include "common/base/mem.h"
#include "common/sql/reader.h"

struct parse {
	struct reader r;
	struct sql_effects *ret;
};

static void add(struct parse *p, struct sql_effect e)
{
	bool server_names = e.change == SQL_APPEARS && (e.part == SQL_PART_KEY || (e.part == SQL_PART_CONSTRAINT && e.foreign));
	bool nameless = e.part == SQL_PART_PARTITIONING || server_names;
	if (p->ret->n == SQL_EFFECTS_MAX || (e.name.kind == TOKEN_SPACE && !nameless))
		p->ret->unknown = true;
	else
		p->ret->of[p->ret->n++] = e;
}

static void unknown(struct parse *p)
{
	p->ret->unknown = true;
	reader_skip_clause(&p->r);
}

static const struct token primary = {.kind = TOKEN_WORD, .text = {.p = (const uint8_t *)"PRIMARY", .n = 7}};

/* ---- what a table is made of: in CREATE TABLE's parentheses and behind ADD ---- */

static const char *const index_words[] = {"INDEX", "KEY", NULL};

static const char *take_kind(struct parse *p)
{
	return reader_take(&p->r, "FULLTEXT") ? "FULLTEXT" : reader_take(&p->r, "SPATIAL") ? "SPATIAL" : NULL;
}

/* [name] [USING x] (columns) ... */
static void index_rest(struct parse *p, struct token name, const char *kind, bool unique, bool exists)
{
	exists |= reader_take_exists(&p->r);
	if (reader_at_name(&p->r) && !token_is_word(&p->r.t, "USING"))
		name = reader_take_name(&p->r);
	if (reader_take(&p->r, "USING"))
		reader_next(&p->r);
	struct bytes columns = reader_skip_clause(&p->r);
	add(p, (struct sql_effect){.part = SQL_PART_KEY, .name = name, .says = columns, .kind = kind, .unique = unique, .if_exists = exists});
}

static void foreign_key(struct parse *p, struct token constraint)
{
	bool exists = false;
	reader_take(&p->r, "KEY");
	exists = reader_take_exists(&p->r);
	reader_take_name(&p->r); /* of the index */
	struct bytes columns = reader_skip_clause(&p->r);
	add(p, (struct sql_effect){.part = SQL_PART_CONSTRAINT, .name = constraint, .says = columns, .foreign = true, .if_exists = exists});
}

/* PRIMARY KEY, UNIQUE, FOREIGN KEY or CHECK, with a constraint's name or without. False: none of them begins here. */
static bool constraint(struct parse *p, struct token name, bool exists)
{
	if (reader_take(&p->r, "PRIMARY")) {
		reader_take(&p->r, "KEY");
		if (reader_at_name(&p->r) && !token_is_word(&p->r.t, "USING"))
			reader_take_name(&p->r);
		if (reader_take(&p->r, "USING"))
			reader_next(&p->r);
		add(p, (struct sql_effect){.part = SQL_PART_KEY, .name = primary, .says = reader_skip_clause(&p->r), .unique = true, .if_exists = exists});
	} else if (reader_take(&p->r, "UNIQUE")) {
		reader_take_any(&p->r, index_words);
		index_rest(p, name, NULL, true, exists);
	} else if (reader_take(&p->r, "FOREIGN")) {
		foreign_key(p, name);
	} else if (reader_take(&p->r, "CHECK")) {
		add(p, (struct sql_effect){.part = SQL_PART_CONSTRAINT, .name = name, .says = reader_skip_clause(&p->r), .if_exists = exists});
	} else {
		return false;
	}
	return true;
}

/* What a column's own clause makes beside the column: a key, a foreign key. */
static void column_makes(struct parse *p, struct token name, struct bytes says, bool exists)
{
	static const struct token unnamed = {.kind = TOKEN_SPACE};
	struct reader r;
	reader_begin(&r, DIALECT_MARIADB, says);
	while (!reader_at_end(&r)) {
		bool primary_key = token_is_word(&r.t, "PRIMARY") || token_is_word(&r.t, "KEY"),
		     unique = token_is_word(&r.t, "UNIQUE") || token_is_word(&r.t, "SERIAL");
		if (token_is_word(&r.t, "REFERENCES")) {
			struct bytes where = bytes_of(r.t.text.p, (size_t)(says.p + says.n - r.t.text.p));
			add(p,
			    (struct sql_effect){.part = SQL_PART_CONSTRAINT, .name = unnamed, .from = name, .says = where, .foreign = true, .if_exists = exists});
			return;
		}
		if (primary_key || unique)
			add(p, (struct sql_effect){
			           .part = SQL_PART_KEY, .name = primary_key ? primary : unnamed, .from = name, .unique = true, .if_exists = exists});
		if (token_is_symbol(&r.t, '('))
			reader_skip_group(&r);
		else
			reader_next(&r);
		if (primary_key || unique)
			reader_take(&r, "KEY");
	}
}

static void column(struct parse *p, enum sql_change change, bool exists)
{
	struct token name = reader_take_name(&p->r);
	struct bytes says = reader_skip_clause(&p->r);
	add(p, (struct sql_effect){.part = SQL_PART_COLUMN, .change = change, .name = name, .says = says, .if_exists = exists});
	column_makes(p, name, says, exists);
}

/* PERIOD FOR, SYSTEM VERSIONING, VECTOR INDEX, LIKE: any but the last may also name a column. */
static bool is_other(const struct parse *p)
{
	struct reader ahead = p->r;
	reader_next(&ahead);
	return token_is_word(&p->r.t, "LIKE") || (token_is_word(&p->r.t, "PERIOD") && token_is_word(&ahead.t, "FOR")) ||
	       (token_is_word(&p->r.t, "SYSTEM") && token_is_word(&ahead.t, "VERSIONING")) ||
	       (token_is_word(&p->r.t, "VECTOR") && (token_is_word(&ahead.t, "INDEX") || token_is_word(&ahead.t, "KEY")));
}

static void definition(struct parse *p)
{
	struct token name = {.kind = TOKEN_SPACE};
	bool exists = false;
	if (reader_take(&p->r, "CONSTRAINT")) {
		exists = reader_take_exists(&p->r);
		if (!token_is_word(&p->r.t, "PRIMARY") && !token_is_word(&p->r.t, "UNIQUE") && !token_is_word(&p->r.t, "FOREIGN") &&
		    !token_is_word(&p->r.t, "CHECK"))
			name = reader_take_name(&p->r);
		if (!constraint(p, name, exists))
			unknown(p);
		return;
	}
	if (constraint(p, name, false))
		return;
	const char *kind = take_kind(p);
	if (kind || token_is_word(&p->r.t, "INDEX") || token_is_word(&p->r.t, "KEY")) {
		reader_take_any(&p->r, index_words);
		index_rest(p, name, kind, false, false);
	} else if (is_other(p)) {
		unknown(p);
	} else {
		reader_take(&p->r, "COLUMN");
		column(p, SQL_APPEARS, reader_take_exists(&p->r));
	}
}

static void definitions(struct parse *p) /* in parentheses */
{
	reader_take_symbol(&p->r, '(');
	do {
		definition(p);
	} while (reader_take_symbol(&p->r, ','));
	if (!reader_take_symbol(&p->r, ')'))
		p->ret->unknown = true;
}

/* ---- ALTER TABLE ---- */

/* (PARTITION p VALUES ..., ...) */
static void partition_list(struct parse *p, bool exists)
{
	if (!reader_take_symbol(&p->r, '(')) {
		unknown(p);
		return;
	}
	do {
		if (!reader_take(&p->r, "PARTITION"))
			p->ret->unknown = true;
		struct token name = reader_take_name(&p->r);
		add(p, (struct sql_effect){.part = SQL_PART_PARTITION, .name = name, .says = reader_skip_clause(&p->r), .if_exists = exists});
	} while (reader_take_symbol(&p->r, ','));
	reader_take_symbol(&p->r, ')');
}

static void alter_add(struct parse *p)
{
	if (reader_take(&p->r, "PARTITION")) {
		bool exists = reader_take_exists(&p->r);
		partition_list(p, exists);
	} else if (reader_take(&p->r, "COLUMN")) {
		bool exists = reader_take_exists(&p->r);
		if (token_is_symbol(&p->r.t, '('))
			definitions(p);
		else
			column(p, SQL_APPEARS, exists);
	} else if (token_is_symbol(&p->r.t, '(')) {
		definitions(p);
	} else {
		definition(p);
	}
}

static void vanish(struct parse *p, enum sql_part part)
{
	bool exists = reader_take_exists(&p->r);
	add(p, (struct sql_effect){.part = part, .change = SQL_VANISHES, .name = reader_take_name(&p->r), .if_exists = exists});
}

static void alter_drop(struct parse *p)
{
	static const char *const other[] = {"SYSTEM", "PERIOD", NULL};
	if (reader_take(&p->r, "PRIMARY")) {
		reader_take(&p->r, "KEY");
		add(p, (struct sql_effect){.part = SQL_PART_KEY, .change = SQL_VANISHES, .name = primary});
	} else if (reader_take_any(&p->r, index_words)) {
		vanish(p, SQL_PART_KEY);
	} else if (reader_take(&p->r, "FOREIGN")) {
		reader_take(&p->r, "KEY");
		vanish(p, SQL_PART_CONSTRAINT);
	} else if (reader_take(&p->r, "CONSTRAINT") || reader_take(&p->r, "CHECK")) {
		vanish(p, SQL_PART_EITHER);
	} else if (reader_take(&p->r, "PARTITION")) {
		bool exists = reader_take_exists(&p->r);
		do
			add(p, (struct sql_effect){.part = SQL_PART_PARTITION, .change = SQL_VANISHES, .name = reader_take_name(&p->r), .if_exists = exists});
		while (reader_take_symbol(&p->r, ','));
	} else if (reader_take_any(&p->r, other)) {
		unknown(p);
	} else {
		reader_take(&p->r, "COLUMN");
		vanish(p, SQL_PART_COLUMN);
	}
	reader_skip_clause(&p->r); /* RESTRICT, CASCADE */
}

static bool same_name(const struct token *a, const struct token *b)
{
	char names[2][256];
	token_name(DIALECT_MARIADB, a, names[0], sizeof names[0]);
	token_name(DIALECT_MARIADB, b, names[1], sizeof names[1]);
	return strcasecmp(names[0], names[1]) == 0;
}

static void becomes(struct parse *p, enum sql_part part, struct token from, struct token to, struct bytes says, bool exists)
{
	if (same_name(&from, &to)) {
		add(p, (struct sql_effect){.part = part, .change = SQL_CHANGES, .name = to, .says = says, .if_exists = exists});
		return;
	}
	add(p, (struct sql_effect){.part = part, .change = SQL_VANISHES, .name = from, .if_exists = exists});
	add(p, (struct sql_effect){.part = part, .change = SQL_APPEARS, .name = to, .says = says, .if_exists = exists});
}

static void alter_change(struct parse *p)
{
	reader_take(&p->r, "COLUMN");
	bool exists = reader_take_exists(&p->r);
	struct token from = reader_take_name(&p->r), to = reader_take_name(&p->r);
	becomes(p, SQL_PART_COLUMN, from, to, reader_skip_clause(&p->r), exists);
}

static void alter_rename(struct parse *p)
{
	enum sql_part part = SQL_PART_COLUMN;
	if (!reader_take(&p->r, "COLUMN")) {
		if (!reader_take_any(&p->r, index_words)) {
			p->ret->renames = true;
			reader_skip_clause(&p->r);
			return;
		}
		part = SQL_PART_KEY;
	}
	bool exists = reader_take_exists(&p->r);
	struct token from = reader_take_name(&p->r);
	reader_take(&p->r, "TO");
	add(p, (struct sql_effect){.part = part, .change = SQL_VANISHES, .name = from, .if_exists = exists});
	struct token to = reader_take_name(&p->r);
	add(p, (struct sql_effect){.part = part, .name = to, .from = from, .if_exists = exists});
}

/* [COLUMN] c SET DEFAULT x | DROP DEFAULT, INDEX i [NOT] IGNORED */
static void alter_alter(struct parse *p)
{
	bool key = reader_take_any(&p->r, index_words);
	reader_take(&p->r, "COLUMN");
	bool exists = reader_take_exists(&p->r);
	struct sql_effect e = {.part = key ? SQL_PART_KEY : SQL_PART_COLUMN, .name = reader_take_name(&p->r), .if_exists = exists};
	if (key) {
		e.change = reader_take(&p->r, "NOT") ? SQL_NOT_IGNORED : SQL_IGNORED;
		p->ret->unknown |= !reader_take(&p->r, "IGNORED");
	} else {
		bool set = reader_take(&p->r, "SET");
		e.change = SQL_DEFAULT;
		p->ret->unknown |= (!set && !reader_take(&p->r, "DROP")) || !reader_take(&p->r, "DEFAULT");
		e.says = set ? reader_skip_clause(&p->r) : bytes_of(NULL, 0);
	}
	add(p, e);
}

/* ENGINE = InnoDB, DEFAULT CHARSET utf8mb4, ... False: it is none of those that are compared. */
static bool table_option(struct parse *p)
{
	static const char *const options[] = {"ENGINE", "COMMENT", "ROW_FORMAT", "COLLATE", "CHARSET", NULL};
	static const struct token charset = {.kind = TOKEN_WORD, .text = {.p = (const uint8_t *)"CHARSET", .n = 7}};
	reader_take(&p->r, "DEFAULT");
	struct token name = p->r.t;
	if (reader_take(&p->r, "CHARACTER") && reader_take(&p->r, "SET"))
		name = charset;
	else if (!reader_take_any(&p->r, options))
		return false;
	reader_take_symbol(&p->r, '=');
	struct bytes value = p->r.t.text;
	reader_next(&p->r);
	add(p, (struct sql_effect){.part = SQL_PART_OPTION, .change = SQL_CHANGES, .name = name, .says = value});
	return true;
}

/* One or several, with or without commas. */
static void alter_options(struct parse *p)
{
	while (!reader_at_end(&p->r) && !token_is_symbol(&p->r.t, ','))
		if (!table_option(p)) {
			unknown(p);
			return;
		}
}

/* PARTITION BY ... to the end: its lists have commas outside of parentheses. */
static void partitioning(struct parse *p)
{
	const uint8_t *from = p->r.t.text.p;
	while (!reader_at_end(&p->r))
		reader_next(&p->r);
	add(p, (struct sql_effect){.part = SQL_PART_PARTITIONING, .change = SQL_CHANGES, .says = bytes_of(from, (size_t)(p->r.t.text.p - from))});
}

/* REORGANIZE PARTITION a, b INTO (PARTITION c VALUES ..., ...) */
static void alter_reorganize(struct parse *p)
{
	reader_take(&p->r, "PARTITION");
	do
		add(p, (struct sql_effect){.part = SQL_PART_PARTITION, .change = SQL_VANISHES, .name = reader_take_name(&p->r)});
	while (reader_take_symbol(&p->r, ','));
	p->ret->unknown |= !reader_take(&p->r, "INTO");
	partition_list(p, false);
}

static bool alter_partitions(struct parse *p)
{
	if (token_is_word(&p->r.t, "PARTITION"))
		partitioning(p);
	else if (reader_take(&p->r, "REORGANIZE"))
		alter_reorganize(p);
	else if (reader_take(&p->r, "REMOVE") && reader_take(&p->r, "PARTITIONING"))
		add(p, (struct sql_effect){.part = SQL_PART_PARTITIONING, .change = SQL_VANISHES});
	else
		return false;
	return true;
}

static void alter_clause(struct parse *p)
{
	static const char *const how[] = {"ALGORITHM", "LOCK", "WAIT", "NOWAIT", "FORCE", NULL};
	if (reader_take(&p->r, "ADD")) {
		alter_add(p);
	} else if (reader_take(&p->r, "DROP")) {
		alter_drop(p);
	} else if (reader_take(&p->r, "MODIFY")) {
		reader_take(&p->r, "COLUMN");
		column(p, SQL_CHANGES, reader_take_exists(&p->r));
	} else if (reader_take(&p->r, "CHANGE")) {
		alter_change(p);
	} else if (reader_take(&p->r, "ALTER")) {
		alter_alter(p);
	} else if (reader_take(&p->r, "RENAME")) {
		alter_rename(p);
	} else if (reader_take_any(&p->r, how)) {
		reader_skip_clause(&p->r);
	} else if (!alter_partitions(p)) {
		alter_options(p);
	}
}

/* ---- statements ---- */

static void alter_table(struct parse *p)
{
	reader_skip_object(&p->r);
	do
		alter_clause(p);
	while (reader_take_symbol(&p->r, ','));
	if (!reader_at_end(&p->r))
		p->ret->unknown = true;
}

/* The columns must be all in the parentheses: LIKE and SELECT bring others. Options that the server writes elsewhere, or otherwise, are not compared. */
static void create_table(struct parse *p)
{
	reader_take_exists(&p->r);
	reader_skip_object(&p->r);
	if (!token_is_symbol(&p->r.t, '(')) {
		p->ret->unknown = true;
		return;
	}
	definitions(p);
	p->ret->whole = true;
	while (!reader_at_end(&p->r)) {
		if (token_is_word(&p->r.t, "SELECT") || token_is_word(&p->r.t, "VERSIONING"))
			p->ret->unknown = true;
		if (token_is_word(&p->r.t, "PARTITION"))
			partitioning(p);
		else if (!table_option(p))
			reader_next(&p->r);
	}
}

static void create_index(struct parse *p, bool replaces)
{
	bool unique = reader_take(&p->r, "UNIQUE");
	const char *kind = take_kind(p);
	if (!reader_take(&p->r, "INDEX")) {
		p->ret->unknown = true;
		return;
	}
	bool exists = reader_take_exists(&p->r);
	struct token name = reader_take_name(&p->r);
	if (reader_take(&p->r, "USING"))
		reader_next(&p->r);
	reader_take(&p->r, "ON");
	reader_skip_object(&p->r);
	struct bytes columns = reader_skip_clause(&p->r);
	add(p, (struct sql_effect){.part = SQL_PART_KEY, .name = name, .says = columns, .kind = kind, .unique = unique, .if_exists = exists || replaces});
}

static bool is_pair(const struct sql_effect *a, const struct sql_effect *b)
{
	bool one_part = a->part == b->part || a->part == SQL_PART_EITHER || b->part == SQL_PART_EITHER;
	return one_part && a->name.kind != TOKEN_SPACE && b->name.kind != TOKEN_SPACE && same_name(&a->name, &b->name);
}

/* DROP INDEX i, ADD INDEX i (...): i changes. With columns the like moves rows' values, and the definition may look as it did. */
static void merge(struct sql_effects *s)
{
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = i + 1; k < s->n; k++) {
			struct sql_effect *a = &s->of[i], *b = &s->of[k];
			if (!is_pair(a, b))
				continue;
			bool rebuilt = a->change == SQL_VANISHES && b->change == SQL_APPEARS && (b->part == SQL_PART_KEY || b->part == SQL_PART_CONSTRAINT);
			if (!rebuilt) {
				s->unknown = true;
				return;
			}
			b->change = SQL_CHANGES;
			*a = s->of[--s->n];
			i--;
			break;
		}
}

void sql_effects_read(struct bytes statement, struct sql_effects *ret)
{
	struct parse p = {.ret = ret};
	ret->n = 0;
	ret->whole = ret->unknown = ret->renames = false;
	reader_begin(&p.r, DIALECT_MARIADB, statement);
	reader_skip_settings(&p.r);
	if (reader_take(&p.r, "ALTER")) {
		reader_take(&p.r, "ONLINE");
		reader_take(&p.r, "IGNORE");
		if (reader_take(&p.r, "TABLE")) {
			reader_take_exists(&p.r);
			alter_table(&p);
		} else {
			ret->unknown = true;
		}
	} else if (reader_take(&p.r, "CREATE")) {
		bool replaces = reader_take(&p.r, "OR") && reader_take(&p.r, "REPLACE");
		if (reader_take(&p.r, "TABLE"))
			create_table(&p);
		else
			create_index(&p, replaces);
	} else if (reader_take(&p.r, "DROP") && reader_take(&p.r, "INDEX")) {
		vanish(&p, SQL_PART_KEY);
	} else {
		ret->unknown = true;
	}
	merge(ret);
}
