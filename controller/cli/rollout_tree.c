/* The live tree of `rollcall rollout watch`, drawn from the latest status. When there are more targets than lines, those that need eyes come first and the rest is counted; what is left
 * of the window then tells why, and what to type.
 *
 *   rollout 3f2a91bc  1.0.0 to production  running
 *   ################----  7 of 12 applied, 1 failed, 34/min, about 12 s left
 *   |- wave canary  passed   ########  3 of 3 applied
 *   |  |- eu/db1/acme  failed   step 2 of 3  shop:names
 *   |  |     shop:names (changes/3-names.sql:4): duplicate key ...
 *   |  |     -> repair the cause, then: rollcall rollout retry 3f2a91bc eu/db1/acme
 */
#include "controller/cli/rollout_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"

enum {
	WAVE_STATE_COLUMNS = 10, /* at least: what follows does not move with each state */
	BAR_COLUMNS_MIN = 6,
	STEM_COLUMNS = 6,
	NOTE_STEM_COLUMNS = 10,
	STATES_MAX = 16
};

/* By a delivery's state: see rollout_cli.h. */
int rollout_interest(const char *state, bool back)
{
	static const char *const eyes[] = {"failed",   "refused",      "unreachable", "needs-attention", "held",
	                                   "deferred", "waiting-lock", "rolled-back", "unknown"};
	static const char *const quiet[] = {"applied", "pending", "skipped"};
	if (back && str_eq(state, "rolled-back"))
		return 2;
	for (size_t i = 0; i < ARRAY_LEN(eyes); i++)
		if (str_eq(state, eyes[i]))
			return 0;
	for (size_t i = 0; i < ARRAY_LEN(quiet); i++)
		if (str_eq(state, quiet[i]))
			return 2;
	return 1;
}

bool rollout_goes_back(const struct answer *status)
{
	return str_eq(answer_cell(answer_find(status, "direction"), 0, "direction"), "rollback");
}

/* What is drawn of the targets. */
struct view {
	const char *rollout;
	const struct answer_table *waves, *targets; /* targets NULL: none came */
	bool back;
	size_t room; /* lines that are left for more than those that need eyes */
	size_t cap; /* lines of one wave at most */
	size_t notes; /* lines that are left for why, and what to type */
	size_t name_columns, state_columns;
};

static size_t count_up_to(const struct view *v, const char *wave, int level)
{
	const struct answer_table *t = v->targets;
	size_t n = 0;
	for (size_t i = 0; t && i < t->n_rows; i++)
		n += (!wave || str_eq(answer_cell(t, i, "wave"), wave)) && rollout_interest(answer_cell(t, i, "state"), v->back) <= level;
	return n;
}

/* ---- one target ------------------------------------------------------------------------------------------------------------------------------------------- */

/* States that end by themselves, or when somebody does something: for how long it has lasted matters. */
static bool lasts(const char *state)
{
	static const char *const ended[] = {"failed", "refused", "needs-attention", "rolled-back", "applied", "pending", "skipped", "deferred"};
	for (size_t i = 0; i < ARRAY_LEN(ended); i++)
		if (str_eq(state, ended[i]))
			return false;
	return true;
}

/* The short words behind its state. */
static void target_rest(const struct answer_table *t, size_t i, int interest, bool with_detail, struct buf *ret)
{
	char text[COUNT_TEXT_SIZE];
	const char *step = answer_cell(t, i, "step"), *slash = strchr(step, '/'), *changeset = answer_cell(t, i, "changeset");
	const char *whole = answer_cell(t, i, "detail"), *detail = with_detail ? whole : "";
	buf_clear(ret);
	if (interest == 2)
		return;
	if (lasts(answer_cell(t, i, "state")))
		buf_addf(ret, "for %s", seconds_text(answer_number(t, i, "state-seconds"), text));
	if (answer_number(t, i, "until-seconds"))
		buf_addf(ret, "%sends in %s", ret->n ? ", " : "", seconds_text(answer_number(t, i, "until-seconds"), text));
	if (slash && !str_eq(step, "1/1"))
		buf_addf(ret, "%sstep %.*s of %s", ret->n ? "  " : "", (int)(slash - step), step, slash + 1);
	if (*changeset && !str_starts(whole, changeset)) /* once is enough */
		buf_addf(ret, "%s%s", ret->n ? "  " : "", changeset);
	if (*detail)
		buf_addf(ret, "%s%s", ret->n ? "  " : "", detail);
}

static size_t rest_columns(const struct tree *t, const struct view *v)
{
	size_t used = STEM_COLUMNS + v->name_columns + 2 + v->state_columns + 2;
	return t->columns > used ? t->columns - used : 0;
}

/* Why it needs eyes, and of one that moves what does not fit behind its state; what to type. Returns how many lines. */
static size_t note_lines(const struct tree *t, const struct view *v, size_t row, struct buf *ret)
{
	AUTO(buf_done) struct buf rest = BUF_INIT;
	const char *next = answer_cell(v->targets, row, "next");
	int interest = rollout_interest(answer_cell(v->targets, row, "state"), v->back);
	size_t columns = t->columns > 3 * NOTE_STEM_COLUMNS ? t->columns - NOTE_STEM_COLUMNS : 2 * NOTE_STEM_COLUMNS, lines = 0;
	buf_clear(ret);
	if (interest == 2 || rollout_said_at(v->targets, row, v->back) != SIZE_MAX)
		return 0;
	target_rest(v->targets, row, interest, true, &rest);
	if (interest == 0 || output_width(buf_str(&rest)) > rest_columns(t, v))
		lines += tree_fold(answer_cell(v->targets, row, "detail"), columns, ret);
	if (*next) {
		AUTO(buf_done) struct buf arrow = BUF_INIT;
		buf_addf(&arrow, "-> %s", next);
		lines += tree_fold(arrow.p, columns, ret);
	}
	return lines;
}

/* Of all targets; *ret_first: of the first that has any. */
static size_t all_note_lines(const struct tree *t, const struct view *v, size_t *ret_first)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	size_t n = 0;
	*ret_first = 0;
	for (size_t i = 0; v->targets && i < v->targets->n_rows; i++) {
		n += note_lines(t, v, i, &text);
		if (*ret_first == 0)
			*ret_first = n;
	}
	return n;
}

static void add_target(struct tree *t, struct view *v, size_t i, const char *bar, bool last)
{
	AUTO(buf_done) struct buf rest = BUF_INIT;
	AUTO(buf_done) struct buf notes = BUF_INIT;
	char stem[64];
	const char *state = answer_cell(v->targets, i, "state");
	size_t lines = note_lines(t, v, i, &notes), like = rollout_said_at(v->targets, i, v->back);
	bool noted = lines > 0 && lines <= v->notes; /* all of it or nothing: half a reason misleads */
	snprintf(stem, sizeof stem, "%s%s ", bar, last ? signs()->last : signs()->branch);
	target_rest(v->targets, i, rollout_interest(state, v->back), !noted && like == SIZE_MAX, &rest);
	if (like != SIZE_MAX)
		buf_addf(&rest, "%sas %s", rest.n ? "  " : "", answer_cell(v->targets, like, "target"));
	tree_line(t, &(struct line){.stem = stem,
	                            .name = answer_cell(v->targets, i, "target"),
	                            .state = state,
	                            .rest = buf_str(&rest),
	                            .name_columns = v->name_columns,
	                            .state_columns = v->state_columns});
	if (!noted)
		return;
	v->notes -= lines;
	snprintf(stem, sizeof stem, "%s%s      ", bar, last ? " " : signs()->trunk);
	tree_text(t, buf_str(&notes), stem);
}

/* ---- the targets of a wave -------------------------------------------------------------------------------------------------------------------------------- */

static bool is_of(const struct view *v, size_t row, const char *wave, int level)
{
	return str_eq(answer_cell(v->targets, row, "wave"), wave) && rollout_interest(answer_cell(v->targets, row, "state"), v->back) <= level;
}

/* ": 3 applied, 2 pending": of the wave's rows that have no line. False when not all of its targets came. */
static bool count_hidden(const struct view *v, const char *wave, int level, size_t shown, size_t total, struct buf *ret)
{
	const char *states[STATES_MAX];
	size_t counts[STATES_MAX] = {0}, n = 0, seen = 0, left = shown;
	for (size_t i = 0; i < v->targets->n_rows; i++) {
		const char *state = answer_cell(v->targets, i, "state");
		size_t k = 0;
		if (!str_eq(answer_cell(v->targets, i, "wave"), wave))
			continue;
		seen++;
		if (is_of(v, i, wave, level) && left > 0) {
			left--;
			continue;
		}
		while (k < n && !str_eq(states[k], state))
			k++;
		if (k == STATES_MAX)
			return false;
		states[k] = state;
		counts[k]++;
		n += k == n;
	}
	for (size_t k = 0; k < n; k++) {
		char text[COUNT_TEXT_SIZE];
		if (n == 1)
			buf_addf(ret, " %s", states[k]); /* "50 more applied" */
		else
			buf_addf(ret, "%s%s %s", k ? ", " : ": ", count_text(counts[k], text), states[k]);
	}
	return seen == total;
}

/* The same by what the wave's own row counts, when not all of its targets came: ": 65 applied, 60 under way, 174 not begun". */
static void hidden_by_wave(const struct view *v, size_t wave_row, int level, uint64_t hidden, struct buf *ret)
{
	struct bar b = progress_bar(v->waves, wave_row);
	const char *wave = answer_cell(v->waves, wave_row, "wave"), *between = ": ";
	uint64_t moving_shown = level < 1 ? 0 : count_up_to(v, wave, 1) - count_up_to(v, wave, 0);
	const struct {
		uint64_t n;
		const char *what;
	} kinds[] = {
	    {b.done, v->back ? "taken back" : "applied"}, {b.moving > moving_shown ? b.moving - moving_shown : 0, "under way"}, {hidden, "not begun"}};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		char text[COUNT_TEXT_SIZE];
		uint64_t n = kinds[i].n < hidden ? kinds[i].n : hidden;
		hidden -= n;
		if (n)
			buf_addf(ret, "%s%s %s", between, count_text(n, text), kinds[i].what);
		between = n ? ", " : between;
	}
}

static void add_hidden(struct tree *t, const struct view *v, size_t wave_row, const char *bar, int level, size_t shown, size_t wanted, size_t total)
{
	const char *wave = answer_cell(v->waves, wave_row, "wave");
	AUTO(buf_done) struct buf more = BUF_INIT;
	AUTO(buf_done) struct buf kinds = BUF_INIT;
	char stem[64], count[COUNT_TEXT_SIZE], look[COUNT_TEXT_SIZE];
	buf_addf(&more, "%s more", count_text(total - shown, count));
	if (shown < wanted && wanted < total)
		buf_addf(&more, ", of which %s", count_text(wanted - shown, look));
	if (shown < wanted)
		buf_addf(&more, " to look at: rollcall rollout status %.8s", v->rollout);
	else if (count_hidden(v, wave, level, shown, total, &kinds))
		buf_adds(&more, buf_str(&kinds));
	else
		hidden_by_wave(v, wave_row, level, total - shown, &more);
	snprintf(stem, sizeof stem, "%s%s ", bar, signs()->last);
	tree_line(t, &(struct line){.stem = stem, .name = more.p, .state = "", .rest = ""});
}

static void add_targets(struct tree *t, struct view *v, size_t wave_row, int level, bool last_wave)
{
	const char *wave = answer_cell(v->waves, wave_row, "wave");
	char bar[16];
	size_t total = (size_t)answer_number(v->waves, wave_row, "targets"), wanted = count_up_to(v, wave, level),
	       shown = wanted < v->cap ? wanted : v->cap, n = 0;
	snprintf(bar, sizeof bar, "%s  ", last_wave ? " " : signs()->trunk);
	for (size_t i = 0; i < v->targets->n_rows && n < shown; i++)
		if (is_of(v, i, wave, level))
			add_target(t, v, i, bar, ++n == total);
	if (shown > 0 && shown < total) /* else the wave's own line says it all */
		add_hidden(t, v, wave_row, bar, level, shown, wanted, total);
}

/* How much of each wave fits into the lines that are left, in turns: what moves anywhere; what waits in the waves that are open or to come; what is done. Those that need eyes have
 * their lines already. */
static void set_levels(struct view *v, int *level, size_t n)
{
	for (int turn = 0; turn < 3; turn++)
		for (size_t i = 0; i < n; i++) {
			const char *wave = answer_cell(v->waves, i, "wave");
			bool passed = str_eq(answer_cell(v->waves, i, "state"), "passed");
			int wanted = turn == 0 ? 1 : 2;
			size_t more = count_up_to(v, wave, wanted) - count_up_to(v, wave, level[i]);
			if (level[i] >= wanted || (turn == 1 && passed) || more > v->room)
				continue;
			v->room -= more;
			level[i] = wanted;
		}
}

/* ---- waves ------------------------------------------------------------------------------------------------------------------------------------------------ */

static size_t widest(const struct answer_table *t, const char *column, size_t most)
{
	size_t n = 0;
	for (size_t i = 0; t && i < t->n_rows; i++)
		if (output_width(answer_cell(t, i, column)) > n)
			n = output_width(answer_cell(t, i, column));
	return n < most ? n : most;
}

static void wave_rest(const struct view *v, size_t i, struct buf *ret)
{
	char text[COUNT_TEXT_SIZE];
	const char *detail = answer_cell(v->waves, i, "detail");
	buf_clear(ret);
	progress_add(ret, v->waves, i, v->back);
	if (*answer_cell(v->waves, i, "soak-seconds"))
		buf_addf(ret, ", soaks for %s more", seconds_text(answer_number(v->waves, i, "soak-seconds"), text));
	else if (*detail && !str_eq(answer_cell(v->waves, i, "state"), "failed")) /* why one failed stands above */
		buf_addf(ret, ", %s", detail);
}

static size_t state_columns(const struct answer_table *waves)
{
	size_t n = widest(waves, "state", 15);
	return n > WAVE_STATE_COLUMNS ? n : WAVE_STATE_COLUMNS;
}

static struct line wave_line(const struct view *v, size_t i, const char *rest, size_t name_columns)
{
	return (struct line){.stem = i + 1 == v->waves->n_rows ? signs()->last_wave : signs()->branch_wave,
	                     .name = answer_cell(v->waves, i, "wave"),
	                     .state = answer_cell(v->waves, i, "state"),
	                     .rest = rest,
	                     .name_columns = name_columns,
	                     .state_columns = state_columns(v->waves),
	                     .bar = progress_bar(v->waves, i)};
}

/* All bars are equally long, and so short that the words behind them fit; none when that is too short to say anything. */
static size_t bar_columns(const struct tree *t, const struct view *v, size_t name_columns)
{
	AUTO(buf_done) struct buf rest = BUF_INIT;
	size_t n = t->columns / 5;
	for (size_t i = 0; i < v->waves->n_rows; i++) {
		wave_rest(v, i, &rest);
		struct line l = wave_line(v, i, rest.p, name_columns);
		size_t used = tree_line_begin(&l) + 2 + output_width(rest.p), room = t->columns > used ? t->columns - used : 0;
		n = room < n ? room : n;
	}
	return n < BAR_COLUMNS_MIN ? 0 : n;
}

/* Why something failed is worth more than a list of what did not, and one whole reason more than a line for each that has it. */
static void share_lines(const struct tree *t, struct view *v)
{
	size_t n = v->waves->n_rows, frame = n * 2 + t->used + t->bottom, lines = t->rows > frame ? t->rows - frame : 0, eyes = count_up_to(v, NULL, 0);
	size_t first = 0, wanted = all_note_lines(t, v, &first), room = lines > eyes ? lines - eyes : 0;
	if (first > lines / 2)
		first = 0;
	v->notes = wanted < room ? wanted : room < first ? first : room;
	v->room = room > v->notes ? room - v->notes : 0;
	lines -= v->notes;
	v->cap = eyes <= lines ? lines : lines / n;
}

static void add_waves(struct tree *t, struct view *v)
{
	AUTO(buf_done) struct buf rest = BUF_INIT;
	size_t n = v->waves->n_rows, name_columns = widest(v->waves, "wave", 30), bars = bar_columns(t, v, name_columns);
	int *level = mem_alloc((n + 1) * sizeof *level);
	share_lines(t, v);
	set_levels(v, level, n);
	for (size_t i = 0; i < n; i++) {
		wave_rest(v, i, &rest);
		struct line l = wave_line(v, i, rest.p, name_columns);
		l.bar_columns = bars;
		tree_line(t, &l);
		if (v->targets)
			add_targets(t, v, i, level[i], i + 1 == n);
	}
	free(level);
}

/* ---- the whole -------------------------------------------------------------------------------------------------------------------------------------------- */

static void add_rollout(struct tree *t, const struct answer_table *r, bool back)
{
	AUTO(buf_done) struct buf name = BUF_INIT;
	AUTO(buf_done) struct buf text = BUF_INIT;
	const char *state = rollout_state_word(r, 0);
	buf_addf(&name, "rollout %.8s  %s %s %s", answer_cell(r, 0, "rollout"), answer_cell(r, 0, "release"), back ? "off" : "to",
	         answer_cell(r, 0, "environment"));
	tree_line(t, &(struct line){.stem = "", .name = name.p, .state = state, .rest = ""});
	progress_add(&text, r, 0, back);
	size_t used = output_width(text.p) + 2, bar = t->columns > used ? t->columns - used : 0;
	if (bar > t->columns / 3)
		bar = t->columns / 3;
	tree_line(t, &(struct line){
	                 .stem = "", .name = "", .state = "", .rest = text.p, .bar = progress_bar(r, 0), .bar_columns = bar < BAR_COLUMNS_MIN ? 0 : bar});
	if (str_eq(state, "running") && !*answer_cell(r, 0, "next")) /* the waves below say how */
		return;
	buf_clear(&text);
	tree_fold(answer_cell(r, 0, "detail"), t->columns, &text);
	tree_text(t, buf_str(&text), "");
}

/* The last lines: what stands in the way, or what to type. */
static void set_bottom(struct tree *t, const struct answer *status, const char *notice, struct buf *ret)
{
	const char *next = answer_cell(answer_find(status, "per-minute"), 0, "next");
	size_t lines = tree_fold(*notice ? notice : *next ? next : "q or Ctrl-C leaves; the rollout goes on", t->columns, ret);
	t->bottom = (unsigned)lines < t->rows / 2 ? (unsigned)lines : t->rows / 2;
}

void tree_frame(struct tree *t, const struct answer *status, const char *notice, unsigned rows, unsigned columns)
{
	AUTO(buf_done) struct buf bottom = BUF_INIT;
	struct view v = {.rollout = answer_cell(answer_find(status, "rollout"), 0, "rollout"),
	                 .waves = answer_find(status, "max-failures"),
	                 .targets = answer_find(status, "target"),
	                 .back = rollout_goes_back(status)};
	tree_begin(t, rows, columns);
	set_bottom(t, status, notice, &bottom);
	v.name_columns = widest(v.targets, "target", t->columns / 3);
	v.state_columns = widest(v.targets, "state", 15);
	add_rollout(t, answer_find(status, "rollout"), v.back);
	if (v.waves && v.waves->n_rows)
		add_waves(t, &v);
	tree_bottom(t, buf_str(&bottom));
}
