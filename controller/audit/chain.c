/* See the header. */
#include "controller/audit/chain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/crypto/digest.h"

static void add_field(struct digest *d, const char *text)
{
	char size[24];
	if (!text) {
		digest_add(d, "-,", 2);
		return;
	}
	size_t n = strlen(text);
	digest_add(d, size, (size_t)snprintf(size, sizeof size, "%zu:", n));
	digest_add(d, text, n);
	digest_add(d, ",", 1);
}

void audit_hash(uint64_t seq, const struct store_event *ev, const uint8_t prev[DIGEST_SIZE], uint8_t out[DIGEST_SIZE])
{
	char number[24], at[24], evidence[DIGEST_SIZE * 2 + 1];
	snprintf(number, sizeof number, "%" PRIu64, seq);
	snprintf(at, sizeof at, "%" PRId64, ev->at_us);
	const char *fields[] = {number,
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
	struct digest *d = digest_new();
	digest_add(d, prev, DIGEST_SIZE);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		add_field(d, fields[i]);
	digest_final(&d, out);
}
