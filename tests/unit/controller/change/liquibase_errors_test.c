/* controller/change/liquibase_*: every kind of mistake in formatted SQL, with its place and its exact words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "tests/support/project_folder.h"

#define HEAD "--liquibase formatted sql\n"
#define CS   HEAD "--changeset ann:one\n"

struct mistake {
	const char *text, *problems;
};

static const struct mistake mistakes[] = {
    {"", "changes/a.sql: an empty file: begin the file with --liquibase formatted sql\n"},
    {"\n\n", "changes/a.sql:2: an empty file: begin the file with --liquibase formatted sql\n"},
    {"CREATE TABLE t (a int);\n", "changes/a.sql:1: not a Liquibase formatted SQL file: begin the file with --liquibase formatted sql\n"},
    {"--liquibase formatted xml\n--changeset a:1\nSELECT 1;\n",
     "changes/a.sql:1: the header does not say sql: begin the file with --liquibase formatted sql\n"},
    {"--liquibase formatted sql logicalFilepath:x encoding:utf8\n--changeset a:1\nSELECT 1;\n",
     "changes/a.sql:1: the header has no attribute 'encoding': remove it\n"},
    {"-liquibase formatted sql\n--changeset a:1\nSELECT 1;\n",
     "changes/a.sql:1: not a Liquibase formatted SQL file: begin the file with --liquibase formatted sql\n"},
    {CS "SELECT 1;\n" HEAD, "changes/a.sql:4: the header stands here again: remove it, or make two files of this one\n"},
    {HEAD "SELECT 1;\n--changeset a:1\nSELECT 1;\n", "changes/a.sql:2: SQL before the first changeset: move it below a --changeset line\n"},
    {HEAD "/* never closed\n", "changes/a.sql:2: the comment is not closed: write */ at its end\n"},
    {HEAD "--changeset ann\nSELECT 1;\n", "changes/a.sql:2: a changeset line without author:id: write --changeset author:id\n"},
    {HEAD "--changeset ann:\nSELECT 1;\n", "changes/a.sql:2: the changeset has no id: write --changeset author:id\n"},
    {HEAD "--changeset :1\nSELECT 1;\n",
     "changes/a.sql:2: author or id of the changeset cannot be used: use 1 to 200 characters for each, without control characters and semicolons\n"},
    {HEAD "--changeset ann: 1\nSELECT 1;\n", "changes/a.sql:2: a blank between the author's colon and the id: write --changeset author:id\n"},
    {HEAD "--changeset\nSELECT 1;\n", "changes/a.sql:2: a changeset line without author:id: write --changeset author:id\n"},
    {HEAD "--changesets of this file\n--changeset a:1\nSELECT 1;\n", "changes/a.sql:2: a line that begins with --changeset is not a changeset line: "
                                                                     "write --changeset author:id; begin an ordinary comment with another word\n"},
    {HEAD "-changeset ann:1\nSELECT 1;\n", "changes/a.sql:2: a directive with one dash: write --changeset author:id\n"},
    {HEAD "--changeset ann:1;DROP\nSELECT 1;\n",
     "changes/a.sql:2: author or id of the changeset cannot be used: use 1 to 200 characters for each, without control characters and semicolons\n"},
    {HEAD "--changeset "
          "ann:"
          "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
          "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\nSELECT 1;\n",
     "changes/a.sql:2: author or id of the changeset cannot be used: use 1 to 200 characters for each, without control characters and semicolons\n"},
    {HEAD "--changeset ann:1 runOnChnage:true\nSELECT 1;\n",
     "changes/a.sql:2: changeset has no attribute 'runOnChnage': did you mean runOnChange?\n"},
    {HEAD "--changeset ann:1 colour:red\nSELECT 1;\n", "changes/a.sql:2: changeset has no attribute 'colour': remove it\n"},
    {HEAD "--changeset ann:1 runAlways:yes\nSELECT 1;\n", "changes/a.sql:2: runAlways:yes is neither true nor false: write true or false\n"},
    {HEAD "--changeset ann:1 batch:0\nSELECT 1;\n",
     "changes/a.sql:2: batch: 0 is outside 1 to 1000000: write a number of rows, such as batch:5000\n"},
    {HEAD "--changeset ann:1 rollbackBatch:many\nSELECT 1;\n",
     "changes/a.sql:2: rollbackBatch: 'many' is not a whole number: write a number of rows, such as rollbackBatch:5000\n"},
    {HEAD "--changeset ann:1 batch:5 pause:2h\nSELECT 1;\n",
     "changes/a.sql:2: pause:2h is no such time: write a time such as 100ms or 10s, an hour at most\n"},
    {HEAD "--changeset ann:1 pause:2s\nSELECT 1;\n",
     "changes/a.sql:2: pause or maxLag where nothing is batched: write batch:5000 too, or remove them\n"},
    {CS "--throttle-query limit:5 SELECT 1\nSELECT 1;\n",
     "changes/a.sql:3: a throttle where nothing is batched: write batch:5000 in the changeset's line, or remove it\n"},
    {CS "--throttle-query SELECT 1\nSELECT 1;\n",
     "changes/a.sql:3: the throttle has no limit or no query: write --throttle-query limit:50 SELECT ..., a query for one number\n"},
    {CS "--throttle-qurey limit:5 SELECT 1\nSELECT 1;\n", "changes/a.sql:3: a comment that looks like a directive: did you mean --throttle-query? "
                                                          "begin an ordinary comment with a blank after its dashes\n"},
    {HEAD "--changeset ann:1 runAlways\nSELECT 1;\n",
     "changes/a.sql:2: 'runAlways' is not an attribute: write attributes as name:value, and put a value with blanks into double quotes\n"},
    {HEAD "--changeset ann:1 runAlways:true runAlways:true\nSELECT 1;\n", "changes/a.sql:2: runAlways is given twice: write it once\n"},
    {HEAD "--changeset ann:1 context:a or b\nSELECT 1;\n",
     "changes/a.sql:2: 'or' is not an attribute: write attributes as name:value, and put a value with blanks into double quotes\n"},
    {HEAD "--changeset ann:1 context:\"a and\nSELECT 1;\n", "changes/a.sql:2: the value of context is not closed: close the double quote\n"},
    {HEAD "--changeset ann:1 context:\"a and\"\nSELECT 1;\n",
     "changes/a.sql:2: context 'a and' is malformed: write names joined by and, or, !, commas and parentheses\n"},
    {HEAD "--changeset ann:1 labels:\nSELECT 1;\n", "changes/a.sql:2: labels has no value: give it one, or remove the attribute\n"},
    {HEAD "--changeset ann:1 dbms:postgres\nSELECT 1;\n",
     "changes/a.sql:2: dbms 'postgres' is no database that Liquibase knows: did you mean postgresql?\n"},
    {HEAD "--changeset ann:1 dbms:zzzzzzzzzz\nSELECT 1;\n", "changes/a.sql:2: dbms 'zzzzzzzzzz' is no database that Liquibase knows: name a database "
                                                            "that Liquibase knows, such as postgresql, mariadb or sqlite\n"},
    {HEAD "--changeset ann:1 endDelimiter:\nSELECT 1;\n",
     "changes/a.sql:2: endDelimiter has no value: write a plain delimiter, such as ;; or / or \\nGO\n"},
    {HEAD "--changeset ann:1 endDelimiter:\\s*GO\nSELECT 1\nGO\n",
     "changes/a.sql:2: endDelimiter:\\s*GO is a pattern: write a plain delimiter, such as ;; or / or \\nGO\n"},
    {HEAD "--changeset ann:1 runWith:psql\nSELECT 1;\n", "changes/a.sql:2: runWith needs another program to run the SQL, and only Liquibase's paid "
                                                         "edition has it: remove it: Rollcall runs the statements itself\n"},
    {HEAD "--changeset ann:1 runWithSpoolFile:x\nSELECT 1;\n", "changes/a.sql:2: runWithSpoolFile needs another program to run the SQL, and only "
                                                               "Liquibase's paid edition has it: remove it: Rollcall runs the statements itself\n"},
    {HEAD "--changeset ann:1\n", "changes/a.sql:2: changeset ann:1 has no SQL: write the SQL after its line, or remove the changeset\n"},
    {HEAD "--changeset ann:1\n--rollback DROP TABLE t;\n--changeset ann:2\nSELECT 1;\n",
     "changes/a.sql:2: changeset ann:1 has no SQL: write the SQL after its line, or remove the changeset\n"},
    {HEAD "--comment stray\n--changeset ann:1\nSELECT 1;\n",
     "changes/a.sql:2: a comment line outside of a changeset: move it below its --changeset line\n"},
    {HEAD "--rollback DROP TABLE t;\n--changeset ann:1\nSELECT 1;\n",
     "changes/a.sql:2: a rollback line outside of a changeset: move it below its --changeset line\n"},
    {HEAD "--preconditions onFail:HALT\n--changeset ann:1\nSELECT 1;\n",
     "changes/a.sql:2: a preconditions line outside of a changeset: move it below its --changeset line\n"},
    {CS "--comments what it does\nSELECT 1;\n", "changes/a.sql:3: --comments is not a Liquibase line, and Liquibase stops at it: write --comment\n"},
    {CS "-comment x\nSELECT 1;\n", "changes/a.sql:3: a directive with one dash: write --comment text\n"},
    {CS "SELECT 1;\n-rollback SELECT 2;\n", "changes/a.sql:4: a directive with one dash: write --rollback SQL\n"},
    {CS "-preconditions onFail:HALT\nSELECT 1;\n", "changes/a.sql:3: a directive with one dash: write --preconditions onFail:HALT\n"},
    {CS "-precondition-sql-check expectedResult:0 SELECT 1\nSELECT 1;\n",
     "changes/a.sql:3: a directive with one dash: write --precondition-sql-check expectedResult:0 SELECT ...\n"},
    {CS "SELECT 1;\n--rollback\tDROP TABLE t;\n",
     "changes/a.sql:4: Liquibase reads a rollback only after a blank, not after a tab: put a blank after --rollback\n"},
    {CS "SELECT 1;\n--rolback DROP TABLE t;\n",
     "changes/a.sql:4: a comment that looks like a directive: did you mean --rollback? begin an ordinary comment with a blank after its dashes\n"},
    {CS "--precondtion-sql-check expectedResult:0 SELECT 1\nSELECT 1;\n",
     "changes/a.sql:3: a comment that looks like a directive: did you mean --precondition-? begin an ordinary comment with a blank after its "
     "dashes\n"},
    {CS "--preconditions onFail:STOP\nSELECT 1;\n", "changes/a.sql:3: onFail:STOP is unknown: write HALT, CONTINUE, MARK_RAN or WARN\n"},
    {CS "--preconditions onfial:HALT\nSELECT 1;\n", "changes/a.sql:3: preconditions has no attribute 'onfial': did you mean onFail?\n"},
    {CS "--preconditions onSqlOutput:TEST onUpdateSQL:TEST\nSELECT 1;\n",
     "changes/a.sql:3: onSqlOutput and onUpdateSQL are the same thing, and both are given: keep onSqlOutput\n"},
    {CS "--preconditions onSqlOutput:MAYBE\nSELECT 1;\n", "changes/a.sql:3: onSqlOutput:MAYBE is unknown: write IGNORE, TEST or FAIL\n"},
    {CS "--precondition-sql-check\nSELECT 1;\n",
     "changes/a.sql:3: a sql-check needs an expected result and a query: write --precondition-sql-check expectedResult:0 SELECT ...\n"},
    {CS "--precondition-sql-check expectedResult:0\nSELECT 1;\n",
     "changes/a.sql:3: a sql-check needs an expected result and a query: write --precondition-sql-check expectedResult:0 SELECT ...\n"},
    {CS "--precondition-sql-check expectedResult:'0 SELECT 1\nSELECT 1;\n",
     "changes/a.sql:3: a sql-check needs an expected result and a query: write --precondition-sql-check expectedResult:0 SELECT ...\n"},
    {CS "--precondition-table-exists\nSELECT 1;\n", "changes/a.sql:3: the table is not named: write --precondition-table-exists table:name\n"},
    {CS "--precondition-table-exists tabel:t\nSELECT 1;\n",
     "changes/a.sql:3: precondition-table-exists has no attribute 'tabel': did you mean table?\n"},
    {CS "--precondition-view-exists schema:s\nSELECT 1;\n", "changes/a.sql:3: the view is not named: write --precondition-view-exists view:name\n"},
    {CS "--precondition-column-exists table:t\nSELECT 1;\n",
     "changes/a.sql:3: precondition 'column-exists' does not exist in formatted SQL: use sql-check, table-exists or view-exists\n"},
    {CS "--validate-before SELECT 1\nSELECT 1;\n", "changes/a.sql:3: the validation has no name: write --validate-before name:x SELECT ...\n"},
    {CS "--validate-before name:Rows SELECT 1\nSELECT 1;\n",
     "changes/a.sql:3: 'Rows' cannot be the name of a validation: use a-z, 0-9, '.', '_' and '-', at most 63\n"},
    {CS "--validate-before name:a\nSELECT 1;\n", "changes/a.sql:3: validation a has no query: write a SELECT after it\n"},
    {CS "--validate-after name:a SELECT 1\nSELECT 1;\n", "changes/a.sql:3: validation a does not say what is expected: write --validate-after name:x "
                                                         "same-as-before SELECT ..., or name:x expectedResult:V SELECT ...\n"},
    {CS "--validate-after name:a same-as-before SELECT 1\nSELECT 1;\n",
     "changes/a.sql:3: validation a has nothing from before to compare with: write --validate-before name:a SELECT ... too\n"},
    {CS "--validate-after name:a expectedResult:1 SELECT 1\n--validate-after name:a expectedResult:1 SELECT 1\nSELECT 1;\n",
     "changes/a.sql:4: validation a is there twice: give it another name\n"},
    {CS "--validate-during name:a SELECT 1\nSELECT 1;\n",
     "changes/a.sql:3: a --validate- line that is neither before nor after: write --validate-before or --validate-after\n"},
    {CS "--validate-after name:a expectedResult:1\nSELECT 1;\n", "changes/a.sql:3: validation a has no query: write a SELECT after it\n"},
    {CS "--lint-ignore PF23\nSELECT 1;\n",
     "changes/a.sql:3: a suppression needs a rule and a reason: write --lint-ignore RULE reason:\"why it is right here\"\n"},
    {CS "--lint-ignore PF23 reason:\"\"\nSELECT 1;\n",
     "changes/a.sql:3: a suppression needs a rule and a reason: write --lint-ignore RULE reason:\"why it is right here\"\n"},
    {CS "--validCheckSum: abc\nSELECT 1;\n",
     "changes/a.sql:3: 'abc' is no checksum: write ANY, a digest of 64 hex digits, or one of Liquibase's sums\n"},
    {CS "  --validCheckSum: any\nSELECT 1;\n",
     "changes/a.sql:3: Liquibase reads this line only when it begins with its dashes: remove the blanks before it\n"},
    {CS "--ignoreLines:start\nSELECT 1;\n", "changes/a.sql:3: --ignoreLines:start has no end: write --ignoreLines:end after the last line to ignore\n"
                                            "changes/a.sql:2: changeset ann:one has no SQL: write the SQL after its line, or remove the changeset\n"},
    {CS "SELECT 1;\n--ignoreLines:end\n", "changes/a.sql:4: --ignoreLines:end without a start: write a number of lines, start or end\n"},
    {CS "SELECT 1;\n--ignoreLines:some\n", "changes/a.sql:4: --ignoreLines:some is unknown: write a number of lines, start or end\n"},
    {CS "SELECT 1;\n--ignore:3\n", "changes/a.sql:4: --ignore: is not a Liquibase line, and Liquibase stops at it: write --ignoreLines:3, or "
                                   "--ignoreLines:start and --ignoreLines:end; to leave a changeset out, write ignore:true on its line\n"},
    {CS "SELECT 1;\n--ignoreLines:start\nx\n-ignoreLines:end\n", "changes/a.sql:6: a directive with one dash: write --ignoreLines:end\n"},
    {CS "SELECT 1;\n  --ignoreLines:1\nSELECT 2;\n",
     "changes/a.sql:4: Liquibase reads this line only when it begins with its dashes: remove the blanks before it\n"},
    {CS "SELECT 1;\n/* liquibase rollback\nDROP TABLE t;\n",
     "changes/a.sql:4: the rollback comment is not closed: write */ at the end of its last line\n"},
    {CS "SELECT 1;\n/* liquibase rollback DROP TABLE t; */\n",
     "changes/a.sql:4: Liquibase reads a rollback comment only when nothing follows its first line: begin the SQL on the next line\n"},
    {CS "SELECT 1;\n--rollback changeSetId:two\n",
     "changes/a.sql:4: the rollback does not name its changeset's author: write --rollback changeSetId:x changeSetAuthor:y\n"},
    {CS "SELECT 1;\n--rollback changeSetAuthor:ann changeSetId:\n",
     "changes/a.sql:4: the rollback does not name its changeset's id: write --rollback changeSetId:x changeSetAuthor:y\n"},
    {CS "SELECT 1;\n--rollback changeSetId:two changeSetAuthor:ann now\n",
     "changes/a.sql:4: 'now' does not belong into a rollback by changeset: write --rollback changeSetId:x changeSetAuthor:y and nothing else\n"},
    {HEAD "--property name:x\n--changeset ann:1\nSELECT 1;\n",
     "changes/a.sql:2: a property needs a name and a value: write --property name:x value:y\n"},
    {HEAD "-property name:x value:y\n--changeset ann:1\nSELECT 1;\n",
     "changes/a.sql:2: a directive with one dash: write --property name:x value:y\n"},
    {HEAD "-- property tax is due\n--changeset ann:1\nSELECT 1;\n",
     "changes/a.sql:2: 'tax' is not an attribute: write attributes as name:value, and put a value with blanks into double quotes\n"},
    {HEAD "--property name:x vlaue:y\n--changeset ann:1\nSELECT 1;\n", "changes/a.sql:2: property has no attribute 'vlaue': did you mean value?\n"},
    {HEAD "--property name:x value:y labels:z\n--changeset ann:1\nSELECT 1;\n",
     "changes/a.sql:2: a property with labels cannot be known when the release is signed: use context\n"},
    {HEAD "--property name:x value:y dbms:postgre\n--changeset ann:1\nSELECT 1;\n",
     "changes/a.sql:2: dbms 'postgre' is no database that Liquibase knows: did you mean postgresql?\n"},
    {HEAD "--property name:x value:y context:\"(a\"\n--changeset ann:1\nSELECT 1;\n",
     "changes/a.sql:2: context '(a' is malformed: write names joined by and, or, !, commas and parentheses\n"},
    {HEAD "--property name:x value:1 dbms:sqlite\n--property name:x value:2\n--changeset ann:${x}\nSELECT 1;\n",
     "changes/a.sql:4: a property with dbms stands where the text must be the same for every engine: write one changeset for each dbms\n"},
    {HEAD "--include file:x.sql\n--changeset ann:1\nSELECT 1;\n", "changes/a.sql:2: include in formatted SQL exists only in Liquibase's paid "
                                                                  "edition: write the SQL itself here, or put the file into the change folder\n"},
    {HEAD "--includeAll path:x\n--changeset ann:1\nSELECT 1;\n", "changes/a.sql:2: includeAll in formatted SQL exists only in Liquibase's paid "
                                                                 "edition: write the SQL itself here, or put the file into the change folder\n"},
    {CS "SELECT 1;\n--tagDatabase v1\n", "changes/a.sql:4: tagDatabase in formatted SQL exists only in Liquibase's paid edition: write the SQL "
                                         "itself here, or put the file into the change folder\n"},
    {CS "SELECT 1;\n--rollbackSqlFile path:x.sql\n", "changes/a.sql:4: rollbackSqlFile in formatted SQL exists only in Liquibase's paid edition: "
                                                     "write the SQL itself here, or put the file into the change folder\n"},
    {"--liquibase formatted sql changeLogId:0a1b\n--changeset a:1\nSELECT 1;\n", ""},
    {HEAD "--changeset ann:1 dbms:\"postgresql, sqlite\"\nSELECT 1;\n",
     "changes/a.sql:2: Liquibase does not read a quoted value of dbms: write it without quotes and blanks\n"},
    {HEAD "--changeset ann:1 splitStatements:\"false\" endDelimiter:\"//\"\nSELECT 1;\n",
     "changes/a.sql:2: Liquibase does not read a quoted value of splitStatements: write it without quotes and blanks\n"
     "changes/a.sql:2: Liquibase does not read a quoted value of endDelimiter: write it without quotes and blanks\n"},
    {HEAD "--changeset ann:1 context:dev contextFilter:prod\nSELECT 1;\n",
     "changes/a.sql:2: context and contextFilter are the same thing, and both are given: keep one\n"},
    {CS "--preconditions onFail:HALT\n--precondition-table-exists table:t\n--preconditions onFail:WARN\nSELECT 1;\n",
     "changes/a.sql:5: Liquibase forgets the preconditions above this line: write one --preconditions line, above its --precondition- lines\n"},
    {CS "--precondition-table-exists table:t\n--preconditions onFail:WARN\nSELECT 1;\n",
     "changes/a.sql:4: Liquibase forgets the preconditions above this line: write one --preconditions line, above its --precondition- lines\n"},
    {HEAD "--property name:x value:\"a b\"\n--changeset ann:1\nSELECT 1;\n",
     "changes/a.sql:2: Liquibase ends the value of property x at its first blank: write a value without blanks\n"},
    {HEAD "--property name:\"x\" value:a\n--changeset ann:1\nSELECT 1;\n",
     "changes/a.sql:2: Liquibase keeps the quotes in the name of a property: write it without quotes\n"},
    {CS "SELECT 1;\n--rollback SELECT 2;\rSELECT 3;\n",
     "changes/a.sql:4: a carriage return alone ends a line for Liquibase: end lines with LF or CR LF, and write a carriage return in a string as "
     "an escape\n"},
    {CS "-- include the new column\n--comment\nSELECT 1;\n--rollback\n", ""},
    {CS "-- only a comment\n", ""},
    {CS "  --comments indented is a comment\n--- changeset is drawn\nSELECT 1 - comment;\n", ""},
};

static void test_mistakes(void **state)
{
	(void)state;
	struct project_folder f;
	project_folder_init(&f);
	for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
		project_folder_write(&f, "changes/a.sql", mistakes[i].text);
		AUTO(change_set_destroy) struct change_set *s = project_folder_read(&f, "liquibase-sql", ENGINES_ALL);
		const char *found = project_folder_problems(s);
		if (strcmp(found, mistakes[i].problems) != 0)
			print_error("case %zu:\n%s\n", i, mistakes[i].text);
		assert_string_equal(found, mistakes[i].problems);
	}
	project_folder_done(&f);
}

static void test_several_at_once(void **state)
{
	(void)state;
	struct project_folder f;
	project_folder_init(&f);
	project_folder_write(&f, "changes/a.sql", CS "SELECT 1;\n--comments x\n-rollback DROP TABLE t;\n");
	project_folder_write(&f, "changes/b.sql", "CREATE TABLE t (a int);\n");
	AUTO(change_set_destroy) struct change_set *s = project_folder_read(&f, "liquibase-sql", ENGINES_ALL);
	struct err e = ERR_INIT;
	assert_int_equal(s->problems.n, 3);
	assert_int_equal(problems_check(&s->problems, &e), -1);
	assert_string_equal(
	    e.msg,
	    "changes/a.sql:4: --comments is not a Liquibase line, and Liquibase stops at it: write --comment (and 2 more: rollcall lint shows them all)");
	project_folder_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_mistakes),
	    cmocka_unit_test(test_several_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
