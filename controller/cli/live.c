/* See live.h. */
#include "controller/cli/live.h"

#include <stdio.h>
#include <string.h>

#include "common/base/str.h"
#include "common/wire/limits.h"

#define CONNECT_TIMEOUT_MS 10000
#define ANSWER_CAP         ((size_t)256 * 1024 * 1024)

static int open_at(const struct context *c, const char *endpoint, const char *blobs, struct live *ret, struct err *e)
{
	const struct operator_config config = {.ctrl_endpoint = endpoint,
	                                       .blob_endpoint = blobs,
	                                       .controller_key = c->key,
	                                       .curve_key_file = c->operator_key,
	                                       .timeout_ms = CONNECT_TIMEOUT_MS};
	return operator_connect(&config, &ret->link, e);
}

/* One address after the other until one answers; what is wrong with our own key or file is wrong at all of them. */
int live_open_context(const struct context *c, struct live *ret, struct err *e)
{
	struct err first = ERR_INIT, why = ERR_INIT;
	ret->context = *c;
	int rc = open_at(c, c->endpoint, c->blobs, ret, &first);
	why = first;
	for (size_t i = 0; rc != 0 && why.code == ERR_LINK && i < c->n_also; i++)
		rc = open_at(c, c->also[i].endpoint, c->also[i].blobs, ret, &why);
	if (rc == 0)
		return 0;
	if (c->n_also == 0 || why.code != ERR_LINK)
		return err_set(e, why.code, "%s", why.msg);
	return err_set(e, ERR_LINK, "no address of controller '%s' answers: %s; the last of %zu: %s", c->name, first.msg, c->n_also + 1, why.msg);
}

int live_open(const struct cmd_args *a, struct live *ret, struct err *e)
{
	const char *path = NULL;
	struct context c = {0};
	ret->arena = arena_new((size_t)1024 * 1024);
	if (context_path(cmd_option_value(a, "config"), ret->arena, &path, e) != 0 ||
	    context_load(path, cmd_option_value(a, "controller"), ret->arena, &c, e) != 0)
		return -1;
	return live_open_context(&c, ret, e);
}

void live_close(struct live *l)
{
	operator_close(&l->link);
	arena_destroy(&l->arena);
}

void question_add(struct question *q, const char *key, const char *value)
{
	if (value && q->n == LIVE_ARGUMENTS_MAX)
		q->is_over = true;
	else if (value)
		q->arguments[q->n++] = (struct link_argument){key, value};
}

void question_add_options(struct question *q, const struct cmd_args *a, const char *option)
{
	const char *const *values;
	size_t n = cmd_option_values(a, option, &values);
	for (size_t i = 0; i < n; i++)
		question_add(q, option, values[i]);
}

void answer_done(struct answer *r)
{
	arena_destroy(&r->arena);
}

static bool same_columns(const struct answer_table *t, const struct msg_reply *r)
{
	if (t->n_columns != r->n_columns)
		return false;
	for (size_t i = 0; i < r->n_columns; i++)
		if (!str_eq(t->columns[i], r->columns[i]))
			return false;
	return true;
}

static struct answer_table *table_for(struct answer *a, const struct msg_reply *r)
{
	if (a->n_tables && same_columns(&a->tables[a->n_tables - 1], r))
		return &a->tables[a->n_tables - 1];
	if (a->n_tables == LIVE_TABLES_MAX)
		return NULL;
	struct answer_table *t = &a->tables[a->n_tables++];
	t->n_columns = r->n_columns;
	t->columns = arena_alloc(a->arena, (r->n_columns + 1) * sizeof *t->columns);
	for (size_t i = 0; i < r->n_columns; i++)
		t->columns[i] = arena_strdup(a->arena, r->columns[i]);
	return t;
}

/* Every row gets exactly as many cells as there are columns, whatever came. */
static void copy_row(struct answer *a, struct answer_table *t, const struct link_row *from)
{
	arena_vec_grow(a->arena, t->rows, t->n_rows, t->cap_rows);
	struct link_row *to = &t->rows[t->n_rows++];
	size_t n = from->n_cells < t->n_columns ? from->n_cells : t->n_columns, bytes = 0;
	for (size_t i = 0; i < n; i++)
		bytes += str_empty(from->cells[i]) ? 0 : strlen(from->cells[i]) + 1;
	to->n_cells = t->n_columns;
	to->cells = arena_alloc(a->arena, (t->n_columns + 1) * sizeof *to->cells + bytes); /* the texts stand behind it */
	char *text = (char *)(to->cells + t->n_columns + 1);
	for (size_t i = 0; i < t->n_columns; i++) {
		size_t len = i < n && !str_empty(from->cells[i]) ? strlen(from->cells[i]) + 1 : 0;
		to->cells[i] = len ? memcpy(text, from->cells[i], len) : NULL;
		text += len;
	}
}

static int gather(void *arg, const struct msg_reply *r, struct err *e)
{
	struct answer *a = arg;
	struct answer_table *t = r->n_columns ? table_for(a, r) : NULL;
	if (r->n_rows && !t)
		return err_set(e, ERR_LINK, "the controller answered with rows that have no columns, or with too many tables");
	if (arena_used(a->arena) > ANSWER_CAP / 2)
		return err_set(e, ERR_LIMIT, "the controller's answer is larger than %zu MB: ask for less", ANSWER_CAP / 2 / 1024 / 1024);
	for (size_t i = 0; i < r->n_rows; i++)
		copy_row(a, t, &r->rows[i]);
	if (r->document.n)
		a->document = arena_bytes(a->arena, r->document);
	if (r->last) {
		a->exit_code = r->exit_code <= 255 ? (int)r->exit_code : EXIT_FAILED;
		a->message = r->message ? arena_strdup(a->arena, r->message) : "";
		a->error_code = r->error_code ? arena_strdup(a->arena, r->error_code) : "";
	}
	return 0;
}

static enum err_code code_of(const char *name)
{
	for (int c = ERR_NONE + 1; c < ERR_CODE_COUNT; c++)
		if (str_eq(name, err_code_name((enum err_code)c)))
			return (enum err_code)c;
	return ERR_INTERNAL;
}

int live_ask(struct live *l, const struct question *q, struct answer *ret, struct err *e)
{
	struct msg_command c = {
	    .id = ++l->last_id, .verb = q->verb, .arguments = (struct link_argument *)q->arguments, .n_arguments = q->n, .document = q->document};
	if (q->is_over)
		return err_set(e, ERR_LIMIT, "more than %d targets or other arguments: ask for fewer at a time", LIVE_ARGUMENTS_MAX);
	if (q->document.n + 4096 > LIMIT_FRAME_BODY)
		return err_set(e, ERR_LIMIT, "a document of %zu bytes does not fit into one message of %zu", q->document.n, LIMIT_FRAME_BODY);
	*ret = (struct answer){.arena = arena_new(ANSWER_CAP), .message = "", .error_code = ""};
	if (operator_ask(l->link, &c, gather, ret, e) != 0)
		return -1;
	if (!str_empty(ret->error_code))
		return err_set(e, code_of(ret->error_code), "%s", ret->message);
	return 0;
}

static bool is_column(const char *spec, const char *name)
{
	return str_eq(spec + strspn(spec, TABLE_MARKS), name);
}

const struct answer_table *answer_find(const struct answer *r, const char *column)
{
	for (size_t i = 0; i < r->n_tables; i++)
		for (size_t j = 0; j < r->tables[i].n_columns; j++)
			if (is_column(r->tables[i].columns[j], column))
				return &r->tables[i];
	return NULL;
}

const char *answer_cell(const struct answer_table *t, size_t row, const char *column)
{
	for (size_t i = 0; t && row < t->n_rows && i < t->n_columns; i++)
		if (is_column(t->columns[i], column))
			return t->rows[row].cells[i] ? t->rows[row].cells[i] : "";
	return "";
}

void answer_set(const struct answer_table *t, size_t row, const char *column, const char *text)
{
	for (size_t i = 0; i < t->n_columns; i++)
		if (is_column(t->columns[i], column))
			t->rows[row].cells[i] = text;
}

/* "rollouts", "waves", "targets": what a table lists is what its first column names; one that begins with a time is a history. */
static void kind_of(const struct answer_table *t, struct buf *ret)
{
	const char *first = t->n_columns ? t->columns[0] + strspn(t->columns[0], TABLE_MARKS) : "row";
	if (str_eq(first, "at"))
		buf_adds(ret, "history");
	else
		buf_addf(ret, "%s%s", first, str_ends(first, "s") ? "" : "s");
}

static struct table *table_of(const struct answer_table *t)
{
	AUTO(buf_done) struct buf spec = BUF_INIT;
	for (size_t i = 0; i < t->n_columns; i++)
		buf_addf(&spec, "%s%s", i ? "," : "", t->columns[i]);
	struct table *out = table_new_borrowing(buf_str(&spec)); /* the answer outlives what is printed of it */
	for (size_t i = 0; i < t->n_rows; i++)
		table_row(out, t->rows[i].cells);
	return out;
}

static void print_tables(const struct answer *r, enum output_format f)
{
	struct table *tables[LIVE_TABLES_MAX] = {0};
	struct buf kinds[LIVE_TABLES_MAX] = {0};
	const char *names[LIVE_TABLES_MAX] = {0};
	for (size_t i = 0; i < r->n_tables; i++) {
		tables[i] = table_of(&r->tables[i]);
		kind_of(&r->tables[i], &kinds[i]);
		names[i] = buf_str(&kinds[i]);
	}
	tables_print((const struct table *const *)tables, names, r->n_tables, f, stdout);
	for (size_t i = 0; i < r->n_tables; i++) {
		table_destroy(&tables[i]);
		buf_done(&kinds[i]);
	}
}

int answer_print(const struct answer *r, enum output_format f)
{
	print_tables(r, f);
	fflush(stdout);
	if (!str_empty(r->message))
		output_say("%s", r->message);
	return r->exit_code;
}

int live_run(const struct cmd_args *a, const struct question *q, struct err *e)
{
	AUTO(live_close) struct live l = {0};
	AUTO(answer_done) struct answer r = {0};
	if (live_open(a, &l, e) != 0 || live_ask(&l, q, &r, e) != 0)
		return -1;
	return answer_print(&r, cmd_output(a));
}
