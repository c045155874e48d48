/* The schema's fingerprint in the report, so that the centre can tell whether a target is as its last delivery left it. */
#include "agent/apply/delivery.h"
#include "agent/schema/snapshot.h"

static void take(struct delivery *d, uint8_t out[DIGEST_SIZE])
{
	AUTO(snapshot_done) struct snapshot s = {0};
	struct err why = ERR_INIT;
	if (snapshot_take(d->engine, d->conn, &s, &why) != 0) {
		delivery_say(d, "validating", NULL, arena_printf(d->arena, "the schema's fingerprint is left out of the report: %s", why.msg));
		return;
	}
	memcpy(out, s.fingerprint, DIGEST_SIZE);
	d->report->report.fingerprint_form = SNAPSHOT_FORM;
}

/* On the first connection that comes so far: on a later one, what is there is no longer what was before. */
enum ended fingerprint_before(struct delivery *d)
{
	if (d->fingerprint_before && d->plan.n_steps && d->rows_reported == 0)
		take(d, d->report->report.fingerprint_before);
	d->fingerprint_before = false;
	return ENDED_OK;
}

void fingerprint_after(struct delivery *d, enum ended end)
{
	bool ran = d->rows_reported > 0 || d->plan.n_steps > 0 || end == ENDED_ATTENTION;
	if (end == ENDED_LOST || !d->conn || !d->ledger_read || d->engine->in_transaction(d->conn) || watch_wish(d->watch) == WISH_TERMINATE)
		return;
	if (ran ? d->fingerprint_after : d->fingerprint_idle)
		take(d, d->report->report.fingerprint);
}
