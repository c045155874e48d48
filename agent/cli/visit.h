/* One stay of a command in a target's database: configuration, password, connection; and where something will be written, the journal and the session lock. */
#ifndef AGENT_CLI_VISIT_H
#define AGENT_CLI_VISIT_H

#include "agent/cli/desk.h"
#include "agent/ledger/ledger.h"

struct visit {
	struct desk desk; /* its journal is open when the stay began with `write` */
	const struct agent_target *target; /* in the desk's configuration */
	const struct engine *en;
	struct conn *conn;
	struct secret *password;
	struct engine_target connect;
};

/* The target is the command's first argument, agent.yaml its option --config. With `write`, ERR_STATE names who works on the target. */
int visit_begin(const struct cmd_args *a, bool write, struct visit *ret, struct err *e) MUST_CHECK;
void visit_end(struct visit *v); /* for AUTO(visit_end) */

/* What the journal knows of the target's ledger, newest first, and whether `l` goes on from there: *ret_common is the row that both know. */
int visit_heads(struct visit *v, const struct ledger *l, struct journal_head **ret, size_t *ret_n, bool *ret_follows, uint64_t *ret_common,
                struct err *e) MUST_CHECK;
/* From now on the ledger is as it is: for the journal. */
int visit_accept(struct visit *v, const struct ledger *l, struct err *e) MUST_CHECK;
/* "NAME, 2027-11-30T12:00:00Z: REASON"; --reason is required by whoever asks. ERR_USAGE without it, or when it is too long. In the desk's arena. */
int visit_reason(const struct cmd_args *a, struct visit *v, const char **ret, struct err *e) MUST_CHECK;

#endif
