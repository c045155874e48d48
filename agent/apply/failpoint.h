/* Places where a test makes the agent die: FAILPOINT("after-commit") raises SIGKILL in a test build (-DROLLCALL_TEST_BUILD) when ROLLCALL_CRASH_AT=after-commit[:n] says so
 * (n: at the n-th pass, from 1). Compiled to nothing otherwise. The names, in the order of a delivery, are in failpoint.c. */
#ifndef AGENT_APPLY_FAILPOINT_H
#define AGENT_APPLY_FAILPOINT_H

#ifdef ROLLCALL_TEST_BUILD
extern const char *const failpoint_names[]; /* NULL-terminated: what a test walks through */
void failpoint_hit(const char *name);
#define FAILPOINT(name) failpoint_hit(name)
#else
#define FAILPOINT(name) ((void)0)
#endif

#endif
