/* The whole agent as a process of its own against a real hub: from OFFER to the signed report, through kill -9, to SIGTERM. The brain is played by the test. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/daemon/loop.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/crypto/blobs.h"
#include "common/link/curve.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "controller/link/hub.h"
#include "tests/support/agent_fixture.h"

#define WAIT_MS      60000
#define IDLE_TARGETS 50
#define RSS_MAX_KB   (20 * 1024)

static struct {
	struct agent_fixture f;
	zactor_t *hub;
	pid_t agent;
	uint64_t session;
	unsigned hellos, targets, accepts, refusals, reports, gones, surveys;
	size_t entries;
	uint64_t report_seq, resume_from;
	bool ack, targets_done;
	char refusal[64], report_check[128], failure[512];
	enum outcome outcome;
} w;

static void tell(const struct msg *m)
{
	struct err e = ERR_INIT;
	if (hub_send(w.hub, w.session, 3, m, &e) != 0)
		fail_msg("%s", e.msg);
}

static void on_report(const struct msg_report *m, struct arena *a)
{
	struct envelope env;
	struct report r;
	struct err e = ERR_INIT;
	if (envelope_decode(m->envelope, a, &env, &e) != 0 || report_decode(env.payload, a, &r, &e) != 0)
		fail_msg("%s", e.msg);
	w.reports++;
	w.report_seq = m->seq;
	w.outcome = r.outcome;
	str_copy(w.failure, sizeof w.failure, r.failure.message ? r.failure.message : "");
	str_copy(w.report_check, sizeof w.report_check, r.failure.check ? r.failure.check : "");
	if (w.ack)
		tell(&(struct msg){.type = MSG_REPORT_ACK, .report_ack = {.seq = m->seq}});
}

static void on_message(const struct hub_event *ev, struct arena *a)
{
	switch (ev->msg.type) {
	case MSG_HELLO:
		w.hellos++;
		w.session = ev->session;
		tell(&(struct msg){.type = MSG_WELCOME,
		                   .welcome = {.proto = 1, .epoch = 3, .heartbeat_ms = 1000, .resume_from = w.resume_from, .spread_ms = 10}});
		break;
	case MSG_TARGETS:
		w.targets += (unsigned)ev->msg.targets.n_targets;
		w.targets_done = ev->msg.targets.last;
		break;
	case MSG_ACCEPT:
		w.accepts++;
		break;
	case MSG_REFUSE:
		w.refusals++;
		str_copy(w.refusal, sizeof w.refusal, ev->msg.task.code);
		break;
	case MSG_REPORT:
		on_report(&ev->msg.report, a);
		break;
	case MSG_PROGRESS:
		log_debug("progress: %s %s %u/%u %s", ev->msg.progress.state, ev->msg.progress.changeset, ev->msg.progress.step, ev->msg.progress.of_steps,
		          ev->msg.progress.detail);
		break;
	case MSG_SURVEY_RESULT:
		w.surveys++;
		w.entries += ev->msg.survey_result.n_entries;
		str_copy(w.failure, sizeof w.failure, ev->msg.survey_result.error_message);
		break;
	default:
		break;
	}
}

/* Plays the brain until *count reaches n. */
static bool play(const unsigned *count, unsigned n, int ms)
{
	int64_t end_us = clock_mono_us() + (int64_t)ms * 1000;
	AUTO(zpoller_destroy) zpoller_t *poller = zpoller_new(w.hub, NULL);
	while (*count < n && clock_mono_us() < end_us) {
		if (!zpoller_wait(poller, 50))
			continue;
		AUTO(arena_destroy) struct arena *a = arena_new(4 * LIMIT_ARENA_MESSAGE);
		struct hub_event ev;
		struct err e = ERR_INIT;
		bool some = false;
		if (hub_recv(w.hub, a, &ev, &some, &e) != 0)
			fail_msg("%s", e.msg);
		assert_true(some);
		if (ev.type == HUB_MESSAGE)
			on_message(&ev, a);
		w.gones += ev.type == HUB_GONE;
	}
	return *count >= n;
}
#define await(what, n) assert_true(play(&w.what, (n), WAIT_MS))

/* ---- set-up ---- */

static void write_yaml(void)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	buf_addf(&b,
	         "name: eu-1\nsite: eu\ndata_dir: data\ncontroller: {endpoint: '%s', blobs: '%s', keys: ['%s']}\n"
	         "keys: {curve: curve.key, report: report.key}\ntrust: trust.env\ncertificate: eu-1.cert\ntargets:\n",
	         hub_ctrl_endpoint(w.hub), hub_blob_endpoint(w.hub), hub_public_key(w.hub));
	buf_addf(&b, "  - {id: %s, dsn: 'sqlite:shop.db?create=1', labels: {environment: production}}\n",
	         w.f.signed_by.targets[w.f.signed_by.target_index].target);
	for (int i = 0; i < IDLE_TARGETS; i++)
		buf_addf(&b, "  - {id: eu/idle/t%d, dsn: 'sqlite:idle%d.db', labels: {environment: production}}\n", i, i);
	agent_fixture_file(&w.f, "agent.yaml", b.p, 0644);
}

static void start_hub(void)
{
	static char key[256], blobs[256];
	struct err e = ERR_INIT;
	struct principal p = {.kind = LINK_AGENT, .name = "eu-1"};
	str_copy(p.curve_key, sizeof p.curve_key, w.f.curve_key);
	snprintf(key, sizeof key, "%s/controller.key", w.f.dir);
	snprintf(blobs, sizeof blobs, "%s/served", w.f.dir);
	if (curve_key_generate(key, &e) != 0 || file_make_dirs(blobs, 0700, &e) != 0)
		fail_msg("%s", e.msg);
	struct hub_config c = {
	    .ctrl_endpoint = "tcp://127.0.0.1:*", .blob_endpoint = "tcp://127.0.0.1:*", .curve_key_file = key, .blob_dir = blobs, .max_peers = 10};
	if (hub_new(&c, &p, 1, &w.hub, &e) != 0)
		fail_msg("%s", e.msg);
}

static void start_agent(void)
{
	char path[256];
	snprintf(path, sizeof path, "%s/agent.yaml", w.f.dir);
	w.agent = fork();
	assert_true(w.agent >= 0);
	if (w.agent == 0) {
		execl("/proc/self/exe", "daemon_test", "--agent", path, NULL);
		_exit(127);
	}
}

static int stop_agent(int signal)
{
	int status = 0;
	kill(w.agent, signal);
	waitpid(w.agent, &status, 0);
	w.agent = 0;
	return status;
}

static int setup(void **state)
{
	(void)state;
	memset(&w, 0, sizeof w);
	w.ack = true;
	agent_fixture_init(&w.f);
	agent_fixture_write(&w.f);
	start_hub();
	write_yaml();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (w.agent)
		stop_agent(SIGKILL);
	hub_destroy(&w.hub);
	agent_fixture_done(&w.f);
	return 0;
}

static struct msg make_offer(uint8_t first_octet)
{
	char served[256];
	struct err e = ERR_INIT;
	AUTO(buf_done) struct buf proof = BUF_INIT;
	struct trust_fixture *s = &w.f.signed_by;
	struct msg m = {.type = MSG_OFFER, .offer = {.attempt = 1, .epoch = 3, .target = s->targets[s->target_index].target}};
	snprintf(served, sizeof served, "%s/served", w.f.dir);
	if (blobs_put(served, s->release_bytes, m.offer.release_hash, &e) != 0 || blobs_put(served, s->dossier_bytes, m.offer.dossier_hash, &e) != 0)
		fail_msg("%s", e.msg);
	merkle_proof_encode(&s->proof, &proof);
	m.offer.task[0] = first_octet;
	m.offer.release_size = s->release_bytes.n;
	m.offer.dossier_size = s->dossier_bytes.n;
	m.offer.proof = arena_bytes(s->arena, buf_bytes(&proof));
	m.offer.deadline_us = clock_wall_us() + FIXTURE_HOUR;
	return m;
}

/* ---- tests ---- */

static void test_offer_to_report_through_kill(void **state)
{
	(void)state;
	start_agent();
	await(targets, IDLE_TARGETS + 1);
	struct msg offer = make_offer(1);
	w.ack = false;
	tell(&offer);
	await(reports, 1);
	if (w.outcome != OUTCOME_APPLIED)
		fail_msg("%s: %s: %s", outcome_name(w.outcome), w.report_check, w.failure);
	assert_int_equal(w.accepts, 1);
	stop_agent(SIGKILL);
	await(gones, 1);

	w.reports = 0;
	w.ack = true;
	start_agent();
	await(reports, 1); /* not acknowledged, so it comes again */
	assert_int_equal(w.report_seq, 1);
	assert_int_equal(w.hellos, 2);
	tell(&offer); /* known and finished: not applied again */
	assert_false(play(&w.reports, 2, 500));

	struct msg survey = {.type = MSG_SURVEY, .survey = {.id = 5, .target = offer.offer.target}};
	tell(&survey);
	await(surveys, 1);
	assert_string_equal(w.failure, "");
	assert_int_equal(w.entries, w.f.signed_by.release.n_changesets);

	int status = stop_agent(SIGTERM);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	await(gones, 2); /* by its BYE */
	assert_int_equal(hub_violations(), 0);
}

static void test_refused_and_missing(void **state)
{
	(void)state;
	start_agent();
	await(targets, IDLE_TARGETS + 1);
	struct msg foreign = make_offer(1);
	foreign.offer.target = "eu/pg-9/other";
	tell(&foreign);
	await(refusals, 1);
	assert_string_equal(w.refusal, "C11 order");

	struct msg missing = make_offer(2);
	memset(missing.offer.release_hash, 7, DIGEST_SIZE);
	tell(&missing);
	await(reports, 1);
	assert_int_equal(w.outcome, OUTCOME_REFUSED);
	char path[256];
	snprintf(path, sizeof path, "%s/shop.db", w.f.dir);
	assert_false(file_exists(path)); /* no database was touched */
}

static void test_idle_memory(void **state)
{
	(void)state;
	start_agent();
	await(targets, IDLE_TARGETS + 1);
	assert_false(play(&w.reports, 1, 1500));
	char path[64], line[256];
	unsigned long kb = 0;
	snprintf(path, sizeof path, "/proc/%d/status", (int)w.agent);
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "VmRSS: %lu kB", &kb) == 1)
			break;
	fclose(f);
	print_message("agent with %d idle targets: %lu kB resident\n", IDLE_TARGETS + 1, kb);
	assert_true(kb > 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_true(kb <= RSS_MAX_KB);
#endif
}

static void test_second_agent_on_one_folder_is_refused(void **state)
{
	(void)state;
	start_agent();
	await(targets, IDLE_TARGETS + 1);
	pid_t first = w.agent;
	start_agent();
	int status = 0;
	waitpid(w.agent, &status, 0);
	w.agent = first;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_int_equal(w.hellos, 1);
}

static int run_agent(const char *path)
{
	AUTO(agent_config_done) struct agent_config c = {0};
	struct err e = ERR_INIT;
	if (engines_init(&e) == 0 && agent_config_load(path, &c, &e) == 0 && agent_run(&c, &e) == 0)
		return 0;
	if (getenv("VERBOSE"))
		fprintf(stderr, "agent: %s\n", e.msg);
	return 1;
}

int main(int argc, char **argv)
{
	zsys_handler_set(NULL);
	log_open("daemon_test", getenv("VERBOSE") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
	if (argc == 3 && str_eq(argv[1], "--agent"))
		return run_agent(argv[2]);
#define CASE(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_offer_to_report_through_kill),
	    CASE(test_refused_and_missing),
	    CASE(test_idle_memory),
	    CASE(test_second_agent_on_one_folder_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
