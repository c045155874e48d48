/* Fuzz target for plans. The input is a plan file as it stands. A refusal names the file and a line of it; what is accepted is within the bounds that the rollout relies on. */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/plan/plan.h"
#include "tests/fuzz/fuzz.h"

#define ARENA ((size_t)64 * 1024 * 1024)

static void check_wave(const struct plan_wave *w)
{
	fuzz_require(str_is_name(w->name) && w->selector && w->selector_text, "a wave has a name and a selector");
	fuzz_require(w->max_parallel >= 1 && w->max_parallel <= 100000, "max_parallel in bounds");
	fuzz_require(w->size.value >= 1 && (!w->size.percent || w->size.value <= 100), "size in bounds");
	fuzz_require(!w->max_failures.percent || w->max_failures.value <= 100, "max_failures in bounds");
}

static void check_plan(const struct plan *p)
{
	fuzz_require(str_is_name(p->name) && p->n_environments >= 1, "a plan has a name and environments");
	for (size_t i = 0; i < p->n_environments; i++) {
		const struct plan_environment *env = &p->environments[i];
		fuzz_require(str_is_name(env->name) && env->n_waves >= 1, "an environment has a name and waves");
		fuzz_require(plan_environment(p, env->name) == env, "each environment once");
		for (size_t k = 0; k < env->n_waves; k++)
			check_wave(&env->waves[k]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_destroy) struct arena *a = arena_new(ARENA);
	struct bytes text = bytes_of(data, size);
	struct plan p;
	struct err e = ERR_INIT;
	fuzz_accepted = plan_parse("plan.yaml", text, a, &p, &e) == 0;
	if (fuzz_accepted) {
		check_plan(&p);
		return 0;
	}
	fuzz_require(e.code == ERR_PARSE || e.code == ERR_USAGE || e.code == ERR_LIMIT, "a refusal has its code");
	if (e.code == ERR_LIMIT)
		return 0;
	fuzz_require(str_starts(e.msg, "plan.yaml:"), "a refusal names the file");
	unsigned long line = strtoul(e.msg + 10, NULL, 10);
	fuzz_require(line >= 1 && line <= fuzz_count_lines(data, size), "a refusal names a line of it");
	return 0;
}
