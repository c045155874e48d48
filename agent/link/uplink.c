/* The conversation with the controller. */
#include "agent/link/uplink.h"

#include <string.h>

#include "agent/link/dial.h"
#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/wire/hello.h"
#include "common/wire/limits.h"

#define TICK_MS           100
#define CONNECT_MS        30000 /* until the handshake is done */
#define GREETING_MS       15000 /* until WELCOME */
#define SILENT_HEARTBEATS 3
#define REPORT_WINDOW     32 /* reports sent and not yet acknowledged */
#define REPORT_BATCH      8 /* read from the journal at a time */
#define OUTBOX_MS         1000 /* look again, for what could not be sent at once */
#define TARGETS_BYTES     ((size_t)100 * 1024) /* in one TARGETS message */
#define BOOT_ID_SIZE      16
#define BYE_MS            500 /* for the last word to leave */

enum uplink_state { WAITING, CONNECTING, GREETING, DELAYED, UP };

struct uplink {
	zloop_t *loop;
	struct journal *journal;
	struct uplink_settings set;
	struct uplink_handler on;
	struct dial dial;
	int timer;
	enum uplink_state state;
	size_t key; /* of controller_keys, for this attempt */
	size_t keys_tried;
	uint32_t pause_ms, spread_ms, heartbeat_ms, max_epoch;
	int64_t due_us; /* WAITING, DELAYED: next attempt; CONNECTING, GREETING: give up; monotonic */
	int64_t heard_us, beat_us, outbox_us;
	uint64_t session, seq_in, seq_out;
	uint64_t next_report, acked_report; /* next to send; the controller has up to acked */
	uint64_t stuck_report; /* too large to send, said once */
	uint8_t boot_id[BOOT_ID_SIZE];
	bool said_down; /* log a lasting failure once */
};

static int64_t after_ms(uint32_t ms)
{
	return clock_mono_us() + (int64_t)ms * 1000;
}

static enum frame_sent send_msg(struct uplink *u, const struct msg *m)
{
	struct link_header header = {.session = u->session, .seq = u->seq_out + 1, .ack = u->seq_in, .epoch = u->max_epoch};
	enum frame_sent sent = dial_send(&u->dial, header, m);
	if (sent == FRAME_SENT)
		u->seq_out++;
	return sent;
}

/* Decorrelated jitter: a fleet that lost its controller together must not come back together. */
static uint32_t next_pause_ms(struct uplink *u)
{
	uint32_t high = u->pause_ms > u->set.retry_max_ms / 3 ? u->set.retry_max_ms : u->pause_ms * 3;
	u->pause_ms = dial_random_ms(u->set.retry_min_ms, high < u->set.retry_min_ms ? u->set.retry_min_ms : high);
	return u->pause_ms;
}

static void fall(struct uplink *u, uint32_t wait_ms, const char *why)
{
	bool was_up = u->state == UP;
	dial_close(&u->dial);
	u->state = WAITING;
	u->session = 0;
	u->due_us = after_ms(wait_ms);
	if (!u->said_down)
		log_warn("controller at %s: %s: next attempt in %u ms; running tasks go on", u->set.endpoint, why, wait_ms);
	else
		log_debug("controller at %s: %s: next attempt in %u ms", u->set.endpoint, why, wait_ms);
	u->said_down = true;
	if (was_up)
		u->on.down(u->on.arg, why);
}

/* A connection that stood: everybody loses it at once when the controller goes, so the first attempt is spread as the controller asked. */
static void lose(struct uplink *u, const char *why)
{
	fall(u, u->set.retry_min_ms / 2 + dial_random_ms(0, u->spread_ms), why);
}

/* An attempt that did not get there: the next pinned key at once, a pause after the last. */
static void fail_attempt(struct uplink *u, const char *why)
{
	u->key = (u->key + 1) % u->set.n_controller_keys;
	bool all_tried = ++u->keys_tried >= u->set.n_controller_keys;
	if (all_tried)
		u->keys_tried = 0;
	fall(u, all_tried ? next_pause_ms(u) : 0, why);
}

static void give_up(struct uplink *u, const char *why)
{
	if (u->state == UP)
		lose(u, why);
	else
		fail_attempt(u, why);
}

/* ---- sending ---- */

static void sign_hello(struct uplink *u, struct msg_hello *h, uint8_t signature[SIGNATURE_SIZE])
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	hello_signed_bytes(h, u->set.controller_keys[u->key], &b);
	sign_make(u->set.report_key, buf_bytes(&b), signature);
	h->signature = bytes_of(signature, SIGNATURE_SIZE);
}

static void greet(struct uplink *u)
{
	uint8_t signature[SIGNATURE_SIZE];
	struct err e = ERR_INIT;
	struct msg m = {
	    .type = MSG_HELLO,
	    .hello =
	        {
	            .agent = u->set.agent,
	            .agent_version = u->set.agent_version,
	            .certificate = u->set.certificate,
	            .boot_id = bytes_of(u->boot_id, sizeof u->boot_id),
	            .proto_min = LINK_PROTO,
	            .proto_max = LINK_PROTO,
	            .max_epoch = u->max_epoch,
	            .trust_version = u->set.trust_version,
	            .report_seq = journal_last_report(u->journal),
	        },
	};
	if (journal_next(u->journal, "session_counter", &m.hello.session_counter, &e) != 0) {
		fail_attempt(u, e.msg);
		return;
	}
	sign_hello(u, &m.hello, signature);
	u->seq_in = u->seq_out = u->session = 0;
	if (send_msg(u, &m) != FRAME_SENT) {
		fail_attempt(u, "HELLO could not be sent");
		return;
	}
	u->state = GREETING;
	u->due_us = after_ms(GREETING_MS);
}

static size_t target_size(const struct target *t)
{
	size_t n = strlen(t->id) + strlen(t->engine) + 16;
	for (size_t i = 0; i < t->n_labels; i++)
		n += strlen(t->labels[i].key) + strlen(t->labels[i].value) + 8;
	return n;
}

static bool send_targets(struct uplink *u)
{
	AUTO(mem_free_ptr) struct target *part = mem_alloc(u->set.n_targets * sizeof *part);
	size_t done = 0;
	do {
		size_t n = 0, size = 0, first = done;
		for (; done < u->set.n_targets && (n == 0 || size < TARGETS_BYTES); done++) {
			size += target_size(u->set.targets[done]);
			part[n++] = *u->set.targets[done];
		}
		struct msg m = {.type = MSG_TARGETS, .targets = {.targets = part, .n_targets = n, .first = first == 0, .last = done == u->set.n_targets}};
		if (send_msg(u, &m) != FRAME_SENT)
			return false;
	} while (done < u->set.n_targets);
	return true;
}

void uplink_targets(struct uplink *u, const struct target **targets, size_t n)
{
	u->set.targets = targets;
	u->set.n_targets = n;
	if (u->state == UP && !send_targets(u))
		lose(u, "the list of targets could not be sent");
}

static void beat(struct uplink *u)
{
	struct msg m = {.type = MSG_HEARTBEAT};
	u->on.load(u->on.arg, &m.heartbeat);
	m.heartbeat.report_seq = journal_last_report(u->journal);
	u->beat_us = after_ms(u->heartbeat_ms);
	send_msg(u, &m);
}

/* ---- the outbox ---- */

static bool send_report(struct uplink *u, const struct outbox_entry *r)
{
	struct msg m = {.type = MSG_REPORT, .report = {.seq = r->seq, .envelope = r->envelope}};
	FAILPOINT("report-unsent");
	enum frame_sent sent = send_msg(u, &m);
	FAILPOINT("report-sent");
	if (sent == FRAME_TOO_LARGE && u->stuck_report != r->seq) {
		u->stuck_report = r->seq;
		log_error("report %llu is %zu bytes; a message has at most %zu: it and all later ones stay in the journal; split the release",
		          (unsigned long long)r->seq, r->envelope.n, LIMIT_FRAME_BODY);
	}
	return sent == FRAME_SENT;
}

/* True when there may be more to send now. */
static bool send_some(struct uplink *u)
{
	uint64_t end = u->acked_report + REPORT_WINDOW + 1;
	if (u->state != UP || u->next_report >= end)
		return false;
	AUTO(arena_destroy) struct arena *a = arena_new((REPORT_BATCH + 1) * LIMIT_DOCUMENT * 2);
	struct outbox_entry *list = NULL;
	size_t n = 0, max = end - u->next_report < REPORT_BATCH ? (size_t)(end - u->next_report) : REPORT_BATCH;
	struct err e = ERR_INIT;
	if (journal_outbox(u->journal, u->next_report, max, a, &list, &n, &e) != 0) {
		log_error("outbox: %s: reports wait until it can be read", e.msg);
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (!send_report(u, &list[i]))
			return false;
		u->next_report = list[i].seq + 1;
	}
	return n == max;
}

void uplink_kick(struct uplink *u)
{
	u->outbox_us = after_ms(OUTBOX_MS);
	while (send_some(u))
		;
}

void uplink_resend(struct uplink *u)
{
	u->next_report = u->acked_report + 1;
	uplink_kick(u);
}

static void on_report_ack(struct uplink *u, const struct msg_report_ack *ack)
{
	struct err e = ERR_INIT;
	uint64_t seq = ack->seq;
	if (seq >= u->next_report) {
		give_up(u, "it acknowledged a report that was not sent");
		return;
	}
	if (seq <= u->acked_report)
		return;
	u->acked_report = seq;
	FAILPOINT("ack-received");
	if (journal_acked(u->journal, seq, &ack->audit, &e) != 0)
		log_error("%s: %s", e.code == ERR_STATE ? "controller" : "journal: the report will be sent again", e.msg);
	FAILPOINT("ack-journaled");
	uplink_kick(u);
}

/* ---- receiving ---- */

static bool take_epoch(struct uplink *u, uint32_t epoch)
{
	struct err e = ERR_INIT;
	if (epoch < u->max_epoch)
		return false;
	if (epoch > u->max_epoch && journal_raise(u->journal, "epoch", epoch, &e) != 0) {
		log_error("journal: %s: the controller's epoch cannot be kept, so its word is not taken", e.msg);
		return false;
	}
	u->max_epoch = epoch;
	return true;
}

/* A log that was cut off or written anew is the auditor's business: work goes on, and the reports keep naming the longer chain. */
static void hear_audit(struct uplink *u, const struct audit_head *told)
{
	struct err e = ERR_INIT;
	if (journal_audit(u->journal, told, &e) != 0)
		log_error("controller at %s: %s: tell the central team; `rollcall audit verify` shows it", u->set.endpoint, e.msg);
}

static void on_welcome(struct uplink *u, const struct msg_welcome *w)
{
	if (w->proto != LINK_PROTO || !take_epoch(u, w->epoch)) {
		fail_attempt(u, w->proto != LINK_PROTO ? "it chose a protocol that was not offered"
		                                       : "it is an old controller (its epoch is lower than one seen before)");
		return;
	}
	u->state = UP;
	u->session = w->session;
	u->heartbeat_ms = w->heartbeat_ms;
	u->spread_ms = w->spread_ms;
	u->pause_ms = u->set.retry_min_ms;
	u->keys_tried = 0;
	u->said_down = false;
	u->acked_report = w->resume_from;
	u->next_report = w->resume_from + 1;
	hear_audit(u, &w->audit);
	log_info("controller at %s: connected, epoch %u, it has reports up to %llu", u->set.endpoint, w->epoch, (unsigned long long)w->resume_from);
	if (!send_targets(u)) {
		lose(u, "the list of targets could not be sent");
		return;
	}
	beat(u);
	u->on.up(u->on.arg, w);
	uplink_kick(u);
}

static void on_deny(struct uplink *u, const struct msg_deny *d)
{
	char why[1024];
	snprintf(why, sizeof why, "it refused this agent: %s: %s", d->code, d->message);
	if (!str_eq(d->code, "replaced") && !str_eq(d->code, "protocol"))
		u->said_down = false; /* the reason is worth a line each time it is told */
	u->on.refused(u->on.arg, d->code);
	give_up(u, why);
}

/* The connection stays: its handshake is what costs the controller most. */
static void on_retry_after(struct uplink *u, const struct msg_retry_after *r)
{
	uint32_t wait_ms = r->ms + dial_random_ms(0, r->jitter_ms);
	u->state = DELAYED;
	u->due_us = after_ms(wait_ms);
	log_debug("controller at %s: it is busy and asked to wait %u ms", u->set.endpoint, wait_ms);
}

static void on_message(struct uplink *u, const struct msg *m)
{
	switch (m->type) {
	case MSG_WELCOME:
		on_welcome(u, &m->welcome);
		break;
	case MSG_DENY:
		on_deny(u, &m->deny);
		break;
	case MSG_RETRY_AFTER:
		on_retry_after(u, &m->retry_after);
		break;
	case MSG_HEARTBEAT_ACK:
		u->heartbeat_ms = m->heartbeat_ack.heartbeat_ms;
		break;
	case MSG_REPORT_ACK:
		on_report_ack(u, &m->report_ack);
		break;
	case MSG_OFFER:
	case MSG_RECALL:
	case MSG_STOP:
	case MSG_SURVEY:
	case MSG_TRUST_UPDATE:
		u->on.message(u->on.arg, m);
		break;
	default:
		give_up(u, "it sent a message that agents do not take");
		break;
	}
}

/* The order of the checks is C1: frame, type for the state, session, seq, epoch; then the body. */
static const char *check_header(struct uplink *u, const struct link_header *h)
{
	if (!link_allowed(SOCKET_CTRL, LINK_CONTROLLER, u->state == UP ? LINK_READY : LINK_NEW, (enum msg_type)h->type))
		return "it sent a message that is not allowed in this state";
	if (u->state == UP && h->session != u->session)
		return "it sent a message of another session";
	if (h->seq != u->seq_in + 1)
		return "a message is missing or came twice";
	if (u->state == UP && h->type != MSG_DENY && !take_epoch(u, h->epoch))
		return "it is an old controller (its epoch is lower than one seen before)";
	return NULL;
}

static void on_frame(void *arg, enum frame_result r, const struct frame *f, const char *why)
{
	struct uplink *u = arg;
	if (u->state != GREETING && u->state != UP)
		return;
	if (r == FRAME_OK)
		why = check_header(u, &f->header);
	if (r != FRAME_OK || why) {
		give_up(u, why);
		return;
	}
	u->seq_in++;
	u->heard_us = clock_mono_us();
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	struct msg m;
	struct err e = ERR_INIT;
	if (msg_decode((enum msg_type)f->header.type, f->body, a, &m, &e) != 0)
		give_up(u, e.msg);
	else
		on_message(u, &m);
}

static void on_event(void *arg, enum monitor_event event)
{
	struct uplink *u = arg;
	switch (event) {
	case MONITOR_READY:
		if (u->state == CONNECTING)
			greet(u);
		break;
	case MONITOR_REFUSED:
		u->on.refused(u->on.arg, "key");
		fail_attempt(u,
		             "it refused our key: the agent is not admitted there (rollcall agents admit), was revoked, or its certificate is good no more");
		break;
	case MONITOR_UNREACHABLE:
		fail_attempt(u, "it cannot be reached");
		break;
	case MONITOR_LOST:
		give_up(u, u->state == CONNECTING ? "its key is not the pinned one, or no controller listens there" : "the connection was lost");
		break;
	case MONITOR_NONE:
		break;
	}
}

static void attempt(struct uplink *u)
{
	struct dial_handler handler = {.frame = on_frame, .event = on_event, .arg = u};
	struct err e = ERR_INIT;
	u->state = CONNECTING;
	u->due_us = after_ms(CONNECT_MS);
	if (dial_open(&u->dial, u->loop, LINK_CTRL_DEALER, u->set.key, u->set.controller_keys[u->key], u->set.endpoint, &handler, &e) != 0)
		fail_attempt(u, e.msg);
}

static void tick(struct uplink *u, int64_t now_us)
{
	switch (u->state) {
	case WAITING:
		if (now_us >= u->due_us)
			attempt(u);
		break;
	case CONNECTING:
	case GREETING:
		if (now_us >= u->due_us)
			fail_attempt(u, u->state == CONNECTING ? "no answer" : "no WELCOME");
		break;
	case DELAYED:
		if (now_us >= u->due_us)
			greet(u);
		break;
	case UP:
		if (now_us - u->heard_us > (int64_t)u->heartbeat_ms * 1000 * SILENT_HEARTBEATS) {
			lose(u, "silent for 3 heartbeats");
			break;
		}
		if (now_us >= u->beat_us)
			beat(u);
		if (now_us >= u->outbox_us)
			uplink_kick(u);
		break;
	}
}

static int on_timer(zloop_t *loop, int id, void *arg)
{
	(void)loop, (void)id;
	tick(arg, clock_mono_us());
	return 0;
}

/* ---- outside ---- */

int uplink_new(zloop_t *loop, struct journal *j, const struct uplink_settings *s, const struct uplink_handler *h, struct uplink **ret, struct err *e)
{
	AUTO(mem_free_ptr) struct uplink *u = mem_alloc(sizeof *u);
	uint64_t epoch = 0;
	if (s->n_controller_keys == 0)
		return err_set(e, ERR_USAGE, "no controller key is pinned");
	if (journal_number(j, "epoch", &epoch, e) != 0 || crypto_random(u->boot_id, sizeof u->boot_id, e) != 0)
		return -1;
	u->loop = loop;
	u->journal = j;
	u->set = *s;
	u->on = *h;
	u->max_epoch = (uint32_t)epoch;
	u->pause_ms = s->retry_min_ms;
	u->timer = zloop_timer(loop, TICK_MS, 0, on_timer, u);
	u->due_us = clock_mono_us();
	tick(u, u->due_us);
	*ret = take_ptr(&u);
	return 0;
}

static void say_bye(struct uplink *u)
{
	if (u->state == UP && send_msg(u, &(struct msg){.type = MSG_BYE}) == FRAME_SENT)
		zsock_set_linger(u->dial.socket, BYE_MS);
}

void uplink_keyset(struct uplink *u, const struct sign_key *report_key, struct bytes certificate)
{
	u->set.report_key = report_key;
	u->set.certificate = certificate;
	say_bye(u);
	u->pause_ms = u->set.retry_min_ms;
	u->keys_tried = 0;
	fall(u, 0, "new keys");
}

void uplink_destroy(struct uplink **up)
{
	struct uplink *u = *up;
	if (!u)
		return;
	say_bye(u);
	zloop_timer_end(u->loop, u->timer);
	dial_close(&u->dial);
	free(u);
	*up = NULL;
}

bool uplink_is_up(const struct uplink *u)
{
	return u->state == UP;
}

bool uplink_send(struct uplink *u, const struct msg *m)
{
	return u->state == UP && send_msg(u, m) == FRAME_SENT;
}

void uplink_trust_version(struct uplink *u, uint64_t version)
{
	u->set.trust_version = version;
}

uint32_t uplink_max_epoch(const struct uplink *u)
{
	return u->max_epoch;
}
