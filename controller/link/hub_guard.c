/* The last bound on memory, for what hub_watch.c did not bring below the limit in a second, such as many peers that each hold a part of a message and send no more. What can be done
 * is to close a socket and open it again: what it held is freed, everybody else comes back with jitter and goes on where they were. The socket of strangers goes first, and stays
 * shut for a while when it was the one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/link/options.h"
#include "controller/link/hub_state.h"
#include "controller/link/hub_watch.h"

#define OVER_US       ((int64_t)1000 * 1000) /* above the limit for so long: hub_watch.c alone does not get it down */
#define SETTLE_US     ((int64_t)2 * 1000 * 1000) /* until it can be seen whether shutting enrolment helped */
#define ENROL_SHUT_US ((int64_t)5 * 60 * 1000 * 1000)
#define REST_US       ((int64_t)30 * 1000 * 1000) /* between two times that everybody has to come back */
#define SHARE         2 /* one half of what this process may have */
#define BIND_TRIES    100
#define BIND_PAUSE_MS 10

static uint64_t read_number(const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned long long n = 0;
	if (!f)
		return 0;
	if (fscanf(f, "%llu", &n) != 1)
		n = 0; /* "max" */
	fclose(f);
	return n;
}

/* Of the machine, or of the cgroup when that is less. */
uint64_t hub_guard_default(void)
{
	uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE), cgroup = read_number("/sys/fs/cgroup/memory.max");
	return (cgroup && cgroup < machine ? cgroup : machine) / SHARE;
}

/* The old listener goes in a thread of libzmq's: its port is free a moment later. */
static bool reopen(struct hub *h, enum link_socket_kind kind, zsock_t **socket, void **raw, const char *endpoint)
{
	struct err e = ERR_INIT;
	zsock_destroy(socket);
	*raw = NULL;
	if (link_socket_server(kind, &h->key, socket, &e) != 0) {
		log_error("link: %s: %s", endpoint, e.msg);
		return false;
	}
	for (int i = 0; i < BIND_TRIES; i++) {
		if (zmq_bind(zsock_resolve(*socket), endpoint) == 0) {
			*raw = zsock_resolve(*socket);
			return true;
		}
		clock_sleep_ms(BIND_PAUSE_MS);
	}
	log_error("link: %s cannot be listened on again: %s", endpoint, zmq_strerror(zmq_errno()));
	return false;
}

static void shut_enrolment(struct hub *h)
{
	log_error("link: this process holds too much memory: enrolment at %s is shut for %d min, because strangers may be flooding it", h->enrol_endpoint,
	          (int)(ENROL_SHUT_US / 60000000));
	zsock_destroy(&h->enrol);
	h->enrol_raw = NULL;
	memset(h->enrol_slots, 0, sizeof h->enrol_slots);
	h->enrol_open_at_us = h->now_us + ENROL_SHUT_US;
}

static void open_enrolment(struct hub *h)
{
	h->enrol_open_at_us = 0;
	if (reopen(h, LINK_ENROL_ROUTER, &h->enrol, &h->enrol_raw, h->enrol_endpoint))
		log_info("link: enrolment at %s is open again", h->enrol_endpoint);
	else
		shut_enrolment(h);
}

/* Nothing is served by a hub that cannot listen: the process ends, and whoever watches it starts it again. */
static void reopen_all(struct hub *h)
{
	log_error("link: this process holds too much memory: all connections are closed, and everybody comes back; peers with known keys hold parts of "
	          "messages that do not end: look for those that reconnect and never say HELLO");
	hub_ctrl_end_all(h);
	if (!reopen(h, LINK_CTRL_ROUTER, &h->ctrl, &h->ctrl_raw, h->ctrl_endpoint) ||
	    !reopen(h, LINK_BLOB_ROUTER, &h->blob, &h->blob_raw, h->blob_endpoint))
		abort();
}

void hub_guard(struct hub *h)
{
	if (h->enrol_open_at_us && h->now_us >= h->enrol_open_at_us)
		open_enrolment(h);
	if (hub_resident_bytes() <= h->memory_limit) {
		h->over_since_us = 0;
		return;
	}
	if (!h->over_since_us)
		h->over_since_us = h->now_us;
	if (h->now_us - h->over_since_us < OVER_US || h->now_us < h->guard_rests_until_us)
		return;
	h->over_since_us = 0;
	h->guard_rests_until_us = h->now_us + (h->enrol ? SETTLE_US : REST_US);
	if (h->enrol)
		shut_enrolment(h);
	else
		reopen_all(h);
}
