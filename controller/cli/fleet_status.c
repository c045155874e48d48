/* `rollcall status`: the whole fleet on one screen. The controller says what there is and what needs eyes; here it is only drawn. */
#include <stdio.h>

#include "common/base/str.h"
#include "common/cli/table.h"
#include "controller/cli/bar.h"
#include "controller/cli/fleet_cli.h"
#include "controller/cli/rollout_cli.h"

#define EYES_SHOWN "20"
#define EYES_ALL   "100000"

enum { BAR_INDENT = 4, BAR_COLUMNS_MIN = 6, BAR_COLUMNS_MAX = 60, SCREEN_COLUMNS_MAX = 120 };

struct screen {
	struct buf text;
	size_t columns;
	bool colour;
};

static void screen_done(struct screen *s)
{
	buf_done(&s->text);
}

static void add_state(struct screen *s, const char *state)
{
	const char *on = s->colour ? output_state_colour(state) : "";
	buf_addf(&s->text, "%s%s%s", on, state, *on ? "\033[0m" : "");
}

static void add_heading(struct screen *s, const char *text)
{
	buf_addf(&s->text, "\n%s%s%s\n", s->colour ? "\033[1m" : "", text, s->colour ? "\033[0m" : "");
}

/* ", 3 held" where there are any. */
static void add_some(struct screen *s, const struct answer_table *t, const char *column)
{
	char n[COUNT_TEXT_SIZE];
	if (answer_number(t, 0, column))
		buf_addf(&s->text, ", %s %s", count_text(answer_number(t, 0, column), n), str_eq(column, "trouble") ? "in trouble" : column);
}

static void add_versions(struct screen *s, const struct answer_table *t)
{
	char n[COUNT_TEXT_SIZE];
	if (!t || t->n_rows == 0)
		return;
	buf_adds(&s->text, t->n_rows == 1 ? "; version " : "; versions differ: ");
	for (size_t i = 0; i < t->n_rows; i++) {
		buf_adds(&s->text, i ? ", " : "");
		output_add_visible(&s->text, answer_cell(t, i, "version"));
		if (t->n_rows > 1)
			buf_addf(&s->text, " (%s)", count_text(answer_number(t, i, "agents"), n));
	}
}

static void add_fleet(struct screen *s, const struct answer_table *t, const struct answer_table *versions)
{
	static const char *const some[] = {"offline", "trouble", "held", "quarantined", "drifted", "behind"};
	char a[COUNT_TEXT_SIZE], b[COUNT_TEXT_SIZE];
	buf_adds(&s->text, "fleet    ");
	output_add_visible(&s->text, answer_cell(t, 0, "fleet"));
	buf_addf(&s->text, ": controller %s, epoch %s, trust %s", answer_cell(t, 0, "controller"), answer_cell(t, 0, "epoch"),
	         answer_cell(t, 0, "trust"));
	if (*answer_cell(t, 0, "fresh"))
		buf_addf(&s->text, ", fresh %s old", seconds_text(answer_number(t, 0, "fresh-age"), a));
	buf_addf(&s->text, ", audit %s rows\n", count_text(answer_number(t, 0, "audit-rows"), a));
	buf_addf(&s->text, "agents   %s of %s online", count_text(answer_number(t, 0, "agents-online"), a), count_text(answer_number(t, 0, "agents"), b));
	add_versions(s, versions);
	buf_addf(&s->text, "\ntargets  %s of %s online", count_text(answer_number(t, 0, "online"), a), count_text(answer_number(t, 0, "targets"), b));
	for (size_t i = 0; i < ARRAY_LEN(some); i++)
		add_some(s, t, some[i]);
	buf_addc(&s->text, '\n');
}

static void add_rollout(struct screen *s, const struct answer_table *t, size_t i)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	struct bar bar = progress_bar(t, i);
	bool back = str_eq(answer_cell(t, i, "direction"), "rollback");
	progress_add(&text, t, i, back);
	size_t used = BAR_INDENT + 2 + output_width(text.p), width = s->columns > used ? s->columns - used : 0;
	buf_addf(&s->text, "%.8s  ", answer_cell(t, i, "rollout"));
	output_add_visible(&s->text, answer_cell(t, i, "release"));
	buf_addf(&s->text, " %s %s  ", back ? "off" : "to", answer_cell(t, i, "environment"));
	add_state(s, rollout_state_word(t, i));
	if (*answer_cell(t, i, "starts-at"))
		buf_addf(&s->text, ", starts at %s", answer_cell(t, i, "starts-at"));
	else if (*answer_cell(t, i, "present-wave"))
		buf_addf(&s->text, ", wave %s", answer_cell(t, i, "present-wave"));
	buf_addf(&s->text, "\n%*s", BAR_INDENT, "");
	if (width >= BAR_COLUMNS_MIN) {
		bar_add(&s->text, &bar, width < BAR_COLUMNS_MAX ? width : BAR_COLUMNS_MAX, s->colour);
		buf_adds(&s->text, "  ");
	}
	buf_addf(&s->text, "%s\n", text.p);
}

static void add_eye(struct screen *s, const struct answer_table *t, size_t i)
{
	char n[COUNT_TEXT_SIZE];
	const char *kind = answer_cell(t, i, "kind"), *until = answer_cell(t, i, "until"), *rollout = answer_cell(t, i, "rollout");
	uint64_t targets = answer_number(t, i, "targets");
	bool is_rollout = str_eq(kind, "rollout"), is_target = str_eq(kind, "target");
	size_t begin = s->text.n;
	if (!is_target && !str_eq(kind, "trust"))
		buf_addf(&s->text, "%s ", kind);
	if (is_rollout)
		buf_addf(&s->text, "%.8s", answer_cell(t, i, "needs-eyes"));
	else
		output_add_visible(&s->text, answer_cell(t, i, "needs-eyes"));
	if (is_target && targets > 1)
		buf_addf(&s->text, " and %s more", count_text(targets - 1, n));
	size_t name_columns = output_width(buf_str(&s->text) + begin);
	buf_adds(&s->text, "  ");
	add_state(s, answer_cell(t, i, "state"));
	AUTO(buf_done) struct buf rest = BUF_INIT;
	if (!is_target && !is_rollout && targets)
		buf_addf(&rest, ", %s target%s", count_text(targets, n), targets == 1 ? "" : "s");
	if (*until)
		buf_addf(&rest, ", until %s", until);
	if (answer_number(t, i, "until-seconds"))
		buf_addf(&rest, " (in %s)", seconds_text(answer_number(t, i, "until-seconds"), n));
	if (*rollout && !is_rollout)
		buf_addf(&rest, ", rollout %.8s", rollout);
	size_t used = name_columns + 2 + output_width(answer_cell(t, i, "state"));
	bool fits = used + output_width(buf_str(&rest)) <= s->columns;
	buf_addf(&s->text, "%s\n", fits ? buf_str(&rest) : ",");
	if (!fits)
		output_add_folded(&s->text, rest.p + 2, 4, s->columns);
	output_add_folded(&s->text, answer_cell(t, i, "detail"), 4, s->columns);
	if (*answer_cell(t, i, "next")) {
		AUTO(buf_done) struct buf next = BUF_INIT;
		buf_addf(&next, "-> %s", answer_cell(t, i, "next"));
		output_add_folded(&s->text, next.p, 4, s->columns);
	}
}

static int draw(const struct answer *r)
{
	const struct answer_table *rollouts = answer_find(r, "rollout"), *eyes = answer_find(r, "needs-eyes");
	AUTO(screen_done) struct screen s = {.columns = output_columns(stdout), .colour = output_has_colour(stdout)};
	if (s.columns > SCREEN_COLUMNS_MAX)
		s.columns = SCREEN_COLUMNS_MAX;
	add_fleet(&s, answer_find(r, "fleet"), answer_find(r, "version"));
	if (rollouts && rollouts->n_rows)
		add_heading(&s, "ROLLOUTS");
	for (size_t i = 0; rollouts && i < rollouts->n_rows; i++)
		add_rollout(&s, rollouts, i);
	if (eyes && eyes->n_rows)
		add_heading(&s, "NEEDS EYES");
	for (size_t i = 0; eyes && i < eyes->n_rows; i++)
		add_eye(&s, eyes, i);
	fputs(buf_str(&s.text), stdout);
	fflush(stdout);
	output_say("\n%s%s", r->message, strstr(r->message, "the first ") ? ": --all lists all" : "");
	return r->exit_code;
}

int run_fleet_status(const struct cmd_args *a, struct err *e)
{
	AUTO(live_close) struct live l = {0};
	AUTO(answer_done) struct answer r = {0};
	struct question q = {.verb = VERB_FLEET_STATUS};
	bool drawn = cmd_output(a) == OUTPUT_TABLE;
	question_add(&q, "limit", drawn && !cmd_option_given(a, "all") ? EYES_SHOWN : EYES_ALL);
	if (live_open(a, &l, e) != 0 || live_ask(&l, &q, &r, e) != 0)
		return -1;
	if (drawn)
		rollout_call_releases(&r);
	return drawn ? draw(&r) : answer_print(&r, cmd_output(a));
}
