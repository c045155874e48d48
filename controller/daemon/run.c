/* See the header. The main thread is the brain's: it waits for the hub, a signal or the next due time, takes what has come as one batch, commits once, sends. */
#include "controller/daemon/run.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <zmq.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "controller/daemon/brain.h"

#define BATCH_EVENTS 256 /* so that a commit is shared, and a decision never waits long */
#define BATCH_BYTES  ((size_t)8 * 1024 * 1024)
#define WAIT_MAX_MS  60000
#define MAX_PEERS    20000

static int send_by_hub(void *arg, uint64_t session, uint32_t epoch, const struct msg *m, struct err *e)
{
	return hub_send(arg, session, epoch, m, e);
}

static int set_principals_of_hub(void *arg, const struct principal *p, size_t n, struct err *e)
{
	return hub_set_principals(arg, p, n, e);
}

static int open_signals(int *ret, struct err *e)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) /* before the first thread, so that all inherit it */
		return err_set_errno(e, "blocking signals");
	*ret = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *ret < 0 ? err_set_errno(e, "signalfd") : 0;
}

static long wait_ms(const struct brain *b)
{
	int64_t at = brain_wake_at(b), now = clock_wall_us();
	if (at <= now)
		return 0;
	return at - now > (int64_t)WAIT_MAX_MS * 1000 ? WAIT_MAX_MS : (long)((at - now) / 1000 + 1);
}

static bool hub_is_readable(zactor_t *hub, int signal_fd, long timeout_ms, bool *ret_signal)
{
	zmq_pollitem_t items[] = {{.socket = zsock_resolve(hub), .events = ZMQ_POLLIN}, {.fd = signal_fd, .events = ZMQ_POLLIN}};
	if (zmq_poll(items, 2, timeout_ms) < 0)
		return false;
	*ret_signal |= (items[1].revents & ZMQ_POLLIN) != 0;
	return items[0].revents & ZMQ_POLLIN;
}

static int turn(struct brain *b, zactor_t *hub, int signal_fd, bool readable, bool *ret_stop, struct err *e)
{
	if (brain_begin(b, clock_wall_us(), e) < 0)
		return -1;
	for (int n = 0; readable && n < BATCH_EVENTS && arena_used(brain_turn_arena(b)) < BATCH_BYTES; n++) {
		struct hub_event ev;
		if (hub_recv(hub, brain_turn_arena(b), &ev, e) < 0 || brain_event(b, &ev, e) < 0)
			return -1;
		readable = hub_is_readable(hub, signal_fd, 0, ret_stop);
	}
	return brain_end(b, e);
}

static int loop(struct brain *b, zactor_t *hub, int signal_fd, struct err *e)
{
	bool stop = false;
	while (!stop) {
		bool readable = hub_is_readable(hub, signal_fd, wait_ms(b), &stop);
		if (turn(b, hub, signal_fd, readable, &stop, e) < 0)
			return -1;
	}
	log_info("stopping: every decision is in the store");
	return 0;
}

static void log_ready(const struct controller_config *c, const struct brain *b, zactor_t *hub)
{
	log_info("ready: control %s, blobs %s, key %s, epoch %u, trust %llu", hub_ctrl_endpoint(hub), hub_blob_endpoint(hub), hub_public_key(hub),
	         (unsigned)brain_epoch(b), (unsigned long long)c->trust.version);
}

static int run_with(const struct controller_config *c, int signal_fd, struct err *e)
{
	AUTO(brain_destroy) struct brain *b = NULL;
	AUTO(hub_destroy) zactor_t *hub = NULL;
	const struct principal *p = NULL;
	size_t n = 0;
	if (brain_new(c, &b, e) < 0)
		return -1;
	brain_principals(b, &p, &n);
	const struct hub_config hc = {.ctrl_endpoint = c->control_endpoint,
	                              .blob_endpoint = c->blob_endpoint,
	                              .curve_key_file = c->curve_key_file,
	                              .blob_dir = c->blob_dir,
	                              .max_peers = MAX_PEERS};
	if (hub_new(&hc, p, n, &hub, e) < 0)
		return -1;
	const struct brain_link link = {.send = send_by_hub, .set_principals = set_principals_of_hub, .arg = hub, .controller_key = hub_public_key(hub)};
	brain_attach(b, &link);
	log_ready(c, b, hub);
	return loop(b, hub, signal_fd, e);
}

int controller_run(const char *config_path, struct err *e)
{
	struct controller_config c = {0};
	int signal_fd = -1;
	zsys_handler_set(NULL); /* czmq would take SIGINT and SIGTERM for itself */
	if (controller_config_load(config_path, &c, e) < 0)
		return -1;
	int rc = open_signals(&signal_fd, e);
	if (rc == 0)
		rc = run_with(&c, signal_fd, e);
	if (signal_fd >= 0)
		close(signal_fd);
	controller_config_done(&c);
	return rc;
}
