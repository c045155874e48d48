/* See the header. */
#include "tests/support/fake_engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/str.h"

struct fake_engine fake;

static int fake_commit(struct conn *c, struct err *e)
{
	struct err ignored;
	fake.commits++;
	if (fake.commits == fake.lose_commit_before) {
		(void)fake.real->rollback(c, &ignored);
		return err_set(e, ERR_UNKNOWN, "the connection was lost");
	}
	if (fake.real->commit(c, e) != 0)
		return -1;
	return fake.commits == fake.lose_commit_after ? err_set(e, ERR_UNKNOWN, "the connection was lost") : 0;
}

static int fail_with(struct err *e)
{
	*e = fake.exec_error;
	return -1;
}

static int fake_exec(struct conn *c, struct bytes sql, uint64_t *rows, struct err *e)
{
	size_t n = strlen(fake.exec_match ? fake.exec_match : "");
	if (!n || sql.n < n || memcmp(sql.p, fake.exec_match, n) != 0)
		return fake.real->exec(c, sql, rows, e);
	if (fake.exec_asks)
		watch_ask(&fake.f->watch, fake.exec_asks);
	if (fake.exec_fail_first && fake.exec_fail_first--)
		return fail_with(e);
	if (fake.exec_lost && fake.exec_lost_before) {
		fake.exec_lost--;
		return err_set(e, ERR_UNKNOWN, "the connection was lost");
	}
	if (fake.real->exec(c, sql, rows, e) != 0)
		return -1;
	if (fake.exec_fail_after)
		return fail_with(e);
	return fake.exec_lost && fake.exec_lost-- ? err_set(e, ERR_UNKNOWN, "the connection was lost") : 0;
}

static int fake_try_lock(struct conn *c, bool *ret_got, char *holder, struct err *e)
{
	if (!fake.lock_busy)
		return fake.real->try_lock(c, ret_got, holder, e);
	fake.lock_busy--;
	*ret_got = false;
	str_copy(holder, 256, "pid 4711 shop 12 s");
	return 0;
}

static int fake_open(const struct engine_target *t, struct conn **ret, struct err *e)
{
	fake.opens++;
	bool refused = fake.opens_fail_from && fake.opens >= fake.opens_fail_from;
	if (!fake.opens_fail && !refused)
		return fake.real->open(t, ret, e);
	fake.opens_fail -= fake.opens_fail > 0;
	err_set(e, fake.open_code ? ERR_DB : ERR_DB_CONNECT, fake.open_code ? "database is locked" : "connection refused");
	e->db_errno = fake.open_code ? fake.open_code : 14;
	return -1;
}

static int fake_alive(struct conn *c, const char *backend, bool *ret_alive, struct err *e)
{
	(void)c, (void)backend, (void)e;
	*ret_alive = fake.backend_alive > 0;
	if (fake.backend_alive)
		fake.backend_alive--;
	return 0;
}

/* The server needs to be asked twice. */
static int fake_cancel_backend(struct conn *c, const char *backend, struct err *e)
{
	(void)c, (void)e;
	assert_string_equal(backend, "4711/1");
	if (++fake.cancels == 2)
		fake.backend_alive = fake.lock_busy = 0;
	return 0;
}

static void fake_patience(struct conn *c, uint32_t lock_timeout_ms)
{
	buf_addf(&fake.patience, "%u ", lock_timeout_ms);
	fake.real->patience(c, lock_timeout_ms);
}

static int fake_witness(struct conn *c, const char *transaction, enum engine_witness *ret, struct err *e)
{
	(void)c, (void)e;
	assert_string_equal(transaction, "4711");
	*ret = fake.witness;
	return 0;
}

void fake_witness_says(struct fixture *f, enum engine_witness says)
{
	fake.witness = says;
	fake.ledger = *f->engine.ledger;
	fake.ledger.epoch = "SELECT value, 4711 FROM %smeta WHERE name = 'epoch'";
	fake.ledger.transaction = "SELECT 4711";
	f->engine.ledger = &fake.ledger;
	f->engine.witness = fake_witness;
}

int fake_set_up(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	fixture_init(f);
	memset(&fake, 0, sizeof fake);
	fake.real = engine_by_name("sqlite");
	fake.f = f;
	f->engine.commit = fake_commit;
	f->engine.exec = fake_exec;
	f->engine.try_lock = fake_try_lock;
	f->engine.open = fake_open;
	f->engine.backend_alive = fake_alive;
	f->engine.cancel_backend = fake_cancel_backend;
	f->engine.patience = fake_patience;
	*state = f;
	return 0;
}

int fake_tear_down(void **state)
{
	fixture_done(*state);
	buf_done(&fake.patience);
	free(*state);
	return 0;
}

void fake_one_insert(struct fixture *f)
{
	fixture_step(f, fixture_changeset(f, "a:row"), STEP_T, "INSERT INTO item VALUES (4, 'd')");
}

void fake_three_alone(struct fixture *f)
{
	struct changeset *c = fixture_changeset(f, "a:alone");
	fixture_step(f, c, STEP_N, "CREATE TABLE one (a)");
	fixture_step(f, c, STEP_N, "CREATE TABLE two (a)");
	fixture_step(f, c, STEP_N, "CREATE TABLE three (a)");
}
