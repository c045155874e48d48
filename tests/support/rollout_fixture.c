/* See the header. */
#include "tests/support/rollout_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

void rollout_fixture_init(struct rollout_fixture *f, uint32_t first, uint32_t second)
{
	*f = (struct rollout_fixture){.now_us = SECOND};
	f->waves[0] = (struct wave_run){.name = "canary", .target_count = first, .max_parallel = 10};
	f->waves[1] = (struct wave_run){.name = "rest", .target_count = second, .max_parallel = 10};
	for (uint32_t i = 0; i < first + second; i++) {
		snprintf(f->names[i], sizeof f->names[i], "%s/pg%u/t%u", i % 4 < 2 ? "eu" : "us", i / 2, i);
		f->deliveries[i] = (struct delivery){.index = i, .wave = i >= first, .target = f->names[i], .session = 5};
	}
	rollout_group(f->deliveries, first + second);
	f->r = (struct rollout){.id = "r1",
	                        .state = ROLLOUT_RUNNING,
	                        .not_after_us = FOREVER,
	                        .waves = f->waves,
	                        .n_waves = second ? 2 : 1,
	                        .deliveries = f->deliveries,
	                        .n_deliveries = first + second};
}

void rollout_fixture_think(struct rollout_fixture *f)
{
	struct err e = ERR_INIT;
	decision_done(&f->last);
	if (decide(&f->r, f->now_us, &f->last, &e) < 0)
		fail_msg("%s", e.msg);
}

void rollout_fixture_later(struct rollout_fixture *f, int64_t by_us)
{
	f->now_us += by_us;
	rollout_fixture_think(f);
}

void rollout_fixture_event(struct rollout_fixture *f, enum rollout_event ev)
{
	struct err e = ERR_INIT;
	AUTO(decision_done) struct decision d = DECISION_INIT;
	if (decide_rollout_event(&f->r, ev, &d, &e) < 0)
		fail_msg("%s", e.msg);
}

void rollout_fixture_report(struct rollout_fixture *f, uint32_t i, enum outcome o)
{
	struct err e = ERR_INIT;
	if (delivery_step(&f->deliveries[i], delivery_event_of_outcome(o), f->now_us, NULL, &e) < 0)
		fail_msg("%s", e.msg);
}

void rollout_fixture_offers(const struct rollout_fixture *f, size_t n, ...)
{
	va_list ap;
	va_start(ap, n);
	assert_int_equal(f->last.n_offers, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(f->last.offers[i], va_arg(ap, int));
	va_end(ap);
}

void rollout_fixture_done(struct rollout_fixture *f)
{
	decision_done(&f->last);
}
