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
#include "controller/cli/order_show.h"
#include "controller/release/approve.h"
#include "controller/release/open.h"
#include "controller/release/trust_draft.h"

static int load_order(const char *path, struct arena *a, struct order *ret, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	if (file_read(path, LIMIT_DOCUMENT, &b, e) != 0)
		return -1;
	return order_decode(buf_bytes(&b), a, ret, e) == 0 ? 0 : err_wrap(e, "%s: not an order: give the file that 'rollcall rollout order' wrote", path);
}

static int load_targets(const struct cmd_args *args, uint64_t *ret, struct err *e)
{
	if (str_to_u64(cmd_option_value(args, "targets"), "--targets", 1, UINT32_MAX, ret, e) == 0)
		return 0;
	if (e)
		e->code = ERR_USAGE;
	return -1;
}

/* What is approved is this very list, not a number: it comes with the order, and its root is computed anew. */
static int load_list(const struct cmd_args *args, const struct order *o, struct arena *a, struct target_list *ret, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	const char *path = cmd_option_value(args, "target-list");
	if (!path)
		path = target_list_path(cmd_argument(args, 0), a);
	if (file_read(path, LIMIT_TARGET_LIST, &b, e) != 0)
		return err_wrap(e, "the target list, which 'rollcall rollout order' writes beside the order's file (or name it with --target-list)");
	if (target_list_read(path, buf_bytes(&b), a, ret, e) != 0)
		return -1;
	return target_list_check(ret, o, e) == 0 ? 0 : err_wrap(e, "%s: nothing was signed", path);
}

/* Its bytes must be those that the order names, which approval_make compares. Whether its own signatures are enough the agents ask, and here --trust. */
static int load_release(const struct cmd_args *args, struct arena *a, struct envelope *ret_env, struct release *ret, struct err *e)
{
	const char *path = cmd_option_value(args, "release"), *trust = cmd_option_value(args, "trust");
	const struct trust_key *signers[ENVELOPE_SIGNATURES_MAX];
	size_t n = 0;
	if (envelope_load(path, a, ret_env, e) != 0)
		return -1;
	if (!str_eq(ret_env->type, TYPE_RELEASE))
		return err_set(e, ERR_PARSE, "%s: not a release: give the file that 'rollcall release build' wrote", path);
	if (release_decode(ret_env->payload, a, ret, e) != 0)
		return err_wrap(e, "%s", path);
	if (!trust)
		return 0;
	if (release_verify(path, trust, clock_wall_us(), a, signers, ARRAY_LEN(signers), &n, e) != 0)
		return err_wrap(e, "nothing was signed");
	for (size_t i = 0; i < n; i++)
		output_say("signed by    %s (%s)", signers[i]->owner, signers[i]->id);
	return 0;
}

/* Who holds a key of the environment's roles: "ann, ben, carol". */
static const char *approvers_named(const struct trust *t, const char *environment, struct arena *a)
{
	const struct trust_role *roles[APPROVER_ROLES_MAX];
	size_t n = trust_approver_roles(t, environment, NULL, a, roles);
	const char *names = NULL;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < roles[i]->n_key_ids; k++) {
			const struct trust_key *key = trust_key(t, roles[i]->key_ids[k]);
			if (key)
				names = names ? arena_printf(a, "%s, %s", names, key->owner) : key->owner;
		}
	return names ? names : "nobody";
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
	output_say("Environment %s needs %d approval(s) by different keys; may sign: %s. Next: rollcall rollout hand-in %.8s APPROVAL...", o->environment,
	           needed, approvers_named(&t, o->environment, a), o->id);
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
	struct target_list list = {0};
	struct approval_terms terms = {.order = &o, .release = &release_env, .now_us = clock_wall_us(), .reason = cmd_option_value(args, "reason")};
	if (load_order(cmd_argument(args, 0), a, &o, e) != 0 || load_list(args, &o, a, &list, e) != 0 ||
	    load_release(args, a, &release_env, &release, e) != 0 || load_targets(args, &terms.targets, e) != 0 ||
	    time_option(args, "expires", terms.now_us, &terms.expires_at_us, e) != 0 || key_path(cmd_option_value(args, "key"), a, &key, e) != 0)
		return -1;
	terms.n_break_glass = cmd_option_values(args, "break-glass", &terms.break_glass);
	order_show(stderr, &o, &list, cmd_option_given(args, "all"));
	release_show(stderr, &release, a);
	output_say("statements   rollcall release show %s --sql%s", cmd_option_value(args, "release"),
	           cmd_option_value(args, "trust") ? "" : "; its signatures were not checked here (--trust FILE)");
	terms.approver = approver_name(args, key, owner);
	if (key_option_load(args, a, &k, e) != 0 || approval_make(&terms, k, a, &env, e) != 0)
		return -1;
	if (!out)
		out = arena_printf(a, "%.8s-%s.approval", o.id, strrchr(key, '/') ? strrchr(key, '/') + 1 : key);
	if (envelope_save(out, &env, e) != 0)
		return -1;
	files_print(&out, 1, cmd_output(args), stdout);
	return say_next(args, &o, a, e) == 0 ? EXIT_DONE : -1;
}

static const struct cmd_option options[] = {
    KEY_OPTIONS,
    {"release", 0, "FILE", "the signed release: it must be the one that the order names", false, true},
    {"targets", 0, "N", "how many targets you approve: must be the order's number", false, true},
    {"reason", 0, "TEXT", "why, for the audit", false, true},
    {"as", 0, "NAME", "your name in the approval (default: the key's owner)", false, false},
    {"trust", 0, "FILE", "the trust document: the release's signatures are checked by it, and you are told how many approvals are needed", false,
     false},
    {"target-list", 0, "FILE", "the order's target list (default: ORDER.targets)", false, false},
    {"all", 0, NULL, "show every target, not only the first 40 of each wave", false, false},
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
     "ORDER is the order's file, and ORDER.targets beside it the list of its targets, whose Merkle root is computed anew. What is approved is "
     "exactly "
     "these bytes, this release and these targets. A key that signed the release cannot approve it.",
     "rollcall approve order.bin --key bob --release shop-1.2.0.release --targets 12 --reason 'reviewed with Ann' --out bob.approval", options,
     run_approve, 1, 1},
    {0},
};
