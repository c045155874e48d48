/* See the header. */
#include "controller/audit/story.h"
#include "controller/audit/verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/crypto/dsse.h"
#include "common/crypto/trust.h"
#include "common/sql/redact.h"
#include "common/wire/documents.h"

struct known_release {
	struct release r;
	const char *signed_by;
};

struct known_order {
	struct order o;
	const char *rollout, *approved, *approvals;
};

struct teller {
	const struct bundle *b;
	const struct trust **trusts; /* newest first; none: owners of keys are not known */
	size_t n_trusts;
	struct arena *a;
	struct known_release *releases;
	size_t n_releases;
	struct known_order *orders;
	size_t n_orders;
	struct story_row *rows;
	size_t n, cap;
};

static const char *hex(const struct teller *w, const uint8_t *digest)
{
	return arena_hex(w->a, bytes_of(digest, DIGEST_SIZE));
}

/* "" for zeros: not taken. */
static const char *hex_or_none(const struct teller *w, const uint8_t *digest)
{
	return bytes_all_zero(bytes_of(digest, DIGEST_SIZE)) ? "" : hex(w, digest);
}

static const char *joined(const struct teller *w, const char *before, const char *more)
{
	return str_empty(before) ? arena_strdup(w->a, more) : arena_printf(w->a, "%s, %s", before, more);
}

/* ---- the signed papers ---- */

static const char *owners(const struct teller *w, const char *role, const struct envelope *env, const char *type)
{
	const struct trust_key *keys[ENVELOPE_SIGNATURES_MAX];
	const char *all = "";
	size_t n = 0;
	for (size_t i = 0; i < w->n_trusts && n == 0; i++)
		n = trust_count_signers(w->trusts[i], role, env, type, keys, ENVELOPE_SIGNATURES_MAX);
	for (size_t i = 0; i < n && i < ENVELOPE_SIGNATURES_MAX; i++)
		all = joined(w, all, keys[i]->owner ? keys[i]->owner : keys[i]->id);
	return all;
}

static void learn_release(struct teller *w, const struct bundle_document *d)
{
	struct known_release *k = &w->releases[w->n_releases];
	struct envelope env;
	if (envelope_decode(d->data, w->a, &env, NULL) != 0 || release_decode(env.payload, w->a, &k->r, NULL) != 0)
		return;
	k->signed_by = owners(w, ROLE_RELEASE, &env, TYPE_RELEASE);
	w->n_releases++;
}

static void learn_order(struct teller *w, const struct bundle_document *d)
{
	struct known_order *k = &w->orders[w->n_orders];
	if (order_decode(d->data, w->a, &k->o, NULL) != 0)
		return;
	k->rollout = d->name;
	k->approved = k->approvals = "";
	w->n_orders++;
}

static const char *one_line(const struct teller *w, const char *s)
{
	AUTO(buf_done) struct buf clean = BUF_INIT;
	output_add_visible(&clean, s);
	return arena_strdup(w->a, buf_str(&clean));
}

/* By the keys of the environment's roles, of an emergency by those of break-glass and site; when no key is known, by the name that the approval gives itself. */
static const char *approvers(const struct teller *w, const struct order *o, const struct envelope *env, const struct approval *p)
{
	const struct trust_role *roles[APPROVER_ROLES_MAX];
	const char *all = "";
	for (size_t t = 0; t < w->n_trusts && !*all; t++) {
		size_t n = trust_approver_roles(w->trusts[t], o->environment, NULL, w->a, roles);
		for (size_t i = 0; i < n && !*all; i++)
			all = owners(w, roles[i]->name, env, TYPE_APPROVAL);
	}
	if (!*all && p->n_break_glass)
		all = owners(w, ROLE_BREAK_GLASS, env, TYPE_APPROVAL);
	if (!*all && p->n_break_glass)
		all = owners(w, ROLE_SITE, env, TYPE_APPROVAL);
	return *all ? all : arena_printf(w->a, "%s (by its own words)", str_or_empty(p->approver));
}

static void learn_approval(struct teller *w, const struct bundle_document *d)
{
	struct envelope env;
	struct approval p;
	char at[CLOCK_TEXT_SIZE];
	size_t n = strcspn(d->name, "/");
	if (envelope_decode(d->data, w->a, &env, NULL) != 0 || approval_decode(env.payload, w->a, &p, NULL) != 0)
		return;
	for (size_t i = 0; i < w->n_orders; i++) {
		struct known_order *k = &w->orders[i];
		if (strncmp(k->rollout, d->name, n) != 0 || k->rollout[n] != '\0')
			continue;
		const char *who = approvers(w, &k->o, &env, &p);
		k->approved = joined(w, k->approved, who);
		k->approvals = arena_printf(w->a, "%s%s%s%s at %s: %s", k->approvals, *k->approvals ? "\n" : "", who, p.n_break_glass ? " (break-glass)" : "",
		                            clock_text(p.created_at_us, at), one_line(w, str_or_empty(p.reason)));
	}
}

static void learn(struct teller *w)
{
	static const struct {
		const char *kind;
		void (*take)(struct teller *w, const struct bundle_document *d);
	} kinds[] = {{"release", learn_release}, {"order", learn_order}, {"approval", learn_approval}};
	w->releases = arena_alloc(w->a, (w->b->n_documents + 1) * sizeof *w->releases);
	w->orders = arena_alloc(w->a, (w->b->n_documents + 1) * sizeof *w->orders);
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) /* approvals after the orders that they are of */
		for (size_t i = 0; i < w->b->n_documents; i++)
			if (str_eq(w->b->documents[i].kind, kinds[k].kind))
				kinds[k].take(w, &w->b->documents[i]);
}

static const struct known_release *release_of(const struct teller *w, const uint8_t digest[DIGEST_SIZE])
{
	for (size_t i = 0; i < w->n_releases; i++)
		if (memcmp(w->releases[i].r.digest, digest, DIGEST_SIZE) == 0)
			return &w->releases[i];
	return NULL;
}

static const struct known_order *order_of(const struct teller *w, const uint8_t digest[DIGEST_SIZE])
{
	for (size_t i = 0; i < w->n_orders; i++)
		if (memcmp(w->orders[i].o.digest, digest, DIGEST_SIZE) == 0)
			return &w->orders[i];
	return NULL;
}

/* ---- rows ---- */

/* The body that holds the step which ran; there is one for each engine, and the report does not name the engine. */
static const struct body *body_of(const struct changeset *c, const struct step_outcome *s)
{
	for (size_t i = 0; i < c->n_bodies; i++) {
		const struct body *b = &c->bodies[i];
		const struct step *steps = s->direction == DIRECTION_APPLY ? b->steps : b->rollback;
		size_t n = s->direction == DIRECTION_APPLY ? b->n_steps : b->n_rollback;
		if (s->step < n && memcmp(steps[s->step].digest, s->digest, DIGEST_SIZE) == 0)
			return b;
	}
	return NULL;
}

/* An export is read by more people than the release is: a password in a statement stays in the release. */
static void add_statement(struct buf *all, const struct body *b, struct bytes sql)
{
	enum dialect d;
	if (dialect_parse(b->engine, &d) && sql_holds_secret(d, sql))
		sql_hide_literals(d, sql, all);
	else
		buf_add(all, sql.p, sql.n);
	buf_adds(all, ";\n");
}

static const char *sql_of(const struct teller *w, const struct changeset *c, const struct step_outcome *s)
{
	AUTO(buf_done) struct buf all = BUF_INIT;
	const struct body *b = body_of(c, s);
	const struct step *steps = !b ? NULL : s->direction == DIRECTION_APPLY ? b->steps : b->rollback;
	size_t n = !b ? 0 : s->direction == DIRECTION_APPLY ? b->n_steps : b->n_rollback;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < steps[i].n_statements; k++)
			add_statement(&all, b, steps[i].statements[k].sql);
	return arena_strdup(w->a, buf_str(&all));
}

static const char *reviewers_of(const struct teller *w, const struct provenance *p)
{
	const char *all = "";
	for (size_t i = 0; i < p->n_reviewers; i++)
		all = joined(w, all, p->reviewers[i]);
	return all;
}

/* `s` NULL: of no step. */
static void tell_release(const struct teller *w, const struct known_release *k, const struct step_outcome *s, struct story_row *row)
{
	const struct changeset *c = s ? release_changeset(&k->r, s->changeset) : NULL;
	const struct provenance *p = &k->r.provenance;
	row->release = arena_printf(w->a, "%s %s", k->r.project, k->r.version);
	row->signed_by = k->signed_by;
	row->commit = p->commit ? arena_printf(w->a, "%s%s", p->commit, p->dirty ? " (with changes that were not committed)" : "") : "";
	row->reviewed = reviewers_of(w, p);
	row->gate_report = hex(w, k->r.gate_report_digest);
	row->gates = str_or_empty(k->r.gate_report);
	row->wrote = c ? str_or_empty(c->author) : "";
	if (p->author)
		row->wrote = joined(w, row->wrote, arena_printf(w->a, "commit by %s", p->author));
	row->changeset_digest = c ? hex(w, c->digest) : "";
	row->sql = c ? sql_of(w, c, s) : "";
}

static struct story_row new_row(const struct teller *w, const struct bundle_document *d, const struct report *r, const struct step_outcome *s)
{
	const struct known_release *k = release_of(w, r->release_digest);
	const struct known_order *o = order_of(w, r->order_digest);
	struct story_row row = {.target = r->target,
	                        .changeset = s ? s->changeset : "",
	                        .direction = direction_name(s ? s->direction : r->direction),
	                        .state = "",
	                        .via = "",
	                        .at_us = r->ended_at_us,
	                        .release = "",
	                        .rollout = o ? o->rollout : "",
	                        .environment = o ? o->o.environment : "",
	                        .wrote = "",
	                        .commit = "",
	                        .reviewed = "",
	                        .signed_by = "",
	                        .approved = o ? o->approved : "",
	                        .approvals = o ? o->approvals : "",
	                        .agent = r->agent,
	                        .agent_version = str_or_empty(r->agent_version),
	                        .database = str_or_empty(r->database_identity),
	                        .changeset_digest = "",
	                        .gate_report = "",
	                        .gates = "",
	                        .report = d->name,
	                        .ledger_row = "",
	                        .ledger_head = hex_or_none(w, r->ledger_head),
	                        .schema_before = hex_or_none(w, r->fingerprint_before),
	                        .schema_after = hex_or_none(w, r->fingerprint),
	                        .outcome = outcome_name(r->outcome),
	                        .check = str_or_empty(r->failure.check),
	                        .code = str_or_empty(r->failure.code),
	                        .failure = str_or_empty(r->failure.message),
	                        .sql = ""};
	if (k)
		tell_release(w, k, s, &row);
	return row;
}

static void end_step(const struct teller *w, struct story_row *row, const struct step_outcome *s)
{
	row->steps++;
	row->at_us = s->ended_at_us;
	row->state = step_state_name(s->state);
	row->via = step_via_name(s->via);
	row->ledger_row = hex(w, s->row_hash);
}

static void add_row(struct teller *w, struct story_row row)
{
	arena_vec_grow(w->a, w->rows, w->n, w->cap);
	w->rows[w->n++] = row;
}

/* Steps of one changeset in one direction stand together in a report. */
static void tell_report(struct teller *w, const struct bundle_document *d, const struct report *r, const char *changeset)
{
	const struct step_outcome *last = NULL;
	if (!changeset && r->n_steps == 0)
		add_row(w, new_row(w, d, r, NULL));
	for (size_t i = 0; i < r->n_steps; i++) {
		const struct step_outcome *s = &r->steps[i];
		if (changeset && !str_eq(s->changeset, changeset))
			continue;
		if (!last || !str_eq(last->changeset, s->changeset) || last->direction != s->direction || last->run != s->run)
			add_row(w, new_row(w, d, r, s));
		end_step(w, &w->rows[w->n - 1], s);
		last = s;
	}
}

static int by_time(const void *a, const void *b)
{
	const struct story_row *x = a, *y = b;
	if (x->at_us != y->at_us)
		return x->at_us < y->at_us ? -1 : 1;
	return strcmp(x->target, y->target);
}

size_t audit_story(const struct bundle *b, const struct trust *own, const char *changeset, struct arena *a, struct story_row **ret)
{
	struct teller w = {.b = b, .a = a};
	w.n_trusts = audit_trusts(b, own, a, &w.trusts);
	learn(&w);
	for (size_t i = 0; i < b->n_documents; i++) {
		const struct bundle_document *d = &b->documents[i];
		struct envelope env;
		struct report r;
		if (str_eq(d->kind, "report") && envelope_decode(d->data, a, &env, NULL) == 0 && report_decode(env.payload, a, &r, NULL) == 0)
			tell_report(&w, d, &r, changeset);
	}
	if (w.n)
		qsort(w.rows, w.n, sizeof *w.rows, by_time);
	*ret = w.rows;
	return w.n;
}

/* ---- as a table ---- */

struct table *story_table(const struct story_row *rows, size_t n)
{
	struct table *t = table_new(
	    "at,target,changeset,direction,state,via,#steps,release,rollout,environment,wrote,commit,reviewed,signed-by,approved,approvals,agent,"
	    "agent-version,database,outcome,check,code,failure,changeset-digest,gate-report,gates,report,ledger-row,ledger-head,schema-before,"
	    "schema-after,sql");
	for (size_t i = 0; i < n; i++) {
		const struct story_row *r = &rows[i];
		char at[CLOCK_TEXT_SIZE], steps[16];
		snprintf(steps, sizeof steps, "%" PRIu32, r->steps);
		const char *cells[] = {clock_text(r->at_us, at),
		                       r->target,
		                       r->changeset,
		                       r->direction,
		                       r->state,
		                       r->via,
		                       steps,
		                       r->release,
		                       r->rollout,
		                       r->environment,
		                       r->wrote,
		                       r->commit,
		                       r->reviewed,
		                       r->signed_by,
		                       r->approved,
		                       r->approvals,
		                       r->agent,
		                       r->agent_version,
		                       r->database,
		                       r->outcome,
		                       r->check,
		                       r->code,
		                       r->failure,
		                       r->changeset_digest,
		                       r->gate_report,
		                       r->gates,
		                       r->report,
		                       r->ledger_row,
		                       r->ledger_head,
		                       r->schema_before,
		                       r->schema_after,
		                       r->sql};
		table_row(t, cells);
	}
	return t;
}
