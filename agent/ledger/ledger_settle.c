/* Settling an open intent by hand. */
#include "agent/ledger/ledger_settle.h"

#include <string.h>

const struct ledger_row *ledger_open_intent(const struct ledger *l)
{
	const struct ledger_row *last = l->n_rows ? &l->rows[l->n_rows - 1] : NULL;
	return last && last->state == STEP_INTENT ? last : NULL;
}

int ledger_settle(const struct engine *en, struct conn *c, struct ledger *l, bool applied, const char *who, int64_t now_us, struct ledger_row *ret,
                  struct err *e)
{
	const struct ledger_row *intent = ledger_open_intent(l);
	if (!intent)
		return err_set(e, ERR_STATE, "no step is open in this ledger: there is nothing to settle");
	struct ledger_row row = *intent;
	row.state = applied ? STEP_DONE : STEP_FAILED;
	row.via = VIA_OPERATOR;
	row.agent = who;
	row.backend = en->backend(c);
	row.ended_at_us = now_us;
	memset(row.state_before, 0, sizeof row.state_before);
	if (ledger_write_row(en, c, l, l->epoch, &row, e) != 0)
		return -1;
	*ret = row;
	return 0;
}
