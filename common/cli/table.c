/* struct table: cells in memory, printed once. Cells may come from a peer or a database, so what goes to a terminal is cleaned of control
 * characters here, and what goes to a program is escaped by its format's own rules (table_machine.c). */
#include "common/cli/table.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/cli/rows.h"

enum { NOTE_INDENT = 4, NOTE_COLUMNS = 120, NOTE_COLUMNS_MIN = 40 };

static void add_column(struct table *t, const char *spec, size_t n)
{
	struct column *c = &t->columns[t->n_columns++];
	for (; n && strchr("+#~", *spec); spec++, n--) {
		c->wide |= *spec == '+';
		c->note |= *spec == '~';
		c->number |= *spec == '#';
	}
	c->key = mem_alloc(n + 1);
	memcpy(c->key, spec, n);
}

struct table *table_new(const char *columns)
{
	struct table *t = mem_alloc(sizeof *t);
	while (*columns && t->n_columns < COLUMNS_MAX) {
		size_t n = strcspn(columns, ",");
		add_column(t, columns, n);
		columns += n + (columns[n] == ',');
	}
	return t;
}

void table_destroy(struct table **tp)
{
	struct table *t = *tp;
	if (!t)
		return;
	for (size_t i = 0; i < t->n_columns; i++)
		free(t->columns[i].key);
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
	*tp = NULL;
}

static void add_cell(struct table *t, char *owned)
{
	vec_grow(t->cells, t->n_cells, t->cap_cells);
	t->cells[t->n_cells++] = owned;
}

void table_row(struct table *t, const char *const *cells)
{
	for (size_t i = 0; i < t->n_columns; i++)
		add_cell(t, mem_strdup(cells[i]));
	t->n_rows++;
}

void table_rowf(struct table *t, const char *fmt, ...)
{
	va_list ap;
	char *line = NULL, *rest;
	va_start(ap, fmt);
	if (vasprintf(&line, fmt, ap) < 0)
		abort();
	va_end(ap);
	rest = line;
	for (size_t i = 0; i < t->n_columns; i++) {
		/* The last column takes what is left: a tab inside the data must not shift cells. */
		char *cell = i + 1 == t->n_columns ? rest : strsep(&rest, "\t");
		add_cell(t, str_empty(cell) ? NULL : mem_strdup(cell));
	}
	t->n_rows++;
	free(line);
}

size_t table_count(const struct table *t)
{
	return t->n_rows;
}

void text_add_clean(struct buf *b, const char *s, bool visible)
{
	while (*s) {
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

/* Columns on the screen, one for each code point: our words are ASCII, names nearly always. */
static size_t text_width(const char *s)
{
	size_t n = 0;
	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

enum colour { COLOUR_NONE = 0, COLOUR_BAD = 31, COLOUR_GOOD = 32, COLOUR_MOVING = 33, COLOUR_ASK = 35, COLOUR_QUIET = 90 };

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
    {"online", COLOUR_GOOD},
    {"ok", COLOUR_GOOD},
    {"valid", COLOUR_GOOD},
    {"failed", COLOUR_BAD},
    {"refused", COLOUR_BAD},
    {"unreachable", COLOUR_BAD},
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
    {"pending", COLOUR_QUIET},
    {"skipped", COLOUR_QUIET},
};

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

static void add_padded(struct buf *b, const char *text, size_t width, bool right, bool last, bool colour)
{
	size_t n = text_width(text);
	int pad = (int)(width > n ? width - n : 0);
	const char *on = colour ? output_state_colour(text) : "";
	if (right)
		buf_addf(b, "%*s", pad, "");
	buf_addf(b, "%s%s%s", on, text, *on ? "\033[0m" : "");
	if (!right && !last)
		buf_addf(b, "%*s", pad, "");
	if (!last)
		buf_adds(b, "  ");
}

static void add_heading(struct buf *b, const char *key)
{
	for (; *key; key++)
		buf_addc(b, *key == '-' || *key == '_' ? ' ' : (char)toupper((unsigned char)*key));
}

/* The text of a cell or (row == SIZE_MAX) of the heading. */
static void text_at(const struct table *t, size_t row, size_t column, struct buf *ret)
{
	buf_clear(ret);
	if (row == SIZE_MAX)
		add_heading(ret, t->columns[column].key);
	else
		text_add_clean(ret, table_cell(t, row, column) ? table_cell(t, row, column) : "-", true);
}

static bool is_shown(const struct column *c, bool wide)
{
	return wide || (!c->wide && !c->note);
}

static void add_line(const struct table *t, size_t row, const size_t *widths, bool wide, bool colour, struct buf *ret)
{
	AUTO(buf_done) struct buf cell = BUF_INIT;
	size_t last = t->n_columns;
	while (last > 1 && !is_shown(&t->columns[last - 1], wide))
		last--;
	for (size_t i = 0; i < last; i++) {
		if (!is_shown(&t->columns[i], wide))
			continue;
		text_at(t, row, i, &cell);
		add_padded(ret, buf_str(&cell), widths[i], t->columns[i].number, i + 1 == last, colour && row != SIZE_MAX);
	}
	while (ret->n && ret->p[ret->n - 1] == ' ')
		ret->p[--ret->n] = '\0';
	buf_addc(ret, '\n');
}

size_t output_columns(FILE *out)
{
	struct winsize w = {0};
	if (ioctl(fileno(out), TIOCGWINSZ, &w) != 0 || w.ws_col < NOTE_COLUMNS_MIN)
		return NOTE_COLUMNS;
	return w.ws_col;
}

void output_add_folded(struct buf *b, const char *s, size_t indent, size_t columns)
{
	AUTO(buf_done) struct buf clean = BUF_INIT;
	text_add_clean(&clean, s, true);
	const char *text = buf_str(&clean);
	size_t used = 0;
	while (*text) {
		size_t n = str_starts(text, "rollcall ") && strlen(text) <= NOTE_COLUMNS ? strlen(text) : strcspn(text, " ");
		AUTO(buf_done) struct buf word = BUF_INIT;
		buf_add(&word, text, n);
		size_t w = text_width(buf_str(&word));
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

/* The row's sentences; "detail" needs no name. */
static void add_notes(const struct table *t, size_t row, size_t columns, struct buf *ret)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	for (size_t i = 0; i < t->n_columns; i++) {
		const char *cell = table_cell(t, row, i);
		if (!t->columns[i].note || str_empty(cell))
			continue;
		buf_clear(&text);
		if (!str_eq(t->columns[i].key, "detail"))
			buf_addf(&text, "%s: ", t->columns[i].key);
		buf_adds(&text, cell);
		output_add_folded(ret, buf_str(&text), NOTE_INDENT, columns);
	}
}

static void print_text(const struct table *t, bool wide, FILE *out)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	size_t widths[COLUMNS_MAX] = {0};
	bool colour = output_has_colour(out);
	for (size_t i = 0; i < t->n_columns; i++) {
		for (size_t row = 0; row <= t->n_rows; row++) {
			text_at(t, row == t->n_rows ? SIZE_MAX : row, i, &text);
			if (text_width(buf_str(&text)) > widths[i])
				widths[i] = text_width(buf_str(&text));
		}
	}
	for (size_t row = 0; row <= t->n_rows; row++) {
		buf_clear(&text);
		add_line(t, row ? row - 1 : SIZE_MAX, widths, wide, colour, &text);
		if (row && !wide)
			add_notes(t, row - 1, output_columns(out), &text);
		fputs(text.p, out);
	}
}

static void print_names(const struct table *t, FILE *out)
{
	AUTO(buf_done) struct buf cell = BUF_INIT;
	for (size_t row = 0; t->n_columns && row < t->n_rows; row++) {
		text_at(t, row, 0, &cell);
		fprintf(out, "%s\n", buf_str(&cell));
	}
}

static void print_texts(const struct table *const *tables, size_t n, bool wide, FILE *out)
{
	for (size_t i = 0; i < n; i++) {
		if (i)
			fputc('\n', out);
		print_text(tables[i], wide, out);
	}
}

void tables_print(const struct table *const *tables, const char *const *kinds, size_t n, enum output_format f, FILE *out)
{
	switch (f) {
	case OUTPUT_TABLE:
	case OUTPUT_WIDE:
		print_texts(tables, n, f == OUTPUT_WIDE, out);
		return;
	case OUTPUT_JSON:
		machine_json(tables, kinds, n, out);
		return;
	case OUTPUT_NDJSON:
		for (size_t i = 0; i < n; i++)
			machine_ndjson(tables[i], n > 1 ? kinds[i] : NULL, out);
		return;
	case OUTPUT_CSV:
		if (n)
			machine_csv(tables[n - 1], out);
		return;
	case OUTPUT_NAME:
		if (n)
			print_names(tables[n - 1], out);
		return;
	}
}

void table_print(const struct table *t, enum output_format f, const char *kind, FILE *out)
{
	tables_print(&t, &kind, 1, f, out);
}
