/* The agent's loop. */
#include "agent/daemon/loop.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/daemon/discover.h"
#include "agent/daemon/looks.h"
#include "agent/daemon/renewals.h"
#include "agent/daemon/standing.h"
#include "agent/daemon/surveys.h"
#include "agent/daemon/tasks.h"
#include "agent/daemon/updates.h"
#include "agent/link/fetch.h"
#include "agent/link/uplink.h"
#include "agent/verify/trusted.h"
#include "common/base/clock.h"
#include "common/base/dirlock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/mount.h"
#include "common/crypto/trust.h"
#include "common/link/curve.h"

#define RETRY_MIN_MS      1000
#define RETRY_MAX_MS      120000
#define BLOB_RETRY_MAX_MS 30000
#define SOCKETS           256 /* link, blobs, surveys, libzmq's own */
#define SOCKETS_A_RUNNER  8
#define DRAIN_TICK_MS     100
#define PRUNE_EVERY_MS    ((size_t)6 * 3600 * 1000)

struct agent {
	struct agent_config *config; /* discovered targets are put behind the others */
	zloop_t *loop;
	int lock_fd, signal_fd;
	char *blob_dir;
	struct curve_key key;
	struct journal *journal;
	struct uplink *uplink;
	struct fetch *fetch;
	struct tasks *tasks;
	struct updates *updates;
	struct renewals *renewals;
	struct sign_key **former_keys; /* deliveries that began with them seal their reports with them */
	size_t n_former_keys, cap_former_keys;
	struct surveys *surveys;
	struct looks *looks;
	struct standings *standings;
	unsigned signals;
};

/* ---- the link's calls ---- */

static void on_up(void *arg, const struct msg_welcome *w)
{
	/* Open tasks go on by themselves; the controller offers again what it misses. */
	struct agent *g = arg;
	fetch_address(g->fetch, uplink_address(g->uplink));
	looks_tell(g->looks);
	tasks_up(g->tasks);
	renewals_welcome(g->renewals, w->now_us);
	standings_up(g->standings, uplink_endpoint(g->uplink), clock_wall_us() - w->now_us);
}

static void on_refused(void *arg, const char *code)
{
	renewals_refused(((struct agent *)arg)->renewals, code);
}

static void on_down(void *arg, const char *at, const char *why, bool was_up)
{
	(void)was_up;
	standings_down(((struct agent *)arg)->standings, at, why);
}

static void on_message(void *arg, const struct msg *m)
{
	struct agent *g = arg;
	switch (m->type) {
	case MSG_OFFER:
		tasks_offer(g->tasks, &m->offer);
		break;
	case MSG_RECALL:
		tasks_recall(g->tasks, &m->task);
		break;
	case MSG_STOP:
		tasks_stop(g->tasks, &m->task);
		break;
	case MSG_SURVEY:
		surveys_ask(g->surveys, &m->survey);
		break;
	case MSG_TRUST_UPDATE:
		updates_named(g->updates, &m->trust_update);
		break;
	default: /* the uplink lets nothing else through */
		break;
	}
}

static void on_load(void *arg, struct msg_heartbeat *ret)
{
	tasks_load(((struct agent *)arg)->tasks, ret);
}

static void on_fetched(void *arg, const uint8_t hash[DIGEST_SIZE], bool ok, const char *why)
{
	(void)why;
	updates_blob(((struct agent *)arg)->updates, hash, ok);
	tasks_blob(((struct agent *)arg)->tasks, hash, ok);
}

/* The site's people see it, whoever reads the log: somebody at that address sends what was not asked for, or nothing. */
static void on_marked(void *arg, const struct fetch_mark *m, bool alone)
{
	struct agent *g = arg;
	struct err e = ERR_INIT;
	char text[512];
	snprintf(text, sizeof text, "blobs at %s: %s: %s", m->address, m->why,
	         alone ? "agent.yaml names no other address (also), so this one is asked again"
	               : "the next address is asked, and this one last for an hour");
	log_warn("%s", text);
	standings_mark(g->standings, m->address, m->why, m->until_us);
	if (journal_refuse(g->journal, C18_CONTENT, NULL, text, &e) != 0)
		log_error("journal: %s", e.msg);
}

static void on_settled(void *arg)
{
	tasks_go_on(((struct agent *)arg)->tasks);
}

static void on_renewed(void *arg, const struct keyset *i, struct agent_keys *keys)
{
	struct agent *g = arg;
	struct agent_config *c = g->config;
	agent_config_keyset(c, i);
	vec_grow(g->former_keys, g->n_former_keys, g->cap_former_keys);
	g->former_keys[g->n_former_keys++] = c->report_key;
	c->report_key = take_ptr(&keys->report);
	curve_key_done(&g->key);
	g->key = keys->curve;
	keys->curve = (struct curve_key){.secret_text = NULL};
	uplink_keyset(g->uplink, c->report_key, c->certificate);
}

static int on_prune(zloop_t *loop, int id, void *arg)
{
	(void)loop, (void)id;
	struct err e = ERR_INIT;
	if (journal_prune(((struct agent *)arg)->journal, &e) != 0)
		log_warn("%s: old rows stay for now", e.msg);
	return 0;
}

/* ---- signals ---- */

static int on_drain(zloop_t *loop, int id, void *arg)
{
	(void)loop, (void)id;
	return tasks_running(((struct agent *)arg)->tasks) == 0 ? -1 : 0;
}

static int on_signal(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
	struct agent *g = arg;
	struct signalfd_siginfo info;
	if (read(item->fd, &info, sizeof info) != sizeof info)
		return 0;
	if (++g->signals > 1) {
		log_warn("second signal: running statements are cancelled; what they did is found out at the next start");
		return -1;
	}
	log_info("stopping: nothing new is begun, %zu deliveries end between two steps", tasks_running(g->tasks));
	tasks_drain(g->tasks);
	zloop_timer(loop, DRAIN_TICK_MS, 0, on_drain, g);
	return 0;
}

static int open_signals(struct agent *g, struct err *e)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL); /* before any thread: they all inherit it */
	g->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return g->signal_fd >= 0 ? 0 : err_set_errno(e, "signalfd");
}

/* ---- set-up ---- */

static int lock_data_dir(struct agent *g, struct err *e)
{
	if (file_make_dirs(g->config->data_dir, 0700, e) != 0)
		return err_wrap(e, "data_dir");
	if (mount_refuse_network(MOUNT_TABLE, g->config->data_dir, "data_dir", e) != 0)
		return -1;
	return dirlock_take(g->config->data_dir, "agent", &g->lock_fd, e);
}

static int open_disk(struct agent *g, struct err *e)
{
	AUTO(mem_free_ptr) char *path = file_join(g->config->data_dir, AGENT_JOURNAL_FILE);
	g->blob_dir = file_join(g->config->data_dir, AGENT_BLOBS_FOLDER);
	if (lock_data_dir(g, e) != 0 || file_make_dirs(g->blob_dir, 0700, e) != 0 || journal_open(path, &g->journal, e) != 0 ||
	    journal_prune(g->journal, e) != 0)
		return -1;
	return trusted_pin(g->journal, g->config->trust_pin, &g->config->trust, g->config->trust_file, clock_wall_us(), e);
}

/* Those of open tasks too, whether their databases can be seen just now or not: what has begun is finished. */
static int discover_at_start(struct agent *g, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new((size_t)64 * 1024 * 1024);
	struct task *open = NULL;
	size_t n = 0;
	discover_all(g->config);
	if (journal_open_tasks(g->journal, a, &open, &n, e) != 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		(void)discover_id(g->config, open[i].target);
	return 0;
}

static int open_link(struct agent *g, struct err *e)
{
	const struct agent_config *c = g->config;
	size_t n = 0;
	const struct target **targets = looks_targets(g->looks, &n);
	struct uplink_settings up = {
	    .agent = c->name,
	    .agent_version = ROLLCALL_VERSION,
	    .endpoint = c->controller_endpoint,
	    .also = c->controller_also,
	    .n_also = c->n_also,
	    .controller_keys = c->controller_keys,
	    .n_controller_keys = c->n_controller_keys,
	    .key = &g->key,
	    .report_key = c->report_key,
	    .certificate = c->certificate,
	    .trust_version = c->trust.version,
	    .targets = targets,
	    .n_targets = n,
	    .retry_min_ms = RETRY_MIN_MS,
	    .retry_max_ms = RETRY_MAX_MS,
	};
	struct fetch_settings blobs = {
	    .endpoint = c->blob_endpoint,
	    .also = c->blobs_also,
	    .n_also = c->n_also,
	    .controller_keys = c->controller_keys,
	    .n_controller_keys = c->n_controller_keys,
	    .key = &g->key,
	    .dir = g->blob_dir,
	    .retry_min_ms = RETRY_MIN_MS,
	    .retry_max_ms = BLOB_RETRY_MAX_MS,
	};
	struct uplink_handler handler = {.up = on_up, .down = on_down, .message = on_message, .refused = on_refused, .load = on_load, .arg = g};
	g->fetch = fetch_new(g->loop, &blobs, on_fetched, on_marked, g);
	return uplink_new(g->loop, g->journal, &up, &handler, &g->uplink, e);
}

static bool is_busy(const void *tasks)
{
	return tasks_running(tasks) > 0;
}

static int open_agent(struct agent *g, struct err *e)
{
	if (open_signals(g, e) != 0 || open_disk(g, e) != 0 || curve_key_load(g->config->curve_key_file, &g->key, e) != 0)
		return -1;
	if (discover_at_start(g, e) != 0)
		return -1;
	g->loop = zloop_new();
	zmq_pollitem_t item = {.fd = g->signal_fd, .events = ZMQ_POLLIN};
	zloop_poller(g->loop, &item, on_signal, g);
	g->tasks = tasks_new(g->loop, g->config, g->journal, g->blob_dir);
	g->surveys = surveys_new(g->loop, g->config);
	g->standings = standings_new(g->config->data_dir);
	standings_down(g->standings, g->config->controller_endpoint, "the agent has just been started, and is connecting");
	g->looks = looks_new(g->loop, g->config);
	g->updates = updates_new(g->config, g->journal, g->blob_dir, on_settled, g);
	g->renewals = renewals_new(g->loop, g->config, g->journal, on_renewed, g);
	if (open_link(g, e) != 0)
		return -1;
	zloop_timer(g->loop, PRUNE_EVERY_MS, 0, on_prune, g);
	tasks_connect(g->tasks, g->uplink, g->fetch, g->updates);
	updates_connect(g->updates, g->uplink, g->fetch);
	surveys_connect(g->surveys, g->uplink);
	looks_connect(g->looks, g->uplink, is_busy, g->tasks);
	return tasks_resume(g->tasks, e);
}

static void close_agent(struct agent *g)
{
	tasks_destroy(&g->tasks);
	surveys_destroy(&g->surveys);
	updates_destroy(&g->updates);
	renewals_destroy(&g->renewals);
	while (g->n_former_keys) /* no delivery runs any more */
		sign_key_destroy(&g->former_keys[--g->n_former_keys]);
	free(g->former_keys);
	if (g->uplink)
		uplink_kick(g->uplink); /* the last reports, if the controller is there */
	uplink_destroy(&g->uplink);
	standings_destroy(&g->standings);
	looks_destroy(&g->looks); /* the uplink borrowed its list of targets */
	fetch_destroy(&g->fetch);
	if (g->loop)
		zloop_destroy(&g->loop);
	journal_pool_done();
	journal_close(&g->journal);
	curve_key_done(&g->key);
	mem_free_ptr(&g->blob_dir);
	if (g->signal_fd >= 0)
		close(g->signal_fd);
	dirlock_drop(&g->lock_fd);
}

/* Each running delivery takes a few sockets and descriptors, each target's connection one more. */
static void raise_limits(const struct agent_config *c)
{
	struct rlimit files;
	zsys_set_max_sockets(SOCKETS + SOCKETS_A_RUNNER * (size_t)c->max_parallel);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

int agent_run(struct agent_config *c, struct err *e)
{
	zsys_handler_set(NULL); /* czmq would take SIGINT and SIGTERM for itself */
	raise_limits(c);
	struct agent g = {.config = c, .lock_fd = -1, .signal_fd = -1};
	int rc = open_agent(&g, e);
	if (rc == 0) {
		log_info("agent %s of site %s serves %zu targets", c->name, c->site, c->n_targets);
		while (zloop_start(g.loop) == 0) /* 0: interrupted by a signal that is not ours */
			;
	}
	close_agent(&g);
	return rc;
}
