/* `rollcall audit export|verify|prove`: for whoever asks who changed what, where, with whose consent. Whatever is printed is worked out here from signed documents. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/cli/table.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "controller/audit/actions.h"
#include "controller/audit/story.h"
#include "controller/audit/verify.h"
#include "controller/cli/audit_fetch.h"
#include "controller/cli/commands.h"
#include "controller/release/trust_draft.h"

#define AUDIT_ARENA ((size_t)4 * 1024 * 1024 * 1024)

/* ---- where the bundle and the trust document come from ---- */

static int read_time(const struct cmd_args *a, const char *option, int64_t *ret, struct err *e)
{
	const char *text = cmd_option_value(a, option);
	return text && clock_parse(text, ret, e) != 0 ? err_wrap(e, "--%s %s", option, text) : 0;
}

static int fetch(const struct cmd_args *a, const char *target, struct bundle *ret, struct err *e)
{
	AUTO(live_close) struct live l = {0};
	bundle_init(ret);
	if (target && !str_is_target_id(target))
		return err_set(e, ERR_USAGE, "%s: a target is site/instance/database or site/instance/database/schema", target);
	ret->target = arena_strdup(ret->arena, target);
	return live_open(a, &l, e) != 0 ? -1 : audit_fetch(&l, ret, e);
}

/* *ret NULL: none was given. */
static int own_trust(const struct cmd_args *args, struct arena *a, const struct trust **ret, struct err *e)
{
	const char *path = cmd_option_value(args, "trust");
	struct envelope env;
	struct trust *t = arena_alloc(a, sizeof *t);
	*ret = NULL;
	if (!path)
		return 0;
	if (trust_file_load(path, a, &env, t, e) != 0 || trust_check_role(t, ROLE_ROOT, &env, TYPE_TRUST, e) != 0)
		return err_wrap(e, "%s", path);
	*ret = t;
	return 0;
}

/* ---- export ---- */

static int write_out(const struct cmd_args *args, struct bytes text, struct err *e)
{
	const char *path = cmd_option_value(args, "out");
	if (path)
		return file_write_atomic(path, text, 0600, e);
	fwrite(text.p, 1, text.n, stdout);
	return 0;
}

static int export_html(const struct cmd_args *args, const struct bundle *b, const struct trust *own, struct arena *a, struct err *e)
{
	AUTO(buf_done) struct buf page = BUF_INIT;
	struct audit_result checked;
	struct story_row *rows = NULL;
	size_t n = audit_story(b, own, NULL, a, &rows);
	audit_verify(b, own, a, &checked);
	story_html(b, rows, n, &checked, &page);
	return write_out(args, buf_bytes(&page), e);
}

static const char *const export_kinds[] = {"changes", "actions"};

/* kind NULL: both in JSON; CSV holds one table, and that is of changes. */
static void print_tables(const struct table *const all[2], const char *kind, enum output_format f, FILE *out)
{
	bool second = str_eq(kind, export_kinds[1]);
	if (!kind && f == OUTPUT_JSON)
		tables_print(all, export_kinds, 2, f, out);
	else
		table_print(all[second], f, export_kinds[second], out);
}

static int export_table(const struct cmd_args *args, const struct bundle *b, const struct trust *own, enum output_format f, struct arena *a,
                        struct err *e)
{
	struct story_row *rows = NULL;
	struct action *actions = NULL;
	char *text = NULL;
	size_t size = 0, n = audit_story(b, own, NULL, a, &rows), n_actions = audit_actions(b, a, &actions);
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return err_set_errno(e, "memory");
	AUTO(table_destroy) struct table *changes = story_table(rows, n);
	AUTO(table_destroy) struct table *done = actions_table(actions, n_actions);
	print_tables((const struct table *const[2]){changes, done}, cmd_option_value(args, "kind"), f, out);
	fclose(out);
	int rc = write_out(args, bytes_of(text, size), e);
	free(text);
	return rc;
}

static int export_bundle(const struct cmd_args *args, const struct bundle *b, struct err *e)
{
	const char *path = cmd_option_value(args, "out");
	if (!path)
		return err_set(e, ERR_USAGE, "--format bundle needs --out FILE");
	if (bundle_save(b, path, e) != 0)
		return -1;
	output_say("%s: %zu rows, %zu documents; next: rollcall audit verify %s --trust YOUR-TRUST-DOCUMENT", path, b->n_rows, b->n_documents, path);
	return EXIT_DONE;
}

/* --format, or -o where it names one of them. */
static int read_format(const struct cmd_args *args, const char **ret, struct err *e)
{
	*ret = cmd_option_value(args, "format");
	if (*ret || cmd_output(args) == OUTPUT_TABLE)
		return 0;
	*ret = cmd_output(args) == OUTPUT_JSON ? "json" : cmd_output(args) == OUTPUT_CSV ? "csv" : NULL;
	return *ret ? 0 : err_set(e, ERR_USAGE, "-o: an export is csv, json, html or bundle: say which with --format");
}

static bool is_spoken_of(const struct bundle *b, const char *target)
{
	for (size_t i = 0; i < b->n_rows; i++)
		if (str_eq(b->rows[i].ev.object, target))
			return true;
	return false;
}

static int run_export(const struct cmd_args *args, struct err *e)
{
	AUTO(bundle_done) struct bundle b = {0};
	AUTO(arena_destroy) struct arena *a = arena_new(AUDIT_ARENA);
	const struct trust *own = NULL;
	const char *format = NULL;
	int64_t from_us = 0, to_us = INT64_MAX;
	AUTO(live_close) struct live l = {0};
	const char *target = cmd_option_value(args, "target");
	const char *kind = cmd_option_value(args, "kind");
	if (kind && !str_eq(kind, export_kinds[0]) && !str_eq(kind, export_kinds[1]))
		return err_set(e, ERR_USAGE, "--kind %s: changes or actions", kind);
	if (read_format(args, &format, e) != 0 || own_trust(args, a, &own, e) != 0 || read_time(args, "from", &from_us, e) != 0 ||
	    read_time(args, "to", &to_us, e) != 0)
		return -1;
	if (kind && (str_eq(format, "html") || str_eq(format, "bundle")))
		return err_set(e, ERR_USAGE, "--kind %s: --format %s holds everything", kind, format);
	if (target && !str_is_target_id(target))
		return err_set(e, ERR_USAGE, "--target %s: a target is site/instance/database or site/instance/database/schema", target);
	bundle_init(&b);
	b.from_us = from_us;
	b.to_us = to_us;
	b.target = arena_strdup(b.arena, target);
	if (live_open(args, &l, e) != 0 || audit_fetch(&l, &b, e) != 0)
		return -1;
	if (target && !is_spoken_of(&b, target)) /* an empty export would read as if nothing had happened there */
		output_say("the log says nothing of target %s: nothing was done there, or its id is another one (`rollcall targets` shows them)", target);
	if (!format || str_eq(format, "csv"))
		return export_table(args, &b, own, OUTPUT_CSV, a, e);
	if (str_eq(format, "json"))
		return export_table(args, &b, own, OUTPUT_JSON, a, e);
	if (str_eq(format, "html"))
		return export_html(args, &b, own, a, e);
	if (str_eq(format, "bundle"))
		return export_bundle(args, &b, e);
	return err_set(e, ERR_USAGE, "--format %s: csv, json, html or bundle", format);
}

/* ---- verify ---- */

static size_t print_checks(const struct audit_result *r, enum output_format f)
{
	struct table *t = table_new("check,result,#looked-at,#wrong,~says");
	size_t wrong = 0;
	for (size_t i = 0; i < AUDIT_CHECKS; i++) {
		const struct audit_check *c = &r->checks[i];
		table_rowf(t, "%s\t%s\t%zu\t%zu\t%s", c->name, c->wrong ? "wrong" : "holds", c->looked_at, c->wrong, c->says);
		wrong += c->wrong;
	}
	table_print(t, f, "checks", stdout);
	table_destroy(&t);
	for (size_t i = 0; i < r->n_findings; i++)
		output_say("%s: %s: %s", r->findings[i].check, r->findings[i].place, r->findings[i].text);
	return wrong;
}

static int run_verify(const struct cmd_args *args, struct err *e)
{
	AUTO(bundle_done) struct bundle b = {0};
	AUTO(arena_destroy) struct arena *a = arena_new(AUDIT_ARENA);
	const struct trust *own = NULL;
	struct audit_result r;
	const char *path = cmd_argument(args, 0);
	if (own_trust(args, a, &own, e) != 0 || (path ? bundle_load(path, &b, e) : fetch(args, NULL, &b, e)) != 0)
		return -1;
	audit_verify(&b, own, a, &r);
	size_t wrong = print_checks(&r, cmd_output(args));
	output_say("it rests on %s", r.rests_on);
	if (wrong)
		return err_set(e, ERR_SIGNATURE, "%zu things are wrong: this log and these documents do not prove what they say", wrong);
	output_say("%zu rows and %zu documents hold together", b.n_rows, b.n_documents);
	return EXIT_DONE;
}

/* ---- prove ---- */

static void say(const char *name, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(const char *name, const char *fmt, ...)
{
	AUTO(buf_done) struct buf visible = BUF_INIT;
	char text[2048];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	output_add_visible(&visible, text);
	printf("%-10s %s\n", name, buf_str(&visible));
}

static const char *or_none(const char *s)
{
	return str_empty(s) ? "-" : s;
}

static void say_lines(const char *name, const char *text)
{
	for (const char *at = text; *at; name = "") {
		AUTO(buf_done) struct buf line = BUF_INIT;
		AUTO(buf_done) struct buf visible = BUF_INIT;
		size_t n = strcspn(at, "\n");
		buf_add(&line, at, n);
		output_add_visible(&visible, buf_str(&line));
		printf("%-10s %s\n", name, buf_str(&visible));
		at += n + (at[n] == '\n');
	}
}

static void say_gates(const struct story_row *r)
{
	say("gates", "report %s%s", or_none(r->gate_report), *r->gates ? "" : ", whose text the release does not carry");
	say_lines("", r->gates);
}

/* Of this rollout, in the log's words. */
static void say_actions(const struct story_row *r, const struct bundle *b, struct arena *a)
{
	struct action *list = NULL;
	const char *name = "operators";
	char at[CLOCK_TEXT_SIZE];
	size_t n = audit_actions(b, a, &list);
	for (size_t i = 0; i < n; i++) {
		const struct store_event *ev = &list[i].row->ev;
		if (!action_touches(&list[i], r->rollout, r->target))
			continue;
		say(name, "%s: %s, %s of %s%s%s", clock_text(ev->at_us, at), ev->actor, list[i].what, ev->object, str_empty(ev->detail) ? "" : ": ",
		    str_empty(ev->detail) ? "" : ev->detail);
		name = "";
	}
}

static void print_proof(const struct story_row *r, const struct bundle *b, struct arena *a)
{
	char at[CLOCK_TEXT_SIZE];
	say("commit", "%s", or_none(r->commit));
	say("written", "%s", or_none(r->wrote));
	say("reviewed", "%s", or_none(r->reviewed));
	say("release", "%s, signed by %s", or_none(r->release), or_none(r->signed_by));
	say_gates(r);
	say("changeset", "%s, digest %s", r->changeset, or_none(r->changeset_digest));
	say("order", "rollout %s over %s", or_none(r->rollout), or_none(r->environment));
	say_lines("approved", *r->approvals ? r->approvals : "-");
	say_actions(r, b, a);
	say("applied", "%s of %s by agent %s (%s) at %s: %s via %s, %" PRIu32 " step%s", r->direction, r->changeset, r->agent, r->agent_version,
	    clock_text(r->at_us, at), r->state, r->via, r->steps, r->steps == 1 ? "" : "s");
	say("database", "%s", or_none(r->database));
	say("report", "%s, signed by %s", r->report, r->agent);
	say("ledger", "row %s, head after %s", r->ledger_row, or_none(r->ledger_head));
	if (*r->schema_before || *r->schema_after)
		say("schema", "before %s, after %s", or_none(r->schema_before), or_none(r->schema_after));
	else
		say("schema", "no fingerprint was taken: the site says when one is (fingerprint in agent.yaml)");
	say("log", "%zu rows", b->n_rows);
}

static int run_prove(const struct cmd_args *args, struct err *e)
{
	AUTO(bundle_done) struct bundle b = {0};
	AUTO(arena_destroy) struct arena *a = arena_new(AUDIT_ARENA);
	const struct trust *own = NULL;
	struct audit_result checked;
	struct story_row *rows = NULL;
	size_t last = 0, found = 0;
	const char *target = cmd_argument(args, 0), *changeset = cmd_argument(args, 1), *path = cmd_option_value(args, "bundle");
	if (own_trust(args, a, &own, e) != 0 || (path ? bundle_load(path, &b, e) : fetch(args, target, &b, e)) != 0)
		return -1;
	size_t n = audit_story(&b, own, changeset, a, &rows);
	for (size_t i = 0; i < n; i++)
		if (str_eq(rows[i].target, target)) {
			last = i;
			found++;
		}
	if (!found)
		return err_set(e, ERR_NOT_FOUND, "no signed report says anything of %s on %s: 'rollcall history --target %s' shows what was reported",
		               changeset, target, target);
	print_proof(&rows[last], &b, a);
	audit_verify(&b, own, a, &checked);
	for (size_t i = 0; i < AUDIT_CHECKS; i++)
		say(i ? "" : "checked", "%-14s %s: %s", checked.checks[i].name, checked.checks[i].wrong ? "WRONG" : "holds", checked.checks[i].says);
	say("rests on", "%s", checked.rests_on);
	for (size_t i = 0; i < checked.n_findings; i++)
		output_say("%s: %s: %s", checked.findings[i].check, checked.findings[i].place, checked.findings[i].text);
	if (found > 1)
		output_say("the last of %zu times that it ran there: 'rollcall audit export --target %s' shows all", found, target);
	return checked.n_findings ? err_set(e, ERR_SIGNATURE, "not proved: see above") : EXIT_DONE;
}

/* ---- the table ---- */

#define TRUST_OPTION                                                                                                                                 \
	{                                                                                                                                                \
		"trust", 0, "FILE",                                                                                                                          \
		    "your own trust document, any version: it says what was pinned, and which others follow from it (default: the first that came with it)", \
		    false, false                                                                                                                             \
	}

static const struct cmd_option export_options[] = {
    {"from", 0, "TIME", "reports from then on, such as 2026-10-01T00:00:00Z (default: all)", false, false},
    {"to", 0, "TIME", "reports up to then (default: all)", false, false},
    {"target", 0, "TARGET", "only of this target", false, false},
    {"kind", 0, "KIND", "changes, or actions: what operators did and why (default: csv changes, json both)", false, false},
    {"format", 0, "FORMAT", "csv, json, html, or bundle: everything that an auditor needs to verify it offline (default: csv)", false, false},
    {"out", 0, "FILE", "write there instead of to the terminal", false, false},
    TRUST_OPTION,
    CONTEXT_OPTIONS,
    {0},
};

static const struct cmd_option verify_options[] = {TRUST_OPTION, CONTEXT_OPTIONS, {0}};

static const struct cmd_option prove_options[] = {
    {"bundle", 0, "FILE", "from this bundle, without a controller", false, false},
    TRUST_OPTION,
    CONTEXT_OPTIONS,
    {0},
};

const struct cmd audit_commands[] = {
    {"audit export", NULL, "Say who wrote, reviewed, approved and applied what, when, with which text", NULL,
     "rollcall audit export --from 2026-10-01T00:00:00Z --format html --out october.html\nrollcall audit export --format bundle --out all.audit",
     export_options, run_export, 0, 0},
    {"audit verify", "[BUNDLE]", "Check the audit log and everything that it points to",
     "Recomputes the log's hash chain, checks every signature against the trust document, that approvals came before what they approved, that no "
     "report is missing, and that the "
     "log is the one whose end the agents countersigned. With a bundle it needs no controller and no network.",
     "rollcall audit verify all.audit --trust trust.env", verify_options, run_verify, 0, 1},
    {"audit prove", "TARGET CHANGESET", "Show the whole chain from the Git commit to the ledger row", NULL,
     "rollcall audit prove eu/pg1/shop1 alice:orders-add-note --bundle all.audit --trust trust.env", prove_options, run_prove, 2, 2},
    {0},
};
