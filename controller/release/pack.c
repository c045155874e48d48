/* Grouping: consecutive statements of class T form one step, which is one transaction; every other statement is a step of its own; runInTransaction:false makes each statement
 * a step, and so does batch:, as class B. On MariaDB DDL is class N, so that only rows' changes group there. */
#include "controller/release/pack.h"

#include <ctype.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/sql/batch.h"
#include "common/sql/split.h"
#include "common/wire/limits.h"

#define COMMENT_MAX ((size_t)16 * 1024)
#define PATH_SIZE   255

struct packer {
	const struct project *project;
	const struct parsed_set *parsed;
	struct change_set *set;
	struct arena *a;
	size_t statements;
	bool over_limit;
};

static bool joins(const struct parsed_statement *s, const struct step *last, bool run_in_transaction)
{
	return run_in_transaction && last->class == STEP_T && s->c.class == STEP_T;
}

/* "What: what to do" of the batch's reader, told at the statement. */
static void refuse_batch(struct packer *k, const struct parsed_script *s, const struct parsed_statement *st, const char *why)
{
	const char *todo = strstr(why, ": ");
	problem_add(&k->set->problems, s->file, st->s.line, todo + 2, "%s cannot be batched: %.*s", *st->c.verb ? st->c.verb : "this statement",
	            (int)(todo - why), why);
}

/* batch: on the changeset's line makes a class B step of each statement. */
static void pack_batches(struct packer *k, const struct parsed_script *s, enum dialect d, struct step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct sql_batch b;
		const char *why = sql_batch_read(d, steps[i].statements[0].sql, &b);
		if (why || steps[i].class != STEP_T)
			refuse_batch(k, s, &s->list[i], why ? why : "it does not run in a transaction: leave batch: out");
		steps[i].class = STEP_B;
		digest_step(&steps[i], steps[i].digest);
	}
}

/* At most as many steps as statements, so that nothing here grows. */
static struct step *group(struct packer *k, const struct parsed_script *s, bool run_in_transaction, size_t *ret_n)
{
	struct step *steps = arena_alloc(k->a, (s->n + 1) * sizeof *steps), *last = NULL;
	struct statement *statements = arena_alloc(k->a, (s->n + 1) * sizeof *statements);
	*ret_n = 0;
	for (size_t i = 0; i < s->n; i++) {
		statements[i] = s->list[i].s;
		if (last && joins(&s->list[i], last, run_in_transaction)) {
			last->n_statements++;
			continue;
		}
		last = &steps[(*ret_n)++];
		*last = (struct step){.class = s->list[i].c.class, .statements = &statements[i], .n_statements = 1};
	}
	for (size_t i = 0; i < *ret_n; i++)
		digest_step(&steps[i], steps[i].digest);
	k->statements += s->n;
	return steps;
}

/* Whatever gates say: a script that ends the runner's transaction takes the ledger row with it. Other statements of class X are the gate CX01's. */
static void refuse_control(struct packer *k, const struct parsed_script *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i].c.kind == SQL_TRANSACTION)
			problem_add(&k->set->problems, s->file, s->list[i].s.line,
			            "remove it: each step runs in a transaction by itself, unless runInTransaction:false",
			            "%s ends or opens a transaction, which is Rollcall's own", s->list[i].c.verb);
}

static const char *other_file(const struct change *c, const struct script *s)
{
	return s && !str_eq(s->file, c->file) ? s->file : NULL;
}

static void pack_body(struct packer *k, const struct parsed_change *p, enum dialect d, struct body *b)
{
	const struct change *c = p->change;
	*b = (struct body){.engine = dialect_name(d), .has_rollback = change_has_rollback(c, d)};
	b->steps = group(k, &p->forward[d], c->run_in_transaction && !c->batching.size, &b->n_steps);
	b->rollback = group(k, &p->rollback[d], c->run_in_transaction && !c->batching.rollback_size, &b->n_rollback);
	if (c->batching.size)
		pack_batches(k, &p->forward[d], d, b->steps, b->n_steps);
	if (c->batching.rollback_size)
		pack_batches(k, &p->rollback[d], d, b->rollback, b->n_rollback);
	b->file = other_file(c, change_forward(c, d));
	b->rollback_file = other_file(c, change_rollback(c, d));
	refuse_control(k, &p->forward[d]);
	refuse_control(k, &p->rollback[d]);
}

static void check_sizes(struct packer *k, const struct change *c)
{
	if (strlen(c->id) > 2 * 255 || strlen(c->file) > PATH_SIZE)
		problem_add(&k->set->problems, c->file, c->line, "use shorter names", "the id or the path of the changeset is longer than 255 characters");
	if ((c->comment && strlen(c->comment) > COMMENT_MAX) || (c->context && strlen(c->context) > COMMENT_MAX) ||
	    (c->labels && strlen(c->labels) > COMMENT_MAX))
		problem_add(&k->set->problems, c->file, c->line, "make it shorter", "comment, context or labels are longer than 16 KiB");
	if (c->n_preconditions > 1000 || c->n_validations > 1000)
		problem_add(&k->set->problems, c->file, c->line, "make several changesets of it", "more than 1000 preconditions or validations");
}

static void pack_change(struct packer *k, const struct parsed_change *p, struct changeset *ret)
{
	const struct change *c = p->change;
	*ret = (struct changeset){
	    .id = c->id,
	    .author = c->author,
	    .name = c->name,
	    .file = c->file,
	    .line = c->line,
	    .comment = c->comment,
	    .context = c->context,
	    .labels = c->labels,
	    .dbms = c->dbms,
	    .run_on_change = c->run_on_change,
	    .run_always = c->run_always,
	    .ignore_failure = c->ignore_failure,
	    .on_fail = c->on_fail,
	    .on_error = c->on_error,
	    .on_fail_message = c->on_fail_message,
	    .on_error_message = c->on_error_message,
	    .preconditions = c->preconditions,
	    .n_preconditions = c->n_preconditions,
	    .validations = c->validations,
	    .n_validations = c->n_validations,
	    .batching = c->batching,
	    .accepted_digests = c->accepted,
	    .n_accepted_digests = c->n_accepted,
	};
	ret->bodies = arena_alloc(k->a, DIALECT_COUNT * sizeof *ret->bodies);
	for (enum dialect d = 0; d < DIALECT_COUNT; d++)
		if (change_forward(c, d))
			pack_body(k, p, d, &ret->bodies[ret->n_bodies++]);
	check_sizes(k, c);
}

static struct changeset *find_packed(struct release *r, const char *id)
{
	for (size_t i = 0; i < r->n_changesets; i++)
		if (str_eq(r->changesets[i].id, id))
			return &r->changesets[i];
	return NULL;
}

/* The way back is the other changeset's way forward. */
static void resolve_rollback(struct packer *k, const struct change *c, struct changeset *packed, struct release *r)
{
	const struct changeset *other = find_packed(r, c->rollback_id);
	if (!other) {
		problem_add(&k->set->problems, c->file, c->rollback_line, "correct the id, or write the SQL",
		            "the rollback names changeset %s, which is not in the project", c->rollback_id);
		return;
	}
	for (size_t i = 0; i < packed->n_bodies; i++) {
		struct body *b = &packed->bodies[i];
		const struct body *from = changeset_body(other, b->engine);
		if (!from) {
			problem_add(&k->set->problems, c->file, c->rollback_line, "write the SQL", "the rollback's changeset %s has nothing for %s",
			            c->rollback_id, b->engine);
			continue;
		}
		packed->batching.rollback_size = other->batching.size;
		b->rollback = from->steps;
		b->n_rollback = from->n_steps;
		b->rollback_file = changeset_file(other, from, false);
	}
}

static void pack_changes(struct packer *k, struct release *r)
{
	const struct parsed_set *s = k->parsed;
	r->changesets = arena_alloc(k->a, (s->n + 1) * sizeof *r->changesets);
	for (size_t i = 0; i < s->n; i++)
		if (!s->changes[i].change->ignored)
			pack_change(k, &s->changes[i], &r->changesets[r->n_changesets++]);
	for (size_t i = 0, at = 0; i < s->n; i++) {
		const struct change *c = s->changes[i].change;
		if (c->ignored)
			continue;
		struct changeset *packed = &r->changesets[at++];
		if (c->rollback_id)
			resolve_rollback(k, c, packed, r);
		digest_changeset(packed, packed->digest);
		digest_changeset_normal(packed, packed->normal_digest);
	}
}

bool release_version_is_valid(const char *s)
{
	size_t n = s ? strlen(s) : 0;
	if (n == 0 || n > 64 || !isalnum((unsigned char)s[0]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("._+-", s[i]))
			return false;
	return true;
}

void release_pack(const struct project *p, const struct parsed_set *parsed, struct change_set *set, const struct pack_options *o, struct release *ret)
{
	struct packer k = {.project = p, .parsed = parsed, .set = set, .a = set->arena};
	struct release r = {
	    .project = p->name,
	    .version = o->version,
	    .sequence = o->sequence,
	    .created_at_us = o->now_us,
	    .expires_at_us = o->now_us + (int64_t)p->valid_ms * 1000,
	    .engines = p->ranges,
	    .n_engines = p->n_ranges,
	    .provenance = o->provenance,
	    .splitter_version = SQL_SPLITTER_VERSION,
	    .author = o->author,
	    .pipeline = p->pipeline,
	    .n_pipeline = p->n_pipeline,
	};
	pack_changes(&k, &r);
	if (p->one_transaction) {
		r.critical = arena_alloc(k.a, sizeof *r.critical);
		r.critical[r.n_critical++] = FEATURE_RELEASE_TRANSACTION;
		pack_check_whole(set, &r);
	}
	if (r.n_changesets > LIMIT_CHANGESETS || k.statements > LIMIT_STATEMENTS)
		problem_add(&set->problems, PROJECT_FILE, 0, "begin a new project whose baseline is what is there",
		            "more than %d changesets or %d statements", LIMIT_CHANGESETS, LIMIT_STATEMENTS);
	*ret = r;
}
