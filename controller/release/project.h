/* rollcall.yaml: what a project is called, which engines it is for, the environments that a release passes in order, where its changes are, how strict its gates are. */
#ifndef CONTROLLER_RELEASE_PROJECT_H
#define CONTROLLER_RELEASE_PROJECT_H

#include "common/base/arena.h"
#include "common/model/release.h"
#include "common/sql/dialect.h"
#include "common/sql/online.h"
#include "controller/gate/finding.h"

#define PROJECT_FILE              "rollcall.yaml"
#define PROJECT_VALID_MS_DEFAULT  ((uint64_t)365 * 86400000)
#define PROJECT_RELEASES_FOLDER   "releases"
#define PROJECT_RELEASE_EXTENSION ".release"

struct gate_setting {
	const char *rule;
	enum gate_level level;
	const char *environment; /* NULL: everywhere */
};

struct project {
	const char *root; /* the folder of rollcall.yaml */
	const char *name;
	unsigned engines; /* ENGINE_BITs */
	struct engine_range *ranges; /* one for each engine, versions NULL where none was given */
	size_t n_ranges;
	const char **pipeline;
	size_t n_pipeline;
	const char *changes; /* relative to root */
	const char *reader; /* NULL: found by looking */
	const char **contexts; /* for properties with a context */
	size_t n_contexts;
	bool one_transaction; /* transaction: release */
	struct sql_online online; /* mariadb: what is written into its DDL */
	uint64_t valid_ms; /* how long a release may be rolled out */
	struct gate_setting *gates;
	size_t n_gates;
};

/* Loads FOLDER/rollcall.yaml into the arena. ERR_NOT_FOUND when there is none; ERR_PARSE and ERR_USAGE as "FILE:LINE: what: what to do". */
int project_load(const char *folder, struct arena *a, struct project *ret, struct err *e) MUST_CHECK;
bool project_has_environment(const struct project *p, const char *name);

#endif
