/* A plan: environments, their waves, thresholds and times. Read from YAML by controller/plan; resolved against targets by controller/rollout/order. Plain values. */
#ifndef COMMON_MODEL_PLAN_H
#define COMMON_MODEL_PLAN_H

#include <stdint.h>

#include "common/base/bytes.h"
#include "common/model/order.h"
#include "common/model/target.h"

struct plan_wave {
	const char *name;
	const char *selector_text;
	struct selector *selector;
	struct limit size; /* how many of the matching targets that no earlier wave took; 100 % when the plan says nothing */
	uint32_t max_parallel; /* in all; 10 by default */
	uint32_t max_parallel_site, max_parallel_instance; /* at one site, on one database server; 0: no limit of their own */
	struct limit max_failures; /* 0 by default: the first failure stops */
	struct limit min_success; /* 0 by default */
	uint64_t defer_after_ms; /* 0 by default: unreachable and held targets are waited for */
	enum on_failure on_failure;
	uint64_t soak_ms;
	struct probe *probes;
	size_t n_probes;
};

struct plan_environment {
	const char *name;
	const char **contexts; /* Liquibase contexts in force; none: every changeset runs */
	size_t n_contexts;
	uint64_t not_after_ms; /* how long an order holds, from its start; 24 h by default */
	bool catch_up_automatic; /* an order is made for tenants that lack the release, when they come; false: `rollcall rollout catch-up` makes it */
	bool refuse_drift; /* a target whose schema was changed from outside is refused; false: that is only reported */
	int64_t start_at_us; /* nothing starts before; 0: at once */
	struct plan_wave *waves;
	size_t n_waves;
};

struct plan {
	const char *path; /* as messages name it */
	const char *name;
	struct plan_environment *environments;
	size_t n_environments;
	uint8_t digest[DIGEST_SIZE]; /* SHA-256 of the file's bytes */
};

const struct plan_environment *plan_environment(const struct plan *p, const char *name); /* NULL if there is none */

#endif
