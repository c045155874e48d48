/* A delivery's checks, in the order of the table at the end: cheap ones first, signatures over raw bytes before those bytes are decoded, nothing that asks a
 * database. The first that fails ends it. */
#include "agent/verify/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/verify/delivery.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/crypto/fresh.h"
#include "common/crypto/merkle.h"
#include "common/crypto/trust.h"
#include "common/model/version.h"
#include "common/sql/dialect.h"

/* Features of documents that this version knows and honours. */
static const char *const known_features[] = {FEATURE_RELEASE_TRANSACTION, FEATURE_SCHEMA_EXPECTED, FEATURE_REFUSE_DRIFT, NULL};

static const char *unknown_feature(const char *const *critical, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool known = false;
		for (size_t k = 0; known_features[k]; k++)
			known = known || str_eq(critical[i], known_features[k]);
		if (!known)
			return critical[i];
	}
	return NULL;
}

/* ---- C1, C3, C4, C5 ------------------------------------------------------------------------------------------------------------------------------ */

static int check_epoch(struct delivery *d, struct err *e)
{
	if (d->f->epoch >= d->f->max_epoch)
		return 0;
	return err_set(e, ERR_POLICY,
	               "the offer is of epoch %" PRIu32 ", and this agent has seen epoch %" PRIu32 ": a controller that was replaced sent it",
	               d->f->epoch, d->f->max_epoch);
}

static int check_trust(struct delivery *d, struct err *e)
{
	const struct trust *t = d->f->trust;
	const struct freshness *f = d->f->freshness;
	char at[CLOCK_TEXT_SIZE];
	d->now_us = d->f->now_us > d->f->attested_us ? d->f->now_us : d->f->attested_us;
	if (!d->f->release_checked && trust_check_shape(t, e) != 0)
		return -1;
	if (d->now_us >= t->expires_at_us)
		return err_set(e, ERR_SIGNATURE, "the trust document (fleet %s, version %" PRIu64 ") expired at %s", t->fleet, t->version,
		               clock_text(t->expires_at_us, at));
	if (f && f->trust_version > t->version)
		return err_set(e, ERR_POLICY, "there is a trust document version %" PRIu64 ", and only version %" PRIu64 " has come here", f->trust_version,
		               t->version);
	return 0;
}

static int check_freshness(struct delivery *d, struct err *e)
{
	d->valid = trust_without_revoked(d->f->trust, d->f->freshness, d->a);
	return d->f->begun ? 0 : freshness_check_current(d->f->trust, d->f->freshness, d->f->fresh_max_age_us, d->now_us, e);
}

/* Whatever was signed was signed in the past: a clock that is behind it would keep expired documents alive. */
static int check_attested(struct delivery *d, struct err *e)
{
	char now[CLOCK_TEXT_SIZE], seen[CLOCK_TEXT_SIZE];
	if (d->f->now_us >= d->f->attested_us - CLOCK_SKEW_US)
		return 0;
	return err_set(e, ERR_POLICY, "this machine's clock says %s, and a document signed at %s has come here before: the clock was set back",
	               clock_text(d->f->now_us, now), clock_text(d->f->attested_us, seen));
}

/* ---- C6, C7, C5, C18: the release ---------------------------------------------------------------------------------------------------------------- */

static int check_release_signatures(struct delivery *d, struct err *e)
{
	if (envelope_decode(d->f->release_envelope, d->a, &d->release_envelope, e) != 0)
		return err_wrap(e, "release");
	if (d->f->release_checked)
		return 0;
	return trust_check_role(&d->valid, ROLE_RELEASE, &d->release_envelope, TYPE_RELEASE, e);
}

static int check_release(struct delivery *d, struct err *e)
{
	struct release *r = &d->v.release;
	char at[CLOCK_TEXT_SIZE];
	if (release_decode(d->release_envelope.payload, d->a, r, e) != 0)
		return -1;
	const char *feature = unknown_feature(r->critical, r->n_critical);
	if (feature)
		return err_set(e, ERR_POLICY, "release %s %s needs the feature '%s', which this agent does not know", r->project, r->version, feature);
	if (r->min_agent_version && version_against(d->f->agent_version, r->min_agent_version) < 0)
		return err_set(e, ERR_POLICY, "release %s %s needs agent version %s, and this is %s", r->project, r->version, r->min_agent_version,
		               d->f->agent_version);
	if (d->now_us >= r->expires_at_us)
		return err_set(e, ERR_POLICY, "release %s %s expired at %s", r->project, r->version, clock_text(r->expires_at_us, at));
	/* What it has done may still be taken back. */
	if (d->f->direction == DIRECTION_APPLY && freshness_revokes_release(d->f->freshness, r))
		return err_set(e, ERR_POLICY, "release %s %s was withdrawn: freshness document version %" PRIu64 " says so", r->project, r->version,
		               d->f->freshness->version);
	return 0;
}

/* Signed times only ever lie in the past of an honest clock: one that runs behind them would keep expired documents alive. */
static int check_not_before(struct delivery *d, const char *what, int64_t made_us, struct err *e)
{
	char now[CLOCK_TEXT_SIZE], made[CLOCK_TEXT_SIZE];
	if (made_us > d->v.signed_us)
		d->v.signed_us = made_us;
	if (d->f->now_us >= made_us - CLOCK_SKEW_US)
		return 0;
	return err_set(e, ERR_POLICY, "this machine's clock says %s, and the %s was made at %s", clock_text(d->f->now_us, now), what,
	               clock_text(made_us, made));
}

static int check_clock(struct delivery *d, struct err *e)
{
	if (check_not_before(d, "trust document", d->f->trust->created_at_us, e) != 0)
		return -1;
	return check_not_before(d, "release", d->v.release.created_at_us, e);
}

static int check_steps(const struct changeset *c, const struct step *steps, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t digest[DIGEST_SIZE];
		digest_step(&steps[i], digest);
		if (memcmp(digest, steps[i].digest, DIGEST_SIZE) != 0)
			return err_set(e, ERR_SIGNATURE, "changeset %s: the digest of step %zu is not that of its statements", c->id, i + 1);
	}
	return 0;
}

static int check_content(struct delivery *d, struct err *e)
{
	for (size_t i = 0; !d->f->release_checked && i < d->v.release.n_changesets; i++) {
		const struct changeset *c = &d->v.release.changesets[i];
		uint8_t digest[DIGEST_SIZE];
		for (size_t k = 0; k < c->n_bodies; k++)
			if (check_steps(c, c->bodies[k].steps, c->bodies[k].n_steps, e) != 0 ||
			    check_steps(c, c->bodies[k].rollback, c->bodies[k].n_rollback, e) != 0)
				return -1;
		digest_changeset(c, digest);
		if (memcmp(digest, c->digest, DIGEST_SIZE) != 0)
			return err_set(e, ERR_SIGNATURE, "changeset %s: its digest is not that of its content", c->id);
	}
	return 0;
}

/* ---- C9, C11, C10: the order --------------------------------------------------------------------------------------------------------------------- */

static int check_approvals(struct delivery *d, struct err *e)
{
	if (dossier_decode(d->f->dossier, d->a, &d->dossier, e) != 0)
		return -1;
	digest_sha256(d->dossier.order, d->order_digest);
	return approvals_collect(d, e);
}

static int check_order_readable(struct delivery *d, struct err *e)
{
	struct order *o = &d->v.order;
	if (order_decode(d->dossier.order, d->a, o, e) != 0)
		return -1;
	const char *feature = unknown_feature(o->critical, o->n_critical);
	if (feature)
		return err_set(e, ERR_POLICY, "order %s needs the feature '%s', which this agent does not know", o->id, feature);
	return 0;
}

static bool is_in_pipeline(const struct release *r, const char *environment)
{
	for (size_t i = 0; i < r->n_pipeline; i++)
		if (str_eq(r->pipeline[i], environment))
			return true;
	return r->n_pipeline == 0;
}

static int check_order_release(struct delivery *d, struct err *e)
{
	const struct order *o = &d->v.order;
	const struct release *r = &d->v.release;
	if (memcmp(o->release_digest, r->digest, DIGEST_SIZE) != 0 || !str_eq(o->project, r->project) || !str_eq(o->release_version, r->version) ||
	    o->release_sequence != r->sequence)
		return err_set(e, ERR_POLICY, "order %s is for release %s %s, and what came is release %s %s of another content or sequence", o->id,
		               o->project, o->release_version, r->project, r->version);
	if (!is_in_pipeline(r, o->environment))
		return err_set(e, ERR_POLICY, "order %s is for environment %s, which the release's pipeline does not name", o->id, o->environment);
	return check_not_before(d, "order", o->created_at_us, e);
}

static int check_order_window(struct delivery *d, struct err *e)
{
	const struct order *o = &d->v.order;
	char at[CLOCK_TEXT_SIZE];
	if (d->now_us < o->not_before_us)
		return err_set(e, ERR_POLICY, "order %s holds only from %s", o->id, clock_text(o->not_before_us, at));
	if (d->now_us >= o->not_after_us)
		return err_set(e, ERR_POLICY, "order %s ended at %s", o->id, clock_text(o->not_after_us, at));
	return 0;
}

static int check_target(struct delivery *d, struct err *e)
{
	const struct order *o = &d->v.order;
	if (!str_eq(o->environment, d->f->environment))
		return err_set(e, ERR_POLICY, "order %s is for environment %s, and target %s is of environment %s", o->id, o->environment, d->f->target,
		               d->f->environment);
	if (d->f->proof.wave >= o->n_waves)
		return err_set(e, ERR_POLICY, "the proof for target %s names wave %" PRIu32 ", and order %s has %zu", d->f->target, d->f->proof.wave + 1,
		               o->id, o->n_waves);
	if (!merkle_verify(&d->f->proof, d->f->target, o->targets_root, o->target_count))
		return err_set(e, ERR_POLICY, "target %s is not in the frozen list of order %s", d->f->target, o->id);
	return 0;
}

static int check_direction(struct delivery *d, struct err *e)
{
	const struct order *o = &d->v.order;
	d->v.direction = d->f->direction;
	if (d->f->direction == o->direction)
		return 0;
	if (d->f->direction == DIRECTION_ROLLBACK && order_allows_rollback(o, d->f->proof.wave))
		return 0;
	return err_set(e, ERR_POLICY, "the offer says %s, and order %s allows only %s for wave %s", direction_name(d->f->direction), o->id,
	               direction_name(o->direction), o->waves[d->f->proof.wave].name);
}

/* ---- C14 ----------------------------------------------------------------------------------------------------------------------------------------- */

static bool engine_matches(const char *word, const char *engine)
{
	enum dialect named;
	return str_ieq(word, "all") || (dialect_parse(word, &named) && str_eq(dialect_name(named), engine));
}

bool dbms_allows(const char *dbms, const char *engine)
{
	bool any_positive = false, matched = false;
	for (const char *p = dbms ? dbms : ""; *p;) {
		p += strspn(p, ", \t\r\n");
		size_t n = strcspn(p, ", \t\r\n");
		if (n == 0)
			break;
		char word[64];
		bool negated = *p == '!';
		snprintf(word, sizeof word, "%.*s", (int)(n - negated), p + negated);
		if (negated && engine_matches(word, engine))
			return false;
		any_positive = any_positive || !negated;
		matched = matched || (!negated && engine_matches(word, engine));
		p += n;
	}
	return matched || !any_positive;
}

static int check_engine(struct delivery *d, struct err *e)
{
	const struct release *r = &d->v.release;
	bool listed = false;
	for (size_t i = 0; i < r->n_engines; i++)
		listed = listed || str_eq(r->engines[i].engine, d->f->engine);
	if (!listed)
		return err_set(e, ERR_POLICY, "release %s %s is not made for engine %s, which target %s is of", r->project, r->version, d->f->engine,
		               d->f->target);
	for (size_t i = 0; i < r->n_changesets; i++) {
		const struct changeset *c = &r->changesets[i];
		if (!changeset_body(c, d->f->engine) && dbms_allows(c->dbms, d->f->engine))
			return err_set(e, ERR_POLICY, "changeset %s has no SQL for engine %s, and its dbms attribute does not leave that out", c->id,
			               d->f->engine);
	}
	return 0;
}

/* ---- in order ------------------------------------------------------------------------------------------------------------------------------------ */

static const struct {
	enum check_code code;
	int (*run)(struct delivery *d, struct err *e);
} sequence[] = {
    {C1_MESSAGE, check_epoch},
    {C3_TRUST, check_trust},
    {C4_FRESHNESS, check_freshness},
    {C5_CLOCK, check_attested},
    {C6_RELEASE_SIGNATURES, check_release_signatures},
    {C7_RELEASE, check_release},
    {C5_CLOCK, check_clock},
    {C18_CONTENT, check_content},
    {C9_APPROVALS, check_approvals},
    {C11_ORDER, check_order_readable},
    {C9_APPROVALS, approvals_check_counts},
    {C11_ORDER, check_order_release},
    {C11_ORDER, check_order_window},
    {C10_TARGET, check_target},
    {C11_ORDER, check_direction},
    {C12_WAVE_GATE, gate_check},
    {C14_ENGINE, check_engine},
};

static void delivery_done(struct delivery *d)
{
	buf_done(&d->not_counted);
}

enum check_code verify_delivery(const struct verify_facts *f, struct arena *a, struct verified *ret, struct err *e)
{
	AUTO(delivery_done) struct delivery d = {.f = f, .a = a};
	struct err local = ERR_INIT;
	for (size_t i = 0; i < ARRAY_LEN(sequence); i++)
		if (sequence[i].run(&d, e ? e : &local) != 0)
			return check_refuse(sequence[i].code, e);
	*ret = d.v;
	return CHECK_NONE;
}
