/* See the header. */
#include "agent/daemon/updates.h"

#include <string.h>

#include "agent/verify/trusted.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/crypto/blobs.h"
#include "common/wire/limits.h"

struct updates {
	const struct agent_config *config;
	struct journal *journal;
	const char *blob_dir;
	struct uplink *uplink;
	struct fetch *fetch;
	void (*settled)(void *arg);
	void *arg;
	struct document_ref *refs; /* in the order in which they are taken: trust documents by version, then the freshness document */
	size_t n, cap;
};

struct updates *updates_new(const struct agent_config *c, struct journal *j, const char *blob_dir, void (*settled)(void *arg), void *arg)
{
	struct updates *u = mem_alloc(sizeof *u);
	*u = (struct updates){.config = c, .journal = j, .blob_dir = blob_dir, .settled = settled, .arg = arg};
	return u;
}

void updates_connect(struct updates *u, struct uplink *up, struct fetch *f)
{
	u->uplink = up;
	u->fetch = f;
}

void updates_destroy(struct updates **u)
{
	if (*u)
		free((*u)->refs);
	mem_free_ptr(u);
}

bool updates_pending(const struct updates *u)
{
	return u->n > 0;
}

static void drop_first(struct updates *u)
{
	blobs_remove(u->blob_dir, u->refs[0].hash);
	memmove(&u->refs[0], &u->refs[1], --u->n * sizeof *u->refs);
}

static enum check_code take(struct updates *u, const struct document_ref *r, struct err *e)
{
	AUTO(buf_done) struct buf data = BUF_INIT;
	bool is_new = false;
	if (blobs_get(u->blob_dir, r->hash, LIMIT_DOCUMENT, &data, e) != 0)
		return C18_CONTENT;
	enum check_code c = trusted_take(u->journal, u->config->trust_pin, buf_bytes(&data), clock_wall_us(), &is_new, e);
	if (is_new)
		log_debug("trust: document version %llu was checked and taken", (unsigned long long)r->version);
	return c;
}

/* Somebody tries to have this site believe what it must not: its people should see it even when nobody reads the log. */
static void refuse(struct updates *u, enum check_code check, const char *why)
{
	struct err e = ERR_INIT;
	log_error("trust: %s: %s", check_title(check), why);
	if (journal_refuse(u->journal, check, NULL, why, &e) != 0)
		log_error("journal: %s", e.msg);
}

static void take_first(struct updates *u)
{
	struct err e = ERR_INIT;
	enum check_code refusing = take(u, &u->refs[0], &e);
	if (refusing) {
		err_wrap(&e, "document version %llu that the controller sent is not taken", (unsigned long long)u->refs[0].version);
		refuse(u, refusing, e.msg);
	}
	drop_first(u);
}

static void tell_version(struct updates *u)
{
	uint64_t version = 0;
	struct err e = ERR_INIT;
	if (journal_number(u->journal, "trust_version", &version, &e) == 0)
		uplink_trust_version(u->uplink, version);
}

static void take_what_is_here(struct updates *u)
{
	while (u->n && blobs_has(u->blob_dir, u->refs[0].hash, NULL))
		take_first(u);
	if (u->n)
		return;
	tell_version(u);
	u->settled(u->arg);
}

static bool is_named(const struct updates *u, const uint8_t hash[DIGEST_SIZE])
{
	for (size_t i = 0; i < u->n; i++)
		if (memcmp(u->refs[i].hash, hash, DIGEST_SIZE) == 0)
			return true;
	return false;
}

static void want(struct updates *u, const struct document_ref *r, uint64_t known)
{
	if (r->size == 0 || r->version <= known || is_named(u, r->hash))
		return;
	vec_grow(u->refs, u->n, u->cap);
	u->refs[u->n++] = *r;
	if (!blobs_has(u->blob_dir, r->hash, NULL))
		fetch_want(u->fetch, r->hash, r->size);
}

void updates_named(struct updates *u, const struct msg_trust_update *m)
{
	AUTO(arena_destroy) struct arena *a = arena_new(TRUSTED_ARENA);
	struct trusted t;
	struct err e = ERR_INIT;
	if (trusted_load(u->journal, u->config->trust_pin, a, &t, &e) != 0) {
		log_error("trust: %s: what the controller names is not fetched", e.msg);
		return;
	}
	for (size_t i = 0; i < m->n_trust; i++)
		want(u, &m->trust[i], t.doc.version);
	/* With other fresh keys the count of versions begins anew, so behind a trust document to come any version may be the next. */
	want(u, &m->fresh, t.fresh && u->n == 0 ? t.fresh->version : 0);
	if (u->n)
		take_what_is_here(u);
}

void updates_blob(struct updates *u, const uint8_t hash[DIGEST_SIZE], bool ok)
{
	if (!is_named(u, hash))
		return;
	for (size_t i = 0; !ok && i < u->n; i++) {
		if (memcmp(u->refs[i].hash, hash, DIGEST_SIZE) != 0)
			continue;
		log_error("trust: document version %llu could not be fetched: asked for again when the controller names it again",
		          (unsigned long long)u->refs[i].version);
		memmove(&u->refs[i], &u->refs[i + 1], (--u->n - i) * sizeof *u->refs);
		break;
	}
	take_what_is_here(u);
}
