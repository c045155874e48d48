/* What agents signed: each report's signature and place in the log, and the chain of each agent's reports. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/crypto/dsse.h"
#include "controller/audit/verify_impl.h"

/* An agent may have had several keys, one after another. */
static bool signed_by_agent(const struct verify *v, const char *agent, const struct envelope *env)
{
	for (size_t i = 0; i < v->n_certificates; i++)
		if (str_eq(v->certificates[i].agent, agent) && dsse_signed_by(env, TYPE_REPORT, v->certificates[i].report_key))
			return true;
	return false;
}

static void open_report(struct verify *v, struct signed_report *s)
{
	const char *place = arena_printf(v->a, "report %s", s->document->name);
	char agent[64];
	struct envelope env;
	struct err e = ERR_INIT;
	v->check->looked_at++;
	digest_sha256(s->document->data, s->hash);
	if (sscanf(s->document->name, "%63[^/]/%" SCNu64 "/%" SCNu64, agent, &s->journal, &s->seq) != 3) {
		verify_wrong(v, place, "its name is not AGENT/JOURNAL/NUMBER");
		return;
	}
	s->agent = arena_strdup(v->a, agent);
	if (envelope_decode(s->document->data, v->a, &env, &e) != 0 || report_decode(env.payload, v->a, &s->report, &e) != 0)
		verify_wrong(v, place, "%s", e.msg);
	else if (!signed_by_agent(v, agent, &env))
		verify_wrong(v, place, "it is not signed by a report key that was certified for %s", agent);
	else if (!str_eq(s->report.agent, agent) || s->report.report_seq != s->seq)
		verify_wrong(v, place, "it says that it is report %" PRIu64 " of %s", s->report.report_seq, s->report.agent);
	else
		s->ok = true;
	if (!verify_row_of(v, "report", s->hash))
		verify_wrong(v, place, "no row of the log tells of it");
}

static int compare_reports(const void *a, const void *b)
{
	const struct signed_report *x = a, *y = b;
	int by_agent = strcmp(x->agent ? x->agent : "", y->agent ? y->agent : "");
	if (by_agent)
		return by_agent;
	if (x->journal != y->journal)
		return x->journal < y->journal ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static bool has_document(const struct verify *v, const char *ref)
{
	char agent[64];
	struct signed_report key = {.agent = agent};
	return sscanf(ref ? ref : "", "%63[^/]/%" SCNu64 "/%" SCNu64, agent, &key.journal, &key.seq) == 3 &&
	       bsearch(&key, v->reports, v->n_reports, sizeof key, compare_reports);
}

/* The other way round: a row without its document. */
static void check_rows(struct verify *v)
{
	for (size_t i = 0; i < v->b->n_rows; i++) {
		const struct audit_row *r = &v->b->rows[i];
		if (!str_eq(r->ev.event, "report") || !verify_is_whole(v, r))
			continue;
		if (!has_document(v, r->ev.ref))
			verify_wrong(v, verify_row_place(v, r), "the log tells of report %s, and it is not there", r->ev.ref ? r->ev.ref : "?");
	}
}

void verify_reports(struct verify *v)
{
	v->reports = arena_alloc(v->a, (v->b->n_documents + 1) * sizeof *v->reports);
	for (size_t i = 0; i < v->b->n_documents; i++) {
		if (!str_eq(v->b->documents[i].kind, "report"))
			continue;
		struct signed_report *s = &v->reports[v->n_reports++];
		*s = (struct signed_report){.document = &v->b->documents[i]};
		open_report(v, s);
	}
	qsort(v->reports, v->n_reports, sizeof *v->reports, compare_reports);
	check_rows(v);
}

/* Of one target alone the reports have gaps, as they must. */
void verify_report_chain(struct verify *v)
{
	for (size_t i = 0; !v->b->target && i < v->n_reports; i++) {
		const struct signed_report *s = &v->reports[i], *before = i ? &v->reports[i - 1] : NULL;
		const char *place = arena_printf(v->a, "report %s", s->document->name);
		if (!s->ok)
			continue;
		bool same = before && before->ok && str_eq(before->agent, s->agent) && before->journal == s->journal;
		v->check->looked_at++;
		if (same && s->seq != before->seq + 1)
			verify_wrong(v, place, "the report before it is %" PRIu64 ": those in between are missing", before->seq);
		else if (same ? memcmp(s->report.prev_report_hash, before->hash, DIGEST_SIZE) != 0
		              : s->seq == 1 && !bytes_all_zero(bytes_of(s->report.prev_report_hash, DIGEST_SIZE)))
			verify_wrong(v, place, "it does not carry the hash of the report before it");
		else if (!same && s->seq != 1 && v->b->from_us == 0)
			verify_wrong(v, place, "the reports before it are missing");
	}
}
