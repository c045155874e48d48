/* Rows of a log, as an auditor's bundle holds them: operator olga's, all of the same time. */
#ifndef TESTS_SUPPORT_AUDIT_ROWS_H
#define TESTS_SUPPORT_AUDIT_ROWS_H

#include "common/crypto/digest.h"
#include "controller/audit/bundle.h"

/* Not yet in the chain: its hash is zero. evidence: the document that it stands for; empty: none. */
static inline struct audit_row *audit_rows_add(struct bundle *b, const char *object, const char *event, const char *detail, struct bytes evidence)
{
	arena_vec_grow(b->arena, b->rows, b->n_rows, b->cap_rows);
	struct audit_row *r = &b->rows[b->n_rows++];
	*r = (struct audit_row){.seq = b->n_rows, .ev = {.at_us = 1, .actor = "operator olga", .object = object, .event = event, .detail = detail}};
	if (evidence.n) {
		uint8_t *hash = arena_alloc(b->arena, DIGEST_SIZE);
		digest_sha256(evidence, hash);
		r->ev.evidence = hash;
	}
	return r;
}

#endif
