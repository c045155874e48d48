/* Words and bars for progress: what the status screen and the live tree draw with. Plain text in, plain text out. */
#ifndef CONTROLLER_CLI_BAR_H
#define CONTROLLER_CLI_BAR_H

#include "common/base/buf.h"
#include "controller/cli/live.h"

#define COUNT_TEXT_SIZE 32

/* "9,874". `out` holds COUNT_TEXT_SIZE. Returns out. */
const char *count_text(uint64_t n, char *out);
/* "40 s", "3 min 20 s", "2 h 5 min", "3 d 4 h": of whole seconds. `out` holds COUNT_TEXT_SIZE. Returns out. */
const char *seconds_text(uint64_t seconds, char *out);

/* What bars and trees are drawn with; ASCII where the locale knows no more. Each as wide in both. */
struct signs {
	const char *done, *moving, *failed, *rest; /* of bars */
	const char *last, *branch, *trunk, *last_wave, *branch_wave; /* of trees */
	const char *cut; /* where text is cut off */
};
const struct signs *signs(void);

struct bar {
	uint64_t done, failed, moving, total;
};
/* So many columns: done, moving, failed, the rest. What there is of moving and failed has a column, however few they are, and the bar is full only when everything is done or
 * failed; each kind has its own sign, so that it reads without colour. */
void bar_add(struct buf *b, const struct bar *v, size_t columns, bool colour);

/* "7 of 12 applied, 1 failed, 34/min, about 12 s left" from a row of a rollout or wave; what is not known is left out. */
void progress_add(struct buf *b, const struct answer_table *t, size_t row, bool back);
struct bar progress_bar(const struct answer_table *t, size_t row);

uint64_t answer_number(const struct answer_table *t, size_t row, const char *column); /* 0 when there is none */

#endif
