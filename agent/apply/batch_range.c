/* Conditions on keys. A range on several columns is (a, b) > (1, 2) where an index is used for that, else a >= 1 AND (a > 1 OR (a = 1 AND b > 2)). */
#include "agent/apply/batch_range.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"

#define KEY_TEXT_MAX ((size_t)64 * 1024)

struct literals {
	struct bytes v[ENGINE_KEY_COLUMNS];
	size_t n;
};

/* Only what range_read_key made, and the database kept, comes here; what does not fit reads as fewer literals, and the server refuses the condition. */
static struct literals take_apart(const char *key)
{
	struct literals l = {0};
	for (const char *p = key; *p && l.n < ENGINE_KEY_COLUMNS; p += *p == ',') {
		char *colon = NULL;
		size_t n = strtoul(p, &colon, 10);
		if (*colon != ':' || strlen(colon + 1) < n)
			break;
		l.v[l.n++] = bytes_of(colon + 1, n);
		p = colon + 1 + n;
	}
	return l;
}

/* Column i of the statement's table: qualified in a condition of the statement's own, bare in our queries. */
static void add_column(const struct engine_key *k, size_t i, const struct sql_batch *qualified, struct buf *ret)
{
	if (qualified) {
		buf_add(ret, qualified->columns_of.p, qualified->columns_of.n);
		buf_addc(ret, '.');
	}
	buf_adds(ret, k->columns[i].quoted);
}

static void add_comparison(const struct engine_key *k, size_t i, const struct sql_batch *qualified, const char *op, struct bytes literal,
                           struct buf *ret)
{
	add_column(k, i, qualified, ret);
	buf_addf(ret, " %s ", op);
	buf_add(ret, literal.p, literal.n);
}

static void add_row_comparison(const struct engine_key *k, const struct sql_batch *qualified, const char *op, const struct literals *l,
                               struct buf *ret)
{
	buf_addc(ret, '(');
	for (size_t i = 0; i < l->n; i++) {
		buf_adds(ret, i ? ", " : "");
		add_column(k, i, qualified, ret);
	}
	buf_addf(ret, ") %s (", op);
	for (size_t i = 0; i < l->n; i++) {
		buf_adds(ret, i ? ", " : "");
		buf_add(ret, l->v[i].p, l->v[i].n);
	}
	buf_addc(ret, ')');
}

/* `op` is ">" or "<=": equal rows belong to the range that they end. */
static void add_side(const struct engine_key *k, bool row_ranges, const struct sql_batch *qualified, const char *op, const char *key, struct buf *ret)
{
	struct literals l = take_apart(key);
	bool above = *op == '>';
	if (l.n == 1) {
		add_comparison(k, 0, qualified, op, l.v[0], ret);
		return;
	}
	if (row_ranges) {
		add_row_comparison(k, qualified, op, &l, ret);
		return;
	}
	add_comparison(k, 0, qualified, above ? ">=" : "<=", l.v[0], ret); /* what an index can begin with */
	buf_adds(ret, " AND (");
	for (size_t i = 0; i < l.n; i++) {
		buf_adds(ret, i ? " OR (" : "(");
		for (size_t j = 0; j < i; j++) {
			add_comparison(k, j, qualified, "=", l.v[j], ret);
			buf_adds(ret, " AND ");
		}
		add_comparison(k, i, qualified, above ? ">" : i + 1 == l.n ? "<=" : "<", l.v[i], ret);
		buf_addc(ret, ')');
	}
	buf_addc(ret, ')');
}

void range_condition(const struct sql_batch *b, const struct engine_key *k, bool row_ranges, const char *from, const char *to, struct buf *ret)
{
	if (from) {
		add_side(k, row_ranges, b, ">", from, ret);
		buf_adds(ret, " AND ");
	}
	add_side(k, row_ranges, b, "<=", to, ret);
}

static void add_select(const struct sql_batch *b, const struct engine_key *k, const char *more, struct buf *ret)
{
	buf_adds(ret, "SELECT ");
	for (size_t i = 0; i < k->n_columns; i++)
		buf_addf(ret, "%s%s", i ? ", " : "", k->columns[i].literal);
	buf_addf(ret, "%s FROM ", more);
	buf_add(ret, b->table.p, b->table.n);
}

static void add_order(const struct engine_key *k, const char *way, struct buf *ret)
{
	buf_adds(ret, " ORDER BY ");
	for (size_t i = 0; i < k->n_columns; i++)
		buf_addf(ret, "%s%s%s", i ? ", " : "", k->columns[i].quoted, way);
}

void range_last_sql(const struct sql_batch *b, const struct engine_key *k, struct buf *ret)
{
	add_select(b, k, "", ret);
	add_order(k, " DESC", ret);
	buf_adds(ret, " LIMIT 1");
}

/* The bound is looked at in the row that was found, not in the condition: from two ends and without statistics PostgreSQL expects few rows, and would sort all that are left. */
void range_end_sql(const struct sql_batch *b, const struct engine_key *k, bool row_ranges, const char *from, const char *bound, uint32_t size,
                   struct buf *ret)
{
	AUTO(buf_done) struct buf inside = BUF_INIT;
	buf_adds(&inside, ", CASE WHEN ");
	add_side(k, row_ranges, NULL, "<=", bound, &inside);
	buf_adds(&inside, " THEN 1 ELSE 0 END");
	add_select(b, k, buf_str(&inside), ret);
	if (from) {
		buf_adds(ret, " WHERE ");
		add_side(k, row_ranges, NULL, ">", from, ret);
	}
	add_order(k, "", ret);
	buf_addf(ret, " LIMIT 1 OFFSET %" PRIu32, size - 1);
}

struct key_reading {
	const struct engine_key *key;
	struct buf *text;
	bool found;
};

static int key_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	struct key_reading *r = arg;
	r->found = n == r->key->n_columns || str_eq(values[n - 1], "1");
	for (size_t i = 0; i < r->key->n_columns; i++) {
		if (!values[i])
			return err_set(e, ERR_STATE, "column %s of the key holds NULL", r->key->columns[i].name);
		buf_addf(r->text, "%s%zu:%s", i ? "," : "", strlen(values[i]), values[i]);
	}
	return r->text->n <= KEY_TEXT_MAX ? 0 : err_set(e, ERR_LIMIT, "a key of more than %zu bytes cannot be a cursor", KEY_TEXT_MAX);
}

int range_read_key(const struct engine *en, struct conn *c, struct bytes sql, const struct engine_key *k, struct buf *ret, bool *ret_found,
                   struct err *e)
{
	struct key_reading r = {.key = k, .text = ret};
	buf_clear(ret);
	if (en->query(c, sql, NULL, 0, key_row, &r, e) != 0)
		return -1;
	if (!r.found)
		buf_clear(ret);
	*ret_found = r.found;
	return 0;
}

const char *range_number(uint64_t n, char out[32])
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%" PRIu64, n);
	char *to = out;
	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return out;
}
