/* What goes to a terminal that is not a table's cell: clean text, folded sentences, colours of states. See table.h. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/cli/rows.h"

enum { COLUMNS_WITHOUT_WINDOW = 120, ROWS_WITHOUT_WINDOW = 24, COLUMNS_MIN = 40 };

/* ---- text ------------------------------------------------------------------------------------------------------------------------------------------------ */

size_t text_plain_length(const char *s)
{
	size_t n = 0;
	while (s[n] >= ' ' && (unsigned char)s[n] < 127)
		n++;
	return n;
}

void text_add_clean(struct buf *b, const char *s, bool visible)
{
	for (;;) {
		size_t plain = text_plain_length(s);
		buf_add(b, s, plain);
		s += plain;
		if (!*s)
			return;
		unsigned char c = (unsigned char)*s;
		size_t n = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
		if (strnlen(s, n) < n || !bytes_is_utf8(bytes_of(s, n))) {
			buf_adds(b, "\xef\xbf\xbd");
			s++;
			continue;
		}
		bool control = c < ' ' || c == 127 || (c == 0xc2 && (unsigned char)s[1] < 0xa0);
		if (visible && control)
			buf_addc(b, ' ');
		else
			buf_add(b, s, n);
		s += n;
	}
}

void output_add_visible(struct buf *b, const char *s)
{
	text_add_clean(b, s, true);
}

/* ---- colours --------------------------------------------------------------------------------------------------------------------------------------------- */

enum colour { COLOUR_NONE = 0, COLOUR_BAD = 31, COLOUR_GOOD = 32, COLOUR_MOVING = 33, COLOUR_ASK = 35, COLOUR_QUIET = 90 };

/* clang-format off */
static const struct {
	const char *state;
	enum colour colour;
} state_colours[] = {
    {"applied", COLOUR_GOOD},
    {"completed", COLOUR_GOOD},
    {"succeeded", COLOUR_GOOD},
    {"open", COLOUR_MOVING},
    {"draining", COLOUR_MOVING},
    {"evaluating", COLOUR_MOVING},
    {"blocked", COLOUR_QUIET},
    {"passed", COLOUR_GOOD},
    {"verified", COLOUR_GOOD},
    {"joining", COLOUR_MOVING},
    {"online", COLOUR_GOOD},
    {"ok", COLOUR_GOOD},
    {"valid", COLOUR_GOOD},
    {"failed", COLOUR_BAD},
    {"refused", COLOUR_BAD},
    {"unreachable", COLOUR_BAD},
    {"cloned", COLOUR_BAD},
    {"revoked", COLOUR_BAD},
    {"expired", COLOUR_BAD},
    {"trouble", COLOUR_BAD},
    {"offline", COLOUR_BAD},
    {"halted", COLOUR_BAD},
    {"error", COLOUR_BAD},
    {"aborted", COLOUR_BAD},
    {"needs-attention", COLOUR_ASK},
    {"unknown", COLOUR_ASK},
    {"awaiting-approval", COLOUR_ASK},
    {"awaiting-pass", COLOUR_ASK},
    {"waiting", COLOUR_ASK},
    {"warning", COLOUR_MOVING},
    {"offered", COLOUR_MOVING},
    {"applying", COLOUR_MOVING},
    {"validating", COLOUR_MOVING},
    {"rolling-back", COLOUR_MOVING},
    {"waiting-lock", COLOUR_MOVING},
    {"running", COLOUR_MOVING},
    {"soaking", COLOUR_MOVING},
    {"rolled-back", COLOUR_MOVING},
    {"paused", COLOUR_MOVING},
    {"held", COLOUR_MOVING},
    {"frozen", COLOUR_MOVING},
    {"deferred", COLOUR_MOVING},
    {"catching-up", COLOUR_MOVING},
    {"aborting", COLOUR_MOVING},
    {"behind", COLOUR_MOVING},
    {"drift", COLOUR_MOVING},
    {"expires", COLOUR_MOVING},
    {"clock-off", COLOUR_MOVING},
    {"pending", COLOUR_QUIET},
    {"skipped", COLOUR_QUIET},
    {"scheduled", COLOUR_QUIET},
    {"quarantine", COLOUR_QUIET},
};
/* clang-format on */

static enum colour colour_of(const char *s)
{
	for (size_t i = 0; i < ARRAY_LEN(state_colours); i++)
		if (str_eq(s, state_colours[i].state))
			return state_colours[i].colour;
	return COLOUR_NONE;
}

bool output_has_colour(FILE *out)
{
	return isatty(fileno(out)) && str_empty(getenv("NO_COLOR")) && !str_eq(getenv("TERM"), "dumb");
}

const char *output_state_colour(const char *state)
{
	static const char *const sequences[] = {[COLOUR_NONE] = "",           [COLOUR_BAD] = "\033[31m", [COLOUR_GOOD] = "\033[32m",
	                                        [COLOUR_MOVING] = "\033[33m", [COLOUR_ASK] = "\033[35m", [COLOUR_QUIET] = "\033[90m"};
	return sequences[colour_of(state)];
}

/* ---- folding --------------------------------------------------------------------------------------------------------------------------------------------- */

size_t output_columns(FILE *out)
{
	struct winsize w = {0};
	if (!out || ioctl(fileno(out), TIOCGWINSZ, &w) != 0 || w.ws_col < COLUMNS_MIN)
		return COLUMNS_WITHOUT_WINDOW;
	return w.ws_col;
}

/* A command is one word, so that it can be copied: to the end of the sentence, or to its closing quote. */
size_t output_rows(FILE *out)
{
	struct winsize w = {0};
	return ioctl(fileno(out), TIOCGWINSZ, &w) == 0 && w.ws_row > 0 ? w.ws_row : ROWS_WITHOUT_WINDOW;
}

static size_t word_length(const char *text)
{
	const char *end = *text == '`' || *text == '\'' ? strchr(text + 1, *text) : NULL;
	if (str_starts(text, "rollcall ") && strlen(text) <= COLUMNS_WITHOUT_WINDOW)
		return strlen(text);
	if (end && str_starts(text + 1, "rollcall"))
		return (size_t)(end - text) + strcspn(end, " ");
	return strcspn(text, " ");
}

void output_add_folded(struct buf *b, const char *s, size_t indent, size_t columns)
{
	AUTO(buf_done) struct buf clean = BUF_INIT;
	text_add_clean(&clean, s, true);
	const char *text = buf_str(&clean);
	size_t used = 0;
	while (*text) {
		size_t n = word_length(text);
		AUTO(buf_done) struct buf word = BUF_INIT;
		buf_add(&word, text, n);
		size_t w = output_width(buf_str(&word));
		if (used == 0 || used + 1 + w > columns) {
			buf_addf(b, "%s%*s", used ? "\n" : "", (int)indent, "");
			used = indent;
		} else {
			buf_addc(b, ' ');
			used++;
		}
		buf_add(b, word.p, word.n);
		used += w;
		text += n + strspn(text + n, " ");
	}
	if (used)
		buf_addc(b, '\n');
}

void output_say(const char *fmt, ...)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	va_list ap;
	char *text = NULL;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	output_add_lines(&b, text, isatty(STDERR_FILENO) ? output_columns(stderr) : SIZE_MAX);
	fflush(stdout); /* what was printed before stands above it */
	fputs(buf_str(&b), stderr);
	free(text);
}

void output_add_lines(struct buf *b, const char *text, size_t columns)
{
	AUTO(mem_free_ptr) char *copy = mem_strdup(text);
	for (char *rest = copy, *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
		if (!rest && !*line)
			return; /* the text ends with the end of a line */
		size_t indent = strspn(line, " ");
		if (columns == SIZE_MAX || indent == strlen(line)) {
			output_add_visible(b, line);
			buf_addc(b, '\n');
		} else {
			output_add_folded(b, line + indent, indent, columns);
		}
	}
}
