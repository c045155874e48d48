/* Fuzz target for what the core reads from a gateway (controller/link/gateway_event.h). First byte: even: an event, odd: the first message. The next: how many bytes its struct lacks at
 * the end. Then a patch over a sound one of this build, place (two bytes, little end first), length (one byte), the bytes; the rest is an event's body. So a corpus outlives a change of
 * the structs. A refusal says why and leaves the result untouched; of what is taken every text ends, the numbers are in their sets, and the brain can decode the message. */
#include <string.h>

#include "common/base/mem.h"
#include "common/wire/limits.h"
#include "controller/link/gateway_event.h"
#include "tests/fuzz/fuzz.h"

#define GATES 3

struct input {
	const uint8_t *p;
	size_t n;
};

static uint8_t next(struct input *in) /* there is one */
{
	in->n--;
	return *in->p++;
}

static void patch(struct input *in, void *over, size_t size)
{
	if (in->n < 3)
		return;
	size_t at = next(in);
	at |= (size_t)next(in) << 8;
	size_t n = next(in);
	n = n < in->n ? n : in->n;
	at = at < size ? at : size;
	memcpy((uint8_t *)over + at, in->p, n < size - at ? n : size - at);
	in->p += n;
	in->n -= n;
}

/* An exact copy, so that a read past the end is seen. */
static uint8_t *cut_copy(const void *from, size_t size, size_t lacks, struct bytes *ret)
{
	size_t n = size - (lacks < size ? lacks : size);
	uint8_t *copy = mem_alloc(n + (n == 0));
	memcpy(copy, from, n);
	*ret = bytes_of(copy, n);
	return copy;
}

#define ENDS(text) fuzz_require(memchr((text), '\0', sizeof(text)) != NULL, #text " ends")

static void refused(const struct err *e)
{
	fuzz_require((e->code == ERR_PARSE || e->code == ERR_STATE) && e->msg[0], "a refusal says why");
}

static void check_event(struct input in, size_t lacks)
{
	struct hub_head sound = {.type = HUB_MESSAGE, .msg_type = MSG_HEARTBEAT, .from = {.kind = LINK_AGENT, .name = "eu-1"}, .session = 7};
	struct hub_head h;
	struct bytes head;
	struct err e = ERR_INIT;
	patch(&in, &sound, sizeof sound);
	AUTO(mem_free_ptr) uint8_t *copy = cut_copy(&sound, sizeof sound, lacks, &head);
	struct bytes body = bytes_of(in.p, in.n);
	h.session = 77;
	fuzz_accepted = gateway_event_read(head, body, &h, &e) == 0;
	if (!fuzz_accepted) {
		fuzz_require(h.session == 77, "untouched when refused");
		refused(&e);
		return;
	}
	ENDS(h.from.name);
	ENDS(h.from.role);
	ENDS(h.from.curve_key);
	fuzz_require((unsigned)h.type < HUB_STARTED && (unsigned)h.from.kind < LINK_ROLE_COUNT && h.from.kind != LINK_CONTROLLER, "in their sets");
	if (h.type != HUB_MESSAGE)
		return;
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	struct msg m;
	fuzz_require(msg_decode(h.msg_type, body, a, &m, &e) == 0, "the brain can decode it");
}

static void check_hello(struct input in, size_t lacks)
{
	struct gateway_hello sound = gateway_hello_make(), h;
	struct bytes body;
	struct err e = ERR_INIT;
	patch(&in, &sound, sizeof sound);
	AUTO(mem_free_ptr) uint8_t *copy = cut_copy(&sound, sizeof sound, lacks, &body);
	h.index = 77;
	fuzz_accepted = gateway_hello_read(body, GATES, &h, &e) == 0;
	if (!fuzz_accepted) {
		fuzz_require(h.index == 77, "untouched when refused");
		refused(&e);
		return;
	}
	fuzz_require(h.index < GATES, "one of the gateways that there are");
	ENDS(h.version);
	ENDS(h.names.ctrl_endpoint);
	ENDS(h.names.blob_endpoint);
	ENDS(h.names.enrol_endpoint);
	ENDS(h.names.public_key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	if (size < 2)
		return 0;
	bool hello = next(&in) & 1;
	size_t lacks = next(&in);
	if (hello)
		check_hello(in, lacks);
	else
		check_event(in, lacks);
	return 0;
}
