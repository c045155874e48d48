/* Version numbers as servers and agents say them ("15.18 (Debian 15.18-0+deb12u1)", "10.11.6-MariaDB", "3.40.1") against the bounds that a release is signed with ("14",
 * "10.11"). Pure. */
#ifndef COMMON_MODEL_VERSION_H
#define COMMON_MODEL_VERSION_H

#include "common/base/arena.h"
#include "common/model/release.h"

/* One to four whole numbers with dots between them, each of at most six digits, and nothing else. */
bool version_is_bound(const char *text);
/* <0, 0, >0. Only as many numbers as the bound has are compared: 15.18 is as high as 15, and 15 is below 15.2. A version that begins with no number is below every bound. */
int version_against(const char *version, const char *bound);
/* Does this version lie in the range, its bounds included? */
bool engine_range_has(const struct engine_range *r, const char *version);
/* "postgresql 14 to 16", "mariadb 10.11 or later", "sqlite up to 3.45", "sqlite". In the arena. */
const char *engine_range_text(const struct engine_range *r, struct arena *a);

#endif
