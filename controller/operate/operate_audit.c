/* Commands for auditors: the audit chain's rows and the documents that they point to, as they are. What they prove is worked out by who reads them (controller/audit): the
 * controller's own word on its log would be worth nothing. */
#include <inttypes.h>

#include "common/base/str.h"
#include "common/crypto/blobs.h"
#include "common/wire/limits.h"
#include "controller/operate/operate.h"

#define ROWS_AT_A_TIME 2000
#define PIECE_BYTES    (LIMIT_FRAME_BODY / 2)

static const char *hex(struct request *q, const uint8_t *hash)
{
	return hash ? arena_hex(q->a, bytes_of(hash, DIGEST_SIZE)) : "";
}

int operate_audit_rows(struct request *q, struct err *e)
{
	uint64_t seq = 0;
	struct audit_row *rows = NULL;
	size_t n = 0;
	if (request_number(q, "after", 0, INT64_MAX, &seq, e) < 0 || store_audit_rows(q->b->store, seq, ROWS_AT_A_TIME, q->a, &rows, &n, e) < 0)
		return -1;
	reply_columns(q, "#seq,#at-us,actor,rollout,object,event,from,to,detail,ref,evidence,hash");
	for (size_t i = 0; i < n; i++) {
		const struct store_event *ev = &rows[i].ev;
		reply_row(q, "%" PRIu64 "\t%" PRId64 "\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", rows[i].seq, ev->at_us, ev->actor, str_or_empty(ev->rollout),
		          ev->object, ev->event, str_or_empty(ev->from), str_or_empty(ev->to), str_or_empty(ev->detail), str_or_empty(ev->ref),
		          hex(q, ev->evidence), hex(q, rows[i].hash));
	}
	reply_count(q, n, "row");
	return 0;
}

int operate_audit_list(struct request *q, struct err *e)
{
	uint64_t from_us = 0, to_us = INT64_MAX;
	struct audit_document *list = NULL;
	size_t n = 0;
	if (request_number(q, "from-us", 0, INT64_MAX, &from_us, e) < 0 || request_number(q, "to-us", 0, INT64_MAX, &to_us, e) < 0 ||
	    store_audit_documents(q->b->store, (int64_t)from_us, (int64_t)to_us, request_arg(q, "target"), q->a, &list, &n, e) < 0)
		return -1;
	reply_columns(q, "kind,name,#size");
	for (size_t i = 0; i < n; i++)
		reply_row(q, "%s\t%s\t%" PRIu64, list[i].kind, str_eq(list[i].kind, "release") ? hex(q, list[i].blob) : list[i].name, list[i].size_bytes);
	reply_count(q, n, "document");
	return 0;
}

static int release_bytes(struct request *q, const char *name, struct buf *ret, struct err *e)
{
	uint8_t hash[DIGEST_SIZE];
	if (bytes_from_hex(name, hash, DIGEST_SIZE, e) < 0)
		return err_wrap(e, "a release's name is the SHA-256 of its envelope in hex");
	return blobs_get(q->b->config->blob_dir, hash, LIMIT_ENVELOPE, ret, e);
}

static int document_bytes(struct request *q, const char *kind, const char *name, struct buf *ret, struct err *e)
{
	struct bytes found = {0};
	if (str_eq(kind, "release"))
		return release_bytes(q, name, ret, e);
	if (str_eq(kind, "trust") && str_eq(name, "now"))
		found = q->b->trusted.envelope;
	else if (store_audit_document(q->b->store, kind, name, q->a, &found, e) < 0)
		return -1;
	buf_add(ret, found.p, found.n);
	return 0;
}

int operate_audit_document(struct request *q, struct err *e)
{
	const char *kind = NULL, *name = NULL;
	AUTO(buf_done) struct buf all = BUF_INIT;
	uint64_t offset = 0;
	if (request_need(q, "kind", &kind, e) < 0 || request_need(q, "name", &name, e) < 0 ||
	    request_number(q, "offset", 0, LIMIT_ENVELOPE, &offset, e) < 0 || document_bytes(q, kind, name, &all, e) < 0)
		return -1;
	if (offset > all.n)
		return err_set(e, ERR_USAGE, "%s %s has %zu bytes: offset %" PRIu64 " is past its end", kind, name, all.n, offset);
	size_t left = all.n - offset;
	reply_document(q, bytes_of((const uint8_t *)all.p + offset, left < PIECE_BYTES ? left : PIECE_BYTES));
	reply_columns(q, "key,value");
	reply_row(q, "size\t%zu", all.n);
	reply_end(q, EXIT_DONE, "%s %s", kind, name);
	return 0;
}
