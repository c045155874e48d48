/* What an index of PostgreSQL is, in the server's own words: it writes expressions and predicates anew, so the one that a statement makes is made on an empty copy of its table, and looked at. */
#include <libpq-fe.h>

#include "agent/engine/engine_postgres.h"
#include "common/base/str.h"
#include "common/sql/effect.h"

static int definition_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)n, (void)e;
	buf_adds(arg, values[0]);
	return 0;
}

/* The copy has the table's name, so that a column may be written with it; it stands before the table in this session, until the transaction is taken back. */
static int make(struct conn *c, const struct sql_class *s, bool unique, struct bytes tail, struct buf *text, struct err *e)
{
	AUTO(mem_free_ptr) char *table = pg_quote_name(s->parent), *schema = pg_quote_name(s->parent_schema);
	AUTO(buf_done) struct buf like = BUF_INIT;
	AUTO(buf_done) struct buf index = BUF_INIT;
	buf_addf(&like, "CREATE TEMPORARY TABLE %s (LIKE %s%s%s INCLUDING GENERATED) ON COMMIT DROP", table, s->parent_schema[0] ? schema : "",
	         s->parent_schema[0] ? "." : "", table);
	buf_addf(&index, "CREATE %sINDEX rollcall_wanted ON pg_temp.%s ", unique ? "UNIQUE " : "", table);
	buf_add(&index, tail.p, tail.n);
	return pg_query_text(c, "BEGIN", NULL, 0, NULL, NULL, e) == 0 && pg_query_text(c, buf_str(&like), NULL, 0, NULL, NULL, e) == 0 &&
	               pg_query_text(c, buf_str(&index), NULL, 0, NULL, NULL, e) == 0
	           ? pg_query_text(c, "SELECT pg_catalog.pg_get_indexdef('pg_temp.rollcall_wanted'::pg_catalog.regclass)", NULL, 0, definition_row, text,
	                           e)
	           : -1;
}

int pg_index_wanted(struct conn *c, struct bytes statement, const struct sql_class *s, struct buf *text, struct err *e)
{
	struct bytes tail;
	struct err refused = ERR_INIT; /* by a role that may make no temporary table, or of what the copy lacks: then it is not known */
	bool unique = false;
	if (!s->parent[0] || !sql_index_tail(statement, &unique, &tail))
		return 0;
	if (make(c, s, unique, tail, text, &refused) != 0)
		buf_clear(text);
	return pg_query_text(c, "ROLLBACK", NULL, 0, NULL, NULL, e);
}
