/* `rollcall gate check | pass`: a wave's result as the agents' signed reports tell it, and a signature that it has passed. The reports come from the controller or, for keys that see no
 * network, out of an audit bundle; which keys count is said by the signer's own trust document. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "controller/cli/audit_fetch.h"
#include "controller/cli/commands.h"
#include "controller/cli/key_option.h"
#include "controller/cli/rollout_cli.h"
#include "controller/release/gate_pass.h"
#include "controller/release/trust_draft.h"

struct looking {
	struct arena *arena;
	struct bundle bundle;
	struct live live; /* open unless it was a bundle's file */
	struct trust trust; /* the signer's own */
	struct wave_evidence found;
};

static void looking_done(struct looking *k)
{
	live_close(&k->live);
	bundle_done(&k->bundle);
	arena_destroy(&k->arena);
}

static int own_trust(const struct cmd_args *args, struct looking *k, struct err *e)
{
	const char *path = cmd_option_value(args, "trust");
	struct envelope env;
	if (trust_file_load(path, k->arena, &env, &k->trust, e) != 0)
		return -1;
	return trust_check_role(&k->trust, ROLE_ROOT, &env, TYPE_TRUST, e) == 0 ? 0 : err_wrap(e, "%s", path);
}

static const char *only_order(const struct bundle *b)
{
	const char *found = NULL;
	for (size_t i = 0; i < b->n_documents; i++)
		if (str_eq(b->documents[i].kind, "order"))
			found = found ? "" : b->documents[i].name;
	return found ? found : "";
}

static int from_file(const struct cmd_args *args, struct looking *k, const char **ret_rollout, struct err *e)
{
	const char *path = cmd_argument(args, 0), *rollout = cmd_option_value(args, "rollout");
	if (bundle_load(path, &k->bundle, e) != 0)
		return -1;
	*ret_rollout = rollout ? rollout : only_order(&k->bundle);
	return **ret_rollout ? 0 : err_set(e, ERR_USAGE, "%s: it holds several orders, or none: say which with --rollout ID", path);
}

static int from_controller(const struct cmd_args *args, struct looking *k, const char **ret_rollout, struct err *e)
{
	bundle_init(&k->bundle);
	*ret_rollout = cmd_argument(args, 0);
	return live_open(args, &k->live, e) != 0 ? -1 : audit_fetch_order(&k->live, *ret_rollout, &k->bundle, e);
}

static bool is_file(const struct cmd_args *args)
{
	return access(cmd_argument(args, 0), R_OK) == 0;
}

static void show_targets(const struct cmd_args *args, const struct looking *k)
{
	AUTO(table_destroy) struct table *t = table_new("target,result,agent,ended,~detail");
	static const char *const words[] = {[WAVE_RESULT_DONE] = "done", [WAVE_RESULT_FAILED] = "failed", [WAVE_RESULT_NONE] = "no report"};
	char at[CLOCK_TEXT_SIZE];
	for (size_t i = 0; i < k->found.n_targets; i++) {
		const struct wave_target *w = &k->found.targets[i];
		table_row(t, (const char *const[]){w->target, *w->said ? w->said : words[w->result], w->agent,
		                                   w->ended_at_us ? clock_text(w->ended_at_us, at) : NULL, *w->detail ? w->detail : NULL});
	}
	table_print(t, cmd_output(args), "targets", stdout);
	fflush(stdout);
}

static void show(const struct cmd_args *args, const struct looking *k)
{
	const struct wave_evidence *w = &k->found;
	const struct order *o = &w->order;
	char hex[DIGEST_HEX_SIZE], at[CLOCK_TEXT_SIZE];
	show_targets(args, k);
	output_say("trust        %s", w->rests_on);
	output_say("order        %s: %s %s %s in %s, sha256 %s", o->id, direction_name(o->direction), o->project, o->release_version, o->environment,
	           bytes_to_hex(bytes_of(o->digest, DIGEST_SIZE), hex));
	output_say("wave         %s: %" PRIu32 " of %" PRIu32 " %s, %" PRIu32 " failed, %" PRIu32 " without a signed report", o->waves[w->wave].name,
	           w->done, w->n_targets, o->direction == DIRECTION_APPLY ? "applied" : "rolled back", w->failed, w->unreported);
	if (w->soak_until_us)
		output_say("soak         until %s", clock_text(w->soak_until_us, at));
	if (o->waves[w->wave].n_probes)
		output_say("probes       %zu, of whose values only the controller tells", o->waves[w->wave].n_probes);
}

static int look(const struct cmd_args *args, struct looking *k, struct err *e)
{
	const char *rollout = NULL;
	k->arena = arena_new(BUNDLE_ARENA_BYTES);
	if (own_trust(args, k, e) != 0 || (is_file(args) ? from_file(args, k, &rollout, e) : from_controller(args, k, &rollout, e)) != 0 ||
	    wave_evidence(&k->bundle, &k->trust, rollout, cmd_option_value(args, "wave"), k->arena, &k->found, e) != 0 ||
	    trust_check_time(k->found.trust, clock_wall_us(), e) != 0)
		return -1;
	show(args, k);
	return 0;
}

static int typed_without(const struct cmd_args *args, uint64_t *ret, struct err *e)
{
	const char *given = cmd_option_value(args, "without");
	*ret = 0;
	if (!given || str_to_u64(given, "--without", 0, UINT32_MAX, ret, e) == 0)
		return 0;
	e->code = ERR_USAGE;
	return -1;
}

static int run_check(const struct cmd_args *args, struct err *e)
{
	AUTO(looking_done) struct looking k = {.arena = NULL};
	uint64_t without = 0;
	if (typed_without(args, &without, e) != 0 || look(args, &k, e) != 0 || wave_may_pass(&k.found, without, clock_wall_us(), e) != 0)
		return -1;
	output_say("it has passed. Next, with a key of role gate: rollcall gate pass %s --trust %s --key KEY", cmd_argument(args, 0),
	           cmd_option_value(args, "trust"));
	return EXIT_DONE;
}

/* ---- pass ---- */

static int sign(const struct cmd_args *args, struct looking *k, const char *key_file, struct envelope *ret, struct err *e)
{
	AUTO(sign_key_destroy) struct sign_key *key = NULL;
	char owner[SIGN_OWNER_SIZE] = "";
	struct gate_terms terms = {.evidence = &k->found, .reason = cmd_option_value(args, "reason"), .now_us = clock_wall_us()};
	if (time_option(args, "expires", terms.now_us, &terms.expires_at_us, e) != 0)
		return -1;
	sign_public_owner(arena_printf(k->arena, "%s.pub", key_file), owner);
	terms.signer = cmd_option_value(args, "as") ? cmd_option_value(args, "as") : owner;
	return key_option_load(args, k->arena, &key, e) != 0 ? -1 : gate_pass_make(&terms, key, k->arena, ret, e);
}

static int write_pass(const struct cmd_args *args, struct looking *k, const char *key_file, const struct envelope *env, struct err *e)
{
	const char *path = cmd_option_value(args, "out"), *slash = strrchr(key_file, '/');
	const struct order *o = &k->found.order;
	if (!path)
		path = arena_printf(k->arena, "%.8s-%s-%s.pass", o->id, o->waves[k->found.wave].name, slash ? slash + 1 : key_file);
	if (envelope_save(path, env, e) != 0)
		return -1;
	files_print(&path, 1, cmd_output(args), stdout);
	output_say("Next: rollcall rollout hand-in %.8s %s", o->id, path);
	return EXIT_DONE;
}

static int hand_in(const struct cmd_args *args, struct looking *k, const struct envelope *env, struct err *e)
{
	AUTO(answer_done) struct answer r = {0};
	AUTO(buf_done) struct buf data = BUF_INIT;
	struct question q = {.verb = VERB_ROLLOUT_APPROVE};
	envelope_encode(env, &data);
	question_add(&q, "rollout", k->found.order.id);
	q.document = buf_bytes(&data);
	return live_ask(&k->live, &q, &r, e) != 0 ? -1 : rollout_answer_and_wait(args, &k->live, &r, e);
}

static int run_pass(const struct cmd_args *args, struct err *e)
{
	AUTO(looking_done) struct looking k = {.arena = NULL};
	struct envelope env;
	uint64_t without = 0;
	const char *key_file = NULL;
	if (typed_without(args, &without, e) != 0 || look(args, &k, e) != 0 || wave_may_pass(&k.found, without, clock_wall_us(), e) != 0 ||
	    key_path(cmd_option_value(args, "key"), k.arena, &key_file, e) != 0 || sign(args, &k, key_file, &env, e) != 0)
		return -1;
	return is_file(args) || cmd_option_given(args, "out") ? write_pass(args, &k, key_file, &env, e) : hand_in(args, &k, &env, e);
}

#define LOOK_OPTIONS                                                                                                                       \
	{"trust", 0, "FILE", "your own trust document, any version: what follows from it says whose reports count", false, true},              \
	    {"wave", 0, "NAME", "which wave (default: the last one that is reported on and that another one waits for)", false, false},        \
	    {"rollout", 0, "ID", "which order, where a bundle holds several", false, false},                                                   \
	{                                                                                                                                      \
		"without", 0, "N", "so many of its targets have no report, and that is known to you: they were skipped, or deferred", false, false \
	}

static const struct cmd_option check_options[] = {LOOK_OPTIONS, CONTEXT_OPTIONS, {0}};
static const struct cmd_option pass_options[] = {
    KEY_OPTIONS,
    LOOK_OPTIONS,
    {"reason", 0, "TEXT", "for the audit", false, false},
    {"as", 0, "NAME", "your name in the pass (default: the key's owner)", false, false},
    {"expires", 0, "WHEN", "a date, or a time from now (default: when the order ends)", false, false},
    {"out", 0, "FILE", "write it into a file instead of handing it in (with a bundle always; default: ORDER-WAVE-KEY.pass)", false, false},
    WAIT_OPTIONS,
    CONTEXT_OPTIONS,
    {0},
};

const struct cmd gate_commands[] = {
    {"gate check", "ROLLOUT|BUNDLE", "Look at a wave's result as the agents' signed reports tell it",
     "Fetches the order and the signed reports, or reads them from an audit bundle ('rollcall audit export --format bundle'), checks each signature "
     "and each agent's chain of reports, and says whether the wave has passed by the approved order's own words: failures, successes, soak.",
     "rollcall gate check 3f2a91bc --trust trust.env", check_options, run_check, 1, 1},
    {"gate pass", "ROLLOUT|BUNDLE", "Sign that a wave has passed, so that sites begin the next one",
     "Where the trust document has a role gate, or gate/ENVIRONMENT, no site begins a later wave of an order without as many of that role's "
     "signatures "
     "as its threshold says. The same checks as 'gate check', then the signature; nothing is signed when they fail. With a ROLLOUT the pass is "
     "handed in at once; with a BUNDLE, on a machine without a network, it is written into a file for 'rollcall rollout hand-in'.",
     "rollcall gate pass 3f2a91bc --trust trust.env --key gina\nrollcall gate pass all.audit --rollout 3f2a91bc --trust trust.env --key ./gina",
     pass_options, run_pass, 1, 1},
    {0},
};
