/* What the raw measures' two files share. */
#ifndef TESTS_BENCH_FLEET_RAW_H
#define TESTS_BENCH_FLEET_RAW_H

#include "tests/bench/fleet/farm.h"

#define RAW_ROUNDS 3

struct raw_shared {
	char endpoint[64];
	atomic_bool listening, done;
	unsigned offer_bytes, accept_bytes, report_bytes;
	double seconds[RAW_ROUNDS], cpu_seconds[RAW_ROUNDS]; /* cpu_seconds: of the server alone, its I/O threads too */
};

/* raw_peers.c: DEALERs of identities [first, first + n): each says "hi", answers each offer with two messages, and takes what else comes. */
void raw_peers(struct raw_shared *s, const struct identity *ids, size_t first, size_t n);

#endif
