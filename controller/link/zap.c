/* The ZAP handler's thread. */
#include "controller/link/zap.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/link/handover.h"
#include "common/link/options.h"
#include "controller/link/principals.h"

#define ZAP_ENDPOINT  "inproc://zeromq.zap.01"
#define CURVE_BYTES   32
#define BIND_TRIES    50u
#define BIND_PAUSE_MS 20u

struct zap_start {
	const struct principal *list;
	size_t n;
	bool bound;
};

/* The enrolment socket has a domain of its own, in which every key may knock. */
static bool is_let_in(const struct principals *known, const char *domain, zframe_t *key, char user[41])
{
	if (!key || zframe_size(key) != CURVE_BYTES || !zmq_z85_encode(user, zframe_data(key), CURVE_BYTES))
		return false;
	if (str_eq(domain, LINK_ZAP_ENROL_DOMAIN))
		return true;
	return str_eq(domain, LINK_ZAP_DOMAIN) && principals_find(known, user) != NULL;
}

/* Request: version, id, domain, address, routing id (the server's own: worthless), mechanism, key. */
static void answer(zsock_t *rep, const struct principals *known)
{
	AUTO(zmsg_destroy) zmsg_t *request = zmsg_recv(rep);
	if (!request)
		return;
	AUTO(zstr_free) char *version = zmsg_popstr(request);
	AUTO(zframe_destroy) zframe_t *id = zmsg_pop(request);
	AUTO(zstr_free) char *domain = zmsg_popstr(request);
	AUTO(zstr_free) char *address = zmsg_popstr(request);
	AUTO(zframe_destroy) zframe_t *identity = zmsg_pop(request);
	AUTO(zstr_free) char *mechanism = zmsg_popstr(request);
	AUTO(zframe_destroy) zframe_t *key = zmsg_pop(request);
	(void)address, (void)identity;
	char user[41] = "";
	bool ok = str_eq(version, "1.0") && str_eq(mechanism, "CURVE") && is_let_in(known, domain, key, user);
	zmsg_t *reply = zmsg_new();
	zmsg_addstr(reply, "1.0");
	zmsg_addmem(reply, id ? zframe_data(id) : NULL, id ? zframe_size(id) : 0);
	zmsg_addstr(reply, ok ? "200" : "400");
	zmsg_addstr(reply, ok ? "OK" : "this key is not known here");
	zmsg_addstr(reply, ok ? user : "");
	zmsg_addmem(reply, NULL, 0);
	zmsg_send(&reply, rep);
}

/* "SET" with the new table, or zactor's "$TERM". */
static bool obey(zsock_t *pipe, struct principals **known)
{
	AUTO(zmsg_destroy) zmsg_t *m = zmsg_recv(pipe);
	if (!m)
		return false;
	AUTO(zstr_free) char *verb = zmsg_popstr(m);
	if (!str_eq(verb, "SET"))
		return false;
	AUTO(zframe_destroy) zframe_t *table = zmsg_pop(m);
	principals_destroy(known);
	*known = principals_new((const struct principal *)(const void *)zframe_data(table), zframe_size(table) / sizeof(struct principal));
	zsock_signal(pipe, 0);
	return true;
}

/* A handler that ended a moment ago may still hold the name: libzmq closes sockets in a thread of its own. */
static bool bind_endpoint(zsock_t *rep)
{
	for (unsigned tries = 0; tries < BIND_TRIES; tries++) {
		if (zsock_bind(rep, ZAP_ENDPOINT) == 0)
			return true;
		clock_sleep_ms(BIND_PAUSE_MS);
	}
	return false;
}

static void zap_actor(zsock_t *pipe, void *arg)
{
	struct zap_start *start = arg;
	AUTO(principals_destroy) struct principals *known = principals_new(start->list, start->n);
	AUTO(zsock_destroy) zsock_t *rep = zsock_new(ZMQ_REP);
	start->bound = rep && bind_endpoint(rep);
	bool run = start->bound;
	handover_give(start);
	zsock_signal(pipe, 0); /* `start` is gone after this */
	if (!run)
		return;
	AUTO(zpoller_destroy) zpoller_t *poller = zpoller_new(pipe, rep, NULL);
	while (run) {
		void *which = zpoller_wait(poller, -1);
		if (which == rep)
			answer(rep, known);
		else
			run = which == pipe && obey(pipe, &known);
	}
}

int zap_new(const struct principal *list, size_t n, zactor_t **ret, struct err *e)
{
	struct zap_start start = {.list = list, .n = n};
	AUTO(zactor_destroy) zactor_t *zap = zactor_new(zap_actor, &start);
	handover_take(&start);
	if (!zap || !start.bound)
		return err_set(e, ERR_STATE, "this process answers for ZeroMQ's keys already (%s is taken): one controller in a process", ZAP_ENDPOINT);
	*ret = take_ptr(&zap);
	return 0;
}

void zap_set(zactor_t *zap, const struct principal *list, size_t n)
{
	zmsg_t *m = zmsg_new();
	zmsg_addstr(m, "SET");
	zmsg_addmem(m, list, n * sizeof *list);
	zmsg_send(&m, zap);
	zsock_wait(zap);
}
