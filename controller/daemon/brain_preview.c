/* Previews: each target's agent is asked what its ledger says, read-only; from that and the release follows what would run. A target that cannot be asked, or does not answer
 * in time, is said to be unknown, with the reason. */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/model/context.h"
#include "controller/operate/operate.h"

#define SURVEY_TIMEOUT_US (20 * INT64_C(1000000))

enum item_state { ITEM_WAITING, ITEM_DONE, ITEM_UNKNOWN };

struct item { /* one target */
	const char *target, *wave, *engine, *why; /* why: it is unknown */
	uint64_t id; /* of the SURVEY */
	enum item_state state;
	struct survey_entry *entries;
	size_t n_entries, cap_entries;
};

struct survey { /* one preview, or one target that is shown; everything in `arena`, which it owns */
	struct survey *next;
	struct arena *arena;
	uint64_t session;
	struct msg_command command; /* the id, for the reply */
	struct release release;
	enum direction direction;
	const char **contexts, **except;
	size_t n_contexts, n_except;
	struct item *items;
	size_t n_items, n_waiting;
	const char *note;
	int64_t deadline_us;
};

static const char **copy_list(struct arena *a, const char *const *list, size_t n)
{
	const char **copy = arena_alloc(a, (n + 1) * sizeof *copy);
	for (size_t i = 0; i < n; i++)
		copy[i] = arena_strdup(a, list[i]);
	return copy;
}

static void ask(struct brain *b, struct survey *s, struct item *it)
{
	const struct brain_target *t = target_by_id(b, it->target);
	const struct brain_agent *g = t ? t->owner : NULL;
	it->engine = arena_strdup(s->arena, t ? t->target.engine : "");
	it->id = b->next_survey++;
	if (!g || !g->ready) {
		it->state = ITEM_UNKNOWN;
		it->why = arena_printf(s->arena, "agent %s is not connected", g ? g->rec.name : "of this target");
		return;
	}
	const struct msg m = {.type = MSG_SURVEY, .survey = {.id = it->id, .target = arena_strdup(b->turn, it->target)}};
	brain_queue(b, g->session, &m);
	s->n_waiting++;
}

void survey_start(struct brain *b, struct request *q, struct arena *owned, const struct survey_request *what)
{
	struct survey *s = arena_alloc(owned, sizeof *s);
	*s = (struct survey){.next = b->surveys,
	                     .arena = owned,
	                     .session = q->session,
	                     .command = {.id = q->c->id, .verb = q->c->verb},
	                     .release = *what->release,
	                     .direction = what->direction,
	                     .contexts = copy_list(owned, what->contexts, what->n_contexts),
	                     .except = copy_list(owned, what->except, what->n_except),
	                     .n_contexts = what->n_contexts,
	                     .n_except = what->n_except,
	                     .items = arena_alloc(owned, what->n_targets * sizeof *s->items),
	                     .n_items = what->n_targets,
	                     .note = arena_strdup(owned, str_or_empty(what->note)),
	                     .deadline_us = b->now_us + SURVEY_TIMEOUT_US};
	for (size_t i = 0; i < s->n_items; i++) {
		s->items[i].target = arena_strdup(owned, what->targets[i]);
		s->items[i].wave = arena_strdup(owned, what->waves[i]);
		ask(b, s, &s->items[i]);
	}
	b->surveys = s;
	q->deferred = true;
}

static struct item *item_by_id(struct brain *b, uint64_t id, struct survey **ret)
{
	for (struct survey *s = b->surveys; s; s = s->next)
		for (size_t i = 0; i < s->n_items; i++)
			if (s->items[i].id == id) {
				*ret = s;
				return &s->items[i];
			}
	return NULL;
}

static void take_entries(struct survey *s, struct item *it, const struct msg_survey_result *m)
{
	for (size_t i = 0; i < m->n_entries; i++) {
		arena_vec_grow(s->arena, it->entries, it->n_entries, it->cap_entries);
		struct survey_entry *entry = &it->entries[it->n_entries++];
		*entry = m->entries[i];
		entry->project = arena_strdup(s->arena, entry->project);
		entry->changeset = arena_strdup(s->arena, entry->changeset);
		entry->state = arena_strdup(s->arena, entry->state);
		entry->release_version = arena_strdup(s->arena, entry->release_version);
	}
}

int survey_event(struct brain *b, const struct hub_event *ev, struct err *e)
{
	const struct msg_survey_result *m = &ev->msg.survey_result;
	struct survey *s = NULL;
	struct item *it = item_by_id(b, m->id, &s);
	const struct brain_agent *g = agent_by_session(b, ev->session);
	const struct brain_target *t = it ? target_by_id(b, it->target) : NULL;
	if (!it)
		probes_survey_result(b, ev);
	if (!it || it->state != ITEM_WAITING || !g || !t || t->owner != g || !str_eq(m->target, it->target))
		return 0;
	if (!str_empty(m->error_code)) {
		it->state = ITEM_UNKNOWN;
		it->why = arena_strdup(s->arena, m->error_message);
	} else {
		take_entries(s, it, m);
		if (m->last)
			it->state = ITEM_DONE;
	}
	s->n_waiting -= it->state != ITEM_WAITING;
	return it->state == ITEM_DONE ? schema_surveyed(b, brain_agent_actor(b, g->rec.name), m, e) : 0;
}

/* ---- what would run -------------------------------------------------------------------------------------------------------------------------------------- */

/* Of the release's own project; rows that name none count for every project. */
static bool is_ours(const struct survey *s, const struct survey_entry *en)
{
	return str_empty(en->project) || str_eq(en->project, s->release.project);
}

static const struct survey_entry *entry_of(const struct survey *s, const struct item *it, const char *changeset)
{
	const struct survey_entry *found = NULL;
	for (size_t i = 0; i < it->n_entries; i++) {
		const struct survey_entry *en = &it->entries[i];
		if (str_eq(en->changeset, changeset) && is_ours(s, en) && (!found || !str_empty(en->project)))
			found = en;
	}
	return found;
}

static bool is_accepted(const struct changeset *c, const struct survey_entry *en)
{
	char hex[DIGEST_HEX_SIZE];
	bytes_to_hex(bytes_of(en->digest, DIGEST_SIZE), hex);
	for (size_t i = 0; i < c->n_accepted_digests; i++)
		if (str_ieq(c->accepted_digests[i], "any") || str_ieq(c->accepted_digests[i], hex))
			return true;
	return memcmp(c->digest, en->digest, DIGEST_SIZE) == 0;
}

struct verdict {
	const char *action, *detail; /* action NULL: nothing to do */
	uint32_t step; /* the first one that would run */
	bool rollback_first; /* with "apply": a rollback that was interrupted is finished before it, from `rollback_step` */
	uint32_t rollback_step;
};

static struct verdict blocked(const char *why)
{
	return (struct verdict){.action = "blocked", .detail = why};
}

/* A body without statements still has one step in the ledger. */
static uint32_t steps_of(size_t n)
{
	return n ? (uint32_t)n : 1;
}

/* The site tells what its rows say; how many steps there should be stands in the release. */
static bool is_half_applied(const struct survey_entry *en, const struct body *b)
{
	return str_eq(en->state, "partial") || (str_eq(en->state, "applied") && en->steps_done < steps_of(b->n_steps));
}

static bool is_half_rolled_back(const struct survey_entry *en, const struct body *b)
{
	return str_eq(en->state, "rolling-back") || (str_eq(en->state, "rolled-back") && en->steps_done < steps_of(b->n_rollback));
}

static struct verdict finish_rollback(const struct survey *s, const struct body *b, const struct survey_entry *en)
{
	if (!b->has_rollback)
		return blocked(arena_printf(s->arena, "half-rolled back by release %s, and this release holds no rollback for it", en->release_version));
	return (struct verdict){
	    .action = "apply", .detail = "its rollback was interrupted: that is finished first", .rollback_first = true, .rollback_step = en->steps_done};
}

static struct verdict would_apply(const struct survey *s, const struct changeset *c, const struct body *b, const struct survey_entry *en)
{
	if (!en || str_eq(en->state, "pending"))
		return (struct verdict){.action = "apply", .detail = ""};
	if (is_half_rolled_back(en, b))
		return finish_rollback(s, b, en);
	if (str_eq(en->state, "rolled-back"))
		return (struct verdict){.action = "apply", .detail = "it was rolled back before"};
	if (is_half_applied(en, b))
		return (struct verdict){"resume",
		                        arena_printf(s->arena, "%" PRIu32 " of %" PRIu32 " steps are done, by release %s", en->steps_done,
		                                     steps_of(b->n_steps), en->release_version),
		                        .step = en->steps_done};
	if (c->run_always)
		return (struct verdict){.action = "apply", .detail = "runAlways"};
	if (is_accepted(c, en))
		return (struct verdict){0};
	if (c->run_on_change)
		return (struct verdict){.action = "apply", .detail = "runOnChange: its content changed"};
	return blocked(arena_printf(s->arena, "applied with other content by release %s: write the change as a new changeset", en->release_version));
}

static struct verdict would_roll_back(const struct survey *s, const struct changeset *c, const struct body *body, const struct survey_entry *en)
{
	if (str_among(c->id, s->except, s->n_except) || !en || !str_eq(en->release_version, s->release.version))
		return (struct verdict){0};
	if (is_half_applied(en, body) && en->steps_done > 0)
		return blocked("half-applied: finish it with a retry, or leave it out with --except");
	bool half = is_half_rolled_back(en, body);
	if (!half && !str_eq(en->state, "applied"))
		return (struct verdict){0};
	if (!body->has_rollback)
		return blocked("it has no rollback: write one in a new release, or leave it out with --except");
	if (!half)
		return (struct verdict){.action = "rollback", .detail = ""};
	return (struct verdict){"rollback",
	                        arena_printf(s->arena, "%" PRIu32 " of %" PRIu32 " steps are rolled back", en->steps_done, steps_of(body->n_rollback)),
	                        .step = en->steps_done};
}

static struct verdict judge(const struct survey *s, const struct item *it, const struct changeset *c)
{
	const struct body *body = changeset_body(c, it->engine);
	struct err e = ERR_INIT;
	bool in_context = true;
	if (!body)
		return (struct verdict){0};
	if (s->direction == DIRECTION_ROLLBACK)
		return would_roll_back(s, c, body, entry_of(s, it, c->id));
	if (context_matches(c->context, s->contexts, s->n_contexts, &in_context, &e) < 0)
		return blocked(arena_strdup(s->arena, e.msg));
	return in_context ? would_apply(s, c, body, entry_of(s, it, c->id)) : (struct verdict){0};
}

static void verdict_rows(struct request *q, const struct item *it, const struct changeset *c, const struct verdict *v)
{
	static const char row[] = "%s\t%s\t%s\t%s\t%s\t%" PRIu32 "\t%s";
	if (v->rollback_first) {
		reply_row(q, row, it->target, it->wave, it->engine, c->id, "rollback", v->rollback_step + 1, v->detail);
		reply_row(q, row, it->target, it->wave, it->engine, c->id, v->action, v->step + 1, "then from its first step");
		return;
	}
	reply_row(q, row, it->target, it->wave, it->engine, c->id, v->action, v->step + 1, v->detail);
}

static void item_rows(struct request *q, const struct survey *s, const struct item *it)
{
	size_t n = s->release.n_changesets, rows = 0;
	if (it->state != ITEM_DONE) {
		reply_row(q, "%s\t%s\t%s\t\tunknown\t\t%s", it->target, it->wave, it->engine, it->why ? it->why : "its agent did not answer in time");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const struct changeset *c = &s->release.changesets[s->direction == DIRECTION_APPLY ? i : n - 1 - i];
		struct verdict v = judge(s, it, c);
		if (!v.action)
			continue;
		verdict_rows(q, it, c, &v);
		rows++;
	}
	if (rows == 0)
		reply_row(q, "%s\t%s\t%s\t\tnothing\t\t", it->target, it->wave, it->engine);
}

static const struct changeset *changeset_by_id(const struct release *r, const char *id)
{
	for (size_t i = 0; i < r->n_changesets; i++)
		if (str_eq(r->changesets[i].id, id))
			return &r->changesets[i];
	return NULL;
}

/* What the ledger has, and what of the release it lacks. */
static void ledger_rows(struct request *q, const struct survey *s, const struct item *it)
{
	static const char row[] = "%s\t%s\t%s\t%s\t%" PRIu32 "\t%s";
	reply_columns(q, "changeset,state,project,release,#steps-done,~detail");
	if (it->state != ITEM_DONE)
		return;
	for (size_t i = 0; i < it->n_entries; i++) {
		const struct survey_entry *en = &it->entries[i];
		const struct changeset *c = is_ours(s, en) ? changeset_by_id(&s->release, en->changeset) : NULL;
		struct verdict v = c ? judge(s, it, c) : (struct verdict){0};
		reply_row(q, row, en->changeset, en->state, en->project ? en->project : "", en->release_version, en->steps_done,
		          v.action && v.detail ? v.detail : "");
	}
	for (size_t i = 0; i < s->release.n_changesets; i++) {
		const struct changeset *c = &s->release.changesets[i];
		if (!entry_of(s, it, c->id) && judge(s, it, c).action)
			reply_row(q, row, c->id, "pending", s->release.project, s->release.version, 0, "");
	}
}

static int show(struct request *q, const struct survey *s, struct err *e)
{
	const struct item *it = &s->items[0];
	if (show_target(q, it->target, e) < 0)
		return -1;
	ledger_rows(q, s, it);
	if (show_history(q, it->target, e) < 0)
		return -1;
	if (it->state == ITEM_DONE)
		reply_end(q, EXIT_DONE, "its ledger was asked just now; nothing was changed");
	else
		reply_end(q, EXIT_DONE, "its ledger could not be asked: %s", it->why ? it->why : "its agent did not answer in time");
	return 0;
}

static int answer(struct brain *b, struct survey *s, struct err *e)
{
	struct request q = {.b = b, .session = s->session, .c = &s->command, .a = b->turn};
	size_t unknown = 0;
	if (s->command.verb == VERB_TARGET_SHOW)
		return show(&q, s, e);
	reply_columns(&q, "target,wave,engine,changeset,action,#step,detail");
	for (size_t i = 0; i < s->n_items; i++) {
		item_rows(&q, s, &s->items[i]);
		unknown += s->items[i].state != ITEM_DONE;
	}
	const char *plural = s->n_items == 1 ? "" : "s";
	if (unknown)
		reply_end(&q, EXIT_DONE, "%zu target%s, %zu of them could not be asked; nothing was changed%s", s->n_items, plural, unknown, s->note);
	else
		reply_end(&q, EXIT_DONE, "%zu target%s; nothing was changed%s", s->n_items, plural, s->note);
	return 0;
}

int surveys_end_turn(struct brain *b, struct err *e)
{
	for (struct survey **p = &b->surveys; *p;) {
		struct survey *s = *p;
		if (s->n_waiting > 0 && s->deadline_us > b->now_us) {
			p = &s->next;
			continue;
		}
		*p = s->next;
		int rc = answer(b, s, e);
		struct arena *a = s->arena;
		arena_destroy(&a);
		if (rc < 0)
			return -1;
	}
	return 0;
}

int64_t surveys_wake_at(const struct brain *b)
{
	int64_t at = INT64_MAX;
	for (const struct survey *s = b->surveys; s; s = s->next)
		at = s->deadline_us < at ? s->deadline_us : at;
	return at;
}

void surveys_free(struct brain *b)
{
	while (b->surveys) {
		struct arena *a = b->surveys->arena;
		b->surveys = b->surveys->next;
		arena_destroy(&a);
	}
}
