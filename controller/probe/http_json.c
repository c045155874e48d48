/* JSON pointers into answers. */
#include <jansson.h>

#include "common/base/str.h"
#include "controller/probe/http_get.h"

/* One part of a pointer, "~1" for '/' and "~0" for '~'; *p moves behind it. */
static const char *next_part(const char **p, struct arena *a)
{
	size_t n = strcspn(*p + 1, "/");
	char *part = arena_strndup(a, *p + 1, n), *to = part;
	for (const char *from = part; *from; from++, to++) {
		bool escaped = from[0] == '~' && (from[1] == '0' || from[1] == '1');
		*to = !escaped ? *from : from[1] == '1' ? '/' : '~';
		from += escaped;
	}
	*to = '\0';
	*p += 1 + n;
	return part;
}

static json_t *step(json_t *at, const char *part)
{
	uint64_t index = 0;
	if (json_is_array(at))
		return str_to_u64(part, "index", 0, json_array_size(at), &index, NULL) == 0 ? json_array_get(at, index) : NULL;
	return json_object_get(at, part);
}

static const char *text_of(const json_t *v, struct arena *a)
{
	if (json_is_string(v))
		return arena_strdup(a, json_string_value(v));
	if (json_is_boolean(v))
		return json_is_true(v) ? "true" : "false";
	if (json_is_integer(v))
		return arena_printf(a, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	if (json_is_real(v))
		return arena_printf(a, "%.15g", json_real_value(v));
	return json_is_null(v) ? "NULL" : NULL;
}

int http_json_value(const char *body, const char *pointer, struct arena *a, const char **ret, struct err *e)
{
	json_error_t why;
	json_t *root = json_loads(body, JSON_REJECT_DUPLICATES, &why), *at = root;
	if (!root)
		return err_set(e, ERR_PARSE, "the answer is not JSON: line %d: %s", why.line, why.text);
	for (const char *p = pointer; at && *p == '/';)
		at = step(at, next_part(&p, a));
	const char *text = at ? text_of(at, a) : NULL;
	json_decref(root);
	if (!text)
		return err_set(e, ERR_NOT_FOUND, "the answer has no single value at %s", pointer);
	*ret = text;
	return 0;
}
