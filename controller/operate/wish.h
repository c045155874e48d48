/* What a preview, a start and a catch-up have in common: the release, the plan's environment and the frozen list. */
#ifndef CONTROLLER_OPERATE_WISH_H
#define CONTROLLER_OPERATE_WISH_H

#include "controller/operate/operate.h"
#include "controller/plan/plan.h"
#include "controller/rollout/order.h"

struct wish {
	struct store_release rec;
	struct release release; /* in `arena` */
	struct arena *arena; /* of the decoded release */
	struct plan plan;
	const struct plan_environment *env;
	enum direction direction;
	struct frozen frozen;
	bool partial; /* the argument `target` leaves some of the environment's targets out */
	size_t n_quarantined; /* of the environment's targets: left out */
	int64_t start_at_us; /* 0: at once */
	const char **except;
	size_t n_except;
	/* Of a catch-up: only targets that lack the release. */
	bool lacking;
	bool newcomers; /* and that are connected and no rollout of this release has come to yet: what was tried and failed is a person's to retry */
	struct store_names have, tried; /* with lacking: who has it, and with newcomers: who was in such a rollout */
};

int no_environment(const struct plan *p, const char *environment, struct err *e) MUST_CHECK; /* ERR_USAGE: which it has */
/* ERR_USAGE for a changeset that is to be left out and that the release has not. */
int check_except(const struct release *r, const char *const *except, size_t n, struct err *e) MUST_CHECK;
void wish_done(struct wish *w);
/* From the request's arguments release, environment, plan, direction?, except*, target*, start-at? and its document, the plan. */
int wish_read(struct request *q, struct wish *w, struct err *e) MUST_CHECK;
/* Checks that it may start (pipeline, expiry, no other rollout at its targets), and freezes it as an order. */
int wish_start(struct request *q, const struct wish *w, struct run **ret, struct err *e) MUST_CHECK;
/* conflict.c: rollouts of other projects that are not over, have targets of this one, and whose release works on objects that this one's works on: one warning for each, each
 * beginning with "; ". "" when there is none. */
int wish_conflicts(struct request *q, const struct wish *w, const char **ret, struct err *e) MUST_CHECK;

#endif
