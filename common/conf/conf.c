/* YAML by libcyaml: its log is where the reason and the line are, so the log is what makes our message. */
#include "common/conf/conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/conf/numbers.h"
#include "common/wire/limits.h"

#define SCHEMA_KEYS_MAX  256
#define SCHEMA_DEPTH_MAX 16

struct complaint { /* what libcyaml said, reduced to the first reason and the innermost line */
	char reason[256];
	unsigned line;
};

static void collect(cyaml_log_t level, void *ctx, const char *fmt, va_list ap) PRINTF_LIKE(3, 0);
static void collect(cyaml_log_t level, void *ctx, const char *fmt, va_list ap)
{
	struct complaint *c = ctx;
	char text[512];
	unsigned line;
	if (level < CYAML_LOG_ERROR)
		return;
	vsnprintf(text, sizeof text, fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	const char *at = strstr(text, "(line: ");
	if (at && sscanf(at, "(line: %u", &line) == 1) {
		if (c->line == 0)
			c->line = line;
	} else if (!strstr(text, "Backtrace") && c->reason[0] == '\0') {
		str_copy(c->reason, sizeof c->reason, str_starts(text, "Load: ") ? text + 6 : text);
	}
}

struct key_list {
	const char *keys[SCHEMA_KEYS_MAX];
	size_t n;
};

/* Every mapping key anywhere in the schema; depth-limited because a schema may point to itself. */
static void collect_keys(const cyaml_schema_value_t *v, struct key_list *list, int depth)
{
	if (depth > SCHEMA_DEPTH_MAX)
		return;
	if (v->type == CYAML_MAPPING) {
		for (const cyaml_schema_field_t *f = v->mapping.fields; f->key; f++) {
			if (list->n < SCHEMA_KEYS_MAX)
				list->keys[list->n++] = f->key;
			collect_keys(&f->value, list, depth + 1);
		}
	} else if (v->type == CYAML_SEQUENCE || v->type == CYAML_SEQUENCE_FIXED) {
		collect_keys(v->sequence.entry, list, depth + 1);
	}
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;
	return m < c ? m : c;
}

/* Levenshtein distance of two short words; words past 31 characters count as far apart. */
static size_t distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), row[32];
	if (n > 31 || m > 31)
		return 32;
	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t above = row[j];
			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[m];
}

static const char *nearest_key(const cyaml_schema_value_t *schema, const char *key)
{
	struct key_list list = {.n = 0};
	const char *best = NULL;
	size_t best_distance = strlen(key) / 3 + 1;
	collect_keys(schema, &list, 0);
	for (size_t i = 0; i < list.n; i++) {
		size_t d = distance(key, list.keys[i]);
		if (d <= best_distance && d > 0) {
			best = list.keys[i];
			best_distance = d;
		}
	}
	return best;
}

/* How often: a line may hold several mappings in braces. */
static size_t keys_in_line(const char *line, size_t n, const char *key)
{
	size_t k = strlen(key), count = 0;
	for (size_t i = 0; i + k < n; i++) {
		if (memcmp(line + i, key, k) != 0)
			continue;
		size_t j = i + k;
		bool starts = i == 0 || strchr(" \t-{,\"'", line[i - 1]);
		while (j < n && strchr(" \t\"'", line[j]))
			j++;
		count += starts && j < n && line[j] == ':';
	}
	return count;
}

unsigned conf_line_of(struct bytes text, const char *key, size_t index)
{
	const char *p = (const char *)text.p, *end = p + text.n;
	for (unsigned line = 1; p < end; line++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((nl ? nl : end) - p);
		size_t count = keys_in_line(p, n, key);
		if (index < count)
			return line;
		index -= count;
		p = nl ? nl + 1 : end;
	}
	return 0;
}

/* libcyaml names the last place that was right; the unknown key itself stands at that line or below. */
static unsigned line_of_unknown(struct bytes text, const char *key, unsigned from)
{
	for (size_t i = 0;; i++) {
		unsigned line = conf_line_of(text, key, i);
		if (line == 0 || line >= from)
			return line ? line : from;
	}
}

/* libcyaml counts on past the end of a file that stops in the middle, and at the line breaks of YAML alone (a lone CR, U+2028): the message names a line that is there. */
static unsigned line_in(struct bytes text, unsigned line)
{
	unsigned last = text.n && text.p[text.n - 1] == '\n' ? 0 : 1;
	for (size_t i = 0; i < text.n; i++)
		last += text.p[i] == '\n';
	return line < 1 ? 1 : line < last ? line : last;
}

/* Does it stand in the file's own mapping, and not in one below it? */
static bool is_outermost(struct bytes text, unsigned line, const char *key)
{
	const char *p = (const char *)text.p, *end = p + text.n;
	for (; line > 1 && p; line--)
		p = memchr(p, '\n', (size_t)(end - p)) ? (const char *)memchr(p, '\n', (size_t)(end - p)) + 1 : NULL;
	return p && (size_t)(end - p) > strlen(key) && memcmp(p, key, strlen(key)) == 0;
}

/* Is there nothing in it that a file of this kind has? Then it is one of another kind. */
static bool is_foreign(struct bytes text, const cyaml_schema_value_t *schema)
{
	if (schema->type != CYAML_MAPPING)
		return false;
	for (const cyaml_schema_field_t *f = schema->mapping.fields; f->key; f++)
		for (unsigned i = 0, line; (line = conf_line_of(text, f->key, i)) != 0; i++)
			if (is_outermost(text, line, f->key))
				return false;
	return true;
}

static int foreign(const char *name, unsigned line, const char *key, const cyaml_schema_value_t *schema, struct err *e)
{
	AUTO(buf_done) struct buf known = BUF_INIT;
	for (const cyaml_schema_field_t *f = schema->mapping.fields; f->key; f++)
		buf_addf(&known, "%s%s", known.n ? ", " : "", f->key);
	return err_set(e, ERR_PARSE, "%s:%u: unknown key '%s', and nothing else that belongs here: name another file, or begin it with %s", name, line,
	               key, buf_str(&known));
}

static int explain(const char *name, struct bytes text, const cyaml_schema_value_t *schema, cyaml_err_t code, const struct complaint *c,
                   struct err *e)
{
	unsigned line = line_in(text, c->line);
	if (code == CYAML_ERR_INVALID_KEY && str_starts(c->reason, "Unexpected key: ")) {
		const char *key = c->reason + strlen("Unexpected key: ");
		const char *near = nearest_key(schema, key);
		line = line_of_unknown(text, key, line);
		if (near)
			return err_set(e, ERR_PARSE, "%s:%u: unknown key '%s': did you mean '%s'?", name, line, key, near);
		if (is_foreign(text, schema))
			return foreign(name, line, key, schema, e);
		return err_set(e, ERR_PARSE, "%s:%u: unknown key '%s': remove it", name, line, key);
	}
	if (code == CYAML_ERR_MAPPING_FIELD_MISSING)
		return err_set(e, ERR_PARSE, "%s:%u: key '%s' is missing: add it", name, line,
		               strrchr(c->reason, ' ') ? strrchr(c->reason, ' ') + 1 : c->reason);
	if (str_starts(c->reason, "Mapping field already seen: "))
		return err_set(e, ERR_PARSE, "%s:%u: key '%s' stands twice: keep one", name, line, c->reason + strlen("Mapping field already seen: "));
	if (code == CYAML_ERR_SEQUENCE_ENTRIES_MIN)
		return err_set(e, ERR_PARSE, "%s:%u: a list with too few entries stands here: give it at least one", name, line);
	if (code == CYAML_ERR_ALIAS)
		return err_set(e, ERR_PARSE, "%s:%u: anchors and aliases are not read here: write the value out", name, line);
	return err_set(e, ERR_PARSE, "%s:%u: %s", name, line, c->reason[0] ? c->reason : cyaml_strerror(code));
}

/* libcyaml logs through a context only; its memory function is its own, which returns NULL on failure and is then reported. */
static cyaml_config_t config_for(struct complaint *c)
{
	return (cyaml_config_t){.log_fn = collect, .log_ctx = c, .log_level = CYAML_LOG_ERROR, .mem_fn = cyaml_mem, .flags = CYAML_CFG_NO_ALIAS};
}

/* The first line that is not text, 0 when all are. A line break is never inside a UTF-8 sequence. */
static unsigned line_of_no_text(struct bytes text)
{
	for (unsigned line = 1; text.n; line++) {
		const uint8_t *nl = memchr(text.p, '\n', text.n);
		size_t n = nl ? (size_t)(nl - text.p) + 1 : text.n;
		if (bytes_has_nul(bytes_of(text.p, n)) || !bytes_is_utf8(bytes_of(text.p, n)))
			return line;
		text = bytes_of(text.p + n, text.n - n);
	}
	return 0;
}

int conf_parse(const char *name, struct bytes text, const cyaml_schema_value_t *schema, void **ret, struct err *e)
{
	struct complaint c = {.line = 0};
	cyaml_config_t config = config_for(&c);
	void *value = NULL;
	if (text.n > LIMIT_YAML)
		return err_set(e, ERR_LIMIT, "%s: larger than the %zu bytes allowed here", name, LIMIT_YAML);
	if (text.n == 0) /* libyaml asserts that there is something */
		return err_set(e, ERR_PARSE, "%s:1: the file is empty: write its keys", name);
	unsigned no_text = line_of_no_text(text);
	if (no_text)
		return err_set(e, ERR_PARSE, "%s:%u: not UTF-8 text: save it as UTF-8", name, no_text);
	cyaml_err_t code = cyaml_load_data(text.p, text.n, &config, schema, &value, NULL);
	if (code != CYAML_OK)
		return explain(name, text, schema, code, &c, e);
	if (!value)
		return err_set(e, ERR_PARSE, "%s:1: the file is empty: write its keys", name);
	if (conf_check_numbers(name, text, schema, e) != 0) {
		conf_free(schema, value);
		return -1;
	}
	*ret = value;
	return 0;
}

int conf_load(const char *path, const cyaml_schema_value_t *schema, void **ret, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	if (file_read(path, LIMIT_YAML, &text, e) != 0)
		return -1;
	return conf_parse(path, buf_bytes(&text), schema, ret, e);
}

void conf_free(const cyaml_schema_value_t *schema, void *value)
{
	struct complaint c = {.line = 0};
	cyaml_config_t config = config_for(&c);
	if (value)
		cyaml_free(&config, schema, value, 0);
}
