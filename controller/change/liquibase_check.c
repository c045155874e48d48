/* Preconditions, our validations, and --lint-ignore: the lines of a changeset that are not SQL to run. */
#include "controller/change/liquibase.h"

#include <ctype.h>
#include <string.h>

#include "common/base/nearest.h"
#include "common/base/str.h"

static void read_on(struct lb *lb, const struct attribute *at, enum on_fail *ret)
{
	if (!on_fail_parse(at->value, ret))
		LB_PROBLEM(lb, "write HALT, CONTINUE, MARK_RAN or WARN", "%s:%.60s is unknown", at->key, at->value);
}

/* onSqlOutput (older name onUpdateSQL) says what Liquibase does with preconditions when it only prints SQL: checked, without effect here. */
static void read_output(struct lb *lb, const struct attribute *at)
{
	if (lb->preconditions_output && !str_ieq(lb->preconditions_output, at->key)) {
		LB_PROBLEM(lb, "keep onSqlOutput", "onSqlOutput and onUpdateSQL are the same thing, and both are given");
		return;
	}
	lb->preconditions_output = at->key;
	if (!str_ieq(at->value, "IGNORE") && !str_ieq(at->value, "TEST") && !str_ieq(at->value, "FAIL"))
		LB_PROBLEM(lb, "write IGNORE, TEST or FAIL", "%s:%.60s is unknown", at->key, at->value);
}

void lb_read_preconditions(struct lb *lb, struct bytes rest)
{
	static const char *const known[] = {"onFail", "onError", "onFailMessage", "onErrorMessage", "onSqlOutput", "onUpdateSQL"};
	struct attribute at;
	if (lb->preconditions || lb->cur.n_preconditions)
		LB_PROBLEM(lb, "write one --preconditions line, above its --precondition- lines", "Liquibase forgets the preconditions above this line");
	lb->preconditions = true;
	while (lb_trim(rest).n && lb_attribute(lb, &rest, &at)) {
		if (str_ieq(at.key, "onFail"))
			read_on(lb, &at, &lb->cur.on_fail);
		else if (str_ieq(at.key, "onError"))
			read_on(lb, &at, &lb->cur.on_error);
		else if (str_ieq(at.key, "onFailMessage"))
			lb->cur.on_fail_message = lb_expand(lb, at.value);
		else if (str_ieq(at.key, "onErrorMessage"))
			lb->cur.on_error_message = lb_expand(lb, at.value);
		else if (str_ieq(at.key, "onSqlOutput") || str_ieq(at.key, "onUpdateSQL"))
			read_output(lb, &at);
		else
			lb_unknown_attribute(lb, &at, "preconditions", known, ARRAY_LEN(known));
	}
}

/* `[expectedResult:]V rest`, V bare, 'single' or "double" quoted. false when there is no value. */
static bool take_expected(struct lb *lb, struct bytes *rest, const char **ret)
{
	static const char key[] = "expectedResult:";
	struct bytes b = lb_trim(*rest);
	if (b.n >= sizeof key - 1 && strncasecmp((const char *)b.p, key, sizeof key - 1) == 0)
		b = bytes_of(b.p + sizeof key - 1, b.n - (sizeof key - 1));
	if (b.n && (b.p[0] == '\'' || b.p[0] == '"')) {
		const uint8_t *end = memchr(b.p + 1, b.p[0], b.n - 1);
		if (!end)
			return false;
		*ret = arena_strndup(lb->a, (const char *)b.p + 1, (size_t)(end - b.p) - 1);
		*rest = lb_trim(bytes_of(end + 1, b.n - (size_t)(end - b.p) - 1));
		return true;
	}
	struct bytes value = lb_next_word(&b);
	*ret = arena_strndup(lb->a, (const char *)value.p, value.n);
	*rest = b;
	return value.n > 0;
}

static void add_check(struct lb *lb, struct check c)
{
	c.line = lb->lines.line;
	arena_vec_grow(lb->a, lb->cur.preconditions, lb->cur.n_preconditions, lb->cur.cap_preconditions);
	lb->cur.preconditions[lb->cur.n_preconditions++] = c;
}

static const char *without_semicolon(struct lb *lb, struct bytes sql)
{
	while (sql.n && (sql.p[sql.n - 1] == ';' || isspace(sql.p[sql.n - 1])))
		sql.n--;
	return lb_expand(lb, arena_strndup(lb->a, (const char *)sql.p, sql.n));
}

static void read_sql_check(struct lb *lb, struct bytes rest)
{
	struct check c = {.kind = CHECK_SQL};
	if (!take_expected(lb, &rest, &c.expected) || rest.n == 0) {
		LB_PROBLEM(lb, "write --precondition-sql-check expectedResult:0 SELECT ...", "a sql-check needs an expected result and a query");
		return;
	}
	const char *sql = without_semicolon(lb, rest);
	c.expected = lb_expand(lb, c.expected);
	c.sql = bytes_of_str(sql);
	if (sql && c.expected)
		add_check(lb, c);
}

static void read_object_check(struct lb *lb, enum check_kind kind, const char *object, struct bytes rest)
{
	struct check c = {.kind = kind};
	struct attribute at;
	while (lb_trim(rest).n) {
		if (!lb_attribute(lb, &rest, &at))
			return;
		if (str_ieq(at.key, object))
			c.table = lb_expand(lb, at.value);
		else if (str_ieq(at.key, "schema"))
			c.schema = lb_expand(lb, at.value);
		else {
			const char *const known[] = {object, "schema"};
			lb_unknown_attribute(lb, &at, arena_printf(lb->a, "precondition-%s-exists", object), known, ARRAY_LEN(known));
			return;
		}
	}
	if (str_empty(c.table)) {
		LB_PROBLEM(lb, arena_printf(lb->a, "write --precondition-%s-exists %s:name", object, object), "the %s is not named", object);
		return;
	}
	add_check(lb, c);
}

void lb_read_precondition(struct lb *lb, struct bytes kind, struct bytes rest)
{
	if (lb_word_is(kind, "sql-check"))
		read_sql_check(lb, rest);
	else if (lb_word_is(kind, "table-exists"))
		read_object_check(lb, CHECK_TABLE_EXISTS, "table", rest);
	else if (lb_word_is(kind, "view-exists"))
		read_object_check(lb, CHECK_VIEW_EXISTS, "view", rest);
	else
		LB_PROBLEM(lb, "use sql-check, table-exists or view-exists", "precondition '%.*s' does not exist in formatted SQL",
		           (int)(kind.n > 60 ? 60 : kind.n), (const char *)kind.p);
}

static const struct validation *find_validation(const struct lb *lb, const char *name, enum validation_when when)
{
	for (size_t i = 0; i < lb->cur.n_validations; i++)
		if (lb->cur.validations[i].when == when && str_eq(lb->cur.validations[i].name, name))
			return &lb->cur.validations[i];
	return NULL;
}

/* `name:x` at the start; NULL after a problem. */
static const char *take_name(struct lb *lb, struct bytes *rest, const char *form)
{
	struct bytes word = lb_next_word(rest);
	const char *name =
	    word.n > 5 && strncasecmp((const char *)word.p, "name:", 5) == 0 ? arena_strndup(lb->a, (const char *)word.p + 5, word.n - 5) : NULL;
	if (!name)
		LB_PROBLEM(lb, form, "the validation has no name");
	else if (!str_is_name(name)) {
		LB_PROBLEM(lb, "use a-z, 0-9, '.', '_' and '-', at most 63", "'%.80s' cannot be the name of a validation", name);
		name = NULL;
	}
	return name;
}

static bool starts_with_expected(struct bytes b)
{
	return b.n >= 15 && strncasecmp((const char *)b.p, "expectedResult:", 15) == 0;
}

static bool take_mode(struct lb *lb, struct bytes *rest, struct validation *v)
{
	struct bytes b = *rest, word = lb_next_word(&b);
	if (starts_with_expected(*rest)) {
		v->mode = VALIDATE_EQUALS;
		return take_expected(lb, rest, &v->expected) && (v->expected = lb_expand(lb, v->expected)) != NULL;
	}
	v->mode = v->when == VALIDATE_BEFORE ? VALIDATE_RECORD : VALIDATE_SAME_AS_BEFORE;
	if (v->when == VALIDATE_BEFORE)
		return true;
	*rest = b;
	return lb_word_is(word, "same-as-before");
}

void lb_read_validation(struct lb *lb, enum validation_when when, struct bytes rest)
{
	const char *form = when == VALIDATE_BEFORE ? "write --validate-before name:x SELECT ..."
	                                           : "write --validate-after name:x same-as-before SELECT ..., or name:x expectedResult:V SELECT ...";
	struct validation v = {.when = when, .line = lb->lines.line, .name = take_name(lb, &rest, form)};
	if (!v.name)
		return;
	if (!take_mode(lb, &rest, &v)) {
		LB_PROBLEM(lb, form, "validation %s does not say what is expected", v.name);
		return;
	}
	if (find_validation(lb, v.name, when)) {
		LB_PROBLEM(lb, "give it another name", "validation %s is there twice", v.name);
		return;
	}
	const char *sql = without_semicolon(lb, rest);
	if (!sql)
		return;
	v.sql = bytes_of_str(sql);
	arena_vec_grow(lb->a, lb->cur.validations, lb->cur.n_validations, lb->cur.cap_validations);
	lb->cur.validations[lb->cur.n_validations++] = v;
}

/* A query left out on one side is the other side's of the same name. */
void lb_finish_validations(struct lb *lb)
{
	for (size_t i = 0; i < lb->cur.n_validations; i++) {
		struct validation *v = &lb->cur.validations[i];
		const struct validation *other = find_validation(lb, v->name, v->when == VALIDATE_BEFORE ? VALIDATE_AFTER : VALIDATE_BEFORE);
		if (v->mode == VALIDATE_SAME_AS_BEFORE && (!other || other->mode != VALIDATE_RECORD))
			problem_add(lb->problems, lb->file->path, v->line, arena_printf(lb->a, "write --validate-before name:%s SELECT ... too", v->name),
			            "validation %s has nothing from before to compare with", v->name);
		else if (v->sql.n == 0 && other && other->sql.n)
			v->sql = other->sql;
		else if (v->sql.n == 0)
			problem_add(lb->problems, lb->file->path, v->line, "write a SELECT after it", "validation %s has no query", v->name);
	}
}

/* `limit:N SELECT ...` */
void lb_read_throttle(struct lb *lb, struct bytes rest)
{
	static const char form[] = "write --throttle-query limit:50 SELECT ..., a query for one number";
	struct batching *b = &lb->cur.batching;
	struct bytes word = lb_next_word(&rest);
	struct err e = ERR_INIT;
	if (b->query.n) {
		LB_PROBLEM(lb, "join the two in one query", "--throttle-query is there twice");
		return;
	}
	if (word.n <= 6 || strncasecmp((const char *)word.p, "limit:", 6) != 0 || rest.n == 0 ||
	    str_to_u64(arena_strndup(lb->a, (const char *)word.p + 6, word.n - 6), "limit", 0, INT64_MAX, &b->limit, &e) != 0) {
		LB_PROBLEM(lb, form, "the throttle has no limit or no query");
		return;
	}
	const char *sql = without_semicolon(lb, rest);
	if (!sql)
		return;
	b->query = bytes_of_str(sql);
	b->line = lb->lines.line;
}

void lb_finish_batching(struct lb *lb)
{
	const struct batching *b = &lb->cur.batching;
	if (b->size || b->rollback_size)
		return;
	if (b->query.n)
		problem_add(lb->problems, lb->file->path, b->line, "write batch:5000 in the changeset's line, or remove it",
		            "a throttle where nothing is batched");
	if (b->pause_ms || b->max_lag_ms)
		problem_add(lb->problems, lb->file->path, lb->cur.line, "write batch:5000 too, or remove them", "pause or maxLag where nothing is batched");
}

void lb_read_suppression(struct lb *lb, struct bytes rest)
{
	struct bytes rule = lb_next_word(&rest);
	struct attribute at = {0};
	if (rule.n == 0 || !lb_attribute(lb, &rest, &at) || !str_ieq(at.key, "reason") || str_empty(at.value)) {
		LB_PROBLEM(lb, "write --lint-ignore RULE reason:\"why it is right here\"", "a suppression needs a rule and a reason");
		return;
	}
	arena_vec_grow(lb->a, lb->cur.suppressions, lb->cur.n_suppressions, lb->cur.cap_suppressions);
	lb->cur.suppressions[lb->cur.n_suppressions++] =
	    (struct suppression){.rule = arena_strndup(lb->a, (const char *)rule.p, rule.n), .reason = at.value, .line = lb->lines.line};
}
