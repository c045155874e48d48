/* See the header. */
#include "tests/support/prepare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/engine/engine.h"
#include "tests/support/servers.h"

static struct server *server;
static struct engine_target target;
static struct conn *c;
static const struct engine *en;
static char *dsn;

int prepare_start(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	assert_int_equal(engines_init(&e), 0);
	server = server_start(DIALECT_MARIADB, false);
	server_create(server, "shop");
	dsn = server_dsn(server, "shop");
	target =
	    (struct engine_target){.id = "eu/my/shop", .dsn = dsn, .connect_timeout_ms = 3000, .lock_timeout_ms = 1000, .statement_timeout_ms = 10000};
	en = engine_by_name("mariadb");
	if (en->open(&target, &c, &e) != 0)
		fail_msg("%s", e.msg);
	return 0;
}

int prepare_stop(void **state)
{
	(void)state;
	en->close(&c);
	free(dsn);
	server_stop(&server);
	engines_done();
	return 0;
}

int prepare(struct bytes sql)
{
	struct err e = ERR_INIT;
	struct engine_param text = {.value = sql};
	if (en->query(c, bytes_of_str("SET @q = ?"), &text, 1, NULL, NULL, &e) != 0)
		fail_msg("%s", e.msg);
	return en->query(c, bytes_of_str("PREPARE s FROM @q"), NULL, 0, NULL, NULL, &e) == 0 ? 0 : e.db_errno;
}
