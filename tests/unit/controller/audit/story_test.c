/* controller/audit/story, actions: what an auditor reads of signed papers and of the log's rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/wire/documents.h"
#include "controller/audit/actions.h"
#include "controller/audit/story.h"
#include "controller/audit/verify.h"
#include "tests/support/trust_fixture.h"

#define GATES   "gates 9 ran over 2 changesets, 0 errors, 0 warnings, 0 ignored\ngate PF23: error: rollback missing\n"
#define TARGET  "eu/pg-1/shop_1"
#define COMMIT  "0123456789abcdef0123456789abcdef01234567"
#define ROLLOUT s->f.order.id

struct scene {
	struct trust_fixture f;
	struct bundle b;
	struct arena *a;
	struct story_row *rows;
	size_t n;
};

static struct bytes kept(struct scene *s, const struct buf *b)
{
	return arena_bytes(s->b.arena, buf_bytes(b));
}

static void add_approval(struct scene *s, enum fixture_person by, const char *reason, int64_t at_us)
{
	AUTO(buf_done) struct buf out = BUF_INIT;
	struct approval p = {.environment = s->f.order.environment,
	                     .approver = "who it says",
	                     .reason = reason,
	                     .target_count = s->f.order.target_count,
	                     .created_at_us = at_us,
	                     .expires_at_us = at_us + FIXTURE_HOUR};
	memcpy(p.order_digest, s->f.order.digest, DIGEST_SIZE);
	memcpy(p.release_digest, s->f.release.digest, DIGEST_SIZE);
	approval_encode(&p, &out);
	bundle_add_document(&s->b, "approval", arena_printf(s->b.arena, "%s/%s", ROLLOUT, s->f.key_ids[by]),
	                    trust_fixture_sign(&s->f, TYPE_APPROVAL, kept(s, &out), by));
}

static void add_report(struct scene *s, struct report *r)
{
	AUTO(buf_done) struct buf out = BUF_INIT;
	r->agent = "eu-1";
	r->target = TARGET;
	r->attempt = 1;
	memcpy(r->order_digest, s->f.order.digest, DIGEST_SIZE);
	memcpy(r->release_digest, s->f.release.digest, DIGEST_SIZE);
	report_encode(r, &out);
	bundle_add_document(&s->b, "report", arena_printf(s->b.arena, "eu-1/1/%u", (unsigned)r->report_seq),
	                    trust_fixture_sign(&s->f, TYPE_REPORT, kept(s, &out), MALLORY));
}

static void add_row(struct scene *s, const char *actor, const char *rollout, const char *object, const char *event, const char *detail)
{
	struct bundle *b = &s->b;
	arena_vec_grow(b->arena, b->rows, b->n_rows, b->cap_rows);
	b->rows[b->n_rows] = (struct audit_row){
	    .seq = b->n_rows + 1,
	    .ev = {.at_us = (int64_t)b->n_rows + 1, .actor = actor, .rollout = rollout, .object = object, .event = event, .detail = detail}};
	b->n_rows++;
}

static int begin(void **state)
{
	struct scene *s = calloc(1, sizeof *s);
	trust_fixture_init(&s->f);
	static const char *reviewers[] = {"Rex <rex@example.org>", "Sue <sue@example.org>"};
	s->f.release.gate_report = GATES;
	s->f.release.provenance = (struct provenance){.commit = COMMIT,
	                                              .tree = COMMIT,
	                                              .author = "Ann <ann@example.org>",
	                                              .committer = "Bob <bob@example.org>",
	                                              .reviewers = reviewers,
	                                              .n_reviewers = 2};
	digest_sha256(bytes_of_str(GATES), s->f.release.gate_report_digest);
	trust_fixture_build(&s->f);
	bundle_init(&s->b);
	s->a = arena_new((size_t)64 * 1024 * 1024);
	bundle_add_document(&s->b, "release", "1.2.0", s->f.release_bytes);
	bundle_add_document(&s->b, "order", ROLLOUT, s->f.order_bytes);
	*state = s;
	return 0;
}

static int end(void **state)
{
	struct scene *s = *state;
	arena_destroy(&s->a);
	bundle_done(&s->b);
	trust_fixture_done(&s->f);
	free(s);
	return 0;
}

static void tell(struct scene *s, const char *changeset)
{
	s->n = audit_story(&s->b, &s->f.trust, changeset, s->a, &s->rows);
}

static void add_applied(struct scene *s)
{
	static struct step_outcome step = {.changeset = "alice:orders-create", .run = 1, .ended_at_us = 70};
	struct report r = {.report_seq = 1,
	                   .outcome = OUTCOME_APPLIED,
	                   .steps = &step,
	                   .n_steps = 1,
	                   .ended_at_us = 80,
	                   .ledger_head = {0xaa},
	                   .fingerprint_before = {0xbb},
	                   .fingerprint = {0xcc}};
	add_report(s, &r);
}

static void test_what_was_applied(void **state)
{
	struct scene *s = *state;
	char at[CLOCK_TEXT_SIZE], later[CLOCK_TEXT_SIZE];
	add_approval(s, CAROL, "reviewed with Ann\neve at 2026-01-01: too", s->f.now_us);
	add_approval(s, DAVE, "CHG-7", s->f.now_us + 60000000);
	add_approval(s, MALLORY, "let me", s->f.now_us);
	add_applied(s);
	tell(s, NULL);
	assert_int_equal(s->n, 1);
	assert_string_equal(s->rows[0].wrote, "alice, commit by Ann <ann@example.org>");
	assert_string_equal(s->rows[0].commit, COMMIT);
	assert_string_equal(s->rows[0].reviewed, "Rex <rex@example.org>, Sue <sue@example.org>");
	assert_string_equal(s->rows[0].signed_by, "alice, bob");
	assert_string_equal(s->rows[0].agent, "eu-1");
	assert_string_equal(s->rows[0].gates, GATES);
	assert_true(str_starts(s->rows[0].ledger_head, "aa00") && str_starts(s->rows[0].schema_before, "bb00") &&
	            str_starts(s->rows[0].schema_after, "cc00"));
	assert_string_equal(
	    s->rows[0].approvals,
	    arena_printf(s->a, "carol at %s: reviewed with Ann eve at 2026-01-01: too\ndave at %s: CHG-7\nwho it says (by its own words) at %s: let me",
	                 clock_text(s->f.now_us, at), clock_text(s->f.now_us + 60000000, later), clock_text(s->f.now_us, at)));
	assert_string_equal(s->rows[0].approved, "carol, dave, who it says (by its own words)");
}

/* Of a refused delivery no step ran, and it is told all the same, with who refused it and why. */
static void test_a_delivery_without_steps(void **state)
{
	struct scene *s = *state;
	struct report r = {.report_seq = 2,
	                   .outcome = OUTCOME_REFUSED,
	                   .ended_at_us = 60,
	                   .failure = {.code = "policy", .check = "C2 site-policy", .message = "this site denies DROP TABLE"}};
	add_applied(s);
	add_report(s, &r);
	tell(s, NULL);
	assert_int_equal(s->n, 2);
	const struct story_row *row = &s->rows[0];
	assert_int_equal(row->at_us, 60);
	assert_int_equal(row->steps, 0);
	assert_string_equal(row->changeset, "");
	assert_string_equal(row->state, "");
	assert_string_equal(row->release, "shop 1.2.0");
	assert_string_equal(row->outcome, "refused");
	assert_string_equal(row->check, "C2 site-policy");
	assert_string_equal(row->code, "policy");
	assert_string_equal(row->failure, "this site denies DROP TABLE");
	assert_string_equal(row->schema_before, "");
	assert_string_equal(row->ledger_head, "");
	tell(s, "alice:orders-create"); /* what is proved of a changeset is where it ran */
	assert_int_equal(s->n, 1);
	assert_string_equal(s->rows[0].outcome, "applied");
}

static void add_rows(struct scene *s)
{
	add_row(s, "operator olga", NULL, "release 1.2.0", "add", NULL);
	add_row(s, "operator olga", ROLLOUT, "rollout", "pause", "lunch");
	add_row(s, "controller", ROLLOUT, "wave canary", "pass", NULL);
	add_row(s, "operator olga", ROLLOUT, TARGET, "skip", "closed");
	add_row(s, "operator olga", ROLLOUT, "eu/pg-1/shop_2", "retry", "again");
	add_row(s, "operator olga", "ffff", "rollout", "abort", "another one");
	add_row(s, "operator olga", NULL, "freeze 3", "add", "region=eu from x until y: fair");
	add_row(s, "operator olga", NULL, TARGET, "quarantine", "broken disk");
}

static const char *listed(struct scene *s)
{
	struct action *list = NULL;
	const char *all = "";
	size_t n = audit_actions(&s->b, s->a, &list);
	for (size_t i = 0; i < n; i++)
		all =
		    arena_printf(s->a, "%s%s of %s: %s\n", all, list[i].what, list[i].row->ev.object, list[i].row->ev.detail ? list[i].row->ev.detail : "-");
	return all;
}

#define OF_TARGET                                                                                                                        \
	"pause of rollout: lunch\nskip of " TARGET ": closed\nfreeze add of freeze 3: region=eu from x until y: fair\nquarantine of " TARGET \
	": broken disk\n"

static void test_what_operators_did(void **state)
{
	struct scene *s = *state;
	add_rows(s);
	assert_string_equal(listed(s), "add of release 1.2.0: -\npause of rollout: lunch\nskip of " TARGET
	                               ": closed\nretry of eu/pg-1/shop_2: again\nabort of rollout: another one\nfreeze add of freeze 3: "
	                               "region=eu from x until y: fair\nquarantine of " TARGET ": broken disk\n");
	s->b.target = TARGET;
	assert_string_equal(listed(s), OF_TARGET);
	s->b.from_us = 4, s->b.to_us = 7;
	assert_string_equal(listed(s), "skip of " TARGET ": closed\nfreeze add of freeze 3: region=eu from x until y: fair\n");
}

static void test_what_touches_a_delivery(void **state)
{
	struct scene *s = *state;
	struct action *list = NULL;
	AUTO(buf_done) struct buf touched = BUF_INIT;
	add_rows(s);
	size_t n = audit_actions(&s->b, s->a, &list);
	for (size_t i = 0; i < n; i++)
		if (action_touches(&list[i], ROLLOUT, TARGET))
			buf_addf(&touched, "%s ", list[i].what);
	assert_string_equal(buf_str(&touched), "pause skip quarantine ");
}

static void test_the_page(void **state)
{
	struct scene *s = *state;
	AUTO(buf_done) struct buf page = BUF_INIT;
	struct audit_result checked;
	struct report r = {.report_seq = 1, .outcome = OUTCOME_REFUSED, .failure = {.code = "policy", .check = "C2 site-policy", .message = "<b>no"}};
	add_report(s, &r);
	add_row(s, "operator olga", ROLLOUT, "rollout", "abort", "<i>wrong");
	tell(s, NULL);
	audit_verify(&s->b, &s->f.trust, s->a, &checked);
	story_html(&s->b, s->rows, s->n, &checked, &page);
	for (size_t i = 0; i < 4; i++)
		assert_non_null(
		    strstr(buf_str(&page), (const char *[]){"<h2>No statement on " TARGET, "C2 site-policy</td>", "&lt;b&gt;no", "&lt;i&gt;wrong"}[i]));
	assert_null(strstr(buf_str(&page), "<i>"));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
	    T(test_what_was_applied), T(test_a_delivery_without_steps), T(test_what_operators_did), T(test_what_touches_a_delivery), T(test_the_page),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
