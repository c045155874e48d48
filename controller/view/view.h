/* What people are shown of the fleet, computed in one place from the brain's memory and its store: the command line draws it, and so does whatever else shows it. Plain values in the
 * caller's arena, good for the turn; nothing here writes, sends or formats for a screen. */
#ifndef CONTROLLER_VIEW_VIEW_H
#define CONTROLLER_VIEW_VIEW_H

#include "common/cli/cmd.h"
#include "controller/daemon/brain_impl.h"

/* ---- a rollout: view_rollout.c, view_speed.c ---- */

/* How fast it goes and how long it will take: from when its latest wave's deliveries ended, in the last minutes of its work. A guess that a person reads; soaks that are known
 * to come are in it, windows and approvals are not. */
struct view_speed {
	double per_minute; /* 0: nothing has ended yet */
	int64_t left_us; /* -1: not known, or it does not go on by itself */
};
struct view_speed view_speed(const struct rollout *r, const struct delivery_note *notes, int64_t running_since_us, int64_t now_us);

enum view_interest { INTEREST_EYES, INTEREST_MOVING, INTEREST_REST }; /* needs eyes; moves; done, or its turn has not come */
enum view_interest view_interest(const struct delivery *d);

struct view_rollout {
	const struct store_rollout *rec;
	const struct run *run; /* NULL: not in memory, it is over */
	struct delivery_counts counts;
	uint32_t done; /* reached what the order wants */
	bool awaits_pass; /* a wave of it waits for the keys of role gate */
	uint32_t moving, eyes; /* by view_interest; 0 without run */
	struct view_speed speed;
	const char *wave; /* that is under way; "" when none is */
	const char *called; /* its release as people call it: "1.4.0"; where there are several projects "shop 1.4.0" */
	const char *state; /* in a word for people: its state's, or "scheduled" */
	int64_t starts_at_us; /* of a scheduled one; 0 otherwise */
	const char *undone_by; /* the newest rollback that has taken some of it back; NULL: none */
	uint32_t undone; /* at so many targets */
	const char *detail, *next; /* how it stands; what to type, "" when nothing */
	enum exit_code code; /* as rollout status has it */
};
int view_rollout(struct brain *b, struct arena *a, const struct store_rollout *rec, const struct run *u, struct view_rollout *ret,
                 struct err *e) MUST_CHECK;
/* Of each environment the newest rollout that has come over it, when it has ended and failed, or succeeded with failures, and those that were aborted since with targets of which
 * nothing is known: taken into memory for this turn. `list`: all rollouts,
 * oldest first. */
int view_unsettled(struct brain *b, struct arena *a, const struct store_rollout *list, size_t n, struct run ***ret, size_t *ret_n,
                   struct err *e) MUST_CHECK;
enum exit_code view_worse(enum exit_code x, enum exit_code y);
/* As cells of a table: whole targets a minute, whole seconds; "" when not known. */
const char *view_per_minute(struct arena *a, const struct view_rollout *v);
const char *view_seconds_left(struct arena *a, const struct view_rollout *v);
/* A rollout's release as people call it; several: there are several projects. */
const char *view_called(struct arena *a, const struct store_rollout *rec, bool several);
/* view_say.c, for view_rollout: state, detail and next, when the rest of *v stands. */
int view_say(struct brain *b, struct arena *a, struct view_rollout *v, struct err *e) MUST_CHECK;
/* Why a wave fails its gate, "3 of 8 failed, 2 allowed"; "" when it does not. */
const char *view_wave_failed(struct arena *a, const struct rollout *r, uint32_t wave);
/* What is known of one delivery; "" when nothing is. */
const char *view_delivery_detail(struct arena *a, const struct run *u, size_t i);
/* What to type for a rollout to go on without `targets` that it waits for. Of a wave that on_failure takes back nobody can be left out: that rollout can only be given up. */
const char *view_go_on_without(struct arena *a, const struct run *u, const char *targets);
/* What to type about one delivery, or what happens by itself; "" when there is nothing to say. */
const char *view_delivery_next(struct arena *a, const struct run *u, size_t i, int64_t now_us);
/* Until when it is held or frozen; 0: not held, or nobody has said. */
int64_t view_delivery_until(const struct delivery *d);

/* ---- targets: view_targets.c ---- */

enum view_mark { VIEW_OFFLINE = 1, VIEW_HELD = 2, VIEW_QUARANTINED = 4, VIEW_DRIFTED = 8, VIEW_BEHIND = 16, VIEW_TROUBLE = 32 };

struct view_target {
	const struct target *target;
	const struct brain_agent *owner;
	const struct brain_facts *facts; /* of its agent's last look */
	const char *release; /* the newest that it has, "1.4.0"; of several projects "billing 0.1.0, shop 1.4.0"; "" when none */
	int64_t applied_at_us; /* when it was applied there; 0: none was */
	const char *lacks; /* the present releases of its environment that it lacks, "shop 1.4.0"; "" when none */
	const struct store_schema *schema; /* NULL: nothing is known */
	const struct store_quarantine *quarantine; /* NULL: it is in none */
	const struct run *held_by; /* NULL: it is not held */
	uint32_t held_index; /* its delivery there */
	unsigned marks;
};
/* Those that the selector matches (NULL: all), by id. */
int view_targets(struct brain *b, struct arena *a, const struct selector *s, struct view_target **ret, size_t *ret_n, struct err *e) MUST_CHECK;

/* The release that an environment has reached and that was not taken back: of the newest rollout that came to its end there. */
struct view_present {
	const char *project, *environment;
	const struct store_rollout *rollout; /* release_version, release_sequence, release_digest */
	const char *name; /* "shop 1.4.0" */
};
/* `list`: all rollouts, oldest first. */
int view_presents(struct brain *b, struct arena *a, const struct store_rollout *list, size_t n, struct view_present **ret, size_t *ret_n,
                  struct err *e) MUST_CHECK;

/* ---- the fleet: view_fleet.c, view_eyes.c ---- */

/* Something that a person should look at. Equal ones of several targets are one. */
struct view_eye {
	int rank; /* the worst first */
	const char *name; /* a target, an agent, a rollout, ... */
	const char *kind; /* "target", "agent", "rollout", "freeze", "trust", "fleet" */
	const char *state;
	const char *rollout; /* "" when it is of none */
	const char *detail, *next;
	int64_t since_us, until_us; /* 0: not known */
	size_t targets; /* how many it stands for */
};

struct view_version {
	const char *version;
	size_t agents, online;
};

struct view_fleet {
	size_t agents, agents_online;
	struct view_version *versions; /* of the agents that are not revoked, the most frequent first */
	size_t n_versions;
	size_t targets, online, offline, trouble, held, quarantined, drifted, behind;
	struct view_rollout *rollouts; /* that run or wait, the newest first */
	size_t n_rollouts;
	struct view_eye *eyes;
	size_t n_eyes;
	enum exit_code code; /* the worst of the rollouts that run or wait, and of those that have ended and are not settled; attention for an alarm */
};
int view_fleet(struct brain *b, struct arena *a, struct view_fleet *ret, struct err *e) MUST_CHECK;

/* For view_fleet: fills eyes of *v, whose rest stands. */
int view_eyes(struct brain *b, struct arena *a, const struct view_target *targets, size_t n_targets, const struct store_rollout *list, size_t n,
              struct view_fleet *v, struct err *e) MUST_CHECK;

#endif
