/* Targets that lack their environment's release: brought up to it by an operator's command, or, where the plan says so, by an order that the controller makes. Either is a
 * rollout of its own: nobody's approval for other targets covers the new ones. */
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/wire/documents.h"
#include "controller/operate/wish.h"

#define GATHER_US (30 * INT64_C(1000000)) /* newcomers of this time share one order */

/* The release of the newest rollout that reached this environment under a plan of this name, where only one project's did. */
static int present_release(struct request *q, const char *environment, const char *plan, const char **ret, struct err *e)
{
	struct store_rollout *list = NULL, *found = NULL;
	size_t n = 0;
	if (store_rollouts(q->b->store, NULL, false, q->a, &list, &n, e) < 0)
		return -1;
	for (size_t i = n; i-- > 0;) {
		struct order o;
		bool reached = list[i].state == ROLLOUT_SUCCEEDED || list[i].state == ROLLOUT_CATCHING_UP;
		if (!reached || list[i].direction != DIRECTION_APPLY || !str_eq(list[i].environment, environment) ||
		    (found && str_eq(list[i].project, found->project)))
			continue;
		if (order_decode(list[i].order, q->a, &o, e) < 0)
			return -1;
		bool done = false;
		if (!str_eq(o.plan, plan) || store_environment_done(q->b->store, list[i].release_digest, environment, &done, e) < 0 || !done)
			continue;
		if (found)
			return err_set(e, ERR_USAGE, "plan %s has brought releases of %s and of %s to %s: name the one that is meant with -r (%s or %s)", plan,
			               found->project, list[i].project, environment, found->release_version, list[i].release_version);
		*ret = arena_hex(q->a, bytes_of(list[i].release_digest, DIGEST_SIZE));
		found = &list[i];
	}
	return found
	           ? 0
	           : err_set(e, ERR_NOT_FOUND, "no rollout of plan %s has succeeded in %s yet: name the release with -r, or `rollcall rollout start` one",
	                     plan, environment);
}

/* The request with the release named, so that it reads like a start. */
static int name_release(struct request *q, struct msg_command *c, struct err *e)
{
	const char *environment = NULL, *name = request_arg(q, "plan"), *release = NULL;
	struct plan p;
	if (request_arg(q, "release"))
		return 0;
	if (request_need(q, "environment", &environment, e) < 0 || plan_parse(name ? name : "plan", q->c->document, q->a, &p, e) < 0)
		return -1;
	if (!plan_environment(&p, environment))
		return no_environment(&p, environment, e);
	if (present_release(q, environment, p.name, &release, e) < 0)
		return -1;
	*c = *q->c;
	c->arguments = arena_alloc(q->a, (c->n_arguments + 1) * sizeof *c->arguments);
	memcpy(c->arguments, q->c->arguments, c->n_arguments * sizeof *c->arguments);
	c->arguments[c->n_arguments++] = (struct link_argument){"release", release};
	q->c = c;
	return 0;
}

int operate_catch_up(struct request *q, struct err *e)
{
	AUTO(wish_done) struct wish w = {.lacking = true};
	struct msg_command c;
	struct run *u = NULL;
	if (name_release(q, &c, e) < 0 || wish_read(q, &w, e) < 0)
		return -1;
	if (w.frozen.n_placed == 0) {
		reply_end(q, EXIT_DONE, "every free target of %s has release %s: there is nothing to catch up", w.env->name, w.rec.version);
		return 0;
	}
	const char *conflicts = NULL;
	return wish_conflicts(q, &w, &conflicts, e) < 0 || wish_start(q, &w, &u, e) < 0 ? -1 : reply_started(q, u, conflicts, e);
}

/* ---- by itself --------------------------------------------------------------------------------------------------------------------------------------- */

static void look_at(struct brain *b, int64_t at_us)
{
	if (!b->catch_up_at_us || at_us < b->catch_up_at_us)
		b->catch_up_at_us = at_us;
}

void catch_up_later(struct brain *b)
{
	look_at(b, b->now_us + GATHER_US);
}

/* One that was passed over for a freeze is free when that ends, which nobody tells. */
static void look_after_freezes(struct brain *b)
{
	for (size_t i = 0; i < b->n_freezes; i++)
		if (b->freezes[i].rec.until_us > b->now_us)
			look_at(b, b->freezes[i].rec.until_us);
}

static bool is_task_of(const struct brain *b, const struct store_held *h, const struct brain_agent *g, const uint8_t task[TASK_SIZE])
{
	uint8_t id[TASK_SIZE];
	const struct brain_target *t = target_by_id(b, h->target);
	task_id(h->order_digest, h->target, DIRECTION_APPLY, id);
	return t && t->owner == g && memcmp(id, task, TASK_SIZE) == 0;
}

static int let_go(struct brain *b, const struct brain_agent *g, const struct store_held *h, struct err *e)
{
	if (store_target_let_go(b->store, h, e) < 0)
		return -1;
	catch_up_later(b);
	return brain_log(b, brain_agent_actor(b, g->rec.name), h->rollout, h->target, "unheld",
	                 "its site has nothing against it any more: it may catch up", e);
}

int catch_up_let_go(struct brain *b, const struct brain_agent *g, const uint8_t task[TASK_SIZE], struct err *e)
{
	struct store_rollout *list = NULL;
	size_t n = 0;
	if (store_catch_ups(b->store, b->turn, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct store_held *held = NULL;
		size_t n_held = 0;
		if (store_targets_held(b->store, list[i].release_digest, b->turn, &held, &n_held, e) < 0)
			return -1;
		for (size_t k = 0; k < n_held; k++)
			if (is_task_of(b, &held[k], g, task))
				return let_go(b, g, &held[k], e);
	}
	return 0;
}

/* One order at a time for a project's environment: newcomers of meanwhile share the next one. */
static bool is_under_way(const struct brain *b, const struct store_rollout *r)
{
	for (size_t i = 0; i < b->n_runs; i++) {
		const struct run *u = b->runs[i];
		bool over = rollout_is_final(u->r.state) || u->r.state == ROLLOUT_CATCHING_UP || u->r.state == ROLLOUT_ABORTING;
		if (!over && str_eq(u->rec.project, r->project) && str_eq(u->rec.environment, r->environment))
			return true;
	}
	return false;
}

static int start_for(struct brain *b, const struct store_rollout *r, struct err *e)
{
	struct link_argument arguments[] = {{"release", arena_hex(b->turn, bytes_of(r->release_digest, DIGEST_SIZE))},
	                                    {"environment", r->environment},
	                                    {"reason", arena_printf(b->turn, "catch-up: tenants that came after rollout %.8s", r->id)}};
	const struct msg_command c = {.verb = VERB_ROLLOUT_CATCH_UP, .arguments = arguments, .n_arguments = 3, .document = r->plan_text};
	struct request q = {.b = b, .c = &c, .actor = "controller", .a = b->turn};
	AUTO(wish_done) struct wish w = {.lacking = true, .newcomers = true};
	struct run *u = NULL;
	if (wish_read(&q, &w, e) < 0)
		return -1;
	if (w.frozen.n_placed == 0)
		return 0;
	if (wish_start(&q, &w, &u, e) < 0)
		return -1;
	log_info("rollout %.8s: %zu targets of %s lack release %s: %s", u->rec.id, w.frozen.n_placed, r->environment, r->release_version,
	         rollout_state_name(u->r.state));
	return 0;
}

int catch_up_end_turn(struct brain *b, struct err *e)
{
	struct store_rollout *list = NULL;
	size_t n = 0;
	if (!b->catch_up_at_us || b->catch_up_at_us > b->now_us)
		return 0;
	b->catch_up_at_us = 0;
	look_after_freezes(b);
	if (store_catch_ups(b->store, b->turn, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct err why = ERR_INIT;
		if (is_under_way(b, &list[i]) || start_for(b, &list[i], &why) == 0)
			continue;
		if (operate_is_fatal(&why))
			return err_set(e, why.code, "%s", why.msg);
		log_warn("targets of %s that lack release %s cannot catch up by themselves: %s", list[i].environment, list[i].release_version, why.msg);
	}
	return 0;
}
