/* agent.yaml: a good file says what it says; each mistake is told with its line and what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/daemon/config.h"
#include "agent/keyset/keys.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/wire/documents.h"
#include "tests/support/agent_fixture.h"

#define KEY "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"

static const char good[] = "name: eu-1\n"
                           "site: eu\n"
                           "data_dir: data\n"
                           "controller:\n"
                           "  endpoint: tcp://10.0.0.1:7101\n"
                           "  blobs: tcp://10.0.0.1:7110\n"
                           "  keys: ['" KEY "']\n"
                           "keys: {curve: curve.key, report: report.key}\n"
                           "trust: trust.env\n"
                           "certificate: eu-1.cert\n"
                           "limits:\n"
                           "  max_parallel: 8\n"
                           "  lock_timeout: 2s\n"
                           "targets:\n"
                           "  - id: eu/files/one\n"
                           "    dsn: sqlite:one.db\n"
                           "    labels: {environment: production, ring: canary}\n"
                           "  - id: eu/files/two\n"
                           "    dsn: sqlite:/var/lib/two.db\n"
                           "    user: rollcall\n"
                           "    password: {file: two.pass}\n"
                           "    labels:\n"
                           "      environment: staging\n";

static struct agent_fixture f;

static int setup(void **state)
{
	(void)state;
	agent_fixture_init(&f);
	agent_fixture_write(&f);
	agent_fixture_file(&f, "two.pass", "s3cret\nrest\n", 0600);
	agent_fixture_file(&f, "agent.yaml", good, 0644);
	return chdir(f.dir); /* so that messages hold short names */
}

static int teardown(void **state)
{
	(void)state;
	int rc = chdir("/");
	agent_fixture_done(&f);
	return rc;
}

/* The good file with `from` replaced, and its complaint. */
static void expect(const char *from, const char *to, const char *message)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	struct agent_config c;
	struct err e = ERR_INIT;
	const char *at = strstr(good, from);
	assert_non_null(at);
	buf_add(&text, good, (size_t)(at - good));
	buf_adds(&text, to);
	buf_adds(&text, at + strlen(from));
	agent_fixture_file(&f, "agent.yaml", text.p, 0644);
	assert_int_equal(agent_config_load("agent.yaml", &c, &e), -1);
	assert_string_equal(e.msg, message);
}

static void test_good_file(void **state)
{
	(void)state;
	AUTO(agent_config_done) struct agent_config c = {0};
	AUTO(secret_destroy) struct secret *password = NULL;
	struct err e = ERR_INIT;
	if (agent_config_load("agent.yaml", &c, &e) != 0)
		fail_msg("%s", e.msg);
	assert_string_equal(c.name, "eu-1");
	assert_string_equal(c.data_dir, "./data");
	assert_string_equal(c.controller_keys[0], KEY);
	assert_int_equal(c.max_parallel, 8);
	assert_int_equal(c.fingerprint, FINGERPRINT_OFF);
	assert_int_equal(c.max_parallel_per_instance, 2);
	assert_int_equal(c.retry_budget_ms, 20 * 60 * 1000);
	assert_int_equal(c.n_targets, 2);
	assert_string_equal(c.targets[0].connect.dsn, "sqlite:./one.db");
	assert_string_equal(c.targets[1].connect.dsn, "sqlite:/var/lib/two.db");
	assert_int_equal(c.targets[0].connect.lock_timeout_ms, 1000);
	assert_int_equal(c.targets[0].connect.lock_timeout_max_ms, 2000);
	assert_int_equal(c.targets[0].connect.statement_timeout_ms, 30 * 60 * 1000);
	assert_string_equal(c.targets[0].environment, "production");
	assert_string_equal(target_label(&c.targets[0].target, "ring"), "canary");
	assert_ptr_equal(agent_config_target(&c, "eu/files/two"), &c.targets[1]);
	assert_null(agent_config_target(&c, "eu/files/three"));
	assert_int_equal(agent_config_password(&c.targets[0], &password, &e), 0);
	assert_null(password);
	assert_int_equal(agent_config_password(&c.targets[1], &password, &e), 0);
	assert_string_equal(secret_reveal(password), "s3cret");
}

static void test_batch_limits(void **state)
{
	(void)state;
	AUTO(agent_config_done) struct agent_config c = {0};
	struct err e = ERR_INIT;
	const char *at = strstr(good, "  lock_timeout");
	AUTO(buf_done) struct buf text = BUF_INIT;
	buf_add(&text, good, (size_t)(at - good));
	buf_addf(&text, "  max_batch: 500\n  min_batch_pause: 20ms\n  batch_hold_file: hold\n%s", at);
	agent_fixture_file(&f, "agent.yaml", text.p, 0644);
	if (agent_config_load("agent.yaml", &c, &e) != 0)
		fail_msg("%s", e.msg);
	assert_int_equal(c.limits.max_batch, 500);
	assert_int_equal(c.limits.min_pause_ms, 20);
	assert_string_equal(c.limits.batch_hold_file, "./hold");
}

static void test_further_addresses(void **state)
{
	(void)state;
	AUTO(agent_config_done) struct agent_config c = {0};
	struct err e = ERR_INIT;
	const char *at = strstr(good, "  blobs:");
	AUTO(buf_done) struct buf text = BUF_INIT;
	buf_add(&text, good, (size_t)(at - good));
	buf_addf(&text, "  also:\n    - {endpoint: 'tcp://b:7101', blobs: 'tcp://b:7110'}\n    - {endpoint: 'tcp://c:7101', blobs: 'tcp://c:7110'}\n%s",
	         at);
	agent_fixture_file(&f, "agent.yaml", text.p, 0644);
	if (agent_config_load("agent.yaml", &c, &e) != 0)
		fail_msg("%s", e.msg);
	assert_int_equal(c.n_also, 2);
	assert_string_equal(c.controller_also[0], "tcp://b:7101");
	assert_string_equal(c.blobs_also[1], "tcp://c:7110");
}

static void test_replicas(void **state)
{
	(void)state;
	static const char *const lists[] = {"", "    lag_from: []\n", "    lag_from: ['mariadb://db2:3307', 'mariadb://lag@db3']\n"};
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		AUTO(agent_config_done) struct agent_config c = {0};
		AUTO(buf_done) struct buf text = BUF_INIT;
		struct err e = ERR_INIT;
		const char *at = strstr(good, "    dsn: sqlite:one.db\n"), *behind = strchr(at, '\n') + 1;
		buf_add(&text, good, (size_t)(at - good));
		buf_addf(&text, "    dsn: mariadb://db1/one\n%s%s", lists[i], behind);
		agent_fixture_file(&f, "agent.yaml", text.p, 0644);
		if (agent_config_load("agent.yaml", &c, &e) != 0)
			fail_msg("%s", e.msg);
		const char *const *from = c.targets[0].connect.lag_from;
		assert_true(i == 0 ? !from : i == 1 ? from && !from[0] : from && str_eq(from[0], "mariadb://db2:3307") && !from[2]);
		assert_null(c.targets[1].connect.lag_from);
	}
}

static void test_each_mistake_has_its_line(void **state)
{
	(void)state;
	static const struct {
		const char *from, *to, *message;
	} cases[] = {
	    {"one.db\n", "one.db\n    lag_from: ['sqlite:two.db']\n",
	     "agent.yaml:17: target eu/files/one: lag_from: this engine has no replicas: take it out"},
	    {"sqlite:one.db\n", "postgresql://db1/one\n    lag_from: ['postgresql://db2']\n",
	     "agent.yaml:17: target eu/files/one: lag_from: a primary of this engine knows its replicas itself: take it out"},
	    {"sqlite:one.db\n", "mariadb://db1/one\n    lag_from: db2\n",
	     "agent.yaml:17: lag_from: not a list of at most 16: write 'lag_from: [mariadb://HOST:PORT]'"},
	    {"sqlite:one.db\n", "mariadb://db1/one\n    lag_from: [db2]\n",
	     "agent.yaml:17: target eu/files/one: lag_from 'db2': not of the target's engine: write mariadb://HOST:PORT"},
	    {"sqlite:one.db\n", "mariadb://db1/one\n    lag_from: ['mariadb://root:secret@db2']\n",
	     "agent.yaml:17: target eu/files/one: a password stands in lag_from: replicas are asked with the target's own"},
	    {"site: eu\n", "site: eu\nsite_name: x\n", "agent.yaml:3: unknown key 'site_name': remove it"},
	    {"  lock_timeout", "  lock_timout", "agent.yaml:13: unknown key 'lock_timout': did you mean 'lock_timeout'?"},
	    {"certificate: eu-1.cert\n", "", "agent.yaml:14: key 'certificate' is missing: add it"},
	    {"name: eu-1", "name: EU 1", "agent.yaml:1: name 'EU 1': use lower-case letters, digits, '.', '_' and '-', 63 at most"},
	    {"tcp://10.0.0.1:7101", "10.0.0.1:7101", "agent.yaml:5: endpoint '10.0.0.1:7101': not an address: write tcp://HOST:PORT"},
	    {"  blobs:", "  enrol: controller\n  blobs:", "agent.yaml:6: enrol 'controller': not an address: write tcp://HOST:PORT"},
	    {"  blobs:", "  also: [{endpoint: 'b:7101', blobs: 'tcp://b:7110'}]\n  blobs:",
	     "agent.yaml:6: also 'b:7101': not an address: write tcp://HOST:PORT"},
	    {"tcp://10.0.0.1:7110", "tcp://10.0.0.1:0", "agent.yaml:6: blobs 'tcp://10.0.0.1:0': not an address: write tcp://HOST:PORT"},
	    {"'" KEY "'", "short",
	     "agent.yaml:7: controller key: neither a CURVE public key (40 characters of Z85) nor a file that holds one: ./short: there is no such file: "
	     "correct the path, or make it first"},
	    {"curve: curve.key", "curve: none.key",
	     "agent.yaml:8: keys.curve: CURVE key: ./none.key: there is no such file: correct the path, or make it first"},
	    {"  lock_timeout: 2s", "  lock_timeout: 2",
	     "agent.yaml:13: lock_timeout: '2' is not a duration: write a number and a unit, such as 250ms, 5s, 15m, 2h or 7d"},
	    {"  lock_timeout: 2s", "  lock_timeout: 0s", "agent.yaml:13: lock_timeout '0s': outside 10ms to 24h"},
	    {"max_parallel: 8", "max_batch: 2000000", "agent.yaml:12: max_batch 2000000: outside 1 to 1000000"},
	    {"  lock_timeout: 2s", "  min_batch_pause: 2",
	     "agent.yaml:13: min_batch_pause: '2' is not a duration: write a number and a unit, such as 250ms, "
	     "5s, 15m, 2h or 7d"},
	    {"dsn: sqlite:one.db", "dsn: sqlite:one.db\n    discover: 't_*'",
	     "agent.yaml:17: discover: the id 'eu/files/one' has to hold either {database} or {schema}"},
	    {"id: eu/files/one", "id: 'eu/files/{database}'\n    discover: '*'",
	     "agent.yaml:16: discover: the dsn has to hold {database} too, where the name belongs"},
	    {"id: eu/files/one", "id: 'eu/files/one/{schema}'\n    discover: '*'", "agent.yaml:16: discover: sqlite has no schemas"},
	    {"dsn: sqlite:one.db", "dsn: sqlite:one.db\n    except: 't_*'", "agent.yaml:17: target eu/files/one: except and look_in go with discover"},
	    {"trust: trust.env\n", "look_every: 10ms\ntrust: trust.env\n",
	     "agent.yaml:9: look_every '10ms': outside 1s to 24h: give a time between, or off"},
	    {"trust: trust.env\n", "row_values: some\ntrust: trust.env\n", "agent.yaml:9: row_values 'some': use tell or hide"},
	    {"trust: trust.env\n", "superuser: perhaps\ntrust: trust.env\n", "agent.yaml:9: superuser 'perhaps': use allow or refuse"},
	    {"trust: trust.env\n", "fingerprint: maybe\ntrust: trust.env\n", "agent.yaml:9: fingerprint 'maybe': use always, changed or off"},
	    {"trust: trust.env\n", "orphan: kill\ntrust: trust.env\n",
	     "agent.yaml:9: orphan 'kill': write wait, or cancel-after and a time up to 24h, such as 'cancel-after 10m'"},
	    {"trust: trust.env\n", "orphan: cancel-after 0s\ntrust: trust.env\n",
	     "agent.yaml:9: orphan 'cancel-after 0s': write wait, or cancel-after and a time up to 24h, such as 'cancel-after 10m'"},
	    {"max_parallel: 8", "max_parallel: 8000", "agent.yaml:12: max_parallel 8000: outside 1 to 1000"},
	    {"id: eu/files/one", "id: eu/one",
	     "agent.yaml:15: id 'eu/one': not a target id: write SITE/INSTANCE/DATABASE, or one more part for a schema, each 1 to 63 of a-z 0-9 . _ - "
	     "(from DATABASE on A-Z too)"},
	    {"id: eu/files/one", "id: us/files/one", "agent.yaml:15: id 'us/files/one': it is of another site than this agent (eu): write eu/..."},
	    {"id: eu/files/two", "id: eu/files/one", "agent.yaml:18: id 'eu/files/one' stands twice: keep one"},
	    {"dsn: sqlite:one.db", "dsn: postgresql://bob:hunter2@db/one",
	     "agent.yaml:16: target eu/files/one: a password stands in the dsn: move it to a file of mode 0600 and write 'password: {file: FILE}'"},
	    {"dsn: sqlite:one.db", "dsn: 'postgresql://db/one?sslmode=require&password=hunter2'",
	     "agent.yaml:16: target eu/files/one: a password stands in the dsn: move it to a file of mode 0600 and write 'password: {file: FILE}'"},
	    {"{environment: production, ring: canary}", "{ring: canary}",
	     "agent.yaml:17: target eu/files/one: label 'environment' is missing: approvals are checked against it; write 'labels: {environment: NAME}'"},
	    {"{environment: production, ring: canary}", "{environment: production, ring: {a: b}}",
	     "agent.yaml:17: labels: each is one key and one text: write 'ring: canary'"},
	    {"{environment: production, ring: canary}", "{environment: production, environment: dev}",
	     "agent.yaml:17: label 'environment' stands twice: keep one"},
	    {"{environment: production, ring: canary}", "[environment]",
	     "agent.yaml:17: labels: not a mapping: write 'labels: {environment: production}'"},
	    {"{file: two.pass}", "{file: two.pass, credential: db}",
	     "agent.yaml:21: password: 2 sources: give one of file, command, credential, option_file"},
	    {"{file: two.pass}", "{credential: ../etc}", "agent.yaml:21: password: credential '../etc': not the name of a systemd credential"},
	    {"{file: two.pass}", "{file: none.pass}", "agent.yaml:21: password: ./none.pass: there is no such file: correct the path, or make it first"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		expect(cases[i].from, cases[i].to, cases[i].message);
}

static void test_unknown_scheme_names_the_known_ones(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf expected = BUF_INIT;
	buf_adds(&expected, "agent.yaml:16: target eu/files/one: dsn 'oracle://db/one': unknown scheme: use one of ");
	for (size_t i = 0, n = 0; engines[i]; i++)
		for (const char *const *s = engines[i]->schemes; *s; s++)
			buf_addf(&expected, "%s%s", n++ ? ", " : "", *s);
	expect("dsn: sqlite:one.db", "dsn: oracle://db/one", expected.p);
}

static void test_open_files_are_refused(void **state)
{
	(void)state;
	assert_int_equal(chmod("two.pass", 0644), 0);
	expect("max_parallel: 8", "max_parallel: 7", "agent.yaml:21: password: ./two.pass: mode 0644 lets others read it: run 'chmod 600 ./two.pass'");
	assert_int_equal(chmod("two.pass", 0600), 0);
	assert_int_equal(chmod("curve.key", 0640), 0);
	expect("max_parallel: 8", "max_parallel: 7",
	       "agent.yaml:8: keys.curve: CURVE key: ./curve.key: mode 0640 lets others read it: run 'chmod 600 ./curve.key'");
}

static void test_certificate_must_be_ours(void **state)
{
	(void)state;
	static const char *only_one[] = {"eu/files/one"};
	const char *message;
	f.certificate.agent = "eu-2";
	agent_fixture_write(&f);
	expect("max_parallel: 8", "max_parallel: 7", "agent.yaml:10: certificate: it is agent eu-2's, and this agent is eu-1: have one made for eu-1");
	f.certificate.agent = "eu-1";
	f.certificate.site = "us";
	agent_fixture_write(&f);
	message = "agent.yaml:10: certificate: it is for site us, and this agent is at eu: correct site, or have another one made";
	expect("max_parallel: 8", "max_parallel: 7", message);
	f.certificate.site = "eu";
	f.certificate.curve_key = KEY;
	agent_fixture_write(&f);
	message = "agent.yaml:10: certificate: it was made for another CURVE key than keys.curve: have one made from this agent's request";
	expect("max_parallel: 8", "max_parallel: 7", message);
	f.certificate.curve_key = f.curve_key;
	f.certificate.targets = only_one;
	agent_fixture_write(&f);
	message = "agent.yaml:18: target eu/files/two: the certificate does not cover it: remove it here, or have a certificate made that does";
	expect("max_parallel: 8", "max_parallel: 7", message);
	f.certificate.report_key[0] ^= 1;
	agent_fixture_write(&f);
	message = "agent.yaml:10: certificate: it was made for another report key than keys.report: have one made from this agent's request";
	expect("max_parallel: 8", "max_parallel: 7", message);
}

/* It is loaded, because it can still be renewed; whoever is to serve with it asks for the dates. */
static void test_expired_certificate(void **state)
{
	(void)state;
	AUTO(agent_config_done) struct agent_config c = {0};
	struct err e = ERR_INIT;
	char at[CLOCK_TEXT_SIZE], message[256];
	f.certificate.not_after_us = clock_wall_us() - 1000000;
	agent_fixture_write(&f);
	int rc = agent_config_load("agent.yaml", &c, &e);
	assert_string_equal(e.msg, "");
	assert_int_equal(rc, 0);
	assert_int_equal(agent_config_check_dates(&c, &e), -1);
	snprintf(message, sizeof message, "./eu-1.cert: the certificate expired at %s: type rollcall-agent renew --config agent.yaml",
	         clock_text(f.certificate.not_after_us, at));
	assert_string_equal(e.msg, message);
}

/* New keys in data/keys, with a certificate from this time on. */
static void renew(int64_t not_before_us)
{
	AUTO(arena_destroy) struct arena *a = arena_new((size_t)16 * 1024 * 1024);
	AUTO(agent_keys_done) struct agent_keys keys = {.report = NULL};
	AUTO(buf_done) struct buf payload = BUF_INIT;
	struct keyset k;
	struct err e = ERR_INIT;
	struct certificate c = f.certificate;
	assert_int_equal(keyset_begin("./data", INT64_MAX, clock_wall_us(), a, &k, &e), 0);
	assert_int_equal(agent_keys_make(k.curve_key_file, k.report_key_file, &keys, &e), 0);
	sign_key_public(keys.report, c.report_key);
	c.curve_key = keys.curve.public_text;
	c.serial = "8";
	c.not_before_us = not_before_us;
	certificate_encode(&c, &payload);
	assert_int_equal(keyset_certify(&k, trust_fixture_sign(&f.signed_by, TYPE_CERTIFICATE, buf_bytes(&payload), ERIN), &e), 0);
}

static void expect_serial(const char *serial, const char *certificate_file)
{
	AUTO(agent_config_done) struct agent_config c = {0};
	struct err e = ERR_INIT;
	uint8_t report_key[SIGN_PUBLIC_SIZE];
	int rc = agent_config_load("agent.yaml", &c, &e);
	assert_string_equal(e.msg, "");
	assert_int_equal(rc, 0);
	assert_string_equal(c.cert.serial, serial);
	sign_key_public(c.report_key, report_key);
	assert_memory_equal(c.cert.report_key, report_key, sizeof report_key);
	assert_non_null(strstr(c.certificate_file, certificate_file));
}

static void test_the_newest_keys_count(void **state)
{
	(void)state;
	renew(f.certificate.not_before_us - 1); /* somebody has put newer ones beside agent.yaml since */
	expect_serial("7", "eu-1.cert");
	renew(f.certificate.not_before_us + 1);
	expect_serial("8", "data/keys/");
	agent_fixture_file(&f, "curve.key", "gone", 0600); /* those of agent.yaml do not matter any more */
	agent_fixture_file(&f, "eu-1.cert", "gone", 0644);
	expect_serial("8", "data/keys/");
}

static void test_trust_must_hold(void **state)
{
	(void)state;
	f.signed_by.n_trust_signers = 1;
	agent_fixture_write(&f);
	expect("max_parallel: 8", "max_parallel: 7",
	       "agent.yaml:9: trust: trust: 1 of 2 signatures (root): signed by root-1; have one of root-2, root-3 sign it");
	f.signed_by.n_trust_signers = 2;
	agent_fixture_write(&f);
}

/* One that has expired still leads to its successors, which the controller brings; nothing runs under it (C3). */
static void test_expired_trust_is_loaded(void **state)
{
	(void)state;
	AUTO(agent_config_done) struct agent_config c = {0};
	struct err e = ERR_INIT;
	f.signed_by.trust.expires_at_us = clock_wall_us() - 1000000;
	agent_fixture_write(&f);
	int rc = agent_config_load("agent.yaml", &c, &e);
	assert_string_equal(e.msg, "");
	assert_int_equal(rc, 0);
}

static void test_controller_key_must_be_listed(void **state)
{
	(void)state;
	static const char *listed[1];
	listed[0] = f.curve_key;
	f.signed_by.trust.controller_keys = listed;
	f.signed_by.trust.n_controller_keys = 1;
	agent_fixture_write(&f);
	expect("max_parallel: 8", "max_parallel: 7",
	       "agent.yaml:7: controller key " KEY " is not among those of the trust document: take one that is listed there");
}

static int load_password(const char *command, struct secret **ret, struct err *e)
{
	AUTO(agent_config_done) struct agent_config c = {0};
	AUTO(buf_done) struct buf text = BUF_INIT;
	const char *at = strstr(good, "{file: two.pass}");
	buf_add(&text, good, (size_t)(at - good));
	buf_addf(&text, "{command: %s}%s", command, at + strlen("{file: two.pass}"));
	agent_fixture_file(&f, "agent.yaml", text.p, 0644);
	if (agent_config_load("agent.yaml", &c, e) != 0)
		return -1;
	return agent_config_password(&c.targets[1], ret, e);
}

static void test_password_command(void **state)
{
	(void)state;
	AUTO(secret_destroy) struct secret *s = NULL;
	struct err e = ERR_INIT;
	assert_int_equal(load_password("[printf, 'a b\\nrest']", &s, &e), 0);
	assert_string_equal(secret_reveal(s), "a b");
	assert_int_equal(load_password("['false']", &s, &e), -1);
	assert_string_equal(e.msg, "target eu/files/two: password command false: ended with status 1: run it by hand as the agent's user");
	assert_int_equal(load_password("[/no/such/program]", &s, &e), -1);
	assert_string_equal(e.msg, "target eu/files/two: password command /no/such/program: No such file or directory");
	assert_int_equal(load_password("[yes]", &s, &e), -1);
	assert_string_equal(e.msg, "target eu/files/two: password command yes: more than 65536 bytes of output");
}

int main(void)
{
#define CASE(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_good_file),
	    CASE(test_batch_limits),
	    CASE(test_further_addresses),
	    CASE(test_replicas),
	    CASE(test_each_mistake_has_its_line),
	    CASE(test_unknown_scheme_names_the_known_ones),
	    CASE(test_open_files_are_refused),
	    CASE(test_certificate_must_be_ours),
	    CASE(test_expired_certificate),
	    CASE(test_the_newest_keys_count),
	    CASE(test_trust_must_hold),
	    CASE(test_expired_trust_is_loaded),
	    CASE(test_controller_key_must_be_listed),
	    CASE(test_password_command),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
