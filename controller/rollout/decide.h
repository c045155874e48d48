/* What to do next in a rollout: facts in, decisions out. Looks at the whole snapshot (states, caps, failures, who is connected, the time), moves the snapshot by its state
 * tables until nothing more follows, and lists what has to be persisted and then sent. Evaluated on every report, not on a timer.
 * Targets of agents that are not connected wait; they never count as failures. Pure. */
#ifndef CONTROLLER_ROLLOUT_DECIDE_H
#define CONTROLLER_ROLLOUT_DECIDE_H

#include "controller/rollout/rollout.h"

#define OFFER_RESEND_US   (10 * INT64_C(1000000)) /* an offer without ACCEPT or PROGRESS is sent again */
#define LOST_AFTER_US     (15 * INT64_C(1000000)) /* an agent that is away for so long is not waited for where something else can go on */
#define OFFERS_MAX        256 /* of what starts, in one decision: the first agents work while the next ones' offers are stored */
#define RECALL_GIVE_UP_US (30 * INT64_C(1000000)) /* a connected agent that says nothing to a recall has not got the task */

enum object { OBJECT_ROLLOUT, OBJECT_WAVE, OBJECT_DELIVERY };

/* One step of a state table, as it goes into the event log. */
struct transition {
	enum object object;
	uint32_t index; /* of the wave or delivery; 0 for the rollout */
	const char *event, *from, *to, *why; /* static storage */
};

struct decision {
	struct transition *transitions;
	size_t n_transitions, cap_transitions;
	uint32_t *offers; /* delivery indexes, in the order in which to send */
	size_t n_offers, cap_offers;
	uint32_t *recalls;
	size_t n_recalls, cap_recalls;
	uint32_t *probes; /* waves whose probes are to be asked */
	size_t n_probes, cap_probes;
	uint32_t *stops;
	size_t n_stops, cap_stops;
	bool more; /* OFFERS_MAX are listed: decide again when these are on their way */
	int64_t wake_at_us; /* decide again at this time even if nothing happens; 0: no need */
};

#define DECISION_INIT ((struct decision){0})
void decision_done(struct decision *d); /* frees; for AUTO(decision_done) */

/* Adds to *d, so that the caller can put its own transitions before. An error is a bug of the tables: the snapshot is then to be thrown away. */
int decide(struct rollout *r, int64_t now_us, struct decision *d, struct err *e) MUST_CHECK;

/* An operator's wishes and the others' events, moved and recorded in *d in the same way. */
int decide_rollout_event(struct rollout *r, enum rollout_event ev, struct decision *d, struct err *e) MUST_CHECK;
int decide_wave_event(struct rollout *r, uint32_t index, enum wave_event ev, int64_t now_us, struct decision *d, struct err *e) MUST_CHECK;
int decide_delivery_event(struct rollout *r, uint32_t index, enum delivery_event ev, int64_t now_us, struct decision *d, struct err *e) MUST_CHECK;
/* Tries failed, refused, rolled-back and needs-attention deliveries again: the named ones, or with n_targets 0 all of them. ERR_NOT_FOUND for a target that is not in the
 * rollout, ERR_STATE for one that has nothing to retry or when nothing at all has. Nothing is changed on failure. ret_count: how many; 0 when only a
 * failed wave's gate is looked at again. */
int decide_retry(struct rollout *r, const char *const *targets, size_t n_targets, int64_t now_us, struct decision *d, size_t *ret_count,
                 struct err *e) MUST_CHECK;
/* The rollout goes on without these targets. ERR_NOT_FOUND, ERR_STATE as above; nothing is changed on failure. */
int decide_skip(struct rollout *r, const char *const *targets, size_t n_targets, int64_t now_us, struct decision *d, struct err *e) MUST_CHECK;

/* Pure: drive_wave makes it fail, now or once it is open again. */
bool wave_fails(const struct rollout *r, uint32_t i);

#endif
