/* The conversation with the controller: its states, and what is heard. */
#include <stdio.h>
#include <string.h>

#include "agent/link/uplink_impl.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/wire/limits.h"

#define TICK_MS           100
#define CONNECT_MS        30000 /* until the handshake is done */
#define ROUNDS_MAX        3 /* what is doubled each round without success, is so at most so often */
#define GREETING_MS       15000 /* until WELCOME */
#define SILENT_HEARTBEATS 3
#define BYE_MS            500 /* for the last word to leave */
#define OLD_CONTROLLER    "it is an old controller (its epoch is lower than one seen before)"

int64_t uplink_after_ms(uint32_t ms)
{
	return clock_mono_us() + (int64_t)ms * 1000;
}

static const char *endpoint_of(const struct uplink *u)
{
	return u->address ? u->set.also[u->address - 1] : u->set.endpoint;
}

/* Decorrelated jitter: a fleet that lost its controller together must not come back together. */
static uint32_t next_pause_ms(struct uplink *u)
{
	uint32_t high = u->pause_ms > u->set.retry_max_ms / 3 ? u->set.retry_max_ms : u->pause_ms * 3;
	u->pause_ms = dial_random_ms(u->set.retry_min_ms, high < u->set.retry_min_ms ? u->set.retry_min_ms : high);
	return u->pause_ms;
}

static void fall_from(struct uplink *u, const char *at, uint32_t wait_ms, const char *why)
{
	bool was_up = u->state == UP;
	dial_close(&u->dial);
	u->state = WAITING;
	u->session = 0;
	u->due_us = uplink_after_ms(wait_ms);
	if (!u->said_down)
		log_warn("controller at %s: %s: next attempt in %u ms; running tasks go on", at, why, wait_ms);
	else
		log_debug("controller at %s: %s: next attempt in %u ms", at, why, wait_ms);
	u->said_down = true;
	u->on.down(u->on.arg, at, why, was_up);
}

/* A connection that stood: everybody loses it at once when the controller goes, so the first attempt is spread as the controller asked. */
static void lose(struct uplink *u, const char *why)
{
	fall_from(u, endpoint_of(u), u->set.retry_min_ms / 2 + dial_random_ms(0, u->spread_ms), why);
}

/* The next address, when this one has failed with every key. Returns how long to wait: little before one that was not tried yet, and not the same for every agent that lost its
 * address with us; a pause once all were. */
static uint32_t next_address_ms(struct uplink *u)
{
	u->address = (u->address + 1) % (u->set.n_also + 1);
	if (++u->addresses_tried <= u->set.n_also)
		return dial_random_ms(0, u->set.retry_min_ms);
	u->addresses_tried = 0;
	u->rounds++;
	return next_pause_ms(u);
}

/* An attempt that did not get there: the next pinned key at once, then the next address. */
static void fail_attempt(struct uplink *u, const char *why)
{
	char at[256]; /* the one that failed is what is told */
	str_copy(at, sizeof at, endpoint_of(u));
	u->key = (u->key + 1) % u->set.n_controller_keys;
	bool all_tried = ++u->keys_tried >= u->set.n_controller_keys;
	if (all_tried)
		u->keys_tried = 0;
	fall_from(u, at, all_tried ? next_address_ms(u) : 0, why);
}

/* Not one byte came: no other key will change that. Alone, the address is waited for as long as for any handshake, and why is said meanwhile. */
static void leave_silent(struct uplink *u)
{
	const char *why = link_unheard(u->dial.fd);
	u->first_word_us = 0;
	if (u->set.n_also) {
		u->keys_tried = u->set.n_controller_keys;
		fail_attempt(u, why);
	} else if (!u->said_down) {
		log_warn("controller at %s: %s; there is no other address in agent.yaml (also): waiting on", endpoint_of(u), why);
	}
}

static void give_up(struct uplink *u, const char *why)
{
	if (u->state == UP)
		lose(u, why);
	else
		fail_attempt(u, why);
}

/* C1: what no honest controller sends. The site's people see it, whoever reads the log. */
static void refuse(struct uplink *u, const char *why)
{
	char message[sizeof u->refused];
	struct err e = ERR_INIT;
	snprintf(message, sizeof message, "controller at %s: %s", endpoint_of(u), why);
	if (!str_eq(u->refused, message) && journal_refuse(u->journal, C1_MESSAGE, NULL, message, &e) != 0)
		log_error("journal: %s", e.msg);
	str_copy(u->refused, sizeof u->refused, message);
	give_up(u, why);
}

/* ---- sending ---- */

static void greet(struct uplink *u)
{
	struct err e = ERR_INIT;
	if (uplink_say_hello(u, &e) != 0) {
		fail_attempt(u, e.msg);
		return;
	}
	u->state = GREETING;
	u->due_us = uplink_after_ms(GREETING_MS);
}

void uplink_targets(struct uplink *u, const struct target **targets, size_t n)
{
	u->set.targets = targets;
	u->set.n_targets = n;
	if (u->state == UP && !uplink_say_targets(u))
		lose(u, "the list of targets could not be sent");
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
		log_error("controller at %s: %s: tell the central team; `rollcall audit verify` shows it", endpoint_of(u), e.msg);
}

static void on_welcome(struct uplink *u, const struct msg_welcome *w)
{
	bool offered = w->proto >= LINK_PROTO && w->proto <= LINK_PROTO_MAX;
	if (!offered || !take_epoch(u, w->epoch)) {
		refuse(u, offered ? OLD_CONTROLLER : "it chose a protocol that was not offered");
		return;
	}
	u->state = UP;
	u->session = w->session;
	u->proto = w->proto;
	u->heartbeat_ms = w->heartbeat_ms;
	u->spread_ms = w->spread_ms;
	u->pause_ms = u->set.retry_min_ms;
	u->keys_tried = u->addresses_tried = u->rounds = 0;
	u->said_down = false;
	u->acked_report = w->resume_from;
	u->next_report = w->resume_from + 1;
	hear_audit(u, &w->audit);
	log_info("controller at %s: connected, epoch %u, it has reports up to %llu", endpoint_of(u), w->epoch, (unsigned long long)w->resume_from);
	if (!uplink_say_targets(u)) {
		lose(u, "the list of targets could not be sent");
		return;
	}
	uplink_say_heartbeat(u);
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
	u->due_us = uplink_after_ms(wait_ms);
	log_debug("controller at %s: it is busy and asked to wait %u ms", endpoint_of(u), wait_ms);
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
		if (m->report_ack.seq >= u->next_report)
			refuse(u, "it acknowledged a report that was not sent");
		else
			uplink_acked(u, &m->report_ack);
		break;
	case MSG_OFFER:
	case MSG_RECALL:
	case MSG_STOP:
	case MSG_SURVEY:
	case MSG_TRUST_UPDATE:
		u->on.message(u->on.arg, m);
		break;
	default:
		refuse(u, "it sent a message that agents do not take");
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
		return OLD_CONTROLLER;
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
		refuse(u, why);
		return;
	}
	u->seq_in++;
	u->heard_us = clock_mono_us();
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	struct msg m;
	struct err e = ERR_INIT;
	if (msg_decode((enum msg_type)f->header.type, f->body, a, &m, &e) != 0)
		refuse(u, e.msg);
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

/* Longer after each round in vain: where all are slow to answer, as when a whole fleet comes back at once, who leaves the queue early makes it longer. */
static uint32_t patience_ms(const struct uplink *u)
{
	return LINK_FIRST_WORD_MS << (u->rounds < ROUNDS_MAX ? u->rounds : ROUNDS_MAX);
}

static void attempt(struct uplink *u)
{
	struct dial_handler handler = {.frame = on_frame, .event = on_event, .arg = u};
	struct err e = ERR_INIT;
	u->state = CONNECTING;
	u->due_us = uplink_after_ms(CONNECT_MS);
	u->first_word_us = uplink_after_ms(patience_ms(u));
	if (dial_open(&u->dial, u->loop, LINK_CTRL_DEALER, u->set.key, u->set.controller_keys[u->key], endpoint_of(u), &handler, &e) != 0)
		fail_attempt(u, e.msg);
}

/* While this process stood still, or was busy, nobody read what came: that time is nobody's silence. */
static void forgive(struct uplink *u, int64_t now_us)
{
	int64_t lost_us = now_us - u->ticked_us - TICK_MS * 1000;
	u->ticked_us = now_us;
	if (lost_us <= 0)
		return;
	u->heard_us = clock_forgive(u->heard_us, lost_us, now_us);
	if (u->state != CONNECTING && u->state != GREETING)
		return;
	u->due_us += lost_us;
	u->first_word_us += u->first_word_us ? lost_us : 0;
}

static void tick(struct uplink *u, int64_t now_us)
{
	forgive(u, now_us);
	switch (u->state) {
	case WAITING:
		if (now_us >= u->due_us)
			attempt(u);
		break;
	case CONNECTING:
	case GREETING:
		if (now_us >= u->due_us)
			fail_attempt(u, u->state == GREETING ? "no WELCOME" : link_heard(u->dial.fd) ? "no answer" : link_unheard(u->dial.fd));
		else if (u->state == CONNECTING && u->first_word_us && now_us >= u->first_word_us && !link_heard(u->dial.fd))
			leave_silent(u);
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
			uplink_say_heartbeat(u);
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
	u->due_us = u->ticked_us = clock_mono_us();
	tick(u, u->due_us);
	*ret = take_ptr(&u);
	return 0;
}

static void say_bye(struct uplink *u)
{
	if (u->state == UP && uplink_say(u, &(struct msg){.type = MSG_BYE}) == FRAME_SENT)
		zsock_set_linger(u->dial.socket, BYE_MS);
}

void uplink_keyset(struct uplink *u, const struct sign_key *report_key, struct bytes certificate)
{
	u->set.report_key = report_key;
	u->set.certificate = certificate;
	say_bye(u);
	u->pause_ms = u->set.retry_min_ms;
	u->keys_tried = u->addresses_tried = 0;
	fall_from(u, endpoint_of(u), 0, "new keys");
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

const char *uplink_endpoint(const struct uplink *u)
{
	return endpoint_of(u);
}

size_t uplink_address(const struct uplink *u)
{
	return u->address;
}

bool uplink_send(struct uplink *u, const struct msg *m)
{
	return u->state == UP && uplink_say(u, m) == FRAME_SENT;
}

void uplink_trust_version(struct uplink *u, uint64_t version)
{
	u->set.trust_version = version;
}

uint32_t uplink_max_epoch(const struct uplink *u)
{
	return u->max_epoch;
}
