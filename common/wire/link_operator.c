/* The bodies of an operator's messages, there and back: a command, and the rows of its reply. */
#include "common/wire/link_codec.h"
#include "proto/link.pb-c.h"

#define ARGUMENTS_MAX 4096

void link_encode_command(const struct msg *m, struct arena *a, struct buf *ret)
{
	Rollcall__V1__Command p = ROLLCALL__V1__COMMAND__INIT;
	p.id = m->command.id;
	p.verb = m->command.verb;
	p.n_arguments = m->command.n_arguments;
	p.arguments = arena_alloc(a, p.n_arguments * sizeof *p.arguments);
	for (size_t i = 0; i < p.n_arguments; i++) {
		Rollcall__V1__Argument *g = p.arguments[i] = arena_alloc(a, sizeof *g);
		rollcall__v1__argument__init(g);
		g->key = link_text(m->command.arguments[i].key);
		g->value = link_text(m->command.arguments[i].value);
	}
	p.document = pb_from_bytes(m->command.document);
	pb_pack(&p.base, ret);
}

static char **texts(const char **v, size_t n, struct arena *a)
{
	char **out = arena_alloc(a, n * sizeof *out);
	for (size_t i = 0; i < n; i++)
		out[i] = link_text(v[i]);
	return out;
}

void link_encode_reply(const struct msg *m, struct arena *a, struct buf *ret)
{
	const struct msg_reply *r = &m->reply;
	Rollcall__V1__Reply p = ROLLCALL__V1__REPLY__INIT;
	p.id = r->id;
	p.last = r->last;
	p.exit_code = r->exit_code;
	p.error_code = link_text(r->error_code);
	p.message = link_text(r->message);
	p.n_columns = r->n_columns;
	p.columns = texts(r->columns, r->n_columns, a);
	p.n_rows = r->n_rows;
	p.rows = arena_alloc(a, r->n_rows * sizeof *p.rows);
	for (size_t i = 0; i < r->n_rows; i++) {
		Rollcall__V1__Row *w = p.rows[i] = arena_alloc(a, sizeof *w);
		rollcall__v1__row__init(w);
		w->n_cells = r->rows[i].n_cells;
		w->cells = texts(r->rows[i].cells, r->rows[i].n_cells, a);
	}
	p.document = pb_from_bytes(r->document);
	pb_pack(&p.base, ret);
}

int link_decode_command(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	const Rollcall__V1__Command *p = pb;
	if (p->verb == VERB_INVALID || p->verb >= VERB_COUNT)
		return err_set(e, ERR_PARSE, "verb: unknown verb %u", p->verb);
	if (p->n_arguments > ARGUMENTS_MAX)
		return err_set(e, ERR_LIMIT, "%zu arguments; at most %d are allowed", p->n_arguments, ARGUMENTS_MAX);
	struct link_argument *args = arena_try_alloc(a, p->n_arguments * sizeof *args);
	if (!args)
		return err_set(e, ERR_LIMIT, "arguments: too large");
	for (size_t i = 0; i < p->n_arguments; i++)
		args[i] = (struct link_argument){.key = p->arguments[i]->key, .value = p->arguments[i]->value};
	ret->command = (struct msg_command){
	    .id = p->id,
	    .verb = (enum verb)p->verb,
	    .arguments = args,
	    .n_arguments = p->n_arguments,
	    .document = pb_to_bytes(p->document),
	};
	return 0;
}

int link_decode_reply(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	const Rollcall__V1__Reply *p = pb;
	struct link_row *rows = arena_try_alloc(a, p->n_rows * sizeof *rows);
	if (!rows)
		return err_set(e, ERR_LIMIT, "rows: too many");
	for (size_t i = 0; i < p->n_rows; i++) {
		if (p->rows[i]->n_cells != p->n_columns)
			return err_set(e, ERR_PARSE, "rows: %zu cells in a row of %zu columns", p->rows[i]->n_cells, p->n_columns);
		rows[i] = (struct link_row){.cells = (const char **)p->rows[i]->cells, .n_cells = p->rows[i]->n_cells};
	}
	ret->reply = (struct msg_reply){
	    .id = p->id,
	    .last = p->last,
	    .exit_code = p->exit_code,
	    .error_code = p->error_code,
	    .message = p->message,
	    .columns = (const char **)p->columns,
	    .n_columns = p->n_columns,
	    .rows = rows,
	    .n_rows = p->n_rows,
	    .document = pb_to_bytes(p->document),
	};
	return 0;
}
