/* struct table: cells in memory, printed once. Cells may come from a peer or a database, so what goes to a terminal is cleaned of control
 * characters here, and what goes to a program is escaped by its format's own rules (table_machine.c). */
#include "common/cli/table.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/cli/rows.h"

enum { NOTE_INDENT = 4, ID_SHOWN = 8, WRITE_BYTES = 64 * 1024 };

static void add_column(struct table *t, const char *spec, size_t n)
{
	struct column *c = &t->columns[t->n_columns++];
	for (; n && strchr(TABLE_MARKS, *spec); spec++, n--) {
		c->wide |= *spec == '+';
		c->note |= *spec == '~';
		c->number |= *spec == '#';
		c->id |= *spec == '%';
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
	for (size_t i = 0; i < t->n_cells && !t->borrows; i++)
		free((void *)(uintptr_t)t->cells[i]);
	free(t->cells);
	free(t);
	*tp = NULL;
}

static void add_cell(struct table *t, const char *cell)
{
	vec_grow(t->cells, t->n_cells, t->cap_cells);
	t->cells[t->n_cells++] = cell;
}

struct table *table_new_borrowing(const char *columns)
{
	struct table *t = table_new(columns);
	t->borrows = true;
	return t;
}

void table_row(struct table *t, const char *const *cells)
{
	for (size_t i = 0; i < t->n_columns; i++)
		add_cell(t, t->borrows ? cells[i] : mem_strdup(cells[i]));
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

/* What is shown of a cell: clean, in a buffer or where it is. */
struct shown {
	const char *p; /* ends with a NUL */
	size_t n, width; /* octets, columns */
};

static void add_blanks(struct buf *b, size_t n)
{
	static const char blanks[] = "                                ";
	for (; n >= sizeof blanks; n -= sizeof blanks - 1)
		buf_add(b, blanks, sizeof blanks - 1);
	buf_add(b, blanks, n);
}

static void add_padded(struct buf *b, struct shown text, size_t width, bool right, bool last, bool colour)
{
	size_t pad = width > text.width ? width - text.width : 0;
	const char *on = colour ? output_state_colour(text.p) : "";
	if (right)
		add_blanks(b, pad);
	buf_adds(b, on);
	buf_add(b, text.p, text.n);
	if (*on)
		buf_adds(b, "\033[0m");
	if (!last)
		add_blanks(b, (right ? 0 : pad) + 2);
}

static void add_heading(struct buf *b, const char *key)
{
	for (; *key; key++)
		buf_addc(b, *key == '-' || *key == '_' ? ' ' : (char)toupper((unsigned char)*key));
}

/* How a table is laid out in a window. */
struct layout {
	bool wide;
	bool shown[COLUMNS_MAX]; /* as a column */
	bool under[COLUMNS_MAX]; /* under its row: a sentence, or what does not fit into the window */
	size_t widths[COLUMNS_MAX];
	size_t columns; /* of the window; SIZE_MAX: no window */
};

static struct shown shown_in(const struct buf *b)
{
	return (struct shown){.p = buf_str(b), .n = b->n, .width = output_width(buf_str(b))};
}

/* The text of a cell or (row == SIZE_MAX) of the heading; `scratch` is for what has to be cleaned or cut, which few cells have. */
static struct shown text_at(const struct table *t, const struct layout *l, size_t row, size_t column, struct buf *scratch)
{
	const struct column *c = &t->columns[column];
	buf_clear(scratch);
	if (row == SIZE_MAX) {
		add_heading(scratch, c->key);
		return shown_in(scratch);
	}
	const char *cell = table_cell(t, row, column) ? table_cell(t, row, column) : "-";
	bool is_cut = c->id && !l->wide;
	size_t plain = text_plain_length(cell);
	if (!cell[plain] && !(is_cut && plain > ID_SHOWN))
		return (struct shown){.p = cell, .n = plain, .width = plain};
	text_add_clean(scratch, cell, true);
	if (is_cut && scratch->n > ID_SHOWN)
		scratch->p[scratch->n = ID_SHOWN] = '\0';
	return shown_in(scratch);
}

static size_t total_width(const struct table *t, const struct layout *l)
{
	size_t n = 0;
	for (size_t i = 0; i < t->n_columns; i++)
		n += l->shown[i] ? l->widths[i] + (n ? 2 : 0) : 0;
	return n;
}

/* One name that is wider than half of the window shall not push every other column out of it: it gets a line of its own. */
static void narrow_first(const struct table *t, struct layout *l)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	size_t most = l->columns / 2, width = 0;
	if (l->columns == SIZE_MAX || l->widths[0] <= most || total_width(t, l) <= l->columns || t->n_columns < 2)
		return;
	for (size_t row = 0; row <= t->n_rows; row++) {
		size_t w = text_at(t, l, row == t->n_rows ? SIZE_MAX : row, 0, &text).width;
		width = w > width && w <= most ? w : width;
	}
	l->widths[0] = width;
}

/* What does not fit into the window goes under the rows, the last columns first; the first two stay. */
static void lay_out(const struct table *t, struct layout *l)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	for (size_t i = 0; i < t->n_columns; i++) {
		const struct column *c = &t->columns[i];
		l->shown[i] = l->wide || (!c->wide && !c->note);
		l->under[i] = !l->wide && c->note;
		for (size_t row = 0; l->shown[i] && row <= t->n_rows; row++) {
			size_t width = text_at(t, l, row == t->n_rows ? SIZE_MAX : row, i, &text).width;
			l->widths[i] = width > l->widths[i] ? width : l->widths[i];
		}
	}
	narrow_first(t, l);
	for (size_t i = t->n_columns; i-- > 2 && total_width(t, l) > l->columns;) {
		l->under[i] = l->under[i] || l->shown[i];
		l->shown[i] = false;
	}
}

static void add_line(const struct table *t, const struct layout *l, size_t row, bool colour, struct buf *ret)
{
	AUTO(buf_done) struct buf scratch = BUF_INIT;
	size_t last = t->n_columns, begin = ret->n;
	while (last > 1 && !l->shown[last - 1])
		last--;
	for (size_t i = 0; i < last; i++) {
		if (!l->shown[i])
			continue;
		struct shown text = text_at(t, l, row, i, &scratch);
		add_padded(ret, text, l->widths[i], t->columns[i].number, i + 1 == last, colour && row != SIZE_MAX);
		if (i == 0 && last > 1 && text.width > l->widths[0]) {
			ret->p[ret->n -= 2] = '\0'; /* the blanks before the next column */
			buf_addc(ret, '\n');
			add_blanks(ret, l->widths[0] + 2);
		}
	}
	while (ret->n > begin && ret->p[ret->n - 1] == ' ')
		ret->p[--ret->n] = '\0';
	buf_addc(ret, '\n');
}

/* What did not fit into the window, on one line: "created: 2026-11-26T08:18:43Z, agent: eu-1; what "detail" says, which needs no name". */
static void add_short_notes(const struct table *t, const struct layout *l, size_t row, size_t columns, struct buf *ret)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	AUTO(buf_done) struct buf scratch = BUF_INIT;
	for (size_t i = 0; i < t->n_columns; i++) {
		bool detail = str_eq(t->columns[i].key, "detail");
		if (!l->under[i] || t->columns[i].note || str_empty(table_cell(t, row, i)))
			continue;
		struct shown cell = text_at(t, l, row, i, &scratch);
		buf_adds(&text, !text.n ? "" : detail ? "; " : ", ");
		buf_addf(&text, "%s%s%s", detail ? "" : t->columns[i].key, detail ? "" : ": ", cell.p);
	}
	output_add_folded(ret, buf_str(&text), NOTE_INDENT, columns);
}

/* The row's sentences. */
static void add_notes(const struct table *t, const struct layout *l, size_t row, struct buf *ret)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	size_t columns = l->columns == SIZE_MAX ? output_columns(NULL) : l->columns;
	add_short_notes(t, l, row, columns, ret);
	for (size_t i = 0; i < t->n_columns; i++) {
		const char *cell = table_cell(t, row, i);
		if (!l->under[i] || !t->columns[i].note || str_empty(cell))
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
	struct layout l = {.wide = wide, .columns = isatty(fileno(out)) ? output_columns(out) : SIZE_MAX};
	bool colour = output_has_colour(out);
	lay_out(t, &l);
	for (size_t row = 0; row <= t->n_rows; row++) {
		add_line(t, &l, row ? row - 1 : SIZE_MAX, colour, &text);
		if (row)
			add_notes(t, &l, row - 1, &text);
		if (text.n < WRITE_BYTES && row < t->n_rows)
			continue;
		fwrite(text.p, 1, text.n, out);
		buf_clear(&text);
	}
}

static void print_names(const struct table *t, FILE *out)
{
	AUTO(buf_done) struct buf cell = BUF_INIT;
	for (size_t row = 0; t->n_columns && row < t->n_rows; row++) {
		buf_clear(&cell);
		text_add_clean(&cell, table_cell(t, row, 0) ? table_cell(t, row, 0) : "-", true);
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

void files_print(const char *const *paths, size_t n, enum output_format f, FILE *out)
{
	AUTO(table_destroy) struct table *t = table_new("file");
	for (size_t i = 0; i < n; i++)
		table_row(t, &paths[i]);
	table_print(t, f == OUTPUT_TABLE || f == OUTPUT_WIDE ? OUTPUT_NAME : f, "files", out);
}

void table_print(const struct table *t, enum output_format f, const char *kind, FILE *out)
{
	tables_print(&t, &kind, 1, f, out);
}
