/* The demo's three releases. Each claim is checked against the tenants themselves: their catalogs, their rows and their ledgers, never against what Rollcall says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/cli/cmd.h"
#include "controller/daemon/demo_impl.h"

#define READY_MS 60000
#define PLAN     "shop/plans/production.yaml"

static const struct tenant *const dirty = &demo_tenants[DEMO_DIRTY];

static const char *field(json_t *row, const char *key)
{
	const char *s = json_string_value(json_object_get(row, key));
	return s ? s : "";
}

static const char *target_id(struct demo *d, const struct tenant *t)
{
	return arena_printf(d->arena, "%s/db-%s/%s", t->site, t->site, t->name);
}

/* How many tenants answer a query with this number. */
static unsigned tenants_with(struct demo *d, const char *sql, long number, const char *ring)
{
	unsigned n = 0;
	for (size_t i = 0; i < DEMO_TENANTS; i++)
		if (!ring || str_eq(demo_tenants[i].ring, ring))
			n += demo_number(d, &demo_tenants[i], sql) == number;
	return n;
}

static long ledger_number(struct demo *d, const struct tenant *t, const char *what, const char *where)
{
	return demo_number(d, t, arena_printf(d->arena, "SELECT %s FROM %s WHERE %s", what, d->engine->ledger, where));
}

/* ---- getting everyone together ---- */

static int wait_for_controller(struct demo *d, struct err *e)
{
	int64_t deadline = clock_mono_us() + (int64_t)READY_MS * 1000;
	static const char *const ping[] = {"ping", NULL};
	for (;;) {
		json_t *j = NULL;
		int code = EXIT_UNREACHABLE;
		struct err last = ERR_INIT;
		if (demo_ask(d, ping, &code, &j, &last) == 0 && code == EXIT_DONE) {
			json_decref(j);
			return 0;
		}
		json_decref(j);
		if (!process_alive(&d->controller))
			return err_set(e, ERR_STATE, "rollcall-controller ended at once");
		if (clock_mono_us() > deadline)
			return err_set(e, ERR_TIMEOUT, "rollcall-controller does not answer: %s", last.msg);
		if (demo_pause(50, e) != 0)
			return -1;
	}
}

static unsigned count_rows(struct demo *d, const char *const *words, const char *table, const char *key, const char *value)
{
	json_t *j = NULL, *row;
	struct err ignored = ERR_INIT;
	size_t i;
	unsigned n = 0;
	if (demo_ask(d, words, NULL, &j, &ignored) != 0)
		return 0;
	json_array_foreach(json_object_get(j, table), i, row) n += !key || str_eq(field(row, key), value);
	json_decref(j);
	return n;
}

static int wait_for_agents(struct demo *d, unsigned online, struct err *e)
{
	int64_t deadline = clock_mono_us() + (int64_t)READY_MS * 1000;
	static const char *const agents[] = {"agents", "list", NULL}, *const targets[] = {"targets", "list", NULL};
	while (count_rows(d, agents, "agents", "state", "online") != online || count_rows(d, targets, "targets", NULL, NULL) != DEMO_TENANTS) {
		for (size_t i = 0; i < DEMO_SITES; i++)
			if (!process_alive(&d->agents[i]))
				return err_set(e, ERR_STATE, "the agent of site %s ended at once", demo_sites[i]);
		if (clock_mono_us() > deadline)
			return err_set(e, ERR_TIMEOUT, "the agents did not all connect and announce their targets within %d s", READY_MS / 1000);
		if (demo_pause(50, e) != 0)
			return -1;
	}
	return 0;
}

static int gather(struct demo *d, struct err *e)
{
	const char *control = arena_printf(d->arena, "tcp://127.0.0.1:%u", d->control_port),
	           *blobs = arena_printf(d->arena, "tcp://127.0.0.1:%u", d->blob_port);
	demo_heading(d, "Keys, trust, a controller and three agents");
	demo_say(d, "keys/      carol signs releases; ann and bob approve production, both are needed; all keys are encrypted");
	demo_say(d, "trust      who may do what, signed by the root key; each agent has its own copy and believes nothing else");
	if (demo_start_controller(d, e) != 0)
		return -1;
	if (DEMO_CLI(d, EXIT_DONE, e, "connect", "--endpoint", control, "--blobs", blobs, "--key", d->controller_key, "--operator-key",
	             "keys/operator.curve", "--offline") != 0 ||
	    wait_for_controller(d, e) != 0)
		return -1;
	for (size_t i = 0; i < DEMO_SITES; i++) {
		const char *certificate = arena_printf(d->arena, "agents/%s/certificate", demo_sites[i]);
		if (DEMO_CLI(d, EXIT_DONE, e, "agents", "admit", certificate) != 0 || demo_start_agent(d, i, e) != 0)
			return -1;
	}
	if (wait_for_agents(d, DEMO_SITES, e) != 0)
		return -1;
	return DEMO_CLI(d, EXIT_DONE, e, "targets", "list");
}

/* ---- the same for each release ---- */

static int build_and_push(struct demo *d, const char *version, struct err *e)
{
	const char *file = arena_printf(d->arena, "shop/releases/shop-%s.release", version);
	if (DEMO_CLI(d, EXIT_DONE, e, "release", "build", "shop", "--version", version, "--author", "carol") != 0 ||
	    DEMO_CLI(d, EXIT_DONE, e, "release", "sign", file, "--key", "keys/carol.key") != 0)
		return -1;
	return DEMO_CLI(d, EXIT_DONE, e, "release", "push", file);
}

static int rollout_of(struct demo *d, const char *version, const char **ret, struct err *e)
{
	static const char *const list[] = {"rollout", "list", NULL};
	json_t *j = NULL, *row;
	size_t i;
	*ret = "";
	if (demo_ask(d, list, NULL, &j, e) != 0)
		return -1;
	json_array_foreach(json_object_get(j, "rollouts"), i, row)
	{
		if (str_eq(field(row, "release"), version))
			*ret = arena_strdup(d->arena, field(row, "rollout"));
	}
	json_decref(j);
	return str_empty(*ret) ? err_set(e, ERR_STATE, "the rollout of %s that was started is not in the list", version) : 0;
}

static int start_rollout(struct demo *d, const char *version, const char **ret_id, struct err *e)
{
	const char *file = arena_printf(d->arena, "shop/releases/shop-%s.release", version);
	if (DEMO_CLI(d, EXIT_WAITING, e, "rollout", "start", PLAN, "-e", "production", "-r", file) != 0)
		return -1;
	return rollout_of(d, version, ret_id, e);
}

static int approve(struct demo *d, const char *id, const char *who, int code, struct err *e)
{
	return DEMO_CLI(d, code, e, "rollout", "approve", id, "--key", arena_printf(d->arena, "keys/%s.key", who), "--as", who, "--targets", "12");
}

/* ---- release 1.0.0: three waves ---- */

/* By the clocks in the ledgers: the first statement of a wave came after the last one of the wave before. */
static bool waves_in_order(struct demo *d)
{
	static const char *const rings[] = {"canary", "early", "rest"};
	long last_end = 0;
	for (size_t r = 0; r < ARRAY_LEN(rings); r++) {
		long end = last_end;
		for (size_t i = 0; i < DEMO_TENANTS; i++) {
			if (!str_eq(demo_tenants[i].ring, rings[r]))
				continue;
			if (ledger_number(d, &demo_tenants[i], "min(started_at_us)", "state = 'done'") <= last_end)
				return false;
			long own = ledger_number(d, &demo_tenants[i], "max(ended_at_us)", "state = 'done'");
			end = own > end ? own : end;
		}
		last_end = end;
	}
	return true;
}

static int release_one(struct demo *d, struct err *e)
{
	const char *id = NULL;
	demo_heading(d, "Release 1.0.0: over three waves, after two approvals");
	if (demo_write_changes(d, 1, e) != 0 || build_and_push(d, "1.0.0", e) != 0)
		return -1;
	demo_say(d, "What would run where? The controller asks each tenant's own ledger:");
	if (DEMO_CLI(d, EXIT_DONE, e, "rollout", "preview", PLAN, "-e", "production", "-r", "shop/releases/shop-1.0.0.release") != 0 ||
	    start_rollout(d, "1.0.0", &id, e) != 0 || approve(d, id, "ann", EXIT_WAITING, e) != 0)
		return -1;
	if (demo_pause(500, e) != 0)
		return -1;
	demo_claim(d, tenants_with(d, d->engine->has_customers, 0, NULL) == DEMO_TENANTS, "with one approval of two, no tenant was touched");
	if (approve(d, id, "bob", EXIT_DONE, e) != 0 || DEMO_CLI(d, EXIT_DONE, e, "rollout", "watch", id, "--plain", "--timeout", "2m") != 0)
		return -1;
	demo_claim(d, tenants_with(d, "SELECT count(*) FROM customers", 3, NULL) == DEMO_TENANTS,
	           "all 12 tenants have the tables and the three customers");
	demo_claim(d, waves_in_order(d), "by the ledgers' clocks, each wave began after the one before had ended");
	return DEMO_CLI(d, EXIT_DONE, e, "rollout", "status", id);
}

/* ---- release 1.1.0: dirty data ---- */

static void claim_halt(struct demo *d)
{
	const char *phone = d->engine->has_phone, *ledger = d->engine->ledger;
	const char *begun = arena_printf(d->arena, "SELECT count(*) FROM %s WHERE release_version = '1.1.0'", ledger);
	const char *unique = "changeset = 'carol:customers-email-unique' AND direction = 'apply' AND state = 'done'";
	demo_claim(d, tenants_with(d, phone, 1, "canary") == 3, "the canary wave has release 1.1.0");
	demo_claim(d, demo_number(d, dirty, phone) == 0 && ledger_number(d, dirty, "count(*)", unique) == 0,
	           "%s, whose data is dirty, is back at 1.0.0: the column that 1.1.0 had added there is gone again", target_id(d, dirty));
	demo_claim(d, demo_number(d, dirty, "SELECT count(*) FROM customers") == 5, "and its customers, the doubled one too, are all still there");
	demo_claim(d, tenants_with(d, begun, 0, "rest") == 6, "the last wave was never begun: its 6 tenants have no statement of 1.1.0");
}

static bool status_tells(struct demo *d, const char *id)
{
	const char *words[] = {"rollout", "status", id, NULL};
	json_t *j = NULL, *row;
	struct err ignored = ERR_INIT;
	size_t i, pending = 0;
	int code = 0;
	bool told = false;
	if (demo_ask(d, words, &code, &j, &ignored) != 0)
		return false;
	json_array_foreach(json_object_get(j, "targets"), i, row)
	{
		told |= str_eq(field(row, "target"), target_id(d, dirty)) && str_eq(field(row, "state"), "rolled-back") &&
		        strstr(field(row, "detail"), "customers-email-unique");
		pending += str_eq(field(row, "state"), "pending");
	}
	json_decref(j);
	return told && pending == 6 && code == EXIT_TARGETS;
}

static int release_two(struct demo *d, struct err *e)
{
	const char *id = NULL;
	demo_heading(d, "Release 1.1.0: one tenant has dirty data");
	demo_say(d, "At %s someone has entered the same e-mail address twice; 1.1.0 wants them unique.", target_id(d, dirty));
	if (d->engine->sql(
	        d, dirty,
	        "INSERT INTO customers (id, name, email) VALUES (4, 'Barbara', 'barbara@example.org'), (5, 'Barbara L.', 'barbara@example.org')", NULL,
	        e) != 0)
		return -1;
	if (demo_write_changes(d, 2, e) != 0 || build_and_push(d, "1.1.0", e) != 0 || start_rollout(d, "1.1.0", &id, e) != 0 ||
	    approve(d, id, "ann", EXIT_WAITING, e) != 0 || approve(d, id, "bob", EXIT_DONE, e) != 0)
		return -1;
	if (DEMO_CLI(d, EXIT_TARGETS, e, "rollout", "watch", id, "--plain", "--timeout", "2m") != 0 ||
	    DEMO_CLI(d, EXIT_TARGETS, e, "rollout", "status", id) != 0)
		return -1;
	claim_halt(d);
	demo_claim(d, status_tells(d, id), "status says the same: who failed, on which changeset, and that 6 wait");
	demo_say(d, "The shop puts its data right, then:");
	if (d->engine->sql(d, dirty, "UPDATE customers SET email = 'barbara.l@example.org' WHERE id = 5", NULL, e) != 0 ||
	    DEMO_CLI(d, EXIT_DONE, e, "rollout", "retry", id, "--wait", "--timeout", "2m") != 0)
		return -1;
	demo_claim(d, tenants_with(d, d->engine->has_phone, 1, NULL) == DEMO_TENANTS, "all 12 tenants have release 1.1.0");
	demo_claim(d, demo_number(d, dirty, "SELECT count(*) FROM customers") == 5, "%s has all its 5 customers", target_id(d, dirty));
	return 0;
}

/* ---- release 1.2.0: kill -9 ---- */

/* A target that is in the middle of the long step, and how far its ledger says it is. */
static int wait_for_victim(struct demo *d, const char *id, size_t *ret_tenant, struct err *e)
{
	const char *words[] = {"rollout", "status", id, NULL};
	int64_t deadline = clock_mono_us() + (int64_t)60 * 1000 * 1000;
	while (clock_mono_us() < deadline) {
		json_t *j = NULL;
		if (demo_ask(d, words, NULL, &j, e) != 0)
			return -1;
		for (size_t i = 0; i < DEMO_TENANTS; i++) {
			json_t *row;
			size_t k;
			json_array_foreach(json_object_get(j, "targets"), k, row) if (str_eq(field(row, "target"), target_id(d, &demo_tenants[i])) &&
			                                                              str_eq(field(row, "state"), "applying") &&
			                                                              str_eq(field(row, "changeset"), "carol:visits-count"))
			{
				*ret_tenant = i;
				json_decref(j);
				return 0;
			}
		}
		json_decref(j);
		if (demo_pause(30, e) != 0)
			return -1;
	}
	return err_set(e, ERR_TIMEOUT, "no tenant was seen in the middle of its long step");
}

static int kill_and_restart(struct demo *d, const char *id, struct err *e)
{
	size_t victim = 0;
	if (wait_for_victim(d, id, &victim, e) != 0)
		return -1;
	const struct tenant *t = &demo_tenants[victim];
	size_t site = victim / DEMO_AGENT_TENANTS;
	process_kill(&d->agents[site]);
	demo_say(d, "kill -9 of the agent at site %s, while %s is in the middle of carol:visits-count", t->site, target_id(d, t));
	const char *done = "state = 'done' AND release_version = '1.2.0'";
	demo_claim(d, ledger_number(d, t, "count(*)", done) == 1, "its ledger has the first changeset of 1.2.0 and nothing of the second one");
	if (DEMO_CLI(d, EXIT_DONE, e, "rollout", "status", id, "--target", target_id(d, t)) != 0)
		return -1;
	demo_say(d, "The agent is started again; it asks its journal and the tenants' ledgers what is done:");
	return demo_start_agent(d, site, e);
}

static void claim_once(struct demo *d)
{
	const char *ledger = d->engine->ledger;
	const char *twice =
	    arena_printf(d->arena,
	                 "SELECT count(*) FROM (SELECT changeset, step, run, direction FROM %s WHERE state = 'done' GROUP BY changeset, step, run, "
	                 "direction HAVING count(*) > 1) AS twice",
	                 ledger);
	const char *applied = arena_printf(d->arena, "SELECT count(DISTINCT changeset) FROM %s WHERE state = 'done' AND direction = 'apply'", ledger);
	demo_claim(d, tenants_with(d, "SELECT count(*) FROM visits WHERE what = 'long step'", 1, NULL) == DEMO_TENANTS,
	           "the long step adds a row each time that it runs: every tenant has exactly one");
	demo_claim(d, tenants_with(d, twice, 0, NULL) == DEMO_TENANTS, "no ledger has a step twice");
	demo_claim(d, tenants_with(d, applied, 8, NULL) == DEMO_TENANTS, "every ledger has all 8 changesets of the three releases");
}

static int release_three(struct demo *d, struct err *e)
{
	const char *id = NULL;
	demo_heading(d, "Release 1.2.0: the demo kills an agent in mid-step");
	if (demo_write_changes(d, 3, e) != 0 || build_and_push(d, "1.2.0", e) != 0 || start_rollout(d, "1.2.0", &id, e) != 0 ||
	    approve(d, id, "ann", EXIT_WAITING, e) != 0 || approve(d, id, "bob", EXIT_DONE, e) != 0 || kill_and_restart(d, id, e) != 0)
		return -1;
	if (DEMO_CLI(d, EXIT_DONE, e, "rollout", "watch", id, "--plain", "--timeout", "3m") != 0)
		return -1;
	claim_once(d);
	return DEMO_CLI(d, EXIT_DONE, e, "history", "--limit", "12");
}

int demo_story(struct demo *d, struct err *e)
{
	if (gather(d, e) != 0 || release_one(d, e) != 0 || release_two(d, e) != 0)
		return -1;
	return release_three(d, e);
}
