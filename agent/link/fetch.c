/* Blobs, pulled. */
#include "agent/link/fetch.h"

#include <malloc.h>
#include <string.h>

#include "agent/link/dial.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"
#include "common/crypto/blobs.h"
#include "common/crypto/digest.h"
#include "common/wire/limits.h"

#define TICK_MS      100
#define SILENT_MS    15000 /* without a chunk: the connection is given up, and the next goes on from there */
#define IDLE_MS      20000 /* nothing wanted: the socket is closed */
#define BAD_MAX      3 /* wrong answers before the wish is given up */
#define BAD_PAUSE_MS 500
#define STALLS_MAX   2 /* connections in a row that answered, and brought no chunk, before the address is marked */
#define MARK_US      (INT64_C(3600) * 1000000)

struct want {
	struct want *next;
	uint8_t hash[DIGEST_SIZE];
	uint64_t size;
	uint32_t of, have, asked; /* chunks; asked: credit given out up to here */
	unsigned bad;
	size_t from; /* the address of its first chunk */
	bool mixed; /* chunks of another one are among them, so that nobody knows whose fault a wrong hash is */
	bool alone; /* that has been so: all of it from one address now */
	struct buf data;
};

struct mirror { /* an address, and what it has done */
	int64_t marked_until_us; /* monotonic; 0: it is not */
	unsigned stalls;
};

struct fetch {
	zloop_t *loop;
	struct fetch_settings set;
	fetch_done_fn *done;
	fetch_marked_fn *marked;
	void *arg;
	struct mirror *mirrors; /* the endpoint, then `also` */
	int timer;
	struct dial dial;
	bool ready; /* the handshake is done */
	size_t key;
	size_t address;
	uint32_t pause_ms;
	int64_t due_us, heard_us; /* monotonic */
	struct want *first; /* the one under way */
};

static const char *endpoint_of(const struct fetch *f)
{
	return f->address ? f->set.also[f->address - 1] : f->set.endpoint;
}

static void hang_up(struct fetch *f, uint32_t wait_ms)
{
	dial_close(&f->dial);
	f->ready = false;
	f->due_us = clock_mono_us() + (int64_t)wait_ms * 1000;
	if (f->first)
		f->first->asked = f->first->have;
}

/* ---- which address ---- */

static size_t n_mirrors(const struct fetch *f)
{
	return f->set.n_also + 1;
}

/* The next one behind `from` that is not marked; the next one when all are. */
static size_t next_address(const struct fetch *f, size_t from)
{
	int64_t now_us = clock_mono_us();
	size_t at = from;
	for (size_t i = 0; i <= n_mirrors(f); i++) { /* all of them, and the next one again */
		at = at + 1 < n_mirrors(f) ? at + 1 : 0;
		if (f->mirrors[at].marked_until_us <= now_us)
			break;
	}
	return at;
}

static void mark(struct fetch *f, const char *why)
{
	struct mirror *m = &f->mirrors[f->address];
	const struct fetch_mark told = {.address = endpoint_of(f), .why = why, .until_us = clock_wall_us() + MARK_US};
	m->stalls = 0;
	if (m->marked_until_us > clock_mono_us())
		return;
	m->marked_until_us = clock_mono_us() + MARK_US;
	f->marked(f->arg, &told, n_mirrors(f) == 1);
}

static void retry(struct fetch *f, const char *why)
{
	uint32_t high = f->pause_ms > f->set.retry_max_ms / 3 ? f->set.retry_max_ms : f->pause_ms * 3;
	f->pause_ms = dial_random_ms(f->set.retry_min_ms, high);
	log_debug("blobs at %s: %s: next attempt in %u ms", endpoint_of(f), why, f->pause_ms);
	f->key = (f->key + 1) % f->set.n_controller_keys;
	if (f->key == 0)
		f->address = next_address(f, f->address);
	hang_up(f, f->pause_ms);
}

/* Not one byte came from this address in the time for it, and there is another one. */
static bool is_mute(const struct fetch *f, int64_t quiet_ms)
{
	return f->set.n_also && !f->ready && quiet_ms > LINK_FIRST_WORD_MS && !link_heard(f->dial.fd);
}

static void leave_mute(struct fetch *f)
{
	f->key = f->set.n_controller_keys - 1; /* the next key is the next address's first */
	retry(f, link_unheard(f->dial.fd));
}

static void begin_anew(struct want *w)
{
	buf_done(&w->data);
	w->have = w->asked = 0;
	w->mixed = false;
}

static void ask(struct fetch *f)
{
	struct want *w = f->first;
	if (!w || !f->ready || w->asked != w->have)
		return;
	if (w->alone && w->have && w->from != f->address)
		begin_anew(w);
	struct msg m = {.type = MSG_FETCH,
	                .fetch = {.first = w->have, .count = w->of - w->have < LIMIT_CHUNK_CREDIT ? w->of - w->have : LIMIT_CHUNK_CREDIT}};
	memcpy(m.fetch.hash, w->hash, DIGEST_SIZE);
	f->heard_us = clock_mono_us();
	if (dial_send(&f->dial, (struct link_header){0}, &m) == FRAME_SENT)
		w->asked = w->have + m.fetch.count;
	else
		retry(f, "the request could not be sent");
}

static void finish(struct fetch *f, bool ok, const char *why)
{
	struct want *w = f->first;
	f->first = w->next;
	buf_done(&w->data);
	malloc_trim(0); /* a release may have been large, and the agent stays for months */
	f->done(f->arg, w->hash, ok, why);
	free(w);
}

/* After some of them the wish ends. The bytes so far are not believed either: who knows whose they are. */
static void no_use(struct fetch *f, const char *why)
{
	struct want *w = f->first;
	bool last = ++w->bad >= (n_mirrors(f) > BAD_MAX ? n_mirrors(f) : BAD_MAX);
	begin_anew(w);
	if (last)
		log_warn("blob from %s refused: %s", endpoint_of(f), why);
	f->address = next_address(f, f->address);
	hang_up(f, last || n_mirrors(f) > 1 ? 0 : BAD_PAUSE_MS);
	if (last)
		finish(f, false, why);
}

/* A wrong answer is the sender's doing, not the network's. */
static void bad_answer(struct fetch *f, const char *why)
{
	if (n_mirrors(f) > 1) /* alone, the end of the wish tells it */
		mark(f, why);
	no_use(f, why);
}

/* What no honest sender says, whether anything is waited for or not. */
static void bad_message(struct fetch *f, const char *why)
{
	if (f->first) {
		bad_answer(f, why);
		return;
	}
	if (n_mirrors(f) > 1)
		mark(f, why);
	f->address = next_address(f, f->address);
	hang_up(f, 0);
}

/* Who sends a wrong chunk and is gone leaves the next address to be blamed: that is looked into by asking one alone. */
static void wrong_hash(struct fetch *f)
{
	static const char why[] = "the bytes do not have the hash that was asked for";
	bool mixed = f->first->mixed;
	f->first->alone = f->first->alone || mixed;
	if (mixed)
		no_use(f, why);
	else
		bad_answer(f, why);
}

/* It answers, and the bytes do not come: a full network, or somebody who lets them drip. */
static void stalled(struct fetch *f)
{
	if (f->ready && ++f->mirrors[f->address].stalls >= STALLS_MAX)
		mark(f, "no chunk came in time, twice in a row");
	retry(f, "no chunk came");
}

static void store(struct fetch *f)
{
	struct want *w = f->first;
	uint8_t hash[DIGEST_SIZE];
	struct err e = ERR_INIT;
	digest_sha256(buf_bytes(&w->data), hash);
	if (memcmp(hash, w->hash, DIGEST_SIZE) != 0) {
		wrong_hash(f);
		return;
	}
	if (blobs_put(f->set.dir, buf_bytes(&w->data), hash, &e) != 0) {
		log_error("blob cannot be kept: %s", e.msg);
		no_use(f, e.msg);
		return;
	}
	FAILPOINT("blob-stored");
	finish(f, true, "");
	ask(f);
}

static const char *check_chunk(const struct want *w, const struct msg_chunk *c, size_t size)
{
	uint64_t expected = c->index + 1 < w->of ? LIMIT_CHUNK : w->size - (uint64_t)(w->of - 1) * LIMIT_CHUNK;
	if (c->index != w->have || c->index >= w->asked)
		return "a chunk that was not asked for";
	return size == expected ? NULL : "a chunk of a wrong size";
}

static void on_chunk(struct fetch *f, const struct frame *frame, const struct msg_chunk *c)
{
	struct want *w = f->first;
	/* A wish ends with the last chunk that was asked for, or with its connection: nothing of it can come later. */
	bool other = !w || memcmp(c->hash, w->hash, DIGEST_SIZE) != 0;
	if (!other && c->of != w->of) { /* who knows which of the two is wrong */
		no_use(f, "the blob has another size than the offer said");
		return;
	}
	const char *wrong = other ? "a chunk that was not asked for" : check_chunk(w, c, frame->raw.n);
	if (wrong) {
		bad_message(f, wrong);
		return;
	}
	buf_add(&w->data, frame->raw.p, frame->raw.n);
	if (w->have++ == 0)
		w->from = f->address;
	w->mixed = w->mixed || w->from != f->address;
	f->mirrors[f->address].stalls = 0;
	f->heard_us = clock_mono_us();
	f->pause_ms = f->set.retry_min_ms;
	if (w->have == w->of)
		store(f);
	else
		ask(f);
}

static void on_frame(void *arg, enum frame_result r, const struct frame *frame, const char *why)
{
	struct fetch *f = arg;
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	struct msg m;
	struct err e = ERR_INIT;
	enum msg_type type = (enum msg_type)frame->header.type;
	if (r != FRAME_OK)
		bad_message(f, why);
	else if (!link_allowed(SOCKET_BLOB, LINK_CONTROLLER, LINK_READY, type) || type == MSG_PUT_ACK)
		bad_message(f, "it sent a message that agents do not take here");
	else if (msg_decode(type, frame->body, a, &m, &e) != 0)
		bad_message(f, e.msg);
	else if (type == MSG_CHUNK)
		on_chunk(f, frame, &m.chunk);
	else if (f->first && memcmp(m.nak.hash, f->first->hash, DIGEST_SIZE) == 0)
		no_use(f, m.nak.message);
}

static void on_event(void *arg, enum monitor_event event)
{
	struct fetch *f = arg;
	if (event == MONITOR_READY) {
		f->ready = true;
		ask(f);
	} else if (event != MONITOR_NONE) {
		retry(f, event == MONITOR_REFUSED ? "it refused our key" : event == MONITOR_LOST ? "the connection was lost" : "it cannot be reached");
	}
}

static void tend(struct fetch *f, int64_t quiet_ms)
{
	if (!f->first && quiet_ms > IDLE_MS)
		hang_up(f, 0);
	else if (f->first && is_mute(f, quiet_ms))
		leave_mute(f);
	else if (f->first && quiet_ms > SILENT_MS)
		stalled(f);
}

static int on_timer(zloop_t *loop, int id, void *arg)
{
	(void)loop, (void)id;
	struct fetch *f = arg;
	struct dial_handler handler = {.frame = on_frame, .event = on_event, .arg = f};
	struct err e = ERR_INIT;
	int64_t now_us = clock_mono_us();
	int64_t quiet_ms = (now_us - f->heard_us) / 1000;
	if (f->dial.socket) {
		tend(f, quiet_ms);
	} else if (f->first && now_us >= f->due_us) {
		f->heard_us = now_us;
		if (dial_open(&f->dial, f->loop, LINK_BLOB_DEALER, f->set.key, f->set.controller_keys[f->key], endpoint_of(f), &handler, &e) != 0)
			retry(f, e.msg);
	}
	return 0;
}

void fetch_address(struct fetch *f, size_t address)
{
	if (f->mirrors[address].marked_until_us > clock_mono_us())
		address = next_address(f, address);
	if (address == f->address)
		return;
	f->address = address;
	if (f->dial.socket)
		hang_up(f, 0);
}

struct fetch *fetch_new(zloop_t *loop, const struct fetch_settings *s, fetch_done_fn *done, fetch_marked_fn *marked, void *arg)
{
	struct fetch *f = mem_alloc(sizeof *f);
	f->loop = loop;
	f->set = *s;
	f->done = done;
	f->marked = marked;
	f->mirrors = mem_alloc((s->n_also + 1) * sizeof *f->mirrors);
	f->arg = arg;
	f->pause_ms = s->retry_min_ms;
	f->timer = zloop_timer(loop, TICK_MS, 0, on_timer, f);
	return f;
}

void fetch_destroy(struct fetch **fp)
{
	struct fetch *f = *fp;
	if (!f)
		return;
	zloop_timer_end(f->loop, f->timer);
	dial_close(&f->dial);
	while (f->first) {
		struct want *w = f->first;
		f->first = w->next;
		buf_done(&w->data);
		free(w);
	}
	free(f->mirrors);
	free(f);
	*fp = NULL;
}

void fetch_want(struct fetch *f, const uint8_t hash[DIGEST_SIZE], uint64_t size)
{
	struct want **at = &f->first;
	for (; *at; at = &(*at)->next)
		if (memcmp((*at)->hash, hash, DIGEST_SIZE) == 0)
			return;
	struct want *w = *at = mem_alloc(sizeof *w);
	memcpy(w->hash, hash, DIGEST_SIZE);
	w->size = size;
	w->of = (uint32_t)((size + LIMIT_CHUNK - 1) / LIMIT_CHUNK);
	if (f->first == w)
		ask(f);
	on_timer(f->loop, 0, f);
}

void fetch_forget(struct fetch *f, const uint8_t hash[DIGEST_SIZE])
{
	for (struct want **at = &f->first; *at; at = &(*at)->next) {
		struct want *w = *at;
		if (memcmp(w->hash, hash, DIGEST_SIZE) != 0)
			continue;
		if (w == f->first)
			hang_up(f, 0); /* what was asked for may still come: with the connection it goes */
		*at = w->next;
		buf_done(&w->data);
		free(w);
		return;
	}
}
