/* controller/audit/wave: what a gate sees of a wave. A report that is not there, is another's, or is kept back does not make a wave pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/wire/documents.h"
#include "controller/audit/chain.h"
#include "controller/audit/wave.h"
#include "tests/support/audit_rows.h"
#include "tests/support/trust_fixture.h"

/* The fixture's order in three waves (canary 1, early 2, rest 2); agent eu-1 of site eu has MALLORY's key, us-1 of site us has CI's. */
struct scene {
	struct trust_fixture f;
	struct bundle b;
	uint8_t last_hash[DIGEST_SIZE];
	uint64_t seq;
	struct audit_head head; /* what each report countersigns */
	const struct trust *own; /* the signer's */
};

static void add_certificate(struct scene *s, const char *agent, const char *glob, enum fixture_person key, enum fixture_person by)
{
	AUTO(buf_done) struct buf out = BUF_INIT;
	const char *targets[] = {glob};
	struct certificate c = {.agent = agent,
	                        .site = "eu",
	                        .serial = "1",
	                        .curve_key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	                        .targets = targets,
	                        .n_targets = 1,
	                        .not_before_us = 1,
	                        .not_after_us = INT64_MAX};
	sign_key_public(s->f.keys[key], c.report_key);
	certificate_encode(&c, &out);
	bundle_add_document(&s->b, "certificate", arena_printf(s->b.arena, "%s/1", agent),
	                    trust_fixture_sign(&s->f, TYPE_CERTIFICATE, arena_bytes(s->b.arena, buf_bytes(&out)), by));
}

static int begin(void **state)
{
	static struct scene s;
	AUTO(buf_done) struct buf leaves = BUF_INIT;
	s = (struct scene){.seq = 0};
	trust_fixture_init(&s.f);
	s.f.order.n_waves = 3;
	s.f.order.waves = arena_alloc(s.f.arena, 3 * sizeof *s.f.order.waves);
	s.f.order.waves[0] = (struct wave){.name = "canary", .target_count = 1, .max_parallel = 1, .soak_ms = 60000};
	s.f.order.waves[1] = (struct wave){.name = "early", .target_count = 2, .max_parallel = 1, .max_failures.value = 1};
	s.f.order.waves[2] = (struct wave){.name = "rest", .target_count = 2, .max_parallel = 1};
	for (size_t i = 0; i < FIXTURE_TARGETS; i++)
		s.f.targets[i].wave = i == 0 ? 0 : i < 3 ? 1 : 2;
	trust_fixture_build(&s.f);
	bundle_init(&s.b);
	add_certificate(&s, "eu-1", "eu/*", MALLORY, ERIN);
	add_certificate(&s, "us-1", "us/*", CI, ERIN);
	for (size_t i = 0; i < FIXTURE_TARGETS; i++) {
		char hex[TARGET_SALT_SIZE * 2 + 1];
		buf_addf(&leaves, "%zu %u %s %s\n", i, (unsigned)s.f.targets[i].wave, s.f.targets[i].target,
		         bytes_to_hex(bytes_of(s.f.targets[i].salt, TARGET_SALT_SIZE), hex));
	}
	bundle_add_document(&s.b, "order", s.f.order.id, s.f.order_bytes);
	bundle_add_document(&s.b, "leaves", s.f.order.id, buf_bytes(&leaves));
	s.own = &s.f.trust;
	*state = &s;
	return 0;
}

static int end(void **state)
{
	struct scene *s = *state;
	bundle_done(&s->b);
	trust_fixture_done(&s->f);
	return 0;
}

/* The next one of eu-1, an hour ago. */
static struct report report_on(struct scene *s, size_t target, enum outcome outcome)
{
	struct report r = {.agent = "eu-1", .target = s->f.targets[target].target, .attempt = 1, .outcome = outcome, .report_seq = ++s->seq};
	r.ended_at_us = s->f.now_us - FIXTURE_HOUR;
	r.audit = s->head;
	memcpy(r.order_digest, s->f.order.digest, DIGEST_SIZE);
	memcpy(r.prev_report_hash, s->last_hash, DIGEST_SIZE);
	return r;
}

static void add_report(struct scene *s, const struct report *r, enum fixture_person by)
{
	AUTO(buf_done) struct buf out = BUF_INIT;
	report_encode(r, &out);
	struct bytes env = trust_fixture_sign(&s->f, TYPE_REPORT, arena_bytes(s->b.arena, buf_bytes(&out)), by);
	digest_sha256(env, s->last_hash);
	bundle_add_document(&s->b, "report", arena_printf(s->b.arena, "%s/1/%llu", r->agent, (unsigned long long)r->report_seq), env);
}

static void told(struct scene *s, size_t target, enum outcome outcome)
{
	struct report r = report_on(s, target, outcome);
	add_report(s, &r, MALLORY);
}

static void look(struct scene *s, const char *wave, struct wave_evidence *ret)
{
	struct err e = ERR_INIT;
	int rc = wave_evidence(&s->b, s->own, "0011", wave, s->f.arena, ret, &e);
	assert_string_equal(e.msg, "");
	assert_int_equal(rc, 0);
}

static void fails(struct scene *s, const char *wave, const char *part)
{
	struct err e = ERR_INIT;
	struct wave_evidence w = {.done = 77};
	assert_int_equal(wave_evidence(&s->b, s->own, "0011", wave, s->f.arena, &w, &e), -1);
	if (!strstr(e.msg, part))
		fail_msg("'%s' is not in '%s'", part, e.msg);
	assert_int_equal(w.done, 77);
}

static void may_not(const struct wave_evidence *w, uint64_t without, int64_t now_us, const char *part)
{
	struct err e = ERR_INIT;
	assert_int_equal(wave_may_pass(w, without, now_us, &e), -1);
	assert_int_equal(e.code, ERR_POLICY);
	if (!strstr(e.msg, part))
		fail_msg("'%s' is not in '%s'", part, e.msg);
}

static void test_a_wave_that_has_passed(void **state)
{
	struct scene *s = *state;
	struct wave_evidence w, more;
	struct err e = ERR_INIT;
	told(s, 0, OUTCOME_APPLIED);
	look(s, NULL, &w);
	assert_int_equal(w.wave, 0);
	assert_int_equal(w.n_targets, 1);
	assert_int_equal(w.done, 1);
	assert_string_equal(w.targets[0].agent, "eu-1");
	assert_int_equal(w.soak_until_us, s->f.now_us - FIXTURE_HOUR + 60 * 1000000);
	assert_int_equal(wave_may_pass(&w, 0, s->f.now_us, &e), 0);
	may_not(&w, 0, w.soak_until_us - 1, "the soak of wave canary is over at ");
	told(s, 1, OUTCOME_APPLIED);
	look(s, "canary", &more);
	assert_memory_equal(w.reports_digest, more.reports_digest, DIGEST_SIZE);
	look(s, NULL, &more);
	assert_int_equal(more.wave, 1);
	assert_memory_not_equal(w.reports_digest, more.reports_digest, DIGEST_SIZE);
}

static void test_what_is_not_reported_is_known_to_the_signer_or_nothing_is_signed(void **state)
{
	struct scene *s = *state;
	struct wave_evidence w;
	struct err e = ERR_INIT;
	told(s, 1, OUTCOME_APPLIED);
	told(s, 2, OUTCOME_HELD);
	look(s, "early", &w);
	assert_int_equal(w.unreported, 1);
	may_not(&w, 0, s->f.now_us, "1 of the 2 targets of wave early have no signed report");
	may_not(&w, 2, s->f.now_us, "--without 1");
	assert_int_equal(wave_may_pass(&w, 1, s->f.now_us, &e), 0);
	look(s, "canary", &w);
	may_not(&w, 1, s->f.now_us, "nothing of wave canary has succeeded");
}

static void test_failures_and_successes_as_the_order_has_them(void **state)
{
	struct scene *s = *state;
	struct wave_evidence w;
	struct err e = ERR_INIT;
	told(s, 1, OUTCOME_APPLIED);
	told(s, 2, OUTCOME_FAILED);
	look(s, "early", &w);
	assert_int_equal(wave_may_pass(&w, 0, s->f.now_us, &e), 0); /* one is allowed */
	w.order.waves[1].min_success = (struct limit){.value = 60, .percent = true};
	may_not(&w, 0, s->f.now_us, "1 targets of wave early have succeeded, and the approved order asks for 60% (2)");
	w.order.waves[1].max_failures.value = 0;
	may_not(&w, 0, s->f.now_us, "wave early has 1 failures, and the approved order allows 0");
}

static void test_the_newest_report_counts(void **state)
{
	struct scene *s = *state;
	struct wave_evidence w;
	told(s, 0, OUTCOME_APPLIED);
	struct report back = report_on(s, 0, OUTCOME_ROLLED_BACK);
	back.direction = DIRECTION_ROLLBACK; /* on_failure took it back */
	add_report(s, &back, MALLORY);
	look(s, NULL, &w);
	assert_int_equal(w.failed, 1);
	struct report again = report_on(s, 0, OUTCOME_APPLIED);
	again.attempt = 2;
	add_report(s, &again, MALLORY);
	look(s, NULL, &w);
	assert_int_equal(w.done, 1);
}

static void test_reports_of_another_order_tell_nothing(void **state)
{
	struct scene *s = *state;
	struct report r = report_on(s, 0, OUTCOME_APPLIED);
	r.order_digest[0] ^= 1;
	add_report(s, &r, MALLORY);
	fails(s, NULL, "no target of a wave that another one waits for is reported on yet");
}

static void test_who_may_report(void **state)
{
	struct scene *s = *state;
	struct report r = report_on(s, 0, OUTCOME_APPLIED);
	add_report(s, &r, ALICE); /* a key that no certificate has */
	fails(s, NULL, "report eu-1/1/1 is not signed by a key that role enrol has certified for that agent and target eu/pg-1/shop_1");
}

static void test_an_agent_speaks_for_its_own_targets(void **state)
{
	struct scene *s = *state;
	struct report r = report_on(s, 0, OUTCOME_APPLIED);
	r.agent = "us-1";
	add_report(s, &r, CI);
	fails(s, NULL, "report us-1/1/1 is not signed by a key");
}

static void test_a_certificate_that_the_controller_made(void **state)
{
	struct scene *s = *state;
	struct report r = report_on(s, 0, OUTCOME_APPLIED);
	add_certificate(s, "evil", "*", ALICE, CAROL); /* not by role enrol */
	r.agent = "evil";
	add_report(s, &r, ALICE);
	fails(s, NULL, "report evil/1/1 is not signed by a key");
}

static void test_a_report_kept_back_shows_as_a_gap(void **state)
{
	struct scene *s = *state;
	told(s, 0, OUTCOME_APPLIED);
	struct report hidden = report_on(s, 1, OUTCOME_FAILED);
	add_report(s, &hidden, MALLORY);
	told(s, 2, OUTCOME_APPLIED);
	for (size_t i = 0; i < s->b.n_documents; i++)
		if (str_eq(s->b.documents[i].name, "eu-1/1/2"))
			s->b.documents[i].kind = "hidden";
	fails(s, "early", "reports of agent eu-1 are missing between 1 and 3: the controller keeps them back");
}

static void test_the_list_is_the_orders(void **state)
{
	struct scene *s = *state;
	told(s, 0, OUTCOME_APPLIED);
	for (size_t i = 0; i < s->b.n_documents; i++)
		if (str_eq(s->b.documents[i].kind, "leaves"))
			((uint8_t *)(uintptr_t)s->b.documents[i].data.p)[2] = '1'; /* the canary's target is said to be in the second wave */
	fails(s, NULL, "nothing was signed: wave ");
}

/* ---- after a change of the trust document ---- */

/* A row of the log, with its place in the chain. */
static void add_row(struct scene *s, const char *object, const char *event, const char *detail, struct bytes evidence)
{
	static const uint8_t none[DIGEST_SIZE];
	struct bundle *b = &s->b;
	struct audit_row *r = audit_rows_add(b, object, event, detail, evidence);
	audit_hash(r->seq, &r->ev, b->n_rows > 1 ? b->rows[b->n_rows - 2].hash : none, r->hash);
}

static void certify(struct scene *s, const char *agent, enum fixture_person key, enum fixture_person by, bool logged)
{
	add_certificate(s, agent, "eu/*", key, by);
	if (logged)
		add_row(s, agent, "enrol", "1", s->b.documents[s->b.n_documents - 1].data);
}

/* eu-1's certificate is logged, then the enrol role goes from erin to dave. Returns the second document; *ret_first the first. */
static struct trust rotate(struct scene *s, struct trust *ret_first)
{
	*ret_first = s->f.trust;
	ret_first->roles = arena_alloc(s->f.arena, ret_first->n_roles * sizeof *ret_first->roles);
	memcpy(ret_first->roles, s->f.trust.roles, ret_first->n_roles * sizeof *ret_first->roles);
	bundle_add_document(&s->b, "trust", "1", s->f.trust_bytes);
	for (size_t i = 0; i < s->b.n_documents; i++)
		if (str_eq(s->b.documents[i].kind, "certificate"))
			add_row(s, s->b.documents[i].name, "admit", "1", s->b.documents[i].data);
	trust_fixture_set_role(&s->f, ROLE_ENROL, 1, (const enum fixture_person[]){DAVE}, 1);
	s->f.trust.version = 2;
	trust_fixture_build(&s->f);
	bundle_add_document(&s->b, "trust", "2", s->f.trust_bytes);
	add_row(s, "trust", "push", "version 2", bytes_of(NULL, 0));
	return s->f.trust;
}

static void told_by(struct scene *s, size_t target, const char *agent, enum fixture_person key)
{
	struct report r = report_on(s, target, OUTCOME_APPLIED);
	r.agent = agent;
	r.report_seq = s->seq = 1;
	memset(r.prev_report_hash, 0, DIGEST_SIZE);
	add_report(s, &r, key);
}

/* Whichever version the signer keeps: what was certified before the change counts, and what the new enrol key certified after it. */
static void test_each_certificate_by_the_trust_document_of_its_time(void **state)
{
	struct scene *s = *state;
	struct trust first, second = rotate(s, &first);
	struct wave_evidence w;
	certify(s, "eu-2", BOB, DAVE, true);
	told(s, 0, OUTCOME_APPLIED); /* eu-1, by erin's */
	told_by(s, 1, "eu-2", BOB);
	s->own = &first;
	look(s, "canary", &w);
	assert_int_equal(w.done, 1);
	assert_int_equal(w.trust->version, 2); /* whose role gate signs */
	look(s, "early", &w);
	assert_int_equal(w.done, 1);
	s->own = &second;
	look(s, "canary", &w);
	assert_int_equal(w.done, 1);
	look(s, "early", &w);
	assert_int_equal(w.done, 1);
	assert_non_null(strstr(w.rests_on, "version 2 of fleet test, which is yours; versions 1 to 2 are joined to it"));
}

/* The old enrol key was stolen: what it signs now is no certificate, whether the log tells of it or not. */
static void test_an_enrol_key_that_is_out(void **state)
{
	struct scene *s = *state;
	struct trust first, second = rotate(s, &first);
	certify(s, "late", BOB, ERIN, true);
	certify(s, "never", CAROL, ERIN, false);
	s->own = &first;
	told_by(s, 0, "late", BOB);
	fails(s, NULL, "report late/1/1 is not signed by a key that role enrol has certified");
	s->b.n_documents--;
	s->own = &second;
	told_by(s, 0, "never", CAROL);
	fails(s, NULL, "report never/1/1 is not signed by a key that role enrol has certified");
}

/* Without rows, as of one rollout alone, and of a log that was written anew. */
static void test_what_says_when_a_certificate_came(void **state)
{
	struct scene *s = *state;
	struct trust first, second = rotate(s, &first);
	struct wave_evidence w;
	s->own = &second;
	s->head.seq = s->b.n_rows;
	memcpy(s->head.hash, s->b.rows[s->b.n_rows - 1].hash, DIGEST_SIZE);
	told(s, 0, OUTCOME_APPLIED);
	look(s, NULL, &w);
	assert_int_equal(w.done, 1);
	s->b.n_rows--;
	fails(s, NULL, "is not signed by a key that role enrol has certified"); /* the second document's row is gone: only it counts */
	s->own = &first;
	fails(s, NULL, "the log that came with it is not the one that agent eu-1 countersigned at row 3");
	s->b.n_rows++;
	s->b.rows[0].ev.at_us++;
	fails(s, NULL, "row 1: its hash is not that of its content");
}

static void test_which_wave(void **state)
{
	struct scene *s = *state;
	told(s, 0, OUTCOME_APPLIED);
	fails(s, "rest", "wave rest is the last one of order 00112233: nothing waits for its gate");
	fails(s, "middle", "order 00112233 has no wave middle: it has canary, early, rest");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	    T(test_a_wave_that_has_passed),
	    T(test_what_is_not_reported_is_known_to_the_signer_or_nothing_is_signed),
	    T(test_failures_and_successes_as_the_order_has_them),
	    T(test_the_newest_report_counts),
	    T(test_reports_of_another_order_tell_nothing),
	    T(test_who_may_report),
	    T(test_an_agent_speaks_for_its_own_targets),
	    T(test_a_certificate_that_the_controller_made),
	    T(test_a_report_kept_back_shows_as_a_gap),
	    T(test_the_list_is_the_orders),
	    T(test_each_certificate_by_the_trust_document_of_its_time),
	    T(test_an_enrol_key_that_is_out),
	    T(test_what_says_when_a_certificate_came),
	    T(test_which_wave),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
