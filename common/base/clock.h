/* Time. Wall time is int64 microseconds since 1970 UTC (`..._at_us`), monotonic time serves timeouts.
 * Pure modules take `now_us` as an argument; only daemons, command lines and runners read the clock. */
#ifndef COMMON_BASE_CLOCK_H
#define COMMON_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define CLOCK_TEXT_SIZE 32

int64_t clock_wall_us(void);
int64_t clock_mono_us(void);
void clock_sleep_ms(uint32_t ms);
/* When somebody was heard last, once `lost_us` have gone by in which nobody could hear him: that much later, but not in the time to come. */
int64_t clock_forgive(int64_t heard_us, int64_t lost_us, int64_t now_us);

/* "2026-11-22T21:52:07Z" (seconds, UTC); "-" for 0. `out` holds CLOCK_TEXT_SIZE. Returns out. */
char *clock_text(int64_t at_us, char *out);
/* RFC 3339 in UTC ("2026-11-22T21:52:07Z", or a date alone); ERR_PARSE otherwise. */
int clock_parse(const char *s, int64_t *ret_us, struct err *e) MUST_CHECK;
/* "12 ms", "3.4 s", "17 s", "5 min", "2 h", "3 d", rounded: for people. `out` holds CLOCK_TEXT_SIZE. Returns out. */
char *clock_duration_text(int64_t us, char *out);

#endif
