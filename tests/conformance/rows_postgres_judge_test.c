/* Whose effect is it? Statements that PostgreSQL runs alone, interrupted on a real server before they ran or behind it: an index that looks like ours (PG-31), databases, tablespaces, settings,
 * subscriptions (PG-30). Nothing may be said to be applied that is not. */
#include <string.h>

#include "common/base/str.h"
#include "tests/support/row_fixture.h"

#define PREPARE                                           \
	"ALTER ROLE rollcall NOSUPERUSER; SET ROLE rollcall;" \
	"CREATE TABLE item (id int PRIMARY KEY, name text); INSERT INTO item SELECT i, 'item ' || i FROM generate_series(1, 1000) AS i"
#define POWERS                                                                                                                                      \
	"ALTER ROLE rollcall SUPERUSER; ALTER ROLE rollcall SET allow_in_place_tablespaces = on; ALTER ROLE postgres SET allow_in_place_tablespaces = " \
	"on"
#define SUBSCRIBE "CREATE SUBSCRIPTION alone_s CONNECTION 'host=none' PUBLICATION p WITH (connect = false)"
#define STATES    "SELECT string_agg(state, ',' ORDER BY seq) FROM rollcall.ledger"

/* ---- an index ---- */

static void another_index(struct row_bench *b)
{
	row_step(b, "a:index", STEP_N, "CREATE UNIQUE INDEX CONCURRENTLY item_name ON item (name)");
	assert_true(fixture_deliver_and_crash(&b->f, "intent-written"));
	row_sql(b, "SET ROLE rollcall; CREATE INDEX item_name ON item (name)");
	const struct report *r = fixture_deliver(&b->f);
	assert_int_equal(r->outcome, OUTCOME_NEEDS_ATTENTION);
	assert_non_null(strstr(r->failure.message, "nor is it seen to be as the statement leaves it"));
	row_is(b, STATES, "intent");
	row_is(b, "SELECT indisunique FROM pg_index WHERE indexrelid = to_regclass('item_name')", "f");
}

/* Of the same name and table, and yet another one: nobody is told that it is ours. */
static const struct {
	const char *name, *said, *made;
} alike[] = {
    {"PG-31 an index with another predicate", "(name) WHERE id > 10", "(name) WHERE id > 20"},
    {"PG-31 an index whose conditions are joined otherwise", "(name) WHERE id > 10 AND (name > 'a' OR name < 'c')",
     "(name) WHERE (id > 10 AND name > 'a') OR name < 'c'"},
    {"PG-31 an index whose predicate casts", "(name) WHERE name = '5'", "(name) WHERE name::varchar(1) = '5'"},
    {"PG-31 an index with a predicate", "(name)", "(name) WHERE id > 10"},
    {"PG-31 an index of another function", "(lower(name))", "(upper(name))"},
    {"PG-31 an index of another expression", "((id % 10))", "((id % 100))"},
    {"PG-31 an index of another operator class", "(name)", "(name text_pattern_ops)"},
    {"PG-31 an index of another collation", "(name)", "(name COLLATE \"C\")"},
    {"PG-31 an index with its nulls elsewhere", "(name)", "(name NULLS FIRST)"},
    {"PG-31 an index that only includes a column", "(name, id)", "(name) INCLUDE (id)"},
    {"PG-31 an index with another fill factor", "(name)", "(name) WITH (fillfactor = 50)"},
};

static void looks_like_ours(struct row_bench *b)
{
	size_t i = 0;
	while (!str_eq(alike[i].name, b->row->name))
		i++;
	row_step(b, "a:index", STEP_N, arena_printf(b->f.arena, "CREATE INDEX CONCURRENTLY item_name ON item %s", alike[i].said));
	assert_true(fixture_deliver_and_crash(&b->f, "intent-written"));
	row_sql(b, arena_printf(b->f.arena, "SET ROLE rollcall; CREATE INDEX item_name ON public.item %s", alike[i].made));
	const struct report *r = fixture_deliver(&b->f);
	if (r->outcome != OUTCOME_NEEDS_ATTENTION)
		fail_msg("%s: %s", outcome_name(r->outcome), r->failure.message ? r->failure.message : "");
	row_is(b, STATES, "intent");
}

/* The server writes what a statement says in its own words: that is no reason to call a person. */
static void ours_in_other_words(struct row_bench *b)
{
	static const char *const tails[] = {"(name) WHERE id > 10",
	                                    "(name) WHERE item.name = 'a' AND id IN (1, 2) AND note IS NULL",
	                                    "(lower(note), name DESC NULLS LAST) INCLUDE (id) WHERE (note <> '')",
	                                    "USING hash ((id % 10))",
	                                    "(name COLLATE \"C\" text_pattern_ops) WITH (fillfactor = 50)",
	                                    "(name)"};
	row_sql(b, "SET ROLE rollcall; ALTER TABLE item ADD COLUMN note varchar(40)");
	for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
		row_step(b, arena_printf(b->f.arena, "a:index%zu", i), STEP_N,
		         arena_printf(b->f.arena, "CREATE INDEX CONCURRENTLY item_%zu ON public.item %s", i, tails[i]));
		b->f.task.id[0]++;
		assert_true(fixture_deliver_and_crash(&b->f, "n-statement-run"));
		row_applied(b, i + 1);
		row_is(b, "SELECT via FROM rollcall.ledger ORDER BY seq DESC LIMIT 1", "probe");
	}
	row_is(b, "SELECT count(*) FROM pg_class WHERE relname = 'rollcall_wanted'", "0");
}

/* ---- what runs alone ---- */

enum then { THEN_RUN, THEN_SEEN, THEN_PERSON }; /* it runs, again perhaps; its effect is seen; a person is called */

static const struct alone {
	const char *name, *sql;
	enum step_class class;
	const char *prepare; /* NULL: nothing */
	enum then before, behind; /* when the agent was killed before it, behind it */
	const char *question, *answer; /* in the end, unless a person is called */
} alone[] = {
    {"PG-30 VACUUM", "VACUUM item", STEP_N, NULL, THEN_RUN, THEN_RUN, "SELECT count(*) FROM item", "1000"},
    {"PG-30 VACUUM FULL", "VACUUM (FULL) item", STEP_N, NULL, THEN_RUN, THEN_RUN, "SELECT count(*) FROM item", "1000"},
    {"PG-30 CLUSTER of all tables", "CLUSTER", STEP_N, "CLUSTER item USING item_pkey", THEN_RUN, THEN_RUN, "SELECT count(*) FROM item", "1000"},
    {"PG-30 REINDEX SCHEMA", "REINDEX SCHEMA public", STEP_N, NULL, THEN_RUN, THEN_RUN, "SELECT count(*) FROM pg_index WHERE NOT indisvalid", "0"},
    {"PG-30 REINDEX SCHEMA CONCURRENTLY", "REINDEX SCHEMA CONCURRENTLY public", STEP_N, NULL, THEN_RUN, THEN_RUN,
     "SELECT count(*) FROM pg_class WHERE relname LIKE '%_cc%' OR relname = 'item_pkey'", "1"},
    {"PG-30 ALTER SYSTEM", "ALTER SYSTEM SET log_min_duration_statement = '7s'", STEP_N, NULL, THEN_RUN, THEN_RUN,
     "SELECT setting FROM pg_file_settings WHERE name = 'log_min_duration_statement' ORDER BY seqno DESC LIMIT 1", "7s"},
    {"PG-30 CREATE DATABASE", "CREATE DATABASE alone_a", STEP_N, "DROP DATABASE IF EXISTS alone_a", THEN_RUN, THEN_SEEN,
     "SELECT count(*) FROM pg_database WHERE datname = 'alone_a'", "1"},
    {"PG-30 CREATE DATABASE with options", "CREATE DATABASE alone_a CONNECTION LIMIT 5", STEP_N, "DROP DATABASE IF EXISTS alone_a", THEN_RUN,
     THEN_PERSON, "SELECT datconnlimit FROM pg_database WHERE datname = 'alone_a'", "5"},
    {"PG-30 DROP DATABASE", "DROP DATABASE alone_b", STEP_N, "DROP DATABASE IF EXISTS alone_b; CREATE DATABASE alone_b", THEN_RUN, THEN_SEEN,
     "SELECT count(*) FROM pg_database WHERE datname = 'alone_b'", "0"},
    {"PG-30 CREATE TABLESPACE", "CREATE TABLESPACE alone_t LOCATION ''", STEP_N, "DROP TABLESPACE IF EXISTS alone_t", THEN_RUN, THEN_PERSON,
     "SELECT count(*) FROM pg_tablespace WHERE spcname = 'alone_t'", "1"},
    {"PG-30 DROP TABLESPACE", "DROP TABLESPACE alone_u", STEP_N, "DROP TABLESPACE IF EXISTS alone_u; CREATE TABLESPACE alone_u LOCATION ''", THEN_RUN,
     THEN_SEEN, "SELECT count(*) FROM pg_tablespace WHERE spcname = 'alone_u'", "0"},
    {"PG-30 ALTER DATABASE SET TABLESPACE", "ALTER DATABASE alone_c SET TABLESPACE alone_v", STEP_N,
     "DROP DATABASE IF EXISTS alone_c; DROP TABLESPACE IF EXISTS alone_v; CREATE TABLESPACE alone_v LOCATION ''; CREATE DATABASE alone_c", THEN_RUN,
     THEN_PERSON, "SELECT spcname FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace WHERE datname = 'alone_c'", "alone_v"},
    {"PG-30 ALTER SUBSCRIPTION ADD PUBLICATION", "ALTER SUBSCRIPTION alone_s ADD PUBLICATION q", STEP_N, SUBSCRIBE, THEN_PERSON, THEN_PERSON, "", ""},
    {"PG-30 REFRESH MATERIALIZED VIEW CONCURRENTLY", "REFRESH MATERIALIZED VIEW CONCURRENTLY kept", STEP_T,
     "SET ROLE rollcall; CREATE MATERIALIZED VIEW kept AS SELECT id FROM item; CREATE UNIQUE INDEX ON kept (id); DELETE FROM item WHERE id > 10",
     THEN_RUN, THEN_RUN, "SELECT count(*) FROM kept", "10"},
    {"PG-30 CLUSTER of a table", "CLUSTER item USING item_pkey", STEP_T, NULL, THEN_RUN, THEN_RUN,
     "SELECT indisclustered FROM pg_index WHERE indexrelid = 'item_pkey'::regclass", "t"},
    {"PG-30 REINDEX TABLE", "REINDEX TABLE item", STEP_T, NULL, THEN_RUN, THEN_RUN, "SELECT count(*) FROM pg_index WHERE NOT indisvalid", "0"},
    {"PG-30 CREATE SUBSCRIPTION without a slot", SUBSCRIBE, STEP_T, NULL, THEN_RUN, THEN_RUN,
     "SELECT count(*) FROM pg_subscription WHERE subname = 'alone_s' AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())",
     "1"},
    {"PG-30 ALTER SUBSCRIPTION SET PUBLICATION without a refresh", "ALTER SUBSCRIPTION alone_s SET PUBLICATION q WITH (refresh = false)", STEP_T,
     SUBSCRIBE, THEN_RUN, THEN_RUN,
     "SELECT subpublications FROM pg_subscription WHERE subname = 'alone_s' AND subdbid = (SELECT oid FROM pg_database WHERE datname = "
     "current_database())",
     "{q}"},
};

static void prepare_alone(struct row_bench *b, const struct alone *w)
{
	AUTO(mem_free_ptr) char *each = mem_strdup(w->prepare ? w->prepare : "");
	char *save = NULL;
	for (char *sql = strtok_r(each, ";", &save); sql; sql = strtok_r(NULL, ";", &save)) /* some cannot be in one transaction */
		row_sql(b, sql);
}

static void interrupted(struct row_bench *b, const struct alone *w, const char *point, enum then then)
{
	row_sql(b, POWERS);
	prepare_alone(b, w);
	row_step(b, "a:step", w->class, w->sql);
	assert_true(fixture_deliver_and_crash(&b->f, point));
	const struct report *r = fixture_deliver(&b->f);
	enum outcome wanted = then == THEN_PERSON ? OUTCOME_NEEDS_ATTENTION : OUTCOME_APPLIED;
	if (r->outcome != wanted)
		fail_msg("%s, killed at %s: %s: %s", w->sql, point, outcome_name(r->outcome), r->failure.message ? r->failure.message : "");
	row_is(b, "SELECT count(*) FROM rollcall.ledger WHERE state = 'done'", then == THEN_PERSON ? "0" : "1");
	if (then == THEN_SEEN)
		row_is(b, "SELECT via FROM rollcall.ledger WHERE state = 'done'", "probe");
	if (then != THEN_PERSON)
		row_is(b, w->question, w->answer);
}

static const struct alone *this_one(const struct row_bench *b)
{
	size_t i = 0;
	while (!str_eq(alone[i].name, b->row->name))
		i++;
	return &alone[i];
}

static void killed_before(struct row_bench *b)
{
	const struct alone *w = this_one(b);
	struct sql_class s;
	sql_classify(DIALECT_POSTGRESQL, bytes_of_str(w->sql), &s);
	assert_int_equal(s.class, w->class);
	interrupted(b, w, w->class == STEP_T ? "begun" : "intent-written", w->before);
}

static void killed_behind(struct row_bench *b)
{
	const struct alone *w = this_one(b);
	interrupted(b, w, w->class == STEP_T ? "statement-run" : "n-statement-run", w->behind);
}

/* Killed before CREATE DATABASE, and another one makes a database of that name. */
static void anothers_database(struct row_bench *b)
{
	row_sql(b, POWERS);
	row_sql(b, "DROP DATABASE IF EXISTS alone_a");
	row_step(b, "a:step", STEP_N, "CREATE DATABASE alone_a");
	assert_true(fixture_deliver_and_crash(&b->f, "intent-written"));
	row_sql(b, "CREATE DATABASE alone_a"); /* as the administrator */
	const struct report *r = fixture_deliver(&b->f);
	if (r->outcome != OUTCOME_NEEDS_ATTENTION)
		fail_msg("%s", outcome_name(r->outcome));
	row_is(b, STATES, "intent");
}

static void subscription_with_a_slot(struct row_bench *b)
{
	row_step(b, "a:subscription", STEP_X, "CREATE SUBSCRIPTION s CONNECTION 'dbname=none' PUBLICATION p");
	row_refused(b, "C19 statement", "makes or drops a replication slot on another server");
}

int main(int argc, char **argv)
{
	struct row_test rows[4 + ARRAY_LEN(alike) + 2 * ARRAY_LEN(alone)] = {{"PG-31 another index of that name is there", another_index},
	                                                                     {"PG-31 our index is there, in the server's words", ours_in_other_words},
	                                                                     {"PG-30 another one's database of that name is there", anothers_database},
	                                                                     {"PG-30 CREATE SUBSCRIPTION with a slot", subscription_with_a_slot}};
	size_t n = 4;
	for (size_t i = 0; i < ARRAY_LEN(alike); i++)
		rows[n++] = (struct row_test){alike[i].name, looks_like_ours};
	for (size_t i = 0; i < ARRAY_LEN(alone); i++) {
		rows[n++] = (struct row_test){alone[i].name, killed_before};
		rows[n++] = (struct row_test){alone[i].name, killed_behind};
	}
	return rows_run(DIALECT_POSTGRESQL, PREPARE, rows, n, argc, argv);
}
