/* common/wire documents: what goes in comes out, and what is not well-formed is refused in so many words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "common/wire/request.h"
#include "proto/order.pb-c.h"
#include "tests/support/trust_fixture.h"

static int setup(void **state)
{
	struct trust_fixture *f = calloc(1, sizeof *f);
	trust_fixture_init(f);
	trust_fixture_build(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct trust_fixture *f = *state;
	trust_fixture_done(f);
	free(f);
	return 0;
}

static void assert_message(const struct err *e, int rc, const char *message)
{
	assert_int_equal(rc, -1);
	assert_string_equal(e->msg, message);
	assert_int_equal(e->code, ERR_PARSE);
}

/* ---- round trips --------------------------------------------------------------------------------------------------------------------------------- */

static void test_release_round_trip(void **state)
{
	struct trust_fixture *f = *state;
	struct changeset *c = &f->release.changesets[0];
	struct check pre[] = {{.kind = CHECK_SQL, .expected = "0", .sql = bytes_of_str("SELECT count(*) FROM t"), .line = 3},
	                      {.kind = CHECK_TABLE_EXISTS, .table = "t", .schema = "s", .line = 4}};
	const char *accepted[] = {"any"}, *reviewers[] = {"bob", "carol"};
	c->preconditions = pre, c->n_preconditions = 2;
	c->accepted_digests = accepted, c->n_accepted_digests = 1;
	c->comment = "two\nlines", c->context = "test", c->labels = "a,b", c->dbms = "!oracle";
	c->batching = (struct batching){5000, 100, 20, 3000, bytes_of_str("SELECT 1"), 50, 9};
	c->on_fail = ON_FAIL_MARK_RAN, c->on_fail_message = "why", c->run_on_change = true;
	f->release.provenance.reviewers = reviewers, f->release.provenance.n_reviewers = 2, f->release.provenance.dirty = true;
	f->release.engines[0].min_version = "13";
	trust_fixture_build(f);

	struct release r;
	struct err e = ERR_INIT;
	struct bytes payload = f->release_envelope.payload;
	int rc = release_decode(payload, f->arena, &r, &e);
	assert_string_equal(e.msg, "");
	assert_int_equal(rc, 0);
	assert_memory_equal(r.digest, f->release.digest, DIGEST_SIZE);
	assert_string_equal(r.changesets[0].id, "alice:orders-create");
	assert_string_equal(r.changesets[0].comment, "two\nlines");
	assert_string_equal(r.changesets[0].preconditions[1].schema, "s");
	assert_null(r.changesets[0].preconditions[0].table);
	assert_int_equal(r.changesets[0].on_fail, ON_FAIL_MARK_RAN);
	assert_null(r.changesets[1].comment);
	const struct batching *o = &r.changesets[0].batching;
	assert_true(o->size == 5000 && o->rollback_size == 100 && o->pause_ms == 20 && o->max_lag_ms == 3000 && o->limit == 50 && o->line == 9);
	assert_true(bytes_equal(o->query, bytes_of_str("SELECT 1")));
	assert_int_equal(r.changesets[1].batching.size, 0);
	assert_int_equal(changeset_body(&r.changesets[1], "mariadb")->steps[0].class, STEP_N);
	assert_string_equal(r.provenance.reviewers[1], "carol");
	uint8_t again[DIGEST_SIZE];
	digest_changeset(&r.changesets[0], again);
	assert_memory_equal(again, f->release.changesets[0].digest, DIGEST_SIZE); /* nothing that counts was lost on the way */
	struct buf b = BUF_INIT;
	release_encode(&r, &b);
	assert_true(bytes_equal(buf_bytes(&b), payload));
	buf_done(&b);
}

static void test_order_round_trip(void **state)
{
	struct trust_fixture *f = *state;
	const char *contexts[] = {"prod"}, *except[] = {"alice:orders-create"};
	struct err e = ERR_INIT;
	struct order o;
	f->order.contexts = contexts, f->order.n_contexts = 1, f->order.except = except, f->order.n_except = 1;
	f->order.label_filter = "a and b";
	f->order.waves[1].on_failure = ON_FAILURE_ROLLBACK_WAVE, f->order.waves[1].soak_ms = 60000;
	f->order.waves[1].min_success = (struct limit){.value = 95, .percent = true}, f->order.waves[1].defer_after_ms = 900000;
	struct probe probes[] = {{.name = "rows", .sql = "SELECT 1", .engine = "sqlite", .expect = "1"},
	                         {.name = "errors", .url = "https://metrics/x", .json = "/a/0", .expect = "< 5"}};
	f->order.waves[1].probes = probes, f->order.waves[1].n_probes = 2;
	trust_fixture_build(f);
	assert_int_equal(order_decode(f->order_bytes, f->arena, &o, &e), 0);
	assert_memory_equal(o.digest, f->order.digest, DIGEST_SIZE);
	assert_int_equal(o.waves[1].max_failures.value, 10);
	assert_true(o.waves[1].max_failures.percent);
	assert_int_equal(o.waves[1].on_failure, ON_FAILURE_ROLLBACK_WAVE);
	assert_int_equal(o.waves[1].min_success.value, 95);
	assert_true(o.waves[1].min_success.percent);
	assert_int_equal(o.waves[0].min_success.value, 0);
	assert_int_equal(o.waves[1].defer_after_ms, 900000);
	assert_int_equal(o.waves[1].n_probes, 2);
	assert_string_equal(o.waves[1].probes[0].sql, "SELECT 1");
	assert_string_equal(o.waves[1].probes[0].engine, "sqlite");
	assert_null(o.waves[1].probes[0].url);
	assert_string_equal(o.waves[1].probes[1].json, "/a/0");
	assert_string_equal(o.waves[1].probes[1].expect, "< 5");
	assert_string_equal(o.except[0], "alice:orders-create");
	struct buf b = BUF_INIT;
	order_encode(&o, &b);
	assert_true(bytes_equal(buf_bytes(&b), f->order_bytes));
	buf_done(&b);
}

static void test_proof_round_trip(void **state)
{
	struct trust_fixture *f = *state;
	struct merkle_proof p;
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	merkle_proof_encode(&f->proof, &b);
	assert_int_equal(merkle_proof_decode(buf_bytes(&b), &p, &e), 0);
	assert_memory_equal(&p, &f->proof, sizeof p);
	assert_true(merkle_verify(&p, f->targets[2].target, f->order.targets_root, FIXTURE_TARGETS));
	buf_done(&b);
}

static void test_certificate_round_trip(void **state)
{
	struct trust_fixture *f = *state;
	const char *targets[] = {"eu/*", "us/pg-1/*"};
	struct certificate c = {.agent = "eu-1",
	                        .site = "eu",
	                        .serial = "01",
	                        .curve_key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
	                        .targets = targets,
	                        .n_targets = 2,
	                        .not_before_us = 5,
	                        .not_after_us = 6,
	                        .report_key = {1, 2}},
	                   back;
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	certificate_encode(&c, &b);
	assert_int_equal(certificate_decode(buf_bytes(&b), f->arena, &back, &e), 0);
	assert_string_equal(back.targets[1], "us/pg-1/*");
	assert_memory_equal(back.report_key, c.report_key, SIGN_PUBLIC_SIZE);
	assert_int_equal(back.not_after_us, 6);
	buf_clear(&b);
	c.curve_key = "short";
	certificate_encode(&c, &b);
	assert_message(&e, certificate_decode(buf_bytes(&b), f->arena, &back, &e), "certificate: curve key 'short' is not 40 characters of Z85");
	buf_done(&b);
}

/* ---- reports ------------------------------------------------------------------------------------------------------------------------------------- */

static struct report make_report(void)
{
	static struct step_outcome step = {.changeset = "alice:x", .run = 1, .class = STEP_N, .state = STEP_INTENT, .via = VIA_PROBE, .started_at_us = 3};
	static struct validation_outcome validation = {.changeset = "alice:x", .name = "rows", .when = VALIDATE_AFTER, .value = "1", .expected = "0"};
	struct report r = {.agent = "eu-1",
	                   .target = "eu/pg-1/shop",
	                   .task = {7},
	                   .attempt = 2,
	                   .outcome = OUTCOME_FAILED,
	                   .steps = &step,
	                   .n_steps = 1,
	                   .validations = &validation,
	                   .n_validations = 1,
	                   .report_seq = 9,
	                   .epoch = 3,
	                   .agent_version = "0.1.0",
	                   .reverted = true,
	                   .fingerprint_before = {1},
	                   .fingerprint = {2},
	                   .fingerprint_form = 3,
	                   .ledger_uuid = "00ff"};
	r.failure = (struct failure){.code = "db", .sqlstate = "23502", .db_errno = -1, .message = "null value", .changeset = "alice:x", .line = 4};
	return r;
}

static void test_report_round_trip(void **state)
{
	struct trust_fixture *f = *state;
	struct report r = make_report(), back;
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	report_encode(&r, &b);
	int rc = report_decode(buf_bytes(&b), f->arena, &back, &e);
	assert_string_equal(e.msg, "");
	assert_int_equal(rc, 0);
	assert_int_equal(back.outcome, OUTCOME_FAILED);
	assert_int_equal(back.steps[0].state, STEP_INTENT);
	assert_int_equal(back.steps[0].via, VIA_PROBE);
	assert_int_equal(back.failure.db_errno, -1);
	assert_string_equal(back.failure.sqlstate, "23502");
	assert_null(back.failure.check);
	assert_false(back.validations[0].ok);
	assert_true(back.reverted);
	assert_memory_equal(back.fingerprint_before, r.fingerprint_before, DIGEST_SIZE);
	assert_memory_equal(back.fingerprint, r.fingerprint, DIGEST_SIZE);
	assert_int_equal(back.fingerprint_form, 3);
	assert_string_equal(back.ledger_uuid, "00ff");
	buf_done(&b);
}

/* A server that answers in another character set, or with a megabyte of text, must not make a report that nobody can read. */
static void test_report_with_foreign_text(void **state)
{
	struct trust_fixture *f = *state;
	struct report r = make_report(), back;
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT, big = BUF_INIT;
	for (int i = 0; i < 300000; i++)
		buf_adds(&big, "\xc3\xa9");
	r.failure.message = "Schl\xfcssel fehlt";
	r.failure.database_state = buf_str(&big);
	report_encode(&r, &b);
	assert_int_equal(report_decode(buf_bytes(&b), f->arena, &back, &e), 0);
	assert_string_equal(back.failure.message, "Schl?ssel fehlt");
	assert_true(strlen(back.failure.database_state) <= 4096);
	assert_true(str_ends(back.failure.database_state, "\xc3\xa9..."));
	buf_done(&b);
	buf_done(&big);
}

/* ---- refusals ------------------------------------------------------------------------------------------------------------------------------------ */

static void assert_release_refused(struct trust_fixture *f, const char *message)
{
	struct err e = ERR_INIT;
	struct release r;
	trust_fixture_build(f);
	assert_message(&e, release_decode(f->release_envelope.payload, f->arena, &r, &e), message);
}

static void test_release_refusals(void **state)
{
	struct trust_fixture *f = *state;
	struct release good = f->release;
	f->release.project = "../etc";
	assert_release_refused(f, "release: project '../etc' is not a name (a-z, 0-9, '.', '_', '-', at most 63)");
	f->release = good, f->release.version = "1/2";
	assert_release_refused(f, "release: version '1/2' is not a version (letters, digits, '.', '_', '+', '-', at most 64)");
	f->release = good, f->release.version = NULL;
	assert_release_refused(f, "release: version is missing");
	f->release = good, f->release.expires_at_us = 0;
	assert_release_refused(f, "release: it does not say when it expires");
	f->release = good, f->release.n_changesets = 0;
	assert_release_refused(f, "release: it holds no changeset");
	f->release = good, f->release.author = "a\nb";
	assert_release_refused(f, "release: author holds a control character");
	f->release = good, f->release.author = "\xff";
	assert_release_refused(f, "release: author: not valid UTF-8");
}

/* A release from before there was a text reads too; a text that is not the one of the digest, or a line that would move a terminal's cursor, does not. */
static void test_gate_report(void **state)
{
	struct trust_fixture *f = *state;
	struct release r;
	struct err e = ERR_INIT;
	assert_int_equal(release_decode(f->release_envelope.payload, f->arena, &r, &e), 0);
	assert_null(r.gate_report);
	f->release.gate_report = "gates 9 ran over 2 changesets, 0 errors, 0 warnings, 0 ignored\ngate PF23: error\n";
	assert_release_refused(f, "release: the gate report's text is not what its digest says");
	digest_sha256(bytes_of_str(f->release.gate_report), f->release.gate_report_digest);
	trust_fixture_build(f);
	assert_int_equal(release_decode(f->release_envelope.payload, f->arena, &r, &e), 0);
	assert_string_equal(r.gate_report, f->release.gate_report);
	assert_string_equal(release_gates_line(&r, f->arena), "9 ran over 2 changesets, 0 errors, 0 warnings, 0 ignored");
	f->release.gate_report = "gates \x1b[2J";
	assert_release_refused(f, "release: the gate report holds a control character");
	char *big = arena_alloc(f->arena, LIMIT_GATE_REPORT + 2);
	memset(big, 'x', LIMIT_GATE_REPORT + 1);
	f->release.gate_report = big;
	assert_release_refused(f, "release: gate report has 262145 octets, and 262144 are allowed");
}

static void test_changeset_refusals(void **state)
{
	struct trust_fixture *f = *state;
	struct changeset *c = &f->release.changesets[1], good = *c;
	struct step *s = &c->bodies[1].steps[0], good_step = *s;
	c->author = "alice", c->name = "orders-create";
	assert_release_refused(f, "release: changeset alice:orders-create is there twice");
	*c = good, *s = trust_fixture_step(f, STEP_N, "A", "B", NULL);
	assert_release_refused(f, "changeset alice:orders-add-note: release: a step of class N with 2 statements: it must be alone");
	*s = trust_fixture_step(f, STEP_T, NULL);
	assert_release_refused(f, "changeset alice:orders-add-note: release: a step without a statement");
	*s = good_step, s->statements[0].sql = bytes_of("SELECT\0 1", 9);
	assert_release_refused(f, "changeset alice:orders-add-note: release: statement is not UTF-8 text without NUL");
	s->statements[0].sql = bytes_of_str("SELECT '\xe9'");
	assert_release_refused(f, "changeset alice:orders-add-note: release: statement is not UTF-8 text without NUL");
	*s = good_step, s->statements[0].sql = bytes_of_str("SELECT 1"), c->bodies[2].engine = "postgresql";
	assert_release_refused(f, "changeset alice:orders-add-note: release: two bodies for engine postgresql");
	c->bodies[2].engine = "sqlite", c->bodies[2].has_rollback = false;
	assert_release_refused(f, "changeset alice:orders-add-note: release: rollback steps in a body that says it has no rollback");
}

static void assert_order_refused(struct trust_fixture *f, const char *message)
{
	struct err e = ERR_INIT;
	struct order o;
	trust_fixture_build(f);
	assert_message(&e, order_decode(f->order_bytes, f->arena, &o, &e), message);
}

static void test_order_refusals(void **state)
{
	struct trust_fixture *f = *state;
	struct order good = f->order;
	f->order.id = "XYZ";
	assert_order_refused(f, "order: id 'XYZ' is not 32 hex digits in lower case");
	f->order = good, f->order.target_count = 6;
	assert_order_refused(f, "order: its waves hold 5 targets and it counts 6");
	f->order = good, f->order.n_waves = 0;
	assert_order_refused(f, "order: it has no wave");
	f->order = good, f->order.not_after_us = f->order.not_before_us;
	assert_order_refused(f, "order: its time window ends before it begins");
	f->order = good, f->order.waves[1].name = "canary";
	assert_order_refused(f, "order: wave canary is there twice");
}

/* Fields that only a hand-made message can have: built with the generated code, as an attacker would. */
static void test_hand_made_messages(void **state)
{
	struct trust_fixture *f = *state;
	uint8_t out[256], short_digest[31] = {0};
	struct err e = ERR_INIT;
	struct approval p;
	struct merkle_proof proof;
	Rollcall__V1__Approval m = ROLLCALL__V1__APPROVAL__INIT;
	m.order_digest = (ProtobufCBinaryData){.len = 31, .data = short_digest};
	size_t n = rollcall__v1__approval__pack(&m, out);
	assert_message(&e, approval_decode(bytes_of(out, n), f->arena, &p, &e), "approval: order's digest has 31 bytes, must have 32");

	Rollcall__V1__Order o = ROLLCALL__V1__ORDER__INIT;
	struct order order;
	o.id = "00112233445566778899aabbccddeeff", o.project = "shop", o.environment = "dev", o.release_version = "1", o.direction = "sideways";
	n = rollcall__v1__order__pack(&o, out);
	assert_message(&e, order_decode(bytes_of(out, n), f->arena, &order, &e), "order: release's digest has 0 bytes, must have 32");

	Rollcall__V1__MerkleProof q = ROLLCALL__V1__MERKLE_PROOF__INIT;
	ProtobufCBinaryData path[MERKLE_PATH_MAX + 1] = {{0}};
	uint8_t salt[TARGET_SALT_SIZE] = {0};
	q.salt = (ProtobufCBinaryData){.len = sizeof salt, .data = salt};
	q.n_path = MERKLE_PATH_MAX + 1, q.path = path;
	n = rollcall__v1__merkle_proof__pack(&q, out);
	assert_message(&e, merkle_proof_decode(bytes_of(out, n), &proof, &e), "target proof: 33 digests, and 32 are allowed");
}

static void test_sizes_come_first(void **state)
{
	struct trust_fixture *f = *state;
	struct err e = ERR_INIT;
	struct order o;
	uint8_t *big = calloc(1, LIMIT_DOCUMENT + 1);
	assert_int_equal(order_decode(bytes_of(big, LIMIT_DOCUMENT + 1), f->arena, &o, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_string_equal(e.msg, "order: 1048577 bytes; at most 1048576 are allowed");
	free(big);
}

/* Half a million empty changesets are 2 bytes each on the wire and hundreds in memory: the arena's cap ends it, not the machine's. */
static void test_small_bytes_large_memory(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	struct release r;
	struct arena *a = arena_new((size_t)4 * 1024 * 1024);
	size_t n = 1000000;
	uint8_t *bomb = malloc(n);
	for (size_t i = 0; i < n; i += 2)
		bomb[i] = 12 << 3 | 2, bomb[i + 1] = 0;
	assert_int_equal(release_decode(bytes_of(bomb, n), a, &r, &e), -1);
	assert_int_equal(e.code, ERR_PARSE);
	assert_true(arena_used(a) <= (size_t)4 * 1024 * 1024);
	arena_destroy(&a);
	free(bomb);
}

static void test_envelope_refusals(void **state)
{
	struct trust_fixture *f = *state;
	struct err e = ERR_INIT;
	struct envelope env;
	struct signature many[ENVELOPE_SIGNATURES_MAX + 1] = {{.key_id = "x"}};
	struct buf b = BUF_INIT;
	envelope_encode(&(struct envelope){.type = "t", .payload = bytes_of_str("p"), .signatures = many, .n_signatures = ENVELOPE_SIGNATURES_MAX + 1},
	                &b);
	assert_message(&e, envelope_decode(buf_bytes(&b), f->arena, &env, &e), "envelope: 17 signatures, and 16 are allowed");
	buf_clear(&b);
	envelope_encode(&(struct envelope){.type = "t"}, &b);
	assert_message(&e, envelope_decode(buf_bytes(&b), f->arena, &env, &e), "envelope: the payload is missing");
	assert_message(&e, envelope_decode(bytes_of_str("\x0f"), f->arena, &env, &e), "envelope: its bytes are no Envelope");
	buf_done(&b);
}

/* ---- requests ------------------------------------------------------------------------------------------------------------------------------------ */

static char dir[64];

static void load_text(struct trust_fixture *f, const char *text, struct agent_request *r, struct err *e, int want)
{
	char path[96];
	snprintf(path, sizeof path, "%s/r", dir);
	assert_int_equal(file_write_atomic(path, bytes_of_str(text), 0644, e), 0);
	assert_int_equal(request_load(path, f->arena, r, e), want);
}

static void assert_request_refused(struct trust_fixture *f, const char *text, const char *rest)
{
	char want[512];
	struct agent_request r;
	struct err e = ERR_INIT;
	load_text(f, text, &r, &e, -1);
	snprintf(want, sizeof want, "%s/r:%s", dir, rest);
	assert_string_equal(e.msg, want);
}

#define HEAD "agent: eu-1\nsite: eu\n"
#define KEY1 "curve-key: rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\n"
#define KEY2 "report-key: 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c\n"

static void test_requests(void **state)
{
	struct trust_fixture *f = *state;
	struct err e = ERR_INIT;
	struct agent_request r;
	char path[96];
	snprintf(dir, sizeof dir, "/tmp/rollcall-request-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/r", dir);

	load_text(f, "# note\n\n" HEAD KEY1 KEY2 "target: eu/*\r\ntarget: us/pg-1/*\n", &r, &e, 0);
	assert_string_equal(r.curve_key, "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7");
	assert_int_equal(r.n_targets, 2);
	assert_string_equal(r.targets[0], "eu/*");
	assert_int_equal(request_save(path, &r, &e), 0);
	struct agent_request back;
	assert_int_equal(request_load(path, f->arena, &back, &e), 0);
	assert_string_equal(back.targets[1], "us/pg-1/*");
	assert_memory_equal(back.report_key, r.report_key, SIGN_PUBLIC_SIZE);
	r.agent = "eu-1\ntarget: *";
	assert_int_equal(request_save(path, &r, &e), -1); /* a value cannot smuggle in a line */

	assert_request_refused(f, HEAD KEY1 KEY2, " no 'target' line: name the targets that the agent serves, such as eu/*");
	assert_request_refused(f, HEAD KEY2 "target: eu/*\n", " 'curve-key' is missing: have 'rollcall-agent init' write the request again");
	assert_request_refused(f, HEAD HEAD, "3: 'agent' is there twice: leave one");
	assert_request_refused(f, "agent: EU 1\n", "1: agent: not a name: use a-z, 0-9, '.', '_' and '-', 63 characters at most");
	assert_request_refused(f, HEAD "curve-key: abc\n", "3: curve-key: not a CURVE public key: it has 40 characters of Z85");
	assert_request_refused(f, HEAD "colour: red\n", "3: unknown key 'colour': agent, site, curve-key, report-key and target are known");
	assert_request_refused(f, "hello\n", "1: not a line of the form 'key: value': have 'rollcall-agent init' write the request again");
	assert_int_equal(file_remove_tree(dir, &e), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_release_round_trip),       T(test_order_round_trip),         T(test_proof_round_trip),   T(test_certificate_round_trip),
	    T(test_report_round_trip),        T(test_report_with_foreign_text), T(test_release_refusals),   T(test_gate_report),
	    T(test_changeset_refusals),       T(test_order_refusals),           T(test_hand_made_messages), T(test_sizes_come_first),
	    T(test_small_bytes_large_memory), T(test_envelope_refusals),        T(test_requests),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
