/* The schema's fingerprint in the report, so that the centre can tell whether a target is as its last delivery left it; and checks C17 and C24, which end a delivery over it: when the site or
 * the order says that drift is refused, and when the release was signed with the schema that it finds or leaves. */
#include <inttypes.h>
#include <stdio.h>

#include "agent/apply/delivery.h"
#include "agent/schema/baseline.h"
#include "agent/schema/snapshot.h"
#include "common/base/str.h"

#define SHOWN_LINES 4
#define SHOWN_BYTES 120

static const struct schema_expected *expected(const struct delivery *d)
{
	return d->task->direction == DIRECTION_APPLY ? release_schema(&d->verified->release, d->engine->name) : NULL;
}

static int take(struct delivery *d, struct snapshot *s, uint8_t out[DIGEST_SIZE], struct err *e)
{
	if (snapshot_take(d->engine, d->conn, s, e) != 0)
		return -1;
	memcpy(out, s->fingerprint, DIGEST_SIZE);
	d->report->report.fingerprint_form = SNAPSHOT_FORM;
	return 0;
}

static void left_out(struct delivery *d, const struct err *why)
{
	delivery_say(d, "validating", NULL, arena_printf(d->arena, "the schema's fingerprint is left out of the report: %s", why->msg));
}

/* What is compared for a decision cannot be left out. */
static enum ended cannot_compare(struct delivery *d, enum check_code c)
{
	err_wrap(&d->error, "the schema cannot be compared");
	delivery_check(d, c, NULL);
	return delivery_judge(d, &d->error);
}

/* ---- C17 ---- */

static bool is_as_expected(const struct delivery *d, const struct schema_expected *x, const uint8_t want[DIGEST_SIZE],
                           const uint8_t found[DIGEST_SIZE], const char *when, struct err *e)
{
	const struct release *r = &d->verified->release;
	char a[DIGEST_HEX_SIZE], b[DIGEST_HEX_SIZE];
	if (x->form != SNAPSHOT_FORM) {
		err_set(e, ERR_POLICY, "release %s %s expects a schema whose text is of form %" PRIu32 ", and this agent writes form %d", r->project,
		        r->version, x->form, SNAPSHOT_FORM);
		return false;
	}
	if (memcmp(want, found, DIGEST_SIZE) == 0)
		return true;
	err_set(e, ERR_POLICY, "the schema is not the one that release %s %s was signed to %s: its fingerprint is %.12s, and %.12s is expected",
	        r->project, r->version, when, bytes_to_hex(bytes_of(found, DIGEST_SIZE), a), bytes_to_hex(bytes_of(want, DIGEST_SIZE), b));
	return false;
}

static const char *how_to_compare(struct delivery *d)
{
	return arena_printf(d->arena, "compare with the snapshot that the release was built with: rollcall-agent snapshot %s --diff FILE",
	                    d->task->target);
}

/* "+ column a.b integer; - table c" and how many more. */
static void add_lines(const char *diff, size_t n, struct buf *ret)
{
	for (size_t i = 0; i < SHOWN_LINES && *diff; i++) {
		size_t length = strcspn(diff, "\n");
		buf_addf(ret, "%s%.*s%s", i ? "; " : "", length > SHOWN_BYTES ? SHOWN_BYTES : (int)length, diff, length > SHOWN_BYTES ? "..." : "");
		diff += length + (diff[length] == '\n');
	}
	if (n > SHOWN_LINES)
		buf_addf(ret, "; and %zu more", n - SHOWN_LINES);
}

static bool same_head(const char *a, const char *b)
{
	size_t n = strcspn(a, "\n");
	return n == strcspn(b, "\n") && memcmp(a, b, n) == 0;
}

/* Where nothing is known (the first delivery, after a crash, another form of the text) there is nothing to refuse. */
static enum ended compare_with_last(struct delivery *d, const struct snapshot *now)
{
	AUTO(buf_done) struct buf last = BUF_INIT;
	AUTO(buf_done) struct buf diff = BUF_INIT;
	AUTO(buf_done) struct buf shown = BUF_INIT;
	if (!d->data_dir)
		return ENDED_OK;
	if (baseline_load(d->data_dir, d->task->target, &last, &d->error) != 0) {
		err_wrap(&d->error, "the schema cannot be compared");
		delivery_check(d, C17_SCHEMA_BEFORE, NULL);
		return ENDED_FAILED;
	}
	size_t n = last.n && same_head(buf_str(&last), buf_str(&now->text)) ? snapshot_diff(buf_str(&last), buf_str(&now->text), &diff) : 0;
	if (n == 0)
		return ENDED_OK;
	add_lines(buf_str(&diff), n, &shown);
	err_set(&d->error, ERR_POLICY, "drift: the schema was changed from outside since the last delivery ('-' is gone, '+' is new): %s",
	        buf_str(&shown));
	return delivery_refuse(
	    d, C17_SCHEMA_BEFORE,
	    arena_printf(d->arena, "take the change back, or have the site's people accept it: rollcall-agent snapshot %s --accept", d->task->target));
}

/* Once something of the release has run here, in whatever attempt, the schema is no longer the one that it was to find. */
static bool has_begun_here(const struct delivery *d)
{
	for (size_t i = 0; i < d->ledger.n_rows; i++)
		if (d->ledger.rows[i].release_sequence == d->verified->release.sequence)
			return true;
	return false;
}

enum ended fingerprint_before(struct delivery *d)
{
	const struct schema_expected *x = expected(d);
	bool finds = x && x->has_before && !has_begun_here(d);
	/* What an earlier run of this very delivery has done is no drift. */
	bool judges = delivery_is_fresh(d) && (d->refuse_drift || finds), told = d->fingerprint_before && d->rows_reported == 0;
	AUTO(snapshot_done) struct snapshot s = {0};
	d->fingerprint_before = false; /* on a later connection, what is there is no longer what was before */
	if (d->plan.n_steps == 0 || (!judges && !told))
		return ENDED_OK;
	if (take(d, &s, d->report->report.fingerprint_before, &d->error) != 0) {
		if (judges)
			return cannot_compare(d, C17_SCHEMA_BEFORE);
		left_out(d, &d->error);
		return ENDED_OK;
	}
	if (judges && finds && !is_as_expected(d, x, x->before, s.fingerprint, "find", &d->error))
		return delivery_refuse(d, C17_SCHEMA_BEFORE, how_to_compare(d));
	return judges && d->refuse_drift ? compare_with_last(d, &s) : ENDED_OK;
}

enum ended fingerprint_forget(struct delivery *d)
{
	if (!d->data_dir || d->plan.n_steps == 0 || baseline_forget(d->data_dir, d->task->target, &d->error) == 0)
		return ENDED_OK;
	return ENDED_FAILED;
}

/* ---- C24, and what is left ---- */

static bool ran(const struct delivery *d, enum ended end)
{
	return d->rows_reported > 0 || d->plan.n_steps > 0 || end == ENDED_ATTENTION;
}

static void keep(struct delivery *d, const struct snapshot *s)
{
	struct err why = ERR_INIT;
	if (d->data_dir && baseline_keep(d->data_dir, d->task->target, buf_bytes(&s->text), &why) != 0)
		delivery_say(d, "validating", NULL,
		             arena_printf(d->arena, "what this delivery left of the schema is not kept, so drift will not be seen: %s", why.msg));
}

enum ended fingerprint_expected(struct delivery *d)
{
	const struct schema_expected *x = expected(d);
	AUTO(snapshot_done) struct snapshot s = {0};
	if (!x || !x->has_after)
		return ENDED_OK;
	if (take(d, &s, d->report->report.fingerprint, &d->error) != 0)
		return cannot_compare(d, C24_SCHEMA_AFTER);
	d->schema_taken = true;
	if (ran(d, ENDED_OK))
		keep(d, &s);
	if (is_as_expected(d, x, x->after, s.fingerprint, "leave", &d->error))
		return ENDED_OK;
	d->place = (struct failure_place){0};
	delivery_check(d, C24_SCHEMA_AFTER, how_to_compare(d));
	return ENDED_FAILED;
}

void fingerprint_after(struct delivery *d, enum ended end)
{
	AUTO(snapshot_done) struct snapshot s = {0};
	struct err why = ERR_INIT;
	bool wanted = ran(d, end) ? d->fingerprint_after || d->refuse_drift : d->fingerprint_idle;
	if (end == ENDED_LOST || !d->conn || !d->ledger_read || d->engine->in_transaction(d->conn) || watch_wish(d->watch) == WISH_TERMINATE)
		return;
	if (d->schema_taken || !wanted)
		return;
	if (take(d, &s, d->report->report.fingerprint, &why) != 0)
		left_out(d, &why);
	else if (ran(d, end) && d->begun)
		keep(d, &s);
}
