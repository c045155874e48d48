/* `rollcall release build|sign|show|verify`: offline work on release files. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/cli/table.h"
#include "common/crypto/sign.h"
#include "common/model/order.h"
#include "common/model/version.h"
#include "common/wire/limits.h"
#include "controller/cli/commands.h"
#include "controller/cli/key_option.h"
#include "controller/release/build.h"
#include "controller/release/expect.h"
#include "controller/release/open.h"

static void table_done(struct table **t)
{
	table_destroy(t);
}

static void print_findings(const struct build *b)
{
	for (size_t i = 0; i < b->findings.n; i++) {
		const struct finding *f = &b->findings.list[i];
		if (!f->suppressed)
			output_say("%s: %s (%s)", gate_level_name(f->level), finding_text(f, b->findings.arena), f->rule);
	}
}

static int choose_sequence(const struct cmd_args *a, const struct release *previous, uint64_t *ret, struct err *e)
{
	*ret = previous ? previous->sequence + 1 : 1;
	return cmd_option_number(a, "sequence", 1, INT64_MAX, ret, e);
}

static int previous_release(const struct cmd_args *a, const char *folder, struct arena *arena, struct release *r, const struct release **ret,
                            struct err *e)
{
	struct envelope env;
	const char *path = cmd_option_value(a, "against");
	*ret = NULL;
	if (path ? release_open(path, arena, &env, r, e) != 0
	         : release_latest(arena_printf(arena, "%s/%s", folder, PROJECT_RELEASES_FOLDER), arena, &path, r, e) != 0)
		return -1;
	*ret = path ? r : NULL;
	return 0;
}

static int write_build(const struct cmd_args *a, const char *folder, struct build *b, struct err *e)
{
	AUTO(mem_free_ptr) char *releases = file_join(folder, PROJECT_RELEASES_FOLDER);
	const char *out = cmd_option_value(a, "out");
	if (!out) {
		if (file_make_dirs(releases, 0777, e) != 0)
			return -1;
		out = arena_printf(b->arena, "%s/%s-%s%s", releases, b->release.project, b->release.version, PROJECT_RELEASE_EXTENSION);
	}
	if (release_write(out, &b->release, e) != 0)
		return -1;
	if (file_write_atomic(arena_printf(b->arena, "%s.gates", out), bytes_of_str(b->release.gate_report), 0644, e) != 0)
		return -1;
	char hex[DIGEST_HEX_SIZE];
	AUTO(table_done) struct table *t = table_new("release,version,#sequence,#changesets,digest");
	table_rowf(t, "%s\t%s\t%" PRIu64 "\t%zu\t%s", out, b->release.version, b->release.sequence, b->release.n_changesets,
	           bytes_to_hex(bytes_of(b->release.digest, DIGEST_SIZE), hex));
	table_print(t, cmd_output(a), "releases", stdout);
	output_say("next: rollcall release sign %s --key KEY", out);
	return EXIT_DONE;
}

/* Every ENGINE=FILE of an option. */
static int expect_each(const struct cmd_args *a, const char *option, bool after, struct build *b, struct err *e)
{
	const char *const *values;
	size_t n = cmd_option_values(a, option, &values);
	for (size_t i = 0; i < n; i++)
		if (release_expect_schema(&b->release, values[i], after, b->arena, e) != 0)
			return err_wrap(e, "--%s", option);
	return 0;
}

static int expect_schemas(const struct cmd_args *a, struct build *b, struct err *e)
{
	return expect_each(a, "schema-before", false, b, e) != 0 ? -1 : expect_each(a, "schema-after", true, b, e);
}

static int run_build(const struct cmd_args *a, struct err *e)
{
	AUTO(arena_destroy) struct arena *arena = arena_new(4 * LIMIT_ARENA_DOCUMENT);
	AUTO(build_done) struct build b = {0};
	struct release previous;
	const char *folder = cmd_argument_count(a) ? cmd_argument(a, 0) : ".";
	struct build_options o = {.folder = folder, .pack = {.version = cmd_option_value(a, "version"), .now_us = clock_wall_us()}};
	if (!release_version_is_valid(o.pack.version))
		return err_set(e, ERR_USAGE, "--version '%s': use letters, digits, '.', '_', '+' and '-', at most 64", o.pack.version);
	if (previous_release(a, folder, arena, &previous, &o.previous, e) != 0 || choose_sequence(a, o.previous, &o.pack.sequence, e) != 0)
		return -1;
	if (o.previous && o.pack.sequence <= o.previous->sequence)
		return err_set(e, ERR_USAGE, "--sequence %" PRIu64 ": release %s has %" PRIu64 " already: use a higher one", o.pack.sequence,
		               o.previous->version, o.previous->sequence);
	o.pack.author = cmd_option_value(a, "author");
	if (build_project(&o, &b, e) != 0)
		return -1;
	if (!b.release.author)
		b.release.author = b.release.provenance.committer;
	if (expect_schemas(a, &b, e) != 0)
		return -1;
	print_findings(&b);
	if (build_check(&b, e) != 0)
		return err_wrap(e, "no release was written");
	if (b.release.provenance.dirty && !cmd_option_given(a, "allow-dirty"))
		return err_set(e, ERR_POLICY,
		               "%s: files differ from commit %.12s: commit them, or give --allow-dirty (the release will say so); no release was written",
		               folder, b.release.provenance.commit);
	return write_build(a, folder, &b, e);
}

/* With the trust document at hand: whether the signatures are enough, or whose are still missing. */
static int say_who_is_next(const struct cmd_args *args, const char *path, struct arena *a, struct err *e)
{
	const struct trust_key *signers[ENVELOPE_SIGNATURES_MAX];
	const char *trust = cmd_option_value(args, "trust");
	size_t n = 0;
	if (!trust)
		return 0;
	if (release_verify(path, trust, clock_wall_us(), a, signers, ARRAY_LEN(signers), &n, e) == 0)
		output_say("Its signatures are enough. Next: rollcall release push %s", path);
	else if (e->code == ERR_SIGNATURE)
		output_say("Next: %s", e->msg);
	else
		return -1;
	return 0;
}

static int run_sign(const struct cmd_args *a, struct err *e)
{
	const char *path = cmd_argument(a, 0);
	AUTO(arena_destroy) struct arena *arena = arena_new(4 * LIMIT_ARENA_DOCUMENT);
	AUTO(sign_key_destroy) struct sign_key *key = NULL;
	uint8_t public_key[SIGN_PUBLIC_SIZE];
	char id[KEY_ID_SIZE];
	if (key_option_load(a, arena, &key, e) != 0 || release_sign(path, key, e) != 0)
		return -1;
	sign_key_public(key, public_key);
	sign_key_id(public_key, id);
	output_say("%s is signed by key %s", path, id);
	return say_who_is_next(a, path, arena, e) == 0 ? EXIT_DONE : -1;
}

/* ---- show ---------------------------------------------------------------------------------------------------------------------------------------- */

struct step_table {
	struct table *table;
	struct arena *arena;
	bool sql; /* a row for each statement, with its text */
};

static void add_step(const struct step_table *t, const struct changeset *c, const struct body *b, enum direction d, size_t index)
{
	const struct step *s = d == DIRECTION_APPLY ? &b->steps[index] : &b->rollback[index];
	for (size_t i = 0; i < (t->sql ? s->n_statements : 1); i++) {
		const struct statement *st = &s->statements[i];
		const char *cells[] = {c->id,
		                       b->engine,
		                       direction_name(d),
		                       arena_printf(t->arena, "%zu", index),
		                       step_class_name(s->class),
		                       arena_printf(t->arena, "%zu", s->n_statements),
		                       arena_printf(t->arena, "%s:%u", changeset_file(c, b, d == DIRECTION_ROLLBACK), st->line),
		                       t->sql ? arena_strndup(t->arena, (const char *)st->sql.p, st->sql.n) : NULL};
		table_row(t->table, cells);
	}
}

static void print_steps(const struct release *r, const char *engine, const struct step_table *t)
{
	for (size_t i = 0; i < r->n_changesets; i++) {
		const struct changeset *c = &r->changesets[i];
		for (size_t j = 0; j < c->n_bodies; j++) {
			const struct body *b = &c->bodies[j];
			if (engine && !str_eq(engine, b->engine))
				continue;
			for (size_t k = 0; k < b->n_steps; k++)
				add_step(t, c, b, DIRECTION_APPLY, k);
			for (size_t k = 0; k < b->n_rollback; k++)
				add_step(t, c, b, DIRECTION_ROLLBACK, k);
		}
	}
}

static void add_counts(const struct changeset *c, const struct body *b, struct table *t, struct arena *a)
{
	size_t of_class[STEP_CLASS_COUNT] = {0};
	for (size_t i = 0; b && i < b->n_steps; i++)
		of_class[b->steps[i].class]++;
	const char *classes = "";
	for (enum step_class k = 0; k < STEP_CLASS_COUNT; k++)
		if (of_class[k])
			classes = arena_printf(a, "%s%s%zu%s", classes, *classes ? " " : "", of_class[k], step_class_name(k));
	const char *cells[] = {c->id,
	                       b ? b->engine : NULL,
	                       arena_printf(a, "%zu", b ? b->n_steps : 0),
	                       *classes ? classes : NULL,
	                       !b || !b->has_rollback ? "none"
	                       : b->n_rollback == 0   ? "not needed"
	                                              : arena_printf(a, "%zu steps", b->n_rollback),
	                       arena_printf(a, "%zu", c->n_validations),
	                       c->context,
	                       c->labels,
	                       arena_printf(a, "%s:%u", c->file, c->line)};
	table_row(t, cells);
}

static void print_changesets(const struct release *r, const char *engine, struct table *t, struct arena *a)
{
	for (size_t i = 0; i < r->n_changesets; i++) {
		const struct changeset *c = &r->changesets[i];
		if (c->n_bodies == 0)
			add_counts(c, NULL, t, a);
		for (size_t j = 0; j < c->n_bodies; j++)
			if (!engine || str_eq(engine, c->bodies[j].engine))
				add_counts(c, &c->bodies[j], t, a);
	}
}

static void add_row(struct table *t, const char *what, const char *value)
{
	const char *cells[] = {what, value};
	table_row(t, cells);
}

static const char *joined(const char *const *list, size_t n, struct arena *a)
{
	const char *s = NULL;
	for (size_t i = 0; i < n; i++)
		s = s ? arena_printf(a, "%s, %s", s, list[i]) : list[i];
	return s;
}

static struct table *summary(const struct release *r, const struct envelope *env, struct arena *a)
{
	struct table *t = table_new("what,value");
	char hex[DIGEST_HEX_SIZE], when[CLOCK_TEXT_SIZE];
	const struct provenance *p = &r->provenance;
	const char *engines = NULL, *signers = NULL;
	for (size_t i = 0; i < r->n_engines; i++)
		engines = engines ? arena_printf(a, "%s, %s", engines, engine_range_text(&r->engines[i], a)) : engine_range_text(&r->engines[i], a);
	for (size_t i = 0; i < env->n_signatures; i++)
		signers = signers ? arena_printf(a, "%s, %s", signers, env->signatures[i].key_id) : env->signatures[i].key_id;
	add_row(t, "project", r->project);
	add_row(t, "version", r->version);
	add_row(t, "sequence", arena_printf(a, "%" PRIu64, r->sequence));
	add_row(t, "digest", bytes_to_hex(bytes_of(r->digest, DIGEST_SIZE), hex));
	add_row(t, "created", clock_text(r->created_at_us, when));
	add_row(t, "expires", clock_text(r->expires_at_us, when));
	add_row(t, "pipeline", joined(r->pipeline, r->n_pipeline, a));
	add_row(t, "engines", engines);
	add_row(t, "needs", r->n_critical ? joined(r->critical, r->n_critical, a) : NULL);
	for (size_t i = 0; i < r->n_schemas; i++) {
		const struct schema_expected *x = &r->schemas[i];
		char before[DIGEST_HEX_SIZE], after[DIGEST_HEX_SIZE];
		add_row(t, "schema",
		        arena_printf(a, "%s: before %.12s, after %.12s", x->engine,
		                     x->has_before ? bytes_to_hex(bytes_of(x->before, DIGEST_SIZE), before) : "any",
		                     x->has_after ? bytes_to_hex(bytes_of(x->after, DIGEST_SIZE), after) : "any"));
	}
	add_row(t, "author", r->author);
	add_row(t, "commit", p->commit ? arena_printf(a, "%s%s", p->commit, p->dirty ? " (files differed from it)" : "") : NULL);
	add_row(t, "tree", p->tree);
	add_row(t, "commit-author", p->author);
	add_row(t, "committer", p->committer);
	add_row(t, "reviewers", joined(p->reviewers, p->n_reviewers, a));
	add_row(t, "remote", p->remote);
	add_row(t, "gates", release_gates_line(r, a));
	add_row(t, "gate-report", bytes_to_hex(bytes_of(r->gate_report_digest, DIGEST_SIZE), hex));
	add_row(t, "signed-by", signers);
	return t;
}

/* Its report as it was signed, a row a line. */
static struct table *gate_lines(const struct release *r, struct arena *a)
{
	struct table *t = table_new("gate-report");
	for (const char *at = r->gate_report; at && *at;) {
		size_t n = strcspn(at, "\n");
		const char *cells[] = {arena_printf(a, "%.*s", (int)n, at)};
		table_row(t, cells);
		at += n + (at[n] == '\n');
	}
	return t;
}

static int run_show(const struct cmd_args *a, struct err *e)
{
	AUTO(arena_destroy) struct arena *arena = arena_new(4 * LIMIT_ARENA_DOCUMENT);
	struct envelope env;
	struct release r;
	if (release_open(cmd_argument(a, 0), arena, &env, &r, e) != 0)
		return -1;
	bool sql = cmd_option_given(a, "sql"), steps = sql || cmd_option_given(a, "steps");
	const char *engine = cmd_option_value(a, "engine");
	enum dialect d;
	if (engine && !dialect_parse(engine, &d))
		return err_set(e, ERR_USAGE, "--engine %s: use postgresql, mariadb or sqlite", engine);
	engine = engine ? dialect_name(d) : NULL;
	AUTO(table_done) struct table *head = summary(&r, &env, arena);
	AUTO(table_done)
	struct table *body = table_new(steps ? sql ? "changeset,engine,direction,#step,class,#statements,+place,sql"
	                                           : "changeset,engine,direction,#step,class,#statements,place,+sql"
	                                     : "changeset,engine,#steps,classes,rollback,#validations,+context,+labels,place");
	if (steps)
		print_steps(&r, engine, &(struct step_table){body, arena, sql});
	else
		print_changesets(&r, engine, body, arena);
	AUTO(table_done) struct table *gates_ran = gate_lines(&r, arena);
	const struct table *const tables[] = {head, gates_ran, body};
	const char *const kinds[] = {"release", "gates", steps ? "steps" : "changesets"};
	tables_print(tables, kinds, ARRAY_LEN(tables), cmd_output(a), stdout);
	return EXIT_DONE;
}

static int run_verify(const struct cmd_args *a, struct err *e)
{
	AUTO(arena_destroy) struct arena *arena = arena_new(4 * LIMIT_ARENA_DOCUMENT);
	const struct trust_key *signers[ENVELOPE_SIGNATURES_MAX];
	size_t n = 0;
	if (release_verify(cmd_argument(a, 0), cmd_option_value(a, "trust"), clock_wall_us(), arena, signers, ARRAY_LEN(signers), &n, e) != 0)
		return -1;
	AUTO(table_done) struct table *t = table_new("key,owner");
	for (size_t i = 0; i < n; i++) {
		const char *cells[] = {signers[i]->id, signers[i]->owner};
		table_row(t, cells);
	}
	table_print(t, cmd_output(a), "signers", stdout);
	output_say("%s: the signatures of role release are enough", cmd_argument(a, 0));
	return EXIT_DONE;
}

static const struct cmd_option build_options[] = {
    {"version", 0, "V", "the release's version, such as 1.4.0", false, true},
    {"out", 0, "FILE", "where to write it (default: FOLDER/releases/PROJECT-VERSION.release)", false, false},
    {"sequence", 0, "N", "grows with each release of the project (default: one more than the highest in releases/)", false, false},
    {"against", 0, "RELEASE", "the release before this one (default: the highest sequence in releases/)", false, false},
    {"author", 0, "NAME", "who builds it (default: the committer in Git)", false, false},
    {"schema-before", 0, "ENGINE=FILE",
     "the schema that it expects to find, as 'rollcall-agent snapshot' prints it: a target with another one is refused (C17)", true, false},
    {"schema-after", 0, "ENGINE=FILE", "the schema that it leaves: a target that it leaves with another one has failed (C24)", true, false},
    {"allow-dirty", 0, NULL, "build although files differ from the commit", false, false},
    {0},
};
static const struct cmd_option sign_options[] = {
    KEY_OPTIONS,
    {"trust", 0, "FILE", "the trust document, to be told whose signatures are still missing", false, false},
    {0},
};
static const struct cmd_option show_options[] = {
    {"engine", 0, "ENGINE", "only what runs on this engine", false, false},
    {"steps", 0, NULL, "one row for each step, forward and back", false, false},
    {"sql", 0, NULL, "one row for each statement, with its text", false, false},
    {0},
};
static const struct cmd_option verify_options[] = {
    {"trust", 0, "FILE", "the fleet's trust document", false, true},
    {0},
};

const struct cmd release_commands[] = {
    {"release build", "[FOLDER]", "Pack a project's changes into a release",
     "Reads and checks everything as 'rollcall lint' does; writes nothing when one finding of level error stands.",
     "rollcall release build shop --version 1.4.0", build_options, run_build, 0, 1},
    {"release sign", "RELEASE", "Add your signature to a release", NULL, "rollcall release sign releases/shop-1.4.0.release --key ann.key",
     sign_options, run_sign, 1, 1},
    {"release show", "RELEASE", "Show what a release holds: changesets, steps, classes, provenance, gates, signers",
     "The signers are key ids as the file names them; 'rollcall release verify' is what proves them.",
     "rollcall release show shop-1.4.0.release --engine mariadb --sql", show_options, run_show, 1, 1},
    {"release verify", "RELEASE", "Check a release's signatures against a trust document", NULL,
     "rollcall release verify shop-1.4.0.release --trust trust.env", verify_options, run_verify, 1, 1},
    {0},
};
