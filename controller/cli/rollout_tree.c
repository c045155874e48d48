/* The live tree of `rollcall rollout watch`: the alternate screen, drawn whole from the latest status, cut to the window's size each time, so that a resize needs nothing else;
 * written only when it differs from what stands there, so that nothing flickers. When there are more targets than lines, those that need eyes come first and the rest is counted;
 * what is left of the window then tells why, and what to type.
 *
 *   rollout 3f2a91bc  1.0.0 to production  running
 *   ################----  7 of 12 applied, 1 failed, 34/min, about 12 s left
 *   |- wave canary  passed   ########  3 of 3 applied
 *   |  |- eu/db1/acme  failed   2/3  shop:names
 *   |  |     shop:names (changes/3-names.sql:4): duplicate key ...
 *   |  |     -> repair the cause, then: rollcall rollout retry 3f2a91bc eu/db1/acme
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "common/base/str.h"
#include "controller/cli/bar.h"
#include "controller/cli/rollout_cli.h"

enum { KEY_INTERRUPT = 3, KEY_ESCAPE = 27, WAVE_STATE_COLUMNS = 10 };

struct tree {
	struct termios saved;
	bool colour;
	struct buf frame, shown; /* shown: what stands on the screen */
	unsigned rows, columns, used;
};

bool tree_can_open(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !str_eq(getenv("TERM"), "dumb");
}

struct tree *tree_open(void)
{
	if (!tree_can_open())
		return NULL;
	struct tree *t = mem_alloc(sizeof *t);
	if (tcgetattr(STDIN_FILENO, &t->saved) != 0) {
		free(t);
		return NULL;
	}
	struct termios raw = t->saved;
	raw.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG); /* Ctrl-C comes as a key, so that the screen is given back before we go */
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	t->colour = output_has_colour(stdout);
	fputs("\033[?1049h\033[?25l", stdout);
	fflush(stdout);
	return t;
}

void tree_close(struct tree **tp)
{
	struct tree *t = *tp;
	if (!t)
		return;
	fputs("\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSANOW, &t->saved);
	buf_done(&t->frame);
	buf_done(&t->shown);
	free(t);
	*tp = NULL;
}

bool tree_wants_to_leave(struct tree *t, int timeout_ms)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	unsigned char c = 0;
	(void)t;
	if (poll(&p, 1, timeout_ms) <= 0)
		return false;
	if (p.revents & (POLLHUP | POLLERR))
		return true;
	return read(STDIN_FILENO, &c, 1) == 1 && (c == 'q' || c == 'Q' || c == KEY_INTERRUPT || c == KEY_ESCAPE);
}

/* Cuts a line of plain text to the window, by code points. */
static void add_cut(struct buf *b, const char *text, unsigned *left)
{
	AUTO(buf_done) struct buf clean = BUF_INIT;
	output_add_visible(&clean, text);
	for (const char *s = buf_str(&clean); *s; s++) {
		bool begins = ((unsigned char)*s & 0xc0) != 0x80;
		if (begins && *left == 0)
			return;
		*left -= begins;
		buf_addc(b, *s);
	}
}

static size_t width_of(const char *s)
{
	size_t n = 0;
	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void add_blanks(struct tree *t, size_t n, unsigned *left)
{
	for (; n > 0 && *left > 0; n--, --*left)
		buf_addc(&t->frame, ' ');
}

/* One line: stem, name and state, each as wide as given, a bar of so many columns, the rest. */
struct line {
	const char *stem, *name, *state, *rest;
	size_t name_columns, state_columns, bar_columns;
	struct bar bar;
};

static void add_state(struct tree *t, const struct line *l, unsigned *left)
{
	size_t width = width_of(l->state);
	add_cut(&t->frame, "  ", left);
	buf_adds(&t->frame, t->colour ? output_state_colour(l->state) : "");
	add_cut(&t->frame, l->state, left);
	buf_adds(&t->frame, t->colour ? "\033[0m" : "");
	if (*l->rest || l->bar_columns)
		add_blanks(t, l->state_columns > width ? l->state_columns - width : 0, left);
}

static void add_line(struct tree *t, const struct line *l)
{
	unsigned left = t->columns;
	size_t width = width_of(l->name);
	if (t->used + 1 >= t->rows)
		return;
	t->used++;
	add_cut(&t->frame, l->stem, &left);
	add_cut(&t->frame, l->name, &left);
	if (*l->state || *l->rest)
		add_blanks(t, l->name_columns > width ? l->name_columns - width : 0, &left);
	if (*l->state)
		add_state(t, l, &left);
	if (l->bar_columns && left > l->bar_columns + 2) {
		add_cut(&t->frame, *l->name ? "  " : "", &left);
		bar_add(&t->frame, &l->bar, l->bar_columns, t->colour);
		left -= (unsigned)l->bar_columns;
	}
	add_cut(&t->frame, *l->rest ? "  " : "", &left);
	add_cut(&t->frame, l->rest, &left);
	buf_adds(&t->frame, "\033[K\r\n");
}

/* By a delivery's state: see rollout_cli.h. */
int rollout_interest(const char *state, bool back)
{
	static const char *const eyes[] = {"failed", "refused", "unreachable", "needs-attention", "held", "deferred", "waiting-lock", "rolled-back"};
	static const char *const quiet[] = {"applied", "pending", "skipped"};
	if (back && str_eq(state, "rolled-back"))
		return 2;
	for (size_t i = 0; i < ARRAY_LEN(eyes); i++)
		if (str_eq(state, eyes[i]))
			return 0;
	for (size_t i = 0; i < ARRAY_LEN(quiet); i++)
		if (str_eq(state, quiet[i]))
			return 2;
	return 1;
}

bool rollout_goes_back(const struct answer *status)
{
	return str_eq(answer_cell(answer_find(status, "direction"), 0, "direction"), "rollback");
}

/* What is drawn of the targets. */
struct view {
	const struct answer_table *waves, *targets; /* targets NULL: none came */
	bool back;
	size_t room; /* lines that are left for more than those that need eyes */
	size_t cap; /* lines of one wave at most */
	size_t notes; /* lines that are left for why, and what to type */
	size_t name_columns, state_columns;
};

static size_t count_up_to(const struct view *v, const char *wave, int level)
{
	const struct answer_table *t = v->targets;
	size_t n = 0;
	for (size_t i = 0; t && i < t->n_rows; i++)
		n += (!wave || str_eq(answer_cell(t, i, "wave"), wave)) && rollout_interest(answer_cell(t, i, "state"), v->back) <= level;
	return n;
}

/* Why, and what to type, folded to the window. Returns how many lines. */
static size_t note_lines(const struct tree *t, const struct view *v, size_t row, struct buf *ret)
{
	const char *next = answer_cell(v->targets, row, "next");
	size_t columns = t->columns > 30 ? t->columns - 10 : 20, lines = 0;
	buf_clear(ret);
	output_add_folded(ret, answer_cell(v->targets, row, "detail"), 0, columns);
	if (*next) {
		AUTO(buf_done) struct buf arrow = BUF_INIT;
		buf_addf(&arrow, "-> %s", next);
		output_add_folded(ret, arrow.p, 0, columns);
	}
	for (const char *p = buf_str(ret); *p; p++)
		lines += *p == '\n';
	return lines;
}

static size_t all_note_lines(const struct tree *t, const struct view *v)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	size_t n = 0;
	for (size_t i = 0; v->targets && i < v->targets->n_rows; i++)
		if (rollout_interest(answer_cell(v->targets, i, "state"), v->back) == 0)
			n += note_lines(t, v, i, &text);
	return n;
}

static void add_notes(struct tree *t, char *text, const char *stem)
{
	for (char *rest = text, *line; rest && (line = strsep(&rest, "\n")) != NULL;)
		if (*line)
			add_line(t, &(struct line){.stem = stem, .name = line, .state = "", .rest = ""});
}

/* Of one that needs eyes the notes say why; of the others a short word on the line itself. */
static void target_rest(const struct answer_table *t, size_t i, int interest, bool with_detail, struct buf *ret)
{
	const char *parts[] = {answer_cell(t, i, "step"), answer_cell(t, i, "changeset"), with_detail ? answer_cell(t, i, "detail") : ""};
	buf_clear(ret);
	for (size_t p = 0; p < ARRAY_LEN(parts); p++)
		if (*parts[p] && !(p < 2 && interest == 2))
			buf_addf(ret, "%s%s", ret->n ? "  " : "", parts[p]);
}

static void add_target(struct tree *t, struct view *v, size_t i, const char *bar, bool last)
{
	AUTO(buf_done) struct buf rest = BUF_INIT;
	AUTO(buf_done) struct buf notes = BUF_INIT;
	char stem[64];
	const char *state = answer_cell(v->targets, i, "state");
	int interest = rollout_interest(state, v->back);
	size_t lines = interest == 0 ? note_lines(t, v, i, &notes) : 0;
	bool noted = lines > 0 && lines <= v->notes; /* all of it or nothing: half a reason misleads */
	snprintf(stem, sizeof stem, "%s%s ", bar, last ? "\xe2\x94\x94\xe2\x94\x80" : "\xe2\x94\x9c\xe2\x94\x80");
	target_rest(v->targets, i, interest, !noted, &rest);
	add_line(t, &(struct line){.stem = stem,
	                           .name = answer_cell(v->targets, i, "target"),
	                           .state = state,
	                           .rest = buf_str(&rest),
	                           .name_columns = v->name_columns,
	                           .state_columns = v->state_columns});
	if (!noted)
		return;
	v->notes -= lines;
	snprintf(stem, sizeof stem, "%s%s      ", bar, last ? " " : "\xe2\x94\x82");
	add_notes(t, notes.p, stem);
}

static void add_targets(struct tree *t, struct view *v, size_t wave_row, int level, bool last_wave)
{
	const struct answer_table *targets = v->targets;
	const char *wave = answer_cell(v->waves, wave_row, "wave"), *bar = last_wave ? "   " : "\xe2\x94\x82  ";
	size_t total = (size_t)answer_number(v->waves, wave_row, "targets"), wanted = count_up_to(v, wave, level),
	       shown = wanted < v->cap ? wanted : v->cap, n = 0;
	for (size_t i = 0; i < targets->n_rows && n < shown; i++)
		if (str_eq(answer_cell(targets, i, "wave"), wave) && rollout_interest(answer_cell(targets, i, "state"), v->back) <= level)
			add_target(t, v, i, bar, ++n == total);
	if (shown > 0 && shown < total) { /* else the wave's own line says it all */
		AUTO(buf_done) struct buf more = BUF_INIT;
		char stem[64], count[COUNT_TEXT_SIZE], look[COUNT_TEXT_SIZE];
		buf_addf(&more, "%s more, ", count_text(total - shown, count));
		if (shown < wanted)
			buf_addf(&more, "of which %s to look at: rollcall rollout status", count_text(wanted - shown, look));
		else
			buf_addf(&more, "%s or waiting for their turn", v->back ? "taken back" : "applied");
		snprintf(stem, sizeof stem, "%s\xe2\x94\x94\xe2\x94\x80 ", bar);
		add_line(t, &(struct line){.stem = stem, .name = more.p, .state = "", .rest = ""});
	}
}

/* How much of each wave fits into the lines that are left, in turns: what moves anywhere; what waits in the waves that are open or to come; what is done. Those that need eyes have
 * their lines already. */
static void set_levels(struct view *v, int *level, size_t n)
{
	for (int turn = 0; turn < 3; turn++)
		for (size_t i = 0; i < n; i++) {
			const char *wave = answer_cell(v->waves, i, "wave");
			bool passed = str_eq(answer_cell(v->waves, i, "state"), "passed");
			int wanted = turn == 0 ? 1 : 2;
			size_t more = count_up_to(v, wave, wanted) - count_up_to(v, wave, level[i]);
			if (level[i] >= wanted || (turn == 1 && passed) || more > v->room)
				continue;
			v->room -= more;
			level[i] = wanted;
		}
}

static size_t widest(const struct answer_table *t, const char *column, size_t most)
{
	size_t n = 0;
	for (size_t i = 0; t && i < t->n_rows; i++)
		if (width_of(answer_cell(t, i, column)) > n)
			n = width_of(answer_cell(t, i, column));
	return n < most ? n : most;
}

static void wave_rest(const struct view *v, size_t i, struct buf *ret)
{
	char text[COUNT_TEXT_SIZE];
	buf_clear(ret);
	progress_add(ret, v->waves, i, v->back);
	if (*answer_cell(v->waves, i, "soak-seconds"))
		buf_addf(ret, ", soaks for %s more", seconds_text(answer_number(v->waves, i, "soak-seconds"), text));
	else if (*answer_cell(v->waves, i, "detail"))
		buf_addf(ret, "  %s", answer_cell(v->waves, i, "detail"));
}

static void add_waves(struct tree *t, struct view *v)
{
	AUTO(buf_done) struct buf rest = BUF_INIT;
	size_t n = v->waves->n_rows, frame = n * 2 + 4, lines = t->rows > frame ? t->rows - frame : 0, eyes = count_up_to(v, NULL, 0);
	size_t name_columns = widest(v->waves, "wave", 30), wanted = all_note_lines(t, v);
	int *level = mem_alloc((n + 1) * sizeof *level);
	v->room = lines > eyes ? lines - eyes : 0;
	v->cap = eyes <= lines ? lines : lines / n;
	v->notes = wanted < v->room ? wanted : v->room; /* why something failed is worth more than a list of what did not */
	v->room -= v->notes;
	set_levels(v, level, n);
	for (size_t i = 0; i < n; i++) {
		bool last = i + 1 == n;
		wave_rest(v, i, &rest);
		add_line(t, &(struct line){.stem = last ? "\xe2\x94\x94\xe2\x94\x80 wave " : "\xe2\x94\x9c\xe2\x94\x80 wave ",
		                           .name = answer_cell(v->waves, i, "wave"),
		                           .state = answer_cell(v->waves, i, "state"),
		                           .rest = rest.p,
		                           .name_columns = name_columns,
		                           .state_columns = WAVE_STATE_COLUMNS,
		                           .bar = progress_bar(v->waves, i),
		                           .bar_columns = t->columns / 5});
		if (v->targets)
			add_targets(t, v, i, level[i], last);
	}
	free(level);
}

static void measure(struct tree *t)
{
	struct winsize w = {0};
	bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row > 0 && w.ws_col > 0;
	t->rows = known ? w.ws_row : 24;
	t->columns = known ? w.ws_col : 80;
	t->used = 0;
}

static void add_rollout(struct tree *t, const struct answer_table *r, bool back)
{
	AUTO(buf_done) struct buf name = BUF_INIT;
	AUTO(buf_done) struct buf rest = BUF_INIT;
	const char *state = answer_cell(r, 0, "state");
	buf_addf(&name, "rollout %.8s  %s %s %s", answer_cell(r, 0, "rollout"), answer_cell(r, 0, "release"), back ? "off" : "to",
	         answer_cell(r, 0, "environment"));
	add_line(t, &(struct line){.stem = "",
	                           .name = name.p,
	                           .state = state,
	                           .rest = str_eq(state, "running") ? "" : answer_cell(r, 0, "detail")}); /* why it runs is no news */
	progress_add(&rest, r, 0, back);
	add_line(t, &(struct line){.stem = "", .name = "", .state = "", .rest = rest.p, .bar = progress_bar(r, 0), .bar_columns = t->columns / 3});
}

/* The last line: what stands in the way, or what to type. */
static const char *bottom(const struct answer *status, const char *notice)
{
	const char *next = answer_cell(answer_find(status, "per-minute"), 0, "next");
	return *notice ? notice : *next ? next : "q or Ctrl-C leaves; the rollout goes on";
}

void tree_draw(struct tree *t, const struct answer *status, const char *notice)
{
	const struct answer_table *r = answer_find(status, "rollout");
	struct view v = {.waves = answer_find(status, "max-failures"), .targets = answer_find(status, "target"), .back = rollout_goes_back(status)};
	measure(t);
	v.name_columns = widest(v.targets, "target", t->columns / 3);
	v.state_columns = widest(v.targets, "state", 15);
	buf_clear(&t->frame);
	buf_adds(&t->frame, "\033[H");
	add_rollout(t, r, v.back);
	if (v.waves && v.waves->n_rows)
		add_waves(t, &v);
	buf_addf(&t->frame, "\033[J\033[%u;1H", t->rows);
	unsigned left = t->columns;
	add_cut(&t->frame, bottom(status, notice), &left);
	buf_adds(&t->frame, "\033[K");
	if (t->frame.n == t->shown.n && memcmp(t->frame.p, t->shown.p, t->frame.n) == 0)
		return;
	fwrite(t->frame.p, 1, t->frame.n, stdout);
	fflush(stdout);
	buf_clear(&t->shown);
	buf_add(&t->shown, t->frame.p, t->frame.n);
}
