/* The agent's one loop: link, timers, runners, signals. Everything but databases happens in its thread. */
#ifndef AGENT_DAEMON_LOOP_H
#define AGENT_DAEMON_LOOP_H

#include "agent/daemon/config.h"

#define AGENT_JOURNAL_FILE "journal.db"
#define AGENT_BLOBS_FOLDER "blobs"

/* Runs until SIGTERM or SIGINT: then nothing new is begun, running steps end, and it returns 0. A second signal cancels the running statements. The caller has called
 * engines_init and has no other threads. ERR_STATE: another agent runs on this data_dir. */
int agent_run(struct agent_config *c, struct err *e) MUST_CHECK;

#endif
