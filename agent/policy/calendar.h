/* When a site lets work begin: weekly windows and blackout dates, by the clock on the wall of a named zone. A window is open while that clock shows a time inside it: what
 * the clock never shows when summer time begins is no time, and what it shows twice when summer time ends is open twice. Pure. */
#ifndef AGENT_POLICY_CALENDAR_H
#define AGENT_POLICY_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/policy/zone.h"

#define CALENDAR_ROWS_MAX     64
#define CALENDAR_DAY_MINUTES  1440
#define CALENDAR_HORIZON_DAYS 400

struct window {
	uint8_t days; /* bit 0 Monday ... bit 6 Sunday: the days on which it opens */
	int from, to; /* minutes of the day, to up to 1440; to <= from: it closes on the next day */
	const struct zone *zone;
	const char **targets; /* globs over target ids; none: every target */
	size_t n_targets;
};

struct blackout {
	int64_t first_day, last_day; /* days since 1970 of the zone's calendar, both included */
	const char *reason; /* NULL: none was given */
	const struct zone *zone;
	const char **targets;
	size_t n_targets;
};

struct calendar {
	struct window *windows; /* a target that none of them names may begin at any time */
	size_t n_windows;
	struct blackout *blackouts;
	size_t n_blackouts;
};

/* "mon-fri", "sat,sun", "daily", joined by commas; a run may go over the end of the week ("fri-mon"). */
int calendar_days_parse(const char *text, uint8_t *ret, struct err *e) MUST_CHECK;
/* "22:00", up to "24:00". */
int calendar_time_parse(const char *text, int *ret_minutes, struct err *e) MUST_CHECK;
/* "2026-12-20" into days since 1970. */
int calendar_date_parse(const char *text, int64_t *ret_day, struct err *e) MUST_CHECK;

/* May a delivery on the target begin? The blackout that says no, if it is one, goes into *ret_blackout (may be NULL). */
bool calendar_is_open(const struct calendar *c, const char *target, int64_t at_us, const struct blackout **ret_blackout);
/* The next whole minute after `at_us` at which it is open; 0: none within CALENDAR_HORIZON_DAYS. */
int64_t calendar_next_open(const struct calendar *c, const char *target, int64_t at_us);

#endif
