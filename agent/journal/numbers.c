/* The journal's small counters: epochs, session counters, trust versions. */
#include "agent/journal/journal_file.h"
#include "agent/journal/sql/journal.sql.h"

static int number_get(struct journal *j, const char *name, uint64_t *ret, struct err *e)
{
	struct lite_stmt *s = NULL;
	bool row = false;
	if (lite_prepare(j->lite, journal_number_get, &s, e) != 0)
		return -1;
	lite_bind_text(s, 1, name);
	if (lite_step(s, &row, e) != 0)
		return -1;
	*ret = row ? (uint64_t)lite_int(s, 0) : 0;
	lite_reset(s);
	return 0;
}

int journal_number(struct journal *j, const char *name, uint64_t *ret, struct err *e)
{
	return number_get(j, name, ret, e) == 0 ? 0 : err_wrap(e, "journal: number %s", name);
}

int journal_number_raise_in(struct journal *j, const char *name, uint64_t value, struct err *e)
{
	struct lite_stmt *s = NULL;
	if (lite_prepare(j->lite, journal_number_raise, &s, e) != 0)
		return -1;
	lite_bind_text(s, 1, name);
	lite_bind_int(s, 2, (int64_t)value);
	return lite_run(s, e) == 0 ? 0 : err_wrap(e, "number %s", name);
}

int journal_raise(struct journal *j, const char *name, uint64_t value, struct err *e)
{
	if (journal_begin(j, e) != 0)
		return -1;
	return journal_end(j, journal_number_raise_in(j, name, value, e), e);
}

static int number_step(struct journal *j, const char *name, struct err *e)
{
	struct lite_stmt *s = NULL;
	if (lite_prepare(j->lite, journal_number_next, &s, e) != 0)
		return -1;
	lite_bind_text(s, 1, name);
	return lite_run(s, e);
}

int journal_next(struct journal *j, const char *name, uint64_t *ret, struct err *e)
{
	uint64_t value = 0;
	if (journal_begin(j, e) != 0)
		return -1;
	int rc = number_step(j, name, e);
	if (rc == 0)
		rc = number_get(j, name, &value, e);
	if (journal_end(j, rc, e) != 0)
		return -1;
	*ret = value;
	return 0;
}
