/* The table of checks, and those about the chain itself. See the header. */
#include "controller/audit/verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/str.h"
#include "controller/audit/chain.h"
#include "controller/audit/verify_impl.h"

static const struct {
	const char *name, *says;
	verify_fn *run;
} checks[AUDIT_CHECKS] = {
    {"chain", "every row's hash is that of its content and the row before", verify_chain},
    {"trust", "each trust document is signed by its root keys, and by those of the one before", verify_trust},
    {"certificates", "every agent's certificate is signed by the enrol role", verify_certificates},
    {"releases", "every release is signed by its threshold", verify_releases},
    {"orders", "every order is the one that was logged, over the target list that it froze", verify_orders},
    {"approvals", "enough approvers had signed before anything was sent", verify_approvals},
    {"gates", "every wave's pass is signed by a gate's key, over its order, and logged", verify_gates},
    {"reports", "every report is signed by its agent, and logged", verify_reports},
    {"report-chain", "no report of an agent is missing or out of place", verify_report_chain},
    {"outcomes", "every outcome that was shown rests on a signed report", verify_outcomes},
    {"shown", "every outcome that is shown now is the one in the log", verify_shown},
    {"countersigned", "the log is the one that the agents were told of", verify_countersigned},
};

void verify_wrong(struct verify *v, const char *place, const char *fmt, ...)
{
	va_list ap;
	char text[1024];
	v->check->wrong++;
	if (v->check->wrong > AUDIT_FINDINGS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	struct audit_result *r = v->result;
	arena_vec_grow(v->a, r->findings, r->n_findings, r->cap_findings);
	r->findings[r->n_findings++] =
	    (struct audit_finding){.check = v->check->name, .place = arena_strdup(v->a, place), .text = arena_strdup(v->a, text)};
}

const char *verify_row_place(const struct verify *v, const struct audit_row *r)
{
	return arena_printf(v->a, "row %" PRIu64, r->seq);
}

const struct audit_row *verify_row_of(const struct verify *v, const char *event, const uint8_t hash[DIGEST_SIZE])
{
	size_t low = 0, high = v->n_by_evidence;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (memcmp(v->by_evidence[middle]->ev.evidence, hash, DIGEST_SIZE) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < v->n_by_evidence && memcmp(v->by_evidence[low]->ev.evidence, hash, DIGEST_SIZE) == 0; low++)
		if (!event || str_eq(v->by_evidence[low]->ev.event, event))
			return v->by_evidence[low];
	return NULL;
}

static int compare_evidence(const void *a, const void *b)
{
	const struct audit_row *const *x = a, *const *y = b;
	int by_hash = memcmp((*x)->ev.evidence, (*y)->ev.evidence, DIGEST_SIZE);
	return by_hash ? by_hash : (*x)->seq < (*y)->seq ? -1 : (*x)->seq > (*y)->seq;
}

void verify_index_rows(struct verify *v)
{
	v->by_evidence = arena_alloc(v->a, (v->b->n_rows + 1) * sizeof(struct audit_row *));
	for (size_t i = 0; i < v->b->n_rows; i++)
		if (v->b->rows[i].ev.evidence)
			v->by_evidence[v->n_by_evidence++] = &v->b->rows[i];
	qsort(v->by_evidence, v->n_by_evidence, sizeof *v->by_evidence, compare_evidence);
}

bool verify_is_whole(const struct verify *v, const struct audit_row *r)
{
	bool of_target = !v->b->target || str_eq(r->ev.object, v->b->target);
	return of_target && r->ev.at_us >= v->b->from_us && r->ev.at_us <= v->b->to_us;
}

/* ---- the chain ---- */

void verify_chain(struct verify *v)
{
	uint8_t before[DIGEST_SIZE] = {0}, hash[DIGEST_SIZE];
	for (size_t i = 0; i < v->b->n_rows; i++) {
		const struct audit_row *r = &v->b->rows[i];
		v->check->looked_at++;
		if (r->seq != i + 1)
			verify_wrong(v, verify_row_place(v, r), "row %zu comes next: rows were taken out, put in or exchanged", i + 1);
		audit_hash(r->seq, &r->ev, before, hash);
		if (memcmp(hash, r->hash, DIGEST_SIZE) != 0)
			verify_wrong(v, verify_row_place(v, r), "its hash is not that of its content and the row before: it, or one before it, was changed");
		memcpy(before, r->hash, DIGEST_SIZE);
	}
}

/* ---- outcomes ---- */

bool verify_is_outcome(const char *state)
{
	static const char *const outcomes[] = {"applied", "rolled-back", "failed", "needs-attention"};
	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
		if (str_eq(state, outcomes[i]))
			return true;
	return false;
}

static bool is_outcome(const struct store_event *ev)
{
	return verify_is_outcome(ev->to) && !str_eq(ev->from, ev->to) && ev->rollout && str_is_target_id(ev->object);
}

/* The report's row stands before the outcome's, of the same target and rollout. */
static bool has_report(const struct verify *v, size_t at)
{
	const struct store_event *ev = &v->b->rows[at].ev;
	for (size_t i = at; i-- > 0;) {
		const struct store_event *r = &v->b->rows[i].ev;
		if (str_eq(r->event, "report") && str_eq(r->object, ev->object) && str_eq(r->rollout, ev->rollout))
			return str_eq(r->detail, ev->event) || str_eq(r->detail, ev->to);
	}
	return false;
}

void verify_outcomes(struct verify *v)
{
	for (size_t i = 0; i < v->b->n_rows; i++) {
		const struct audit_row *r = &v->b->rows[i];
		if (!is_outcome(&r->ev))
			continue;
		v->check->looked_at++;
		if (!has_report(v, i))
			verify_wrong(v, verify_row_place(v, r), "%s was shown as %s, and no signed report says so", r->ev.object, r->ev.to);
	}
}

/* ---- countersigned ---- */

void verify_countersigned(struct verify *v)
{
	for (size_t i = 0; i < v->n_reports; i++) {
		const struct signed_report *s = &v->reports[i];
		const struct audit_head *head = &s->report.audit;
		const char *place = arena_printf(v->a, "report %s", s->document->name);
		if (!s->ok || head->seq == 0)
			continue;
		v->check->looked_at++;
		if (head->seq > v->b->n_rows)
			verify_wrong(v, place, "%s countersigned row %" PRIu64 ", and the log ends at row %zu: it was cut off", s->agent, head->seq,
			             v->b->n_rows);
		else if (memcmp(v->b->rows[head->seq - 1].hash, head->hash, DIGEST_SIZE) != 0)
			verify_wrong(v, place, "%s countersigned another row %" PRIu64 " than the log has: it was written anew", s->agent, head->seq);
	}
}

/* ---- all ---- */

void audit_verify(const struct bundle *b, const struct trust *pinned, struct arena *a, struct audit_result *ret)
{
	struct verify v = {.b = b, .pinned = pinned, .a = a, .result = ret};
	*ret = (struct audit_result){0};
	verify_index_rows(&v);
	for (size_t i = 0; i < AUDIT_CHECKS; i++) {
		v.check = &ret->checks[i];
		*v.check = (struct audit_check){.name = checks[i].name, .says = checks[i].says};
		checks[i].run(&v);
	}
}
