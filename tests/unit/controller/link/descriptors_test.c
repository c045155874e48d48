/* How many peers the file descriptors are enough for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "controller/link/descriptors.h"

static void test_enough_changes_nothing(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	uint32_t peers = 10000;
	assert_int_equal(descriptors_check(12100, false, &peers, &e), 0);
	assert_int_equal(peers, 10000);
}

static void test_a_wish_that_cannot_be_met_is_refused(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	uint32_t peers = 10000;
	assert_int_equal(descriptors_check(12099, false, &peers, &e), -1);
	assert_int_equal(peers, 10000);
	assert_non_null(strstr(e.msg, "10000 peers need 12100 file descriptors, and this process may have 12099"));
	assert_non_null(strstr(e.msg, "max_peers in `listen` to 9999 at most"));
	assert_int_equal(descriptors_check(12099, false, &(uint32_t){9999}, &e), 0); /* what it says to do helps */
}

static void test_nobodys_wish_is_lowered(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	uint32_t peers = 20000;
	assert_int_equal(descriptors_check(1024, true, &peers, &e), 0);
	assert_int_equal(peers, 770);
	assert_int_equal(descriptors_check(100, true, &peers, &e), -1);
}

static void test_the_limit_is_raised_as_far_as_it_goes(void **state)
{
	(void)state;
	struct rlimit r;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
	r.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
	assert_int_equal(descriptors_raise(), r.rlim_max);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_enough_changes_nothing),
	    cmocka_unit_test(test_a_wish_that_cannot_be_met_is_refused),
	    cmocka_unit_test(test_nobodys_wish_is_lowered),
	    cmocka_unit_test(test_the_limit_is_raised_as_far_as_it_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
