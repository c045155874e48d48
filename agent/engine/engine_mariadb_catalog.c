/* What the MariaDB engine asks of the server: object states, locks, who is in the way. */
#include "agent/engine/engine_mariadb.h"

#include <stdio.h>
#include <string.h>

#include "agent/engine/blocker.h"
#include "agent/engine/sql/mariadb_catalog.sql.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/sql/effect.h"

static struct engine_param text_param(const char *s)
{
	return (struct engine_param){.value = bytes_of_str(s), .null = !s};
}

static int ask(struct conn *c, const char *sql, const char *p1, const char *p2, const char *p3, engine_row_fn *fn, void *arg, struct err *e)
{
	const struct engine_param params[] = {text_param(p1), text_param(p2), text_param(p3)};
	size_t n = 0;
	for (const char *at = sql; (at = strchr(at, '?')); at++)
		n++;
	return maria_run_prepared(c, bytes_of_str(sql), params, n, fn, arg, e);
}

/* ---- object state ---- */

struct definition {
	struct digest *d;
	struct buf *text; /* may be NULL */
	bool found;
};

/* " AUTO_INCREMENT=17" moves with every insert: it is no part of the definition. */
static void add_definition(struct definition *def, const char *text)
{
	static const char counter[] = " AUTO_INCREMENT=";
	AUTO(buf_done) struct buf clean = BUF_INIT;
	for (const char *at; text && (at = strstr(text, counter)); text = at) {
		buf_add(&clean, text, (size_t)(at - text));
		at += sizeof counter - 1;
		at += strspn(at, "0123456789");
	}
	buf_adds(&clean, text ? text : "");
	digest_add_sized(def->d, buf_bytes(&clean));
	if (def->text && str_starts(buf_str(&clean), "CREATE "))
		buf_addf(def->text, "\n%s\n", buf_str(&clean));
}

static int definition_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)e;
	struct definition *def = arg;
	for (size_t i = 0; i < n; i++)
		add_definition(def, values[i]);
	def->found = true;
	return 0;
}

/* Of a RENAME of several tables: which there are, and which each of them is. A new name changes nothing of that. */
static int name_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	struct definition *def = arg;
	if (def->text && values[0])
		buf_addf(def->text, "%s\t%s\n", values[0], str_or_empty(values[1]));
	return definition_row(arg, n, values, e);
}

static bool says_missing(const struct err *e)
{
	static const int codes[] = {1146, 1305, 1360, 1539, 1049, 4091, 1133, 1141, 1347, 1965};
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (e->db_errno == codes[i])
			return true;
	return false;
}

/* A question whose "there is no such thing" is an answer. */
static int definition_of(struct conn *c, const char *question, const char *schema, const char *name, struct definition *def, struct err *e)
{
	AUTO(buf_done) struct buf sql = BUF_INIT;
	AUTO(mem_free_ptr) char *s = maria_quote_name(schema), *n = maria_quote_name(name);
	struct err why = ERR_INIT;
	buf_addf(&sql, "%s %s%s%s", question, schema[0] ? s : "", schema[0] ? "." : "", n);
	if (maria_run_text(c, buf_str(&sql), definition_row, def, &why) == 0 || says_missing(&why))
		return 0;
	if (e)
		*e = why;
	return -1;
}

/* TRUNCATE leaves the definition as it was; that rows were there and are gone is all that can be seen of it. */
static int emptiness_of(struct conn *c, const struct sql_class *s, struct definition *def, struct err *e)
{
	AUTO(buf_done) struct buf sql = BUF_INIT;
	AUTO(mem_free_ptr)
	char *schema = maria_quote_name(s->object_schema[0] ? s->object_schema : c->address.database), *name = maria_quote_name(s->object);
	buf_addf(&sql, "SELECT EXISTS (SELECT 1 FROM %s.%s)", schema, name);
	return maria_run_text(c, buf_str(&sql), definition_row, def, e);
}

static const struct {
	const char *kind, *question;
} questions[] = {
    {"table", "SHOW CREATE TABLE"},         {"view", "SHOW CREATE VIEW"},         {"trigger", "SHOW CREATE TRIGGER"},
    {"procedure", "SHOW CREATE PROCEDURE"}, {"function", "SHOW CREATE FUNCTION"}, {"sequence", "SHOW CREATE SEQUENCE"},
    {"event", "SHOW CREATE EVENT"},         {"database", "SHOW CREATE DATABASE"}, {"schema", "SHOW CREATE DATABASE"},
    {"user", "SHOW CREATE USER"},
};

/* Only a second run of what destroys needs to know (apply/judge.c). Views have no such time; SHOW CREATE TRIGGER says a trigger's by itself. */
static const struct {
	const char *verb, *kind, *question;
} makings[] = {
    {"DROP", "table", maria_sql_made_table},         {"DROP", "sequence", maria_sql_made_table},    {"ALTER TABLE", "table", maria_sql_made_table},
    {"DROP", "procedure", maria_sql_made_procedure}, {"DROP", "function", maria_sql_made_function}, {"DROP", "event", maria_sql_made_event},
};

static int made_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)n, (void)e;
	if (values[0])
		buf_addf(arg, "%s%s\n", SQL_MADE, values[0]);
	return 0;
}

static int add_made(struct conn *c, const struct sql_class *s, struct buf *text, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(makings); i++)
		if (str_starts(s->verb, makings[i].verb) && str_eq(s->object_kind, makings[i].kind) && s->object[0])
			return ask(c, makings[i].question, s->object_schema, s->object, NULL, made_row, text, e);
	return 0;
}

static int schema_rows(struct conn *c, bool names, struct definition *def, struct err *e)
{
	struct definition silent = {.d = def->d};
	if (names && maria_run_text(c, maria_sql_which_tables, name_row, def, e) < 0)
		return -1;
	for (const char *const *sql = maria_sql_schema_state; *sql; sql++)
		if (maria_run_text(c, *sql, definition_row, &silent, e) < 0)
			return -1;
	def->found |= silent.found;
	return 0;
}

static int object_rows(struct conn *c, const struct sql_class *s, struct definition *def, struct err *e)
{
	if (str_eq(s->object_kind, "index") && s->parent[0])
		return definition_of(c, "SHOW CREATE TABLE", s->parent_schema, s->parent, def, e);
	const char *question = NULL;
	for (size_t i = 0; i < ARRAY_LEN(questions); i++)
		if (str_eq(s->object_kind, questions[i].kind))
			question = questions[i].question;
	if (!question || !s->object[0])
		return schema_rows(c, str_eq(s->verb, "RENAME TABLE"), def, e);
	if (definition_of(c, question, s->object_schema, s->object, def, e) < 0)
		return -1;
	bool table = str_eq(s->object_kind, "table");
	if (table && s->parent[0]) /* RENAME: the name that it gets */
		return definition_of(c, question, s->parent_schema, s->parent, def, e);
	return table && def->found && str_starts(s->verb, "TRUNCATE") ? emptiness_of(c, s, def, e) : 0;
}

int maria_catalog_object_state(struct conn *c, const struct sql_class *s, uint8_t out[DIGEST_SIZE], struct buf *text, struct err *e)
{
	struct definition def = {.d = digest_new(), .text = text};
	int rc = text ? add_made(c, s, text, e) : 0;
	if (rc == 0)
		rc = object_rows(c, s, &def, e);
	uint8_t digest[DIGEST_SIZE];
	digest_final(&def.d, digest);
	if (rc < 0)
		return err_wrap(e, "state of %s", s->object[0] ? s->object : "the schema");
	memset(out, 0, DIGEST_SIZE);
	if (def.found)
		memcpy(out, digest, DIGEST_SIZE);
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
	*(bool *)arg = str_eq(values[0], "1");
	return 0;
}

int maria_catalog_table_exists(struct conn *c, const char *schema, const char *table, bool view, bool *ret_exists, struct err *e)
{
	bool found = false;
	if (ask(c, maria_sql_table_exists, schema, table, view ? "1" : "0", found_row, &found, e) < 0)
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

int maria_catalog_table_size(struct conn *c, const char *schema, const char *table, uint64_t *ret_rows, uint64_t *ret_bytes, struct err *e)
{
	uint64_t sizes[2] = {0};
	if (ask(c, maria_sql_table_size, schema, table, NULL, size_row, sizes, e) < 0)
		return err_wrap(e, "size of table %s", table);
	*ret_rows = sizes[0];
	*ret_bytes = sizes[1];
	return 0;
}

int maria_catalog_backend_alive(struct conn *c, const char *backend, bool *ret_alive, struct err *e)
{
	char id[24], since[24];
	bool found = false;
	if (sscanf(backend, "%23[0-9]/%23[0-9]", id, since) != 2)
		return err_set(e, ERR_STATE, "'%s' is not a backend that Rollcall records for MariaDB", backend);
	if (ask(c, maria_sql_backend_alive, id, since, NULL, found_row, &found, e) < 0)
		return -1;
	*ret_alive = found;
	return 0;
}

/* 1094: it ended meanwhile. */
int maria_catalog_cancel_backend(struct conn *c, const char *backend, struct err *e)
{
	char sql[64];
	bool alive = false;
	struct err why = ERR_INIT;
	if (maria_catalog_backend_alive(c, backend, &alive, e) < 0)
		return -1;
	snprintf(sql, sizeof sql, "KILL QUERY %lu", strtoul(backend, NULL, 10));
	if (!alive || maria_run_text(c, sql, NULL, NULL, &why) == 0 || why.db_errno == 1094)
		return 0;
	if (e)
		*e = why;
	return -1;
}

/* ---- the lock of a delivery: GET_LOCK under a name made of the target's id; the server drops it with the session ---- */

static int holder_row(void *arg, size_t n, const char *const *v, struct err *e)
{
	(void)n, (void)e;
	snprintf(arg, 256, "connection %s %s@%s, in its present state for %s s", v[0], v[1] ? v[1] : "?", v[2] ? v[2] : "?", v[3] ? v[3] : "?");
	return 0;
}

int maria_catalog_try_lock(struct conn *c, bool *ret_got, char *holder, struct err *e)
{
	bool got = c->lock_held; /* GET_LOCK counts: a second one would need a second release */
	if (!got && ask(c, maria_sql_try_lock, c->lock_name, NULL, NULL, truth_row, &got, e) < 0)
		return err_wrap(e, "lock target %s", c->target->id);
	if (!got && holder) {
		str_copy(holder, 256, "another session");
		if (ask(c, maria_sql_lock_holder, c->lock_name, NULL, NULL, holder_row, holder, e) < 0)
			return err_wrap(e, "ask who holds the lock of target %s", c->target->id);
	}
	*ret_got = c->lock_held = got;
	return 0;
}

int maria_catalog_unlock(struct conn *c, struct err *e)
{
	if (!c->lock_held)
		return 0;
	c->lock_held = false;
	return ask(c, maria_sql_unlock, c->lock_name, NULL, NULL, NULL, NULL, e);
}

/* ---- who is in the way ---- */

static int blocker_row(void *arg, size_t n, const char *const *v, struct err *e)
{
	(void)n, (void)e;
	AUTO(buf_done) struct buf user = BUF_INIT;
	AUTO(buf_done) struct buf from = BUF_INIT;
	bool sleeps = str_eq(v[5], "Sleep");
	buf_addf(&user, "%s@%s", v[1], v[2]);
	buf_addf(&from, "database %s", v[3] ? v[3] : "?");
	blocker_add(arg,
	            &(struct blocker){.kind = "connection",
	                              .id = v[0],
	                              .user = user.p,
	                              .from = from.p,
	                              .age_s = v[4],
	                              .doing = sleeps ? "idle in transaction" : "runs",
	                              .query = v[6]},
	            DIALECT_MARIADB);
	return 0;
}

static int stand_row(void *arg, size_t n, const char *const *v, struct err *e)
{
	(void)n, (void)e;
	*(bool *)arg = *(bool *)arg || str_eq(v[0], "1");
	return 0;
}

/* InnoDB's locks are told only to an account with PROCESS, metadata locks to everybody of his own sessions. */
static int ask_stand(struct conn *c, const char *id, enum engine_wait *ret, struct err *e)
{
	bool waits = false;
	struct err refused = ERR_INIT;
	if (ask(c, maria_sql_waits_for_metadata, id, NULL, NULL, stand_row, &waits, e) < 0)
		return -1;
	if (!waits && ask(c, maria_sql_waits_for_rows, id, NULL, NULL, stand_row, &waits, &refused) < 0 && refused.code != ERR_DB) {
		if (e)
			*e = refused;
		return -1;
	}
	*ret = waits ? ENGINE_WAIT_LOCK : ENGINE_WAIT_NONE;
	return 0;
}

/* Row locks are known to InnoDB; metadata locks only to a plugin that few servers load, so the last question guesses. A question that the server refuses (no PROCESS
 * privilege, no plugin) leaves it to the next. */
int maria_catalog_blockers(const struct engine_target *t, struct conn **look, const char *backend, enum engine_wait *ret_wait, struct buf *ret,
                           struct err *e)
{
	static const char *const questions_in_order[] = {maria_sql_row_blockers, maria_sql_metadata_blockers, maria_sql_open_transactions};
	char id[24];
	if (sscanf(backend, "%23[0-9]/", id) != 1)
		return err_set(e, ERR_STATE, "'%s' is not a backend that Rollcall records for MariaDB", backend);
	if ((!*look && maria_connect_open(t, look, e) < 0) || (ret_wait && ask_stand(*look, id, ret_wait, e) < 0))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(questions_in_order) && ret->n == 0; i++) {
		struct err refused = ERR_INIT;
		if (ret_wait && *ret_wait != ENGINE_WAIT_LOCK)
			break;
		if (ask(*look, questions_in_order[i], id, NULL, NULL, blocker_row, ret, &refused) < 0 && refused.code != ERR_DB) {
			if (e)
				*e = refused;
			return -1;
		}
	}
	return 0;
}
