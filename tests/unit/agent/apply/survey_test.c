/* The survey actor on a real SQLite target: what its ledger says, in parts, and nothing changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/apply/runner.h"
#include "agent/ledger/ledger.h"
#include "common/base/log.h"
#include "common/link/handover.h"
#include "common/wire/limits.h"
#include "common/wire/link.h"
#include "tests/support/papers_fixture.h"

#define PARTS_MAX 8

static struct papers_fixture f;
static struct msg_survey_result parts[PARTS_MAX];
static size_t n_parts;

static int setup(void **state)
{
	(void)state;
	n_parts = 0;
	papers_fixture_init(&f);
	papers_fixture_write(&f);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	papers_fixture_done(&f);
	return 0;
}

static void take_part(zmsg_t *m)
{
	struct msg part;
	struct err e = ERR_INIT;
	AUTO(zframe_destroy) zframe_t *body = zmsg_pop(m);
	assert_non_null(body);
	assert_true(zframe_size(body) <= LIMIT_FRAME_BODY);
	struct bytes kept = arena_bytes(f.arena, bytes_of(zframe_data(body), zframe_size(body)));
	if (msg_decode(MSG_SURVEY_RESULT, kept, f.arena, &part, &e) != 0)
		fail_msg("%s", e.msg);
	assert_true(n_parts < PARTS_MAX);
	parts[n_parts++] = part.survey_result;
	assert_int_equal(part.survey_result.id, 42);
	assert_string_equal(part.survey_result.target, "eu/pg-1/shop_3");
}

static void survey(void)
{
	struct survey_job job = {.config = &f.config, .target = &f.config.targets[0], .id = 42};
	AUTO(zactor_destroy) zactor_t *actor = zactor_new(survey_actor, &job);
	for (bool done = false; !done;) {
		AUTO(zmsg_destroy) zmsg_t *m = zmsg_recv(actor);
		assert_non_null(m);
		AUTO(zstr_free) char *what = zmsg_popstr(m);
		done = strcmp(what, "DONE") == 0;
		if (!done) {
			assert_string_equal(what, "SURVEY");
			take_part(m);
		}
	}
	handover_take(&job);
	assert_true(n_parts > 0);
	for (size_t i = 0; i < n_parts; i++)
		assert_int_equal(parts[i].last, i + 1 == n_parts);
}

static void test_untouched_target(void **state)
{
	(void)state;
	survey();
	assert_int_equal(n_parts, 1);
	assert_string_equal(parts[0].error_code, "");
	assert_int_equal(parts[0].n_entries, 0);
	assert_true(strstr(parts[0].database_identity, "inode ") || strchr(parts[0].database_identity, ':'));
	assert_true(parts[0].engine_version[0] == '3');
	assert_string_equal(papers_fixture_value(&f, "SELECT group_concat(name) FROM sqlite_master"), "unrelated"); /* no ledger was made */
}

static void test_after_a_delivery(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	enum outcome outcome = OUTCOME_COUNT;
	assert_int_equal(papers_fixture_deliver(&f, &outcome, &e), 0);
	assert_int_equal(outcome, OUTCOME_APPLIED);
	survey();
	assert_int_equal(n_parts, 1);
	assert_int_equal(parts[0].n_entries, 2);
	assert_string_equal(parts[0].entries[0].project, "shop");
	assert_string_equal(parts[0].entries[0].changeset, "alice:orders-create");
	assert_string_equal(parts[0].entries[1].changeset, "alice:orders-add-note");
	assert_string_equal(parts[0].entries[1].state, "applied");
	assert_string_equal(parts[0].entries[1].release_version, "1.2.0");
	assert_memory_equal(parts[0].entries[1].digest, f.agent.signed_by.release.changesets[1].digest, DIGEST_SIZE);
}

static void append_rows(const struct engine *en, struct conn *c, struct ledger *l, unsigned n)
{
	struct err e = ERR_INIT;
	assert_int_equal(en->begin(c, &e), 0);
	for (unsigned i = 0; i < n; i++) {
		struct ledger_row row = {.changeset = arena_printf(f.arena, "alice:c-%04u", n - i),
		                         .run = 1,
		                         .release_version = "1.0",
		                         .task = "00",
		                         .attempt = 1,
		                         .agent = "eu-1",
		                         .backend = "1/1"};
		if (ledger_append(en, c, l, &row, &e) != 0)
			fail_msg("%s", e.msg);
	}
	assert_int_equal(en->commit(c, &e), 0);
}

static void test_many_changesets_come_in_parts(void **state)
{
	(void)state;
	const struct engine *en = engine_by_name("sqlite");
	struct conn *c = NULL;
	struct ledger l;
	struct err e = ERR_INIT;
	assert_int_equal(en->open(&f.config.targets[0].connect, &c, &e), 0);
	assert_int_equal(ledger_open(en, c, "eu/pg-1/shop_3", 1, f.arena, &l, &e), 0);
	append_rows(en, c, &l, 1201);
	en->close(&c);
	survey();
	assert_int_equal(n_parts, 3);
	assert_int_equal(parts[0].n_entries, 500);
	assert_int_equal(parts[2].n_entries, 201);
	assert_string_equal(parts[0].entries[0].changeset, "alice:c-1201"); /* in the ledger's order */
	assert_string_equal(parts[2].entries[200].changeset, "alice:c-0001");
}

static void test_a_changed_ledger_is_an_error(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	enum outcome outcome = OUTCOME_COUNT;
	assert_int_equal(papers_fixture_deliver(&f, &outcome, &e), 0);
	papers_fixture_sql(&f, "UPDATE rollcall_ledger SET changeset = 'mallory:x' WHERE seq = 1");
	survey();
	assert_int_equal(n_parts, 1);
	assert_string_equal(parts[0].error_code, "state");
	assert_non_null(strstr(parts[0].error_message, "ledger row 1 was changed"));
	assert_int_equal(parts[0].n_entries, 0);
}

static void test_unreachable_target(void **state)
{
	(void)state;
	f.config.targets[0].connect.dsn = "sqlite:/nowhere/shop.db";
	survey();
	assert_string_equal(parts[0].error_code, "db-connect");
	assert_non_null(strstr(parts[0].error_message, "target unreachable: database file /nowhere/shop.db"));
}

int main(void)
{
	zsys_handler_set(NULL);
	log_open("survey_test", LOG_LEVEL_ERROR);
#define CASE(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_untouched_target),   CASE(test_after_a_delivery), CASE(test_many_changesets_come_in_parts), CASE(test_a_changed_ledger_is_an_error),
	    CASE(test_unreachable_target),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
