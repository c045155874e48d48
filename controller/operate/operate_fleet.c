/* Commands about the controller itself, the fleet as a whole, and what happened. */
#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "controller/operate/operate.h"
#include "controller/view/view.h"

#define HISTORY_LIMIT     100
#define HISTORY_LIMIT_MAX 10000
#define EYES_LIMIT        1000
#define EYES_LIMIT_MAX    100000

int operate_ping(struct request *q, struct err *e)
{
	struct store_counts n = {0};
	if (store_count(q->b->store, &n, e) < 0)
		return -1;
	size_t online = 0;
	for (size_t i = 0; i < q->b->n_agents; i++)
		online += q->b->agents[i]->ready;
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
	const struct pusher by = {.actor = q->actor, .forced = request_arg(q, "force")};
	if (trusted_push(q->b, q->c->document, &by, e) < 0)
		return -1;
	reply_columns(q, "key,value");
	reply_row(q, "trust\t%" PRIu64, t->doc.version);
	reply_row(q, "fresh\t%" PRIu64, t->fresh ? t->fresh->version : 0);
	reply_end(q, EXIT_DONE, "taken; agents that are connected are told at once, the others when they come back");
	return 0;
}

/* ---- the whole fleet -------------------------------------------------------------------------------------------------------------------------------------- */

static void fleet_row(struct request *q, const struct view_fleet *v)
{
	const struct brain_trust *t = &q->b->trusted;
	const char *version = "", *age = "";
	if (t->fresh) {
		version = arena_printf(q->a, "%" PRIu64, t->fresh->version);
		age = arena_printf(q->a, "%" PRId64, (q->b->now_us - t->fresh->issued_at_us) / 1000000);
	}
	reply_columns(
	    q,
	    "fleet,controller,#epoch,#trust,#fresh,#fresh-age,#audit-rows,#agents,#agents-online,#targets,#online,#offline,#trouble,#held,#quarantined,"
	    "#drifted,#behind");
	reply_row(q, "%s\t%s\t%" PRIu32 "\t%" PRIu64 "\t%s\t%s\t%" PRIu64 "\t%zu\t%zu\t%zu\t%zu\t%zu\t%zu\t%zu\t%zu\t%zu\t%zu", t->doc.fleet,
	          ROLLCALL_VERSION, q->b->epoch, t->doc.version, version, age, store_audit_head(q->b->store).seq, v->agents, v->agents_online, v->targets,
	          v->online, v->offline, v->trouble, v->held, v->quarantined, v->drifted, v->behind);
}

static void rollout_rows(struct request *q, const struct view_fleet *v)
{
	reply_columns(q, "%rollout,state,release,environment,direction,present-wave,#targets,#applied,#failed,#open,#moving,#per-minute,#seconds-left,"
	                 "starts-at,#taken-back,stands,~detail,~next,+project,+called,+#skipped");
	for (size_t i = 0; i < v->n_rollouts; i++) {
		const struct view_rollout *r = &v->rollouts[i];
		reply_row(q,
		          "%s\t%s\t%s\t%s\t%s\t%s\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%s\t%s\t%s\t%" PRIu32
		          "\t%s\t%s\t%s\t%s\t%s\t%" PRIu32,
		          r->rec->id, rollout_state_name(r->rec->state), r->rec->release_version, r->rec->environment, direction_name(r->rec->direction),
		          r->wave, r->counts.total, r->done, r->counts.failed, r->counts.open, r->moving, view_per_minute(q->a, r),
		          view_seconds_left(q->a, r), reply_time(q, r->starts_at_us), r->rec->direction == DIRECTION_APPLY ? r->counts.rolled_back : 0,
		          r->state, r->detail, r->next, r->rec->project, r->called, r->counts.skipped);
	}
}

static void eye_rows(struct request *q, const struct view_fleet *v, size_t limit)
{
	reply_columns(q, "needs-eyes,kind,state,#targets,%rollout,since,until,~detail,~next,+#until-seconds");
	for (size_t i = 0; i < v->n_eyes && i < limit; i++) {
		const struct view_eye *y = &v->eyes[i];
		reply_row(q, "%s\t%s\t%s\t%zu\t%s\t%s\t%s\t%s\t%s\t%s", y->name, y->kind, y->state, y->targets, y->rollout, reply_time(q, y->since_us),
		          reply_time(q, y->until_us), y->detail, y->next, reply_seconds_until(q, y->until_us));
	}
}

int operate_fleet_status(struct request *q, struct err *e)
{
	struct view_fleet v;
	uint64_t limit = EYES_LIMIT;
	if (request_number(q, "limit", 1, EYES_LIMIT_MAX, &limit, e) < 0 || view_fleet(q->b, q->a, &v, e) < 0)
		return -1;
	fleet_row(q, &v);
	reply_columns(q, "version,#agents,#online");
	for (size_t i = 0; i < v.n_versions; i++)
		reply_row(q, "%s\t%zu\t%zu", v.versions[i].version, v.versions[i].agents, v.versions[i].online);
	rollout_rows(q, &v);
	eye_rows(q, &v, (size_t)limit);
	if (v.n_eyes == 0)
		reply_end(q, v.code, "nothing needs eyes");
	else if (v.n_eyes > limit)
		reply_end(q, v.code, "%zu things need eyes, of which the first %" PRIu64 " are listed", v.n_eyes, limit);
	else
		reply_end(q, v.code, "%zu thing%s eyes", v.n_eyes, v.n_eyes == 1 ? " needs" : "s need");
	return 0;
}

/* ---- history ----------------------------------------------------------------------------------------------------------------------------------------------- */

int operate_history(struct request *q, struct err *e)
{
	struct history_row *rows = NULL;
	size_t n = 0;
	uint64_t limit = HISTORY_LIMIT;
	const char *rollout = request_arg(q, "rollout");
	struct run *u = NULL;
	if (request_number(q, "limit", 1, HISTORY_LIMIT_MAX, &limit, e) < 0 || (rollout && run_find(q->b, rollout, &u, e) < 0))
		return -1;
	if (store_history(q->b->store, request_arg(q, "target"), u ? u->rec.id : NULL, (size_t)limit, q->a, &rows, &n, e) < 0)
		return -1;
	if (n == 0 && request_arg(q, "target") && !target_by_id(q->b, request_arg(q, "target")))
		return request_no_target(q, request_arg(q, "target"), e);
	reply_columns(q, "at,target,%rollout,project,release,direction,outcome,+#attempt,~detail,+agent,+report");
	for (size_t i = 0; i < n; i++) {
		const struct history_row *r = &rows[i];
		char at[CLOCK_TEXT_SIZE];
		reply_row(q, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%" PRIu32 "\t%s\t%s\t%" PRIu32 ".%" PRIu64, clock_text(r->at_us, at), r->target,
		          str_or_empty(r->rollout), str_or_empty(r->project), str_or_empty(r->release), r->direction, r->outcome, r->attempt,
		          str_or_empty(r->detail), r->agent, r->journal, r->seq);
	}
	reply_count(q, n, "report");
	return 0;
}
