/* The live tree's window: the alternate screen, drawn whole each time and cut to the window's size, so that a resize needs nothing else; written only when it differs from what stands
 * there, so that nothing flickers. What stands on it is rollout_tree.c. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/str.h"
#include "controller/cli/rollout_tree.h"

enum { KEY_INTERRUPT = 3, KEY_ESCAPE = 27, ROWS_WITHOUT_WINDOW = 24, COLUMNS_WITHOUT_WINDOW = 80 };

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

/* ---- lines ------------------------------------------------------------------------------------------------------------------------------------------------ */

static void add_cut(struct buf *b, const char *text, unsigned *left)
{
	AUTO(buf_done) struct buf clean = BUF_INIT;
	output_add_visible(&clean, text);
	size_t width = output_width(buf_str(&clean));
	if (width <= *left) {
		buf_add(b, buf_str(&clean), clean.n);
		*left -= (unsigned)width;
	} else if (*left > 0) {
		buf_add(b, clean.p, output_cut(clean.p, *left - 1));
		buf_adds(b, signs()->cut);
		*left = 0;
	}
}

/* A name that is wider than its room keeps both of its ends: what tells it from others stands in either. */
static void add_name(struct buf *b, const char *text, size_t room, unsigned *left)
{
	AUTO(buf_done) struct buf clean = BUF_INIT;
	output_add_visible(&clean, text);
	size_t width = output_width(buf_str(&clean)), tail = room / 2;
	if (width <= room || room < 3) {
		add_cut(b, text, left);
		return;
	}
	size_t head = output_cut(clean.p, room - tail - 1), from = output_cut(clean.p, width - tail);
	from += output_width(clean.p + from) > tail ? output_cut(clean.p + from, 2) : 0; /* a wide one over the cut */
	buf_add(b, clean.p, head);
	buf_adds(b, signs()->cut);
	buf_adds(b, clean.p + from);
	*left -= (unsigned)room;
}

static void add_blanks(struct tree *t, size_t n, unsigned *left)
{
	for (; n > 0 && *left > 0; n--, --*left)
		buf_addc(&t->frame, ' ');
}

static void add_state(struct tree *t, const struct line *l, unsigned *left)
{
	size_t width = output_width(l->state);
	add_cut(&t->frame, "  ", left);
	buf_adds(&t->frame, t->colour ? output_state_colour(l->state) : "");
	add_cut(&t->frame, l->state, left);
	buf_adds(&t->frame, t->colour ? "\033[0m" : "");
	if (*l->rest || l->bar_columns)
		add_blanks(t, l->state_columns > width ? l->state_columns - width : 0, left);
}

static size_t wider(size_t a, size_t b)
{
	return a > b ? a : b;
}

size_t tree_line_begin(const struct line *l)
{
	size_t n = output_width(l->stem) + wider(output_width(l->name), l->name_columns);
	return n + (*l->state ? 2 + wider(output_width(l->state), l->state_columns) : 0) + 2;
}

void tree_line(struct tree *t, const struct line *l)
{
	unsigned left = t->columns;
	size_t width = output_width(l->name), state = *l->state ? output_width(l->state) + 2 : 0;
	if (t->used + t->bottom >= t->rows)
		return;
	t->used++;
	add_cut(&t->frame, l->stem, &left);
	add_name(&t->frame, l->name, left > state ? left - state : left, &left);
	if (*l->state || *l->rest)
		add_blanks(t, l->name_columns > width ? l->name_columns - width : 0, &left);
	if (*l->state)
		add_state(t, l, &left);
	if (l->bar_columns && left > l->bar_columns + 2) {
		add_cut(&t->frame, *l->name ? "  " : "", &left);
		bar_add(&t->frame, &l->bar, l->bar_columns, t->colour);
		left -= (unsigned)l->bar_columns;
	}
	if (*l->rest && left > 2) {
		add_cut(&t->frame, "  ", &left);
		add_cut(&t->frame, l->rest, &left);
	}
	buf_adds(&t->frame, "\033[K\r\n");
}

/* ---- sentences -------------------------------------------------------------------------------------------------------------------------------------------- */

size_t tree_fold(const char *text, size_t columns, struct buf *ret)
{
	AUTO(buf_done) struct buf folded = BUF_INIT;
	size_t lines = 0;
	output_add_folded(&folded, text, 0, columns);
	for (char *rest = folded.p, *line; rest && (line = strsep(&rest, "\n")) != NULL;)
		while (*line) {
			size_t n = output_cut(line, columns);
			if (ret) {
				buf_add(ret, line, n);
				buf_addc(ret, '\n');
			}
			lines++;
			line += n;
		}
	return lines;
}

void tree_text(struct tree *t, const char *folded, const char *stem)
{
	AUTO(mem_free_ptr) char *copy = mem_strdup(folded);
	for (char *rest = copy, *line; rest && (line = strsep(&rest, "\n")) != NULL;)
		if (*line)
			tree_line(t, &(struct line){.stem = stem, .name = line, .state = "", .rest = ""});
}

/* ---- frames ----------------------------------------------------------------------------------------------------------------------------------------------- */

void tree_begin(struct tree *t, unsigned rows, unsigned columns)
{
	t->rows = rows;
	t->columns = columns;
	t->used = 0;
	t->bottom = 1;
	buf_clear(&t->frame);
	buf_adds(&t->frame, "\033[H");
}

/* No line end behind the last line: it would scroll the window. */
void tree_bottom(struct tree *t, const char *folded)
{
	AUTO(mem_free_ptr) char *copy = mem_strdup(folded);
	unsigned at = t->rows - t->bottom + 1;
	buf_adds(&t->frame, "\033[J");
	for (char *rest = copy, *line; rest && (line = strsep(&rest, "\n")) != NULL && at <= t->rows;) {
		unsigned left = t->columns;
		if (!*line)
			continue;
		buf_addf(&t->frame, "\033[%u;1H", at++);
		add_cut(&t->frame, line, &left);
		buf_adds(&t->frame, "\033[K");
	}
}

void tree_draw(struct tree *t, const struct answer *status, const char *notice)
{
	struct winsize w = {0};
	bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row > 0 && w.ws_col > 0;
	tree_frame(t, status, notice, known ? w.ws_row : ROWS_WITHOUT_WINDOW, known ? w.ws_col : COLUMNS_WITHOUT_WINDOW);
	if (t->frame.n == t->shown.n && memcmp(t->frame.p, t->shown.p, t->frame.n) == 0)
		return;
	fwrite(t->frame.p, 1, t->frame.n, stdout);
	fflush(stdout);
	buf_clear(&t->shown);
	buf_add(&t->shown, t->frame.p, t->frame.n);
}
