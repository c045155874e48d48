/* The journal's verdicts: what was refused, and the release sequence of each project that is in effect on each target. */
#include <assert.h>

#include "agent/journal/journal_file.h"
#include "agent/journal/sql/journal.sql.h"
#include "common/base/clock.h"

int journal_sequence(struct journal *j, const char *target, const char *project, uint64_t *ret, struct err *e)
{
	struct lite_stmt *s = NULL;
	bool row = false;
	if (lite_prepare(j->lite, journal_sequence_get, &s, e) != 0)
		return err_wrap(e, "journal");
	lite_bind_text(s, 1, target);
	lite_bind_text(s, 2, project);
	if (lite_step(s, &row, e) != 0)
		return err_wrap(e, "journal");
	*ret = row ? (uint64_t)lite_int(s, 0) : 0;
	lite_reset(s);
	return 0;
}

/* The target's ledger has just been read and agreed with: what was kept before projects were told apart has done its duty. */
int journal_sequence_put_in(struct journal *j, const char *target, const struct journal_sequence *q, struct err *e)
{
	struct lite_stmt *s = NULL;
	if (lite_prepare(j->lite, journal_sequence_forget, &s, e) != 0)
		return -1;
	lite_bind_text(s, 1, target);
	if (lite_run(s, e) != 0 || lite_prepare(j->lite, journal_sequence_put, &s, e) != 0)
		return -1;
	lite_bind_text(s, 1, target);
	lite_bind_text(s, 2, q->project);
	lite_bind_int(s, 3, (int64_t)q->highest);
	return lite_run(s, e);
}

int journal_refuse_in(struct journal *j, const struct journal_refusal *r, struct err *e)
{
	struct lite_stmt *s = NULL;
	if (lite_prepare(j->lite, journal_refusal_insert, &s, e) != 0)
		return -1;
	lite_bind_int(s, 1, r->at_us);
	lite_bind_text(s, 2, r->target);
	lite_bind_text(s, 3, r->code);
	lite_bind_text(s, 4, r->message);
	return lite_run(s, e);
}

int journal_refuse(struct journal *j, enum check_code check, const char *target, const char *message, struct err *e)
{
	const struct journal_refusal r = {.at_us = clock_wall_us(), .target = target ? target : "-", .code = check_title(check), .message = message};
	assert(check != CHECK_NONE);
	if (journal_begin(j, e) != 0)
		return -1;
	return journal_end(j, journal_refuse_in(j, &r, e), e);
}

static int read_refusal(struct lite_stmt *s, struct arena *a, void *ret, struct err *e)
{
	(void)e;
	*(struct journal_refusal *)ret = (struct journal_refusal){.at_us = lite_int(s, 0),
	                                                          .target = arena_strdup(a, lite_text(s, 1)),
	                                                          .code = arena_strdup(a, lite_text(s, 2)),
	                                                          .message = arena_strdup(a, lite_text(s, 3))};
	return 0;
}

int journal_refusals(struct journal *j, size_t max, struct arena *a, struct journal_refusal **ret, size_t *ret_n, struct err *e)
{
	struct lite_stmt *s = NULL;
	struct lite_list list = {0};
	if (lite_prepare(j->lite, journal_refusals_newest, &s, e) != 0)
		return err_wrap(e, "journal");
	lite_bind_int(s, 1, (int64_t)max);
	if (lite_list(s, a, sizeof **ret, read_refusal, &list, e) != 0)
		return err_wrap(e, "journal");
	*ret = list.rows;
	*ret_n = list.n;
	return 0;
}
