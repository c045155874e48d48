/* Canonical text of a schema. */
#include "agent/schema/snapshot.h"

#include <string.h>

#include "common/base/str.h"
#include "common/crypto/digest.h"

struct lines {
	struct arena *arena;
	const char **lines;
	size_t n, cap, bytes;
};

/* One line whatever the definition holds; two definitions never give the same one. */
static void add_escaped(struct buf *to, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (*p == '\n')
			buf_adds(to, "\\n");
		else if (*p == '\r')
			buf_adds(to, "\\r");
		else if (*p == '\\')
			buf_adds(to, "\\\\");
		else
			buf_addc(to, *p);
	}
}

static int object_row(void *arg, size_t n, const char *const *values, struct err *e)
{
	struct lines *l = arg;
	AUTO(buf_done) struct buf line = BUF_INIT;
	for (size_t i = 0; i < n; i++) {
		const char *text = values[i] ? values[i] : "";
		text += strspn(text, " ");
		if (i && *text)
			buf_addc(&line, ' ');
		add_escaped(&line, text);
	}
	l->bytes += line.n + 1;
	if (l->bytes > SNAPSHOT_BYTES_MAX)
		return err_set(e, ERR_LIMIT, "the schema's definitions are longer than %zu bytes", SNAPSHOT_BYTES_MAX);
	arena_vec_grow(l->arena, l->lines, l->n, l->cap);
	l->lines[l->n++] = arena_strdup(l->arena, buf_str(&line));
	return 0;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int snapshot_take(const struct engine *en, struct conn *c, struct snapshot *ret, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(4 * SNAPSHOT_BYTES_MAX); /* the array of lines grows by copies */
	struct lines l = {.arena = a};
	if (en->snapshot(c, object_row, &l, e) != 0)
		return err_wrap(e, "snapshot of the schema");
	if (l.n)
		qsort(l.lines, l.n, sizeof *l.lines, compare_lines);
	*ret = (struct snapshot){.n_objects = l.n};
	buf_addf(&ret->text, SNAPSHOT_BEGIN "%d of a %s target\n", SNAPSHOT_FORM, en->name);
	for (size_t i = 0; i < l.n; i++)
		buf_addf(&ret->text, "%s\n", l.lines[i]);
	digest_sha256(buf_bytes(&ret->text), ret->fingerprint);
	return 0;
}

void snapshot_done(struct snapshot *s)
{
	buf_done(&s->text);
}

/* ---- comparing ---- */

static size_t line_length(const char *p)
{
	return strcspn(p, "\n");
}

static int compare_at(const char *a, const char *b)
{
	size_t na = line_length(a), nb = line_length(b);
	int order = memcmp(a, b, na < nb ? na : nb);
	return order ? order : na < nb ? -1 : na > nb;
}

static const char *after_line(const char *p)
{
	p += line_length(p);
	return *p ? p + 1 : p;
}

size_t snapshot_diff(const char *earlier, const char *later, struct buf *ret)
{
	size_t n = 0;
	while (*earlier || *later) {
		int order = !*later ? -1 : !*earlier ? 1 : compare_at(earlier, later);
		const char *only = order < 0 ? earlier : later;
		if (order) {
			buf_addf(ret, "%c %.*s\n", order < 0 ? '-' : '+', (int)line_length(only), only);
			n++;
		}
		earlier = order <= 0 ? after_line(earlier) : earlier;
		later = order >= 0 ? after_line(later) : later;
	}
	return n;
}
