/* Which controller the live commands speak to: config.yaml in the user's configuration folder, written by `rollcall connect`.
 *   current: main
 *   controllers:
 *     - name: main
 *       endpoint: "tcp://controller:7101"
 *       blobs: "tcp://controller:7110"
 *       also: [{endpoint: "tcp://controller:7201", blobs: "tcp://controller:7210"}]
 *       key: "Z85 public key of the controller"
 *       operator_key: "/home/ann/.config/rollcall/ann.curve"
 * It holds no secret: the operator's key stays in its own file. */
#ifndef CONTROLLER_CLI_CONTEXT_H
#define CONTROLLER_CLI_CONTEXT_H

#include "common/base/arena.h"
#include "common/cli/cmd.h"

/* The options of every live command, for its option table. */
#define CONTEXT_OPTIONS                                                                                                                      \
	{"config", 0, "FILE", "the tool's configuration (default: $ROLLCALL_CONFIG, then $XDG_CONFIG_HOME/rollcall/config.yaml)", false, false}, \
	{                                                                                                                                        \
		"controller", 0, "NAME", "which controller of the configuration (default: its `current`)", false, false                              \
	}

struct context_address {
	const char *endpoint, *blobs;
};

#define CONTEXT_ALSO_MAX 16

struct context {
	const char *name, *endpoint, *blobs, *key, *operator_key;
	const struct context_address *also; /* further addresses of the same controller, tried in their order when one before does not answer */
	size_t n_also;
};

int context_check_endpoint(const char *option, const char *v, struct err *e) MUST_CHECK; /* ERR_USAGE unless it is tcp://HOST:PORT */
/* The configuration's path by --config, $ROLLCALL_CONFIG, $XDG_CONFIG_HOME, $HOME in this order. */
int context_path(const char *option, struct arena *a, const char **ret, struct err *e) MUST_CHECK;
/* The controller named (NULL: the current one). ERR_USAGE "... run 'rollcall connect ...'" when there is none. */
int context_load(const char *path, const char *name, struct arena *a, struct context *ret, struct err *e) MUST_CHECK;
/* Adds or replaces the controller of this name and makes it the current one. */
int context_save(const char *path, const struct context *c, struct err *e) MUST_CHECK;

#endif
