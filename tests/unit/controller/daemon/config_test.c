/* controller.yaml: a good one loads with its paths resolved; each mistake names its line and what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/link/curve.h"
#include "controller/daemon/config.h"
#include "tests/support/trust_fixture.h"

#define KEY "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"

struct fixture {
	char dir[64], path[96];
	struct err e;
};

static void put(struct fixture *f, const char *name, struct bytes data)
{
	AUTO(mem_free_ptr) char *path = file_join(f->dir, name);
	assert_int_equal(file_write_atomic(path, data, 0600, &f->e), 0);
}

static void fixture_init(struct fixture *f)
{
	struct trust_fixture t;
	*f = (struct fixture){.dir = "/tmp/rollcall-config-XXXXXX"};
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof f->path, "%s/controller.yaml", f->dir);
	AUTO(mem_free_ptr) char *curve = file_join(f->dir, "controller.curve");
	assert_int_equal(curve_key_generate(curve, &f->e), 0);
	trust_fixture_init(&t);
	t.trust.created_at_us = clock_wall_us() - FIXTURE_HOUR;
	t.trust.expires_at_us = clock_wall_us() + FIXTURE_HOUR;
	trust_fixture_build(&t);
	put(f, "trust.env", t.trust_bytes);
	put(f, "release.env", t.release_bytes);
	AUTO(mem_free_ptr) char *stranger = file_join(f->dir, "stranger.key");
	assert_int_equal(sign_key_save(t.keys[MALLORY], stranger, NULL, &f->e), 0);
	trust_fixture_done(&t);
}

static void fixture_done(struct fixture *f)
{
	assert_int_equal(file_remove_tree(f->dir, &f->e), 0);
}

#define HEAD        "data_dir: data\nlisten: {control: \"tcp://127.0.0.1:1\", blobs: \"tcp://127.0.0.1:2\"}\n"
#define PEERS(more) "data_dir: data\nlisten: {control: \"tcp://127.0.0.1:1\", blobs: \"tcp://127.0.0.1:2\", " more "}\n"
#define CURVE       "curve_key: controller.curve\n"
#define TRUST       "trust: trust.env\n"
#define PEOPLE      "operators:\n"

static void test_good(void **state)
{
	(void)state;
	struct fixture f;
	struct controller_config c = {0};
	fixture_init(&f);
	put(&f, "controller.yaml", bytes_of_str(HEAD CURVE TRUST PEOPLE "  - {name: olga, role: admin, key: \"" KEY "\"}\n"));
	if (controller_config_load(f.path, &c, &f.e) < 0)
		fail_msg("%s", f.e.msg);
	assert_true(str_starts(c.store_path, f.dir));
	assert_true(str_ends(c.store_path, "/data/store.db"));
	assert_string_equal(c.operators[0].curve_key, KEY);
	assert_string_equal(c.trust.fleet, "test");
	controller_config_done(&c);
	fixture_done(&f);
}

static void test_the_peers_side(void **state)
{
	(void)state;
	struct fixture f;
	struct controller_config c = {0};
	fixture_init(&f);
	put(&f, "controller.yaml", bytes_of_str(HEAD CURVE TRUST));
	assert_int_equal(controller_config_load(f.path, &c, &f.e), 0);
	assert_null(c.gateway_socket);
	assert_int_equal(c.max_peers, 0);
	controller_config_done(&c);
	put(&f, "controller.yaml",
	    bytes_of_str(PEERS("gateway: run/gateway.sock, max_peers: 12000, also: [{control: 'tcp://b:1', blobs: 'tcp://b:2'}]") CURVE TRUST));
	assert_int_equal(controller_config_load(f.path, &c, &f.e), 0);
	assert_true(str_starts(c.gateway_socket, f.dir));
	assert_true(str_ends(c.gateway_socket, "/run/gateway.sock"));
	assert_int_equal(c.max_peers, 12000);
	assert_int_equal(c.n_also, 1);
	assert_string_equal(c.also[0].blob_endpoint, "tcp://b:2");
	controller_config_done(&c);
	fixture_done(&f);
}

static void test_mistakes(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message; /* after the file's name; a beginning */
	} cases[] = {
	    {HEAD CURVE TRUST "operater: []\n", ":5: unknown key 'operater': did you mean 'operators'?"},
	    {HEAD CURVE TRUST PEOPLE "  - {name: olga, role: queen, key: x}\n", ":6: operator olga: role \"queen\": give viewer, operator or admin"},
	    {HEAD CURVE TRUST PEOPLE "  - {name: Olga, role: admin, key: x}\n",
	     ":6: operator \"Olga\": a name is 1 to 63 of a-z, 0-9, '.', '_', '-': rename it"},
	    {HEAD CURVE TRUST PEOPLE "  - {name: a, role: admin, key: \"" KEY "\"}\n  - {name: b, role: viewer, key: \"" KEY "\"}\n",
	     ":7: operators a and b have the same name or key: give each person one of their own"},
	    {HEAD CURVE TRUST PEOPLE "  - {name: a, role: admin, key: nobody.pub}\n", ":6: "},
	    {HEAD "curve_key: none.curve\n" TRUST, ":3: "},
	    {HEAD CURVE "trust: none.env\n", ":4: "},
	    {HEAD CURVE "trust: release.env\n", ":4: "},
	    {HEAD TRUST, ":"},
	    {PEERS("also: [{control: 'tcp://b:1', blobs: 'tcp://b:2'}]") CURVE TRUST, ":2: also: each further address is served by a gateway of its own"},
	    {PEERS("max_peers: 0") CURVE TRUST, ":2: max_peers 0: give 1 to 100000"},
	    {PEERS("max_peers: 100001") CURVE TRUST, ":2: max_peers 100001: give 1 to 100000"},
	    {HEAD CURVE TRUST "fresh_interval: 1m\n", ":5: fresh_interval without fresh_key: name the key of role fresh"},
	    {HEAD CURVE TRUST "fresh_key: none.key\n", ":5: "},
	    {HEAD CURVE TRUST "enrol_key: none.key\n", ":5: enrol_key without listen.enrol: agents could not ask it"},
	    {PEERS("enrol: \"tcp://127.0.0.1:3\"") CURVE TRUST "enrol_key: none.key\n", ":5: "},
	    {PEERS("enrol: \"tcp://127.0.0.1:3\"") CURVE TRUST "enrol_key: stranger.key\n", ":5: enrol_key "},
	    {HEAD CURVE TRUST "certificate_lifetime: 30d\n", ":5: certificate_lifetime without enrol_key"},
	    {HEAD CURVE TRUST "fresh_key: k\nfresh_interval: 1ms\n", ":6: fresh_interval '1ms': outside 100ms to 30d"},
	    {HEAD CURVE TRUST "fresh_key: k\nfresh_interval: soon\n", ":6: fresh_interval"},
	    {HEAD CURVE TRUST "fresh_key: k\nfresh_interval: 4h\n", ":6: fresh_lifetime is less than twice fresh_interval"},
	    {HEAD CURVE TRUST "fresh_key: k\nfresh_lifetime: 15m\n", ":6: fresh_lifetime is less than twice fresh_interval"},
	};
	struct fixture f;
	fixture_init(&f);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct controller_config c = {0};
		put(&f, "controller.yaml", bytes_of_str(cases[i].text));
		assert_int_equal(controller_config_load(f.path, &c, &f.e), -1);
		assert_true(str_starts(f.e.msg, f.path));
		if (!str_starts(f.e.msg + strlen(f.path), cases[i].message))
			fail_msg("%s", f.e.msg);
		assert_null(c.arena);
	}
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_the_peers_side), cmocka_unit_test(test_mistakes)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
