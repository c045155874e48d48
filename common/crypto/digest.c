/* SHA-256 through EVP, and what each digest of ours runs over. Lengths go in before the parts, so that two different documents never feed the same octets. */
#include "common/crypto/digest.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/crypto/openssl.h"

struct digest {
	EVP_MD_CTX *ctx;
};

/* SHA-256 over memory fails only when libcrypto itself is broken: nothing can be trusted after that. */
static void must(int ok)
{
	if (ok != 1)
		abort();
}

/* Fetched once: EVP_sha256() looks it up again for each digest, under a lock. */
static const EVP_MD *sha256(void)
{
	static _Atomic(EVP_MD *) fetched;
	EVP_MD *md = atomic_load(&fetched), *none = NULL;
	if (md)
		return md;
	md = EVP_MD_fetch(NULL, "SHA256", NULL);
	must(md != NULL);
	if (atomic_compare_exchange_strong(&fetched, &none, md))
		return md; /* for the process's life */
	EVP_MD_free(md);
	return none;
}

void digest_sha256(struct bytes data, uint8_t out[DIGEST_SIZE])
{
	must(EVP_Digest(data.p ? (const void *)data.p : "", data.n, out, NULL, sha256(), NULL));
}

struct digest *digest_new(void)
{
	struct digest *d = mem_alloc(sizeof *d);
	d->ctx = EVP_MD_CTX_new();
	must(d->ctx != NULL);
	must(EVP_DigestInit_ex(d->ctx, sha256(), NULL));
	return d;
}

void digest_add(struct digest *d, const void *p, size_t n)
{
	if (n)
		must(EVP_DigestUpdate(d->ctx, p, n));
}

static void add_u64(struct digest *d, uint64_t v)
{
	uint8_t o[8];
	for (int i = 0; i < 8; i++)
		o[i] = (uint8_t)(v >> (8 * i));
	digest_add(d, o, sizeof o);
}

void digest_add_sized(struct digest *d, struct bytes b)
{
	add_u64(d, b.n);
	digest_add(d, b.p, b.n);
}

void digest_final(struct digest **d, uint8_t out[DIGEST_SIZE])
{
	must(EVP_DigestFinal_ex((*d)->ctx, out, NULL));
	EVP_MD_CTX_free((*d)->ctx);
	free(*d);
	*d = NULL;
}

/* ---- parts of a changeset ------------------------------------------------------------------------------------------------------------------------ */

/* Absent and empty text are the same thing on the wire, so they are the same here. */
static void add_text(struct digest *d, const char *s)
{
	digest_add_sized(d, bytes_of_str(s));
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static void add_sql(struct digest *d, struct bytes sql, bool normal)
{
	if (!normal) {
		digest_add_sized(d, sql);
		return;
	}
	AUTO(buf_done) struct buf b = BUF_INIT;
	buf_reserve(&b, sql.n);
	for (size_t i = 0; i < sql.n; i++) {
		if (!is_space(sql.p[i]))
			buf_addc(&b, (char)sql.p[i]);
		else if (b.n && b.p[b.n - 1] != ' ')
			buf_addc(&b, ' ');
	}
	if (b.n && b.p[b.n - 1] == ' ')
		b.n--;
	digest_add_sized(d, buf_bytes(&b));
}

static void step_into(const struct step *s, bool normal, uint8_t out[DIGEST_SIZE])
{
	struct digest *d = digest_new();
	digest_add(d, step_class_name(s->class), 1);
	for (size_t i = 0; i < s->n_statements; i++)
		add_sql(d, s->statements[i].sql, normal);
	digest_final(&d, out);
}

void digest_step(const struct step *s, uint8_t out[DIGEST_SIZE])
{
	step_into(s, false, out);
}

static void add_steps(struct digest *d, const struct step *steps, size_t n, bool normal)
{
	add_u64(d, n);
	for (size_t i = 0; i < n; i++) {
		uint8_t folded[DIGEST_SIZE];
		if (normal)
			step_into(&steps[i], true, folded);
		digest_add(d, normal ? folded : steps[i].digest, DIGEST_SIZE);
	}
}

static void add_body(struct digest *d, const struct body *b, bool normal)
{
	add_text(d, b->engine);
	add_steps(d, b->steps, b->n_steps, normal);
	add_u64(d, b->has_rollback);
	add_steps(d, b->rollback, b->n_rollback, normal);
}

static void add_check(struct digest *d, const struct check *c, bool normal)
{
	add_u64(d, c->kind);
	add_text(d, c->expected);
	add_sql(d, c->sql, normal);
	add_text(d, c->table);
	add_text(d, c->schema);
}

static void add_validation(struct digest *d, const struct validation *v, bool normal)
{
	add_text(d, v->name);
	add_u64(d, v->when);
	add_u64(d, v->mode);
	add_text(d, v->expected);
	add_sql(d, v->sql, normal);
}

static void changeset_into(const struct changeset *c, bool normal, uint8_t out[DIGEST_SIZE])
{
	struct digest *d = digest_new();
	add_text(d, c->author);
	add_text(d, c->name);
	add_u64(d, c->n_bodies);
	for (size_t i = 0; i < c->n_bodies; i++)
		add_body(d, &c->bodies[i], normal);
	add_u64(d, c->n_preconditions);
	for (size_t i = 0; i < c->n_preconditions; i++)
		add_check(d, &c->preconditions[i], normal);
	add_u64(d, c->n_validations);
	for (size_t i = 0; i < c->n_validations; i++)
		add_validation(d, &c->validations[i], normal);
	const uint64_t flags[] = {c->run_on_change, c->run_always, c->ignore_failure, c->on_fail, c->on_error};
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		add_u64(d, flags[i]);
	digest_final(&d, out);
}

void digest_changeset(const struct changeset *c, uint8_t out[DIGEST_SIZE])
{
	changeset_into(c, false, out);
}

void digest_changeset_normal(const struct changeset *c, uint8_t out[DIGEST_SIZE])
{
	changeset_into(c, true, out);
}
