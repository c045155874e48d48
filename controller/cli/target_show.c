/* `rollcall show TARGET`: everything about one target on one screen. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/str.h"
#include "controller/cli/fleet_cli.h"

enum { NAME_COLUMNS = 18, DIGEST_SHOWN = 16 };

/* Behind its name; what is wider than the window goes on below itself. */
static void add_value(struct buf *b, const char *text, size_t columns)
{
	AUTO(buf_done) struct buf folded = BUF_INIT;
	if (columns <= 2 * NAME_COLUMNS || NAME_COLUMNS + output_width(text) <= columns) {
		output_add_visible(b, text);
		return;
	}
	output_add_folded(&folded, text, NAME_COLUMNS, columns);
	buf_add(b, folded.p + NAME_COLUMNS, folded.n - NAME_COLUMNS - 1); /* its name stands for the first indent */
}

/* The one row, a line a column, without what is not known. */
static void print_facts(const struct answer_table *t)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	bool colour = output_has_colour(stdout);
	size_t columns = isatty(STDOUT_FILENO) ? output_columns(stdout) : SIZE_MAX;
	for (size_t i = 0; t && t->n_rows && i < t->n_columns; i++) {
		const char *name = t->columns[i] + strspn(t->columns[i], TABLE_MARKS), *value = answer_cell(t, 0, name);
		const char *on = colour && str_eq(name, "state") ? output_state_colour(value) : "";
		size_t shown = *t->columns[i] == '%' ? DIGEST_SHOWN : strlen(value);
		if (!*value)
			continue;
		AUTO(mem_free_ptr) char *text = mem_strdup(value);
		if (shown < strlen(text))
			text[shown] = '\0';
		buf_addf(&b, "%-*s%s", NAME_COLUMNS, name, on);
		add_value(&b, text, columns);
		buf_addf(&b, "%s\n", *on ? "\033[0m" : "");
	}
	fputs(buf_str(&b), stdout);
}

/* Tables that have rows. */
static int print(struct answer *r)
{
	const struct answer_table *facts = answer_find(r, "target");
	size_t kept = 0;
	print_facts(facts);
	for (size_t i = 0; i < r->n_tables; i++)
		if (r->tables[i].n_rows && &r->tables[i] != facts)
			r->tables[kept++] = r->tables[i];
	r->n_tables = kept;
	if (kept)
		printf("\n");
	return answer_print(r, OUTPUT_TABLE);
}

int run_target_show(const struct cmd_args *a, struct err *e)
{
	AUTO(live_close) struct live l = {0};
	AUTO(answer_done) struct answer r = {0};
	struct question q = {.verb = VERB_TARGET_SHOW};
	question_add(&q, "target", cmd_argument(a, 0));
	if (live_open(a, &l, e) != 0 || live_ask(&l, &q, &r, e) != 0)
		return -1;
	return cmd_output(a) == OUTPUT_TABLE ? print(&r) : answer_print(&r, cmd_output(a));
}
