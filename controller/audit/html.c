/* The story as one page of HTML that prints well: no scripts, nothing loaded from elsewhere, every text from outside escaped. */
#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "controller/audit/actions.h"
#include "controller/audit/story.h"
#include "controller/audit/verify.h"

static const char style[] =
    "body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 "
    "1rem;color:#1b1f24}h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #d8dee4}"
    "th{font-weight:600;white-space:nowrap}.good{color:#116329}.bad{color:#a40e26;font-weight:600}code,pre{font:12px/1.4 ui-monospace,monospace}"
    "pre{background:#f6f8fa;padding:.6rem;white-space:pre-wrap;overflow-wrap:anywhere;margin:.4rem "
    "0}summary{cursor:pointer}.hash{overflow-wrap:anywhere}.lines{white-space:pre-line}"
    "@media print{details>*{display:block}}";

static void add_escaped(struct buf *b, const char *s)
{
	for (; s && *s; s++)
		switch (*s) {
		case '&':
			buf_adds(b, "&amp;");
			break;
		case '<':
			buf_adds(b, "&lt;");
			break;
		case '>':
			buf_adds(b, "&gt;");
			break;
		case '"':
			buf_adds(b, "&quot;");
			break;
		default:
			if ((unsigned char)*s >= 0x20 || *s == '\n' || *s == '\t')
				buf_addc(b, *s);
		}
}

static void add_row(struct buf *b, const char *name, const char *value, const char *class)
{
	if (str_empty(value))
		return;
	buf_addf(b, "<tr><th>%s</th><td class=\"%s\">", name, class);
	add_escaped(b, value);
	buf_adds(b, "</td></tr>\n");
}

static void add_checks(struct buf *b, const struct audit_result *r)
{
	buf_adds(b, "<h2>What was checked</h2>\n<table>\n");
	for (size_t i = 0; i < AUDIT_CHECKS; i++) {
		const struct audit_check *c = &r->checks[i];
		buf_addf(b, "<tr><th>%s</th><td>%s</td><td>%zu looked at</td><td class=\"%s\">", c->name, c->says, c->looked_at, c->wrong ? "bad" : "good");
		if (c->wrong)
			buf_addf(b, "%zu wrong", c->wrong);
		else
			buf_adds(b, "holds");
		buf_adds(b, "</td></tr>\n");
	}
	buf_adds(b, "</table>\n<p>It rests on ");
	add_escaped(b, r->rests_on);
	buf_adds(b, ".</p>\n");
	for (size_t i = 0; i < r->n_findings; i++) {
		buf_addf(b, "<p class=\"bad\">%s, ", r->findings[i].check);
		add_escaped(b, r->findings[i].place);
		buf_adds(b, ": ");
		add_escaped(b, r->findings[i].text);
		buf_adds(b, "</p>\n");
	}
}

static void add_text(struct buf *b, const char *name, const char *text)
{
	if (str_empty(text))
		return;
	buf_addf(b, "<details><summary>%s</summary><pre>", name);
	add_escaped(b, text);
	buf_adds(b, "</pre></details>\n");
}

static void add_change(struct buf *b, const struct story_row *r)
{
	char at[CLOCK_TEXT_SIZE];
	bool good = str_eq(r->state, "done") || str_eq(r->state, "skipped");
	buf_adds(b, "<h2>");
	add_escaped(b, *r->changeset ? r->changeset : "No statement");
	buf_addf(b, " %s ", str_eq(r->direction, "apply") ? "on" : "taken back on");
	add_escaped(b, r->target);
	buf_adds(b, "</h2>\n<table>\n");
	add_row(b, "when", clock_text(r->at_us, at), "");
	add_row(b, "state", r->state, good ? "good" : "bad");
	add_row(b, "delivery", r->outcome, *r->failure ? "bad" : "");
	add_row(b, "stopped by check", r->check, "bad");
	add_row(b, "code", r->code, "bad");
	add_row(b, "failure", r->failure, "bad");
	add_row(b, "written by", r->wrote, "");
	add_row(b, "commit", r->commit, "hash");
	add_row(b, "reviewed by", r->reviewed, "");
	add_row(b, "release", r->release, "");
	add_row(b, "signed by", r->signed_by, "");
	add_row(b, "rollout", r->rollout, "hash");
	add_row(b, "environment", r->environment, "");
	add_row(b, "approved by", r->approvals, "lines");
	add_row(b, "applied by agent", r->agent, "");
	add_row(b, "database", r->database, "hash");
	add_row(b, "changeset digest", r->changeset_digest, "hash");
	add_row(b, "gate report", r->gate_report, "hash");
	add_row(b, "signed report", r->report, "");
	add_row(b, "ledger row", r->ledger_row, "hash");
	add_row(b, "ledger after", r->ledger_head, "hash");
	add_row(b, "schema before", r->schema_before, "hash");
	add_row(b, "schema after", r->schema_after, "hash");
	buf_adds(b, "</table>\n");
	add_text(b, "gates", r->gates);
	add_text(b, "text", r->sql);
}

static void add_cell(struct buf *b, const char *text, const char *class)
{
	buf_addf(b, "<td class=\"%s\">", class);
	add_escaped(b, text);
	buf_adds(b, "</td>");
}

/* From the log's rows, not from signatures: the page says so. */
static void add_actions(struct buf *b, const struct action *list, size_t n)
{
	char at[CLOCK_TEXT_SIZE];
	buf_adds(b, "<h2>What operators did</h2>\n<p>As the audit log's rows tell it, whose chain the agents countersign.</p>\n<table>\n"
	            "<tr><th>when</th><th>who</th><th>did</th><th>to</th><th>rollout</th><th>from, to</th><th>reason or detail</th></tr>\n");
	for (size_t i = 0; i < n; i++) {
		const struct store_event *ev = &list[i].row->ev;
		buf_adds(b, "<tr>");
		add_cell(b, clock_text(ev->at_us, at), "");
		add_cell(b, ev->actor, "");
		add_cell(b, list[i].what, "");
		add_cell(b, ev->object, "");
		add_cell(b, ev->rollout, "hash");
		buf_adds(b, "<td>");
		add_escaped(b, ev->from);
		buf_adds(b, ev->to ? ", " : "");
		add_escaped(b, ev->to);
		buf_adds(b, "</td>");
		add_cell(b, ev->detail, "");
		buf_adds(b, "</tr>\n");
	}
	buf_adds(b, "</table>\n");
}

void story_html(const struct bundle *b, const struct story_row *rows, size_t n, const struct audit_result *checked, struct buf *ret)
{
	char made[CLOCK_TEXT_SIZE];
	buf_addf(ret, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Audit of ");
	add_escaped(ret, b->fleet ? b->fleet : "a fleet");
	buf_addf(ret, "</title><style>%s</style></head><body>\n<h1>Audit of ", style);
	add_escaped(ret, b->fleet ? b->fleet : "a fleet");
	buf_addf(ret, "</h1>\n<p>%zu changes, %zu rows of the audit log, %zu documents; exported %s", n, b->n_rows, b->n_documents,
	         clock_text(b->made_at_us, made));
	if (b->target) {
		buf_adds(ret, ", of target ");
		add_escaped(ret, b->target);
	}
	buf_adds(ret, "</p>\n");
	add_checks(ret, checked);
	AUTO(arena_destroy) struct arena *a = arena_new(BUNDLE_ARENA_BYTES);
	struct action *actions = NULL;
	size_t n_actions = audit_actions(b, a, &actions);
	add_actions(ret, actions, n_actions);
	for (size_t i = 0; i < n; i++)
		add_change(ret, &rows[i]);
	buf_adds(ret, "</body></html>\n");
}
