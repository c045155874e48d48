/* The journal's signed documents: the newest trust document and freshness document that were accepted. */
#include "agent/journal/journal_file.h"
#include "agent/journal/sql/journal.sql.h"
#include "common/base/clock.h"
#include "common/base/failpoint.h"

int journal_document(struct journal *j, const char *kind, struct arena *a, struct bytes *ret, struct err *e)
{
	struct lite_stmt *s = NULL;
	bool row = false;
	if (lite_prepare(j->lite, journal_document_get, &s, e) != 0)
		return err_wrap(e, "journal");
	lite_bind_text(s, 1, kind);
	if (lite_step(s, &row, e) != 0)
		return err_wrap(e, "journal");
	*ret = row ? arena_bytes(a, lite_blob(s, 0)) : (struct bytes){0};
	lite_reset(s);
	return 0;
}

static int put(struct journal *j, const char *kind, struct bytes envelope, struct err *e)
{
	struct lite_stmt *s = NULL;
	if (envelope.n == 0)
		return 0;
	if (lite_prepare(j->lite, journal_document_put, &s, e) != 0)
		return -1;
	lite_bind_text(s, 1, kind);
	lite_bind_blob(s, 2, envelope);
	lite_bind_int(s, 3, clock_wall_us());
	return lite_run(s, e);
}

static int drop(struct journal *j, const char *kind, struct err *e)
{
	struct lite_stmt *s = NULL;
	if (lite_prepare(j->lite, journal_document_drop, &s, e) != 0)
		return -1;
	lite_bind_text(s, 1, kind);
	return lite_run(s, e);
}

static int believe(struct journal *j, const struct journal_belief *b, struct err *e)
{
	if (b->drops_fresh && drop(j, JOURNAL_FRESH, e) != 0)
		return -1;
	if (put(j, JOURNAL_TRUST, b->trust, e) != 0 || put(j, JOURNAL_FRESH, b->fresh, e) != 0)
		return -1;
	FAILPOINT("believe-uncommitted");
	if (journal_number_raise_in(j, "trust_version", b->trust_version, e) != 0)
		return -1;
	return journal_number_raise_in(j, "attested_us", (uint64_t)b->attested_us, e);
}

int journal_believe(struct journal *j, const struct journal_belief *b, struct err *e)
{
	if (journal_begin(j, e) != 0)
		return -1;
	return journal_end(j, believe(j, b, e), e);
}
