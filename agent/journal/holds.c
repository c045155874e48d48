/* Holds, held deliveries, consents. */
#include "agent/journal/holds.h"

#include "agent/journal/journal_file.h"
#include "agent/journal/sql/holds.sql.h"
#include "common/base/clock.h"
#include "common/wire/limits.h"
#include "common/base/str.h"

#define WHOLE_RELEASE (-1) /* what a consent is to, in place of a number of ledger rows */

bool site_hold_is_for(const struct site_hold *h, const char *target)
{
	return str_eq(h->target, HOLD_ALL) || str_eq(h->target, target);
}

bool site_hold_in_force(const struct site_hold *h, int64_t now_us)
{
	return h->until_us == 0 || now_us < h->until_us;
}

/* ---- holds ---- */

static int hold_put(struct journal *j, const struct site_hold *h, struct err *e)
{
	struct lite_stmt *s = NULL;
	if (lite_prepare(j->lite, holds_put, &s, e) != 0)
		return -1;
	lite_bind_text(s, 1, h->target);
	lite_bind_text(s, 2, h->reason);
	lite_bind_text(s, 3, h->by);
	lite_bind_int(s, 4, h->at_us);
	lite_bind_int(s, 5, h->until_us);
	return lite_run(s, e);
}

int journal_hold_put(struct journal *j, const struct site_hold *h, struct err *e)
{
	if (journal_begin(j, e) != 0)
		return -1;
	return journal_end(j, hold_put(j, h, e), e);
}

static int hold_drop(struct journal *j, const char *target, struct err *e)
{
	struct lite_stmt *s = NULL;
	if (lite_prepare(j->lite, holds_drop, &s, e) != 0)
		return -1;
	lite_bind_text(s, 1, target);
	return lite_run(s, e);
}

int journal_hold_drop(struct journal *j, const char *target, size_t *ret_n, struct err *e)
{
	if (journal_begin(j, e) != 0)
		return -1;
	int rc = hold_drop(j, target, e);
	size_t n = rc == 0 ? (size_t)lite_changes(j->lite) : 0;
	if (journal_end(j, rc, e) != 0)
		return -1;
	*ret_n = n;
	return 0;
}

static int read_hold(struct lite_stmt *s, struct arena *a, void *ret, struct err *e)
{
	(void)e;
	*(struct site_hold *)ret = (struct site_hold){.target = arena_strdup(a, lite_text(s, 0)),
	                                              .reason = arena_strdup(a, lite_text(s, 1)),
	                                              .by = arena_strdup(a, lite_text(s, 2)),
	                                              .at_us = lite_int(s, 3),
	                                              .until_us = lite_int(s, 4)};
	return 0;
}

int journal_holds(struct journal *j, struct arena *a, struct site_hold **ret, size_t *ret_n, struct err *e)
{
	struct lite_stmt *s = NULL;
	struct lite_list list = {0};
	if (lite_prepare(j->lite, holds_list, &s, e) != 0 || lite_list(s, a, sizeof **ret, read_hold, &list, e) != 0)
		return err_wrap(e, "journal: holds");
	*ret = list.rows;
	*ret_n = list.n;
	return 0;
}

/* ---- held deliveries ---- */

static int held_put(struct journal *j, const struct held *h, struct err *e)
{
	struct lite_stmt *s = NULL;
	if (lite_prepare(j->lite, helds_put, &s, e) != 0)
		return -1;
	journal_bind_task(s, &h->task);
	lite_bind_text(s, 11, h->code);
	lite_bind_text(s, 12, h->reason);
	lite_bind_int(s, 13, h->until_us);
	lite_bind_int(s, 14, h->at_us);
	lite_bind_int(s, 15, LIMIT_OPEN_TASKS);
	return lite_run(s, e);
}

int journal_held_put(struct journal *j, const struct held *h, struct err *e)
{
	if (journal_begin(j, e) != 0)
		return -1;
	return journal_end(j, held_put(j, h, e), e);
}

static int by_id(struct journal *j, const char *sql, const uint8_t id[TASK_SIZE], uint32_t attempt, struct err *e)
{
	struct lite_stmt *s = NULL;
	if (journal_begin(j, e) != 0)
		return -1;
	int rc = lite_prepare(j->lite, sql, &s, e);
	if (rc == 0) {
		lite_bind_blob(s, 1, bytes_of(id, TASK_SIZE));
		lite_bind_int(s, 2, attempt);
		rc = lite_run(s, e);
	}
	return journal_end(j, rc, e);
}

int journal_held_drop(struct journal *j, const uint8_t id[TASK_SIZE], struct err *e)
{
	return by_id(j, helds_drop, id, 0, e);
}

int journal_unaccept(struct journal *j, const uint8_t id[TASK_SIZE], uint32_t attempt, struct err *e)
{
	return by_id(j, helds_unaccept, id, attempt, e);
}

static int held_row(struct lite_stmt *s, struct arena *a, void *ret, struct err *e)
{
	struct held *h = ret;
	*h = (struct held){.code = arena_strdup(a, lite_text(s, 10)),
	                   .reason = arena_strdup(a, lite_text(s, 11)),
	                   .until_us = lite_int(s, 12),
	                   .at_us = lite_int(s, 13)};
	return journal_read_task(s, a, &h->task, e);
}

int journal_helds(struct journal *j, struct arena *a, struct held **ret, size_t *ret_n, struct err *e)
{
	struct lite_stmt *s = NULL;
	struct lite_list list = {0};
	if (lite_prepare(j->lite, helds_list, &s, e) != 0 || lite_list(s, a, sizeof **ret, held_row, &list, e) != 0)
		return err_wrap(e, "journal: table held");
	*ret = list.rows;
	*ret_n = list.n;
	return 0;
}

/* ---- consents ---- */

static int bind_consent(struct journal *j, const char *sql, const struct task *t, struct lite_stmt **ret, struct err *e)
{
	if (lite_prepare(j->lite, sql, ret, e) != 0)
		return -1;
	lite_bind_text(*ret, 1, t->target);
	lite_bind_blob(*ret, 2, bytes_of(t->release_hash, DIGEST_SIZE));
	lite_bind_blob(*ret, 3, bytes_of(t->dossier_hash, DIGEST_SIZE));
	return 0;
}

int journal_consent_put(struct journal *j, const struct task *t, const struct consent *c, struct err *e)
{
	struct lite_stmt *s = NULL;
	if (journal_begin(j, e) != 0)
		return -1;
	int rc = bind_consent(j, consents_put, t, &s, e);
	if (rc == 0) {
		lite_bind_text(s, 4, c->by);
		lite_bind_int(s, 5, c->at_us);
		lite_bind_int(s, 6, c->direction);
		lite_bind_int(s, 7, c->to_ledger ? (int64_t)c->rows : WHOLE_RELEASE);
		lite_bind_blob(s, 8, bytes_of(c->head, DIGEST_SIZE));
		rc = lite_run(s, e);
	}
	return journal_end(j, rc, e);
}

static struct consent consent_row(struct lite_stmt *s, struct arena *a)
{
	struct consent c = {.by = arena_strdup(a, lite_text(s, 0)),
	                    .at_us = lite_int(s, 1),
	                    .direction = (enum direction)lite_int(s, 2),
	                    .to_ledger = lite_int(s, 3) != WHOLE_RELEASE};
	struct bytes head = lite_blob(s, 4);
	c.rows = c.to_ledger ? (uint64_t)lite_int(s, 3) : 0;
	if (head.n == DIGEST_SIZE) /* an earlier version kept none */
		memcpy(c.head, head.p, DIGEST_SIZE);
	return c;
}

int journal_consent_get(struct journal *j, const struct task *t, struct arena *a, bool *ret_found, struct consent *ret, struct err *e)
{
	struct lite_stmt *s = NULL;
	bool row = false;
	if (bind_consent(j, consents_get, t, &s, e) != 0 || lite_step(s, &row, e) != 0)
		return err_wrap(e, "journal");
	if (row)
		*ret = consent_row(s, a);
	lite_reset(s);
	*ret_found = row;
	return 0;
}

int journal_consent_drop(struct journal *j, const struct task *t, struct err *e)
{
	struct lite_stmt *s = NULL;
	if (journal_begin(j, e) != 0)
		return -1;
	int rc = bind_consent(j, consents_drop, t, &s, e);
	return journal_end(j, rc == 0 ? lite_run(s, e) : rc, e);
}

int journal_consented(struct journal *j, const struct task *t, bool *ret, struct err *e)
{
	struct lite_stmt *s = NULL;
	bool row = false;
	if (bind_consent(j, consents_get, t, &s, e) != 0 || lite_step(s, &row, e) != 0)
		return err_wrap(e, "journal");
	lite_reset(s);
	*ret = row;
	return 0;
}
