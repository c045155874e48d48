/* Metric URLs against a small server of our own: bodies, statuses, sizes, schemes; and JSON pointers into answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <czmq.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/probe/http_get.h"

static struct http_gets *gets;
static struct arena *arena;
static pid_t server;
static unsigned port;

static void answer_one(int fd)
{
	char request[2048] = "";
	if (read(fd, request, sizeof request - 1) <= 0)
		return;
	if (strstr(request, "GET /big"))
		dprintf(fd, "HTTP/1.0 200 OK\r\n\r\n%0100000d", 7);
	else if (strstr(request, "GET /away"))
		dprintf(fd, "HTTP/1.0 302 Found\r\nLocation: /value\r\n\r\n");
	else if (strstr(request, "GET /value"))
		dprintf(fd, "HTTP/1.0 200 OK\r\n\r\n 42\n");
	else
		dprintf(fd, "HTTP/1.0 503 Busy\r\n\r\nbusy");
}

static void serve(int fd)
{
	for (;;) {
		int c = accept(fd, NULL, NULL);
		answer_one(c);
		close(c);
	}
}

static int setup(void **state)
{
	(void)state;
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof at;
	struct err e = ERR_INIT;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 8) == 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	port = ntohs(at.sin_port);
	server = fork();
	if (server == 0) {
		serve(fd);
		_exit(0);
	}
	close(fd);
	arena = arena_new((size_t)1024 * 1024);
	return http_gets_new(&gets, &e);
}

static int teardown(void **state)
{
	(void)state;
	http_gets_destroy(&gets);
	arena_destroy(&arena);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	return 0;
}

static const char *ask(const char *path, bool *ret_ok)
{
	uint64_t id = 0;
	const char *text = NULL;
	http_gets_ask(gets, 7, path[0] == '/' ? arena_printf(arena, "http://127.0.0.1:%u%s", port, path) : path);
	http_gets_answer(gets, arena, &id, ret_ok, &text);
	assert_int_equal(id, 7);
	return text;
}

static void test_bodies_and_what_is_none(void **state)
{
	(void)state;
	bool ok = false;
	assert_string_equal(ask("/value", &ok), " 42\n");
	assert_true(ok);
	assert_string_equal(ask("/else", &ok), "HTTP status 503");
	assert_false(ok);
	assert_string_equal(ask("/away", &ok), "HTTP status 302"); /* redirects are not followed: the order names one place */
	assert_false(ok);
	assert_string_equal(ask("/big", &ok), "the answer is longer than 65536 bytes");
	assert_false(ok);
	assert_non_null(strstr(ask("file:///etc/passwd", &ok), "rotocol"));
	assert_false(ok);
}

static void test_json_pointers(void **state)
{
	(void)state;
	static const char body[] = "{\"data\": {\"result\": [{\"value\": [17, \"0.25\"]}]}, \"a/b\": {\"~\": null}, \"n\": 1.5, \"up\": true}";
	static const struct {
		const char *pointer, *value;
	} cases[] = {{"/data/result/0/value/1", "0.25"},
	             {"/data/result/0/value/0", "17"},
	             {"/a~1b/~0", "NULL"},
	             {"/n", "1.5"},
	             {"/up", "true"},
	             {"/data", NULL},
	             {"/data/result/1", NULL},
	             {"/none/0", NULL}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *value = NULL;
		struct err e = ERR_INIT;
		assert_int_equal(http_json_value(body, cases[i].pointer, arena, &value, &e), cases[i].value ? 0 : -1);
		assert_true(str_eq(value, cases[i].value));
	}
	const char *value = NULL;
	struct err e = ERR_INIT;
	assert_int_equal(http_json_value("<html>", "/x", arena, &value, &e), -1);
	assert_true(str_starts(e.msg, "the answer is not JSON: line 1: "));
}

int main(void)
{
	zsys_handler_set(NULL);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_bodies_and_what_is_none, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_json_pointers, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
