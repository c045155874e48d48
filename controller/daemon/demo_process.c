/* See the header. */
#include "controller/daemon/demo_process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"

#define OUTPUT_MAX ((size_t)16 * 1024 * 1024)

volatile sig_atomic_t process_interrupted;

static void on_signal(int sig)
{
	(void)sig;
	process_interrupted = 1;
}

void process_catch_signals(void)
{
	struct sigaction sa = {.sa_handler = on_signal};
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN); /* a closed pipe to a child or a reader of ours must not skip the clean-up */
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* In the child of our single thread: becomes who it shall be, then the program. Another user may be able to enter neither our folder nor our TMPDIR. */
static void become(const char *const *argv, pid_t parent, uid_t uid, gid_t gid, int death_signal, int in, int out, int err)
{
	setpgid(0, 0);
	if (uid && (setgroups(0, NULL) != 0 || setgid(gid) != 0 || setuid(uid) != 0))
		_exit(126);
	if (uid && (chdir("/") != 0 || unsetenv("TMPDIR") != 0))
		_exit(126);
	prctl(PR_SET_PDEATHSIG, death_signal); /* after setuid, which clears it */
	if (getppid() != parent)
		_exit(126);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
		_exit(126);
	execv(argv[0], (char *const *)argv);
	_exit(127);
}

int process_start(struct process *p, const char *const *argv, const char *log, struct err *e)
{
	AUTO(close_fd) int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	AUTO(close_fd) int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	pid_t parent = getpid();
	if (in < 0 || out < 0)
		return err_set_errno(e, "%s", log);
	if (access(argv[0], X_OK) != 0)
		return err_set_errno(e, "%s", argv[0]);
	pid_t pid = fork();
	if (pid < 0)
		return err_set_errno(e, "%s", argv[0]);
	if (pid == 0)
		become(argv, parent, p->uid, p->gid, p->stop_signal ? p->stop_signal : SIGKILL, in, out, out);
	setpgid(pid, pid);
	p->pid = pid;
	return 0;
}

bool process_alive(struct process *p)
{
	if (p->pid && waitpid(p->pid, NULL, WNOHANG) == p->pid)
		p->pid = 0;
	return p->pid != 0;
}

void process_kill(struct process *p)
{
	if (!p->pid)
		return;
	kill(p->pid, SIGKILL);
	while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
		;
	p->pid = 0;
}

void process_stop(struct process *p, int timeout_ms)
{
	int64_t deadline = clock_mono_us() + (int64_t)timeout_ms * 1000;
	if (!process_alive(p))
		return;
	kill(p->pid, p->stop_signal ? p->stop_signal : SIGTERM);
	while (process_alive(p) && clock_mono_us() < deadline)
		poll(NULL, 0, 20);
	process_kill(p);
}

struct running { /* one process_run */
	const struct process_run *run;
	struct process process;
	int in, out; /* our ends */
	size_t written;
	int64_t deadline_us;
};

static void running_done(struct running *r)
{
	close_fd(&r->in);
	close_fd(&r->out);
	process_kill(&r->process);
}

static int spawn(struct running *r, struct err *e)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1};
	pid_t parent = getpid();
	if (access(r->run->argv[0], X_OK) != 0)
		return err_set_errno(e, "%s", r->run->argv[0]);
	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
		return err_set_errno(e, "pipe");
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	pid_t pid = fork();
	if (pid == 0)
		become(r->run->argv, parent, r->run->uid, r->run->gid, SIGKILL, in[0], out[1], r->run->drop_stderr ? null : out[1]);
	close_fd(&null);
	close_fd(&in[0]);
	close_fd(&out[1]);
	r->in = in[1];
	r->out = out[0];
	fcntl(r->in, F_SETFL, O_NONBLOCK);
	if (pid < 0)
		return err_set_errno(e, "%s", r->run->argv[0]);
	setpgid(pid, pid);
	r->process.pid = pid;
	return 0;
}

static void feed(struct running *r)
{
	const char *input = r->run->input ? r->run->input : "";
	size_t n = strlen(input);
	ssize_t done = r->written < n ? write(r->in, input + r->written, n - r->written) : 0;
	if (done > 0)
		r->written += (size_t)done;
	if (r->written == n || (done < 0 && errno != EAGAIN && errno != EINTR))
		close_fd(&r->in);
}

/* 1: more may come, 0: the output has ended. */
static int drain(struct running *r, struct buf *out, struct err *e)
{
	char chunk[8192];
	ssize_t n = read(r->out, chunk, sizeof chunk);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 1 : err_set_errno(e, "%s", r->run->argv[0]);
	if (n == 0)
		return 0;
	if (out->n + (size_t)n > OUTPUT_MAX)
		return err_set(e, ERR_LIMIT, "%s: more than %zu bytes of output", r->run->argv[0], OUTPUT_MAX);
	buf_add(out, chunk, (size_t)n);
	if (r->run->echo)
		r->run->echo(r->run->echo_arg, chunk, (size_t)n);
	return 1;
}

static int pump(struct running *r, struct buf *out, struct err *e)
{
	for (int more = 1; more;) {
		struct pollfd fds[2] = {{.fd = r->out, .events = POLLIN}, {.fd = r->in, .events = POLLOUT}};
		if (process_interrupted)
			return err_set(e, ERR_STATE, "interrupted");
		if (clock_mono_us() > r->deadline_us)
			return err_set(e, ERR_TIMEOUT, "%s: no end after %d ms", r->run->argv[0], r->run->timeout_ms);
		if (poll(fds, 2, 100) <= 0)
			continue;
		if (r->in >= 0 && fds[1].revents)
			feed(r);
		if (fds[0].revents && (more = drain(r, out, e)) < 0)
			return -1;
	}
	return 0;
}

int process_run(const struct process_run *run, struct buf *ret_out, int *ret_code, struct err *e)
{
	AUTO(running_done)
	struct running r = {.run = run, .in = -1, .out = -1, .deadline_us = clock_mono_us() + (int64_t)run->timeout_ms * 1000};
	int status = 0;
	if (spawn(&r, e) != 0 || pump(&r, ret_out, e) != 0)
		return -1;
	while (waitpid(r.process.pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_set_errno(e, "%s", run->argv[0]);
	r.process.pid = 0;
	*ret_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return 0;
}
