/* Releases: taken only when their signatures meet the trust document's threshold, each sequence number once. */
#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/crypto/blobs.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "controller/operate/operate.h"

#define RELEASE_COLUMNS "version,project,#sequence,#changesets,signed-by,added,+digest"

static void release_row(struct request *q, const struct store_release *r)
{
	char at[CLOCK_TEXT_SIZE], hex[DIGEST_HEX_SIZE];
	reply_row(q, "%s\t%s\t%" PRIu64 "\t%" PRIu32 "\t%s\t%s\t%s", r->version, r->project, r->sequence, r->changesets, r->signed_by,
	          clock_text(r->added_at_us, at), bytes_to_hex(bytes_of(r->digest, DIGEST_SIZE), hex));
}

int operate_release_list(struct request *q, struct err *e)
{
	struct store_release *list = NULL;
	size_t n = 0;
	if (store_releases(q->b->store, q->a, &list, &n, e) < 0)
		return -1;
	reply_columns(q, RELEASE_COLUMNS);
	for (size_t i = 0; i < n; i++)
		release_row(q, &list[i]);
	reply_count(q, n, "release");
	return 0;
}

/* A version, or the manifest's digest in hex (8 digits at least). */
static bool is_named(const struct store_release *r, const char *name)
{
	char hex[DIGEST_HEX_SIZE];
	bytes_to_hex(bytes_of(r->digest, DIGEST_SIZE), hex);
	return str_eq(r->version, name) || (strlen(name) >= 8 && str_starts(hex, name));
}

int request_release(struct request *q, struct store_release *ret, struct err *e)
{
	struct store_release *list = NULL;
	const char *name = NULL;
	const struct store_release *found = NULL;
	size_t n = 0;
	if (request_need(q, "release", &name, e) < 0 || store_releases(q->b->store, q->a, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!is_named(&list[i], name))
			continue;
		if (found)
			return err_set(e, ERR_USAGE, "release %s is there in projects %s and %s: give the digest (`rollcall release list -o wide`)", name,
			               found->project, list[i].project);
		found = &list[i];
	}
	if (!found)
		return err_set(e, ERR_NOT_FOUND, "release %s is not at the controller: `rollcall release push` it first", name);
	*ret = *found;
	return 0;
}

/* A sequence number or version that was used for other content is never used again: agents could be made to take one for the other. */
static int check_reuse(struct request *q, const struct release *r, struct err *e)
{
	struct store_release *list = NULL;
	size_t n = 0;
	if (store_releases(q->b->store, q->a, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct store_release *o = &list[i];
		if (!str_eq(o->project, r->project) || memcmp(o->digest, r->digest, DIGEST_SIZE) == 0)
			continue;
		if (o->sequence == r->sequence)
			return err_set(e, ERR_EXISTS,
			               "sequence %" PRIu64 " of %s is release %s already, with other content: build the release again with a higher sequence",
			               r->sequence, r->project, o->version);
		if (str_eq(o->version, r->version))
			return err_set(e, ERR_EXISTS, "release %s of %s is here already, with other content: give the new one a version of its own", r->version,
			               r->project);
	}
	return 0;
}

static const char *signers_of(struct request *q, const struct envelope *env)
{
	const struct trust_key *keys[ENVELOPE_SIGNATURES_MAX];
	size_t n = trust_count_signers(&q->b->trusted.valid, ROLE_RELEASE, env, TYPE_RELEASE, keys, ARRAY_LEN(keys));
	struct buf b = BUF_INIT;
	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "%s%s", i ? "," : "", keys[i]->owner);
	const char *text = arena_strdup(q->a, buf_str(&b));
	buf_done(&b);
	return text;
}

static int open_envelope(struct request *q, const uint8_t hash[DIGEST_SIZE], struct arena *a, struct envelope *ret, uint64_t *ret_size, struct err *e)
{
	AUTO(buf_done) struct buf data = BUF_INIT;
	if (blobs_get(q->b->config->blob_dir, hash, LIMIT_ENVELOPE, &data, e) < 0)
		return -1;
	*ret_size = data.n;
	return envelope_decode(arena_bytes(a, buf_bytes(&data)), a, ret, e);
}

int operate_release_add(struct request *q, struct err *e)
{
	const char *hex = NULL;
	AUTO(arena_destroy) struct arena *a = arena_new(RELEASE_ARENA);
	struct store_release rec = {.added_by = q->actor, .added_at_us = q->b->now_us};
	struct envelope env;
	struct release r;
	if (request_need(q, "hash", &hex, e) < 0 || bytes_from_hex(hex, rec.envelope_hash, DIGEST_SIZE, e) < 0)
		return -1;
	if (open_envelope(q, rec.envelope_hash, a, &env, &rec.envelope_size, e) < 0 ||
	    trust_check_role(&q->b->trusted.valid, ROLE_RELEASE, &env, TYPE_RELEASE, e) < 0 || release_decode(env.payload, a, &r, e) < 0)
		return -1;
	if (r.expires_at_us <= q->b->now_us)
		return err_set(e, ERR_POLICY, "release %s has expired: build and sign it again", r.version);
	if (r.n_pipeline == 0)
		return err_set(e, ERR_POLICY, "release %s names no pipeline, so it could go nowhere: build it in a project with a pipeline", r.version);
	if (check_reuse(q, &r, e) < 0)
		return -1;
	memcpy(rec.digest, r.digest, DIGEST_SIZE);
	rec.project = arena_strdup(q->a, r.project);
	rec.version = arena_strdup(q->a, r.version);
	rec.sequence = r.sequence;
	rec.changesets = (uint32_t)r.n_changesets;
	rec.signed_by = signers_of(q, &env);
	if (store_release_put(q->b->store, &rec, e) < 0 ||
	    brain_log_evidence(q->b, q->actor, NULL, arena_printf(q->a, "release %s", rec.version), "add", rec.signed_by,
	                       (struct brain_evidence){rec.project, rec.envelope_hash}, e) < 0)
		return -1;
	reply_columns(q, RELEASE_COLUMNS);
	release_row(q, &rec);
	reply_end(q, EXIT_DONE, "release %s of %s is at the controller: `rollcall rollout preview` or `rollcall rollout start` it", rec.version,
	          rec.project);
	return 0;
}
