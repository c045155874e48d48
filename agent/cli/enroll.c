/* `rollcall-agent enroll` and `rollcall-agent renew`: with a token from the central team, makes this agent's keys, asks the controller for a certificate and waits for it. Private keys never leave this
 * machine; who the controller is, is known beforehand from the trust document and the token, never learnt from the network.
 * An agent that is known has its new keys vouched for by the present ones instead. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/cli/commands.h"
#include "agent/cli/keys.h"
#include "agent/daemon/config.h"
#include "agent/link/enrol.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/cli/table.h"
#include "common/crypto/digest.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "common/wire/enrol.h"
#include "common/wire/limits.h"
#include "common/wire/request.h"

#define ENROL_ARENA     ((size_t)64 * 1024 * 1024)
#define ASK_MS          10000
#define RETRY_MS        3000
#define WAIT_DEFAULT_MS (30 * 60 * 1000)

struct enrolling {
	struct arena *arena;
	struct trust trust;
	struct bytes token_bytes;
	struct enrol_token token;
	const char *dir;
	struct agent_keys keys;
	struct buf request; /* its text */
	const struct sign_key *former; /* renew: the present report key; NULL: a token speaks for it */
	const char *certificate_file;
	uint8_t digest[DIGEST_SIZE], signature[SIGNATURE_SIZE], former_signature[SIGNATURE_SIZE];
	int64_t end_us; /* monotonic */
};

static void enrolling_done(struct enrolling *x)
{
	agent_keys_done(&x->keys);
	buf_done(&x->request);
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
	x->token_bytes = arena_bytes(x->arena, buf_bytes(&data));
	if (envelope_decode(x->token_bytes, x->arena, &env, e) != 0 || trust_check_role(&x->trust, ROLE_ENROL, &env, TYPE_ENROL_TOKEN, e) != 0 ||
	    enrol_token_decode(env.payload, x->arena, &x->token, e) != 0)
		return err_wrap(e, "%s", path);
	if (clock_wall_us() >= x->token.expires_at_us)
		return err_set(e, ERR_POLICY, "%s: it expired at %s: have a new one made (rollcall agents invite)", path,
		               clock_text(x->token.expires_at_us, at));
	if (!is_listed(&x->trust, x->token.controller_key))
		return err_set(e, ERR_POLICY, "%s: the controller key in it is not among those of the trust document", path);
	return 0;
}

static int make_request(struct enrolling *x, struct err *e)
{
	AUTO(buf_done) struct buf signed_bytes = BUF_INIT;
	struct agent_request r = {.agent = x->token.agent,
	                          .site = x->token.site,
	                          .curve_key = x->keys.curve.public_text,
	                          .targets = x->token.targets,
	                          .n_targets = x->token.n_targets};
	sign_key_public(x->keys.report, r.report_key);
	if (request_format("request", &r, &x->request, e) != 0)
		return -1;
	digest_sha256(buf_bytes(&x->request), x->digest);
	enrol_signed_bytes(x->token.controller_key, x->token_bytes, buf_bytes(&x->request), &signed_bytes);
	sign_make(x->keys.report, buf_bytes(&signed_bytes), x->signature);
	if (x->former)
		sign_make(x->former, buf_bytes(&signed_bytes), x->former_signature);
	return 0;
}

/* ---- asking ---- */

static int take_certificate(struct enrolling *x, struct bytes data, struct err *e)
{
	struct envelope env;
	struct certificate c;
	uint8_t report_key[SIGN_PUBLIC_SIZE];
	sign_key_public(x->keys.report, report_key);
	if (envelope_decode(data, x->arena, &env, e) != 0 || trust_check_role(&x->trust, ROLE_ENROL, &env, TYPE_CERTIFICATE, e) != 0 ||
	    certificate_decode(env.payload, x->arena, &c, e) != 0)
		return err_wrap(e, "the certificate that came");
	if (!str_eq(c.agent, x->token.agent) || !str_eq(c.site, x->token.site) || !str_eq(c.curve_key, x->keys.curve.public_text) ||
	    memcmp(c.report_key, report_key, sizeof report_key) != 0)
		return err_set(e, ERR_POLICY, "the certificate that came is for another agent, site or key than was asked for: nothing was written");
	char at[CLOCK_TEXT_SIZE];
	if (file_write_atomic(x->certificate_file, data, 0644, e) != 0)
		return -1;
	printf("%s\n", x->certificate_file);
	if (x->former) {
		fprintf(stderr,
		        "agent %s has new keys, good until %s; the present ones stay good for 7 days. Next: name the new files in agent.yaml (keys, "
		        "certificate), and "
		        "start the agent again\n",
		        c.agent, clock_text(c.not_after_us, at));
		return EXIT_DONE;
	}
	fprintf(stderr,
	        "agent %s is enrolled until %s. Next: write agent.yaml in %s (name, site, data_dir, controller, keys, trust, certificate, targets), then "
	        "'rollcall-agent check' it\n",
	        c.agent, clock_text(c.not_after_us, at), x->dir);
	return EXIT_DONE;
}

static bool may_wait(const struct enrolling *x, uint32_t ms)
{
	if (clock_mono_us() + (int64_t)ms * 1000 > x->end_us)
		return false;
	clock_sleep_ms(ms);
	return true;
}

static struct msg question_of(const struct enrolling *x, bool asked)
{
	struct msg m = {.type = MSG_ENROL_POLL};
	memcpy(m.enrol_poll.request_digest, x->digest, DIGEST_SIZE);
	if (!asked)
		m = (struct msg){
		    .type = MSG_ENROL_REQ,
		    .enrol_req = {.token = x->token_bytes, .request = buf_bytes(&x->request), .signature = bytes_of(x->signature, SIGNATURE_SIZE)}};
	if (!asked && x->former)
		m.enrol_req.former_signature = bytes_of(x->former_signature, SIGNATURE_SIZE);
	return m;
}

static int ask(struct enrolling *x, struct err *e)
{
	const struct enrol_settings set = {
	    .endpoint = x->token.endpoint, .controller_key = x->token.controller_key, .key = &x->keys.curve, .timeout_ms = ASK_MS};
	bool asked = false;
	for (;;) {
		AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
		struct msg question = question_of(x, asked), answer = {.type = MSG_INVALID};
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
				fprintf(stderr, "asked; waiting until somebody there compares the fingerprint above and types: rollcall agents approve %s\n",
				        x->token.agent);
			asked = true;
		}
		if (!may_wait(x, wait_ms))
			return err_set(e, ERR_TIMEOUT, "nobody has approved agent %s yet: type this again, it goes on with the same keys and the same request",
			               x->token.agent);
	}
}

static int take_wait(const struct cmd_args *a, struct enrolling *x, struct err *e)
{
	uint64_t wait_ms = WAIT_DEFAULT_MS;
	if (cmd_option_given(a, "wait") && str_to_duration_ms(cmd_option_value(a, "wait"), "--wait", &wait_ms, e) != 0)
		return -1;
	x->end_us = clock_mono_us() + (int64_t)wait_ms * 1000;
	return 0;
}

/* Keys in files of these names, the request for them, and its fingerprint on the screen. */
static int prepare(struct enrolling *x, const char *mark, struct err *e)
{
	char fingerprint[ENROL_FINGERPRINT_SIZE];
	const char *curve = arena_printf(x->arena, "%s/curve%s.key", x->dir, mark), *report = arena_printf(x->arena, "%s/report%s.key", x->dir, mark);
	x->certificate_file = arena_printf(x->arena, "%s/%s%s.cert", x->dir, x->token.agent, mark);
	if (file_make_dirs(x->dir, 0700, e) != 0 || agent_keys_make(curve, report, &x->keys, e) != 0 || make_request(x, e) != 0)
		return -1;
	fprintf(stderr, "agent %s of site %s, fingerprint %s\n", x->token.agent, x->token.site, enrol_fingerprint(buf_bytes(&x->request), fingerprint));
	return 0;
}

static int run_enroll(const struct cmd_args *a, struct err *e)
{
	AUTO(enrolling_done) struct enrolling x = {.arena = arena_new(ENROL_ARENA), .dir = cmd_option_value(a, "dir")};
	if (!x.dir)
		x.dir = ".";
	if (take_wait(a, &x, e) != 0 || read_trust(&x, cmd_option_value(a, "trust"), e) != 0 || read_token(&x, cmd_option_value(a, "token"), e) != 0 ||
	    prepare(&x, "", e) != 0)
		return -1;
	return ask(&x, e);
}

/* ---- renew ---- */

/* What a token would say, from what this agent is already. */
static int take_present(struct enrolling *x, const struct agent_config *c, const char *endpoint, struct err *e)
{
	struct envelope env;
	struct certificate present;
	if (envelope_decode(c->certificate, x->arena, &env, e) != 0 || certificate_decode(env.payload, x->arena, &present, e) != 0)
		return err_wrap(e, "%s", c->certificate_file);
	x->trust = c->trust;
	x->former = c->report_key;
	x->token = (struct enrol_token){.agent = c->name,
	                                .site = c->site,
	                                .targets = present.targets,
	                                .n_targets = present.n_targets,
	                                .endpoint = endpoint,
	                                .controller_key = c->controller_keys[0]};
	const char *slash = strrchr(c->certificate_file, '/');
	x->dir = slash ? arena_strndup(x->arena, c->certificate_file, (size_t)(slash - c->certificate_file)) : ".";
	return 0;
}

static int run_renew(const struct cmd_args *a, struct err *e)
{
	AUTO(agent_config_done) struct agent_config c = {0};
	AUTO(enrolling_done) struct enrolling x = {.arena = arena_new(ENROL_ARENA)};
	char today[CLOCK_TEXT_SIZE];
	if (take_wait(a, &x, e) != 0 || agent_config_load(cmd_option_value(a, "config"), &c, e) != 0 ||
	    take_present(&x, &c, cmd_option_value(a, "endpoint"), e) != 0)
		return -1;
	clock_text(clock_wall_us(), today);
	if (prepare(&x, arena_printf(x.arena, "-%.10s", today), e) != 0)
		return -1;
	return ask(&x, e);
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
    {.name = "config", .letter = 'c', .value = "FILE", .help = "agent.yaml", .required = true},
    {.name = "endpoint", .value = "TCP", .help = "the controller's enrolment address, such as tcp://controller:7100", .required = true},
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
        .details = "Before the certificate expires, or when keys are to be changed. Makes curve-DATE.key and report-DATE.key beside the certificate; "
                   "the present "
                   "report key vouches for them, and somebody with an enrol key approves as for a new agent. For 7 days the controller takes both, "
                   "so that the "
                   "agent can be started again at a quiet time.",
        .example = "rollcall-agent renew --config /etc/rollcall/agent.yaml --endpoint tcp://controller:7100",
        .options = renew_options,
        .run = run_renew,
    },
    {0},
};
