/* See the header. */
#include "agent/verify/trusted.h"

#include <inttypes.h>

#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/crypto/fresh.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"

#define ATTESTED "attested_us"

static int read_trust(struct bytes envelope, struct arena *a, struct trust *ret, struct err *e)
{
	struct envelope env;
	if (envelope_decode(envelope, a, &env, e) != 0)
		return -1;
	return trust_decode(env.payload, a, ret, e);
}

static int load_trust(struct journal *j, struct bytes pinned, struct arena *a, struct digest *d, struct trust *ret, struct err *e)
{
	struct bytes kept = {0};
	struct trust newer;
	if (read_trust(pinned, a, ret, e) != 0 || journal_document(j, JOURNAL_TRUST, a, &kept, e) != 0)
		return -1;
	digest_add_sized(d, pinned);
	digest_add_sized(d, kept);
	if (kept.n == 0)
		return 0;
	if (read_trust(kept, a, &newer, e) != 0)
		return err_wrap(e, "the journal's trust document");
	if (!str_eq(newer.fleet, ret->fleet))
		return err_set(e, ERR_POLICY,
		               "the trust document is of fleet %s, and this agent's journal of fleet %s: an agent that moves to another fleet begins with an "
		               "empty data_dir",
		               ret->fleet, newer.fleet);
	if (newer.version > ret->version)
		*ret = newer;
	return 0;
}

static int load_fresh(struct journal *j, struct arena *a, struct digest *d, struct trusted *ret, struct err *e)
{
	struct bytes kept = {0};
	if (journal_document(j, JOURNAL_FRESH, a, &kept, e) != 0)
		return -1;
	digest_add_sized(d, kept);
	if (kept.n == 0)
		return 0;
	struct freshness *f = arena_alloc(a, sizeof *f);
	if (envelope_decode(kept, a, &ret->fresh_envelope, e) != 0 || freshness_decode(ret->fresh_envelope.payload, a, f, e) != 0)
		return err_wrap(e, "the journal's freshness document");
	ret->fresh = f;
	return 0;
}

int trusted_load(struct journal *j, struct bytes pinned, struct arena *a, struct trusted *ret, struct err *e)
{
	struct trusted t = {0};
	uint64_t attested = 0;
	struct digest *d = digest_new();
	int rc = load_trust(j, pinned, a, d, &t.doc, e) != 0 || load_fresh(j, a, d, &t, e) != 0 ? -1 : journal_number(j, ATTESTED, &attested, e);
	digest_final(&d, t.digest);
	if (rc != 0)
		return -1;
	t.attested_us = (int64_t)attested;
	t.valid = trust_without_revoked(&t.doc, t.fresh, a);
	*ret = t;
	return 0;
}

int trusted_pin(struct journal *j, struct bytes pinned, const struct trust *doc, const char *file, int64_t now_us, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(TRUSTED_ARENA);
	struct trusted t;
	struct bytes kept = {0};
	uint64_t seen = 0;
	if (journal_document(j, JOURNAL_TRUST, a, &kept, e) != 0 || journal_number(j, "trust_version", &seen, e) != 0 ||
	    trusted_load(j, pinned, a, &t, e) != 0)
		return -1;
	if (doc->version < seen)
		return err_set(e, ERR_POLICY,
		               "%s: trust document version %" PRIu64 ", but this agent has used version %" PRIu64 ": put the newer one in place", file,
		               doc->version, seen);
	if (kept.n && doc->version == seen)
		return 0;
	struct journal_belief b = {.trust = pinned,
	                           .drops_fresh = t.fresh && freshness_is_over(doc, &t.fresh_envelope),
	                           .trust_version = doc->version,
	                           .attested_us = trust_attests_us(doc, now_us)};
	return journal_believe(j, &b, e);
}

/* ---- taking ------------------------------------------------------------------------------------------------------------------------------------------ */

static int take_trust(struct journal *j, const struct trusted *t, const struct envelope *env, struct bytes bytes, struct arena *a, int64_t now_us,
                      bool *ret_new, struct err *e)
{
	struct trust next;
	if (trust_decode(env->payload, a, &next, e) != 0)
		return -1;
	if (next.version <= t->doc.version)
		return 0;
	if (trust_check_next(&t->doc, &next, env, false, now_us, e) != 0)
		return -1;
	struct journal_belief b = {.trust = bytes, .trust_version = next.version, .attested_us = trust_attests_us(&next, now_us)};
	b.drops_fresh = t->fresh && freshness_is_over(&next, &t->fresh_envelope);
	*ret_new = true;
	return journal_believe(j, &b, e);
}

static int take_fresh(struct journal *j, const struct trusted *t, const struct envelope *env, struct bytes bytes, struct arena *a, int64_t now_us,
                      bool *ret_new, struct err *e)
{
	struct freshness next;
	if (trust_check_role(&t->doc, ROLE_FRESH, env, TYPE_FRESHNESS, e) != 0 || freshness_decode(env->payload, a, &next, e) != 0 ||
	    freshness_check(&t->doc, &next, now_us, e) != 0)
		return -1;
	if (t->fresh && next.version <= t->fresh->version)
		return 0;
	if (freshness_check_next(&t->doc, t->fresh, &next, e) != 0)
		return -1;
	struct journal_belief b = {.fresh = bytes, .attested_us = next.issued_at_us};
	*ret_new = true;
	return journal_believe(j, &b, e);
}

enum check_code trusted_take(struct journal *j, struct bytes pinned, struct bytes envelope, int64_t now_us, bool *ret_new, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(TRUSTED_ARENA);
	struct trusted t;
	struct envelope env;
	char word[TRUST_WORD_SIZE];
	bool is_new = false;
	if (trusted_load(j, pinned, a, &t, e) != 0 || envelope_decode(envelope, a, &env, e) != 0)
		return C3_TRUST;
	bool is_trust = str_eq(env.type, TYPE_TRUST), is_fresh = str_eq(env.type, TYPE_FRESHNESS);
	if (!is_trust && !is_fresh) {
		err_set(e, ERR_USAGE, "this is a %s: give a trust document or a freshness document", trust_type_word(env.type, word));
		return C3_TRUST;
	}
	if ((is_trust ? take_trust : take_fresh)(j, &t, &env, envelope, a, now_us, &is_new, e) != 0)
		return is_trust ? C3_TRUST : C4_FRESHNESS;
	*ret_new = is_new;
	return CHECK_NONE;
}

int trusted_attest(struct journal *j, int64_t signed_us, struct err *e)
{
	uint64_t known = 0;
	if (journal_number(j, ATTESTED, &known, e) != 0)
		return -1;
	return signed_us > 0 && (uint64_t)signed_us > known ? journal_raise(j, ATTESTED, (uint64_t)signed_us, e) : 0;
}
