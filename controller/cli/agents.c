/* `rollcall agents`: who has answered the roll call, who is let in, who is not any more. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/crypto/dsse.h"
#include "common/link/curve.h"
#include "common/wire/documents.h"
#include "common/wire/enrol.h"
#include "common/wire/limits.h"
#include "common/wire/request.h"
#include "controller/cli/commands.h"
#include "controller/cli/key_option.h"
#include "controller/cli/live.h"
#include "controller/release/trust_draft.h"

#define AGENTS_ARENA     ((size_t)16 * 1024 * 1024)
#define TOKEN_DEFAULT_MS ((uint64_t)15 * 60 * 1000)
#define CERTIFICATE_US   ((int64_t)365 * 24 * 3600 * 1000000)

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
	if (envelope_decode_file(path, buf_bytes(ret), arena, &env, e) != 0)
		return -1;
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

/* ---- invite: offline ---- */

static int token_of(const struct cmd_args *a, struct arena *arena, struct enrol_token *ret, struct err *e)
{
	const char *const *targets = NULL, *key = cmd_option_value(a, "controller-key"), *expires = cmd_option_value(a, "expires");
	char text[CURVE_KEY_TEXT_SIZE];
	uint64_t ms = TOKEN_DEFAULT_MS;
	struct enrol_token t = {.agent = cmd_argument(a, 0), .site = cmd_option_value(a, "site"), .endpoint = cmd_option_value(a, "endpoint")};
	if (!str_is_name(t.agent) || !str_is_name(t.site))
		return err_set(e, ERR_USAGE, "agent and site are names: lower-case letters, digits, '.', '_' and '-', 63 at most");
	if (context_check_endpoint("endpoint", t.endpoint, e) != 0 || cmd_option_duration(a, "expires", &ms, e) != 0)
		return -1;
	if (ms == 0 || ms > (uint64_t)ENROL_TOKEN_MAX_US / 1000)
		return err_set(e, ERR_USAGE, "--expires %s: a token lasts 30m at most: it is a key to a door", expires);
	if (curve_public_read(key, text, e) != 0)
		return err_wrap(e, "--controller-key");
	t.controller_key = arena_strdup(arena, text);
	t.n_targets = cmd_option_values(a, "targets", &targets);
	t.targets = arena_alloc(arena, (t.n_targets + 1) * sizeof *t.targets);
	for (size_t i = 0; i < t.n_targets; i++)
		t.targets[i] = targets[i];
	t.created_at_us = clock_wall_us();
	t.expires_at_us = t.created_at_us + (int64_t)ms * 1000;
	*ret = t;
	return crypto_random(ret->nonce, sizeof ret->nonce, e);
}

/* Reads back what was encoded: what the controller would refuse is refused here. */
static int sign_token(const struct cmd_args *a, const struct enrol_token *t, struct arena *arena, struct envelope *ret, struct err *e)
{
	AUTO(sign_key_destroy) struct sign_key *k = NULL;
	AUTO(buf_done) struct buf b = BUF_INIT;
	struct enrol_token again;
	enrol_token_encode(t, &b);
	if (enrol_token_decode(buf_bytes(&b), arena, &again, e) != 0 || key_option_load(a, arena, &k, e) != 0)
		return -1;
	*ret = (struct envelope){.type = TYPE_ENROL_TOKEN, .payload = arena_bytes(arena, buf_bytes(&b))};
	return dsse_sign(ret, k, arena, e);
}

static int run_agents_invite(const struct cmd_args *a, struct err *e)
{
	AUTO(arena_destroy) struct arena *arena = arena_new(AGENTS_ARENA);
	AUTO(buf_done) struct buf b = BUF_INIT;
	const char *out = cmd_option_value(a, "out");
	struct enrol_token t;
	struct envelope env;
	char at[CLOCK_TEXT_SIZE];
	if (token_of(a, arena, &t, e) != 0 || sign_token(a, &t, arena, &env, e) != 0)
		return -1;
	if (!out)
		out = arena_printf(arena, "%s.token", t.agent);
	if (file_exists(out))
		return err_set(e, ERR_EXISTS, "%s: exists already and is left as it is: give another --out", out);
	envelope_encode(&env, &b);
	if (file_write_atomic(out, buf_bytes(&b), 0600, e) != 0)
		return -1;
	files_print(&out, 1, cmd_output(a), stdout);
	output_say(
	    "good once, until %s. Next: take it and the trust document to the site: rollcall-agent enroll --token %s --trust trust.env; then compare "
	    "fingerprints and type: rollcall agents approve %s --key KEY",
	    clock_text(t.expires_at_us, at), out, t.agent);
	return EXIT_DONE;
}

/* ---- approve ---- */

/* Yes only by the fingerprint that the site sees, given here or typed. */
static int confirm(const struct cmd_args *a, const struct answer *shown, struct err *e)
{
	char fingerprint[ENROL_FINGERPRINT_SIZE], line[128] = "";
	const char *given = cmd_option_value(a, "fingerprint");
	enrol_fingerprint(shown->document, fingerprint);
	if (!given && isatty(STDIN_FILENO)) {
		fprintf(stderr, "type the fingerprint that the site sees: ");
		if (fgets(line, sizeof line, stdin))
			line[strcspn(line, "\r\n")] = '\0';
		given = line;
	}
	if (str_empty(given))
		return err_set(e, ERR_USAGE, "--fingerprint is missing: give the one that 'rollcall-agent enroll' shows at the site");
	if (!str_eq(given, fingerprint))
		return err_set(e, ERR_POLICY, "the fingerprints differ: the request that waits here has %s: somebody else may be asking in this name",
		               fingerprint);
	return 0;
}

static int make_certificate(const struct cmd_args *a, struct live *l, struct bytes text, struct buf *ret, struct err *e)
{
	AUTO(sign_key_destroy) struct sign_key *k = NULL;
	AUTO(answer_done) struct answer trust_answer = {0};
	struct arena *arena = l->arena;
	struct envelope env;
	struct agent_request r;
	struct trust t;
	int64_t now_us = clock_wall_us(), ends_us = now_us + CERTIFICATE_US;
	if (time_option(a, "expires", now_us, &ends_us, e) != 0 || request_parse("request", text, arena, &r, e) != 0 ||
	    live_ask(l, &(struct question){.verb = VERB_TRUST_SHOW}, &trust_answer, e) != 0)
		return -1;
	if (envelope_decode(trust_answer.document, arena, &env, e) != 0 || trust_decode(env.payload, arena, &t, e) != 0)
		return err_wrap(e, "trust document of the controller");
	if (key_option_load(a, arena, &k, e) != 0 || certificate_make(&r, &t, k, now_us, ends_us, arena, &env, e) != 0)
		return -1;
	envelope_encode(&env, ret);
	return 0;
}

static int approve_request(const struct cmd_args *a, struct err *e)
{
	AUTO(live_close) struct live l = {0};
	AUTO(answer_done) struct answer shown = {0};
	AUTO(answer_done) struct answer done = {0};
	AUTO(buf_done) struct buf certificate = BUF_INIT;
	struct question ask = {.verb = VERB_AGENT_REQUEST}, approve = {.verb = VERB_AGENT_APPROVE};
	question_add(&ask, "agent", cmd_argument(a, 0));
	question_add(&approve, "agent", cmd_argument(a, 0));
	if (live_open(a, &l, e) != 0 || live_ask(&l, &ask, &shown, e) != 0)
		return -1;
	(void)answer_print(&shown, cmd_output(a));
	if (confirm(a, &shown, e) != 0 || make_certificate(a, &l, shown.document, &certificate, e) != 0)
		return -1;
	approve.document = buf_bytes(&certificate);
	return live_ask(&l, &approve, &done, e) != 0 ? -1 : answer_print(&done, cmd_output(a));
}

static int run_agents_approve(const struct cmd_args *a, struct err *e)
{
	if (cmd_option_given(a, "key"))
		return approve_request(a, e);
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

static const struct cmd_option invite_options[] = {
    {"site", 0, "SITE", "the site whose databases it is to serve", false, true},
    {"targets", 0, "GLOB", "target ids that it may serve, such as eu/*; repeat for more", true, true},
    {"endpoint", 0, "TCP", "the controller's enrolment address, such as tcp://controller:7100", false, true},
    {"controller-key", 0, "KEY", "the controller's CURVE public key, or its file", false, true},
    {"expires", 0, "TIME", "how long it is good (default: 15m; 30m at most)", false, false},
    {"out", 0, "FILE", "where to write it (default: AGENT.token)", false, false},
    KEY_OPTIONS,
    {0},
};
static const struct cmd_option approve_options[] = {
    {"key", 'k', "KEY", "private key of role enrol, for one that waits to be enrolled: a name or a path; not needed for one that is held", false,
     false},
    {"passphrase-file", 0, "FILE", "first line is the key's passphrase (default: asked)", false, false},
    {"fingerprint", 0, "TEXT", "the fingerprint that the site sees (default: asked)", false, false},
    {"expires", 0, "WHEN", "when the certificate ends: a date, or a time from now (default: 365d)", false, false},
    CONTEXT_OPTIONS,
    {0},
};

const struct cmd agents_commands[] = {
    {"agents invite", "AGENT", "Make a token with which a new agent may ask for a certificate, once",
     "Needs no controller. The token is signed by an enrol key, binds name, site and targets, and names the controller; whoever has the file can ask "
     "in "
     "this name until it expires, so hand it over like a password.",
     "rollcall agents invite eu-1 --site eu --targets 'eu/*' --endpoint tcp://controller:7100 --controller-key controller.key.pub --key enrol",
     invite_options, run_agents_invite, 1, 1},
    {"agents list", NULL, "List the agents that were admitted, and which are connected",
     "An agent that has just connected is joining until it has told which targets it has, and online then. "
     "-o wide and the formats for programs also have what each connected agent's last heartbeat said: tasks that run and that wait there, and "
     "reports "
     "that have not come here. In the table for people the detail says so when reports do not come, or tasks wait and nothing runs, for a minute.",
     "rollcall agents list\nrollcall agents list -o wide", agents_options, run_agents_list, 0, 0},
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
    {"agents approve", "AGENT", "Enrol an agent that waits, or let one come in again that is held",
     "With --key: shows the request that waits, compares the fingerprint with the one that the site sees, and signs the certificate here. Without: "
     "for an "
     "agent that is held because two machines have run with its keys; stop one of them first, or better, revoke the name and enrol a new one.",
     "rollcall agents approve eu-1 --key enrol --fingerprint 3f2a-91bc-7c44-0e1d-a0b3-55d2-9c7e-1f60\nrollcall agents approve eu-1", approve_options,
     run_agents_approve, 1, 1},
    {0},
};
