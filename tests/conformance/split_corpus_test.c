/* The splitter against the engines' own clients: each script of tests/data/split, run piece by piece, must leave what psql, mariadb or sqlite3 leave when they run it
 * whole (or MariaDB's server, where only its grammar tells the ends of bodies); and of each script with one quote, bracket, semicolon or block word taken out, the pieces
 * are accepted only where the whole is. SPLIT_MUTANTS=n tries more of those. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/engine/engine.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/sql/split.h"
#include "tests/support/servers.h"
#include "tests/support/split_marks.h"

#define DATABASE   "split"
#define SCRIPT_MAX ((size_t)1 << 20)

/* Everything that a script of ours can leave in PostgreSQL, as one word. */
static const char effect_query[] =
    "SELECT md5(string_agg(x, '|' ORDER BY x)) FROM ("
    "SELECT 'c ' || relname || relkind::text || coalesce(obj_description(oid, 'pg_class'), '') AS x FROM pg_class WHERE relnamespace = "
    "'public'::regnamespace "
    "UNION ALL SELECT 'a ' || attrelid::regclass || attname || atttypid::regtype FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid "
    "WHERE relnamespace = 'public'::regnamespace AND attnum > 0 "
    "UNION ALL SELECT 'f ' || proname || prosrc || coalesce(pg_get_function_sqlbody(oid), '') FROM pg_proc WHERE pronamespace = "
    "'public'::regnamespace "
    "UNION ALL SELECT 't ' || tgname || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal "
    "UNION ALL SELECT 'r ' || rulename || definition FROM pg_rules WHERE schemaname = 'public' "
    "UNION ALL SELECT 'v ' || viewname || definition FROM pg_views WHERE schemaname = 'public' "
    "UNION ALL SELECT 'd ' || relname || query_to_xml(format('SELECT * FROM public.%I', relname), true, false, '')::text "
    "FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r') AS everything";

struct ground {
	enum dialect dialect;
	struct server *server; /* NULL: SQLite */
	char *dsn, file[96]; /* file: of the SQLite database */
};

static struct ground grounds[] = {{.dialect = DIALECT_POSTGRESQL}, {.dialect = DIALECT_MARIADB}, {.dialect = DIALECT_SQLITE}};
static char dir[] = "/tmp/rollcall-split-XXXXXX";

struct outcome_of {
	bool accepted, by_splitter; /* by_splitter: it was the splitter that refused */
	char *effect;
	struct err e;
};

static void outcome_done(struct outcome_of *o)
{
	mem_free_ptr(&o->effect);
}

/* ---- whole ---- */

static void run_whole(struct ground *g, struct bytes script, struct outcome_of *ret)
{
	char path[64];
	struct err e = ERR_INIT;
	snprintf(path, sizeof path, "%s/script.sql", dir);
	if (file_write_atomic(path, script, 0644, &e) != 0)
		fail_msg("%s", e.msg);
	ret->effect = g->server ? server_feed(g->server, DATABASE, path, effect_query) : sqlite_feed(g->file, path);
	ret->accepted = ret->effect != NULL;
}

/* ---- in pieces ---- */

struct runner {
	const struct engine *en;
	struct conn *c;
};

static int run_piece(void *arg, const struct piece *p, struct err *e)
{
	struct runner *r = arg;
	return r->en->exec(r->c, p->sql, NULL, e);
}

static int keep(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)n, (void)e;
	*(char **)arg = mem_strdup(values[0] ? values[0] : "");
	return 0;
}

static int split_and_run(struct ground *g, struct runner *r, struct bytes script, struct outcome_of *ret)
{
	struct err *e = &ret->e;
	bool transaction = g->dialect == DIALECT_POSTGRESQL;
	if (transaction && r->en->begin(r->c, e) != 0)
		return -1;
	if (sql_split(g->dialect, script, NULL, run_piece, r, e) != 0)
		return -1;
	return transaction ? r->en->query(r->c, bytes_of_str(effect_query), NULL, 0, keep, &ret->effect, e) : 0;
}

static void run_pieces(struct ground *g, struct bytes script, struct outcome_of *ret)
{
	struct engine_target t = {.id = "eu/db/split", .dsn = g->dsn, .connect_timeout_ms = 5000, .lock_timeout_ms = 2000, .statement_timeout_ms = 10000};
	struct runner r = {.en = engine_by_name(dialect_name(g->dialect))};
	if (!g->server)
		(void)unlink(g->file);
	else if (g->dialect == DIALECT_MARIADB)
		server_empty(g->server, DATABASE);
	if (r.en->open(&t, &r.c, &ret->e) != 0)
		fail_msg("%s", ret->e.msg);
	ret->accepted = split_and_run(g, &r, script, ret) == 0;
	ret->by_splitter = !ret->accepted && ret->e.code == ERR_PARSE && !ret->e.db_errno;
	r.en->close(&r.c);
	if (ret->accepted && g->dialect == DIALECT_MARIADB)
		ret->effect = server_effect(g->server, DATABASE);
	if (ret->accepted && !g->server)
		ret->effect = sqlite_effect(g->file);
}

/* ---- scripts and what is taken out of them ---- */

struct tally {
	unsigned mutants, refused, stricter;
};

static void compare(struct ground *g, const char *name, struct bytes script, bool whole_script, struct tally *t)
{
	AUTO(outcome_done) struct outcome_of whole = {0};
	AUTO(outcome_done) struct outcome_of pieces = {0};
	run_whole(g, script, &whole);
	run_pieces(g, script, &pieces);
	t->refused += !pieces.accepted;
	if (whole.accepted && pieces.by_splitter && !whole_script) {
		t->stricter++; /* such as a string that never ends: clients drop it in silence */
		return;
	}
	if (whole.accepted != pieces.accepted)
		fail_msg("%s: whole %s, in pieces %s: %s\n%.*s", name, whole.accepted ? "accepted" : "refused", pieces.accepted ? "accepted" : "refused",
		         pieces.e.msg, (int)script.n, (const char *)script.p);
	if (whole_script && !whole.accepted)
		fail_msg("%s: both refuse it: %s", name, pieces.e.msg);
	if (whole.accepted && !str_eq(whole.effect, pieces.effect))
		fail_msg("%s: whole and pieces leave different things:\n%s\n----\n%s\n----\n%.*s", name, whole.effect, pieces.effect, (int)script.n,
		         (const char *)script.p);
}

static void try_script(struct ground *g, const char *name, struct bytes script, struct tally *t)
{
	static struct split_mark marks[SPLIT_MARKS_MAX];
	char what[500];
	size_t n = split_marks_find(g->dialect, script, false, marks), wanted = getenv("SPLIT_MUTANTS") ? strtoul(getenv("SPLIT_MUTANTS"), NULL, 10) : 10;
	if (wanted > n)
		wanted = n;
	compare(g, name, script, true, t);
	for (size_t i = 0; i < wanted; i++) {
		const struct split_mark *m = &marks[i * n / wanted];
		AUTO(buf_done) struct buf mutant = split_mutant(script, m, false);
		snprintf(what, sizeof what, "%s without '%.*s' at %zu", name, (int)m->n, (const char *)script.p + m->at, m->at);
		compare(g, what, buf_bytes(&mutant), false, t);
		t->mutants++;
	}
}

static void test_pieces_leave_what_the_whole_leaves(void **state)
{
	struct ground *g = *state;
	struct tally t = {0};
	char folder[64], path[400];
	snprintf(folder, sizeof folder, "tests/data/split/%s", dialect_name(g->dialect));
	DIR *d = opendir(folder);
	assert_non_null(d);
	for (struct dirent *f; (f = readdir(d));) {
		AUTO(buf_done) struct buf script = BUF_INIT;
		struct err e = ERR_INIT;
		snprintf(path, sizeof path, "%s/%s", folder, f->d_name);
		if (!str_ends(path, ".sql"))
			continue;
		if (file_read(path, SCRIPT_MAX, &script, &e) != 0)
			fail_msg("%s", e.msg);
		try_script(g, path, buf_bytes(&script), &t);
	}
	closedir(d);
	print_message("%s: %u mutants, %u refused, %u of them by the splitter alone\n", dialect_name(g->dialect), t.mutants, t.refused, t.stricter);
	assert_true(t.mutants > 10);
	assert_true(t.refused > t.stricter); /* or nothing was taken out that matters */
}

/* ---- servers ---- */

static int start(void **state)
{
	struct err e = ERR_INIT;
	(void)state;
	assert_int_equal(engines_init(&e), 0);
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < ARRAY_LEN(grounds); i++) {
		struct ground *g = &grounds[i];
		snprintf(g->file, sizeof g->file, "%s/split.db", dir);
		if (g->dialect == DIALECT_SQLITE) {
			struct buf b = BUF_INIT;
			buf_addf(&b, "sqlite:%s?create=1", g->file);
			g->dsn = buf_take(&b);
			continue;
		}
		g->server = server_start(g->dialect, false);
		server_create(g->server, DATABASE);
		g->dsn = server_dsn(g->server, DATABASE);
	}
	return 0;
}

static int stop(void **state)
{
	struct err e = ERR_INIT;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(grounds); i++) {
		server_stop(&grounds[i].server);
		free(grounds[i].dsn);
	}
	assert_int_equal(file_remove_tree(dir, &e), 0);
	engines_done();
	return 0;
}

#define ON(engine, index)                                                                                      \
	{                                                                                                          \
		.name = engine, .test_func = test_pieces_leave_what_the_whole_leaves, .initial_state = &grounds[index] \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {ON("postgresql", 0), ON("mariadb", 1), ON("sqlite", 2)};
	return cmocka_run_group_tests(tests, start, stop);
}
