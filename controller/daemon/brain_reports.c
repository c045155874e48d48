/* Reports: verified, stored, committed, then acknowledged. Duplicates are only acknowledged; behind a gap nothing is taken, the agent sends from the gap on. A report is a
 * signed fact: one that fits no delivery of ours is kept all the same, and said. */
#include <inttypes.h>

#include "common/base/log.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/crypto/dsse.h"
#include "common/wire/documents.h"
#include "controller/daemon/brain_impl.h"

/* Decodes what the agent's report key signed. Expected refusals are told in `why`, not as errors. */
static int open_report(struct brain *b, const struct brain_agent *g, const struct hub_event *ev, struct report *ret, struct err *why)
{
	const struct msg_report *m = &ev->msg.report;
	struct envelope env;
	if (envelope_decode(m->envelope, b->turn, &env, why) < 0)
		return -1;
	bool is_signed = ev->checked && memcmp(ev->checked_key, g->cert.report_key, SIGN_PUBLIC_SIZE) == 0;
	const struct certificate *former = agent_former_signer(b, g);
	if (!is_signed && !dsse_signed_by(&env, TYPE_REPORT, g->cert.report_key) && !(former && dsse_signed_by(&env, TYPE_REPORT, former->report_key)))
		return err_set(why, ERR_SIGNATURE, "not signed by the report key of the agent's certificate");
	if (report_decode(env.payload, b->turn, ret, why) < 0)
		return -1;
	if (!str_eq(ret->agent, g->rec.name) || ret->report_seq != m->seq)
		return err_set(why, ERR_SIGNATURE, "it says agent %s, number %" PRIu64 ", but came from %s as number %" PRIu64, ret->agent, ret->report_seq,
		               g->rec.name, m->seq);
	return 0;
}

/* What people read beside the state. */
static const char *detail_of(struct arena *a, const struct report *r)
{
	const struct failure *f = &r->failure;
	if (str_empty(f->message))
		return NULL;
	const char *place = str_empty(f->changeset) ? ""
	                    : str_empty(f->file)    ? arena_printf(a, "%s: ", f->changeset)
	                                            : arena_printf(a, "%s (%s:%" PRIu32 "): ", f->changeset, f->file, f->line);
	const char *check = str_empty(f->check) ? "" : arena_printf(a, "%s: ", f->check);
	const char *then =
	    r->outcome == OUTCOME_APPLIED && !str_empty(f->next) ? arena_printf(a, " %s", f->next) : ""; /* else the state says what is next */
	const char *state = str_empty(f->database_state) ? "" : arena_printf(a, " In the database: %s.", f->database_state);
	return arena_printf(a, "%s%s%s%s%s", place, check, f->message, then, state);
}

/* Why a report cannot move this delivery; NULL when it can. */
static const char *misfit(const struct report *r, const struct delivery *d)
{
	if (r->direction != d->direction)
		return "of the other direction than the delivery's present task";
	if (r->attempt < d->attempt)
		return "of an earlier attempt";
	if ((r->outcome == OUTCOME_APPLIED && r->direction == DIRECTION_ROLLBACK) ||
	    (r->outcome == OUTCOME_ROLLED_BACK && r->direction == DIRECTION_APPLY))
		return "with an outcome of the other direction";
	if (!fsm_find(&delivery_fsm, (int)d->state, delivery_event_of_outcome(r->outcome), d))
		return "that the delivery's state does not expect";
	return NULL;
}

static void add_to_reason(struct brain *b, struct run *u, uint32_t index)
{
	const struct delivery_note *n = &u->notes[index];
	const char *changeset = arena_strdup(b->turn, n->changeset), *code = arena_strdup(b->turn, n->code);
	run_note(u, index, changeset, code,
	         arena_printf(b->turn, "%s Since then this release was rolled back here.", n->detail ? n->detail : "It failed."));
}

static void note_report(struct brain *b, struct run *u, const struct delivery *d, const struct report *r, const char *detail)
{
	bool keeps = run_keeps_reason(d);
	if (keeps && r->outcome == OUTCOME_HELD)
		run_waits(u, d->index, r->failure.code, detail);
	else if (detail || !keeps)
		run_note(u, d->index, r->failure.changeset, r->failure.code, detail);
	else
		add_to_reason(b, u, d->index);
}

/* Held between two steps: what was run before stays until it goes on, or is taken back. */
static bool left_something(const struct report *r)
{
	for (size_t i = 0; i < r->n_steps; i++)
		if (r->steps[i].state == STEP_DONE || r->steps[i].state == STEP_INTENT)
			return true;
	return false;
}

static int move_delivery(struct brain *b, struct brain_agent *g, struct run *u, struct delivery *d, const struct report *r, const char *detail,
                         struct err *e)
{
	const char *who = brain_agent_actor(b, g->rec.name), *why = misfit(r, d);
	if (why) {
		const char *text = arena_printf(b->turn, "a report %s: %s, attempt %" PRIu32, why, outcome_name(r->outcome), r->attempt);
		log_warn("%s: %s", r->target, text);
		return brain_log(b, who, u->rec.id, r->target, "report-kept", text, e);
	}
	d->touched |= r->outcome == OUTCOME_HELD && left_something(r);
	d->attempt = r->attempt; /* higher than ours only after the store was set back */
	note_report(b, u, d, r, detail);
	return run_delivery_event(b, u, d, delivery_event_of_outcome(r->outcome), who, e);
}

static int take_report(struct brain *b, struct brain_agent *g, const struct msg_report *m, const struct report *r, struct err *e)
{
	const char *who = brain_agent_actor(b, g->rec.name), *detail = detail_of(b->turn, r);
	struct run *u = NULL;
	if (memcmp(r->prev_report_hash, g->rec.report_hash, DIGEST_SIZE) != 0) {
		log_warn("agent %s: report %" PRIu64 " does not continue the chain of its reports", g->rec.name, m->seq);
		if (brain_log_agent(b, g->rec.name, "chain-broken", arena_printf(b->turn, "report %" PRIu64, m->seq), e) < 0)
			return -1;
	}
	if (run_by_order(b, r->order_digest, &u, e) < 0)
		return -1;
	if (!u)
		(void)run_by_task(b, g, r->task, &u); /* an agent that could not read the order reports no digest of it */
	if (store_report_put(b->store, r, g->rec.journal, u ? u->rec.id : NULL, detail, m->envelope, b->now_us, e) < 0)
		return -1;
	g->rec.report_seq = m->seq;
	digest_sha256(m->envelope, g->rec.report_hash);
	g->seen = g->ack = true;
	agent_stir(b, g);
	const struct brain_evidence evidence = {arena_printf(b->turn, "%s/%" PRIu32 "/%" PRIu64, g->rec.name, g->rec.journal, m->seq),
	                                        g->rec.report_hash};
	if (brain_log_evidence(b, who, u ? u->rec.id : NULL, r->target, "report", outcome_name(r->outcome), evidence, e) < 0)
		return -1;
	struct delivery *d = u ? run_delivery(u, r->target) : NULL;
	if (!agent_may_serve(g, r->target) || !d) {
		const char *why = d ? "its certificate does not cover this target" : "no rollout of ours has this target under this order";
		log_warn("agent %s: report %" PRIu64 " on %s changes nothing: %s", g->rec.name, m->seq, r->target, why);
		return brain_log(b, who, NULL, r->target, "report-kept", why, e);
	}
	return schema_reported(b, who, r, e) < 0 ? -1 : move_delivery(b, g, u, d, r, detail, e);
}

int report_event(struct brain *b, const struct hub_event *ev, struct err *e)
{
	const struct msg_report *m = &ev->msg.report;
	struct brain_agent *g = agent_by_session(b, ev->session);
	struct report r = {0};
	struct err why = ERR_INIT;
	if (!g)
		return 0;
	g->ack = true;
	agent_stir(b, g);
	if (m->seq != g->rec.report_seq + 1)
		return 0;
	if (open_report(b, g, ev, &r, &why) < 0) {
		log_error("agent %s: report %" PRIu64 " is refused: %s", g->rec.name, m->seq, why.msg);
		return brain_log_agent(b, g->rec.name, "report-refused", arena_strdup(b->turn, why.msg), e);
	}
	return take_report(b, g, m, &r, e);
}

size_t brain_to_check(struct brain *b, struct hub_event *events, size_t n, struct hub_event **ret)
{
	size_t count = 0;
	for (size_t i = 0; i < n; i++) {
		const struct brain_agent *g =
		    events[i].type == HUB_MESSAGE && events[i].msg.type == MSG_REPORT ? agent_by_session(b, events[i].session) : NULL;
		if (!g || events[i].msg.report.seq <= g->rec.report_seq)
			continue;
		memcpy(events[i].checked_key, g->cert.report_key, SIGN_PUBLIC_SIZE);
		ret[count++] = &events[i];
	}
	return count;
}
