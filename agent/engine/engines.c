/* The table of engines, and what they share. */
#include "agent/engine/engine.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "agent/engine/engine_impl.h"
#include "agent/ledger/ledger.h"
#include "common/base/str.h"
#include "common/crypto/context.h"

const struct engine *const engines[] = {&engine_postgres, &engine_mariadb, &engine_sqlite, NULL};

const struct engine *engine_by_name(const char *name)
{
	for (size_t i = 0; engines[i]; i++)
		if (str_eq(engines[i]->name, name))
			return engines[i];
	return NULL;
}

const struct engine *engine_by_dsn(const char *dsn)
{
	const char *colon = strchr(dsn, ':');
	size_t n = colon ? (size_t)(colon - dsn) : 0;
	for (size_t i = 0; n && engines[i]; i++)
		for (const char *const *s = engines[i]->schemes; *s; s++)
			if (strlen(*s) == n && strncmp(*s, dsn, n) == 0)
				return engines[i];
	return NULL;
}

/* An engine that lacks a function would crash in the middle of a delivery: better at start. */
static void assert_complete(const struct engine *en)
{
	assert(en->name && en->schemes && en->ledger && en->size_sql);
	assert(en->open && en->close && en->identity && en->ledger_prefix && en->try_lock && en->unlock);
	assert(en->statement_max && en->cautions && en->superuser && en->patience && en->begin && en->begin_read && en->commit && en->rollback &&
	       en->in_transaction && en->exec && en->query);
	assert(en->object_state && en->cleanup && en->table_exists && en->table_key && en->table_size && en->snapshot && en->backend &&
	       en->backend_alive);
	assert(!en->batch == !en->ledger->claim && !en->batch == !en->ledger->claim_again);
	assert(en->blockers && en->cancel && en->cancel_backend && en->retry_class && en->unique_violation);
}

int engines_init(struct err *e)
{
	for (size_t i = 0; engines[i]; i++)
		assert_complete(engines[i]);
	return engine_mariadb_library_init(e);
}

void engines_thread_end(void)
{
	engine_mariadb_thread_end();
}

void engines_done(void)
{
	engine_mariadb_library_end();
	crypto_contexts_done();
}

static bool rule_fits(const struct retry_rule *r, const struct err *e)
{
	if (r->sqlstate)
		return strncmp(r->sqlstate, e->sqlstate, strlen(r->sqlstate)) == 0;
	return r->db_errno == e->db_errno;
}

static enum retry_class by_rules(const struct err *e, const struct retry_rule *rules, size_t n_rules)
{
	for (size_t i = 0; i < n_rules; i++)
		if (rule_fits(&rules[i], e))
			return rules[i].class;
	return RETRY_UNCLASSIFIED;
}

enum retry_class engine_retry_class(const struct err *e, const struct retry_rule *rules, size_t n_rules)
{
	if (e->code == ERR_UNKNOWN)
		return RETRY_UNKNOWN;
	if (!e->sqlstate[0] && !e->db_errno)
		return e->code == ERR_DB_CONNECT ? RETRY_CONN : RETRY_NEVER; /* without a code it is one of our own */
	if (e->code == ERR_DB || e->code == ERR_DB_CONNECT || e->code == ERR_EXISTS)
		return by_rules(e, rules, n_rules);
	return RETRY_NEVER;
}

const char *engine_duration(uint32_t ms, char out[32])
{
	if (ms % 1000)
		snprintf(out, 32, "%u ms", ms);
	else
		snprintf(out, 32, "%u s", ms / 1000);
	return out;
}

int engine_caution_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)n, (void)e;
	buf_addf(arg, "%s\n", values[0] ? values[0] : "");
	return 0;
}

bool engine_is_database(const struct engine_identity *id, const char *name)
{
	return str_eq(name, id->database) || (id->formerly[0] && str_eq(name, id->formerly));
}
