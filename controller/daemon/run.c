/* See the header. The main thread is the brain's: it waits for the hub, a signal or the next due time, takes a batch of what has come, commits once, sends. */
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
#include "controller/daemon/checkers.h"
#include "controller/daemon/intake.h"
#include "controller/link/gateway.h"
#include "controller/probe/http_get.h"

#define WAIT_MAX_MS 60000
#define MAX_PEERS   20000
#define IO_THREADS  2 /* a handshake is most of a millisecond of one of them */

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

/* What the loop waits for. */
struct sources {
	zactor_t *hub;
	struct http_gets *urls;
	struct intake *intake;
	int signal_fd;
	bool hub_readable, urls_readable, stop;
};

static void sources_free(struct sources **s)
{
	intake_destroy(&(*s)->intake);
	hub_destroy(&(*s)->hub);
	http_gets_destroy(&(*s)->urls);
	mem_free_ptr(s);
}

static int send_by_hub(void *arg, uint64_t session, uint32_t epoch, const struct msg *m, struct err *e)
{
	return hub_send(((struct sources *)arg)->hub, session, epoch, m, e);
}

static int set_principals_of_hub(void *arg, const struct principal *p, size_t n, struct err *e)
{
	return hub_set_principals(((struct sources *)arg)->hub, p, n, e);
}

static void fetch_url(void *arg, uint64_t id, const char *url)
{
	http_gets_ask(((struct sources *)arg)->urls, id, url);
}

static void wait_for(struct sources *s, long timeout_ms)
{
	zmq_pollitem_t items[] = {{.socket = zsock_resolve(s->hub), .events = ZMQ_POLLIN},
	                          {.socket = http_gets_socket(s->urls), .events = ZMQ_POLLIN},
	                          {.fd = s->signal_fd, .events = ZMQ_POLLIN}};
	bool some = zmq_poll(items, (int)ARRAY_LEN(items), timeout_ms) > 0;
	s->hub_readable = some && (items[0].revents & ZMQ_POLLIN);
	s->urls_readable = some && (items[1].revents & ZMQ_POLLIN);
	s->stop |= some && (items[2].revents & ZMQ_POLLIN);
}

static void take_url_answer(struct brain *b, struct http_gets *urls)
{
	uint64_t id = 0;
	bool ok = false;
	const char *text = NULL;
	http_gets_answer(urls, brain_turn_arena(b), &id, &ok, &text);
	brain_fetched(b, id, ok, text);
}

static int turn(struct brain *b, struct sources *s, const struct hub_event *events, size_t n, struct err *e)
{
	if (brain_begin(b, clock_wall_us(), e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (brain_event(b, &events[i], e) < 0)
			return -1;
	if (s->urls_readable)
		take_url_answer(b, s->urls);
	return brain_end(b, e);
}

static int loop(struct brain *b, struct sources *s, struct err *e)
{
	const struct hub_event *events = NULL;
	size_t n = 0;
	while (!s->stop) {
		wait_for(s, intake_is_ahead(s->intake) ? 0 : wait_ms(b));
		if (intake_next(s->intake, b, s->hub_readable, &events, &n, e) < 0)
			return -1;
		if ((n > 0 || s->urls_readable || wait_ms(b) == 0) && turn(b, s, events, n, e) < 0)
			return -1;
	}
	log_info("stopping: every decision is in the store");
	return 0;
}

static void log_ready(const struct controller_config *c, const struct brain *b, zactor_t *hub)
{
	if (c->enrol_endpoint)
		log_info("enrolment at %s: %s", hub_enrol_endpoint(hub), c->enrol_key ? "who brings a token is let in at once" : "a person approves each");
	log_info("ready: control %s, blobs %s, key %s, epoch %u, trust %llu", hub_ctrl_endpoint(hub), hub_blob_endpoint(hub), hub_public_key(hub),
	         (unsigned)brain_epoch(b), (unsigned long long)c->trust.version);
}

static int open_hub(const struct controller_config *c, const struct principal *p, size_t n, zactor_t **ret, struct err *e)
{
	const struct gateway_config g = {.hub = {.ctrl_endpoint = c->control_endpoint,
	                                         .blob_endpoint = c->blob_endpoint,
	                                         .enrol_endpoint = c->enrol_endpoint,
	                                         .curve_key_file = c->curve_key_file,
	                                         .blob_dir = c->blob_dir,
	                                         .max_peers = c->max_peers ? c->max_peers : MAX_PEERS,
	                                         .may_lower = c->max_peers == 0},
	                                 .also = c->also,
	                                 .n_also = c->n_also,
	                                 .socket_path = c->gateway_socket,
	                                 .program = "/proc/self/exe"};
	return c->gateway_socket ? gateway_line_new(&g, p, n, ret, e) : hub_new(&g.hub, p, n, ret, e);
}

static int run_with(const struct controller_config *c, int signal_fd, struct err *e)
{
	AUTO(brain_destroy) struct brain *b = NULL;
	AUTO(sources_free) struct sources *s = mem_alloc(sizeof *s);
	const struct principal *p = NULL;
	size_t n = 0;
	s->signal_fd = signal_fd;
	if (brain_new(c, &b, e) < 0)
		return -1;
	brain_principals(b, &p, &n);
	if (http_gets_new(&s->urls, e) < 0 || open_hub(c, p, n, &s->hub, e) < 0)
		return -1;
	s->intake = intake_new(s->hub, checkers_wanted());
	const struct brain_link link = {
	    .send = send_by_hub, .set_principals = set_principals_of_hub, .fetch = fetch_url, .arg = s, .controller_key = hub_public_key(s->hub)};
	brain_attach(b, &link);
	log_ready(c, b, s->hub);
	return loop(b, s, e);
}

int controller_run(const char *config_path, struct err *e)
{
	struct controller_config c = {0};
	int signal_fd = -1;
	zsys_handler_set(NULL); /* czmq would take SIGINT and SIGTERM for itself */
	zsys_set_io_threads(IO_THREADS);
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

int controller_gateway(const struct gateway_config *c, struct err *e)
{
	int signal_fd = -1;
	zsys_handler_set(NULL);
	zsys_set_io_threads(IO_THREADS);
	if (open_signals(&signal_fd, e) < 0)
		return -1;
	int rc = gateway_run(c, signal_fd, e);
	close(signal_fd);
	return rc;
}
