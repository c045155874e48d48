/* C14 where it meets the server: a superuser, and a version that the release is not made for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/delivery_fixture.h"

static void one_insert(struct fixture *f)
{
	fixture_step(f, fixture_changeset(f, "a:row"), STEP_T, "INSERT INTO item VALUES (4, 'd')");
}

static int fake_superuser(struct conn *c, bool *ret, struct err *e)
{
	(void)c, (void)e;
	*ret = true;
	return 0;
}

static void test_a_superuser_is_refused_where_the_site_says_so(void **state)
{
	struct fixture *f = *state;
	one_insert(f);
	f->engine.superuser = fake_superuser;
	f->refuse_superuser = true;
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_REFUSED);
	assert_string_equal(r->failure.check, "C14 engine");
	assert_non_null(strstr(r->failure.message, "is a superuser, and this site refuses to work as one"));
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM sqlite_master WHERE name LIKE 'rollcall%'"), "0");
	f->refuse_superuser = false;
	f->task.attempt = 2;
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
}

static void test_a_version_out_of_range_is_refused(void **state)
{
	struct fixture *f = *state;
	struct engine_range range = {.engine = "sqlite", .min_version = "99"};
	one_insert(f);
	fixture_rollback(f, &f->changesets[0], STEP_T, "DELETE FROM item WHERE id = 4");
	f->verified.release.engines = &range;
	f->verified.release.n_engines = 1;
	const struct report *r = fixture_deliver(f);
	assert_int_equal(r->outcome, OUTCOME_REFUSED);
	assert_string_equal(r->failure.check, "C14 engine");
	assert_non_null(strstr(r->failure.message, " is made for sqlite 99 or later, and the server of target "));
	assert_non_null(strstr(r->failure.message, " is version 3."));
	assert_string_equal(fixture_value(f, "SELECT count(*) FROM sqlite_master WHERE name LIKE 'rollcall%'"), "0");
	range = (struct engine_range){.engine = "sqlite", .min_version = "3", .max_version = "3"};
	f->task.attempt = 2;
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_APPLIED);
	range.max_version = "2"; /* what is applied can be taken back on any server */
	f->task.direction = f->verified.order.direction = DIRECTION_ROLLBACK;
	f->task.attempt = 3;
	assert_int_equal(fixture_deliver(f)->outcome, OUTCOME_ROLLED_BACK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_a_superuser_is_refused_where_the_site_says_so, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_a_version_out_of_range_is_refused, fixture_setup, fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
