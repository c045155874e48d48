/* Inside the demo only: its state, its tenants, and what its files give one another. One thread. */
#ifndef CONTROLLER_DAEMON_DEMO_IMPL_H
#define CONTROLLER_DAEMON_DEMO_IMPL_H

#include <jansson.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "controller/daemon/demo.h"
#include "controller/daemon/demo_process.h"

#define DEMO_SITES         3
#define DEMO_TENANTS       12
#define DEMO_AGENT_TENANTS (DEMO_TENANTS / DEMO_SITES)
#define DEMO_DIRTY         5 /* the tenant whose data breaks release 1.1.0: in the second wave */

struct tenant {
	const char *site, *name, *ring;
};
extern const struct tenant demo_tenants[DEMO_TENANTS]; /* those of a site stand together */
extern const char *const demo_sites[DEMO_SITES];

struct demo;
struct demo_engine {
	const char *name; /* dialect_name */
	const char *people; /* "SQLite" */
	int (*start)(struct demo *d, struct err *e); /* a private server where one is needed, and the tenants' empty databases */
	void (*add_dsn)(const struct demo *d, const struct tenant *t, struct buf *ret);
	/* One statement on one tenant, as the shop's own application would run it; ret_value (may be NULL) gets the first column of the first row. */
	int (*sql)(struct demo *d, const struct tenant *t, const char *sql, struct buf *ret_value, struct err *e);
	const char *long_step; /* a statement of some seconds that adds exactly one row to `visits` each time that it runs */
	const char *drop_email_index;
	const char *has_customers; /* a query: 1 when that table is there, 0 when it is not */
	const char *has_phone; /* a query: 1 when customers.phone is there */
	const char *ledger; /* the ledger table's name */
};
const struct demo_engine *demo_engine_find(const char *name); /* NULL if there is none */

struct demo {
	const struct demo_engine *engine;
	struct arena *arena;
	const char *dir, *bin; /* our folder; where the programs are */
	bool keep, quiet;
	unsigned claims, broken;
	int64_t started_at_us;
	unsigned control_port, blob_port;
	char controller_key[41];
	struct process controller, server, agents[DEMO_SITES];
	const char *server_dir; /* the private server's own folder; NULL: none */
	bool server_apart; /* not inside `dir` */
};

/* Files: keys, trust document, certificates, configurations, the shop. */
int demo_setup(struct demo *d, struct err *e) MUST_CHECK;
/* Writes the shop's change file for release 1, 2 or 3. */
int demo_write_changes(struct demo *d, int release, struct err *e) MUST_CHECK;
int demo_write_project(struct demo *d, struct err *e) MUST_CHECK;
int demo_write(const struct demo *d, const char *name, const char *text, struct err *e) MUST_CHECK;

/* The three releases. An error means that the demo cannot go on; a claim that does not hold is counted and told. */
int demo_story(struct demo *d, struct err *e) MUST_CHECK;
int demo_start_controller(struct demo *d, struct err *e) MUST_CHECK;
int demo_start_agent(struct demo *d, size_t site, struct err *e) MUST_CHECK;

/* Narration. */
void demo_heading(struct demo *d, const char *fmt, ...) PRINTF_LIKE(2, 3);
void demo_say(struct demo *d, const char *fmt, ...) PRINTF_LIKE(2, 3);
void demo_claim(struct demo *d, bool holds, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Runs `rollcall WORDS...` as a person would: shown, with its output; an error when its exit code is not `code`. Words end with NULL. */
int demo_cli(struct demo *d, int code, const char *const *words, struct err *e) MUST_CHECK;
#define DEMO_CLI(d, code, e, ...) demo_cli((d), (code), (const char *const[]){__VA_ARGS__, NULL}, (e))
/* Unseen, with -o json; the caller owns *ret_json. *ret_code may be NULL. */
int demo_ask(struct demo *d, const char *const *words, int *ret_code, json_t **ret_json, struct err *e) MUST_CHECK;

/* Waits in small steps; -1 (ERR_STATE) when we were interrupted. */
int demo_pause(int ms, struct err *e) MUST_CHECK;
/* A number from a tenant: -1 on any error. */
long demo_number(struct demo *d, const struct tenant *t, const char *sql);

#endif
