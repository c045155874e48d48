/* See the header. */
#include "tests/support/solo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"

static struct {
	const char *engine;
	struct server *server, *stranger;
	unsigned databases;
} group;

static int start(enum dialect kind, enum dialect other)
{
	struct err e;
	assert_int_equal(engines_init(&e), 0);
	group.engine = dialect_name(kind);
	group.server = server_start(kind, true);
	group.stranger = server_start(other, false);
	return 0;
}

int solo_postgresql_start(void **state)
{
	(void)state;
	return start(DIALECT_POSTGRESQL, DIALECT_MARIADB);
}

int solo_mariadb_start(void **state)
{
	(void)state;
	return start(DIALECT_MARIADB, DIALECT_POSTGRESQL);
}

int solo_stop(void **state)
{
	(void)state;
	server_stop(&group.server);
	server_stop(&group.stranger);
	engines_done();
	return 0;
}

int solo_setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof *f);
	*f = (struct fixture){.server = group.server, .stranger = group.stranger, .en = engine_by_name(group.engine)};
	snprintf(f->database, sizeof f->database, "shop%u", group.databases++);
	server_create(f->server, f->database);
	f->dsn = server_dsn(f->server, f->database);
	f->password = secret_new(server_password(f->server), strlen(server_password(f->server)));
	f->target = (struct engine_target){.id = "eu/solo/shop",
	                                   .dsn = f->dsn,
	                                   .password = f->password,
	                                   .connect_timeout_ms = 3000,
	                                   .lock_timeout_ms = 1000,
	                                   .statement_timeout_ms = 10000};
	*state = f;
	return 0;
}

int solo_teardown(void **state)
{
	struct fixture *f = *state;
	f->en->close(&f->c);
	secret_destroy(&f->password);
	free(f->dsn);
	free(f);
	return 0;
}

void solo_connect(struct fixture *f)
{
	f->en->close(&f->c);
	OK(f->en->open(&f->target, &f->c, &f->e));
}

int solo_run(struct fixture *f, const char *sql)
{
	return f->en->exec(f->c, bytes_of_str(sql), NULL, &f->e);
}

void solo_admin(struct fixture *f, const char *sql)
{
	free(server_sql(f->server, f->database, sql));
}

static int text_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	(void)n, (void)e;
	str_copy(arg, 256, values[0] ? values[0] : "NULL");
	return 0;
}

const char *solo_ask(struct fixture *f, const char *sql)
{
	static char text[256];
	text[0] = '\0';
	OK(f->en->query(f->c, bytes_of_str(sql), NULL, 0, text_row, text, &f->e));
	return text;
}
