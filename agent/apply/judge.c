/* One table says of each form of statement where its effect shows. A form that is not in it is nobody's guess: a person looks.
 * What the catalog keeps no trace of is not seen: a view that was dropped and made again word for word; what was made and taken away again, which is made a second time; who is the definer of
 * a routine or a view; where among the others a column stands. Of a RENAME of several tables the names
 * are looked at, and which definition each has; among tables that are alike nobody guesses. */
#include "agent/apply/judge.h"

#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/sql/effect.h"
#include "common/sql/reader.h"

enum shows {
	SHOWS_NOWHERE,
	REPEATABLE, /* running it twice does no harm, so it need not show */
	IN_EXISTENCE, /* the object is gone */
	IN_MAKING, /* a database with no more than a name: it appears, and is this role's own where the server says whose it is */
	IN_PARTS, /* columns, keys, ... of a table (common/sql/effect.h) */
	IN_NAMES, /* of tables */
	IN_INDEX, /* an index of its own: unique, its columns */
	IN_BODY, /* a routine, trigger or event: what the statement says is kept word for word */
	IN_VIEW, /* a view, whose text the server writes anew */
	IN_SEQUENCE, /* what numbers it gives out */
	IN_PARENT, /* a partition is no longer its table's */
	IN_DEFINITION /* as before: not applied; changed: by whom is not seen */
};

static const struct {
	const char *verb;
	enum shows shows;
} forms[] = {
    {"CREATE TABLE", IN_PARTS},
    {"ALTER TABLE", IN_PARTS},
    {"CREATE INDEX", IN_PARTS},
    {"DROP INDEX", IN_PARTS},
    {"RENAME TABLE", IN_NAMES},
    {"CREATE INDEX CONCURRENTLY", IN_INDEX},
    {"DROP INDEX CONCURRENTLY", IN_EXISTENCE},
    {"ALTER TABLE DETACH PARTITION CONCURRENTLY", IN_PARENT},
    {"CREATE VIEW", IN_VIEW},
    {"ALTER VIEW", IN_VIEW},
    {"CREATE TRIGGER", IN_BODY},
    {"CREATE FUNCTION", IN_BODY},
    {"CREATE PROCEDURE", IN_BODY},
    {"CREATE EVENT", IN_BODY},
    {"CREATE SEQUENCE", IN_SEQUENCE},
    {"CREATE DATABASE", IN_MAKING},
    {"CREATE TABLESPACE", IN_DEFINITION},
    {"DROP TABLE", IN_EXISTENCE},
    {"DROP VIEW", IN_EXISTENCE},
    {"DROP SEQUENCE", IN_EXISTENCE},
    {"DROP TRIGGER", IN_EXISTENCE},
    {"DROP FUNCTION", IN_EXISTENCE},
    {"DROP PROCEDURE", IN_EXISTENCE},
    {"DROP EVENT", IN_EXISTENCE},
    {"DROP DATABASE", IN_EXISTENCE},
    {"DROP TABLESPACE", IN_EXISTENCE},
    {"ALTER EVENT", IN_DEFINITION},
    {"ALTER FUNCTION", IN_DEFINITION},
    {"ALTER PROCEDURE", IN_DEFINITION},
    {"ALTER SEQUENCE", IN_DEFINITION},
    {"ALTER DATABASE", IN_DEFINITION},
    {"ALTER DATABASE SET TABLESPACE", IN_DEFINITION},
    {"ALTER SYSTEM", REPEATABLE},
    {"ALTER SUBSCRIPTION REFRESH", REPEATABLE},
    {"VACUUM", REPEATABLE},
    {"ANALYZE", REPEATABLE},
    {"ANALYZE TABLE", REPEATABLE},
    {"REINDEX", REPEATABLE},
    {"REINDEX CONCURRENTLY", REPEATABLE},
    {"CLUSTER", REPEATABLE},
    {"REFRESH MATERIALIZED VIEW", REPEATABLE},
    {"OPTIMIZE TABLE", REPEATABLE},
    {"REPAIR TABLE", REPEATABLE},
    {"CHECK TABLE", REPEATABLE},
    {"CACHE INDEX", REPEATABLE},
    {"LOAD INDEX", REPEATABLE},
    {"FLUSH", REPEATABLE},
    {"GRANT", REPEATABLE},
    {"SET", REPEATABLE},
    {"SET PASSWORD", REPEATABLE},
    {"SET DEFAULT ROLE", REPEATABLE},
    {"PRAGMA", REPEATABLE},
};

static enum shows shows_where(const struct sql_class *s)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if (str_eq(forms[i].verb, s->verb))
			return forms[i].shows;
	return SHOWS_NOWHERE;
}

struct question {
	enum dialect dialect;
	struct bytes statement;
	struct sql_class class;
	enum shows shows;
	const char *before, *now; /* definitions; "" where there is no object, NULL: not known */
	const char *wanted; /* "": not known */
	bool was, is, same;
};

static bool has_word(const struct question *q, const char *word)
{
	struct lexer l;
	lex_init(&l, q->dialect, q->statement, 1);
	for (struct token t; lex_next_code(&l, &t) && t.kind != TOKEN_BAD;)
		if (token_is_word(&t, word))
			return true;
	return false;
}

static bool replaces(const struct question *q) /* CREATE OR REPLACE */
{
	struct reader r;
	reader_begin(&r, q->dialect, q->statement);
	reader_skip_settings(&r);
	return reader_take(&r, "CREATE") && reader_take(&r, "OR") && reader_take(&r, "REPLACE");
}

/* ---- names of tables ---- */

/* RENAME TABLE a TO b: the definition of one table, found under the old name or under the new one. */
static bool shows_table(const char *text, const char *name)
{
	char head[600] = "\nCREATE TABLE `";
	size_t n = strlen(head);
	for (; *name && n + 8 < sizeof head; name++) {
		if (*name == '`')
			head[n++] = '`';
		head[n++] = *name;
	}
	memcpy(head + n, "` (", 4);
	return strstr(text, head) != NULL;
}

static bool table_renamed(const struct question *q)
{
	const char *from = q->class.object, *to = q->class.parent;
	return shows_table(q->before, from) && !shows_table(q->before, to) && !shows_table(q->now, from) && shows_table(q->now, to) &&
	       sql_tables_equal(q->before, q->now);
}

/* Of lines "NAME\tWHICH\n", which table it is; n 0: none of that name. */
static struct bytes table_of(const char *lines, const char *name)
{
	size_t n = strlen(name);
	for (const char *at = lines; *at; at += strcspn(at, "\n"), at += *at == '\n')
		if (strncmp(at, name, n) == 0 && at[n] == '\t')
			return bytes_of(at + n, strcspn(at + n, "\n"));
	return bytes_of(NULL, 0);
}

/* Do names go or come at all? When tables change places under the same names, nothing shows it. */
static bool names_change(const struct sql_renames *r)
{
	if (r->unknown)
		return false;
	for (size_t i = 0; i < r->n; i++)
		if (r->of[i].source != r->of[i].target)
			return true;
	return false;
}

/* Of the table that bears the i-th name in the end, what it was before. */
static struct bytes old_table(const struct question *q, const struct sql_renames *r, size_t i)
{
	return table_of(q->before, r->of[r->of[i].from].name);
}

static bool has_twin(const struct question *q, const struct sql_renames *r, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (r->of[k].target && bytes_equal(old_table(q, r, i), old_table(q, r, k)))
			return true;
	return false;
}

static bool tables_renamed(const struct question *q)
{
	struct sql_renames r;
	sql_renames_read(q->statement, &r);
	for (size_t i = 0; i < r.n; i++) {
		const char *name = r.of[i].name;
		bool source = r.of[i].source, target = r.of[i].target;
		if (!source && !target) /* a name in passing */
			continue;
		if ((table_of(q->before, name).n > 0) != source || (table_of(q->now, name).n > 0) != target)
			return false;
		if (target && (!bytes_equal(table_of(q->now, name), old_table(q, &r, i)) || has_twin(q, &r, i)))
			return false;
	}
	return names_change(&r);
}

static bool renames_several(const struct question *q)
{
	return q->shows == IN_NAMES && !q->class.object[0];
}

/* ---- as before ---- */

/* Would a second run destroy something? */
static bool destroys(const struct question *q)
{
	struct sql_effects effects;
	if (!str_eq(q->class.verb, "ALTER TABLE"))
		return str_starts(q->class.verb, "DROP");
	sql_effects_read(q->statement, &effects);
	for (size_t i = 0; i < effects.n; i++)
		if (effects.of[i].change == SQL_VANISHES && (effects.of[i].part == SQL_PART_COLUMN || effects.of[i].part == SQL_PART_PARTITION))
			return true;
	return false;
}

/* As before, and yet another: the statement took effect, and somebody has made it again. */
static bool made_anew(const struct question *q)
{
	size_t n = strlen(SQL_MADE), line = q->before ? strcspn(q->before, "\n") : 0;
	return q->before && q->now && str_starts(q->before, SQL_MADE) && line > n && strncmp(q->before, q->now, line + 1) != 0 && destroys(q);
}

static bool would_show(const struct question *q)
{
	struct sql_effects effects;
	struct sql_renames renames;
	switch (q->shows) {
	case SHOWS_NOWHERE:
		return false;
	case IN_BODY:
		return q->was || !str_eq(q->class.verb, "CREATE EVENT") ||
		       !(has_word(q, "AT") || has_word(q, "ENDS")); /* it may have run, and gone by itself */
	case IN_PARTS:
		if (q->dialect != DIALECT_MARIADB || str_eq(q->class.verb, "CREATE TABLE") || (q->class.parent[0] && str_eq(q->class.object_kind, "table")))
			return true;
		sql_effects_read(q->statement, &effects);
		return !effects.unknown && !effects.renames;
	case IN_NAMES:
		if (q->class.object[0])
			return !str_eq(q->class.object, q->class.parent);
		sql_renames_read(q->statement, &renames);
		return names_change(&renames);
	case IN_DEFINITION:
		return !str_eq(q->class.verb, "ALTER SEQUENCE") || !has_word(q, "RESTART");
	default:
		return true;
	}
}

/* ---- changed ---- */

/* CREATE ... IF NOT EXISTS of what was there. */
static bool does_nothing(const struct question *q)
{
	return str_starts(q->class.verb, "CREATE") && q->class.if_exists && !replaces(q) && q->was && q->is && !str_eq(q->class.verb, "CREATE INDEX");
}

static const char *line_of(const char *text, const char *begins)
{
	for (const char *at = text; (at = strstr(at, begins)); at++)
		if (at == text || at[-1] == '\n')
			return at;
	return NULL;
}

/* `fits`: is what SHOW CREATE says what the statement says? */
static bool shown_fits(const struct question *q, bool (*fits)(struct bytes statement, const char *shown))
{
	const char *shown = line_of(q->now, "CREATE ");
	return q->is && shown && fits(q->statement, shown);
}

static bool parts_show(const struct question *q)
{
	struct sql_effects effects;
	if (q->dialect == DIALECT_SQLITE && !q->was && str_eq(q->class.verb, "CREATE TABLE"))
		return shown_fits(q, sql_kept_fits);
	if (q->dialect != DIALECT_MARIADB || q->was == str_eq(q->class.verb, "CREATE TABLE") || !q->is)
		return false;
	sql_effects_read(q->statement, &effects);
	if (str_eq(q->class.verb, "ALTER TABLE") && q->class.parent[0])
		return effects.n == 0 && !effects.unknown && table_renamed(q);
	return sql_effects_show(&effects, q->before, q->now);
}

/* "CREATE INDEX i ON t USING btree (a)|t|t|t|f|f|16390": the definition, which may hold bars of its own, then whether it is valid, ready and live. */
static bool index_shows(const struct question *q)
{
	const char *line = line_of(q->now, "CREATE ");
	if (q->was || !q->is || !line)
		return false;
	size_t n = strcspn(line, "\n");
	for (unsigned bars = 0; n && bars < 6; bars += line[n] == '|')
		n--;
	AUTO(buf_done) struct buf only = BUF_INIT;
	buf_add(&only, line, n);
	return str_starts(line + n, "|t|t|t|") && (*q->wanted ? sql_index_same(q->wanted, buf_str(&only)) : sql_index_fits(q->statement, buf_str(&only)));
}

/* "16390|16387|f|orders_1": the tables that inherit from this one. */
static bool is_parent_of(const char *text, const char *partition)
{
	for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		int name = 0;
		size_t n = strcspn(at, "\n");
		if (sscanf(at, "%*[0-9]|%*[0-9]|%*1[tf]|%n", &name) == 0 && name > 0 && n - (size_t)name == strlen(partition) &&
		    memcmp(at + name, partition, strlen(partition)) == 0)
			return true;
	}
	return false;
}

static bool existence_shows(const struct question *q)
{
	return q->was && !q->is;
}

/* What more a statement says of it than its name, the catalog is not asked for. */
static bool making_shows(const struct question *q)
{
	struct reader r;
	reader_begin(&r, q->dialect, q->statement);
	reader_next(&r);
	reader_next(&r);
	reader_take_exists(&r);
	reader_next(&r);
	return !q->was && q->is && reader_at_end(&r) && (q->dialect != DIALECT_POSTGRESQL || line_of(q->now, "own\n"));
}

static bool effect_shows(const struct question *q)
{
	switch (q->shows) {
	case IN_EXISTENCE:
		return existence_shows(q);
	case IN_MAKING:
		return making_shows(q);
	case IN_PARTS:
		return parts_show(q);
	case IN_NAMES:
		return renames_several(q) ? tables_renamed(q) : table_renamed(q);
	case IN_INDEX:
		return index_shows(q);
	case IN_BODY:
		return shown_fits(q, sql_body_fits);
	case IN_VIEW:
		return (!q->was || replaces(q) || str_starts(q->class.verb, "ALTER")) && shown_fits(q, sql_view_fits);
	case IN_SEQUENCE:
		return !q->was && shown_fits(q, sql_sequence_fits);
	case IN_PARENT:
		return q->was && q->is && is_parent_of(q->before, q->class.parent) && !is_parent_of(q->now, q->class.parent);
	default:
		return false;
	}
}

static const char *why_applied(const struct question *q)
{
	if (q->was != q->is)
		return q->is ? "the object exists now, as the statement makes it" : "the object is gone";
	return q->shows == IN_NAMES ? "the tables have their new names" : "the object's definition has become what the statement says";
}

static enum verdict judge_changed(const struct question *q, const char **ret_why)
{
	if (!q->class.object[0] && !renames_several(q)) {
		*ret_why = "the statement names no single object, and what it works on has changed since";
		return VERDICT_UNSURE;
	}
	if (does_nothing(q)) {
		*ret_why = "the object was there before, and so it does nothing";
		return VERDICT_NOT_APPLIED;
	}
	if ((!q->before || !q->now) && q->shows != IN_EXISTENCE) {
		*ret_why = "the object has changed, and this agent has not kept how it was before";
		return VERDICT_UNSURE;
	}
	if (effect_shows(q)) {
		*ret_why = why_applied(q);
		return VERDICT_APPLIED;
	}
	*ret_why = "the object is neither as it was before nor is it seen to be as the statement leaves it";
	return VERDICT_UNSURE;
}

static bool is_absent(const struct seen *s)
{
	static const uint8_t zero[DIGEST_SIZE];
	return memcmp(s->state, zero, DIGEST_SIZE) == 0;
}

enum verdict judge(enum dialect d, struct bytes statement, const struct seen *before, const struct seen *now, const char **ret_why)
{
	struct question q = {.dialect = d, .statement = statement, .was = !is_absent(before), .is = !is_absent(now)};
	sql_classify(d, statement, &q.class);
	q.shows = shows_where(&q.class);
	q.before = q.was ? before->text : "";
	q.now = q.is ? now->text : "";
	q.wanted = str_or_empty(now->wanted);
	q.same = memcmp(before->state, now->state, DIGEST_SIZE) == 0;
	if (q.class.class == STEP_X) {
		*ret_why = "a statement of class X may have been half done";
		return VERDICT_UNSURE;
	}
	if (q.shows == REPEATABLE) {
		*ret_why = "running it again does no harm";
		return VERDICT_NOT_APPLIED;
	}
	if (!q.same)
		return judge_changed(&q, ret_why);
	if (!would_show(&q)) {
		*ret_why = "its effect does not show in the catalog";
		return VERDICT_UNSURE;
	}
	if (made_anew(&q)) {
		*ret_why = "the object is as it was before, but it was made, or altered, since the statement began: what is there now may be what somebody "
		           "has made again";
		return VERDICT_UNSURE;
	}
	*ret_why = "the object is as it was before";
	return VERDICT_NOT_APPLIED;
}
