/* decide() in a seeded random walk: agents answer in any order and in any way, and what must always hold is looked at after each decision. The whole world is rollout_sim_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/support/random.h"
#include "tests/support/rollout_fixture.h"

/* Agents' side of the walk: which (target, direction) they hold an unanswered offer for. */
static void walk_check(struct rollout_fixture *f, bool *busy)
{
	for (size_t i = 0; i < f->last.n_offers; i++) {
		uint32_t t = f->last.offers[i];
		assert_false(busy[t]); /* nobody reconnects and time stands still between offers here, so no resend: twice is a fault */
		busy[t] = true;
	}
	uint32_t in_wave[2] = {0}, at_site[ROLLOUT_FIXTURE_MAX] = {0}, at_instance[ROLLOUT_FIXTURE_MAX] = {0};
	for (uint32_t i = 0; i < f->r.n_deliveries; i++) {
		const struct delivery *d = &f->deliveries[i];
		if (!busy[i])
			continue;
		assert_true(++in_wave[d->wave] <= f->waves[d->wave].max_parallel);
		assert_true(++at_site[d->site_group] <= f->waves[d->wave].max_parallel_site);
		assert_true(++at_instance[d->instance_group] <= f->waves[d->wave].max_parallel_instance);
	}
	for (uint32_t w = 0; w < 2; w++)
		if (wave_tally(&f->r, w).failures > limit_of(f->waves[w].max_failures, f->waves[w].target_count))
			assert_true(f->r.state != ROLLOUT_RUNNING && f->r.state != ROLLOUT_SUCCEEDED && f->r.state != ROLLOUT_SOAKING);
	for (uint32_t i = 0; i < f->r.n_deliveries; i++)
		if (f->deliveries[i].wave == 1 && f->deliveries[i].attempt > 0)
			assert_true(f->waves[0].state == WAVE_PASSED || f->waves[1].state != WAVE_BLOCKED);
}

static bool walk_step(struct rollout_fixture *f, bool *busy, uint64_t *seed)
{
	uint32_t held[ROLLOUT_FIXTURE_MAX], n = 0;
	for (uint32_t i = 0; i < f->r.n_deliveries; i++)
		if (busy[i])
			held[n++] = i;
	if (n == 0)
		return false;
	uint32_t t = held[random_next(seed) % n];
	struct delivery *d = &f->deliveries[t];
	uint64_t roll = random_next(seed) % 100;
	enum outcome good = d->direction == DIRECTION_APPLY ? OUTCOME_APPLIED : OUTCOME_ROLLED_BACK;
	if (roll < 20) {
		struct err e = ERR_INIT;
		enum delivery_event ev = (enum delivery_event)(DELIVERY_EV_IS_WAITING + roll % 4);
		assert_int_equal(delivery_step(d, ev, f->now_us, NULL, &e), 0);
		return true;
	}
	busy[t] = false;
	rollout_fixture_report(f, t, roll < 75 ? good : roll < 90 ? OUTCOME_FAILED : roll < 95 ? OUTCOME_REFUSED : OUTCOME_NEEDS_ATTENTION);
	return true;
}

static void walk(uint64_t seed)
{
	struct rollout_fixture f;
	bool busy[ROLLOUT_FIXTURE_MAX] = {false};
	rollout_fixture_init(&f, 4, 8);
	for (int w = 0; w < 2; w++) {
		f.waves[w].max_parallel = 1 + random_next(&seed) % 5;
		f.waves[w].max_parallel_site = 1 + random_next(&seed) % 3;
		f.waves[w].max_parallel_instance = 1 + random_next(&seed) % 2;
		f.waves[w].max_failures = (struct limit){.value = random_next(&seed) % 60, .percent = true};
		f.waves[w].on_failure = (enum on_failure)(random_next(&seed) % 4);
	}
	for (int steps = 0; steps < 500; steps++) {
		rollout_fixture_think(&f);
		walk_check(&f, busy);
		if (!walk_step(&f, busy, &seed))
			break;
	}
	/* everybody answered: nothing may be left hanging */
	assert_true(rollout_is_final(f.r.state) || f.r.state == ROLLOUT_HALTED);
	for (uint32_t i = 0; i < f.r.n_deliveries; i++)
		assert_false(delivery_in_flight(&f.deliveries[i]));
	rollout_fixture_done(&f);
}

static void test_random_walks(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 2000; seed++)
		walk(seed * UINT64_C(0x9E3779B97F4A7C15));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_random_walks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
