/* See view.h. Pure. */
#include "controller/view/view.h"

#define WINDOW_US ((int64_t)5 * 60 * 1000000)
#define SECOND_US INT64_C(1000000)

static bool has_ended(const struct delivery *d)
{
	return d->attempt > 0 && d->state != DELIVERY_SKIPPED && delivery_settled(d);
}

/* When the deliveries of a wave ended; zero when none has. */
struct ends {
	int64_t first_us, last_us;
	bool open; /* some are under way */
};

static struct ends ends_of(const struct rollout *r, const struct delivery_note *notes, uint32_t wave)
{
	struct ends s = {0};
	for (size_t i = wave_first(r, wave); i < r->n_deliveries && r->deliveries[i].wave == wave; i++) {
		s.open |= delivery_in_flight(&r->deliveries[i]);
		if (!has_ended(&r->deliveries[i]))
			continue;
		if (s.first_us == 0 || notes[i].since_us < s.first_us)
			s.first_us = notes[i].since_us;
		if (notes[i].since_us > s.last_us)
			s.last_us = notes[i].since_us;
	}
	return s;
}

/* The latest thing known to have been before the first end: the wave before had ended and soaked, or the rollout was let run. 0: nothing is. */
static int64_t began_at(const struct rollout *r, const struct delivery_note *notes, uint32_t wave, int64_t running_since_us, int64_t first_us)
{
	int64_t at_us = running_since_us <= first_us ? running_since_us : 0;
	for (uint32_t i = 0; i < wave; i++) {
		int64_t over_us = ends_of(r, notes, i).last_us + (int64_t)r->waves[i].soak_ms * 1000;
		if (over_us <= first_us && over_us > at_us)
			at_us = over_us;
	}
	return at_us;
}

static double speed_of_wave(const struct rollout *r, const struct delivery_note *notes, uint32_t wave, int64_t running_since_us, int64_t now_us)
{
	struct ends s = ends_of(r, notes, wave);
	int64_t to_us = s.open ? now_us : s.last_us, from_us = began_at(r, notes, wave, running_since_us, s.first_us);
	size_t n = 0;
	if (from_us == 0)
		from_us = s.first_us + 1; /* the first end only says when to begin to count */
	if (to_us - WINDOW_US > from_us)
		from_us = to_us - WINDOW_US;
	for (size_t i = wave_first(r, wave); i < r->n_deliveries && r->deliveries[i].wave == wave; i++)
		n += has_ended(&r->deliveries[i]) && notes[i].since_us >= from_us && notes[i].since_us <= to_us;
	int64_t took_us = to_us - from_us > SECOND_US ? to_us - from_us : SECOND_US;
	return (double)n * 60.0 * (double)SECOND_US / (double)took_us;
}

static int64_t soak_left(const struct rollout *r, int64_t now_us)
{
	int64_t left_us = 0;
	for (size_t i = 0; i < r->n_waves; i++) {
		const struct wave_run *w = &r->waves[i];
		if (w->state == WAVE_SOAKING)
			left_us += w->soak_until_us > now_us ? w->soak_until_us - now_us : 0;
		else if (w->state != WAVE_PASSED && w->state != WAVE_PROBING && w->state != WAVE_AWAITING_PASS)
			left_us += (int64_t)w->soak_ms * 1000;
	}
	return left_us;
}

/* What waits for somebody, a site, a lock or an agent that is away, has no speed. */
static bool has_speed(const struct delivery *d)
{
	return d->state == DELIVERY_PENDING || (delivery_in_flight(d) && d->state != DELIVERY_WAITING_LOCK && d->session);
}

struct rest {
	uint32_t open, stuck; /* goes on by itself; does not */
};

static struct rest rest_of(const struct rollout *r)
{
	struct rest n = {0};
	for (size_t i = 0; i < r->n_deliveries; i++) {
		const struct delivery *d = &r->deliveries[i];
		if (delivery_settled(d) || d->state == DELIVERY_DEFERRED || d->state == DELIVERY_UNKNOWN)
			continue;
		n.open += has_speed(d);
		n.stuck += !has_speed(d);
	}
	return n;
}

struct view_speed view_speed(const struct rollout *r, const struct delivery_note *notes, int64_t running_since_us, int64_t now_us)
{
	struct view_speed v = {.left_us = -1};
	struct rest rest = rest_of(r);
	for (uint32_t wave = (uint32_t)r->n_waves; wave-- > 0 && v.per_minute == 0;)
		if (ends_of(r, notes, wave).first_us)
			v.per_minute = speed_of_wave(r, notes, wave, running_since_us, now_us);
	bool waits = false; /* for people */
	for (size_t i = 0; i < r->n_waves; i++)
		waits |= r->waves[i].state == WAVE_AWAITING_PASS;
	bool goes_on = r->state == ROLLOUT_RUNNING || r->state == ROLLOUT_SOAKING || r->state == ROLLOUT_ROLLING_BACK;
	if (goes_on && !waits && r->not_before_us <= now_us && rest.stuck == 0 && (rest.open == 0 || v.per_minute > 0))
		v.left_us = soak_left(r, now_us) + (rest.open ? (int64_t)((double)rest.open / v.per_minute * 60.0 * (double)SECOND_US) : 0);
	return v;
}
