/* See the header. */
#include "controller/audit/wave.h"
#include "controller/release/target_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/crypto/dsse.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "controller/audit/verify_impl.h"

/* A report that its agent signed. */
struct told {
	const char *agent;
	uint64_t journal;
	uint8_t hash[DIGEST_SIZE];
	struct report report;
};

struct look {
	const struct bundle *b;
	struct arena *a;
	struct verify v; /* what it believes, and the rows of the log */
	struct audit_result checked;
	struct certificate *certificates;
	size_t n_certificates;
	struct told *told;
	size_t n_told;
	struct target_list list;
	struct wave_evidence *w;
};

/* ---- the order ---- */

static int find_order(struct look *l, const char *rollout, struct err *e)
{
	const struct bundle_document *found = NULL;
	for (size_t i = 0; i < l->b->n_documents; i++) {
		const struct bundle_document *d = &l->b->documents[i];
		if (!str_eq(d->kind, "order") || !str_starts(d->name, rollout))
			continue;
		if (found)
			return err_set(e, ERR_USAGE, "several orders begin with %s: give more of the id", rollout);
		found = d;
	}
	if (!found)
		return err_set(e, ERR_NOT_FOUND, "there is no order %s in it", rollout);
	const struct bundle_document *leaves = bundle_find(l->b, "leaves", found->name);
	if (order_decode(found->data, l->a, &l->w->order, e) != 0)
		return err_wrap(e, "order %s", found->name);
	if (!leaves)
		return err_set(e, ERR_SIGNATURE, "order %s: its target list is not there: nothing was signed", found->name);
	if (target_list_read("target list", leaves->data, l->a, &l->list, e) != 0 || target_list_check(&l->list, &l->w->order, e) != 0)
		return err_wrap(e, "order %s: nothing was signed", found->name);
	return 0;
}

/* ---- what it believes ---- */

static void believe(struct look *l, const struct trust *own)
{
	struct verify *v = &l->v;
	*v = (struct verify){.b = l->b, .pinned = own, .a = l->a, .result = &l->checked, .check = &l->checked.checks[0]};
	verify_index_rows(v);
	verify_trust(v);
	l->w->trust = v->steps[v->n_steps - 1].trust; /* there is one: the signer's own */
	l->w->rests_on = l->checked.rests_on;
}

/* ---- reports ---- */

/* By role enrol of when the log tells of it. Without a row only the newest document counts: an enrol key that was stolen and is out by now can sign at any time. */
static bool is_certified(const struct look *l, const struct bundle_document *d, const struct envelope *env)
{
	uint8_t hash[DIGEST_SIZE];
	digest_sha256(d->data, hash);
	const struct audit_row *row = verify_row_of(&l->v, NULL, hash);
	struct trust_span s = row ? verify_trust_at(&l->v, row->seq) : (struct trust_span){l->v.n_steps - 1, l->v.n_steps};
	for (size_t i = s.from; i < s.to; i++)
		if (trust_check_role(l->v.steps[i].trust, ROLE_ENROL, env, TYPE_CERTIFICATE, NULL) == 0)
			return true;
	return false;
}

static void find_certificates(struct look *l)
{
	l->certificates = arena_alloc(l->a, (l->b->n_documents + 1) * sizeof *l->certificates);
	for (size_t i = 0; i < l->b->n_documents; i++) {
		const struct bundle_document *d = &l->b->documents[i];
		struct envelope env;
		if (str_eq(d->kind, "certificate") && envelope_decode(d->data, l->a, &env, NULL) == 0 && is_certified(l, d, &env) &&
		    certificate_decode(env.payload, l->a, &l->certificates[l->n_certificates], NULL) == 0)
			l->n_certificates++;
	}
}

static bool covers(const struct certificate *c, const char *target)
{
	for (size_t i = 0; i < c->n_targets; i++)
		if (str_glob(c->targets[i], target))
			return true;
	return false;
}

/* By a key that was certified for this agent and this target. */
static bool is_signed(const struct look *l, const struct envelope *env, const struct report *r)
{
	for (size_t i = 0; i < l->n_certificates; i++) {
		const struct certificate *c = &l->certificates[i];
		if (str_eq(c->agent, r->agent) && covers(c, r->target) && dsse_signed_by(env, TYPE_REPORT, c->report_key))
			return true;
	}
	return false;
}

static int read_report(struct look *l, const struct bundle_document *d, struct err *e)
{
	struct told *k = &l->told[l->n_told];
	char agent[64];
	uint64_t seq;
	struct envelope env;
	if (sscanf(d->name, "%63[^/]/%" SCNu64 "/%" SCNu64, agent, &k->journal, &seq) != 3)
		return err_set(e, ERR_PARSE, "report %s: its name is not AGENT/JOURNAL/NUMBER", d->name);
	if (envelope_decode(d->data, l->a, &env, e) != 0 || report_decode(env.payload, l->a, &k->report, e) != 0)
		return err_wrap(e, "report %s", d->name);
	if (!is_signed(l, &env, &k->report) || !str_eq(k->report.agent, agent) || k->report.report_seq != seq)
		return err_set(e, ERR_SIGNATURE, "report %s is not signed by a key that role enrol has certified for that agent and target %s", d->name,
		               k->report.target);
	digest_sha256(d->data, k->hash);
	k->agent = k->report.agent;
	l->n_told++;
	return 0;
}

static int compare_told(const void *a, const void *b)
{
	const struct told *x = a, *y = b;
	int by_agent = strcmp(x->agent, y->agent);
	if (by_agent)
		return by_agent;
	if (x->journal != y->journal)
		return x->journal < y->journal ? -1 : 1;
	return x->report.report_seq < y->report.report_seq ? -1 : x->report.report_seq > y->report.report_seq;
}

/* Between the first and the last one that is here. */
static int check_chains(const struct look *l, struct err *e)
{
	for (size_t i = 1; i < l->n_told; i++) {
		const struct told *k = &l->told[i], *before = &l->told[i - 1];
		if (!str_eq(k->agent, before->agent) || k->journal != before->journal)
			continue;
		if (k->report.report_seq != before->report.report_seq + 1 || memcmp(k->report.prev_report_hash, before->hash, DIGEST_SIZE) != 0)
			return err_set(e, ERR_SIGNATURE, "reports of agent %s are missing between %" PRIu64 " and %" PRIu64 ": the controller keeps them back",
			               k->agent, before->report.report_seq, k->report.report_seq);
	}
	return 0;
}

static int find_reports(struct look *l, struct err *e)
{
	l->told = arena_alloc(l->a, (l->b->n_documents + 1) * sizeof *l->told);
	for (size_t i = 0; i < l->b->n_documents; i++)
		if (str_eq(l->b->documents[i].kind, "report") && read_report(l, &l->b->documents[i], e) != 0)
			return -1;
	qsort(l->told, l->n_told, sizeof *l->told, compare_told);
	return l->b->target ? 0 : check_chains(l, e); /* of one target alone they have gaps, as they must */
}

/* Rows say when a certificate came, so they are believed only as far as agents countersigned them. */
static int check_log(struct look *l, struct err *e)
{
	l->v.check = &l->checked.checks[0];
	verify_chain(&l->v);
	for (size_t i = 0; i < l->n_told && l->b->n_rows; i++) {
		const struct audit_head *head = &l->told[i].report.audit;
		bool fits = head->seq == 0 || (head->seq <= l->b->n_rows && memcmp(l->b->rows[head->seq - 1].hash, head->hash, DIGEST_SIZE) == 0);
		if (!fits)
			return err_set(e, ERR_SIGNATURE,
			               "the log that came with it is not the one that agent %s countersigned at row %" PRIu64 ": nothing was signed",
			               l->told[i].agent, head->seq);
	}
	if (l->checked.n_findings)
		return err_set(e, ERR_SIGNATURE, "%s: %s: nothing was signed", l->checked.findings[0].place, l->checked.findings[0].text);
	return 0;
}

static bool is_newer(const struct told *k, const struct told *than)
{
	if (!than || k->report.attempt != than->report.attempt)
		return !than || k->report.attempt > than->report.attempt;
	if (!str_eq(k->agent, than->agent) || k->journal != than->journal)
		return k->report.ended_at_us > than->report.ended_at_us;
	return k->report.report_seq > than->report.report_seq;
}

/* The newest report on each target of the order. */
static struct map *newest_reports(const struct look *l)
{
	struct map *m = map_new();
	for (size_t i = 0; i < l->n_told; i++) {
		struct told *k = &l->told[i];
		if (memcmp(k->report.order_digest, l->w->order.digest, DIGEST_SIZE) == 0 && is_newer(k, map_get(m, map_text(k->report.target))))
			map_put(m, map_text(k->report.target), k);
	}
	return m;
}

/* ---- the wave ---- */

static bool has_later(const struct order *o, uint32_t wave)
{
	for (size_t i = wave + 1; i < o->n_waves; i++)
		if (o->waves[i].target_count > 0)
			return true;
	return false;
}

static int no_such_wave(const struct order *o, const char *name, struct err *e)
{
	AUTO(buf_done) struct buf has = BUF_INIT;
	for (uint32_t i = 0; i < o->n_waves; i++)
		buf_addf(&has, "%s%s", i ? ", " : "", o->waves[i].name);
	return err_set(e, ERR_NOT_FOUND, "order %.8s has no wave %s: it has %s", o->id, name, buf_str(&has));
}

static int choose_wave(struct look *l, struct map *newest, const char *name, struct err *e)
{
	const struct order *o = &l->w->order;
	bool found = false;
	for (uint32_t i = 0; i < o->n_waves; i++)
		if (name && str_eq(o->waves[i].name, name))
			l->w->wave = i, found = true;
	for (size_t i = 0; !name && i < o->target_count; i++)
		if (has_later(o, l->list.leaves[i].wave) && map_get(newest, map_text(l->list.leaves[i].target)))
			l->w->wave = l->list.leaves[i].wave, found = true;
	if (found && !has_later(o, l->w->wave))
		return err_set(e, ERR_POLICY, "wave %s is the last one of order %.8s: nothing waits for its gate", o->waves[l->w->wave].name, o->id);
	if (found)
		return 0;
	return name ? no_such_wave(o, name, e)
	            : err_set(e, ERR_NOT_FOUND, "no target of a wave that another one waits for is reported on yet: nothing is there to look at");
}

static enum wave_result result_of(const struct order *o, const struct report *r)
{
	if (r->outcome == OUTCOME_HELD)
		return WAVE_RESULT_NONE;
	return r->direction == o->direction && r->outcome == (o->direction == DIRECTION_APPLY ? OUTCOME_APPLIED : OUTCOME_ROLLED_BACK)
	           ? WAVE_RESULT_DONE
	           : WAVE_RESULT_FAILED;
}

static void add_target(struct look *l, const char *target, const struct told *k, int64_t *last_us)
{
	struct wave_evidence *w = l->w;
	struct wave_target *t = &w->targets[w->n_targets++];
	*t = (struct wave_target){.target = target, .result = WAVE_RESULT_NONE, .said = "", .detail = ""};
	if (k) {
		t->agent = k->agent;
		t->result = result_of(&w->order, &k->report);
		t->said = outcome_name(k->report.outcome);
		t->detail = k->report.failure.message ? k->report.failure.message : "";
		t->ended_at_us = k->report.ended_at_us;
		memcpy(t->hash, k->hash, DIGEST_SIZE);
	}
	w->done += t->result == WAVE_RESULT_DONE;
	w->failed += t->result == WAVE_RESULT_FAILED;
	w->unreported += t->result == WAVE_RESULT_NONE;
	if (t->result == WAVE_RESULT_DONE && t->ended_at_us > *last_us)
		*last_us = t->ended_at_us;
}

static void gather(struct look *l, struct map *newest)
{
	struct wave_evidence *w = l->w;
	int64_t last_us = 0;
	struct digest *d = digest_new();
	w->targets = arena_alloc(l->a, (w->order.target_count + 1) * sizeof *w->targets);
	for (size_t i = 0; i < w->order.target_count; i++) {
		if (l->list.leaves[i].wave != w->wave)
			continue;
		add_target(l, l->list.leaves[i].target, map_get(newest, map_text(l->list.leaves[i].target)), &last_us);
		digest_add_sized(d, bytes_of_str(l->list.leaves[i].target));
		digest_add(d, w->targets[w->n_targets - 1].hash, DIGEST_SIZE);
	}
	digest_final(&d, w->reports_digest);
	w->soak_until_us = last_us ? last_us + (int64_t)w->order.waves[w->wave].soak_ms * 1000 : 0;
}

int wave_evidence(const struct bundle *b, const struct trust *t, const char *rollout, const char *wave, struct arena *a, struct wave_evidence *ret,
                  struct err *e)
{
	struct wave_evidence w = {.wave = 0};
	struct look l = {.b = b, .a = a, .w = &w};
	if (find_order(&l, rollout, e) != 0)
		return -1;
	believe(&l, t);
	find_certificates(&l);
	if (find_reports(&l, e) != 0 || check_log(&l, e) != 0)
		return -1;
	AUTO(map_destroy) struct map *newest = newest_reports(&l);
	if (choose_wave(&l, newest, wave, e) != 0)
		return -1;
	gather(&l, newest);
	*ret = w;
	return 0;
}

int wave_may_pass(const struct wave_evidence *w, uint64_t unreported, int64_t now_us, struct err *e)
{
	const struct wave *v = &w->order.waves[w->wave];
	char limit[16], at[CLOCK_TEXT_SIZE];
	uint32_t wanted = limit_of(v->min_success, w->n_targets - w->unreported);
	if (w->failed > limit_of(v->max_failures, w->n_targets))
		return err_set(e, ERR_POLICY, "wave %s has %" PRIu32 " failures, and the approved order allows %s: it has not passed", v->name, w->failed,
		               limit_text(v->max_failures, limit));
	if (w->done == 0)
		return err_set(e, ERR_POLICY, "nothing of wave %s has succeeded: it proves nothing", v->name);
	if (w->unreported != unreported)
		return err_set(e, ERR_POLICY,
		               "%" PRIu32 " of the %" PRIu32
		               " targets of wave %s have no signed report: they run or wait, were skipped or deferred, or their reports are "
		               "kept back. Where you know that it is so: --without %" PRIu32,
		               w->unreported, w->n_targets, v->name, w->unreported);
	if (w->done < wanted)
		return err_set(e, ERR_POLICY,
		               "%" PRIu32 " targets of wave %s have succeeded, and the approved order asks for %s (%" PRIu32 "): it has not passed", w->done,
		               v->name, limit_text(v->min_success, limit), wanted);
	if (now_us < w->soak_until_us)
		return err_set(e, ERR_POLICY, "the soak of wave %s is over at %s: sign then", v->name, clock_text(w->soak_until_us, at));
	return 0;
}
