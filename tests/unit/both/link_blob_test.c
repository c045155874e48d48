/* A real hub over loopback: blobs that agents pull, operators who ask and upload. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/crypto/blobs.h"
#include "common/crypto/digest.h"
#include "common/wire/limits.h"
#include "controller/link/operator.h"
#include "tests/support/link_fixture.h"

/* ---- blobs ---- */

static void make_blob(size_t n, struct buf *ret)
{
	for (size_t i = 0; i < n; i++)
		buf_addc(ret, (char)(i * 7 + i / 251));
}

static bool has_failed(struct link_world *w)
{
	return w->fetch_failed >= 1;
}

static void test_blob_is_pulled_in_chunks(void **state)
{
	struct link_world *w = *state;
	struct err e = ERR_INIT;
	AUTO(buf_done) struct buf data = BUF_INIT;
	uint8_t hash[DIGEST_SIZE];
	make_blob(7 * LIMIT_CHUNK + 12345, &data);
	assert_int_equal(blobs_put(link_file(w, "served"), buf_bytes(&data), hash, &e), 0);
	link_start_fetch(w, NULL);
	fetch_want(w->fetch, hash, data.n);
	link_run(w, link_has_fetched);
	assert_true(blobs_has(link_file(w, "kept"), hash, NULL));
}

static void test_blob_is_pulled_from_the_next_address(void **state)
{
	struct link_world *w = *state;
	struct err e = ERR_INIT;
	AUTO(buf_done) struct buf data = BUF_INIT;
	uint8_t hash[DIGEST_SIZE];
	make_blob(1000, &data);
	assert_int_equal(blobs_put(link_file(w, "served"), buf_bytes(&data), hash, &e), 0);
	link_start_fetch(w, "tcp://127.0.0.1:1");
	fetch_want(w->fetch, hash, data.n);
	link_run(w, link_has_fetched);
}

static void test_altered_blob_is_refused(void **state)
{
	struct link_world *w = *state;
	struct err e = ERR_INIT;
	AUTO(buf_done) struct buf data = BUF_INIT;
	uint8_t hash[DIGEST_SIZE], wrong[DIGEST_SIZE];
	char name[512], hex[DIGEST_HEX_SIZE];
	make_blob(1000, &data);
	digest_sha256(buf_bytes(&data), hash);
	data.p[500] ^= 1;
	assert_int_equal(blobs_put(link_file(w, "served"), buf_bytes(&data), wrong, &e), 0);
	char from[512], wrong_hex[DIGEST_HEX_SIZE];
	snprintf(from, sizeof from, "%s/served/%s", w->dir, bytes_to_hex(bytes_of(wrong, DIGEST_SIZE), wrong_hex));
	snprintf(name, sizeof name, "%s/served/%s", w->dir, bytes_to_hex(bytes_of(hash, DIGEST_SIZE), hex));
	assert_int_equal(rename(from, name), 0);
	link_start_fetch(w, NULL);
	fetch_want(w->fetch, hash, data.n);
	link_run(w, has_failed);
	assert_string_equal(w->why, "the bytes do not have the hash that was asked for");
	assert_false(blobs_has(link_file(w, "kept"), hash, NULL));
}

static void test_blob_of_another_size_is_refused(void **state)
{
	struct link_world *w = *state;
	struct err e = ERR_INIT;
	AUTO(buf_done) struct buf data = BUF_INIT;
	uint8_t hash[DIGEST_SIZE];
	make_blob(3 * LIMIT_CHUNK, &data);
	assert_int_equal(blobs_put(link_file(w, "served"), buf_bytes(&data), hash, &e), 0);
	link_start_fetch(w, NULL);
	fetch_want(w->fetch, hash, 1000); /* the offer said less: nothing beyond is taken */
	link_run(w, has_failed);
	assert_string_equal(w->why, "the blob has another size than the offer said");
}

/* ATK-42: whoever sends other content is marked, and the next address is asked at once; all of them once, then no more. tests/attack/mirror.bats has one that is honest behind them. */
static void test_each_address_that_sent_other_content_is_marked(void **state)
{
	struct link_world *w = *state;
	struct err e = ERR_INIT;
	static const uint8_t hash[DIGEST_SIZE] = {1};
	char name[512], hex[DIGEST_HEX_SIZE], first[256];
	snprintf(name, sizeof name, "%s/served/%s", w->dir, bytes_to_hex(bytes_of(hash, DIGEST_SIZE), hex));
	assert_int_equal(file_write_atomic(name, bytes_of_str("other"), 0600, &e), 0);
	snprintf(first, sizeof first, "tcp://localhost:%s", strrchr(hub_blob_endpoint(w->hub), ':') + 1);
	link_start_fetch(w, first);
	fetch_want(w->fetch, hash, 5);
	link_run(w, has_failed);
	assert_int_equal(w->marked, 2);
	assert_string_equal(w->marked_address, hub_blob_endpoint(w->hub));
	assert_string_equal(w->why, "the bytes do not have the hash that was asked for");
}

/* Which one has none is nobody's fault. */
static void test_an_address_without_the_blob_is_not_marked(void **state)
{
	struct link_world *w = *state;
	static const uint8_t hash[DIGEST_SIZE] = {1};
	char first[256];
	snprintf(first, sizeof first, "tcp://localhost:%s", strrchr(hub_blob_endpoint(w->hub), ':') + 1);
	link_start_fetch(w, first);
	fetch_want(w->fetch, hash, 1000);
	link_run(w, has_failed);
	assert_int_equal(w->marked, 0);
	assert_string_equal(w->why, "no such blob here");
}

static void test_a_wish_is_forgotten(void **state)
{
	struct link_world *w = *state;
	struct err e = ERR_INIT;
	AUTO(buf_done) struct buf data = BUF_INIT;
	uint8_t hash[DIGEST_SIZE];
	static const uint8_t never[DIGEST_SIZE] = {1}, other[DIGEST_SIZE] = {2};
	make_blob(1000, &data);
	assert_int_equal(blobs_put(link_file(w, "served"), buf_bytes(&data), hash, &e), 0);
	link_start_fetch(w, "tcp://127.0.0.1:1");
	fetch_want(w->fetch, never, 1000);
	fetch_want(w->fetch, hash, data.n);
	fetch_want(w->fetch, other, 1000);
	fetch_forget(w->fetch, never); /* the one under way */
	fetch_forget(w->fetch, other);
	fetch_forget(w->fetch, other);
	link_run(w, link_has_fetched);
	assert_int_equal(w->fetch_failed, 0);
}

static void test_missing_blob_fails(void **state)
{
	struct link_world *w = *state;
	static const uint8_t hash[DIGEST_SIZE] = {1};
	link_start_fetch(w, NULL);
	fetch_want(w->fetch, hash, 1000);
	link_run(w, has_failed);
	assert_string_equal(w->why, "no such blob here");
}

/* ---- operators ---- */

struct operator_run {
	struct operator_config config;
	char ctrl[256], blob[256], key[256];
	struct bytes upload;
	struct err e;
	int rc;
	unsigned replies;
	char message[64];
	atomic_bool done;
};

static int on_reply(void *arg, const struct msg_reply *r, struct err *e)
{
	(void)e;
	struct operator_run *o = arg;
	o->replies++;
	str_copy(o->message, sizeof o->message, r->message);
	return 0;
}

static int operate(struct operator_run *o)
{
	AUTO(operator_close) struct operator_link *l = NULL;
	uint8_t hash[DIGEST_SIZE];
	if (operator_connect(&o->config, &l, &o->e) != 0)
		return -1;
	if (o->upload.n && operator_put(l, o->upload, hash, &o->e) != 0)
		return -1;
	struct msg_command ping = {.verb = VERB_PING};
	for (int i = 0; i < 2; i++)
		if (operator_ask(l, &ping, on_reply, o, &o->e) != 0)
			return -1;
	return 0;
}

static void *operator_thread(void *arg)
{
	struct operator_run *o = arg;
	o->rc = operate(o);
	atomic_store(&o->done, true);
	return NULL;
}

static struct operator_run *the_operator;
static bool operator_done(struct link_world *w)
{
	(void)w;
	return atomic_load(&the_operator->done);
}

static void run_operator(struct link_world *w, struct operator_run *o, const char *key_name)
{
	pthread_t t;
	str_copy(o->ctrl, sizeof o->ctrl, hub_ctrl_endpoint(w->hub));
	str_copy(o->blob, sizeof o->blob, hub_blob_endpoint(w->hub));
	str_copy(o->key, sizeof o->key, link_file(w, key_name));
	o->config.ctrl_endpoint = o->ctrl;
	o->config.blob_endpoint = o->blob;
	if (!o->config.controller_key)
		o->config.controller_key = hub_public_key(w->hub);
	o->config.curve_key_file = o->key;
	o->config.timeout_ms = LINK_WAIT_MS;
	the_operator = o;
	assert_int_equal(pthread_create(&t, NULL, operator_thread, o), 0);
	link_run(w, operator_done);
	pthread_join(t, NULL);
}

static void test_operator_asks_and_uploads(void **state)
{
	struct link_world *w = *state;
	AUTO(buf_done) struct buf data = BUF_INIT;
	struct operator_run o = {0};
	uint8_t hash[DIGEST_SIZE];
	make_blob(6 * LIMIT_CHUNK + 5, &data);
	o.upload = buf_bytes(&data);
	run_operator(w, &o, "operator.key");
	if (o.rc != 0)
		fail_msg("%s", o.e.msg);
	assert_int_equal(o.replies, 4);
	assert_string_equal(o.message, "pong");
	assert_int_equal(w->stored, 1);
	digest_sha256(o.upload, hash);
	assert_true(blobs_has(link_file(w, "served"), hash, NULL));
	assert_int_equal(hub_violations(), 0);
}

static void test_viewer_may_not_upload(void **state)
{
	struct link_world *w = *state;
	struct err e = ERR_INIT;
	struct operator_run o = {.upload = bytes_of_str("blob")};
	str_copy(w->principals[1].role, sizeof w->principals[1].role, "viewer");
	assert_int_equal(hub_set_principals(w->hub, w->principals, 2, &e), 0);
	run_operator(w, &o, "operator.key");
	assert_int_equal(o.rc, -1);
	assert_non_null(strstr(o.e.msg, "refused the upload: uploads need the role operator or admin"));
	assert_int_equal(o.e.code, ERR_POLICY);
}

static void test_operator_errors_say_what_to_do(void **state)
{
	struct link_world *w = *state;
	struct operator_run unknown = {0}, impostor = {.config = {.controller_key = w->other_key.public_text}}, nobody = {0};
	char expected[512];
	run_operator(w, &unknown, "other.key");
	snprintf(expected, sizeof expected, "controller at %s refused our key: have its administrator list %s as an operator", hub_ctrl_endpoint(w->hub),
	         w->other_key.public_text);
	assert_string_equal(unknown.e.msg, expected);
	assert_int_equal(unknown.e.code, ERR_LINK);
	run_operator(w, &impostor, "operator.key");
	snprintf(expected, sizeof expected, "what answers at %s is not the controller with the key %s: check the address and the controller's key",
	         hub_ctrl_endpoint(w->hub), w->other_key.public_text);
	assert_string_equal(impostor.e.msg, expected);
	nobody.config = (struct operator_config){.ctrl_endpoint = "tcp://127.0.0.1:1",
	                                         .blob_endpoint = "tcp://127.0.0.1:1",
	                                         .controller_key = hub_public_key(w->hub),
	                                         .curve_key_file = link_file(w, "operator.key"),
	                                         .timeout_ms = 2000};
	assert_int_equal(operate(&nobody), -1);
	assert_string_equal(nobody.e.msg,
	                    "controller at tcp://127.0.0.1:1 cannot be reached: check the address, and that rollcall-controller runs there");
}

int main(void)
{
	zsys_handler_set(NULL);
	zsys_init();
	log_open("link_blob_test", getenv("VERBOSE") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
#define CASE(f) cmocka_unit_test_setup_teardown(f, link_setup, link_teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_blob_is_pulled_in_chunks),
	    CASE(test_blob_is_pulled_from_the_next_address),
	    CASE(test_altered_blob_is_refused),
	    CASE(test_blob_of_another_size_is_refused),
	    CASE(test_a_wish_is_forgotten),
	    CASE(test_an_address_without_the_blob_is_not_marked),
	    CASE(test_each_address_that_sent_other_content_is_marked),
	    CASE(test_missing_blob_fails),
	    CASE(test_operator_asks_and_uploads),
	    CASE(test_viewer_may_not_upload),
	    CASE(test_operator_errors_say_what_to_do),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
