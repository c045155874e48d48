/* See the header. */
#include "controller/audit/chain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/crypto/digest.h"

#define NUMBER_SIZE 24

/* In decimal; the text's beginning. By hand: a fan-out makes some dozens of them for each target. */
static const char *decimal(uint64_t n, char out[NUMBER_SIZE])
{
	char *p = &out[NUMBER_SIZE - 1];
	*p = '\0';
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	return p;
}

static void add_field(struct buf *b, const char *text)
{
	char size[NUMBER_SIZE];
	if (!text) {
		buf_add(b, "-,", 2);
		return;
	}
	size_t n = strlen(text);
	buf_adds(b, decimal(n, size));
	buf_addc(b, ':');
	buf_add(b, text, n);
	buf_addc(b, ',');
}

void audit_hash(uint64_t seq, const struct store_event *ev, const uint8_t prev[DIGEST_SIZE], uint8_t out[DIGEST_SIZE])
{
	char number[NUMBER_SIZE], at[NUMBER_SIZE + 1], evidence[DIGEST_SIZE * 2 + 1];
	AUTO(buf_done) struct buf b = BUF_INIT;
	snprintf(at, sizeof at, "%" PRId64, ev->at_us);
	const char *fields[] = {decimal(seq, number),
	                        at,
	                        ev->actor,
	                        ev->rollout,
	                        ev->object,
	                        ev->event,
	                        ev->from,
	                        ev->to,
	                        ev->detail,
	                        ev->ref,
	                        ev->evidence ? bytes_to_hex(bytes_of(ev->evidence, DIGEST_SIZE), evidence) : NULL};
	buf_reserve(&b, 512);
	buf_add(&b, prev, DIGEST_SIZE);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		add_field(&b, fields[i]);
	digest_sha256(buf_bytes(&b), out);
}
