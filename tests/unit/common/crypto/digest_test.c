/* common/crypto/digest: known values, and that every part of a changeset that matters moves its digest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/crypto/digest.h"
#include "tests/support/trust_fixture.h"

static int setup(void **state)
{
	struct trust_fixture *f = calloc(1, sizeof *f);
	trust_fixture_init(f);
	trust_fixture_build(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct trust_fixture *f = *state;
	trust_fixture_done(f);
	free(f);
	return 0;
}

static void assert_hex(const uint8_t digest[DIGEST_SIZE], const char *hex)
{
	char got[DIGEST_HEX_SIZE];
	assert_string_equal(bytes_to_hex(bytes_of(digest, DIGEST_SIZE), got), hex);
}

static void test_known_values(void **state)
{
	(void)state;
	uint8_t d[DIGEST_SIZE];
	digest_sha256(bytes_of_str("abc"), d);
	assert_hex(d, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	digest_sha256(bytes_of(NULL, 0), d);
	assert_hex(d, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	struct digest *inc = digest_new();
	digest_add(inc, "a", 1);
	digest_add(inc, NULL, 0);
	digest_add(inc, "bc", 2);
	digest_final(&inc, d);
	assert_null(inc);
	assert_hex(d, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* "T", 8 octets of length, the statement: stored in ledgers for ever, so it must never change. */
static void test_step_formula(void **state)
{
	struct trust_fixture *f = *state;
	uint8_t got[DIGEST_SIZE], want[DIGEST_SIZE];
	struct step s = trust_fixture_step(f, STEP_T, "SELECT 1", "SELECT 2", NULL);
	digest_step(&s, got);
	digest_sha256(bytes_of("T\x08\0\0\0\0\0\0\0SELECT 1\x08\0\0\0\0\0\0\0SELECT 2", 33), want);
	assert_memory_equal(got, want, DIGEST_SIZE);
}

static void test_statements_cannot_run_together(void **state)
{
	struct trust_fixture *f = *state;
	uint8_t a[DIGEST_SIZE], b[DIGEST_SIZE];
	struct step one = trust_fixture_step(f, STEP_T, "SELECT 12", "3", NULL), two = trust_fixture_step(f, STEP_T, "SELECT 1", "23", NULL);
	digest_step(&one, a);
	digest_step(&two, b);
	assert_memory_not_equal(a, b, DIGEST_SIZE);
}

static void e_author(struct changeset *c)
{
	c->author = "bob";
}
static void e_name(struct changeset *c)
{
	c->name = "other";
}
static void e_step(struct changeset *c)
{
	c->bodies[0].steps[0].digest[0] ^= 1;
}
static void e_rollback(struct changeset *c)
{
	c->bodies[1].rollback[0].digest[31] ^= 1;
}
static void e_no_rollback(struct changeset *c)
{
	c->bodies[2].n_rollback = 0;
}
static void e_has_rollback(struct changeset *c)
{
	c->bodies[2].n_rollback = 0, c->bodies[2].has_rollback = false;
}
static void e_engine(struct changeset *c)
{
	c->bodies[0].engine = "oracle";
}
static void e_bodies(struct changeset *c)
{
	c->n_bodies = 2;
}
static void e_validation(struct changeset *c)
{
	c->validations[0].expected = "1";
}
static void e_mode(struct changeset *c)
{
	c->validations[0].mode = VALIDATE_RECORD;
}
static void e_when(struct changeset *c)
{
	c->validations[0].when = VALIDATE_BEFORE;
}
static void e_question(struct changeset *c)
{
	c->validations[0].sql = bytes_of_str("SELECT 0");
}
static void e_no_validation(struct changeset *c)
{
	c->n_validations = 0;
}
static void e_always(struct changeset *c)
{
	c->run_always = true;
}
static void e_on_change(struct changeset *c)
{
	c->run_on_change = true;
}
static void e_ignore(struct changeset *c)
{
	c->ignore_failure = true;
}
static void e_on_fail(struct changeset *c)
{
	c->on_fail = ON_FAIL_WARN;
}
static void e_on_error(struct changeset *c)
{
	c->on_error = ON_FAIL_WARN;
}

/* Each edit alone; all digests differ from the original and from each other. */
static void test_every_part_counts(void **state)
{
	static void (*const edits[])(struct changeset *) = {e_author,        e_name,   e_step,       e_rollback, e_no_rollback, e_has_rollback,
	                                                    e_engine,        e_bodies, e_validation, e_mode,     e_when,        e_question,
	                                                    e_no_validation, e_always, e_on_change,  e_ignore,   e_on_fail,     e_on_error};
	uint8_t seen[ARRAY_LEN(edits) + 1][DIGEST_SIZE];
	(void)state;
	for (size_t i = 0; i <= ARRAY_LEN(edits); i++) {
		struct trust_fixture f;
		trust_fixture_init(&f);
		trust_fixture_build(&f);
		struct changeset *c = &f.release.changesets[1];
		if (i < ARRAY_LEN(edits))
			edits[i](c);
		digest_changeset(c, seen[i]);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(seen[i], seen[j], DIGEST_SIZE);
		trust_fixture_done(&f);
	}
}

static void test_what_does_not_count(void **state)
{
	struct trust_fixture *f = *state;
	struct changeset *c = &f->release.changesets[1];
	uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];
	digest_changeset(c, before);
	c->file = "moved.sql", c->line = 99, c->comment = "why", c->labels = "x";
	c->bodies[0].steps[0].statements[0].line = 7;
	digest_changeset(c, after);
	assert_memory_equal(before, after, DIGEST_SIZE);
}

static void test_normal_digest_folds_layout(void **state)
{
	struct trust_fixture *f = *state;
	struct changeset *c = &f->release.changesets[1];
	uint8_t exact[2][DIGEST_SIZE], normal[2][DIGEST_SIZE];
	for (size_t i = 0; i < 2; i++) {
		struct step *s = &c->bodies[0].steps[0];
		s->statements[0].sql = bytes_of_str(i ? "  ALTER TABLE orders\r\n\tADD COLUMN   note text\n" : "ALTER TABLE orders ADD COLUMN note text");
		digest_step(s, s->digest);
		digest_changeset(c, exact[i]);
		digest_changeset_normal(c, normal[i]);
	}
	assert_memory_not_equal(exact[0], exact[1], DIGEST_SIZE);
	assert_memory_equal(normal[0], normal[1], DIGEST_SIZE);
	c->bodies[0].steps[0].statements[0].sql = bytes_of_str("ALTER TABLE orders ADD COLUMN notes text");
	digest_changeset_normal(c, normal[1]);
	assert_memory_not_equal(normal[0], normal[1], DIGEST_SIZE);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_known_values),      T(test_step_formula),        T(test_statements_cannot_run_together),
	    T(test_every_part_counts), T(test_what_does_not_count), T(test_normal_digest_folds_layout),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
