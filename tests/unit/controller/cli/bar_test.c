/* controller/cli/bar: counts, durations, bars and progress lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "controller/cli/bar.h"

#define DONE   "\xe2\x96\x88"
#define MOVING "\xe2\x96\x93"
#define FAILED "\xc3\x97"
#define REST   "\xe2\x96\x91"

static void test_counts_are_grouped(void **state)
{
	(void)state;
	char text[COUNT_TEXT_SIZE];
	assert_string_equal(count_text(0, text), "0");
	assert_string_equal(count_text(999, text), "999");
	assert_string_equal(count_text(9874, text), "9,874");
	assert_string_equal(count_text(123456, text), "123,456");
	assert_string_equal(count_text(UINT64_MAX, text), "18,446,744,073,709,551,615");
}

static void test_durations_have_two_units_at_most(void **state)
{
	(void)state;
	char text[COUNT_TEXT_SIZE];
	assert_string_equal(seconds_text(0, text), "0 s");
	assert_string_equal(seconds_text(59, text), "59 s");
	assert_string_equal(seconds_text(60, text), "1 min");
	assert_string_equal(seconds_text(200, text), "3 min 20 s");
	assert_string_equal(seconds_text(3600, text), "1 h");
	assert_string_equal(seconds_text(3659, text), "1 h");
	assert_string_equal(seconds_text(7500, text), "2 h 5 min");
	assert_string_equal(seconds_text(3 * 86400 + 4 * 3600, text), "3 d 4 h");
}

static void check_bar(struct bar v, const char *expected)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	bar_add(&b, &v, 8, false);
	assert_string_equal(buf_str(&b), expected);
}

static void test_a_locale_without_utf8_gets_ascii(void **state)
{
	(void)state;
	static const struct {
		const char *all, *ctype, *lang;
		bool utf8;
	} cases[] = {
	    {"C", "", "de_DE.UTF-8", false}, {"", "", "de_DE.UTF-8", true}, {"", "en_US.utf8", "C", true}, {"", "", "", false}, {"POSIX", "", "", false}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		setenv("LC_ALL", cases[i].all, 1);
		setenv("LC_CTYPE", cases[i].ctype, 1);
		setenv("LANG", cases[i].lang, 1);
		assert_int_equal(output_is_utf8(), cases[i].utf8);
		if (!cases[i].utf8)
			check_bar((struct bar){.done = 4, .moving = 2, .failed = 1, .total = 8}, "####>>x.");
	}
	setenv("LC_ALL", "C.UTF-8", 1);
}

static void test_width_is_what_a_terminal_draws(void **state)
{
	(void)state;
	assert_int_equal(output_width("eu/pg1/acme"), 11);
	assert_int_equal(output_width("M\xc3\xbcller"), 6);
	assert_int_equal(output_width("\xe6\x9d\xb1\xe4\xba\xac"), 4); /* Tokyo */
	assert_int_equal(output_width("e\xcc\x81"), 1); /* e and an acute */
	assert_int_equal(output_width("\xf0\x9f\x99\x82"), 2);
	assert_int_equal(output_cut("\xe6\x9d\xb1\xe4\xba\xac", 3), 3); /* half of a character is none */
	assert_int_equal(output_cut("ab\xcc\x81"
	                            "c",
	                            2),
	                 4); /* with what stands on it */
}

static void test_bars(void **state)
{
	(void)state;
	check_bar((struct bar){.total = 8}, REST REST REST REST REST REST REST REST);
	check_bar((struct bar){0}, REST REST REST REST REST REST REST REST);
	check_bar((struct bar){.done = 4, .moving = 2, .failed = 1, .total = 8}, DONE DONE DONE DONE MOVING MOVING FAILED REST);
	check_bar((struct bar){.done = 2, .failed = 1, .total = 3}, DONE DONE DONE DONE DONE DONE FAILED FAILED);
	check_bar((struct bar){.done = 8, .total = 8}, DONE DONE DONE DONE DONE DONE DONE DONE);
	check_bar((struct bar){.done = 9999, .total = 10000}, DONE DONE DONE DONE DONE DONE DONE REST); /* one is missing: not full */
	check_bar((struct bar){.done = 9999, .failed = 1, .total = 10000}, DONE DONE DONE DONE DONE DONE DONE FAILED); /* one in ten thousand is seen */
	check_bar((struct bar){.done = 1, .failed = 1, .moving = 1, .total = 10000}, DONE MOVING FAILED REST REST REST REST REST);
	check_bar((struct bar){.failed = 8, .moving = 8, .done = 8, .total = 8},
	          DONE DONE MOVING MOVING MOVING FAILED FAILED FAILED); /* nonsense stays in its columns */
}

static void check_progress(const char **cells, const char *expected)
{
	static const char *columns[] = {"#targets", "#applied", "#failed", "+#per-minute", "+#seconds-left"};
	AUTO(buf_done) struct buf b = BUF_INIT;
	struct link_row row = {.cells = cells, .n_cells = 5};
	const struct answer_table t = {.columns = columns, .n_columns = 5, .rows = &row, .n_rows = 1};
	progress_add(&b, &t, 0, false);
	assert_string_equal(buf_str(&b), expected);
}

static void test_progress_says_what_is_known(void **state)
{
	(void)state;
	check_progress((const char *[]){"12", "0", "0", NULL, NULL}, "0 of 12 applied");
	check_progress((const char *[]){"10000", "7000", "3", "1240", "145"}, "7,000 of 10,000 applied, 3 failed, 1,240/min, about 2 min 25 s left");
	check_progress((const char *[]){"12", "3", "1", "4.2", NULL}, "3 of 12 applied, 1 failed"); /* halted: it goes nowhere */
	check_progress((const char *[]){"12", "3", "0", "4.2", "130"}, "3 of 12 applied, 4.2/min, about 2 min 10 s left");
	check_progress((const char *[]){"12", "12", "0", "34", "9"}, "12 of 12 applied, about 9 s left"); /* a soak: the speed is no news */
}

int main(void)
{
	setenv("LC_ALL", "C.UTF-8", 1);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_counts_are_grouped),
	    cmocka_unit_test(test_durations_have_two_units_at_most),
	    cmocka_unit_test(test_bars),
	    cmocka_unit_test(test_a_locale_without_utf8_gets_ascii),
	    cmocka_unit_test(test_width_is_what_a_terminal_draws),
	    cmocka_unit_test(test_progress_says_what_is_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
