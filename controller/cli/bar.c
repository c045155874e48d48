/* See bar.h. */
#include "controller/cli/bar.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"

const char *count_text(uint64_t n, char *out)
{
	char digits[COUNT_TEXT_SIZE];
	size_t length = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, n), at = 0;
	for (size_t i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			out[at++] = ',';
		out[at++] = digits[i];
	}
	out[at] = '\0';
	return out;
}

const char *seconds_text(uint64_t seconds, char *out)
{
	static const struct {
		uint64_t seconds;
		const char *name;
	} units[] = {{24 * 3600, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
	size_t i = 0;
	while (i + 1 < ARRAY_LEN(units) && seconds < units[i].seconds)
		i++;
	int n = snprintf(out, COUNT_TEXT_SIZE, "%" PRIu64 " %s", seconds / units[i].seconds, units[i].name);
	uint64_t rest = seconds % units[i].seconds;
	if (i + 1 < ARRAY_LEN(units) && rest >= units[i + 1].seconds)
		snprintf(out + n, COUNT_TEXT_SIZE - (size_t)n, " %" PRIu64 " %s", rest / units[i + 1].seconds, units[i + 1].name);
	return out;
}

/* ---- bars ------------------------------------------------------------------------------------------------------------------------------------------------ */

const struct signs *signs(void)
{
	static const struct signs utf8 = {.done = "\xe2\x96\x88",
	                                  .moving = "\xe2\x96\x93",
	                                  .failed = "\xc3\x97",
	                                  .rest = "\xe2\x96\x91",
	                                  .last = "\xe2\x94\x94\xe2\x94\x80",
	                                  .branch = "\xe2\x94\x9c\xe2\x94\x80",
	                                  .trunk = "\xe2\x94\x82",
	                                  .last_wave = "\xe2\x94\x94\xe2\x94\x80 wave ",
	                                  .branch_wave = "\xe2\x94\x9c\xe2\x94\x80 wave ",
	                                  .cut = "\xe2\x80\xa6"};
	static const struct signs ascii = {.done = "#",
	                                   .moving = ">",
	                                   .failed = "x",
	                                   .rest = ".",
	                                   .last = "`-",
	                                   .branch = "|-",
	                                   .trunk = "|",
	                                   .last_wave = "`- wave ",
	                                   .branch_wave = "|- wave ",
	                                   .cut = "~"};
	return output_is_utf8() ? &utf8 : &ascii;
}

/* Columns of n among total: at least one for what there is, all only for all. */
static size_t share(uint64_t n, uint64_t total, size_t columns)
{
	size_t c = (size_t)(n * columns / total);
	return n && c == 0 ? 1 : c;
}

static void add_run(struct buf *b, const char *sign, size_t n, const char *sequence)
{
	if (n)
		buf_adds(b, sequence);
	for (size_t i = 0; i < n; i++)
		buf_adds(b, sign);
	if (n && *sequence)
		buf_adds(b, "\033[0m");
}

void bar_add(struct buf *b, const struct bar *v, size_t columns, bool colour)
{
	uint64_t total = v->total ? v->total : 1;
	size_t failed = share(v->failed, total, columns), moving = share(v->moving, total, columns), done = share(v->done, total, columns);
	/* what was rounded up is taken from what is longest */
	while (done + moving + failed > columns)
		--*(done >= moving && done >= failed ? &done : moving >= failed ? &moving : &failed);
	if (v->done + v->failed + v->moving >= total) /* nothing is to come: what was rounded down is no rest */
		done = columns - failed - moving;
	add_run(b, signs()->done, done, colour ? output_state_colour("applied") : "");
	add_run(b, signs()->moving, moving, colour ? output_state_colour("applying") : "");
	add_run(b, signs()->failed, failed, colour ? output_state_colour("failed") : "");
	add_run(b, signs()->rest, columns - done - moving - failed, colour ? output_state_colour("pending") : "");
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------------------------------------ */

uint64_t answer_number(const struct answer_table *t, size_t row, const char *column)
{
	struct err e = ERR_INIT;
	uint64_t n = 0;
	const char *cell = answer_cell(t, row, column);
	return *cell && str_to_u64(cell, column, 0, UINT64_MAX, &n, &e) == 0 ? n : 0;
}

/* What is skipped is not to come. */
struct bar progress_bar(const struct answer_table *t, size_t row)
{
	uint64_t total = answer_number(t, row, "targets"), skipped = answer_number(t, row, "skipped");
	return (struct bar){.done = answer_number(t, row, "applied"),
	                    .failed = answer_number(t, row, "failed"),
	                    .moving = answer_number(t, row, "moving"),
	                    .total = skipped < total ? total - skipped : 0};
}

void progress_add(struct buf *b, const struct answer_table *t, size_t row, bool back)
{
	char text[COUNT_TEXT_SIZE], total[COUNT_TEXT_SIZE];
	struct bar v = progress_bar(t, row);
	buf_addf(b, "%s of %s %s", count_text(v.done, text), count_text(answer_number(t, row, "targets"), total), back ? "taken back" : "applied");
	if (v.failed)
		buf_addf(b, ", %s failed", count_text(v.failed, text));
	if (v.moving)
		buf_addf(b, ", %s under way", count_text(v.moving, text));
	if (answer_number(t, row, "taken-back"))
		buf_addf(b, ", %s taken back", count_text(answer_number(t, row, "taken-back"), text));
	if (answer_number(t, row, "skipped"))
		buf_addf(b, ", %s skipped", count_text(answer_number(t, row, "skipped"), text));
	const char *speed = answer_cell(t, row, "per-minute");
	bool goes_on = *answer_cell(t, row, "seconds-left") != '\0';
	if (*speed && (v.moving || goes_on) && v.done + v.failed < v.total)
		buf_addf(b, ", %s/min", strchr(speed, '.') ? speed : count_text(answer_number(t, row, "per-minute"), text));
	if (goes_on)
		buf_addf(b, ", about %s left", seconds_text(answer_number(t, row, "seconds-left"), text));
}
