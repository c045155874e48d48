/* A live command's conversation with the controller: opens the link by the context, sends one verb, gathers the answer's tables, prints them as they came.
 * Columns and rows belong to the controller (common/wire/link.h); nothing here knows what they mean. One thread, blocking, with the link's deadlines. */
#ifndef CONTROLLER_CLI_LIVE_H
#define CONTROLLER_CLI_LIVE_H

#include "common/base/arena.h"
#include "common/cli/cmd.h"
#include "common/cli/table.h"
#include "controller/cli/context.h"
#include "controller/link/operator.h"

#define LIVE_TABLES_MAX    8
#define LIVE_ARGUMENTS_MAX 2048

struct live {
	struct context context;
	struct operator_link *link;
	struct arena *arena;
	uint64_t last_id;
};

/* ERR_USAGE when no controller is known, ERR_KEY for the operator's key, ERR_LINK when the controller does not answer. */
int live_open(const struct cmd_args *a, struct live *ret, struct err *e) MUST_CHECK;
int live_open_context(const struct context *c, struct live *ret, struct err *e) MUST_CHECK;
void live_close(struct live *l); /* for AUTO */

struct question {
	enum verb verb;
	struct link_argument arguments[LIVE_ARGUMENTS_MAX];
	size_t n;
	struct bytes document;
	bool is_over; /* more was added than it holds: live_ask refuses it */
};
void question_add(struct question *q, const char *key, const char *value); /* NULL value: nothing is added */
void question_add_options(struct question *q, const struct cmd_args *a, const char *option);

struct answer_table {
	const char **columns; /* with their marks */
	size_t n_columns;
	struct link_row *rows;
	size_t n_rows, cap_rows;
};
struct answer {
	struct arena *arena; /* owns the rest */
	struct answer_table tables[LIVE_TABLES_MAX];
	size_t n_tables;
	struct bytes document;
	int exit_code;
	const char *error_code, *message; /* never NULL */
};
void answer_done(struct answer *r); /* for AUTO */

/* Asks and gathers; a refusal by the controller is an error here: its message, with the code that maps to its exit code. */
int live_ask(struct live *l, const struct question *q, struct answer *ret, struct err *e) MUST_CHECK;
/* The first table that has this column; NULL if none. */
const struct answer_table *answer_find(const struct answer *r, const char *column);
/* A cell by column name, marks apart; "" when the column or the cell is not there. */
const char *answer_cell(const struct answer_table *t, size_t row, const char *column);
/* Puts another text in a cell that is there; NULL: none. The text is borrowed. */
void answer_set(const struct answer_table *t, size_t row, const char *column, const char *text);

/* Tables to stdout, the message to stderr, and the exit code for run(). */
int answer_print(const struct answer *r, enum output_format f);
/* The whole of a plain command: open, ask, print. */
int live_run(const struct cmd_args *a, const struct question *q, struct err *e);

#endif
