/* agent/engine/row_values: what servers really say (PostgreSQL 15 and MariaDB 10.11), and what is left of it where a site tells no values of rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/engine/row_values.h"
#include "common/base/mem.h"

static const struct {
	const char *sqlstate;
	bool raised;
	enum pg_part part;
	const char *text, *told;
} postgres[] = {
    {"23505", false, PG_PART_MESSAGE, "duplicate key value violates unique constraint \"customers_email\"",
     "duplicate key value violates unique constraint \"customers_email\""},
    {"23505", false, PG_PART_DETAIL, "Key (email)=(ada@x) already exists.", "..."},
    {"23505", false, PG_PART_DETAIL, "Schlüssel »(email)=(ada@x)« existiert bereits.", "..."},
    {"23505", true, PG_PART_MESSAGE, "customer ada@x is there twice", "..."},
    {"23503", false, PG_PART_DETAIL, "Key (customer)=(7) is not present in table \"customers\".", "..."},
    {"23502", false, PG_PART_MESSAGE, "column \"email\" of relation \"customers\" contains null values",
     "column \"email\" of relation \"customers\" contains null values"},
    {"23514", false, PG_PART_DETAIL, "Failing row contains (7, ada@x, null).", "..."},
    {"44000", false, PG_PART_DETAIL, "Failing row contains (7, ada@x).", "..."},
    {"22P02", false, PG_PART_MESSAGE, "invalid input syntax for type integer: \"ada@x\"", "invalid input syntax for type integer: ..."},
    {"22P02", false, PG_PART_MESSAGE, "invalid input syntax for type integer: \"a\"d\"a\"", "invalid input syntax for type integer: ..."},
    {"22P02", false, PG_PART_MESSAGE, "invalid input value for enum mood: \"ada@x\"", "invalid input value for enum mood: ..."},
    {"22P02", false, PG_PART_MESSAGE, "ungültige Eingabesyntax für Typ integer: »ada@x«", "..."},
    {"22P02", false, PG_PART_DETAIL, "Token \"ada\" is invalid.", "..."},
    {"22003", false, PG_PART_MESSAGE, "value \"99999999999\" is out of range for type integer", "value ... is out of range for type integer"},
    {"22003", false, PG_PART_MESSAGE, "integer out of range", "integer out of range"},
    {"22003", false, PG_PART_DETAIL, "A field with precision 3, scale 0 must round to an absolute value less than 10^3.", "..."},
    {"22001", false, PG_PART_MESSAGE, "value too long for type character varying(3)", "value too long for type character varying(3)"},
    {"22012", false, PG_PART_MESSAGE, "division by zero", "division by zero"},
    {"22008", false, PG_PART_MESSAGE, "date/time field value out of range: \"1815-13-10\"", "date/time field value out of range: ..."},
    {"22008", false, PG_PART_HINT, "Perhaps you need a different \"datestyle\" setting.", "..."},
    {"22007", false, PG_PART_MESSAGE, "invalid value \"xx\" for \"DD\"", "invalid value ..."},
    {"22021", false, PG_PART_MESSAGE, "invalid byte sequence for encoding \"UTF8\": 0xff", "invalid byte sequence for encoding ...: ..."},
    {"22P05", false, PG_PART_MESSAGE, "character with byte sequence 0xe2 0x82 0xac in encoding \"UTF8\" has no equivalent in encoding \"LATIN1\"",
     "character with byte sequence ..."},
    {"P0001", true, PG_PART_MESSAGE, "customer ada@x has no address", "..."},
    {"P0001", true, PG_PART_HINT, "write to ada@x", "..."},
    {"P0004", false, PG_PART_MESSAGE, "ada@x must be paid", "..."},
    {"38000", false, PG_PART_MESSAGE, "ValueError: ada@x", "..."},
    {"XX000", false, PG_PART_MESSAGE, "customer ada@x at line 3.", "..."},
    {"2BP01", false, PG_PART_DETAIL, "view v depends on table a", "view v depends on table a"},
    {"40P01", false, PG_PART_DETAIL, "Process 7 waits for ShareLock on transaction 700; blocked by process 8.",
     "Process 7 waits for ShareLock on transaction 700; blocked by process 8."},
    {"42P01", false, PG_PART_MESSAGE, "relation \"nope\" does not exist", "relation \"nope\" does not exist"},
    {"42883", false, PG_PART_HINT, "No function matches the given name and argument types.",
     "No function matches the given name and argument types."},
    {"55P03", false, PG_PART_MESSAGE, "canceling statement due to lock timeout", "canceling statement due to lock timeout"},
};

static const struct {
	unsigned code;
	const char *sqlstate, *text, *told;
} mariadb[] = {
    {1062, "23000", "Duplicate entry 'Ada' for key 'customers_name'", "Duplicate entry ... for key 'customers_name'"},
    {1062, "23000", "Duplicate entry 'O'Brien' for key 'x' for key 'customers_name'", "Duplicate entry ... for key 'customers_name'"},
    {1062, "23000", "Doppelter Eintrag 'Ada' für Schlüssel 'customers_name'", "..."},
    {1062, "23000", "Duplicate entry 'cut o", "..."},
    {1586, "23000", "Duplicate entry '1-Ada' for key 'PRIMARY'", "Duplicate entry ... for key 'PRIMARY'"},
    {1569, "23000", "ALTER TABLE causes auto_increment resequencing, resulting in duplicate entry '1' for key 'PRIMARY'",
     "ALTER TABLE causes auto_increment resequencing, resulting in duplicate entry ... for key 'PRIMARY'"},
    {1366, "22007", "Incorrect integer value: 'ada@x' for column `shop`.`customers`.`age` at row 1",
     "Incorrect integer value: ... for column `shop`.`customers`.`age` at row 1"},
    {1292, "22007", "Incorrect datetime value: '1815-13-10' for column `shop`.`customers`.`born` at row 7",
     "Incorrect datetime value: ... for column `shop`.`customers`.`born` at row 7"},
    {1292, "22007", "Truncated incorrect INTEGER value: 'R0w'", "Truncated incorrect INTEGER value: ..."},
    {1292, "22007", "Truncated incorrect DOUBLE value: 'ada for column `leak`'", "Truncated incorrect DOUBLE value: ..."},
    {1265, "01000", "Data truncated for column 'age' at row 3", "Data truncated for column 'age' at row 3"},
    {1264, "22003", "Out of range value for column 'age' at row 1", "Out of range value for column 'age' at row 1"},
    {1406, "22001", "Data too long for column 'name' at row 1", "Data too long for column 'name' at row 1"},
    {1411, "HY000", "Incorrect datetime value: 'ada' for function str_to_date", "Incorrect datetime value: ... for function str_to_date"},
    {1300, "HY000", "Invalid utf8mb4 character string: '\\xE4da'", "Invalid utf8mb4 character string: ..."},
    {1367, "22007", "Illegal double '1e999' value found during parsing", "Illegal ... value found during parsing"},
    {1526, "HY000", "Table has no partition for value 1815", "Table has no partition for value ..."},
    {1690, "22003", "BIGINT UNSIGNED value is out of range in '`shop`.`customers`.`age` - 9'", "BIGINT UNSIGNED value is out of range in ..."},
    {1761, "23000", "Foreign key constraint for table 'a', record 'Ada' would lead to a duplicate entry in table 'b', key 'k'",
     "Foreign key constraint for table 'a', record ... would lead to a duplicate entry in table 'b', key 'k'"},
    {1918, "22007", "Encountered illegal value 'Ada' when converting to DOUBLE", "Encountered illegal value ... when converting to DOUBLE"},
    {1977, "HY000", "Cannot convert 'utf8mb4' character 0xE282AC to 'latin1'", "Cannot convert 'utf8mb4' character ..."},
    {1644, "45000", "customer ada@x has no address", "..."},
    {3000, "45001", "customer ada@x has no address", "..."},
    {3001, "22099", "bad 'ada@x' here", "bad ... here"},
    {1452, "23000",
     "Cannot add or update a child row: a foreign key constraint fails (`shop`.`#sql-alter`, CONSTRAINT `c` FOREIGN KEY (`a`) REFERENCES `b` (`i`))",
     "Cannot add or update a child row: a foreign key constraint fails (`shop`.`#sql-alter`, CONSTRAINT `c` FOREIGN KEY (`a`) REFERENCES `b` (`i`))"},
    {1146, "42S02", "Table 'shop.nope' doesn't exist", "Table 'shop.nope' doesn't exist"},
    {1205, "HY000", "Lock wait timeout exceeded; try restarting transaction", "Lock wait timeout exceeded; try restarting transaction"},
};

static void test_postgres(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(postgres); i++) {
		AUTO(buf_done) struct buf told = BUF_INIT;
		row_values_hide_postgres(postgres[i].sqlstate, postgres[i].raised, postgres[i].part, postgres[i].text, &told);
		assert_string_equal(buf_str(&told), postgres[i].told);
	}
}

static void test_mariadb(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(mariadb); i++) {
		AUTO(buf_done) struct buf told = BUF_INIT;
		row_values_hide_mariadb(mariadb[i].code, mariadb[i].sqlstate, mariadb[i].text, &told);
		assert_string_equal(buf_str(&told), mariadb[i].told);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_postgres), cmocka_unit_test(test_mariadb)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
