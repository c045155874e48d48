/* Signed papers on an agent's disk. */
#include "tests/support/papers_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/report/seal.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/crypto/blobs.h"
#include "common/crypto/digest.h"
#include "common/crypto/dsse.h"
#include "common/lite/lite.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"

#define KEY "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"

static const char agent_yaml[] = "name: eu-1\n"
                                 "site: eu\n"
                                 "data_dir: data\n"
                                 "controller:\n"
                                 "  endpoint: tcp://127.0.0.1:7101\n"
                                 "  blobs: tcp://127.0.0.1:7110\n"
                                 "  keys: ['" KEY "']\n"
                                 "keys: {curve: curve.key, report: report.key}\n"
                                 "trust: trust.env\n"
                                 "certificate: eu-1.cert\n"
                                 "limits: {retry_budget: 300ms}\n"
                                 "targets:\n"
                                 "  - id: eu/pg-1/shop_3\n"
                                 "    dsn: sqlite:shop.db\n"
                                 "    labels: {environment: production}\n";

static void must(int rc, const struct err *e)
{
	if (rc != 0)
		fail_msg("%s", e->msg);
}

static const char *in(struct papers_fixture *f, const char *name)
{
	snprintf(f->path, sizeof f->path, "%s/%s", f->agent.dir, name);
	return f->path;
}

void papers_fixture_init(struct papers_fixture *f)
{
	struct err e = ERR_INIT;
	*f = (struct papers_fixture){.task = {.attempt = 1, .epoch = 3, .target = "eu/pg-1/shop_3", .direction = DIRECTION_APPLY}};
	memset(f->task.id, 7, TASK_SIZE);
	agent_fixture_init(&f->agent);
	snprintf(f->db, sizeof f->db, "%s/shop.db", f->agent.dir);
	f->arena = arena_new((size_t)16 << 20);
	watch_init(&f->watch);
	must(file_make_dirs(in(f, "data/blobs"), 0700, &e), &e);
	must(journal_open(in(f, "data/journal.db"), &f->journal, &e), &e);
	papers_fixture_sql(f, "CREATE TABLE unrelated (id integer)");
}

void papers_fixture_accept(struct papers_fixture *f)
{
	struct err e = ERR_INIT;
	bool known = true;
	enum task_state was = TASK_FINISHED;
	must(journal_accept(f->journal, &f->task, &known, &was, &e), &e);
	assert_false(known);
	if (f->task.state == TASK_RUNNING)
		must(journal_task_state(f->journal, f->task.id, f->task.attempt, TASK_RUNNING, &e), &e);
}

void papers_fixture_write(struct papers_fixture *f)
{
	const struct trust_fixture *s = &f->agent.signed_by;
	struct err e = ERR_INIT;
	struct buf proof = BUF_INIT;
	agent_fixture_write(&f->agent);
	agent_fixture_file(&f->agent, "agent.yaml", agent_yaml, 0644);
	must(blobs_put(in(f, "data/blobs"), s->release_bytes, f->task.release_hash, &e), &e);
	must(blobs_put(in(f, "data/blobs"), s->dossier_bytes, f->task.dossier_hash, &e), &e);
	merkle_proof_encode(&s->proof, &proof);
	f->task.proof = arena_bytes(f->arena, buf_bytes(&proof));
	buf_done(&proof);
	agent_config_done(&f->config); /* of an earlier delivery */
	must(agent_config_load(in(f, "agent.yaml"), &f->config, &e), &e);
	papers_fixture_accept(f);
}

void papers_fixture_done(struct papers_fixture *f)
{
	agent_config_done(&f->config);
	journal_close(&f->journal);
	watch_done(&f->watch);
	arena_destroy(&f->arena);
	agent_fixture_done(&f->agent);
}

int papers_fixture_deliver(struct papers_fixture *f, enum outcome *ret, struct err *e)
{
	struct deliver_job job = {.config = &f->config,
	                          .target = &f->config.targets[0],
	                          .report_key = f->config.report_key,
	                          .task = &f->task,
	                          .watch = &f->watch,
	                          .progress = f->progress,
	                          .progress_arg = f->progress_arg};
	return deliver(&job, ret, e);
}

void papers_fixture_report(struct papers_fixture *f, struct report *ret)
{
	struct outbox_entry *list = NULL;
	struct envelope env;
	struct err e = ERR_INIT;
	uint8_t key[SIGN_PUBLIC_SIZE], before[DIGEST_SIZE] = {0};
	size_t n = 0;
	must(journal_outbox(f->journal, 1, 100, f->arena, &list, &n, &e), &e);
	assert_true(n > 0);
	must(envelope_decode(list[n - 1].envelope, f->arena, &env, &e), &e);
	sign_key_public(f->config.report_key, key);
	assert_true(dsse_signed_by(&env, TYPE_REPORT, key));
	must(report_decode(env.payload, f->arena, ret, &e), &e);
	assert_int_equal(ret->report_seq, list[n - 1].seq);
	if (n > 1)
		digest_sha256(list[n - 2].envelope, before);
	assert_memory_equal(ret->prev_report_hash, before, DIGEST_SIZE);
}

size_t papers_fixture_open_tasks(struct papers_fixture *f)
{
	struct task *list = NULL;
	struct err e = ERR_INIT;
	size_t n = 0;
	must(journal_open_tasks(f->journal, f->arena, &list, &n, &e), &e);
	return n;
}

const char *papers_fixture_blob(struct papers_fixture *f, const uint8_t hash[DIGEST_SIZE])
{
	char hex[DIGEST_HEX_SIZE];
	snprintf(f->path, sizeof f->path, "%s/data/blobs/%s", f->agent.dir, bytes_to_hex(bytes_of(hash, DIGEST_SIZE), hex));
	return f->path;
}

void papers_fixture_sql(struct papers_fixture *f, const char *sql)
{
	static const char *const none[] = {NULL};
	AUTO(lite_close) struct lite *l = NULL;
	struct err e = ERR_INIT;
	must(lite_open(f->db, none, &l, &e), &e);
	must(lite_exec(l, sql, &e), &e);
}

const char *papers_fixture_value(struct papers_fixture *f, const char *sql)
{
	AUTO(lite_close) struct lite *l = NULL;
	struct lite_stmt *s = NULL;
	struct err e = ERR_INIT;
	bool row = false;
	must(lite_open_readonly(f->db, &l, &e), &e);
	must(lite_prepare(l, sql, &s, &e), &e);
	must(lite_step(s, &row, &e), &e);
	return row && !lite_is_null(s, 0) ? arena_strdup(f->arena, lite_text(s, 0)) : "NULL";
}

struct lite *papers_fixture_block(struct papers_fixture *f)
{
	static const char *const none[] = {NULL};
	struct lite *l = NULL;
	struct err e = ERR_INIT;
	must(lite_open(f->db, none, &l, &e), &e);
	must(lite_exec(l, "BEGIN IMMEDIATE", &e), &e);
	return l;
}

void papers_fixture_unblock(struct lite **session)
{
	struct err e = ERR_INIT;
	must(lite_exec(*session, "ROLLBACK", &e), &e);
	lite_close(session);
}
