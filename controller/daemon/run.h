/* The controller's main loop: hub, brain, signals. */
#ifndef CONTROLLER_DAEMON_RUN_H
#define CONTROLLER_DAEMON_RUN_H

#include "common/base/err.h"

/* Runs until SIGTERM or SIGINT (0), or until something is so wrong that only a new start helps (-1). */
int controller_run(const char *config_path, struct err *e) MUST_CHECK;

#endif
