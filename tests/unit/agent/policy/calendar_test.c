/* agent/policy: zones from their compiled files and from their rule, windows and blackouts, both across the days on which clocks are changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "agent/policy/calendar.h"
#include "agent/policy/zone_rule.h"
#include "common/base/clock.h"
#include "common/base/str.h"

static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	arena = arena_new((size_t)16 * 1024 * 1024);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_destroy(&arena);
	return 0;
}

static int64_t at(const char *text)
{
	int64_t us = 0;
	struct err e = ERR_INIT;
	if (clock_parse(text, &us, &e) != 0)
		fail_msg("%s", e.msg);
	return us;
}

static const struct zone *zone(const char *name)
{
	const struct zone *z = NULL;
	struct err e = ERR_INIT;
	if (zone_load(name, arena, &z, &e) != 0)
		fail_msg("%s", e.msg);
	return z;
}

static void test_offsets(void **state)
{
	(void)state;
	static const struct {
		const char *zone, *at;
		int32_t offset;
	} cases[] = {
	    {"UTC", "2026-07-01T00:00:00Z", 0},
	    {"Europe/Berlin", "2026-01-15T12:00:00Z", 3600},
	    {"Europe/Berlin", "2026-03-29T00:59:59Z", 3600},
	    {"Europe/Berlin", "2026-03-29T01:00:00Z", 7200},
	    {"Europe/Berlin", "2026-10-25T00:59:59Z", 7200},
	    {"Europe/Berlin", "2026-10-25T01:00:00Z", 3600},
	    {"America/New_York", "2026-03-08T06:59:59Z", -18000},
	    {"America/New_York", "2026-03-08T07:00:00Z", -14400},
	    {"Asia/Kolkata", "2026-06-01T00:00:00Z", 19800},
	    {"Australia/Lord_Howe", "2026-01-01T00:00:00Z", 39600},
	    {"Australia/Lord_Howe", "2026-07-01T00:00:00Z", 37800},
	    {"Europe/Berlin", "2090-07-01T12:00:00Z", 7200}, /* past what the file lists: its rule */
	    {"Europe/Berlin", "2090-12-01T12:00:00Z", 3600},
	    {"Australia/Sydney", "2090-12-01T12:00:00Z", 39600}, /* summer goes over the new year */
	    {"Australia/Sydney", "2090-07-01T12:00:00Z", 36000},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (zone_offset(zone(cases[i].zone), at(cases[i].at) / 1000000) != cases[i].offset)
			fail_msg("%s at %s: %d, not %d", cases[i].zone, cases[i].at, zone_offset(zone(cases[i].zone), at(cases[i].at) / 1000000),
			         cases[i].offset);
}

static void test_names_that_are_no_zones(void **state)
{
	(void)state;
	static const char *const names[] = {"Europe/Atlantis", "../../etc/passwd", "/etc/passwd", "",         "Europe",
	                                    "Europe/",         "Europe//Berlin",   "a b",         "tzdata.zi"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct zone *z = NULL;
		struct err e = ERR_INIT;
		if (zone_load(names[i], arena, &z, &e) == 0)
			fail_msg("'%s' is a zone", names[i]);
		assert_null(z);
	}
}

static void test_damaged_files(void **state)
{
	(void)state;
	uint8_t good[44 + 6 + 44 + 6 + 5] = {0};
	for (size_t part = 0; part < 2; part++) {
		uint8_t *head = good + part * 50;
		memcpy(head, "TZif2", 5);
		head[39] = 1; /* one kind of time, no changes */
	}
	memcpy(good + 100, "\nXYZ0", 5);
	uint8_t whole[sizeof good + 1];
	memcpy(whole, good, sizeof good);
	whole[sizeof good] = '\n';
	const struct zone *z = NULL;
	struct err e = ERR_INIT;
	if (zone_read("t", bytes_of(whole, sizeof whole), arena, &z, &e) != 0)
		fail_msg("%s", e.msg);
	for (size_t n = 0; n < sizeof whole; n++) {
		z = NULL;
		assert_int_equal(zone_read("t", bytes_of(whole, n), arena, &z, &e), -1);
		assert_int_equal(e.code, ERR_PARSE);
	}
	for (size_t i = 20; i < 44; i += 4) { /* each count, made huge */
		uint8_t bad[sizeof whole];
		memcpy(bad, whole, sizeof whole);
		memset(bad + 50 + i, 0xff, 4);
		assert_int_equal(zone_read("t", bytes_of(bad, sizeof bad), arena, &z, &e), -1);
	}
}

static void test_rules(void **state)
{
	(void)state;
	static const char *const good[] = {"UTC0",
	                                   "<+03>-3",
	                                   "CET-1CEST,M3.5.0,M10.5.0/3",
	                                   "EST5EDT4,M3.2.0/2,M11.1.0/2",
	                                   "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
	                                   "IST-2IDT,M3.4.4/26,M10.5.0",
	                                   "AAA3BBB,J60/0,J300/0",
	                                   "AAA3BBB,0,365/25:30:15"};
	static const char *const bad[] = {
	    "",      "X0",      "UTC",      "<+03-3", "CET-1CEST",         "CET-1CEST,M13.1.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0",
	    "CET-x", "CET-168", "CET-1:60", "UTC0 ",  "CET-1CEST,J0,J300", "CET-1CEST,M3.5.0"};
	struct zone_rule r;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (!zone_rule_parse(good[i], &r))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (zone_rule_parse(bad[i], &r))
			fail_msg("taken: %s", bad[i]);
	assert_true(zone_rule_parse("AAA3BBB,J60/0,J300/0", &r)); /* J60 is 1 March in every year */
	assert_int_equal(zone_rule_offset(&r, at("2028-02-29T12:00:00Z") / 1000000), -3 * 3600);
	assert_int_equal(zone_rule_offset(&r, at("2028-03-01T12:00:00Z") / 1000000), -2 * 3600);
}

/* ---- windows ---- */

static struct window window(const char *days, const char *from, const char *to, const char *z)
{
	struct window w = {.zone = zone(z)};
	struct err e = ERR_INIT;
	if (calendar_days_parse(days, &w.days, &e) != 0 || calendar_time_parse(from, &w.from, &e) != 0 || calendar_time_parse(to, &w.to, &e) != 0)
		fail_msg("%s", e.msg);
	return w;
}

static void expect_open(const struct calendar *c, const char *when, bool open)
{
	if (calendar_is_open(c, "eu/pg1/shop", at(when), NULL) != open)
		fail_msg("%s: %s", when, open ? "closed" : "open");
}

static void expect_next(const struct calendar *c, const char *from, const char *next)
{
	char text[CLOCK_TEXT_SIZE];
	assert_string_equal(clock_text(calendar_next_open(c, "eu/pg1/shop", at(from)), text), next);
}

static void test_window_over_midnight(void **state)
{
	(void)state;
	struct window w = window("mon-fri", "22:00", "04:00", "Europe/Berlin");
	struct calendar c = {.windows = &w, .n_windows = 1};
	/* 2026-11-27 is a Friday; Berlin is at +1 */
	expect_open(&c, "2026-11-27T20:59:59Z", false);
	expect_open(&c, "2026-11-27T21:00:00Z", true);
	expect_open(&c, "2026-11-28T02:59:59Z", true); /* Saturday morning belongs to Friday's window */
	expect_open(&c, "2026-11-28T03:00:00Z", false);
	expect_open(&c, "2026-11-28T22:00:00Z", false);
	expect_open(&c, "2026-11-30T01:00:00Z", false); /* Monday 02:00: Sunday has no window */
	expect_next(&c, "2026-11-28T03:00:00Z", "2026-11-30T21:00:00Z");
	expect_next(&c, "2026-11-27T12:00:30Z", "2026-11-27T21:00:00Z");
}

static void test_clock_put_forward(void **state)
{
	(void)state;
	struct window w = window("sun", "02:15", "02:45", "Europe/Berlin");
	struct calendar c = {.windows = &w, .n_windows = 1};
	/* 2026-03-29: 02:00 becomes 03:00, so the clock never shows 02:15 to 02:45 */
	expect_open(&c, "2026-03-29T00:59:00Z", false);
	expect_open(&c, "2026-03-29T01:00:00Z", false);
	expect_next(&c, "2026-03-28T00:00:00Z", "2026-04-05T00:15:00Z");
	w = window("sun", "02:15", "04:00", "Europe/Berlin"); /* what is left of it opens when the clock jumps into it */
	expect_open(&c, "2026-03-29T01:00:00Z", true);
	expect_next(&c, "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z");
}

static void test_clock_put_back(void **state)
{
	(void)state;
	struct window w = window("sun", "02:15", "02:45", "Europe/Berlin");
	struct calendar c = {.windows = &w, .n_windows = 1};
	/* 2026-10-25: 03:00 becomes 02:00, so the clock shows it twice */
	expect_open(&c, "2026-10-25T00:15:00Z", true);
	expect_open(&c, "2026-10-25T00:45:00Z", false);
	expect_open(&c, "2026-10-25T01:00:00Z", false);
	expect_open(&c, "2026-10-25T01:15:00Z", true);
	expect_open(&c, "2026-10-25T01:45:00Z", false);
	expect_next(&c, "2026-10-25T00:45:00Z", "2026-10-25T01:15:00Z");
}

static void test_blackout(void **state)
{
	(void)state;
	struct window w = window("daily", "00:00", "24:00", "Europe/Berlin");
	struct blackout b = {.zone = zone("Europe/Berlin"), .reason = "year end"};
	const struct blackout *why = NULL;
	struct err e = ERR_INIT;
	assert_int_equal(calendar_date_parse("2026-12-20", &b.first_day, &e), 0);
	assert_int_equal(calendar_date_parse("2027-01-02", &b.last_day, &e), 0);
	struct calendar c = {.windows = &w, .n_windows = 1, .blackouts = &b, .n_blackouts = 1};
	expect_open(&c, "2026-12-19T22:59:59Z", true);
	expect_open(&c, "2026-12-19T23:00:00Z", false); /* midnight in Berlin */
	expect_open(&c, "2027-01-02T22:59:59Z", false);
	expect_open(&c, "2027-01-02T23:00:00Z", true);
	expect_next(&c, "2026-12-24T18:00:00Z", "2027-01-02T23:00:00Z");
	assert_false(calendar_is_open(&c, "eu/pg1/shop", at("2026-12-24T18:00:00Z"), &why));
	assert_ptr_equal(why, &b);
	c.n_windows = 0; /* without windows it is open, but for the blackout */
	expect_open(&c, "2026-12-18T12:00:00Z", true);
	expect_open(&c, "2026-12-24T12:00:00Z", false);
}

static void test_targets_of_a_window(void **state)
{
	(void)state;
	const char *bank[] = {"eu/pg1/bank*"};
	struct window w = window("sun", "03:00", "04:00", "UTC");
	w.targets = bank;
	w.n_targets = 1;
	struct calendar c = {.windows = &w, .n_windows = 1};
	int64_t monday = at("2026-11-23T12:00:00Z");
	assert_false(calendar_is_open(&c, "eu/pg1/bank-2", monday, NULL));
	assert_true(calendar_is_open(&c, "eu/pg1/shop", monday, NULL)); /* no window names it */
}

static void test_never_open_is_found_quickly(void **state)
{
	(void)state;
	struct window w[CALENDAR_ROWS_MAX];
	struct blackout b = {.zone = zone("Europe/Berlin"), .first_day = 0, .last_day = 100000};
	for (size_t i = 0; i < ARRAY_LEN(w); i++)
		w[i] = window("sun", "03:00", "04:00", i % 2 ? "Europe/Berlin" : "America/New_York");
	struct calendar c = {.windows = w, .n_windows = ARRAY_LEN(w), .blackouts = &b, .n_blackouts = 1};
	clock_t began = clock(); /* of the processor: a loaded machine is not slower by it */
	assert_int_equal(calendar_next_open(&c, "eu/pg1/shop", at("2026-01-01T00:00:00Z")), 0);
	assert_true(clock() - began < CLOCKS_PER_SEC);
}

static void test_texts_that_are_refused(void **state)
{
	(void)state;
	static const char *const days[] = {"", "monday", "mon-", "-fri", "mon,,tue", "mon tue", "dail", "mon-fri-sun"};
	static const char *const times[] = {"", "9:00", "24:01", "23:60", "ab:cd", "10:00 ", "1000", "-1:00"};
	static const char *const dates[] = {"", "2026-13-01", "2026-02-30", "26-01-01", "2026-1-1", "2026-01-01T00:00:00Z"};
	uint8_t d;
	int m;
	int64_t day;
	struct err e = ERR_INIT;
	for (size_t i = 0; i < ARRAY_LEN(days); i++)
		if (calendar_days_parse(days[i], &d, &e) == 0)
			fail_msg("days '%s'", days[i]);
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		if (calendar_time_parse(times[i], &m, &e) == 0)
			fail_msg("time '%s'", times[i]);
	for (size_t i = 0; i < ARRAY_LEN(dates); i++)
		if (calendar_date_parse(dates[i], &day, &e) == 0)
			fail_msg("date '%s'", dates[i]);
	assert_int_equal(calendar_days_parse("fri-mon, wed", &d, &e), 0);
	assert_int_equal(d, 0x75); /* mon wed fri sat sun */
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_offsets),
	    CASE(test_names_that_are_no_zones),
	    CASE(test_damaged_files),
	    CASE(test_rules),
	    CASE(test_window_over_midnight),
	    CASE(test_clock_put_forward),
	    CASE(test_clock_put_back),
	    CASE(test_blackout),
	    CASE(test_targets_of_a_window),
	    CASE(test_never_open_is_found_quickly),
	    CASE(test_texts_that_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
