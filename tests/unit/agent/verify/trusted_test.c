/* agent/verify/trusted: the chain of trust documents and the freshness documents as an agent takes them: kept across restarts, one by one, never back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/verify/trusted.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/crypto/fresh.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "tests/support/trust_fixture.h"

struct scene {
	struct trust_fixture f;
	struct journal *j;
	struct bytes pin;
	char dir[64], path[96];
};

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof *s);
	struct err e = ERR_INIT;
	trust_fixture_init(&s->f);
	trust_fixture_set_role(&s->f, ROLE_FRESH, 1, (const enum fixture_person[]){CI}, 1);
	trust_fixture_build(&s->f);
	s->pin = s->f.trust_bytes;
	snprintf(s->dir, sizeof s->dir, "/tmp/rollcall-trusted-XXXXXX");
	if (!mkdtemp(s->dir))
		return -1;
	snprintf(s->path, sizeof s->path, "%s/journal.db", s->dir);
	*state = s;
	return journal_open(s->path, &s->j, &e);
}

static int teardown(void **state)
{
	struct scene *s = *state;
	struct err e = ERR_INIT;
	journal_close(&s->j);
	trust_fixture_done(&s->f);
	int rc = file_remove_tree(s->dir, &e);
	free(s);
	return rc;
}

static struct trusted believed(struct scene *s)
{
	struct trusted t = {0};
	struct err e = ERR_INIT;
	int rc = trusted_load(s->j, s->pin, s->f.arena, &t, &e);
	assert_string_equal(e.msg, "");
	assert_int_equal(rc, 0);
	return t;
}

static bool take(struct scene *s, struct bytes envelope)
{
	bool is_new = false;
	struct err e = ERR_INIT;
	enum check_code c = trusted_take(s->j, s->pin, envelope, s->f.now_us, &is_new, &e);
	assert_string_equal(e.msg, "");
	assert_int_equal(c, CHECK_NONE);
	return is_new;
}

/* By the check whose document it is. */
static void refuse(struct scene *s, struct bytes envelope, enum err_code code, const char *part)
{
	bool is_new = true;
	struct envelope env = {.type = ""};
	struct err e = ERR_INIT;
	(void)!envelope_decode(envelope, s->f.arena, &env, NULL);
	assert_int_equal(trusted_take(s->j, s->pin, envelope, s->f.now_us, &is_new, &e), strcmp(env.type, TYPE_FRESHNESS) == 0 ? C4_FRESHNESS : C3_TRUST);
	if (!strstr(e.msg, part))
		print_message("%s\n", e.msg);
	assert_non_null(strstr(e.msg, part));
	assert_int_equal(e.code, code);
	assert_true(is_new); /* untouched */
}

static struct bytes next_trust(struct scene *s)
{
	s->f.trust.version++;
	s->f.trust.created_at_us++;
	trust_fixture_build(&s->f);
	return s->f.trust_bytes;
}

static struct bytes fresh(struct scene *s, uint64_t version)
{
	const struct freshness d = {.version = version};
	return trust_fixture_fresh(&s->f, &d, CI);
}

/* ---- trust documents --------------------------------------------------------------------------------------------------------------------------------- */

static void test_the_pin_is_where_it_begins(void **state)
{
	struct scene *s = *state;
	struct trusted t = believed(s);
	assert_int_equal(t.doc.version, 1);
	assert_null(t.fresh);
	assert_false(take(s, s->pin));
}

/* ATK-20: three versions behind, one of them expired long ago. */
static void test_step_by_step_to_the_newest(void **state)
{
	struct scene *s = *state;
	int64_t expires_us = s->f.trust.expires_at_us;
	struct bytes second = next_trust(s);
	s->f.trust.expires_at_us = s->f.trust.created_at_us + 100;
	struct bytes third = next_trust(s);
	s->f.trust.expires_at_us = expires_us;
	struct bytes fourth = next_trust(s);
	refuse(s, third, ERR_SIGNATURE, "version 3 cannot follow version 1");
	refuse(s, fourth, ERR_SIGNATURE, "version 4 cannot follow version 1");
	assert_int_equal(believed(s).doc.version, 1);
	assert_true(take(s, second));
	assert_true(take(s, third));
	assert_true(take(s, fourth));
	assert_int_equal(believed(s).doc.version, 4);
	assert_false(take(s, second)); /* ATK-10: an older one is passed over */
	assert_int_equal(believed(s).doc.version, 4);
}

/* ATK-19: by the old root keys alone, by the new ones alone, then by both. */
static void test_rotation_of_root_keys_is_signed_by_both(void **state)
{
	struct scene *s = *state;
	trust_fixture_set_role(&s->f, ROLE_ROOT, 2, (const enum fixture_person[]){CAROL, DAVE, ROOT_3}, 3);
	struct bytes by_old = next_trust(s);
	refuse(s, by_old, ERR_SIGNATURE, "by the root keys of version 2");
	s->f.trust_signers[0] = CAROL, s->f.trust_signers[1] = DAVE;
	trust_fixture_build(&s->f);
	refuse(s, s->f.trust_bytes, ERR_SIGNATURE, "by the root keys of version 1");
	s->f.trust_signers[2] = ROOT_1, s->f.trust_signers[3] = ROOT_2;
	s->f.n_trust_signers = 4;
	trust_fixture_build(&s->f);
	assert_true(take(s, s->f.trust_bytes));
	/* The old keys are out. */
	s->f.trust_signers[0] = ROOT_1, s->f.trust_signers[1] = ROOT_2;
	s->f.n_trust_signers = 2;
	refuse(s, next_trust(s), ERR_SIGNATURE, "by the root keys of version 2");
}

static void test_other_documents_and_fleets(void **state)
{
	struct scene *s = *state;
	refuse(s, s->f.release_bytes, ERR_USAGE, "this is a release");
	refuse(s, bytes_of_str("hello"), ERR_PARSE, "envelope");
	struct bytes as_trust = trust_fixture_sign(&s->f, TYPE_TRUST, bytes_of_str("hello"), ROOT_1);
	refuse(s, as_trust, ERR_PARSE, "trust document");
	s->f.trust.fleet = "other";
	refuse(s, next_trust(s), ERR_SIGNATURE, "of fleet other, and this site belongs to fleet test");
}

static void test_it_is_there_after_a_restart(void **state)
{
	struct scene *s = *state;
	struct err e = ERR_INIT;
	assert_true(take(s, next_trust(s)));
	assert_true(take(s, fresh(s, 9)));
	journal_close(&s->j);
	assert_int_equal(journal_open(s->path, &s->j, &e), 0);
	struct trusted t = believed(s);
	assert_int_equal(t.doc.version, 2);
	assert_int_equal(t.fresh->version, 9);
	assert_int_equal(t.attested_us, s->f.now_us); /* the freshness document is the newer of the two */
}

/* An agent.yaml with a newer file: its operator's own word, for what the controller cannot bring. */
static void test_a_newer_pin_counts(void **state)
{
	struct scene *s = *state;
	assert_true(take(s, next_trust(s)));
	next_trust(s);
	s->pin = next_trust(s);
	assert_int_equal(believed(s).doc.version, 4);
	s->f.trust.fleet = "other";
	s->pin = next_trust(s);
	struct trusted t;
	struct err e = ERR_INIT;
	assert_int_equal(trusted_load(s->j, s->pin, s->f.arena, &t, &e), -1);
	assert_non_null(strstr(e.msg, "the trust document is of fleet other, and this agent's journal of fleet test"));
}

/* tough's bug: killed between the checks and the commit. Nothing may be half there. */
static void test_killed_in_the_middle(void **state)
{
	struct scene *s = *state;
	struct err e = ERR_INIT;
	trust_fixture_set_role(&s->f, ROLE_FRESH, 1, (const enum fixture_person[]){ERIN}, 1);
	struct bytes second = next_trust(s);
	s->f.trust.version = 1;
	assert_true(take(s, fresh(s, 9)));
	journal_close(&s->j);
	pid_t pid = fork();
	if (pid == 0) {
		struct journal *j = NULL;
		bool is_new;
		setenv("ROLLCALL_CRASH_AT", "believe-uncommitted", 1);
		if (journal_open(s->path, &j, &e) == 0)
			(void)!trusted_take(j, s->pin, second, s->f.now_us, &is_new, &e);
		_exit(0);
	}
	int status = 0;
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(journal_open(s->path, &s->j, &e), 0);
	struct trusted t = believed(s);
	assert_int_equal(t.doc.version, 1);
	assert_int_equal(t.fresh->version, 9);
	assert_true(take(s, second));
	assert_int_equal(believed(s).doc.version, 2);
	assert_null(believed(s).fresh);
}

/* ---- freshness documents ----------------------------------------------------------------------------------------------------------------------------- */

static void test_the_highest_is_kept(void **state)
{
	struct scene *s = *state;
	assert_true(take(s, fresh(s, 9)));
	assert_false(take(s, fresh(s, 8)));
	assert_false(take(s, fresh(s, 9)));
	assert_int_equal(believed(s).fresh->version, 9);
	assert_true(take(s, fresh(s, 10)));
	assert_int_equal(believed(s).fresh->version, 10);
}

static void test_only_fresh_keys_sign_them(void **state)
{
	struct scene *s = *state;
	const struct freshness d = {.version = 3}, foreign = {.version = 3, .fleet = "other"}, early = {.version = 3, .issued_at_us = s->f.now_us * 2};
	refuse(s, trust_fixture_fresh(&s->f, &d, ROOT_1), ERR_SIGNATURE, "freshness: 0 of 1 signatures (fresh)");
	refuse(s, trust_fixture_fresh(&s->f, &d, MALLORY), ERR_SIGNATURE, "freshness: 0 of 1 signatures (fresh)");
	refuse(s, trust_fixture_fresh(&s->f, &foreign, CI), ERR_SIGNATURE, "of fleet other");
	refuse(s, trust_fixture_fresh(&s->f, &early, CI), ERR_POLICY, "in the future");
	assert_null(believed(s).fresh);
}

static void test_revocations_stay(void **state)
{
	struct scene *s = *state;
	const char *keys[] = {s->f.key_ids[CAROL]};
	const struct freshness d = {.version = 3, .revoked_keys = keys, .n_revoked_keys = 1};
	assert_true(take(s, trust_fixture_fresh(&s->f, &d, CI)));
	refuse(s, fresh(s, 4), ERR_POLICY, "takes back a revocation");
	struct trusted t = believed(s);
	assert_true(str_among(s->f.key_ids[CAROL], t.fresh->revoked_keys, t.fresh->n_revoked_keys));
	for (size_t i = 0; i < t.valid.n_roles; i++)
		for (size_t k = 0; k < t.valid.roles[i].n_key_ids; k++)
			assert_string_not_equal(t.valid.roles[i].key_ids[k], s->f.key_ids[CAROL]);
}

/* The fresh key was stolen: whatever trust document he says that it is made for, and after any that the root keys sign, what was revoked stays so while the document names the key. */
static void test_a_stolen_fresh_key_takes_no_revocation_back(void **state)
{
	struct scene *s = *state;
	const char *keys[] = {s->f.key_ids[CAROL]};
	const struct freshness d = {.version = 3, .revoked_keys = keys, .n_revoked_keys = 1}, ahead = {.version = 4, .trust_version = 2};
	assert_true(take(s, trust_fixture_fresh(&s->f, &d, CI)));
	refuse(s, trust_fixture_fresh(&s->f, &ahead, CI), ERR_POLICY, "made for trust document version 2, and version 1 is in use");
	assert_true(take(s, next_trust(s)));
	refuse(s, fresh(s, 4), ERR_POLICY, "takes back a revocation");
	struct trusted t = believed(s);
	assert_false(trust_role_has(trust_role(&t.valid, "approver/production"), s->f.key_ids[CAROL]));
	/* The root keys take it out, and name it anew: nobody else can. */
	trust_fixture_set_role(&s->f, "approver/production", 2, (const enum fixture_person[]){DAVE, ALICE}, 2);
	assert_true(take(s, next_trust(s)));
	assert_true(take(s, fresh(s, 5)));
	trust_fixture_set_role(&s->f, "approver/production", 2, (const enum fixture_person[]){CAROL, DAVE, ALICE}, 3);
	assert_true(take(s, next_trust(s)));
	t = believed(s);
	assert_true(trust_role_has(trust_role(&t.valid, "approver/production"), s->f.key_ids[CAROL]));
}

/* A newer file that the site's operator puts in place by hand: as if the controller had brought it. */
static void test_a_newer_pin_ends_no_revocation_either(void **state)
{
	struct scene *s = *state;
	const char *keys[] = {s->f.key_ids[CAROL]};
	const struct freshness d = {.version = 3, .revoked_keys = keys, .n_revoked_keys = 1};
	struct err e = ERR_INIT;
	struct bytes first = s->pin;
	struct trust first_doc = s->f.trust;
	assert_int_equal(trusted_pin(s->j, s->pin, &s->f.trust, "trust.env", s->f.now_us, &e), 0);
	assert_true(take(s, trust_fixture_fresh(&s->f, &d, CI)));
	s->pin = next_trust(s);
	assert_int_equal(trusted_pin(s->j, s->pin, &s->f.trust, "trust.env", s->f.now_us, &e), 0);
	assert_int_equal(believed(s).fresh->n_revoked_keys, 1);
	assert_int_equal(trusted_pin(s->j, first, &first_doc, "trust.env", s->f.now_us, &e), -1);
	assert_string_equal(e.msg, "trust.env: trust document version 1, but this agent has used version 2: put the newer one in place");
	trust_fixture_set_role(&s->f, ROLE_FRESH, 1, (const enum fixture_person[]){ERIN}, 1);
	s->pin = next_trust(s);
	assert_int_equal(trusted_pin(s->j, s->pin, &s->f.trust, "trust.env", s->f.now_us, &e), 0);
	assert_null(believed(s).fresh);
}

/* A second fresh key beside the one that was stolen: what it has signed is not over by that. */
static void test_another_fresh_key_beside_it_ends_no_revocation(void **state)
{
	struct scene *s = *state;
	const char *keys[] = {s->f.key_ids[CAROL]};
	const struct freshness d = {.version = 3, .revoked_keys = keys, .n_revoked_keys = 1};
	assert_true(take(s, trust_fixture_fresh(&s->f, &d, CI)));
	trust_fixture_set_role(&s->f, ROLE_FRESH, 1, (const enum fixture_person[]){CI, ERIN}, 2);
	assert_true(take(s, next_trust(s)));
	refuse(s, fresh(s, 4), ERR_POLICY, "takes back a revocation");
	assert_int_equal(believed(s).fresh->n_revoked_keys, 1);
}

/* ATK-11: the fresh key was stolen and signed the last version there is; a rotation lets everybody out. */
static void test_out_of_a_fast_forward_by_rotation(void **state)
{
	struct scene *s = *state;
	assert_true(take(s, fresh(s, INT64_MAX)));
	assert_false(take(s, fresh(s, 10)));
	assert_true(take(s, next_trust(s))); /* another version with the same fresh key is no way out */
	assert_int_equal(believed(s).fresh->version, INT64_MAX);
	trust_fixture_set_role(&s->f, ROLE_FRESH, 1, (const enum fixture_person[]){ERIN}, 1);
	assert_true(take(s, next_trust(s)));
	assert_null(believed(s).fresh);
	const struct freshness d = {.version = 1};
	assert_true(take(s, trust_fixture_fresh(&s->f, &d, ERIN)));
	assert_int_equal(believed(s).fresh->version, 1);
}

/* ---- attested time ----------------------------------------------------------------------------------------------------------------------------------- */

static void test_attested_time_only_grows(void **state)
{
	struct scene *s = *state;
	struct err e = ERR_INIT;
	assert_int_equal(trusted_attest(s->j, 500, &e), 0);
	assert_int_equal(trusted_attest(s->j, 400, &e), 0);
	assert_int_equal(trusted_attest(s->j, -1, &e), 0);
	assert_int_equal(believed(s).attested_us, 500);
	assert_true(take(s, fresh(s, 9)));
	assert_int_equal(believed(s).attested_us, s->f.now_us);
}

/* Made on a laptop whose clock was ten years ahead: as long as it is in use its time counts (C5), and its successor ends that. */
static void test_a_trust_document_dated_ahead(void **state)
{
	struct scene *s = *state;
	int64_t made_us = s->f.trust.created_at_us, expires_us = s->f.trust.expires_at_us;
	s->f.trust.created_at_us = s->f.now_us + (int64_t)10 * 365 * 24 * FIXTURE_HOUR;
	s->f.trust.expires_at_us = s->f.trust.created_at_us + FIXTURE_HOUR;
	assert_true(take(s, next_trust(s)));
	assert_true(believed(s).attested_us <= s->f.now_us);
	s->f.trust.created_at_us = made_us, s->f.trust.expires_at_us = expires_us;
	assert_true(take(s, next_trust(s)));
	assert_int_equal(believed(s).doc.version, 3);
	assert_int_equal(believed(s).attested_us, s->f.trust.created_at_us);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_the_pin_is_where_it_begins),
	    TEST(test_step_by_step_to_the_newest),
	    TEST(test_rotation_of_root_keys_is_signed_by_both),
	    TEST(test_other_documents_and_fleets),
	    TEST(test_it_is_there_after_a_restart),
	    TEST(test_a_newer_pin_counts),
	    TEST(test_killed_in_the_middle),
	    TEST(test_the_highest_is_kept),
	    TEST(test_only_fresh_keys_sign_them),
	    TEST(test_revocations_stay),
	    TEST(test_a_stolen_fresh_key_takes_no_revocation_back),
	    TEST(test_a_newer_pin_ends_no_revocation_either),
	    TEST(test_another_fresh_key_beside_it_ends_no_revocation),
	    TEST(test_out_of_a_fast_forward_by_rotation),
	    TEST(test_attested_time_only_grows),
	    TEST(test_a_trust_document_dated_ahead),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
