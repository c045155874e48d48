/* Places where a test makes something go wrong: in a test build (-DROLLCALL_TEST_BUILD), FAILPOINT("committed") acts when ROLLCALL_CRASH_AT=committed[:n][=ACTION] says so (n: at
 * the n-th pass, from 1). Compiled to nothing otherwise. ACTION is one of
 *
 *   kill        SIGKILL to this process; the default
 *   stop        SIGSTOP to it, as a machine that is suspended; SIGCONT goes on
 *   cut:PORT    every connection of this process to PORT is shut down, and it goes on
 *   end:PID     SIGKILL to another process, such as the database server, and it goes on */
#ifndef COMMON_BASE_FAILPOINT_H
#define COMMON_BASE_FAILPOINT_H

#ifdef ROLLCALL_TEST_BUILD
extern const char *const failpoint_names[]; /* of a delivery, in its order; NULL-terminated: what a test walks through */
extern const char *const failpoint_agent_names[]; /* of the agent around it */
extern const char *const failpoint_controller_names[];
extern const char *const failpoint_renewal_names[]; /* of an agent that renews its certificate */
void failpoint_hit(const char *name);
#define FAILPOINT(name) failpoint_hit(name)
#else
#define FAILPOINT(name) ((void)0)
#endif

#endif
