/* ALGORITHM and LOCK of MariaDB's DDL: what a statement may cost its table at most. Without them the server takes the cheapest way that there is, and where there is no other it copies
 * the whole table, with writers locked out; with them it refuses (errors 1845 and 1846). By lexing alone, no database.
 *
 *   ALTER TABLE t ADD COLUMN a int     -->   ALTER TABLE t ADD COLUMN a int, ALGORITHM=NOCOPY, LOCK=NONE
 *   CREATE INDEX i ON t (a)            -->   CREATE INDEX i ON t (a) ALGORITHM=NOCOPY LOCK=NONE
 *
 * Sources: MariaDB manual, "ALTER TABLE", "CREATE INDEX", "DROP INDEX" (which takes neither). */
#ifndef COMMON_SQL_ONLINE_H
#define COMMON_SQL_ONLINE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/bytes.h"

struct sql_online { /* words of the lists below; NULL: nothing is said */
	const char *algorithm, *lock;
};

/* As the server writes them, NULL at the end: the algorithms from the cheapest, each allows those before it too; the locks from the least. */
extern const char *const sql_algorithms[], *const sql_locks[];
/* The word of the list, case ignored; NULL when it is none of it. */
const char *sql_online_word(const char *const *words, const char *text);

enum sql_online_state {
	SQL_ONLINE_CANNOT, /* the grammar has no place for them: partitions, tablespaces, DROP INDEX, and whatever is no ALTER TABLE or CREATE INDEX */
	SQL_ONLINE_SAYS, /* it says ALGORITHM or LOCK, or ALTER ONLINE */
	SQL_ONLINE_LACKS
};
enum sql_online_state sql_online_state(struct bytes statement);

/* The statement with what `o` says, in ret. False, and nothing is in ret, when it is left as it is: it says one of the two itself, cannot, or o is empty; also where no place for them is seen
 * (ORDER BY, whose list takes up what follows it). LOCK is not written where the table gets another name, which the server does under an exclusive lock alone. */
bool sql_online_write(struct bytes statement, const struct sql_online *o, struct buf *ret);

#endif
