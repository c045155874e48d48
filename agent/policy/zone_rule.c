/* POSIX time zone rules. */
#include "agent/policy/zone_rule.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400

struct cursor {
	const char *p;
	bool ok;
};

static void skip_name(struct cursor *c)
{
	const char *from = c->p;
	if (*c->p == '<') {
		c->p += strcspn(c->p, ">");
		c->ok = c->ok && *c->p == '>' && c->p - from >= 4;
		c->p += *c->p == '>';
		return;
	}
	while (isalpha((unsigned char)*c->p))
		c->p++;
	c->ok = c->ok && c->p - from >= 3;
}

static int number(struct cursor *c, int max)
{
	int n = 0, digits = 0;
	for (; isdigit((unsigned char)*c->p) && digits < 4; c->p++, digits++)
		n = n * 10 + (*c->p - '0');
	c->ok = c->ok && digits > 0 && n <= max;
	return n;
}

/* [+|-]hh[:mm[:ss]] in seconds. */
static int32_t hours(struct cursor *c)
{
	bool minus = *c->p == '-';
	c->p += *c->p == '-' || *c->p == '+';
	int32_t s = number(c, 167) * 3600;
	for (int unit = 60; unit >= 1 && *c->p == ':'; unit /= 60) {
		c->p++;
		s += number(c, 59) * unit;
	}
	return minus ? -s : s;
}

static void expect(struct cursor *c, char what)
{
	c->ok = c->ok && *c->p == what;
	c->p += *c->p == what;
}

static struct zone_day read_day(struct cursor *c)
{
	struct zone_day d = {.kind = ZONE_DAY_ZERO, .time_s = 2 * 3600};
	if (*c->p == 'M') {
		c->p++;
		d.kind = ZONE_DAY_MONTH;
		d.month = number(c, 12);
		expect(c, '.');
		d.week = number(c, 5);
		expect(c, '.');
		d.day = number(c, 6);
		c->ok = c->ok && d.month >= 1 && d.week >= 1;
	} else if (*c->p == 'J') {
		c->p++;
		d.kind = ZONE_DAY_JULIAN;
		d.day = number(c, 365);
		c->ok = c->ok && d.day >= 1;
	} else {
		d.day = number(c, 365);
	}
	if (*c->p == '/') {
		c->p++;
		d.time_s = hours(c);
	}
	return d;
}

bool zone_rule_parse(const char *text, struct zone_rule *ret)
{
	struct cursor c = {.p = text, .ok = true};
	struct zone_rule r = {0};
	skip_name(&c);
	r.standard = -hours(&c); /* POSIX counts west of UTC */
	if (c.ok && *c.p) {
		r.has_summer = true;
		skip_name(&c);
		r.summer = *c.p && *c.p != ',' ? -hours(&c) : r.standard + 3600;
		expect(&c, ',');
		r.begins = read_day(&c);
		expect(&c, ',');
		r.ends = read_day(&c);
	}
	if (!c.ok || *c.p)
		return false;
	*ret = r;
	return true;
}

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t midnight(int year, int month, int day)
{
	struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
	return timegm(&tm);
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	return days[month - 1] + (month == 2 && is_leap(year));
}

/* The day's moment in `year`, as seconds of a clock on the wall. */
static int64_t moment(const struct zone_day *d, int year)
{
	if (d->kind == ZONE_DAY_ZERO)
		return midnight(year, 1, 1) + (int64_t)d->day * DAY_S + d->time_s;
	if (d->kind == ZONE_DAY_JULIAN)
		return midnight(year, 1, 1) + (int64_t)(d->day - 1 + (is_leap(year) && d->day >= 60)) * DAY_S + d->time_s;
	int64_t first = midnight(year, d->month, 1);
	int weekday = (int)(((first / DAY_S + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
	int day = 1 + (d->day - weekday + 7) % 7 + (d->week - 1) * 7;
	if (day > days_in_month(year, d->month))
		day -= 7;
	return midnight(year, d->month, day) + d->time_s;
}

int32_t zone_rule_offset(const struct zone_rule *r, int64_t at_s)
{
	time_t wall = (time_t)(at_s + r->standard);
	struct tm tm;
	if (!r->has_summer || !gmtime_r(&wall, &tm))
		return r->standard;
	int64_t begins = moment(&r->begins, tm.tm_year + 1900) - r->standard, ends = moment(&r->ends, tm.tm_year + 1900) - r->summer;
	bool summer = begins < ends ? at_s >= begins && at_s < ends : at_s >= begins || at_s < ends;
	return summer ? r->summer : r->standard;
}
