/* See the header. Failures abort: a fixture that cannot be built is a broken test. */
#include "tests/support/trust_fixture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/crypto/digest.h"
#include "common/crypto/dsse.h"
#include "common/wire/documents.h"

static const char *const owners[FIXTURE_PEOPLE] = {"root-1", "root-2", "root-3", "alice", "bob", "ci", "carol", "dave", "erin", "mallory"};

static void must(int rc, const struct err *e)
{
	if (rc == 0)
		return;
	fprintf(stderr, "trust fixture: %s\n", e->msg);
	abort();
}

static const char **lines(struct trust_fixture *f, size_t n, ...)
{
	const char **to = arena_alloc(f->arena, n * sizeof *to);
	va_list ap;
	va_start(ap, n);
	for (size_t i = 0; i < n; i++)
		to[i] = va_arg(ap, const char *);
	va_end(ap);
	return to;
}

/* ---- trust --------------------------------------------------------------------------------------------------------------------------------------- */

struct trust_role *trust_fixture_role(struct trust_fixture *f, const char *name)
{
	for (size_t i = 0; i < f->trust.n_roles; i++)
		if (strcmp(f->trust.roles[i].name, name) == 0)
			return &f->trust.roles[i];
	fprintf(stderr, "trust fixture: no role %s\n", name);
	abort();
}

void trust_fixture_set_role(struct trust_fixture *f, const char *name, uint32_t threshold, const enum fixture_person *who, size_t n)
{
	bool known = false;
	for (size_t i = 0; i < f->trust.n_roles; i++)
		known = known || strcmp(f->trust.roles[i].name, name) == 0;
	if (!known) {
		f->trust.roles =
		    arena_regrow(f->arena, f->trust.roles, sizeof *f->trust.roles * f->trust.n_roles, sizeof *f->trust.roles * (f->trust.n_roles + 1));
		f->trust.roles[f->trust.n_roles++].name = name;
	}
	struct trust_role *r = trust_fixture_role(f, name);
	r->threshold = threshold;
	r->n_key_ids = n;
	r->key_ids = arena_alloc(f->arena, n * sizeof *r->key_ids);
	for (size_t i = 0; i < n; i++)
		r->key_ids[i] = f->key_ids[who[i]];
}

static void make_keys(struct trust_fixture *f)
{
	struct err e = ERR_INIT;
	f->trust.keys = arena_alloc(f->arena, FIXTURE_PEOPLE * sizeof *f->trust.keys);
	for (size_t i = 0; i < FIXTURE_PEOPLE; i++) {
		struct trust_key *k = &f->trust.keys[i];
		char id[KEY_ID_SIZE];
		must(sign_key_generate(&f->keys[i], &e), &e);
		sign_key_public(f->keys[i], k->public_key);
		sign_key_id(k->public_key, id);
		k->id = f->key_ids[i] = arena_strdup(f->arena, id);
		k->owner = owners[i];
	}
	f->trust.n_keys = FIXTURE_PEOPLE - 1; /* mallory is unknown */
}

static void make_trust(struct trust_fixture *f)
{
	static const char *const roles[] = {ROLE_ROOT, ROLE_RELEASE, "approver/production", "approver/dev", ROLE_ENROL};
	make_keys(f);
	f->trust.fleet = "test";
	f->trust.version = 1;
	f->trust.created_at_us = f->now_us - FIXTURE_HOUR;
	f->trust.expires_at_us = f->now_us + 24 * FIXTURE_HOUR;
	f->trust.n_roles = ARRAY_LEN(roles);
	f->trust.roles = arena_alloc(f->arena, sizeof *f->trust.roles * ARRAY_LEN(roles));
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		f->trust.roles[i].name = roles[i];
	trust_fixture_set_role(f, ROLE_ROOT, 2, (const enum fixture_person[]){ROOT_1, ROOT_2, ROOT_3}, 3);
	trust_fixture_set_role(f, ROLE_RELEASE, 2, (const enum fixture_person[]){ALICE, BOB, CI}, 3);
	trust_fixture_set_role(f, "approver/production", 2, (const enum fixture_person[]){CAROL, DAVE, ALICE}, 3);
	trust_fixture_set_role(f, ROLE_ENROL, 1, (const enum fixture_person[]){ERIN}, 1);
	f->trust_signers[0] = ROOT_1;
	f->trust_signers[1] = ROOT_2;
	f->n_trust_signers = 2;
}

/* ---- release ------------------------------------------------------------------------------------------------------------------------------------- */

struct step trust_fixture_step(struct trust_fixture *f, enum step_class class, ...)
{
	struct step s = {.class = class};
	size_t cap = 0;
	va_list ap;
	va_start(ap, class);
	for (const char *sql; (sql = va_arg(ap, const char *)) != NULL;) {
		arena_vec_grow(f->arena, s.statements, s.n_statements, cap);
		s.statements[s.n_statements++] = (struct statement){.sql = bytes_of_str(sql), .line = (uint32_t)s.n_statements + 3};
	}
	va_end(ap);
	return s;
}

static struct step *one_step(struct trust_fixture *f, enum step_class class, const char *sql)
{
	struct step *s = arena_alloc(f->arena, sizeof *s);
	*s = trust_fixture_step(f, class, sql, NULL);
	return s;
}

static struct changeset make_changeset(struct trust_fixture *f, const char *name, const char *forward, const char *back)
{
	static const struct {
		const char *engine;
		enum step_class class;
	} engines[] = {{"postgresql", STEP_T}, {"mariadb", STEP_N}, {"sqlite", STEP_T}};
	struct changeset c = {.id = arena_printf(f->arena, "alice:%s", name), .author = "alice", .name = name, .file = "changes/orders.sql", .line = 2};
	c.n_bodies = ARRAY_LEN(engines);
	c.bodies = arena_alloc(f->arena, sizeof *c.bodies * ARRAY_LEN(engines));
	for (size_t i = 0; i < ARRAY_LEN(engines); i++)
		c.bodies[i] = (struct body){.engine = engines[i].engine,
		                            .steps = one_step(f, engines[i].class, forward),
		                            .n_steps = 1,
		                            .rollback = one_step(f, engines[i].class, back),
		                            .n_rollback = 1,
		                            .has_rollback = true};
	return c;
}

static void make_release(struct trust_fixture *f)
{
	struct release *r = &f->release;
	*r = (struct release){.project = "shop", .version = "1.2.0", .sequence = 7, .author = "alice", .splitter_version = 1};
	r->created_at_us = f->now_us - FIXTURE_HOUR;
	r->expires_at_us = f->now_us + 24 * FIXTURE_HOUR;
	r->n_engines = 3;
	r->engines = arena_alloc(f->arena, 3 * sizeof *r->engines);
	r->engines[0].engine = "postgresql";
	r->engines[1].engine = "mariadb";
	r->engines[2].engine = "sqlite";
	r->provenance.commit = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
	r->n_pipeline = 2;
	r->pipeline = lines(f, 2, "dev", "production");
	r->n_changesets = 2;
	r->changesets = arena_alloc(f->arena, 2 * sizeof *r->changesets);
	r->changesets[0] = make_changeset(f, "orders-create", "CREATE TABLE orders (id integer PRIMARY KEY)", "DROP TABLE orders");
	r->changesets[1] = make_changeset(f, "orders-add-note", "ALTER TABLE orders ADD COLUMN note text", "ALTER TABLE orders DROP COLUMN note");
	struct validation *v = arena_alloc(f->arena, sizeof *v);
	*v = (struct validation){.name = "rows-kept", .when = VALIDATE_AFTER, .mode = VALIDATE_EQUALS, .expected = "0", .line = 6};
	v->sql = bytes_of_str("SELECT count(*) FROM orders WHERE note IS NOT NULL");
	r->changesets[1].validations = v;
	r->changesets[1].n_validations = 1;
	f->release_signers[0] = ALICE;
	f->release_signers[1] = BOB;
	f->n_release_signers = 2;
}

static void digest_steps(struct step *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		digest_step(&s[i], s[i].digest);
}

static void digest_release(struct release *r)
{
	for (size_t i = 0; i < r->n_changesets; i++) {
		struct changeset *c = &r->changesets[i];
		for (size_t k = 0; k < c->n_bodies; k++) {
			digest_steps(c->bodies[k].steps, c->bodies[k].n_steps);
			digest_steps(c->bodies[k].rollback, c->bodies[k].n_rollback);
		}
		digest_changeset(c, c->digest);
		digest_changeset_normal(c, c->normal_digest);
	}
}

/* ---- order --------------------------------------------------------------------------------------------------------------------------------------- */

static void make_order(struct trust_fixture *f)
{
	struct order *o = &f->order;
	*o = (struct order){.id = "00112233445566778899aabbccddeeff", .environment = "production", .plan = "standard", .target_count = FIXTURE_TARGETS};
	o->created_at_us = o->not_before_us = f->now_us - FIXTURE_HOUR;
	o->not_after_us = f->now_us + 24 * FIXTURE_HOUR;
	o->n_waves = 2;
	o->waves = arena_alloc(f->arena, 2 * sizeof *o->waves);
	o->waves[0] = (struct wave){.name = "canary", .target_count = 1, .max_parallel = 1};
	o->waves[1] =
	    (struct wave){.name = "rest", .target_count = FIXTURE_TARGETS - 1, .max_parallel = 2, .max_failures = {.value = 10, .percent = true}};
	for (uint32_t i = 0; i < FIXTURE_TARGETS; i++) {
		f->targets[i] = (struct merkle_leaf){.wave = i > 0, .target = arena_printf(f->arena, "eu/pg-1/shop_%u", (unsigned)i + 1)};
		memset(f->targets[i].salt, (int)i + 1, TARGET_SALT_SIZE);
	}
	f->target_index = 2;
	f->approvals[0].by = CAROL;
	f->approvals[1].by = DAVE;
	f->n_approvals = 2;
}

static void link_order(struct trust_fixture *f)
{
	struct merkle_tree *t = merkle_new(f->targets, FIXTURE_TARGETS);
	if (!f->keep_order_links) {
		f->order.project = f->release.project;
		f->order.release_version = f->release.version;
		f->order.release_sequence = f->release.sequence;
		memcpy(f->order.release_digest, f->release.digest, DIGEST_SIZE);
		merkle_root(t, f->order.targets_root);
	}
	merkle_prove(t, f->target_index, &f->proof);
	merkle_destroy(&t);
}

/* ---- signing ------------------------------------------------------------------------------------------------------------------------------------- */

static struct bytes keep(struct trust_fixture *f, struct buf *b)
{
	struct bytes kept = arena_bytes(f->arena, buf_bytes(b));
	buf_done(b);
	return kept;
}

static struct bytes seal(struct trust_fixture *f, struct envelope *env, const char *type, struct bytes payload, const enum fixture_person *who,
                         size_t n)
{
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	*env = (struct envelope){.type = type, .payload = payload};
	for (size_t i = 0; i < n; i++)
		must(dsse_sign(env, f->keys[who[i]], f->arena, &e), &e);
	envelope_encode(env, &b);
	return keep(f, &b);
}

struct bytes trust_fixture_sign(struct trust_fixture *f, const char *type, struct bytes payload, enum fixture_person by)
{
	struct envelope env;
	return seal(f, &env, type, payload, &by, 1);
}

struct bytes trust_fixture_fresh(struct trust_fixture *f, const struct freshness *from, enum fixture_person by)
{
	struct freshness d = *from;
	struct buf b = BUF_INIT;
	d.fleet = d.fleet ? d.fleet : f->trust.fleet;
	d.trust_version = d.trust_version ? d.trust_version : f->trust.version;
	d.issued_at_us = d.issued_at_us ? d.issued_at_us : f->now_us;
	d.expires_at_us = d.expires_at_us ? d.expires_at_us : d.issued_at_us + FIXTURE_HOUR;
	freshness_encode(&d, &b);
	return trust_fixture_sign(f, TYPE_FRESHNESS, keep(f, &b), by);
}

struct bytes trust_fixture_revocation(struct trust_fixture *f, enum revocation_kind kind, const char *subject, enum fixture_person by)
{
	const struct revocation r = {.fleet = f->trust.fleet,
	                             .kind = kind,
	                             .subject = subject,
	                             .sequence = kind == REVOKE_OLDER_RELEASES ? f->release.sequence + 1 : 0,
	                             .reason = "stolen",
	                             .created_at_us = f->now_us};
	struct buf b = BUF_INIT;
	revocation_encode(&r, &b);
	return trust_fixture_sign(f, TYPE_REVOCATION, keep(f, &b), by);
}

static struct bytes make_approval(struct trust_fixture *f, const struct fixture_approval *from)
{
	struct buf b = BUF_INIT;
	struct approval p = {.environment = f->order.environment,
	                     .approver = owners[from->by],
	                     .reason = "looks right",
	                     .target_count = f->order.target_count,
	                     .created_at_us = f->now_us - FIXTURE_HOUR,
	                     .expires_at_us = f->now_us + 24 * FIXTURE_HOUR};
	memcpy(p.order_digest, f->order.digest, DIGEST_SIZE);
	memcpy(p.release_digest, f->order.release_digest, DIGEST_SIZE);
	if (from->edit)
		from->edit(&p);
	approval_encode(&p, &b);
	return trust_fixture_sign(f, TYPE_APPROVAL, keep(f, &b), from->by);
}

static struct bytes make_gate_pass(struct trust_fixture *f, const struct fixture_gate_pass *from)
{
	struct buf b = BUF_INIT;
	struct gate_pass p = {.wave = 0,
	                      .wave_name = f->order.waves[0].name,
	                      .target_count = f->order.waves[0].target_count,
	                      .done = f->order.waves[0].target_count,
	                      .signer = owners[from->by],
	                      .soak_until_us = f->now_us - FIXTURE_HOUR,
	                      .created_at_us = f->now_us - FIXTURE_HOUR / 2,
	                      .expires_at_us = f->now_us + 24 * FIXTURE_HOUR};
	memcpy(p.order_digest, f->order.digest, DIGEST_SIZE);
	memcpy(p.release_digest, f->order.release_digest, DIGEST_SIZE);
	if (from->edit)
		from->edit(&p);
	gate_pass_encode(&p, &b);
	return trust_fixture_sign(f, TYPE_GATE_PASS, keep(f, &b), from->by);
}

static void build_dossier(struct trust_fixture *f)
{
	struct buf b = BUF_INIT;
	struct bytes approvals[FIXTURE_SIGNERS], passes[FIXTURE_SIGNERS];
	for (size_t i = 0; i < f->n_gate_passes; i++)
		passes[i] = make_gate_pass(f, &f->gate_passes[i]);
	for (size_t i = 0; i < f->n_approvals; i++)
		approvals[i] = make_approval(f, &f->approvals[i]);
	const struct dossier d = {
	    .order = f->order_bytes, .approvals = approvals, .n_approvals = f->n_approvals, .gate_passes = passes, .n_gate_passes = f->n_gate_passes};
	dossier_encode(&d, &b);
	f->dossier_bytes = keep(f, &b);
}

void trust_fixture_build(struct trust_fixture *f)
{
	struct buf b = BUF_INIT;
	trust_encode(&f->trust, &b);
	f->trust_bytes = seal(f, &f->trust_envelope, TYPE_TRUST, keep(f, &b), f->trust_signers, f->n_trust_signers);

	if (!f->keep_digests)
		digest_release(&f->release);
	b = BUF_INIT;
	release_encode(&f->release, &b);
	digest_sha256(buf_bytes(&b), f->release.digest);
	f->release_bytes = seal(f, &f->release_envelope, TYPE_RELEASE, keep(f, &b), f->release_signers, f->n_release_signers);

	link_order(f);
	b = BUF_INIT;
	order_encode(&f->order, &b);
	digest_sha256(buf_bytes(&b), f->order.digest);
	f->order_bytes = keep(f, &b);
	build_dossier(f);
}

void trust_fixture_init(struct trust_fixture *f)
{
	*f = (struct trust_fixture){.arena = arena_new((size_t)64 * 1024 * 1024), .now_us = INT64_C(1800000000) * 1000000};
	make_trust(f);
	make_release(f);
	make_order(f);
}

void trust_fixture_done(struct trust_fixture *f)
{
	for (size_t i = 0; i < FIXTURE_PEOPLE; i++)
		sign_key_destroy(&f->keys[i]);
	arena_destroy(&f->arena);
}
