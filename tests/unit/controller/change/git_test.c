/* controller/change/git: provenance from a real repository. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "common/base/str.h"
#include "controller/change/git.h"
#include "tests/support/project_folder.h"

static void git(const struct project_folder *f, const char *const *argv)
{
	AUTO(buf_done) struct buf out = BUF_INIT;
	struct err e = ERR_INIT;
	int status = -1;
	assert_int_equal(git_run(f->path, argv, &out, &status, &e), 0);
	assert_int_equal(status, 0);
}

#define GIT(f, ...) \
	git(f, (const char *const[]){"-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false", __VA_ARGS__, NULL})

static struct provenance provenance_of(const struct project_folder *f, struct arena *a)
{
	struct provenance p;
	struct err e = ERR_INIT;
	if (git_provenance(f->path, a, &p, &e) != 0)
		fail_msg("%s", e.msg);
	return p;
}

static void test_a_repository(void **state)
{
	(void)state;
	struct project_folder f;
	AUTO(arena_destroy) struct arena *a = arena_new((size_t)1 << 22);
	project_folder_init(&f);
	GIT(&f, "init", "-q", ".");
	assert_null(provenance_of(&f, a).commit);
	project_folder_write(&f, "changes/a.sql", "x");
	GIT(&f, "add", "-A");
	GIT(&f, "commit", "-q", "--author=Bob <bob@example.org>", "-m",
	    "One\n\nReviewed-by: Carol <carol@example.org>\nReviewed-by: Dave <dave@example.org>");
	GIT(&f, "remote", "add", "origin", "https://ann:geheim@git.example.org/shop.git");
	struct provenance p = provenance_of(&f, a);
	assert_int_equal(strlen(p.commit), 40);
	assert_int_equal(strlen(p.tree), 40);
	assert_string_equal(p.author, "Bob <bob@example.org>");
	assert_string_equal(p.committer, "Ann <ann@example.org>");
	assert_int_equal(p.n_reviewers, 2);
	assert_string_equal(p.reviewers[0], "Carol <carol@example.org>");
	assert_string_equal(p.reviewers[1], "Dave <dave@example.org>");
	assert_string_equal(p.remote, "https://git.example.org/shop.git");
	assert_false(p.dirty);
	project_folder_write(&f, "releases/shop-1.release", "x");
	assert_false(provenance_of(&f, a).dirty);
	project_folder_write(&f, "changes/b.sql", "x");
	assert_true(provenance_of(&f, a).dirty);
	project_folder_remove(&f, "changes/b.sql");
	project_folder_write(&f, "changes/a.sql", "y");
	assert_true(provenance_of(&f, a).dirty);
	project_folder_done(&f);
}

static void test_no_repository(void **state)
{
	(void)state;
	struct project_folder f;
	AUTO(arena_destroy) struct arena *a = arena_new((size_t)1 << 22);
	project_folder_init(&f);
	struct provenance p = provenance_of(&f, a);
	assert_null(p.commit);
	assert_null(p.remote);
	assert_false(p.dirty);
	project_folder_done(&f);
}

/* The caller's GIT_DIR must not make one project's release carry another's commit. */
static void test_the_environment_is_clean(void **state)
{
	(void)state;
	struct project_folder f, other;
	AUTO(arena_destroy) struct arena *a = arena_new((size_t)1 << 22);
	project_folder_init(&f);
	project_folder_init(&other);
	GIT(&other, "init", "-q", ".");
	GIT(&other, "commit", "-q", "--allow-empty", "-m", "x");
	char dir[128];
	snprintf(dir, sizeof dir, "%s/.git", other.path);
	setenv("GIT_DIR", dir, 1);
	assert_null(provenance_of(&f, a).commit);
	unsetenv("GIT_DIR");
	project_folder_done(&f);
	project_folder_done(&other);
}

static void test_nothing_goes_through_a_shell(void **state)
{
	(void)state;
	struct project_folder f;
	AUTO(buf_done) struct buf out = BUF_INIT;
	struct err e = ERR_INIT;
	int status = 0;
	project_folder_init(&f);
	const char *const argv[] = {"log", "$(touch pwned); touch pwned", NULL};
	assert_int_equal(git_run(f.path, argv, &out, &status, &e), 0);
	assert_int_not_equal(status, 0);
	AUTO(mem_free_ptr) char *path = file_join(f.path, "pwned");
	assert_false(file_exists(path) || file_exists("pwned"));
	project_folder_done(&f);
}

static void test_remotes(void **state)
{
	(void)state;
	AUTO(arena_destroy) struct arena *a = arena_new(65536);
	assert_string_equal(git_remote_without_credentials("https://host/x@y", a), "https://host/x@y");
	assert_string_equal(git_remote_without_credentials("https://token@host/x", a), "https://host/x");
	assert_string_equal(git_remote_without_credentials("ssh://a:b@c@host:22/x", a), "ssh://host:22/x");
	assert_string_equal(git_remote_without_credentials("git@host:x.git", a), "git@host:x.git");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_repository),
	    cmocka_unit_test(test_no_repository),
	    cmocka_unit_test(test_the_environment_is_clean),
	    cmocka_unit_test(test_nothing_goes_through_a_shell),
	    cmocka_unit_test(test_remotes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
