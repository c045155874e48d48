/* Windows and blackouts. */
#include "agent/policy/calendar.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#define DAY_S 86400

static const char *const day_names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

/* ---- texts ---- */

static int day_of(const char *s, size_t n)
{
	for (size_t i = 0; i < ARRAY_LEN(day_names); i++)
		if (n == 3 && strncmp(s, day_names[i], n) == 0)
			return (int)i;
	return -1;
}

static bool add_run(const char *s, size_t n, uint8_t *days)
{
	const char *dash = memchr(s, '-', n);
	int from = day_of(s, dash ? (size_t)(dash - s) : n), to = dash ? day_of(dash + 1, n - (size_t)(dash + 1 - s)) : from;
	if (n == 5 && strncmp(s, "daily", n) == 0)
		from = 0, to = 6;
	if (from < 0 || to < 0)
		return false;
	for (int d = from;; d = (d + 1) % 7) {
		*days |= (uint8_t)(1u << d);
		if (d == to)
			return true;
	}
}

int calendar_days_parse(const char *text, uint8_t *ret, struct err *e)
{
	uint8_t days = 0;
	for (const char *p = text;;) {
		size_t n = strcspn(p, ",");
		const char *from = p + strspn(p, " ");
		size_t len = n - (size_t)(from - p);
		while (len && from[len - 1] == ' ')
			len--;
		if (!add_run(from, len, &days))
			return err_set(e, ERR_PARSE, "days '%.60s': write mon, tue, wed, thu, fri, sat, sun, runs such as mon-fri, or daily", text);
		if (p[n] == '\0')
			break;
		p += n + 1;
	}
	*ret = days;
	return 0;
}

int calendar_time_parse(const char *text, int *ret_minutes, struct err *e)
{
	bool ok = strlen(text) == 5 && text[2] == ':' && strspn(text, "0123456789") == 2 && strspn(text + 3, "0123456789") == 2;
	int hours = ok ? (text[0] - '0') * 10 + text[1] - '0' : 99, minutes = ok ? (text[3] - '0') * 10 + text[4] - '0' : 99;
	if (minutes > 59 || hours * 60 + minutes > CALENDAR_DAY_MINUTES)
		return err_set(e, ERR_PARSE, "time '%.20s': write HH:MM, 00:00 to 24:00", text);
	*ret_minutes = hours * 60 + minutes;
	return 0;
}

int calendar_date_parse(const char *text, int64_t *ret_day, struct err *e)
{
	int64_t at_us = 0;
	if (strlen(text) != 10 || clock_parse(text, &at_us, NULL) != 0)
		return err_set(e, ERR_PARSE, "date '%.20s': write YYYY-MM-DD", text);
	*ret_day = at_us / 1000000 / DAY_S;
	return 0;
}

/* ---- moments ---- */

struct wall {
	int64_t day; /* since 1970 */
	int minute, weekday; /* 0 Monday */
};

static struct wall wall_of(const struct zone *z, int64_t at_s)
{
	int64_t local = at_s + zone_offset(z, at_s);
	struct wall w = {.day = local / DAY_S, .minute = (int)(local % DAY_S / 60)};
	w.weekday = (int)((w.day + 3) % 7); /* 1970-01-01 was a Thursday */
	return w;
}

static bool names(const char **globs, size_t n, const char *target)
{
	for (size_t i = 0; i < n; i++)
		if (str_glob(globs[i], target))
			return true;
	return n == 0;
}

static bool opens_on(const struct window *w, int weekday)
{
	return w->days >> ((weekday + 7) % 7) & 1;
}

static bool in_window(const struct window *w, int64_t at_s)
{
	struct wall now = wall_of(w->zone, at_s);
	if (w->from < w->to)
		return opens_on(w, now.weekday) && now.minute >= w->from && now.minute < w->to;
	return (opens_on(w, now.weekday) && now.minute >= w->from) || (opens_on(w, now.weekday - 1) && now.minute < w->to);
}

static bool in_blackout(const struct blackout *b, int64_t at_s)
{
	int64_t day = wall_of(b->zone, at_s).day;
	return day >= b->first_day && day <= b->last_day;
}

/* What of a calendar concerns one target. */
struct view {
	const struct window *windows[CALENDAR_ROWS_MAX];
	const struct blackout *blackouts[CALENDAR_ROWS_MAX];
	size_t n_windows, n_blackouts;
};

static struct view view_of(const struct calendar *c, const char *target)
{
	struct view v = {.n_windows = 0};
	for (size_t i = 0; i < c->n_windows; i++)
		if (names(c->windows[i].targets, c->windows[i].n_targets, target))
			v.windows[v.n_windows++] = &c->windows[i];
	for (size_t i = 0; i < c->n_blackouts; i++)
		if (names(c->blackouts[i].targets, c->blackouts[i].n_targets, target))
			v.blackouts[v.n_blackouts++] = &c->blackouts[i];
	return v;
}

static const struct blackout *blackout_at(const struct view *v, int64_t at_s)
{
	for (size_t i = 0; i < v->n_blackouts; i++)
		if (in_blackout(v->blackouts[i], at_s))
			return v->blackouts[i];
	return NULL;
}

static bool window_at(const struct view *v, int64_t at_s)
{
	for (size_t i = 0; i < v->n_windows; i++)
		if (in_window(v->windows[i], at_s))
			return true;
	return v->n_windows == 0;
}

bool calendar_is_open(const struct calendar *c, const char *target, int64_t at_us, const struct blackout **ret_blackout)
{
	struct view v = view_of(c, target);
	const struct blackout *b = blackout_at(&v, at_us / 1000000);
	if (ret_blackout)
		*ret_blackout = b;
	return !b && window_at(&v, at_us / 1000000);
}

/* Minutes until the wall's clock shows `minute` again; 1 when the zone's offset changes before that, so that no change is jumped over. */
static int minutes_until(const struct zone *z, int64_t at_s, int minute)
{
	int left = (minute - wall_of(z, at_s).minute + CALENDAR_DAY_MINUTES) % CALENDAR_DAY_MINUTES;
	if (left == 0)
		left = CALENDAR_DAY_MINUTES;
	return zone_offset(z, at_s) == zone_offset(z, at_s + (int64_t)left * 60) ? left : 1;
}

/* It is closed: how many minutes may be passed over before that can change? */
static int closed_for(const struct view *v, int64_t at_s)
{
	int least = CALENDAR_DAY_MINUTES;
	for (size_t i = 0; i < v->n_windows; i++) {
		int n = minutes_until(v->windows[i]->zone, at_s, v->windows[i]->from % CALENDAR_DAY_MINUTES);
		least = n < least ? n : least;
		n = minutes_until(v->windows[i]->zone, at_s, 0); /* a window from yesterday, or a gap of the clock that ends inside */
		least = n < least ? n : least;
	}
	for (size_t i = 0; i < v->n_blackouts; i++) {
		int n = minutes_until(v->blackouts[i]->zone, at_s, 0);
		least = n < least ? n : least;
	}
	return least;
}

int64_t calendar_next_open(const struct calendar *c, const char *target, int64_t at_us)
{
	struct view v = view_of(c, target);
	int64_t at_s = (at_us / 60000000 + 1) * 60, end_s = at_s + (int64_t)CALENDAR_HORIZON_DAYS * DAY_S;
	while (at_s < end_s) {
		if (!blackout_at(&v, at_s) && window_at(&v, at_s))
			return at_s * 1000000;
		at_s += (int64_t)closed_for(&v, at_s) * 60;
	}
	return 0;
}
