/* `rollcall-agent check`: reads everything that `run` would read; with --connect it also tries each target, and each address of the controller. Changes nothing anywhere. */
#include <stdio.h>
#include <string.h>

#include "agent/cli/commands.h"
#include "agent/cli/desk.h"
#include "agent/daemon/config.h"
#include "agent/daemon/discover.h"
#include "agent/policy/policy.h"
#include "common/base/str.h"
#include "common/cli/table.h"
#include "common/link/curve.h"
#include "common/link/knock.h"
#include "common/link/monitor.h"
#include "common/link/options.h"

#define POLICY_ARENA ((size_t)64 * 1024 * 1024)
#define KNOCK_MS     10000

struct trial {
	const char *result;
	struct engine_identity identity;
	struct buf cautions; /* a sentence a line */
	struct err e;
	bool ok;
};

/* For which a batched step with maxLag would wait, or end. */
static void look_at_replicas(const struct engine *en, struct conn *c, struct buf *ret)
{
	struct engine_lag lag;
	struct err e = ERR_INIT;
	if (!en->replica_lag)
		return;
	if (en->replica_lag(c, &lag, &e) != 0)
		buf_addf(ret, "%s\n", e.msg);
	else if (lag.why[0])
		buf_addf(ret, "maxLag: %s %s\n", lag.replica, lag.why);
}

static int connect_target(const struct agent_target *t, struct trial *r)
{
	AUTO(secret_destroy) struct secret *password = NULL;
	struct engine_target connect = t->connect;
	const struct engine *en = engine_by_name(t->target.engine);
	struct conn *c = NULL;
	if (agent_config_password(t, &password, &r->e) != 0)
		return -1;
	connect.password = password;
	if (en->open(&connect, &c, &r->e) != 0)
		return -1;
	int rc = en->identity(c, &r->identity, &r->e) == 0 ? en->cautions(c, &r->cautions, &r->e) : -1;
	if (rc == 0)
		look_at_replicas(en, c, &r->cautions);
	en->close(&c);
	return rc;
}

static void try_target(const struct agent_target *t, bool connect, struct trial *ret)
{
	*ret = (struct trial){.result = "not tried", .ok = true};
	if (!connect)
		return;
	ret->ok = connect_target(t, ret) == 0;
	ret->result = ret->ok ? "connected" : "failed";
}

/* Each on a line of its own for people; joined in a column for programs. */
static void tell_cautions(const struct agent_target *t, struct buf *cautions)
{
	char *save = NULL;
	AUTO(mem_free_ptr) char *lines = mem_strdup(buf_str(cautions));
	for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		output_say("caution: %s: %s", t->target.id, line);
	while (cautions->n && cautions->p[cautions->n - 1] == '\n')
		cautions->p[--cautions->n] = '\0';
	for (char *p = cautions->p; p && *p; p++)
		if (*p == '\n')
			*p = ';';
}

/* The site's policy as a running agent would take it; a newer trust document may have come to the journal since. */
static int check_policy(const struct agent_config *c, struct err *e)
{
	AUTO(arena_destroy) struct arena *arena = arena_new(POLICY_ARENA);
	struct policy p;
	if (!c->policy_file)
		return 0;
	if (policy_load(c->policy_file, &c->trust, c->site, arena, &p, e) != 0)
		return -1;
	output_say("site policy version %llu, %s, is good", (unsigned long long)p.version, p.source);
	return 0;
}

/* ---- the controller ---- */

static int try_address(const struct agent_config *c, const struct curve_key *key, enum link_socket_kind kind, const char *endpoint, struct err *e)
{
	AUTO(zsock_destroy) zsock_t *socket = NULL;
	zsock_t *monitor = NULL;
	const struct knock k = {.endpoint = endpoint,
	                        .server_key = c->controller_keys[0],
	                        .if_refused = "this agent is not admitted there (rollcall agents admit), was revoked, or its certificate is good no more",
	                        .timeout_ms = KNOCK_MS};
	if (link_socket_client(kind, key, k.server_key, &socket, e) != 0 || monitor_new(socket, &monitor, e) != 0)
		return -1;
	int rc = zmq_connect(zsock_resolve(socket), endpoint) != 0
	             ? err_set(e, ERR_USAGE, "controller address '%s': %s: write tcp://HOST:PORT", endpoint, zmq_strerror(zmq_errno()))
	             : knock_wait(monitor, &k, NULL, e);
	monitor_end(socket, &monitor);
	return rc;
}

static void add_address(const struct agent_config *c, const struct curve_key *key, enum link_socket_kind kind, const char *endpoint, struct table *t,
                        size_t *unreached)
{
	struct err why = ERR_INIT;
	bool ok = try_address(c, key, kind, endpoint, &why) == 0;
	*unreached += !ok;
	table_row(t, (const char *const[]){endpoint, kind == LINK_CTRL_DEALER ? "control" : "blobs", ok ? "connected" : "failed", ok ? NULL : why.msg});
}

/* Each address, as far as that both ends prove their keys: nothing is said there, so that a running agent's session stays. */
static int try_controllers(const struct agent_config *c, struct table *t, size_t *unreached, struct err *e)
{
	AUTO(curve_key_done) struct curve_key key = {0};
	if (curve_key_load(c->curve_key_file, &key, e) != 0)
		return -1;
	zsys_handler_set(NULL); /* czmq would take SIGINT and SIGTERM for itself */
	for (size_t i = 0; i <= c->n_also; i++) {
		add_address(c, &key, LINK_CTRL_DEALER, i ? c->controller_also[i - 1] : c->controller_endpoint, t, unreached);
		add_address(c, &key, LINK_BLOB_DEALER, i ? c->blobs_also[i - 1] : c->blob_endpoint, t, unreached);
	}
	return 0;
}

static int run_check(const struct cmd_args *a, struct err *e)
{
	AUTO(agent_config_done) struct agent_config c = {0};
	AUTO(table_destroy) struct table *t = table_new("target,engine,environment,result,version,detail,+database,+cautions");
	AUTO(table_destroy) struct table *controllers = table_new("controller,for,result,~detail");
	size_t failed = 0, unreached = 0;
	if (desk_config(a, &c, e) != 0 || agent_config_check_dates(&c, e) != 0 || check_policy(&c, e) != 0)
		return -1;
	bool connect = cmd_option_given(a, "connect");
	if (connect) {
		discover_all(&c);
		if (try_controllers(&c, controllers, &unreached, e) != 0)
			return -1;
	}
	for (size_t i = 0; i < c.n_targets; i++) {
		const struct agent_target *target = &c.targets[i];
		struct trial r;
		try_target(target, connect, &r);
		tell_cautions(target, &r.cautions);
		failed += !r.ok;
		const char *cells[] = {target->target.id,
		                       target->target.engine,
		                       target->environment,
		                       r.result,
		                       str_empty(r.identity.version) ? NULL : r.identity.version,
		                       r.ok ? NULL : r.e.msg,
		                       str_empty(r.identity.database) ? NULL : r.identity.database,
		                       r.cautions.n ? buf_str(&r.cautions) : NULL};
		table_row(t, cells);
		buf_done(&r.cautions);
	}
	const struct table *const tables[] = {controllers, t};
	static const char *const kinds[] = {"controllers", "targets"};
	size_t skip = connect ? 0 : 1;
	tables_print(tables + skip, kinds + skip, 2 - skip, cmd_output(a), stdout);
	output_say("agent %s of site %s: keys, trust document (version %llu) and certificate are good%s", c.name, c.site,
	           (unsigned long long)c.trust.version, connect ? "" : "; --connect tries the databases and the controller too");
	if (failed)
		return err_set(e, ERR_DB_CONNECT, "%zu of %zu targets cannot be used: see the table", failed, c.n_targets);
	if (unreached)
		return err_set(e, ERR_LINK, "%zu of %zu addresses of the controller cannot be used: see the table", unreached, table_count(controllers));
	return EXIT_DONE;
}

static const struct cmd_option check_options[] = {
    DESK_CONFIG,
    {.name = "connect", .help = "also connect to the controller and to each target, and leave again; nothing is changed there"},
    {0},
};

const struct cmd check_commands[] = {
    {
        .path = "check",
        .summary = "Check agent.yaml, keys, trust and certificate, and with --connect the controller and the databases",
        .details = "With --connect it proves its keys at every address of the controller, which leaves a running agent alone, goes to each database, "
                   "and says what is set up less safely than it could be: durability settings, rights that are not needed, "
                   "network file systems.",
        .example = "rollcall-agent check --config /etc/rollcall/agent.yaml --connect",
        .options = check_options,
        .run = run_check,
    },
    {0},
};
