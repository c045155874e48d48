/* Makes documents that no honest tool makes: genuine ones with fields changed, wrapped as another type, signed by whatever key a thief has. Writes to standard output.
 *
 *   forge unwrap ENVELOPE                      the signed bytes
 *   forge wrap TYPE PAYLOAD KEY...             an envelope of this type ("release", "approval", ...) over the bytes, signed by each private key (without passphrase)
 *   forge add-signatures ENVELOPE OTHER        ENVELOPE with OTHER's signatures put on it too
 *   forge order ORDER KEY=VALUE...             id, environment, release-of (a release envelope), not-before, not-after, created (us), target-count, root (a leaves file), direction,
 *                                              critical, max-failures, except
 *   forge release ENVELOPE KEY=VALUE...        the payload with version, sequence, created, expires (us), critical, min-agent, sql (of the last changeset's first statement), class (of its step),
 *                                              drop-last (the last changeset is left out)
 *   forge fresh ENVELOPE KEY=VALUE...          the payload with version, trust-version, issued, expires (us), nothing-revoked
 *   forge trust ENVELOPE KEY=VALUE...          the payload with version, created, expires (us)
 *   forge report ENVELOPE KEY=VALUE...         the payload with agent, target, seq, outcome, after (the envelope of the report before it)
 *   forge approval ORDER KEY=VALUE...          an approval's payload: approver, environment, target-count, created, expires, release-of, break-glass (the one target of an emergency)
 *   forge dossier ORDER APPROVAL...            what an agent is sent
 *   forge proof LEAVES TARGET [wave=N] [index=N]
 *   forge task ORDER TARGET DIRECTION          the task's id in hex
 *   forge flip FILE OFFSET                     one bit flipped; an offset from the end with a minus
 *   forge respell ENVELOPE                     the same envelope, its payload written in another but equal way (an unknown field behind it)
 *   forge shown STORE ROLLOUT TARGET STATE     a controller's store is made to show TARGET in STATE, with a row of the audit chain that fits
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/crypto/dsse.h"
#include "common/crypto/merkle.h"
#include "common/crypto/sign.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "controller/store/store.h"
#include "tests/support/thief.h"

#define LEAVES_MAX 10000

static struct arena *a;

static struct envelope read_envelope(const char *path)
{
	struct envelope env;
	struct err e = ERR_INIT;
	if (envelope_decode(thief_read(a, path), a, &env, &e) != 0)
		thief_die(path, &e);
	return env;
}

static void write_envelope(const struct envelope *env)
{
	AUTO(buf_done) struct buf out = BUF_INIT;
	envelope_encode(env, &out);
	thief_write(buf_bytes(&out));
}

/* ---- envelopes ---- */

static void unwrap(int argc, char **argv)
{
	(void)argc;
	struct envelope env = read_envelope(argv[0]);
	thief_write(env.payload);
}

static void wrap(int argc, char **argv)
{
	struct envelope env = {.type = arena_printf(a, "application/vnd.rollcall.%s.v1+protobuf", argv[0]), .payload = thief_read(a, argv[1])};
	for (int i = 2; i < argc; i++) {
		struct sign_key *k = NULL;
		struct err e = ERR_INIT;
		if (sign_key_load(argv[i], NULL, &k, &e) != 0 || dsse_sign(&env, k, a, &e) != 0)
			thief_die(argv[i], &e);
		sign_key_destroy(&k);
	}
	write_envelope(&env);
}

static void add_signatures(int argc, char **argv)
{
	(void)argc;
	struct envelope env = read_envelope(argv[0]), other = read_envelope(argv[1]);
	struct signature *all = arena_alloc(a, (env.n_signatures + other.n_signatures) * sizeof *all);
	memcpy(all, env.signatures, env.n_signatures * sizeof *all);
	for (size_t i = 0; i < other.n_signatures; i++) {
		all[env.n_signatures + i] = other.signatures[i];
		all[env.n_signatures + i].key_id = "00112233445566ff"; /* a key id is a hint: another one does not make another signer */
	}
	env.signatures = all;
	env.n_signatures += other.n_signatures;
	write_envelope(&env);
}

static void respell(int argc, char **argv)
{
	(void)argc;
	AUTO(buf_done) struct buf longer = BUF_INIT;
	struct envelope env = read_envelope(argv[0]);
	buf_add(&longer, env.payload.p, env.payload.n);
	buf_add(&longer, "\xf8\x07\x01", 3); /* field 127, which nobody knows */
	env.payload = buf_bytes(&longer);
	write_envelope(&env);
}

static void flip(int argc, char **argv)
{
	(void)argc;
	struct bytes data = thief_read(a, argv[0]);
	long at = strtol(argv[1], NULL, 10);
	if (at < 0)
		at += (long)data.n;
	if (at < 0 || (size_t)at >= data.n)
		thief_die("offset", NULL);
	((uint8_t *)(uintptr_t)data.p)[at] ^= 0x04;
	thief_write(data);
}

/* ---- orders ---- */

static struct release read_release(const char *path)
{
	struct envelope env = read_envelope(path);
	struct release r;
	struct err e = ERR_INIT;
	if (release_decode(env.payload, a, &r, &e) != 0)
		thief_die(path, &e);
	return r;
}

static size_t read_leaves(const char *path, struct merkle_leaf *leaves)
{
	struct bytes data = thief_read(a, path);
	char *text = arena_strndup(a, (const char *)data.p, data.n), *save = NULL;
	size_t n = 0;
	for (char *line = strtok_r(text, "\n", &save); line && n < LEAVES_MAX; line = strtok_r(NULL, "\n", &save)) {
		char target[256], salt[64];
		uint32_t index, wave;
		if (sscanf(line, "%" SCNu32 " %" SCNu32 " %255s %63s", &index, &wave, target, salt) != 4 ||
		    bytes_from_hex(salt, leaves[n].salt, TARGET_SALT_SIZE, NULL) != 0)
			thief_die("leaves", NULL);
		leaves[n].wave = wave;
		leaves[n++].target = arena_strdup(a, target);
	}
	return n;
}

static void set_root(struct order *o, const char *path)
{
	struct merkle_leaf *leaves = arena_alloc(a, LEAVES_MAX * sizeof *leaves);
	size_t n = read_leaves(path, leaves);
	struct merkle_tree *t = merkle_new(leaves, n);
	merkle_root(t, o->targets_root);
	merkle_destroy(&t);
	o->target_count = (uint32_t)n;
	for (size_t w = 0; w < o->n_waves; w++) {
		o->waves[w].target_count = 0;
		for (size_t i = 0; i < n; i++)
			o->waves[w].target_count += leaves[i].wave == w;
	}
}

static void set_release(struct order *o, const char *path)
{
	struct release r = read_release(path);
	memcpy(o->release_digest, r.digest, DIGEST_SIZE);
	o->release_version = r.version;
	o->release_sequence = r.sequence;
}

static void edit_order(struct order *o, const char *w)
{
	const char *v;
	if ((v = thief_value(w, "id")))
		o->id = v;
	else if ((v = thief_value(w, "environment")))
		o->environment = v;
	else if ((v = thief_value(w, "release-of")))
		set_release(o, v);
	else if ((v = thief_value(w, "not-before")))
		o->not_before_us = strtoll(v, NULL, 10);
	else if ((v = thief_value(w, "not-after")))
		o->not_after_us = strtoll(v, NULL, 10);
	else if ((v = thief_value(w, "created")))
		o->created_at_us = strtoll(v, NULL, 10);
	else if ((v = thief_value(w, "target-count")))
		o->target_count = (uint32_t)strtoul(v, NULL, 10);
	else if ((v = thief_value(w, "root")))
		set_root(o, v);
	else if ((v = thief_value(w, "direction")) && direction_parse(v, &o->direction))
		;
	else if ((v = thief_value(w, "critical")))
		o->critical = arena_alloc(a, sizeof *o->critical), o->critical[0] = v, o->n_critical = 1;
	else
		thief_die(w, NULL);
}

static void forge_order(int argc, char **argv)
{
	AUTO(buf_done) struct buf out = BUF_INIT;
	struct order o = thief_order(a, argv[0]);
	for (int i = 1; i < argc; i++)
		edit_order(&o, argv[i]);
	order_encode(&o, &out);
	thief_write(buf_bytes(&out));
}

static void forge_approval(int argc, char **argv)
{
	AUTO(buf_done) struct buf out = BUF_INIT;
	struct order o = thief_order(a, argv[0]);
	const char *v;
	struct approval p = {.environment = o.environment,
	                     .approver = "forger",
	                     .reason = "none",
	                     .target_count = o.target_count,
	                     .created_at_us = clock_wall_us(),
	                     .expires_at_us = clock_wall_us() + (int64_t)3600 * 1000000};
	memcpy(p.order_digest, o.digest, DIGEST_SIZE);
	memcpy(p.release_digest, o.release_digest, DIGEST_SIZE);
	for (int i = 1; i < argc; i++)
		if ((v = thief_value(argv[i], "approver")))
			p.approver = v;
		else if ((v = thief_value(argv[i], "environment")))
			p.environment = v;
		else if ((v = thief_value(argv[i], "target-count")))
			p.target_count = (uint32_t)strtoul(v, NULL, 10);
		else if ((v = thief_value(argv[i], "created")))
			p.created_at_us = strtoll(v, NULL, 10);
		else if ((v = thief_value(argv[i], "expires")))
			p.expires_at_us = strtoll(v, NULL, 10);
		else if ((v = thief_value(argv[i], "release-of")))
			memcpy(p.release_digest, read_release(v).digest, DIGEST_SIZE);
		else if ((v = thief_value(argv[i], "break-glass")))
			*(p.break_glass = arena_alloc(a, sizeof v)) = v, p.n_break_glass = 1;
		else
			thief_die(argv[i], NULL);
	approval_encode(&p, &out);
	thief_write(buf_bytes(&out));
}

static void forge_dossier(int argc, char **argv)
{
	AUTO(buf_done) struct buf out = BUF_INIT;
	struct dossier d = {.order = thief_read(a, argv[0]), .approvals = arena_alloc(a, (size_t)argc * sizeof *d.approvals)};
	for (int i = 1; i < argc; i++)
		d.approvals[d.n_approvals++] = thief_read(a, argv[i]);
	dossier_encode(&d, &out);
	thief_write(buf_bytes(&out));
}

static void forge_proof(int argc, char **argv)
{
	AUTO(buf_done) struct buf out = BUF_INIT;
	struct merkle_leaf *leaves = arena_alloc(a, LEAVES_MAX * sizeof *leaves);
	size_t n = read_leaves(argv[0], leaves);
	struct merkle_proof proof = {0};
	uint32_t index = 0; /* a target that is not in the list gets the first one's proof */
	for (uint32_t i = 0; i < n; i++)
		if (str_eq(leaves[i].target, argv[1]))
			index = i;
	struct merkle_tree *t = merkle_new(leaves, n);
	merkle_prove(t, index, &proof);
	merkle_destroy(&t);
	for (int i = 2; i < argc; i++) {
		const char *v;
		if ((v = thief_value(argv[i], "wave")))
			proof.wave = (uint32_t)strtoul(v, NULL, 10);
		else if ((v = thief_value(argv[i], "index")))
			proof.index = (uint32_t)strtoul(v, NULL, 10);
	}
	merkle_proof_encode(&proof, &out);
	thief_write(buf_bytes(&out));
}

/* As the controller makes it: the order's digest, the target, the direction. */
static void forge_task(int argc, char **argv)
{
	(void)argc;
	uint8_t order[DIGEST_SIZE], full[DIGEST_SIZE];
	char hex[TASK_SIZE * 2 + 1];
	digest_sha256(thief_read(a, argv[0]), order);
	struct digest *d = digest_new();
	digest_add(d, order, DIGEST_SIZE);
	digest_add(d, argv[1], strlen(argv[1]));
	digest_add(d, argv[2], strlen(argv[2]));
	digest_final(&d, full);
	printf("%s\n", bytes_to_hex(bytes_of(full, TASK_SIZE), hex));
}

/* ---- releases ---- */

/* Of the last changeset: the ones before it may be applied already. */
static struct step *last_step(struct release *r)
{
	for (size_t i = r->n_changesets; i-- > 0;)
		if (r->changesets[i].n_bodies && r->changesets[i].bodies[0].n_steps)
			return &r->changesets[i].bodies[0].steps[0];
	thief_die("the release has no step", NULL);
}

static void edit_release(struct release *r, const char *w)
{
	const char *v;
	if ((v = thief_value(w, "version")))
		r->version = v;
	else if ((v = thief_value(w, "sequence")))
		r->sequence = strtoull(v, NULL, 10);
	else if ((v = thief_value(w, "created")))
		r->created_at_us = strtoll(v, NULL, 10);
	else if ((v = thief_value(w, "expires")))
		r->expires_at_us = strtoll(v, NULL, 10);
	else if ((v = thief_value(w, "min-agent")))
		r->min_agent_version = v;
	else if ((v = thief_value(w, "critical")))
		r->critical = arena_alloc(a, sizeof *r->critical), r->critical[0] = v, r->n_critical = 1;
	else if ((v = thief_value(w, "sql")))
		last_step(r)->statements[0].sql = bytes_of_str(v);
	else if (str_eq(w, "drop-last") && r->n_changesets)
		r->n_changesets--;
	else if (!(v = thief_value(w, "class")) || !step_class_parse(v, &last_step(r)->class))
		thief_die(w, NULL);
}

/* Digests are made anew, so that nothing but what was changed is wrong; keep-digests leaves them. */
static void forge_release(int argc, char **argv)
{
	AUTO(buf_done) struct buf out = BUF_INIT;
	struct release r = read_release(argv[0]);
	bool keep = false;
	for (int i = 1; i < argc; i++)
		if (str_eq(argv[i], "keep-digests"))
			keep = true;
		else
			edit_release(&r, argv[i]);
	for (size_t i = 0; !keep && i < r.n_changesets; i++) {
		struct changeset *c = &r.changesets[i];
		for (size_t k = 0; k < c->n_bodies; k++)
			for (size_t s = 0; s < c->bodies[k].n_steps; s++)
				digest_step(&c->bodies[k].steps[s], c->bodies[k].steps[s].digest);
		digest_changeset(c, c->digest);
	}
	release_encode(&r, &out);
	thief_write(buf_bytes(&out));
}

/* ---- trust and freshness ---- */

static void forge_fresh(int argc, char **argv)
{
	AUTO(buf_done) struct buf out = BUF_INIT;
	struct envelope env = read_envelope(argv[0]);
	struct freshness f;
	struct err e = ERR_INIT;
	if (freshness_decode(env.payload, a, &f, &e) != 0)
		thief_die(argv[0], &e);
	for (int i = 1; i < argc; i++) {
		const char *v;
		if ((v = thief_value(argv[i], "version")))
			f.version = strtoull(v, NULL, 10);
		else if ((v = thief_value(argv[i], "trust-version")))
			f.trust_version = strtoull(v, NULL, 10);
		else if ((v = thief_value(argv[i], "issued")))
			f.issued_at_us = strtoll(v, NULL, 10);
		else if ((v = thief_value(argv[i], "expires")))
			f.expires_at_us = strtoll(v, NULL, 10);
		else if (str_eq(argv[i], "nothing-revoked"))
			f.n_revoked_keys = f.n_revoked_agents = f.n_withdrawn = f.n_floors = 0;
		else
			thief_die(argv[i], NULL);
	}
	freshness_encode(&f, &out);
	thief_write(buf_bytes(&out));
}

static void forge_trust(int argc, char **argv)
{
	AUTO(buf_done) struct buf out = BUF_INIT;
	struct envelope env = read_envelope(argv[0]);
	struct trust t;
	struct err e = ERR_INIT;
	if (trust_decode(env.payload, a, &t, &e) != 0)
		thief_die(argv[0], &e);
	for (int i = 1; i < argc; i++) {
		const char *v;
		if ((v = thief_value(argv[i], "version")))
			t.version = strtoull(v, NULL, 10);
		else if ((v = thief_value(argv[i], "created")))
			t.created_at_us = strtoll(v, NULL, 10);
		else if ((v = thief_value(argv[i], "expires")))
			t.expires_at_us = strtoll(v, NULL, 10);
		else
			thief_die(argv[i], NULL);
	}
	trust_encode(&t, &out);
	thief_write(buf_bytes(&out));
}

/* ---- reports ---- */

static void forge_report(int argc, char **argv)
{
	AUTO(buf_done) struct buf out = BUF_INIT;
	struct envelope env = read_envelope(argv[0]);
	struct report r;
	struct err e = ERR_INIT;
	if (report_decode(env.payload, a, &r, &e) != 0)
		thief_die(argv[0], &e);
	for (int i = 1; i < argc; i++) {
		const char *v;
		if ((v = thief_value(argv[i], "agent")))
			r.agent = v;
		else if ((v = thief_value(argv[i], "target")))
			r.target = v;
		else if ((v = thief_value(argv[i], "seq")))
			r.report_seq = strtoull(v, NULL, 10);
		else if ((v = thief_value(argv[i], "after")))
			digest_sha256(thief_read(a, v), r.prev_report_hash);
		else if (!(v = thief_value(argv[i], "outcome")) || !outcome_parse(v, &r.outcome))
			thief_die(argv[i], NULL);
	}
	report_encode(&r, &out);
	thief_write(buf_bytes(&out));
}

static void forge_shown(int argc, char **argv)
{
	(void)argc;
	struct store *s = NULL;
	struct err e = ERR_INIT;
	const struct store_event ev = {
	    .at_us = clock_wall_us(), .actor = "agent eu-1", .rollout = argv[1], .object = argv[2], .event = argv[3], .from = "applying", .to = argv[3]};
	if (store_open(argv[0], &s, &e) != 0 || store_begin(s, &e) != 0 || store_event_put(s, &ev, &e) != 0 || store_commit(s, &e) != 0)
		thief_die(argv[0], &e);
	store_close(&s);
}

static const struct {
	const char *name;
	int least;
	void (*run)(int argc, char **argv);
} verbs[] = {{"unwrap", 1, unwrap},
             {"wrap", 2, wrap},
             {"add-signatures", 2, add_signatures},
             {"respell", 1, respell},
             {"flip", 2, flip},
             {"order", 1, forge_order},
             {"approval", 1, forge_approval},
             {"dossier", 1, forge_dossier},
             {"proof", 2, forge_proof},
             {"task", 3, forge_task},
             {"release", 1, forge_release},
             {"fresh", 1, forge_fresh},
             {"trust", 1, forge_trust},
             {"report", 1, forge_report},
             {"shown", 4, forge_shown}};

int main(int argc, char **argv)
{
	a = arena_new(LIMIT_ARENA_DOCUMENT);
	for (size_t i = 0; argc > 1 && i < ARRAY_LEN(verbs); i++)
		if (str_eq(argv[1], verbs[i].name) && argc - 2 >= verbs[i].least) {
			verbs[i].run(argc - 2, argv + 2);
			arena_destroy(&a);
			return 0;
		}
	thief_die("verb and arguments as its head says", NULL);
}
