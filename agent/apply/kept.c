/* How the object of a class N statement was before it: the ledger's intent has room for a digest, which tells "as before"; its text, which tells what has changed, is kept here. */
#include "agent/apply/kept.h"

#include <string.h>

#include "common/base/str.h"
#include "common/sql/effect.h"
#include "common/wire/limits.h"

#define NOTE "definition" /* one for each target: its state in hex, then its text */

int kept_write(struct delivery *d, const uint8_t state[DIGEST_SIZE], const struct buf *text, struct err *e)
{
	char hex[DIGEST_HEX_SIZE];
	AUTO(buf_done) struct buf value = BUF_INIT;
	if (text->n == 0 || text->n > LIMIT_DEFINITION) /* absent, or never asked for; or nothing is kept, and a change is a person's to judge */
		return 0;
	buf_addf(&value, "%s\n%s", bytes_to_hex(bytes_of(state, DIGEST_SIZE), hex), buf_str(text));
	struct journal_note n = {.target = d->task->target, .changeset = "", .name = NOTE, .value = buf_str(&value), .attempt = d->task->attempt};
	memcpy(n.task, d->task->id, TASK_SIZE);
	return journal_notes_put(d->journal, &n, 1, e);
}

int kept_read(struct delivery *d, const uint8_t state[DIGEST_SIZE], const char **ret, struct err *e)
{
	char hex[DIGEST_HEX_SIZE];
	struct journal_note n = {.target = d->task->target, .changeset = "", .name = NOTE};
	bool found = false;
	*ret = NULL;
	if (journal_note_get(d->journal, &n, d->arena, &found, e) != 0)
		return -1;
	bytes_to_hex(bytes_of(state, DIGEST_SIZE), hex);
	if (found && n.value && str_starts(n.value, hex) && n.value[DIGEST_HEX_SIZE - 1] == '\n')
		*ret = n.value + DIGEST_HEX_SIZE;
	return 0;
}

/* Lines of `a` that `b` has not, each behind `sign`. */
static void lines_missing(const char *a, const char *b, char sign, size_t max, struct buf *ret)
{
	for (; *a; a += strcspn(a, "\n"), a += *a == '\n') {
		size_t n = strcspn(a, "\n");
		bool found = n == 0 || str_starts(a, SQL_MADE);
		for (const char *at = b; !found && *at; at += strcspn(at, "\n"), at += *at == '\n')
			found = strcspn(at, "\n") == n && memcmp(a, at, n) == 0;
		if (found)
			continue;
		if (ret->n + n > max) {
			buf_adds(ret, " ...");
			return;
		}
		size_t blanks = strspn(a, " ");
		buf_addf(ret, " %c %.*s", sign, (int)(n > blanks ? n - blanks : 0), a + blanks);
	}
}

const char *kept_difference(struct arena *a, const char *before, const char *now)
{
	AUTO(buf_done) struct buf lines = BUF_INIT;
	lines_missing(before, now, '-', 400, &lines);
	lines_missing(now, before, '+', 700, &lines);
	return lines.n ? arena_printf(a, "; its definition differs:%s", buf_str(&lines)) : "";
}
