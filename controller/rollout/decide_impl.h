/* What the files of decide share: the snapshot being moved, and the steps that move it. See decide.h. */
#ifndef CONTROLLER_ROLLOUT_DECIDE_IMPL_H
#define CONTROLLER_ROLLOUT_DECIDE_IMPL_H

#include "controller/rollout/decide.h"

/* What decide() works with: the snapshot, the clock, the list being made, and how many deliveries are under way in each group and how many are in each state: a pass that is for
 * one state only need not go over a whole fleet when nobody is in it. */
struct work {
	struct rollout *r;
	int64_t now_us;
	struct decision *d;
	uint32_t *per_site, *per_instance, *per_wave;
	uint32_t in_state[DELIVERY_STATE_COUNT];
	bool paused; /* batched steps were asked to end */
	struct wave_tally tally; /* of wave tally_of, while tally_known: see tally() */
	uint32_t tally_of;
	bool tally_known;
	bool moved; /* a transition happened in this pass */
};

/* decide.c */
int move_rollout(struct work *w, enum rollout_event ev, struct err *e) MUST_CHECK;
int move_wave(struct work *w, uint32_t i, enum wave_event ev, struct err *e) MUST_CHECK;
int move_delivery(struct work *w, struct delivery *d, enum delivery_event ev, struct err *e) MUST_CHECK;
void wake(struct work *w, int64_t at_us); /* decide again then; a time that has passed is no time */
void queue_offer(struct work *w, uint32_t index);

/* decide_delivery.c: who may start */
int offer_undos(struct work *w, struct err *e) MUST_CHECK; /* undoing comes first: it repairs */
bool is_unoffered_undo(const struct delivery *d); /* waits for room, or for its agent */
int end_holds(struct work *w, bool only_undos, struct err *e) MUST_CHECK;
int drive_delivery(struct work *w, struct delivery *d, struct err *e) MUST_CHECK; /* one that waits for its turn in an open wave */
int catch_up_delivery(struct work *w, struct delivery *d, struct err *e) MUST_CHECK; /* the same for one whose wave does not wait for it */

/* decide_lost.c: agents that are away with what they took */
void note_away(const struct work *w, struct delivery *d); /* since when; at the beginning */
bool is_lost(struct work *w, const struct delivery *d); /* its agent is away, and for longer than a connection that comes back at once */
int lose(struct work *w, struct err *e) MUST_CHECK; /* what lost agents have is unknown from here on; what they were to take back is deferred */
int ask_what_became(struct work *w, struct err *e) MUST_CHECK; /* of what is unknown, where the agent is back */
int expire_undos(struct work *w, struct err *e) MUST_CHECK; /* the order's time is over: what waits for lost agents is not taken back any more */

/* decide_wave.c */
bool fails(struct work *w, uint32_t i); /* as wave_fails */
int drive_wave(struct work *w, uint32_t i, struct err *e) MUST_CHECK; /* of a running rollout; every wave before it has passed */
int ask_passes(struct work *w, struct err *e) MUST_CHECK; /* of waves that have passed, where it is needed since */
int drive_passed(struct work *w, uint32_t i, struct err *e) MUST_CHECK; /* deferred deliveries of a wave that has passed */

#endif
