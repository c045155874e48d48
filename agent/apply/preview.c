/* What a delivery would do on its target now: a delivery's own connection, checks and plan up to where it would write for the first time. Takes no lock: what is at work there meanwhile shows in
 * the ledger, or does not yet. */
#include "agent/apply/preview.h"

#include <string.h>

#include "agent/apply/delivery.h"
#include "common/wire/limits.h"

static enum ended open_once(struct delivery *d)
{
	return d->engine->open(d->target, &d->conn, &d->error) == 0 ? ENDED_OK : ENDED_FAILED;
}

static enum ended peek(struct delivery *d)
{
	d->ledger_arena = arena_new(LIMIT_ARENA_DOCUMENT);
	int rc = ledger_peek(d->engine, d->conn, d->ledger_arena, &d->ledger, &d->error);
	bool not_ours = rc != 0 && d->error.code == ERR_POLICY, broken = rc != 0 && d->error.code == ERR_STATE;
	d->ledger_read = rc == 0 || not_ours || broken;
	if (not_ours || broken)
		return broken ? identity_broken(d) : identity_refuse(d);
	return rc == 0 ? ENDED_OK : ENDED_FAILED;
}

/* "a:c2, step 2": begun by an earlier run that did not say how it ended. */
static const char *open_step(const struct delivery *d)
{
	const struct ledger_row *last = d->ledger.n_rows ? &d->ledger.rows[d->ledger.n_rows - 1] : NULL;
	return last && last->state == STEP_INTENT ? arena_printf(d->arena, "%s, step %u", last->changeset, last->step + 1) : NULL;
}

static enum ended look(struct delivery *d)
{
	static enum ended (*const parts[])(struct delivery *) = {open_once, server_role,     server_version,     limits_timeouts,
	                                                         peek,      delivery_verify, delivery_make_plan, limits_tables};
	enum ended end = identity_recall(d, &d->error) == 0 ? ENDED_OK : ENDED_FAILED;
	for (size_t i = 0; i < ARRAY_LEN(parts) && end == ENDED_OK; i++)
		end = parts[i](d);
	return end;
}

void delivery_look(struct delivery *d, struct preview *ret)
{
	bytes_to_hex(bytes_of(d->task->id, TASK_SIZE), d->task_hex);
	enum ended end = look(d);
	*ret = (struct preview){.reached = d->ledger_read, .plan = d->plan};
	const char *check = check_title(d->place.check),
	           *why = end == ENDED_OK ? NULL : arena_printf(d->arena, "%s%s%s", check, *check ? ": " : "", d->error.msg);
	if (!ret->reached) {
		ret->why_not = why;
		return;
	}
	ret->refusal = why;
	ret->open_step = open_step(d);
	ret->rows = d->ledger.n_rows;
	memcpy(ret->head, d->ledger.head, DIGEST_SIZE);
}
