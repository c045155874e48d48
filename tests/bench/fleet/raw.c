/* What the fan-out is compared with: the bare ROUTER and DEALER exchange under CURVE and ZAP with as many peers and messages of the same sizes, and the rows that a rollout
 * has to leave in the store, in commits of as many events as the controller takes at a time. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
#include "controller/store/store.h"
#include "tests/bench/fleet/raw.h"

#define BATCH_EVENTS  256
#define ACK_BYTES     52
#define ROUTING_BYTES 5
#define MESSAGE_MAX   65536
#define PROCESSES_MAX 64

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

/* One message; its size without the routing id. */
static size_t receive(struct server *v, uint8_t routing[ROUTING_BYTES])
{
	static char data[MESSAGE_MAX];
	size_t size = 0;
	zmq_recv(v->raw, routing, ROUTING_BYTES, 0);
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
	if (zmq_bind(v.raw, "tcp://127.0.0.1:*") != 0 || frame_endpoint(v.raw, s->endpoint, sizeof s->endpoint, e) != 0)
		return -1;
	atomic_store(&s->listening, true);
	for (size_t i = 0; i < n; i++)
		receive(&v, v.routing[i]);
	for (size_t i = 0; i < RAW_ROUNDS; i++)
		s->seconds[i] = round_of(&v);
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

int raw_exchange(const struct farm_config *c, const struct identity *ids, size_t n, const struct farm_shared *sizes, double *ret_s, struct err *e)
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
	*ret_s = s->seconds[RAW_ROUNDS / 2];
	munmap(s, sizeof *s);
	return status == 0 ? 0 : err_set(e, ERR_LINK, "the raw exchange did not end well");
}

/* ---- the store's rows ---------------------------------------------------------------------------------------------------------------------------------- */

struct rows {
	struct store *store;
	struct store_release release;
	struct store_rollout rec;
	struct rollout r;
	struct delivery_note *notes;
	struct arena *arena;
};

static void make_rollout(struct rows *w, size_t n)
{
	static struct wave_run wave = {.name = "all"};
	w->release = (struct store_release){.project = "raw", .version = "1", .signed_by = "raw", .added_by = "raw"};
	w->rec = (struct store_rollout){.id = "00112233445566778899aabbccddeeff", .project = "raw", .environment = "dev", .created_by = "raw"};
	w->r = (struct rollout){.waves = &wave, .n_waves = 1, .n_deliveries = n, .deliveries = arena_alloc(w->arena, n * sizeof *w->r.deliveries)};
	w->notes = arena_alloc(w->arena, n * sizeof *w->notes);
	for (size_t i = 0; i < n; i++)
		w->r.deliveries[i] = (struct delivery){.index = (uint32_t)i, .target = arena_printf(w->arena, "s%03zu/a%05zu/t0", i / FARM_PER_SITE, i)};
}

static int move(struct rows *w, size_t i, enum delivery_state to, const char *event, struct err *e)
{
	struct delivery *d = &w->r.deliveries[i];
	d->state = to;
	const struct store_event ev = {.at_us = 1,
	                               .actor = "controller",
	                               .rollout = w->rec.id,
	                               .object = d->target,
	                               .event = event,
	                               .from = "pending",
	                               .to = delivery_state_name(to),
	                               .detail = "a sentence that says why it moved"};
	return store_delivery_save(w->store, w->rec.id, d, &w->notes[i], e) != 0 ? -1 : store_event_put(w->store, &ev, e);
}

static int put_report(struct rows *w, size_t i, size_t bytes, struct err *e)
{
	struct step_outcome step = {.changeset = "bench:one", .run = 1};
	const struct report r = {.agent = arena_printf(w->arena, "a%05zu", i),
	                         .target = w->r.deliveries[i].target,
	                         .attempt = 1,
	                         .steps = &step,
	                         .n_steps = 1,
	                         .report_seq = 1};
	return store_report_put(w->store, &r, 1, w->rec.id, NULL, bytes_of(arena_alloc(w->arena, bytes), bytes), 1, e);
}

enum phase { OFFERS, ACCEPTS, REPORTS, PHASES };

static int write_row(struct rows *w, enum phase p, size_t i, size_t report_bytes, struct err *e)
{
	switch (p) {
	case OFFERS:
		return move(w, i, DELIVERY_OFFERED, "offer", e);
	case ACCEPTS:
		return move(w, i, DELIVERY_OFFERED, "accept", e);
	case REPORTS:
		return move(w, i, DELIVERY_APPLIED, "applied", e) != 0 ? -1 : put_report(w, i, report_bytes, e);
	case PHASES:
		break;
	}
	return 0;
}

static int write_rows(struct rows *w, size_t report_bytes, struct err *e)
{
	for (enum phase p = OFFERS; p < PHASES; p++)
		for (size_t i = 0; i < w->r.n_deliveries; i++) {
			bool first = i % BATCH_EVENTS == 0, last = i % BATCH_EVENTS == BATCH_EVENTS - 1 || i + 1 == w->r.n_deliveries;
			if ((first && store_begin(w->store, e) != 0) || write_row(w, p, i, report_bytes, e) != 0 || (last && store_commit(w->store, e) != 0))
				return -1;
		}
	return 0;
}

int raw_store(const struct farm_config *c, size_t n, const struct farm_shared *sizes, double *ret_s, struct err *e)
{
	struct rows w = {.arena = arena_new((size_t)1 << 30)};
	AUTO(mem_free_ptr) char *path = file_join(c->dir, "raw.db");
	make_rollout(&w, n);
	int rc = store_open(path, &w.store, e) != 0 || store_begin(w.store, e) != 0 || store_release_put(w.store, &w.release, e) != 0 ||
	                 store_rollout_put(w.store, &w.rec, &w.r, w.notes, e) != 0 || store_commit(w.store, e) != 0
	             ? -1
	             : 0;
	int64_t start_us = clock_mono_us();
	if (rc == 0)
		rc = write_rows(&w, sizes->report_bytes, e);
	*ret_s = (double)(clock_mono_us() - start_us) / 1e6;
	store_close(&w.store);
	arena_destroy(&w.arena);
	remove(path);
	return rc;
}

/* ---- signatures ----------------------------------------------------------------------------------------------------------------------------------------- */

static void sign_and_check(size_t n)
{
	struct sign_key *k = NULL;
	uint8_t key[SIGN_PUBLIC_SIZE], signature[SIGNATURE_SIZE], message[512] = {0};
	if (sign_key_generate(&k, NULL) != 0)
		abort();
	sign_key_public(k, key);
	for (size_t i = 0; i < n; i++) {
		sign_make(k, bytes_of(message, sizeof message), signature);
		if (!sign_check(key, bytes_of(message, sizeof message), signature))
			abort();
	}
	sign_key_destroy(&k);
}

double raw_signatures(size_t n, size_t n_processes)
{
	int64_t start_us = clock_mono_us();
	for (size_t i = 0; i < n_processes; i++)
		if (fork() == 0) {
			sign_and_check(n / n_processes);
			_exit(0);
		}
	for (size_t i = 0; i < n_processes; i++)
		wait(NULL);
	return (double)(clock_mono_us() - start_us) / 1e6;
}
