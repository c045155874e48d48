/* Words and `key:value` attributes of a Liquibase comment line. */
#include "controller/change/liquibase.h"

#include <ctype.h>
#include <string.h>

#include "common/base/nearest.h"
#include "common/base/str.h"

struct bytes lb_trim(struct bytes b)
{
	while (b.n && isspace(b.p[0]))
		b = bytes_of(b.p + 1, b.n - 1);
	while (b.n && isspace(b.p[b.n - 1]))
		b.n--;
	return b;
}

struct bytes lb_next_word(struct bytes *rest)
{
	*rest = lb_trim(*rest);
	size_t n = 0;
	while (n < rest->n && !isspace(rest->p[n]))
		n++;
	struct bytes word = bytes_of(rest->p, n);
	*rest = lb_trim(bytes_of(rest->p + n, rest->n - n));
	return word;
}

bool lb_word_is(struct bytes word, const char *s)
{
	return word.n == strlen(s) && strncasecmp((const char *)word.p, s, word.n) == 0;
}

static size_t key_length(struct bytes b)
{
	size_t n = 0;
	while (n < b.n && (isalnum(b.p[n]) || b.p[n] == '_'))
		n++;
	return n;
}

/* `key:"..."`: the length of the quoted value with its quotes, 0 when it is not closed. */
static size_t quoted_length(struct bytes b)
{
	const uint8_t *end = b.n > 1 ? memchr(b.p + 1, '"', b.n - 1) : NULL;
	return end ? (size_t)(end - b.p) + 1 : 0;
}

bool lb_attribute(struct lb *lb, struct bytes *rest, struct attribute *ret)
{
	struct bytes b = lb_trim(*rest);
	size_t k = key_length(b), n = 0;
	if (b.n == 0)
		return false;
	if (k == 0 || k == b.n || b.p[k] != ':') {
		struct bytes word = lb_next_word(&b);
		LB_PROBLEM(lb, "write attributes as name:value, and put a value with blanks into double quotes", "'%.*s' is not an attribute",
		           (int)(word.n > 60 ? 60 : word.n), (const char *)word.p);
		return false;
	}
	struct bytes value = bytes_of(b.p + k + 1, b.n - k - 1);
	bool quoted = value.n && value.p[0] == '"';
	if (quoted) {
		n = quoted_length(value);
		if (n == 0) {
			LB_PROBLEM(lb, "close the double quote", "the value of %.*s is not closed", (int)k, (const char *)b.p);
			return false;
		}
	} else {
		while (n < value.n && !isspace(value.p[n]))
			n++;
	}
	ret->key = arena_strndup(lb->a, (const char *)b.p, k);
	ret->raw = arena_strndup(lb->a, (const char *)value.p, n);
	ret->value = quoted ? arena_strndup(lb->a, (const char *)value.p + 1, n - 2) : ret->raw;
	ret->quoted = quoted;
	*rest = bytes_of(value.p + n, value.n - n);
	return true;
}

void lb_unknown_attribute(struct lb *lb, const struct attribute *at, const char *of, const char *const *known, size_t n)
{
	const char *near = nearest_word(at->key, known, n);
	const char *todo = near ? arena_printf(lb->a, "did you mean %s?", near) : "remove it";
	LB_PROBLEM(lb, todo, "%s has no attribute '%.60s'", of, at->key);
}

bool lb_bool(struct lb *lb, const struct attribute *at, bool *ret)
{
	if (str_ieq(at->value, "true") || str_ieq(at->value, "false"))
		return *ret = str_ieq(at->value, "true"), true;
	LB_PROBLEM(lb, "write true or false", "%s:%.60s is neither true nor false", at->key, at->value);
	return false;
}

const char *lb_expand(struct lb *lb, const char *text)
{
	struct bytes out;
	switch (properties_expand_same(&lb->properties, bytes_of_str(text), lb->file->path, lb->o->engines, &out)) {
	case EXPAND_DONE:
		return arena_strndup(lb->a, (const char *)out.p, out.n);
	case EXPAND_TOO_LARGE:
		LB_PROBLEM(lb, "use smaller properties", "the text grows past 64 MiB when its properties are put in");
		return NULL;
	case EXPAND_DIFFERS:
		LB_PROBLEM(lb, "write one changeset for each dbms", "a property with dbms stands where the text must be the same for every engine");
		return NULL;
	}
	return NULL;
}
