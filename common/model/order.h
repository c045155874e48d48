/* The order of a rollout, its approvals, and the proof that a target belongs to it. See proto/order.proto. */
#ifndef COMMON_MODEL_ORDER_H
#define COMMON_MODEL_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/bytes.h"
#include "common/model/probe.h"

enum direction { DIRECTION_APPLY, DIRECTION_ROLLBACK };
enum on_failure { ON_FAILURE_HALT, ON_FAILURE_ROLLBACK_TARGET, ON_FAILURE_ROLLBACK_WAVE, ON_FAILURE_ROLLBACK_ALL };

/* A count, or a percentage of the wave's targets. */
struct limit {
	uint32_t value;
	bool percent;
};

struct wave {
	const char *name;
	uint32_t target_count;
	uint32_t max_parallel;
	struct limit max_failures; /* more than this many halts */
	struct limit
	    min_success; /* so many (or of those that are not skipped, so many percent) have to succeed before it passes; 0: those that failures leave */
	uint64_t soak_ms;
	uint64_t defer_after_ms; /* targets that were unreachable or held for so long no longer hold the wave up; 0: they are waited for */
	enum on_failure on_failure;
	struct probe *probes;
	size_t n_probes;
};

struct order {
	const char *id; /* 32 hex digits, random */
	const char *project, *release_version, *environment, *plan;
	uint8_t release_digest[DIGEST_SIZE], plan_digest[DIGEST_SIZE], targets_root[DIGEST_SIZE];
	uint64_t release_sequence;
	enum direction direction;
	struct wave *waves;
	size_t n_waves;
	uint32_t target_count;
	int64_t created_at_us, not_before_us, not_after_us;
	const char **contexts; /* Liquibase contexts in force; none: every changeset runs */
	size_t n_contexts;
	const char *label_filter; /* NULL: none */
	const char **except; /* changeset ids left out of a rollback */
	size_t n_except;
	const char **critical;
	size_t n_critical;
	uint8_t digest[DIGEST_SIZE]; /* SHA-256 of the order's bytes */
};

struct approval {
	uint8_t order_digest[DIGEST_SIZE], release_digest[DIGEST_SIZE];
	const char *environment, *approver, *reason;
	uint32_t target_count;
	int64_t created_at_us, expires_at_us;
	const char **break_glass; /* target ids, ascending; none: an ordinary approval */
	size_t n_break_glass;
};

/* That a wave has passed, by one who has looked at its signed reports. */
struct gate_pass {
	uint8_t order_digest[DIGEST_SIZE], release_digest[DIGEST_SIZE], reports_digest[DIGEST_SIZE];
	uint32_t wave; /* from 0 */
	const char *wave_name, *signer, *reason; /* reason may be NULL */
	uint32_t target_count, done, failed, unreported;
	int64_t soak_until_us, created_at_us, expires_at_us;
};

/* A critical feature: a target whose schema is not as its last delivery left it is refused (C17). */
#define FEATURE_REFUSE_DRIFT "refuse-drift"

#define BREAK_GLASS_US_MAX ((int64_t)4 * 3600 * 1000000) /* from created to expires */

#define TARGET_SALT_SIZE 16
#define MERKLE_PATH_MAX  32

/* leaf = SHA-256(0x00 || salt || u32le wave || target id); node = SHA-256(0x01 || left || right); an odd last node is carried up as it is. */
struct merkle_proof {
	uint8_t salt[TARGET_SALT_SIZE];
	uint32_t index, count, wave;
	uint8_t path[MERKLE_PATH_MAX][DIGEST_SIZE];
	size_t n_path;
};

/* May a target of this wave be offered a rollback under this order? Always under a rollback order; under an apply order only as far as its on_failure says
 * (proto/order.proto). */
bool order_allows_rollback(const struct order *o, uint32_t wave);
bool order_needs(const struct order *o, const char *feature);
/* The wave whose gate stands before this one: the nearest earlier one that has targets. False: none does. */
bool order_wave_before(const struct order *o, uint32_t wave, uint32_t *ret);

const char *direction_name(enum direction d); /* "apply", "rollback" */
bool direction_parse(const char *s, enum direction *ret);
const char *on_failure_name(enum on_failure f); /* "halt", "rollback-target", "rollback-wave", "rollback-all" */
bool on_failure_parse(const char *s, enum on_failure *ret);
/* "3" or "10%"; false when it is neither, or above 100 %. */
bool limit_parse(const char *s, struct limit *ret);
char *limit_text(struct limit l, char out[16]);
/* A percentage is rounded up, so that "10%" of 3 targets is 1. */
uint32_t limit_of(struct limit l, uint32_t total);

#endif
