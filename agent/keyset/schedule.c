/* See the header. */
#include "agent/keyset/schedule.h"

#include <string.h>

#include "common/crypto/digest.h"

#define PAUSE_MIN_US ((int64_t)60 * 1000000)
#define PAUSE_MAX_US ((int64_t)6 * 3600 * 1000000)
#define QUICK_MIN_US ((int64_t)1000000)
#define QUICK_MAX_US ((int64_t)5 * 1000000)
#define FIRST_SHARE  2000 /* of the life */
#define LAST_SHARE   50

static int64_t life_us(const struct certificate *c)
{
	return c->not_after_us > c->not_before_us ? c->not_after_us - c->not_before_us : 0;
}

static int64_t between(int64_t low, int64_t x, int64_t high)
{
	return x < low ? low : x > high ? high : x;
}

int64_t renewal_due_us(const struct certificate *c)
{
	uint8_t digest[DIGEST_SIZE];
	uint16_t draw = 0;
	digest_sha256(bytes_of_str(c->serial), digest);
	memcpy(&draw, digest, sizeof draw);
	return c->not_before_us + life_us(c) / 3 * 2 + life_us(c) / 10 / 65536 * draw;
}

uint32_t renewal_pause_ms(const struct certificate *c, unsigned tries)
{
	int64_t first_us = between(QUICK_MIN_US, life_us(c) / FIRST_SHARE, PAUSE_MIN_US),
	        last_us = between(QUICK_MAX_US, life_us(c) / LAST_SHARE, PAUSE_MAX_US);
	int64_t us = first_us << (tries < 16 ? tries : 16);
	return (uint32_t)(between(first_us, us, last_us) / 1000);
}
