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

enum { ROWS_SHOWN_MIN = 8, ROWS_SHOWN_MAX = 40, STATES_MAX = 32, NOTE_INDENT = 4 };
enum { LINES_AROUND = 12 }; /* the head, the headings, the last sentences and the next prompt */

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

/* Lines that the window has for targets. */
static size_t lines_for_targets(size_t n_waves)
{
	size_t rows = output_rows(stdout), around = LINES_AROUND + n_waves;
	return rows > around + ROWS_SHOWN_MIN ? rows - around : ROWS_SHOWN_MIN;
}

/* Lines that a target takes, with its sentences below it. */
static size_t lines_of(const struct answer_table *t, size_t row)
{
	size_t room = output_columns(stdout) - NOTE_INDENT, lines = 1;
	const char *const notes[] = {answer_cell(t, row, "detail"), answer_cell(t, row, "next")};
	for (size_t i = 0; i < ARRAY_LEN(notes); i++)
		lines += (output_width(notes[i]) + room - 1) / room;
	return lines;
}

/* Those that need eyes stay, up to a screenful; of what moves as much as the window has room for; the rest is counted, unless all of it fits. */
static void fold(struct answer *r, struct others *o)
{
	size_t at, kept = 0, eyes = 0, all = 0;
	bool back = rollout_goes_back(r);
	struct answer_table *t = find(r, "target", &at);
	const struct answer_table *waves = answer_find(r, "max-failures");
	size_t lines = lines_for_targets(waves ? waves->n_rows : 0);
	for (size_t i = 0; t && i < t->n_rows; i++) {
		size_t n = lines_of(t, i);
		all += n;
		eyes += rollout_interest(answer_cell(t, i, "state"), back) == 0 ? n : 0;
	}
	if (!t || all <= lines)
		return;
	size_t room = lines > eyes ? lines - eyes : 0;
	for (size_t i = 0; i < t->n_rows; i++) {
		const char *state = answer_cell(t, i, "state");
		int interest = rollout_interest(state, back);
		size_t n = lines_of(t, i);
		bool moves = interest == 1 && n <= room;
		room -= moves ? n : 0;
		if ((interest == 0 && kept < ROWS_SHOWN_MAX) || moves)
			t->rows[kept++] = t->rows[i];
		else
			count(o, state, 1);
	}
	t->n_rows = kept;
}

/* When a hold or a freeze ends, by the controller's clock: behind why it is held. */
static void add_ends(struct answer *r)
{
	size_t at;
	const struct answer_table *t = find(r, "target", &at);
	for (size_t i = 0; t && i < t->n_rows; i++) {
		char text[COUNT_TEXT_SIZE];
		const char *detail = answer_cell(t, i, "detail");
		if (answer_number(t, i, "until-seconds"))
			answer_set(
			    t, i, "detail",
			    arena_printf(r->arena, "%s%sends in %s", detail, *detail ? "; " : "", seconds_text(answer_number(t, i, "until-seconds"), text)));
	}
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

/* "... and 34 pending, 20 applied; all: rollcall rollout status 1700a67f --all" */
static void print_others(const struct others *o, bool after_rows, const char *rollout)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	AUTO(buf_done) struct buf folded = BUF_INIT;
	char n[COUNT_TEXT_SIZE];
	if (o->n == 0)
		return;
	for (size_t i = 0; i < o->n; i++)
		buf_addf(&text, "%s%s %s", i ? ", " : after_rows ? "... and " : "", count_text(o->counts[i], n), o->states[i]);
	buf_addf(&text, "; all: rollcall rollout status %.8s --all", rollout);
	output_add_folded(&folded, buf_str(&text), 0, isatty(STDOUT_FILENO) ? output_columns(stdout) : SIZE_MAX);
	printf("%s%s", after_rows ? "" : "\n", buf_str(&folded));
}

int rollout_status_print(struct answer *r, const char *rollout, bool folded)
{
	struct others o = {0};
	size_t at;
	take_counted(r, &o);
	add_ends(r);
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
	print_others(&o, t && t->n_rows, rollout);
	r->message = message;
	r->n_tables = 0;
	(void)answer_print(r, OUTPUT_TABLE);
	return code;
}

static bool is_folded(const struct cmd_args *a)
{
	return cmd_output(a) == OUTPUT_TABLE && isatty(STDOUT_FILENO) && !cmd_option_given(a, "all") && !cmd_option_given(a, "target");
}

static int check_found(const struct cmd_args *a, const struct answer *r, struct err *e)
{
	const char *rollout = cmd_argument(a, 0);
	const char *const *targets = NULL;
	const struct answer_table *t = answer_find(r, "target");
	size_t n = cmd_option_values(a, "target", &targets);
	if (n == 0 || (t && t->n_rows > 0))
		return 0;
	return err_set(e, ERR_NOT_FOUND, "no target of rollout %.8s is named %s%s: `rollcall rollout status %.8s --all` lists them", rollout, targets[0],
	               n > 1 ? " or as the others" : "", rollout);
}

int run_rollout_status(const struct cmd_args *a, struct err *e)
{
	AUTO(live_close) struct live l = {0};
	AUTO(answer_done) struct answer r = {0};
	struct question q = {.verb = VERB_ROLLOUT_STATUS};
	question_add(&q, "rollout", cmd_argument(a, 0));
	question_add_options(&q, a, "target");
	char fold_at[COUNT_TEXT_SIZE];
	snprintf(fold_at, sizeof fold_at, "%d", ROWS_SHOWN_MAX);
	question_add(&q, "fold", is_folded(a) ? fold_at : NULL);
	if (rollout_wait_check(a, e) != 0 || live_open(a, &l, e) != 0)
		return -1;
	if (cmd_option_given(a, "wait")) {
		int code = rollout_wait(a, &l, cmd_argument(a, 0), e);
		if (code < 0 || code == EXIT_INTERRUPTED)
			return code;
	}
	if (live_ask(&l, &q, &r, e) != 0 || check_found(a, &r, e) != 0)
		return -1;
	return cmd_output(a) == OUTPUT_TABLE ? rollout_status_print(&r, cmd_argument(a, 0), is_folded(a)) : answer_print(&r, cmd_output(a));
}
