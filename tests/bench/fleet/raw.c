/* What the fan-out is compared with: the bare ROUTER and DEALER exchange under CURVE and ZAP with as many peers and messages of the same sizes; and as many signatures. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/link/frame.h"
#include "common/link/options.h"
#include "controller/link/zap.h"
#include "tests/bench/fleet/raw.h"

#define ACK_BYTES     52
#define ROUTING_BYTES 5
#define MESSAGE_MAX   65536
#define PROCESSES_MAX 64
#define SILENCE_MS    60000

#define CHECKS 2000

double cpu_now_s(void)
{
	struct timespec t = {0};
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- the exchange -------------------------------------------------------------------------------------------------------------------------------------- */

struct server {
	struct raw_shared *shared;
	void *raw;
	uint8_t (*routing)[ROUTING_BYTES];
	size_t n;
};

static void send_to(struct server *v, const uint8_t routing[ROUTING_BYTES], char first, size_t bytes)
{
	static char data[MESSAGE_MAX];
	data[0] = first;
	zmq_send(v->raw, routing, ROUTING_BYTES, ZMQ_SNDMORE);
	zmq_send(v->raw, data, LINK_HEADER_SIZE, ZMQ_SNDMORE);
	zmq_send(v->raw, data, bytes - LINK_HEADER_SIZE, 0);
}

/* One message; its size without the routing id. A peer whose handshake was too slow does not come again: on a machine that is too busy this ends, it does not wait for ever. */
static size_t receive(struct server *v, uint8_t routing[ROUTING_BYTES])
{
	static char data[MESSAGE_MAX];
	size_t size = 0;
	if (zmq_recv(v->raw, routing, ROUTING_BYTES, 0) < 0) {
		fprintf(stderr, "raw exchange: nothing came for %d s: the machine is too busy for %zu handshakes\n", SILENCE_MS / 1000, v->n);
		_exit(1);
	}
	for (int more = 1; more;) {
		size_t n = sizeof more;
		int part = zmq_recv(v->raw, data, sizeof data, 0);
		size += part > 0 ? (size_t)part : 0;
		zmq_getsockopt(v->raw, ZMQ_RCVMORE, &more, &n);
	}
	return size;
}

static double round_of(struct server *v)
{
	uint8_t routing[ROUTING_BYTES];
	int64_t start_us = clock_mono_us();
	for (size_t i = 0; i < v->n; i++)
		send_to(v, v->routing[i], 'O', v->shared->offer_bytes);
	for (size_t reports = 0; reports < v->n;) {
		if (receive(v, routing) != v->shared->report_bytes)
			continue;
		reports++;
		send_to(v, routing, 'K', ACK_BYTES);
	}
	return (double)(clock_mono_us() - start_us) / 1e6;
}

static int serve(struct raw_shared *s, const struct farm_config *c, const struct identity *ids, size_t n, struct err *e)
{
	AUTO(curve_key_done) struct curve_key own = {0};
	AUTO(mem_free_ptr) char *path = file_join(c->dir, "keys/controller.curve");
	AUTO(mem_free_ptr) struct principal *known = mem_alloc(n * sizeof *known);
	AUTO(zsock_destroy) zsock_t *router = NULL;
	zactor_t *zap = NULL;
	for (size_t i = 0; i < n; i++)
		str_copy(known[i].curve_key, sizeof known[i].curve_key, ids[i].key.public_text);
	zsys_handler_set(NULL);
	zsys_set_max_sockets(0);
	if (curve_key_load(path, &own, e) != 0 || zap_new(known, n, &zap, e) != 0 || link_socket_server(LINK_CTRL_ROUTER, &own, &router, e) != 0)
		return -1;
	struct server v = {.shared = s, .raw = zsock_resolve(router), .n = n, .routing = mem_alloc(n * ROUTING_BYTES)};
	zsock_set_rcvtimeo(router, SILENCE_MS);
	if (zmq_bind(v.raw, "tcp://127.0.0.1:*") != 0 || frame_endpoint(v.raw, s->endpoint, sizeof s->endpoint, e) != 0)
		return -1;
	atomic_store(&s->listening, true);
	for (size_t i = 0; i < n; i++)
		receive(&v, v.routing[i]);
	for (size_t i = 0; i < RAW_ROUNDS; i++) {
		double cpu_s = cpu_now_s();
		s->seconds[i] = round_of(&v);
		s->cpu_seconds[i] = cpu_now_s() - cpu_s;
	}
	free(v.routing);
	return 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static pid_t start_server(struct raw_shared *s, const struct farm_config *c, const struct identity *ids, size_t n)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	struct err e = ERR_INIT;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int rc = serve(s, c, ids, n, &e);
	if (rc != 0)
		fprintf(stderr, "raw exchange: %s\n", e.msg);
	_exit(rc != 0); /* without czmq's farewell, which would wait for the context's thousands of sockets */
}

int raw_exchange(const struct farm_config *c, const struct identity *ids, size_t n, const struct farm_shared *sizes, struct raw_cost *ret,
                 struct err *e)
{
	pid_t peers[PROCESSES_MAX];
	size_t n_peers = 0, share = (n + c->n_processes - 1) / c->n_processes;
	int status = 0;
	struct raw_shared *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return err_set_errno(e, "shared memory");
	s->offer_bytes = sizes->offer_bytes;
	s->accept_bytes = sizes->accept_bytes;
	s->report_bytes = sizes->report_bytes;
	pid_t server = start_server(s, c, ids, n);
	for (size_t first = 0; first < n; first += share) {
		peers[n_peers] = fork();
		if (peers[n_peers] == 0) {
			raw_peers(s, ids, first, n - first < share ? n - first : share);
			_exit(0);
		}
		n_peers++;
	}
	waitpid(server, &status, 0);
	atomic_store(&s->done, true);
	for (size_t i = 0; i < n_peers; i++)
		waitpid(peers[i], NULL, 0);
	qsort(s->seconds, RAW_ROUNDS, sizeof *s->seconds, by_value);
	qsort(s->cpu_seconds, RAW_ROUNDS, sizeof *s->cpu_seconds, by_value);
	*ret = (struct raw_cost){.s = s->seconds[RAW_ROUNDS / 2], .cpu_s = s->cpu_seconds[RAW_ROUNDS / 2]};
	munmap(s, sizeof *s);
	return status == 0 ? 0 : err_set(e, ERR_LINK, "the raw exchange did not end well");
}

/* ---- signatures ----------------------------------------------------------------------------------------------------------------------------------------- */

static double sign_and_check(size_t n)
{
	struct sign_key *k = NULL;
	double checks_s = 0;
	uint8_t key[SIGN_PUBLIC_SIZE], signature[SIGNATURE_SIZE], message[512] = {0};
	if (sign_key_generate(&k, NULL) != 0)
		abort();
	sign_key_public(k, key);
	for (size_t i = 0; i < n; i++) {
		sign_make(k, bytes_of(message, sizeof message), signature);
		double before_s = cpu_now_s();
		if (!sign_check(key, bytes_of(message, sizeof message), signature))
			abort();
		checks_s += cpu_now_s() - before_s;
	}
	sign_key_destroy(&k);
	return checks_s;
}

struct raw_cost raw_signatures(size_t n, size_t n_processes)
{
	int64_t start_us = clock_mono_us();
	for (size_t i = 0; i < n_processes; i++)
		if (fork() == 0) {
			(void)sign_and_check(n / n_processes);
			_exit(0);
		}
	for (size_t i = 0; i < n_processes; i++)
		wait(NULL);
	struct raw_cost cost = {.s = (double)(clock_mono_us() - start_us) / 1e6};
	cost.cpu_s = sign_and_check(CHECKS) / CHECKS * (double)n;
	return cost;
}
