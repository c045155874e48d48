/* The bodies of the link's messages: every one there and back, cut at every length, and what the decoders refuse, with its words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/wire/limits.h"
#include "common/wire/link.h"

static const uint8_t task_id[TASK_SIZE] = {1, 2, 3}, hash_a[DIGEST_SIZE] = {0xaa}, hash_b[DIGEST_SIZE] = {0xbb};
static const uint8_t signature[64] = {9};

static struct label labels[] = {{"environment", "production"}, {"ring", "canary"}};
static struct target targets[] = {{"eu/pg1/shop1", "postgresql", labels, 2}, {"eu/files/a", "sqlite", NULL, 0}};
static struct survey_entry entries[] = {{"shop", "alice:a", "applied", "1.0", {0xcc}, 1}, {"billing", "alice:a", "partial", "1.1", {0xdd}, 3}};
static struct target_facts facts[] = {{"eu/pg1/shop1", "15.3", "", 42, -1, 7}, {"eu/pg1/shop2", "", "refused", 0, 3000, 8}};
static struct link_argument arguments[] = {{"rollout", "abc"}, {"target", "eu/*"}};
static const char *columns[] = {"target", "#step"}, *cells[] = {"eu/pg1/shop1", "3"};
static struct link_row rows[] = {{cells, 2}};
static struct document_ref document_refs[] = {{.version = 2, .size = 900, .hash = {7}}, {.version = 3, .size = 901, .hash = {8}}};

/* Surveys, blobs and operators. */
static void sample_others(struct msg *to)
{
	struct msg m = *to;
	switch (m.type) {
	case MSG_SURVEY:
		m.survey = (struct msg_survey){.id = 8, .target = "eu/pg1/shop1", .task = {0xee, 1}, .probe = 2};
		break;
	case MSG_SURVEY_RESULT:
		m.survey_result = (struct msg_survey_result){8, "eu/pg1/shop1", "db", "broken", "15.3", "id", "42", entries, 2, true, {9}, 1};
		break;
	case MSG_FETCH:
		m.fetch = (struct msg_fetch){.first = 4, .count = 4};
		memcpy(m.fetch.hash, hash_a, DIGEST_SIZE);
		break;
	case MSG_CHUNK:
	case MSG_PUT:
		m.chunk = (struct msg_chunk){.index = 3, .of = 4};
		memcpy(m.chunk.hash, hash_a, DIGEST_SIZE);
		break;
	case MSG_FACTS:
		m.facts = (struct msg_facts){facts, 2};
		break;
	case MSG_TRUST_UPDATE:
		m.trust_update = (struct msg_trust_update){document_refs, 2, document_refs[1]};
		break;
	case MSG_NAK:
		m.nak.message = "gone";
		memcpy(m.nak.hash, hash_a, DIGEST_SIZE);
		break;
	case MSG_PUT_ACK:
		m.put_ack = (struct msg_put_ack){.index = 3, .complete = true};
		memcpy(m.put_ack.hash, hash_a, DIGEST_SIZE);
		break;
	case MSG_COMMAND:
		m.command = (struct msg_command){5, VERB_ROLLOUT_RETRY, arguments, 2, bytes_of_str("plan")};
		break;
	case MSG_REPLY:
		m.reply = (struct msg_reply){5, true, 3, "state", "message", columns, 2, rows, 1, bytes_of_str("doc")};
		break;
	default:
		break;
	}
	*to = m;
}

/* One of each type, every field filled. */
static struct msg sample(enum msg_type t)
{
	struct msg m = {.type = t};
	switch (t) {
	case MSG_HELLO:
		m.hello = (struct msg_hello){"eu-1", "0.1.0", bytes_of_str("cert"), bytes_of_str("boot"), bytes_of(signature, 64), 1, 1, 4, 5, 6, 7};
		break;
	case MSG_WELCOME:
		m.welcome = (struct msg_welcome){
		    .session = UINT64_MAX, .resume_from = 5, .proto = 1, .epoch = 9, .heartbeat_ms = 15000, .spread_ms = 5000, .now_us = -1};
		break;
	case MSG_DENY:
	case MSG_ENROL_DENY:
		m.deny = (struct msg_deny){"identity", "no"};
		break;
	case MSG_ENROL_REQ:
		m.enrol_req = (struct msg_enrol_req){.token = bytes_of_str("t"), .request = bytes_of_str("r"), .signature = bytes_of(signature, 64)};
		break;
	case MSG_ENROL_POLL:
		memcpy(m.enrol_poll.request_digest, hash_a, DIGEST_SIZE);
		break;
	case MSG_ENROL_PENDING:
		m.enrol_pending = (struct msg_enrol_pending){.fingerprint = "3f2a-91bc", .poll_ms = 3000};
		break;
	case MSG_ENROL_GRANT:
		m.enrol_grant.certificate = bytes_of_str("c");
		break;
	case MSG_RETRY_AFTER:
		m.retry_after = (struct msg_retry_after){2000, 8000};
		break;
	case MSG_TARGETS:
		m.targets = (struct msg_targets){targets, 2, true, true};
		break;
	case MSG_HEARTBEAT:
		m.heartbeat = (struct msg_heartbeat){1, 2, 3, 4};
		break;
	case MSG_HEARTBEAT_ACK:
		m.heartbeat_ack = (struct msg_heartbeat_ack){15000};
		break;
	case MSG_OFFER:
		m.offer = (struct msg_offer){.attempt = 2, .epoch = 3, .target = "eu/pg1/shop1", .release_size = 10, .dossier_size = 20};
		m.offer.proof = bytes_of_str("proof");
		m.offer.deadline_us = 99;
		m.offer.direction = DIRECTION_ROLLBACK;
		memcpy(m.offer.task, task_id, TASK_SIZE);
		memcpy(m.offer.release_hash, hash_a, DIGEST_SIZE);
		memcpy(m.offer.dossier_hash, hash_b, DIGEST_SIZE);
		break;
	case MSG_ACCEPT:
	case MSG_REFUSE:
		m.task = (struct msg_task){.attempt = 2, .code = "C11", .message = "why", .until_us = 5};
		memcpy(m.task.task, task_id, TASK_SIZE);
		break;
	case MSG_RECALL:
	case MSG_STOP:
	case MSG_UNHELD:
		m.task = (struct msg_task){.attempt = 2};
		memcpy(m.task.task, task_id, TASK_SIZE);
		break;
	case MSG_PROGRESS:
		m.progress = (struct msg_progress){.attempt = 1, .step = 2, .of_steps = 3, .state = "applying", .changeset = "alice:a", .detail = "d"};
		memcpy(m.progress.task, task_id, TASK_SIZE);
		break;
	case MSG_REPORT:
		m.report = (struct msg_report){7, bytes_of_str("envelope")};
		break;
	case MSG_REPORT_ACK:
		m.report_ack = (struct msg_report_ack){7, {6, {5, 4}}};
		break;
	default:
		sample_others(&m);
		break;
	}
	return m;
}

static void test_every_message_there_and_back(void **state)
{
	(void)state;
	for (int t = MSG_INVALID + 1; t < MSG_TYPE_COUNT; t++) {
		AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
		AUTO(buf_done) struct buf once = BUF_INIT;
		AUTO(buf_done) struct buf twice = BUF_INIT;
		struct msg m = sample((enum msg_type)t), back;
		struct err e = ERR_INIT;
		msg_encode(&m, &once);
		if (msg_decode((enum msg_type)t, buf_bytes(&once), a, &back, &e) != 0)
			fail_msg("%s: %s", msg_type_name((enum msg_type)t), e.msg);
		msg_encode(&back, &twice);
		assert_int_equal(back.type, t);
		assert_true(bytes_equal(buf_bytes(&once), buf_bytes(&twice)));
		assert_true(t == MSG_BYE || once.n > 0);
	}
}

static void test_fields_survive(void **state)
{
	(void)state;
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	AUTO(buf_done) struct buf b = BUF_INIT;
	struct msg m = sample(MSG_OFFER), back;
	struct err e = ERR_INIT;
	msg_encode(&m, &b);
	assert_int_equal(msg_decode(MSG_OFFER, buf_bytes(&b), a, &back, &e), 0);
	assert_memory_equal(back.offer.task, task_id, TASK_SIZE);
	assert_memory_equal(back.offer.dossier_hash, hash_b, DIGEST_SIZE);
	assert_int_equal(back.offer.direction, DIRECTION_ROLLBACK);
	assert_int_equal(back.offer.dossier_size, 20);
	assert_string_equal(back.offer.target, "eu/pg1/shop1");
	m = sample(MSG_TARGETS);
	buf_clear(&b);
	msg_encode(&m, &b);
	assert_int_equal(msg_decode(MSG_TARGETS, buf_bytes(&b), a, &back, &e), 0);
	assert_string_equal(target_label(&back.targets.targets[0], "ring"), "canary");
}

/* Each message cut at every length: an error or a valid shorter message, never a crash; and never the whole one. */
static void test_truncated_messages(void **state)
{
	(void)state;
	for (int t = MSG_INVALID + 1; t < MSG_TYPE_COUNT; t++) {
		AUTO(buf_done) struct buf b = BUF_INIT;
		struct msg m = sample((enum msg_type)t), back;
		msg_encode(&m, &b);
		for (size_t n = 0; n < b.n; n++) {
			AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
			AUTO(buf_done) struct buf again = BUF_INIT;
			struct err e = ERR_INIT;
			if (msg_decode((enum msg_type)t, bytes_of(b.p, n), a, &back, &e) != 0)
				continue;
			msg_encode(&back, &again);
			assert_true(again.n <= b.n);
		}
	}
}

/* Octets of a bad message, and what is said of it. */
static const struct {
	enum msg_type type;
	struct bytes body;
	const char *message;
} bad[] = {
#define BODY(s)                             \
	{                                       \
		(const uint8_t *)(s), sizeof(s) - 1 \
	}
/* A trust document of a TRUST_UPDATE, whole, of this version. */
#define TRUST_REF(version)             \
	"\x0a\x26\x08" version "\x12\x20"  \
	"0123456789abcdef0123456789abcdef" \
	"\x18\x01"
    {MSG_BYE, BODY("x"), "BYE: 1 bytes, must be 0"},
    {MSG_REPORT_ACK, BODY("\xff\xff\xff"), "REPORT_ACK: its bytes are no ReportAck"},
    {MSG_REPORT_ACK, BODY("\x08\x01\x08\x02"),
     "REPORT_ACK: not in the form that an encoder writes (a field twice, a NUL in a text, or a padded number)"},
    {MSG_REPORT_ACK, BODY("\x08\x81\x00"), "REPORT_ACK: not in the form that an encoder writes (a field twice, a NUL in a text, or a padded number)"},
    {MSG_REPORT_ACK, BODY("\x50\x01"), "REPORT_ACK: unknown field 10 in ReportAck"},
    {MSG_REPORT_ACK, BODY("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "REPORT_ACK: seq: above 2^63-1"},
    {MSG_DENY, BODY("\x0a\x01\xff"), "DENY: code: not valid UTF-8"},
    {MSG_DENY, BODY("\x0a\x02g\0"), "DENY: not in the form that an encoder writes (a field twice, a NUL in a text, or a padded number)"},
    {MSG_SURVEY,
     BODY("\x12\x09"
          "eu/../abc"),
     "SURVEY: target: not a target id"},
    {MSG_SURVEY, BODY(""), "SURVEY: target: not a target id"},
    {MSG_RECALL,
     BODY("\x0a\x01"
          "a"),
     "RECALL: task: 1 bytes, must be 16"},
    {MSG_REPORT,
     BODY("\x12\x01"
          "a"),
     "REPORT: seq: outside 1 to 2^63-1"},
    {MSG_REPORT, BODY("\x08\x01"), "REPORT: envelope: empty"},
    {MSG_COMMAND, BODY("\x08\x01"), "COMMAND: verb: unknown verb 0"},
    {MSG_COMMAND, BODY("\x10\x7f"), "COMMAND: verb: unknown verb 127"},
    {MSG_HELLO,
     BODY("\x0a\x04"
          "EU/1"),
     "HELLO: agent: not a name"},
    {MSG_HELLO,
     BODY("\x0a\x01"
          "a\x18\x02"),
     "HELLO: proto_min 2 is above proto_max 0"},
    {MSG_HELLO,
     BODY("\x0a\x01"
          "a"),
     "HELLO: signature: 0 bytes, must be 64"},
    {MSG_WELCOME, BODY(""), "WELCOME: heartbeat_ms: 0 is outside 1 to 3600000"},
    {MSG_HEARTBEAT, BODY("\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "HEARTBEAT: wall_us: before 1970"},
    {MSG_TARGETS,
     BODY("\x0a\x14\x0a\x0c"
          "eu/pg1/shop1\x12\x04"
          "DB 2"),
     "TARGETS: target eu/pg1/shop1: its engine is not a name"},
    {MSG_TRUST_UPDATE, BODY("\x0a\x00"), "TRUST_UPDATE: version of a document is out of range"},
    {MSG_TRUST_UPDATE, BODY("\x0a\x02\x08\x02"), "TRUST_UPDATE: size of a document: 0 bytes is outside 1 to 1048576"},
    {MSG_TRUST_UPDATE, BODY("\x12\x04\x08\x02\x18\x09"), "TRUST_UPDATE: hash of a document: 0 bytes, must be 32"},
    {MSG_TRUST_UPDATE, BODY(TRUST_REF("\x03") TRUST_REF("\x02")),
     "TRUST_UPDATE: trust documents: version 2 comes behind version 3; they must be in ascending order"},
    {MSG_TRUST_UPDATE, BODY(TRUST_REF("\x02") TRUST_REF("\x03") TRUST_REF("\x03")),
     "TRUST_UPDATE: trust documents: version 3 comes behind version 3; they must be in ascending order"},
    {MSG_REPLY,
     BODY("\x32\x01"
          "a\x3a\x00"),
     "REPLY: rows: 0 cells in a row of 1 columns"},
};

static void test_bad_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
		struct msg back = {.type = MSG_BYE};
		struct err e = ERR_INIT;
		assert_int_equal(msg_decode(bad[i].type, bad[i].body, a, &back, &e), -1);
		assert_int_equal(back.type, MSG_BYE);
		if (bad[i].message)
			assert_string_equal(e.msg, bad[i].message);
	}
}

static void test_sizes_are_capped(void **state)
{
	(void)state;
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	AUTO(buf_done) struct buf b = BUF_INIT;
	struct msg back, m = sample(MSG_FETCH);
	struct err e = ERR_INIT;
	m.fetch.count = LIMIT_CHUNK_CREDIT + 1;
	msg_encode(&m, &b);
	assert_int_equal(msg_decode(MSG_FETCH, buf_bytes(&b), a, &back, &e), -1);
	assert_string_equal(e.msg, "FETCH: count: 5 chunks from 4; 1 to 4 may be asked for");
	m = sample(MSG_OFFER);
	m.offer.release_size = LIMIT_ENVELOPE + 1;
	buf_clear(&b);
	msg_encode(&m, &b);
	assert_int_equal(msg_decode(MSG_OFFER, buf_bytes(&b), a, &back, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	m = sample(MSG_CHUNK);
	m.chunk.of = 1000000;
	buf_clear(&b);
	msg_encode(&m, &b);
	assert_int_equal(msg_decode(MSG_CHUNK, buf_bytes(&b), a, &back, &e), -1);
	assert_string_equal(e.msg, "CHUNK: index: chunk 3 of 1000000; at most 256 chunks are allowed");
	buf_clear(&b);
	while (b.n <= LIMIT_FRAME_BODY)
		buf_adds(&b, "\x3a"); /* REPLY's rows */
	assert_int_equal(msg_decode(MSG_REPLY, buf_bytes(&b), a, &back, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
}

/* As many empty submessages as a body can hold: two octets each on the wire, many more in memory. */
static void test_many_small_fields_stay_within_the_arena(void **state)
{
	(void)state;
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	AUTO(buf_done) struct buf b = BUF_INIT;
	struct msg back;
	struct err e = ERR_INIT;
	while (b.n + 2 <= LIMIT_FRAME_BODY)
		buf_add(&b, "\x1a\x00", 2);
	assert_int_equal(msg_decode(MSG_COMMAND, buf_bytes(&b), a, &back, &e), -1);
	assert_true(arena_used(a) <= LIMIT_ARENA_MESSAGE);
}

static void test_free_texts_are_cut_and_cleaned(void **state)
{
	(void)state;
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	AUTO(buf_done) struct buf b = BUF_INIT;
	AUTO(buf_done) struct buf text = BUF_INIT;
	struct msg m = sample(MSG_PROGRESS), back;
	struct err e = ERR_INIT;
	buf_addc(&text, 'x');
	while (text.n < 3 * LIMIT_LINK_TEXT)
		buf_adds(&text, "\xc3\xa9");
	m.progress.detail = text.p;
	m.progress.changeset = "caf\xe9";
	msg_encode(&m, &b);
	assert_int_equal(msg_decode(MSG_PROGRESS, buf_bytes(&b), a, &back, &e), 0);
	assert_int_equal(strlen(back.progress.detail), LIMIT_LINK_TEXT - 1); /* not in the middle of a character */
	assert_string_equal(back.progress.changeset, "caf?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_message_there_and_back),
	    cmocka_unit_test(test_fields_survive),
	    cmocka_unit_test(test_truncated_messages),
	    cmocka_unit_test(test_bad_messages),
	    cmocka_unit_test(test_sizes_are_capped),
	    cmocka_unit_test(test_many_small_fields_stay_within_the_arena),
	    cmocka_unit_test(test_free_texts_are_cut_and_cleaned),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
