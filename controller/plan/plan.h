/* Plans from YAML: read, checked, defaults filled in. Each error reads "plans/x.yaml:LINE: what: what to do". */
#ifndef CONTROLLER_PLAN_PLAN_H
#define CONTROLLER_PLAN_PLAN_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/model/plan.h"

/* `name` stands for the file in messages. A wave's selector may leave the environment out: targets of other environments never match. */
int plan_parse(const char *name, struct bytes text, struct arena *a, struct plan *ret, struct err *e) MUST_CHECK;

/* Every environment of the plan is in the pipeline, ERR_USAGE otherwise. */
int plan_check_pipeline(const struct plan *p, struct bytes text, const char *const *pipeline, size_t n, struct err *e) MUST_CHECK;

#endif
