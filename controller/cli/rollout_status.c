/* `rollcall rollout status`, and what `rollout watch` leaves on the screen: the whole truth about one rollout. On a terminal what is done or waits for its turn is counted, not
 * listed, once there are many: ten thousand lines hide the one that matters. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
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
	buf_addf(&b, "rollout %s  ", answer_cell(t, 0, "rollout"));
	output_add_visible(&b, answer_cell(t, 0, "release"));
	buf_addf(&b, " %s %s  %s%s%s\n", back ? "off" : "to", answer_cell(t, 0, "environment"), on, state, *on ? "\033[0m" : "");
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
	if (folded)
		fold(r, &o);
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
