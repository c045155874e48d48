/* `rollcall-agent windows` and `rollcall-agent policy show | sign`: the site's own document, for those who write it and for those who ask what it says now. */
#include <inttypes.h>
#include <stdio.h>

#include "agent/cli/commands.h"
#include "agent/cli/desk.h"
#include "agent/daemon/site.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/cli/table.h"
#include "common/crypto/dsse.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"

#define POLICY_ARENA ((size_t)64 * 1024 * 1024)

static int view_open(const struct cmd_args *a, struct desk *d, struct site_view *v, struct err *e)
{
	if (desk_open(a, d, e) != 0 || site_view_read(&d->config, d->journal, d->arena, v, e) != 0)
		return -1;
	return v->unreadable ? err_set(e, ERR_POLICY, "%s. Nothing begins at this site until that is corrected", v->unreadable) : 0;
}

/* ---- windows ---- */

static void window_row(struct table *t, const struct site_view *v, const char *target, int64_t now_us)
{
	struct policy_facts f = site_view_facts(v, target, true, now_us);
	struct policy_verdict verdict;
	char next[CLOCK_TEXT_SIZE];
	policy_decide(&f, &verdict);
	bool yes = verdict.answer == POLICY_YES;
	const char *when = yes ? "now" : verdict.until_us ? clock_text(verdict.until_us, next) : NULL;
	table_row(t,
	          (const char *const[]){target, yes ? "open" : policy_answer_code(verdict.answer), when,
	                                v->has_policy && policy_wants_consent(&v->policy, target) ? "asked" : "not asked", yes ? NULL : verdict.reason});
}

static int run_windows(const struct cmd_args *a, struct err *e)
{
	AUTO(desk_done) struct desk d = {.journal = NULL};
	AUTO(table_destroy) struct table *t = table_new("target,state,next-opening,consent,~detail");
	struct site_view v;
	int64_t at_us = clock_wall_us();
	if (view_open(a, &d, &v, e) != 0 || desk_time_option(a, "at", at_us, &at_us, e) != 0)
		return -1;
	for (size_t i = 0; i < d.config.n_targets; i++)
		window_row(t, &v, d.config.targets[i].target.id, at_us);
	table_print(t, cmd_output(a), "windows", stdout);
	if (!v.has_policy)
		output_say("this site has no policy document: only holds stop a delivery ('policy' in agent.yaml names one)");
	return EXIT_DONE;
}

/* ---- policy show ---- */

static const char *join(struct arena *a, const char *const *list, size_t n, const char *none)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "%s%s", i ? ", " : "", list[i]);
	return n ? arena_strdup(a, buf_str(&b)) : none;
}

static const char *days_text(struct arena *a, uint8_t days)
{
	static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
	const char *list[7];
	size_t n = 0;
	for (unsigned i = 0; i < 7; i++)
		if (days >> i & 1)
			list[n++] = names[i];
	return n == 7 ? "daily" : join(a, list, n, "");
}

static const char *date_text(struct arena *a, int64_t day)
{
	char text[CLOCK_TEXT_SIZE];
	return arena_printf(a, "%.10s", clock_text(day * 86400 * INT64_C(1000000) + 1, text));
}

static const char *cap_text(struct arena *a, uint32_t ms, bool of_config)
{
	char text[CLOCK_TEXT_SIZE];
	return ms ? arena_printf(a, "%s%s", clock_duration_text((int64_t)ms * 1000, text), of_config ? ", as agent.yaml says" : "")
	          : "as agent.yaml says";
}

static void calendar_rows(struct table *t, struct arena *a, const struct calendar *c)
{
	for (size_t i = 0; i < c->n_windows; i++) {
		const struct window *w = &c->windows[i];
		table_rowf(t, "window\t%s %02d:%02d to %02d:%02d %s, targets %s", days_text(a, w->days), w->from / 60, w->from % 60, w->to / 60, w->to % 60,
		           zone_name(w->zone), join(a, w->targets, w->n_targets, "all"));
	}
	for (size_t i = 0; i < c->n_blackouts; i++) {
		const struct blackout *b = &c->blackouts[i];
		table_rowf(t, "blackout\t%s to %s %s, targets %s%s%s", date_text(a, b->first_day), date_text(a, b->last_day), zone_name(b->zone),
		           join(a, b->targets, b->n_targets, "all"), b->reason ? ": " : "", b->reason ? b->reason : "");
	}
}

static const char *break_glass_text(struct arena *a, const struct break_glass_rule *r)
{
	if (r->nobody)
		return "nobody";
	if (!r->n_keys && !r->n_site_keys && !r->minimum)
		return "as the trust document says";
	const char *least = r->minimum ? arena_printf(a, "%" PRIu32 " or more of ", r->minimum) : "";
	return arena_printf(a, "%s%s (role break-glass), with %s (the site's role)", least, join(a, r->keys, r->n_keys, "any key"),
	                    join(a, r->site_keys, r->n_site_keys, "any key"));
}

static void policy_rows(struct table *t, struct arena *a, const struct policy *p)
{
	const char *classes[STEP_CLASS_COUNT];
	size_t n = 0;
	for (int c = 0; c < STEP_CLASS_COUNT; c++)
		if (p->deny_class[c])
			classes[n++] = step_class_name((enum step_class)c);
	table_rowf(t, "site\t%s", p->site);
	table_rowf(t, "version\t%" PRIu64, p->version);
	table_rowf(t, "vouched for\t%s", p->source);
	calendar_rows(t, a, &p->calendar);
	table_rowf(t, "consent\t%s", join(a, p->consent, p->n_consent, "not asked"));
	table_rowf(t, "denied statements\t%s", join(a, p->deny, p->n_deny, "none"));
	table_rowf(t, "denied classes\t%s", join(a, classes, n, "none"));
	table_rowf(t, "minimum approvals\t%" PRIu32, p->minimum_approvals);
	table_rowf(t, "break glass\t%s", break_glass_text(a, &p->break_glass));
	table_rowf(t, "wave gate\t%s", p->wave_gate_signed ? "signed" : "as the trust document says");
	table_rowf(t, "drift\t%s", p->refuse_drift ? "refuse" : "report, unless the order says refuse");
	table_rowf(t, "longest lock\t%s", cap_text(a, p->longest_lock_ms, p->lock_of_config));
	table_rowf(t, "longest statement\t%s", cap_text(a, p->longest_statement_ms, p->statement_of_config));
	table_rowf(t, "largest table\t%s", table_limit_text(&p->largest_table, a));
}

static bool is_known(const char *name, const struct break_glass *all, bool of_site)
{
	for (size_t i = 0; i < all->n_votes; i++) {
		const struct break_glass_vote *v = &all->votes[i];
		if ((of_site ? v->of_site : v->of_safe) && (str_eq(v->owner, name) || str_eq(v->key_id, name)))
			return true;
	}
	return false;
}

/* A rule that nobody meets is allowed, but hardly meant: a key may have got another owner, or another generation. */
static void say_unknown(struct desk *d, const struct break_glass_rule *r)
{
	const struct break_glass *all = break_glass_all(&d->config.trust, d->config.site, d->arena);
	if (!all || r->nobody)
		return;
	for (size_t i = 0; i < r->n_keys; i++)
		if (!is_known(r->keys[i], all, false))
			output_say("break_glass: the trust document has no key '%s' in role break-glass: it counts for nobody", r->keys[i]);
	for (size_t i = 0; i < r->n_site_keys; i++)
		if (!is_known(r->site_keys[i], all, true))
			output_say("break_glass: the trust document has no key '%s' in the role of site %s: it counts for nobody", r->site_keys[i],
			           d->config.site);
	if (!break_glass_holds(all, r))
		output_say("break_glass: with the keys of the trust document that count here nobody can break glass; {keys: [none]} says so plainly");
}

static int run_policy_show(const struct cmd_args *a, struct err *e)
{
	AUTO(desk_done) struct desk d = {.journal = NULL};
	AUTO(table_destroy) struct table *t = table_new("rule,value");
	struct site_view v;
	if (view_open(a, &d, &v, e) != 0)
		return -1;
	policy_default_caps(&v.policy, d.config.lock_timeout_ms, d.config.statement_timeout_ms);
	if (v.has_policy)
		policy_rows(t, d.arena, &v.policy);
	if (v.has_policy || cmd_output(a) != OUTPUT_TABLE)
		table_print(t, cmd_output(a), "policy", stdout);
	if (!v.has_policy) {
		output_say(
		    "this site has no policy document: 'policy' in %s names one. Without one a changeset may set its waits for locks to %s at most, and its "
		    "statements to %s (lock_timeout and statement_timeout there)",
		    d.config.path, cap_text(d.arena, v.policy.longest_lock_ms, false), cap_text(d.arena, v.policy.longest_statement_ms, false));
		return EXIT_DONE;
	}
	say_unknown(&d, &v.policy.break_glass);
	return EXIT_DONE;
}

/* ---- policy sign ---- */

static int load_key(const struct cmd_args *a, struct sign_key **ret, struct err *e)
{
	AUTO(secret_destroy) struct secret *passphrase = NULL;
	const char *path = cmd_option_value(a, "key");
	AUTO(buf_done) struct buf prompt = BUF_INIT;
	buf_addf(&prompt, "Passphrase of %s", path);
	if (sign_key_wants_passphrase(path) && cmd_passphrase(cmd_option_value(a, "passphrase-file"), buf_str(&prompt), false, &passphrase, e) != 0)
		return err_wrap(e, "%s", path);
	return sign_key_load(path, passphrase, ret, e);
}

/* A text, or an envelope that lacks a signature. */
static int read_document(const char *path, struct arena *arena, struct envelope *ret, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	struct err ignored = ERR_INIT;
	if (file_read(path, LIMIT_DOCUMENT, &text, e) != 0)
		return -1;
	if (envelope_decode(buf_bytes(&text), arena, ret, &ignored) == 0 && str_eq(ret->type, TYPE_SITE_POLICY))
		return 0;
	*ret = (struct envelope){.type = TYPE_SITE_POLICY, .payload = arena_bytes(arena, buf_bytes(&text))};
	return 0;
}

static int run_policy_sign(const struct cmd_args *a, struct err *e)
{
	AUTO(arena_destroy) struct arena *arena = arena_new(POLICY_ARENA);
	AUTO(sign_key_destroy) struct sign_key *k = NULL;
	AUTO(table_destroy) struct table *t = table_new("rule,value");
	const char *path = cmd_argument(a, 0), *out = cmd_option_value(a, "out");
	struct envelope env;
	struct policy p;
	if (read_document(path, arena, &env, e) != 0 || policy_parse(path, env.payload, arena, &p, e) != 0)
		return -1;
	policy_rows(t, arena, &p);
	if (load_key(a, &k, e) != 0 || dsse_sign(&env, k, arena, e) != 0)
		return err_wrap(e, "%s", path);
	if (!out)
		out = arena_printf(arena, "%s.env", path);
	if (envelope_save(out, &env, e) != 0)
		return -1;
	table_print(t, cmd_output(a), "policy", stdout);
	output_say("%s: signed. Next: name it as 'policy' in agent.yaml; a running agent takes a changed file up by itself.", out);
	return EXIT_DONE;
}

static const struct cmd_option windows_options[] = {
    DESK_CONFIG,
    {.name = "at", .value = "WHEN", .help = "at that moment instead of now; a time from now is fine, too"},
    {0},
};
static const struct cmd_option show_options[] = {DESK_CONFIG, {0}};
static const struct cmd_option sign_options[] = {
    {.name = "key", .letter = 'k', .value = "FILE", .help = "private key of role site in the trust document", .required = true},
    {.name = "passphrase-file", .value = "FILE", .help = "first line is the key's passphrase; default: asked"},
    {.name = "out", .value = "FILE", .help = "where to write it; default: FILE.env"},
    {0},
};

const struct cmd policy_commands[] = {
    {
        .path = "windows",
        .summary = "Show for each target whether a delivery may begin, and when next",
        .example = "rollcall-agent windows --config /etc/rollcall/agent.yaml\nrollcall-agent windows --config /etc/rollcall/agent.yaml --at "
                   "2026-12-24T23:00:00Z",
        .options = windows_options,
        .run = run_windows,
    },
    {
        .path = "policy show",
        .summary = "Show the site's policy and who vouches for it",
        .example = "rollcall-agent policy show --config /etc/rollcall/agent.yaml",
        .options = show_options,
        .run = run_policy_show,
    },
    {
        .path = "policy sign",
        .arguments = "FILE",
        .summary = "Check a policy document and sign it with a site key",
        .details = "FILE is YAML: site, version, zone, windows, blackouts, consent, statements {deny, deny_classes}, minimum_approvals, break_glass "
                   "{keys, site_keys, minimum}, wave_gate, drift, longest_lock, longest_statement, largest_table. Give the written envelope again to "
                   "add a second signature.",
        .example = "rollcall-agent policy sign site-policy.yaml --key keys/dave --out /etc/rollcall/site-policy.env",
        .options = sign_options,
        .run = run_policy_sign,
        .min_arguments = 1,
        .max_arguments = 1,
    },
    {0},
};
