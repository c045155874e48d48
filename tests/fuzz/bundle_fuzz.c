/* Fuzz target for audit bundles, which an auditor gets from somebody whom he need not believe. The input is a bundle as it stands. What cannot be read says the file and a line of it;
 * what can is verified, and whatever it says, the verdict names a check and a place for each thing that is wrong. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/audit/bundle.h"
#include "controller/audit/verify.h"
#include "tests/fuzz/fuzz.h"

#define ARENA     ((size_t)256 * 1024 * 1024)
#define INPUT_MAX ((size_t)256 * 1024)

static void check_verdict(const struct bundle *b)
{
	AUTO(arena_destroy) struct arena *a = arena_new(ARENA);
	struct audit_result r;
	audit_verify(b, NULL, a, &r);
	for (size_t i = 0; i < AUDIT_CHECKS; i++)
		fuzz_require(r.checks[i].name && r.checks[i].says, "each check was made");
	for (size_t i = 0; i < r.n_findings; i++)
		fuzz_require(r.findings[i].check && r.findings[i].place[0] && r.findings[i].text[0], "a finding has its place and its reason");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(bundle_done) struct bundle b = {0};
	struct err e = ERR_INIT;
	if (size > INPUT_MAX)
		return 0;
	const char *path = fuzz_memory_file(data, size);
	fuzz_accepted = bundle_load(path, &b, &e) == 0;
	if (fuzz_accepted) {
		check_verdict(&b);
		return 0;
	}
	fuzz_require(e.code != ERR_NONE && e.msg[0], "a refusal says why");
	if (e.code != ERR_PARSE)
		return 0;
	fuzz_require(str_starts(e.msg, path), "a refusal names the file");
	unsigned long line = strtoul(e.msg + strlen(path) + 1, NULL, 10);
	fuzz_require(line >= 1 && line <= fuzz_count_lines(data, size), "a refusal names a line of it");
	return 0;
}
