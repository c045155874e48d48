/* common/wire/link: the header's bytes, the names, and cell by cell the closed table of who may send what, where and when. The messages' bodies are in link_codec_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/str.h"
#include "common/wire/link.h"

/* ---- header ---- */

static void test_header_bytes(void **state)
{
	(void)state;
	static const uint8_t expected[LINK_HEADER_SIZE] = {'R', 'C', 'P', '1', 1, MSG_REPORT, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1, 2, 0, 0, 0, 0, 0, 0, 0,
	                                                   3,   0,   0,   0,   0, 0,          0, 0, 4, 0, 0, 0, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	struct link_header h = {.proto = 1, .type = MSG_REPORT, .session = 0x0102030405060708, .seq = 2, .ack = 3, .epoch = 4, .body_len = 0x105}, back;
	uint8_t out[LINK_HEADER_SIZE];
	struct err e = ERR_INIT;
	link_header_encode(&h, out);
	assert_memory_equal(out, expected, sizeof out);
	assert_int_equal(link_header_decode(bytes_of(out, sizeof out), &back, &e), 0);
	assert_int_equal(back.session, h.session);
	assert_int_equal(back.seq, 2);
	assert_int_equal(back.ack, 3);
	assert_int_equal(back.epoch, 4);
	assert_int_equal(back.body_len, 0x105);
	assert_int_equal(back.type, MSG_REPORT);
}

static void test_header_refuses(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint8_t value;
		const char *message;
	} cases[] = {
	    {0, 'X', "header: not a Rollcall frame"},
	    {4, 2, "header: protocol 2; this end speaks 1"},
	    {5, 0, "header: unknown message type 0"},
	    {5, MSG_TYPE_COUNT, NULL},
	    {5, 255, "header: unknown message type 255"},
	    {6, 1, "header: flags or reserved bits are set"},
	    {47, 1, "header: flags or reserved bits are set"},
	    {39, 0x80, "header: body of 2147483648 bytes; at most 262144 are allowed"},
	    {38, 4, NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct link_header h = {.proto = 1, .type = MSG_HELLO}, back = {.seq = 77};
		uint8_t out[LINK_HEADER_SIZE];
		struct err e = ERR_INIT;
		link_header_encode(&h, out);
		out[cases[i].at] = cases[i].value;
		int rc = link_header_decode(bytes_of(out, sizeof out), &back, &e);
		if (cases[i].at == 38) { /* exactly at the cap is fine */
			assert_int_equal(rc, 0);
			continue;
		}
		assert_int_equal(rc, -1);
		assert_int_equal(back.seq, 77);
		if (cases[i].message)
			assert_string_equal(e.msg, cases[i].message);
	}
	struct link_header back;
	struct err e = ERR_INIT;
	assert_int_equal(link_header_decode(bytes_of("RCP1", 4), &back, &e), -1);
	assert_string_equal(e.msg, "header: 4 bytes, must be 48");
	assert_int_equal(link_header_decode(bytes_of(NULL, 0), &back, &e), -1);
}

/* ---- the closed table ---- */

/* Written out again on purpose: a cell that is opened by mistake is seen here. */
static const struct {
	enum link_socket socket;
	enum link_role sender;
	enum link_state state;
	enum msg_type types[12];
} open_cells[] = {
    {SOCKET_CTRL, LINK_AGENT, LINK_NEW, {MSG_HELLO}},
    {SOCKET_CTRL,
     LINK_AGENT,
     LINK_READY,
     {MSG_TARGETS, MSG_HEARTBEAT, MSG_ACCEPT, MSG_REFUSE, MSG_PROGRESS, MSG_REPORT, MSG_SURVEY_RESULT, MSG_FACTS, MSG_UNHELD, MSG_BYE}},
    {SOCKET_CTRL, LINK_OPERATOR, LINK_NEW, {MSG_COMMAND}},
    {SOCKET_CTRL, LINK_OPERATOR, LINK_READY, {MSG_COMMAND, MSG_BYE}},
    {SOCKET_CTRL, LINK_CONTROLLER, LINK_NEW, {MSG_WELCOME, MSG_DENY, MSG_RETRY_AFTER}},
    {SOCKET_CTRL,
     LINK_CONTROLLER,
     LINK_READY,
     {MSG_HEARTBEAT_ACK, MSG_OFFER, MSG_RECALL, MSG_STOP, MSG_REPORT_ACK, MSG_SURVEY, MSG_DENY, MSG_REPLY, MSG_TRUST_UPDATE}},
    {SOCKET_ENROL, LINK_STRANGER, LINK_NEW, {MSG_ENROL_REQ, MSG_ENROL_POLL}},
    {SOCKET_ENROL, LINK_CONTROLLER, LINK_NEW, {MSG_ENROL_PENDING, MSG_ENROL_GRANT, MSG_ENROL_DENY, MSG_RETRY_AFTER}},
    {SOCKET_BLOB, LINK_AGENT, LINK_READY, {MSG_FETCH}},
    {SOCKET_BLOB, LINK_OPERATOR, LINK_READY, {MSG_PUT}},
    {SOCKET_BLOB, LINK_CONTROLLER, LINK_READY, {MSG_CHUNK, MSG_NAK, MSG_PUT_ACK}},
};

static bool expected(int s, int r, int st, int t)
{
	for (size_t i = 0; i < ARRAY_LEN(open_cells); i++)
		if ((int)open_cells[i].socket == s && (int)open_cells[i].sender == r && (int)open_cells[i].state == st)
			for (size_t k = 0; k < ARRAY_LEN(open_cells[i].types); k++)
				if (t != MSG_INVALID && (int)open_cells[i].types[k] == t)
					return true;
	return false;
}

static void test_closed_table(void **state)
{
	(void)state;
	unsigned open = 0;
	for (int s = -1; s <= SOCKET_COUNT; s++)
		for (int r = -1; r <= LINK_ROLE_COUNT; r++)
			for (int st = -1; st <= LINK_STATE_COUNT; st++)
				for (int t = -1; t <= 256; t++) {
					bool is = link_allowed((enum link_socket)s, (enum link_role)r, (enum link_state)st, (enum msg_type)t);
					assert_int_equal(is, expected(s, r, st, t));
					open += is;
				}
	assert_int_equal(open, 37);
}

static void test_names(void **state)
{
	(void)state;
	for (int t = 0; t < MSG_TYPE_COUNT; t++)
		assert_non_null(msg_type_name((enum msg_type)t));
	for (int v = 0; v < VERB_COUNT; v++)
		assert_non_null(verb_name((enum verb)v));
	assert_string_equal(verb_name(VERB_TRUST_SHOW), "trust-show");
	assert_string_equal(msg_type_name((enum msg_type)200), "INVALID");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_header_bytes),
	    cmocka_unit_test(test_header_refuses),
	    cmocka_unit_test(test_closed_table),
	    cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
