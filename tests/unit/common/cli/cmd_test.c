/* common/cli/cmd: parsing, help made from the tables, messages and exit codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/cli/cmd.h"
#include "common/cli/table.h"
#include "tests/support/capture.h"

static struct {
	int runs;
	char key[64], argument[64];
	size_t keys, arguments;
	bool quiet;
	enum output_format format;
	enum err_code fail_with;
} seen;

static int run_build(const struct cmd_args *a, struct err *e)
{
	const char *const *keys;
	seen.runs++;
	seen.keys = cmd_option_values(a, "key", &keys);
	str_copy(seen.key, sizeof seen.key, cmd_option_value(a, "key"));
	seen.quiet = cmd_option_given(a, "quiet");
	seen.arguments = cmd_argument_count(a);
	str_copy(seen.argument, sizeof seen.argument, cmd_argument(a, 0));
	seen.format = cmd_output(a);
	assert_null(cmd_argument(a, seen.arguments));
	return seen.fail_with ? err_set(e, seen.fail_with, "it went\033[31m wrong") : EXIT_TARGETS;
}

static int run_status(const struct cmd_args *a, struct err *e)
{
	(void)a, (void)e;
	seen.runs++;
	return EXIT_DONE;
}

static const struct cmd_option build_options[] = {
    {"key", 'k', "FILE", "key to sign with", true, true},
    {"quiet", 'q', NULL, "say nothing", false, false},
    {"name", 0, "NAME", "name of the release", false, false},
    {0},
};
static const struct cmd release_commands[] = {
    {"release build", "FOLDER [OTHER]", "Build a release", "More about it.",
     "rollcall release build --key k.pem shop\nrollcall release build -k k.pem", build_options, run_build, 1, 2},
    {"release list", NULL, "List the releases", NULL, "rollcall release list", NULL, run_status, 0, 0},
    {0},
};
static const struct cmd other_commands[] = {
    {"status", NULL, "Show the state", NULL, "rollcall status", NULL, run_status, 0, 0},
    {0},
};
static const struct cmd *const groups[] = {release_commands, other_commands, NULL};
static const struct cmd_program program = {"rollcall", "does things", "9.8.7", groups};

static int call(struct capture *c, const char *const *words)
{
	char *argv[16] = {(char *)"rollcall"};
	int argc = 1;
	memset(&seen, 0, offsetof(__typeof__(seen), fail_with));
	for (; *words; words++)
		argv[argc++] = (char *)*words;
	capture_begin(c);
	int code = cmd_main(&program, argc, argv);
	capture_end(c);
	return code;
}
#define CALL(c, ...) call((c), (const char *const[]){__VA_ARGS__, NULL})

static void test_options_and_arguments_in_any_order(void **state)
{
	(void)state;
	AUTO(capture_done) struct capture c;
	assert_int_equal(CALL(&c, "release", "build", "shop", "--key=a.pem", "-k", "b.pem", "-q", "-o", "json"), EXIT_TARGETS);
	assert_int_equal(seen.keys, 2);
	assert_string_equal(seen.key, "b.pem");
	assert_string_equal(seen.argument, "shop");
	assert_true(seen.quiet);
	assert_int_equal(seen.format, OUTPUT_JSON);
	assert_string_equal(c.err, "");
}

static void test_format_may_stand_before_the_command(void **state)
{
	(void)state;
	AUTO(capture_done) struct capture c;
	assert_int_equal(CALL(&c, "--output=csv", "release", "build", "-ka", "x"), EXIT_TARGETS);
	assert_int_equal(seen.format, OUTPUT_CSV);
	assert_string_equal(seen.key, "a");
}

static void test_double_dash_ends_the_options(void **state)
{
	(void)state;
	AUTO(capture_done) struct capture c;
	assert_int_equal(CALL(&c, "release", "build", "-k", "a", "--", "--quiet"), EXIT_TARGETS);
	assert_string_equal(seen.argument, "--quiet");
	assert_false(seen.quiet);
}

static void test_usage_errors(void **state)
{
	static const struct {
		const char *words[8], *message;
	} rows[] = {
	    {{"release", "bild"}, "rollcall: release: unknown command 'bild': did you mean 'release build'? See 'rollcall release --help'\n"},
	    {{"relaese", "build"}, "rollcall: unknown command 'relaese': did you mean 'release'? See 'rollcall --help'\n"},
	    {{"xyzzyx"}, "rollcall: unknown command 'xyzzyx'; see 'rollcall --help'\n"},
	    {{"--what"}, "rollcall: unknown option '--what' before the command; see 'rollcall --help'\n"},
	    {{"release", "build", "x", "--kye", "a"},
	     "rollcall: release build: unknown option '--kye': did you mean '--key'? See 'rollcall release build --help'\n"},
	    {{"release", "build", "x"}, "rollcall: release build: option '--key FILE' is required; see 'rollcall release build --help'\n"},
	    {{"release", "build", "-k", "a"}, "rollcall: release build: an argument is missing: FOLDER [OTHER]; see 'rollcall release build --help'\n"},
	    {{"release", "build", "-k", "a", "1", "2", "3"},
	     "rollcall: release build: one argument too many: '3'; see 'rollcall release build --help'\n"},
	    {{"release", "build", "x", "--key", "--quiet"},
	     "rollcall: release build: option '--key' needs a value: --key FILE; see 'rollcall release build --help'\n"},
	    {{"release", "build", "x", "-k"}, "rollcall: release build: option '--key' needs a value: --key FILE; see 'rollcall release build --help'\n"},
	    {{"release", "build", "x", "-k", "a", "--quiet=yes"},
	     "rollcall: release build: option '--quiet' takes no value; see 'rollcall release build --help'\n"},
	    {{"release", "build", "x", "-k", "a", "-q", "-q"},
	     "rollcall: release build: option '--quiet' is given twice; see 'rollcall release build --help'\n"},
	    {{"status", "-o", "xml"},
	     "rollcall: status: -o xml: there is no such format: use table, wide, json, ndjson, csv or name; see 'rollcall status --help'\n"},
	    {{"status", "now"}, "rollcall: status: one argument too many: 'now'; see 'rollcall status --help'\n"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(capture_done) struct capture c;
		assert_int_equal(call(&c, rows[i].words), EXIT_USAGE);
		assert_string_equal(c.err, rows[i].message);
		assert_string_equal(c.out, "");
		assert_int_equal(seen.runs, 0);
	}
}

static void test_command_help(void **state)
{
	(void)state;
	AUTO(capture_done) struct capture c;
	assert_int_equal(CALL(&c, "release", "build", "--help"), EXIT_DONE);
	assert_string_equal(c.out, "usage: rollcall release build [OPTIONS] FOLDER [OTHER]\n"
	                           "\n"
	                           "Build a release\n"
	                           "\n"
	                           "More about it.\n"
	                           "\n"
	                           "options:\n"
	                           "  -k, --key FILE       key to sign with (required) (may be repeated)\n"
	                           "  -q, --quiet          say nothing\n"
	                           "      --name NAME      name of the release\n"
	                           "  -o, --output FORMAT  table, wide, json, ndjson, csv or name (default: table); of several\n"
	                           "                       tables csv and name give the last\n"
	                           "  -h, --help           show this text\n"
	                           "\n"
	                           "example:\n"
	                           "  rollcall release build --key k.pem shop\n"
	                           "  rollcall release build -k k.pem\n");
	assert_int_equal(seen.runs, 0);
}

static void test_help_command_says_the_same(void **state)
{
	(void)state;
	AUTO(capture_done) struct capture a, b, g, h;
	assert_int_equal(CALL(&a, "release", "build", "-h"), EXIT_DONE);
	assert_int_equal(CALL(&b, "help", "release", "build"), EXIT_DONE);
	assert_string_equal(a.out, b.out);
	assert_int_equal(CALL(&g, "help", "release"), EXIT_DONE);
	assert_int_equal(CALL(&h, "release", "--help"), EXIT_DONE);
	assert_string_equal(g.out, h.out);
	assert_string_equal(g.out, "usage: rollcall release COMMAND [OPTIONS] [ARGUMENTS]\n\n"
	                           "  release build  Build a release\n"
	                           "  release list   List the releases\n\n"
	                           "'rollcall release COMMAND --help' shows a command's options and an example.\n");
}

static void test_program_help_and_version(void **state)
{
	(void)state;
	AUTO(capture_done) struct capture a, b, c, d;
	assert_int_equal(CALL(&a, "--help"), EXIT_DONE);
	assert_non_null(strstr(a.out, "rollcall 9.8.7: does things\n"));
	assert_non_null(strstr(a.out, "  release build  Build a release\n"));
	assert_int_equal(CALL(&b, "help"), EXIT_DONE);
	assert_string_equal(a.out, b.out);
	assert_int_equal(CALL(&c, "--version"), EXIT_DONE);
	assert_string_equal(c.out, "rollcall 9.8.7\n");
	assert_int_equal(CALL(&d, "release"), EXIT_USAGE); /* nothing was done: not a success, and not on standard output */
	assert_string_equal(d.out, "");
	assert_non_null(strstr(d.err, "release build"));
}

static void test_errors_become_exit_codes(void **state)
{
	static const struct {
		enum err_code code;
		int exit;
	} rows[] = {{ERR_USAGE, 2}, {ERR_PARSE, 1}, {ERR_POLICY, 6},   {ERR_SIGNATURE, 6}, {ERR_LINK, 7},  {ERR_TIMEOUT, 8}, {ERR_UNKNOWN, 5},
	            {ERR_KEY, 1},   {ERR_DB, 1},    {ERR_INTERNAL, 1}, {ERR_NOT_FOUND, 1}, {ERR_STATE, 1}, {ERR_LIMIT, 1}};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(capture_done) struct capture c;
		seen.fail_with = rows[i].code;
		int code = CALL(&c, "release", "build", "-k", "a", "x");
		seen.fail_with = ERR_NONE;
		assert_int_equal(code, rows[i].exit);
		assert_string_equal(c.err, "rollcall: it went [31m wrong\n"); /* no escape sequence reaches the terminal */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_options_and_arguments_in_any_order),
	    cmocka_unit_test(test_format_may_stand_before_the_command),
	    cmocka_unit_test(test_double_dash_ends_the_options),
	    cmocka_unit_test(test_usage_errors),
	    cmocka_unit_test(test_command_help),
	    cmocka_unit_test(test_help_command_says_the_same),
	    cmocka_unit_test(test_program_help_and_version),
	    cmocka_unit_test(test_errors_become_exit_codes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
