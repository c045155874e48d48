/* C13 and the first half of C16, before anything is written: a cloned, moved, replaced or restored database is noticed, and nothing runs there until the site's people have said
 * what it is. C1 once more, by the ledger's own epoch; and C25, when all is done. */
#include "agent/apply/identity.h"

#include <string.h>

#include "agent/apply/delivery.h"
#include "common/base/str.h"
#include "common/wire/limits.h"

bool identity_follows(const struct ledger *l, const struct journal_head *heads, size_t n, uint64_t *ret_common)
{
	size_t i = 0;
	while (i < n && (heads[i].rows > l->n_rows || memcmp(l->rows[heads[i].rows - 1].row_hash, heads[i].head, DIGEST_SIZE) != 0))
		i++;
	*ret_common = i < n ? heads[i].rows : 0;
	return i == 0;
}

int identity_recall(struct delivery *d, struct err *e)
{
	return journal_heads(d->journal, d->task->target, d->arena, &d->heads, &d->n_heads, e);
}

/* What this run has seen itself counts like what the journal noted. */
void identity_note(struct delivery *d)
{
	const struct ledger *l = &d->ledger;
	if (!d->identified || l->n_rows == 0 || (d->n_heads && d->heads[0].rows >= l->n_rows))
		return;
	struct journal_head *heads = arena_alloc(d->arena, (d->n_heads + 1) * sizeof *heads);
	heads[0] = (struct journal_head){.rows = l->n_rows, .uuid = arena_strdup(d->arena, l->uuid ? l->uuid : "")};
	memcpy(heads[0].head, l->head, DIGEST_SIZE);
	for (size_t i = 0; i < d->n_heads; i++)
		heads[i + 1] = d->heads[i];
	d->heads = heads;
	d->n_heads++;
}

enum ended identity_refuse(struct delivery *d)
{
	return delivery_refuse(
	    d, C13_DATABASE,
	    arena_printf(d->arena, "if this database is the right one, the site's people type: rollcall-agent adopt %s --reason '...'", d->task->target));
}

enum ended identity_broken(struct delivery *d)
{
	delivery_check(d, C25_LEDGER_CHAIN,
	               arena_printf(d->arena,
	                            "compare the ledger with the signed reports ('rollcall history --target %s') and put back what was changed there by "
	                            "hand, or restore the database",
	                            d->task->target));
	return ENDED_ATTENTION;
}

static enum ended diverged(struct delivery *d, uint64_t common)
{
	const struct journal_head *known = &d->heads[0];
	bool shorter = d->ledger.n_rows < known->rows;
	delivery_check(d, C16_LEDGER,
	               arena_printf(d->arena,
	                            "find out what was lost; then the site's people type: rollcall-agent resolve %s --accept-ledger --reason '...', and "
	                            "the next delivery goes on from the ledger as it is",
	                            d->task->target));
	if (shorter)
		err_set(&d->error, ERR_STATE,
		        "diverged: the ledger ends at row %llu, and this agent has seen row %llu there; both know row %llu. The database was set back: a "
		        "restored "
		        "backup, or a fail-over that lost commits. Nothing was run",
		        (unsigned long long)d->ledger.n_rows, (unsigned long long)known->rows, (unsigned long long)common);
	else
		err_set(&d->error, ERR_STATE,
		        "diverged: row %llu of the ledger is another one than this agent has seen there; both know row %llu. The database was set back, and "
		        "somebody has gone on from there. Nothing was run",
		        (unsigned long long)known->rows, (unsigned long long)common);
	return ENDED_ATTENTION;
}

static enum ended check_ledger(struct delivery *d, const struct engine_identity *id)
{
	const struct ledger *l = &d->ledger;
	uint64_t common = 0;
	if (l->database_identity && !engine_is_database(id, l->database_identity)) {
		err_set(
		    &d->error, ERR_POLICY,
		    "the ledger was made in database %s, and this is %s: a copy, a restored dump, a move, or a wrong address in agent.yaml; nothing was run",
		    l->database_identity, id->database);
		return identity_refuse(d);
	}
	if (ledger_belongs(l, d->task->target, &d->error) != 0)
		return identity_refuse(d);
	if (d->n_heads && l->uuid && d->heads[0].uuid[0] && !str_eq(l->uuid, d->heads[0].uuid)) {
		err_set(
		    &d->error, ERR_POLICY,
		    "another ledger stands here than the one that this agent has worked with (%s instead of %s): the database was replaced; nothing was run",
		    l->uuid, d->heads[0].uuid);
		return identity_refuse(d);
	}
	return identity_follows(l, d->heads, d->n_heads, &common) ? ENDED_OK : diverged(d, common);
}

enum ended identity_check(struct delivery *d)
{
	struct engine_identity id;
	if (d->engine->identity(d->conn, &id, &d->error) != 0)
		return delivery_judge(d, &d->error);
	d->report->report.database_identity = arena_strdup(d->arena, id.database);
	if (!id.primary) {
		err_set(&d->error, ERR_DB_CONNECT, "the database is a replica or read-only: the target must lead to the primary");
		delivery_check(d, C13_DATABASE, NULL);
		return ENDED_LOST; /* a fail-over may be under way: tried again within the budget */
	}
	enum ended end = check_ledger(d, &id);
	d->identified = end == ENDED_OK;
	return end;
}

/* What has begun is finished; there the fence of each transaction (ledger_begin, ledger_begin_row) has the last word. */
enum ended identity_epoch(struct delivery *d)
{
	if (d->ledger.epoch <= d->task->epoch || d->plan.n_steps == 0 || !delivery_is_fresh(d))
		return ENDED_OK;
	err_set(&d->error, ERR_POLICY, "a controller of epoch %u has worked here, ours has epoch %u: it was replaced and may not order this any more",
	        d->ledger.epoch, d->task->epoch);
	return delivery_refuse(d, C1_MESSAGE, check_what_to_do(C1_MESSAGE));
}

/* Others may have gone on behind our last row (where an engine has no session lock); what stands before it may not be another. */
enum ended identity_chain(struct delivery *d)
{
	AUTO(arena_destroy) struct arena *a = NULL;
	const struct ledger *ours = &d->ledger;
	struct ledger now;
	if (d->plan.n_steps == 0 || ours->n_rows == 0)
		return ENDED_OK;
	a = arena_new(LIMIT_ARENA_DOCUMENT);
	if (ledger_read_rows(d->engine, d->conn, a, &now, &d->error) != 0) {
		enum ended end = d->error.code == ERR_STATE ? identity_broken(d) : delivery_judge(d, &d->error);
		return end == ENDED_FAILED ? ENDED_LOST : end; /* the next connection begins with reading it */
	}
	if (now.n_rows >= ours->n_rows && memcmp(now.rows[ours->n_rows - 1].row_hash, ours->head, DIGEST_SIZE) == 0)
		return ENDED_OK;
	err_set(&d->error, ERR_STATE, "row %llu of the ledger, this delivery's last, is %s: somebody has changed the ledger meanwhile",
	        (unsigned long long)ours->n_rows, now.n_rows < ours->n_rows ? "gone" : "another one now");
	return identity_broken(d);
}
