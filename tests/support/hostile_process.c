/* See the header. */
#include "tests/support/hostile_process.h"

#include <czmq.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"

static struct {
	int line;
	pid_t pid; /* also its process group */
} other;

uint64_t hostile_resident(void)
{
	unsigned long long total = 0, pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%llu %llu", &total, &pages), 2);
	fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void begin_zmq(void)
{
	signal(SIGPIPE, SIG_IGN);
	zsys_handler_set(NULL);
	zsys_init();
}

static void serve(int from, hostile_errand_fn *run, size_t errand_size)
{
	void *errand = mem_alloc(errand_size);
	uint64_t *word = mmap(NULL, sizeof *word, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (word == MAP_FAILED)
		_exit(1);
	setpgid(0, 0);
	signal(SIGTERM, SIG_IGN); /* that is for the child */
	while (read(from, errand, errand_size) == (ssize_t)errand_size) {
		*word = 0;
		pid_t child = fork();
		if (child == 0) {
			signal(SIGTERM, SIG_DFL);
			begin_zmq();
			*word = run(errand);
			_exit(0);
		}
		waitpid(child, NULL, 0);
		if (send(from, word, sizeof *word, MSG_NOSIGNAL) != (ssize_t)sizeof *word)
			break;
	}
	_exit(0);
}

int hostile_main(const char *name, hostile_errand_fn *run, size_t errand_size, const struct CMUnitTest *tests, size_t n)
{
	int pair[2], how = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return 1;
	other.pid = fork();
	if (other.pid == 0) {
		close(pair[0]);
		serve(pair[1], run, errand_size);
	}
	close(pair[1]);
	other.line = pair[0];
	begin_zmq();
	log_open(name, getenv("VERBOSE") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
	int rc = _cmocka_run_group_tests(name, tests, n, NULL, NULL);
	close(other.line);
	waitpid(other.pid, &how, 0);
	if (how)
		printf("# the other process ended with %x\n", (unsigned)how);
	return rc;
}

void hostile_send(const void *errand, size_t errand_size)
{
	assert_int_equal(send(other.line, errand, errand_size, MSG_NOSIGNAL), errand_size);
}

bool hostile_over(bool wait, uint64_t *ret)
{
	return recv(other.line, ret, sizeof *ret, wait ? 0 : MSG_DONTWAIT) == (ssize_t)sizeof *ret;
}

void hostile_signal(int signal)
{
	kill(-other.pid, signal);
}
