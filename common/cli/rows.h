/* Inside common/cli only: the cells of a table, shared by what prints them for people (table.c) and for programs (table_machine.c). */
#ifndef COMMON_CLI_ROWS_H
#define COMMON_CLI_ROWS_H

#include "common/base/buf.h"
#include "common/cli/table.h"

#define COLUMNS_MAX 32

struct column {
	char *key;
	bool wide, number, note, id;
};

struct table {
	struct column columns[COLUMNS_MAX];
	size_t n_columns;
	const char **cells; /* n_rows * n_columns; NULL: no value */
	size_t n_rows, n_cells, cap_cells;
	bool borrows; /* the cells are somebody else's */
};

static inline const char *table_cell(const struct table *t, size_t row, size_t column)
{
	return t->cells[row * t->n_columns + column];
}

/* How many octets s begins with that are printable ASCII: a column each, and nothing to clean. */
size_t text_plain_length(const char *s);
/* Copies with what is not UTF-8 replaced by U+FFFD; `visible` also turns control characters (C0, DEL, C1) into blanks. */
void text_add_clean(struct buf *b, const char *s, bool visible);

void machine_json(const struct table *const *tables, const char *const *kinds, size_t n, FILE *out);
void machine_ndjson(const struct table *t, const char *kind, FILE *out); /* kind NULL: no such key */
void machine_csv(const struct table *t, FILE *out);

#endif
