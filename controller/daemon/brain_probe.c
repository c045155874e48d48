/* Probes of waves, once their deliveries are settled and soaked: the agents of the wave's targets are asked for what the order's SQL finds there, and URLs are asked by the
 * controller's own thread. Every probe has to be as expected; what is not answered in time is not as expected. Nothing of this is in the store: after a restart a wave
 * that was probing asks anew. */
#include <inttypes.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/wire/limits.h"
#include "controller/daemon/brain_impl.h"
#include "controller/probe/http_get.h"

#define PROBES_TIMEOUT_US (120 * INT64_C(1000000)) /* agents that are away may come back meanwhile */

struct ask { /* one value */
	const struct probe *probe; /* of the order, which outlives the round */
	uint32_t number; /* of the probe, from 1 */
	const struct delivery *delivery; /* NULL: a URL */
	uint64_t id; /* of the SURVEY, or of the URL's question; 0: not asked yet */
	uint64_t session; /* that was asked */
	bool answered;
};

struct probe_round { /* one wave's probes; in `arena`, which it owns */
	struct probe_round *next;
	struct arena *arena;
	struct run *run; /* borrowed: a round ends before its run is let go */
	uint32_t wave;
	struct ask *asks;
	size_t n_asks, cap_asks, n_answered;
	const char *failure; /* of the first probe that does not hold; NULL: none so far */
	int64_t deadline_us;
};

static void round_drop(struct probe_round **at)
{
	struct probe_round *round = *at;
	*at = round->next;
	struct arena *a = round->arena;
	arena_destroy(&a);
}

void probes_forget(struct brain *b, const struct run *u)
{
	for (struct probe_round **at = &b->probe_rounds; *at;)
		if ((*at)->run == u)
			round_drop(at);
		else
			at = &(*at)->next;
}

void probes_free(struct brain *b)
{
	while (b->probe_rounds)
		round_drop(&b->probe_rounds);
}

/* ---- asking ---------------------------------------------------------------------------------------------------------------------------------------- */

static void add_ask(struct probe_round *round, const struct probe *p, uint32_t number, const struct delivery *d)
{
	arena_vec_grow(round->arena, round->asks, round->n_asks, round->cap_asks);
	round->asks[round->n_asks++] = (struct ask){.probe = p, .number = number, .delivery = d};
}

/* SQL that nobody answers proves nothing. */
static void nobody_to_ask(struct probe_round *round, const struct probe *p)
{
	const char *of = p->engine ? arena_printf(round->arena, "%s ", p->engine) : "",
	           *done = round->run->r.direction == DIRECTION_APPLY ? "applied" : "rolled back";
	if (!round->failure)
		round->failure =
		    arena_printf(round->arena, "probe %s: no %starget of the wave is %s, so there is nobody to ask and nothing is proved", p->name, of, done);
}

static void add_targets(const struct brain *b, struct probe_round *round, const struct probe *p, uint32_t number)
{
	const struct rollout *r = &round->run->r;
	size_t before = round->n_asks;
	for (size_t i = wave_first(r, round->wave); i < r->n_deliveries && r->deliveries[i].wave == round->wave; i++) {
		const struct brain_target *t = target_by_id(b, r->deliveries[i].target);
		bool here = !p->engine || (t && str_eq(t->target.engine, p->engine));
		if (delivery_done(&r->deliveries[i]) && here)
			add_ask(round, p, number, &r->deliveries[i]);
	}
	if (round->n_asks == before)
		nobody_to_ask(round, p);
}

/* Again to an agent that went away before it answered. */
static void ask_target(struct brain *b, struct probe_round *round, struct ask *k)
{
	const struct brain_agent *g = round->run->agents[k->delivery->index];
	if (!g || !g->ready || g->session == k->session)
		return;
	k->session = g->session;
	k->id = b->next_survey++;
	struct msg m = {.type = MSG_SURVEY, .survey = {.id = k->id, .target = arena_strdup(b->turn, k->delivery->target), .probe = k->number}};
	memcpy(m.survey.task, round->run->tasks[k->delivery->index], TASK_SIZE);
	brain_queue(b, g->session, &m);
}

static void ask_url(struct brain *b, struct ask *k)
{
	if (k->id || !b->link.fetch)
		return;
	k->id = b->next_survey++;
	b->link.fetch(b->link.arg, k->id, k->probe->url);
}

static void ask_all(struct brain *b, struct probe_round *round)
{
	for (size_t i = 0; i < round->n_asks; i++) {
		struct ask *k = &round->asks[i];
		if (!k->answered && k->delivery)
			ask_target(b, round, k);
		else if (!k->answered)
			ask_url(b, k);
	}
}

int probes_start(struct brain *b, struct run *u, uint32_t wave, struct err *e)
{
	struct arena *a = arena_new(LIMIT_ARENA_DOCUMENT);
	struct probe_round *round = arena_alloc(a, sizeof *round);
	const struct wave *w = &u->order.waves[wave];
	probes_forget(b, u); /* one wave of a rollout probes at a time: what is there is of an earlier try */
	*round = (struct probe_round){.next = b->probe_rounds, .arena = a, .run = u, .wave = wave, .deadline_us = b->now_us + PROBES_TIMEOUT_US};
	for (uint32_t i = 0; i < w->n_probes; i++)
		if (w->probes[i].url)
			add_ask(round, &w->probes[i], i + 1, NULL);
		else
			add_targets(b, round, &w->probes[i], i + 1);
	b->probe_rounds = round;
	b->probes_changed = true;
	ask_all(b, round);
	return run_wave_detail(b, u, wave, NULL, e); /* what an earlier try found is no longer so */
}

/* ---- answers ---------------------------------------------------------------------------------------------------------------------------------------- */

static void fail(struct probe_round *round, const struct ask *k, const char *what)
{
	const char *where = k->delivery ? k->delivery->target : "its URL";
	if (!round->failure)
		round->failure = arena_printf(round->arena, "probe %s: %s %s", k->probe->name, where, what);
}

static void take(struct probe_round *round, struct ask *k, const char *value, const char *error)
{
	k->answered = true;
	round->n_answered++;
	if (error)
		fail(round, k, arena_printf(round->arena, "gives no value: %s", error));
	else if (!value || !probe_holds(k->probe->expect, value))
		fail(round, k, arena_printf(round->arena, "gives '%.*s', expected '%s'", PROBE_VALUE_MAX, value ? value : "", k->probe->expect));
}

static struct ask *ask_by_id(struct brain *b, uint64_t id, struct probe_round **ret)
{
	for (struct probe_round *round = b->probe_rounds; round; round = round->next)
		for (size_t i = 0; i < round->n_asks; i++)
			if (round->asks[i].id == id && !round->asks[i].answered) {
				*ret = round;
				return &round->asks[i];
			}
	return NULL;
}

void probes_survey_result(struct brain *b, const struct hub_event *ev)
{
	const struct msg_survey_result *m = &ev->msg.survey_result;
	struct probe_round *round = NULL;
	struct ask *k = ask_by_id(b, m->id, &round);
	if (k && k->delivery && k->session == ev->session && str_eq(k->delivery->target, m->target))
		take(round, k, m->probe_value ? m->probe_value : "", str_empty(m->error_code) ? NULL : m->error_message);
}

static const char *trimmed(struct arena *a, const char *text)
{
	static const char blanks[] = " \t\r\n";
	text += strspn(text, blanks);
	size_t n = strlen(text);
	while (n > 0 && strchr(blanks, text[n - 1]))
		n--;
	return arena_strndup(a, text, n);
}

void brain_fetched(struct brain *b, uint64_t id, bool ok, const char *text)
{
	struct probe_round *round = NULL;
	struct ask *k = ask_by_id(b, id, &round);
	struct err why = ERR_INIT;
	if (!k || k->delivery)
		return;
	if (ok && k->probe->json && http_json_value(text, k->probe->json, b->turn, &text, &why) < 0)
		take(round, k, NULL, why.msg);
	else
		take(round, k, ok ? trimmed(b->turn, text) : NULL, ok ? NULL : text);
}

/* ---- the verdict ------------------------------------------------------------------------------------------------------------------------------------- */

static void give_up(struct probe_round *round)
{
	for (size_t i = 0; i < round->n_asks; i++)
		if (!round->asks[i].answered)
			fail(round, &round->asks[i],
			     round->asks[i].id ? "was asked and did not answer in time" : "could not be asked: its agent is not connected");
}

/* *ret_over: the wave knows, or does not ask any more. */
static int conclude(struct brain *b, struct probe_round *round, bool *ret_over, struct err *e)
{
	struct run *u = round->run;
	struct wave_run *w = &u->r.waves[round->wave];
	*ret_over = w->state != WAVE_PROBING || w->probing != PROBING_ASKED;
	if (*ret_over)
		return 0;
	if (round->deadline_us <= b->now_us)
		give_up(round);
	*ret_over = round->failure || round->n_answered == round->n_asks;
	if (!*ret_over)
		return 0;
	w->probing = round->failure ? PROBING_FAIL : PROBING_HOLD;
	u->touched = true;
	if (round->failure)
		log_info("rollout %.8s, wave %s: %s", u->rec.id, w->name, round->failure);
	return run_wave_detail(b, u, round->wave, round->failure, e);
}

int probes_end_turn(struct brain *b, struct err *e)
{
	b->probes_changed = false;
	for (struct probe_round **at = &b->probe_rounds; *at;) {
		bool over = false;
		if (conclude(b, *at, &over, e) < 0)
			return -1;
		if (over) {
			round_drop(at);
			continue;
		}
		ask_all(b, *at);
		at = &(*at)->next;
	}
	return 0;
}

int64_t probes_wake_at(const struct brain *b)
{
	int64_t at = b->probes_changed && b->probe_rounds ? 0 : INT64_MAX;
	for (const struct probe_round *round = b->probe_rounds; round; round = round->next)
		at = round->deadline_us < at ? round->deadline_us : at;
	return at;
}
