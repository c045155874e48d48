/* Does a text of SQL say the same as what MariaDB keeps of it? The server writes expressions and views anew: it qualifies and quotes names, puts parentheses, gives every column of a view a
 * name, and has words of its own for some. Both are read word by word; those additions are passed over, and anything else that differs is a difference. So "no" may be said of two texts that
 * mean the same, and never "yes" of two that do not.
 *
 *   a + 1, t.b AS c FROM t        `t`.`a` + 1 AS `a + 1`,`t`.`b` AS `c` from `t`        the same */
#ifndef COMMON_SQL_SAME_H
#define COMMON_SQL_SAME_H

#include <stdbool.h>

#include "common/base/bytes.h"

bool sql_same(struct bytes said, struct bytes shown);

/* The same for a view's query whose columns are listed in front, "a, b" of CREATE VIEW v (a, b): they are the names in `shown`. columns.n 0: no list. */
bool sql_same_query(struct bytes said, struct bytes columns, struct bytes shown);

#endif
