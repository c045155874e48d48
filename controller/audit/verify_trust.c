/* The chain of trust documents in a bundle, and which of them was in force at a row of the log: what was signed by a key that was replaced later was well signed. */
#include <inttypes.h>
#include <stdlib.h>

#include "common/base/str.h"
#include "common/crypto/trust.h"
#include "controller/audit/verify_impl.h"

struct candidate {
	const char *place;
	struct envelope env;
	struct trust trust;
};

static int compare_versions(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	return x->trust.version < y->trust.version ? -1 : x->trust.version > y->trust.version;
}

static size_t read_all(struct verify *v, struct candidate **ret)
{
	struct candidate *all = arena_alloc(v->a, (v->b->n_documents + 1) * sizeof *all);
	size_t n = 0;
	for (size_t i = 0; i < v->b->n_documents; i++) {
		const struct bundle_document *d = &v->b->documents[i];
		struct candidate *c = &all[n];
		struct err e = ERR_INIT;
		if (!str_eq(d->kind, "trust"))
			continue;
		v->check->looked_at++;
		c->place = arena_printf(v->a, "trust %s", d->name);
		if (envelope_decode(d->data, v->a, &c->env, &e) != 0 || trust_decode(c->env.payload, v->a, &c->trust, &e) != 0 ||
		    trust_check_role(&c->trust, ROLE_ROOT, &c->env, TYPE_TRUST, &e) != 0)
			verify_wrong(v, c->place, "%s", e.msg);
		else
			n++;
	}
	qsort(all, n, sizeof *all, compare_versions);
	*ret = all;
	return n;
}

static uint64_t row_of_push(const struct verify *v, uint64_t version)
{
	const char *detail = arena_printf(v->a, "version %" PRIu64, version);
	for (size_t i = 0; i < v->b->n_rows; i++) {
		const struct store_event *ev = &v->b->rows[i].ev;
		if (str_eq(ev->event, "push") && str_eq(ev->object, "trust") && str_eq(ev->detail, detail))
			return v->b->rows[i].seq;
	}
	return 0;
}

static void step(struct verify *v, const struct trust *t)
{
	uint64_t pushed = v->n_steps ? row_of_push(v, t->version) : 0;
	uint64_t before = v->n_steps ? v->steps[v->n_steps - 1].since : 0;
	v->steps[v->n_steps++] = (struct trust_step){.trust = t, .since = pushed > before ? pushed : before, .logged = pushed > before};
}

/* With the auditor's own document nothing counts that does not follow from it version by version. Without it, a version that is missing (a newer file was put in the controller's
 * folder) is passed over. */
static void follow(struct verify *v, const struct candidate *c)
{
	const struct trust *last = v->steps[v->n_steps - 1].trust;
	struct err e = ERR_INIT;
	if (c->trust.version <= last->version || (v->pinned && c->trust.version > last->version + 1))
		return;
	if (c->trust.version == last->version + 1 && trust_check_next(last, &c->trust, &c->env, false, 0, &e) != 0)
		verify_wrong(v, c->place, "%s", e.msg);
	else
		step(v, &c->trust);
}

void verify_trust(struct verify *v)
{
	struct candidate *all = NULL;
	size_t n = read_all(v, &all);
	v->steps = arena_alloc(v->a, (n + 1) * sizeof *v->steps);
	if (v->pinned) {
		v->check->looked_at++; /* signed by its root keys, as its reader has seen */
		step(v, v->pinned);
	} else if (n) {
		step(v, &all[0].trust);
	} else {
		verify_wrong(v, "bundle", "it holds no trust document: give one with --trust");
	}
	for (size_t i = 0; i < n; i++)
		follow(v, &all[i]);
}

struct trust_span verify_trust_at(const struct verify *v, uint64_t seq)
{
	struct trust_span s = {0, v->n_steps ? 1 : 0};
	if (seq == 0)
		return (struct trust_span){0, v->n_steps};
	while (s.to < v->n_steps && v->steps[s.to].since < seq) {
		if (v->steps[s.to].logged)
			s.from = s.to;
		s.to++;
	}
	return s;
}

int verify_signed(const struct verify *v, const struct audit_row *row, const char *role, const struct envelope *env, const char *type, struct err *e)
{
	struct trust_span s = verify_trust_at(v, row ? row->seq : 0);
	for (size_t i = s.from; i < s.to; i++)
		if (trust_check_role(v->steps[i].trust, role, env, type, e) == 0)
			return 0;
	return s.to ? -1 : err_set(e, ERR_SIGNATURE, "there is no trust document to check it against");
}

size_t audit_trusts(const struct bundle *b, const struct trust *pinned, struct arena *a, const struct trust ***ret)
{
	struct audit_result result = {0};
	struct verify v = {.b = b, .pinned = pinned, .a = a, .result = &result, .check = &result.checks[0]};
	verify_trust(&v);
	*ret = arena_alloc(a, (v.n_steps + 1) * sizeof **ret);
	for (size_t i = 0; i < v.n_steps; i++)
		(*ret)[i] = v.steps[v.n_steps - 1 - i].trust;
	return v.n_steps;
}
