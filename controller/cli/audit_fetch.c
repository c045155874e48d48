/* See the header. */
#include "controller/cli/audit_fetch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"

#define CONTROLLER_LIES ": the controller's answer cannot be read: is it of another version?"

static const char *cell(const struct answer_table *t, size_t row, const char *column, struct arena *a)
{
	const char *s = answer_cell(t, row, column);
	return *s ? arena_strdup(a, s) : NULL;
}

/* ---- rows ---- */

static int take_row(struct bundle *b, const struct answer_table *t, size_t i, struct err *e)
{
	struct arena *a = b->arena;
	uint64_t seq, at_us;
	struct audit_row r = {.ev = {.actor = cell(t, i, "actor", a),
	                             .rollout = cell(t, i, "rollout", a),
	                             .object = cell(t, i, "object", a),
	                             .event = cell(t, i, "event", a),
	                             .from = cell(t, i, "from", a),
	                             .to = cell(t, i, "to", a),
	                             .detail = cell(t, i, "detail", a),
	                             .ref = cell(t, i, "ref", a)}};
	const char *evidence = answer_cell(t, i, "evidence");
	uint8_t *hash = arena_alloc(a, DIGEST_SIZE);
	if (str_to_u64(answer_cell(t, i, "seq"), "seq", 1, INT64_MAX, &seq, e) != 0 ||
	    str_to_u64(answer_cell(t, i, "at-us"), "at-us", 0, INT64_MAX, &at_us, e) != 0 || !r.ev.actor || !r.ev.object || !r.ev.event ||
	    (*evidence && bytes_from_hex(evidence, hash, DIGEST_SIZE, e) != 0))
		return err_set(e, ERR_PARSE, "row %zu of the audit log" CONTROLLER_LIES, b->n_rows + 1);
	if (*answer_cell(t, i, "hash") && bytes_from_hex(answer_cell(t, i, "hash"), r.hash, DIGEST_SIZE, e) != 0)
		return err_set(e, ERR_PARSE, "row %zu of the audit log" CONTROLLER_LIES, b->n_rows + 1);
	r.ev.evidence = *evidence ? hash : NULL;
	r.seq = seq;
	r.ev.at_us = (int64_t)at_us;
	arena_vec_grow(a, b->rows, b->n_rows, b->cap_rows);
	b->rows[b->n_rows++] = r;
	return 0;
}

static int fetch_rows(struct live *l, struct bundle *b, struct err *e)
{
	for (;;) {
		AUTO(answer_done) struct answer r = {0};
		AUTO(mem_free_ptr) struct question *q = mem_alloc(sizeof *q);
		char after[24];
		snprintf(after, sizeof after, "%" PRIu64, b->n_rows ? b->rows[b->n_rows - 1].seq : 0);
		q->verb = VERB_AUDIT_ROWS;
		question_add(q, "after", after);
		if (live_ask(l, q, &r, e) != 0)
			return -1;
		const struct answer_table *t = answer_find(&r, "seq");
		if (!t || t->n_rows == 0)
			return 0;
		for (size_t i = 0; i < t->n_rows; i++)
			if (take_row(b, t, i, e) != 0)
				return -1;
	}
}

/* ---- documents ---- */

static int fetch_piece(struct live *l, const char *kind, const char *name, struct buf *to, uint64_t *ret_size, struct err *e)
{
	AUTO(answer_done) struct answer r = {0};
	AUTO(mem_free_ptr) struct question *q = mem_alloc(sizeof *q);
	char offset[24];
	snprintf(offset, sizeof offset, "%zu", to->n);
	q->verb = VERB_AUDIT_DOCUMENT;
	question_add(q, "kind", kind);
	question_add(q, "name", name);
	question_add(q, "offset", offset);
	if (live_ask(l, q, &r, e) != 0)
		return -1;
	const struct answer_table *t = answer_find(&r, "value");
	if (!t || str_to_u64(answer_cell(t, 0, "value"), "size", 0, LIMIT_ENVELOPE, ret_size, e) != 0 || (r.document.n == 0 && *ret_size > to->n))
		return err_set(e, ERR_PARSE, "%s %s" CONTROLLER_LIES, kind, name);
	buf_add(to, r.document.p, r.document.n);
	return 0;
}

static int fetch_document(struct live *l, struct bundle *b, const char *kind, const char *name, struct err *e)
{
	AUTO(buf_done) struct buf all = BUF_INIT;
	uint64_t size = 0;
	do {
		if (fetch_piece(l, kind, name, &all, &size, e) != 0)
			return err_wrap(e, "%s %s", kind, name);
	} while (all.n < size);
	bundle_add_document(b, kind, name, buf_bytes(&all));
	return 0;
}

/* What is shown of a rollout's deliveries; `upto`: the log's last row before. */
static int fetch_shown(struct live *l, struct bundle *b, const char *rollout, uint64_t upto, struct err *e)
{
	AUTO(answer_done) struct answer r = {0};
	AUTO(mem_free_ptr) struct question *q = mem_alloc(sizeof *q);
	AUTO(buf_done) struct buf text = BUF_INIT;
	q->verb = VERB_ROLLOUT_STATUS;
	question_add(q, "rollout", rollout);
	question_add(q, "target", b->target);
	if (live_ask(l, q, &r, e) != 0)
		return -1;
	const struct answer_table *t = answer_find(&r, "target");
	for (size_t i = 0; t && i < t->n_rows; i++)
		buf_addf(&text, "%" PRIu64 " %s %s\n", upto, answer_cell(t, i, "state"), answer_cell(t, i, "target"));
	bundle_add_document(b, "shown", rollout, buf_bytes(&text));
	return 0;
}

/* Of every rollout that the log tells of. Rows that come in meanwhile are fetched too, so that what moved meanwhile is not taken for a lie. */
static int fetch_all_shown(struct live *l, struct bundle *b, struct err *e)
{
	AUTO(map_destroy) struct map *seen = map_new();
	size_t n = b->n_rows;
	for (size_t i = 0; i < n; i++) {
		const char *rollout = b->rows[i].ev.rollout;
		if (!rollout || map_get(seen, map_text(rollout)))
			continue;
		map_put(seen, map_text(rollout), b->rows);
		if (fetch_shown(l, b, rollout, b->rows[n - 1].seq, e) != 0)
			return err_wrap(e, "rollout %s", rollout);
	}
	return fetch_rows(l, b, e);
}

/* The target list that an order froze comes with the order's own verb. */
static int ask_order(struct live *l, const char *rollout, struct answer *ret, struct err *e)
{
	AUTO(mem_free_ptr) struct question *q = mem_alloc(sizeof *q);
	q->verb = VERB_ROLLOUT_ORDER;
	question_add(q, "rollout", rollout);
	return live_ask(l, q, ret, e);
}

static void take_leaves(struct bundle *b, const char *rollout, const struct answer *r)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	const struct answer_table *t = answer_find(r, "salt");
	for (size_t i = 0; t && i < t->n_rows; i++)
		buf_addf(&text, "%s %s %s %s\n", answer_cell(t, i, "index"), answer_cell(t, i, "wave"), answer_cell(t, i, "target"),
		         answer_cell(t, i, "salt"));
	bundle_add_document(b, "leaves", rollout, buf_bytes(&text));
}

static int fetch_leaves(struct live *l, struct bundle *b, const char *rollout, struct err *e)
{
	AUTO(answer_done) struct answer r = {0};
	if (ask_order(l, rollout, &r, e) != 0)
		return -1;
	take_leaves(b, rollout, &r);
	return 0;
}

static int list_documents(struct live *l, const struct bundle *b, struct answer *ret, struct err *e)
{
	AUTO(mem_free_ptr) struct question *q = mem_alloc(sizeof *q);
	char from[24], to[24];
	snprintf(from, sizeof from, "%" PRId64, b->from_us);
	snprintf(to, sizeof to, "%" PRId64, b->to_us);
	q->verb = VERB_AUDIT_LIST;
	question_add(q, "from-us", from);
	question_add(q, "to-us", to);
	question_add(q, "target", b->target);
	return live_ask(l, q, ret, e);
}

static int fetch_documents(struct live *l, struct bundle *b, struct err *e)
{
	AUTO(answer_done) struct answer r = {0};
	if (list_documents(l, b, &r, e) != 0)
		return -1;
	const struct answer_table *t = answer_find(&r, "kind");
	for (size_t i = 0; t && i < t->n_rows; i++) {
		const char *kind = answer_cell(t, i, "kind"), *name = answer_cell(t, i, "name");
		if (fetch_document(l, b, kind, name, e) != 0 || (str_eq(kind, "order") && fetch_leaves(l, b, name, e) != 0))
			return -1;
	}
	return 0;
}

static int fetch_trust(struct live *l, struct bundle *b, struct err *e)
{
	struct envelope env;
	struct trust t;
	if (fetch_document(l, b, "trust", "now", e) != 0)
		return -1;
	if (envelope_decode(b->documents[b->n_documents - 1].data, b->arena, &env, e) != 0 || trust_decode(env.payload, b->arena, &t, e) != 0)
		return err_wrap(e, "the controller's trust document");
	b->fleet = t.fleet;
	return 0;
}

int audit_fetch(struct live *l, struct bundle *ret, struct err *e)
{
	ret->made_at_us = clock_wall_us();
	if (fetch_trust(l, ret, e) != 0 || fetch_rows(l, ret, e) != 0 || fetch_all_shown(l, ret, e) != 0)
		return -1;
	/* What comes in from here on is not part of it. A report and its row have the same time. */
	int64_t last_us = ret->n_rows ? ret->rows[ret->n_rows - 1].ev.at_us : 0;
	if (ret->to_us > last_us)
		ret->to_us = last_us;
	return fetch_documents(l, ret, e);
}

int audit_fetch_order(struct live *l, const char *rollout, struct bundle *ret, struct err *e)
{
	AUTO(answer_done) struct answer order = {0};
	AUTO(answer_done) struct answer r = {0};
	struct order o;
	if (ask_order(l, rollout, &order, e) != 0)
		return -1;
	if (!order.document.n || order_decode(order.document, ret->arena, &o, e) != 0)
		return err_wrap(e, "the order that the controller sent");
	bundle_add_document(ret, "order", o.id, order.document);
	take_leaves(ret, o.id, &order);
	ret->from_us = o.created_at_us;
	ret->to_us = INT64_MAX;
	if (list_documents(l, ret, &r, e) != 0)
		return -1;
	const struct answer_table *t = answer_find(&r, "kind");
	size_t n_trust = 0;
	for (size_t i = 0; t && i < t->n_rows; i++) {
		const char *kind = answer_cell(t, i, "kind");
		bool is_trust = str_eq(kind, "trust");
		n_trust += is_trust;
		if ((is_trust || str_eq(kind, "certificate") || str_eq(kind, "report")) && fetch_document(l, ret, kind, answer_cell(t, i, "name"), e) != 0)
			return -1;
	}
	/* When each certificate came matters only where the trust document has changed. Last, so that they hold what the reports countersign. */
	return n_trust > 1 ? fetch_rows(l, ret, e) : 0;
}
