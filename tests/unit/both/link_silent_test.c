/* An address that takes connections and says nothing, as a process does that hangs or is stopped: who dials it has lost seconds, not the time of a handshake in a queue, and is told. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/link/enrol.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/crypto/blobs.h"
#include "common/link/heard.h"
#include "common/wire/limits.h"
#include "controller/link/operator.h"
#include "tests/support/link_fixture.h"

#define SOON_MS   (LINK_FIRST_WORD_MS + 9000) /* with what a busy machine adds; a handshake's own time is 30 s, a blob's 15 */
#define TAKES_ALL "it takes the connection and says nothing: the controller or gateway there hangs, or something else listens at that address"

struct silence {
	int fd;
	char endpoint[64];
};

/* The kernel makes the connections; nobody accepts them. */
static void silence_begin(struct silence *s)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof at;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(s->fd >= 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(s->fd, 100), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&at, &size), 0);
	snprintf(s->endpoint, sizeof s->endpoint, "tcp://127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
}

static bool is_up(struct link_world *w)
{
	return w->ups >= 1;
}

static void test_agent_goes_on_by_the_next_address(void **state)
{
	struct link_world *w = *state;
	struct silence s;
	char hub[256];
	silence_begin(&s);
	str_copy(hub, sizeof hub, hub_ctrl_endpoint(w->hub));
	w->first = s.endpoint;
	w->also[0] = hub;
	w->n_also = 1;
	link_start_agent(w, &w->agent_key);
	assert_true(link_run_for(w, is_up, SOON_MS));
	assert_int_equal(uplink_address(w->uplink), 1);
	close(s.fd);
}

/* Nothing is gained by it: whoever wakes up there finds the connection standing. */
static void test_an_only_address_is_not_left(void **state)
{
	struct link_world *w = *state;
	struct silence s;
	silence_begin(&s);
	w->first = s.endpoint;
	link_start_agent(w, &w->agent_key);
	assert_false(link_run_for(w, is_up, SOON_MS));
	int first = accept(s.fd, NULL, NULL);
	assert_true(first >= 0);
	char greeting[64], more;
	assert_true(recv(first, greeting, sizeof greeting, MSG_DONTWAIT) > 0);
	assert_int_equal(recv(first, &more, 1, MSG_DONTWAIT), -1); /* not 0: the agent is still there */
	close(first);
	close(s.fd);
}

static void test_blobs_come_from_the_next_address(void **state)
{
	struct link_world *w = *state;
	struct silence s;
	struct err e = ERR_INIT;
	uint8_t hash[DIGEST_SIZE];
	silence_begin(&s);
	assert_int_equal(blobs_put(link_file(w, "served"), bytes_of_str("blob"), hash, &e), 0);
	link_start_fetch(w, s.endpoint);
	fetch_want(w->fetch, hash, 4);
	assert_true(link_run_for(w, link_has_fetched, SOON_MS));
	close(s.fd);
}

static void test_operator_is_told(void **state)
{
	struct link_world *w = *state;
	AUTO(operator_close) struct operator_link *l = NULL;
	struct silence s;
	struct err e = ERR_INIT;
	char expected[512];
	silence_begin(&s);
	const struct operator_config c = {.ctrl_endpoint = s.endpoint,
	                                  .blob_endpoint = s.endpoint,
	                                  .controller_key = w->controller_keys[0],
	                                  .curve_key_file = link_file(w, "operator.key"),
	                                  .timeout_ms = 60000};
	int64_t begun_us = clock_mono_us();
	assert_int_equal(operator_connect(&c, &l, &e), -1);
	assert_true(clock_mono_us() - begun_us < (int64_t)SOON_MS * 1000);
	snprintf(expected, sizeof expected, "controller at %s: " TAKES_ALL ": check the address, and look at what runs there", s.endpoint);
	assert_string_equal(e.msg, expected);
	assert_int_equal(e.code, ERR_LINK);
	close(s.fd);
}

static void test_who_enrols_is_told(void **state)
{
	struct link_world *w = *state;
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	struct silence s;
	struct err e = ERR_INIT;
	struct msg answer;
	char expected[512];
	silence_begin(&s);
	const struct enrol_settings set = {.endpoint = s.endpoint, .controller_key = w->controller_keys[0], .key = &w->other_key, .timeout_ms = 500};
	assert_int_equal(enrol_ask(&set, &(struct msg){.type = MSG_ENROL_POLL}, a, &answer, &e), -1);
	snprintf(expected, sizeof expected, "controller at %s: " TAKES_ALL, s.endpoint);
	assert_string_equal(e.msg, expected);
	close(s.fd);
}

static void test_what_counts_as_heard(void **state)
{
	(void)state;
	struct silence s;
	struct sockaddr_in at;
	socklen_t size = sizeof at;
	silence_begin(&s);
	assert_int_equal(getsockname(s.fd, (struct sockaddr *)&at, &size), 0);
	int dialled = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(connect(dialled, (struct sockaddr *)&at, sizeof at), 0);
	assert_false(link_heard(-1));
	assert_false(link_heard(dialled));
	assert_true(link_heard(file)); /* not a connection any more: nothing is said of it */
	close(file);
	int accepted = accept(s.fd, NULL, NULL);
	assert_int_equal(send(accepted, "x", 1, 0), 1);
	for (int i = 0; i < 500 && !link_heard(dialled); i++)
		clock_sleep_ms(10);
	assert_true(link_heard(dialled));
	close(accepted);
	close(dialled);
	close(s.fd);
}

int main(void)
{
	zsys_handler_set(NULL);
	zsys_init();
	log_open("link_silent_test", getenv("VERBOSE") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
#define CASE(f) cmocka_unit_test_setup_teardown(f, link_setup, link_teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_agent_goes_on_by_the_next_address),
	    CASE(test_an_only_address_is_not_left),
	    CASE(test_blobs_come_from_the_next_address),
	    CASE(test_operator_is_told),
	    CASE(test_who_enrols_is_told),
	    cmocka_unit_test(test_what_counts_as_heard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
