/* `rollcall agents` and `rollcall targets`: who has answered the roll call. */
#include <string.h>

#include "common/base/file.h"
#include "common/base/str.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "controller/cli/commands.h"
#include "controller/cli/live.h"

static int run_agents_list(const struct cmd_args *a, struct err *e)
{
	const struct question q = {.verb = VERB_AGENT_LIST};
	return live_run(a, &q, e);
}

/* Looks into the envelope here, so that a wrong file is named before the controller is asked. */
static int read_certificate(const char *path, struct buf *ret, struct err *e)
{
	AUTO(arena_destroy) struct arena *arena = arena_new((size_t)4 * 1024 * 1024);
	struct envelope env = {0};
	if (file_read(path, LIMIT_DOCUMENT, ret, e) != 0)
		return -1;
	if (envelope_decode(buf_bytes(ret), arena, &env, e) != 0)
		return err_wrap(e, "%s", path);
	if (!str_eq(env.type, TYPE_CERTIFICATE))
		return err_set(e, ERR_PARSE, "%s: not an agent's certificate but %s: give the file that 'rollcall trust certify' wrote", path, env.type);
	return 0;
}

static int run_agents_admit(const struct cmd_args *a, struct err *e)
{
	AUTO(buf_done) struct buf certificate = BUF_INIT;
	struct question q = {.verb = VERB_AGENT_ADMIT};
	if (read_certificate(cmd_argument(a, 0), &certificate, e) != 0)
		return -1;
	q.document = buf_bytes(&certificate);
	return live_run(a, &q, e);
}

static int run_targets_list(const struct cmd_args *a, struct err *e)
{
	AUTO(arena_destroy) struct arena *arena = arena_new((size_t)64 * 1024);
	struct question q = {.verb = VERB_TARGET_LIST};
	struct selector *s = NULL;
	const char *text = cmd_option_value(a, "selector");
	if (text && selector_parse(text, arena, &s, e) != 0)
		return err_wrap(e, "--selector");
	question_add(&q, "selector", text);
	return live_run(a, &q, e);
}

static int run_quarantine(const struct cmd_args *a, struct err *e)
{
	struct question q = {.verb = VERB_TARGET_QUARANTINE};
	question_add(&q, "target", cmd_argument(a, 0));
	question_add(&q, "reason", cmd_option_value(a, "reason"));
	return live_run(a, &q, e);
}

static int run_unquarantine(const struct cmd_args *a, struct err *e)
{
	struct question q = {.verb = VERB_TARGET_UNQUARANTINE};
	question_add(&q, "target", cmd_argument(a, 0));
	question_add(&q, "reason", cmd_option_value(a, "reason"));
	return live_run(a, &q, e);
}

static const struct cmd_option agents_options[] = {CONTEXT_OPTIONS, {0}};
static const struct cmd_option targets_options[] = {
    {"selector", 'l', "SELECTOR", "only targets with these labels, such as 'environment=production,ring in (canary,early)'", false, false},
    CONTEXT_OPTIONS,
    {0},
};

static const struct cmd_option quarantine_options[] = {{"reason", 0, "TEXT", "why, for whoever misses it", false, true}, CONTEXT_OPTIONS, {0}};
static const struct cmd_option unquarantine_options[] = {{"reason", 0, "TEXT", "why, for the audit", false, false}, CONTEXT_OPTIONS, {0}};

const struct cmd fleet_commands[] = {
    {"agents list", NULL, "List the agents that were admitted, and which are connected", NULL, "rollcall agents list\nrollcall agents list -o wide",
     agents_options, run_agents_list, 0, 0},
    {"agents admit", "CERTIFICATE", "Let an agent in, by the certificate that an enrol key signed",
     "The certificate binds the agent's name, its keys and the targets that it may own. The controller checks its signature against the trust "
     "document; the agent can "
     "connect at once.",
     "rollcall agents admit eu-1.cert", agents_options, run_agents_admit, 1, 1},
    {"targets list", NULL, "List the targets that the agents have announced", NULL,
     "rollcall targets list\nrollcall targets list -l environment=production -o name", targets_options, run_targets_list, 0, 0},
    {"targets quarantine", "TARGET", "Keep a target out of every new rollout",
     "A rollout that has it already goes on; 'rollcall rollout skip' takes it out there.",
     "rollcall targets quarantine eu/db1/acme --reason 'restore from backup under way'", quarantine_options, run_quarantine, 1, 1},
    {"targets unquarantine", "TARGET", "Let new rollouts take a target again", "What it missed meanwhile is not made up by itself.",
     "rollcall targets unquarantine eu/db1/acme", unquarantine_options, run_unquarantine, 1, 1},
    {0},
};
