/* Many agents pull one release at once, from a process of their own: what the hub holds for them is one copy of the release at most, and not a share for each of them; those that
 * ask and do not read cost it no more. */
#include <malloc.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/crypto/blobs.h"
#include "common/link/frame.h"
#include "common/wire/limits.h"
#include "tests/support/hostile_peer.h"
#include "tests/support/hostile_process.h"
#include "tests/support/link_fixture.h"

#define BLOB_BYTES (20 * MB)
#define AGENTS     50
#define PULL_MS    120000 /* for all of them, on a busy machine */
#define HOARD_MS   3000

/* Above what the hub had before: the chunks themselves, and for each connection what is encrypted and on its way. */
#define A_CONNECTION (MB * 2 / 5)
#define ROOM         (16 * MB)

/* ---- the agents ---- */

struct errand {
	struct hostile at;
	uint8_t hash[DIGEST_SIZE];
	unsigned n; /* connections */
	uint32_t chunks; /* of the blob */
	bool reads; /* false: it asks for its credit, and takes nothing */
};

static void ask(zsock_t *s, const struct errand *o, uint32_t first)
{
	AUTO(buf_done) struct buf body = BUF_INIT;
	struct msg m = {.type = MSG_FETCH, .fetch = {.first = first, .count = LIMIT_CHUNK_CREDIT}};
	memcpy(m.fetch.hash, o->hash, DIGEST_SIZE);
	msg_encode(&m, &body);
	frame_send(zsock_resolve(s), bytes_of(NULL, 0), (struct link_header){.type = MSG_FETCH}, buf_bytes(&body), bytes_of(NULL, 0));
}

/* One chunk; false when there is none now. */
static bool take(zsock_t *s, uint64_t *ret_bytes)
{
	struct frame f;
	bool ok = frame_recv(zsock_resolve(s), false, &f, NULL) == FRAME_OK && f.header.type == MSG_CHUNK;
	*ret_bytes += ok ? f.raw.n : 0;
	frame_done(&f);
	return ok;
}

static uint64_t pull_all(const struct errand *o, zsock_t **sockets, uint32_t *have)
{
	uint64_t bytes = 0, end_us = (uint64_t)clock_mono_us() + (uint64_t)PULL_MS * 1000;
	for (unsigned open = o->n; open && (uint64_t)clock_mono_us() < end_us;) {
		bool quiet = true;
		for (unsigned i = 0; i < o->n; i++)
			while (have[i] < o->chunks && take(sockets[i], &bytes)) {
				quiet = false;
				if (++have[i] == o->chunks)
					open--;
				else if (have[i] % LIMIT_CHUNK_CREDIT == 0)
					ask(sockets[i], o, have[i]);
			}
		if (quiet)
			usleep(1000);
	}
	return bytes;
}

static uint64_t be_crowd(const void *errand)
{
	const struct errand *o = errand;
	AUTO(mem_free_ptr) zsock_t **sockets = mem_alloc(o->n * sizeof *sockets);
	AUTO(mem_free_ptr) uint32_t *have = mem_alloc(o->n * sizeof *have);
	uint64_t bytes = 0;
	for (unsigned i = 0; i < o->n; i++)
		sockets[i] = o->reads ? hostile_dial(&o->at, LINK_BLOB_DEALER, false) : hostile_dial_narrow(&o->at, LINK_BLOB_DEALER);
	for (unsigned i = 0; i < o->n; i++)
		ask(sockets[i], o, 0);
	if (o->reads)
		bytes = pull_all(o, sockets, have);
	else
		usleep(HOARD_MS * 1000);
	for (unsigned i = 0; i < o->n; i++)
		zsock_destroy(&sockets[i]);
	return bytes;
}

/* ---- the hub's side ---- */

static uint64_t peak, pulled;
static bool done;

static bool is_over(struct link_world *w)
{
	(void)w;
	uint64_t now = hostile_resident();
	peak = now > peak ? now : peak;
	done = done || hostile_over(false, &pulled);
	return done;
}

static void serve(struct link_world *w, size_t n, uint8_t hash[DIGEST_SIZE])
{
	AUTO(buf_done) struct buf data = BUF_INIT;
	struct err e = ERR_INIT;
	for (size_t i = 0; i < n; i++)
		buf_addc(&data, (char)(i * 7 + i / 251));
	assert_int_equal(blobs_put(link_file(w, "served"), buf_bytes(&data), hash, &e), 0);
}

static uint64_t suffer(struct link_world *w, unsigned n, uint64_t blob_bytes, bool reads)
{
	struct errand o = {.n = n, .chunks = (uint32_t)((blob_bytes + LIMIT_CHUNK - 1) / LIMIT_CHUNK), .reads = reads};
	serve(w, blob_bytes, o.hash);
	hostile_init(&o.at, hub_blob_endpoint(w->hub), hub_public_key(w->hub), &w->agent_key);
	malloc_trim(0);
	uint64_t before = hostile_resident();
	peak = pulled = 0;
	done = false;
	int64_t from_us = clock_mono_us();
	hostile_send(&o, sizeof o);
	assert_true(link_run_for(w, is_over, PULL_MS + 10000));
	uint64_t more = peak > before ? peak - before : 0;
	print_message("# %u connections, %llu MB each: memory +%llu MB at most, %lld ms\n", n, (unsigned long long)(blob_bytes / MB),
	              (unsigned long long)(more / MB), (long long)(clock_mono_us() - from_us) / 1000);
	return more;
}

static void crowd_pulls(struct link_world *w, unsigned n, uint64_t blob_bytes)
{
	uint64_t more = suffer(w, n, blob_bytes, true);
	assert_int_equal(pulled, n * blob_bytes);
	assert_true(!MEASURED || more < blob_bytes + n * A_CONNECTION + ROOM);
}

static void test_a_crowd_pulls_one_release(void **state)
{
	crowd_pulls(*state, AGENTS, BLOB_BYTES);
	crowd_pulls(*state, 3 * AGENTS, 4 * MB);
}

/* They are 200 MB of wishes in front of an agent that means it. */
static void test_those_who_do_not_read_cost_no_more(void **state)
{
	struct link_world *w = *state;
	char endpoint[256];
	str_copy(endpoint, sizeof endpoint, hub_blob_endpoint(w->hub));
	uint64_t more = suffer(w, 4 * AGENTS, 4 * MB, false);
	assert_true(!MEASURED || more < 4 * MB + 4 * AGENTS * A_CONNECTION + ROOM);
	struct errand o = {.n = 4 * AGENTS, .chunks = 16};
	serve(w, 4 * MB, o.hash);
	hostile_init(&o.at, endpoint, hub_public_key(w->hub), &w->agent_key);
	hostile_send(&o, sizeof o);
	clock_sleep_ms(1000); /* they have asked */
	link_start_fetch(w, NULL);
	fetch_want(w->fetch, o.hash, 4 * MB);
	link_run(w, link_has_fetched);
	assert_int_equal(w->fetch_failed, 0);
	assert_true(hostile_over(true, &pulled));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, link_setup, link_teardown)
	const struct CMUnitTest tests[] = {CASE(test_a_crowd_pulls_one_release), CASE(test_those_who_do_not_read_cost_no_more)};
	return hostile_main("blob_crowd_test", be_crowd, sizeof(struct errand), tests, ARRAY_LEN(tests));
}
