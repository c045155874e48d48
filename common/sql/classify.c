/* Classification: the common part. The rules are in classify_<dialect>.c. */
#include "common/sql/classify.h"

#include <ctype.h>
#include <stdio.h>

#include "common/sql/rule.h"

static const char why_unknown[] = "this statement is not known, so it may commit by itself: correct it, or let a person allow it";

/* What no rule knows keeps its first word as its verb. */
static void set_unknown(const struct window *w, struct sql_class *ret)
{
	size_t n = 0;
	bool transactional = w->dialect != DIALECT_MARIADB;
	ret->kind = SQL_OTHER;
	class_set(ret, transactional ? STEP_T : STEP_X, transactional ? NULL : why_unknown);
	for (; w->n && w->t[0].kind == TOKEN_WORD && n < w->t[0].text.n && n + 1 < sizeof ret->verb; n++)
		ret->verb[n] = (char)toupper(w->t[0].text.p[n]);
	ret->verb[n] = '\0';
}

void sql_classify(enum dialect d, struct bytes statement, struct sql_class *ret)
{
	struct window w;
	*ret = (struct sql_class){.kind = SQL_OTHER};
	window_read(&w, d, statement);
	set_unknown(&w, ret);
	switch (d) {
	case DIALECT_POSTGRESQL:
		classify_postgresql(&w, statement, ret);
		break;
	case DIALECT_MARIADB:
		classify_mariadb(&w, statement, ret);
		break;
	case DIALECT_SQLITE:
	case DIALECT_COUNT:
		classify_sqlite(&w, statement, ret);
		break;
	}
}
