/* Inside controller/cli only: what the files of the fleet's commands share. */
#ifndef CONTROLLER_CLI_FLEET_CLI_H
#define CONTROLLER_CLI_FLEET_CLI_H

#include "controller/cli/live.h"

int run_fleet_status(const struct cmd_args *a, struct err *e);
int run_target_show(const struct cmd_args *a, struct err *e);

#endif
