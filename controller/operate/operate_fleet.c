/* Commands about the controller itself, the targets, and what happened. */
#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "controller/operate/operate.h"

#define HISTORY_LIMIT     100
#define HISTORY_LIMIT_MAX 10000

int operate_ping(struct request *q, struct err *e)
{
	struct store_counts n = {0};
	if (store_count(q->b->store, &n, e) < 0)
		return -1;
	size_t online = 0;
	for (size_t i = 0; i < q->b->n_agents; i++)
		online += q->b->agents[i]->session != 0;
	reply_columns(q, "key,value");
	reply_row(q, "controller\t%s", ROLLCALL_VERSION);
	reply_row(q, "epoch\t%" PRIu32, q->b->epoch);
	reply_row(q, "trust\t%" PRIu64, q->b->trusted.doc.version);
	reply_row(q, "fresh\t%" PRIu64, q->b->trusted.fresh ? q->b->trusted.fresh->version : 0);
	reply_row(q, "agents\t%" PRIu64, n.agents);
	reply_row(q, "agents-online\t%zu", online);
	reply_row(q, "targets\t%" PRIu64, n.targets);
	reply_row(q, "rollouts\t%" PRIu64, n.rollouts);
	reply_end(q, EXIT_DONE, "the controller answers");
	return 0;
}

int operate_trust_show(struct request *q, struct err *e)
{
	(void)e;
	reply_document(q, q->b->trusted.envelope);
	reply_end(q, EXIT_DONE, "trust document version %" PRIu64, q->b->trusted.doc.version);
	return 0;
}

int operate_trust_push(struct request *q, struct err *e)
{
	const struct brain_trust *t = &q->b->trusted;
	if (trusted_push(q->b, q->c->document, q->actor, e) < 0)
		return -1;
	reply_columns(q, "key,value");
	reply_row(q, "trust\t%" PRIu64, t->doc.version);
	reply_row(q, "fresh\t%" PRIu64, t->fresh ? t->fresh->version : 0);
	reply_end(q, EXIT_DONE, "taken; agents that are connected are told at once, the others when they come back");
	return 0;
}

/* ---- targets and history ----------------------------------------------------------------------------------------------------------------------------------- */

static const char *labels_of(struct request *q, const struct target *t)
{
	struct buf b = BUF_INIT;
	for (size_t i = 0; i < t->n_labels; i++)
		buf_addf(&b, "%s%s=%s", i ? "," : "", t->labels[i].key, t->labels[i].value);
	const char *text = arena_strdup(q->a, buf_str(&b));
	buf_done(&b);
	return text;
}

struct schema_cells {
	const char *word, *fingerprint, *rows;
};

static int schema_of(struct request *q, const char *target, struct schema_cells *ret, struct err *e)
{
	struct store_schema c;
	char hex[DIGEST_HEX_SIZE];
	if (store_schema(q->b->store, target, &c, e) < 0)
		return -1;
	bytes_to_hex(bytes_of(c.seen, DIGEST_SIZE), hex);
	ret->word = schema_word(&c);
	ret->fingerprint = *ret->word ? arena_printf(q->a, "%.12s", hex) : "";
	ret->rows = c.ledger_rows ? arena_printf(q->a, "%" PRIu64, c.ledger_rows) : "";
	return 0;
}

/* In one word; the detail column says the rest. */
static const char *health_of(const struct brain_target *t, const struct store_quarantine *out)
{
	if (out)
		return "quarantine";
	if (!t->owner->ready)
		return "offline";
	return str_empty(t->facts.trouble) ? "online" : "trouble";
}

static const char *size_of(struct request *q, const struct brain_facts *f)
{
	return f->at_us && f->size_bytes ? arena_printf(q->a, "%.1f MB", (double)f->size_bytes / 1e6) : "";
}

static const char *lag_of(struct request *q, const struct brain_facts *f)
{
	return f->lag_ms >= 0 ? arena_printf(q->a, "%" PRId64 " ms", f->lag_ms) : "";
}

int operate_target_list(struct request *q, struct err *e)
{
	struct selector *s = NULL;
	size_t n = 0, n_all = 0;
	if (selector_parse(request_arg(q, "selector"), q->a, &s, e) < 0)
		return -1;
	struct brain_target **all = targets_sorted(q->b, &n_all);
	reply_columns(q, "target,engine,agent,state,release,labels,+detail,+version,+size,+lag,+last-apply,+looked,+schema,+fingerprint,+ledger-rows");
	for (size_t i = 0; i < n_all; i++) {
		const struct brain_target *t = all[i];
		const char *release = NULL;
		int64_t applied_at_us = 0;
		struct schema_cells schema;
		if (!selector_matches(s, &t->target))
			continue;
		if (store_target_release(q->b->store, t->target.id, q->a, &release, &applied_at_us, e) < 0 || schema_of(q, t->target.id, &schema, e) < 0)
			return -1;
		const struct store_quarantine *out = quarantine_of(q->b, t->target.id);
		const char *detail = out ? arena_printf(q->a, "%s (%s)", out->reason, out->added_by) : t->facts.trouble;
		char applied[CLOCK_TEXT_SIZE], looked[CLOCK_TEXT_SIZE];
		reply_row(q, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", t->target.id, t->target.engine, t->owner->rec.name,
		          health_of(t, out), release ? release : "", labels_of(q, &t->target), detail, t->facts.version, size_of(q, &t->facts),
		          lag_of(q, &t->facts), applied_at_us ? clock_text(applied_at_us, applied) : "",
		          t->facts.at_us ? clock_text(t->facts.at_us, looked) : "", schema.word, schema.fingerprint, schema.rows);
		n++;
	}
	reply_count(q, n, "target");
	return 0;
}

int operate_history(struct request *q, struct err *e)
{
	struct history_row *rows = NULL;
	size_t n = 0;
	uint64_t limit = HISTORY_LIMIT;
	const char *text = request_arg(q, "limit"), *rollout = request_arg(q, "rollout");
	struct run *u = NULL;
	if (text && str_to_u64(text, "limit", 1, HISTORY_LIMIT_MAX, &limit, e) < 0)
		return -1;
	if (rollout && run_find(q->b, rollout, &u, e) < 0)
		return -1;
	if (store_history(q->b->store, request_arg(q, "target"), u ? u->rec.id : NULL, (size_t)limit, q->a, &rows, &n, e) < 0)
		return -1;
	reply_columns(q, "at,target,rollout,release,direction,outcome,#attempt,~detail,+agent,+report");
	for (size_t i = 0; i < n; i++) {
		const struct history_row *r = &rows[i];
		char at[CLOCK_TEXT_SIZE];
		reply_row(q, "%s\t%s\t%s\t%s\t%s\t%s\t%" PRIu32 "\t%s\t%s\t%" PRIu32 ".%" PRIu64, clock_text(r->at_us, at), r->target,
		          r->rollout ? r->rollout : "", r->release ? r->release : "", r->direction, r->outcome, r->attempt, r->detail ? r->detail : "",
		          r->agent, r->journal, r->seq);
	}
	reply_count(q, n, "report");
	return 0;
}
