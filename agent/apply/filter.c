/* Contexts: the changeset carries the expression, the order the words. Labels: the other way round. */
#include "agent/apply/filter.h"

#include <string.h>

#include "common/base/str.h"
#include "common/model/context.h"

static const char **split_labels(const char *labels, struct arena *a, size_t *ret_n)
{
	const char **words = NULL;
	size_t n = 0, cap = 0;
	for (const char *p = labels; *p;) {
		p += strspn(p, ", \t");
		size_t len = strcspn(p, ",");
		while (len && (p[len - 1] == ' ' || p[len - 1] == '\t'))
			len--;
		if (len) {
			arena_vec_grow(a, words, n, cap);
			words[n++] = arena_strndup(a, p, len);
		}
		p += len + strcspn(p + len, ",");
	}
	*ret_n = n;
	return words;
}

int filter_selects(const struct changeset *c, const struct order *o, struct arena *a, bool *ret, struct err *e)
{
	bool by_context = true, by_label = true;
	if (context_matches(c->context, o->contexts, o->n_contexts, &by_context, e) != 0)
		return err_wrap(e, "changeset %s: context", c->id);
	if (!str_empty(o->label_filter) && !str_empty(c->labels)) {
		size_t n = 0;
		const char **labels = split_labels(c->labels, a, &n);
		if (context_matches(o->label_filter, labels, n, &by_label, e) != 0)
			return err_wrap(e, "the order's label filter");
	}
	*ret = by_context && by_label;
	return 0;
}
