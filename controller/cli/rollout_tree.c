/* The live tree of `rollcall rollout watch`: the alternate screen, redrawn whole from the latest status, cut to the window's size each time, so that a
 * resize needs nothing else. When there are more targets than lines, those that need eyes come first and the rest is counted.
 *
 *   rollout 3f2a91bc  1.0.0 -> production  running  7 of 12 applied, 1 failed
 *   |- wave canary  passed  3 of 3
 *   |  |- eu/db1/acme  applied
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "common/base/str.h"
#include "controller/cli/rollout_cli.h"

enum { KEY_INTERRUPT = 3, KEY_ESCAPE = 27 };

struct tree {
	struct termios saved;
	bool colour;
	struct buf frame;
	unsigned rows, columns, used;
};

struct tree *tree_open(void)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || str_eq(getenv("TERM"), "dumb"))
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

/* One line: stem, name, state in its colour, the rest. */
static void add_line(struct tree *t, const char *stem, const char *name, const char *state, const char *rest)
{
	unsigned left = t->columns;
	if (t->used + 1 >= t->rows)
		return;
	t->used++;
	add_cut(&t->frame, stem, &left);
	add_cut(&t->frame, name, &left);
	add_cut(&t->frame, *state ? "  " : "", &left);
	buf_adds(&t->frame, t->colour ? output_state_colour(state) : "");
	add_cut(&t->frame, state, &left);
	buf_adds(&t->frame, t->colour ? "\033[0m" : "");
	add_cut(&t->frame, *rest ? "  " : "", &left);
	add_cut(&t->frame, rest, &left);
	buf_adds(&t->frame, "\033[K\r\n");
}

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

static const char *done_word(bool back)
{
	return back ? "taken back" : "applied";
}

static void target_rest(const struct answer_table *t, size_t i, bool back, struct buf *ret)
{
	const char *parts[] = {answer_cell(t, i, "step"), answer_cell(t, i, "changeset"), answer_cell(t, i, "detail")};
	buf_clear(ret);
	for (size_t p = 0; p < ARRAY_LEN(parts); p++)
		if (*parts[p] && !(p < 2 && rollout_interest(answer_cell(t, i, "state"), back) == 2))
			buf_addf(ret, "%s%s", ret->n ? "  " : "", parts[p]);
}

/* What is drawn of the targets. */
struct view {
	const struct answer_table *targets; /* NULL: none came */
	bool back;
	size_t room; /* lines that are left for more than those that need eyes */
	size_t cap; /* lines of one wave at most */
};

static size_t count_up_to(const struct view *v, const char *wave, int level)
{
	const struct answer_table *t = v->targets;
	size_t n = 0;
	for (size_t i = 0; t && i < t->n_rows; i++)
		n += (!wave || str_eq(answer_cell(t, i, "wave"), wave)) && rollout_interest(answer_cell(t, i, "state"), v->back) <= level;
	return n;
}

static void add_targets(struct tree *t, const struct view *v, const char *wave, int level, bool last_wave)
{
	AUTO(buf_done) struct buf rest = BUF_INIT;
	const struct answer_table *targets = v->targets;
	size_t total = count_up_to(v, wave, 2), wanted = count_up_to(v, wave, level), shown = wanted < v->cap ? wanted : v->cap, n = 0;
	const char *bar = last_wave ? "   " : "\xe2\x94\x82  ";
	char stem[64];
	for (size_t i = 0; i < targets->n_rows && n < shown; i++) {
		const char *state = answer_cell(targets, i, "state");
		if (!str_eq(answer_cell(targets, i, "wave"), wave) || rollout_interest(state, v->back) > level)
			continue;
		n++;
		snprintf(stem, sizeof stem, "%s%s ", bar, n == total ? "\xe2\x94\x94\xe2\x94\x80" : "\xe2\x94\x9c\xe2\x94\x80");
		target_rest(targets, i, v->back, &rest);
		add_line(t, stem, answer_cell(targets, i, "target"), state, buf_str(&rest));
	}
	if (shown > 0 && shown < total) { /* else the wave's own line says it all */
		buf_clear(&rest);
		if (shown < wanted)
			buf_addf(&rest, "%zu more, of which %zu to look at: rollcall rollout status", total - shown, wanted - shown);
		else
			buf_addf(&rest, "%zu more, %s or waiting for their turn", total - shown, done_word(v->back));
		snprintf(stem, sizeof stem, "%s\xe2\x94\x94\xe2\x94\x80 ", bar);
		add_line(t, stem, rest.p, "", "");
	}
}

/* How much of a wave fits into the lines that are left; those that need eyes have theirs already. */
static int level_of_wave(struct view *v, const char *wave)
{
	size_t least = count_up_to(v, wave, 0);
	for (int level = 2; level > 0; level--) {
		size_t more = count_up_to(v, wave, level) - least;
		if (more <= v->room) {
			v->room -= more;
			return level;
		}
	}
	return 0;
}

static void add_waves(struct tree *t, const struct answer_table *waves, struct view *v)
{
	AUTO(buf_done) struct buf rest = BUF_INIT;
	size_t frame = waves->n_rows * 2 + 3, lines = t->rows > frame ? t->rows - frame : 0, eyes = count_up_to(v, NULL, 0);
	v->room = lines > eyes ? lines - eyes : 0;
	v->cap = eyes <= lines ? lines : lines / waves->n_rows;
	for (size_t i = 0; i < waves->n_rows; i++) {
		const char *wave = answer_cell(waves, i, "wave"), *failed = answer_cell(waves, i, "failed");
		bool last = i + 1 == waves->n_rows;
		buf_clear(&rest);
		buf_addf(&rest, "%s of %s %s", answer_cell(waves, i, "applied"), answer_cell(waves, i, "targets"), done_word(v->back));
		if (*failed && !str_eq(failed, "0"))
			buf_addf(&rest, ", %s failed", failed);
		if (*answer_cell(waves, i, "detail"))
			buf_addf(&rest, "  %s", answer_cell(waves, i, "detail"));
		add_line(t, last ? "\xe2\x94\x94\xe2\x94\x80 wave " : "\xe2\x94\x9c\xe2\x94\x80 wave ", wave, answer_cell(waves, i, "state"), buf_str(&rest));
		if (v->targets)
			add_targets(t, v, wave, level_of_wave(v, wave), last);
	}
}

static void measure(struct tree *t)
{
	struct winsize w = {0};
	bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row > 0 && w.ws_col > 0;
	t->rows = known ? w.ws_row : 24;
	t->columns = known ? w.ws_col : 80;
	t->used = 0;
}

void tree_draw(struct tree *t, const struct answer *status, const char *notice)
{
	AUTO(buf_done) struct buf rest = BUF_INIT;
	const struct answer_table *r = answer_find(status, "rollout"), *waves = answer_find(status, "max-failures");
	AUTO(buf_done) struct buf name = BUF_INIT;
	struct view v = {.targets = answer_find(status, "target"), .back = rollout_goes_back(status)};
	measure(t);
	buf_clear(&t->frame);
	buf_adds(&t->frame, "\033[H");
	buf_addf(&name, "rollout %.8s  %s %s %s", answer_cell(r, 0, "rollout"), answer_cell(r, 0, "release"),
	         str_eq(answer_cell(r, 0, "direction"), "rollback") ? "off" : "to", answer_cell(r, 0, "environment"));
	buf_addf(&rest, "%s of %s %s, %s failed  %s", answer_cell(r, 0, "applied"), answer_cell(r, 0, "targets"), done_word(v.back),
	         answer_cell(r, 0, "failed"),
	         str_eq(answer_cell(r, 0, "state"), "running") ? "" : answer_cell(r, 0, "detail")); /* why it runs is no news */
	add_line(t, "", name.p, answer_cell(r, 0, "state"), rest.p);
	if (waves && waves->n_rows)
		add_waves(t, waves, &v);
	buf_addf(&t->frame, "\033[J\033[%u;1H", t->rows);
	unsigned left = t->columns;
	add_cut(&t->frame, *notice ? notice : "q or Ctrl-C leaves; the rollout goes on", &left);
	buf_adds(&t->frame, "\033[K");
	fwrite(t->frame.p, 1, t->frame.n, stdout);
	fflush(stdout);
}
