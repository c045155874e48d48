#include "agent/verify/verify.h"
#include "common/sql/classify.h"
#include "common/base/mem.h"
#include "common/base/str.h"
void sql_classify(enum dialect d, struct bytes s, struct sql_class *r);
void sql_classify(enum dialect d, struct bytes s, struct sql_class *r)
{
	(void)d;
	*r = (struct sql_class){.class = STEP_N, .kind = SQL_DDL};
	char text[512];
	snprintf(text, sizeof text, "%.*s", (int)s.n, (const char *)s.p);
	char a[64] = "", b[64] = "", c[64] = "";
	sscanf(text, "%63s %63s %63s", a, b, c);
	snprintf(r->verb, sizeof r->verb, "%s %s", a, b);
	str_copy(r->object_kind, sizeof r->object_kind, "table");
	str_copy(r->object, sizeof r->object, c);
}
int verify_against_ledger(const struct verified *v, const struct ledger *l, const char *engine, const char **ret_check, struct err *e)
{
	(void)v, (void)l, (void)engine, (void)ret_check, (void)e;
	return 0;
}
