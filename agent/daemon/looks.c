/* See the header. */
#include "agent/daemon/looks.h"

#include "agent/daemon/discover.h"
#include "agent/daemon/look.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/link/handover.h"

#define FIRST_MS      3000 /* after deliveries that wait have begun */
#define AGAIN_MS      1000
#define PAUSE_TIMES   99 /* of what the look took, beside deliveries: a connection costs a database server as much as a small changeset */
#define PAUSE_MAX_MS  1000 /* a round comes to its end, however busy the agent is */
#define FACTS_IN_PART 400 /* well under LIMIT_FRAME_BODY */

struct looks {
	zloop_t *loop;
	struct agent_config *config;
	struct uplink *uplink;
	zactor_t *actor; /* NULL: no round is under way */
	struct look_job job;
	const struct agent_target **targets; /* of the round */
	struct look *known; /* by index into the config's targets; at_us 0: never looked at */
	size_t n_known;
	bool *gone; /* by index: found once, and not any more */
	size_t n_gone;
	const struct target **said; /* what looks_targets gave last */
	bool changed; /* other targets than before */
	looks_busy_fn *busy; /* NULL: never */
	const void *busy_arg;
	int64_t asked_at_us; /* monotonic: for the look under way */
	int timer, pace_timer; /* -1: none */
};

static int on_due(zloop_t *loop, int id, void *arg);

static void next_round(struct looks *l, size_t in_ms)
{
	l->timer = zloop_timer(l->loop, in_ms, 1, on_due, l);
}

static void send_facts(struct looks *l, const struct look *const *list, size_t n)
{
	struct target_facts facts[FACTS_IN_PART];
	for (size_t i = 0; i < n; i++)
		facts[i] = (struct target_facts){.target = l->config->targets[list[i]->index].target.id,
		                                 .version = list[i]->version,
		                                 .trouble = list[i]->trouble,
		                                 .size_bytes = list[i]->size_bytes,
		                                 .lag_ms = list[i]->lag_ms,
		                                 .at_us = list[i]->at_us};
	struct msg m = {.type = MSG_FACTS, .facts = {.facts = facts, .n_facts = n}};
	if (n > 0 && l->uplink && !uplink_send(l->uplink, &m))
		log_debug("facts of %zu targets: no controller to tell", n);
}

void looks_tell(struct looks *l)
{
	const struct look *part[FACTS_IN_PART];
	size_t n = 0;
	for (size_t i = 0; i < l->n_known; i++) {
		if (l->known[i].at_us)
			part[n++] = &l->known[i];
		if (n == FACTS_IN_PART) {
			send_facts(l, part, n);
			n = 0;
		}
	}
	send_facts(l, part, n);
}

static void take(struct looks *l, zmsg_t *m)
{
	AUTO(zframe_destroy) zframe_t *f = zmsg_pop(m);
	struct look k;
	if (!f || zframe_size(f) != sizeof k)
		return;
	memcpy(&k, zframe_data(f), sizeof k);
	if (k.index < l->n_known) {
		if (k.trouble[0] && !l->known[k.index].trouble[0])
			log_warn("target %s: %s", l->config->targets[k.index].target.id, k.trouble);
		l->known[k.index] = k;
	}
}

/* ---- who is there --------------------------------------------------------------------------------------------------------------------------------------- */

static void cover_all(struct looks *l)
{
	l->gone = mem_realloc(l->gone, (l->config->n_targets + 1) * sizeof *l->gone);
	for (; l->n_gone < l->config->n_targets; l->n_gone++)
		l->gone[l->n_gone] = false;
}

const struct target **looks_targets(struct looks *l, size_t *ret_n)
{
	size_t n = 0;
	cover_all(l);
	l->said = mem_realloc(l->said, (l->config->n_targets + 1) * sizeof(struct target *));
	for (size_t i = 0; i < l->config->n_targets; i++)
		if (!l->gone[i])
			l->said[n++] = &l->config->targets[i].target;
	*ret_n = n;
	return l->said;
}

static size_t index_of(const struct agent_config *c, const struct agent_target *t)
{
	return (size_t)(t - c->targets);
}

static void set_gone(struct looks *l, size_t i, bool gone)
{
	if (l->gone[i] == gone)
		return;
	l->gone[i] = gone;
	l->changed = true;
	log_info("target %s %s", l->config->targets[i].target.id, gone ? "is not there any more" : "is there again");
}

static void take_name(struct looks *l, size_t pattern, const char *name, bool *seen)
{
	struct err e = ERR_INIT;
	bool is_new = false;
	size_t before = l->config->n_targets;
	if (discover_add(l->config, pattern, name, &is_new, &e) != 0) {
		log_warn("%s", e.msg);
		return;
	}
	if (is_new) {
		log_info("target %s was found", l->config->targets[before].target.id);
		l->changed = true;
		return;
	}
	const struct agent_target *t = discover_made(l->config, pattern, name);
	if (t)
		seen[index_of(l->config, t)] = true;
}

/* The whole list of a pattern: what it made and does not name now is gone. */
static void take_found(struct looks *l, zmsg_t *m)
{
	AUTO(zstr_free) char *number = zmsg_popstr(m);
	size_t pattern = number ? strtoul(number, NULL, 10) : SIZE_MAX, n = l->config->n_targets;
	if (pattern >= l->config->n_patterns)
		return;
	AUTO(mem_free_ptr) bool *seen = mem_alloc(n + 1);
	for (;;) {
		AUTO(zstr_free) char *name = zmsg_popstr(m);
		if (!name)
			break;
		take_name(l, pattern, name, seen);
	}
	cover_all(l);
	for (size_t i = 0; i < n; i++)
		if (l->config->targets[i].pattern == pattern + 1)
			set_gone(l, i, !seen[i]);
}

static void say_targets(struct looks *l)
{
	size_t n = 0;
	if (!l->changed)
		return;
	l->changed = false;
	const struct target **targets = looks_targets(l, &n);
	if (l->uplink)
		uplink_targets(l->uplink, targets, n);
}

/* ---- one round ------------------------------------------------------------------------------------------------------------------------------------------- */

size_t looks_pause_ms(int64_t look_took_us, bool busy)
{
	int64_t ms = busy ? look_took_us * PAUSE_TIMES / 1000 : 0;
	return ms > PAUSE_MAX_MS ? PAUSE_MAX_MS : (size_t)ms;
}

static void ask_next(struct looks *l)
{
	l->pace_timer = -1;
	l->asked_at_us = clock_mono_us();
	zstr_send(l->actor, "NEXT");
}

static int on_paused(zloop_t *loop, int id, void *arg)
{
	(void)loop, (void)id;
	ask_next(arg);
	return 0;
}

static void go_on(struct looks *l)
{
	size_t ms = looks_pause_ms(clock_mono_us() - l->asked_at_us, l->busy && l->busy(l->busy_arg));
	if (ms > 0)
		l->pace_timer = zloop_timer(l->loop, ms, 1, on_paused, l);
	else
		ask_next(l);
}

static void end_round(struct looks *l)
{
	if (l->pace_timer >= 0)
		zloop_timer_end(l->loop, l->pace_timer); /* after the last look nobody waits for it */
	l->pace_timer = -1;
	zloop_reader_end(l->loop, zactor_sock(l->actor));
	zactor_destroy(&l->actor);
	handover_take(&l->job);
	bool found = l->changed;
	say_targets(l);
	looks_tell(l);
	next_round(l, found ? AGAIN_MS : l->config->look_every_ms); /* new ones are looked at soon */
}

static int on_look(zloop_t *loop, zsock_t *pipe, void *arg)
{
	(void)loop;
	struct looks *l = arg;
	AUTO(zmsg_destroy) zmsg_t *m = zmsg_recv(pipe);
	if (!m)
		return 0;
	AUTO(zstr_free) char *what = zmsg_popstr(m);
	if (str_eq(what, "FOUND")) {
		take_found(l, m);
	} else if (str_eq(what, "LOOK")) {
		take(l, m);
		go_on(l);
	} else if (str_eq(what, "DONE")) {
		end_round(l);
	}
	return 0;
}

static int on_due(zloop_t *loop, int id, void *arg)
{
	(void)loop, (void)id;
	struct looks *l = arg;
	size_t n = l->config->n_targets;
	l->timer = -1;
	l->targets = mem_realloc(l->targets, (n + 1) * sizeof(struct agent_target *));
	l->known = mem_realloc(l->known, (n + 1) * sizeof *l->known);
	for (; l->n_known < n; l->n_known++)
		l->known[l->n_known] = (struct look){.index = l->n_known};
	for (size_t i = 0; i < n; i++)
		l->targets[i] = &l->config->targets[i];
	l->job = (struct look_job){.targets = l->targets, .n_targets = n, .patterns = l->config->patterns, .n_patterns = l->config->n_patterns};
	l->asked_at_us = clock_mono_us();
	l->actor = zactor_new(look_actor, &l->job);
	if (l->actor)
		zloop_reader(l->loop, zactor_sock(l->actor), on_look, l);
	else
		next_round(l, l->config->look_every_ms);
	return 0;
}

struct looks *looks_new(zloop_t *loop, struct agent_config *c)
{
	struct looks *l = mem_alloc(sizeof *l);
	l->loop = loop;
	l->config = c;
	l->timer = l->pace_timer = -1;
	if (c->look_every_ms)
		next_round(l, FIRST_MS);
	return l;
}

void looks_connect(struct looks *l, struct uplink *u, looks_busy_fn *busy, const void *busy_arg)
{
	l->uplink = u;
	l->busy = busy;
	l->busy_arg = busy_arg;
}

void looks_destroy(struct looks **lp)
{
	struct looks *l = *lp;
	if (!l)
		return;
	if (l->actor) {
		zloop_reader_end(l->loop, zactor_sock(l->actor));
		zactor_destroy(&l->actor);
		handover_take(&l->job);
	}
	free(l->targets);
	free(l->known);
	free(l->gone);
	free(l->said);
	free(l);
	*lp = NULL;
}
