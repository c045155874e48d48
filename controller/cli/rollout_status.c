/* `rollcall rollout status`, and what `rollout watch` leaves on the screen: the whole truth about one rollout. On a terminal what is done or waits for its turn is counted, not
 * listed, once there are many: ten thousand lines hide the one that matters. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/str.h"
#include "controller/cli/bar.h"
#include "controller/cli/rollout_cli.h"

enum { ROWS_SHOWN_MAX = 40, STATES_MAX = 32 };
#define ROWS_SHOWN_TEXT "40"

/* How many targets of each state are not listed. */
struct others {
	const char *states[STATES_MAX];
	uint64_t counts[STATES_MAX];
	size_t n;
};

static void count(struct others *o, const char *state, uint64_t targets)
{
	size_t i = 0;
	while (i < o->n && !str_eq(o->states[i], state))
		i++;
	if (i == STATES_MAX)
		return;
	if (i == o->n)
		o->states[o->n++] = state;
	o->counts[i] += targets;
}

static struct answer_table *find(struct answer *r, const char *column, size_t *ret_at)
{
	for (*ret_at = 0; *ret_at < r->n_tables; ++*ret_at)
		if (&r->tables[*ret_at] == answer_find(r, column))
			return &r->tables[*ret_at];
	return NULL;
}

static void drop_table(struct answer *r, size_t at)
{
	for (r->n_tables--; at < r->n_tables; at++)
		r->tables[at] = r->tables[at + 1];
}

/* Takes out of the answer what the controller has counted already. */
static void take_counted(struct answer *r, struct others *o)
{
	size_t at;
	const struct answer_table *t = find(r, "others", &at);
	for (size_t i = 0; t && i < t->n_rows; i++)
		count(o, answer_cell(t, i, "others"), answer_number(t, i, "targets"));
	if (t)
		drop_table(r, at);
}

static void fold(struct answer *r, struct others *o)
{
	size_t at, kept = 0;
	bool back = rollout_goes_back(r);
	struct answer_table *t = find(r, "target", &at);
	if (!t || t->n_rows <= ROWS_SHOWN_MAX)
		return;
	for (size_t i = 0; i < t->n_rows; i++) {
		const char *state = answer_cell(t, i, "state");
		if (rollout_interest(state, back) < 2 && kept < ROWS_SHOWN_MAX)
			t->rows[kept++] = t->rows[i];
		else
			count(o, state, 1);
	}
	t->n_rows = kept;
}

size_t rollout_said_at(const struct answer_table *targets, size_t row, bool back)
{
	static const char *const same[] = {"detail", "state", "wave"};
	if (!*answer_cell(targets, row, "detail") || rollout_interest(answer_cell(targets, row, "state"), back) != 0)
		return SIZE_MAX;
	for (size_t i = 0; i < row; i++) {
		size_t k = 0;
		while (k < ARRAY_LEN(same) && str_eq(answer_cell(targets, i, same[k]), answer_cell(targets, row, same[k])))
			k++;
		if (k == ARRAY_LEN(same))
			return i;
	}
	return SIZE_MAX;
}

void rollout_call_releases(struct answer *r)
{
	for (size_t i = 0; i < r->n_tables; i++)
		for (size_t row = 0; row < r->tables[i].n_rows; row++) {
			const char *called = answer_cell(&r->tables[i], row, "called");
			if (*called) /* a controller that does not say it gives the version */
				answer_set(&r->tables[i], row, "release", called);
		}
}

/* Of those that need eyes for the same reason the first one says it, and what to type; from the last on, so that each still finds it. */
static void say_once(struct answer *r)
{
	size_t at;
	bool back = rollout_goes_back(r);
	struct answer_table *t = find(r, "target", &at);
	for (size_t i = t ? t->n_rows : 0; i-- > 0;) {
		size_t like = rollout_said_at(t, i, back);
		if (like == SIZE_MAX)
			continue;
		answer_set(t, i, "detail", arena_printf(r->arena, "as %s", answer_cell(t, like, "target")));
		answer_set(t, i, "next", NULL);
	}
}

/* Above the tables: which one, how it stands, how far it is. */
static void print_head(struct answer *r)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	size_t at;
	const struct answer_table *t = find(r, "rollout", &at);
	bool back = rollout_goes_back(r), colour = output_has_colour(stdout);
	const char *state = rollout_state_word(t, 0), *on = colour ? output_state_colour(state) : "";
	if (!t)
		return;
	AUTO(buf_done) struct buf what = BUF_INIT;
	output_add_visible(&what, answer_cell(t, 0, "release"));
	buf_addf(&what, " %s %s  ", back ? "off" : "to", answer_cell(t, 0, "environment"));
	const char *id = answer_cell(t, 0, "rollout");
	size_t width = strlen("rollout   ") + strlen(id) + output_width(what.p) + strlen(state);
	bool fits = !isatty(STDOUT_FILENO) || width <= output_columns(stdout);
	buf_addf(&b, "rollout %.*s  %s%s%s%s\n", fits ? (int)strlen(id) : ROLLOUT_SHOWN, id, what.p, on, state, *on ? "\033[0m" : "");
	progress_add(&b, t, 0, back);
	buf_addf(&b, "; created %s\n\n", answer_cell(t, 0, "created"));
	fputs(b.p, stdout);
	drop_table(r, at);
}

const char *rollout_state_word(const struct answer_table *t, size_t row)
{
	if (*answer_cell(t, row, "stands"))
		return answer_cell(t, row, "stands");
	return *answer_cell(t, row, "starts-at") ? "scheduled" : answer_cell(t, row, "state"); /* of a controller that does not say it */
}

int rollout_status_print(struct answer *r, const char *rollout, bool folded)
{
	struct others o = {0};
	char n[COUNT_TEXT_SIZE];
	size_t at;
	take_counted(r, &o);
	if (folded) {
		fold(r, &o);
		say_once(r);
	}
	rollout_call_releases(r);
	print_head(r);
	const struct answer_table *t = find(r, "target", &at);
	if (t && t->n_rows == 0)
		drop_table(r, at);
	const char *message = r->message;
	r->message = "";
	int code = answer_print(r, OUTPUT_TABLE);
	for (size_t i = 0; i < o.n; i++)
		printf("%s%s %s", i ? ", " : t && t->n_rows ? "... and " : "\n", count_text(o.counts[i], n), o.states[i]);
	if (o.n)
		printf("; all: rollcall rollout status %.8s --all\n", rollout);
	r->message = message;
	r->n_tables = 0;
	(void)answer_print(r, OUTPUT_TABLE);
	return code;
}

static bool is_folded(const struct cmd_args *a)
{
	return cmd_output(a) == OUTPUT_TABLE && isatty(STDOUT_FILENO) && !cmd_option_given(a, "all") && !cmd_option_given(a, "target");
}

int run_rollout_status(const struct cmd_args *a, struct err *e)
{
	AUTO(live_close) struct live l = {0};
	AUTO(answer_done) struct answer r = {0};
	struct question q = {.verb = VERB_ROLLOUT_STATUS};
	question_add(&q, "rollout", cmd_argument(a, 0));
	question_add_options(&q, a, "target");
	question_add(&q, "fold", is_folded(a) ? ROWS_SHOWN_TEXT : NULL);
	if (rollout_wait_check(a, e) != 0 || live_open(a, &l, e) != 0)
		return -1;
	if (cmd_option_given(a, "wait")) {
		int code = rollout_wait(a, &l, cmd_argument(a, 0), e);
		if (code < 0 || code == EXIT_INTERRUPTED)
			return code;
	}
	if (live_ask(&l, &q, &r, e) != 0)
		return -1;
	return cmd_output(a) == OUTPUT_TABLE ? rollout_status_print(&r, cmd_argument(a, 0), is_folded(a)) : answer_print(&r, cmd_output(a));
}
