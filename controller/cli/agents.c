/* `rollcall agents`: who has answered the roll call, who is let in, who is not any more. */
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

static int run_agents_revoke(const struct cmd_args *a, struct err *e)
{
	struct question q = {.verb = VERB_AGENT_REVOKE};
	question_add(&q, "agent", cmd_argument(a, 0));
	question_add(&q, "reason", cmd_option_value(a, "reason"));
	return live_run(a, &q, e);
}

static int run_agents_approve(const struct cmd_args *a, struct err *e)
{
	struct question q = {.verb = VERB_AGENT_APPROVE};
	question_add(&q, "agent", cmd_argument(a, 0));
	return live_run(a, &q, e);
}

static const struct cmd_option agents_options[] = {CONTEXT_OPTIONS, {0}};
static const struct cmd_option revoke_options[] = {
    {"reason", 0, "TEXT", "why; kept with the agent's name for ever", false, true},
    CONTEXT_OPTIONS,
    {0},
};

const struct cmd agents_commands[] = {
    {"agents list", NULL, "List the agents that were admitted, and which are connected", NULL, "rollcall agents list\nrollcall agents list -o wide",
     agents_options, run_agents_list, 0, 0},
    {"agents admit", "CERTIFICATE", "Let an agent in, by the certificate that an enrol key signed",
     "The certificate binds the agent's name, its keys and the targets that it may own. The controller checks its signature against the trust "
     "document; the agent can "
     "connect at once.",
     "rollcall agents admit eu-1.cert", agents_options, run_agents_admit, 1, 1},
    {"agents revoke", "AGENT", "Shut an agent out for ever",
     "Its session ends and its keys open nothing here any more, from the next message on. Its name is used up: it is never given to another key. "
     "What "
     "the agent runs at that moment ends by itself.",
     "rollcall agents revoke eu-1 --reason 'its machine was stolen'", revoke_options, run_agents_revoke, 1, 1},
    {"agents approve", "AGENT", "Let an agent come in again that is held",
     "An agent is held when two machines have run with its keys. Stop one of them first; better still, revoke the name and enrol a new one.",
     "rollcall agents approve eu-1", agents_options, run_agents_approve, 1, 1},
    {0},
};
