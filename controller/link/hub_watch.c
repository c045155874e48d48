/* See the header. The thread shares nothing with the hub's but the process: it finds the connections among its descriptors. */
#include "controller/link/hub_watch.h"

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/link/handover.h"
#include "common/wire/limits.h"
#include "controller/link/connections.h"

#define CPU_STEP_NS   (10L * 1000 * 1000) /* of CPU time: some 10 MB of decryption */
#define CLOSE_LOOK_MS 5 /* between two looks while memory is above the limit */
#define WINDOW_US     ((int64_t)50 * 1000)
#define BURST_BYTES   ((uint64_t)(2 * LIMIT_FRAME_BODY)) /* in a window: more is cut */
#define TRIM_EVERY_US ((int64_t)100 * 1000)
#define SAY_EVERY_US  ((int64_t)1000 * 1000)
#define FDS_STEP      1024

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid /* the C library of Debian 12 has the field, not the name */
#endif

struct watch_start { /* handed to the actor; gone once it has signalled */
	uint64_t limit;
	in_port_t ports[WATCH_ENDPOINTS]; /* network order; 0: none */
	bool ok;
};

struct watch {
	zsock_t *pipe;
	uint64_t limit;
	in_port_t ports[WATCH_ENDPOINTS];
	int signals; /* signalfd of the timer */
	timer_t timer;
	uint64_t *received; /* by descriptor, at the window's begin */
	size_t n_received;
	int64_t window_us, trimmed_us, said_us; /* window_us 0: none is open */
	unsigned long cut; /* since it was said last */
};

uint64_t hub_resident_bytes(void)
{
	unsigned long long total = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	if (!f)
		return 0;
	if (fscanf(f, "%llu %llu", &total, &resident) != 2)
		resident = 0;
	fclose(f);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* ---- connections ---- */

/* A descriptor that was used again in between counts from 0. */
static uint64_t gained(const struct watch *w, int fd, uint64_t received)
{
	uint64_t before = (size_t)fd < w->n_received ? w->received[fd] : 0;
	return received >= before ? received - before : received;
}

static void remember(struct watch *w, int fd, uint64_t received)
{
	if ((size_t)fd >= w->n_received) {
		size_t n = (size_t)fd + FDS_STEP;
		w->received = mem_realloc(w->received, n * sizeof *w->received);
		memset(w->received + w->n_received, 0, (n - w->n_received) * sizeof *w->received);
		w->n_received = n;
	}
	w->received[fd] = received;
}

static void cut(struct watch *w, int fd, uint64_t bytes)
{
	char address[CONNECTION_ADDRESS_SIZE];
	int64_t now_us = clock_mono_us();
	if (!connection_cut(fd, address))
		return;
	w->cut++;
	if (now_us - w->said_us < SAY_EVERY_US)
		return;
	log_error("link: %lu connections were cut, the last one of %s, which brought %llu kB in %lld ms while this process held more than its %llu MB: "
	          "messages that do not end; look for an agent at that address that reconnects and never says HELLO",
	          w->cut, address, (unsigned long long)bytes / 1024, (long long)(now_us - w->window_us) / 1000, (unsigned long long)w->limit >> 20);
	w->said_us = now_us;
	w->cut = 0;
}

static void judge(void *arg, int fd, uint64_t received)
{
	struct watch *w = arg;
	uint64_t more = gained(w, fd, received);
	if (w->window_us && more > BURST_BYTES)
		cut(w, fd, more);
	remember(w, fd, received);
}

/* ---- looking ---- */

/* What a connection held is freed in libzmq's own time, and stays with the allocator until it is asked. */
static bool is_above(struct watch *w, int64_t now_us)
{
	if (hub_resident_bytes() <= w->limit)
		return false;
	if (now_us - w->trimmed_us < TRIM_EVERY_US)
		return true;
	w->trimmed_us = now_us;
	malloc_trim(0);
	return hub_resident_bytes() > w->limit;
}

/* True when it wants to look again soon. */
static bool look(struct watch *w)
{
	int64_t now_us = clock_mono_us();
	if (!is_above(w, now_us)) {
		w->window_us = 0;
		return false;
	}
	if (!w->window_us || now_us - w->window_us >= WINDOW_US) {
		connections_walk(w->ports, WATCH_ENDPOINTS, judge, w);
		w->window_us = now_us;
	}
	return true;
}

static void drain(int signals)
{
	struct signalfd_siginfo info;
	while (read(signals, &info, sizeof info) > 0)
		;
}

static void run(struct watch *w)
{
	zmq_pollitem_t items[] = {{.socket = zsock_resolve(w->pipe), .events = ZMQ_POLLIN}, {.fd = w->signals, .events = ZMQ_POLLIN}};
	for (bool close = false;;) {
		if (zmq_poll(items, 2, close ? CLOSE_LOOK_MS : -1) < 0 && zmq_errno() != EINTR)
			return;
		if (items[0].revents & ZMQ_POLLIN)
			return; /* "$TERM": nothing else comes */
		drain(w->signals);
		close = look(w);
	}
}

/* The signal goes to this thread alone, which has it blocked and reads it as a file: nobody's call is interrupted. */
static bool open_timer(struct watch *w)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	w->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	struct sigevent ev = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN};
	ev.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	struct itimerspec every = {.it_interval = {.tv_nsec = CPU_STEP_NS}, .it_value = {.tv_nsec = CPU_STEP_NS}};
	if (w->signals < 0 || timer_create(CLOCK_PROCESS_CPUTIME_ID, &ev, &w->timer) != 0)
		return false;
	return timer_settime(w->timer, 0, &every, NULL) == 0;
}

static void watch_actor(zsock_t *pipe, void *arg)
{
	struct watch_start *start = arg;
	struct watch w = {.pipe = pipe, .limit = start->limit};
	memcpy(w.ports, start->ports, sizeof w.ports);
	bool ok = open_timer(&w);
	start->ok = ok;
	handover_give(start);
	zsock_signal(pipe, 0); /* `start` is gone after this */
	if (ok) {
		run(&w);
		timer_delete(w.timer);
	}
	if (w.signals >= 0)
		close(w.signals);
	free(w.received);
}

int hub_watch_new(uint64_t memory_limit, const char *const endpoints[WATCH_ENDPOINTS], zactor_t **ret, struct err *e)
{
	struct watch_start start = {.limit = memory_limit};
	for (size_t i = 0; i < WATCH_ENDPOINTS; i++)
		start.ports[i] = connection_port(endpoints[i]);
	AUTO(zactor_destroy) zactor_t *watch = zactor_new(watch_actor, &start);
	handover_take(&start);
	if (!watch || !start.ok)
		return err_set(e, ERR_STATE, "no timer on CPU time, which watches this process's memory: raise the limit of pending signals (ulimit -i)");
	*ret = take_ptr(&watch);
	return 0;
}
