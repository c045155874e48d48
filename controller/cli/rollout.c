/* The rollout commands' table, and those of them that are one question: start, list, status, pause, resume, abort, retry, rollback. */
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/str.h"
#include "common/wire/limits.h"
#include "controller/cli/commands.h"
#include "controller/cli/key_option.h"
#include "controller/cli/rollout_cli.h"

int rollout_wait(const struct cmd_args *a, struct live *l, const char *rollout, struct err *e)
{
	struct follow f = {.rollout = rollout, .stop_at_approval = true, .lines = stderr};
	return cmd_option_duration(a, "timeout", &f.timeout_ms, e) != 0 ? -1 : rollout_follow(l, &f, e);
}

int rollout_answer_and_wait(const struct cmd_args *a, struct live *l, const struct answer *r, struct err *e)
{
	int code = answer_print(r, cmd_output(a));
	if (!cmd_option_given(a, "wait"))
		return code;
	const char *rollout = answer_cell(answer_find(r, "rollout"), 0, "rollout");
	if (str_empty(rollout))
		return err_set(e, ERR_LINK, "the controller did not say which rollout to wait for: run 'rollcall rollout list'");
	return rollout_wait(a, l, rollout, e);
}

int rollout_wait_check(const struct cmd_args *a, struct err *e)
{
	uint64_t ms = 0;
	if (cmd_option_given(a, "timeout") && !cmd_option_given(a, "wait"))
		return err_set(e, ERR_USAGE, "--timeout says how long to --wait: give both");
	return cmd_option_duration(a, "timeout", &ms, e);
}

static int ask_and_wait(const struct cmd_args *a, const struct question *q, struct err *e)
{
	AUTO(live_close) struct live l = {0};
	AUTO(answer_done) struct answer r = {0};
	if (rollout_wait_check(a, e) != 0 || live_open(a, &l, e) != 0 || live_ask(&l, q, &r, e) != 0)
		return -1;
	return rollout_answer_and_wait(a, &l, &r, e);
}

static int run_start(const struct cmd_args *a, struct err *e)
{
	AUTO(chosen_release_done) struct chosen_release release = {0};
	AUTO(buf_done) struct buf plan = BUF_INIT;
	AUTO(arena_destroy) struct arena *arena = arena_new(4096);
	struct question q = {.verb = VERB_ROLLOUT_START};
	const char *start_at = NULL;
	if (time_option_text(a, "start-at", false, arena, &start_at, e) != 0)
		return -1;
	if (file_read(cmd_argument(a, 0), LIMIT_YAML, &plan, e) != 0 || chosen_release_load(cmd_option_value(a, "release"), &release, e) != 0)
		return -1;
	q.document = buf_bytes(&plan);
	question_add(&q, "plan", cmd_argument(a, 0));
	question_add(&q, "release", release.name);
	question_add(&q, "environment", cmd_option_value(a, "environment"));
	question_add_options(&q, a, "target");
	question_add(&q, "start-at", start_at);
	return ask_and_wait(a, &q, e);
}

static int run_catch_up(const struct cmd_args *a, struct err *e)
{
	AUTO(buf_done) struct buf plan = BUF_INIT;
	struct question q = {.verb = VERB_ROLLOUT_CATCH_UP};
	if (file_read(cmd_argument(a, 0), LIMIT_YAML, &plan, e) != 0)
		return -1;
	q.document = buf_bytes(&plan);
	question_add(&q, "plan", cmd_argument(a, 0));
	question_add(&q, "environment", cmd_option_value(a, "environment"));
	question_add(&q, "release", cmd_option_value(a, "release"));
	question_add(&q, "reason", cmd_option_value(a, "reason"));
	return ask_and_wait(a, &q, e);
}

static int run_list(const struct cmd_args *a, struct err *e)
{
	AUTO(live_close) struct live l = {0};
	AUTO(answer_done) struct answer r = {0};
	const struct question q = {.verb = VERB_ROLLOUT_LIST};
	if (live_open(a, &l, e) != 0 || live_ask(&l, &q, &r, e) != 0)
		return -1;
	if (cmd_output(a) == OUTPUT_TABLE)
		rollout_call_releases(&r);
	return answer_print(&r, cmd_output(a));
}

static int run_pause(const struct cmd_args *a, struct err *e)
{
	struct question q = {.verb = VERB_ROLLOUT_PAUSE};
	question_add(&q, "rollout", cmd_argument(a, 0));
	question_add(&q, "reason", cmd_option_value(a, "reason"));
	return live_run(a, &q, e);
}

static int run_resume(const struct cmd_args *a, struct err *e)
{
	struct question q = {.verb = VERB_ROLLOUT_RESUME};
	question_add(&q, "rollout", cmd_argument(a, 0));
	question_add(&q, "reason", cmd_option_value(a, "reason"));
	return ask_and_wait(a, &q, e);
}

static int run_abort(const struct cmd_args *a, struct err *e)
{
	struct question q = {.verb = VERB_ROLLOUT_ABORT};
	question_add(&q, "rollout", cmd_argument(a, 0));
	question_add(&q, "reason", cmd_option_value(a, "reason"));
	return ask_and_wait(a, &q, e);
}

static int run_retry(const struct cmd_args *a, struct err *e)
{
	struct question q = {.verb = VERB_ROLLOUT_RETRY};
	question_add(&q, "rollout", cmd_argument(a, 0));
	question_add(&q, "reason", cmd_option_value(a, "reason"));
	for (size_t i = 1; i < cmd_argument_count(a); i++)
		question_add(&q, "target", cmd_argument(a, i));
	return ask_and_wait(a, &q, e);
}

static int run_skip(const struct cmd_args *a, struct err *e)
{
	struct question q = {.verb = VERB_ROLLOUT_SKIP};
	question_add(&q, "rollout", cmd_argument(a, 0));
	for (size_t i = 1; i < cmd_argument_count(a); i++)
		question_add(&q, "target", cmd_argument(a, i));
	question_add(&q, "reason", cmd_option_value(a, "reason"));
	return ask_and_wait(a, &q, e);
}

static int run_rollback(const struct cmd_args *a, struct err *e)
{
	struct question q = {.verb = VERB_ROLLOUT_ROLLBACK};
	question_add(&q, "rollout", cmd_argument(a, 0));
	question_add(&q, "reason", cmd_option_value(a, "reason"));
	question_add_options(&q, a, "except");
	return ask_and_wait(a, &q, e);
}

#define RELEASE_OPTIONS                                                                                              \
	{"environment", 'e', "NAME", "one of the plan's environments", false, true},                                     \
	{                                                                                                                \
		"release", 'r', "FILE|VERSION", "the release: its file, or a version that the controller holds", false, true \
	}

static const struct cmd_option preview_options[] = {
    RELEASE_OPTIONS,
    {"direction", 0, "apply|rollback", "what to show (default: apply)", false, false},
    {"target", 0, "TARGET", "only this target", true, false},
    {"except", 0, "CHANGESET", "with rollback: leave this changeset applied", true, false},
    CONTEXT_OPTIONS,
    {0},
};
static const struct cmd_option start_options[] = {
    RELEASE_OPTIONS,
    {"target", 0, "TARGET", "only this target, or those that a glob such as 'eu/*' matches: the release then does not count as rolled out there",
     true, false},
    {"start-at", 0, "TIME", "nothing starts before: 2026-12-01T02:00:00Z, or a time from now such as 6h (default: the plan's start_at, or at once)",
     false, false},
    WAIT_OPTIONS,
    CONTEXT_OPTIONS,
    {0}};
static const struct cmd_option catch_up_options[] = {
    {"environment", 'e', "NAME", "one of the plan's environments", false, true},
    {"release", 'r', "VERSION", "the release (default: the environment's present one)", false, false},
    {"reason", 0, "TEXT", "why, for the audit", false, false},
    WAIT_OPTIONS,
    CONTEXT_OPTIONS,
    {0},
};
static const struct cmd_option approve_options[] = {
    KEY_OPTIONS,
    {"targets", 0, "N", "how many targets you mean to approve; asked on a terminal when not given", false, false},
    {"as", 0, "NAME", "your name in the approval (default: the key's owner)", false, false},
    {"reason", 0, "TEXT", "why, for the audit", false, false},
    {"release", 'r', "FILE", "check that the order is for exactly this file, and list its changesets", false, false},
    WAIT_OPTIONS,
    CONTEXT_OPTIONS,
    {0},
};
static const struct cmd_option order_options[] = {
    {"out", 0, "FILE", "where to write it (default: ROLLOUT.order)", false, false},
    CONTEXT_OPTIONS,
    {0},
};
static const struct cmd_option hand_in_options[] = {WAIT_OPTIONS, CONTEXT_OPTIONS, {0}};
static const struct cmd_option list_options[] = {CONTEXT_OPTIONS, {0}};
static const struct cmd_option status_options[] = {
    {"target", 0, "TARGET", "only this target, or those that a glob such as 'eu/*' matches", true, false},
    {"all", 0, NULL, "on a terminal: every target, also when there are more than 40", false, false},
    WAIT_OPTIONS,
    CONTEXT_OPTIONS,
    {0},
};
static const struct cmd_option watch_options[] = {
    {"plain", 0, NULL, "lines instead of a tree, also on a terminal", false, false},
    {"timeout", 0, "DURATION", "stop watching after this time (exit 8)", false, false},
    CONTEXT_OPTIONS,
    {0},
};
static const struct cmd_option pause_options[] = {{"reason", 0, "TEXT", "why, for the audit", false, false}, CONTEXT_OPTIONS, {0}};
static const struct cmd_option resume_options[] = {{"reason", 0, "TEXT", "why, for the audit", false, false}, WAIT_OPTIONS, CONTEXT_OPTIONS, {0}};
static const struct cmd_option abort_options[] = {{"reason", 0, "TEXT", "why, for the audit", false, true}, WAIT_OPTIONS, CONTEXT_OPTIONS, {0}};
static const struct cmd_option skip_options[] = {
    {"reason", 0, "TEXT", "why, for the audit and for whoever looks at the target", false, true}, WAIT_OPTIONS, CONTEXT_OPTIONS, {0}};
static const struct cmd_option retry_options[] = {{"reason", 0, "TEXT", "why, for the audit", false, false}, WAIT_OPTIONS, CONTEXT_OPTIONS, {0}};
static const struct cmd_option rollback_options[] = {{"except", 0, "CHANGESET", "leave this changeset applied", true, false},
                                                     {"reason", 0, "TEXT", "why, for the audit", false, false},
                                                     WAIT_OPTIONS,
                                                     CONTEXT_OPTIONS,
                                                     {0}};

const struct cmd rollout_commands[] = {
    {"rollout preview", "PLAN", "Show the exact statements that would run on each target",
     "The controller asks each target's ledger what is applied there; the statements come from the release file. Targets with the same statements "
     "are shown together; -o wide "
     "shows each by itself, -o json has a row for each statement. Nothing is changed anywhere.",
     "rollcall rollout preview plans/production.yaml -e production -r shop-1.0.0.release", preview_options, run_rollout_preview, 1, 1},
    {"rollout start", "PLAN", "Freeze the target list and ask for approval of this rollout",
     "Nothing runs before the approvals are there. Where the environment needs none, it starts at once.",
     "rollcall rollout start plans/production.yaml -e production -r 1.0.0\nrollcall rollout start plans/qa.yaml -e qa -r 1.0.0 --wait --timeout 30m",
     start_options, run_start, 1, 1},
    {"rollout catch-up", "PLAN", "Bring the environment's release to the targets that lack it",
     "For tenants that came later, were in quarantine, or were skipped. It is a rollout of its own, over the plan's waves, and needs its own "
     "approval; "
     "targets that another rollout still has are left to that one. With 'catch_up: automatic' in the plan's environment the controller makes such an "
     "order by itself when new tenants appear, or when one that was away, or held by its site, until its order's time was over can have it; it still "
     "awaits the approvals that the trust document asks for.",
     "rollcall rollout catch-up plans/production.yaml -e production --reason 'three new tenants'", catch_up_options, run_catch_up, 1, 1},
    {"rollout approve", "ROLLOUT", "Look at a rollout's order and sign your approval of it",
     "Fetches the order and its target list, recomputes the list's Merkle root here and shows what is approved; the key never leaves this machine. "
     "The approval is for "
     "exactly this order: other targets or another release need another one.",
     "rollcall rollout approve 3f2a91bc --key ann.key --targets 12 --reason 'CHG-4711'", approve_options, run_rollout_approve, 1, 1},
    {"rollout order", "ROLLOUT", "Write a rollout's order into a file, for approvers whose keys see no network",
     "Recomputes the target list's Merkle root and shows what the order says. 'rollcall approve' signs the file, 'rollcall rollout hand-in' brings "
     "the approvals back.",
     "rollcall rollout order 3f2a91bc --out stick/shop.order", order_options, run_rollout_order, 1, 1},
    {"rollout hand-in", "ROLLOUT FILE...", "Give the controller approvals and gate passes that were signed away from the network", NULL,
     "rollcall rollout hand-in 3f2a91bc stick/ann.approval stick/bob.approval --wait", hand_in_options, run_rollout_hand_in, 2, 17},
    {"rollout list", NULL, "List the rollouts, the newest first", NULL, "rollcall rollout list", list_options, run_list, 0, 0},
    {"rollout status", "ROLLOUT", "Show a rollout, its waves and each target, with what to type next",
     "On a terminal, of more than 40 targets those that need eyes and those that move are listed, the others counted. The exit code tells the state: "
     "0 done or under way, 3 waits for approval, 4 targets failed, 5 something needs attention.",
     "rollcall rollout status 3f2a91bc\nrollcall rollout status 3f2a91bc --target eu/db1/acme -o json\nrollcall rollout status 3f2a91bc --wait "
     "--timeout "
     "30m",
     status_options, run_rollout_status, 1, 1},
    {"rollout watch", "ROLLOUT", "Watch a rollout as it goes: a live tree on a terminal, lines otherwise",
     "q or Ctrl-C leaves; the rollout goes on (exit 130). It ends when the rollout does, with the exit code of its state; lines, not the tree, also "
     "end when it is halted (exit 4). -o ndjson: an object a line for each change of a state, with at, kind (rollout, wave or target), name, wave, "
     "from, "
     "to, detail and next; the last, of kind end, has the rollout's final state (a watch that is left, or times out, has none).",
     "rollcall rollout watch 3f2a91bc\nrollcall rollout watch 3f2a91bc -o ndjson | jq -r 'select(.to == \"failed\") | .name'", watch_options,
     run_rollout_watch, 1, 1},
    {"rollout pause", "ROLLOUT", "Start nothing new; what runs ends by itself", NULL, "rollcall rollout pause 3f2a91bc --reason 'peak hours'",
     pause_options, run_pause, 1, 1},
    {"rollout resume", "ROLLOUT", "Go on with a paused rollout", NULL, "rollcall rollout resume 3f2a91bc --wait", resume_options, run_resume, 1, 1},
    {"rollout abort", "ROLLOUT", "End a rollout: nothing new starts, what waits is recalled, what runs ends by itself",
     "What is applied stays applied; 'rollcall rollout rollback' takes it back.", "rollcall rollout abort 3f2a91bc --reason 'wrong release'",
     abort_options, run_abort, 1, 1},
    {"rollout retry", "ROLLOUT [TARGET...]", "Try failed targets again, from where their ledgers stand", "Without a TARGET: all that failed.",
     "rollcall rollout retry 3f2a91bc --wait\nrollcall rollout retry 3f2a91bc eu/db1/acme", retry_options, run_retry, 1, 1000},
    {"rollout skip", "ROLLOUT TARGET...", "Let a rollout go on without these targets, for a reason that stays to be read",
     "For targets that wait, were deferred, or failed: they no longer hold their wave up and no longer count as failures. What is in the database "
     "stays there.",
     "rollcall rollout skip 3f2a91bc eu/db1/acme --reason 'tenant is being closed'", skip_options, run_skip, 2, 1000},
    {"rollout rollback", "ROLLOUT", "Start a rollout that takes back what this one applied",
     "It is a rollout of its own, with the same waves and gates, and needs its own approval.",
     "rollcall rollout rollback 3f2a91bc --reason 'orders page is slow'", rollback_options, run_rollback, 1, 1},
    {0},
};
