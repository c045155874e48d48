/* TZif files. */
#include "agent/policy/zone.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/policy/zone_rule.h"
#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/base/str.h"

#define ZONE_FOLDER   "/usr/share/zoneinfo"
#define ZONE_FILE_MAX ((size_t)256 * 1024)
#define ZONE_NAME_MAX 100
#define HEADER_SIZE   44
#define CHANGES_MAX   4000
#define OFFSET_MAX    (26 * 3600)
#define FOOTER_MAX    200
#define TYPE_SIZE     6

struct change { /* from `at_s` on */
	int64_t at_s;
	int32_t offset;
};

struct zone {
	const char *name;
	int32_t first; /* before the first change */
	struct change *changes;
	size_t n_changes;
	struct zone_rule rule; /* after the last one */
	bool has_rule;
};

struct counts {
	uint32_t isut, isstd, leap, time, type, chars;
};

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t be64(const uint8_t *p)
{
	return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

static int bad(const char *name, const char *what, struct err *e)
{
	return err_set(e, ERR_PARSE, "time zone %s: its file is damaged (%s): install Debian's package tzdata again", name, what);
}

static bool read_header(struct bytes data, struct counts *ret)
{
	if (data.n < HEADER_SIZE || memcmp(data.p, "TZif", 4) != 0)
		return false;
	const uint8_t *p = data.p + 20;
	*ret = (struct counts){be32(p), be32(p + 4), be32(p + 8), be32(p + 12), be32(p + 16), be32(p + 20)};
	return ret->time <= CHANGES_MAX && ret->type >= 1 && ret->type <= 256 && ret->chars <= 4096 && ret->leap <= 4096 && ret->isut <= 256 &&
	       ret->isstd <= 256;
}

static size_t block_size(const struct counts *c, size_t time_size)
{
	return c->time * (time_size + 1) + c->type * (size_t)TYPE_SIZE + c->chars + c->leap * (time_size + 4) + c->isstd + c->isut;
}

static int read_changes(struct zone *z, const struct counts *c, const uint8_t *block, struct arena *a, struct err *e)
{
	const uint8_t *index = block + c->time * (size_t)8, *types = index + c->time;
	z->changes = arena_alloc(a, (c->time + 1) * sizeof *z->changes);
	for (uint32_t i = 0; i < c->time; i++) {
		if (index[i] >= c->type)
			return bad(z->name, "a change of an unknown kind", e);
		struct change now = {.at_s = be64(block + i * (size_t)8), .offset = (int32_t)be32(types + index[i] * (size_t)TYPE_SIZE)};
		if (now.offset < -OFFSET_MAX || now.offset > OFFSET_MAX || (i > 0 && now.at_s <= z->changes[i - 1].at_s))
			return bad(z->name, "changes out of order or out of range", e);
		z->changes[z->n_changes++] = now;
	}
	z->first = (int32_t)be32(types);
	return z->first >= -OFFSET_MAX && z->first <= OFFSET_MAX ? 0 : bad(z->name, "an offset out of range", e);
}

static int read_footer(struct zone *z, struct bytes rest, struct err *e)
{
	char text[FOOTER_MAX];
	if (rest.n < 2 || rest.n > sizeof text || rest.p[0] != '\n' || rest.p[rest.n - 1] != '\n')
		return bad(z->name, "its last line", e);
	memcpy(text, rest.p + 1, rest.n - 2);
	text[rest.n - 2] = '\0';
	if (text[0] == '\0')
		return 0;
	if (!zone_rule_parse(text, &z->rule))
		return bad(z->name, "its rule", e);
	z->has_rule = true;
	return 0;
}

int zone_read(const char *name, struct bytes data, struct arena *a, const struct zone **ret, struct err *e)
{
	struct counts old, c;
	struct zone *z = arena_alloc(a, sizeof *z);
	z->name = arena_strdup(a, name);
	if (!read_header(data, &old) || data.p[4] < '2')
		return bad(name, "its head, or a form older than version 2", e);
	size_t skip = HEADER_SIZE + block_size(&old, 4);
	if (skip > data.n || !read_header(bytes_of(data.p + skip, data.n - skip), &c))
		return bad(name, "its second head", e);
	size_t at = skip + HEADER_SIZE, size = block_size(&c, 8);
	if (size > data.n - at)
		return bad(name, "it is cut short", e);
	if (read_changes(z, &c, data.p + at, a, e) != 0 || read_footer(z, bytes_of(data.p + at + size, data.n - at - size), e) != 0)
		return -1;
	*ret = z;
	return 0;
}

/* A name is used as a path: no part of it may lead out of the folder. */
static bool is_zone_name(const char *s)
{
	size_t n = strlen(s);
	if (n == 0 || n > ZONE_NAME_MAX || !isalpha((unsigned char)s[0]) || strstr(s, "//") || s[n - 1] == '/')
		return false;
	for (const char *p = s; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("/_-+", *p))
			return false;
	return true;
}

int zone_load(const char *name, struct arena *a, const struct zone **ret, struct err *e)
{
	AUTO(buf_done) struct buf data = BUF_INIT;
	AUTO(mem_free_ptr) char *path = file_join(ZONE_FOLDER, name);
	if (str_eq(name, "UTC")) {
		struct zone *utc = arena_alloc(a, sizeof *utc);
		utc->name = "UTC";
		*ret = utc;
		return 0;
	}
	if (!is_zone_name(name) || file_is_dir(path) || !file_exists(path))
		return err_set(e, ERR_NOT_FOUND,
		               "time zone '%.60s' is not in %s: write a name of the IANA database such as Europe/Berlin, or install Debian's package tzdata",
		               name, ZONE_FOLDER);
	if (file_read(path, ZONE_FILE_MAX, &data, e) != 0)
		return -1;
	return zone_read(name, buf_bytes(&data), a, ret, e);
}

const char *zone_name(const struct zone *z)
{
	return z->name;
}

int32_t zone_offset(const struct zone *z, int64_t at_s)
{
	size_t low = 0, high = z->n_changes; /* the number of changes that have happened */
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (z->changes[middle].at_s <= at_s)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == z->n_changes && z->has_rule)
		return zone_rule_offset(&z->rule, at_s);
	return low ? z->changes[low - 1].offset : z->first;
}
