/* Ledger rows as text: one table of columns serves writing, reading and hashing, so that the three cannot disagree. */
#include "agent/ledger/row.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/base/str.h"
#include "common/crypto/digest.h"

#define TEXT_MAX ((size_t)16 * 1024) /* the longest that a release can name */

enum kind { KIND_U64, KIND_U32, KIND_I64, KIND_TEXT, KIND_DIGEST, KIND_DIRECTION, KIND_STATE, KIND_VIA, KIND_CLASS };

#define COLUMN(field, kind)                              \
	{                                                    \
#field, kind, offsetof(struct ledger_row, field) \
	}

static const struct column {
	const char *name;
	enum kind kind;
	size_t offset;
} columns[] = {
    COLUMN(seq, KIND_U64),
    COLUMN(project, KIND_TEXT),
    COLUMN(changeset, KIND_TEXT),
    COLUMN(direction, KIND_DIRECTION),
    COLUMN(run, KIND_U32),
    COLUMN(step, KIND_U32),
    COLUMN(state, KIND_STATE),
    COLUMN(via, KIND_VIA),
    COLUMN(class, KIND_CLASS),
    COLUMN(digest, KIND_DIGEST),
    COLUMN(changeset_digest, KIND_DIGEST),
    COLUMN(release_version, KIND_TEXT),
    COLUMN(release_sequence, KIND_U64),
    COLUMN(release_digest, KIND_DIGEST),
    COLUMN(order_digest, KIND_DIGEST),
    COLUMN(task, KIND_TEXT),
    COLUMN(attempt, KIND_U32),
    COLUMN(epoch, KIND_U32),
    COLUMN(agent, KIND_TEXT),
    COLUMN(backend, KIND_TEXT),
    COLUMN(state_before, KIND_DIGEST),
    COLUMN(started_at_us, KIND_I64),
    COLUMN(ended_at_us, KIND_I64),
    COLUMN(prev_hash, KIND_DIGEST),
    COLUMN(row_hash, KIND_DIGEST),
};
_Static_assert(ARRAY_LEN(columns) == LEDGER_COLUMNS, "a column for each field");

static const char *cell_text(const struct column *c, const char *field, char cell[DIGEST_HEX_SIZE])
{
	switch (c->kind) {
	case KIND_U64:
		snprintf(cell, DIGEST_HEX_SIZE, "%" PRIu64, *(const uint64_t *)field);
		return cell;
	case KIND_U32:
		snprintf(cell, DIGEST_HEX_SIZE, "%" PRIu32, *(const uint32_t *)field);
		return cell;
	case KIND_I64:
		snprintf(cell, DIGEST_HEX_SIZE, "%" PRId64, *(const int64_t *)field);
		return cell;
	case KIND_TEXT:
		return *(const char *const *)field ? *(const char *const *)field : "";
	case KIND_DIGEST:
		return bytes_to_hex(bytes_of(field, DIGEST_SIZE), cell);
	case KIND_DIRECTION:
		return direction_name(*(const enum direction *)field);
	case KIND_STATE:
		return step_state_name(*(const enum step_state *)field);
	case KIND_VIA:
		return step_via_name(*(const enum step_via *)field);
	case KIND_CLASS:
		return step_class_name(*(const enum step_class *)field);
	}
	return "";
}

void row_to_text(const struct ledger_row *row, struct row_text *ret)
{
	for (size_t i = 0; i < LEDGER_COLUMNS; i++)
		ret->values[i] = cell_text(&columns[i], (const char *)row + columns[i].offset, ret->cells[i]);
}

static int u32_from_text(const char *text, const char *name, uint32_t *ret, struct err *e)
{
	uint64_t v;
	if (str_to_u64(text, name, 0, UINT32_MAX, &v, e) < 0)
		return -1;
	*ret = (uint32_t)v;
	return 0;
}

static int name_known(bool known, const char *text, struct err *e)
{
	return known ? 0 : err_set(e, ERR_STATE, "'%s' is not a word that Rollcall writes there", text);
}

static int cell_read(const struct column *c, const char *text, struct arena *a, char *field, struct err *e)
{
	switch (c->kind) {
	case KIND_U64:
		return str_to_u64(text, c->name, 0, UINT64_MAX, (uint64_t *)field, e);
	case KIND_U32:
		return u32_from_text(text, c->name, (uint32_t *)field, e);
	case KIND_I64:
		return str_to_i64(text, c->name, INT64_MIN, INT64_MAX, (int64_t *)field, e);
	case KIND_TEXT:
		if (strnlen(text, TEXT_MAX + 1) > TEXT_MAX)
			return err_set(e, ERR_STATE, "longer than the %zu bytes that Rollcall writes there", TEXT_MAX);
		*(const char **)field = arena_strdup(a, text);
		return 0;
	case KIND_DIGEST:
		return bytes_from_hex(text, (uint8_t *)field, DIGEST_SIZE, e);
	case KIND_DIRECTION:
		return name_known(direction_parse(text, (enum direction *)field), text, e);
	case KIND_STATE:
		return name_known(step_state_parse(text, (enum step_state *)field), text, e);
	case KIND_VIA:
		return name_known(step_via_parse(text, (enum step_via *)field), text, e);
	case KIND_CLASS:
		return name_known(step_class_parse(text, (enum step_class *)field), text, e);
	}
	return 0;
}

int row_from_text(const char *const *values, struct arena *a, struct ledger_row *ret, struct err *e)
{
	struct ledger_row row = {0};
	for (size_t i = 0; i < LEDGER_COLUMNS; i++) {
		struct err why = ERR_INIT;
		if (!values[i] || cell_read(&columns[i], values[i], a, (char *)&row + columns[i].offset, &why) < 0)
			return err_set(e, ERR_STATE, "column %s: %s", columns[i].name, values[i] ? why.msg : "NULL");
	}
	*ret = row;
	return 0;
}

void row_hash(const struct ledger_row *row, uint8_t out[DIGEST_SIZE])
{
	struct row_text text = {0};
	row_to_text(row, &text);
	struct digest *d = digest_new();
	for (size_t i = 0; i + 1 < LEDGER_COLUMNS; i++)
		if (columns[i].offset != offsetof(struct ledger_row, project) || *text.values[i])
			digest_add_sized(d, bytes_of_str(text.values[i]));
	digest_final(&d, out);
}

void row_step_name(const struct ledger_row *row, struct buf *ret)
{
	if (!str_empty(row->project))
		buf_addf(ret, "%s/", row->project);
	buf_addf(ret, "%s/%s/%u/%u", row->changeset, direction_name(row->direction), row->run, row->step);
}
