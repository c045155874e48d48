/* The gateway as the core's child. It dies with the thread that started it, so that no old one is ever left over. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "controller/link/gateway_impl.h"

#define PAUSE_US ((int64_t)1000 * 1000) /* before one that ended at once is started again */
#define SHORT_US ((int64_t)5 * 1000 * 1000)

static void add(struct gateway_child *k, const char *option, const char *value)
{
	if (!value)
		return;
	k->argv[k->n_argv++] = mem_strdup(option);
	k->argv[k->n_argv++] = mem_strdup(value);
}

void gateway_child_init(struct gateway_child *k, const struct gateway_config *c, uint32_t index)
{
	char peers[16], number[16];
	*k = (struct gateway_child){0};
	snprintf(peers, sizeof peers, "%u", c->hub.max_peers);
	k->argv[k->n_argv++] = mem_strdup(c->program);
	k->argv[k->n_argv++] = mem_strdup("gateway");
	add(k, "--socket", c->socket_path);
	snprintf(number, sizeof number, "%u", index);
	add(k, "--index", number);
	add(k, "--control", index ? c->also[index - 1].ctrl_endpoint : c->hub.ctrl_endpoint);
	add(k, "--blobs", index ? c->also[index - 1].blob_endpoint : c->hub.blob_endpoint);
	add(k, "--enrol", index ? NULL : c->hub.enrol_endpoint); /* newcomers come by the first */
	add(k, "--curve-key", c->hub.curve_key_file);
	add(k, "--blob-dir", c->hub.blob_dir);
	add(k, "--max-peers", peers);
}

static void start(struct gateway_child *k, int64_t now_us)
{
	pid_t parent = getpid(), pid = fork();
	if (pid == 0) { /* of a process with threads: nothing but system calls until the new program is there */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			execv(k->argv[0], k->argv);
		_exit(127);
	}
	k->started_us = now_us;
	k->due_us = now_us + PAUSE_US;
	if (pid < 0)
		log_error("gateway: cannot be started: %s: tried again", strerror(errno));
	else
		k->pid = pid;
}

static void tell_end(const struct gateway_child *k, int status)
{
	const char *how = WIFSIGNALED(status) ? "signal" : "exit code";
	log_error("gateway (process %d) ended: %s %d: starting it again; agents connect anew, nothing is lost", (int)k->pid, how,
	          WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

bool gateway_child_tend(struct gateway_child *k, int64_t now_us)
{
	int status = 0;
	bool ended = k->pid && waitpid(k->pid, &status, WNOHANG) == k->pid;
	if (ended) {
		tell_end(k, status);
		k->pid = 0;
		k->due_us = now_us - k->started_us < SHORT_US ? now_us + PAUSE_US : now_us;
	}
	if (!k->pid && now_us >= k->due_us)
		start(k, now_us);
	return ended;
}

void gateway_child_done(struct gateway_child *k)
{
	if (k->pid && kill(k->pid, SIGTERM) == 0)
		waitpid(k->pid, NULL, 0);
	for (size_t i = 0; i < k->n_argv; i++)
		free(k->argv[i]);
}
