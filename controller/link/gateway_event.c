/* The frames of a gateway's line, as the core reads them. */
#include "controller/link/gateway_event.h"

#include <string.h>

#include "common/wire/limits.h"

#define TERMINATE(text) ((text)[sizeof(text) - 1] = '\0')

/* The hub lets through what its socket and the state of the session allow; neither is in an event, so that any of them will do. */
static bool may_send(enum link_role kind, enum msg_type type)
{
	return link_allowed(SOCKET_CTRL, kind, LINK_NEW, type) || link_allowed(SOCKET_CTRL, kind, LINK_READY, type) ||
	       link_allowed(SOCKET_ENROL, kind, LINK_NEW, type);
}

static int check_message(const struct hub_head *h, struct bytes body, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	struct msg m;
	if ((unsigned)h->msg_type >= MSG_TYPE_COUNT || !may_send(h->from.kind, h->msg_type))
		return err_set(e, ERR_PARSE, "message type %u is none that its sender may send", (unsigned)h->msg_type);
	if (body.n > LIMIT_FRAME_BODY)
		return err_set(e, ERR_PARSE, "%s: %zu bytes, over %zu", msg_type_name(h->msg_type), body.n, LIMIT_FRAME_BODY);
	if (msg_decode(h->msg_type, body, a, &m, e) == 0)
		return 0;
	if (e)
		e->code = ERR_PARSE;
	return -1;
}

int gateway_event_read(struct bytes head, struct bytes body, struct hub_head *ret, struct err *e)
{
	struct hub_head h;
	if (head.n != sizeof h)
		return err_set(e, ERR_PARSE, "its head has %zu bytes and not %zu", head.n, sizeof h);
	memcpy(&h, head.p, sizeof h);
	TERMINATE(h.from.name);
	TERMINATE(h.from.role);
	TERMINATE(h.from.curve_key);
	if ((unsigned)h.type >= HUB_STARTED)
		return err_set(e, ERR_PARSE, "event type %u is unknown", (unsigned)h.type);
	if (h.from.kind != LINK_AGENT && h.from.kind != LINK_OPERATOR && h.from.kind != LINK_STRANGER)
		return err_set(e, ERR_PARSE, "a sender of kind %u is unknown", (unsigned)h.from.kind);
	if (h.type == HUB_MESSAGE && check_message(&h, body, e) != 0)
		return -1;
	*ret = h;
	return 0;
}

int gateway_hello_read(struct bytes body, size_t n_gates, struct gateway_hello *ret, struct err *e)
{
	const struct gateway_hello own = gateway_hello_make();
	struct gateway_hello h;
	if (body.n != sizeof h || memcmp(body.p, &own, offsetof(struct gateway_hello, names)) != 0)
		return err_set(e, ERR_STATE, "it is of another build than this core: install one version of both and start them again");
	memcpy(&h, body.p, sizeof h);
	if (h.index >= n_gates)
		return err_set(e, ERR_PARSE, "number %u has come, and there are %zu: it is not taken", (unsigned)h.index, n_gates);
	TERMINATE(h.names.ctrl_endpoint);
	TERMINATE(h.names.blob_endpoint);
	TERMINATE(h.names.enrol_endpoint);
	TERMINATE(h.names.public_key);
	*ret = h;
	return 0;
}
