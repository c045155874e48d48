/* Octet runs: what is UTF-8 and what is not, wherever it stands among plain text that is looked at eight octets at a time; zeros, and hex. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/arena.h"
#include "common/base/mem.h"

enum { LENGTH_MAX = 24 };

/* `part` at each place of each length of plain text. */
static void expect_everywhere(const char *part, bool good)
{
	size_t n = strlen(part);
	for (size_t length = n; length <= LENGTH_MAX; length++)
		for (size_t at = 0; at + n <= length; at++) {
			char text[LENGTH_MAX];
			memset(text, 'a', length);
			memcpy(text + at, part, n);
			if (bytes_is_utf8(bytes_of(text, length)) != good)
				fail_msg("%zu octets with it at %zu: %s", length, at, good ? "not taken" : "taken");
		}
}

static void test_utf8_is_found_wherever_it_stands(void **state)
{
	(void)state;
	static const char *const good[] = {"", "a", "\x7f", "\xc3\xa9", "\xe2\x96\x93", "\xf0\x9f\x90\x98", "\xf4\x8f\xbf\xbf", "\xc2\x80\xc3\xa9"};
	static const char *const bad[] = {"\x80",         "\xff",        "\xc3", "\xc0\xaf", "\xe2\x96", "\xed\xa0\x80", "\xf4\x90\x80\x80",
	                                  "\xf0\x9f\x90", "\xc3\xa9\xa9"};
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		expect_everywhere(good[i], true);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		expect_everywhere(bad[i], false);
}

static void test_all_zero(void **state)
{
	(void)state;
	uint8_t digest[DIGEST_SIZE] = {0};
	assert_true(bytes_all_zero(bytes_of(digest, 0)));
	assert_true(bytes_all_zero(bytes_of(digest, sizeof digest)));
	for (size_t i = 0; i < sizeof digest; i++) {
		digest[i] = 0x80;
		assert_false(bytes_all_zero(bytes_of(digest, sizeof digest)));
		digest[i] = 0;
	}
}

static void test_hex(void **state)
{
	(void)state;
	AUTO(arena_destroy) struct arena *a = arena_new(1000);
	assert_string_equal(arena_hex(a, bytes_of("\x00\x7f\xff", 3)), "007fff");
	assert_string_equal(arena_hex(a, bytes_of(NULL, 0)), "");
}

static void test_found_in_either_case(void **state)
{
	(void)state;
	const struct bytes b = bytes_of_str("ENGINE=InnoDB engine=Aria");
	assert_int_equal(bytes_ifind(b, 0, "Engine="), 0);
	assert_int_equal(bytes_ifind(b, 1, "Engine="), 14);
	assert_int_equal(bytes_ifind(b, 15, "Engine="), SIZE_MAX);
	assert_int_equal(bytes_ifind(b, 0, "ariA"), 21);
	assert_int_equal(bytes_ifind(b, 0, "Aria "), SIZE_MAX);
	assert_int_equal(bytes_ifind(b, b.n + 1, "a"), SIZE_MAX);
	assert_int_equal(bytes_ifind(bytes_of(NULL, 0), 0, "a"), SIZE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_found_in_either_case),
	    cmocka_unit_test(test_utf8_is_found_wherever_it_stands),
	    cmocka_unit_test(test_all_zero),
	    cmocka_unit_test(test_hex),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
