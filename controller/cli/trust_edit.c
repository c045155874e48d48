/* `rollcall trust init | add-key | remove-key | rotate`: making and changing trust documents. */
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
#include "common/link/curve.h"
#include "common/wire/documents.h"
#include "controller/cli/key_option.h"
#include "controller/cli/trust_cli.h"

static void say_missing(const char *path, const char *of, const struct trust *by, const struct envelope *env, bool *missing)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	trust_draft_next(by, env, &b);
	if (b.n)
		output_say("%s:%s %s run 'rollcall trust sign %s --key KEY'.", path, of, buf_str(&b), path);
	*missing |= b.n > 0;
}

void trust_cli_next(const char *path, const struct trust *t, const struct envelope *env, const struct trust *before)
{
	bool missing = false;
	say_missing(path, before ? " by its own root keys:" : "", t, env, &missing);
	if (before)
		say_missing(path, " by the root keys of the version before:", before, env, &missing);
	if (missing)
		return;
	if (t->version > 1 && !before)
		output_say(
		    "%s: the root signatures of this version are enough. Next: 'rollcall trust verify %s --after OLD' tells whether those of the version "
		    "before are, too.",
		    path, path);
	else if (t->version > 1)
		output_say("%s: the root signatures are enough, of this version and of the one before. Next: 'rollcall trust push %s'.", path, path);
	else
		output_say("%s: the root signatures are enough. Next: give it to the controller and to every agent.", path);
}

/* ---- init ---------------------------------------------------------------------------------------------------------------------------------------- */

static int add_keys(const struct cmd_args *args, const char *option, const char *role, struct trust *t, struct arena *a, struct err *e)
{
	const char *const *values;
	size_t n = cmd_option_values(args, option, &values);
	for (size_t i = 0; i < n; i++)
		if (trust_draft_add(t, role, public_key_path(values[i], a), a, e) != 0)
			return err_wrap(e, "--%s", option);
	return 0;
}

static int set_threshold(const char *option, const char *text, const char *role, struct trust *t, struct arena *a, struct err *e)
{
	uint64_t n;
	if (!text)
		return 0;
	if (str_to_u64(text, option, 0, TRUST_KEYS_MAX, &n, e) != 0) {
		if (e)
			e->code = ERR_USAGE;
		return -1;
	}
	trust_draft_threshold(t, role, (uint32_t)n, a);
	return 0;
}

/* "ENV=VALUE" into the role's name and the value. */
static int split_environment(const char *option, const char *text, struct arena *a, const char **ret_role, const char **ret_value, struct err *e)
{
	const char *eq = strchr(text, '=');
	const char *environment = eq ? arena_strndup(a, text, (size_t)(eq - text)) : NULL;
	if (!eq || str_empty(environment) || !eq[1])
		return err_set(e, ERR_USAGE, "--%s %s: write it as ENVIRONMENT=%s, such as production=%s", option, text,
		               str_eq(option, "approver")         ? "KEY.pub"
		               : str_eq(option, "approver-scope") ? "SELECTOR"
		                                                  : "N",
		               str_eq(option, "approver")         ? "bob.pub"
		               : str_eq(option, "approver-scope") ? "region=eu"
		                                                  : "2");
	*ret_role = arena_printf(a, ROLE_APPROVER_PREFIX "%s", environment);
	*ret_value = eq + 1;
	return 0;
}

static int add_approvers(const struct cmd_args *args, struct trust *t, struct arena *a, struct err *e)
{
	const char *const *values, *role = NULL, *value = NULL;
	size_t n = cmd_option_values(args, "approver", &values);
	for (size_t i = 0; i < n; i++)
		if (split_environment("approver", values[i], a, &role, &value, e) != 0 || trust_draft_add(t, role, public_key_path(value, a), a, e) != 0)
			return -1;
	n = cmd_option_values(args, "approver-threshold", &values);
	for (size_t i = 0; i < n; i++)
		if (split_environment("approver-threshold", values[i], a, &role, &value, e) != 0 ||
		    set_threshold("approver-threshold", value, role, t, a, e) != 0)
			return -1;
	n = cmd_option_values(args, "approver-scope", &values);
	for (size_t i = 0; i < n; i++) {
		if (split_environment("approver-scope", values[i], a, &role, &value, e) != 0)
			return -1;
		trust_draft_scope(t, role, value, a);
	}
	return 0;
}

static int add_controllers(const struct cmd_args *args, struct trust *t, struct arena *a, struct err *e)
{
	const char *const *values;
	size_t n = cmd_option_values(args, "controller", &values);
	t->controller_keys = arena_alloc(a, n * sizeof *t->controller_keys);
	for (size_t i = 0; i < n; i++) {
		char text[CURVE_KEY_TEXT_SIZE];
		if (curve_public_read(values[i], text, e) != 0)
			return err_wrap(e, "--controller");
		t->controller_keys[t->n_controller_keys++] = arena_strdup(a, text);
	}
	return 0;
}

static int add_roles(const struct cmd_args *args, struct trust *t, struct arena *a, struct err *e)
{
	static const char *const roles[] = {ROLE_ROOT, ROLE_RELEASE, ROLE_ENROL, ROLE_FRESH, ROLE_GATE};
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (add_keys(args, roles[i], roles[i], t, a, e) != 0)
			return -1;
	if (set_threshold("root-threshold", cmd_option_value(args, "root-threshold"), ROLE_ROOT, t, a, e) != 0 ||
	    set_threshold("release-threshold", cmd_option_value(args, "release-threshold"), ROLE_RELEASE, t, a, e) != 0 ||
	    set_threshold("gate-threshold", cmd_option_value(args, "gate-threshold"), ROLE_GATE, t, a, e) != 0)
		return -1;
	return add_approvers(args, t, a, e) != 0 || add_controllers(args, t, a, e) != 0 ? -1 : 0;
}

int run_trust_init(const struct cmd_args *args, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(TRUST_CLI_ARENA);
	const char *out = cmd_option_value(args, "out");
	int64_t now_us = clock_wall_us();
	struct envelope env;
	struct trust t = {.fleet = cmd_option_value(args, "fleet"), .version = 1, .created_at_us = now_us, .expires_at_us = now_us + 365 * DAY_US};
	if (!out)
		out = "trust.env";
	if (file_exists(out))
		return err_set(e, ERR_EXISTS, "%s: exists already and is left as it is: give another --out", out);
	if (time_option(args, "expires", now_us, &t.expires_at_us, e) != 0 || add_roles(args, &t, a, e) != 0)
		return -1;
	if (trust_draft_close(&t, a, &env, e) != 0 || envelope_save(out, &env, e) != 0)
		return -1;
	files_print(&out, 1, cmd_output(args), stdout);
	trust_cli_next(out, &t, &env, NULL);
	return EXIT_DONE;
}

const struct cmd_option trust_init_options[] = {
    {"fleet", 0, "NAME", "the fleet's name: agents of another fleet refuse the document", false, true},
    {"root", 0, "KEY.pub", "who may change this document; repeat for more", true, true},
    {"root-threshold", 0, "N", "how many of them must sign it (default: 1)", false, false},
    {"release", 0, "KEY.pub", "who may sign releases; repeat for more", true, true},
    {"release-threshold", 0, "N", "how many of them must sign each release (default: 1)", false, false},
    {"approver", 0, "ENV=KEY.pub", "who may approve rollouts in an environment; repeat for more", true, false},
    {"approver-threshold", 0, "ENV=N", "how many of them must approve (default: 1); 0: none need to", true, false},
    {"approver-scope", 0, "ENV=SELECTOR",
     "only targets with these labels, as their own agents give them, are decided by this role; with ENV/NAME in place of ENV an environment has "
     "several such roles, and each "
     "that covers a target must approve",
     true, false},
    {"enrol", 0, "KEY.pub", "who may sign agents' certificates; repeat for more", true, false},
    {"fresh", 0, "KEY.pub",
     "who may sign freshness documents, the controller's own key as a rule; with one, agents begin nothing without a current document", true, false},
    {"gate", 0, "KEY.pub", "who may sign that a wave has passed; with one, no site begins a later wave without that signature; repeat for more", true,
     false},
    {"gate-threshold", 0, "N", "how many of them must sign (default: 1)", false, false},
    {"controller", 0, "KEY",
     "CURVE public key, or its file, of a controller that agents may talk to; repeat for more (default: any that agent.yaml pins)", true, false},
    {"expires", 0, "WHEN", "a date, or a time from now (default: 365d)", false, false},
    {"out", 0, "FILE", "where to write it (default: trust.env)", false, false},
    {0},
};

/* ---- add-key, remove-key, rotate ----------------------------------------------------------------------------------------------------------------- */

struct edit { /* an unsigned document is changed in place; of a signed one the next version is made */
	const char *path, *out;
	struct envelope env;
	struct trust before, t;
	int64_t now_us;
	enum output_format format;
};

static int begin_edit(const struct cmd_args *args, struct arena *a, struct edit *ret, struct err *e)
{
	struct edit d = {.path = cmd_argument(args, 0), .out = cmd_option_value(args, "out"), .now_us = clock_wall_us(), .format = cmd_output(args)};
	if (trust_file_load(d.path, a, &d.env, &d.before, e) != 0 || trust_file_load(d.path, a, &d.env, &d.t, e) != 0)
		return -1;
	if (d.env.n_signatures && !d.out)
		return err_set(e, ERR_USAGE, "%s: it is signed, so it stays as it is: say with --out FILE where the next version goes", d.path);
	if (d.out && file_exists(d.out))
		return err_set(e, ERR_EXISTS, "%s: exists already and is left as it is: give another --out", d.out);
	if (d.env.n_signatures) {
		d.t.version++;
		d.t.created_at_us = d.now_us;
	}
	if (!d.out)
		d.out = d.path;
	*ret = d;
	return time_option(args, "expires", d.now_us, &ret->t.expires_at_us, e);
}

/* Agents whose certificates only such a key signed do not start again, nor are they let in: found out too late by who did not know. */
static void warn_of_certificates(const struct edit *d)
{
	const struct trust_role *was = trust_role(&d->before, ROLE_ENROL), *is = trust_role(&d->t, ROLE_ENROL);
	for (size_t i = 0; was && i < was->n_key_ids; i++) {
		if (is && trust_role_has(is, was->key_ids[i]))
			continue;
		output_say(
		    "%s: key %s leaves role enrol: with this in force, agents whose certificates it signed are let in nowhere. To change the key of a fleet "
		    "that runs: add the new one beside it ('rollcall trust add-key --role enrol'), push that, name the new one in enrol_key of "
		    "controller.yaml, have each agent renew ('rollcall-agent renew'), and take the old one out then.",
		    d->out, was->key_ids[i]);
	}
}

static int finish_edit(struct edit *d, struct arena *a, struct err *e)
{
	struct envelope env;
	bool next = d->env.n_signatures > 0;
	if (trust_draft_close(&d->t, a, &env, e) != 0 || envelope_save(d->out, &env, e) != 0)
		return -1;
	files_print(&d->out, 1, d->format, stdout);
	if (next)
		output_say("%s: version %" PRIu64 ", unsigned. The root keys of the version before must sign it, too.", d->out, d->t.version);
	if (next)
		warn_of_certificates(d);
	trust_cli_next(d->out, &d->t, &env, next ? &d->before : NULL);
	return EXIT_DONE;
}

static void add_scopes(const struct cmd_args *args, const char *role, struct trust *t, struct arena *a)
{
	const char *const *values;
	size_t n = cmd_option_values(args, "scope", &values);
	for (size_t i = 0; i < n; i++)
		trust_draft_scope(t, role, values[i], a);
}

int run_trust_add(const struct cmd_args *args, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(TRUST_CLI_ARENA);
	const char *role = cmd_option_value(args, "role");
	struct edit d;
	if (begin_edit(args, a, &d, e) != 0)
		return -1;
	for (size_t i = 1; i < cmd_argument_count(args); i++)
		if (trust_draft_add(&d.t, role, public_key_path(cmd_argument(args, i), a), a, e) != 0)
			return -1;
	if (set_threshold("threshold", cmd_option_value(args, "threshold"), role, &d.t, a, e) != 0)
		return -1;
	add_scopes(args, role, &d.t, a);
	return finish_edit(&d, a, e);
}

int run_trust_remove(const struct cmd_args *args, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(TRUST_CLI_ARENA);
	const char *role = cmd_option_value(args, "role"), *threshold = cmd_option_value(args, "threshold");
	char id[KEY_ID_SIZE];
	struct edit d;
	if (threshold && !role)
		return err_set(e, ERR_USAGE, "--threshold without --role: say whose");
	if (begin_edit(args, a, &d, e) != 0 || trust_draft_find(&d.t, cmd_argument(args, 1), id, e) != 0 || trust_draft_remove(&d.t, role, id, e) != 0 ||
	    set_threshold("threshold", threshold, role, &d.t, a, e) != 0)
		return -1;
	return finish_edit(&d, a, e);
}

int run_trust_rotate(const struct cmd_args *args, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(TRUST_CLI_ARENA);
	char id[KEY_ID_SIZE];
	struct edit d;
	if (cmd_argument_count(args) == 2)
		return err_set(e, ERR_USAGE, "%s: by which key? Give its .pub file, too", cmd_argument(args, 1));
	if (begin_edit(args, a, &d, e) != 0)
		return -1;
	if (cmd_argument_count(args) == 3 && (trust_draft_find(&d.t, cmd_argument(args, 1), id, e) != 0 ||
	                                      trust_draft_replace(&d.t, id, public_key_path(cmd_argument(args, 2), a), a, e) != 0))
		return -1;
	return finish_edit(&d, a, e);
}

#define EDIT_OPTIONS                                                                                        \
	{"expires", 0, "WHEN", "a date, or a time from now (default: as it was)", false, false},                \
	{                                                                                                       \
		"out", 0, "FILE", "where to write it (default: in place, when nobody has signed yet)", false, false \
	}

const struct cmd_option trust_add_options[] = {
    {"role", 0, "ROLE", "root, release, enrol, fresh, site, break-glass, gate, gate/ENVIRONMENT, approver/ENVIRONMENT or approver/ENVIRONMENT/NAME",
     false, true},
    {"scope", 0, "SELECTOR", "for approver roles: only targets with these labels; repeat for more", true, false},
    {"threshold", 0, "N", "the role's new threshold (default: as it was; 1 for a new role)", false, false},
    EDIT_OPTIONS,
    {0},
};
const struct cmd_option trust_remove_options[] = {
    {"role", 0, "ROLE", "only out of this role (default: out of all)", false, false},
    {"threshold", 0, "N", "the role's new threshold (default: as it was)", false, false},
    EDIT_OPTIONS,
    {0},
};
const struct cmd_option trust_rotate_options[] = {EDIT_OPTIONS, {0}};
