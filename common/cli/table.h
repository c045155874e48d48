/* Rows for people and programs: one structure, printed as table, wide, json, ndjson, csv or name. Data goes to stdout, messages to stderr. */
#ifndef COMMON_CLI_TABLE_H
#define COMMON_CLI_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "common/base/err.h"
#include "common/cli/cmd.h"

enum output_format { OUTPUT_TABLE, OUTPUT_WIDE, OUTPUT_JSON, OUTPUT_NDJSON, OUTPUT_CSV, OUTPUT_NAME };

/* From -o; OUTPUT_TABLE when absent. */
enum output_format cmd_output(const struct cmd_args *a);

struct table;
/* Columns by key, comma-joined: "target,state,detail". Headings are the keys in upper case with blanks for '-'. A '+' before a key: only in wide and the machine formats;
 * '#': a number in JSON, right-aligned in tables. '~': a sentence: in a table for people it stands under its row, folded to the window; in wide it is a column. '%': an id, of which people see the first eight characters; in
 * wide and the machine formats it is whole. On a terminal what does not fit into the window stands under its row, so that no line is wider. The first column is what `-o name` prints. */
#define TABLE_MARKS "+#~%"
struct table *table_new(const char *columns);
struct table *table_new_borrowing(const char *columns); /* the cells of its rows are not copied: they outlive it; table_row only */
void table_destroy(struct table **t);
/* One row: as many strings as there are columns; NULL prints as "-" (JSON null). Copies. */
void table_row(struct table *t, const char *const *cells);
void table_rowf(struct table *t, const char *fmt, ...) PRINTF_LIKE(2, 3); /* cells separated by '\t' */
size_t table_count(const struct table *t);
/* JSON: {"<kind>": [ {...}, ... ]} ; colours only on a terminal without NO_COLOR (states known to table.c get one). */
void table_print(const struct table *t, enum output_format f, const char *kind, FILE *out);
/* Several tables of one answer: for people one under another; JSON is one object with a key for each; ndjson has every row, with its kind; csv and name only the last table. */
void tables_print(const struct table *const *tables, const char *const *kinds, size_t n, enum output_format f, FILE *out);
/* The files that a command wrote: for people a path a line, so that a script can take it; else rows of the kind "files". */
void files_print(const char *const *paths, size_t n, enum output_format f, FILE *out);
/* ---- output that is not a table: output.c ---- */

/* Adds text from a peer or a database as a terminal may see it: control characters become blanks, what is not UTF-8 U+FFFD. */
struct buf;
void output_add_visible(struct buf *b, const char *s);
/* Columns that clean text takes on the screen: two for a wide character (CJK, emoji), none for a combining one. */
size_t output_width(const char *s);
size_t output_cut(const char *s, size_t columns); /* octets of its longest beginning that fits */
bool output_is_utf8(void); /* by LC_ALL, LC_CTYPE, LANG: may more than ASCII be drawn? */

/* Adds a sentence in lines of at most `columns`, each indented and ended. Folds at blanks; a word longer than the line, a command at the end and one in quotes stay whole, so that
 * they can be copied. */
void output_add_folded(struct buf *b, const char *s, size_t indent, size_t columns);
/* The same for a text of several lines, each ended; columns SIZE_MAX: as they are. */
void output_add_lines(struct buf *b, const char *text, size_t columns);
size_t output_columns(FILE *out); /* of its window; 120 where there is none, or out is NULL */
size_t output_rows(FILE *out); /* of its window; 24 where there is none */
/* A message to stderr, for people: cleaned, ended, and folded where stderr is a terminal. */
void output_say(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* For output that is not a table (the live tree): may colours go to this stream, and the sequence that a state's word gets ("" for an unknown one; end it with ESC[0m). */
bool output_has_colour(FILE *out);
const char *output_state_colour(const char *state);

#endif
