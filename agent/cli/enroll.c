/* `rollcall-agent enroll` and `rollcall-agent renew`: with a token from the central team, makes this agent's keys, asks the controller for a certificate and waits for it. Private keys never leave this
 * machine; who the controller is, is known beforehand from the trust document and the token, never learnt from the network.
 * An agent that is known has its new keys vouched for by the present ones instead. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/cli/commands.h"
#include "agent/cli/desk.h"
#include "agent/keyset/asking.h"
#include "agent/link/enrol.h"
#include "agent/verify/trusted.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/cli/table.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "common/wire/enrol.h"
#include "common/wire/limits.h"

#define ENROL_ARENA     ((size_t)64 * 1024 * 1024)
#define ASK_MS          10000
#define RETRY_MS        3000
#define WAIT_DEFAULT_MS (30 * 60 * 1000)

struct enrolling {
	struct arena *arena;
	struct trust trust; /* enroll: of the file */
	struct trusted trusted; /* renew: what the agent believes */
	struct enrol_token token;
	struct asking asking;
	struct keyset folder; /* renew */
	const char *dir, *endpoint, *controller_key, *certificate_file;
	enum output_format format;
	int64_t end_us; /* monotonic */
};

static void enrolling_done(struct enrolling *x)
{
	asking_done(&x->asking);
	arena_destroy(&x->arena);
}

/* ---- what was brought ---- */

static int read_trust(struct enrolling *x, const char *path, struct err *e)
{
	struct envelope env;
	if (envelope_load(path, x->arena, &env, e) != 0 || trust_decode(env.payload, x->arena, &x->trust, e) != 0 ||
	    trust_check_shape(&x->trust, e) != 0 || trust_check_self(&x->trust, &env, clock_wall_us(), e) != 0)
		return err_wrap(e, "%s", path);
	return 0;
}

static bool is_listed(const struct trust *t, const char *key)
{
	for (size_t i = 0; i < t->n_controller_keys; i++)
		if (str_eq(t->controller_keys[i], key))
			return true;
	return t->n_controller_keys == 0;
}

static int read_token(struct enrolling *x, const char *path, struct err *e)
{
	AUTO(buf_done) struct buf data = BUF_INIT;
	struct envelope env;
	char at[CLOCK_TEXT_SIZE];
	if (file_read(path, LIMIT_ENROL, &data, e) != 0)
		return -1;
	x->asking.token = arena_bytes(x->arena, buf_bytes(&data));
	if (envelope_decode(x->asking.token, x->arena, &env, e) != 0)
		return err_wrap(e, "%s: not a signed document of Rollcall: give the file that 'rollcall agents invite' wrote", path);
	if (trust_check_role(&x->trust, ROLE_ENROL, &env, TYPE_ENROL_TOKEN, e) != 0 || enrol_token_decode(env.payload, x->arena, &x->token, e) != 0)
		return err_wrap(e, "%s", path);
	if (clock_wall_us() >= x->token.expires_at_us)
		return err_set(e, ERR_POLICY, "%s: it expired at %s: have a new one made (rollcall agents invite)", path,
		               clock_text(x->token.expires_at_us, at));
	if (!is_listed(&x->trust, x->token.controller_key))
		return err_set(e, ERR_POLICY, "%s: the controller key in it is not among those of the trust document", path);
	return 0;
}

/* ---- asking ---- */

static int take_certificate(struct enrolling *x, struct bytes data, struct err *e)
{
	struct certificate c;
	char at[CLOCK_TEXT_SIZE];
	if (asking_check(&x->asking, data, &c, e) != 0)
		return -1;
	if (x->folder.folder ? keyset_certify(&x->folder, data, e) != 0 : file_write_atomic(x->certificate_file, data, 0644, e) != 0)
		return -1;
	files_print(&x->certificate_file, 1, x->format, stdout);
	clock_text(c.not_after_us, at);
	if (x->folder.folder)
		output_say(
		    "agent %s has new keys, good until %s: it takes them within seconds, or when it is started; the former ones stay good for 7 days at most",
		    c.agent, at);
	else
		output_say(
		    "agent %s is enrolled until %s. Next: write agent.yaml in %s (name, site, data_dir, controller, keys, trust, certificate, targets), with "
		    "'enrol: \"%s\"' in controller so that it renews by itself; then 'rollcall-agent check' it",
		    c.agent, at, x->dir, x->endpoint);
	return EXIT_DONE;
}

static bool may_wait(const struct enrolling *x, uint32_t ms)
{
	if (clock_mono_us() + (int64_t)ms * 1000 > x->end_us)
		return false;
	clock_sleep_ms(ms);
	return true;
}

static int ask(struct enrolling *x, struct err *e)
{
	const struct enrol_settings set = {
	    .endpoint = x->endpoint, .controller_key = x->controller_key, .key = &x->asking.keys.curve, .timeout_ms = ASK_MS};
	bool asked = false;
	for (;;) {
		AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
		struct msg question = asking_question(&x->asking, asked), answer = {.type = MSG_INVALID};
		uint32_t wait_ms = RETRY_MS;
		if (enrol_ask(&set, &question, a, &answer, e) != 0) {
			if (!may_wait(x, wait_ms))
				return -1;
			continue;
		}
		if (answer.type == MSG_ENROL_GRANT)
			return take_certificate(x, answer.enrol_grant.certificate, e);
		if (answer.type == MSG_ENROL_DENY)
			return err_set(e, ERR_POLICY, "the controller refused: %s", answer.deny.message);
		if (answer.type == MSG_RETRY_AFTER)
			wait_ms = answer.retry_after.ms;
		if (answer.type == MSG_ENROL_PENDING) {
			wait_ms = answer.enrol_pending.poll_ms;
			if (!asked)
				output_say("asked; waiting until somebody there compares the fingerprint above and types: rollcall agents approve %s",
				           x->token.agent);
			asked = true;
		}
		if (!may_wait(x, wait_ms))
			return err_set(e, ERR_TIMEOUT, "nobody has approved agent %s yet: type this again, it goes on with the same keys and the same request",
			               x->asking.agent);
	}
}

static int take_options(const struct cmd_args *a, struct enrolling *x, struct err *e)
{
	uint64_t wait_ms = WAIT_DEFAULT_MS;
	if (cmd_option_duration(a, "wait", &wait_ms, e) != 0)
		return -1;
	x->end_us = clock_mono_us() + (int64_t)wait_ms * 1000;
	x->format = cmd_output(a);
	return 0;
}

static void show(const struct enrolling *x)
{
	char fingerprint[ENROL_FINGERPRINT_SIZE];
	output_say("agent %s of site %s, fingerprint %s", x->asking.agent, x->asking.site, enrol_fingerprint(x->asking.request, fingerprint));
}

static int prepare_enroll(struct enrolling *x, struct err *e)
{
	struct asking *q = &x->asking;
	const char *curve = arena_printf(x->arena, "%s/curve.key", x->dir), *report = arena_printf(x->arena, "%s/report.key", x->dir);
	q->arena = x->arena;
	q->trust = &x->trust;
	q->agent = x->token.agent;
	q->site = x->token.site;
	q->targets = x->token.targets;
	q->n_targets = x->token.n_targets;
	x->endpoint = x->token.endpoint;
	x->controller_key = x->token.controller_key;
	x->certificate_file = arena_printf(x->arena, "%s/%s.cert", x->dir, q->agent);
	if (file_make_dirs(x->dir, 0700, e) != 0 || agent_keys_make(curve, report, &q->keys, e) != 0 || asking_prepare(q, e) != 0)
		return -1;
	asking_sign(q, x->controller_key);
	show(x);
	return 0;
}

static int run_enroll(const struct cmd_args *a, struct err *e)
{
	AUTO(enrolling_done) struct enrolling x = {.arena = arena_new(ENROL_ARENA), .dir = cmd_option_value(a, "dir")};
	if (!x.dir)
		x.dir = ".";
	if (take_options(a, &x, e) != 0 || read_trust(&x, cmd_option_value(a, "trust"), e) != 0 || read_token(&x, cmd_option_value(a, "token"), e) != 0 ||
	    prepare_enroll(&x, e) != 0)
		return -1;
	return ask(&x, e);
}

/* ---- renew ---- */

static int prepare_renew(struct enrolling *x, const struct desk *d, struct err *e)
{
	const struct agent_config *c = &d->config;
	if (trusted_load(d->journal, c->trust_pin, x->arena, &x->trusted, e) != 0 ||
	    keyset_begin(c->data_dir, c->keyset.begun_at_us, clock_wall_us(), x->arena, &x->folder, e) != 0)
		return -1;
	x->asking = (struct asking){.arena = x->arena,
	                            .trust = &x->trusted.valid,
	                            .agent = c->name,
	                            .site = c->site,
	                            .targets = c->cert.targets,
	                            .n_targets = c->cert.n_targets,
	                            .former = c->report_key};
	x->certificate_file = x->folder.certificate_file;
	x->controller_key = c->controller_keys[0];
	if (asking_renewal(&x->asking, &x->folder, e) != 0)
		return -1;
	asking_sign(&x->asking, x->controller_key);
	show(x);
	return 0;
}

static int run_renew(const struct cmd_args *a, struct err *e)
{
	AUTO(desk_done) struct desk d = {.journal = NULL};
	AUTO(enrolling_done) struct enrolling x = {.arena = arena_new(ENROL_ARENA + TRUSTED_ARENA), .endpoint = cmd_option_value(a, "endpoint")};
	if (take_options(a, &x, e) != 0 || desk_open(a, &d, e) != 0)
		return -1;
	if (!x.endpoint)
		x.endpoint = d.config.enrol_endpoint;
	if (!x.endpoint)
		return err_set(e, ERR_USAGE, "where to ask is not known: add 'enrol: tcp://HOST:PORT' to controller in %s, or give --endpoint",
		               d.config.path);
	return prepare_renew(&x, &d, e) != 0 ? -1 : ask(&x, e);
}

static const struct cmd_option enroll_options[] = {
    {.name = "token",
     .value = "FILE",
     .help = "what 'rollcall agents invite' wrote for this agent; good once, for 30 minutes at most",
     .required = true},
    {.name = "trust", .value = "FILE", .help = "the fleet's signed trust document, brought here by a way you trust", .required = true},
    {.name = "dir", .value = "DIR", .help = "where keys and certificate go; default: the present folder"},
    {.name = "wait", .value = "TIME", .help = "how long to wait for the approval; default: 30m"},
    {0},
};

static const struct cmd_option renew_options[] = {
    DESK_CONFIG,
    {.name = "endpoint",
     .value = "TCP",
     .help = "the controller's enrolment address, such as tcp://controller:7100; default: controller.enrol of agent.yaml"},
    {.name = "wait", .value = "TIME", .help = "how long to wait for the approval; default: 30m"},
    {0},
};

const struct cmd enroll_commands[] = {
    {
        .path = "enroll",
        .summary = "Make this agent's keys and have them certified over the wire, with a token",
        .details =
            "Makes curve.key and report.key in DIR unless they are there, shows their fingerprint, asks the controller that the token names, and "
            "waits until a person there has compared the fingerprint and approved. Without a network: rollcall-agent init, rollcall trust certify.",
        .example = "rollcall-agent enroll --token eu-1.token --trust trust.env --dir /etc/rollcall",
        .options = enroll_options,
        .run = run_enroll,
    },
    {
        .path = "renew",
        .summary = "Have new keys and a new certificate made for an agent that is enrolled",
        .details =
            "A running agent does it by itself when its certificate has a third of its life left and agent.yaml names controller.enrol; this is for "
            "doing it now, or after the certificate has expired. Makes new keys in data_dir/keys; the present report key vouches for them, and "
            "the "
            "controller, or somebody with an enrol key, signs. The running agent takes them within seconds; for 7 days the controller takes both.",
        .example = "rollcall-agent renew --config /etc/rollcall/agent.yaml",
        .options = renew_options,
        .run = run_renew,
    },
    {0},
};
