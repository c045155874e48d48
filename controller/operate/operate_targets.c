/* The list of targets. */
#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "controller/operate/operate.h"
#include "controller/view/view.h"

#define LIST_LIMIT_MAX 1000000

#define TARGET_COLUMNS(lacks, detail) \
	"target,engine,agent,state,release," lacks ",labels," detail ",+until,+version,+size,+lag,+last-apply,+looked,+schema,+fingerprint,+ledger-rows"

const char *target_labels(struct request *q, const struct view_target *t)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	for (size_t i = 0; i < t->target->n_labels; i++) {
		buf_adds(&b, i ? "," : "");
		buf_adds(&b, t->target->labels[i].key);
		buf_addc(&b, '=');
		buf_adds(&b, t->target->labels[i].value);
	}
	return arena_strdup(q->a, buf_str(&b));
}

static const struct {
	const char *argument;
	unsigned mark;
} filters[] = {{"behind", VIEW_BEHIND},           {"drifted", VIEW_DRIFTED}, {"held", VIEW_HELD},
               {"quarantined", VIEW_QUARANTINED}, {"offline", VIEW_OFFLINE}, {"trouble", VIEW_TROUBLE}};

/* The marks of which a target must have one; 0: no matter. */
static int marks_asked(const struct request *q, unsigned *ret, struct err *e)
{
	size_t n = 0;
	const char **only = request_args(q, "only", &n);
	*ret = 0;
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;
		while (k < ARRAY_LEN(filters) && !str_eq(only[i], filters[k].argument))
			k++;
		if (k == ARRAY_LEN(filters))
			return err_set(e, ERR_USAGE, "only: %s: there are behind, drifted, held, quarantined, offline and trouble", only[i]);
		*ret |= filters[k].mark;
	}
	return 0;
}

const char *target_state(const struct view_target *t)
{
	static const struct {
		unsigned mark;
		const char *state;
	} states[] = {{VIEW_QUARANTINED, "quarantine"}, {VIEW_OFFLINE, "offline"}, {VIEW_TROUBLE, "trouble"}, {VIEW_HELD, "held"}};
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (t->marks & states[i].mark)
			return states[i].state;
	return "online";
}

const char *target_detail(struct request *q, const struct view_target *t)
{
	if (t->quarantine)
		return arena_printf(q->a, "%s (%s)", t->quarantine->reason, t->quarantine->added_by);
	const char *held = t->held_by ? view_delivery_detail(q->a, t->held_by, t->held_index) : "";
	if (*held)
		return held;
	if (*t->facts->trouble)
		return t->facts->trouble;
	return t->marks & VIEW_DRIFTED ? "its schema is not as its last delivery left it" : "";
}

const char *target_size(struct request *q, const struct view_target *t)
{
	const struct brain_facts *f = t->facts;
	return f->at_us && f->size_bytes ? arena_printf(q->a, "%.1f MB", (double)f->size_bytes / 1e6) : "";
}

const char *target_lag(struct request *q, const struct view_target *t)
{
	return t->facts->lag_ms >= 0 ? arena_printf(q->a, "%" PRId64 " ms", t->facts->lag_ms) : "";
}

static const char *fingerprint_of(struct request *q, const struct view_target *t)
{
	char hex[DIGEST_HEX_SIZE];
	return *schema_word(t->schema) ? arena_printf(q->a, "%.12s", bytes_to_hex(bytes_of(t->schema->seen, DIGEST_SIZE), hex)) : "";
}

static int64_t held_until(const struct view_target *t)
{
	return t->held_by ? view_delivery_until(&t->held_by->r.deliveries[t->held_index]) : 0;
}

static void target_row(struct request *q, const struct view_target *t)
{
	bool known = t->schema != NULL;
	const char *const cells[] = {t->target->id,
	                             t->target->engine,
	                             t->owner->rec.name,
	                             target_state(t),
	                             t->release,
	                             t->lacks,
	                             target_labels(q, t),
	                             target_detail(q, t),
	                             reply_time(q, held_until(t)),
	                             t->facts->version,
	                             target_size(q, t),
	                             target_lag(q, t),
	                             reply_time(q, t->applied_at_us),
	                             reply_time(q, t->facts->at_us),
	                             known ? schema_word(t->schema) : "",
	                             known ? fingerprint_of(q, t) : "",
	                             known && t->schema->ledger_rows ? arena_printf(q->a, "%" PRIu64, t->schema->ledger_rows) : ""};
	reply_cells(q, cells, ARRAY_LEN(cells));
}

int operate_target_list(struct request *q, struct err *e)
{
	struct selector *s = NULL;
	struct view_target *list = NULL;
	size_t n = 0, matching = 0;
	uint64_t limit = LIST_LIMIT_MAX;
	unsigned marks = 0;
	const char *after = request_arg(q, "after");
	if (selector_parse(request_arg(q, "selector"), q->a, &s, e) < 0 || marks_asked(q, &marks, e) < 0 ||
	    request_number(q, "limit", 1, LIST_LIMIT_MAX, &limit, e) < 0 || view_targets(q->b, q->a, s, &list, &n, e) < 0)
		return -1;
	reply_columns(q, marks & VIEW_BEHIND ? TARGET_COLUMNS("lacks", "~detail")
	                 : marks             ? TARGET_COLUMNS("+lacks", "~detail")
	                                     : TARGET_COLUMNS("+lacks", "+detail"));
	for (size_t i = 0; i < n; i++) {
		if ((marks && !(list[i].marks & marks)) || (after && strcmp(list[i].target->id, after) <= 0))
			continue;
		if (matching++ < limit)
			target_row(q, &list[i]);
	}
	if (matching > limit)
		reply_end(q, EXIT_DONE, "%" PRIu64 " of %zu targets; the next ones: --after, with the last id", limit, matching);
	else
		reply_count(q, matching, "target");
	return 0;
}
