/* What the site's policy caps, against what the database itself says: the time-outs that this session really has (C21), and the sizes of the tables that the plan is about to work on (C2). Before
 * any statement; what has begun is finished. */
#include <inttypes.h>
#include <stdio.h>

#include "agent/apply/delivery.h"
#include "agent/policy/policy.h"
#include "common/base/str.h"

/* ---- C21 ---- */

static int timeouts_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	uint64_t *ms = arg;
	for (size_t i = 0; i < 2; i++)
		if (i < n && str_to_u64(values[i] ? values[i] : "0", "time-out", 0, INT64_MAX, &ms[i], e) != 0)
			return -1;
	return 0;
}

static bool is_over(struct delivery *d, const char *what, const char *rule, uint64_t have_ms, uint32_t cap_ms)
{
	if (!cap_ms || (have_ms && have_ms <= cap_ms))
		return false;
	if (have_ms)
		err_set(&d->error, ERR_POLICY, "a statement of this session may %s %" PRIu64 " ms, says the server, and this site allows %u ms (%s)", what,
		        have_ms, (unsigned)cap_ms, rule);
	else
		err_set(&d->error, ERR_POLICY, "a statement of this session may %s for ever, says the server, and this site allows %u ms (%s)", what,
		        (unsigned)cap_ms, rule);
	return true;
}

enum ended limits_timeouts(struct delivery *d)
{
	const struct policy *p = d->policy;
	uint64_t ms[2] = {0};
	uint32_t lock_ms = p && !p->lock_of_config ? p->longest_lock_ms : 0, statement_ms = p && !p->statement_of_config ? p->longest_statement_ms : 0;
	if ((!lock_ms && !statement_ms) || !d->engine->timeouts_sql) /* what agent.yaml says is what the session was opened with */
		return ENDED_OK;
	if (d->engine->query(d->conn, bytes_of_str(d->engine->timeouts_sql), NULL, 0, timeouts_row, ms, &d->error) != 0) {
		err_wrap(&d->error, "the session's time-outs");
		return delivery_judge(d, &d->error);
	}
	if (is_over(d, "wait for a lock", "longest_lock", ms[0], lock_ms) || is_over(d, "run", "longest_statement", ms[1], statement_ms))
		return delivery_refuse(d, C21_TIMEOUTS,
		                       "take out what sets it otherwise (a pooler, a setting of the role), or raise the cap in the site's policy: MariaDB "
		                       "knows whole seconds of waiting only");
	return ENDED_OK;
}

/* ---- tables ---- */

struct work {
	const struct plan_item *item;
	enum direction direction;
	const struct statement *statement;
};

static enum ended too_large(struct delivery *d, const struct work *w, const struct sql_class *c, const char *table, uint64_t rows, uint64_t bytes)
{
	const struct table_limit *limit = &d->policy->largest_table;
	bool by_rows = !limit->bytes || bytes <= limit->bytes;
	const char *size = by_rows ? arena_printf(d->arena, "about %" PRIu64 " rows", rows) : table_bytes_text(bytes, d->arena);
	err_set(&d->error, ERR_POLICY,
	        "%s:%u: changeset %s: %s works on table %s as a whole, which has %s, and this site lets that be done up to %s (largest_table)",
	        changeset_file(w->item->changeset, w->item->body, w->direction == DIRECTION_ROLLBACK), (unsigned)w->statement->line,
	        w->item->changeset->id, c->verb, table, size, table_limit_text(limit, d->arena));
	return delivery_refuse(d, C2_SITE_POLICY, "write it in batches (batch:N) or CONCURRENTLY, or have the site's people raise largest_table");
}

static enum ended check_statement(struct delivery *d, const struct work *w)
{
	const struct table_limit *limit = &d->policy->largest_table;
	const char *schema = "", *table = "";
	uint64_t rows = 0, bytes = 0;
	struct sql_class c;
	sql_classify(d->engine->dialect, w->statement->sql, &c);
	switch (policy_table_of(&c, &schema, &table)) {
	case POLICY_TABLE_NONE:
		return ENDED_OK;
	case POLICY_TABLE_UNKNOWN:
		err_set(&d->error, ERR_POLICY,
		        "%s:%u: changeset %s: which table %s works on cannot be told, and this site caps how large it may be (largest_table)",
		        changeset_file(w->item->changeset, w->item->body, w->direction == DIRECTION_ROLLBACK), (unsigned)w->statement->line,
		        w->item->changeset->id, c.verb);
		return delivery_refuse(d, C2_SITE_POLICY, "give each table a statement of its own");
	case POLICY_TABLE_NAMED:
		break;
	}
	if (d->engine->table_size(d->conn, schema, table, &rows, &bytes, &d->error) != 0)
		return delivery_judge(d, &d->error);
	bool over = (limit->rows && rows > limit->rows) || (limit->bytes && bytes > limit->bytes);
	return over ? too_large(d, w, &c, table, rows, bytes) : ENDED_OK;
}

/* What is batched has its own measure. */
static enum ended check_steps(struct delivery *d, const struct plan_item *it, enum direction dir, size_t from)
{
	for (size_t k = from; k < plan_steps(it->body, dir); k++) {
		const struct step *s = plan_step(it->body, dir, k);
		for (size_t i = 0; s->class != STEP_B && i < s->n_statements; i++) {
			enum ended end = check_statement(d, &(struct work){it, dir, &s->statements[i]});
			if (end != ENDED_OK)
				return end;
		}
	}
	return ENDED_OK;
}

static enum ended check_item(struct delivery *d, const struct plan_item *it)
{
	bool back = it->action == PLAN_ROLLBACK, forward = it->action == PLAN_RUN || it->action == PLAN_RESUME;
	if (!back && !forward) /* what is left of an earlier run is brought to its end */
		return ENDED_OK;
	return check_steps(d, it, back ? DIRECTION_ROLLBACK : DIRECTION_APPLY, it->first_step);
}

enum ended limits_tables(struct delivery *d)
{
	enum ended end = ENDED_OK;
	struct err ignored = ERR_INIT;
	if (!d->policy || (!d->policy->largest_table.bytes && !d->policy->largest_table.rows) || !delivery_is_fresh(d) || d->plan.n_steps == 0)
		return ENDED_OK;
	if (d->engine->begin_read(d->conn, &d->error) != 0)
		return delivery_judge(d, &d->error);
	for (size_t i = 0; end == ENDED_OK && i < d->plan.n_items; i++)
		end = check_item(d, &d->plan.items[i]);
	if (d->engine->in_transaction(d->conn) && d->engine->rollback(d->conn, end == ENDED_OK ? &d->error : &ignored) != 0 && end == ENDED_OK)
		return delivery_judge(d, &d->error);
	return end;
}
