/* What the journal knows of the targets' ledgers. */
#include "agent/journal/journal_file.h"
#include "agent/journal/sql/heads.sql.h"
#include "common/base/clock.h"

int journal_head_insert(struct journal *j, const char *target, const struct journal_head *h, struct err *e)
{
	struct lite_stmt *s = NULL;
	if (lite_prepare(j->lite, heads_put, &s, e) != 0)
		return -1;
	lite_bind_text(s, 1, target);
	lite_bind_int(s, 2, (int64_t)h->rows);
	lite_bind_blob(s, 3, bytes_of(h->head, DIGEST_SIZE));
	lite_bind_text(s, 4, h->uuid ? h->uuid : "");
	lite_bind_int(s, 5, clock_wall_us());
	return lite_run(s, e);
}

static int read_head(struct lite_stmt *s, struct arena *a, void *ret, struct err *e)
{
	struct journal_head *h = ret;
	struct bytes head = lite_blob(s, 1);
	if (head.n != DIGEST_SIZE)
		return err_set(e, ERR_PARSE, "table ledger_head holds a head of %zu bytes: the file was changed from outside", head.n);
	*h = (struct journal_head){.rows = (uint64_t)lite_int(s, 0), .uuid = arena_strdup(a, lite_text(s, 2))};
	memcpy(h->head, head.p, DIGEST_SIZE);
	return 0;
}

int journal_heads(struct journal *j, const char *target, struct arena *a, struct journal_head **ret, size_t *ret_n, struct err *e)
{
	struct lite_stmt *s = NULL;
	struct lite_list list = {0};
	if (lite_prepare(j->lite, heads_newest_first, &s, e) != 0)
		return err_wrap(e, "journal");
	lite_bind_text(s, 1, target);
	if (lite_list(s, a, sizeof **ret, read_head, &list, e) != 0)
		return err_wrap(e, "journal");
	*ret = list.rows;
	*ret_n = list.n;
	return 0;
}

static int head_reset(struct journal *j, const char *target, const struct journal_head *h, struct err *e)
{
	struct lite_stmt *s = NULL;
	if (lite_prepare(j->lite, heads_forget, &s, e) != 0)
		return -1;
	lite_bind_text(s, 1, target);
	if (lite_run(s, e) != 0)
		return -1;
	return h->rows ? journal_head_insert(j, target, h, e) : 0;
}

int journal_head_reset(struct journal *j, const char *target, const struct journal_head *h, struct err *e)
{
	if (journal_begin(j, e) != 0)
		return -1;
	return journal_end(j, head_reset(j, target, h, e), e);
}
