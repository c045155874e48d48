/* One agent of the farm: the conversation of agent/link/uplink.c without its disk. Once a descriptor of libzmq was ready, or something was sent, its socket is read until it is
 * empty: the descriptor speaks only of changes (zmq_getsockopt manual, ZMQ_FD). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/crypto/dsse.h"
#include "common/link/frame.h"
#include "common/link/monitor.h"
#include "common/link/options.h"
#include "common/wire/documents.h"
#include "common/wire/hello.h"
#include "common/wire/limits.h"
#include "tests/bench/fleet/farm.h"

#define HANDSHAKE_MS 30000
#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 120000
#define MUTE_BEAT_MS 20
#define REPORT_ARENA ((size_t)256 * 1024)
#define TARGET_SIZE  64

enum peer_state { PEER_WAITING, PEER_CONNECTING, PEER_GREETING, PEER_DELAYED, PEER_UP };

struct done { /* a task that was taken; its report follows at once */
	uint8_t task[TASK_SIZE];
	uint32_t attempt;
	size_t target;
	uint64_t report_seq;
	enum outcome outcome;
};

struct peer {
	struct peer_end link_end, monitor_end;
	struct farm *farm;
	const struct identity *id;
	size_t number;
	zsock_t *socket, *monitor;
	void *raw; /* of the socket */
	enum peer_state state;
	int64_t *due_us; /* of this peer's tick, in the farm's list of them: its next attempt, the end of its patience, its next heartbeat */
	int64_t heard_us;
	uint64_t counter, session, seq_in, seq_out;
	uint32_t epoch, heartbeat_ms, spread_ms, pause_ms;
	struct done *done;
	size_t n_done, cap_done;
	struct buf *reports; /* by sequence number - 1 */
	size_t n_reports, cap_reports;
	uint64_t acked;
	uint8_t report_hash[DIGEST_SIZE];
};

static uint32_t random_ms(uint32_t low, uint32_t high)
{
	return high > low ? low + (uint32_t)random() % (high - low + 1) : low;
}

static bool is_mute(const struct peer *p)
{
	return p->number + atomic_load(&p->farm->shared->mute) >= p->farm->config->n_agents;
}

/* ---- the connection ------------------------------------------------------------------------------------------------------------------------------------ */

static void watch(struct peer_end *end, zsock_t *s)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = end};
	if (epoll_ctl(end->peer->farm->epoll_fd, EPOLL_CTL_ADD, (int)zsock_fd(s), &ev) != 0)
		abort();
}

static void hang_up(struct peer *p)
{
	if (p->socket)
		epoll_ctl(p->farm->epoll_fd, EPOLL_CTL_DEL, (int)zsock_fd(p->socket), NULL);
	if (p->monitor)
		epoll_ctl(p->farm->epoll_fd, EPOLL_CTL_DEL, (int)zsock_fd(p->monitor), NULL);
	monitor_end(p->socket, &p->monitor);
	zsock_destroy(&p->socket);
}

static void fall(struct peer *p, uint32_t wait_ms)
{
	if (p->state == PEER_UP) {
		atomic_fetch_sub(&p->farm->shared->up, 1);
		atomic_fetch_add(&p->farm->shared->losses, 1);
	}
	hang_up(p);
	p->state = PEER_WAITING;
	*p->due_us = clock_mono_us() + (int64_t)wait_ms * 1000;
}

static void fail_attempt(struct peer *p)
{
	uint32_t high = p->pause_ms * 3 > RETRY_MAX_MS ? RETRY_MAX_MS : p->pause_ms * 3;
	p->pause_ms = random_ms(RETRY_MIN_MS, high);
	fall(p, p->pause_ms);
}

static void lose(struct peer *p)
{
	if (p->state == PEER_UP)
		fall(p, RETRY_MIN_MS / 2 + random_ms(0, p->spread_ms));
	else
		fail_attempt(p);
}

static void read_events(struct peer *p);

static void dial(struct peer *p)
{
	struct err e = ERR_INIT;
	farm_must(link_socket_client(LINK_CTRL_DEALER, &p->id->key, p->id->controller_key, &p->socket, &e), &e);
	p->raw = zsock_resolve(p->socket);
	farm_must(monitor_new(p->socket, &p->monitor, &e), &e);
	watch(&p->link_end, p->socket);
	watch(&p->monitor_end, p->monitor);
	p->state = PEER_CONNECTING;
	*p->due_us = clock_mono_us() + (int64_t)HANDSHAKE_MS * 1000;
	if (zmq_connect(p->raw, p->farm->config->endpoint) != 0)
		fail_attempt(p);
	read_events(p); /* libzmq signals what comes to a reader that has found nothing */
}

/* ---- sending ------------------------------------------------------------------------------------------------------------------------------------------- */

static bool send_msg(struct peer *p, const struct msg *m, atomic_uint *size)
{
	AUTO(buf_done) struct buf body = BUF_INIT;
	struct link_header header = {.type = (uint8_t)m->type, .session = p->session, .seq = p->seq_out + 1, .ack = p->seq_in, .epoch = p->epoch};
	msg_encode(m, &body);
	if (frame_send(p->raw, bytes_of(NULL, 0), header, buf_bytes(&body), bytes_of(NULL, 0)) != FRAME_SENT)
		return false;
	p->seq_out++;
	if (size)
		atomic_store(size, (unsigned)(LINK_HEADER_SIZE + body.n));
	return true;
}

static void greet(struct peer *p)
{
	AUTO(buf_done) struct buf words = BUF_INIT;
	uint8_t signature[SIGNATURE_SIZE];
	struct msg m = {.type = MSG_HELLO,
	                .hello = {.agent = p->id->name,
	                          .agent_version = "0.1.0",
	                          .certificate = p->id->certificate,
	                          .boot_id = bytes_of_str("farm"),
	                          .proto_min = LINK_PROTO,
	                          .proto_max = LINK_PROTO,
	                          .max_epoch = p->epoch,
	                          .session_counter = ++p->counter,
	                          .trust_version = 1,
	                          .report_seq = p->n_reports}};
	hello_signed_bytes(&m.hello, p->id->controller_key, &words);
	sign_make(p->id->report_key, buf_bytes(&words), signature);
	m.hello.signature = bytes_of(signature, sizeof signature);
	p->seq_in = p->seq_out = p->session = 0;
	p->state = PEER_GREETING;
	*p->due_us = clock_mono_us() + (int64_t)HANDSHAKE_MS * 1000;
	if (!send_msg(p, &m, NULL))
		fail_attempt(p);
}

static const char *target_id(const struct peer *p, size_t k, char out[TARGET_SIZE])
{
	snprintf(out, TARGET_SIZE, "%s/%s/t%zu", p->id->site, p->id->name, k);
	return out;
}

/* Labels by the target's number in the fleet: groups g0 to g9 have a tenth each; ring canary the first 200. */
static bool send_targets(struct peer *p)
{
	size_t n = p->farm->config->targets_each;
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	struct target *list = arena_alloc(a, n * sizeof *list);
	for (size_t k = 0; k < n; k++) {
		size_t number = p->number * n + k;
		struct label *labels = arena_alloc(a, 3 * sizeof *labels);
		labels[0] = (struct label){"environment", "dev"};
		labels[1] = (struct label){"group", arena_printf(a, "g%zu", number * 10 / (p->farm->config->n_agents * n))};
		labels[2] = (struct label){"ring", number < 200 ? "canary" : "rest"};
		list[k] = (struct target){.id = target_id(p, k, arena_alloc(a, TARGET_SIZE)), .engine = "sqlite", .labels = labels, .n_labels = 3};
	}
	return send_msg(p, &(struct msg){.type = MSG_TARGETS, .targets = {.targets = list, .n_targets = n, .first = true, .last = true}}, NULL);
}

static void beat(struct peer *p, int64_t now_us)
{
	*p->due_us = now_us + (is_mute(p) ? MUTE_BEAT_MS : (int64_t)p->heartbeat_ms) * 1000;
	(void)send_msg(p, &(struct msg){.type = MSG_HEARTBEAT, .heartbeat = {.report_seq = p->n_reports}}, NULL);
}

static void send_reports(struct peer *p, uint64_t after)
{
	for (uint64_t seq = after + 1; seq <= p->n_reports; seq++) {
		const struct msg m = {.type = MSG_REPORT, .report = {.seq = seq, .envelope = buf_bytes(&p->reports[seq - 1])}};
		if (!send_msg(p, &m, &p->farm->shared->report_bytes))
			break;
	}
}

/* ---- tasks ------------------------------------------------------------------------------------------------------------------------------------------------ */

static void write_report(struct peer *p, const struct msg_offer *o, const struct done *d)
{
	AUTO(arena_destroy) struct arena *a = arena_new(REPORT_ARENA);
	AUTO(buf_done) struct buf payload = BUF_INIT;
	struct step_outcome steps[FARM_STEPS_MAX] = {0};
	struct err e = ERR_INIT;
	struct report r = work_report(p->farm, p->id->name, o, d->outcome, steps);
	r.report_seq = d->report_seq;
	memcpy(r.prev_report_hash, p->report_hash, DIGEST_SIZE);
	report_encode(&r, &payload);
	struct envelope env = {.type = TYPE_REPORT, .payload = buf_bytes(&payload)};
	farm_must(dsse_sign(&env, p->id->report_key, a, &e), &e);
	vec_grow(p->reports, p->n_reports, p->cap_reports);
	struct buf *kept = &p->reports[p->n_reports++];
	*kept = BUF_INIT;
	envelope_encode(&env, kept);
	digest_sha256(buf_bytes(kept), p->report_hash);
}

static struct done *find_done(struct peer *p, const struct msg_offer *o)
{
	for (size_t i = 0; i < p->n_done; i++)
		if (memcmp(p->done[i].task, o->task, TASK_SIZE) == 0 && p->done[i].attempt == o->attempt)
			return &p->done[i];
	return NULL;
}

static void on_offer(struct peer *p, const struct msg_offer *o)
{
	struct farm_shared *s = p->farm->shared;
	const char *name = strrchr(o->target, '/');
	if (find_done(p, o)) {
		atomic_fetch_add(&s->repeated_offers, 1);
		send_reports(p, p->acked);
		return;
	}
	work_read_dossier(p->farm, o->dossier_hash);
	struct msg m = {.type = MSG_ACCEPT, .task = {.attempt = o->attempt}};
	memcpy(m.task.task, o->task, TASK_SIZE);
	struct done d = {.attempt = o->attempt, .target = name ? strtoul(name + 2, NULL, 10) : 0, .report_seq = p->n_reports + 1};
	bool fails = p->number * p->farm->config->targets_each + d.target < atomic_load(&s->fail_until);
	d.outcome = fails ? OUTCOME_FAILED : o->direction == DIRECTION_ROLLBACK ? OUTCOME_ROLLED_BACK : OUTCOME_APPLIED;
	memcpy(d.task, o->task, TASK_SIZE);
	write_report(p, o, &d); /* the work takes no time: what is sent goes out in one piece */
	(void)send_msg(p, &m, &s->accept_bytes);
	vec_grow(p->done, p->n_done, p->cap_done);
	p->done[p->n_done++] = d;
	atomic_fetch_add(&s->offers, 1);
	atomic_fetch_add(fails ? &s->failed : &s->applied, 1);
	atomic_fetch_add(&s->reports, 1);
	send_reports(p, p->n_reports - 1);
}

void peer_record(const struct peer *p, FILE *to)
{
	char target[TARGET_SIZE], task[2 * TASK_SIZE + 1];
	for (size_t i = 0; i < p->n_done; i++) {
		const struct done *d = &p->done[i];
		fprintf(to, "%s|%s|%s|%u|%llu|%s\n", p->id->name, target_id(p, d->target, target), bytes_to_hex(bytes_of(d->task, TASK_SIZE), task),
		        d->attempt, (unsigned long long)d->report_seq, outcome_name(d->outcome));
	}
}

/* ---- receiving ----------------------------------------------------------------------------------------------------------------------------------------- */

static void note_acked(struct peer *p, uint64_t seq)
{
	if (seq > p->acked)
		atomic_fetch_add(&p->farm->shared->acked, (unsigned)(seq - p->acked));
	if (seq < p->acked)
		atomic_fetch_add(&p->farm->shared->forgotten, (unsigned)(p->acked - seq));
	p->acked = seq;
}

static void on_welcome(struct peer *p, const struct msg_welcome *w)
{
	p->state = PEER_UP;
	p->session = w->session;
	p->epoch = w->epoch;
	p->heartbeat_ms = w->heartbeat_ms;
	p->spread_ms = w->spread_ms;
	p->pause_ms = RETRY_MIN_MS;
	note_acked(p, w->resume_from);
	if (!send_targets(p)) {
		lose(p);
		return;
	}
	beat(p, clock_mono_us());
	send_reports(p, p->acked);
	atomic_fetch_add(&p->farm->shared->up, 1);
}

static void on_message(struct peer *p, const struct msg *m)
{
	switch (m->type) {
	case MSG_WELCOME:
		on_welcome(p, &m->welcome);
		break;
	case MSG_DENY:
		atomic_fetch_add(&p->farm->shared->refused, 1);
		lose(p);
		break;
	case MSG_RETRY_AFTER:
		atomic_fetch_add(&p->farm->shared->retries_after, 1);
		p->state = PEER_DELAYED;
		*p->due_us = clock_mono_us() + (int64_t)(m->retry_after.ms + random_ms(0, m->retry_after.jitter_ms)) * 1000;
		break;
	case MSG_HEARTBEAT_ACK:
		p->heartbeat_ms = m->heartbeat_ack.heartbeat_ms;
		break;
	case MSG_REPORT_ACK:
		note_acked(p, m->report_ack.seq);
		break;
	case MSG_OFFER:
		on_offer(p, &m->offer);
		break;
	default: /* RECALL comes too late for a task that takes no time; nobody surveys a farm */
		break;
	}
}

static void on_frame(struct peer *p, const struct frame *f)
{
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	struct msg m;
	struct err e = ERR_INIT;
	if (f->header.seq != p->seq_in + 1 || msg_decode((enum msg_type)f->header.type, f->body, a, &m, &e) != 0) {
		fprintf(stderr, "farm: %s: a wrong frame: %s\n", p->id->name, e.msg);
		lose(p);
		return;
	}
	p->seq_in++;
	p->heard_us = clock_mono_us();
	if (m.type == MSG_OFFER)
		atomic_store(&p->farm->shared->offer_bytes, (unsigned)(LINK_HEADER_SIZE + f->body.n));
	on_message(p, &m);
}

static bool read_frame(struct peer *p)
{
	struct frame f;
	struct err e = ERR_INIT;
	if (!p->socket || (p->state == PEER_UP && is_mute(p)))
		return false;
	enum frame_result r = frame_recv(p->raw, false, &f, &e);
	if (r == FRAME_NONE)
		return false;
	if (r == FRAME_OK)
		on_frame(p, &f);
	else
		lose(p);
	frame_done(&f);
	return true;
}

static bool read_event(struct peer *p)
{
	enum monitor_event event = p->monitor ? monitor_read(p->monitor, NULL) : MONITOR_NONE;
	switch (event) {
	case MONITOR_NONE:
		return false;
	case MONITOR_READY:
		greet(p);
		break;
	case MONITOR_REFUSED:
		atomic_fetch_add(&p->farm->shared->refused, 1);
		lose(p);
		break;
	case MONITOR_UNREACHABLE:
	case MONITOR_LOST:
		lose(p);
		break;
	}
	return true;
}

static void read_events(struct peer *p)
{
	while (read_event(p))
		;
}

static void read_frames(struct peer *p)
{
	while (read_frame(p))
		;
}

void peer_read(struct peer_end *end)
{
	if (end->is_monitor)
		read_events(end->peer);
	read_frames(end->peer);
}

void peer_tick(struct peer *p, int64_t now_us)
{
	switch (p->state) {
	case PEER_WAITING:
		dial(p);
		break;
	case PEER_CONNECTING:
	case PEER_GREETING:
		atomic_fetch_add(&p->farm->shared->handshake_timeouts, 1);
		fail_attempt(p);
		break;
	case PEER_DELAYED:
		greet(p);
		break;
	case PEER_UP:
		beat(p, now_us);
		read_frames(p);
		break;
	}
}

struct peer *peer_new(struct farm *f, const struct identity *id, size_t number, int64_t *due_us)
{
	struct peer *p = mem_alloc(sizeof *p);
	p->link_end.peer = p->monitor_end.peer = p;
	p->monitor_end.is_monitor = true;
	p->farm = f;
	p->id = id;
	p->number = number;
	p->pause_ms = RETRY_MIN_MS;
	p->due_us = due_us;
	*p->due_us = clock_mono_us() + random_ms(0, (uint32_t)(f->config->n_agents * 2)) * INT64_C(1000); /* 500 a second */
	return p;
}

void peer_destroy(struct peer **pp)
{
	struct peer *p = *pp;
	if (!p)
		return;
	hang_up(p);
	for (size_t i = 0; i < p->n_reports; i++)
		buf_done(&p->reports[i]);
	free(p->reports);
	free(p->done);
	free(p);
	*pp = NULL;
}
