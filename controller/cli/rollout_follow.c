/* Following a rollout: asks for its status again and again, tells what changed, and ends when nothing more happens by itself. The rollout itself never
 * depends on this: leaving, losing the link or being killed changes nothing at the controller. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "controller/cli/rollout_cli.h"

#define POLL_MS         200
#define POLL_MANY_MS    1000 /* when each answer lists thousands of targets */
#define MANY            1000
#define TREE_TARGETS    "200" /* more than any window has lines */
#define UNREACHABLE_MAX ((int64_t)60 * 1000 * 1000)

static volatile sig_atomic_t asked_to_stop;

static void on_signal(int sig)
{
	(void)sig;
	asked_to_stop = 1;
}

static void catch_signals(void)
{
	struct sigaction sa = {.sa_handler = on_signal}; /* no SA_RESTART: a wait must end at once */
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
}

static const char *state_of(const struct answer *r)
{
	return answer_cell(answer_find(r, "rollout"), 0, "state");
}

/* A halted rollout starts nothing new, but what runs still comes to its end. */
static bool has_running(const struct answer *r)
{
	static const char *const running[] = {"offered", "waiting-lock", "applying", "validating", "rolling-back"};
	const struct answer_table *t = answer_find(r, "target");
	for (size_t row = 0; t && row < t->n_rows; row++)
		for (size_t i = 0; i < ARRAY_LEN(running); i++)
			if (str_eq(answer_cell(t, row, "state"), running[i]))
				return true;
	return false;
}

/* For people: the approvers, or the gate of a wave. */
static bool waits_for_people(const struct answer *r)
{
	const struct answer_table *t = answer_find(r, "max-failures");
	for (size_t i = 0; t && i < t->n_rows; i++)
		if (str_eq(answer_cell(t, i, "state"), "awaiting-pass"))
			return true;
	return str_eq(state_of(r), "awaiting-approval");
}

/* A person at a terminal goes on watching a halted one: it is retried, or aborted, from another terminal. */
static bool is_over(const struct answer *r, bool stop_at_approval, bool stay_when_halted)
{
	const char *state = state_of(r);
	static const char *const over[] = {"succeeded", "failed", "aborted", "halted"};
	for (size_t i = 0; i < ARRAY_LEN(over); i++)
		if (str_eq(state, over[i]))
			return !has_running(r) && !(stay_when_halted && str_eq(state, "halted"));
	return stop_at_approval && waits_for_people(r) && !has_running(r);
}

/* ---- the loop ---- */

static const char no_answer[] = "the controller does not answer: trying again; the agents go on by themselves";

struct following {
	struct live *live;
	const struct follow *how;
	struct tree *tree;
	struct answer now, was;
	int64_t deadline_us, unreachable_since_us;
};

static void following_done(struct following *f)
{
	tree_close(&f->tree);
	answer_done(&f->now);
	answer_done(&f->was);
}

/* A broken link is made anew: controllers restart, and the rollout's state is in their store. */
static int ask_again(struct following *f, struct answer *ret, struct err *e)
{
	struct question q = {.verb = VERB_ROLLOUT_STATUS};
	question_add(&q, "rollout", f->how->rollout);
	question_add(&q, "fold", f->how->tree && tree_can_open() ? TREE_TARGETS : NULL);
	if (!f->live->link && live_open_context(&f->live->context, f->live, e) != 0)
		return -1;
	if (live_ask(f->live, &q, ret, e) != 0)
		return -1;
	if (f->how->tree && tree_can_open())
		rollout_call_releases(ret);
	return 0;
}

/* 0 with *ret_fresh false: no answer for now, try again. */
static int refresh(struct following *f, bool *ret_fresh, struct err *e)
{
	struct answer next = {0};
	*ret_fresh = false;
	if (ask_again(f, &next, e) == 0) {
		answer_done(&f->was);
		f->was = f->now;
		f->now = next;
		f->unreachable_since_us = 0;
		*ret_fresh = true;
		return 0;
	}
	answer_done(&next);
	if (asked_to_stop)
		return 0;
	if (e->code != ERR_LINK && e->code != ERR_TIMEOUT)
		return -1;
	operator_close(&f->live->link);
	if (f->unreachable_since_us == 0) {
		f->unreachable_since_us = clock_mono_us();
		if (!f->tree)
			output_say("%s", no_answer);
	}
	if (clock_mono_us() - f->unreachable_since_us <= UNREACHABLE_MAX)
		return 0;
	e->code = ERR_LINK;
	return err_wrap(e, "no answer for a minute; the rollout may go on without this watch");
}

static void show(struct following *f, bool fresh)
{
	const char *notice = f->unreachable_since_us ? no_answer : "";
	if (f->tree && f->now.arena)
		tree_draw(f->tree, &f->now, notice);
	else if (fresh)
		rollout_lines_changed(f->how, &f->now, &f->was);
}

static bool wait_a_little(struct following *f)
{
	const struct answer_table *t = answer_find(&f->now, "target");
	if (f->tree)
		return tree_wants_to_leave(f->tree, POLL_MS) || asked_to_stop;
	poll(NULL, 0, t && t->n_rows > MANY ? POLL_MANY_MS : POLL_MS);
	return asked_to_stop != 0;
}

static int left(struct following *f)
{
	bool halted = f->now.arena && str_eq(state_of(&f->now), "halted");
	tree_close(&f->tree);
	output_say("left: the rollout %s; 'rollcall rollout watch %s' shows it again",
	           halted ? "is halted: nothing new starts until someone decides" : "goes on", f->how->rollout);
	return EXIT_INTERRUPTED;
}

static int over(struct following *f)
{
	bool drawn = f->tree != NULL;
	tree_close(&f->tree);
	if (drawn) /* the tree's screen is gone: what remains is the last state */
		return rollout_status_print(&f->now, f->how->rollout, true);
	rollout_lines_end(f->how, &f->now);
	f->now.n_tables = 0;
	return answer_print(&f->now, OUTPUT_TABLE);
}

int rollout_follow(struct live *l, const struct follow *how, struct err *e)
{
	AUTO(following_done) struct following f = {.live = l, .how = how};
	bool fresh = false;
	asked_to_stop = 0;
	catch_signals();
	if (how->timeout_ms)
		f.deadline_us = clock_mono_us() + (int64_t)how->timeout_ms * 1000;
	for (;;) {
		if (refresh(&f, &fresh, e) != 0)
			return -1;
		if (how->tree && !f.tree && f.now.arena)
			f.tree = tree_open();
		if (!asked_to_stop)
			show(&f, fresh);
		if (fresh && is_over(&f.now, how->stop_at_approval, f.tree != NULL))
			return over(&f);
		if (f.deadline_us && clock_mono_us() >= f.deadline_us)
			return err_set(e, ERR_TIMEOUT, "rollout %s is %s after the time given: it goes on; 'rollcall rollout status %s' tells how it stands",
			               how->rollout, f.now.arena ? state_of(&f.now) : "not known to be over", how->rollout);
		if (wait_a_little(&f))
			return left(&f);
	}
}

/* json is one document and csv one table, which a watch would close at its end only; a name is no news. */
static int check_format(const struct cmd_args *a, struct err *e)
{
	enum output_format f = cmd_output(a);
	const char *name = f == OUTPUT_JSON ? "json" : f == OUTPUT_CSV ? "csv" : f == OUTPUT_NAME ? "name" : NULL;
	if (!name)
		return 0;
	return err_set(e, ERR_USAGE,
	               "-o %s: a watch tells changes as they come: use -o ndjson, or 'rollcall rollout status %s -o %s' for how it stands now", name,
	               cmd_argument(a, 0), name);
}

int run_rollout_watch(const struct cmd_args *a, struct err *e)
{
	AUTO(live_close) struct live l = {0};
	struct follow f = {.rollout = cmd_argument(a, 0),
	                   .lines = stdout,
	                   .tree = !cmd_option_given(a, "plain") && cmd_output(a) == OUTPUT_TABLE,
	                   .objects = cmd_output(a) == OUTPUT_NDJSON};
	if (check_format(a, e) != 0 || cmd_option_duration(a, "timeout", &f.timeout_ms, e) != 0)
		return -1;
	if (live_open(a, &l, e) != 0)
		return -1;
	return rollout_follow(&l, &f, e);
}
