/* `rollcall approve`: an approval made away from the network. The order's file came by some other way; what is in it is shown before the key is opened. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/cli/table.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "controller/cli/commands.h"
#include "controller/cli/key_option.h"
#include "controller/release/approve.h"
#include "controller/release/trust_draft.h"

static int load_order(const char *path, struct arena *a, struct order *ret, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	if (file_read(path, LIMIT_DOCUMENT, &b, e) != 0)
		return -1;
	return order_decode(buf_bytes(&b), a, ret, e) == 0 ? 0 : err_wrap(e, "%s: not an order", path);
}

static int load_targets(const struct cmd_args *args, uint64_t *ret, struct err *e)
{
	if (str_to_u64(cmd_option_value(args, "targets"), "--targets", 1, UINT32_MAX, ret, e) == 0)
		return 0;
	if (e)
		e->code = ERR_USAGE;
	return -1;
}

static void show_order(const struct order *o, const struct release *r)
{
	char hex[DIGEST_HEX_SIZE], from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE];
	output_say("order        %s: %s in %s", o->id, direction_name(o->direction), o->environment);
	output_say("release      %s %s, sequence %" PRIu64 "", o->project, o->release_version, o->release_sequence);
	for (size_t i = 0; r && i < r->n_changesets; i++)
		output_say("changeset    %s (%s:%u)", r->changesets[i].id, r->changesets[i].file, (unsigned)r->changesets[i].line);
	for (size_t i = 0; i < o->n_waves; i++)
		output_say("wave         %s: %" PRIu32 " targets", o->waves[i].name, o->waves[i].target_count);
	output_say("targets      %" PRIu32 "", o->target_count);
	output_say("valid        %s to %s", clock_text(o->not_before_us, from), clock_text(o->not_after_us, to));
	for (size_t i = 0; i < o->n_critical; i++)
		output_say("asks for     %s", o->critical[i]);
	output_say("sha256       %s", bytes_to_hex(bytes_of(o->digest, DIGEST_SIZE), hex));
}

/* The release's own signatures are the agents' concern; here the bytes must be those that the order names, which approval_make compares. */
static int load_release(const char *path, struct arena *a, struct envelope *ret_env, struct release *ret, struct err *e)
{
	if (envelope_load(path, a, ret_env, e) != 0)
		return -1;
	if (!str_eq(ret_env->type, TYPE_RELEASE))
		return err_set(e, ERR_PARSE, "%s: not a release: give the file that 'rollcall release build' wrote", path);
	return release_decode(ret_env->payload, a, ret, e) == 0 ? 0 : err_wrap(e, "%s", path);
}

static int say_next(const struct cmd_args *args, const struct order *o, struct arena *a, struct err *e)
{
	struct envelope env;
	struct trust t;
	const char *path = cmd_option_value(args, "trust");
	if (!path) {
		output_say("Next: the other approvers of %s do the same; then: rollcall rollout hand-in %.8s APPROVAL...", o->environment, o->id);
		return 0;
	}
	if (trust_file_load(path, a, &env, &t, e) != 0)
		return -1;
	int needed = approvals_needed(&t, o->environment);
	if (needed < 0)
		return err_set(e, ERR_POLICY, "%s: no role approver/%s: nobody can approve there", path, o->environment);
	output_say("Environment %s needs %d approval(s) by different keys of role approver/%s. Next: rollcall rollout hand-in %.8s APPROVAL...",
	           o->environment, needed, o->environment, o->id);
	return 0;
}

static const char *approver_name(const struct cmd_args *args, const char *key, char out[SIGN_OWNER_SIZE])
{
	AUTO(buf_done) struct buf pub = BUF_INIT;
	if (cmd_option_value(args, "as"))
		return cmd_option_value(args, "as");
	buf_addf(&pub, "%s.pub", key);
	sign_public_owner(pub.p, out);
	return out;
}

static int run_approve(const struct cmd_args *args, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_DOCUMENT);
	AUTO(sign_key_destroy) struct sign_key *k = NULL;
	const char *out = cmd_option_value(args, "out"), *key = NULL;
	char owner[SIGN_OWNER_SIZE];
	struct envelope release_env, env;
	struct release release = {0};
	struct order o = {0};
	struct approval_terms terms = {.order = &o, .release = &release_env, .now_us = clock_wall_us(), .reason = cmd_option_value(args, "reason")};
	if (load_order(cmd_argument(args, 0), a, &o, e) != 0 || load_release(cmd_option_value(args, "release"), a, &release_env, &release, e) != 0 ||
	    load_targets(args, &terms.targets, e) != 0 || time_option(args, "expires", terms.now_us, &terms.expires_at_us, e) != 0 ||
	    key_path(cmd_option_value(args, "key"), a, &key, e) != 0)
		return -1;
	terms.n_break_glass = cmd_option_values(args, "break-glass", &terms.break_glass);
	show_order(&o, &release);
	terms.approver = approver_name(args, key, owner);
	if (key_option_load(args, a, &k, e) != 0 || approval_make(&terms, k, a, &env, e) != 0)
		return -1;
	if (!out)
		out = arena_printf(a, "%.8s-%s.approval", o.id, strrchr(key, '/') ? strrchr(key, '/') + 1 : key);
	if (envelope_save(out, &env, e) != 0)
		return -1;
	printf("%s\n", out);
	return say_next(args, &o, a, e) == 0 ? EXIT_DONE : -1;
}

static const struct cmd_option options[] = {
    KEY_OPTIONS,
    {"release", 0, "FILE", "the signed release: it must be the one that the order names", false, true},
    {"targets", 0, "N", "how many targets you approve: must be the order's number", false, true},
    {"reason", 0, "TEXT", "why, for the audit", false, true},
    {"as", 0, "NAME", "your name in the approval (default: the key's owner)", false, false},
    {"trust", 0, "FILE", "the trust document, to be told how many approvals are needed", false, false},
    {"break-glass", 0, "TARGET",
     "an emergency: name each target of the order. Keys of role break-glass and one of the site sign so in place of the environment's approvers; it "
     "holds for 4 hours at most",
     true, false},
    {"expires", 0, "WHEN", "a date, or a time from now (default: when the order ends)", false, false},
    {"out", 0, "FILE", "where to write the approval (default: ORDER-KEY.approval)", false, false},
    {0},
};

const struct cmd approve_commands[] = {
    {"approve", "ORDER", "Approve an order away from the network",
     "ORDER is the order's file. What is approved is exactly these bytes, this release and this number of targets. A key that signed the release "
     "cannot "
     "approve it.",
     "rollcall approve order.bin --key bob --release shop-1.2.0.release --targets 12 --reason 'reviewed with Ann' --out bob.approval", options,
     run_approve, 1, 1},
    {0},
};
