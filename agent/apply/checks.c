/* Preconditions and validations: queries with one value, each in a transaction of its own that is rolled back, so that they run with the target's role and time-outs and
 * cannot change anything where the engine can prevent it. */
#include "agent/apply/delivery.h"
#include "common/base/failpoint.h"
#include "common/base/str.h"

#define VALUE_MAX ((size_t)64 * 1024) /* of a query that gives one value */

struct single {
	struct arena *arena;
	const char *value; /* NULL: SQL NULL */
	size_t rows;
};

static int single_row(void *arg, size_t n_columns, const char *const *values, struct err *e)
{
	struct single *s = arg;
	if (n_columns != 1)
		return err_set(e, ERR_DB, "the query gave %zu columns instead of one", n_columns);
	if (values[0] && strnlen(values[0], VALUE_MAX + 1) > VALUE_MAX)
		return err_set(e, ERR_DB, "the query gave a value of more than %zu bytes: count or hash it in the query", VALUE_MAX);
	if (s->rows++ == 0)
		s->value = arena_strdup(s->arena, values[0]);
	return 0;
}

/* In the release's own transaction a question is taken back to where it began, so that it changes nothing there either, and its failure is its own. */
static int query_inside(struct delivery *d, struct bytes sql, struct single *to, struct err *e)
{
	static const char *const back[] = {"ROLLBACK TO SAVEPOINT rollcall_question", "RELEASE SAVEPOINT rollcall_question"};
	struct err ignored = ERR_INIT;
	if (d->engine->query(d->conn, bytes_of_str("SAVEPOINT rollcall_question"), NULL, 0, NULL, NULL, e) != 0)
		return -1;
	watch_statement(d->watch, true);
	delivery_stoppable(d);
	int rc = d->engine->query(d->conn, sql, NULL, 0, single_row, to, e);
	watch_statement(d->watch, false);
	rc = delivery_stopped(d, rc, e);
	for (size_t i = 0; i < ARRAY_LEN(back) && d->engine->in_transaction(d->conn); i++)
		if (d->engine->query(d->conn, bytes_of_str(back[i]), NULL, 0, NULL, NULL, rc == 0 ? e : &ignored) != 0)
			return -1;
	if (rc == 0 && to->rows != 1)
		rc = err_set(e, ERR_DB, "the query gave %zu rows instead of one", to->rows);
	return rc;
}

static int query_once(struct delivery *d, struct bytes sql, struct single *to, struct err *e)
{
	struct err ignored = ERR_INIT;
	if (d->engine->begin(d->conn, e) != 0)
		return -1;
	watch_statement(d->watch, true);
	int rc = d->engine->query(d->conn, sql, NULL, 0, single_row, to, e);
	watch_statement(d->watch, false);
	if (d->engine->in_transaction(d->conn) && d->engine->rollback(d->conn, rc == 0 ? e : &ignored) != 0)
		rc = -1;
	if (rc == 0 && to->rows != 1)
		rc = err_set(e, ERR_DB, "the query gave %zu rows instead of one", to->rows);
	return rc;
}

enum ended checks_value(struct delivery *d, const char *changeset, struct bytes sql, struct arena *a, const char **ret, struct err *e)
{
	for (uint32_t n = 0;; n++) {
		struct single s = {.arena = a};
		*e = ERR_INIT;
		if ((d->whole ? query_inside : query_once)(d, sql, &s, e) == 0) {
			*ret = s.value;
			return ENDED_OK;
		}
		enum ended end = delivery_judge(d, e);
		if (end == ENDED_FAILED && !d->whole)
			end = delivery_wait(d, e, n, changeset, false);
		if (end != ENDED_OK)
			return end;
	}
}

static const char *shown(const char *value)
{
	return value ? value : "NULL";
}

/* ---- preconditions ---- */

static enum ended check_one(struct delivery *d, const struct plan_item *it, const struct check *c, bool *ret_met, const char **ret_found,
                            struct err *e)
{
	bool exists = false;
	const char *value = NULL;
	if (c->kind == CHECK_SQL) {
		enum ended end = checks_value(d, it->changeset->id, c->sql, d->arena, &value, e);
		*ret_met = end == ENDED_OK && str_eq(value, c->expected);
		*ret_found = arena_printf(d->arena, "the query gave '%s', expected '%s'", shown(value), shown(c->expected));
		return end;
	}
	bool view = c->kind == CHECK_VIEW_EXISTS;
	if (d->engine->table_exists(d->conn, c->schema, c->table, view, &exists, e) != 0)
		return delivery_judge(d, e);
	*ret_met = exists;
	*ret_found = arena_printf(d->arena, "%s %s does not exist", view ? "view" : "table", c->table);
	return ENDED_OK;
}

/* The changeset's own word on what a precondition that is not met, or cannot be asked, means. */
static enum ended precondition_unmet(struct delivery *d, const struct plan_item *it, const struct check *c, enum on_fail rule, const char *message,
                                     const char *what, enum precondition_verdict *ret)
{
	const char *text = message ? arena_printf(d->arena, "%s (%s)", message, what) : what;
	switch (rule) {
	case ON_FAIL_HALT:
		if (d->error.code == ERR_NONE)
			err_set(&d->error, ERR_POLICY, "precondition of %s: %s", it->changeset->id, text);
		else
			err_wrap(&d->error, "precondition of %s", it->changeset->id);
		delivery_place(d, it, DIRECTION_APPLY, 0, 0, c->line);
		return ENDED_FAILED;
	case ON_FAIL_CONTINUE:
		*ret = PRECONDITION_SKIP;
		break;
	case ON_FAIL_MARK_RAN:
		*ret = PRECONDITION_MARK_RAN;
		break;
	case ON_FAIL_WARN:
		*ret = PRECONDITION_MET;
		break;
	}
	d->error = ERR_INIT;
	delivery_say(d, "applying", it->changeset->id, arena_printf(d->arena, "precondition (%s): %s", on_fail_name(rule), text));
	return ENDED_OK;
}

enum ended checks_preconditions(struct delivery *d, const struct plan_item *it, enum precondition_verdict *ret)
{
	const struct changeset *cs = it->changeset;
	*ret = PRECONDITION_MET;
	for (size_t i = 0; i < cs->n_preconditions; i++) {
		const struct check *c = &cs->preconditions[i];
		bool met = false;
		const char *found = "";
		d->error = ERR_INIT;
		enum ended end = check_one(d, it, c, &met, &found, &d->error);
		if (end == ENDED_FAILED)
			end = precondition_unmet(d, it, c, cs->on_error, cs->on_error_message, arena_strdup(d->arena, d->error.msg), ret);
		else if (end == ENDED_OK && !met)
			end = precondition_unmet(d, it, c, cs->on_fail, cs->on_fail_message, found, ret);
		if (end != ENDED_OK || *ret != PRECONDITION_MET)
			return end;
	}
	return ENDED_OK;
}

/* ---- validations ---- */

static struct kept_value *kept_find(struct delivery *d, const char *name)
{
	for (size_t i = 0; i < d->n_kept; i++)
		if (str_eq(d->kept[i].name, name))
			return &d->kept[i];
	return NULL;
}

static void keep(struct delivery *d, const char *name, const char *value)
{
	arena_vec_grow(d->arena, d->kept, d->n_kept, d->cap_kept);
	d->kept[d->n_kept++] = (struct kept_value){.name = name, .value = value};
}

static void fail_validation(struct delivery *d, const struct plan_item *it, const struct validation *v, const char *text)
{
	if (d->error.code != ERR_NONE)
		return; /* the first one is named; all are in the report */
	err_set(&d->error, ERR_STATE, "validation %s %s %s failed: %s", v->name, v->when == VALIDATE_BEFORE ? "before" : "after", it->changeset->id,
	        text);
	delivery_place(d, it, DIRECTION_APPLY, 0, 0, v->line);
	delivery_check(d, C23_VALIDATIONS, check_what_to_do(C23_VALIDATIONS));
}

/* Reads and judges one. `expected` NULL with `judged`: SQL NULL is expected. Not judged: the value is only reported. */
static enum ended validate(struct delivery *d, const struct plan_item *it, const struct validation *v, enum validation_when when, bool judged,
                           const char *expected, const char **ret_value, bool *ok)
{
	const char *value = NULL;
	struct err e = ERR_INIT;
	enum ended end = checks_value(d, it->changeset->id, v->sql, d->arena, &value, &e);
	if (end != ENDED_OK && end != ENDED_FAILED) {
		d->error = e;
		return end;
	}
	bool good = end == ENDED_OK && (!judged || str_eq(value, expected));
	if (end == ENDED_FAILED)
		fail_validation(d, it, v, arena_printf(d->arena, "its query fails: %s", e.msg));
	else if (!good)
		fail_validation(d, it, v,
		                arena_printf(d->arena, "found '%s', expected '%s'%s", shown(value), shown(expected),
		                             v->mode == VALIDATE_SAME_AS_BEFORE ? " as before" : ""));
	collect_validation(d->report, &(struct validation_outcome){.changeset = it->changeset->id,
	                                                           .name = v->name,
	                                                           .when = when,
	                                                           .ok = good,
	                                                           .value = end == ENDED_FAILED ? e.msg : shown(value),
	                                                           .expected = judged ? shown(expected) : NULL});
	*ret_value = value;
	*ok = *ok && good;
	return ENDED_OK;
}

static enum ended note_kept(struct delivery *d, const struct plan_item *it)
{
	struct journal_note *notes = arena_alloc(d->arena, (d->n_kept + 1) * sizeof *notes);
	for (size_t i = 0; i < d->n_kept; i++) {
		notes[i] = (struct journal_note){.target = d->task->target,
		                                 .project = d->verified->release.project,
		                                 .changeset = it->changeset->id,
		                                 .run = it->run,
		                                 .name = d->kept[i].name,
		                                 .value = d->kept[i].value,
		                                 .attempt = d->task->attempt};
		memcpy(notes[i].task, d->task->id, TASK_SIZE);
	}
	if (journal_notes_put(d->journal, notes, d->n_kept, &d->error) != 0)
		return ENDED_FAILED;
	FAILPOINT("values-noted");
	return ENDED_OK;
}

static bool compares_with_before(const struct validation *v)
{
	return v->when == VALIDATE_AFTER && v->mode == VALIDATE_SAME_AS_BEFORE;
}

enum ended checks_before(struct delivery *d, const struct plan_item *it)
{
	const struct changeset *c = it->changeset;
	bool ok = true, needed = false;
	const char *value = NULL;
	enum ended end = ENDED_OK;
	d->n_kept = 0;
	d->error = ERR_INIT;
	for (size_t i = 0; i < c->n_validations && end == ENDED_OK; i++) {
		const struct validation *v = &c->validations[i];
		needed = needed || compares_with_before(v);
		if (v->when != VALIDATE_BEFORE)
			continue;
		end = validate(d, it, v, VALIDATE_BEFORE, v->mode == VALIDATE_EQUALS, v->expected, &value, &ok);
		if (end == ENDED_OK && ok)
			keep(d, v->name, value);
	}
	if (end == ENDED_OK && !ok)
		return ENDED_FAILED;
	for (size_t i = 0; i < c->n_validations && end == ENDED_OK; i++) {
		const struct validation *v = &c->validations[i];
		if (!compares_with_before(v) || kept_find(d, v->name))
			continue;
		end = checks_value(d, c->id, v->sql, d->arena, &value, &d->error);
		if (end == ENDED_FAILED) {
			delivery_place(d, it, DIRECTION_APPLY, 0, 0, v->line);
			delivery_check(d, C23_VALIDATIONS, check_what_to_do(C23_VALIDATIONS));
		}
		keep(d, v->name, value);
	}
	return end == ENDED_OK && needed && !d->whole ? note_kept(d, it) : end; /* what is committed only with its validations is never recalled */
}

enum ended checks_recall(struct delivery *d, const struct plan_item *it)
{
	const struct changeset *c = it->changeset;
	d->n_kept = 0;
	for (size_t i = 0; i < c->n_validations; i++) {
		struct journal_note note;
		bool found = false;
		if (kept_find(d, c->validations[i].name))
			continue;
		note = (struct journal_note){
		    .target = d->task->target, .project = d->verified->release.project, .changeset = c->id, .run = it->run, .name = c->validations[i].name};
		if (journal_note_get(d->journal, &note, d->arena, &found, &d->error) != 0)
			return ENDED_FAILED;
		if (found)
			keep(d, note.name, note.value);
	}
	return ENDED_OK;
}

enum ended checks_after(struct delivery *d, const struct plan_item *it, bool *ret_ok)
{
	const struct changeset *c = it->changeset;
	const char *value = NULL;
	bool ok = true;
	d->error = ERR_INIT;
	for (size_t i = 0; i < c->n_validations; i++) {
		const struct validation *v = &c->validations[i];
		if (v->when != VALIDATE_AFTER)
			continue;
		const struct kept_value *before = kept_find(d, v->name);
		if (v->mode == VALIDATE_SAME_AS_BEFORE && !before) {
			err_set(&d->error, ERR_NOT_FOUND, "validation %s after %s cannot be judged: the value from before is not in this agent's journal",
			        v->name, c->id);
			delivery_place(d, it, DIRECTION_APPLY, 0, 0, v->line);
			delivery_check(d, C23_VALIDATIONS, NULL);
			return ENDED_ATTENTION;
		}
		const char *expected = v->mode == VALIDATE_SAME_AS_BEFORE ? before->value : v->expected;
		enum ended end = validate(d, it, v, VALIDATE_AFTER, v->mode != VALIDATE_RECORD, expected, &value, &ok);
		if (end != ENDED_OK)
			return end;
	}
	*ret_ok = ok;
	return ENDED_OK;
}

enum ended checks_restored(struct delivery *d, const struct plan_item *it, bool *ret_ok)
{
	const struct changeset *c = it->changeset;
	const char *value = NULL;
	bool ok = true;
	for (size_t i = 0; i < c->n_validations; i++) {
		const struct validation *v = &c->validations[i];
		const struct kept_value *before = kept_find(d, v->name);
		if (v->when != VALIDATE_BEFORE && !(compares_with_before(v) && before))
			continue;
		bool equals = v->when == VALIDATE_BEFORE && v->mode == VALIDATE_EQUALS;
		enum ended end = validate(d, it, v, VALIDATE_BEFORE, equals || before, equals ? v->expected : before ? before->value : NULL, &value, &ok);
		if (end != ENDED_OK)
			return end;
	}
	*ret_ok = ok;
	return ENDED_OK;
}
