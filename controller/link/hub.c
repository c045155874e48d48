/* The brain's side of the hub's pipe, and the proof at start that keys are checked. One hub in a process: libzmq's ZAP address is one. */
#include "controller/link/hub.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/link/curve.h"
#include "common/link/handover.h"
#include "common/link/monitor.h"
#include "common/link/options.h"
#include "common/wire/limits.h"
#include "controller/link/descriptors.h"
#include "controller/link/hub_state.h"

#define PROOF_MS 60000 /* a fleet that waits for us is in the queue before the proof */

static struct {
	zactor_t *actor;
	struct hub_names names;
	atomic_ulong violations;
} the_hub;

static int make_key(struct curve_key *ret, struct err *e)
{
	char secret_text[41];
	if (zmq_curve_keypair(ret->public_text, secret_text) != 0)
		return err_set(e, ERR_LINK, "this libzmq has no CURVE security");
	ret->secret_text = secret_new(secret_text, 40);
	return 0;
}

static int watch_connect(zsock_t *client, zsock_t *pair, const char *endpoint, enum monitor_event *ret, struct err *e)
{
	if (zsock_connect(client, "%s", endpoint) != 0)
		return err_set(e, ERR_LINK, "%s: %s", endpoint, zmq_strerror(zmq_errno()));
	zmq_pollitem_t item = {.socket = zsock_resolve(pair), .events = ZMQ_POLLIN};
	int64_t end = clock_mono_us() + (int64_t)PROOF_MS * 1000;
	*ret = MONITOR_NONE;
	while (*ret == MONITOR_NONE && clock_mono_us() < end)
		if (zmq_poll(&item, 1, 100) > 0)
			*ret = monitor_read(pair, NULL);
	return 0;
}

/* What a client with this key meets at the endpoint. */
static int try_key(const struct curve_key *key, const char *endpoint, enum monitor_event *ret, struct err *e)
{
	zsock_t *pair = NULL;
	AUTO(zsock_destroy) zsock_t *client = NULL;
	if (link_socket_client(LINK_CTRL_DEALER, key, the_hub.names.public_key, &client, e) != 0 || monitor_new(client, &pair, e) != 0)
		return -1;
	int rc = watch_connect(client, pair, endpoint, ret, e);
	monitor_end(client, &pair);
	return rc;
}

/* Until it is clear, or the time is over: a handshake that a busy listener drops says nothing. */
static int try_until_clear(const struct curve_key *key, const char *endpoint, enum monitor_event *ret, struct err *e)
{
	int64_t end = clock_mono_us() + (int64_t)PROOF_MS * 1000;
	do
		if (try_key(key, endpoint, ret, e) != 0)
			return -1;
	while (*ret != MONITOR_READY && *ret != MONITOR_REFUSED && clock_mono_us() < end);
	return 0;
}

static int prove_socket(const struct curve_key *known, const struct curve_key *unknown, const char *endpoint, struct err *e)
{
	enum monitor_event first = MONITOR_NONE, second = MONITOR_NONE;
	if (try_until_clear(unknown, endpoint, &first, e) != 0 || try_until_clear(known, endpoint, &second, e) != 0)
		return err_wrap(e, "start-up proof");
	if (first == MONITOR_READY)
		return err_set(e, ERR_LINK, "start-up proof: %s admitted an unknown key: keys are not checked here, so nothing is served", endpoint);
	if (first != MONITOR_REFUSED || second != MONITOR_READY)
		return err_set(e, ERR_LINK, "start-up proof: %s did not answer as it must (unknown key: %d, known key: %d)", endpoint, (int)first,
		               (int)second);
	return 0;
}

static void add_proof_principal(struct principal *list, size_t n, const struct curve_key *key)
{
	list[n] = (struct principal){.kind = LINK_OPERATOR, .name = "start-up-proof", .role = "viewer"};
	memcpy(list[n].curve_key, key->public_text, sizeof list[n].curve_key);
}

/* The proof's key is known to the hub only until the proof is done. */
static int start(const struct hub_config *c, const struct curve_key *own, const struct principal *principals, size_t n, struct err *e)
{
	AUTO(curve_key_done) struct curve_key known = {0};
	AUTO(curve_key_done) struct curve_key unknown = {0};
	if (make_key(&known, e) != 0 || make_key(&unknown, e) != 0)
		return -1;
	AUTO(mem_free_ptr) struct principal *list = mem_alloc((n + 1) * sizeof *list);
	if (n)
		memcpy(list, principals, n * sizeof *list);
	add_proof_principal(list, n, &known);
	struct hub_start args = {
	    .config = c,
	    .key = own,
	    .principals = list,
	    .n_principals = n + 1,
	    .ctrl_endpoint = &the_hub.names.ctrl_endpoint,
	    .blob_endpoint = &the_hub.names.blob_endpoint,
	    .enrol_endpoint = &the_hub.names.enrol_endpoint,
	    .violations = &the_hub.violations,
	    .err = e,
	};
	AUTO(zactor_destroy) zactor_t *actor = zactor_new(hub_actor, &args);
	handover_take(&args);
	if (!actor || !args.ok)
		return e && e->code == ERR_NONE ? err_set(e, ERR_LINK, "the hub's thread did not start") : -1;
	if (prove_socket(&known, &unknown, the_hub.names.ctrl_endpoint, e) != 0 || prove_socket(&known, &unknown, the_hub.names.blob_endpoint, e) != 0)
		return -1;
	the_hub.actor = take_ptr(&actor);
	return hub_set_principals(the_hub.actor, principals, n, e);
}

int hub_new(const struct hub_config *c, const struct principal *principals, size_t n, zactor_t **ret, struct err *e)
{
	AUTO(curve_key_done) struct curve_key own = {0};
	if (the_hub.actor)
		return err_set(e, ERR_STATE, "a hub runs in this process already");
	if (c->max_peers == 0)
		return err_set(e, ERR_USAGE, "max_peers: 0 peers would be allowed: set it above 0");
	struct hub_config config = *c;
	if (descriptors_check(descriptors_raise(), c->may_lower, &config.max_peers, e) != 0 || curve_key_load(c->curve_key_file, &own, e) != 0)
		return -1;
	if (config.max_peers < c->max_peers)
		log_warn("link: this process may have file descriptors for %u peers: raise LimitNOFILE= of its systemd unit for more", config.max_peers);
	memcpy(the_hub.names.public_key, own.public_text, sizeof the_hub.names.public_key);
	the_hub.names.enrol_endpoint[0] = '\0';
	atomic_store(&the_hub.violations, 0);
	if (start(&config, &own, principals, n, e) != 0)
		return -1;
	*ret = the_hub.actor;
	return 0;
}

void hub_destroy(zactor_t **hub)
{
	if (!*hub)
		return;
	zactor_destroy(hub);
	the_hub.actor = NULL;
}

static int tell(zactor_t *hub, const struct hub_command *c, const void *body, size_t n, struct err *e)
{
	void *pipe = zsock_resolve(hub);
	if (zmq_send(pipe, c, sizeof *c, ZMQ_SNDMORE) < 0 || zmq_send(pipe, body, n, 0) < 0)
		return err_set(e, ERR_LINK, "the hub's thread is gone: %s", zmq_strerror(zmq_errno()));
	return 0;
}

int hub_set_principals(zactor_t *hub, const struct principal *principals, size_t n, struct err *e)
{
	return tell(hub, &(struct hub_command){.op = HUB_OP_PRINCIPALS}, principals, n * sizeof *principals, e);
}

int hub_send(zactor_t *hub, uint64_t session, uint32_t epoch, const struct msg *m, struct err *e)
{
	AUTO(buf_done) struct buf body = BUF_INIT;
	struct msg out = *m;
	struct hub_command c = {.op = HUB_OP_SEND, .type = m->type, .session = session, .epoch = epoch};
	if (m->type == MSG_WELCOME) {
		out.welcome.session = session;
		c.heartbeat_ms = m->welcome.heartbeat_ms;
	}
	msg_encode(&out, &body);
	if (body.n > LIMIT_FRAME_BODY)
		return err_set(e, ERR_LIMIT, "%s: %zu bytes; a message has at most %zu: split it", msg_type_name(m->type), body.n, LIMIT_FRAME_BODY);
	return tell(hub, &c, buf_str(&body), body.n, e);
}

static int take_event(const struct hub_head *h, struct bytes body, struct arena *a, struct hub_event *ret, struct err *e)
{
	*ret = (struct hub_event){.type = h->type, .from = h->from, .session = h->session};
	memcpy(ret->blob, h->blob, DIGEST_SIZE);
	return h->type == HUB_MESSAGE ? msg_decode(h->msg_type, body, a, &ret->msg, e) : 0;
}

int hub_recv(zactor_t *hub, struct arena *a, struct hub_event *ret, bool *ret_some, struct err *e)
{
	void *pipe = zsock_resolve(hub);
	struct hub_head h;
	zmq_msg_t body;
	int n = zmq_recv(pipe, &h, sizeof h, ZMQ_DONTWAIT);
	*ret_some = n >= 0;
	if (n < 0 && zmq_errno() == EAGAIN)
		return 0;
	if (n < 0)
		return err_set(e, ERR_LINK, "interrupted, or the hub's thread is gone");
	if (n != (int)sizeof h || !zsock_rcvmore(pipe))
		return err_set(e, ERR_INTERNAL, "an event of the hub has a wrong form");
	zmq_msg_init(&body);
	int rc = zmq_msg_recv(&body, pipe, 0) < 0 ? err_set(e, ERR_LINK, "interrupted, or the hub's thread is gone") : 0;
	if (rc == 0)
		rc = take_event(&h, bytes_of(zmq_msg_data(&body), zmq_msg_size(&body)), a, ret, e);
	zmq_msg_close(&body);
	return rc;
}

const char *hub_ctrl_endpoint(zactor_t *hub)
{
	(void)hub;
	return the_hub.names.ctrl_endpoint;
}

const char *hub_blob_endpoint(zactor_t *hub)
{
	(void)hub;
	return the_hub.names.blob_endpoint;
}

const char *hub_enrol_endpoint(zactor_t *hub)
{
	(void)hub;
	return the_hub.names.enrol_endpoint;
}

const char *hub_public_key(zactor_t *hub)
{
	(void)hub;
	return the_hub.names.public_key;
}

void hub_names(zactor_t *hub, struct hub_names *ret)
{
	(void)hub;
	*ret = the_hub.names;
}

int hub_adopt(zactor_t *actor, const struct hub_names *names, struct err *e)
{
	if (the_hub.actor)
		return err_set(e, ERR_STATE, "a hub runs in this process already");
	the_hub.actor = actor;
	the_hub.names = *names;
	return 0;
}

unsigned long hub_violations(void)
{
	return atomic_load(&the_hub.violations);
}
