/* A world with a seed for the controller's decisions, and hard on them: sites that go and come, offers and answers that are lost, reports that come late, failures, holds, freezes, operators,
 * and the death of the controller. Everything that is random in it comes from the seed. No clock, no store, no socket. What must hold in it is for who looks. */
#ifndef TESTS_SUPPORT_ROLLOUT_WORLD_H
#define TESTS_SUPPORT_ROLLOUT_WORLD_H

#include "controller/rollout/decide.h"

#define WORLD_WAVES   4
#define WORLD_TARGETS 20
#define WORLD_SITES   3
#define SECOND        INT64_C(1000000)
#define MINUTE        (60 * SECOND)

/* What the agent and the database of a target know: the truth that the controller must not contradict. */
struct site_target {
	bool has_task;
	uint32_t attempt;
	enum direction direction;
	bool applied; /* in the database */
	bool ran; /* a forward task had an effect that is not undone */
	bool report_waits; /* in the outbox: comes when the site is connected */
	enum outcome report;
	uint32_t report_attempt;
	enum direction report_direction;
};

struct world {
	uint64_t seed, random;
	struct rollout r;
	struct wave_run waves[WORLD_WAVES];
	struct delivery deliveries[WORLD_TARGETS];
	char names[WORLD_TARGETS][32];
	struct site_target targets[WORLD_TARGETS];
	uint64_t session[WORLD_SITES], next_session;
	int64_t now_us;
	struct decision d;
	bool calm; /* the trouble is over */
	int lost_site; /* one that never comes back once it is calm; -1: none */
	bool strict; /* gates have keys of their own */
	unsigned started; /* forward deliveries that were ever offered */
};

void world_make(struct world *w, uint64_t seed);
uint32_t world_below(struct world *w, uint32_t n); /* a random number */
bool world_chance(struct world *w, uint32_t percent);
uint32_t world_site_of(const struct world *w, uint32_t i); /* of a delivery */

/* What happens at the site of a delivery; when w->calm, as it should. */
void world_take_offer(struct world *w, uint32_t i); /* an offer reaches its agent, or is lost; a known task is answered with what is known of it */
void world_recall(struct world *w, uint32_t i);
void world_work(struct world *w, uint32_t i);
void world_report(struct world *w, uint32_t i); /* reports are durable: they come, once, when the site is connected */
void world_toggle_site(struct world *w); /* some site goes, or comes back */

void world_rollout_event(struct world *w, enum rollout_event ev); /* where the table has it */
void world_operate(struct world *w); /* an operator does something */
void world_restart(struct world *w); /* of the controller: what is not in the store is gone; the agents connect anew */
void world_look_for_passes(struct world *w); /* of gates, as the brain does before each decision */
void world_answer_probes(struct world *w);

#endif
