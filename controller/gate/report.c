/* The gate report. Its form is stable: people compare two of them, and its first line is shown to approvers.
 *
 *   gates 9 ran over 12 changesets, 0 errors, 1 warning, 1 ignored
 *   gate CX01 (level error, warn in staging): a statement that is neither transactional nor atomic
 *   warn HY16-removed changes/a.sql:5 -: changeset a:2 of release 1.3.0 is not here any more
 *   ignored PF23 changes/a.sql:2 a:1: changeset a:1 has no rollback (seeds stay) */
#include <inttypes.h>

#include "common/base/str.h"
#include "common/cli/table.h"
#include "common/wire/limits.h"
#include "controller/gate/gates.h"

#define LAST_LINE 128 /* octets kept for the line that counts the rest */

static void add_head(const struct gate_input *in, const struct findings *f, struct buf *ret)
{
	size_t ran = 0, ignored = 0, n = in->parsed->n, errors = findings_count(f, GATE_ERROR), warnings = findings_count(f, GATE_WARN);
	for (const struct gate *g = gates; g->id; g++)
		ran += gate_level_in(g, in->project, in->environment) != GATE_OFF;
	for (size_t i = 0; i < f->n; i++)
		ignored += f->list[i].suppressed != NULL;
	buf_addf(ret, "gates %zu ran over %zu changeset%s, %zu error%s, %zu warning%s, %zu ignored\n", ran, n, n == 1 ? "" : "s", errors,
	         errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s", ignored);
}

/* The level that counted, and where an environment has another one. */
static void add_gate(const struct gate *g, const struct gate_input *in, struct buf *ret)
{
	const struct project *p = in->project;
	enum gate_level level = gate_level_in(g, p, in->environment);
	buf_addf(ret, "gate %s (level %s", g->id, gate_level_name(level));
	for (size_t i = 0; !in->environment && i < p->n_pipeline; i++) {
		enum gate_level there = gate_level_in(g, p, p->pipeline[i]);
		if (there != level)
			buf_addf(ret, ", %s in %s", gate_level_name(there), p->pipeline[i]);
	}
	buf_addf(ret, "): %s\n", g->title);
}

static void add_finding(const struct finding *v, struct buf *ret)
{
	AUTO(buf_done) struct buf line = BUF_INIT;
	buf_addf(&line, "%s %s %s", v->suppressed ? "ignored" : gate_level_name(v->level), v->rule, v->file);
	if (v->line)
		buf_addf(&line, ":%" PRIu32, v->line);
	buf_addf(&line, " %s: %s", v->changeset ? v->changeset : "-", v->what);
	if (v->suppressed)
		buf_addf(&line, " (%s)", v->suppressed);
	output_add_visible(ret, buf_str(&line)); /* one line a finding, whatever a script holds */
	buf_addc(ret, '\n');
}

void gate_report(const struct gate_input *in, const struct findings *f, struct buf *ret)
{
	add_head(in, f, ret);
	for (const struct gate *g = gates; g->id; g++)
		add_gate(g, in, ret);
	for (size_t i = 0; i < f->n; i++) {
		AUTO(buf_done) struct buf line = BUF_INIT;
		add_finding(&f->list[i], &line);
		if (ret->n + line.n > LIMIT_GATE_REPORT - LAST_LINE) {
			buf_addf(ret, "and %zu more findings: rollcall lint --all shows them\n", f->n - i);
			return;
		}
		buf_add(ret, line.p, line.n);
	}
}
