/* Crash points of test builds. */
#include "agent/apply/failpoint.h"

#ifdef ROLLCALL_TEST_BUILD

#include <assert.h>
#include <stdbool.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

const char *const failpoint_names[] = {"connected",
                                       "locked",
                                       "before-journal-intent",
                                       "after-journal-intent",
                                       "values-noted",
                                       "begun",
                                       "statement-run",
                                       "ledger-written",
                                       "committed",
                                       "before-intent",
                                       "intent-written",
                                       "n-statement-run",
                                       "outcome-written",
                                       "batch-begun",
                                       "batch-statement-run",
                                       "batch-committed",
                                       "before-validate",
                                       "revert-noted",
                                       "reverted",
                                       "mark-ran",
                                       "before-journal-done",
                                       "finish-uncommitted",
                                       "finished",
                                       NULL};

static const char *const outside_deliveries[] = {"believe-uncommitted", NULL};

static bool is_among(const char *name, const char *const *names)
{
	for (size_t i = 0; names[i]; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

void failpoint_hit(const char *name)
{
	static atomic_ulong passes; /* of the one name that the environment asks for */
	assert(is_among(name, failpoint_names) || is_among(name, outside_deliveries));
	const char *wanted = getenv("ROLLCALL_CRASH_AT");
	size_t n = strlen(name);
	if (!wanted || strncmp(wanted, name, n) != 0 || (wanted[n] && wanted[n] != ':'))
		return;
	unsigned long at = wanted[n] == ':' ? strtoul(wanted + n + 1, NULL, 10) : 1;
	if (atomic_fetch_add(&passes, 1) + 1 == at)
		raise(SIGKILL);
}

#else
typedef int failpoint_is_for_test_builds; /* ISO C wants a declaration in each file */
#endif
