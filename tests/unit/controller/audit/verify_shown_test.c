/* controller/audit/verify_shown: what is shown of deliveries against a log that ends with their outcomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/audit/verify.h"

#define ONE "eu/pg/one"
#define TWO "eu/pg/two"

static struct audit_row rows[] = {
    {.seq = 1, .ev = {.actor = "c", .rollout = "r1", .object = ONE, .event = "offer", .from = "pending", .to = "offered"}},
    {.seq = 2, .ev = {.actor = "c", .rollout = "r1", .object = ONE, .event = "applied", .from = "offered", .to = "applied"}},
    {.seq = 3, .ev = {.actor = "c", .rollout = "r1", .object = ONE, .event = "rolled-back", .from = "applied", .to = "rolled-back"}},
    {.seq = 4, .ev = {.actor = "c", .rollout = "r2", .object = TWO, .event = "failed", .from = "offered", .to = "failed"}},
};

/* What check "shown" says of this text about rollout r1: "" when nothing is wrong. */
static void expect(const char *text, size_t looked_at, const char *finding)
{
	AUTO(bundle_done) struct bundle b = {0};
	AUTO(arena_destroy) struct arena *a = arena_new((size_t)16 * 1024 * 1024);
	struct audit_result r;
	const char *found = "";
	bundle_init(&b);
	b.rows = rows;
	b.n_rows = ARRAY_LEN(rows);
	bundle_add_document(&b, "shown", "r1", bytes_of_str(text));
	audit_verify(&b, NULL, a, &r);
	for (size_t i = 0; i < r.n_findings; i++)
		if (str_eq(r.findings[i].check, "shown"))
			found = r.findings[i].text;
	for (size_t i = 0; i < AUDIT_CHECKS; i++)
		if (str_eq(r.checks[i].name, "shown"))
			assert_int_equal(r.checks[i].looked_at, looked_at);
	assert_string_equal(found, finding);
}

static void test_shown_as_logged(void **state)
{
	(void)state;
	expect("4 rolled-back " ONE "\n", 1, "");
	expect("2 applied " ONE "\n", 1, "");
	expect("2 rolled-back " ONE "\n", 1, ""); /* it moved while the rest was fetched */
	expect("4 pending " TWO "\n", 0, ""); /* no outcome: it may be anything by now */
	expect("", 0, "");
}

static void test_shown_otherwise(void **state)
{
	(void)state;
	expect("4 applied " ONE "\n", 1, ONE " is shown as applied, and the log says rolled-back");
	expect("4 failed " TWO "\n", 1, TWO " is shown as failed, and the log says nothing"); /* that was another rollout's */
	expect("1 needs-attention " ONE "\n", 1, ONE " is shown as needs-attention, and the log says offered");
	expect("4 applied\n", 0, "what was shown of it cannot be read");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_shown_as_logged), cmocka_unit_test(test_shown_otherwise)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
