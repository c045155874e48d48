/* From a plan's environment and the targets that the agents reported to the frozen list: who is in which wave. The selectors are resolved here, once, before anyone
 * signs; later changes of labels change nothing. Pure: salts, tree and signatures are the caller's. */
#ifndef CONTROLLER_ROLLOUT_ORDER_H
#define CONTROLLER_ROLLOUT_ORDER_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/model/plan.h"

struct placed {
	const struct target *target;
	uint32_t wave; /* into frozen.waves */
};

struct frozen {
	struct wave *waves; /* as the order has them; waves that earlier ones left empty are not there */
	const struct plan_wave **plan_waves; /* the plan's row of each */
	size_t n_waves;
	struct placed *placed; /* by wave, then by target id: the leaf order */
	size_t n_placed;
	size_t n_left_out; /* targets of the environment that no wave takes: fine, but to be said */
	size_t n_grown; /* targets that the first wave has beyond its size, so that it has one of each series that its selector takes: to be said */
	const char *unproved; /* series (engine and major version) that no target of the first wave has, comma-joined; NULL: none. Worth a warning */
};

/* The first wave takes one target of each series (engine and major version) before it takes a second, and grows beyond its size where that has too little room for one of each that its
 * selector takes: what is proved there is proved for all. `series` says it of each target (NULL: not known); NULL: nobody has looked.
 * Targets whose label `environment` is the environment's name, each in the first wave that takes it. ERR_USAGE: no such target, a selector that
 * matches nothing, or a probe for an engine that its wave has not; with `partial`, when `targets` are only some of the environment's, such a wave, or probe, is left out. `targets` is borrowed as long as *ret. */
int order_freeze(const struct plan *p, const struct plan_environment *env, const struct target *targets, const char *const *series, size_t n_targets,
                 bool partial, struct arena *a, struct frozen *ret, struct err *e) MUST_CHECK;

#endif
