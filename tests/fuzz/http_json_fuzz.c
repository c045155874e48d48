/* Fuzz target for the value that a metric's answer holds at a JSON pointer. The first line is the pointer, the rest the answer. A refusal says why and leaves the result untouched; a value is
 * text, and the same when it is asked for again. */
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/probe/http_get.h"
#include "tests/fuzz/fuzz.h"

#define ARENA ((size_t)1024 * 1024)

static char *text_copy(const uint8_t *p, size_t n)
{
	char *s = mem_alloc(n + 1);
	memcpy(s, p, n);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *lf = size ? memchr(data, '\n', size) : NULL;
	if (!lf || size > HTTP_GET_MAX)
		return 0;
	AUTO(arena_destroy) struct arena *a = arena_new(ARENA);
	AUTO(mem_free_ptr) char *pointer = text_copy(data, (size_t)(lf - data));
	AUTO(mem_free_ptr) char *body = text_copy(lf + 1, size - (size_t)(lf - data) - 1);
	const char *value = "untouched", *again = NULL;
	struct err e = ERR_INIT;
	fuzz_accepted = http_json_value(body, pointer, a, &value, &e) == 0;
	if (!fuzz_accepted) {
		fuzz_require((e.code == ERR_PARSE || e.code == ERR_NOT_FOUND) && e.msg[0], "a refusal says why");
		fuzz_require(str_eq(value, "untouched"), "untouched when refused");
		return 0;
	}
	fuzz_require(bytes_is_utf8(bytes_of_str(value)), "a value is text");
	fuzz_require(http_json_value(body, pointer, a, &again, &e) == 0 && str_eq(value, again), "the same again");
	return 0;
}
