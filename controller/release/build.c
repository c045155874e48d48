/* Read, parse, pack, gates. */
#include "controller/release/build.h"

#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "controller/change/git.h"
#include "controller/change/readers.h"
#include "controller/release/online.h"

#define BUILD_ARENA ((size_t)1 << 30)

void build_done(struct build *b)
{
	change_set_destroy(&b->set);
	arena_destroy(&b->arena);
	*b = (struct build){0};
}

/* A suppression of a rule that is none would suppress nothing, silently. */
static void check_suppressions(struct change_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->changes[i].n_suppressions; k++) {
			const struct suppression *u = &s->changes[i].suppressions[k];
			if (gate_find(u->rule))
				continue;
			const char *near = gate_nearest(u->rule);
			problem_add(&s->problems, s->changes[i].file, u->line,
			            near ? arena_printf(s->arena, "did you mean %s?", near) : "rollcall lint --gates lists them all",
			            "--lint-ignore names '%.60s', which is no gate", u->rule);
		}
}

static bool has_finding_at(const struct findings *f, const struct problem *p)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->list[i].line == p->line && f->list[i].level == GATE_ERROR && !f->list[i].suppressed && str_eq(f->list[i].file, p->file))
			return true;
	return false;
}

static bool is_told(const struct problems *all, size_t i)
{
	const struct problem *p = &all->list[i];
	for (size_t k = 0; k < i; k++)
		if (all->list[k].line == p->line && str_eq(all->list[k].file, p->file) && str_eq(all->list[k].what, p->what))
			return true;
	return false;
}

/* Several engines can say the same of one place, and a gate may have said it better: one finding a place and text. */
static void add_problems(struct build *b)
{
	size_t from_gates = b->findings.n;
	for (size_t i = 0; i < b->set->problems.n; i++) {
		const struct problem *p = &b->set->problems.list[i];
		struct findings gates_only = {.list = b->findings.list, .n = from_gates};
		if (is_told(&b->set->problems, i) || (p->line && has_finding_at(&gates_only, p)))
			continue;
		finding_add(&b->findings, (struct finding){.rule = "read",
		                                           .level = p->warning ? GATE_WARN : GATE_ERROR,
		                                           .file = p->file,
		                                           .line = p->line,
		                                           .what = p->what,
		                                           .why = p->warning ? "it will not become part of a release" : "it cannot become part of a release",
		                                           .todo = p->todo});
	}
	if (b->set->problems.dropped)
		finding_add(&b->findings, (struct finding){.rule = "read",
		                                           .level = GATE_ERROR,
		                                           .file = b->project.changes,
		                                           .what = "there are more errors than are shown",
		                                           .why = "it cannot become part of a release",
		                                           .todo = "correct these first"});
}

static void put_report(struct build *b, const struct gate_input *in)
{
	AUTO(buf_done) struct buf report = BUF_INIT;
	gate_report(in, &b->findings, &report);
	b->release.gate_report = arena_strdup(b->arena, buf_str(&report));
	digest_sha256(buf_bytes(&report), b->release.gate_report_digest);
}

static int fill(const struct build_options *o, struct build *b, struct err *e)
{
	b->arena = arena_new(BUILD_ARENA);
	if (project_load(o->folder, b->arena, &b->project, e) != 0)
		return -1;
	if (o->environment && !project_has_environment(&b->project, o->environment))
		return err_set(e, ERR_USAGE, "environment '%s' is not in the pipeline of %s/%s: name one of it", o->environment, o->folder, PROJECT_FILE);
	struct read_options ro = {.root = o->folder,
	                          .folder = b->project.changes,
	                          .engines = b->project.engines,
	                          .contexts = b->project.contexts,
	                          .n_contexts = b->project.n_contexts};
	if (change_set_read(&ro, b->project.reader, &b->set, e) != 0)
		return -1;
	struct pack_options po = o->pack;
	if (git_provenance(o->folder, b->arena, &po.provenance, e) != 0)
		return -1;
	check_suppressions(b->set);
	statements_parse(b->set, &b->parsed);
	online_write(&b->project, o->previous, &b->parsed);
	release_pack(&b->project, &b->parsed, b->set, &po, &b->release);
	b->findings.arena = b->set->arena;
	struct gate_input in = {
	    .project = &b->project, .parsed = &b->parsed, .packed = &b->release, .previous = o->previous, .environment = o->environment};
	gates_run(&in, &b->findings);
	add_problems(b);
	findings_sort(&b->findings);
	put_report(b, &in);
	return 0;
}

int build_project(const struct build_options *o, struct build *ret, struct err *e)
{
	struct build b = {0};
	if (fill(o, &b, e) != 0) {
		build_done(&b);
		return -1;
	}
	*ret = b;
	return 0;
}

int build_check(const struct build *b, struct err *e)
{
	size_t errors = findings_count(&b->findings, GATE_ERROR);
	for (size_t i = 0; i < b->findings.n; i++) {
		const struct finding *f = &b->findings.list[i];
		if (f->level != GATE_ERROR || f->suppressed)
			continue;
		const char *text = finding_text(f, b->findings.arena);
		return errors > 1 ? err_set(e, ERR_POLICY, "%s (%s; and %zu more: rollcall lint shows them all)", text, f->rule, errors - 1)
		                  : err_set(e, ERR_POLICY, "%s (%s)", text, f->rule);
	}
	return 0;
}
