/* What changed between two answers of a rollout's status: a line each for people, or a JSON object a line for programs. Only states are compared; nothing here asks or waits. */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/cli/table.h"
#include "controller/cli/rollout_cli.h"

#define CHANGE_COLUMNS "at,kind,name,wave,from,to,detail,next"

struct change_line {
	const char *kind, *name, *wave; /* kind: "rollout", "wave", "target", "end"; wave of a target */
	const char *from, *to, *detail, *next;
};

static const char *cell_by_key(const struct answer_table *t, size_t hint, const char *key_column, const char *key, const char *column)
{
	if (!t)
		return "";
	if (hint < t->n_rows && str_eq(answer_cell(t, hint, key_column), key))
		return answer_cell(t, hint, column);
	for (size_t i = 0; i < t->n_rows; i++)
		if (str_eq(answer_cell(t, i, key_column), key))
			return answer_cell(t, i, column);
	return "";
}

static const char *or_null(const char *s)
{
	return str_empty(s) ? NULL : s;
}

static void print_object(FILE *out, const struct change_line *c)
{
	AUTO(table_destroy) struct table *t = table_new(CHANGE_COLUMNS);
	char at[CLOCK_TEXT_SIZE];
	table_row(t, (const char *const[]){clock_text(clock_wall_us(), at), c->kind, c->name, or_null(c->wave), or_null(c->from), c->to,
	                                   or_null(c->detail), or_null(c->next)});
	table_print(t, OUTPUT_NDJSON, NULL, out);
}

/* "08:57:04Z  wave early  failed  2 of 3 applied": a target needs no word before it; from what state is told of the rollout alone. */
static void print_words(FILE *out, const struct change_line *c)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	char at[CLOCK_TEXT_SIZE];
	bool rollout = str_eq(c->kind, "rollout");
	const char *on = output_has_colour(out) ? output_state_colour(c->to) : "";
	buf_addf(&b, "%.9s  ", clock_text(clock_wall_us(), at) + 11); /* the zone too: 07:05:18Z */
	if (!str_eq(c->kind, "target"))
		buf_addf(&b, "%s ", c->kind);
	AUTO(buf_done) struct buf name = BUF_INIT;
	buf_addf(&name, "%.*s", rollout ? ROLLOUT_SHOWN : (int)strlen(c->name), c->name);
	output_add_visible(&b, buf_str(&name));
	buf_addf(&b, "  %s%s%s", rollout ? c->from : "", rollout && *c->from ? " -> " : "", on);
	output_add_visible(&b, c->to);
	buf_adds(&b, *on ? "\033[0m" : "");
	if (!str_empty(c->detail)) {
		buf_adds(&b, "  ");
		output_add_visible(&b, c->detail);
	}
	fprintf(out, "%s\n", b.p);
}

static void print_change(const struct follow *how, const struct change_line *c)
{
	if (how->objects)
		print_object(how->lines, c);
	else
		print_words(how->lines, c);
}

static void wave_counts(const struct answer_table *t, size_t row, struct buf *ret)
{
	buf_clear(ret);
	buf_addf(ret, "%s of %s applied", answer_cell(t, row, "applied"), answer_cell(t, row, "targets"));
	if (!str_eq(answer_cell(t, row, "failed"), "0") && *answer_cell(t, row, "failed"))
		buf_addf(ret, ", %s failed", answer_cell(t, row, "failed"));
}

static void print_changed_rows(const struct follow *how, const struct answer_table *now, const struct answer_table *was, const char *kind, bool first)
{
	AUTO(buf_done) struct buf counts = BUF_INIT;
	bool wave = str_eq(kind, "wave");
	for (size_t i = 0; now && i < now->n_rows; i++) {
		const char *name = answer_cell(now, i, kind), *is = answer_cell(now, i, "state"), *old = cell_by_key(was, i, kind, name, "state");
		if (str_eq(is, old) || (first && (str_eq(is, "pending") || str_eq(is, "blocked")))) /* at the start, what waits is no news */
			continue;
		struct change_line c = {.kind = kind, .name = name, .from = old, .to = is, .detail = answer_cell(now, i, "detail")};
		if (wave) {
			wave_counts(now, i, &counts);
			c.detail = buf_str(&counts);
		} else {
			c.wave = answer_cell(now, i, "wave");
			c.next = answer_cell(now, i, "next");
		}
		print_change(how, &c);
	}
}

static struct change_line rollout_line(const struct answer *now, const char *kind, const char *from)
{
	const struct answer_table *r = answer_find(now, "rollout");
	return (struct change_line){.kind = kind,
	                            .name = answer_cell(r, 0, "rollout"),
	                            .from = from,
	                            .to = answer_cell(r, 0, "state"),
	                            .detail = answer_cell(r, 0, "detail"),
	                            .next = answer_cell(r, 0, "next")};
}

void rollout_lines_changed(const struct follow *how, const struct answer *now, const struct answer *was)
{
	bool first = was->arena == NULL;
	const char *old = first ? "" : answer_cell(answer_find(was, "rollout"), 0, "state");
	print_changed_rows(how, answer_find(now, "target"), first ? NULL : answer_find(was, "target"), "target", first);
	print_changed_rows(how, answer_find(now, "max-failures"), first ? NULL : answer_find(was, "max-failures"), "wave", first);
	const struct change_line c = rollout_line(now, "rollout", old);
	if (!str_eq(c.to, old))
		print_change(how, &c);
	fflush(how->lines);
}

void rollout_lines_end(const struct follow *how, const struct answer *now)
{
	const struct change_line c = rollout_line(now, "end", "");
	if (how->objects)
		print_object(how->lines, &c);
	fflush(how->lines);
}
