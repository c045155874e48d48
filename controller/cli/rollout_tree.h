/* Inside the live tree only: the window and its lines (tree_lines.c), and what stands on them (rollout_tree.c). */
#ifndef CONTROLLER_CLI_ROLLOUT_TREE_H
#define CONTROLLER_CLI_ROLLOUT_TREE_H

#include <termios.h>

#include "common/base/buf.h"
#include "controller/cli/bar.h"
#include "controller/cli/rollout_cli.h"

struct tree {
	struct termios saved;
	bool colour;
	struct buf frame, shown; /* shown: what stands on the screen */
	unsigned rows, columns, used;
	unsigned bottom; /* lines that are kept for what to type */
};

/* One line: stem, name and state, each as wide as given, a bar of so many columns, the rest. What is wider than the window ends with an ellipsis. */
struct line {
	const char *stem, *name, *state, *rest;
	size_t name_columns, state_columns, bar_columns;
	struct bar bar;
};
void tree_line(struct tree *t, const struct line *l);
/* Columns of stem, name, state and the blanks behind them. */
size_t tree_line_begin(const struct line *l);
/* Begins a frame for a window of this size. */
void tree_begin(struct tree *t, unsigned rows, unsigned columns);
/* How many lines a sentence takes in so many columns; *ret (may be NULL) is it, folded: a word that is wider than the window goes on in the next line. */
size_t tree_fold(const char *text, size_t columns, struct buf *ret);
/* Adds each line of a folded text behind this stem. */
void tree_text(struct tree *t, const char *folded, const char *stem);
/* The last lines, at the bottom of the window. */
void tree_bottom(struct tree *t, const char *folded);
/* Composes t->frame; tree_draw writes it. */
void tree_frame(struct tree *t, const struct answer *status, const char *notice, unsigned rows, unsigned columns);

#endif
