/* What a person should look at, the worst first, each with what to type next. What is the same at several targets is one entry, or a fleet's list would hide its one failure
 * behind a thousand tenants of a site that is offline. See view.h. */
#include <inttypes.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/wire/enrol.h"
#include "controller/view/view.h"

#define EXPIRES_SOON_US ((int64_t)30 * 24 * 3600 * 1000000)
#define CLOCKS_MIN      3 /* agents, from which on most of them are right, and not the controller */

enum rank {
	RANK_ALARM,
	RANK_ATTENTION,
	RANK_UNKNOWN,
	RANK_FAILED,
	RANK_HALTED,
	RANK_APPROVAL,
	RANK_LOCK,
	RANK_UNREACHABLE,
	RANK_CLOCK,
	RANK_TROUBLE,
	RANK_HELD,
	RANK_FROZEN,
	RANK_DEFERRED,
	RANK_PENDING,
	RANK_DRIFTED,
	RANK_BEHIND,
	RANK_QUARANTINED,
	RANK_EXPIRES
};

struct list {
	struct brain *b;
	struct arena *a;
	struct map *by_key; /* -> index + 1, of those that may stand for several targets */
	struct view_eye *eyes;
	size_t n, cap, latest; /* latest: of those that stand for several, the one that came last: index + 1 */
	struct run **unsettled; /* that have ended */
	size_t n_unsettled;
};

/* In its last quarter, and in its last month: short-lived ones are not always about to expire. */
static bool expires_soon(const struct list *l, int64_t from_us, int64_t until_us)
{
	int64_t left_us = until_us - l->b->now_us;
	return left_us < EXPIRES_SOON_US && left_us < (until_us - from_us) / 4;
}

static struct view_eye *add(struct list *l, const struct view_eye *eye)
{
	arena_vec_grow(l->a, l->eyes, l->n, l->cap);
	l->eyes[l->n] = *eye;
	return &l->eyes[l->n++];
}

static bool says_the_same(const struct view_eye *a, const struct view_eye *b)
{
	return a->rank == b->rank && a->until_us == b->until_us && str_eq(a->rollout, b->rollout) && str_eq(a->state, b->state) &&
	       str_eq(a->detail, b->detail);
}

/* What many say came just before, nearly always: found without a key. */
static struct view_eye *find_like(struct list *l, const struct view_eye *eye)
{
	if (l->latest && says_the_same(&l->eyes[l->latest - 1], eye))
		return &l->eyes[l->latest - 1];
	const char *key = arena_printf(l->a, "%d\n%s\n%s\n%" PRId64 "\n%s", eye->rank, eye->rollout, eye->state, eye->until_us, eye->detail);
	uintptr_t at = (uintptr_t)map_get(l->by_key, map_text(key));
	if (at == 0) {
		add(l, eye)->targets = 0;
		at = l->n;
		map_put(l->by_key, map_text(key), (void *)at);
	}
	l->latest = at;
	return &l->eyes[at - 1];
}

/* One more target of an entry that says the same; `next_for_all` is what to type when there are several. */
static void add_target(struct list *l, const struct view_eye *eye, const char *next_for_all)
{
	struct view_eye *one = find_like(l, eye);
	if (one->targets++ == 0)
		return;
	one->next = next_for_all;
	if (eye->since_us && eye->since_us < one->since_us)
		one->since_us = eye->since_us;
}

/* ---- rollouts and their deliveries --------------------------------------------------------------------------------------------------------------------- */

static enum rank rank_of(enum delivery_state s)
{
	static const enum rank ranks[DELIVERY_STATE_COUNT] = {
	    [DELIVERY_NEEDS_ATTENTION] = RANK_ATTENTION,
	    [DELIVERY_UNKNOWN] = RANK_UNKNOWN,
	    [DELIVERY_FAILED] = RANK_FAILED,
	    [DELIVERY_REFUSED] = RANK_FAILED,
	    [DELIVERY_ROLLED_BACK] = RANK_FAILED,
	    [DELIVERY_HELD] = RANK_HELD,
	    [DELIVERY_DEFERRED] = RANK_DEFERRED,
	    [DELIVERY_ROLLING_BACK] = RANK_DEFERRED,
	    [DELIVERY_WAITING_LOCK] = RANK_LOCK,
	    [DELIVERY_UNREACHABLE] = RANK_UNREACHABLE,
	};
	return ranks[s];
}

static const char *next_for_all(struct list *l, const struct run *u, const struct delivery *d)
{
	switch (rank_of(d->state)) {
	case RANK_ATTENTION:
		return arena_printf(l->a, "each at its site: rollcall-agent resolve TARGET, then: rollcall rollout retry %.8s", u->rec.id);
	case RANK_FAILED:
		if (u->r.not_after_us <= l->b->now_us)
			return view_delivery_next(l->a, u, d->index, l->b->now_us);
		return arena_printf(l->a, "repair the cause, then: rollcall rollout retry %.8s", u->rec.id);
	case RANK_UNKNOWN:
		if (rollout_is_final(u->r.state))
			return "their agents' reports are taken whenever they come";
		return arena_printf(l->a, "their agents tell when they are back; not to wait: %s", view_go_on_without(l->a, u, "TARGET..."));
	case RANK_DEFERRED:
		return arena_printf(l->a, "they %s by themselves; not to wait: %s", delivery_undo_waits(d) ? "are taken back" : "follow",
		                    view_go_on_without(l->a, u, "TARGET..."));
	default:
		return view_delivery_next(l->a, u, d->index, l->b->now_us);
	}
}

/* Of an aborted rollout only what nobody knows: the rest was given up as it is. */
static bool needs_eyes(const struct run *u, const struct delivery *d)
{
	return view_interest(d) == INTEREST_EYES && (u->r.state != ROLLOUT_ABORTED || d->state == DELIVERY_UNKNOWN);
}

static void add_deliveries(struct list *l, const struct run *u)
{
	for (size_t i = 0; i < u->r.n_deliveries; i++) {
		const struct delivery *d = &u->r.deliveries[i];
		const struct delivery_note *n = &u->notes[i];
		if (!needs_eyes(u, d) || d->state == DELIVERY_UNREACHABLE) /* its agent is in the list */
			continue;
		const struct view_eye eye = {.rank = rank_of(d->state),
		                             .name = d->target,
		                             .kind = "target",
		                             .state = d->frozen && d->state == DELIVERY_HELD ? "frozen" : delivery_state_name(d->state),
		                             .rollout = u->rec.id,
		                             .detail = view_delivery_detail(l->a, u, i),
		                             .next = view_delivery_next(l->a, u, i, l->b->now_us),
		                             .since_us = n->since_us,
		                             .until_us = view_delivery_until(d)};
		add_target(l, &eye, next_for_all(l, u, d));
	}
}

static void add_rollout(struct list *l, const struct view_rollout *v)
{
	enum rollout_state s = v->rec->state;
	bool gate = s == ROLLOUT_RUNNING && v->awaits_pass;
	bool stands = s == ROLLOUT_HALTED || s == ROLLOUT_FAILED || s == ROLLOUT_PAUSED || s == ROLLOUT_AWAITING_APPROVAL || gate;
	if (!stands)
		return;
	(void)add(l, &(struct view_eye){.rank = s == ROLLOUT_AWAITING_APPROVAL || s == ROLLOUT_PAUSED || gate ? RANK_APPROVAL : RANK_HALTED,
	                                .name = v->rec->id,
	                                .kind = "rollout",
	                                .state = gate ? wave_state_name(WAVE_AWAITING_PASS) : rollout_state_name(s),
	                                .rollout = v->rec->id,
	                                .detail = v->detail,
	                                .next = v->next,
	                                .since_us = v->rec->changed_at_us,
	                                .until_us = v->run && s == ROLLOUT_AWAITING_APPROVAL ? v->run->r.not_after_us : 0, /* then it is too late */
	                                .targets = v->counts.total});
}

/* Those that have ended badly, or well but with failures, stay until another one has come over their environment. */
static int add_unsettled(struct list *l, const struct store_rollout *list, size_t n, struct view_fleet *f, struct err *e)
{
	if (view_unsettled(l->b, l->a, list, n, &l->unsettled, &l->n_unsettled, e) < 0)
		return -1;
	for (size_t i = 0; i < l->n_unsettled; i++) {
		struct view_rollout v;
		if (view_rollout(l->b, l->a, &l->unsettled[i]->rec, l->unsettled[i], &v, e) < 0)
			return -1;
		add_rollout(l, &v);
		add_deliveries(l, l->unsettled[i]);
		f->code = view_worse(f->code, v.code);
	}
	return 0;
}

/* ---- agents, targets, freezes, trust --------------------------------------------------------------------------------------------------------------------- */

static void add_agent(struct list *l, const struct brain_agent *g)
{
	char at[CLOCK_TEXT_SIZE];
	struct view_eye eye = {.name = g->rec.name, .kind = "agent", .rollout = "", .targets = g->n_targets, .since_us = g->rec.seen_at_us};
	int64_t ends_us = g->cert.not_after_us;
	if (g->rec.revoked_at_us)
		return;
	if (g->rec.held_at_us) {
		eye.rank = RANK_ALARM;
		eye.state = "cloned";
		eye.since_us = g->rec.held_at_us;
		eye.detail = g->rec.standing;
		eye.next = arena_printf(l->a, "stop one of the two, then: rollcall agents approve %s", g->rec.name);
	} else if (!g->session) {
		eye.rank = RANK_UNREACHABLE;
		eye.state = "offline";
		eye.detail = l->b->now_us >= ends_us ? "its certificate has expired: at its site, rollcall-agent renew asks for a new one"
		             : g->rec.seen_at_us
		                 ? arena_printf(l->a, "not seen since %s; what waits for it starts when it is back", clock_text(g->rec.seen_at_us, at))
		                 : "it has never connected";
		eye.next = "at its site: rollcall-agent status";
	} else if (expires_soon(l, g->cert.not_before_us, ends_us)) {
		eye.rank = RANK_EXPIRES;
		eye.state = "expires";
		eye.until_us = ends_us;
		eye.detail = arena_printf(l->a, "its certificate expires at %s, and it has not been renewed", clock_text(ends_us, at));
		eye.next = "at its site: rollcall-agent status says what the renewal waits for, rollcall-agent renew does it now";
	} else {
		return;
	}
	(void)add(l, &eye);
}

/* ---- clocks ---- */

struct clocks { /* of the agents that are connected and have told theirs */
	size_t n, ahead, behind; /* ahead, behind: by more than what is bad */
	int64_t most_us; /* of those that are off */
};

static struct clocks look_at_clocks(const struct brain *b)
{
	struct clocks c = {0};
	for (size_t i = 0; i < b->n_agents; i++) {
		int64_t offset_us = 0;
		if (!load_offset(b->agents[i], &offset_us))
			continue;
		c.n++;
		c.ahead += offset_us >= LINK_CLOCK_BAD_US;
		c.behind += offset_us <= -LINK_CLOCK_BAD_US;
		if (llabs(offset_us) > c.most_us)
			c.most_us = llabs(offset_us);
	}
	return c;
}

/* Where most are off in one direction, the one that they are measured by is the wrong one. */
static void add_own_clock(struct list *l, const struct clocks *c)
{
	char most[CLOCK_TEXT_SIZE];
	bool ahead = c->ahead > c->behind;
	(void)add(l, &(struct view_eye){
	                 .rank = RANK_CLOCK,
	                 .name = "clocks",
	                 .kind = "fleet",
	                 .state = "clock-off",
	                 .rollout = "",
	                 .detail = arena_printf(l->a,
	                                        "the clocks of %zu of %zu connected agents are %s the controller's, by up to %s: its own is "
	                                        "probably the wrong one. Windows, expiry and freshness go by the agents'",
	                                        ahead ? c->ahead : c->behind, c->n, ahead ? "ahead of" : "behind", clock_duration_text(c->most_us, most)),
	                 .next = "at the controller's machine: timedatectl; each agent's offset: rollcall agents list -o wide"});
}

static void add_clocks(struct list *l)
{
	const struct clocks c = look_at_clocks(l->b);
	if (c.n >= CLOCKS_MIN && (c.ahead > c.n / 2 || c.behind > c.n / 2)) {
		add_own_clock(l, &c);
		return;
	}
	for (size_t i = 0; c.ahead + c.behind && i < l->b->n_agents; i++) {
		const struct brain_agent *g = l->b->agents[i];
		const char *off = load_clock(g, LINK_CLOCK_BAD_US, l->a);
		if (*off)
			(void)add(l, &(struct view_eye){.rank = RANK_CLOCK,
			                                .name = g->rec.name,
			                                .kind = "agent",
			                                .state = "clock-off",
			                                .rollout = "",
			                                .targets = g->n_targets,
			                                .detail = arena_printf(l->a, "%s: windows, expiry and freshness go by it", off),
			                                .next = "at its site: timedatectl"});
	}
}

static int add_pending(struct list *l, struct err *e)
{
	struct store_enrolment *list = NULL;
	size_t n = 0;
	if (store_enrolments(l->b->store, l->a, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		char fingerprint[ENROL_FINGERPRINT_SIZE];
		if (list[i].certificate.n)
			continue;
		(void)add(l, &(struct view_eye){.rank = RANK_PENDING,
		                                .name = list[i].agent,
		                                .kind = "agent",
		                                .state = "pending",
		                                .rollout = "",
		                                .detail = arena_printf(l->a, "asks %s, fingerprint %s: compare it with what the site sees",
		                                                       list[i].nonce.n ? "to be enrolled" : "for new keys",
		                                                       enrol_fingerprint(list[i].request, fingerprint)),
		                                .next = arena_printf(l->a, "rollcall agents approve %s --key ENROL-KEY", list[i].agent),
		                                .since_us = list[i].asked_at_us});
	}
	return 0;
}

/* A rollout will still bring it what it lacks, or its entry says already why none did. */
static bool is_said(const struct list *l, const char *target)
{
	for (size_t i = 0; i < l->b->n_runs; i++) {
		struct run *u = l->b->runs[i];
		const struct delivery *d = rollout_is_final(u->r.state) || u->r.direction != DIRECTION_APPLY ? NULL : run_delivery(u, target);
		if (d && !delivery_settled(d))
			return true;
	}
	for (size_t i = 0; i < l->n_unsettled; i++) {
		const struct delivery *d = run_delivery(l->unsettled[i], target);
		if (d && needs_eyes(l->unsettled[i], d))
			return true;
	}
	return false;
}

static void add_marks(struct list *l, const struct view_target *t)
{
	const char *id = t->target->id;
	if (t->marks & VIEW_TROUBLE) {
		const struct view_eye eye = {.rank = RANK_TROUBLE,
		                             .name = id,
		                             .kind = "target",
		                             .state = "trouble",
		                             .rollout = "",
		                             .detail = t->facts->trouble,
		                             .next = "at its site: rollcall-agent status",
		                             .since_us = t->facts->at_us};
		add_target(l, &eye, "rollcall targets --trouble");
	}
	if (t->marks & VIEW_DRIFTED) {
		const struct view_eye eye = {.rank = RANK_DRIFTED,
		                             .name = id,
		                             .kind = "target",
		                             .state = "drift",
		                             .rollout = "",
		                             .detail = "its schema is not as its last delivery left it",
		                             .next = arena_printf(l->a, "rollcall show %s", id),
		                             .since_us = t->schema->seen_at_us};
		add_target(l, &eye, "rollcall targets --drifted");
	}
	if ((t->marks & VIEW_BEHIND) && !is_said(l, id)) {
		const char *environment = target_label(t->target, "environment");
		const struct view_eye eye = {.rank = RANK_BEHIND,
		                             .name = id,
		                             .kind = "target",
		                             .state = "behind",
		                             .rollout = "",
		                             .detail = arena_printf(l->a, "lacks %s, which %s has", t->lacks, environment),
		                             .next = arena_printf(l->a, "rollcall rollout catch-up PLAN -e %s", environment)};
		add_target(l, &eye, arena_printf(l->a, "rollcall targets --behind; rollcall rollout catch-up PLAN -e %s", environment));
	}
	if (t->marks & VIEW_QUARANTINED) {
		const struct view_eye eye = {.rank = RANK_QUARANTINED,
		                             .name = id,
		                             .kind = "target",
		                             .state = "quarantine",
		                             .rollout = "",
		                             .detail = arena_printf(l->a, "%s (%s)", t->quarantine->reason, t->quarantine->added_by),
		                             .next = arena_printf(l->a, "rollcall targets unquarantine %s", id),
		                             .since_us = t->quarantine->added_at_us};
		add_target(l, &eye, "rollcall targets --quarantined");
	}
}

static void add_freeze(struct list *l, const struct brain_freeze *f, const struct view_target *targets, size_t n)
{
	struct view_eye eye = {.rank = RANK_FROZEN,
	                       .name = arena_printf(l->a, "%" PRId64, f->rec.id),
	                       .kind = "freeze",
	                       .state = "in-force",
	                       .rollout = "",
	                       .since_us = f->rec.from_us,
	                       .until_us = f->rec.until_us,
	                       .detail = arena_printf(l->a, "%s (%s)", f->rec.reason, f->rec.added_by),
	                       .next = arena_printf(l->a, "to end it early: rollcall freeze remove %" PRId64, f->rec.id)};
	if (f->rec.from_us > l->b->now_us || f->rec.until_us <= l->b->now_us)
		return;
	for (size_t i = 0; i < n; i++)
		eye.targets += selector_matches(f->selector, targets[i].target);
	(void)add(l, &eye);
}

static void add_document(struct list *l, const char *name, int64_t begins_us, int64_t ends_us, const char *next)
{
	char at[CLOCK_TEXT_SIZE];
	bool over = ends_us <= l->b->now_us;
	if (!over && !expires_soon(l, begins_us, ends_us))
		return;
	(void)add(l, &(struct view_eye){.rank = over ? RANK_ALARM : RANK_EXPIRES,
	                                .name = name,
	                                .kind = "trust",
	                                .state = over ? "expired" : "expires",
	                                .rollout = "",
	                                .until_us = ends_us,
	                                .detail = arena_printf(l->a, "it %s at %s%s", over ? "expired" : "expires", clock_text(ends_us, at),
	                                                       over ? ": the sites begin nothing any more" : ""),
	                                .next = next});
}

static int by_rank(const void *a, const void *b)
{
	const struct view_eye *x = a, *y = b;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->targets != y->targets)
		return x->targets < y->targets ? 1 : -1;
	return strcmp(x->name, y->name);
}

int view_eyes(struct brain *b, struct arena *a, const struct view_target *targets, size_t n_targets, const struct store_rollout *list, size_t n,
              struct view_fleet *v, struct err *e)
{
	AUTO(map_destroy) struct map *by_key = map_new();
	struct list l = {.b = b, .a = a, .by_key = by_key};
	const struct brain_trust *t = &b->trusted;
	for (size_t i = 0; i < v->n_rollouts; i++) {
		add_rollout(&l, &v->rollouts[i]);
		add_deliveries(&l, v->rollouts[i].run);
	}
	if (add_unsettled(&l, list, n, v, e) < 0)
		return -1;
	for (size_t i = 0; i < b->n_agents; i++)
		add_agent(&l, b->agents[i]);
	add_clocks(&l);
	for (size_t i = 0; i < n_targets; i++)
		add_marks(&l, &targets[i]);
	for (size_t i = 0; i < b->n_freezes; i++)
		add_freeze(&l, &b->freezes[i], targets, n_targets);
	add_document(&l, "trust document", t->doc.created_at_us, t->doc.expires_at_us,
	             "have the root keys sign the next one, then: rollcall trust push FILE");
	if (t->fresh)
		add_document(&l, "freshness document", t->fresh->issued_at_us, t->fresh->expires_at_us,
		             "rollcall trust fresh (by hand), or give the controller its fresh_key");
	if (add_pending(&l, e) < 0)
		return -1;
	if (l.n)
		qsort(l.eyes, l.n, sizeof *l.eyes, by_rank);
	v->eyes = l.eyes;
	v->n_eyes = l.n;
	return 0;
}
