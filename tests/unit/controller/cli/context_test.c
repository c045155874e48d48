/* controller/cli/context: where the configuration is, what connect writes, what a wrong file says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "controller/cli/context.h"

#define KEY "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"

static char dir[] = "/tmp/rollcall-context-XXXXXX";
static struct arena *arena;

static int make_dir(void **state)
{
	(void)state;
	arena = arena_new((size_t)64 * 1024);
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	arena_destroy(&arena);
	return file_remove_tree(dir, &e);
}

static void test_path_order(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	const char *path = NULL;
	setenv("ROLLCALL_CONFIG", "/from/env.yaml", 1);
	setenv("XDG_CONFIG_HOME", "/xdg", 1);
	setenv("HOME", "/home/ann", 1);
	assert_int_equal(context_path("/option.yaml", arena, &path, &e), 0);
	assert_string_equal(path, "/option.yaml");
	assert_int_equal(context_path(NULL, arena, &path, &e), 0);
	assert_string_equal(path, "/from/env.yaml");
	unsetenv("ROLLCALL_CONFIG");
	assert_int_equal(context_path(NULL, arena, &path, &e), 0);
	assert_string_equal(path, "/xdg/rollcall/config.yaml");
	unsetenv("XDG_CONFIG_HOME");
	assert_int_equal(context_path(NULL, arena, &path, &e), 0);
	assert_string_equal(path, "/home/ann/.config/rollcall/config.yaml");
	unsetenv("HOME");
	assert_int_equal(context_path(NULL, arena, &path, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
}

static void test_saved_is_loaded(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	const char *path = arena_printf(arena, "%s/deep/er/config.yaml", dir);
	static const struct context_address also[] = {{"tcp://a:3", "tcp://a:4"}, {"tcp://a:5", "tcp://a:6"}};
	const struct context first = {"main", "tcp://a:1", "tcp://a:2", KEY, "/keys/with \"quote\" and \\.curve", also, 2};
	const struct context second = {"staging", "tcp://b:1", "tcp://b:2", KEY, "/k2", NULL, 0},
	                     again = {"main", "tcp://c:1", "tcp://c:2", KEY, "/k3", NULL, 0};
	struct context got = {0};
	assert_int_equal(context_save(path, &first, &e), 0);
	assert_int_equal(context_load(path, NULL, arena, &got, &e), 0);
	assert_string_equal(got.name, "main");
	assert_string_equal(got.key, KEY);
	assert_string_equal(got.operator_key, first.operator_key);
	assert_int_equal(context_save(path, &second, &e), 0);
	assert_int_equal(context_load(path, NULL, arena, &got, &e), 0);
	assert_string_equal(got.endpoint, "tcp://b:1"); /* the last connected is the current one */
	assert_int_equal(context_load(path, "main", arena, &got, &e), 0);
	assert_string_equal(got.endpoint, "tcp://a:1");
	assert_int_equal(got.n_also, 2); /* kept when another controller is added */
	assert_string_equal(got.also[1].endpoint, "tcp://a:5");
	assert_string_equal(got.also[1].blobs, "tcp://a:6");
	assert_int_equal(context_save(path, &again, &e), 0); /* the same name is replaced, not doubled */
	assert_int_equal(context_load(path, "main", arena, &got, &e), 0);
	assert_string_equal(got.endpoint, "tcp://c:1");
	assert_int_equal(context_load(path, "staging", arena, &got, &e), 0);
}

static void test_mistakes(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	struct context got = {0};
	const char *path = arena_printf(arena, "%s/none.yaml", dir), *bad = arena_printf(arena, "%s/bad.yaml", dir);
	assert_int_equal(context_load(path, NULL, arena, &got, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	assert_non_null(strstr(e.msg, "none.yaml: no controller is known yet: run 'rollcall connect --endpoint"));
	assert_int_equal(file_write_atomic(bad, bytes_of_str("current: main\ncontrolers: []\n"), 0600, &e), 0);
	assert_int_equal(context_load(bad, NULL, arena, &got, &e), -1);
	assert_non_null(strstr(e.msg, "bad.yaml:2: unknown key 'controlers': did you mean 'controllers'?"));
	assert_int_equal(file_write_atomic(bad, bytes_of_str("current: main\ncontrollers: []\n"), 0600, &e), 0);
	assert_int_equal(context_load(bad, NULL, arena, &got, &e), -1);
	assert_non_null(strstr(e.msg, "no controller is named 'main' there: run 'rollcall connect --name main ...'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_path_order), cmocka_unit_test(test_saved_is_loaded), cmocka_unit_test(test_mistakes)};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
