/* MariaDB's own parser as the judge of what is SQL: a private server, and PREPARE, which executes nothing.
 *
 *   cmocka_run_group_tests(tests, prepare_start, prepare_stop) */
#ifndef TESTS_SUPPORT_PREPARE_H
#define TESTS_SUPPORT_PREPARE_H

#include "common/base/bytes.h"

#define PREPARE_NOT_SQL 1064

int prepare_start(void **state);
int prepare_stop(void **state);
/* The server's error number for PREPARE of these bytes; 0 when it takes them. */
int prepare(struct bytes sql);

#endif
