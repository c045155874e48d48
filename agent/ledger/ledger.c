/* Opening and appending to the ledger; its fences are in fence.c. All SQL is the engine's (agent/engine/sql); this file knows no engine by name. */
#include "agent/ledger/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ledger/ledger_impl.h"
#include "agent/ledger/row.h"
#include "common/base/failpoint.h"
#include "common/base/str.h"
#include "common/crypto/sign.h"

#define LEDGER_BYTES_MAX ((size_t)192 * 1024 * 1024) /* well under LIMIT_ARENA_DOCUMENT, also while the array of rows grows */

struct bytes ledger_text(const struct engine *en, struct conn *c, const char *sql, struct buf *to)
{
	const char *prefix = en->ledger_prefix(c);
	buf_clear(to);
	for (const char *at; (at = strstr(sql, "%s")); sql = at + 2) {
		buf_add(to, sql, (size_t)(at - sql));
		buf_adds(to, prefix);
	}
	buf_adds(to, sql);
	return buf_bytes(to);
}

int ledger_run(const struct engine *en, struct conn *c, const char *sql, const struct engine_param *params, size_t n, engine_row_fn *fn, void *arg,
               struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	return en->query(c, ledger_text(en, c, sql, &text), params, n, fn, arg, e);
}

static struct engine_param param(const char *text)
{
	return (struct engine_param){.value = bytes_of_str(text), .null = !text};
}

/* ---- presence ---- */

struct presence {
	bool exists, meta; /* the ledger; what stands beside it, where the engine says so */
	char why_not[512];
};

static int presence_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)e;
	struct presence *p = arg;
	p->exists = str_eq(values[0], "1");
	p->meta = n > 1 && str_eq(values[1], "1");
	if (values[0] && !p->exists && !str_eq(values[0], "0"))
		str_copy(p->why_not, sizeof p->why_not, values[0]);
	return 0;
}

static int cannot_be_used(const struct engine *en, struct conn *c, const struct presence *p, struct err *e)
{
	return err_set(e, ERR_STATE, "the ledger table %sledger cannot be used: %s", en->ledger_prefix(c), p->why_not);
}

static int ledger_look(const struct engine *en, struct conn *c, struct presence *ret, struct err *e)
{
	struct presence p = {0};
	if (ledger_run(en, c, en->ledger->exists, NULL, 0, presence_row, &p, e) < 0)
		return err_wrap(e, "look for the ledger");
	if (p.why_not[0])
		return cannot_be_used(en, c, &p, e);
	*ret = p;
	return 0;
}

int ledger_meta_write(const struct engine *en, struct conn *c, const char *name, const char *value, struct err *e)
{
	struct engine_param params[] = {param(name), param(value)};
	return ledger_run(en, c, en->ledger->meta_write, params, ARRAY_LEN(params), NULL, NULL, e);
}

static int uuid_make(struct ledger *l, struct err *e)
{
	uint8_t random[16];
	if (crypto_random(random, sizeof random, e) < 0)
		return -1;
	l->uuid = arena_hex(l->arena, bytes_of(random, sizeof random));
	return 0;
}

static int claim(const struct engine *en, struct conn *c, struct ledger *l, const char *target_id, struct err *e)
{
	struct engine_identity id;
	if (en->identity(c, &id, e) < 0 || ledger_meta_write(en, c, "database", id.database, e) < 0 || ledger_meta_write(en, c, "uuid", l->uuid, e) < 0)
		return -1;
	return ledger_meta_write(en, c, "target", target_id, e);
}

static int create_tables(const struct engine *en, struct conn *c, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	if (en->ledger->namespace && str_ends(en->ledger_prefix(c), ".") && en->query(c, bytes_of_str(en->ledger->namespace), NULL, 0, NULL, NULL, e) < 0)
		return -1;
	for (const char *const *sql = en->ledger->create; *sql; sql++)
		if (en->query(c, ledger_text(en, c, *sql, &text), NULL, 0, NULL, NULL, e) < 0)
			return -1;
	return 0;
}

/* Elsewhere than in a transaction every statement is idempotent, and a missing claim is repaired by the next open. */
static int make_one_by_one(const struct engine *en, struct conn *c, struct ledger *l, const char *target_id, struct err *e)
{
	bool together = en->caps.transactional_ddl;
	if (together && en->begin(c, e) < 0)
		return -1;
	if (create_tables(en, c, e) < 0 || claim(en, c, l, target_id, e) < 0)
		return -1;
	return together ? en->commit(c, e) : 0;
}

/* `again`: something stands beside it already. */
static int make_at_once(const struct engine *en, struct conn *c, struct ledger *l, bool again, const char *target_id, uint32_t epoch, struct err *e)
{
	AUTO(buf_done) struct buf all = BUF_INIT;
	AUTO(buf_done) struct buf one = BUF_INIT;
	AUTO(buf_done) struct buf claim = BUF_INIT;
	struct engine_identity id;
	char epoch_text[24];
	size_t ignored;
	if (en->identity(c, &id, e) < 0)
		return -1;
	if (en->ledger->namespace && str_ends(en->ledger_prefix(c), "."))
		buf_addf(&all, "%s;", en->ledger->namespace);
	for (const char *const *sql = en->ledger->create; *sql; sql++) {
		struct bytes text = ledger_text(en, c, *sql, &one);
		buf_add(&all, text.p, text.n);
		buf_addc(&all, ';');
	}
	ledger_text(en, c, again ? en->ledger->claim_again : en->ledger->claim, &claim);
	snprintf(epoch_text, sizeof epoch_text, "%u", epoch);
	struct engine_param words[] = {param(id.database), param(l->uuid), param(target_id), param(epoch_text)};
	struct fence f = {.epoch = epoch};
	struct engine_own own[] = {{.sql = buf_bytes(&all)},
	                           {.sql = buf_bytes(&claim), .params = words, .n_params = ARRAY_LEN(words), .fn = ledger_fence_row, .arg = &f}};
	if (en->batch(c, true, own, ARRAY_LEN(own), true, &ignored, e) < 0)
		return -1;
	l->epoch = (uint32_t)f.epoch;
	return 0;
}

/* Without a batch the first fence writes the epoch. */
static int ledger_make(const struct engine *en, struct conn *c, struct ledger *l, bool again, const char *target_id, uint32_t epoch, struct err *e)
{
	struct err ignored;
	if (uuid_make(l, e) == 0 && (en->batch ? make_at_once(en, c, l, again, target_id, epoch, e) : make_one_by_one(en, c, l, target_id, e)) == 0)
		return 0;
	if (en->in_transaction(c))
		(void)en->rollback(c, &ignored);
	if (e && en->unique_violation(e)) /* another one has just made it: it is to be read */
		e->code = ERR_EXISTS;
	return err_wrap(e, "make the ledger %sledger", en->ledger_prefix(c));
}

/* ---- reading ---- */

static int meta_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)n;
	struct ledger *l = arg;
	uint64_t epoch;
	if (str_eq(values[0], "target"))
		l->target_id = arena_strdup(l->arena, values[1]);
	else if (str_eq(values[0], "database"))
		l->database_identity = arena_strdup(l->arena, values[1]);
	else if (str_eq(values[0], "uuid"))
		l->uuid = arena_strdup(l->arena, values[1]);
	else if (str_eq(values[0], "epoch")) {
		if (str_to_u64(values[1], "epoch", 0, UINT32_MAX, &epoch, e) < 0)
			return -1;
		l->epoch = (uint32_t)epoch;
	}
	return 0;
}

static void push(struct ledger *l, const struct ledger_row *row)
{
	arena_vec_grow(l->arena, l->rows, l->n_rows, l->cap_rows);
	l->rows[l->n_rows++] = *row;
	memcpy(l->head, row->row_hash, DIGEST_SIZE);
}

static int ledger_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	struct ledger *l = arg;
	struct ledger_row row;
	if (n != LEDGER_COLUMNS)
		return err_set(e, ERR_STATE, "the ledger has %zu columns instead of %d: another version of Rollcall wrote it", n, LEDGER_COLUMNS);
	if (arena_used(l->arena) > LEDGER_BYTES_MAX)
		return err_set(e, ERR_LIMIT, "the ledger holds more than %zu rows, more than this agent can read", l->n_rows);
	if (row_from_text(values, l->arena, &row, e) < 0)
		return err_wrap(e, "ledger row %s was changed", values[0] ? values[0] : "without a number");
	push(l, &row);
	return 0;
}

static int row_order(const void *a, const void *b)
{
	uint64_t x = ((const struct ledger_row *)a)->seq, y = ((const struct ledger_row *)b)->seq;
	return x < y ? -1 : x > y;
}

/* They come as the table holds them: to have the server sort them costs it more than to read them. */
static void put_in_order(struct ledger *l)
{
	bool in_order = true;
	for (size_t i = 1; i < l->n_rows && in_order; i++)
		in_order = l->rows[i - 1].seq < l->rows[i].seq;
	if (in_order)
		return;
	qsort(l->rows, l->n_rows, sizeof *l->rows, row_order);
	memcpy(l->head, l->rows[l->n_rows - 1].row_hash, DIGEST_SIZE);
}

static int chain_check(const struct ledger *l, struct err *e)
{
	static const uint8_t none[DIGEST_SIZE];
	const uint8_t *head = none;
	uint8_t hash[DIGEST_SIZE];
	for (size_t i = 0; i < l->n_rows; i++) {
		const struct ledger_row *row = &l->rows[i];
		if (row->seq != i + 1)
			return err_set(e, ERR_STATE, "ledger row %zu is missing: nothing runs here until a person has compared the ledger with the reports",
			               i + 1);
		row_hash(row, hash);
		if (memcmp(hash, row->row_hash, DIGEST_SIZE) != 0)
			return err_set(e, ERR_STATE,
			               "ledger row %zu was changed: its hash is not that of its values; nothing runs here until a person has looked", i + 1);
		if (memcmp(row->prev_hash, head, DIGEST_SIZE) != 0)
			return err_set(e, ERR_STATE, "ledger row %zu was changed: it does not follow row %zu; nothing runs here until a person has looked", i + 1,
			               i);
		head = row->row_hash;
	}
	return 0;
}

/* A ledger that an earlier version made cannot be read; the database says so only as an unknown column. */
static int cannot_be_read(const struct engine *en, struct conn *c, struct err *e)
{
	struct presence former = {0};
	struct err ignored; /* then the first error is all that is known */
	if (e && e->code == ERR_DB && ledger_run(en, c, en->ledger->former, NULL, 0, presence_row, &former, &ignored) == 0 && former.why_not[0])
		return cannot_be_used(en, c, &former, e);
	return err_wrap(e, "read the ledger %sledger", en->ledger_prefix(c));
}

static int load_rows(const struct engine *en, struct conn *c, struct ledger *l, struct err *e)
{
	if (ledger_run(en, c, en->ledger->read, NULL, 0, ledger_row, l, e) < 0)
		return cannot_be_read(en, c, e);
	put_in_order(l);
	return chain_check(l, e) < 0 ? err_wrap(e, "read the ledger %sledger", en->ledger_prefix(c)) : 0;
}

static int ledger_load(const struct engine *en, struct conn *c, struct ledger *l, struct err *e)
{
	return ledger_run(en, c, en->ledger->meta_read, NULL, 0, meta_row, l, e) < 0 ? cannot_be_read(en, c, e) : load_rows(en, c, l, e);
}

int ledger_read_rows(const struct engine *en, struct conn *c, struct arena *a, struct ledger *ret, struct err *e)
{
	struct ledger l = {.arena = a};
	if (load_rows(en, c, &l, e) < 0)
		return -1;
	*ret = l;
	return 0;
}

int ledger_belongs(const struct ledger *l, const char *target_id, struct err *e)
{
	if (!l->target_id || str_eq(l->target_id, target_id))
		return 0;
	return err_set(e, ERR_POLICY,
	               "this ledger belongs to target %s, not to %s: the database is a copy, was renamed, or agent.yaml names the wrong one; nothing was "
	               "changed",
	               l->target_id, target_id);
}

int ledger_note(const struct engine *en, struct conn *c, const char *name, const char *value, struct err *e)
{
	return ledger_meta_write(en, c, name, value, e) == 0 ? 0 : err_wrap(e, "note in %smeta", en->ledger_prefix(c));
}

int ledger_adopt(const struct engine *en, struct conn *c, struct ledger *l, const char *target_id, const char *why, struct err *e)
{
	struct engine_identity id;
	if (en->identity(c, &id, e) < 0 || uuid_make(l, e) < 0 || ledger_meta_write(en, c, "adopted", why, e) < 0 || claim(en, c, l, target_id, e) < 0)
		return err_wrap(e, "adopt the ledger %sledger", en->ledger_prefix(c));
	l->target_id = arena_strdup(l->arena, target_id);
	l->database_identity = arena_strdup(l->arena, id.database);
	return 0;
}

int ledger_open(const struct engine *en, struct conn *c, const char *target_id, uint32_t epoch, struct arena *a, struct ledger *ret, struct err *e)
{
	struct ledger l = {.arena = a};
	struct presence there;
	if (ledger_look(en, c, &there, e) < 0)
		return -1;
	if (!there.exists) {
		if (ledger_make(en, c, &l, there.meta, target_id, epoch, e) < 0)
			return -1;
		*ret = l;
		return 0;
	}
	if (ledger_load(en, c, &l, e) < 0 || ledger_belongs(&l, target_id, e) < 0)
		return -1;
	if ((!l.target_id || !l.uuid) && (uuid_make(&l, e) < 0 || claim(en, c, &l, target_id, e) < 0))
		return err_wrap(e, "claim the ledger %sledger", en->ledger_prefix(c));
	*ret = l;
	return 0;
}

int ledger_peek(const struct engine *en, struct conn *c, struct arena *a, struct ledger *ret, struct err *e)
{
	struct ledger l = {.arena = a};
	struct presence there;
	if (ledger_look(en, c, &there, e) < 0)
		return -1;
	if (there.exists && ledger_load(en, c, &l, e) < 0)
		return -1;
	*ret = l;
	return 0;
}

/* ---- appending ---- */

/* A copy whose strings live as long as the ledger. */
static struct ledger_row row_keep(struct arena *a, const struct ledger_row *row)
{
	struct ledger_row kept = *row;
	kept.project = arena_strdup(a, row->project);
	kept.changeset = arena_strdup(a, row->changeset);
	kept.release_version = arena_strdup(a, row->release_version);
	kept.task = arena_strdup(a, row->task);
	kept.agent = arena_strdup(a, row->agent);
	kept.backend = arena_strdup(a, row->backend);
	return kept;
}

struct insert { /* the row as the insert statement takes it */
	struct row_text text;
	struct buf once;
	struct engine_param params[LEDGER_COLUMNS + 1];
};

static void insert_done(struct insert *i)
{
	buf_done(&i->once);
}

static void prepare_insert(const struct ledger *l, struct ledger_row *row, struct insert *ret)
{
	row->seq = l->n_rows + 1;
	memcpy(row->prev_hash, l->head, DIGEST_SIZE);
	row_hash(row, row->row_hash);
	row_to_text(row, &ret->text);
	for (size_t i = 0; i < LEDGER_COLUMNS; i++)
		ret->params[i] = param(ret->text.values[i]);
	if (row->state == STEP_DONE || row->state == STEP_SKIPPED)
		row_step_name(row, &ret->once);
	ret->params[LEDGER_COLUMNS] = param(ret->once.n ? ret->once.p : NULL);
}

static int refused(const struct engine *en, const struct ledger_row *row, struct err *e)
{
	if (e && en->unique_violation(e))
		e->code = ERR_EXISTS;
	return err_wrap(e, "ledger row %llu (%s step %u)", (unsigned long long)row->seq, row->changeset, row->step);
}

int ledger_append(const struct engine *en, struct conn *c, struct ledger *l, struct ledger_row *row, struct err *e)
{
	AUTO(insert_done) struct insert insert = {0};
	prepare_insert(l, row, &insert);
	if (ledger_run(en, c, en->ledger->insert, insert.params, ARRAY_LEN(insert.params), NULL, NULL, e) < 0)
		return refused(en, row, e);
	struct ledger_row kept = row_keep(l->arena, row);
	push(l, &kept);
	return 0;
}

/* Only what is committed holds others back. */
static void epoch_stands(struct ledger *l)
{
	if (l->raised > l->epoch)
		l->epoch = l->raised;
}

static int append_then_commit(const struct engine *en, struct conn *c, struct ledger *l, struct ledger_row *row, struct err *e)
{
	if (ledger_append(en, c, l, row, e) < 0)
		return -1;
	FAILPOINT("ledger-written");
	if (en->commit(c, e) == 0) {
		epoch_stands(l);
		return 0;
	}
	ledger_forget_last(l);
	return -1;
}

int ledger_append_commit(const struct engine *en, struct conn *c, struct ledger *l, struct ledger_row *row, struct err *e)
{
	AUTO(insert_done) struct insert insert = {0};
	AUTO(buf_done) struct buf text = BUF_INIT;
	size_t done = 0;
	if (!en->batch)
		return append_then_commit(en, c, l, row, e);
	prepare_insert(l, row, &insert);
	struct engine_own own = {.sql = ledger_text(en, c, en->ledger->insert, &text), .params = insert.params, .n_params = ARRAY_LEN(insert.params)};
	FAILPOINT("ledger-written"); /* the server sees both or neither */
	if (en->batch(c, false, &own, 1, true, &done, e) < 0)
		return done == 0 ? refused(en, row, e) : -1;
	struct ledger_row kept = row_keep(l->arena, row);
	push(l, &kept);
	epoch_stands(l);
	return 0;
}

int ledger_write_row(const struct engine *en, struct conn *c, struct ledger *l, uint32_t epoch, struct ledger_row *row, struct err *e)
{
	struct err ignored; /* the first error is the one that matters */
	if (ledger_begin_row(en, c, l, epoch, e) == 0 && ledger_append_commit(en, c, l, row, e) == 0)
		return 0;
	if (en->in_transaction(c))
		(void)en->rollback(c, &ignored);
	return -1;
}

void ledger_forget_last(struct ledger *l)
{
	l->n_rows--;
	if (l->n_rows)
		memcpy(l->head, l->rows[l->n_rows - 1].row_hash, DIGEST_SIZE);
	else
		memset(l->head, 0, DIGEST_SIZE);
}
