/* The database of the rows MA-.., and what is asked of it. */
#ifndef TESTS_SUPPORT_ROW_MARIADB_H
#define TESTS_SUPPORT_ROW_MARIADB_H

#include "tests/support/row_fixture.h"

#define PREPARE                                                                                                 \
	"CREATE TABLE tick (what varchar(20)); CREATE TABLE item (id int PRIMARY KEY, name varchar(100) NOT NULL);" \
	"INSERT INTO item SELECT seq, md5(seq) FROM seq_1_to_1000"
#define NOTE     "SELECT count(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND COLUMN_NAME = 'note'"
#define ADD_NOTE "ALTER TABLE item ADD COLUMN note varchar(20)"
#define STATES   "SELECT group_concat(state ORDER BY seq) FROM rollcall_ledger"

#endif
