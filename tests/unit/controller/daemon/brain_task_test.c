/* What agents say of tasks that are under way: refused, held and let go again, and how far they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/support/brain_fixture.h"

/* REFUSE: busy and held come again, the rest is a refusal; an answer to an older attempt is none. */
static void test_refuse_messages(void **state)
{
	(void)state;
	static const struct {
		const char *code, *after;
		uint32_t attempt_off;
	} cases[] = {{"busy", "pending", 0}, {"held", "held", 0}, {"window", "held", 0}, {"policy", "refused", 0}, {"policy", "offered", 1}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct brain_fixture f;
		uint8_t digest[DIGEST_SIZE];
		brain_fixture_begin(&f, brain_fixture_targets, BRAIN_TARGETS);
		const char *id = brain_fixture_run(&f, brain_fixture_plan, digest);
		struct msg_offer o = brain_fixture_offer(&f, "eu/pg1/a");
		struct hub_event ev = brain_fixture_message(&f, MSG_REFUSE);
		ev.msg.task = (struct msg_task){
		    .attempt = o.attempt + cases[i].attempt_off, .code = cases[i].code, .message = "said so", .until_us = f.now_us + 60 * INT64_C(1000000)};
		memcpy(ev.msg.task.task, o.task, TASK_SIZE);
		brain_fixture_event(&f, &ev);
		assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/a", "state"), cases[i].after);
		bool again = str_eq(cases[i].after, "pending") || str_eq(cases[i].after, "held");
		brain_fixture_idle(&f, 59 * INT64_C(1000000));
		struct msg_offer none[2];
		if (again)
			assert_int_equal(brain_fixture_offers(&f, none, 2), 0);
		brain_fixture_idle(&f, 2 * INT64_C(1000000));
		if (again)
			assert_int_equal(brain_fixture_offer(&f, "eu/pg1/a").attempt, 1);
		brain_fixture_done(&f);
	}
}

static void test_unheld_is_offered_at_once(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	const char *id = brain_fixture_canary(&f, digest);
	struct msg_offer o = brain_fixture_offer(&f, "eu/pg1/a");
	struct hub_event ev = brain_fixture_message(&f, MSG_REFUSE);
	ev.msg.task = (struct msg_task){.attempt = o.attempt, .code = "hold", .message = "closing", .until_us = f.now_us + 3600 * INT64_C(1000000)};
	memcpy(ev.msg.task.task, o.task, TASK_SIZE);
	brain_fixture_event(&f, &ev);
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/a", "state"), "held");
	ev.msg = (struct msg){.type = MSG_UNHELD, .task = {.attempt = o.attempt}};
	memcpy(ev.msg.task.task, o.task, TASK_SIZE);
	brain_fixture_event(&f, &ev);
	assert_int_equal(brain_fixture_offer(&f, "eu/pg1/a").attempt, o.attempt);
	brain_fixture_event(&f, &ev); /* of a task that is not held: nothing */
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/a", "state"), "offered");
	brain_fixture_done(&f);
}

/* Text from a database may hold tabs: they are not the ends of cells. */
static void test_tabs_in_a_detail(void **state)
{
	(void)state;
	struct brain_fixture f;
	uint8_t digest[DIGEST_SIZE];
	const char *id = brain_fixture_canary(&f, digest);
	struct msg_offer o = brain_fixture_offer(&f, "eu/pg1/a");
	struct hub_event ev = brain_fixture_message(&f, MSG_PROGRESS);
	ev.msg.progress = (struct msg_progress){.attempt = o.attempt, .state = "waiting-lock", .changeset = "alice:a", .detail = "blocked by\tx\ty"};
	memcpy(ev.msg.progress.task, o.task, TASK_SIZE);
	brain_fixture_event(&f, &ev);
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/a", "state"), "waiting-lock");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/a", "detail"), "blocked by\tx\ty");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/a", "changeset"), "alice:a");
	ev.msg.progress.changeset = ""; /* whoever looks from the side does not know it: what was told before stays */
	ev.msg.progress.detail = "blocked by z";
	brain_fixture_event(&f, &ev);
	assert_string_equal(brain_fixture_status(&f, id, "eu/pg1/a", "state"), "waiting-lock");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/a", "detail"), "blocked by z");
	assert_string_equal(brain_fixture_cell_of(&f, "target", "eu/pg1/a", "changeset"), "alice:a");
	brain_fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refuse_messages),
	    cmocka_unit_test(test_unheld_is_offered_at_once),
	    cmocka_unit_test(test_tabs_in_a_detail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
