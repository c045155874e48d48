/* The enrolment ROUTER: the one socket that admits keys which nobody knows. It is kept poor on purpose: small messages, two types, a few a second for everybody together,
 * a short memory of whom to answer; no session, no file, no decision. */
#include <string.h>

#include "common/base/log.h"
#include "common/crypto/sign.h"
#include "common/wire/limits.h"
#include "controller/link/hub_state.h"

#define ENROL_PER_S        20
#define ENROL_RETRY_MS     3000
#define ENROL_RETRY_JITTER 4000

void hub_enrol_init(struct hub *h)
{
	h->enrol_rate = (struct bucket){.per_s = ENROL_PER_S, .burst = ENROL_PER_S};
}

static void answer(struct hub *h, struct bytes routing, enum msg_type type, struct bytes body)
{
	/* One that does not read, or is gone, asks again. */
	frame_send(h->enrol_raw, routing, (struct link_header){.type = (uint8_t)type, .seq = 1}, body, bytes_of(NULL, 0));
}

static void ask_to_wait(struct hub *h, struct bytes routing)
{
	AUTO(buf_done) struct buf body = BUF_INIT;
	msg_encode(&(struct msg){.type = MSG_RETRY_AFTER, .retry_after = {.ms = ENROL_RETRY_MS, .jitter_ms = ENROL_RETRY_JITTER}}, &body);
	answer(h, routing, MSG_RETRY_AFTER, buf_bytes(&body));
}

/* The oldest slot makes room. */
static uint64_t remember(struct hub *h, struct bytes routing)
{
	struct enrol_slot *s = &h->enrol_slots[h->enrol_next++ % ENROL_SLOTS];
	*s = (struct enrol_slot){.routing_size = routing.n};
	memcpy(s->routing, routing.p, routing.n);
	if (crypto_random(&s->id, sizeof s->id, NULL) != 0)
		s->id = 0;
	return s->id;
}

static const char *objection(const struct frame *f, enum frame_result r, const struct err *e)
{
	if (r == FRAME_BAD)
		return e->msg;
	if (f->named || f->routing.n > ROUTING_MAX)
		return "a routing id that is not ours to give";
	if (!link_allowed(SOCKET_ENROL, LINK_STRANGER, LINK_NEW, (enum msg_type)f->header.type))
		return "this type is not allowed here";
	return f->body.n > LIMIT_ENROL ? "a message that is too large for enrolment" : NULL;
}

static void take(struct hub *h, const struct frame *f)
{
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	struct hub_head head = {.type = HUB_MESSAGE, .msg_type = (enum msg_type)f->header.type, .from = {.kind = LINK_STRANGER}};
	struct msg m;
	struct err e = ERR_INIT;
	if (msg_decode(head.msg_type, f->body, a, &m, &e) != 0) {
		hub_violation(h, f->user, e.msg);
		return;
	}
	memcpy(head.from.curve_key, f->user, sizeof head.from.curve_key);
	head.session = remember(h, f->routing);
	if (head.session)
		hub_event(h, &head, f->body);
}

bool hub_enrol_read(struct hub *h)
{
	struct frame f;
	struct err e = ERR_INIT;
	enum frame_result r = frame_recv(h->enrol_raw, true, &f, &e);
	if (r == FRAME_NONE)
		return false;
	const char *why = objection(&f, r, &e);
	if (why)
		hub_violation(h, f.user, why);
	else if (!bucket_take(&h->enrol_rate, h->now_us))
		ask_to_wait(h, f.routing);
	else
		take(h, &f);
	frame_done(&f);
	return true;
}

bool hub_enrol_send(struct hub *h, const struct hub_command *c, struct bytes body)
{
	for (size_t i = 0; i < ENROL_SLOTS; i++) {
		struct enrol_slot *s = &h->enrol_slots[i];
		if (s->id == 0 || s->id != c->session)
			continue;
		s->id = 0; /* one answer each */
		if (link_allowed(SOCKET_ENROL, LINK_CONTROLLER, LINK_NEW, c->type))
			answer(h, bytes_of(s->routing, s->routing_size), c->type, body);
		else
			log_error("link: %s on the enrolment socket is not allowed: dropped", msg_type_name(c->type));
		return true;
	}
	return false;
}
