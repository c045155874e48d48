/* A rollout in memory for the tests of decide(): two waves on sites eu and us, two targets to a server, every agent connected. */
#ifndef TESTS_SUPPORT_ROLLOUT_FIXTURE_H
#define TESTS_SUPPORT_ROLLOUT_FIXTURE_H

#include "controller/rollout/decide.h"

#define ROLLOUT_FIXTURE_MAX 12
#define FOREVER             INT64_MAX
#define SECOND              INT64_C(1000000)

struct rollout_fixture {
	struct rollout r;
	struct wave_run waves[2];
	struct delivery deliveries[ROLLOUT_FIXTURE_MAX];
	char names[ROLLOUT_FIXTURE_MAX][32];
	struct decision last;
	int64_t now_us;
};

/* Running; `first` targets in wave canary, `second` in wave rest (0: there is no such wave). */
void rollout_fixture_init(struct rollout_fixture *f, uint32_t first, uint32_t second);
void rollout_fixture_done(struct rollout_fixture *f);
void rollout_fixture_think(struct rollout_fixture *f); /* decide(); what it wants is in f->last */
void rollout_fixture_later(struct rollout_fixture *f, int64_t by_us); /* the clock goes on, then the same */
void rollout_fixture_event(struct rollout_fixture *f, enum rollout_event ev); /* somebody steers it; nothing is decided yet */
void rollout_fixture_report(struct rollout_fixture *f, uint32_t i, enum outcome o);
/* Fails the test unless the last decision offers exactly these n deliveries, in this order. */
void rollout_fixture_offers(const struct rollout_fixture *f, size_t n, ...);

#endif
