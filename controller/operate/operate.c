/* The table of commands, and the making of replies. See operate.h. */
#include "controller/operate/operate.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/nearest.h"
#include "common/base/str.h"
#include "common/wire/limits.h"

#define REPLY_BYTES (LIMIT_FRAME_BODY / 2) /* of cells in one reply, with room for what encoding adds */

#define CELL_END '\x1f' /* between cells while a row is formatted: a database's error may hold tabs, which must not shift the columns */

#define ROW_FORMAT_MAX 512 /* our own words */

enum role { ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN };
static const char *const role_names[] = {"viewer", "operator", "admin"};

static const struct {
	enum verb verb;
	enum role least;
	operate_fn *run;
} commands[] = {
    {VERB_PING, ROLE_VIEWER, operate_ping},
    {VERB_RELEASE_ADD, ROLE_OPERATOR, operate_release_add},
    {VERB_RELEASE_LIST, ROLE_VIEWER, operate_release_list},
    {VERB_ROLLOUT_PREVIEW, ROLE_VIEWER, operate_preview},
    {VERB_ROLLOUT_START, ROLE_OPERATOR, operate_start},
    {VERB_ROLLOUT_ORDER, ROLE_VIEWER, operate_order},
    {VERB_ROLLOUT_APPROVE, ROLE_VIEWER, operate_approve}, /* the approval's own signature is what counts */
    {VERB_ROLLOUT_LIST, ROLE_VIEWER, operate_rollout_list},
    {VERB_ROLLOUT_STATUS, ROLE_VIEWER, operate_status},
    {VERB_ROLLOUT_PAUSE, ROLE_OPERATOR, operate_pause},
    {VERB_ROLLOUT_RESUME, ROLE_OPERATOR, operate_resume},
    {VERB_ROLLOUT_ABORT, ROLE_OPERATOR, operate_abort},
    {VERB_ROLLOUT_RETRY, ROLE_OPERATOR, operate_retry},
    {VERB_ROLLOUT_ROLLBACK, ROLE_OPERATOR, operate_rollback},
    {VERB_AGENT_ADMIT, ROLE_ADMIN, operate_agent_admit},
    {VERB_AGENT_LIST, ROLE_VIEWER, operate_agent_list},
    {VERB_AGENT_REVOKE, ROLE_ADMIN, operate_agent_revoke},
    {VERB_AGENT_APPROVE, ROLE_ADMIN, operate_agent_approve},
    {VERB_AGENT_REQUEST, ROLE_VIEWER, operate_agent_request},
    {VERB_TARGET_LIST, ROLE_VIEWER, operate_target_list},
    {VERB_HISTORY, ROLE_VIEWER, operate_history},
    {VERB_TRUST_SHOW, ROLE_VIEWER, operate_trust_show},
    {VERB_AUDIT_ROWS, ROLE_VIEWER, operate_audit_rows},
    {VERB_AUDIT_LIST, ROLE_VIEWER, operate_audit_list},
    {VERB_AUDIT_DOCUMENT, ROLE_VIEWER, operate_audit_document},
    {VERB_ROLLOUT_SKIP, ROLE_OPERATOR, operate_skip},
    {VERB_TARGET_QUARANTINE, ROLE_OPERATOR, operate_quarantine},
    {VERB_TARGET_UNQUARANTINE, ROLE_OPERATOR, operate_unquarantine},
    {VERB_FREEZE_ADD, ROLE_OPERATOR, operate_freeze_add},
    {VERB_FREEZE_LIST, ROLE_VIEWER, operate_freeze_list},
    {VERB_FREEZE_REMOVE, ROLE_OPERATOR, operate_freeze_remove},
    {VERB_ROLLOUT_CATCH_UP, ROLE_OPERATOR, operate_catch_up},
    {VERB_TRUST_PUSH, ROLE_OPERATOR, operate_trust_push}, /* the document's own signatures are what counts */
    {VERB_FLEET_STATUS, ROLE_VIEWER, operate_fleet_status},
    {VERB_TARGET_SHOW, ROLE_VIEWER, operate_target_show},
};

static bool has_role(const char *role, enum role least)
{
	for (size_t i = least; i < ARRAY_LEN(role_names); i++)
		if (str_eq(role, role_names[i]))
			return true;
	return false;
}

static int run_command(struct request *q, const struct principal *from, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (commands[i].verb != q->c->verb)
			continue;
		if (!has_role(from->role, commands[i].least))
			return err_set(e, ERR_POLICY, "%s needs role %s, %s has %s: ask an admin to change controller.yaml", verb_name(q->c->verb),
			               role_names[commands[i].least], from->name, from->role);
		return commands[i].run(q, e);
	}
	return err_set(e, ERR_USAGE, "this controller does not know %s: it is older than the tool", verb_name(q->c->verb));
}

bool operate_is_fatal(const struct err *e)
{
	return e->code == ERR_DB || e->code == ERR_INTERNAL;
}

int operate_command(struct brain *b, const struct hub_event *ev, struct err *e)
{
	if (ev->from.kind != LINK_OPERATOR)
		return 0;
	struct request q = {
	    .b = b, .session = ev->session, .c = &ev->msg.command, .a = b->turn, .actor = arena_printf(b->turn, "operator %s", ev->from.name)};
	struct err why = ERR_INIT;
	if (run_command(&q, &ev->from, &why) == 0)
		return 0;
	if (operate_is_fatal(&why)) {
		if (e)
			*e = why;
		return -1;
	}
	log_info("%s: %s: %s", q.actor, verb_name(q.c->verb), why.msg);
	reply_error(&q, &why);
	return 0;
}

/* ---- arguments ------------------------------------------------------------------------------------------------------------------------------------------- */

const char *request_arg(const struct request *q, const char *key)
{
	for (size_t i = 0; i < q->c->n_arguments; i++)
		if (str_eq(q->c->arguments[i].key, key) && !str_empty(q->c->arguments[i].value))
			return q->c->arguments[i].value;
	return NULL;
}

int request_need(const struct request *q, const char *key, const char **ret, struct err *e)
{
	*ret = request_arg(q, key);
	return *ret ? 0 : err_set(e, ERR_USAGE, "%s needs the argument %s, which is missing or empty: give it", verb_name(q->c->verb), key);
}

int request_number(const struct request *q, const char *key, uint64_t least, uint64_t most, uint64_t *ret, struct err *e)
{
	const char *text = request_arg(q, key);
	return text ? str_to_u64(text, key, least, most, ret, e) : 0;
}

int request_no_target(struct request *q, const char *target, struct err *e)
{
	size_t n = 0;
	struct brain_target **all = targets_sorted(q->b, &n);
	const char **ids = arena_alloc(q->a, (n + 1) * sizeof *ids);
	for (size_t i = 0; i < n; i++)
		ids[i] = all[i]->target.id;
	const char *near = nearest_path(target, ids, n);
	if (near)
		return err_set(e, ERR_NOT_FOUND, "no agent has announced target %s: did you mean %s? `rollcall targets` shows them", target, near);
	return err_set(e, ERR_NOT_FOUND, "no agent has announced target %s: `rollcall targets` shows them", target);
}

const char **request_args(const struct request *q, const char *key, size_t *ret_n)
{
	const char **list = arena_alloc(q->a, (q->c->n_arguments + 1) * sizeof *list);
	*ret_n = 0;
	for (size_t i = 0; i < q->c->n_arguments; i++)
		if (str_eq(q->c->arguments[i].key, key))
			list[(*ret_n)++] = q->c->arguments[i].value;
	return list;
}

int request_run(struct request *q, struct run **ret, struct err *e)
{
	const char *id = NULL;
	return request_need(q, "rollout", &id, e) < 0 ? -1 : run_find(q->b, id, ret, e);
}

/* ---- replies --------------------------------------------------------------------------------------------------------------------------------------------- */

static void send_reply(struct request *q, struct msg_reply *r)
{
	r->id = q->c->id;
	r->columns = q->columns;
	r->n_columns = q->n_columns;
	r->rows = q->rows;
	r->n_rows = q->n_rows;
	const struct msg m = {.type = MSG_REPLY, .reply = *r};
	brain_queue(q->b, q->session, &m);
	q->rows = NULL;
	q->n_rows = q->cap_rows = q->row_bytes = 0;
}

void reply_columns(struct request *q, const char *columns)
{
	if (q->n_columns)
		send_reply(q, &(struct msg_reply){0});
	q->columns = arena_alloc(q->a, (strlen(columns) / 2 + 1) * sizeof *q->columns);
	q->n_columns = 0;
	for (const char *p = columns; *p; p += strspn(p, ",")) {
		size_t n = strcspn(p, ",");
		q->columns[q->n_columns++] = arena_strndup(q->a, p, n);
		p += n;
	}
}

/* A row for cells of so many octets, none in it yet; what does not fit into one reply with it goes out before. */
static struct link_row *add_row(struct request *q, size_t bytes)
{
	if (q->row_bytes + bytes > REPLY_BYTES && q->n_rows)
		send_reply(q, &(struct msg_reply){0});
	arena_vec_grow(q->a, q->rows, q->n_rows, q->cap_rows);
	struct link_row *row = &q->rows[q->n_rows++];
	*row = (struct link_row){.cells = arena_alloc(q->a, q->n_columns * sizeof *row->cells)};
	q->row_bytes += bytes + 8 * q->n_columns;
	return row;
}

/* Formats into the turn's memory. */
static char *format_row(struct request *q, const char *fmt, va_list ap, size_t *ret_n)
{
	char shorter[1024]; /* nearly all are: formatted once */
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(shorter, sizeof shorter, fmt, ap);
	if (n < 0)
		abort();
	char *text = arena_alloc(q->a, (size_t)n + 1);
	if ((size_t)n < sizeof shorter)
		memcpy(text, shorter, (size_t)n + 1);
	else
		vsnprintf(text, (size_t)n + 1, fmt, again);
	va_end(again);
	*ret_n = (size_t)n;
	return text;
}

void reply_row(struct request *q, const char *fmt, ...)
{
	va_list ap;
	char format[ROW_FORMAT_MAX];
	size_t n;
	str_copy(format, sizeof format, fmt);
	assert(strlen(fmt) < sizeof format);
	for (char *p = format; (p = strchr(p, '\t'));)
		*p = CELL_END;
	va_start(ap, fmt);
	char *p = format_row(q, format, ap, &n);
	va_end(ap);
	struct link_row *row = add_row(q, n);
	for (; row->n_cells < q->n_columns; row->n_cells++) {
		char *end = strchr(p, CELL_END);
		row->cells[row->n_cells] = p;
		if (end)
			*end = '\0';
		p = end ? end + 1 : p + strlen(p);
	}
}

void reply_cells(struct request *q, const char *const *cells, size_t n)
{
	size_t lengths[REPLY_COLUMNS_MAX], bytes = 0;
	assert(n == q->n_columns && n <= REPLY_COLUMNS_MAX);
	for (size_t i = 0; i < n; i++)
		bytes += lengths[i] = cells[i] ? strlen(cells[i]) : 0;
	struct link_row *row = add_row(q, bytes);
	char *p = arena_alloc(q->a, bytes + n);
	for (size_t i = 0; i < n; i++) {
		row->cells[row->n_cells++] = memcpy(p, cells[i] ? cells[i] : "", lengths[i] + 1);
		p += lengths[i] + 1;
	}
}

const char *reply_time(struct request *q, int64_t at_us)
{
	return at_us ? clock_text(at_us, arena_alloc(q->a, CLOCK_TEXT_SIZE)) : "";
}

const char *reply_seconds_until(struct request *q, int64_t at_us)
{
	return at_us > q->b->now_us ? arena_printf(q->a, "%" PRId64, (at_us - q->b->now_us + 999999) / 1000000) : "";
}

void reply_document(struct request *q, struct bytes document)
{
	send_reply(q, &(struct msg_reply){.document = arena_bytes(q->a, document)});
}

void reply_end(struct request *q, enum exit_code code, const char *fmt, ...)
{
	char text[1536];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	send_reply(q, &(struct msg_reply){.last = true, .exit_code = (uint32_t)code, .message = arena_strdup(q->a, text)});
}

void reply_count(struct request *q, size_t n, const char *what)
{
	reply_end(q, EXIT_DONE, "%zu %s%s", n, what, n == 1 ? "" : "s");
}

void reply_error(struct request *q, const struct err *why)
{
	q->columns = NULL;
	q->n_columns = q->n_rows = 0;
	send_reply(q, &(struct msg_reply){.last = true,
	                                  .exit_code = (uint32_t)cmd_exit_code(why->code),
	                                  .error_code = err_code_name(why->code),
	                                  .message = arena_strdup(q->a, why->msg)});
}
