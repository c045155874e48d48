/* maxLag on MariaDB, with a real primary and a real replica: one that is behind, stands still, hangs, is gone or never was a replica holds the next batch back, and its name and
 * what is wrong are told; when it has caught up, work goes on by itself. */
#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "tests/support/delivery_fixture.h"
#include "tests/support/servers.h"

#define ROWS 200

static struct server *primary, *replica;
static struct fixture f;
static char *dsn, replica_dsn[64], replica_name[64];
static const char *lag_from[2];
static unsigned databases;

static void on_replica(const char *sql)
{
	free(server_sql(replica, NULL, sql));
}

static const char *value(const struct server *s, const char *sql)
{
	return server_value(s, NULL, sql, f.arena);
}

/* Until the replica's answer is `wanted`, a minute at most. */
static void replica_until(const char *sql, const char *wanted)
{
	for (unsigned i = 0; i < 1200; i++) {
		if (str_eq(value(replica, sql), wanted))
			return;
		clock_sleep_ms(50);
	}
	fail_msg("%s is %s, not %s", sql, value(replica, sql), wanted);
}

static char database[32];

static const char *in_database(const char *fmt)
{
	return arena_printf(f.arena, fmt, database);
}

static void wait_for_rows(void)
{
	replica_until(in_database("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '%s' AND TABLE_NAME = 'big'"), "1");
	replica_until(in_database("SELECT COUNT(*) FROM %s.big"), "200");
}

static int setup(void **state)
{
	(void)state;
	snprintf(database, sizeof database, "lag_%u", ++databases);
	server_create(primary, database);
	free(dsn);
	dsn = server_dsn(primary, database);
	fixture_init_on(&f, "mariadb", dsn);
	f.target.lag_from = lag_from;
	lag_from[0] = replica_dsn;
	free(server_sql(primary, database,
	                "CREATE TABLE big (id int PRIMARY KEY, n int NOT NULL DEFAULT 0); INSERT INTO big SELECT seq, 0 FROM seq_1_to_200"));
	wait_for_rows();
	struct changeset *c = fixture_changeset(&f, "a:count");
	c->batching = (struct batching){.size = 50, .max_lag_ms = 1500};
	fixture_step(&f, c, STEP_B, "UPDATE big SET n = n + 1");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_done(&f);
	return 0;
}

static const char *counts(void)
{
	return value(primary, in_database("SELECT CONCAT(COUNT(*), ' ', MIN(n), ' ', MAX(n)) FROM %s.big"));
}

static void applied(void)
{
	const struct report *r = fixture_deliver(&f);
	if (r->outcome != OUTCOME_APPLIED)
		fail_msg("%s: %s\n%s", outcome_name(r->outcome), r->failure.message ? r->failure.message : "", buf_str(&f.progress));
	assert_string_equal(counts(), "200 1 1");
}

static void told(const char *fmt)
{
	const char *text = arena_printf(f.arena, fmt, replica_name);
	if (!strstr(buf_str(&f.progress), text))
		fail_msg("'%s' was not told:\n%s", text, buf_str(&f.progress));
}

/* What makes the replica well again, when it was told that it is not. */
static struct cure {
	const char *symptom, *sql;
	void (*call)(void);
	unsigned seen;
	char counts_then[64];
} cure;

static void on_progress(void *arg, const struct delivery_progress *p)
{
	(void)arg;
	if (!p->detail || !strstr(p->detail, cure.symptom) || cure.seen++)
		return;
	str_copy(cure.counts_then, sizeof cure.counts_then, counts());
	if (cure.sql)
		on_replica(cure.sql);
	if (cure.call)
		cure.call();
}

static void cured_by(struct cure c)
{
	cure = c;
	f.progress_hook = on_progress;
	applied();
	assert_true(cure.seen > 0);
}

/* ---- tests ---- */

static void test_a_replica_that_keeps_up(void **state)
{
	(void)state;
	applied();
	assert_null(strstr(buf_str(&f.progress), "waits"));
}

static void test_applying_is_stopped(void **state)
{
	(void)state;
	on_replica("STOP SLAVE SQL_THREAD");
	cured_by((struct cure){.symptom = "its SQL thread is stopped", .sql = "START SLAVE SQL_THREAD"});
	assert_string_equal(cure.counts_then, "200 0 0"); /* nothing before it */
	told("waits after 0 of about 200 rows: %s does not replicate: its SQL thread is stopped: START SLAVE there, or take it out of lag_from");
}

static void test_an_error_of_its_own_is_told(void **state)
{
	(void)state;
	on_replica(in_database("INSERT INTO %s.big VALUES (999, 0)"));
	free(server_sql(primary, database, "INSERT INTO big VALUES (999, 0); DELETE FROM big WHERE id = 999"));
	replica_until("SELECT IF(VARIABLE_VALUE = 'OFF', 'off', 'on') FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'SLAVE_RUNNING'",
	              "off");
	cured_by((struct cure){.symptom = "its SQL thread is stopped, ", .sql = in_database("DELETE FROM %s.big WHERE id = 999; START SLAVE")});
}

static void test_fetching_is_stopped(void **state)
{
	(void)state;
	on_replica("STOP SLAVE IO_THREAD");
	cured_by((struct cure){.symptom = "its IO thread is not connected (No)", .sql = "START SLAVE IO_THREAD"});
}

static const struct batching slowly = {.size = 10, .pause_ms = 200, .max_lag_ms = 1500};

/* A minute late by order: nobody changes that; it is seen after the first batch, when it lacks what we did. */
static void test_too_far_behind(void **state)
{
	(void)state;
	f.changesets[0].batching = slowly;
	on_replica("STOP SLAVE; CHANGE MASTER TO MASTER_DELAY = 60; START SLAVE");
	replica_until("SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'SLAVE_RUNNING'", "ON");
	cured_by((struct cure){.symptom = "s behind, maxLag is 1.5 s", .sql = "STOP SLAVE; CHANGE MASTER TO MASTER_DELAY = 0; START SLAVE"});
	told("%s is ");
	assert_string_not_equal(cure.counts_then, "200 1 1");
}

/* Rows that it waits to change: what it says of itself counts, and so does that it has not come to our own last batch. */
static void test_held_up_by_a_lock(void **state)
{
	(void)state;
	f.changesets[0].batching = slowly;
	pid_t session = server_session(replica, database, "LOCK TABLES big READ; SELECT SLEEP(12)");
	assert_true(session > 0);
	replica_until("SELECT COUNT(*) > 0 FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP(12)'", "1");
	cured_by((struct cure){.symptom = "s behind, maxLag is 1.5 s"});
}

/* ---- a link that hangs: a relay that is stopped ---- */

static pid_t relay;

static int to_primary(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server_port(primary)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	return connect(fd, (struct sockaddr *)&to, sizeof to) == 0 ? fd : -1;
}

static void relay_one(int client)
{
	struct pollfd ends[] = {{.fd = client, .events = POLLIN}, {.fd = to_primary(), .events = POLLIN}};
	char chunk[16384];
	while (poll(ends, 2, -1) > 0)
		for (int i = 0; i < 2; i++) {
			ssize_t n = ends[i].revents ? read(ends[i].fd, chunk, sizeof chunk) : 0;
			if (ends[i].revents && (n <= 0 || write(ends[1 - i].fd, chunk, (size_t)n) != n))
				_exit(0);
		}
}

static int relay_start(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof at;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, size), 0);
	assert_int_equal(listen(listener, 4), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
	relay = fork();
	assert_true(relay >= 0);
	if (relay == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		relay_one(accept(listener, NULL, NULL));
		_exit(0);
	}
	close(listener);
	return ntohs(at.sin_port);
}

static void relay_goes_on(void)
{
	kill(relay, SIGCONT);
}

/* It says 0 seconds until it misses the heartbeats; but it lacks what we did. */
static void test_its_link_hangs(void **state)
{
	(void)state;
	on_replica(arena_printf(f.arena, "STOP SLAVE; CHANGE MASTER TO MASTER_PORT = %d; START SLAVE", relay_start()));
	replica_until("SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'SLAVE_RUNNING'", "ON");
	free(server_sql(primary, database, "CREATE TABLE seen (a int)"));
	replica_until(in_database("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '%s' AND TABLE_NAME = 'seen'"), "1");
	f.changesets[0].batching = slowly;
	assert_int_equal(kill(relay, SIGSTOP), 0);
	cured_by((struct cure){.symptom = "s behind, maxLag is 1.5 s", .call = relay_goes_on});
	on_replica(arena_printf(f.arena, "STOP SLAVE; CHANGE MASTER TO MASTER_PORT = %d; START SLAVE", server_port(primary)));
	kill(relay, SIGKILL);
	assert_int_equal(waitpid(relay, NULL, 0), relay);
}

static void restart_replica(void)
{
	server_restart(replica);
}

static void test_it_is_gone(void **state)
{
	(void)state;
	server_kill(replica);
	cured_by((struct cure){.symptom = "cannot be asked: MariaDB at 127.0.0.1 port", .call = restart_replica});
	told("the replica of lag_from cannot be asked: ");
}

static void pause_delivery(void)
{
	watch_ask(&f.watch, WISH_PAUSE);
}

static void test_it_is_no_replica(void **state)
{
	(void)state;
	char own[64];
	snprintf(own, sizeof own, "mariadb://127.0.0.1:%d", server_port(primary));
	lag_from[0] = own;
	cure = (struct cure){.symptom = "is no replica: correct lag_from", .call = pause_delivery};
	f.progress_hook = on_progress;
	assert_int_equal(fixture_deliver(&f)->outcome, OUTCOME_HELD);
	assert_string_equal(counts(), "200 0 0");
}

static void test_privilege_is_missing(void **state)
{
	(void)state;
	char other[64];
	snprintf(other, sizeof other, "mariadb://blind@127.0.0.1:%d", server_port(replica));
	free(server_sql(primary, NULL, "CREATE USER IF NOT EXISTS blind@'%'"));
	replica_until("SELECT COUNT(*) FROM mysql.user WHERE User = 'blind'", "1");
	lag_from[0] = other;
	cured_by((struct cure){.symptom = "GRANT REPLICA MONITOR to the agent's user there",
	                       .sql = "SET SESSION sql_log_bin = 0; GRANT REPLICA MONITOR ON *.* TO blind@'%'"});
}

static void test_nobody_has_named_it(void **state)
{
	(void)state;
	f.target.lag_from = NULL;
	const struct report *r = fixture_deliver(&f);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_non_null(strstr(r->failure.message,
	                       "maxLag: 1 replicas hang on this server, and a primary does not know how far they are behind: name them in "
	                       "agent.yaml, 'lag_from: [mariadb://HOST:PORT]' under the target, or write 'lag_from: []' to wait for none"));
	assert_string_equal(counts(), "200 0 0");
	lag_from[0] = NULL;
	f.target.lag_from = lag_from;
	f.task.id[0]++;
	applied();
}

static int start(void **state)
{
	struct err e = ERR_INIT;
	(void)state;
	assert_int_equal(engines_init(&e), 0);
	primary = server_start(DIALECT_MARIADB, false);
	replica = server_replica(primary);
	snprintf(replica_dsn, sizeof replica_dsn, "mariadb://127.0.0.1:%d", server_port(replica));
	snprintf(replica_name, sizeof replica_name, "replica 127.0.0.1 port %d", server_port(replica));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	server_stop(&replica);
	server_stop(&primary);
	free(dsn);
	engines_done();
	return 0;
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_a_replica_that_keeps_up), CASE(test_applying_is_stopped), CASE(test_an_error_of_its_own_is_told),
	    CASE(test_fetching_is_stopped),     CASE(test_too_far_behind),      CASE(test_held_up_by_a_lock),
	    CASE(test_its_link_hangs),          CASE(test_it_is_gone),          CASE(test_it_is_no_replica),
	    CASE(test_privilege_is_missing),    CASE(test_nobody_has_named_it),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
