/* `rollcall demo`: the main job with nothing configured and nothing pretended. Starts a controller, three agents and twelve tenants in a folder of its own, rolls three
 * releases over them, and proves from the tenants' own ledgers what it says. Leaves no file, process or socket behind unless --keep names a folder.
 * It drives the programs as a person would: by the rollcall command line, which it shows. */
#ifndef CONTROLLER_DAEMON_DEMO_H
#define CONTROLLER_DAEMON_DEMO_H

#include <stdbool.h>

#include "common/base/err.h"

struct demo_options {
	const char *keep; /* folder to make and leave; NULL: a temporary one, removed */
	bool check; /* only the headings and the claims are told */
	const char *engine; /* "sqlite", "postgresql", "mariadb" */
};

/* The exit code: 0 when every claim held, 1 when one did not, 130 when interrupted. Blocks for the whole demo (about a minute). Installs signal handlers. */
int demo_run(const struct demo_options *o, struct err *e);

#endif
