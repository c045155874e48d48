/* controller/release/init, build, open: a sample project becomes a release file, is signed, verified, never overwritten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "controller/release/build.h"
#include "controller/release/init.h"
#include "controller/release/open.h"
#include "tests/support/project_folder.h"
#include "tests/support/trust_fixture.h"

static struct project_folder folder;
static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	project_folder_init(&folder);
	arena = arena_new(LIMIT_ARENA_DOCUMENT);
	return init_project(folder.path, "shop", NULL, 0, &e);
}

static int teardown(void **state)
{
	(void)state;
	project_folder_done(&folder);
	arena_destroy(&arena);
	return 0;
}

static const char *path_of(const char *name)
{
	return arena_printf(arena, "%s/%s", folder.path, name);
}

static struct build build_sample(int64_t now_us)
{
	struct build b = {0};
	struct err e = ERR_INIT;
	const struct build_options o = {.folder = folder.path, .pack = {.version = "1.0.0", .sequence = 4, .now_us = now_us}};
	if (build_project(&o, &b, &e) != 0 || build_check(&b, &e) != 0)
		fail_msg("%s", e.msg);
	return b;
}

static void test_the_sample_is_clean(void **state)
{
	(void)state;
	AUTO(build_done) struct build b = build_sample(1);
	assert_int_equal(b.findings.n, 0);
	assert_int_equal(b.release.n_changesets, 9);
	assert_int_equal(changeset_body(release_changeset(&b.release, "sample:orders-note"), "sqlite")->n_rollback, 1);
	assert_int_equal(release_changeset(&b.release, "sample:orders-note")->n_validations, 3);
	assert_null(changeset_body(release_changeset(&b.release, "sample:orders-amount-index"), "mariadb"));
}

static void test_init_overwrites_nothing(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	assert_int_equal(init_project(folder.path, "shop", NULL, 0, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_string_equal(e.msg, arena_printf(arena, "%s: is there already: nothing was written; name an empty folder", path_of("README.md")));
	const char *const engines[] = {"db2"};
	assert_int_equal(init_project(path_of("other"), NULL, engines, 1, &e), -1);
	assert_string_equal(e.msg, "engine 'db2' is unknown: use postgresql, mariadb or sqlite");
}

static void test_write_and_open(void **state)
{
	(void)state;
	AUTO(build_done) struct build b = build_sample(1000000);
	struct err e = ERR_INIT;
	struct envelope env;
	struct release r;
	const char *path = path_of("releases/a.release");
	assert_int_equal(file_make_dirs(path_of("releases"), 0700, &e), 0);
	assert_int_equal(release_write(path, &b.release, &e), 0);
	assert_int_equal(release_write(path, &b.release, &e), 0);
	assert_int_equal(release_open(path, arena, &env, &r, &e), 0);
	assert_string_equal(r.project, "shop");
	assert_int_equal(r.sequence, 4);
	assert_int_equal(r.n_changesets, 9);
	assert_int_equal(env.n_signatures, 0);
	assert_memory_equal(r.digest, b.release.digest, DIGEST_SIZE);
	for (size_t i = 0; i < r.n_changesets; i++) { /* what a site computes again from the file is what was signed */
		uint8_t digest[DIGEST_SIZE];
		digest_changeset(&r.changesets[i], digest);
		assert_memory_equal(digest, b.release.changesets[i].digest, DIGEST_SIZE);
	}
	AUTO(build_done) struct build other = build_sample(2000000);
	assert_int_equal(release_write(path, &other.release, &e), -1);
	assert_string_equal(
	    e.msg, arena_printf(arena, "%s: is there already: releases are never overwritten; give the new one its own --version or --out", path));
	const char *latest = NULL;
	assert_int_equal(release_latest(path_of("releases"), arena, &latest, &r, &e), 0);
	assert_string_equal(latest, path);
	assert_int_equal(release_latest(path_of("nowhere"), arena, &latest, &r, &e), 0);
	assert_null(latest);
}

static void test_sign_and_verify(void **state)
{
	(void)state;
	struct trust_fixture f;
	struct err e = ERR_INIT;
	const struct trust_key *signers[4];
	size_t n = 0;
	const char *path = path_of("b.release"), *trust = path_of("trust.env");
	trust_fixture_init(&f);
	trust_fixture_build(&f);
	AUTO(build_done) struct build b = build_sample(f.now_us);
	assert_int_equal(envelope_save(trust, &f.trust_envelope, &e), 0);
	assert_int_equal(release_write(path, &b.release, &e), 0);
	assert_int_equal(release_verify(path, trust, f.now_us, arena, signers, 4, &n, &e), -1);
	assert_int_equal(e.code, ERR_SIGNATURE);
	assert_int_equal(release_sign(path, f.keys[ALICE], &e), 0);
	assert_int_equal(release_sign(path, f.keys[ALICE], &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_int_equal(release_sign(path, f.keys[MALLORY], &e), 0);
	assert_int_equal(release_verify(path, trust, f.now_us, arena, signers, 4, &n, &e), -1);
	assert_int_equal(e.code, ERR_SIGNATURE);
	assert_int_equal(release_sign(path, f.keys[BOB], &e), 0);
	if (release_verify(path, trust, f.now_us, arena, signers, 4, &n, &e) != 0)
		fail_msg("%s", e.msg);
	assert_int_equal(n, 2);
	assert_int_equal(release_verify(path, trust, f.now_us + 400 * 24 * FIXTURE_HOUR, arena, signers, 4, &n, &e), -1);
	assert_int_equal(release_verify(trust, path, f.now_us, arena, signers, 4, &n, &e), -1);
	assert_string_equal(
	    e.msg, arena_printf(arena, "%s: not a trust document, but application/vnd.rollcall.release.v1+protobuf: name the one of your fleet", path));
	trust_fixture_done(&f);
}

static void test_an_altered_release_is_refused(void **state)
{
	(void)state;
	struct trust_fixture f;
	struct err e = ERR_INIT;
	AUTO(buf_done) struct buf data = BUF_INIT;
	const struct trust_key *signers[4];
	size_t n = 0;
	const char *path = path_of("c.release"), *trust = path_of("trust2.env");
	trust_fixture_init(&f);
	trust_fixture_build(&f);
	AUTO(build_done) struct build b = build_sample(f.now_us);
	assert_int_equal(envelope_save(trust, &f.trust_envelope, &e), 0);
	assert_int_equal(release_write(path, &b.release, &e), 0);
	assert_int_equal(release_sign(path, f.keys[ALICE], &e), 0);
	assert_int_equal(release_sign(path, f.keys[BOB], &e), 0);
	assert_int_equal(file_read(path, LIMIT_ENVELOPE, &data, &e), 0);
	char *found = memmem(data.p, data.n, "'Grace'", 7);
	assert_non_null(found);
	found[1] = 'T';
	assert_int_equal(file_write_atomic(path, buf_bytes(&data), 0600, &e), 0);
	assert_int_equal(release_verify(path, trust, f.now_us, arena, signers, 4, &n, &e), -1);
	assert_int_equal(e.code, ERR_SIGNATURE);
	trust_fixture_done(&f);
}

static void test_other_files(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	struct envelope env;
	struct release r;
	assert_int_equal(release_open(path_of("rollcall.yaml"), arena, &env, &r, &e), -1);
	assert_non_null(strstr(e.msg, "rollcall.yaml"));
	assert_int_equal(release_open(path_of("missing"), arena, &env, &r, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_sample_is_clean), cmocka_unit_test(test_init_overwrites_nothing),       cmocka_unit_test(test_write_and_open),
	    cmocka_unit_test(test_sign_and_verify),     cmocka_unit_test(test_an_altered_release_is_refused), cmocka_unit_test(test_other_files),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
