/* What the controller believes and hands on: the chain of trust documents, the newest freshness document, people's revocations. All of it is signed by others, but for the
 * freshness document when this controller holds a fresh key; the sites check everything again. */
#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/crypto/blobs.h"
#include "common/crypto/fresh.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "controller/daemon/brain_impl.h"

#define KIND_TRUST      "trust"
#define KIND_FRESH      "fresh"
#define KIND_REVOCATION "revocation"
#define TRUST_ARENA     (LIMIT_DOCUMENT * 16)
#define FRESH_RETRY_US  (60 * INT64_C(1000000))

/* ---- the trust document in use ----------------------------------------------------------------------------------------------------------------------- */

static int keep_blob(const struct brain *b, uint64_t version, struct bytes envelope, struct document_ref *ret, struct err *e)
{
	*ret = (struct document_ref){.version = version, .size = envelope.n};
	return blobs_put(b->config->blob_dir, envelope, ret->hash, e);
}

/* Who counts depends on both documents. */
static void find_valid(struct brain *b)
{
	struct brain_trust *t = &b->trusted;
	arena_destroy(&t->valid_arena);
	t->valid_arena = arena_new(TRUST_ARENA);
	t->valid = trust_without_revoked(&t->doc, t->fresh, t->valid_arena);
	runs_touch(b); /* whose signatures open a wave's gate depends on it */
}

static int use_trust(struct brain *b, struct bytes envelope, struct err *e)
{
	struct brain_trust *t = &b->trusted;
	struct arena *a = arena_new(TRUST_ARENA);
	struct envelope env;
	struct trust doc;
	struct bytes bytes = arena_bytes(a, envelope);
	if (envelope_decode(bytes, a, &env, e) < 0 || trust_decode(env.payload, a, &doc, e) < 0) {
		arena_destroy(&a);
		return err_wrap(e, "trust document of the store");
	}
	arena_destroy(&t->arena);
	t->arena = a;
	t->doc = doc;
	t->envelope = bytes;
	return 0;
}

/* Every version since the first is kept: an agent that was away for long takes them one by one. */
static int load_trust(struct brain *b, struct arena *a, struct err *e)
{
	const struct controller_config *c = b->config;
	struct store_document *list = NULL;
	struct document_ref ref;
	size_t n = 0;
	if (store_documents(b->store, KIND_TRUST, 0, a, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (keep_blob(b, list[i].version, list[i].envelope, &ref, e) < 0)
			return -1;
	uint64_t newest = n ? list[n - 1].version : 0;
	if (c->trust.version <= newest)
		return use_trust(b, list[n - 1].envelope, e);
	if (n && c->trust.version > newest + 1)
		log_warn("trust document version %" PRIu64 " follows version %" PRIu64
		         " here: agents that lack the versions between can only be given them by hand "
		         "(rollcall-agent trust install)",
		         c->trust.version, newest);
	if (store_document_put(b->store, KIND_TRUST, c->trust.version, c->trust_envelope, b->now_us, e) < 0 ||
	    keep_blob(b, c->trust.version, c->trust_envelope, &ref, e) < 0)
		return -1;
	return use_trust(b, c->trust_envelope, e);
}

int trusted_first_step(const struct brain *b, uint64_t *ret, struct err *e)
{
	struct store_document *list = NULL;
	size_t n = 0;
	uint64_t from = b->trusted.doc.version;
	if (store_documents(b->store, KIND_TRUST, 0, b->turn, &list, &n, e) < 0)
		return -1;
	for (size_t i = n; i-- > 0 && list[i].version + 1 >= from;)
		from = list[i].version;
	*ret = from;
	return 0;
}

/* ---- the freshness document in use ------------------------------------------------------------------------------------------------------------------- */

static int use_fresh(struct brain *b, struct bytes envelope, struct err *e)
{
	struct brain_trust *t = &b->trusted;
	struct arena *a = arena_new(TRUST_ARENA);
	struct freshness *f = arena_alloc(a, sizeof *f);
	struct envelope env;
	struct document_ref ref;
	if (envelope_decode(arena_bytes(a, envelope), a, &env, e) < 0 || freshness_decode(env.payload, a, f, e) < 0 ||
	    keep_blob(b, f->version, envelope, &ref, e) < 0) {
		arena_destroy(&a);
		return err_wrap(e, "freshness document");
	}
	if (t->fresh_before.size)
		blobs_remove(b->config->blob_dir, t->fresh_before.hash);
	t->fresh_before = t->fresh_ref; /* an agent may just be fetching it */
	t->fresh_ref = ref;
	arena_destroy(&t->fresh_arena);
	t->fresh_arena = a;
	t->fresh = f;
	t->fresh_envelope = env;
	find_valid(b);
	return 0;
}

static void drop_fresh(struct brain *b)
{
	struct brain_trust *t = &b->trusted;
	if (t->fresh)
		blobs_remove(b->config->blob_dir, t->fresh_ref.hash);
	arena_destroy(&t->fresh_arena);
	t->fresh = NULL;
	t->fresh_ref = (struct document_ref){0};
	find_valid(b);
}

static int load_fresh(struct brain *b, struct arena *a, struct err *e)
{
	struct store_document *list = NULL;
	size_t n = 0;
	if (store_documents(b->store, KIND_FRESH, 0, a, &list, &n, e) < 0)
		return -1;
	if (n == 0)
		return 0;
	return use_fresh(b, list[n - 1].envelope, e);
}

static int keep_fresh(struct brain *b, uint64_t version, struct bytes envelope, struct err *e)
{
	if (store_document_put(b->store, KIND_FRESH, version, envelope, b->now_us, e) < 0 || store_documents_drop(b->store, KIND_FRESH, version, e) < 0 ||
	    use_fresh(b, envelope, e) < 0)
		return -1;
	b->trusted.changed = true;
	return 0;
}

/* ---- making freshness documents ---------------------------------------------------------------------------------------------------------------------- */

bool trusted_may_make(const struct brain *b, const struct trust *t)
{
	uint8_t public_key[SIGN_PUBLIC_SIZE];
	const struct trust_role *r = trust_role(t, ROLE_FRESH);
	if (!b->config->fresh_key || !r || r->threshold != 1)
		return false;
	sign_key_public(b->config->fresh_key, public_key);
	for (size_t i = 0; i < r->n_key_ids; i++) {
		const struct trust_key *k = trust_key(t, r->key_ids[i]);
		if (k && memcmp(k->public_key, public_key, SIGN_PUBLIC_SIZE) == 0)
			return true;
	}
	return false;
}

/* Versions are the seconds of their making: a store that was set back does not make the same ones again. */
static uint64_t next_version(const struct brain *b)
{
	uint64_t now_s = (uint64_t)(b->now_us / 1000000), last = b->trusted.fresh ? b->trusted.fresh->version : 0;
	return now_s > last ? now_s : last + 1;
}

int trusted_add_revocations(struct brain *b, struct freshness *f, struct err *e)
{
	struct store_document *list = NULL;
	size_t n = 0;
	if (store_documents(b->store, KIND_REVOCATION, 0, b->turn, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct envelope env;
		struct revocation r;
		if (envelope_decode(list[i].envelope, b->turn, &env, e) < 0 || revocation_decode(env.payload, b->turn, &r, e) < 0)
			return err_wrap(e, "revocation %" PRIu64 " of the store", list[i].version);
		(void)freshness_add(f, &r, b->turn);
	}
	for (size_t i = 0; i < b->n_agents; i++) {
		const struct revocation r = {.kind = REVOKE_AGENT, .subject = b->agents[i]->rec.serial};
		if (b->agents[i]->rec.revoked_at_us)
			(void)freshness_add(f, &r, b->turn);
	}
	return 0;
}

static int make_fresh(struct brain *b, struct err *e)
{
	struct brain_trust *t = &b->trusted;
	AUTO(buf_done) struct buf payload = BUF_INIT;
	AUTO(buf_done) struct buf out = BUF_INIT;
	struct freshness f = {0};
	if (t->fresh)
		f = *t->fresh; /* what was revoked by hand stays revoked */
	f.fleet = t->doc.fleet;
	f.version = next_version(b);
	f.trust_version = t->doc.version;
	f.issued_at_us = b->now_us;
	f.expires_at_us = b->now_us + b->config->fresh_lifetime_us;
	if (trusted_add_revocations(b, &f, e) < 0)
		return -1;
	freshness_encode(&f, &payload);
	struct envelope env = {.type = TYPE_FRESHNESS, .payload = buf_bytes(&payload)};
	if (dsse_sign(&env, b->config->fresh_key, b->turn, e) < 0)
		return -1;
	envelope_encode(&env, &out);
	t->fresh_due_us = b->now_us + b->config->fresh_interval_us;
	return keep_fresh(b, f.version, buf_bytes(&out), e);
}

/* ---- what is pushed ---------------------------------------------------------------------------------------------------------------------------------- */

/* Nobody is shut out unawares. */
static int check_lockout(struct brain *b, const struct trust *next, bool over, const struct pusher *by, struct err *e)
{
	AUTO(buf_done) struct buf says = BUF_INIT;
	if (trusted_check_lockout(b, next, over, &says, e) < 0)
		return -1;
	if (says.n == 0)
		return 0;
	if (!by->forced)
		return err_set(e, ERR_POLICY, "trust document version %" PRIu64 " is not taken: %s. Nothing was stored; to take it all the same: --force",
		               next->version, buf_str(&says));
	log_warn("trust document version %" PRIu64 " is forced in: %s", next->version, buf_str(&says));
	return brain_log(b, by->actor, NULL, "trust", "push-forced", arena_strdup(b->turn, buf_str(&says)), e);
}

static int push_trust(struct brain *b, const struct envelope *env, struct bytes envelope, const struct pusher *by, struct err *e)
{
	struct brain_trust *t = &b->trusted;
	struct trust next;
	struct document_ref ref;
	if (trust_decode(env->payload, b->turn, &next, e) < 0)
		return -1;
	if (next.version <= t->doc.version)
		return err_set(e, ERR_EXISTS, "trust document version %" PRIu64 " is not newer than version %" PRIu64 ", which is in use", next.version,
		               t->doc.version);
	if (trust_check_next(&t->doc, &next, env, true, b->now_us, e) < 0)
		return -1;
	bool over = t->fresh && freshness_is_over(&next, &t->fresh_envelope);
	if (check_lockout(b, &next, over, by, e) < 0)
		return -1;
	if (store_document_put(b->store, KIND_TRUST, next.version, envelope, b->now_us, e) < 0 || keep_blob(b, next.version, envelope, &ref, e) < 0 ||
	    use_trust(b, envelope, e) < 0)
		return -1;
	if (over) { /* as each agent does: what the old fresh keys signed, a version of 2^63 perhaps, is over */
		if (store_documents_drop(b->store, KIND_FRESH, INT64_MAX, e) < 0)
			return -1;
		drop_fresh(b);
	}
	find_valid(b);
	t->changed = true;
	t->fresh_due_us = 0;
	log_info("trust document version %" PRIu64 " is in use", next.version);
	return brain_log(b, by->actor, NULL, "trust", "push", arena_printf(b->turn, "version %" PRIu64, next.version), e);
}

static int push_fresh(struct brain *b, const struct envelope *env, struct bytes envelope, const struct pusher *by, struct err *e)
{
	struct freshness f;
	const struct trust *t = &b->trusted.doc;
	if (trust_check_role(t, ROLE_FRESH, env, TYPE_FRESHNESS, e) < 0 || freshness_decode(env->payload, b->turn, &f, e) < 0 ||
	    freshness_check(t, &f, b->now_us, e) < 0 || freshness_check_next(t, b->trusted.fresh, &f, e) < 0)
		return -1;
	if (b->now_us >= f.expires_at_us)
		return err_set(e, ERR_POLICY, "freshness document: it has expired: make a new one");
	if (keep_fresh(b, f.version, envelope, e) < 0)
		return -1;
	return brain_log(b, by->actor, NULL, "trust", "fresh", arena_printf(b->turn, "version %" PRIu64, f.version), e);
}

static int push_revocation(struct brain *b, const struct envelope *env, struct bytes envelope, const struct pusher *by, struct err *e)
{
	struct store_document *list = NULL;
	size_t n = 0;
	struct revocation r;
	if (revocation_decode(env->payload, b->turn, &r, e) < 0 || revocation_check(&b->trusted.doc, &b->trusted.valid, env, &r, e) < 0)
		return -1;
	if (!trusted_may_make(b, &b->trusted.doc))
		return err_set(
		    e, ERR_STATE,
		    "this controller holds no key of role fresh (fresh_key in controller.yaml), so it cannot tell the sites: put the revocation into a "
		    "freshness document with `rollcall trust fresh` and push that");
	if (store_documents(b->store, KIND_REVOCATION, 0, b->turn, &list, &n, e) < 0)
		return -1;
	if (n >= LIMIT_REVOCATIONS)
		return err_set(e, ERR_LIMIT, "%zu revocations are kept here, and that is the most: sign a new trust document without the old keys", n);
	if (store_document_put(b->store, KIND_REVOCATION, n ? list[n - 1].version + 1 : 1, envelope, b->now_us, e) < 0 || make_fresh(b, e) < 0)
		return -1;
	log_warn("revoked: %s %s%s%s", revocation_kind_name(r.kind), r.subject, r.reason ? ": " : "", r.reason ? r.reason : "");
	return brain_log(b, by->actor, NULL, arena_printf(b->turn, "%s %s", revocation_kind_name(r.kind), r.subject), "revoke", r.reason, e);
}

int trusted_push(struct brain *b, struct bytes envelope, const struct pusher *by, struct err *e)
{
	static const struct {
		const char *type;
		int (*push)(struct brain *b, const struct envelope *env, struct bytes envelope, const struct pusher *by, struct err *e);
	} kinds[] = {{TYPE_TRUST, push_trust}, {TYPE_FRESHNESS, push_fresh}, {TYPE_REVOCATION, push_revocation}};
	struct envelope env;
	char word[TRUST_WORD_SIZE];
	if (envelope_decode(envelope, b->turn, &env, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_eq(env.type, kinds[i].type))
			return kinds[i].push(b, &env, envelope, by, e);
	return err_set(e, ERR_USAGE, "this is a %s: push a trust document, a freshness document or a revocation", trust_type_word(env.type, word));
}

/* ---- telling the agents ------------------------------------------------------------------------------------------------------------------------------ */

int trusted_tell(struct brain *b, struct brain_agent *g, struct err *e)
{
	struct store_document *list = NULL;
	struct msg m = {.type = MSG_TRUST_UPDATE, .trust_update = {.fresh = b->trusted.fresh_ref}};
	size_t n = 0;
	if (g->trust_version < b->trusted.doc.version && store_documents(b->store, KIND_TRUST, g->trust_version + 1, b->turn, &list, &n, e) < 0)
		return -1;
	m.trust_update.n_trust = n < LIMIT_TRUST_STEPS ? n : LIMIT_TRUST_STEPS;
	m.trust_update.trust = arena_alloc(b->turn, (m.trust_update.n_trust + 1) * sizeof *m.trust_update.trust);
	for (size_t i = 0; i < m.trust_update.n_trust; i++)
		if (keep_blob(b, list[i].version, list[i].envelope, &m.trust_update.trust[i], e) < 0)
			return -1;
	if (m.trust_update.n_trust || m.trust_update.fresh.size)
		brain_queue(b, g->session, &m);
	return 0;
}

int trusted_end_turn(struct brain *b, struct err *e)
{
	struct brain_trust *t = &b->trusted;
	if (t->fresh_due_us <= b->now_us) {
		t->fresh_due_us = b->config->fresh_key ? b->now_us + FRESH_RETRY_US : INT64_MAX;
		if (trusted_may_make(b, &b->trusted.doc)) {
			if (make_fresh(b, e) < 0)
				return -1;
		} else if (b->config->fresh_key && trust_role(&t->doc, ROLE_FRESH)) {
			log_warn("fresh_key is no key of role fresh in trust document version %" PRIu64
			         ", or that role wants more than one signature: no freshness "
			         "document is made here",
			         t->doc.version);
		}
	}
	for (size_t i = 0; t->changed && i < b->n_agents; i++)
		if (b->agents[i]->session && trusted_tell(b, b->agents[i], e) < 0)
			return -1;
	t->changed = false;
	return 0;
}

int64_t trusted_wake_at(const struct brain *b)
{
	return b->trusted.fresh_due_us;
}

/* ---- start and end ----------------------------------------------------------------------------------------------------------------------------------- */

int trusted_load(struct brain *b, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(RELEASE_ARENA);
	char at[CLOCK_TEXT_SIZE];
	if (store_begin(b->store, e) < 0)
		return -1;
	if (load_trust(b, a, e) < 0 || load_fresh(b, a, e) < 0) {
		store_rollback(b->store);
		return -1;
	}
	find_valid(b);
	if (b->now_us >= b->trusted.doc.expires_at_us)
		log_error("trust document version %" PRIu64 " expired at %s: the sites refuse everything until its successor is pushed (rollcall trust push)",
		          b->trusted.doc.version, clock_text(b->trusted.doc.expires_at_us, at));
	return store_commit(b->store, e);
}

void trusted_free(struct brain *b)
{
	arena_destroy(&b->trusted.valid_arena);
	arena_destroy(&b->trusted.fresh_arena);
	arena_destroy(&b->trusted.arena);
}
