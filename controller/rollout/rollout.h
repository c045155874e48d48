/* A rollout in memory: its waves and deliveries with their states, and the three state tables that move them. Plain values; the brain loads them from the store, lets
 * decide() and the events of agents and operators move them, persists what moved, then acts. Pure: no clock, no store, no socket.
 * The states are written by delivery_step(), wave_step() and rollout_step() and by nothing else. */
#ifndef CONTROLLER_ROLLOUT_ROLLOUT_H
#define CONTROLLER_ROLLOUT_ROLLOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/fsm/fsm.h"
#include "common/model/order.h"
#include "common/model/report.h"

enum delivery_state {
	DELIVERY_PENDING, /* its turn has not come */
	DELIVERY_UNREACHABLE, /* its turn has come, its agent is not connected */
	DELIVERY_OFFERED, /* committed and sent; the agent fetches and verifies */
	DELIVERY_HELD, /* not now: the site's hold or window, or a freeze of the central team */
	DELIVERY_DEFERRED, /* waited for long enough: its wave goes on without it, and it follows, or is taken back, when it can */
	DELIVERY_WAITING_LOCK,
	DELIVERY_APPLYING,
	DELIVERY_VALIDATING,
	DELIVERY_ROLLING_BACK,
	DELIVERY_APPLIED,
	DELIVERY_FAILED,
	DELIVERY_ROLLED_BACK,
	DELIVERY_NEEDS_ATTENTION,
	DELIVERY_REFUSED,
	DELIVERY_SKIPPED,
	DELIVERY_UNKNOWN, /* its agent had it and is away: nobody here can say what became of it, and nobody waits for it; its report tells, whenever it comes */
	DELIVERY_STATE_COUNT
};

enum delivery_event {
	DELIVERY_EV_OFFER, /* decided: send it, first or again */
	DELIVERY_EV_ACCEPT,
	DELIVERY_EV_BUSY, /* the agent cannot take it just now */
	DELIVERY_EV_HOLD,
	DELIVERY_EV_HOLD_OVER,
	DELIVERY_EV_REFUSE, /* a REFUSE message; most refusals come as reports */
	DELIVERY_EV_RECALLED,
	DELIVERY_EV_AGENT_GONE,
	DELIVERY_EV_AGENT_BACK,
	DELIVERY_EV_IS_WAITING, /* the four kinds of PROGRESS */
	DELIVERY_EV_IS_APPLYING,
	DELIVERY_EV_IS_VALIDATING,
	DELIVERY_EV_IS_ROLLING_BACK,
	DELIVERY_EV_APPLIED, /* the six outcomes of a report */
	DELIVERY_EV_ROLLED_BACK,
	DELIVERY_EV_FAILED,
	DELIVERY_EV_REFUSED,
	DELIVERY_EV_UNCLEAR,
	DELIVERY_EV_HELD,
	DELIVERY_EV_UNDO, /* decided: roll it back */
	DELIVERY_EV_RETRY,
	DELIVERY_EV_SKIP,
	DELIVERY_EV_FREEZE, /* a freeze of the central team covers it */
	DELIVERY_EV_DEFER, /* it has waited for defer_after, or its agent is lost and nothing waits for it */
	DELIVERY_EV_CATCH_UP, /* deferred, and it can start now */
	DELIVERY_EV_EXPIRE, /* it waited until the order's time was over */
	DELIVERY_EV_LEAVE_OUT, /* an operator skips it, with a reason */
	DELIVERY_EV_LOSE, /* its agent is away with it, and is not waited for any more */
	DELIVERY_EVENT_COUNT
};

enum wave_state {
	WAVE_BLOCKED,
	WAVE_OPEN,
	WAVE_DRAINING,
	WAVE_EVALUATING,
	WAVE_SOAKING,
	WAVE_PROBING,
	WAVE_AWAITING_PASS, /* good, and sites begin the next one only with the signature of a gate's key */
	WAVE_PASSED,
	WAVE_FAILED,
	WAVE_HELD,
	WAVE_STATE_COUNT
};
enum wave_event {
	WAVE_EV_OPEN, /* the one before has passed */
	WAVE_EV_ALL_OFFERED,
	WAVE_EV_MORE, /* a delivery went back to pending */
	WAVE_EV_ALL_SETTLED,
	WAVE_EV_WITHIN, /* the failures are within max_failures */
	WAVE_EV_EXCEEDED,
	WAVE_EV_SHORT, /* min_success cannot be reached any more */
	WAVE_EV_SOAK_OVER,
	WAVE_EV_PROBES_HOLD,
	WAVE_EV_PROBES_FAIL,
	WAVE_EV_PASS, /* the gate's keys have signed */
	WAVE_EV_ASK_PASS, /* it has passed, and now sites ask for a signature that is not there, or has expired */
	WAVE_EV_PAUSE,
	WAVE_EV_RESUME,
	WAVE_EV_REOPEN, /* deliveries of it are retried */
	WAVE_EVENT_COUNT
};

enum rollout_state {
	ROLLOUT_PENDING,
	ROLLOUT_AWAITING_APPROVAL,
	ROLLOUT_RUNNING,
	ROLLOUT_PAUSED,
	ROLLOUT_HALTED, /* too many failures: nothing new starts until someone decides */
	ROLLOUT_ROLLING_BACK, /* too many failures, and on_failure takes the wave, or all, back */
	ROLLOUT_ABORTING,
	ROLLOUT_ABORTED,
	ROLLOUT_SOAKING,
	ROLLOUT_CATCHING_UP, /* every wave passed; deferred deliveries follow as they can, until the order's time is over */
	ROLLOUT_SUCCEEDED,
	ROLLOUT_FAILED,
	ROLLOUT_STATE_COUNT
};
enum rollout_event {
	ROLLOUT_EV_ASK, /* the role's threshold is not 0: approvals are awaited */
	ROLLOUT_EV_APPROVED,
	ROLLOUT_EV_EXPIRED, /* not_after has passed with work left */
	ROLLOUT_EV_PAUSE,
	ROLLOUT_EV_RESUME,
	ROLLOUT_EV_HALT,
	ROLLOUT_EV_UNDO,
	ROLLOUT_EV_UNDONE,
	ROLLOUT_EV_ABORT,
	ROLLOUT_EV_SUPERSEDED, /* a rollback rollout takes its targets over */
	ROLLOUT_EV_DRAINED, /* nothing is under way any more */
	ROLLOUT_EV_LAST_SOAK,
	ROLLOUT_EV_ALL_PASSED,
	ROLLOUT_EV_RETRY,
	ROLLOUT_EV_CATCH_UP, /* every wave passed, and deferred deliveries are left */
	ROLLOUT_EV_LEAVE_OUT, /* an operator skips targets */
	ROLLOUT_EVENT_COUNT
};

extern const struct fsm delivery_fsm, wave_fsm, rollout_fsm;

struct delivery {
	uint32_t index; /* leaf in the order's frozen list, and place in rollout.deliveries */
	uint32_t wave;
	const char *target;
	uint32_t site_group, instance_group; /* equal numbers: same site, same database server; see rollout_group */
	enum delivery_state state;
	enum direction order_direction; /* of the rollout */
	enum direction direction; /* of the present task: differs from the order's while on_failure takes it back */
	uint32_t attempt; /* 1 with the first offer; grows by each retry */
	bool failed; /* counts against max_failures, also after its rollback; a retry clears it */
	bool accepted; /* the agent has the present task in its journal */
	bool recalled;
	bool touched; /* a statement may have had a lasting effect that is not undone yet: what a rollback takes back */
	bool frozen; /* held by a freeze, not by its site */
	bool retry_guessed; /* retry_at_us is when it is asked again, not an end that its site gave; not persisted */
	int64_t offered_at_us, retry_at_us, recalled_at_us; /* 0: not offered (of an unknown undo: not waited for any more), at once, not recalled */
	int64_t stalled_since_us; /* its turn has come and it cannot start; 0: not so */
	int64_t away_since_us; /* its agent is not connected; 0: it is. Not persisted: counted anew after a restart */
	int64_t frozen_until_us; /* a freeze covers it until then; not persisted: the brain says it anew before each decision */
	uint64_t offered_session; /* the agent's session that the offer went to; not persisted: 0 after a restart */
	uint64_t session; /* the agent's session now; 0: not connected */
	uint64_t paused_session; /* that was asked to end its batched step, in the present pause; not persisted: it is asked again after a restart */
};

enum probing { PROBING_NOT, PROBING_ASKED, PROBING_HOLD, PROBING_FAIL };

struct wave_run {
	enum wave_state state;
	const char *name;
	uint32_t target_count, max_parallel;
	uint32_t max_parallel_site, max_parallel_instance; /* 0: no limit of their own */
	struct limit max_failures, min_success;
	enum on_failure on_failure;
	uint64_t soak_ms, defer_after_ms; /* defer_after_ms 0: unreachable and held targets are waited for */
	int64_t soak_until_us; /* 0 outside a soak */
	const char *detail; /* why its probes do not hold; NULL: nothing to say */
	size_t n_probes;
	bool needs_pass,
	    has_pass; /* a gate's signatures are asked for before any later wave; they are there. Not persisted: the brain says it anew before each decision */
	enum probing probing; /* what the probes say, in state probing; not persisted: they are asked again after a restart */
};

struct rollout {
	const char *id;
	enum rollout_state state;
	enum direction direction;
	int64_t not_before_us, not_after_us;
	struct wave_run *waves;
	size_t n_waves;
	struct delivery *deliveries; /* by index; those of a wave stand together */
	size_t n_deliveries;
	/* How many deliveries of all other rollouts are under way at each site and on each database server, by site_group and instance_group; NULL: none. Not persisted: the brain
	 * says it anew before each decision. */
	const uint32_t *others_at_site, *others_on_instance;
};

/* Of one wave: what its gate looks at. */
struct wave_tally {
	uint32_t failures; /* count against max_failures */
	uint32_t done; /* reached what the order wants */
	uint32_t open; /* not settled, the deferred ones too */
	uint32_t skipped; /* a percentage of min_success is one of the others */
	uint32_t deferred, hopeful; /* deferred: the wave goes on without them, the unknown ones too; hopeful: may still be done, those too */
	bool waiting; /* pending, unreachable or held */
	bool unsettled; /* anything but the deferred ones that will still move by itself */
};

/* Move one object by one event at now_us. ERR_STATE (nothing is changed) when the table has no row. *ret_row, may be NULL, tells the row. */
int delivery_step(struct delivery *d, enum delivery_event ev, int64_t now_us, const struct fsm_row **ret_row, struct err *e) MUST_CHECK;
int wave_step(struct wave_run *w, enum wave_event ev, int64_t now_us, const struct fsm_row **ret_row, struct err *e) MUST_CHECK;
int rollout_step(struct rollout *r, enum rollout_event ev, const struct fsm_row **ret_row, struct err *e) MUST_CHECK;

enum delivery_event delivery_event_of_outcome(enum outcome o);
/* "waiting-lock", "applying", "validating", "rolling-back" as PROGRESS spells them; false for others (fetching, verifying: still offered). */
bool delivery_event_of_progress(const char *state, enum delivery_event *ret);

bool delivery_in_flight(const struct delivery *d); /* an agent has it, or may have it */
bool delivery_settled(const struct delivery *d); /* nothing more happens to it by itself; an unknown one is, once it failed by the order's end */
bool delivery_is_undo(const struct delivery *d); /* what the order brought here is being taken back */
bool delivery_undo_waits(const struct delivery *d); /* to be taken back, and no agent has that task: for its agent, its site's hold, or room */
bool rollout_is_final(enum rollout_state s); /* nothing more happens by itself; halted is not final */
struct delivery *rollout_delivery(struct rollout *r, const char *target); /* NULL: not in it */
bool delivery_done(const struct delivery *d); /* applied under an apply order, rolled back under a rollback order */
bool delivery_undo_is_due(const struct rollout *r, const struct delivery *d); /* failed, and on_failure takes the target back at once */
size_t wave_first(const struct rollout *r, uint32_t wave); /* index of its first delivery; those of a wave stand together */
struct wave_tally wave_tally(const struct rollout *r, uint32_t wave);

/* Numbers the sites and database servers (the first part, and the first two parts, of a target id). */
void rollout_group(struct delivery *deliveries, size_t n);

const char *delivery_state_name(enum delivery_state s);
bool delivery_state_parse(const char *s, enum delivery_state *ret);
const char *wave_state_name(enum wave_state s);
bool wave_state_parse(const char *s, enum wave_state *ret);
const char *rollout_state_name(enum rollout_state s);
bool rollout_state_parse(const char *s, enum rollout_state *ret);

#endif
