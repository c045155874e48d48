/* Does a statement change a table whose storage engine has no transactions (MyISAM, Aria, MEMORY, CSV)? Such a change stays when the transaction around it is rolled back, and no ledger row
 * can be written in one with it (MariaDB, "ROLLBACK", "Transactional and non-transactional tables").
 *
 * Most databases have none, and that is one question. Where there are some, what leads to them counts like them: a table with a trigger that names one, a view over one, a routine that names
 * one, and so on until nothing more is found. Which names a statement writes to is read from its text; where that cannot be told apart from reading (joined UPDATE and DELETE, CALL,
 * compound statements) each name in it counts. Only the session's own database is looked at, and names in another are asked for one by one. */
#include "agent/engine/engine_mariadb.h"

#include <stdio.h>
#include <string.h>

#include "agent/engine/sql/mariadb_storage.sql.h"
#include "common/base/arena.h"
#include "common/base/str.h"
#include "common/sql/lex.h"

#define STORAGE_ARENA ((size_t)64 * 1024 * 1024)

struct reach { /* a name that leads to a table without transactions */
	const char *name;
	bool routine; /* counts wherever it stands */
	const char *how; /* "table log is of the storage engine MyISAM" */
	const char *table; /* the one without transactions */
};

struct storage {
	struct arena *a;
	struct reach *list;
	size_t n, cap;
	struct way *ways;
	size_t n_ways, cap_ways;
};

struct way { /* something with a text that may name one of them */
	const char *kind, *name, *leads_from, *text;
	bool taken;
};

static const struct reach *find(const struct storage *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (str_ieq(s->list[i].name, name))
			return &s->list[i];
	return NULL;
}

static void add(struct storage *s, struct reach r)
{
	arena_vec_grow(s->a, s->list, s->n, s->cap);
	s->list[s->n++] = r;
}

static int table_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	struct storage *s = arg;
	(void)n, (void)e;
	const char *name = arena_strdup(s->a, values[0] ? values[0] : "");
	add(s, (struct reach){.name = name, .table = name, .how = arena_printf(s->a, "table %s is of the storage engine %s", name, values[1])});
	return 0;
}

static int way_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	struct storage *s = arg;
	(void)n, (void)e;
	if (!values[3]) /* not ours to read */
		return 0;
	arena_vec_grow(s->a, s->ways, s->n_ways, s->cap_ways);
	s->ways[s->n_ways++] = (struct way){.kind = arena_strdup(s->a, values[0]),
	                                    .name = arena_strdup(s->a, values[1]),
	                                    .leads_from = arena_strdup(s->a, values[2]),
	                                    .text = arena_strdup(s->a, values[3])};
	return 0;
}

/* The first name in a text that leads there. */
static const struct reach *named_in(const struct storage *s, struct bytes text, bool routines_only)
{
	struct lexer l;
	struct token t;
	char name[SQL_NAME_MAX];
	lex_init(&l, DIALECT_MARIADB, text, 1);
	while (lex_next_code(&l, &t)) {
		if (t.kind != TOKEN_WORD && t.kind != TOKEN_QUOTED)
			continue;
		token_name(DIALECT_MARIADB, &t, name, sizeof name);
		const struct reach *r = find(s, name);
		if (r && (r->routine || !routines_only))
			return r;
	}
	return NULL;
}

static bool follow(struct storage *s, struct way *w)
{
	const struct reach *r = w->taken ? NULL : named_in(s, bytes_of_str(w->text), false);
	if (!r)
		return false;
	w->taken = true;
	if (!find(s, w->leads_from))
		add(s, (struct reach){.name = w->leads_from,
		                      .routine = str_eq(w->kind, "routine"),
		                      .table = r->table,
		                      .how = arena_printf(s->a, "%s (by %s %s)", r->how, w->kind, w->name)});
	return true;
}

static void follow_all(struct storage *s)
{
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < s->n_ways; i++)
			more |= follow(s, &s->ways[i]);
	}
}

/* The part of an UPDATE or DELETE that names the tables: before SET, or before WHERE. */
static struct bytes tables_part(struct bytes sql, const char *until)
{
	struct lexer l;
	struct token t;
	lex_init(&l, DIALECT_MARIADB, sql, 1);
	while (lex_next_code(&l, &t))
		if (token_is_word(&t, until))
			return bytes_of(sql.p, (size_t)(t.text.p - sql.p));
	return sql;
}

static const struct reach *writes_to(const struct storage *s, struct bytes sql, const struct sql_class *c)
{
	const struct reach *r = named_in(s, sql, true);
	if (r || c->kind == SQL_QUERY)
		return r;
	if (c->kind != SQL_DML || !c->object[0])
		return named_in(s, sql, false);
	if (str_starts(c->verb, "UPDATE"))
		return named_in(s, tables_part(sql, "SET"), false);
	return str_starts(c->verb, "DELETE") ? named_in(s, tables_part(sql, "WHERE"), false) : find(s, c->object);
}

/* In the named database, which is not the session's: only the table itself is looked at. */
static int ask_elsewhere(struct conn *c, const struct sql_class *s, struct storage *st, struct err *e)
{
	const struct engine_param params[] = {{.value = bytes_of_str(s->object_schema)}, {.value = bytes_of_str(s->object)}};
	return maria_run_prepared(c, bytes_of_str(maria_sql_storage_of), params, ARRAY_LEN(params), table_row, st, e);
}

int maria_untransacted(struct conn *c, struct bytes sql, const struct sql_class *s, char *ret, size_t size, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(STORAGE_ARENA);
	struct storage st = {.a = a};
	*ret = '\0';
	if (maria_run_prepared(c, bytes_of_str(maria_sql_storage_tables), NULL, 0, table_row, &st, e) < 0)
		return -1;
	if (s->object_schema[0] && ask_elsewhere(c, s, &st, e) < 0)
		return -1;
	if (st.n == 0)
		return 0;
	if (maria_run_prepared(c, bytes_of_str(maria_sql_storage_ways), NULL, 0, way_row, &st, e) < 0)
		return -1;
	follow_all(&st);
	const struct reach *r = writes_to(&st, sql, s);
	if (r)
		snprintf(ret, size, "%s, which has no transactions: convert it first (ALTER TABLE %s ENGINE=InnoDB)", r->how, r->table);
	return 0;
}
