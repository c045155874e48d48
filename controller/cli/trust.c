/* `rollcall trust show | sign | verify | certify`. Making and changing documents is in trust_edit.c, freshness documents in trust_fresh.c. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/cli/table.h"
#include "common/crypto/dsse.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "common/wire/request.h"
#include "controller/cli/commands.h"
#include "controller/cli/key_option.h"
#include "controller/cli/trust_cli.h"

/* ---- show ---------------------------------------------------------------------------------------------------------------------------------------- */

static const char *signed_text(const struct trust_key *k, const struct envelope *env)
{
	return dsse_signed_by(env, TYPE_TRUST, k->public_key) ? "yes" : "no";
}

static void show_head(const struct trust *t)
{
	char made[CLOCK_TEXT_SIZE], ends[CLOCK_TEXT_SIZE];
	output_say("fleet %s, version %" PRIu64 ", made %s, expires %s", t->fleet, t->version, clock_text(t->created_at_us, made),
	           clock_text(t->expires_at_us, ends));
	for (size_t i = 0; i < t->n_controller_keys; i++)
		output_say("controller key %s", t->controller_keys[i]);
}

/* "region=eu; tier=gold": one that holds is enough. NULL: everywhere. */
static const char *scope_text(const struct trust_role *r, struct arena *a)
{
	const char *text = NULL;
	for (size_t i = 0; i < r->n_scopes; i++)
		text = text ? arena_printf(a, "%s; %s", text, r->scopes[i]) : r->scopes[i];
	return text;
}

static int run_show(const struct cmd_args *args, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(TRUST_CLI_ARENA);
	AUTO(table_destroy) struct table *rows = table_new("role,#threshold,owner,key,signed,+scope");
	struct envelope env;
	struct trust t;
	if (trust_file_load(cmd_argument(args, 0), a, &env, &t, e) != 0)
		return -1;
	for (size_t i = 0; i < t.n_roles; i++) {
		const struct trust_role *r = &t.roles[i];
		const char *threshold = arena_printf(a, "%" PRIu32, r->threshold);
		const char *scope = scope_text(r, a);
		if (r->n_key_ids == 0)
			table_row(rows, (const char *const[]){r->name, threshold, NULL, NULL, NULL, scope});
		for (size_t k = 0; k < r->n_key_ids; k++) {
			const struct trust_key *key = trust_key(&t, r->key_ids[k]);
			table_row(rows,
			          (const char *const[]){r->name, threshold, key ? key->owner : NULL, r->key_ids[k], key ? signed_text(key, &env) : NULL, scope});
		}
	}
	show_head(&t);
	table_print(rows, cmd_output(args), "roles", stdout);
	trust_cli_next(cmd_argument(args, 0), &t, &env, NULL);
	return EXIT_DONE;
}

/* ---- sign ---------------------------------------------------------------------------------------------------------------------------------------- */

static bool is_root_key(const struct trust *t, const struct sign_key *k)
{
	uint8_t public_key[SIGN_PUBLIC_SIZE];
	const struct trust_role *root = trust_role(t, ROLE_ROOT);
	sign_key_public(k, public_key);
	for (size_t i = 0; root && i < root->n_key_ids; i++) {
		const struct trust_key *key = trust_key(t, root->key_ids[i]);
		if (key && memcmp(key->public_key, public_key, SIGN_PUBLIC_SIZE) == 0)
			return true;
	}
	return false;
}

static int run_sign(const struct cmd_args *args, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(TRUST_CLI_ARENA);
	AUTO(sign_key_destroy) struct sign_key *k = NULL;
	const char *path = cmd_argument(args, 0), *old_path = cmd_option_value(args, "after");
	struct envelope env, old_env;
	struct trust t, old;
	if (trust_file_load(path, a, &env, &t, e) != 0 || trust_check_shape(&t, e) != 0)
		return -1;
	if (old_path && trust_file_load(old_path, a, &old_env, &old, e) != 0)
		return -1;
	if (key_option_load(args, a, &k, e) != 0)
		return -1;
	/* The root keys of version 1 are all in it; later versions are signed by the keys of the one before, too. */
	if (!is_root_key(&t, k) && (t.version == 1 || (old_path && !is_root_key(&old, k))))
		return err_set(e, ERR_POLICY, "%s: this key is not in role root of the document, so its signature would not count: nothing was signed", path);
	if (dsse_sign(&env, k, a, e) != 0)
		return err_wrap(e, "%s", path);
	if (envelope_save(path, &env, e) != 0)
		return -1;
	output_say("%s: signed%s.", path,
	           is_root_key(&t, k) ? "" : " by a key that is not a root key of this version: it counts only for the version before");
	trust_cli_next(path, &t, &env, old_path ? &old : NULL);
	return EXIT_DONE;
}

/* ---- verify -------------------------------------------------------------------------------------------------------------------------------------- */

static int run_verify(const struct cmd_args *args, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(TRUST_CLI_ARENA);
	const char *path = cmd_argument(args, 0), *old_path = cmd_option_value(args, "after");
	struct envelope env, old_env;
	struct trust t, old;
	int64_t now_us = clock_wall_us();
	if (trust_file_load(path, a, &env, &t, e) != 0)
		return -1;
	if (old_path && (trust_file_load(old_path, a, &old_env, &old, e) != 0 || trust_check_role(&old, ROLE_ROOT, &old_env, TYPE_TRUST, e) != 0))
		return err_wrap(e, "--after");
	if ((old_path ? trust_check_next(&old, &t, &env, true, now_us, e) : trust_check_self(&t, &env, now_us, e)) != 0)
		return err_wrap(e, "%s", path);
	char at[CLOCK_TEXT_SIZE];
	printf("%s: fleet %s, version %" PRIu64 ": the root signatures are enough%s; expires %s\n", path, t.fleet, t.version,
	       old_path ? ", of this version and of the one before" : "", clock_text(t.expires_at_us, at));
	return EXIT_DONE;
}

/* ---- certify ------------------------------------------------------------------------------------------------------------------------------------- */

static int load_trust(const struct cmd_args *args, struct arena *a, struct trust *ret, struct err *e)
{
	struct envelope env;
	const char *path = cmd_option_value(args, "trust");
	if (trust_file_load(path, a, &env, ret, e) != 0)
		return -1;
	return trust_check_self(ret, &env, clock_wall_us(), e) == 0 ? 0 : err_wrap(e, "%s", path);
}

static int run_certify(const struct cmd_args *args, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(TRUST_CLI_ARENA);
	AUTO(sign_key_destroy) struct sign_key *k = NULL;
	AUTO(table_destroy) struct table *rows = table_new("agent,site,valid-to,targets,+curve-key,file");
	const char *out = cmd_option_value(args, "out");
	int64_t now_us = clock_wall_us(), ends_us = now_us + 365 * DAY_US;
	struct envelope env;
	struct agent_request r;
	struct trust t;
	char at[CLOCK_TEXT_SIZE];
	if (request_load(cmd_argument(args, 0), a, &r, e) != 0 || time_option(args, "expires", now_us, &ends_us, e) != 0 ||
	    load_trust(args, a, &t, e) != 0)
		return -1;
	if (!out)
		out = arena_printf(a, "%s.cert", r.agent);
	if (key_option_load(args, a, &k, e) != 0 || certificate_make(&r, &t, k, now_us, ends_us, a, &env, e) != 0 || envelope_save(out, &env, e) != 0)
		return -1;
	AUTO(buf_done) struct buf targets = BUF_INIT;
	for (size_t i = 0; i < r.n_targets; i++)
		buf_addf(&targets, "%s%s", i ? " " : "", r.targets[i]);
	table_row(rows, (const char *const[]){r.agent, r.site, clock_text(ends_us, at), buf_str(&targets), r.curve_key, out});
	table_print(rows, cmd_output(args), "certificates", stdout);
	output_say("Next: take %s to the agent, and name it as `certificate` in its agent.yaml.", out);
	return EXIT_DONE;
}

static const struct cmd_option sign_options[] = {
    KEY_OPTIONS,
    {"after", 0, "FILE", "the version before: then it is told, too, who of its root keys has yet to sign", false, false},
    {0},
};

static const struct cmd_option verify_options[] = {
    {"after", 0, "FILE", "the version before: FILE must follow it by one, signed by the root keys of both", false, false},
    {0},
};

static const struct cmd_option certify_options[] = {
    KEY_OPTIONS,
    {"trust", 0, "FILE", "the signed trust document, in which the key must hold role enrol", false, true},
    {"expires", 0, "WHEN", "a date, or a time from now (default: 365d)", false, false},
    {"out", 0, "FILE", "where to write the certificate (default: AGENT.cert)", false, false},
    {0},
};

const struct cmd trust_commands[] = {
    {"trust init", NULL, "Write the first trust document of a fleet, unsigned",
     "Keys are the .pub files of 'rollcall keys new'; repeat an option for each key. A threshold is the number of different keys that must sign; 1 "
     "when it is "
     "not given. An environment whose --approver-threshold is 0 needs no approval; one that is not named at all can never be rolled out to.",
     "rollcall trust init --fleet shops --root ann.pub --root bob.pub --root-threshold 2 --release ann.pub --approver production=bob.pub "
     "--approver-threshold dev=0 --enrol bob.pub --expires 365d",
     trust_init_options, run_trust_init, 0, 0},
    {"trust add-key", "FILE KEY.pub...", "Give a role one more key, or several",
     "An unsigned document is changed in place. Of a signed one the next version is written to --out, unsigned: it needs the root signatures of both "
     "versions.",
     "rollcall trust add-key trust.env carol.pub --role approver/production --threshold 2 --out trust-2.env", trust_add_options, run_trust_add, 2,
     17},
    {"trust remove-key", "FILE KEY.pub|ID|OWNER", "Take a key out of a role, or out of all",
     "As add-key: of a signed document the next version is written to --out, unsigned.",
     "rollcall trust remove-key trust.env carol --role approver/production --out trust-2.env", trust_remove_options, run_trust_remove, 2, 2},
    {"trust rotate", "FILE [OLD NEW.pub]", "Put one key in another's place in every role, or only give the next version a later expiry",
     "OLD is a .pub file, an id or the owner's name. With a root key both the old and the new one sign: the next version needs the root signatures "
     "of the version before and of "
     "its own. With the fresh key every freshness document that the old one signed is dropped: that is the way out after it was stolen.",
     "rollcall trust rotate trust.env bob bob-2027.pub --expires 365d --out trust-2.env\nrollcall trust rotate trust.env --expires 365d --out "
     "trust-2.env",
     trust_rotate_options, run_trust_rotate, 1, 3},
    {"trust sign", "FILE", "Add a root signature to a trust document", "Says who must sign next. Needs no network: carry the file from key to key.",
     "rollcall trust sign trust.env --key ann\nrollcall trust sign trust-2.env --key ann --after trust.env", sign_options, run_sign, 1, 1},
    {"trust show", "FILE", "Show roles, keys and who has signed", "Nothing is believed here: 'rollcall trust verify' is what checks.",
     "rollcall trust show trust.env", NULL, run_show, 1, 1},
    {"trust verify", "FILE", "Check a trust document's shape, signatures and expiry", NULL,
     "rollcall trust verify trust.env\nrollcall trust verify trust-2.env --after trust.env", verify_options, run_verify, 1, 1},
    {"trust certify", "REQUEST", "Sign an agent's certificate",
     "REQUEST is the file that 'rollcall-agent init' wrote. Read it first: you vouch that this agent serves these targets.",
     "rollcall trust certify eu-1.request --key enrol --trust trust.env --out eu-1.cert", certify_options, run_certify, 1, 1},
    {"trust fresh", NULL, "Make a freshness document by hand",
     "It says, up to its expiry, what is revoked. A controller with a fresh_key makes them by itself; this is for fleets whose fresh key is kept "
     "elsewhere.",
     "rollcall trust fresh --trust trust.env --after fresh-1.env --revocation stolen.env --key fresh --out fresh-2.env", trust_fresh_options,
     run_trust_fresh, 0, 0},
    {"trust push", "FILE", "Give the controller the next trust document, a freshness document or a revocation",
     "The controller checks the signatures, uses it at once and names it to every agent; each agent fetches it and checks it again. Before it "
     "stores a trust document it looks whom that would shut out (agents whose certificates' key leaves role enrol, or that cannot step to it; a role "
     "whose threshold is out of reach, a key that is revoked), and refuses it then.",
     "rollcall trust push trust-2.env", trust_push_options, run_trust_push, 1, 1},
    {0},
};
