/* See the header. */
#include "agent/daemon/look.h"

#include "agent/daemon/discover.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/link/handover.h"

#define STATEMENT_MS 10000 /* a look is never worth more of a server's time */

static int number_row(void *arg, size_t n_columns, const char *const *values, struct err *e)
{
	return n_columns == 1 && values[0] ? str_to_u64(values[0], "size", 0, INT64_MAX, arg, e) : 0;
}

static int ask(const struct engine *en, struct conn *c, struct look *k, struct err *e)
{
	struct engine_identity id;
	struct err ignored = ERR_INIT;
	struct engine_lag lag;
	if (en->identity(c, &id, e) != 0)
		return -1;
	str_copy(k->version, sizeof k->version, id.version);
	if (en->query(c, bytes_of_str(en->size_sql), NULL, 0, number_row, &k->size_bytes, e) != 0)
		return -1;
	if (en->replica_lag && en->replica_lag(c, &lag, &ignored) == 0 && !lag.why[0]) /* a role that may not see the replicas is no trouble */
		k->lag_ms = (int64_t)lag.ms;
	return 0;
}

static int look_at(const struct agent_target *t, struct look *k, struct err *e)
{
	const struct engine *en = engine_by_name(t->target.engine);
	AUTO(secret_destroy) struct secret *password = NULL;
	struct engine_target connect = t->connect;
	struct conn *c = NULL;
	if (agent_config_password(t, &password, e) != 0)
		return -1;
	connect.password = password;
	if (connect.statement_timeout_ms > STATEMENT_MS)
		connect.statement_timeout_ms = STATEMENT_MS;
	if (en->open(&connect, &c, e) != 0)
		return -1;
	int rc = ask(en, c, k, e);
	en->close(&c);
	return rc;
}

static bool is_to_end(zsock_t *pipe)
{
	return zsock_events(pipe) & ZMQ_POLLIN;
}

static void send_found(zsock_t *pipe, size_t pattern, const char *const *names, size_t n)
{
	zmsg_t *m = zmsg_new();
	zmsg_addstr(m, "FOUND");
	zmsg_addstrf(m, "%zu", pattern);
	for (size_t i = 0; i < n; i++)
		zmsg_addstr(m, names[i]);
	zmsg_send(&m, pipe);
}

static void look_for(zsock_t *pipe, const struct look_job *job, size_t pattern)
{
	AUTO(arena_destroy) struct arena *a = arena_new((size_t)4 * 1024 * 1024);
	struct err e = ERR_INIT;
	const char **names = NULL;
	size_t n = 0;
	if (discover_list(&job->patterns[pattern], a, &names, &n, &e) == 0)
		send_found(pipe, pattern, names, n);
	else
		log_warn("%s: what was there stays; asked again later", e.msg);
}

static void look_and_tell(zsock_t *pipe, const struct look_job *job, size_t i)
{
	struct look k = {.index = i, .lag_ms = -1};
	struct err e = ERR_INIT;
	if (look_at(job->targets[i], &k, &e) != 0)
		str_copy(k.trouble, sizeof k.trouble, e.msg);
	k.at_us = clock_wall_us();
	zmsg_t *m = zmsg_new();
	zmsg_addstr(m, "LOOK");
	zmsg_addmem(m, &k, sizeof k);
	zmsg_send(&m, pipe);
}

static bool is_asked_for_next(zsock_t *pipe)
{
	AUTO(zstr_free) char *word = zstr_recv(pipe);
	return str_eq(word, "NEXT");
}

void look_actor(zsock_t *pipe, void *arg)
{
	const struct look_job *job = arg;
	zsock_signal(pipe, 0);
	for (size_t i = 0; i < job->n_patterns && !is_to_end(pipe); i++)
		look_for(pipe, job, i);
	bool goes_on = !is_to_end(pipe);
	for (size_t i = 0; i < job->n_targets && goes_on; i++) {
		look_and_tell(pipe, job, i);
		goes_on = i + 1 == job->n_targets || is_asked_for_next(pipe);
	}
	engines_thread_end();
	if (goes_on)
		handover_end(pipe, arg);
	else
		handover_give(arg); /* "$TERM" has come */
}
