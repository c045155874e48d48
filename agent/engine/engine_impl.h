/* What the engines give to engines.c, and small helpers that they share. Not for anyone outside agent/engine. */
#ifndef AGENT_ENGINE_ENGINE_IMPL_H
#define AGENT_ENGINE_ENGINE_IMPL_H

#include "agent/engine/engine.h"

extern const struct engine engine_postgres, engine_mariadb, engine_sqlite;

int engine_mariadb_library_init(struct err *e) MUST_CHECK;
void engine_mariadb_thread_end(void);
void engine_mariadb_library_end(void);

/* One row of an engine's retry table. A rule with only two letters of SQLSTATE stands for its class; the first rule that fits wins. */
struct retry_rule {
	const char *sqlstate; /* PostgreSQL; NULL: by number */
	int db_errno;
	enum retry_class class;
};
/* What every engine answers alike (unknown outcome, connection, timeout), then the table; what no rule names is RETRY_UNCLASSIFIED. */
enum retry_class engine_retry_class(const struct err *e, const struct retry_rule *rules, size_t n_rules);

/* For rows of sentences; arg: struct buf. An engine_row_fn. */
int engine_caution_row(void *arg, size_t n, const char *const *values, struct err *e);

/* "5 s", "250 ms": limits in messages. `out` holds 32 bytes; returns it. */
const char *engine_duration(uint32_t ms, char out[32]);

#endif
