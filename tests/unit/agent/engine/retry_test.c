/* agent/engine: the retry class of every code that the engines know, and of one that they do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/engine/engine.h"
#include "common/base/str.h"

static const struct {
	const char *engine, *sqlstate;
	int db_errno;
	enum retry_class class;
} cases[] = {
    {"postgresql", "55P03", 0, RETRY_LOCK},
    {"postgresql", "55006", 0, RETRY_IN_USE},
    {"postgresql", "40000", 0, RETRY_TXN},
    {"postgresql", "72000", 0, RETRY_TXN},
    {"postgresql", "01000", 0, RETRY_NEVER}, /* RAISE can give any code */
    {"postgresql", "02000", 0, RETRY_NEVER},
    {"postgresql", "03000", 0, RETRY_NEVER},
    {"postgresql", "09000", 0, RETRY_NEVER},
    {"postgresql", "0B000", 0, RETRY_NEVER},
    {"postgresql", "0F001", 0, RETRY_NEVER},
    {"postgresql", "0LP01", 0, RETRY_NEVER},
    {"postgresql", "0P000", 0, RETRY_NEVER},
    {"postgresql", "0Z002", 0, RETRY_NEVER},
    {"postgresql", "20000", 0, RETRY_NEVER},
    {"postgresql", "24000", 0, RETRY_NEVER},
    {"postgresql", "27000", 0, RETRY_NEVER},
    {"postgresql", "34000", 0, RETRY_NEVER},
    {"postgresql", "38003", 0, RETRY_NEVER},
    {"postgresql", "39P01", 0, RETRY_NEVER},
    {"postgresql", "57000", 0, RETRY_NEVER},
    {"postgresql", "58P02", 0, RETRY_NEVER},
    {"postgresql", "F0000", 0, RETRY_NEVER},
    {"postgresql", "HV00N", 0, RETRY_NEVER},
    {"postgresql", "40001", 0, RETRY_TXN},
    {"postgresql", "40P01", 0, RETRY_TXN},
    {"postgresql", "40003", 0, RETRY_UNKNOWN},
    {"postgresql", "08007", 0, RETRY_UNKNOWN},
    {"postgresql", "08006", 0, RETRY_CONN},
    {"postgresql", "08P01", 0, RETRY_NEVER},
    {"postgresql", "57P01", 0, RETRY_CONN},
    {"postgresql", "57P02", 0, RETRY_CONN},
    {"postgresql", "57P03", 0, RETRY_CONN},
    {"postgresql", "57P05", 0, RETRY_CONN},
    {"postgresql", "25P03", 0, RETRY_CONN},
    {"postgresql", "53300", 0, RETRY_CONN},
    {"postgresql", "25006", 0, RETRY_PRIMARY},
    {"postgresql", "53100", 0, RETRY_RESOURCES},
    {"postgresql", "53200", 0, RETRY_RESOURCES},
    {"postgresql", "53000", 0, RETRY_RESOURCES},
    {"postgresql", "53400", 0, RETRY_RESOURCES},
    {"postgresql", "58030", 0, RETRY_RESOURCES},
    {"postgresql", "58P01", 0, RETRY_HALT},
    {"postgresql", "57P04", 0, RETRY_HALT},
    {"postgresql", "XX000", 0, RETRY_HALT},
    {"postgresql", "XX001", 0, RETRY_HALT},
    {"postgresql", "XX002", 0, RETRY_HALT},
    {"postgresql", "0A000", 0, RETRY_NEVER},
    {"postgresql", "21000", 0, RETRY_NEVER},
    {"postgresql", "22012", 0, RETRY_NEVER},
    {"postgresql", "23505", 0, RETRY_NEVER},
    {"postgresql", "25001", 0, RETRY_NEVER},
    {"postgresql", "25P01", 0, RETRY_NEVER},
    {"postgresql", "26000", 0, RETRY_NEVER},
    {"postgresql", "28P01", 0, RETRY_NEVER},
    {"postgresql", "2BP01", 0, RETRY_NEVER},
    {"postgresql", "2D000", 0, RETRY_NEVER},
    {"postgresql", "2F002", 0, RETRY_NEVER},
    {"postgresql", "3B001", 0, RETRY_NEVER},
    {"postgresql", "3D000", 0, RETRY_NEVER},
    {"postgresql", "3F000", 0, RETRY_NEVER},
    {"postgresql", "40002", 0, RETRY_NEVER},
    {"postgresql", "42601", 0, RETRY_NEVER},
    {"postgresql", "42501", 0, RETRY_NEVER},
    {"postgresql", "44000", 0, RETRY_NEVER},
    {"postgresql", "54001", 0, RETRY_NEVER},
    {"postgresql", "55000", 0, RETRY_NEVER},
    {"postgresql", "55P02", 0, RETRY_NEVER},
    {"postgresql", "55P04", 0, RETRY_NEVER},
    {"postgresql", "57014", 0, RETRY_NEVER},
    {"postgresql", "P0001", 0, RETRY_NEVER},
    {"postgresql", "ZZ999", 0, RETRY_UNCLASSIFIED},
    {"postgresql", "58000", 0, RETRY_UNCLASSIFIED},
    {"mariadb", "", 1205, RETRY_LOCK},
    {"mariadb", "", 1689, RETRY_LOCK},
    {"mariadb", "", 1213, RETRY_TXN},
    {"mariadb", "", 1020, RETRY_TXN},
    {"mariadb", "", 1412, RETRY_TXN},
    {"mariadb", "", 1615, RETRY_TXN},
    {"mariadb", "", 1613, RETRY_TXN},
    {"mariadb", "", 1614, RETRY_TXN},
    {"mariadb", "", 2002, RETRY_CONN},
    {"mariadb", "", 2003, RETRY_CONN},
    {"mariadb", "", 2006, RETRY_CONN},
    {"mariadb", "", 1040, RETRY_CONN},
    {"mariadb", "", 1203, RETRY_CONN},
    {"mariadb", "", 1053, RETRY_CONN},
    {"mariadb", "", 1927, RETRY_CONN},
    {"mariadb", "", 1184, RETRY_CONN},
    {"mariadb", "", 1158, RETRY_CONN},
    {"mariadb", "", 1159, RETRY_CONN},
    {"mariadb", "", 1160, RETRY_CONN},
    {"mariadb", "", 1161, RETRY_CONN},
    {"mariadb", "", 2013, RETRY_UNKNOWN},
    {"mariadb", "", 2055, RETRY_UNKNOWN},
    {"mariadb", "", 1180, RETRY_UNKNOWN},
    {"mariadb", "", 1290, RETRY_PRIMARY},
    {"mariadb", "", 1792, RETRY_PRIMARY},
    {"mariadb", "", 1836, RETRY_PRIMARY},
    {"mariadb", "", 1874, RETRY_PRIMARY},
    {"mariadb", "", 1021, RETRY_RESOURCES},
    {"mariadb", "", 1114, RETRY_RESOURCES},
    {"mariadb", "", 1030, RETRY_RESOURCES},
    {"mariadb", "", 1037, RETRY_RESOURCES},
    {"mariadb", "", 1041, RETRY_RESOURCES},
    {"mariadb", "", 1206, RETRY_RESOURCES},
    {"mariadb", "", 1799, RETRY_RESOURCES},
    {"mariadb", "", 1034, RETRY_HALT},
    {"mariadb", "", 1194, RETRY_HALT},
    {"mariadb", "", 1712, RETRY_HALT},
    {"mariadb", "HY000", 1005, RETRY_NEVER},
    {"mariadb", "HY000", 1007, RETRY_NEVER},
    {"mariadb", "HY000", 1008, RETRY_NEVER},
    {"mariadb", "HY000", 1025, RETRY_NEVER},
    {"mariadb", "HY000", 1130, RETRY_NEVER},
    {"mariadb", "HY000", 1317, RETRY_NEVER},
    {"mariadb", "HY000", 1347, RETRY_NEVER},
    {"mariadb", "HY000", 1101, RETRY_NEVER},
    {"mariadb", "HY000", 1118, RETRY_NEVER},
    {"mariadb", "HY000", 1267, RETRY_NEVER},
    {"mariadb", "HY000", 1364, RETRY_NEVER},
    {"mariadb", "HY000", 1366, RETRY_NEVER},
    {"mariadb", "HY000", 1369, RETRY_NEVER},
    {"mariadb", "HY000", 1418, RETRY_NEVER},
    {"mariadb", "HY000", 1419, RETRY_NEVER},
    {"mariadb", "HY000", 1665, RETRY_NEVER},
    {"mariadb", "HY000", 1697, RETRY_NEVER},
    {"mariadb", "HY000", 1698, RETRY_NEVER},
    {"mariadb", "HY000", 1845, RETRY_NEVER},
    {"mariadb", "HY000", 1846, RETRY_NEVER},
    {"mariadb", "HY000", 1901, RETRY_NEVER},
    {"mariadb", "HY000", 1969, RETRY_NEVER},
    {"mariadb", "HY000", 2005, RETRY_NEVER},
    {"mariadb", "HY000", 2012, RETRY_NEVER},
    {"mariadb", "HY000", 2026, RETRY_NEVER},
    {"mariadb", "HY000", 2027, RETRY_NEVER},
    {"mariadb", "HY000", 4025, RETRY_NEVER},
    {"mariadb", "HY000", 4161, RETRY_NEVER},
    {"mariadb", "01000", 1265, RETRY_NEVER},
    {"mariadb", "08S01", 1153, RETRY_NEVER},
    {"mariadb", "42000", 1064, RETRY_NEVER},
    {"mariadb", "42S01", 1050, RETRY_NEVER},
    {"mariadb", "42S02", 1051, RETRY_NEVER},
    {"mariadb", "42S22", 1054, RETRY_NEVER},
    {"mariadb", "42S21", 1060, RETRY_NEVER},
    {"mariadb", "42000", 1061, RETRY_NEVER},
    {"mariadb", "42000", 1091, RETRY_NEVER},
    {"mariadb", "42S02", 1146, RETRY_NEVER},
    {"mariadb", "42000", 1044, RETRY_NEVER},
    {"mariadb", "28000", 1045, RETRY_NEVER},
    {"mariadb", "42000", 1142, RETRY_NEVER},
    {"mariadb", "42000", 1227, RETRY_NEVER},
    {"mariadb", "23000", 1062, RETRY_NEVER},
    {"mariadb", "23000", 1451, RETRY_NEVER},
    {"mariadb", "23000", 1452, RETRY_NEVER},
    {"mariadb", "22003", 1264, RETRY_NEVER},
    {"mariadb", "22007", 1292, RETRY_NEVER},
    {"mariadb", "22001", 1406, RETRY_NEVER},
    {"mariadb", "42000", 1071, RETRY_NEVER},
    {"mariadb", "42000", 1115, RETRY_NEVER},
    {"mariadb", "21S01", 1136, RETRY_NEVER},
    {"mariadb", "0A000", 1235, RETRY_NEVER},
    {"mariadb", "45000", 1644, RETRY_NEVER},
    {"mariadb", "44000", 1369, RETRY_NEVER},
    {"mariadb", "3D000", 1046, RETRY_NEVER},
    {"mariadb", "HY000", 9999, RETRY_UNCLASSIFIED},
    {"sqlite", "", 5, RETRY_LOCK},
    {"sqlite", "", 261, RETRY_LOCK},
    {"sqlite", "", 517, RETRY_LOCK},
    {"sqlite", "", 773, RETRY_LOCK},
    {"sqlite", "", 6, RETRY_LOCK},
    {"sqlite", "", 15, RETRY_LOCK},
    {"sqlite", "", 17, RETRY_TXN},
    {"sqlite", "", 14, RETRY_CONN},
    {"sqlite", "", 8, RETRY_PRIMARY},
    {"sqlite", "", 13, RETRY_RESOURCES},
    {"sqlite", "", 7, RETRY_RESOURCES},
    {"sqlite", "", 10, RETRY_RESOURCES},
    {"sqlite", "", 11, RETRY_HALT},
    {"sqlite", "", 26, RETRY_HALT},
    {"sqlite", "", 19, RETRY_NEVER},
    {"sqlite", "", 2067, RETRY_NEVER},
    {"sqlite", "", 1, RETRY_NEVER},
    {"sqlite", "", 20, RETRY_NEVER},
    {"sqlite", "", 3, RETRY_NEVER},
    {"sqlite", "", 4, RETRY_NEVER},
    {"sqlite", "", 9, RETRY_NEVER},
    {"sqlite", "", 18, RETRY_NEVER},
    {"sqlite", "", 23, RETRY_NEVER},
    {"sqlite", "", 25, RETRY_NEVER},
    {"sqlite", "", 22, RETRY_NEVER},
    {"sqlite", "", 99, RETRY_UNCLASSIFIED},
};

static void test_every_code(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct engine *en = engine_by_name(cases[i].engine);
		struct err e = {.code = ERR_DB, .db_errno = cases[i].db_errno};
		str_copy(e.sqlstate, sizeof e.sqlstate, cases[i].sqlstate);
		if (en->retry_class(&e) != cases[i].class)
			fail_msg("%s %s%d: class %d instead of %d", cases[i].engine, cases[i].sqlstate, cases[i].db_errno, en->retry_class(&e), cases[i].class);
	}
}

static void test_codes_of_our_own(void **state)
{
	(void)state;
	for (size_t i = 0; engines[i]; i++) {
		struct err e = {.code = ERR_UNKNOWN};
		assert_int_equal(engines[i]->retry_class(&e), RETRY_UNKNOWN);
		e.code = ERR_DB_CONNECT;
		assert_int_equal(engines[i]->retry_class(&e), RETRY_CONN);
		e.code = ERR_TIMEOUT;
		assert_int_equal(engines[i]->retry_class(&e), RETRY_NEVER);
		e.code = ERR_STATE;
		assert_int_equal(engines[i]->retry_class(&e), RETRY_NEVER);
		e.code = ERR_DB; /* without a code of the database */
		assert_int_equal(engines[i]->retry_class(&e), RETRY_NEVER);
	}
	struct err e = {.code = ERR_DB_CONNECT, .db_errno = 2013};
	assert_int_equal(engine_by_name("mariadb")->retry_class(&e), RETRY_CONN);
	struct err login = {.code = ERR_DB_CONNECT, .db_errno = 1045, .sqlstate = "28000"};
	assert_int_equal(engine_by_name("mariadb")->retry_class(&login), RETRY_NEVER);
}

static void test_unique_violations(void **state)
{
	(void)state;
	struct err e = {.code = ERR_DB, .sqlstate = "23505"};
	assert_true(engine_by_name("postgresql")->unique_violation(&e));
	e = (struct err){.code = ERR_DB, .sqlstate = "42P07"};
	assert_true(engine_by_name("postgresql")->unique_violation(&e));
	e = (struct err){.code = ERR_DB, .sqlstate = "23503"};
	assert_false(engine_by_name("postgresql")->unique_violation(&e));
	e = (struct err){.code = ERR_DB, .db_errno = 1062};
	assert_true(engine_by_name("mariadb")->unique_violation(&e));
	e = (struct err){.code = ERR_DB, .db_errno = 2067};
	assert_true(engine_by_name("sqlite")->unique_violation(&e));
	e = (struct err){.code = ERR_DB, .db_errno = 787};
	assert_false(engine_by_name("sqlite")->unique_violation(&e));
}

static void test_engines_by_name_and_dsn(void **state)
{
	(void)state;
	assert_ptr_equal(engine_by_dsn("postgres://h/d"), engine_by_name("postgresql"));
	assert_ptr_equal(engine_by_dsn("mysql://h/d"), engine_by_name("mariadb"));
	assert_ptr_equal(engine_by_dsn("sqlite:/f"), engine_by_name("sqlite"));
	assert_null(engine_by_dsn("oracle://h/d"));
	assert_null(engine_by_dsn("post://h/d"));
	assert_null(engine_by_dsn("/f"));
	assert_null(engine_by_name("mysql"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_code),
	    cmocka_unit_test(test_codes_of_our_own),
	    cmocka_unit_test(test_unique_violations),
	    cmocka_unit_test(test_engines_by_name_and_dsn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
