/* Targets that appear by themselves, from files: what fits, what is left out, what cannot be a target; and one that is named before it was found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "agent/daemon/discover.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/wire/limits.h"

static char dir[64];
static struct agent_config config;
static struct agent_pattern pattern;
static const char *covered[] = {"eu/lite/tenant_*", "eu/lite/odd*"};

static void make_file(const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s.db", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/rollcall-discover-XXXXXX");
	assert_non_null(mkdtemp(dir));
	static const char *const files[] = {"tenant_a", "tenant_b", "tenant_template", "other", "odd name"};
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		make_file(files[i]);
	config =
	    (struct agent_config){.arena = arena_new((size_t)8 * 1024 * 1024), .covered = covered, .n_covered = 2, .patterns = &pattern, .n_patterns = 1};
	config.targets = arena_alloc(config.arena, LIMIT_TARGETS_PER_AGENT * sizeof *config.targets);
	pattern = (struct agent_pattern){.names = "*", .except = "*template", .base = {.environment = "production"}};
	pattern.base.target = (struct target){.id = "eu/lite/{database}", .engine = "sqlite"};
	pattern.base.connect.dsn = arena_printf(config.arena, "sqlite:%s/{database}.db", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	arena_destroy(&config.arena);
	return file_remove_tree(dir, &e);
}

static void test_files_that_fit(void **state)
{
	(void)state;
	discover_all(&config);
	assert_int_equal(config.n_targets, 2); /* other is not covered by the certificate, "odd name" cannot be in an id */
	const struct agent_target *a = agent_config_target(&config, "eu/lite/tenant_a");
	assert_non_null(a);
	assert_string_equal(a->connect.dsn, arena_printf(config.arena, "sqlite:%s/tenant_a.db", dir));
	assert_string_equal(a->connect.id, "eu/lite/tenant_a");
	assert_string_equal(a->environment, "production");
	make_file("tenant_c");
	discover_all(&config);
	assert_int_equal(config.n_targets, 3);
	assert_ptr_equal(agent_config_target(&config, "eu/lite/tenant_a"), a); /* deliveries point to it */
}

static void test_what_cannot_be_a_target(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	bool is_new = true;
	assert_int_equal(discover_add(&config, 0, "odd name", &is_new, &e), -1);
	assert_string_equal(e.msg, "'odd name' cannot be a part of a target's id: rename it, or leave it out with except");
	assert_int_equal(discover_add(&config, 0, "other", &is_new, &e), -1);
	assert_string_equal(e.msg, "the certificate does not cover eu/lite/other: have one made that does");
	assert_false(is_new);
	assert_int_equal(discover_add(&config, 0, "tenant_a", &is_new, &e), 0);
	assert_true(is_new);
	assert_int_equal(discover_add(&config, 0, "tenant_a", &is_new, &e), 0);
	assert_false(is_new);
	config.n_targets = LIMIT_TARGETS_PER_AGENT;
	assert_int_equal(discover_add(&config, 0, "tenant_x", &is_new, &e), -1);
	config.n_targets = 1;
}

/* A task of before the restart, whose database cannot be seen just now. */
static void test_named_before_it_was_found(void **state)
{
	(void)state;
	const struct agent_target *t = discover_id(&config, "eu/lite/tenant_late");
	assert_non_null(t);
	assert_int_equal(t->pattern, 1);
	assert_null(discover_id(&config, "eu/lite/tenant_template"));
	assert_null(discover_id(&config, "eu/pg/tenant_a"));
	assert_null(discover_id(&config, "eu/lite/"));
	assert_null(discover_id(&config, "eu/lite/tenant_a/b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_files_that_fit, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_what_cannot_be_a_target, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_named_before_it_was_found, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
