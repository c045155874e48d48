/* Fuzz target for the link. First byte: 0 is a frame's header, any other a message type; the rest: its bytes. A refusal is a parse or limit error and leaves the result
 * untouched; what is accepted is in the form that the encoder writes and reads back the same. */
#include <string.h>

#include "common/base/mem.h"
#include "common/wire/hello.h"
#include "common/wire/limits.h"
#include "common/wire/link.h"
#include "tests/fuzz/fuzz.h"

static void refused(const struct err *e)
{
	fuzz_require((e->code == ERR_PARSE || e->code == ERR_LIMIT) && e->msg[0], "a refusal says why");
}

static void check_header(struct bytes data)
{
	struct link_header h = {.seq = 77};
	uint8_t again[LINK_HEADER_SIZE];
	struct err e = ERR_INIT;
	fuzz_accepted = link_header_decode(data, &h, &e) == 0;
	if (!fuzz_accepted) {
		refused(&e);
		fuzz_require(h.seq == 77, "untouched when refused");
		return;
	}
	link_header_encode(&h, again);
	fuzz_require(bytes_equal(data, bytes_of(again, sizeof again)), "a header has one form");
}

static void check_message(enum msg_type type, struct bytes body)
{
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	AUTO(arena_destroy) struct arena *b = arena_new(LIMIT_ARENA_MESSAGE);
	AUTO(buf_done) struct buf once = BUF_INIT;
	AUTO(buf_done) struct buf twice = BUF_INIT;
	AUTO(buf_done) struct buf signed_bytes = BUF_INIT;
	struct msg m = {.type = MSG_INVALID}, back;
	struct err e = ERR_INIT;
	fuzz_accepted = msg_decode(type, body, a, &m, &e) == 0;
	if (!fuzz_accepted) {
		refused(&e);
		fuzz_require(m.type == MSG_INVALID, "untouched when refused");
		return;
	}
	fuzz_require(m.type == type, "the type that was asked for");
	msg_encode(&m, &once);
	fuzz_require(once.n <= body.n, "what came in fits out again");
	fuzz_require(msg_decode(type, buf_bytes(&once), b, &back, &e) == 0, "what we encode is accepted");
	msg_encode(&back, &twice);
	fuzz_require(bytes_equal(buf_bytes(&once), buf_bytes(&twice)), "encoding is stable");
	if (type == MSG_HELLO)
		hello_signed_bytes(&m.hello, "key", &signed_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	enum msg_type type = (enum msg_type)(data[0] % MSG_TYPE_COUNT);
	if (type == MSG_INVALID)
		check_header(bytes_of(data + 1, size - 1));
	else
		check_message(type, bytes_of(data + 1, size - 1));
	return 0;
}
