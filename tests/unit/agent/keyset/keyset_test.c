/* The folders of a renewal: what counts is what is whole, whatever else lies there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/keyset/asking.h"
#include "agent/keyset/keyset.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/wire/documents.h"
#include "tests/support/agent_fixture.h"

#define SECOND ((int64_t)1000000)

static struct agent_fixture f;
static struct arena *a;
static char data[128];
static int64_t now_us;
static struct err e;

static int setup(void **state)
{
	(void)state;
	agent_fixture_init(&f);
	agent_fixture_write(&f);
	a = arena_new((size_t)64 * 1024 * 1024);
	snprintf(data, sizeof data, "%s/data", f.dir);
	now_us = f.certificate.not_before_us;
	e = ERR_INIT;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_destroy(&a);
	agent_fixture_done(&f);
	return 0;
}

static struct keyset begun(int64_t not_older_us, int64_t at_us)
{
	struct keyset k;
	if (keyset_begin(data, not_older_us, at_us, a, &k, &e) != 0)
		fail_msg("%s", e.msg);
	return k;
}

static struct asking asking_of(struct sign_key *former)
{
	return (struct asking){.arena = a,
	                       .trust = &f.signed_by.trust,
	                       .agent = "eu-1",
	                       .site = "eu",
	                       .targets = f.certificate.targets,
	                       .n_targets = f.certificate.n_targets,
	                       .former = former};
}

static struct bytes certificate_for(const struct asking *x, int64_t not_before_us)
{
	AUTO(buf_done) struct buf payload = BUF_INIT;
	struct certificate c = f.certificate;
	sign_key_public(x->keys.report, c.report_key);
	c.curve_key = x->keys.curve.public_text;
	c.not_before_us = not_before_us;
	certificate_encode(&c, &payload);
	return trust_fixture_sign(&f.signed_by, TYPE_CERTIFICATE, arena_bytes(a, buf_bytes(&payload)), ERIN);
}

/* One that is whole, begun and certified at this time. */
static struct keyset whole(int64_t at_us)
{
	AUTO(asking_done) struct asking x = asking_of(f.signed_by.keys[ALICE]);
	struct keyset k = begun(INT64_MAX, at_us);
	assert_int_equal(asking_renewal(&x, &k, &e), 0);
	assert_int_equal(keyset_certify(&k, certificate_for(&x, at_us), &e), 0);
	return k;
}

static const char *newest(void)
{
	struct keyset k;
	if (keyset_newest(data, a, &k, &e) != 0)
		fail_msg("%s", e.msg);
	return k.folder ? k.folder : "";
}

static const char *pending(void)
{
	struct keyset k;
	if (keyset_pending(data, a, &k, &e) != 0)
		fail_msg("%s", e.msg);
	return k.folder ? k.folder : "";
}

static void test_nothing_there(void **state)
{
	(void)state;
	assert_string_equal(newest(), "");
	assert_string_equal(pending(), "");
	assert_false(file_exists(data)); /* looking makes nothing */
}

static void test_what_was_begun_is_gone_on_with(void **state)
{
	(void)state;
	AUTO(asking_done) struct asking first = asking_of(f.signed_by.keys[ALICE]);
	AUTO(asking_done) struct asking again = asking_of(f.signed_by.keys[ALICE]);
	struct keyset k = begun(0, now_us);
	assert_string_equal(begun(0, now_us + SECOND).folder, k.folder);
	assert_string_equal(pending(), k.folder);
	assert_string_equal(newest(), "");
	assert_int_equal(asking_renewal(&first, &k, &e), 0);
	assert_int_equal(asking_renewal(&again, &k, &e), 0);
	assert_memory_equal(first.digest, again.digest, DIGEST_SIZE); /* the same keys, the same bytes */
	assert_string_not_equal(begun(now_us + SECOND, now_us).folder, k.folder); /* of before the present keys */
	struct certificate c;
	assert_int_equal(asking_check(&first, certificate_for(&again, now_us), &c, &e), 0);
	assert_int_equal(keyset_certify(&k, certificate_for(&first, now_us), &e), 0);
	assert_string_equal(newest(), k.folder);
}

static void test_the_last_certificate_counts(void **state)
{
	(void)state;
	struct keyset old = whole(now_us), present = whole(now_us + SECOND);
	struct keyset next = begun(INT64_MAX, now_us + 2 * SECOND);
	assert_string_equal(newest(), present.folder);
	assert_string_equal(pending(), next.folder);
	struct keyset keep;
	assert_int_equal(keyset_newest(data, a, &keep, &e), 0);
	assert_int_equal(keyset_clean(data, &keep, &e), 0);
	assert_false(file_exists(old.folder));
	assert_true(file_exists(present.folder));
	assert_true(file_exists(next.folder)); /* begun later: it may be granted already */
	assert_string_equal(newest(), present.folder);
}

static void test_the_second_is_taken(void **state)
{
	(void)state;
	struct keyset first = whole(now_us), second = begun(0, now_us);
	assert_string_not_equal(first.folder, second.folder);
	assert_true(second.begun_at_us > first.begun_at_us);
}

static void test_what_a_crash_leaves(void **state)
{
	(void)state;
	AUTO(asking_done) struct asking x = asking_of(f.signed_by.keys[ALICE]);
	struct keyset present = whole(now_us), k = begun(INT64_MAX, now_us + SECOND);
	AUTO(agent_keys_done) struct agent_keys keys = {.report = NULL};
	assert_int_equal(curve_key_generate(k.curve_key_file, &e), 0); /* and no report key, no request */
	assert_string_equal(newest(), present.folder);
	assert_int_equal(asking_renewal(&x, &k, &e), 0);
	assert_int_equal(agent_keys_load(k.curve_key_file, k.report_key_file, &keys, &e), 0);
	assert_string_equal(keys.curve.public_text, x.keys.curve.public_text);
	assert_string_equal(newest(), present.folder);
}

static void test_other_things_in_the_folder(void **state)
{
	(void)state;
	struct keyset present = whole(now_us);
	char path[256];
	snprintf(path, sizeof path, "%s/keys/notes", data);
	assert_int_equal(file_write_atomic(path, bytes_of_str("x"), 0600, &e), 0);
	snprintf(path, sizeof path, "%s/keys/20261399T000000Z", data);
	assert_int_equal(file_make_dirs(path, 0700, &e), 0);
	assert_string_equal(newest(), present.folder);
	assert_string_equal(pending(), "");
	assert_int_equal(file_write_atomic(present.certificate_file, bytes_of_str("rot"), 0600, &e), 0);
	struct keyset k;
	assert_int_equal(keyset_newest(data, a, &k, &e), -1); /* said, not passed over: what counted is broken */
	assert_non_null(strstr(e.msg, "not a certificate: move the folder away"));
}

static void test_a_request_of_other_keys(void **state)
{
	(void)state;
	AUTO(asking_done) struct asking x = asking_of(f.signed_by.keys[ALICE]);
	AUTO(asking_done) struct asking y = asking_of(f.signed_by.keys[ALICE]);
	struct keyset one = begun(0, now_us), other = begun(INT64_MAX, now_us + SECOND);
	assert_int_equal(asking_renewal(&x, &one, &e), 0);
	assert_int_equal(file_write_atomic(other.request_file, x.request, 0600, &e), 0);
	assert_int_equal(asking_renewal(&y, &other, &e), -1);
	assert_non_null(strstr(e.msg, "not of the keys beside it"));
	struct certificate c;
	assert_int_equal(asking_check(&y, certificate_for(&x, now_us), &c, &e), -1);
	assert_non_null(strstr(e.msg, "than was asked for"));
}

static void test_notes(void **state)
{
	(void)state;
	struct keyset k = begun(0, now_us);
	assert_string_equal(keyset_state(&k, a), "");
	assert_int_equal(keyset_note(&k, "it waits", &e), 0);
	assert_string_equal(keyset_state(&k, a), "it waits");
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_nothing_there),
	    CASE(test_what_was_begun_is_gone_on_with),
	    CASE(test_the_last_certificate_counts),
	    CASE(test_the_second_is_taken),
	    CASE(test_what_a_crash_leaves),
	    CASE(test_other_things_in_the_folder),
	    CASE(test_a_request_of_other_keys),
	    CASE(test_notes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
