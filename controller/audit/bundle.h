/* An audit bundle: rows of the chain and every document that they point to, so that all of it can be verified far from the controller. In a file it is JSON, one object a line:
 *   {"rollcall-audit": 1, "fleet": "shops", "made_at_us": ..., "from_us": 0, "to_us": ..., "target": null}
 *   {"seq": 1, "at_us": ..., "actor": "operator olga", "object": "agent eu-1", "event": "admit", "detail": "...", "evidence": "<hex>", "hash": "<hex>"}
 *   {"document": "report", "name": "eu-1/1/7", "hex": "0a3d..."}
 * Rows come first, in order; an absent text is left out. */
#ifndef CONTROLLER_AUDIT_BUNDLE_H
#define CONTROLLER_AUDIT_BUNDLE_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "controller/store/store.h"

#define BUNDLE_LINES_MAX   10000000
#define BUNDLE_LINE_MAX    ((size_t)160 * 1024 * 1024) /* a release's envelope in hex */
#define BUNDLE_BYTES_MAX   ((size_t)4 * 1024 * 1024 * 1024)
#define BUNDLE_ARENA_BYTES BUNDLE_BYTES_MAX

struct bundle_document {
	const char *kind; /* "trust", and those of struct audit_document, "leaves": an order's target list, "index wave target salt" a line,
	                     * and "shown": what was shown of a rollout, see verify_shown.c */
	const char *name;
	struct bytes data;
};

struct bundle {
	struct arena *arena; /* owns the rest */
	const char *fleet, *target; /* target NULL: documents of all */
	int64_t made_at_us, from_us, to_us;
	struct audit_row *rows;
	size_t n_rows, cap_rows;
	struct bundle_document *documents;
	size_t n_documents, cap_documents;
};

void bundle_init(struct bundle *b);
void bundle_done(struct bundle *b); /* for AUTO */
void bundle_add_document(struct bundle *b, const char *kind, const char *name, struct bytes data); /* copies */
const struct bundle_document *bundle_find(const struct bundle *b, const char *kind, const char *name); /* NULL if there is none */

/* To a new file, which is there whole or not at all. */
int bundle_save(const struct bundle *b, const char *path, struct err *e) MUST_CHECK;
/* ERR_PARSE "FILE:LINE: what: what to do". What the rows say is not believed yet: audit_verify. */
int bundle_load(const char *path, struct bundle *ret, struct err *e) MUST_CHECK;

#endif
