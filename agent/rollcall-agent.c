/* main() of the agent. What must be done before any thread is done here. */
#include <locale.h>
#include <malloc.h>
#include <stdio.h>

#include "agent/cli/commands.h"
#include "agent/engine/engine.h"
#include "common/base/log.h"
#include "common/base/secret.h"

#define MALLOC_ARENAS     2 /* each runner thread with an arena of its own would keep megabytes */
#define MALLOC_TRIM_BYTES (128 * 1024)

/* clang-format off: one a line */
static const struct cmd *const groups[] = {
    init_commands,    enroll_commands, check_commands,   run_commands,      status_commands, history_commands, hold_commands,
    consent_commands, policy_commands, resolve_commands, snapshot_commands, adopt_commands,  trust_commands,   NULL,
};
/* clang-format on */

static const struct cmd_program program = {
    .name = "rollcall-agent",
    .purpose = "applies signed releases to the databases of one site, and reports what it did",
    .version = ROLLCALL_VERSION,
    .groups = groups,
};

int main(int argc, char **argv)
{
	struct err e = ERR_INIT;
	setlocale(LC_CTYPE, "C.UTF-8");
	secret_harden_process();
	mallopt(M_ARENA_MAX, MALLOC_ARENAS);
	mallopt(M_TRIM_THRESHOLD, MALLOC_TRIM_BYTES);
	mallopt(M_MMAP_THRESHOLD, MALLOC_TRIM_BYTES);
	log_open("rollcall-agent", LOG_LEVEL_WARN);
	if (engines_init(&e) != 0) {
		fprintf(stderr, "rollcall-agent: %s\n", e.msg);
		return EXIT_FAILED;
	}
	int rc = cmd_main(&program, argc, argv);
	engines_done();
	return rc;
}
