/* The controller's main loop: hub, brain, signals. */
#ifndef CONTROLLER_DAEMON_RUN_H
#define CONTROLLER_DAEMON_RUN_H

#include "controller/link/gateway.h"

/* Runs until SIGTERM or SIGINT (0), or until something is so wrong that only a new start helps (-1). */
int controller_run(const char *config_path, struct err *e) MUST_CHECK;
/* The peers' side alone, for a core whose configuration names the same socket: until SIGTERM or SIGINT (0), or until the core is gone (-1). */
int controller_gateway(const struct gateway_config *c, struct err *e) MUST_CHECK;

#endif
