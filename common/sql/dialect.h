/* Engine names and SQL dialects: the one list. */
#ifndef COMMON_SQL_DIALECT_H
#define COMMON_SQL_DIALECT_H

#include <stdbool.h>

enum dialect { DIALECT_POSTGRESQL, DIALECT_MARIADB, DIALECT_SQLITE, DIALECT_COUNT };

const char *dialect_name(enum dialect d); /* "postgresql", "mariadb", "sqlite": also the engine's name everywhere */
/* Our names, and what Liquibase's dbms attribute and other tools call them: postgres, pg, mysql (as mariadb), sqlite3. Case ignored. */
bool dialect_parse(const char *s, enum dialect *ret);

#endif
