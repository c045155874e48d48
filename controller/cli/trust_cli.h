/* Inside controller/cli only: what the two files of the trust commands share. */
#ifndef CONTROLLER_CLI_TRUST_CLI_H
#define CONTROLLER_CLI_TRUST_CLI_H

#include "common/cli/cmd.h"
#include "common/wire/limits.h"
#include "controller/release/trust_draft.h"

#define TRUST_CLI_ARENA (LIMIT_ENVELOPE * 4)
#define DAY_US          ((int64_t)24 * 3600 * 1000000)

extern const struct cmd_option trust_init_options[], trust_add_options[], trust_remove_options[], trust_rotate_options[], trust_fresh_options[],
    trust_push_options[];
int run_trust_init(const struct cmd_args *args, struct err *e);
int run_trust_add(const struct cmd_args *args, struct err *e);
int run_trust_remove(const struct cmd_args *args, struct err *e);
int run_trust_rotate(const struct cmd_args *args, struct err *e);
int run_trust_fresh(const struct cmd_args *args, struct err *e);
int run_trust_push(const struct cmd_args *args, struct err *e);

/* Says on stderr who must sign next, or that the document is complete. before: the version before, whose root keys must sign it too; NULL when it is not at hand. */
void trust_cli_next(const char *path, const struct trust *t, const struct envelope *env, const struct trust *before);

#endif
