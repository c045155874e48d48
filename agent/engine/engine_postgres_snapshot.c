/* The schema of a PostgreSQL target as lines. */
#include "agent/engine/engine_postgres.h"

#include <string.h>

#include "agent/engine/sql/postgres_snapshot.sql.h"
#include "common/base/str.h"

/* ---- one text for one expression ----
 *
 * PostgreSQL writes `kind IN ('a', 'b')` of a varchar column as ARRAY['a'::character varying, 'b'::character varying]::text[], and when it reads that again, as a restore
 * does, it moves the cast inwards: ARRAY['a'::character varying::text, ...]. The first form is rewritten into the second. */

/* The end of a quoted text or name that begins at p. */
static const char *skip_quoted(const char *p)
{
	char quote = *p++;
	while (*p && *p != quote)
		p++;
	return *p ? p + 1 : p;
}

/* From behind an opening bracket to its closing one, or to `stop` at the same depth; NULL when there is none. */
static const char *scan(const char *p, char stop)
{
	for (int depth = 0; *p;) {
		if (*p == '\'' || *p == '"') {
			p = skip_quoted(p);
			continue;
		}
		bool closes = *p == ')' || *p == ']';
		if (depth == 0 && (closes || *p == stop))
			return p;
		depth += *p == '(' || *p == '[' ? 1 : closes ? -1 : 0;
		p++;
	}
	return NULL;
}

/* "::text[]" at p gives "::text"; empty when nothing of the kind stands there. */
static struct bytes element_cast(const char *p)
{
	static const char of_types[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_. ";
	size_t n = str_starts(p, "::") ? 2 : 0;
	if (!n)
		return bytes_of(p, 0);
	while (p[n] == '"' || (p[n] && strchr(of_types, p[n])))
		n = p[n] == '"' ? (size_t)(skip_quoted(p + n) - p) : n + 1;
	return bytes_of(p, str_starts(p + n, "[]") ? n : 0);
}

/* An operator's element is bracketed before it is cast, as the server does it. */
static bool is_simple(const char *p, const char *end)
{
	const char *at = scan(p, ' ');
	const char *cast = memmem(p, (size_t)(end - p), "::", 2);
	return !at || at >= end || (cast && cast < at);
}

static void add_elements(struct buf *to, const char *p, const char *end, struct bytes cast)
{
	while (p < end) {
		const char *comma = scan(p, ',');
		bool simple = is_simple(p, comma);
		buf_addf(to, "%s%.*s%s%.*s", simple ? "" : "(", (int)(comma - p), p, simple ? "" : ")", (int)cast.n, (const char *)cast.p);
		p = comma < end ? comma + 1 : end;
		p += strspn(p, " ");
		if (comma < end)
			buf_adds(to, ", ");
	}
}

/* Rewrites the array whose elements begin at offset `from`, if it is one that is cast as a whole. */
static void rewrite_array(struct buf *text, size_t from)
{
	const char *p = text->p + from, *end = scan(p, ']');
	struct bytes cast = end && *end == ']' ? element_cast(end + 1) : bytes_of("", 0);
	if (!cast.n || end == p)
		return;
	AUTO(buf_done) struct buf b = BUF_INIT;
	buf_add(&b, text->p, from);
	add_elements(&b, p, end, cast);
	buf_addc(&b, ']');
	buf_adds(&b, end + 1 + cast.n + strlen("[]"));
	struct buf old = *text;
	*text = b;
	b = old;
}

void pg_snapshot_canonical(struct buf *text)
{
	static const char array[] = "ARRAY[";
	for (size_t at = 0; at < text->n;) {
		char c = text->p[at];
		if (c == '\'' || c == '"') {
			at = (size_t)(skip_quoted(text->p + at) - text->p);
		} else if (c == 'A' && str_starts(text->p + at, array)) {
			at += strlen(array);
			rewrite_array(text, at);
		} else {
			at++;
		}
	}
}

/* ---- asking ---- */

struct giving {
	engine_row_fn *fn;
	void *arg;
};

/* A comment, and a routine's body as far as it is kept as its author wrote it, are no expressions. */
static bool is_rewritten(const char *kind, const char *definition)
{
	bool parsed = strstr(definition, " AS BEGIN ATOMIC") || strstr(definition, " AS RETURN ");
	return !str_eq(kind, "comment") && (parsed || !str_eq(kind, "routine"));
}

static int object_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	const struct giving *g = arg;
	AUTO(buf_done) struct buf definition = BUF_INIT;
	if (n != 3)
		return 0;
	buf_adds(&definition, values[2] ? values[2] : "");
	if (is_rewritten(values[0], buf_str(&definition)))
		pg_snapshot_canonical(&definition);
	const char *row[] = {values[0], values[1], buf_str(&definition)};
	return g->fn(g->arg, ARRAY_LEN(row), row, e);
}

static void add_literal(struct buf *b, const char *text)
{
	buf_adds(b, "'");
	for (const char *p = text; *p; p++)
		buf_adds(b, *p == '\'' ? "''" : (char[]){*p, '\0'});
	buf_adds(b, "'");
}

/* One round trip, in a transaction of its own that sees one state; what the words of a definition depend on is set there. */
int pg_snapshot(struct conn *c, engine_row_fn *fn, void *arg, struct err *e)
{
	struct giving g = {fn, arg};
	AUTO(buf_done) struct buf script = BUF_INIT;
	AUTO(mem_free_ptr) char *path = c->target->schema ? pg_quote_name(c->target->schema) : mem_strdup("''");
	buf_addf(&script,
	         "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;SET LOCAL search_path=%s;SET LOCAL quote_all_identifiers=off;SET LOCAL jit=off;"
	         "SET LOCAL DateStyle='ISO';SET LOCAL IntervalStyle='postgres';SET LOCAL TimeZone='UTC';SET LOCAL bytea_output='hex';"
	         "SET LOCAL extra_float_digits=1;SET LOCAL lc_monetary='C';SET LOCAL rollcall.schema=",
	         path);
	add_literal(&script, c->target->schema ? c->target->schema : "");
	buf_addf(&script, ";%s;COMMIT", pg_sql_snapshot);
	if (pg_run(c, &(struct pg_call){.sql = buf_bytes(&script), .fn = object_row, .arg = &g, .script = true}, NULL, e) == 0)
		return 0;
	struct err ignored;
	if (pg_run_script(c, "ROLLBACK", &ignored) < 0) /* only a warning when no transaction is open */
		c->dirty = true;
	return -1;
}
