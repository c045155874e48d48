/* Time zones of the IANA database, read from its compiled files: how far a place's clock on the wall is from UTC at a moment. libc answers this only for the process's own
 * zone, and setting that is not for a process with threads. Source: RFC 8536 (TZif), POSIX "TZ" for the rule that holds after the last listed change. */
#ifndef AGENT_POLICY_ZONE_H
#define AGENT_POLICY_ZONE_H

#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"

struct zone;

/* "Europe/Berlin", "UTC". ERR_NOT_FOUND for a name that the database lacks, ERR_PARSE for a file that is not in its form. Lives in the arena. */
int zone_load(const char *name, struct arena *a, const struct zone **ret, struct err *e) MUST_CHECK;
/* The same from a file's bytes; `name` stands for it in messages. */
int zone_read(const char *name, struct bytes data, struct arena *a, const struct zone **ret, struct err *e) MUST_CHECK;
const char *zone_name(const struct zone *z);
/* Seconds east of UTC at that moment (seconds since 1970 UTC). */
int32_t zone_offset(const struct zone *z, int64_t at_s);

#endif
