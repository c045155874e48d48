/* Ranges of a table's key as SQL text, and keys as one text: for each column its literal as "length:literal", such as "2:12,3:'a'". Apart from range_read_key pure. */
#ifndef AGENT_APPLY_BATCH_RANGE_H
#define AGENT_APPLY_BATCH_RANGE_H

#include "agent/engine/engine.h"
#include "common/sql/batch.h"

/* A query for the table's last key. */
void range_last_sql(const struct sql_batch *b, const struct engine_key *k, struct buf *ret);
/* A query for the key of the size-th row behind `from` (NULL: from the beginning) up to `bound`; no row, or one whose last column is 0, when fewer are left. */
void range_end_sql(const struct sql_batch *b, const struct engine_key *k, bool row_ranges, const char *from, const char *bound, uint32_t size,
                   struct buf *ret);
/* Behind `from` (NULL: from the beginning) up to `to`, as a condition on the statement's own table. */
void range_condition(const struct sql_batch *b, const struct engine_key *k, bool row_ranges, const char *from, const char *to, struct buf *ret);
/* Runs one of the queries above: the key as text, *ret_found false when there is none. */
int range_read_key(const struct engine *en, struct conn *c, struct bytes sql, const struct engine_key *k, struct buf *ret, bool *ret_found,
                   struct err *e) MUST_CHECK;
/* "1,234,567". `out` holds 32 bytes; returns it. */
const char *range_number(uint64_t n, char out[32]);

#endif
