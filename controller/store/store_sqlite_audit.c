/* The store in SQLite: the event log as the audit chain, and the documents that it points to. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/wire/limits.h"
#include "controller/audit/chain.h"
#include "controller/store/store_sqlite.h"
#include "controller/store/sql/store.sql.h"

/* ---- the chain ------------------------------------------------------------------------------------------------------------------------------------------ */

int audit_load_head(struct store *s, struct err *e)
{
	struct lite_stmt *q = NULL;
	bool row = false;
	s->head = (struct audit_head){0};
	if (lite_prepare(s->db, sql_event_last, &q, e) < 0 || lite_step(q, &row, e) < 0)
		return -1;
	if (row) {
		s->head.seq = (uint64_t)lite_int(q, 0);
		if (column_exact(q, 1, s->head.hash, DIGEST_SIZE, "event.hash", e) < 0)
			return -1;
		lite_reset(q);
	}
	s->kept_head = s->head;
	return 0;
}

struct audit_head store_audit_head(const struct store *s)
{
	return s->head;
}

static bool is_normal(const char *text)
{
	const char *p = text;
	while (*p >= 0x20 && *p < 0x7f)
		p++;
	return !*p && p - text < LIMIT_LINK_TEXT;
}

/* What is hashed must be what an export shows: absent instead of empty, UTF-8, no control characters (they part the cells of a reply), not longer than a reply's text. */
static const char *normal(const char *text, struct buf *to)
{
	if (str_empty(text))
		return NULL;
	if (is_normal(text))
		return text;
	size_t n = strnlen(text, LIMIT_LINK_TEXT - 1);
	while (text[n] && n && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--; /* not in the middle of a character */
	bool utf8 = bytes_is_utf8(bytes_of(text, n));
	buf_clear(to);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		buf_addc(to, c < 0x20 || c == 0x7f ? ' ' : c >= 0x80 && !utf8 ? '?' : (char)c);
	}
	return buf_str(to);
}

#define EVENT_TEXTS 8
struct normal_event {
	struct store_event ev;
	struct buf texts[EVENT_TEXTS];
};

static void normal_done(struct normal_event *n)
{
	for (size_t i = 0; i < EVENT_TEXTS; i++)
		buf_done(&n->texts[i]);
}

static void normalise(const struct store_event *ev, struct normal_event *ret)
{
	ret->ev = *ev;
	const char **fields[EVENT_TEXTS] = {&ret->ev.actor, &ret->ev.rollout, &ret->ev.object, &ret->ev.event,
	                                    &ret->ev.from,  &ret->ev.to,      &ret->ev.detail, &ret->ev.ref};
	for (size_t i = 0; i < EVENT_TEXTS; i++)
		*fields[i] = normal(*fields[i], &ret->texts[i]);
}

int store_event_put(struct store *s, const struct store_event *given, struct err *e)
{
	AUTO(normal_done) struct normal_event clean = {0};
	normalise(given, &clean);
	const struct store_event *ev = &clean.ev;
	struct lite_stmt *q = NULL;
	struct audit_head next = {.seq = s->head.seq + 1};
	audit_hash(next.seq, ev, s->head.hash, next.hash);
	if (lite_prepare(s->db, sql_event_put, &q, e) < 0)
		return -1;
	lite_bind_int(q, 1, (int64_t)next.seq);
	lite_bind_int(q, 2, ev->at_us);
	lite_bind_text(q, 3, ev->actor);
	lite_bind_text(q, 4, ev->rollout);
	lite_bind_text(q, 5, ev->object);
	lite_bind_text(q, 6, ev->event);
	lite_bind_text(q, 7, ev->from);
	lite_bind_text(q, 8, ev->to);
	lite_bind_text(q, 9, ev->detail);
	lite_bind_text(q, 10, ev->ref);
	if (ev->evidence)
		lite_bind_blob(q, 11, bytes_of(ev->evidence, DIGEST_SIZE));
	lite_bind_blob(q, 12, bytes_of(next.hash, DIGEST_SIZE));
	if (lite_run(q, e) < 0)
		return -1;
	s->head = next;
	return 0;
}

static int read_row(struct lite_stmt *q, struct arena *a, void *ret, struct err *e)
{
	struct audit_row *r = ret;
	(void)e;
	*r = (struct audit_row){.seq = (uint64_t)lite_int(q, 0),
	                        .ev = {.at_us = lite_int(q, 1),
	                               .actor = column_text(q, 2, a),
	                               .rollout = column_text(q, 3, a),
	                               .object = column_text(q, 4, a),
	                               .event = column_text(q, 5, a),
	                               .from = column_text(q, 6, a),
	                               .to = column_text(q, 7, a),
	                               .detail = column_text(q, 8, a),
	                               .ref = column_text(q, 9, a)}};
	struct bytes evidence = column_bytes(q, 10, a), hash = lite_blob(q, 11);
	r->ev.evidence = evidence.n == DIGEST_SIZE ? evidence.p : NULL;
	if (hash.n == DIGEST_SIZE) /* another length is for the verifier to find, as a wrong hash */
		memcpy(r->hash, hash.p, DIGEST_SIZE);
	return 0;
}

int store_audit_rows(struct store *s, uint64_t after_seq, size_t limit, struct arena *a, struct audit_row **ret, size_t *ret_n, struct err *e)
{
	struct lite_stmt *q = NULL;
	struct lite_list list = {0};
	if (lite_prepare(s->db, sql_audit_rows, &q, e) < 0)
		return -1;
	lite_bind_int(q, 1, (int64_t)after_seq);
	lite_bind_int(q, 2, (int64_t)limit);
	if (lite_list(q, a, sizeof **ret, read_row, &list, e) < 0)
		return -1;
	*ret = list.rows;
	*ret_n = list.n;
	return 0;
}

/* ---- documents ------------------------------------------------------------------------------------------------------------------------------------------ */

static int read_document(struct lite_stmt *q, struct arena *a, void *ret, struct err *e)
{
	struct audit_document *d = ret;
	struct bytes rest = lite_blob(q, 2);
	*d = (struct audit_document){.kind = column_text(q, 0, a), .name = column_text(q, 1, a), .size_bytes = (uint64_t)lite_int(q, 3)};
	if (rest.n) {
		char *hex = arena_alloc(a, rest.n * 2 + 1);
		d->name = arena_printf(a, "%s/%s", d->name, bytes_to_hex(rest, hex));
	}
	return column_exact(q, 4, d->blob, DIGEST_SIZE, "release.envelope_hash", e);
}

int store_audit_documents(struct store *s, int64_t from_us, int64_t to_us, const char *target, struct arena *a, struct audit_document **ret,
                          size_t *ret_n, struct err *e)
{
	struct lite_stmt *q = NULL;
	struct lite_list list = {0};
	if (lite_prepare(s->db, sql_audit_documents, &q, e) < 0)
		return -1;
	lite_bind_int(q, 1, from_us);
	lite_bind_int(q, 2, to_us);
	lite_bind_text(q, 3, target);
	if (lite_list(q, a, sizeof **ret, read_document, &list, e) < 0)
		return -1;
	*ret = list.rows;
	*ret_n = list.n;
	return 0;
}

static int one_blob(struct lite_stmt *q, struct arena *a, struct bytes *ret, const char *kind, const char *name, struct err *e)
{
	bool row = false;
	if (lite_step(q, &row, e) < 0)
		return -1;
	if (!row)
		return err_set(e, ERR_NOT_FOUND, "the store has no %s %s", kind, name);
	*ret = column_bytes(q, 0, a);
	lite_reset(q);
	return 0;
}

static int by_text(struct store *s, const char *sql, const char *kind, const char *name, struct arena *a, struct bytes *ret, struct err *e)
{
	struct lite_stmt *q = NULL;
	if (lite_prepare(s->db, sql, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, name);
	return one_blob(q, a, ret, kind, name, e);
}

/* ROLLOUT/PUBLIC-KEY of an approval, ROLLOUT/WAVE/PUBLIC-KEY of a gate pass. */
static int by_key(struct store *s, const char *sql, const char *kind, const char *name, struct arena *a, struct bytes *ret, struct err *e)
{
	struct lite_stmt *q = NULL;
	uint8_t key[SIGN_PUBLIC_SIZE];
	const char *slash = strrchr(name, '/');
	if (!slash || bytes_from_hex(slash + 1, key, sizeof key, NULL) < 0)
		return err_set(e, ERR_USAGE, "the name of %s ends with a public key in hex, not '%s'", kind, name);
	if (lite_prepare(s->db, sql, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, arena_strndup(a, name, (size_t)(slash - name)));
	lite_bind_blob(q, 2, bytes_of(key, sizeof key));
	return one_blob(q, a, ret, kind, name, e);
}

static int find_report(struct store *s, const char *name, struct arena *a, struct bytes *ret, struct err *e)
{
	struct lite_stmt *q = NULL;
	char agent[64], end;
	uint64_t journal, seq;
	if (sscanf(name, "%63[^/]/%" SCNu64 "/%" SCNu64 "%c", agent, &journal, &seq, &end) != 3)
		return err_set(e, ERR_USAGE, "a report's name is AGENT/JOURNAL/NUMBER, not '%s'", name);
	if (lite_prepare(s->db, sql_audit_report, &q, e) < 0)
		return -1;
	lite_bind_text(q, 1, agent);
	lite_bind_int(q, 2, (int64_t)journal);
	lite_bind_int(q, 3, (int64_t)seq);
	return one_blob(q, a, ret, "report", name, e);
}

int store_audit_document(struct store *s, const char *kind, const char *name, struct arena *a, struct bytes *ret, struct err *e)
{
	if (str_eq(kind, "trust"))
		return by_text(s, sql_audit_trust, kind, name, a, ret, e);
	if (str_eq(kind, "certificate"))
		return by_text(s, sql_audit_certificate, kind, name, a, ret, e);
	if (str_eq(kind, "order"))
		return by_text(s, sql_audit_order, kind, name, a, ret, e);
	if (str_eq(kind, "approval"))
		return by_key(s, sql_audit_approval, kind, name, a, ret, e);
	if (str_eq(kind, "gate-pass"))
		return by_key(s, sql_audit_gate_pass, kind, name, a, ret, e);
	if (str_eq(kind, "report"))
		return find_report(s, name, a, ret, e);
	return err_set(e, ERR_USAGE, "there is no document of kind '%s'", kind);
}
