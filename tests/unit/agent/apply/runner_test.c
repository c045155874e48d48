/* The runner and the survey as actors, against a real SQLite file: to the report, stopped while they wait for a lock, and told to end. Runs under TSan: its two threads share the watch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/apply/runner.h"
#include "agent/engine/engine.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/crypto/blobs.h"
#include "common/link/handover.h"
#include "common/lite/lite.h"
#include "common/wire/documents.h"
#include "common/wire/link.h"
#include "tests/support/agent_fixture.h"

#define WAIT_MS         15000
#define LOCK_TIMEOUT_MS 8000

static struct {
	struct agent_fixture f;
	struct agent_config config;
	struct runner_job job;
	struct journal *journal;
	struct lite *holder; /* keeps the target locked */
	zactor_t *actor;
	struct arena *arena;
	unsigned progress;
} w;

static const char *in(const char *name)
{
	return arena_printf(w.arena, "%s/%s", w.f.dir, name);
}

static void must(int rc, const struct err *e)
{
	if (rc != 0)
		fail_msg("%s", e->msg);
}

static void load_config(void)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	const struct trust_fixture *s = &w.f.signed_by;
	buf_addf(&b,
	         "name: eu-1\nsite: eu\ndata_dir: data\n"
	         "controller: {endpoint: tcp://10.0.0.1:7101, blobs: tcp://10.0.0.1:7110, keys: ['rq:rM>}U?@Lns47E1%%kR.o@n%%FcmmsL/@{H8]yf7']}\n"
	         "keys: {curve: curve.key, report: report.key}\ntrust: trust.env\ncertificate: eu-1.cert\nlimits: {lock_timeout: %dms}\n"
	         "targets:\n  - {id: %s, dsn: 'sqlite:shop.db?create=1', labels: {environment: production}}\n",
	         LOCK_TIMEOUT_MS, s->targets[s->target_index].target);
	agent_fixture_file(&w.f, "agent.yaml", buf_str(&b), 0644);
	must(agent_config_load(in("agent.yaml"), &w.config, &e), &e);
}

static void accept_task(void)
{
	AUTO(buf_done) struct buf proof = BUF_INIT;
	struct err e = ERR_INIT;
	struct trust_fixture *s = &w.f.signed_by;
	struct task *t = &w.job.task;
	bool known;
	enum task_state state;
	merkle_proof_encode(&s->proof, &proof);
	w.job.config = &w.config;
	w.job.target = &w.config.targets[0];
	*t = (struct task){.attempt = 1, .epoch = 3, .target = w.config.targets[0].target.id, .direction = DIRECTION_APPLY};
	t->id[0] = 1;
	t->proof = arena_bytes(w.arena, buf_bytes(&proof));
	t->release_size = s->release_bytes.n;
	t->dossier_size = s->dossier_bytes.n;
	must(blobs_put(in("data/blobs"), s->release_bytes, t->release_hash, &e), &e);
	must(blobs_put(in("data/blobs"), s->dossier_bytes, t->dossier_hash, &e), &e);
	must(journal_open(in("data/journal.db"), &w.journal, &e), &e);
	must(journal_accept(w.journal, t, &known, &state, &e), &e);
}

static int setup(void **state)
{
	(void)state;
	memset(&w, 0, sizeof w);
	w.arena = arena_new((size_t)64 << 20);
	agent_fixture_init(&w.f);
	agent_fixture_write(&w.f);
	load_config();
	struct err e = ERR_INIT;
	must(file_make_dirs(in("data/blobs"), 0700, &e), &e);
	accept_task();
	return 0;
}

static void end_actor(void *argument)
{
	zactor_destroy(&w.actor);
	handover_take(argument);
}

static int teardown(void **state)
{
	(void)state;
	end_actor(&w.job);
	lite_close(&w.holder);
	journal_close(&w.journal);
	agent_config_done(&w.config);
	agent_fixture_done(&w.f);
	arena_destroy(&w.arena);
	return 0;
}

static void start(zactor_fn *fn, void *argument)
{
	w.actor = zactor_new(fn, argument);
	assert_non_null(w.actor);
	zsock_set_rcvtimeo(w.actor, WAIT_MS);
}

/* Keeps every writer out of the target. */
static void hold(void)
{
	static const char *const none[] = {NULL};
	struct err e = ERR_INIT;
	must(lite_open(in("shop.db"), none, &w.holder, &e), &e);
	must(lite_begin(w.holder, &e), &e);
}

/* The first message that begins with this word. */
static zmsg_t *await(const char *word)
{
	for (;;) {
		zmsg_t *m = zmsg_recv(w.actor);
		assert_non_null(m);
		w.progress += zframe_streq(zmsg_first(m), "PROGRESS");
		if (zframe_streq(zmsg_first(m), word))
			return m;
		zmsg_destroy(&m);
	}
}

static void await_done(void)
{
	zmsg_t *m = await("DONE");
	zmsg_destroy(&m);
}

static size_t open_tasks(void)
{
	struct task *open;
	size_t n = 0;
	struct err e = ERR_INIT;
	must(journal_open_tasks(w.journal, w.arena, &open, &n, &e), &e);
	return n;
}

static struct report last_report(void)
{
	struct outbox_entry *entries;
	struct envelope env;
	struct report r;
	size_t n = 0;
	struct err e = ERR_INIT;
	must(journal_outbox(w.journal, 1, 10, w.arena, &entries, &n, &e), &e);
	assert_int_equal(n, 1);
	must(envelope_decode(entries[0].envelope, w.arena, &env, &e), &e);
	must(report_decode(env.payload, w.arena, &r, &e), &e);
	return r;
}

static void test_to_the_report_and_surveyed(void **state)
{
	(void)state;
	struct survey_job survey = {.config = &w.config, .target = &w.config.targets[0], .id = 5};
	struct err e = ERR_INIT;
	struct msg r;
	start(runner_actor, &w.job);
	await_done();
	end_actor(&w.job);
	assert_int_equal(last_report().outcome, OUTCOME_APPLIED);
	assert_int_equal(open_tasks(), 0);
	assert_true(w.progress > 0);

	start(survey_actor, &survey);
	AUTO(zmsg_destroy) zmsg_t *m = await("SURVEY");
	zframe_t *body = zmsg_last(m);
	must(msg_decode(MSG_SURVEY_RESULT, bytes_of(zframe_data(body), zframe_size(body)), w.arena, &r, &e), &e);
	assert_int_equal(r.survey_result.id, 5);
	assert_int_equal(r.survey_result.n_entries, w.f.signed_by.release.n_changesets);
	await_done();
	end_actor(&survey);
}

static void test_stopped_while_it_waits(void **state)
{
	(void)state;
	hold();
	start(runner_actor, &w.job);
	clock_sleep_ms(700); /* long enough for some looks */
	zstr_send(w.actor, "STOP");
	clock_sleep_ms(100);
	lite_close(&w.holder);
	await_done();
	end_actor(&w.job);
	assert_int_not_equal(last_report().outcome, OUTCOME_APPLIED);
	assert_int_equal(open_tasks(), 0);
}

static void test_told_to_end_while_it_waits(void **state)
{
	(void)state;
	hold();
	start(runner_actor, &w.job);
	clock_sleep_ms(400);
	int64_t begun_us = clock_mono_us();
	end_actor(&w.job);
	assert_true(clock_mono_us() - begun_us < (int64_t)LOCK_TIMEOUT_MS / 2 * 1000); /* cancelled, not waited for */
	assert_int_equal(open_tasks(), 1); /* resumed at the next start */
	assert_int_equal(journal_last_report(w.journal), 0);

	lite_close(&w.holder);
	start(runner_actor, &w.job);
	await_done();
	end_actor(&w.job);
	assert_int_equal(last_report().outcome, OUTCOME_APPLIED);
}

int main(void)
{
	struct err e = ERR_INIT;
	zsys_handler_set(NULL);
	zsys_init();
	log_open("runner_test", getenv("VERBOSE") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
	if (engines_init(&e) != 0)
		return 1;
#define CASE(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_to_the_report_and_surveyed),
	    CASE(test_stopped_while_it_waits),
	    CASE(test_told_to_end_while_it_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
