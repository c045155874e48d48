/* Inside controller/cli only: what the files of the rollout commands share. */
#ifndef CONTROLLER_CLI_ROLLOUT_CLI_H
#define CONTROLLER_CLI_ROLLOUT_CLI_H

#include <stdio.h>

#include "common/model/release.h"
#include "common/model/trust.h"
#include "controller/cli/live.h"

#define ROLLOUT_SHOWN 8 /* characters of an id that people see */

/* A --release: a file, read and decoded, or only a version. `name` is what the controller is asked for: the digest of a file, or the version. */
struct chosen_release {
	struct arena *arena;
	const char *name;
	const struct release *release; /* NULL when only a version was given */
	struct envelope envelope; /* of the file */
};
int chosen_release_load(const char *file_or_version, struct chosen_release *ret, struct err *e) MUST_CHECK;
void chosen_release_done(struct chosen_release *c); /* for AUTO */

int run_rollout_preview(const struct cmd_args *a, struct err *e);
int run_rollout_approve(const struct cmd_args *a, struct err *e);
int run_rollout_order(const struct cmd_args *a, struct err *e);
int run_rollout_hand_in(const struct cmd_args *a, struct err *e);
int run_rollout_status(const struct cmd_args *a, struct err *e);
int run_rollout_watch(const struct cmd_args *a, struct err *e);

/* Follows a rollout until nothing more happens to it by itself: lines for what changed, or a live tree. Returns the exit code of its state; EXIT_INTERRUPTED after
 * Ctrl-C (the rollout goes on), ERR_TIMEOUT past timeout_ms (0: none). Lost connections are made anew for a minute. */
struct follow {
	const char *rollout;
	uint64_t timeout_ms;
	bool tree;
	bool stop_at_approval; /* --wait: waiting for people is an answer, exit 3 */
	bool objects; /* the changes are JSON objects, one a line, not words */
	FILE *lines; /* where the changes are told: they are the data of watch, and messages of --wait */
};
int rollout_follow(struct live *l, const struct follow *f, struct err *e);
/* A line to how->lines for each state that is another than in *was (one without an arena: for each that is some news), targets first, then waves, then the rollout. As objects: at, kind
 * (rollout, wave, target), name, wave (of a target), from, to, detail, next; null where there is nothing to say. */
void rollout_lines_changed(const struct follow *how, const struct answer *now, const struct answer *was);
/* The last line: an object of kind "end" with the rollout's final state. As words nothing: the message that follows says it. */
void rollout_lines_end(const struct follow *how, const struct answer *now);
/* --wait and --timeout of a command. */
#define WAIT_OPTIONS                                                                                                 \
	{"wait", 0, NULL, "stay until nothing more happens by itself; the exit code tells how it ended", false, false},  \
	{                                                                                                                \
		"timeout", 0, "DURATION", "with --wait: give up waiting after this time, such as 30m (exit 8)", false, false \
	}
/* Refuses a bad --timeout, or one without --wait, before anything is asked of the controller. */
int rollout_wait_check(const struct cmd_args *a, struct err *e) MUST_CHECK;
/* What --wait does: follows the rollout, its changes as lines on standard error. Blocks; returns as rollout_follow. */
int rollout_wait(const struct cmd_args *a, struct live *l, const char *rollout, struct err *e);
/* Prints the answer, then follows its rollout when --wait was given. */
int rollout_answer_and_wait(const struct cmd_args *a, struct live *l, const struct answer *r, struct err *e);

/* Prints a status for people; folded: what is done or waits for its turn is counted where there is much of it. Changes *r. Returns the exit code. */
int rollout_status_print(struct answer *r, const char *rollout, bool folded);
/* Its state in a word for people: "scheduled" while it waits for its time, "awaiting-pass" for a gate's signatures. */
const char *rollout_state_word(const struct answer_table *t, size_t row);
/* Puts what people call a release in its place, for a screen: with its project, where there are several. */
void rollout_call_releases(struct answer *r);
/* Of the targets' rows, the first of the same wave that needs eyes and says the same, when it is another one: a screen says it once. SIZE_MAX: none. */
size_t rollout_said_at(const struct answer_table *targets, size_t row, bool back);
/* By a delivery's state. 0: needs eyes, 1: moves, 2: done or not begun. What went back is done where that was the order. */
int rollout_interest(const char *state, bool back);
bool rollout_goes_back(const struct answer *status);

/* The live tree of watch. */
struct tree;
bool tree_can_open(void); /* standard input and output are a terminal */
struct tree *tree_open(void); /* NULL when they are not */
void tree_close(struct tree **t); /* gives the terminal back; for AUTO */
void tree_draw(struct tree *t, const struct answer *status, const char *notice);
/* Waits up to timeout_ms; true when q or Ctrl-C was pressed. */
bool tree_wants_to_leave(struct tree *t, int timeout_ms);

#endif
