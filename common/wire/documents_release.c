/* The release manifest. The decoded form borrows the unpacked message's texts and SQL, which live in the same arena: no statement is copied twice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/model/version.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "common/wire/reader.h"
#include "proto/release.pb-c.h"

static const char *const check_names[] = {[CHECK_SQL] = "sql", [CHECK_TABLE_EXISTS] = "table-exists", [CHECK_VIEW_EXISTS] = "view-exists", NULL};
static const char *const when_names[] = {[VALIDATE_BEFORE] = "before", [VALIDATE_AFTER] = "after", NULL};
static const char *const mode_names[] = {
    [VALIDATE_RECORD] = "record", [VALIDATE_EQUALS] = "equals", [VALIDATE_SAME_AS_BEFORE] = "same-as-before", NULL};
static const char *const class_names[] = {[STEP_T] = "T", [STEP_N] = "N", [STEP_B] = "B", [STEP_X] = "X", NULL};
static const char *const on_fail_names[] = {
    [ON_FAIL_HALT] = "HALT", [ON_FAIL_CONTINUE] = "CONTINUE", [ON_FAIL_MARK_RAN] = "MARK_RAN", [ON_FAIL_WARN] = "WARN", NULL};

#define ENGINES_MAX      16
#define CHECKS_MAX       1000
#define ENVIRONMENTS_MAX 64

/* ---- encode -------------------------------------------------------------------------------------------------------------------------------------- */

static Rollcall__V1__Step **put_steps(struct arena *a, const struct step *from, size_t n)
{
	Rollcall__V1__Step **to = put_array(a, n);
	for (size_t i = 0; i < n; i++) {
		Rollcall__V1__Step *s = to[i] = arena_alloc(a, sizeof *s);
		rollcall__v1__step__init(s);
		s->class_ = put_text(step_class_name(from[i].class));
		s->digest = put_fixed(from[i].digest, DIGEST_SIZE);
		s->n_statements = s->n_lines = from[i].n_statements;
		s->statements = arena_alloc(a, s->n_statements * sizeof *s->statements);
		s->lines = arena_alloc(a, s->n_lines * sizeof *s->lines);
		for (size_t k = 0; k < s->n_statements; k++) {
			s->statements[k] = put_bytes(from[i].statements[k].sql);
			s->lines[k] = from[i].statements[k].line;
		}
	}
	return to;
}

static Rollcall__V1__SchemaExpected **put_schemas(struct arena *a, const struct release *r)
{
	Rollcall__V1__SchemaExpected **to = put_array(a, r->n_schemas);
	for (size_t i = 0; i < r->n_schemas; i++) {
		Rollcall__V1__SchemaExpected *x = to[i] = arena_alloc(a, sizeof *x);
		rollcall__v1__schema_expected__init(x);
		x->engine = put_text(r->schemas[i].engine);
		x->form = r->schemas[i].form;
		if (r->schemas[i].has_before)
			x->before = put_fixed(r->schemas[i].before, DIGEST_SIZE);
		if (r->schemas[i].has_after)
			x->after = put_fixed(r->schemas[i].after, DIGEST_SIZE);
	}
	return to;
}

static Rollcall__V1__Body *put_body(struct arena *a, const struct body *from)
{
	Rollcall__V1__Body *b = arena_alloc(a, sizeof *b);
	rollcall__v1__body__init(b);
	b->engine = put_text(from->engine);
	b->n_steps = from->n_steps;
	b->steps = put_steps(a, from->steps, from->n_steps);
	b->n_rollback = from->n_rollback;
	b->rollback = put_steps(a, from->rollback, from->n_rollback);
	b->has_rollback = from->has_rollback;
	b->file = put_text(from->file);
	b->rollback_file = put_text(from->rollback_file);
	return b;
}

static Rollcall__V1__Check *put_check(struct arena *a, const struct check *from)
{
	Rollcall__V1__Check *c = arena_alloc(a, sizeof *c);
	rollcall__v1__check__init(c);
	c->kind = put_text(check_names[from->kind]);
	c->expected = put_text(from->expected);
	c->sql = put_bytes(from->sql);
	c->table = put_text(from->table);
	c->schema = put_text(from->schema);
	c->line = from->line;
	return c;
}

static Rollcall__V1__Validation *put_validation(struct arena *a, const struct validation *from)
{
	Rollcall__V1__Validation *v = arena_alloc(a, sizeof *v);
	rollcall__v1__validation__init(v);
	v->name = put_text(from->name);
	v->when = put_text(when_names[from->when]);
	v->mode = put_text(mode_names[from->mode]);
	v->expected = put_text(from->expected);
	v->sql = put_bytes(from->sql);
	v->line = from->line;
	return v;
}

static void put_changeset_lists(struct arena *a, const struct changeset *from, Rollcall__V1__Changeset *c)
{
	c->n_preconditions = from->n_preconditions;
	c->preconditions = put_array(a, c->n_preconditions);
	for (size_t i = 0; i < c->n_preconditions; i++)
		c->preconditions[i] = put_check(a, &from->preconditions[i]);
	c->n_validations = from->n_validations;
	c->validations = put_array(a, c->n_validations);
	for (size_t i = 0; i < c->n_validations; i++)
		c->validations[i] = put_validation(a, &from->validations[i]);
	c->n_bodies = from->n_bodies;
	c->bodies = put_array(a, c->n_bodies);
	for (size_t i = 0; i < c->n_bodies; i++)
		c->bodies[i] = put_body(a, &from->bodies[i]);
	c->n_accepted_digests = from->n_accepted_digests;
	c->accepted_digests = put_texts(a, from->accepted_digests, from->n_accepted_digests);
}

static Rollcall__V1__Batching *put_batching(struct arena *a, const struct batching *from)
{
	if (!from->size && !from->rollback_size)
		return NULL;
	Rollcall__V1__Batching *b = arena_alloc(a, sizeof *b);
	rollcall__v1__batching__init(b);
	b->size = from->size;
	b->rollback_size = from->rollback_size;
	b->pause_ms = from->pause_ms;
	b->max_lag_ms = from->max_lag_ms;
	b->query = put_bytes(from->query);
	b->limit = from->limit;
	b->line = from->line;
	return b;
}

static Rollcall__V1__Changeset *put_changeset(struct arena *a, const struct changeset *from)
{
	Rollcall__V1__Changeset *c = arena_alloc(a, sizeof *c);
	rollcall__v1__changeset__init(c);
	c->author = put_text(from->author);
	c->name = put_text(from->name);
	c->file = put_text(from->file);
	c->line = from->line;
	c->comment = put_text(from->comment);
	c->context = put_text(from->context);
	c->labels = put_text(from->labels);
	c->dbms = put_text(from->dbms);
	c->run_on_change = from->run_on_change;
	c->run_always = from->run_always;
	c->ignore_failure = from->ignore_failure;
	c->on_fail = put_text(on_fail_names[from->on_fail]);
	c->on_error = put_text(on_fail_names[from->on_error]);
	c->on_fail_message = put_text(from->on_fail_message);
	c->on_error_message = put_text(from->on_error_message);
	c->digest = put_fixed(from->digest, DIGEST_SIZE);
	c->normal_digest = put_fixed(from->normal_digest, DIGEST_SIZE);
	c->batching = put_batching(a, &from->batching);
	put_changeset_lists(a, from, c);
	return c;
}

static Rollcall__V1__Provenance *put_provenance(struct arena *a, const struct provenance *from)
{
	Rollcall__V1__Provenance *p = arena_alloc(a, sizeof *p);
	rollcall__v1__provenance__init(p);
	p->commit = put_text(from->commit);
	p->tree = put_text(from->tree);
	p->author = put_text(from->author);
	p->committer = put_text(from->committer);
	p->remote = put_text(from->remote);
	p->dirty = from->dirty;
	p->n_reviewers = from->n_reviewers;
	p->reviewers = put_texts(a, from->reviewers, from->n_reviewers);
	return p;
}

static void put_engines(struct arena *a, const struct release *from, Rollcall__V1__ReleaseManifest *m)
{
	m->n_engines = from->n_engines;
	m->engines = put_array(a, m->n_engines);
	for (size_t i = 0; i < m->n_engines; i++) {
		Rollcall__V1__EngineRange *g = m->engines[i] = arena_alloc(a, sizeof *g);
		rollcall__v1__engine_range__init(g);
		g->engine = put_text(from->engines[i].engine);
		g->min_version = put_text(from->engines[i].min_version);
		g->max_version = put_text(from->engines[i].max_version);
	}
}

void release_encode(const struct release *r, struct buf *ret)
{
	AUTO(arena_destroy) struct arena *a = arena_new(WRITER_ARENA);
	Rollcall__V1__ReleaseManifest m = ROLLCALL__V1__RELEASE_MANIFEST__INIT;
	m.project = put_text(r->project);
	m.version = put_text(r->version);
	m.sequence = r->sequence;
	m.created_at_us = r->created_at_us;
	m.expires_at_us = r->expires_at_us;
	m.min_agent_version = put_text(r->min_agent_version);
	m.n_critical = r->n_critical;
	m.critical = put_texts(a, r->critical, r->n_critical);
	put_engines(a, r, &m);
	m.provenance = put_provenance(a, &r->provenance);
	m.gate_report_digest = put_fixed(r->gate_report_digest, DIGEST_SIZE);
	m.splitter_version = r->splitter_version;
	m.n_changesets = r->n_changesets;
	m.changesets = put_array(a, m.n_changesets);
	for (size_t i = 0; i < m.n_changesets; i++)
		m.changesets[i] = put_changeset(a, &r->changesets[i]);
	m.author = put_text(r->author);
	m.n_schemas = r->n_schemas;
	m.schemas = put_schemas(a, r);
	m.n_pipeline = r->n_pipeline;
	m.pipeline = put_texts(a, r->pipeline, r->n_pipeline);
	m.gate_report = put_text(r->gate_report);
	pb_pack(&m.base, ret);
}

/* ---- decode -------------------------------------------------------------------------------------------------------------------------------------- */

struct release_reader {
	struct reader r;
	size_t statements; /* in the whole release */
};

static void read_step(struct release_reader *rr, const Rollcall__V1__Step *m, struct step *ret)
{
	struct reader *r = &rr->r;
	ret->class = (enum step_class)read_enum(r, "step class", m->class_, class_names);
	read_digest(r, "step digest", m->digest, ret->digest);
	if (m->n_statements == 0)
		read_fail(r, "a step without a statement");
	if (ret->class != STEP_T && m->n_statements > 1)
		read_fail(r, "a step of class %s with %zu statements: it must be alone", m->class_, m->n_statements);
	if (m->n_lines != m->n_statements)
		read_fail(r, "a step with %zu statements and %zu line numbers", m->n_statements, m->n_lines);
	rr->statements += m->n_statements;
	if (rr->statements > LIMIT_STATEMENTS)
		read_fail(r, "more than %d statements", LIMIT_STATEMENTS);
	ret->n_statements = m->n_statements;
	ret->statements = read_array(r, "statements", m->n_statements, LIMIT_STATEMENTS, sizeof *ret->statements);
	for (size_t i = 0; i < m->n_statements && !r->failed; i++) {
		ret->statements[i].sql = read_sql(r, "statement", m->statements[i], REQUIRED);
		ret->statements[i].line = m->lines[i];
	}
}

static struct step *read_steps(struct release_reader *rr, Rollcall__V1__Step **from, size_t n)
{
	struct step *to = read_array(&rr->r, "steps", n, LIMIT_STATEMENTS, sizeof *to);
	for (size_t i = 0; i < n && !rr->r.failed; i++)
		read_step(rr, from[i], &to[i]);
	return to;
}

static void read_bodies(struct release_reader *rr, const Rollcall__V1__Changeset *m, struct changeset *ret)
{
	struct reader *r = &rr->r;
	ret->n_bodies = m->n_bodies;
	ret->bodies = read_array(r, "bodies", m->n_bodies, ENGINES_MAX, sizeof *ret->bodies);
	for (size_t i = 0; i < m->n_bodies && !r->failed; i++) {
		const Rollcall__V1__Body *from = m->bodies[i];
		struct body *b = &ret->bodies[i];
		b->engine = read_name(r, "engine", from->engine);
		for (size_t j = 0; j < i; j++)
			if (str_eq(ret->bodies[j].engine, b->engine))
				read_fail(r, "two bodies for engine %s", b->engine);
		b->n_steps = from->n_steps;
		b->steps = read_steps(rr, from->steps, from->n_steps);
		b->n_rollback = from->n_rollback;
		b->rollback = read_steps(rr, from->rollback, from->n_rollback);
		b->has_rollback = from->has_rollback;
		b->file = read_line(r, "body's file", from->file, OPTIONAL);
		b->rollback_file = read_line(r, "rollback's file", from->rollback_file, OPTIONAL);
		if (b->n_rollback && !b->has_rollback)
			read_fail(r, "rollback steps in a body that says it has no rollback");
	}
}

static void read_check(struct reader *r, const Rollcall__V1__Check *m, struct check *ret)
{
	ret->kind = (enum check_kind)read_enum(r, "precondition", m->kind, check_names);
	ret->expected = read_text(r, "expected result", m->expected, OPTIONAL, TEXT_MAX_SIZE);
	if (ret->kind == CHECK_SQL && !ret->expected)
		ret->expected = "";
	ret->sql = read_sql(r, "precondition's SQL", m->sql, ret->kind == CHECK_SQL ? REQUIRED : OPTIONAL);
	ret->table = read_line(r, "precondition's table", m->table, ret->kind == CHECK_SQL ? OPTIONAL : REQUIRED);
	ret->schema = read_line(r, "precondition's schema", m->schema, OPTIONAL);
	ret->line = m->line;
}

static void read_validation(struct reader *r, const Rollcall__V1__Validation *m, struct validation *ret)
{
	ret->name = read_line(r, "validation's name", m->name, REQUIRED);
	ret->when = (enum validation_when)read_enum(r, "validation's time", m->when, when_names);
	ret->mode = (enum validation_mode)read_enum(r, "validation's mode", m->mode, mode_names);
	ret->expected = read_text(r, "expected result", m->expected, OPTIONAL, TEXT_MAX_SIZE);
	if (ret->mode == VALIDATE_EQUALS && !ret->expected)
		ret->expected = "";
	ret->sql = read_sql(r, "validation's SQL", m->sql, REQUIRED);
	ret->line = m->line;
}

static void read_batching(struct reader *r, const Rollcall__V1__Batching *m, struct batching *ret)
{
	if (!m)
		return;
	*ret = (struct batching){.size = m->size,
	                         .rollback_size = m->rollback_size,
	                         .pause_ms = m->pause_ms,
	                         .max_lag_ms = m->max_lag_ms,
	                         .query = read_sql(r, "throttle query", m->query, OPTIONAL),
	                         .limit = m->limit,
	                         .line = m->line};
	if (ret->size > BATCH_SIZE_MAX || ret->rollback_size > BATCH_SIZE_MAX)
		read_fail(r, "batches of more than %d rows", BATCH_SIZE_MAX);
	if (ret->pause_ms > BATCH_TIME_MAX_MS || ret->max_lag_ms > BATCH_TIME_MAX_MS)
		read_fail(r, "a pause or lag of more than an hour");
}

static void read_accepted(struct reader *r, const Rollcall__V1__Changeset *m, struct changeset *ret)
{
	ret->n_accepted_digests = m->n_accepted_digests;
	ret->accepted_digests = read_lines(r, "accepted digests", m->accepted_digests, m->n_accepted_digests, CHECKS_MAX);
	for (size_t i = 0; i < m->n_accepted_digests && !r->failed; i++)
		if (!str_eq(ret->accepted_digests[i], "any"))
			read_hex(r, "accepted digest", ret->accepted_digests[i], DIGEST_SIZE * 2);
}

static void read_attributes(struct reader *r, const Rollcall__V1__Changeset *m, struct changeset *ret)
{
	ret->file = read_line(r, "file", m->file, REQUIRED);
	ret->line = m->line;
	ret->comment = read_text(r, "comment", m->comment, OPTIONAL, TEXT_MAX_SIZE);
	ret->context = read_text(r, "context", m->context, OPTIONAL, TEXT_MAX_SIZE);
	ret->labels = read_text(r, "labels", m->labels, OPTIONAL, TEXT_MAX_SIZE);
	ret->dbms = read_text(r, "dbms", m->dbms, OPTIONAL, TEXT_MAX_SIZE);
	ret->run_on_change = m->run_on_change;
	ret->run_always = m->run_always;
	ret->ignore_failure = m->ignore_failure;
	ret->on_fail = (enum on_fail)read_enum(r, "onFail", m->on_fail, on_fail_names);
	ret->on_error = (enum on_fail)read_enum(r, "onError", m->on_error, on_fail_names);
	ret->on_fail_message = read_text(r, "onFailMessage", m->on_fail_message, OPTIONAL, TEXT_MAX_SIZE);
	ret->on_error_message = read_text(r, "onErrorMessage", m->on_error_message, OPTIONAL, TEXT_MAX_SIZE);
	read_digest(r, "changeset digest", m->digest, ret->digest);
	read_digest(r, "changeset's folded digest", m->normal_digest, ret->normal_digest);
}

static void read_changeset(struct release_reader *rr, const Rollcall__V1__Changeset *m, struct changeset *ret)
{
	struct reader *r = &rr->r;
	ret->author = read_line(r, "changeset's author", m->author, REQUIRED);
	ret->name = read_line(r, "changeset's name", m->name, REQUIRED);
	if (r->failed)
		return;
	size_t size = strlen(ret->author) + strlen(ret->name) + 2;
	char *id = read_array(r, "octets of a changeset's id", size, size, 1);
	if (!id)
		return;
	snprintf(id, size, "%s:%s", ret->author, ret->name);
	ret->id = id;
	read_attributes(r, m, ret);
	read_accepted(r, m, ret);
	read_batching(r, m->batching, &ret->batching);
	ret->n_preconditions = m->n_preconditions;
	ret->preconditions = read_array(r, "preconditions", m->n_preconditions, CHECKS_MAX, sizeof *ret->preconditions);
	for (size_t i = 0; i < m->n_preconditions && !r->failed; i++)
		read_check(r, m->preconditions[i], &ret->preconditions[i]);
	ret->n_validations = m->n_validations;
	ret->validations = read_array(r, "validations", m->n_validations, CHECKS_MAX, sizeof *ret->validations);
	for (size_t i = 0; i < m->n_validations && !r->failed; i++)
		read_validation(r, m->validations[i], &ret->validations[i]);
	read_bodies(rr, m, ret);
	if (r->failed && r->e)
		err_wrap(r->e, "changeset %s", ret->id);
}

static int compare_ids(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void check_ids_are_unique(struct reader *r, const struct release *rel)
{
	const char **ids = read_array(r, "changesets", rel->n_changesets, LIMIT_CHANGESETS, sizeof *ids);
	if (!ids)
		return;
	for (size_t i = 0; i < rel->n_changesets; i++)
		ids[i] = rel->changesets[i].id;
	qsort(ids, rel->n_changesets, sizeof *ids, compare_ids);
	for (size_t i = 1; i < rel->n_changesets; i++)
		if (str_eq(ids[i - 1], ids[i]))
			read_fail(r, "changeset %s is there twice", ids[i]);
}

static void read_provenance(struct reader *r, const Rollcall__V1__Provenance *m, struct provenance *ret)
{
	if (!m)
		return;
	ret->commit = read_line(r, "commit", m->commit, OPTIONAL);
	ret->tree = read_line(r, "tree", m->tree, OPTIONAL);
	ret->author = read_line(r, "commit's author", m->author, OPTIONAL);
	ret->committer = read_line(r, "committer", m->committer, OPTIONAL);
	ret->remote = read_text(r, "remote", m->remote, OPTIONAL, TEXT_MAX_SIZE);
	ret->dirty = m->dirty;
	ret->n_reviewers = m->n_reviewers;
	ret->reviewers = read_lines(r, "reviewers", m->reviewers, m->n_reviewers, CHECKS_MAX);
}

static bool is_bound(const char *version)
{
	return !version || version_is_bound(version);
}

static void read_engines(struct reader *r, const Rollcall__V1__ReleaseManifest *m, struct release *ret)
{
	ret->n_engines = m->n_engines;
	ret->engines = read_array(r, "engines", m->n_engines, ENGINES_MAX, sizeof *ret->engines);
	for (size_t i = 0; i < m->n_engines && !r->failed; i++) {
		ret->engines[i].engine = read_name(r, "engine", m->engines[i]->engine);
		ret->engines[i].min_version = read_version(r, "engine's least version", m->engines[i]->min_version, OPTIONAL);
		ret->engines[i].max_version = read_version(r, "engine's last version", m->engines[i]->max_version, OPTIONAL);
		if (!r->failed && !(is_bound(ret->engines[i].min_version) && is_bound(ret->engines[i].max_version)))
			read_fail(r, "engine %s: a version to compare with is numbers and dots", ret->engines[i].engine);
		for (size_t j = 0; j < i; j++)
			if (str_eq(ret->engines[j].engine, ret->engines[i].engine))
				read_fail(r, "engine %s is listed twice", ret->engines[i].engine);
	}
}

static void read_schemas(struct reader *r, const Rollcall__V1__ReleaseManifest *m, struct release *ret)
{
	ret->n_schemas = m->n_schemas;
	ret->schemas = read_array(r, "expected schemas", m->n_schemas, ENGINES_MAX, sizeof *ret->schemas);
	for (size_t i = 0; i < m->n_schemas && !r->failed; i++) {
		struct schema_expected *x = &ret->schemas[i];
		x->engine = read_name(r, "expected schema's engine", m->schemas[i]->engine);
		x->form = m->schemas[i]->form;
		x->has_before = m->schemas[i]->before.len > 0;
		x->has_after = m->schemas[i]->after.len > 0;
		if (x->has_before)
			read_digest(r, "expected schema before", m->schemas[i]->before, x->before);
		if (x->has_after)
			read_digest(r, "expected schema after", m->schemas[i]->after, x->after);
		if (!r->failed && release_schema(&(struct release){.schemas = ret->schemas, .n_schemas = i}, x->engine))
			read_fail(r, "the expected schema of engine %s is there twice", x->engine);
	}
	if (!r->failed && m->n_schemas && !release_needs(ret, FEATURE_SCHEMA_EXPECTED))
		read_fail(r, "it expects a schema without asking for the feature " FEATURE_SCHEMA_EXPECTED);
}

static void read_gates(struct reader *r, const Rollcall__V1__ReleaseManifest *m, struct release *ret)
{
	uint8_t digest[DIGEST_SIZE];
	read_digest(r, "gate report's digest", m->gate_report_digest, ret->gate_report_digest);
	ret->gate_report = read_text(r, "gate report", m->gate_report, OPTIONAL, LIMIT_GATE_REPORT);
	if (!ret->gate_report)
		return;
	for (const char *p = ret->gate_report; *p; p++)
		if (((unsigned char)*p < ' ' && *p != '\n') || *p == 0x7f) {
			read_fail(r, "the gate report holds a control character");
			return;
		}
	digest_sha256(bytes_of_str(ret->gate_report), digest);
	if (memcmp(digest, ret->gate_report_digest, DIGEST_SIZE) != 0)
		read_fail(r, "the gate report's text is not what its digest says");
}

static void read_head(struct reader *r, const Rollcall__V1__ReleaseManifest *m, struct release *ret)
{
	ret->project = read_name(r, "project", m->project);
	ret->version = read_version(r, "version", m->version, REQUIRED);
	ret->sequence = m->sequence;
	ret->created_at_us = m->created_at_us;
	ret->expires_at_us = m->expires_at_us;
	if (m->expires_at_us <= 0)
		read_fail(r, "it does not say when it expires");
	ret->min_agent_version = read_version(r, "least agent version", m->min_agent_version, OPTIONAL);
	ret->n_critical = m->n_critical;
	ret->critical = read_lines(r, "critical features", m->critical, m->n_critical, 100);
	read_engines(r, m, ret);
	read_provenance(r, m->provenance, &ret->provenance);
	read_schemas(r, m, ret);
	read_gates(r, m, ret);
	ret->splitter_version = m->splitter_version;
	ret->author = read_line(r, "author", m->author, OPTIONAL);
	ret->n_pipeline = m->n_pipeline;
	ret->pipeline = read_lines(r, "environments", m->pipeline, m->n_pipeline, ENVIRONMENTS_MAX);
	for (size_t i = 0; i < m->n_pipeline && !r->failed; i++)
		read_name(r, "environment", ret->pipeline[i]);
}

int release_decode(struct bytes data, struct arena *a, struct release *ret, struct err *e)
{
	ProtobufCMessage *base;
	if (pb_unpack(&rollcall__v1__release_manifest__descriptor, "release", data, LIMIT_ENVELOPE, PB_UNKNOWN_KEEP, a, &base, e) != 0)
		return -1;
	const Rollcall__V1__ReleaseManifest *m = (const Rollcall__V1__ReleaseManifest *)base;
	struct release_reader rr = {.r = {.what = "release", .a = a, .e = e}};
	struct release rel = {.n_changesets = m->n_changesets};
	read_head(&rr.r, m, &rel);
	if (m->n_changesets == 0)
		read_fail(&rr.r, "it holds no changeset");
	rel.changesets = read_array(&rr.r, "changesets", m->n_changesets, LIMIT_CHANGESETS, sizeof *rel.changesets);
	for (size_t i = 0; i < m->n_changesets && !rr.r.failed; i++)
		read_changeset(&rr, m->changesets[i], &rel.changesets[i]);
	if (!rr.r.failed)
		check_ids_are_unique(&rr.r, &rel);
	if (rr.r.failed)
		return -1;
	digest_sha256(data, rel.digest);
	*ret = rel;
	return 0;
}
