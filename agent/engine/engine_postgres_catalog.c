/* What the PostgreSQL engine asks of the catalog: object states, half-made objects, locks, backends. */
#include "agent/engine/engine_postgres.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/engine/blocker.h"
#include "agent/engine/sql/postgres_catalog.sql.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"

#define LOCK_CLASS 1919904876 /* "roll" */

/* ---- object state ---- */

struct definition {
	struct digest *d;
	struct buf *text; /* may be NULL */
	bool found;
};

static int definition_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)e;
	struct definition *def = arg;
	for (size_t i = 0; i < n; i++)
		digest_add_sized(def->d, bytes_of_str(values[i]));
	for (size_t i = 0; def->text && i < n; i++)
		if (values[i])
			buf_addf(def->text, "%s\n", values[i]);
	def->found = true;
	return 0;
}

/* The object's name as to_regclass reads it. Heap. */
static char *qualified(const char *schema, const char *name)
{
	struct buf b = BUF_INIT;
	AUTO(mem_free_ptr) char *s = pg_quote_name(schema), *n = pg_quote_name(name);
	if (schema[0])
		buf_addf(&b, "%s.", s);
	buf_adds(&b, n);
	return buf_take(&b);
}

static int schema_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)n, (void)e;
	str_copy(arg, SQL_NAME_MAX, values[0]);
	return 0;
}

static bool makes_index(const struct sql_class *s)
{
	return str_starts(s->verb, "CREATE INDEX") && s->parent[0];
}

/* The object's name, quoted. An index that is made lies in its table's schema, which need not be where the session looks; one that the server is to name shows in its table.
 * Heap. */
static int find_name(struct conn *c, const struct sql_class *s, char **ret, struct err *e)
{
	char schema[SQL_NAME_MAX];
	AUTO(mem_free_ptr) char *table = qualified(s->parent_schema, s->parent);
	const char *param = table;
	str_copy(schema, sizeof schema, s->object_schema);
	if (makes_index(s) && !s->object[0])
		return *ret = take_ptr(&table), 0;
	if (makes_index(s) && pg_query_text(c, pg_sql_schema_of, &param, 1, schema_row, schema, e) < 0)
		return -1;
	*ret = qualified(schema, s->object);
	return 0;
}

static int state_rows(struct conn *c, const struct sql_class *s, struct definition *def, struct err *e)
{
	AUTO(mem_free_ptr) char *name = NULL;
	const char *plain = s->object, *schema = c->target->schema;
	if (!s->object[0] && !makes_index(s))
		return pg_query_text(c, pg_sql_schema_state, &schema, 1, definition_row, def, e);
	if (find_name(c, s, &name, e) < 0)
		return -1;
	const char *quoted = name;
	if (str_eq(s->object_kind, "database"))
		return pg_query_text(c, pg_sql_database_state, &plain, 1, definition_row, def, e);
	if (str_eq(s->object_kind, "tablespace"))
		return pg_query_text(c, pg_sql_tablespace_state, &plain, 1, definition_row, def, e);
	if (str_eq(s->object_kind, "type"))
		return pg_query_text(c, pg_sql_type_state, &quoted, 1, definition_row, def, e);
	return pg_query_text(c, pg_sql_relation_state, &quoted, 1, definition_row, def, e);
}

int pg_catalog_object_state(struct conn *c, const struct sql_class *s, uint8_t out[DIGEST_SIZE], struct buf *text, struct err *e)
{
	struct definition def = {.d = digest_new(), .text = text};
	int rc = state_rows(c, s, &def, e);
	uint8_t digest[DIGEST_SIZE];
	digest_final(&def.d, digest);
	if (rc < 0)
		return err_wrap(e, "state of %s", s->object[0] ? s->object : "the schema");
	memset(out, 0, DIGEST_SIZE);
	if (def.found)
		memcpy(out, digest, DIGEST_SIZE);
	return 0;
}

/* ---- what an interrupted statement left ---- */

struct leftovers {
	struct buf lines; /* a name, or a statement, each */
	char first[160], builder[24]; /* one that somebody may still build, and the process that does; "" when there is none */
};

static void leftovers_done(struct leftovers *l)
{
	buf_done(&l->lines);
}

static int leftover_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)e;
	struct leftovers *l = arg;
	buf_addf(&l->lines, "%s\n", values[0]);
	if (n > 1 && values[1] && !l->builder[0]) {
		str_copy(l->first, sizeof l->first, values[0]);
		str_copy(l->builder, sizeof l->builder, values[1]);
	}
	return 0;
}

/* Runs `before` + line for each line; each outside a transaction, as CONCURRENTLY asks. */
static int run_lines(struct conn *c, const char *before, char *lines, struct err *e)
{
	AUTO(buf_done) struct buf sql = BUF_INIT;
	char *save = NULL;
	for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		buf_clear(&sql);
		buf_addf(&sql, "%s%s", before, line);
		if (pg_query_text(c, buf_str(&sql), NULL, 0, NULL, NULL, e) < 0)
			return err_wrap(e, "clean up: %s", buf_str(&sql));
	}
	return 0;
}

/* Neither whole nor rubbish: who still builds it decides which. Waited for like any lock. */
static int still_built(const struct leftovers *l, struct err *e)
{
	err_set(e, ERR_DB, "index %s is INVALID, and process %s works on its table: whether it is being built is seen when that has ended", l->first,
	        l->builder);
	if (e)
		str_copy(e->sqlstate, sizeof e->sqlstate, "55P03");
	return -1;
}

static int collect_and_run(struct conn *c, const char *question, const char *const params[2], const char *before, bool *ret_cleaned, struct err *e)
{
	AUTO(leftovers_done) struct leftovers l = {.lines = BUF_INIT};
	if (pg_query_text(c, question, params, 2, leftover_row, &l, e) < 0)
		return -1;
	if (l.builder[0])
		return still_built(&l, e);
	if (l.lines.n)
		*ret_cleaned = true;
	return l.lines.n ? run_lines(c, before, l.lines.p, e) : 0;
}

int pg_catalog_cleanup(struct conn *c, const struct sql_class *s, bool *ret_cleaned, struct err *e)
{
	AUTO(mem_free_ptr) char *name = NULL, *part = NULL;
	bool cleaned = false;
	*ret_cleaned = false;
	if (!s->object[0])
		return 0;
	if (find_name(c, s, &name, e) < 0)
		return -1;
	part = qualified(s->parent_schema, s->parent);
	const char *index[] = {name, str_starts(s->verb, "REINDEX") ? s->object_kind : ""};
	const char *detach[] = {name, strstr(s->verb, "DETACH") ? part : NULL};
	/* CONCURRENTLY waits for old transactions, and nobody queues behind it meanwhile. */
	if (pg_set_lock_timeout(c, c->target->statement_timeout_ms, e) < 0)
		return -1;
	if (collect_and_run(c, pg_sql_invalid_indexes, index, "DROP INDEX CONCURRENTLY IF EXISTS ", &cleaned, e) < 0 ||
	    collect_and_run(c, pg_sql_pending_detach, detach, "", &cleaned, e) < 0)
		return -1;
	*ret_cleaned = cleaned;
	return 0;
}

/* ---- small questions ---- */

static int found_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)n, (void)values, (void)e;
	*(bool *)arg = true;
	return 0;
}

static int truth_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)n, (void)e;
	*(bool *)arg = str_eq(values[0], "t");
	return 0;
}

int pg_catalog_table_exists(struct conn *c, const char *schema, const char *table, bool view, bool *ret_exists, struct err *e)
{
	const char *params[] = {table, schema, view ? "true" : "false"};
	bool found = false;
	if (pg_query_text(c, pg_sql_table_exists, params, 3, found_row, &found, e) < 0)
		return -1;
	*ret_exists = found;
	return 0;
}

static int size_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	uint64_t *sizes = arg;
	(void)n;
	return str_to_u64(values[0] ? values[0] : "0", "rows", 0, INT64_MAX, &sizes[0], e) != 0
	           ? -1
	           : str_to_u64(values[1] ? values[1] : "0", "bytes", 0, INT64_MAX, &sizes[1], e);
}

int pg_catalog_table_size(struct conn *c, const char *schema, const char *table, uint64_t *ret_rows, uint64_t *ret_bytes, struct err *e)
{
	const char *params[] = {table, schema};
	uint64_t sizes[2] = {0};
	if (pg_query_text(c, pg_sql_table_size, params, 2, size_row, sizes, e) < 0)
		return err_wrap(e, "size of table %s", table);
	*ret_rows = sizes[0];
	*ret_bytes = sizes[1];
	return 0;
}

/* A question about a recorded backend: $1 its process id, $2 its start. */
static int ask_backend(struct conn *c, const char *backend, const char *question, engine_row_fn *fn, void *arg, struct err *e)
{
	char pid[24], start[32];
	if (sscanf(backend, "%23[0-9]/%31[0-9]", pid, start) != 2)
		return err_set(e, ERR_STATE, "'%s' is not a backend that Rollcall records for PostgreSQL", backend);
	const char *params[] = {pid, start};
	return pg_query_text(c, question, params, 2, fn, arg, e);
}

int pg_catalog_cancel_backend(struct conn *c, const char *backend, struct err *e)
{
	return ask_backend(c, backend, pg_sql_cancel_backend, NULL, NULL, e);
}

int pg_catalog_backend_alive(struct conn *c, const char *backend, bool *ret_alive, struct err *e)
{
	bool found = false;
	if (ask_backend(c, backend, pg_sql_backend_alive, found_row, &found, e) < 0)
		return -1;
	*ret_alive = found;
	return 0;
}

/* ---- the lock of a delivery: an advisory lock of the session, keyed by the target's id ---- */

struct lock_key {
	char class[16], object[16];
	const char *params[2];
};

static void lock_key(const struct engine_target *t, struct lock_key *k)
{
	uint8_t hash[DIGEST_SIZE];
	digest_sha256(bytes_of_str(t->id), hash);
	int32_t object;
	memcpy(&object, hash, sizeof object);
	snprintf(k->class, sizeof k->class, "%d", LOCK_CLASS);
	snprintf(k->object, sizeof k->object, "%" PRId32, object);
	k->params[0] = k->class;
	k->params[1] = k->object;
}

static int holder_row(void *arg, size_t n, const char *const *v, struct err *e)
{
	(void)n, (void)e;
	snprintf(arg, 256, "pid %s %s (%s) connected for %s s", v[0], v[1] ? v[1] : "?", str_empty(v[2]) ? "?" : v[2], v[3] ? v[3] : "?");
	return 0;
}

int pg_catalog_try_lock(struct conn *c, bool *ret_got, char *holder, struct err *e)
{
	struct lock_key k = {0};
	bool got = c->lock_held; /* advisory locks count: a second one would need a second unlock */
	lock_key(c->target, &k);
	if (!got && pg_query_text(c, pg_sql_try_lock, k.params, 2, truth_row, &got, e) < 0)
		return err_wrap(e, "lock target %s", c->target->id);
	if (!got && holder) {
		str_copy(holder, 256, "another session");
		if (pg_query_text(c, pg_sql_lock_holder, k.params, 2, holder_row, holder, e) < 0)
			return err_wrap(e, "ask who holds the lock of target %s", c->target->id);
	}
	*ret_got = c->lock_held = got;
	return 0;
}

int pg_catalog_unlock(struct conn *c, struct err *e)
{
	struct lock_key k = {0};
	if (!c->lock_held)
		return 0;
	lock_key(c->target, &k);
	c->lock_held = false;
	return pg_query_text(c, pg_sql_unlock, k.params, 2, NULL, NULL, e);
}

static int superuser_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)n, (void)e;
	*(bool *)arg = str_eq(values[0], "on");
	return 0;
}

int pg_catalog_superuser(struct conn *c, bool *ret, struct err *e)
{
	bool found = false;
	if (pg_query_text(c, pg_sql_superuser, NULL, 0, superuser_row, &found, e) < 0)
		return err_wrap(e, "look at the role's privileges");
	*ret = found;
	return 0;
}

int pg_catalog_cautions(struct conn *c, struct buf *ret, struct err *e)
{
	return pg_query_text(c, pg_sql_cautions, NULL, 0, engine_caution_row, ret, e);
}

/* ---- the second witness ---- */

static int witness_row(void *arg, size_t n, const char *const *v, struct err *e)
{
	(void)n, (void)e;
	static const struct {
		const char *word;
		enum engine_witness means;
	} words[] = {{"in progress", ENGINE_WITNESS_RUNNING}, {"committed", ENGINE_WITNESS_COMMITTED}, {"aborted", ENGINE_WITNESS_ABORTED}};
	for (size_t i = 0; v[0] && i < ARRAY_LEN(words); i++)
		if (str_eq(v[0], words[i].word))
			*(enum engine_witness *)arg = words[i].means;
	return 0;
}

/* A server that was killed since gives a number again when no log of it had reached the disk: what it says then is of another transaction. */
int pg_catalog_witness(struct conn *c, const char *transaction, enum engine_witness *ret, struct err *e)
{
	struct err why = ERR_INIT;
	enum engine_witness says = ENGINE_WITNESS_SILENT;
	char number[24], run[24];
	const char *params[] = {number};
	if (sscanf(transaction, "%23[0-9]/%23s", number, run) != 2)
		return err_set(e, ERR_STATE, "'%s' is not a transaction that Rollcall records for PostgreSQL", transaction);
	if (!str_eq(run, c->identity.run) || pg_query_text(c, pg_sql_witness, params, 1, witness_row, &says, &why) == 0)
		return *ret = says, 0;
	if (str_eq(why.sqlstate, "22023")) /* "transaction ID is in the future" */
		return *ret = ENGINE_WITNESS_UNKNOWN, 0;
	if (e)
		*e = why;
	return err_wrap(e, "ask what became of transaction %s", transaction);
}

/* ---- who is in the way ---- */

static int blocker_row(void *arg, size_t n, const char *const *v, struct err *e)
{
	(void)n, (void)e;
	AUTO(buf_done) struct buf from = BUF_INIT;
	AUTO(buf_done) struct buf idle = BUF_INIT;
	bool is_idle = v[5] && str_starts(v[5], "idle");
	buf_addf(&from, "application %s, database %s", v[2], v[3]);
	if (is_idle)
		buf_addf(&idle, "%s after", v[5]);
	blocker_add(arg,
	            &(struct blocker){.kind = "pid",
	                              .id = v[0],
	                              .user = v[1],
	                              .from = from.p,
	                              .age_s = v[4],
	                              .doing = !v[5]     ? NULL
	                                       : is_idle ? idle.p
	                                                 : "runs",
	                              .query = v[6],
	                              .hint = "what it does and since when is hidden: GRANT pg_read_all_stats to this agent's account shows it"},
	            DIALECT_POSTGRESQL);
	return 0;
}

struct stand {
	bool waits, in_the_way;
};

static int stand_row(void *arg, size_t n, const char *const *v, struct err *e)
{
	(void)n, (void)e;
	*(struct stand *)arg = (struct stand){.waits = str_eq(v[0], "t"), .in_the_way = str_eq(v[1], "t")};
	return 0;
}

/* Whether it waits at all, for a lock behind which nobody queues, too, is asked first: who blocks it costs more. */
int pg_catalog_blockers(const struct engine_target *t, struct conn **look, const char *backend, enum engine_wait *ret_wait, struct buf *ret,
                        struct err *e)
{
	char pid[24];
	const char *params[] = {pid};
	struct stand is = {.waits = true};
	if (sscanf(backend, "%23[0-9]/", pid) != 1)
		return err_set(e, ERR_STATE, "'%s' is not a backend that Rollcall records for PostgreSQL", backend);
	if ((!*look && pg_connect_open(t, look, e) < 0) || (ret_wait && pg_query_text(*look, pg_sql_stand, params, 1, stand_row, &is, e) < 0))
		return -1;
	if (ret_wait)
		*ret_wait = !is.in_the_way ? ENGINE_WAIT_NONE : is.waits ? ENGINE_WAIT_LOCK : ENGINE_WAIT_WORKS;
	return is.waits ? pg_query_text(*look, pg_sql_blockers, params, 1, blocker_row, ret, e) : 0;
}
