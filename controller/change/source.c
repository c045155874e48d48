/* Walks a change folder with fts (links never followed) and normalises the text of its files. */
#include "controller/change/source.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/str.h"
#include "common/wire/limits.h"

static void close_fts(FTS **f)
{
	if (*f)
		fts_close(*f);
	*f = NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct source_file *)a)->name, ((const struct source_file *)b)->name);
}

static bool link_stays_inside(const char *top, const char *path)
{
	AUTO(mem_free_ptr) char *real_top = realpath(top, NULL);
	AUTO(mem_free_ptr) char *real_path = realpath(path, NULL);
	size_t n = real_top ? strlen(real_top) : 0;
	return real_top && real_path && strncmp(real_path, real_top, n) == 0 && real_path[n] == '/' && !file_is_dir(real_path);
}

/* A name goes into messages, and into the release, whose readers take UTF-8 only. */
static bool name_is_text(const char *name, struct arena *a, struct problems *p, const struct source_list *l)
{
	bool utf8 = bytes_is_utf8(bytes_of_str(name)), control = false;
	char *shown = arena_strdup(a, name);
	for (char *s = shown; *s; s++) {
		control |= (unsigned char)*s < ' ' || *s == 0x7f;
		if ((unsigned char)*s < ' ' || *s == 0x7f || (!utf8 && (unsigned char)*s >= 0x80))
			*s = '?';
	}
	if (utf8 && !control)
		return true;
	problem_add(p, l->folder, 0, "rename it", "'%.200s': a file name that is not UTF-8, or holds a control character", shown);
	return false;
}

static void take_entry(FTSENT *ent, const char *top, struct arena *a, struct problems *p, struct source_list *l)
{
	const char *name = arena_strdup(a, ent->fts_path + strlen(top) + 1);
	const char *path = str_eq(l->folder, ".") ? name : arena_printf(a, "%s/%s", l->folder, name);
	if (ent->fts_info == FTS_SL || ent->fts_info == FTS_SLNONE) {
		if (!link_stays_inside(top, ent->fts_path)) {
			problem_add(p, path, 0, "put the file itself here", "a link out of the change folder, to nowhere or to a folder");
			return;
		}
	} else if (ent->fts_info == FTS_DEFAULT) {
		problem_add(p, path, 0, "remove it", "not a regular file");
		return;
	} else if (ent->fts_info == FTS_DNR || ent->fts_info == FTS_ERR || ent->fts_info == FTS_NS) {
		problem_add(p, path, 0, "give yourself the right to read it", "%s", strerror(ent->fts_errno));
		return;
	} else if (ent->fts_info != FTS_F) {
		return;
	}
	if (!name_is_text(name, a, p, l))
		return;
	arena_vec_grow(a, l->files, l->n, l->cap);
	l->files[l->n++] = (struct source_file){.path = path, .name = name, .full = arena_strdup(a, ent->fts_path)};
}

int source_list(const char *root, const char *folder, struct arena *a, struct problems *p, struct source_list *ret, struct err *e)
{
	struct source_list l = {.folder = arena_strdup(a, folder)};
	char *top = arena_printf(a, "%s/%s", root, folder);
	char *const paths[] = {top, NULL};
	if (!file_exists(top))
		return err_set(e, ERR_NOT_FOUND, "%s: no such folder: make it, or name another one as `changes` in rollcall.yaml", top);
	if (!file_is_dir(top))
		return err_set(e, ERR_USAGE, "%s: not a folder: name the folder of the changes as `changes` in rollcall.yaml", top);
	AUTO(close_fts) FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (!walk)
		return err_set_errno(e, "%s", top);
	for (FTSENT *ent; (errno = 0, ent = fts_read(walk));) {
		if (ent->fts_level == 0)
			continue;
		if (ent->fts_name[0] == '.') {
			fts_set(walk, ent, FTS_SKIP);
			continue;
		}
		take_entry(ent, top, a, p, &l);
		if (l.n > SOURCES_MAX)
			return err_set(e, ERR_LIMIT, "%s: more than %d files: split the project", top, SOURCES_MAX);
	}
	if (errno)
		return err_set_errno(e, "%s", top);
	if (l.n)
		qsort(l.files, l.n, sizeof *l.files, by_name);
	*ret = l;
	return 0;
}

bool source_is_sql(const struct source_file *f)
{
	size_t n = strlen(f->name);
	return n >= 4 && str_ieq(f->name + n - 4, ".sql");
}

static bool is_utf16(struct bytes b)
{
	return b.n >= 2 && ((b.p[0] == 0xff && b.p[1] == 0xfe) || (b.p[0] == 0xfe && b.p[1] == 0xff));
}

/* The first line with a NUL or broken UTF-8; a line break is never inside a UTF-8 sequence, so that lines can be looked at alone. */
static bool lines_are_text(struct bytes text, const char *path, struct problems *p)
{
	struct source_lines l = {.rest = text};
	struct bytes line;
	while (source_line(&l, &line)) {
		if (bytes_has_nul(line)) {
			problem_add(p, path, l.line, "remove it, and save the file as UTF-8", "a NUL byte");
			return false;
		}
		if (!bytes_is_utf8(line)) {
			problem_add(p, path, l.line, "save the file as UTF-8", "not valid UTF-8");
			return false;
		}
	}
	return true;
}

static struct bytes without_cr(struct bytes in, struct arena *a)
{
	uint8_t *out = arena_alloc(a, in.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < in.n; i++)
		if (in.p[i] != '\r' || i + 1 == in.n || in.p[i + 1] != '\n')
			out[n++] = in.p[i];
	return bytes_of(out, n);
}

bool source_text(const struct source_file *f, struct arena *a, struct problems *p, struct bytes *ret)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	if (file_read(f->full, LIMIT_CHANGE_FILE, &b, &e) != 0) {
		problem_add(p, f->path, 0, "make it a readable file of at most 64 MiB", "cannot be read (%s)", err_code_name(e.code));
		return false;
	}
	struct bytes text = buf_bytes(&b);
	if (arena_used(a) + text.n > 4 * SOURCES_TOTAL_MAX) {
		problem_add(p, f->path, 0, "split the project", "the changes are larger than %zu MiB together", SOURCES_TOTAL_MAX >> 20);
		return false;
	}
	if (is_utf16(text)) {
		problem_add(p, f->path, 0, "save the file as UTF-8", "UTF-16 text");
		return false;
	}
	if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
		text = bytes_of(text.p + 3, text.n - 3);
	if (!lines_are_text(text, f->path, p))
		return false;
	*ret = without_cr(text, a);
	return true;
}

bool source_line(struct source_lines *l, struct bytes *ret)
{
	if (l->rest.n == 0)
		return false;
	const uint8_t *end = memchr(l->rest.p, '\n', l->rest.n);
	size_t n = end ? (size_t)(end - l->rest.p) : l->rest.n;
	*ret = bytes_of(l->rest.p, n);
	l->rest = bytes_of(l->rest.p + n + (end != NULL), l->rest.n - n - (end != NULL));
	l->line++;
	return true;
}
