/* Private PostgreSQL and MariaDB servers for tests written in C: a thin cover over servers.bash, which does the work and whose watchdog removes a server whose test
 * died. Every function fails the running test when it cannot do what it is for: a missing server is a failure, never a skip. Run from the top of the tree. */
#ifndef TESTS_SUPPORT_SERVERS_H
#define TESTS_SUPPORT_SERVERS_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/base/arena.h"
#include "common/sql/dialect.h"

struct server;

struct server *server_start(enum dialect kind, bool password); /* postgresql or mariadb; password: scram or mysql_native_password, else trust */
void server_stop(struct server **s); /* NULL-safe */
/* A MariaDB replica of it, with all databases that are made from here on. The primary is started anew for it. */
struct server *server_replica(struct server *primary);
void server_kill(struct server *s); /* kill -9 */
void server_restart(struct server *s);
const char *server_password(const struct server *s); /* of user "rollcall"; "" when there is none */
int server_port(const struct server *s); /* changes never, also over a restart */
int server_pooler(struct server *s); /* pgbouncer before it: its port */
void server_create(struct server *s, const char *database);
/* "postgresql://rollcall@127.0.0.1:PORT/database"; heap, caller frees. */
char *server_dsn(const struct server *s, const char *database);
/* As the administrator; database NULL: the server's own. Rows as bare text, heap, caller frees. */
char *server_sql(const struct server *s, const char *database, const char *sql);
/* Of its first row. */
const char *server_value(const struct server *s, const char *database, const char *sql, struct arena *a);
void server_load(struct server *s, const char *database, const char *file); /* by the engine's own client, as the administrator */
void server_copy(struct server *s, const char *database, const char *copy); /* by the engine's own dump, into an empty database */
void sqlite_load(const char *file, const char *sql); /* the same for a SQLite file */
void sqlite_copy(const char *file, const char *copy);
/* What a script leaves when the engine's own client runs it as user "rollcall"; heap, NULL when it is refused. PostgreSQL: the answer to `query` before a rollback;
 * MariaDB: the dump of the database, which is emptied first; SQLite: of the file, which is made anew. */
char *server_feed(struct server *s, const char *database, const char *file, const char *query);
char *sqlite_feed(const char *file, const char *sql);
char *server_effect(struct server *s, const char *database); /* MariaDB: the same dump of what is there now */
char *sqlite_effect(const char *file);
void server_empty(struct server *s, const char *database);
/* server_sql in a process of its own, whatever comes of it (the server may die meanwhile): the caller waits for it. */
pid_t server_session(const struct server *s, const char *database, const char *sql);

#endif
