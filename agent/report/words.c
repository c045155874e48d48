/* Sentences about a ledger. */
#include "agent/report/words.h"

#define NAMED_MAX 5 /* changesets named one by one before they are only counted */

struct span { /* a run of positions under way */
	size_t from, to, written;
};

static void span_flush(struct buf *to, struct span *s)
{
	if (!s->from)
		return;
	buf_addf(to, "%s%zu", s->written++ ? ", " : "", s->from);
	if (s->to > s->from)
		buf_addf(to, " to %zu", s->to);
	s->from = 0;
}

static bool status_of(const struct release *r, size_t i, const char *engine, const struct project_ledger *l, struct changeset_status *ret)
{
	const struct body *b = changeset_body(&r->changesets[i], engine);
	if (!b)
		return false;
	ledger_status(l, r->changesets[i].id, b->n_steps, b->n_rollback, ret);
	return true;
}

static bool stands(enum changeset_state s)
{
	return s == CHANGESET_APPLIED || s == CHANGESET_SKIPPED;
}

static void say_applied(struct buf *to, const struct release *r, const char *engine, const struct project_ledger *l)
{
	AUTO(buf_done) struct buf list = BUF_INIT;
	struct span span = {0};
	size_t n = 0, others = 0;
	for (size_t i = 0; i < r->n_changesets; i++) {
		struct changeset_status st;
		if (!status_of(r, i, engine, l, &st)) {
			others++; /* breaks no run: there is nothing of it to be applied here */
			continue;
		}
		if (!stands(st.state)) {
			span_flush(&list, &span);
			continue;
		}
		n++;
		span.from = span.from ? span.from : i + 1;
		span.to = i + 1;
	}
	span_flush(&list, &span);
	if (n == 0)
		buf_addf(to, "none of the release's %zu changeset%s is applied", r->n_changesets, r->n_changesets == 1 ? "" : "s");
	else if (n + others == r->n_changesets && n > 1)
		buf_addf(to, "all %zu changesets are applied", r->n_changesets);
	else
		buf_addf(to, "changeset%s %s of %zu %s applied", n == 1 ? "" : "s", buf_str(&list), r->n_changesets, n == 1 ? "is" : "are");
	if (n && others)
		buf_addf(to, " (%zu of them %s not for %s)", others, others == 1 ? "is" : "are", engine);
}

static void say_steps(struct buf *to, uint32_t done, size_t of)
{
	if (done == 1)
		buf_addf(to, "step 1 of %zu is", of);
	else if (done == 2)
		buf_addf(to, "steps 1 and 2 of %zu are", of);
	else
		buf_addf(to, "steps 1 to %u of %zu are", done, of);
}

static void say_partial(struct buf *to, const struct changeset *c, const struct body *b, const struct changeset_status *st)
{
	bool back = st->state == CHANGESET_ROLLING_BACK;
	size_t of = back ? b->n_rollback : b->n_steps;
	if (st->steps_done) {
		buf_addf(to, "; of %s%s ", back ? "the rollback of " : "", c->id);
		say_steps(to, st->steps_done, of ? of : 1);
		buf_adds(to, back ? " done" : " applied");
	}
	if (st->open_intent && st->open_intent->class == STEP_B)
		buf_addf(to, "; of %s%s step %u of %zu is half-done in batches: they stand, and a retry goes on behind the last one",
		         back ? "the rollback of " : "", c->id, st->open_intent->step + 1, of ? of : 1);
	else if (st->open_intent)
		buf_addf(to, "; of %s%s step %u of %zu was begun, and its outcome is not known", back ? "the rollback of " : "", c->id,
		         st->open_intent->step + 1, of ? of : 1);
}

static void say_others(struct buf *to, const struct release *r, const char *engine, const struct project_ledger *l)
{
	size_t back = 0;
	AUTO(buf_done) struct buf names = BUF_INIT;
	for (size_t i = 0; i < r->n_changesets; i++) {
		const struct changeset *c = &r->changesets[i];
		struct changeset_status st;
		if (!status_of(r, i, engine, l, &st))
			continue;
		if (st.state == CHANGESET_PARTIAL || st.state == CHANGESET_ROLLING_BACK)
			say_partial(to, c, changeset_body(c, engine), &st);
		else if (st.state == CHANGESET_SKIPPED)
			buf_addf(to, "; %s is marked as ran and did not run", c->id);
		else if (st.state == CHANGESET_ROLLED_BACK && back++ < NAMED_MAX)
			buf_addf(&names, "%s%s", back > 1 ? ", " : "", c->id);
	}
	if (back > NAMED_MAX)
		buf_addf(to, "; %zu changesets are rolled back", back);
	else if (back)
		buf_addf(to, "; %s %s rolled back", buf_str(&names), back == 1 ? "is" : "are");
}

void words_state(struct buf *to, const struct release *r, const char *engine, const struct project_ledger *l)
{
	say_applied(to, r, engine, l);
	say_others(to, r, engine, l);
	buf_adds(to, "; nothing else changed");
}
