/* From a project folder to a checked release, in one call: read, parse, pack, gates. `rollcall lint` shows what it found, `release build` writes it. */
#ifndef CONTROLLER_RELEASE_BUILD_H
#define CONTROLLER_RELEASE_BUILD_H

#include "controller/gate/gates.h"
#include "controller/release/pack.h"

struct build_options {
	const char *folder;
	const char *environment; /* for gate levels; NULL: the strictest */
	const struct release *previous; /* NULL: none; its arena outlives the build */
	struct pack_options pack; /* its provenance is ignored: the build asks Git */
};

struct build {
	struct arena *arena;
	struct project project;
	struct change_set *set; /* problems in it became findings of the rule "read" */
	struct parsed_set parsed;
	struct release release; /* complete, but for digest */
	struct findings findings; /* sorted */
};

void build_done(struct build *b); /* for AUTO */
/* An error only when there is nothing to look at (no project, no folder); what is wrong with the changes is in the findings. Blocks on disk and on git. */
int build_project(const struct build_options *o, struct build *ret, struct err *e) MUST_CHECK;
/* 0 when nothing of level error stands; otherwise ERR_POLICY with the first one and how many more there are. */
int build_check(const struct build *b, struct err *e) MUST_CHECK;

#endif
