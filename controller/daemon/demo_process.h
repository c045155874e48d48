/* Child processes of the demo: executed by argv, never through a shell; each in its own process group (Ctrl-C is ours to pass on) and bound to our life by
 * PR_SET_PDEATHSIG, so that even a killed demo leaves nobody behind. */
#ifndef CONTROLLER_DAEMON_DEMO_PROCESS_H
#define CONTROLLER_DAEMON_DEMO_PROCESS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "common/base/buf.h"
#include "common/base/err.h"

extern volatile sig_atomic_t process_interrupted; /* set by SIGINT, SIGTERM, SIGHUP after process_catch_signals */
void process_catch_signals(void);

struct process {
	pid_t pid; /* 0: not running */
	uid_t uid; /* with gid, when not 0: who runs it (servers refuse to run as root) */
	gid_t gid;
	int stop_signal; /* 0: SIGTERM */
};

/* Starts argv[0] (a path) with output appended to `log`. */
int process_start(struct process *p, const char *const *argv, const char *log, struct err *e) MUST_CHECK;
bool process_alive(struct process *p); /* reaps it when it has ended */
/* Asks by its stop signal, kills after timeout_ms; returns when it is gone. Fine when it is not running. */
void process_stop(struct process *p, int timeout_ms);
void process_kill(struct process *p); /* SIGKILL, and waits until it is gone */

/* Runs argv to its end. Output (both streams) goes to ret_out, and through `echo` with its text as it comes (may be NULL).
 * ERR_TIMEOUT after timeout_ms, ERR_STATE when we were interrupted; the child is gone either way. *ret_code: its exit code, 128 + n when a signal ended it. */
typedef void process_echo_fn(void *arg, const char *text, size_t n);
struct process_run {
	const char *const *argv;
	uid_t uid;
	gid_t gid;
	const char *input; /* its standard input; NULL: nothing */
	bool drop_stderr;
	int timeout_ms;
	process_echo_fn *echo;
	void *echo_arg;
};
int process_run(const struct process_run *r, struct buf *ret_out, int *ret_code, struct err *e) MUST_CHECK;

#endif
