/* agent.yaml as it stands in the file: raw texts, and the line of each. config.c turns it into struct agent_config. */
#ifndef AGENT_DAEMON_CONFIG_YAML_H
#define AGENT_DAEMON_CONFIG_YAML_H

#include <yaml.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/model/target.h"

struct raw_address {
	char *endpoint, *blobs;
};
struct raw_controller {
	char *endpoint, *blobs, *enrol;
	struct raw_address *also;
	unsigned also_count;
	char **keys;
	unsigned keys_count;
};
struct raw_keys {
	char *curve, *report;
};
struct raw_limits { /* NULL or 0: the default */
	unsigned max_parallel, max_parallel_per_instance;
	unsigned max_batch;
	char *min_batch_pause, *batch_hold_file;
	char *retry_budget, *lock_timeout, *statement_timeout, *connect_timeout, *fresh_max_age;
	unsigned max_step;
	bool class_x;
};
struct raw_password {
	char *file, *credential, *option_file;
	char **command;
	unsigned command_count;
};
struct raw_target { /* labels have free keys, which libcyaml cannot take: see raw_labels */
	char *id, *dsn, *user, *schema, *role, *discover, *except, *look_in;
	struct raw_password *password;
};
struct raw_config {
	char *name, *site, *data_dir, *trust, *certificate, *policy;
	char *fingerprint, *orphan, *look_every, *superuser, *row_values; /* NULL: the default */
	struct raw_controller controller;
	struct raw_keys keys;
	struct raw_limits limits;
	struct raw_target *targets;
	unsigned targets_count;
};

struct raw_file {
	struct raw_config *config;
	yaml_document_t document;
	bool has_document;
};

int raw_load(const char *path, struct raw_file *ret, struct err *e) MUST_CHECK; /* errors as conf_load */
void raw_done(struct raw_file *f);
/* Line of `key`, inside `section` when that is not NULL; the parent's line when the key is absent. */
unsigned raw_line(struct raw_file *f, const char *section, const char *key);
unsigned raw_target_line(struct raw_file *f, unsigned target, const char *key);
/* The labels of a target, copied into the arena. Errors carry the file's name and line. */
int raw_labels(struct raw_file *f, const char *path, unsigned target, struct arena *a, struct target *ret, struct err *e) MUST_CHECK;
/* The replicas of a target, in the arena, NULL-terminated; *ret NULL: nothing is said of them. Errors as raw_labels. */
int raw_lag_from(struct raw_file *f, const char *path, unsigned target, struct arena *a, const char *const **ret, struct err *e) MUST_CHECK;

#endif
