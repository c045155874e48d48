/* common/cli/table: each output format to the byte, with hostile cells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <pty.h>

#include <cmocka.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/cli/table.h"

static struct table *sample(void)
{
	struct table *t = table_new("target,state,#step,+digest");
	table_row(t, (const char *const[]){"eu/a", "applied", "12", "ab12"});
	table_row(t, (const char *const[]){"eu/longer-name", NULL, "3", NULL});
	return t;
}

static char *printed(const struct table *t, enum output_format f)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	table_print(t, f, "targets", out);
	fclose(out);
	return text;
}

static void expect(struct table *t, enum output_format f, const char *text)
{
	AUTO(mem_free_ptr) char *got = printed(t, f);
	assert_string_equal(got, text);
	table_destroy(&t);
	assert_null(t);
}

static void test_text_formats(void **state)
{
	(void)state;
	expect(sample(), OUTPUT_TABLE,
	       "TARGET          STATE    STEP\n"
	       "eu/a            applied    12\n"
	       "eu/longer-name  -           3\n");
	expect(sample(), OUTPUT_WIDE,
	       "TARGET          STATE    STEP  DIGEST\n"
	       "eu/a            applied    12  ab12\n"
	       "eu/longer-name  -           3  -\n");
	expect(sample(), OUTPUT_NAME, "eu/a\neu/longer-name\n");
}

static void test_ids_are_short_for_people_only(void **state)
{
	(void)state;
	struct table *t = table_new("%rollout,state");
	table_row(t, (const char *const[]){"3f2a91bc00112233", "running"});
	AUTO(mem_free_ptr) char *people = printed(t, OUTPUT_TABLE);
	assert_string_equal(people, "ROLLOUT   STATE\n3f2a91bc  running\n");
	AUTO(mem_free_ptr) char *wide = printed(t, OUTPUT_WIDE);
	assert_string_equal(wide, "ROLLOUT           STATE\n3f2a91bc00112233  running\n");
	AUTO(mem_free_ptr) char *name = printed(t, OUTPUT_NAME);
	assert_string_equal(name, "3f2a91bc00112233\n");
	expect(t, OUTPUT_CSV, "rollout,state\n3f2a91bc00112233,running\n");
}

/* What a terminal of so many columns gets. */
static char *on_terminal(const struct table *t, unsigned short columns)
{
	int master, slave;
	struct winsize w = {.ws_row = 24, .ws_col = columns};
	char *text = mem_alloc(4096);
	size_t n = 0;
	if (openpty(&master, &slave, NULL, NULL, &w) != 0)
		fail_msg("no pseudo terminal");
	FILE *out = fdopen(slave, "w");
	table_print(t, OUTPUT_TABLE, "targets", out);
	fprintf(out, "end");
	fflush(out);
	while (!strstr(text, "end"))
		n += (size_t)read(master, text + n, 4000 - n);
	*strstr(text, "end") = '\0';
	fclose(out);
	close(master);
	return text;
}

static void test_what_does_not_fit_stands_under_its_row(void **state)
{
	(void)state;
	setenv("NO_COLOR", "1", 1);
	struct table *t = table_new("target,state,release,labels,~next");
	table_row(t, (const char *const[]){"eu/pg1/acme", "online", "1.4.0", "environment=production,ring=canary", "nothing"});
	table_row(t, (const char *const[]){"eu/pg1/birch", "offline", NULL, NULL, NULL});
	AUTO(mem_free_ptr) char *narrow = on_terminal(t, 60);
	assert_string_equal(narrow, "TARGET        STATE    RELEASE\r\n"
	                            "eu/pg1/acme   online   1.4.0\r\n"
	                            "    labels: environment=production,ring=canary\r\n"
	                            "    next: nothing\r\n"
	                            "eu/pg1/birch  offline  -\r\n");
	AUTO(mem_free_ptr) char *wide = on_terminal(t, 200);
	assert_string_equal(wide, "TARGET        STATE    RELEASE  LABELS\r\n"
	                          "eu/pg1/acme   online   1.4.0    environment=production,ring=canary\r\n"
	                          "    next: nothing\r\n"
	                          "eu/pg1/birch  offline  -        -\r\n");
	table_destroy(&t);
}

static void test_a_name_that_is_too_wide_has_its_own_line(void **state)
{
	(void)state;
	setenv("NO_COLOR", "1", 1);
	struct table *t = table_new("target,state,#attempt,~next");
	table_row(t, (const char *const[]){"eu/pg1/acme", "applied", "1", NULL});
	table_row(t, (const char *const[]){"eu/pg1/a-name-that-somebody-generated", "held", "12", "nothing"});
	AUTO(mem_free_ptr) char *narrow = on_terminal(t, 40);
	assert_string_equal(narrow, "TARGET       STATE    ATTEMPT\r\n"
	                            "eu/pg1/acme  applied        1\r\n"
	                            "eu/pg1/a-name-that-somebody-generated\r\n"
	                            "             held          12\r\n"
	                            "    next: nothing\r\n");
	table_destroy(&t);
}

static void check_lines(const char *text, size_t columns, const char *expected)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	output_add_lines(&b, text, columns);
	assert_string_equal(buf_str(&b), expected);
}

static void test_messages_fold_and_commands_stay_whole(void **state)
{
	(void)state;
	check_lines("halted: nothing new starts; repair the cause, then: rollcall rollout retry 3f2a91bc", 40,
	            "halted: nothing new starts; repair the\ncause, then:\nrollcall rollout retry 3f2a91bc\n");
	check_lines("it goes on, and `rollcall rollout watch 3f2a91bc` follows it", 40,
	            "it goes on, and\n`rollcall rollout watch 3f2a91bc`\nfollows it\n");
	check_lines("type\n  rollcall-agent resolve eu/a/b\n", 40, "type\n  rollcall-agent resolve eu/a/b\n");
	check_lines("a line as it is\033[2J", SIZE_MAX, "a line as it is [2J\n");
}

static void test_machine_formats(void **state)
{
	(void)state;
	expect(sample(), OUTPUT_CSV, "target,state,step,digest\neu/a,applied,12,ab12\neu/longer-name,,3,\n");
	expect(sample(), OUTPUT_NDJSON,
	       "{\"target\":\"eu/a\",\"state\":\"applied\",\"step\":12,\"digest\":\"ab12\"}\n"
	       "{\"target\":\"eu/longer-name\",\"state\":null,\"step\":3,\"digest\":null}\n");
	expect(table_new("a"), OUTPUT_JSON, "{\n  \"targets\": []\n}\n");
}

static void test_rows_from_a_format(void **state)
{
	(void)state;
	struct table *t = table_new("a,b,c");
	table_rowf(t, "%s\t\t%s", "x", "y\tz"); /* an empty cell is no value; what is over stays in the last cell */
	table_rowf(t, "only");
	assert_int_equal(table_count(t), 2);
	expect(t, OUTPUT_NDJSON, "{\"a\":\"x\",\"b\":null,\"c\":\"y\\tz\"}\n{\"a\":\"only\",\"b\":null,\"c\":null}\n");
}

static void test_hostile_cells(void **state)
{
	(void)state;
	const char *cells[] = {"a\"b\\c\n\033[2J", "bad\xff utf", "caf\xc3\xa9"};
	struct table *t = table_new("x,y,z");
	table_row(t, cells);
	expect(t, OUTPUT_NDJSON, "{\"x\":\"a\\\"b\\\\c\\n\\u001B[2J\",\"y\":\"bad\xef\xbf\xbd utf\",\"z\":\"caf\xc3\xa9\"}\n");
	t = table_new("x,y,z");
	table_row(t, cells);
	expect(t, OUTPUT_TABLE, "X           Y         Z\na\"b\\c  [2J  bad\xef\xbf\xbd utf  caf\xc3\xa9\n");
	t = table_new("x,y,z");
	table_row(t, (const char *const[]){"a,b", "say \"hi\"", "two\nlines"});
	expect(t, OUTPUT_CSV, "x,y,z\n\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\"\n");
}

static void test_numbers(void **state)
{
	(void)state;
	struct table *t = table_new("#a,#b,#c,#d");
	table_row(t, (const char *const[]){"-7", "2.5", "3 of 4", "nan"}); /* what is no number stays a string: a reader must not fail on it */
	expect(t, OUTPUT_NDJSON, "{\"a\":-7,\"b\":2.5,\"c\":\"3 of 4\",\"d\":\"nan\"}\n");
}

static void test_no_colour_without_a_terminal(void **state)
{
	(void)state;
	assert_false(output_has_colour(stdout) && getenv("NO_COLOR"));
	assert_string_equal(output_state_colour("applied"), "\033[32m");
	assert_string_equal(output_state_colour("failed"), "\033[31m");
	assert_string_equal(output_state_colour("something"), "");
	AUTO(mem_free_ptr) char *text = NULL;
	struct table *t = sample();
	text = printed(t, OUTPUT_TABLE);
	table_destroy(&t);
	assert_null(strchr(text, '\033'));
}

static struct table *with_sentences(void)
{
	struct table *t = table_new("target,~detail,state,~next");
	table_row(t, (const char *const[]){"eu/a", NULL, "applied", ""});
	table_row(t, (const char *const[]){"eu/b",
	                                   "changes/004.sql:8: duplicate key. In the database: changesets 1 to 5 of 6 are applied, and nothing else was "
	                                   "changed \x1b[31mhere",
	                                   "failed", "rollcall rollout retry 1"});
	return t;
}

static void test_sentences_stand_under_their_row(void **state)
{
	(void)state;
	expect(with_sentences(), OUTPUT_TABLE,
	       "TARGET  STATE\neu/a    applied\neu/b    failed\n"
	       "    changes/004.sql:8: duplicate key. In the database: changesets 1 to 5 of 6 are applied, and nothing else was changed\n"
	       "    [31mhere\n"
	       "    next: rollcall rollout retry 1\n");
	expect(with_sentences(), OUTPUT_CSV,
	       "target,detail,state,next\neu/a,,applied,\neu/b,\"changes/004.sql:8: duplicate key. In the database: changesets 1 to 5 of 6 are "
	       "applied, and nothing else was changed \x1b[31mhere\",failed,rollcall rollout retry 1\n");
}

/* More than is written at a time, and what is cleaned or cut among what is not, in a table that borrows its cells. */
static void test_long_tables_line_by_line(void **state)
{
	(void)state;
	enum { ROWS = 5000 };
	AUTO(buf_done) struct buf expected = BUF_INIT;
	struct table *t = table_new_borrowing("target,%rollout,#n,state");
	char names[ROWS][16], numbers[ROWS][16];
	buf_addf(&expected, "%-10s  %-8s  %4s  STATE\n", "TARGET", "ROLLOUT", "N");
	for (int i = 0; i < ROWS; i++) {
		bool odd = i % 7 == 3;
		snprintf(names[i], sizeof names[i], odd ? "eu/\xc3\xa9\t%05d" : "eu/pg%05d", i);
		snprintf(numbers[i], sizeof numbers[i], "%d", i);
		table_row(t, (const char *const[]){names[i], odd ? "abc" : "0123456789", numbers[i], odd ? NULL : "applied"});
		if (odd)
			buf_addf(&expected, "eu/\xc3\xa9 %05d  abc       %4d  -\n", i, i);
		else
			buf_addf(&expected, "eu/pg%05d  01234567  %4d  applied\n", i, i);
	}
	assert_true(expected.n > (size_t)2 * 64 * 1024);
	expect(t, OUTPUT_TABLE, buf_str(&expected));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text_formats),
	    cmocka_unit_test(test_long_tables_line_by_line),
	    cmocka_unit_test(test_ids_are_short_for_people_only),
	    cmocka_unit_test(test_what_does_not_fit_stands_under_its_row),
	    cmocka_unit_test(test_a_name_that_is_too_wide_has_its_own_line),
	    cmocka_unit_test(test_messages_fold_and_commands_stay_whole),
	    cmocka_unit_test(test_machine_formats),
	    cmocka_unit_test(test_rows_from_a_format),
	    cmocka_unit_test(test_hostile_cells),
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_no_colour_without_a_terminal),
	    cmocka_unit_test(test_sentences_stand_under_their_row),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
