/* The farm: many agents in a few processes, for `make bench-fanout` and the end-to-end test of a fleet. Each plays the real protocol with its own keys: CURVE, a certificate
 * from the fleet's enrol key, a signed HELLO, TARGETS, ACCEPT, signed and chained reports, heartbeats, and reconnects paced as the real agent's. What it leaves out is the work:
 * an apply takes no time and touches no database, the blobs are read from the controller's folder, and the journal is memory.
 * The parent makes the identities, forks the processes and takes commands from standard input (farm.c); what the two sides share is one struct farm_shared. */
#ifndef TESTS_BENCH_FLEET_FARM_H
#define TESTS_BENCH_FLEET_FARM_H

#include <czmq.h>
#include <stdatomic.h>

#include "common/crypto/sign.h"
#include "common/link/curve.h"
#include "common/model/order.h"
#include "common/model/report.h"
#include "common/wire/link.h"

#define FARM_PER_SITE 100

struct identity {
	char name[32], site[16];
	struct curve_key key;
	struct sign_key *report_key;
	struct bytes certificate; /* envelope */
	char controller_key[41];
};

struct farm_config {
	const char *dir; /* the fleet's folder, as fleet.bash makes it */
	const char *endpoint;
	size_t n_agents, n_processes, targets_each;
};

struct farm_shared { /* in memory that all of the farm's processes map */
	atomic_uint up, handshake_timeouts, refused, retries_after, losses;
	atomic_uint offers, repeated_offers, applied, failed, reports, acked;
	atomic_uint forgotten; /* reports that were acknowledged, and at the next WELCOME the controller did not have them */
	atomic_uint offer_bytes, accept_bytes, report_bytes; /* of the last one, with its header */
	atomic_uint mute; /* so many agents, from the last one down, never read and beat all the time */
	atomic_uint steps; /* in each report */
	atomic_uint fail_until; /* the first so many targets fail their apply */
	atomic_uint record; /* grows by each request; the processes answer in `recorded` */
	atomic_uint recorded;
	atomic_bool quit;
};

/* identity.c: makes the agents and admits them into the store of a controller that does not run. */
int identities_make(const struct farm_config *c, struct identity **ret, struct err *e) MUST_CHECK;

/* peer.c: one agent's conversation. */
struct peer;
struct farm { /* of one process */
	const struct farm_config *config;
	struct farm_shared *shared;
	int epoll_fd;
	struct peer **peers;
	int64_t *due_us; /* of each peer's tick, side by side: they are looked at all the time */
	size_t n_peers;
	struct order order; /* of the dossier read last; its digests go into the reports */
	uint8_t dossier_hash[DIGEST_SIZE];
	struct arena *order_arena;
};
struct peer *peer_new(struct farm *f, const struct identity *id, size_t number,
                      int64_t *due_us); /* *due_us: when its next tick is; the peer writes it, and its owner keeps the place */
void peer_destroy(struct peer **p);
struct peer_end { /* what the process's epoll knows a descriptor by */
	struct peer *peer;
	bool is_monitor;
};
void peer_read(struct peer_end *end); /* it was ready */
void peer_tick(struct peer *p, int64_t now_us); /* it was due */
void peer_record(const struct peer *p, FILE *to); /* "agent|target|task|attempt|report-seq|outcome", a line for each task */

/* work.c */
#define FARM_STEPS_MAX 8
void farm_must(int rc, const struct err *e); /* ends the process with the error */
/* The order's digests into the farm, from the dossier in the controller's folder: once for each rollout. */
void work_read_dossier(struct farm *f, const uint8_t hash[DIGEST_SIZE]);
/* Of this offer with this outcome, not yet numbered and chained. Borrows `steps`, the offer's target and the name. */
struct report work_report(const struct farm *f, const char *agent, const struct msg_offer *o, enum outcome outcome,
                          struct step_outcome steps[FARM_STEPS_MAX]);

/* play.c: the loop of one process, over the identities [first, first + n). */
void farm_play(const struct farm_config *c, struct farm_shared *s, const struct identity *ids, size_t first, size_t n, unsigned process);

/* What the fan-out is compared with: seconds that passed, and seconds of the processor that the controller's side took. */
struct raw_cost {
	double s, cpu_s;
};
double cpu_now_s(void); /* of this process */
/* raw.c */
int raw_exchange(const struct farm_config *c, const struct identity *ids, size_t n, const struct farm_shared *sizes, struct raw_cost *ret,
                 struct err *e) MUST_CHECK;
/* raw_store.c: the rows for n targets in so many transactions. */
int raw_store(const struct farm_config *c, size_t n, size_t commits, const struct farm_shared *sizes, struct raw_cost *ret, struct err *e) MUST_CHECK;
/* As many reports' signatures made and checked, by so many processes at a time; cpu_s: the checks alone. */
struct raw_cost raw_signatures(size_t n, size_t n_processes);

#endif
