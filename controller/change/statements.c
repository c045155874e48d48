/* Splitting by the dialects' lexer, and the checks on queries. */
#include "controller/change/statements.h"

#include <stdio.h>
#include <string.h>

#include "common/base/str.h"
#include "common/sql/split.h"

struct collect {
	struct arena *a;
	enum dialect d;
	struct parsed_script *out;
};

static int take_piece(void *arg, const struct piece *p, struct err *e)
{
	struct collect *c = arg;
	struct parsed_script *out = c->out;
	(void)e;
	arena_vec_grow(c->a, out->list, out->n, out->cap);
	struct parsed_statement *s = &out->list[out->n++];
	*s = (struct parsed_statement){.s = {.sql = arena_bytes(c->a, p->sql), .line = p->line}};
	sql_classify(c->d, s->s.sql, &s->c);
	return 0;
}

/* The splitter says "line N: what: what to do"; ours is file:line. */
static void add_split_problem(struct change_set *set, const struct script *s, const struct err *e)
{
	unsigned line = s->line;
	const char *text = e->msg;
	int skipped = 0;
	if (sscanf(text, "line %u: %n", &line, &skipped) == 1 && skipped)
		text += skipped;
	const char *todo = strstr(text, ": ");
	size_t n = todo ? (size_t)(todo - text) : strlen(text);
	problem_add(&set->problems, s->file, line, todo ? arena_strdup(set->arena, todo + 2) : "correct it", "%.*s", (int)n, text);
}

static void parse_script(struct change_set *set, const struct script *s, enum dialect d, struct parsed_script *ret)
{
	struct collect c = {.a = set->arena, .d = d, .out = ret};
	struct split_options o = {.split = s->split, .strip_comments = s->strip_comments, .delimiter = s->delimiter, .first_line = s->line};
	struct err e = ERR_INIT;
	ret->file = s->file;
	if (sql_split(d, s->sql, &o, take_piece, &c, &e) != 0)
		add_split_problem(set, s, &e);
}

/* One problem for a query, not one for each engine. */
static void check_query(struct change_set *set, const struct change *c, struct bytes sql, uint32_t line, const char *what)
{
	for (enum dialect d = 0; d < DIALECT_COUNT; d++) {
		struct sql_class class;
		if (!(c->engines & ENGINE_BIT(d)))
			continue;
		sql_classify(d, sql, &class);
		if (class.kind == SQL_QUERY && class.class == STEP_T && sql_is_single(d, sql))
			continue;
		if (class.kind == SQL_QUERY && class.class != STEP_T) {
			const char *why = class.why, *todo = strstr(why, ": "); /* that advice is for a changeset's own statements */
			problem_add(&set->problems, c->file, line, "write one SELECT that only reads", "%s must only read: %.*s", what,
			            (int)(todo ? (size_t)(todo - why) : strlen(why)), why);
			return;
		}
		problem_add(&set->problems, c->file, line, "write one SELECT that returns one value", "%s is not one query", what);
		return;
	}
}

static void check_queries(struct change_set *set, const struct change *c)
{
	for (size_t i = 0; i < c->n_preconditions; i++)
		if (c->preconditions[i].kind == CHECK_SQL)
			check_query(set, c, c->preconditions[i].sql, c->preconditions[i].line, "the precondition");
	for (size_t i = 0; i < c->n_validations; i++)
		if (c->validations[i].sql.n)
			check_query(set, c, c->validations[i].sql, c->validations[i].line, arena_printf(set->arena, "validation %s", c->validations[i].name));
}

static void check_throttle(struct change_set *set, const struct change *c)
{
	if (c->batching.query.n)
		check_query(set, c, c->batching.query, c->batching.line, "the throttle");
}

static void parse_change(struct change_set *set, struct parsed_change *p)
{
	const struct change *c = p->change;
	for (enum dialect d = 0; d < DIALECT_COUNT && !c->ignored; d++) {
		const struct script *forward = change_forward(c, d), *rollback = change_rollback(c, d);
		if (forward)
			parse_script(set, forward, d, &p->forward[d]);
		if (rollback)
			parse_script(set, rollback, d, &p->rollback[d]);
	}
	check_queries(set, c);
	check_throttle(set, c);
}

void statements_parse(struct change_set *set, struct parsed_set *ret)
{
	*ret = (struct parsed_set){.set = set, .n = set->n};
	ret->changes = arena_alloc(set->arena, (set->n + 1) * sizeof *ret->changes);
	for (size_t i = 0; i < set->n; i++) {
		ret->changes[i].change = &set->changes[i];
		parse_change(set, &ret->changes[i]);
	}
}
