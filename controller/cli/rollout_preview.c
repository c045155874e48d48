/* `rollcall rollout preview`: what is pending where comes from the controller (surveyed from the sites' own ledgers), the statements come from the release file
 * in the operator's hand. Targets for which exactly the same would run are shown together. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/wire/limits.h"
#include "controller/cli/rollout_cli.h"

#define GROUP_TARGETS_SHOWN 12

struct range { /* rows of one target: they stand together */
	size_t from, to;
};
struct group { /* targets for which the same would run */
	struct range rows; /* of the first one */
	const char **targets;
	size_t n, cap;
};
struct preview {
	const struct answer_table *table;
	const struct release *release; /* NULL: no statements at hand */
	struct arena *arena;
	struct group *groups;
	size_t n, cap;
};

static const char *cell(const struct preview *p, size_t row, const char *column)
{
	return answer_cell(p->table, row, column);
}

static bool same_rows(const struct preview *p, struct range a, struct range b)
{
	static const char *const columns[] = {"engine", "changeset", "action", "step", "detail"};
	if (a.to - a.from != b.to - b.from)
		return false;
	for (size_t i = 0; i < a.to - a.from; i++)
		for (size_t c = 0; c < ARRAY_LEN(columns); c++)
			if (!str_eq(cell(p, a.from + i, columns[c]), cell(p, b.from + i, columns[c])))
				return false;
	return true;
}

static void add_target(struct preview *p, struct range rows, bool alone)
{
	struct group *g = NULL;
	for (size_t i = 0; !alone && !g && i < p->n; i++)
		if (same_rows(p, p->groups[i].rows, rows))
			g = &p->groups[i];
	if (!g) {
		arena_vec_grow(p->arena, p->groups, p->n, p->cap);
		g = &p->groups[p->n++];
		*g = (struct group){.rows = rows};
	}
	arena_vec_grow(p->arena, g->targets, g->n, g->cap);
	g->targets[g->n++] = cell(p, rows.from, "target");
}

static void group_targets(struct preview *p, bool each_alone)
{
	for (size_t i = 0; p->table && i < p->table->n_rows;) {
		struct range r = {i, i + 1};
		while (r.to < p->table->n_rows && str_eq(cell(p, r.to, "target"), cell(p, i, "target")))
			r.to++;
		add_target(p, r, each_alone);
		i = r.to;
	}
}

/* ---- for people ---- */

/* A statement's own lines, indented; control characters of a hostile file do not reach the terminal. */
static void print_sql(struct bytes sql)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	AUTO(mem_free_ptr) char *copy = mem_alloc(sql.n + 1);
	if (sql.n)
		memcpy(copy, sql.p, sql.n);
	for (char *line, *rest = copy; (line = strsep(&rest, "\n")) != NULL;) {
		for (char *tab = line; (tab = strchr(tab, '\t')) != NULL;)
			*tab = ' ';
		buf_adds(&b, "        ");
		output_add_visible(&b, line);
		buf_adds(&b, rest ? "\n" : ";\n");
	}
	fputs(buf_str(&b), stdout);
}

static void print_class(const struct preview *p, const struct changeset *c, const struct step *s, bool back)
{
	const struct batching *o = &c->batching;
	char pause[CLOCK_TEXT_SIZE], lag[CLOCK_TEXT_SIZE];
	printf(", class %s", step_class_name(s->class));
	if (s->class == STEP_T)
		fputs(release_needs(p->release, FEATURE_RELEASE_TRANSACTION) ? ": part of the release's one transaction"
		                                                             : ": one transaction with its ledger row",
		      stdout);
	else if (s->class == STEP_B) {
		printf(": in batches of %u rows", back ? o->rollback_size : o->size);
		if (o->pause_ms)
			printf(", %s between two", clock_duration_text((int64_t)o->pause_ms * 1000, pause));
		if (o->max_lag_ms)
			printf(", none while a replica is more than %s behind", clock_duration_text((int64_t)o->max_lag_ms * 1000, lag));
		if (o->query.n)
			printf(", none while this is above %llu:\n", (unsigned long long)o->limit);
		if (o->query.n)
			print_sql(o->query);
	}
	if (s->class != STEP_B || !o->query.n)
		putchar('\n');
}

static void print_steps(const struct preview *p, const struct changeset *c, const struct body *b, bool back, size_t first)
{
	const struct step *steps = back ? b->rollback : b->steps;
	for (size_t i = first; i < (back ? b->n_rollback : b->n_steps); i++) {
		printf("      step %zu", i + 1);
		print_class(p, c, &steps[i], back);
		for (size_t s = 0; s < steps[i].n_statements; s++)
			print_sql(steps[i].statements[s].sql);
	}
}

static void print_checks(const struct changeset *c, enum validation_when when)
{
	for (size_t i = 0; when == VALIDATE_BEFORE && i < c->n_preconditions; i++) {
		if (c->preconditions[i].kind != CHECK_SQL) {
			printf("      precondition: %s %s\n",
			       c->preconditions[i].kind == CHECK_TABLE_EXISTS ? "table exists:" : "view exists:", c->preconditions[i].table);
			continue;
		}
		printf("      precondition, expects %s\n", c->preconditions[i].expected);
		print_sql(c->preconditions[i].sql);
	}
	for (size_t i = 0; i < c->n_validations; i++) {
		const struct validation *v = &c->validations[i];
		if (v->when != when)
			continue;
		printf("      validation %s, %s%s%s\n", when == VALIDATE_BEFORE ? "before" : "after", v->name, v->mode == VALIDATE_EQUALS ? ", expects " : "",
		       v->mode == VALIDATE_EQUALS           ? v->expected
		       : v->mode == VALIDATE_SAME_AS_BEFORE ? ", same as before"
		                                            : "");
		print_sql(v->sql);
	}
}

static void print_place(const struct changeset *c, const struct body *b, bool back)
{
	const struct step *first = b && back && b->n_rollback ? b->rollback : NULL;
	if (c)
		printf("  %s:%u", b ? changeset_file(c, b, back) : c->file, first && first->n_statements ? first->statements[0].line : c->line);
	putchar('\n');
}

/* Where to begin: steps are counted from one for people. */
static size_t first_step(const struct preview *p, size_t row)
{
	size_t n = strtoul(cell(p, row, "step"), NULL, 10);
	return n ? n - 1 : 0;
}

static void print_changeset(const struct preview *p, size_t row)
{
	const char *id = cell(p, row, "changeset"), *detail = cell(p, row, "detail"), *action = cell(p, row, "action");
	const struct changeset *c = p->release ? release_changeset(p->release, id) : NULL;
	const struct body *b = c ? changeset_body(c, cell(p, row, "engine")) : NULL;
	printf("    %s%s%s%s%s%s", id, *id ? "  " : "", action, *detail ? " (" : "", detail, *detail ? ")" : "");
	print_place(c, b, str_eq(action, "rollback"));
	if (!b || str_eq(action, "blocked"))
		return;
	size_t first = first_step(p, row);
	if (str_eq(action, "rollback")) {
		print_steps(p, c, b, true, first);
		return;
	}
	if (first == 0)
		print_checks(c, VALIDATE_BEFORE);
	print_steps(p, c, b, false, first);
	print_checks(c, VALIDATE_AFTER);
}

static void print_group(const struct preview *p, const struct group *g)
{
	printf("%zu target%s (%s):", g->n, g->n == 1 ? "" : "s", cell(p, g->rows.from, "engine"));
	for (size_t i = 0; i < g->n && i < GROUP_TARGETS_SHOWN; i++)
		printf(" %s", g->targets[i]);
	if (g->n > GROUP_TARGETS_SHOWN)
		printf(" and %zu more (-o wide shows each)", g->n - GROUP_TARGETS_SHOWN);
	putchar('\n');
	for (size_t row = g->rows.from; row < g->rows.to; row++)
		print_changeset(p, row);
	putchar('\n');
}

/* ---- for programs: a row for each statement ---- */

static void add_statement_rows(struct table *t, const struct preview *p, size_t row, const struct step *steps, size_t n)
{
	for (size_t i = first_step(p, row); i < n; i++) {
		for (size_t s = 0; s < steps[i].n_statements; s++) {
			char step[24];
			const struct bytes sql = steps[i].statements[s].sql;
			AUTO(buf_done) struct buf text = BUF_INIT;
			buf_add(&text, sql.p, sql.n);
			snprintf(step, sizeof step, "%zu", i + 1);
			table_row(t,
			          (const char *const[]){cell(p, row, "target"), cell(p, row, "wave"), cell(p, row, "engine"), cell(p, row, "changeset"),
			                                cell(p, row, "action"), step, step_class_name(steps[i].class), buf_str(&text), cell(p, row, "detail")});
		}
	}
}

static void print_rows(const struct preview *p, enum output_format f)
{
	struct table *t = table_new("target,wave,engine,changeset,action,#step,class,sql,detail");
	for (size_t row = 0; p->table && row < p->table->n_rows; row++) {
		const struct changeset *c = p->release ? release_changeset(p->release, cell(p, row, "changeset")) : NULL;
		const struct body *b = c ? changeset_body(c, cell(p, row, "engine")) : NULL;
		const char *action = cell(p, row, "action");
		if (b && str_eq(action, "rollback"))
			add_statement_rows(t, p, row, b->rollback, b->n_rollback);
		else if (b && !str_eq(action, "blocked"))
			add_statement_rows(t, p, row, b->steps, b->n_steps);
		else
			table_row(t, (const char *const[]){cell(p, row, "target"), cell(p, row, "wave"), cell(p, row, "engine"), cell(p, row, "changeset"),
			                                   cell(p, row, "action"), NULL, NULL, NULL, cell(p, row, "detail")});
	}
	table_print(t, f, "statements", stdout);
	table_destroy(&t);
}

static int print_preview(struct preview *p, const struct answer *r, enum output_format f)
{
	struct answer rest = *r;
	group_targets(p, f == OUTPUT_WIDE);
	if (f != OUTPUT_TABLE && f != OUTPUT_WIDE) {
		print_rows(p, f);
	} else {
		for (size_t i = 0; i < p->n; i++)
			print_group(p, &p->groups[i]);
		if (!p->release)
			output_say("to see the statements, name the release's file: --release FILE (here only its version was given)");
	}
	fflush(stdout);
	rest.n_tables = 0;
	return f == OUTPUT_TABLE || f == OUTPUT_WIDE ? answer_print(&rest, f) : r->exit_code;
}

int run_rollout_preview(const struct cmd_args *a, struct err *e)
{
	AUTO(chosen_release_done) struct chosen_release release = {0};
	AUTO(buf_done) struct buf plan = BUF_INIT;
	AUTO(live_close) struct live l = {0};
	AUTO(answer_done) struct answer r = {0};
	struct question q = {.verb = VERB_ROLLOUT_PREVIEW};
	const char *direction = cmd_option_value(a, "direction");
	enum direction d = DIRECTION_APPLY;
	if (direction && !direction_parse(direction, &d))
		return err_set(e, ERR_USAGE, "--direction %s: use apply or rollback", direction);
	if (file_read(cmd_argument(a, 0), LIMIT_YAML, &plan, e) != 0 || chosen_release_load(cmd_option_value(a, "release"), &release, e) != 0)
		return -1;
	q.document = buf_bytes(&plan);
	question_add(&q, "plan", cmd_argument(a, 0));
	question_add(&q, "release", release.name);
	question_add(&q, "environment", cmd_option_value(a, "environment"));
	question_add(&q, "direction", direction);
	question_add_options(&q, a, "target");
	question_add_options(&q, a, "except");
	if (live_open(a, &l, e) != 0 || live_ask(&l, &q, &r, e) != 0)
		return -1;
	struct preview p = {.table = answer_find(&r, "changeset"), .release = release.release, .arena = r.arena};
	return print_preview(&p, &r, cmd_output(a));
}
