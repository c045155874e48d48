/* One delivery before verify_delivery: what unit tests of the checks share. Include it after cmocka.h. */
#ifndef TESTS_SUPPORT_VERIFY_SCENE_H
#define TESTS_SUPPORT_VERIFY_SCENE_H

#include <stdlib.h>
#include <string.h>

#include "tests/support/verify_facts.h"

struct scene {
	struct trust_fixture f;
	struct verify_facts facts;
};

static inline int setup(void **state)
{
	struct scene *s = calloc(1, sizeof *s);
	trust_fixture_init(&s->f);
	*state = s;
	return 0;
}

static inline int teardown(void **state)
{
	struct scene *s = *state;
	trust_fixture_done(&s->f);
	free(s);
	return 0;
}

static inline void build(struct scene *s)
{
	trust_fixture_build(&s->f);
	s->facts = trust_fixture_facts(&s->f);
}

static inline void assert_accepted(struct scene *s, struct verified *ret)
{
	struct err e = ERR_INIT;
	struct verified v = {0};
	enum check_code c = verify_delivery(&s->facts, s->f.arena, &v, &e);
	assert_string_equal(e.msg, "");
	assert_int_equal(c, CHECK_NONE);
	if (ret)
		*ret = v;
}

/* The exact check, the error's code, and a part of the message that tells this refusal from others under the same check. */
static inline void assert_refused(struct scene *s, const char *check, enum err_code code, const char *part)
{
	struct err e = ERR_INIT;
	struct verified v = {.n_approvers = 77};
	const char *got = check_title(verify_delivery(&s->facts, s->f.arena, &v, &e));
	if (strcmp(got, check) != 0 || !strstr(e.msg, part))
		print_message("refused by %s: %s\n", got, e.msg);
	assert_string_equal(got, check);
	assert_non_null(strstr(e.msg, part));
	assert_int_equal(e.code, code);
	assert_int_equal(v.n_approvers, 77); /* nothing of a refused delivery comes out */
}

#define REFUSED_SIGNATURE(s, check, part) assert_refused((s), (check), ERR_SIGNATURE, (part))
#define REFUSED_POLICY(s, check, part)    assert_refused((s), (check), ERR_POLICY, (part))

#endif
