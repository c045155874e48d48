/* Conversations on the control ROUTER. Each message is checked in this order: key known, no name of its own, session bound to this key, form, role x state x type,
 * session number and seq, body. A broken rule drops the message, ends the session and is counted; the peer cannot be cut off, so nothing else of it is believed. */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/wire/limits.h"
#include "controller/link/hub_state.h"

#define NEW_TIMEOUT_US       ((int64_t)15 * 1000 * 1000)
#define OPERATOR_TIMEOUT_US  ((int64_t)15 * 60 * 1000 * 1000)
#define OPERATOR_SESSIONS    16 /* of one operator; the oldest makes room */
#define SILENT_HEARTBEATS    3
#define EARLY_PART           4 /* of the time between two heartbeats: one that comes sooner says nothing new */
#define RETRY_MS             2000
#define RETRY_JITTER_MS      8000
#define PENDING_MAX          4096 /* messages waiting for one peer */
#define PENDING_BYTES_MAX    ((size_t)8 * 1024 * 1024)
#define PENDING_TOTAL_MAX    ((size_t)256 * 1024 * 1024) /* for all peers */
#define STALL_TIMEOUT_US     ((int64_t)60 * 1000 * 1000) /* a peer that takes nothing for so long is let go, whatever it sends */
#define DEFAULT_HEARTBEAT_MS 15000

static enum frame_sent send_to(struct hub *h, struct session *s, enum msg_type type, struct bytes body)
{
	struct link_header header = {.type = (uint8_t)type, .session = s->id, .seq = s->seq_out + 1, .ack = s->seq_in, .epoch = s->epoch};
	enum frame_sent sent = frame_send(h->ctrl_raw, bytes_of(s->routing, s->routing_size), header, body, bytes_of(NULL, 0));
	if (sent == FRAME_SENT)
		s->seq_out++;
	return sent;
}

/* To a peer without a session. */
static void answer(struct hub *h, struct bytes routing, const struct msg *m)
{
	AUTO(buf_done) struct buf body = BUF_INIT;
	msg_encode(m, &body);
	frame_send(h->ctrl_raw, routing, (struct link_header){.type = (uint8_t)m->type, .seq = 1}, buf_bytes(&body), bytes_of(NULL, 0));
}

/* code NULL: nothing is said to the peer. */
static void end_session(struct hub *h, struct session *s, const char *code, const char *message, bool tell_brain)
{
	if (code) {
		struct msg m = {.type = MSG_DENY, .deny = {.code = code, .message = message}};
		AUTO(buf_done) struct buf body = BUF_INIT;
		msg_encode(&m, &body);
		if (send_to(h, s, MSG_DENY, buf_bytes(&body)) != FRAME_SENT)
			log_debug("link: %s could not be told why its session ended", s->who.name);
	}
	if (tell_brain)
		hub_event(h, &(struct hub_head){.type = HUB_GONE, .from = s->who, .session = s->id}, bytes_of(NULL, 0));
	h->pending_bytes -= s->pending_bytes;
	sessions_close(h->sessions, s);
}

static int64_t patience_us(const struct session *s)
{
	if (s->state == LINK_NEW)
		return NEW_TIMEOUT_US;
	if (s->who.kind == LINK_OPERATOR)
		return OPERATOR_TIMEOUT_US;
	return (int64_t)s->heartbeat_ms * 1000 * SILENT_HEARTBEATS;
}

/* When it is over with this session, if nothing changes. */
static int64_t over_at_us(const struct session *s)
{
	int64_t silent_us = s->heard_at_us + patience_us(s), stalled_us = s->stalled_at_us + STALL_TIMEOUT_US;
	return s->stalled_at_us && stalled_us < silent_us ? stalled_us : silent_us;
}

static bool has_room(const struct hub *h, const struct session *s, size_t bytes)
{
	return s->n_pending < PENDING_MAX && s->pending_bytes + bytes <= PENDING_BYTES_MAX && h->pending_bytes + bytes <= PENDING_TOTAL_MAX;
}

static void keep_pending(struct hub *h, struct session *s, enum msg_type type, struct bytes body)
{
	if (!s->first) {
		s->stalled_at_us = h->now_us;
		sessions_look_at(h->sessions, s, over_at_us(s));
		vec_grow(h->stalled, h->n_stalled, h->cap_stalled);
		h->stalled[h->n_stalled++] = s->id;
	}
	session_push(s, type, body);
	h->pending_bytes += body.n;
}

/* Sends or keeps; false when the session ended over it. */
static bool deliver(struct hub *h, struct session *s, enum msg_type type, struct bytes body)
{
	if (!s->first) {
		enum frame_sent sent = send_to(h, s, type, body);
		if (sent == FRAME_SENT)
			return true;
		if (sent != FRAME_FULL) {
			end_session(h, s, NULL, NULL, true);
			return false;
		}
	}
	if (type == MSG_HEARTBEAT_ACK)
		return true; /* worth nothing later */
	if (!has_room(h, s, body.n)) {
		log_warn("link: %s does not read: its session is closed, and it starts again where it was", s->who.name);
		end_session(h, s, NULL, NULL, true);
		return false;
	}
	keep_pending(h, s, type, body);
	return true;
}

/* The session may be over after it. */
static void send_msg(struct hub *h, struct session *s, const struct msg *m)
{
	AUTO(buf_done) struct buf body = BUF_INIT;
	msg_encode(m, &body);
	(void)deliver(h, s, m->type, buf_bytes(&body));
}

static void violation(struct hub *h, struct session *s, const struct frame *f, const char *what)
{
	hub_violation(h, f->user, what);
	if (s)
		end_session(h, s, "protocol", what, true);
}

static void pass_message(struct hub *h, const struct session *s, const struct frame *f)
{
	hub_event(h, &(struct hub_head){.type = HUB_MESSAGE, .msg_type = (enum msg_type)f->header.type, .from = s->who, .session = s->id}, f->body);
}

static struct session *open_agent(struct hub *h, const struct frame *f, const struct principal *who)
{
	if (!bucket_take(&h->admission, h->now_us)) {
		answer(h, f->routing, &(struct msg){.type = MSG_RETRY_AFTER, .retry_after = {.ms = RETRY_MS, .jitter_ms = RETRY_JITTER_MS}});
		return NULL;
	}
	struct session *older = sessions_of(h->sessions, who, LINK_NEW, NULL, NULL);
	if (older)
		end_session(h, older, NULL, NULL, true);
	return sessions_open(h->sessions, f->routing, who, h->now_us);
}

static struct session *open_operator(struct hub *h, const struct frame *f, const struct principal *who)
{
	size_t n = 0;
	struct session *oldest = sessions_of(h->sessions, who, LINK_READY, NULL, &n);
	if (n >= OPERATOR_SESSIONS)
		end_session(h, oldest, NULL, NULL, true);
	struct session *s = sessions_open(h->sessions, f->routing, who, h->now_us);
	if (s)
		s->state = LINK_READY; /* the key is all that an operator has to show */
	return s;
}

static struct session *open_session(struct hub *h, const struct frame *f, const struct principal *who)
{
	if (f->header.seq != 1) {
		hub_violation(h, f->user, "no session, and not the first message of one");
		return NULL;
	}
	struct session *s = who->kind == LINK_AGENT ? open_agent(h, f, who) : open_operator(h, f, who);
	if (!s)
		log_debug("link: %s has to wait for a session", who->name);
	return s;
}

/* The newest session wins, but only by a higher counter; the same counter twice means that keys and journal were copied: then neither is believed. */
static bool admit_counter(struct hub *h, struct session *s)
{
	struct session *live = sessions_of(h->sessions, &s->who, LINK_READY, s, NULL);
	if (!live || live->counter < s->counter)
		return true;
	if (live->counter > s->counter) {
		end_session(h, s, "stale", "a newer session of this agent is open", false);
		return false;
	}
	log_error("link: agent %s is here twice with one session counter: its keys and journal were copied; both sessions were closed: "
	          "stop one of the two and give it an identity of its own",
	          s->who.name);
	hub_event(h, &(struct hub_head){.type = HUB_CLONED, .from = s->who, .session = live->id}, bytes_of(NULL, 0));
	end_session(h, live, "cloned", "another agent runs with this one's keys and journal", true);
	end_session(h, s, "cloned", "another agent runs with this one's keys and journal", false);
	return false;
}

static void on_hello(struct hub *h, struct session *s, const struct frame *f, const struct msg *m)
{
	if (!str_eq(m->hello.agent, s->who.name)) {
		hub_violation(h, f->user, "HELLO names another agent than its key's");
		end_session(h, s, "identity", "this key belongs to another agent name", false);
		return;
	}
	s->counter = m->hello.session_counter;
	if (admit_counter(h, s))
		pass_message(h, s, f);
}

/* A peer that beats faster than it was told to costs the others no more than the reading. */
static void on_heartbeat(struct hub *h, struct session *s, const struct frame *f)
{
	if (s->beat_at_us && h->now_us - s->beat_at_us < (int64_t)s->heartbeat_ms * 1000 / EARLY_PART)
		return;
	s->beat_at_us = h->now_us;
	pass_message(h, s, f);
	send_msg(h, s, &(struct msg){.type = MSG_HEARTBEAT_ACK, .heartbeat_ack = {.heartbeat_ms = s->heartbeat_ms}});
}

static void on_message(struct hub *h, struct session *s, const struct frame *f, const struct msg *m)
{
	s->heard_at_us = h->now_us;
	switch (m->type) {
	case MSG_HELLO:
		on_hello(h, s, f, m);
		break;
	case MSG_HEARTBEAT:
		on_heartbeat(h, s, f);
		break;
	case MSG_BYE:
		end_session(h, s, NULL, NULL, true);
		break;
	default: /* the table let it pass: it is the brain's */
		pass_message(h, s, f);
		break;
	}
}

/* An operator learns its session number from the first reply, so 0 stands for it too. */
static bool is_session_number(const struct session *s, uint64_t number)
{
	return s->state == LINK_NEW || s->who.kind == LINK_OPERATOR ? number == 0 || number == s->id : number == s->id;
}

static void on_frame(struct hub *h, const struct frame *f, const struct principal *who, struct session *s)
{
	enum msg_type type = (enum msg_type)f->header.type;
	struct err e = ERR_INIT;
	if (!link_allowed(SOCKET_CTRL, who->kind, s ? s->state : LINK_NEW, type)) {
		violation(h, s, f, "this type is not allowed here");
		return;
	}
	if (!s && !(s = open_session(h, f, who)))
		return;
	if (!is_session_number(s, f->header.session) || f->header.seq != s->seq_in + 1) {
		violation(h, s, f, "foreign session or seq");
		return;
	}
	s->seq_in++;
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	struct msg m;
	if (msg_decode(type, f->body, a, &m, &e) != 0)
		violation(h, s, f, e.msg);
	else if (type == MSG_HELLO && s->seq_in != 1)
		violation(h, s, f, "HELLO twice");
	else
		on_message(h, s, f, &m);
}

bool hub_ctrl_read(struct hub *h)
{
	struct frame f;
	struct err e = ERR_INIT;
	enum frame_result r = frame_recv(h->ctrl_raw, true, &f, &e);
	if (r == FRAME_NONE)
		return false;
	struct session *s = sessions_by_routing(h->sessions, f.routing);
	bool own = s && str_eq(s->who.curve_key, f.user);
	const struct principal *who = own ? &s->who : principals_find(h->known, f.user); /* an open session is of a known key: hub_ctrl_recheck */
	if (!who)
		hub_violation(h, f.user, "its key is not known any more");
	else if (f.named || (s && !own))
		hub_violation(h, f.user, "a routing id that is not ours to give"); /* the session, if any, is somebody else's and stays */
	else if (r == FRAME_BAD)
		violation(h, s, &f, e.msg);
	else
		on_frame(h, &f, who, s);
	frame_done(&f);
	return true;
}

static void on_welcome(struct hub *h, struct session *s, uint32_t heartbeat_ms)
{
	s->state = LINK_READY;
	s->heartbeat_ms = heartbeat_ms ? heartbeat_ms : DEFAULT_HEARTBEAT_MS;
	sessions_look_at(h->sessions, s, over_at_us(s));
	struct session *older;
	while ((older = sessions_of(h->sessions, &s->who, LINK_READY, s, NULL)))
		end_session(h, older, "replaced", "a newer session of this agent took over", true);
}

void hub_ctrl_send(struct hub *h, const struct hub_command *c, struct bytes body)
{
	struct session *s = sessions_by_id(h->sessions, c->session);
	if (!s && hub_enrol_send(h, c, body))
		return;
	if (!s)
		return; /* state is in the store, not in queues: the next session gets what still matters */
	if (!link_allowed(SOCKET_CTRL, LINK_CONTROLLER, s->state, c->type) || (c->type == MSG_REPLY) != (s->who.kind == LINK_OPERATOR)) {
		log_error("link: %s to %s is not allowed in its session's state: dropped", msg_type_name(c->type), s->who.name);
		return;
	}
	s->epoch = c->epoch;
	if (!deliver(h, s, c->type, body))
		return;
	if (c->type == MSG_WELCOME)
		on_welcome(h, s, c->heartbeat_ms);
	else if (c->type == MSG_DENY || c->type == MSG_RETRY_AFTER)
		end_session(h, s, NULL, NULL, false); /* the brain knows: it said so */
}

/* True when nothing waits any more, or the session is gone. */
static bool flush_session(struct hub *h, struct session *s)
{
	while (s->first) {
		enum frame_sent sent = send_to(h, s, s->first->type, buf_bytes(&s->first->body));
		if (sent == FRAME_FULL)
			return false;
		if (sent != FRAME_SENT) {
			end_session(h, s, NULL, NULL, true);
			return true;
		}
		h->pending_bytes -= s->first->body.n;
		s->stalled_at_us = h->now_us;
		session_pop(s);
	}
	s->stalled_at_us = 0;
	return true;
}

/* Peers that do not read cost one attempt each tick, however busy the others keep this thread. */
void hub_ctrl_flush(struct hub *h)
{
	size_t left = 0;
	if (!h->n_stalled || h->now_us - h->flushed_us < HUB_STALLED_TICK_MS * 1000)
		return;
	h->flushed_us = h->now_us;
	for (size_t i = 0; i < h->n_stalled; i++) {
		struct session *s = sessions_by_id(h->sessions, h->stalled[i]);
		if (s && !flush_session(h, s))
			h->stalled[left++] = h->stalled[i];
	}
	h->n_stalled = left;
}

/* What is heard puts the end off without a word to the table: it is looked at again when it would have come. */
void hub_ctrl_expire(struct hub *h)
{
	size_t cursor = SESSIONS_WALK;
	for (struct session *s; (s = sessions_due(h->sessions, h->now_us, &cursor));)
		if (over_at_us(s) < h->now_us)
			end_session(h, s, NULL, NULL, true);
		else
			sessions_look_at(h->sessions, s, over_at_us(s));
}

void hub_ctrl_end_all(struct hub *h)
{
	size_t cursor = SESSIONS_WALK;
	for (struct session *s; (s = sessions_next(h->sessions, &cursor));)
		end_session(h, s, NULL, NULL, true);
}

void hub_ctrl_forgive(struct hub *h, int64_t gap_us)
{
	size_t cursor = SESSIONS_WALK;
	for (struct session *s; (s = sessions_next(h->sessions, &cursor));) {
		s->heard_at_us = clock_forgive(s->heard_at_us, gap_us, h->now_us);
		s->stalled_at_us = s->stalled_at_us ? clock_forgive(s->stalled_at_us, gap_us, h->now_us) : 0;
	}
}

void hub_ctrl_recheck(struct hub *h)
{
	size_t cursor = SESSIONS_WALK;
	for (struct session *s; (s = sessions_next(h->sessions, &cursor));) {
		const struct principal *now = principals_find(h->known, s->who.curve_key);
		if (now && now->kind == s->who.kind && str_eq(now->name, s->who.name))
			s->who = *now; /* a role may have changed */
		else
			end_session(h, s, "revoked", "this key is not admitted any more", true);
	}
}
