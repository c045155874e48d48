/* A changeset of a release manifest: attributes, checks, bodies for each engine, their steps and statements. The decoded form borrows the unpacked message's texts and SQL, which live in the
 * same arena: no statement is copied twice. */
#include "common/wire/documents_changeset.h"

#include <stdio.h>
#include <string.h>

#include "common/base/str.h"
#include "common/wire/limits.h"

static const char *const check_names[] = {[CHECK_SQL] = "sql", [CHECK_TABLE_EXISTS] = "table-exists", [CHECK_VIEW_EXISTS] = "view-exists", NULL};
static const char *const when_names[] = {[VALIDATE_BEFORE] = "before", [VALIDATE_AFTER] = "after", NULL};
static const char *const mode_names[] = {
    [VALIDATE_RECORD] = "record", [VALIDATE_EQUALS] = "equals", [VALIDATE_SAME_AS_BEFORE] = "same-as-before", NULL};
static const char *const class_names[] = {[STEP_T] = "T", [STEP_N] = "N", [STEP_B] = "B", [STEP_X] = "X", NULL};
static const char *const on_fail_names[] = {
    [ON_FAIL_HALT] = "HALT", [ON_FAIL_CONTINUE] = "CONTINUE", [ON_FAIL_MARK_RAN] = "MARK_RAN", [ON_FAIL_WARN] = "WARN", NULL};

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

Rollcall__V1__Changeset *put_changeset(struct arena *a, const struct changeset *from)
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

/* ---- decode -------------------------------------------------------------------------------------------------------------------------------------- */

static void read_step(struct changeset_reader *cr, const Rollcall__V1__Step *m, struct step *ret)
{
	struct reader *r = &cr->r;
	ret->class = (enum step_class)read_enum(r, "step class", m->class_, class_names);
	read_digest(r, "step digest", m->digest, ret->digest);
	if (m->n_statements == 0)
		read_fail(r, "a step without a statement");
	if (ret->class != STEP_T && m->n_statements > 1)
		read_fail(r, "a step of class %s with %zu statements: it must be alone", m->class_, m->n_statements);
	if (m->n_lines != m->n_statements)
		read_fail(r, "a step with %zu statements and %zu line numbers", m->n_statements, m->n_lines);
	cr->statements += m->n_statements;
	if (cr->statements > LIMIT_STATEMENTS)
		read_fail(r, "more than %d statements", LIMIT_STATEMENTS);
	ret->n_statements = m->n_statements;
	ret->statements = read_array(r, "statements", m->n_statements, LIMIT_STATEMENTS, sizeof *ret->statements);
	for (size_t i = 0; i < m->n_statements && !r->failed; i++) {
		ret->statements[i].sql = read_sql(r, "statement", m->statements[i], REQUIRED);
		ret->statements[i].line = m->lines[i];
	}
}

static struct step *read_steps(struct changeset_reader *cr, Rollcall__V1__Step **from, size_t n)
{
	struct step *to = read_array(&cr->r, "steps", n, LIMIT_STATEMENTS, sizeof *to);
	for (size_t i = 0; i < n && !cr->r.failed; i++)
		read_step(cr, from[i], &to[i]);
	return to;
}

static void read_bodies(struct changeset_reader *cr, const Rollcall__V1__Changeset *m, struct changeset *ret)
{
	struct reader *r = &cr->r;
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
		b->steps = read_steps(cr, from->steps, from->n_steps);
		b->n_rollback = from->n_rollback;
		b->rollback = read_steps(cr, from->rollback, from->n_rollback);
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
	ret->accepted_digests = read_lines(r, "accepted digests", m->accepted_digests, m->n_accepted_digests, LISTED_MAX);
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

void read_changeset(struct changeset_reader *cr, const Rollcall__V1__Changeset *m, struct changeset *ret)
{
	struct reader *r = &cr->r;
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
	ret->preconditions = read_array(r, "preconditions", m->n_preconditions, LISTED_MAX, sizeof *ret->preconditions);
	for (size_t i = 0; i < m->n_preconditions && !r->failed; i++)
		read_check(r, m->preconditions[i], &ret->preconditions[i]);
	ret->n_validations = m->n_validations;
	ret->validations = read_array(r, "validations", m->n_validations, LISTED_MAX, sizeof *ret->validations);
	for (size_t i = 0; i < m->n_validations && !r->failed; i++)
		read_validation(r, m->validations[i], &ret->validations[i]);
	read_bodies(cr, m, ret);
	if (r->failed && r->e)
		err_wrap(r->e, "changeset %s", ret->id);
}
