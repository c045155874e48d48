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

/* 0: needs eyes, 1: moves, 2: done or not begun. */
static int interest(const char *state)
{
	static const char *const eyes[] = {"failed", "refused", "unreachable", "needs-attention", "held", "waiting-lock", "rolled-back"};
	static const char *const quiet[] = {"applied", "pending", "skipped"};
	for (size_t i = 0; i < ARRAY_LEN(eyes); i++)
		if (str_eq(state, eyes[i]))
			return 0;
	for (size_t i = 0; i < ARRAY_LEN(quiet); i++)
		if (str_eq(state, quiet[i]))
			return 2;
	return 1;
}

static void target_rest(const struct answer_table *t, size_t i, struct buf *ret)
{
	const char *parts[] = {answer_cell(t, i, "step"), answer_cell(t, i, "changeset"), answer_cell(t, i, "detail")};
	buf_clear(ret);
	for (size_t p = 0; p < ARRAY_LEN(parts); p++)
		if (*parts[p] && !(p < 2 && str_eq(answer_cell(t, i, "state"), "applied")))
			buf_addf(ret, "%s%s", ret->n ? "  " : "", parts[p]);
}

static size_t count_up_to(const struct answer_table *t, const char *wave, int level)
{
	size_t n = 0;
	for (size_t i = 0; t && i < t->n_rows; i++)
		n += (!wave || str_eq(answer_cell(t, i, "wave"), wave)) && interest(answer_cell(t, i, "state")) <= level;
	return n;
}

static void add_targets(struct tree *t, const struct answer_table *targets, const char *wave, int level, bool last_wave)
{
	AUTO(buf_done) struct buf rest = BUF_INIT;
	size_t total = count_up_to(targets, wave, 2), shown = count_up_to(targets, wave, level), n = 0;
	const char *bar = last_wave ? "   " : "\xe2\x94\x82  ";
	char stem[64];
	for (size_t i = 0; i < targets->n_rows; i++) {
		const char *state = answer_cell(targets, i, "state");
		if (!str_eq(answer_cell(targets, i, "wave"), wave) || interest(state) > level)
			continue;
		n++;
		snprintf(stem, sizeof stem, "%s%s ", bar, n == total ? "\xe2\x94\x94\xe2\x94\x80" : "\xe2\x94\x9c\xe2\x94\x80");
		target_rest(targets, i, &rest);
		add_line(t, stem, answer_cell(targets, i, "target"), state, buf_str(&rest));
	}
	if (shown < total) {
		buf_clear(&rest);
		buf_addf(&rest, "%zu more, applied or waiting for their turn", total - shown);
		snprintf(stem, sizeof stem, "%s\xe2\x94\x94\xe2\x94\x80 ", bar);
		add_line(t, stem, rest.p, "", "");
	}
}

static void add_waves(struct tree *t, const struct answer_table *waves, const struct answer_table *targets)
{
	AUTO(buf_done) struct buf rest = BUF_INIT;
	size_t room = t->rows > waves->n_rows * 2 + 4 ? t->rows - waves->n_rows * 2 - 4 : 0;
	int level = count_up_to(targets, NULL, 2) <= room ? 2 : count_up_to(targets, NULL, 1) <= room ? 1 : 0;
	for (size_t i = 0; i < waves->n_rows; i++) {
		bool last = i + 1 == waves->n_rows;
		const char *failed = answer_cell(waves, i, "failed");
		buf_clear(&rest);
		buf_addf(&rest, "%s of %s applied", answer_cell(waves, i, "applied"), answer_cell(waves, i, "targets"));
		if (*failed && !str_eq(failed, "0"))
			buf_addf(&rest, ", %s failed", failed);
		if (*answer_cell(waves, i, "detail"))
			buf_addf(&rest, "  %s", answer_cell(waves, i, "detail"));
		add_line(t, last ? "\xe2\x94\x94\xe2\x94\x80 wave " : "\xe2\x94\x9c\xe2\x94\x80 wave ", answer_cell(waves, i, "wave"),
		         answer_cell(waves, i, "state"), buf_str(&rest));
		if (targets)
			add_targets(t, targets, answer_cell(waves, i, "wave"), level, last);
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
	measure(t);
	buf_clear(&t->frame);
	buf_adds(&t->frame, "\033[H");
	buf_addf(&name, "rollout %.8s  %s %s %s", answer_cell(r, 0, "rollout"), answer_cell(r, 0, "release"),
	         str_eq(answer_cell(r, 0, "direction"), "rollback") ? "off" : "to", answer_cell(r, 0, "environment"));
	buf_addf(&rest, "%s of %s applied, %s failed  %s", answer_cell(r, 0, "applied"), answer_cell(r, 0, "targets"), answer_cell(r, 0, "failed"),
	         answer_cell(r, 0, "detail"));
	add_line(t, "", name.p, answer_cell(r, 0, "state"), rest.p);
	if (waves)
		add_waves(t, waves, answer_find(status, "target"));
	buf_addf(&t->frame, "\033[J\033[%u;1H", t->rows);
	unsigned left = t->columns;
	add_cut(&t->frame, *notice ? notice : "q or Ctrl-C leaves; the rollout goes on", &left);
	buf_adds(&t->frame, "\033[K");
	fwrite(t->frame.p, 1, t->frame.n, stdout);
	fflush(stdout);
}
