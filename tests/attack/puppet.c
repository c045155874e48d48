/* A controller in an attacker's hands: it holds the real CURVE key, speaks the real protocol through the real hub, and offers whatever documents it is given. It waits for one
 * agent, does what its arguments say one after another, and prints what the agent answers. Nothing of the controller's own checks is in it.
 *
 *   puppet --key FILE --control ENDPOINT --blobs ENDPOINT --dir FOLDER --agent NAME=CURVE-KEY [--epoch N] ACTION...
 *
 *   blob FILE                 serves it under its hash
 *   offer KEY=VALUE,...       target, release, dossier, proof (files; release and dossier are served too), task (hex), and optionally attempt, epoch, direction, deadline (us),
 *                             release-as (other bytes under the hash of `release`, which stands before it), release-size, word (ms for the
 *                             first word of an answer), wait (for the answer, from then on); prints the answer: "ACCEPT", "REFUSE code message", then "REPORT outcome: check: message (N steps)"
 *   linger FILE SECONDS       until the file is there, for so long at the most
 *   silent SECONDS            prints what comes unasked, or "nothing"
 *   clock FILE DAYS           the site's clock is so far ahead from now on (tests/fault/shim/moved_clock.c)
 *   trust [fresh=]VERSION:FILE... --   names trust documents and a freshness document to be fetched
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/crypto/blobs.h"
#include "common/crypto/digest.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "controller/link/hub.h"
#include "tests/support/thief.h"

#define CONNECT_MS 60000
#define WORD_MS    10000 /* for the first word of an answer, however busy the machine is */
#define ANSWER_MS  60000
#define FILE_MAX   LIMIT_ENVELOPE

struct puppet {
	zactor_t *hub;
	const char *dir;
	struct principal agent;
	uint32_t epoch;
	uint64_t session;
	bool ready;
	bool answered; /* REFUSE or REPORT has come */
	bool heard; /* the agent has said anything since, or its session has ended */
	uint32_t word_ms, wait_ms;
};

static void tell(struct puppet *p, const struct msg *m, uint32_t epoch)
{
	struct err e = ERR_INIT;
	if (hub_send(p->hub, p->session, epoch, m, &e) != 0)
		thief_die("send", &e);
}

/* ---- what comes ---- */

static void on_hello(struct puppet *p, const struct hub_event *ev)
{
	struct msg m = {.type = MSG_WELCOME,
	                .welcome = {.proto = LINK_PROTO,
	                            .epoch = p->epoch,
	                            .heartbeat_ms = 15000,
	                            .spread_ms = 1,
	                            .resume_from = ev->msg.hello.report_seq, /* old reports are of no interest to a thief */
	                            .now_us = clock_wall_us()}};
	p->session = ev->session;
	tell(p, &m, p->epoch);
}

static void on_report(struct puppet *p, const struct msg_report *m)
{
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	struct envelope env;
	struct report r;
	struct err e = ERR_INIT;
	if (envelope_decode(m->envelope, a, &env, &e) != 0 || report_decode(env.payload, a, &r, &e) != 0)
		thief_die("report", &e);
	printf("REPORT %s: %s: %s (%zu steps)\n", outcome_name(r.outcome), r.failure.check ? r.failure.check : "-",
	       r.failure.message ? r.failure.message : "-", r.n_steps);
	tell(p, &(struct msg){.type = MSG_REPORT_ACK, .report_ack = {.seq = m->seq}}, p->epoch);
	p->answered = true;
}

static void on_message(struct puppet *p, const struct hub_event *ev)
{
	const struct msg *m = &ev->msg;
	p->heard |= m->type == MSG_HELLO || m->type == MSG_ACCEPT || m->type == MSG_REFUSE || m->type == MSG_REPORT;
	if (m->type == MSG_HELLO) {
		on_hello(p, ev);
	} else if (m->type == MSG_TARGETS) {
		p->ready |= m->targets.last;
	} else if (m->type == MSG_ACCEPT) {
		printf("ACCEPT\n");
	} else if (m->type == MSG_REFUSE) {
		printf("REFUSE %s: %s\n", m->task.code, m->task.message);
		p->answered = true;
	} else if (m->type == MSG_REPORT) {
		on_report(p, &m->report);
	}
}

/* Takes what comes until *until holds or the time is over. */
static bool listen_until(struct puppet *p, const bool *until, uint32_t ms)
{
	int64_t end_us = clock_mono_us() + (int64_t)ms * 1000;
	zpoller_t *poller = zpoller_new(zactor_sock(p->hub), NULL);
	while (!*until && clock_mono_us() < end_us) {
		AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
		struct hub_event ev;
		struct err e = ERR_INIT;
		if (!zpoller_wait(poller, 50))
			continue;
		bool some = false;
		if (hub_recv(p->hub, a, &ev, &some, &e) != 0)
			thief_die("hub", &e);
		if (!some)
			continue;
		if (ev.type == HUB_MESSAGE)
			on_message(p, &ev);
		p->heard |= ev.type == HUB_GONE;
	}
	zpoller_destroy(&poller);
	fflush(stdout);
	return *until;
}

/* ---- actions ---- */

static void read_file(const char *path, struct buf *ret)
{
	struct err e = ERR_INIT;
	if (file_read(path, FILE_MAX, ret, &e) != 0)
		thief_die("read", &e);
}

static uint64_t serve(struct puppet *p, const char *path, uint8_t hash[DIGEST_SIZE])
{
	AUTO(buf_done) struct buf data = BUF_INIT;
	struct err e = ERR_INIT;
	read_file(path, &data);
	if (blobs_put(p->dir, buf_bytes(&data), hash, &e) != 0)
		thief_die("blob", &e);
	return data.n;
}

/* Other bytes under this hash. */
static void serve_instead(struct puppet *p, const uint8_t hash[DIGEST_SIZE], const char *other)
{
	AUTO(buf_done) struct buf data = BUF_INIT;
	char hex[DIGEST_SIZE * 2 + 1], at[4096];
	struct err e = ERR_INIT;
	read_file(other, &data);
	snprintf(at, sizeof at, "%s/%s", p->dir, bytes_to_hex(bytes_of(hash, DIGEST_SIZE), hex));
	if (file_write_atomic(at, buf_bytes(&data), 0600, &e) != 0)
		thief_die("blob", &e);
}

static void set_offer(struct puppet *p, struct msg_offer *o, const char *key, const char *value, struct buf *proof)
{
	if (str_eq(key, "target"))
		o->target = value;
	else if (str_eq(key, "release"))
		o->release_size = serve(p, value, o->release_hash);
	else if (str_eq(key, "release-as"))
		serve_instead(p, o->release_hash, value);
	else if (str_eq(key, "dossier"))
		o->dossier_size = serve(p, value, o->dossier_hash);
	else if (str_eq(key, "proof"))
		read_file(value, proof);
	else if (str_eq(key, "task") && bytes_from_hex(value, o->task, TASK_SIZE, NULL) == 0)
		;
	else if (str_eq(key, "attempt"))
		o->attempt = (uint32_t)strtoul(value, NULL, 10);
	else if (str_eq(key, "epoch"))
		o->epoch = (uint32_t)strtoul(value, NULL, 10);
	else if (str_eq(key, "deadline"))
		o->deadline_us = strtoll(value, NULL, 10);
	else if (str_eq(key, "wait"))
		p->wait_ms = (uint32_t)strtoul(value, NULL, 10);
	else if (str_eq(key, "word"))
		p->word_ms = (uint32_t)strtoul(value, NULL, 10);
	else if (str_eq(key, "release-size"))
		o->release_size = strtoull(value, NULL, 10);
	else if (!str_eq(key, "direction") || !direction_parse(value, &o->direction))
		thief_die(key, NULL);
}

static void offer(struct puppet *p, char *words)
{
	AUTO(buf_done) struct buf proof = BUF_INIT;
	struct msg m = {.type = MSG_OFFER, .offer = {.attempt = 1, .epoch = p->epoch}};
	char *save = NULL;
	p->word_ms = WORD_MS;
	p->wait_ms = ANSWER_MS;
	for (char *w = strtok_r(words, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		char *value = strchr(w, '=');
		if (!value)
			thief_die(w, NULL);
		*value = '\0';
		set_offer(p, &m.offer, w, value + 1, &proof);
	}
	m.offer.proof = buf_bytes(&proof);
	p->answered = p->heard = false;
	tell(p, &m, m.offer.epoch);
}

static void answer(struct puppet *p)
{
	(void)listen_until(p, &p->heard, p->word_ms);
	if (!listen_until(p, &p->answered, p->wait_ms))
		printf("no answer\n");
}

static void silent(struct puppet *p, const char *seconds)
{
	p->answered = false;
	if (!listen_until(p, &p->answered, (uint32_t)(strtod(seconds, NULL) * 1000)))
		printf("nothing\n");
}

static void linger(struct puppet *p, const char *file, const char *seconds)
{
	int64_t end_us = clock_mono_us() + (int64_t)(strtod(seconds, NULL) * 1000000);
	const bool never = false;
	while (!file_exists(file) && clock_mono_us() < end_us)
		(void)listen_until(p, &never, 100);
}

/* VERSION:FILE */
static void name_document(struct puppet *p, const char *word, struct document_ref *r)
{
	const char *file = strchr(word, ':');
	if (!file)
		thief_die(word, NULL);
	r->version = strtoull(word, NULL, 10);
	r->size = serve(p, file + 1, r->hash);
}

static int name_trust(struct puppet *p, int i, int argc, char **argv)
{
	struct document_ref refs[16] = {{.version = 0}};
	struct msg m = {.type = MSG_TRUST_UPDATE, .trust_update = {.trust = refs}};
	for (; i < argc && !str_eq(argv[i], "--"); i++) {
		if (str_starts(argv[i], "fresh="))
			name_document(p, argv[i] + 6, &m.trust_update.fresh);
		else if (m.trust_update.n_trust < ARRAY_LEN(refs))
			name_document(p, argv[i], &refs[m.trust_update.n_trust++]);
	}
	tell(p, &m, p->epoch);
	return i;
}

static void set_clock(const char *path, const char *days)
{
	int64_t ahead_us = strtoll(days, NULL, 10) * 86400 * 1000000;
	FILE *f = fopen(path, "r+e"); /* in place: the site's process has it mapped */
	if (!f || fwrite(&ahead_us, sizeof ahead_us, 1, f) != 1 || fclose(f) != 0)
		thief_die(path, NULL);
}

static void act(struct puppet *p, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		uint8_t hash[DIGEST_SIZE];
		const char *what = argv[i];
		if (str_eq(what, "blob") && i + 1 < argc)
			serve(p, argv[++i], hash);
		else if (str_eq(what, "offer") && i + 1 < argc)
			offer(p, argv[++i]), answer(p);
		else if (str_eq(what, "silent") && i + 1 < argc)
			silent(p, argv[++i]);
		else if (str_eq(what, "linger") && i + 2 < argc)
			linger(p, argv[i + 1], argv[i + 2]), i += 2;
		else if (str_eq(what, "clock") && i + 2 < argc)
			set_clock(argv[i + 1], argv[i + 2]), i += 2;
		else if (str_eq(what, "trust"))
			i = name_trust(p, i + 1, argc, argv);
		else
			thief_die(what, NULL);
	}
}

/* ---- the start ---- */

static void name_agent(struct puppet *p, char *words)
{
	char *key = strchr(words, '=');
	if (!key)
		thief_die("--agent NAME=KEY", NULL);
	*key++ = '\0';
	p->agent = (struct principal){.kind = LINK_AGENT};
	str_copy(p->agent.name, sizeof p->agent.name, words);
	str_copy(p->agent.curve_key, sizeof p->agent.curve_key, key);
}

int main(int argc, char **argv)
{
	struct puppet p = {.epoch = 1};
	struct hub_config c = {.max_peers = 16};
	struct err e = ERR_INIT;
	int i = 1;
	log_open("puppet", LOG_LEVEL_ERROR);
	for (; i + 1 < argc && str_starts(argv[i], "--"); i += 2) {
		const char *o = argv[i] + 2;
		char *v = argv[i + 1];
		if (str_eq(o, "key"))
			c.curve_key_file = v;
		else if (str_eq(o, "control"))
			c.ctrl_endpoint = v;
		else if (str_eq(o, "blobs"))
			c.blob_endpoint = v;
		else if (str_eq(o, "dir"))
			c.blob_dir = p.dir = v;
		else if (str_eq(o, "agent"))
			name_agent(&p, v);
		else if (str_eq(o, "epoch"))
			p.epoch = (uint32_t)strtoul(v, NULL, 10);
		else
			thief_die(argv[i], NULL);
	}
	if (file_make_dirs(p.dir, 0700, &e) != 0 || hub_new(&c, &p.agent, 1, &p.hub, &e) != 0)
		thief_die("start", &e);
	if (!listen_until(&p, &p.ready, CONNECT_MS))
		thief_die("the agent did not come", NULL);
	act(&p, argc - i, argv + i);
	hub_destroy(&p.hub);
	return 0;
}
