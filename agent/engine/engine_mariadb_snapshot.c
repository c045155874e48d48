/* The schema of a MariaDB target as lines. */
#include "agent/engine/engine_mariadb.h"

#include <string.h>

#include "agent/engine/sql/mariadb_snapshot.sql.h"
#include "common/base/str.h"

struct giving {
	engine_row_fn *fn;
	void *arg;
	const char *kind, *name; /* of the object whose SHOW CREATE is being read */
};

static int give(const struct giving *g, const char *kind, const char *name, const char *definition, struct err *e)
{
	const char *row[] = {kind, name, definition};
	return g->fn(g->arg, ARRAY_LEN(row), row, e);
}

/* ---- tables: SHOW CREATE TABLE has a line for each column, key and constraint ----
 *
 *	CREATE TABLE `orders` (
 *	  `id` int(11) NOT NULL,
 *	  KEY `by_note` (`note`)
 *	) ENGINE=InnoDB AUTO_INCREMENT=17 DEFAULT CHARSET=utf8mb4
 */

/* The name in backquotes that p begins with, without them. */
static char *quoted_name(const char *p)
{
	struct buf b = BUF_INIT;
	for (p++; *p && (*p != '`' || p[1] == '`'); p++) {
		buf_addc(&b, *p);
		p += *p == '`';
	}
	return buf_take(&b);
}

static char *part_name(const char *line)
{
	const char *quote = str_starts(line, "CONSTRAINT ") ? line : strstr(line, "KEY `");
	if (*line == '`')
		return quoted_name(line);
	if (str_starts(line, "PRIMARY "))
		return mem_strdup("PRIMARY");
	quote = quote ? strchr(quote, '`') : NULL;
	return quote ? quoted_name(quote) : mem_strdup("PERIOD");
}

static int give_part(const struct giving *g, const char *line, struct buf *columns, struct err *e)
{
	AUTO(buf_done) struct buf name = BUF_INIT;
	AUTO(mem_free_ptr) char *own = part_name(line);
	const char *kind = *line == '`' ? "column" : str_starts(line, "CONSTRAINT ") ? "constraint" : "index";
	if (str_eq(kind, "column"))
		buf_addf(columns, "%s%s", columns->n ? ", " : "", own);
	buf_addf(&name, "%s.%s", g->name, own);
	return give(g, kind, buf_str(&name), line, e);
}

/* What stands behind the columns, without the counter that moves with every insert. */
static int give_table(const struct giving *g, const char *options, const struct buf *columns, struct err *e)
{
	static const char counter[] = " AUTO_INCREMENT=";
	AUTO(buf_done) struct buf text = BUF_INIT;
	const char *at = strstr(options, counter), *comment = strstr(options, " COMMENT=");
	if (comment && at > comment)
		at = NULL;
	buf_addf(&text, "(%s)", buf_str(columns));
	buf_addf(&text, "%.*s", at ? (int)(at - options) : (int)strlen(options), options);
	if (at) {
		at += sizeof counter - 1;
		buf_adds(&text, at + strspn(at, "0123456789"));
	}
	return give(g, "table", g->name, buf_str(&text), e);
}

/* The line break that ends the part at p: a text in it may hold line breaks too, hardly ever with these characters behind. */
static char *part_end(char *p)
{
	char *next = strstr(p, "\n  "), *last = strstr(p, "\n)");
	return next && (!last || next < last) ? next : last;
}

static int give_create_table(const struct giving *g, const char *create, struct err *e)
{
	AUTO(buf_done) struct buf columns = BUF_INIT;
	AUTO(mem_free_ptr) char *text = mem_strdup(create);
	char *line = part_end(text);
	while (line && line[1] != ')') {
		char *next = part_end(line + 1);
		if (!next)
			break;
		next[next[-1] == ',' ? -1 : 0] = '\0';
		if (give_part(g, line + 3, &columns, e) < 0)
			return -1;
		*next = '\n';
		line = next;
	}
	if (!line || line[1] != ')')
		return err_set(e, ERR_STATE, "the definition of table %s is not one that this version can read", g->name);
	return give_table(g, line + 2, &columns, e);
}

/* ---- one object ---- */

#define HIDDEN "(not visible to the agent's user)"

static int table_row(void *arg, size_t n, const char *const *v, struct err *e)
{
	return n < 2 || !v[1] ? give(arg, "table", ((struct giving *)arg)->name, HIDDEN, e) : give_create_table(arg, v[1], e);
}

static int plain_row(void *arg, size_t n, const char *const *v, struct err *e)
{
	const struct giving *g = arg;
	return give(g, g->kind, g->name, n < 2 || !v[1] ? HIDDEN : v[1], e);
}

/* A routine remembers the sql_mode that it was made under. */
static int routine_row(void *arg, size_t n, const char *const *v, struct err *e)
{
	const struct giving *g = arg;
	AUTO(buf_done) struct buf text = BUF_INIT;
	if (n > 2 && v[2])
		buf_addf(&text, "SQL_MODE %s %s", v[1] ? v[1] : "", v[2]);
	return give(g, g->kind, g->name, text.n ? text.p : HIDDEN, e);
}

static const struct {
	const char *word, *kind;
	engine_row_fn *fn;
} shown[] = {
    {"TABLE", "table", table_row},           {"VIEW", "view", plain_row},           {"SEQUENCE", "sequence", plain_row},
    {"PROCEDURE", "procedure", routine_row}, {"FUNCTION", "function", routine_row},
};

static int show_create(struct conn *c, struct giving *g, const char *word, const char *name, struct err *e)
{
	AUTO(buf_done) struct buf sql = BUF_INIT;
	AUTO(mem_free_ptr) char *quoted = maria_quote_name(name);
	for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
		if (!str_eq(word, shown[i].word))
			continue;
		g->kind = shown[i].kind;
		g->name = name;
		buf_addf(&sql, "SHOW CREATE %s %s", word, quoted);
		return maria_run_text(c, buf_str(&sql), shown[i].fn, g, e) == 0 ? 0 : err_wrap(e, "%s %s", g->kind, name);
	}
	return 0;
}

/* ---- all of them ---- */

static int named_row(void *arg, size_t n, const char *const *v, struct err *e)
{
	(void)n, (void)e;
	struct buf *b = arg;
	for (size_t i = 0; i < 2; i++)
		buf_add(b, v[i], strlen(v[i]) + 1);
	return 0;
}

static int rest_row(void *arg, size_t n, const char *const *v, struct err *e)
{
	(void)n;
	return give(arg, v[0], v[1], v[2] ? v[2] : HIDDEN, e);
}

/* 1142: the agent's user may not read that table, and then nothing is told of privileges on routines. */
static int give_routine_grants(struct conn *c, struct giving *g, struct err *e)
{
	struct err why = ERR_INIT;
	if (maria_run_text(c, maria_sql_snapshot_routine_grants, rest_row, g, &why) == 0 || why.db_errno == 1142)
		return 0;
	if (e)
		*e = why;
	return err_wrap(e, "privileges on routines");
}

int maria_snapshot(struct conn *c, engine_row_fn *fn, void *arg, struct err *e)
{
	struct giving g = {.fn = fn, .arg = arg};
	AUTO(buf_done) struct buf named = BUF_INIT;
	if (maria_run_text(c, maria_sql_snapshot_named, named_row, &named, e) < 0)
		return -1;
	for (size_t at = 0; at < named.n;) {
		const char *word = named.p + at, *name = word + strlen(word) + 1;
		at += strlen(word) + strlen(name) + 2;
		if (show_create(c, &g, word, name, e) < 0)
			return -1;
	}
	return maria_run_text(c, maria_sql_snapshot_rest, rest_row, &g, e) < 0 ? -1 : give_routine_grants(c, &g, e);
}
