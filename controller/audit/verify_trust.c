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

/* Two documents of one version: somebody was told something else than this auditor. */
static bool is_same(const struct trust *a, const struct trust *b)
{
	AUTO(buf_done) struct buf x = BUF_INIT;
	AUTO(buf_done) struct buf y = BUF_INIT;
	trust_encode(a, &x);
	trust_encode(b, &y);
	return bytes_equal(buf_bytes(&x), buf_bytes(&y));
}

/* What a pinned document proves of one before it: that its own root keys have signed it too. Those of the one before have signed the pinned one, but whose they are is only said by
 * itself. Takes what it proves into `ret`, newest first, and returns how many; *ret_why: why nothing before that counts, NULL when nothing is there. */
static size_t precede(const struct verify *v, const struct candidate *all, size_t n, const struct trust **ret, const char **ret_why)
{
	const struct trust *next = v->pinned;
	struct err e = ERR_INIT;
	size_t found = 0;
	for (size_t i = n; i-- > 0;) {
		const struct candidate *c = &all[i];
		if (c->trust.version >= next->version)
			continue;
		if (c->trust.version + 1 != next->version) {
			*ret_why = *ret_why ? *ret_why : "the version between is not there";
			break;
		}
		if (!str_eq(c->trust.fleet, next->fleet) || trust_check_role(next, ROLE_ROOT, &c->env, TYPE_TRUST, &e) != 0) {
			*ret_why = "the root keys have changed since: give an older one of yours";
			continue;
		}
		*ret_why = NULL;
		next = ret[found++] = &c->trust;
	}
	if (found && !row_of_push(v, v->pinned->version)) {
		*ret_why = "the log does not tell when yours came";
		return 0;
	}
	return found;
}

static void begin_with_own(struct verify *v, const struct candidate *all, size_t n, struct buf *says)
{
	const char *why = NULL;
	const struct trust **before = arena_alloc(v->a, (n + 1) * sizeof *before);
	for (size_t k = precede(v, all, n, before, &why); k-- > 0;)
		step(v, before[k]);
	step(v, v->pinned);
	for (size_t i = 0; i < n; i++)
		if (all[i].trust.version == v->pinned->version && !is_same(&all[i].trust, v->pinned))
			verify_wrong(v, all[i].place, "it is another document than yours of the same version");
	buf_addf(says, "trust document version %" PRIu64 " of fleet %s, which is yours", v->pinned->version, v->pinned->fleet);
	if (why)
		buf_addf(says, "; what came before version %" PRIu64 " counts for nothing: %s", v->steps[0].trust->version, why);
}

static void say_rest(const struct verify *v, const struct candidate *all, size_t n, struct buf *says)
{
	const struct trust *last = v->steps[v->n_steps - 1].trust;
	if (v->n_steps > 1)
		buf_addf(says, "; versions %" PRIu64 " to %" PRIu64 " are joined to it, each by the root keys' signatures", v->steps[0].trust->version,
		         last->version);
	if (n && all[n - 1].trust.version > last->version)
		buf_addf(says, "; version %" PRIu64 " counts for nothing: it does not follow from version %" PRIu64, all[n - 1].trust.version, last->version);
}

void verify_trust(struct verify *v)
{
	AUTO(buf_done) struct buf says = BUF_INIT;
	struct candidate *all = NULL;
	size_t n = read_all(v, &all);
	v->steps = arena_alloc(v->a, (n + 1) * sizeof *v->steps);
	if (v->pinned) {
		v->check->looked_at++; /* signed by its root keys, as its reader has seen */
		begin_with_own(v, all, n, &says);
	} else if (n) {
		step(v, &all[0].trust);
		buf_addf(&says,
		         "trust document version %" PRIu64
		         " of fleet %s, which came with it: only who gave you the rest vouches for it; give your own with --trust FILE",
		         all[0].trust.version, all[0].trust.fleet);
	} else {
		verify_wrong(v, "bundle", "it holds no trust document: give one with --trust");
		v->result->rests_on = "no trust document";
		return;
	}
	for (size_t i = 0; i < n; i++)
		follow(v, &all[i]);
	say_rest(v, all, n, &says);
	v->result->rests_on = arena_strdup(v->a, buf_str(&says));
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
