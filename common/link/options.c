/* Socket options as tables. */
#include "common/link/options.h"

#include "common/base/mem.h"
#include "common/wire/limits.h"

#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
/* Behind the draft guard of Debian's zmq.h, but there; czmq's own setter for it is a silent no-op. */
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#endif

#define MAX_CTRL  ((int)(LIMIT_FRAME_BODY + 1024))
#define MAX_BLOB  ((int)(LIMIT_CHUNK + 1024))
#define MAX_ENROL ((int)(LIMIT_ENROL + 1024))
#define ROWS      12

struct option {
	int name, value; /* name 0 ends the list */
};

static const struct option options[LINK_SOCKET_KINDS][ROWS] = {
    [LINK_CTRL_ROUTER] =
        {
            {ZMQ_LINGER, 0},
            {ZMQ_ROUTER_HANDOVER, 0}, /* a client that names itself after another must not get the other's messages */
            {ZMQ_ROUTER_MANDATORY, 1}, /* EAGAIN and EHOSTUNREACH instead of a silent drop */
            {ZMQ_SNDHWM, 16}, /* memory is bounded by peers x HWM x size */
            {ZMQ_RCVHWM, 16},
            {ZMQ_MAXMSGSIZE, MAX_CTRL},
            {ZMQ_HANDSHAKE_IVL, 30000}, /* a mute client gives its descriptor back; longer than the queue of a fleet that comes back at once */
            {ZMQ_HEARTBEAT_IVL, 0}, /* the agents ping, we answer */
            {ZMQ_BACKLOG, 4096},
        },
    [LINK_BLOB_ROUTER] =
        {
            {ZMQ_LINGER, 0},
            {ZMQ_ROUTER_HANDOVER, 0},
            {ZMQ_ROUTER_MANDATORY, 1},
            {ZMQ_SNDHWM, 2 * LIMIT_CHUNK_CREDIT},
            {ZMQ_RCVHWM, 2 * LIMIT_CHUNK_CREDIT},
            {ZMQ_MAXMSGSIZE, MAX_BLOB},
            {ZMQ_HANDSHAKE_IVL, 10000},
            {ZMQ_BACKLOG, 1024},
        },
    [LINK_ENROL_ROUTER] =
        {
            {ZMQ_LINGER, 0},
            {ZMQ_ROUTER_HANDOVER, 0},
            {ZMQ_ROUTER_MANDATORY, 1},
            {ZMQ_SNDHWM, 2},
            {ZMQ_RCVHWM, 2},
            {ZMQ_MAXMSGSIZE, MAX_ENROL},
            {ZMQ_HANDSHAKE_IVL, 5000},
            {ZMQ_BACKLOG, 64},
        },
    [LINK_CTRL_DEALER] =
        {
            {ZMQ_LINGER, 0},
            {ZMQ_IMMEDIATE, 1}, /* no queue to a dead peer: yesterday's heartbeats are not delivered today */
            {ZMQ_RECONNECT_IVL, -1}, /* libzmq's back-off has no useful jitter, and a reused socket replays frames of the old session */
            {ZMQ_SNDHWM, 64},
            {ZMQ_RCVHWM, 8},
            {ZMQ_MAXMSGSIZE, MAX_CTRL},
            {ZMQ_HANDSHAKE_IVL, 30000},
            {ZMQ_HEARTBEAT_IVL, 60000}, /* finds a dead TCP connection; each ping costs the controller as much as a message */
            {ZMQ_HEARTBEAT_TIMEOUT, 60000},
            {ZMQ_HEARTBEAT_TTL, 180000},
        },
    [LINK_BLOB_DEALER] =
        {
            {ZMQ_LINGER, 0},
            {ZMQ_IMMEDIATE, 1},
            {ZMQ_RECONNECT_IVL, -1},
            {ZMQ_SNDHWM, 2 * LIMIT_CHUNK_CREDIT},
            {ZMQ_RCVHWM, 2 * LIMIT_CHUNK_CREDIT},
            {ZMQ_MAXMSGSIZE, MAX_BLOB},
            {ZMQ_HANDSHAKE_IVL, 15000},
        },
    [LINK_ENROL_DEALER] =
        {
            {ZMQ_LINGER, 0},
            {ZMQ_IMMEDIATE, 1},
            {ZMQ_RECONNECT_IVL, -1},
            {ZMQ_SNDHWM, 2},
            {ZMQ_RCVHWM, 2},
            {ZMQ_MAXMSGSIZE, MAX_CTRL}, /* a certificate may be larger than a request */
            {ZMQ_HANDSHAKE_IVL, 15000},
        },
};

static int set(void *socket, int name, const void *value, size_t size, struct err *e)
{
	if (zmq_setsockopt(socket, name, value, size) != 0)
		return err_set(e, ERR_LINK, "socket option %d: %s", name, zmq_strerror(zmq_errno()));
	return 0;
}

static int set_int(void *socket, int name, int value, struct err *e)
{
	int64_t wide = value;
	return name == ZMQ_MAXMSGSIZE ? set(socket, name, &wide, sizeof wide, e) : set(socket, name, &value, sizeof value, e);
}

static int set_all(void *socket, enum link_socket_kind kind, struct err *e)
{
	for (const struct option *o = options[kind]; o < options[kind] + ROWS && o->name; o++)
		if (set_int(socket, o->name, o->value, e) != 0)
			return -1;
	return 0;
}

/* Without this a CURVE server that has no ZAP handler admits whoever knows its public key. */
static int enforce_zap(void *socket, const char *domain, struct err *e)
{
	int held = 0;
	size_t size = sizeof held;
	if (set(socket, ZMQ_ZAP_DOMAIN, domain, strlen(domain), e) != 0 || set_int(socket, ZMQ_ZAP_ENFORCE_DOMAIN, 1, e) != 0)
		return -1;
	if (zmq_getsockopt(socket, ZMQ_ZAP_ENFORCE_DOMAIN, &held, &size) != 0 || held != 1)
		return err_set(e, ERR_LINK, "this libzmq does not enforce the ZAP domain (option 93): it would admit any key; use libzmq 4.3.4 or later");
	return 0;
}

int link_socket_server(enum link_socket_kind kind, const struct curve_key *own, zsock_t **ret, struct err *e)
{
	AUTO(zsock_destroy) zsock_t *s = zsock_new(ZMQ_ROUTER);
	if (!s)
		return err_set(e, ERR_LINK, "no socket: %s", zmq_strerror(zmq_errno()));
	void *raw = zsock_resolve(s);
	if (set_all(raw, kind, e) != 0 || set_int(raw, ZMQ_CURVE_SERVER, 1, e) != 0 ||
	    set(raw, ZMQ_CURVE_SECRETKEY, secret_reveal(own->secret_text), 41, e) != 0 ||
	    enforce_zap(raw, kind == LINK_ENROL_ROUTER ? LINK_ZAP_ENROL_DOMAIN : LINK_ZAP_DOMAIN, e) != 0)
		return -1;
	*ret = take_ptr(&s);
	return 0;
}

int link_socket_client(enum link_socket_kind kind, const struct curve_key *own, const char *server_key, zsock_t **ret, struct err *e)
{
	AUTO(zsock_destroy) zsock_t *s = zsock_new(ZMQ_DEALER);
	if (!s)
		return err_set(e, ERR_LINK, "no socket: %s", zmq_strerror(zmq_errno()));
	void *raw = zsock_resolve(s);
	if (set_all(raw, kind, e) != 0 || set(raw, ZMQ_CURVE_SERVERKEY, server_key, 41, e) != 0 ||
	    set(raw, ZMQ_CURVE_PUBLICKEY, own->public_text, 41, e) != 0 || set(raw, ZMQ_CURVE_SECRETKEY, secret_reveal(own->secret_text), 41, e) != 0)
		return -1;
	*ret = take_ptr(&s);
	return 0;
}
