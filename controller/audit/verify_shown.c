/* What the controller shows of each delivery against what its log says. A document "shown" of a rollout is text, one delivery a line, as `rollcall rollout status` gave it:
 *   412 applied eu/pg1/shop1          row of the log that was the last one just before it was asked, state, target
 * Only outcomes count: whatever else is shown changes from second to second. That an outcome in the log rests on a signed report is asked by verify_outcomes. */
#include <inttypes.h>
#include <stdio.h>

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/audit/verify_impl.h"

struct shown {
	const char *key; /* "rollout target" */
	const char *rollout, *target, *state;
	const char *logged; /* the last state in the log up to `row`; NULL: none */
	uint64_t row;
	bool moved_on; /* a later row says what was shown: it came in while the rest was fetched */
};

static void read_line(struct verify *v, struct map *all, const char *rollout, const char *line)
{
	char state[32], target[256];
	struct shown *s = arena_alloc(v->a, sizeof *s);
	*s = (struct shown){.rollout = rollout};
	if (sscanf(line, "%" SCNu64 " %31s %255s", &s->row, state, target) != 3) {
		verify_wrong(v, arena_printf(v->a, "rollout %s", rollout), "what was shown of it cannot be read");
		return;
	}
	s->state = arena_strdup(v->a, state);
	s->target = arena_strdup(v->a, target);
	s->key = arena_printf(v->a, "%s %s", rollout, target);
	map_put(all, map_text(s->key), s);
}

static void read_document(struct verify *v, struct map *all, const struct bundle_document *d)
{
	char *text = arena_strndup(v->a, (const char *)d->data.p, d->data.n), *save = NULL;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		read_line(v, all, d->name, line);
}

static void note_row(struct map *all, const struct audit_row *r, struct buf *key)
{
	if (!r->ev.rollout || !r->ev.to)
		return;
	buf_clear(key);
	buf_addf(key, "%s %s", r->ev.rollout, r->ev.object);
	struct shown *s = map_get(all, buf_bytes(key));
	if (s && r->seq <= s->row)
		s->logged = r->ev.to;
	else if (s && str_eq(r->ev.to, s->state))
		s->moved_on = true;
}

static void judge(void *arg, void *value)
{
	struct verify *v = arg;
	const struct shown *s = value;
	if (!verify_is_outcome(s->state))
		return;
	v->check->looked_at++;
	if (!s->moved_on && !str_eq(s->logged, s->state))
		verify_wrong(v, arena_printf(v->a, "rollout %s", s->rollout), "%s is shown as %s, and the log says %s", s->target, s->state,
		             s->logged ? s->logged : "nothing");
}

void verify_shown(struct verify *v)
{
	AUTO(map_destroy) struct map *all = map_new();
	AUTO(buf_done) struct buf key = BUF_INIT;
	for (size_t i = 0; i < v->b->n_documents; i++)
		if (str_eq(v->b->documents[i].kind, "shown"))
			read_document(v, all, &v->b->documents[i]);
	for (size_t i = 0; map_count(all) && i < v->b->n_rows; i++)
		note_row(all, &v->b->rows[i], &key);
	map_each(all, judge, v);
}
