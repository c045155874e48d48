/* Agent requests: text lines, read strictly. */
#include "common/wire/request.h"

#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/wire/limits.h"

#define REQUEST_MAX ((size_t)512 * 1024)

struct lines {
	const char *path;
	struct arena *a;
	struct agent_request *r;
	char seen[4]; /* agent, site, curve-key, report-key */
	size_t cap;
};

static bool is_pattern(const char *s)
{
	size_t n = strlen(s);
	if (n == 0 || n > 200)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] <= ' ' || (unsigned char)s[i] >= 0x7f)
			return false;
	return true;
}

/* What is wrong with a value, NULL when it is right. */
static const char *set_agent(struct lines *l, const char *value)
{
	l->r->agent = value;
	return str_is_name(value) ? NULL : "not a name: use a-z, 0-9, '.', '_' and '-', 63 characters at most";
}

static const char *set_site(struct lines *l, const char *value)
{
	l->r->site = value;
	return str_is_name(value) ? NULL : "not a name: use a-z, 0-9, '.', '_' and '-', 63 characters at most";
}

static const char *set_curve(struct lines *l, const char *value)
{
	l->r->curve_key = value;
	return str_is_curve_key(value) ? NULL : "not a CURVE public key: it has 40 characters of Z85";
}

static const char *set_report(struct lines *l, const char *value)
{
	return bytes_from_hex(value, l->r->report_key, SIGN_PUBLIC_SIZE, NULL) == 0 ? NULL : "not an Ed25519 public key: it has 64 hex digits";
}

static const char *add_target(struct lines *l, const char *value)
{
	struct agent_request *r = l->r;
	if (!is_pattern(value))
		return "not a pattern over target ids: write one such as eu/pg-1/*";
	if (r->n_targets == LIMIT_TARGETS_PER_AGENT)
		return "too many patterns: join some with '*'";
	arena_vec_grow(l->a, r->targets, r->n_targets, l->cap);
	r->targets[r->n_targets++] = value;
	return NULL;
}

static const struct {
	const char *key;
	const char *(*set)(struct lines *l, const char *value);
} keys[] = {{"agent", set_agent}, {"site", set_site}, {"curve-key", set_curve}, {"report-key", set_report}, {"target", add_target}};

static int read_line(struct lines *l, unsigned number, char *line, struct err *e)
{
	size_t n = strlen(line);
	while (n && (line[n - 1] == '\r' || line[n - 1] == ' ' || line[n - 1] == '\t'))
		line[--n] = '\0';
	if (n == 0 || *line == '#')
		return 0;
	char *value = strstr(line, ": ");
	if (!value)
		return err_set(e, ERR_PARSE, "%s:%u: not a line of the form 'key: value': have 'rollcall-agent init' write the request again", l->path,
		               number);
	*value = '\0';
	value += 2 + strspn(value + 2, " ");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (!str_eq(line, keys[i].key))
			continue;
		if (i < sizeof l->seen && l->seen[i]++)
			return err_set(e, ERR_PARSE, "%s:%u: '%s' is there twice: leave one", l->path, number, line);
		const char *wrong = keys[i].set(l, value);
		return wrong ? err_set(e, ERR_PARSE, "%s:%u: %s: %s", l->path, number, line, wrong) : 0;
	}
	return err_set(e, ERR_PARSE, "%s:%u: unknown key '%.40s': agent, site, curve-key, report-key and target are known", l->path, number, line);
}

static int read_lines(struct lines *l, char *text, struct err *e)
{
	unsigned number = 0;
	for (char *next = text; next;) {
		char *line = next, *end = strchr(line, '\n');
		next = end ? end + 1 : NULL;
		if (end)
			*end = '\0';
		if (read_line(l, ++number, line, e) != 0)
			return -1;
	}
	for (size_t i = 0; i < sizeof l->seen; i++)
		if (!l->seen[i])
			return err_set(e, ERR_PARSE, "%s: '%s' is missing: have 'rollcall-agent init' write the request again", l->path, keys[i].key);
	if (l->r->n_targets == 0)
		return err_set(e, ERR_PARSE, "%s: no 'target' line: name the targets that the agent serves, such as eu/*", l->path);
	return 0;
}

int request_parse(const char *path, struct bytes text, struct arena *a, struct agent_request *ret, struct err *e)
{
	struct agent_request r = {0};
	struct lines l = {.path = path, .a = a, .r = &r};
	if (!bytes_is_utf8(text) || bytes_has_nul(text))
		return err_set(e, ERR_PARSE, "%s: not a text file: give the request that 'rollcall-agent init' wrote", path);
	if (read_lines(&l, arena_strndup(a, text.p ? (const char *)text.p : "", text.n), e) != 0)
		return -1;
	*ret = r;
	return 0;
}

int request_load(const char *path, struct arena *a, struct agent_request *ret, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	if (file_read(path, REQUEST_MAX, &b, e) != 0)
		return -1;
	return request_parse(path, buf_bytes(&b), a, ret, e);
}

/* False when a value with a line break in it read back as something else. */
static bool same(const struct agent_request *a, const struct agent_request *b)
{
	bool ok = str_eq(a->agent, b->agent) && str_eq(a->site, b->site) && str_eq(a->curve_key, b->curve_key) && a->n_targets == b->n_targets;
	for (size_t i = 0; ok && i < a->n_targets; i++)
		ok = str_eq(a->targets[i], b->targets[i]);
	return ok;
}

int request_format(const char *path, const struct agent_request *r, struct buf *ret, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(8 * REQUEST_MAX);
	AUTO(buf_done) struct buf b = BUF_INIT;
	char hex[SIGN_PUBLIC_SIZE * 2 + 1];
	struct agent_request again = {0};
	buf_addf(&b, "# rollcall agent request v1: have the holder of an enrol key run 'rollcall trust certify' on this file\n");
	buf_addf(&b, "agent: %s\nsite: %s\ncurve-key: %s\n", r->agent ? r->agent : "", r->site ? r->site : "", r->curve_key ? r->curve_key : "");
	buf_addf(&b, "report-key: %s\n", bytes_to_hex(bytes_of(r->report_key, SIGN_PUBLIC_SIZE), hex));
	for (size_t i = 0; i < r->n_targets; i++)
		buf_addf(&b, "target: %s\n", r->targets[i]);
	/* What a reader would refuse is never written. */
	if (b.n > REQUEST_MAX)
		return err_set(e, ERR_LIMIT, "%s: the request is larger than %zu bytes: use fewer patterns", path, REQUEST_MAX);
	if (request_parse(path, buf_bytes(&b), a, &again, e) != 0)
		return -1;
	if (!same(r, &again))
		return err_set(e, ERR_PARSE, "%s: a value of the request does not read back as it was given: it holds a line break or ends in a blank", path);
	buf_add(ret, b.p, b.n);
	return 0;
}

int request_save(const char *path, const struct agent_request *r, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	if (request_format(path, r, &b, e) != 0)
		return -1;
	return file_write_atomic(path, buf_bytes(&b), 0644, e);
}
