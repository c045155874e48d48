/* Failpoints of test builds. */
#include "common/base/failpoint.h"

#ifdef ROLLCALL_TEST_BUILD

#include <arpa/inet.h>
#include <assert.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define DESCRIPTORS 1024 /* more than a process under test has open */

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

const char *const failpoint_agent_names[] = {"offer-received", "offer-journaled", "accept-sent",   "blob-stored", "report-unsent",
                                             "report-sent",    "ack-received",    "ack-journaled", NULL};

const char *const failpoint_controller_names[] = {
    "accept-received", "report-received", "turn-uncommitted", "turn-committed", "offer-stored", "offer-sent", "report-stored", "ack-sent", NULL};

const char *const failpoint_renewal_names[] = {"renewal-keys-made", "renewal-prepared", "renewal-granted",
                                               "renewal-certified", "renewal-taken",    NULL};

static const char *const own_tests[] = {"believe-uncommitted", NULL}; /* a unit test passes there by itself */

static bool is_in(const char *const *names, const char *name)
{
	for (size_t i = 0; names[i]; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static void cut(unsigned long port)
{
	for (int fd = 0; fd < DESCRIPTORS; fd++) {
		struct sockaddr_in peer = {0};
		socklen_t n = sizeof peer;
		if (getpeername(fd, (struct sockaddr *)&peer, &n) == 0 && peer.sin_family == AF_INET && ntohs(peer.sin_port) == port)
			shutdown(fd, SHUT_RDWR);
	}
}

/* "kill", "stop", "cut:PORT" or "end:PID"; anything else is a mistake of the test. */
static void act(const char *action)
{
	const char *colon = strchr(action, ':');
	unsigned long number = colon ? strtoul(colon + 1, NULL, 10) : 0;
	if (strcmp(action, "kill") == 0)
		raise(SIGKILL);
	else if (strcmp(action, "stop") == 0)
		raise(SIGSTOP);
	else if (strncmp(action, "cut:", 4) == 0)
		cut(number);
	else if (strncmp(action, "end:", 4) == 0 && number > 1)
		kill((pid_t)number, SIGKILL);
	else
		assert(!"no such action");
}

void failpoint_hit(const char *name)
{
	static atomic_ulong passes; /* of the one name that the environment asks for */
	assert(is_in(failpoint_names, name) || is_in(failpoint_agent_names, name) || is_in(failpoint_controller_names, name) ||
	       is_in(failpoint_renewal_names, name) || is_in(own_tests, name));
	const char *wanted = getenv("ROLLCALL_CRASH_AT");
	size_t n = strlen(name);
	if (!wanted || strncmp(wanted, name, n) != 0 || (wanted[n] && wanted[n] != ':' && wanted[n] != '='))
		return;
	unsigned long at = wanted[n] == ':' ? strtoul(wanted + n + 1, NULL, 10) : 1;
	const char *action = strchr(wanted + n, '=');
	if (atomic_fetch_add(&passes, 1) + 1 == at)
		act(action ? action + 1 : "kill");
}

#else
typedef int failpoint_is_for_test_builds; /* ISO C wants a declaration in each file */
#endif
