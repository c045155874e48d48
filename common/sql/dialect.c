/* Engine names and what other tools call them. */
#include "common/sql/dialect.h"

#include "common/base/mem.h"
#include "common/base/str.h"

static const char *const names[DIALECT_COUNT] = {
    [DIALECT_POSTGRESQL] = "postgresql",
    [DIALECT_MARIADB] = "mariadb",
    [DIALECT_SQLITE] = "sqlite",
};

static const struct {
	const char *alias;
	enum dialect dialect;
} aliases[] = {
    {"postgres", DIALECT_POSTGRESQL}, {"pg", DIALECT_POSTGRESQL},  {"pgsql", DIALECT_POSTGRESQL},
    {"mysql", DIALECT_MARIADB},       {"sqlite3", DIALECT_SQLITE},
};

const char *dialect_name(enum dialect d)
{
	return names[d];
}

bool dialect_parse(const char *s, enum dialect *ret)
{
	for (int d = 0; d < DIALECT_COUNT; d++) {
		if (str_ieq(s, names[d])) {
			*ret = (enum dialect)d;
			return true;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
		if (str_ieq(s, aliases[i].alias)) {
			*ret = aliases[i].dialect;
			return true;
		}
	}
	return false;
}
