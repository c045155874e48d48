/* The table `batch`. Its SQL is the engine's. */
#include "agent/ledger/cursor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/ledger/row.h"
#include "common/base/str.h"

#define COLUMNS 7
#define KEY_MAX ((size_t)64 * 1024) /* of one row's key, as literals */

struct reading {
	struct arena *arena;
	struct cursor cursor;
};

int cursor_make(const struct engine *en, struct conn *c, struct err *e)
{
	struct err ignored;
	bool together = en->caps.transactional_ddl;
	if (together && en->begin(c, e) < 0)
		return -1;
	int rc = ledger_run(en, c, en->ledger->cursor_create, NULL, 0, NULL, NULL, e);
	if (rc == 0 && together)
		rc = en->commit(c, e);
	if (rc < 0 && en->in_transaction(c))
		(void)en->rollback(c, &ignored);
	return rc < 0 ? err_wrap(e, "make the table %sbatch", en->ledger_prefix(c)) : 0;
}

static int read_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	struct reading *r = arg;
	struct cursor *cur = &r->cursor;
	uint64_t *const numbers[] = {&cur->batches, &cur->passed, &cur->changed, &cur->total};
	if (n != COLUMNS || !values[0])
		return err_set(e, ERR_STATE, "the cursor of a batched step was changed by hand");
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (str_to_u64(values[3 + i] ? values[3 + i] : "", "number of a cursor", 0, INT64_MAX, numbers[i], e) < 0)
			return -1;
	cur->exists = true;
	cur->key = arena_strdup(r->arena, values[0]);
	cur->bound = arena_strdup(r->arena, values[1]);
	cur->at = arena_strdup(r->arena, values[2]);
	return 0;
}

int cursor_read(const struct engine *en, struct conn *c, const struct ledger_row *step, struct arena *a, struct cursor *ret, struct err *e)
{
	AUTO(buf_done) struct buf id = BUF_INIT;
	struct reading r = {.arena = a};
	row_step_name(step, &id);
	struct engine_param param = {.value = buf_bytes(&id)};
	if (ledger_run(en, c, en->ledger->cursor_read, &param, 1, read_row, &r, e) < 0)
		return err_wrap(e, "read the cursor of %s step %u", step->changeset, step->step + 1);
	*ret = r.cursor;
	return 0;
}

static struct engine_param text_param(const char *s)
{
	return (struct engine_param){.value = bytes_of_str(s), .null = !s};
}

int cursor_write(const struct engine *en, struct conn *c, const struct ledger_row *step, const struct cursor *cur, struct err *e)
{
	AUTO(buf_done) struct buf id = BUF_INIT;
	const uint64_t numbers[] = {cur->batches, cur->passed, cur->changed, cur->total};
	char texts[ARRAY_LEN(numbers)][24];
	struct engine_param params[1 + COLUMNS];
	if ((cur->at && strlen(cur->at) > KEY_MAX) || (cur->bound && strlen(cur->bound) > KEY_MAX))
		return err_set(e, ERR_LIMIT, "a key of more than %zu bytes cannot be a cursor", KEY_MAX);
	row_step_name(step, &id);
	params[0] = (struct engine_param){.value = buf_bytes(&id)};
	params[1] = text_param(cur->key);
	params[2] = text_param(cur->bound);
	params[3] = text_param(cur->at);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		snprintf(texts[i], sizeof texts[i], "%" PRIu64, numbers[i]);
		params[4 + i] = text_param(texts[i]);
	}
	if (ledger_run(en, c, en->ledger->cursor_write, params, ARRAY_LEN(params), NULL, NULL, e) < 0)
		return err_wrap(e, "write the cursor of %s step %u", step->changeset, step->step + 1);
	return 0;
}
