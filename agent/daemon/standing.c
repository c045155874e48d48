/* See the header. */
#include "agent/daemon/standing.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#define FILE_NAME "link"
#define MARKS     "marks"
#define MARKS_MAX 32
#define FILE_MAX  4096
#define TEXT_MAX  1024

struct standings {
	const char *data_dir;
	bool is_known, is_up;
	int64_t since_us;
	char address[TEXT_MAX], why[TEXT_MAX];
	struct mark {
		int64_t since_us, until_us;
		char address[TEXT_MAX / 4], why[TEXT_MAX / 4];
	} marks[MARKS_MAX];
	size_t n_marks;
};

struct standings *standings_new(const char *data_dir)
{
	struct standings *s = mem_alloc(sizeof *s);
	AUTO(mem_free_ptr) char *path = file_join(data_dir, MARKS);
	s->data_dir = data_dir;
	(void)unlink(path); /* a process that begins asks every address again */
	return s;
}

void standings_destroy(struct standings **s)
{
	mem_free_ptr(s);
}

static void write_down(const struct standings *s, int64_t offset_us)
{
	AUTO(mem_free_ptr) char *path = file_join(s->data_dir, FILE_NAME);
	AUTO(buf_done) struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	buf_addf(&b, "%s %" PRId64 " %" PRId64 " %s\n%s\n", s->is_up ? "up" : "down", s->since_us, offset_us, s->address, s->why);
	if (file_write_atomic(path, buf_bytes(&b), 0600, &e) != 0)
		log_warn("%s: 'rollcall-agent status' will not show how the link stands", e.msg);
}

void standings_up(struct standings *s, const char *address, int64_t offset_us)
{
	s->is_known = s->is_up = true;
	s->since_us = clock_wall_us();
	str_copy(s->address, sizeof s->address, address);
	s->why[0] = '\0';
	write_down(s, offset_us);
}

void standings_down(struct standings *s, const char *address, const char *why)
{
	if (s->is_known && !s->is_up && str_eq(s->address, address) && str_eq(s->why, why))
		return;
	if (!s->is_known || s->is_up)
		s->since_us = clock_wall_us();
	s->is_known = true;
	s->is_up = false;
	str_copy(s->address, sizeof s->address, address);
	str_copy(s->why, sizeof s->why, why);
	write_down(s, 0);
}

/* ---- marks ---- */

static void write_marks(const struct standings *s)
{
	AUTO(mem_free_ptr) char *path = file_join(s->data_dir, MARKS);
	AUTO(buf_done) struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	for (size_t i = 0; i < s->n_marks; i++)
		buf_addf(&b, "%" PRId64 " %" PRId64 " %s %s\n", s->marks[i].since_us, s->marks[i].until_us, s->marks[i].address, s->marks[i].why);
	if (file_write_atomic(path, buf_bytes(&b), 0600, &e) != 0)
		log_warn("%s: 'rollcall-agent status' will not show it", e.msg);
}

void standings_mark(struct standings *s, const char *address, const char *why, int64_t until_us)
{
	size_t i = 0;
	while (i < s->n_marks && !str_eq(s->marks[i].address, address))
		i++;
	if (i == MARKS_MAX)
		return; /* no agent.yaml has so many addresses */
	struct mark *m = &s->marks[i];
	*m = (struct mark){.since_us = clock_wall_us(), .until_us = until_us};
	str_copy(m->address, sizeof m->address, address);
	str_copy(m->why, sizeof m->why, why);
	for (char *at = m->why; (at = strpbrk(at, "\r\n")); at++)
		*at = ' ';
	s->n_marks += i == s->n_marks;
	write_marks(s);
}

static int bad(const char *path, struct err *e)
{
	return err_set(e, ERR_PARSE, "%s: not what an agent writes there: remove it, the running agent writes it again", path);
}

int standing_read(const char *data_dir, struct arena *a, struct standing *ret, struct err *e)
{
	AUTO(mem_free_ptr) char *path = file_join(data_dir, FILE_NAME);
	AUTO(buf_done) struct buf text = BUF_INIT;
	struct standing s = {.address = ""};
	char word[8];
	int at = 0;
	*ret = (struct standing){.address = "", .why = ""};
	if (!file_exists(path))
		return 0;
	if (file_read(path, FILE_MAX, &text, e) != 0)
		return -1;
	if (sscanf(buf_str(&text), "%7s %" SCNd64 " %" SCNd64 " %n", word, &s.since_us, &s.offset_us, &at) != 3 || at == 0)
		return bad(path, e);
	char *rest = arena_strdup(a, text.p + at);
	s.address = strsep(&rest, "\n");
	s.why = rest ? strsep(&rest, "\n") : "";
	s.is_up = str_eq(word, "up");
	if (!s.is_up && !str_eq(word, "down"))
		return bad(path, e);
	*ret = s;
	return 0;
}

static bool read_mark(char *line, struct standing_mark *ret)
{
	int at = 0;
	if (sscanf(line, "%" SCNd64 " %" SCNd64 " %n", &ret->since_us, &ret->until_us, &at) != 2 || at == 0)
		return false;
	char *rest = line + at;
	ret->address = strsep(&rest, " ");
	ret->why = rest ? rest : "";
	return true;
}

int standing_marks(const char *data_dir, struct arena *a, struct standing_mark **ret, size_t *ret_n, struct err *e)
{
	AUTO(mem_free_ptr) char *path = file_join(data_dir, MARKS);
	AUTO(buf_done) struct buf text = BUF_INIT;
	*ret = arena_alloc(a, MARKS_MAX * sizeof **ret);
	*ret_n = 0;
	if (!file_exists(path))
		return 0;
	if (file_read(path, MARKS_MAX * TEXT_MAX, &text, e) != 0)
		return -1;
	char *rest = arena_strdup(a, buf_str(&text));
	for (char *line; *ret_n < MARKS_MAX && (line = strsep(&rest, "\n")) && *line; (*ret_n)++)
		if (!read_mark(line, &(*ret)[*ret_n]))
			return bad(path, e);
	return 0;
}
