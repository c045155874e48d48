/* The schemas that a release is signed to find and to leave: from snapshots that `rollcall-agent snapshot` has printed. */
#ifndef CONTROLLER_RELEASE_EXPECT_H
#define CONTROLLER_RELEASE_EXPECT_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/model/release.h"

/* `text`: "ENGINE=FILE". Adds the file's fingerprint to the release, and the feature that goes with it. ERR_USAGE, ERR_PARSE with what to do. */
int release_expect_schema(struct release *r, const char *text, bool after, struct arena *a, struct err *e) MUST_CHECK;

#endif
