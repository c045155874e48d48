/* Operators' commands: a table verb -> {least role, handler}; one file for each family. A handler checks everything first, then writes; its replies go out after the turn's
 * commit. What each verb takes and answers stands in common/wire/link.h. */
#ifndef CONTROLLER_OPERATE_OPERATE_H
#define CONTROLLER_OPERATE_OPERATE_H

#include "common/cli/cmd.h"
#include "controller/daemon/brain_impl.h"

struct request {
	struct brain *b;
	uint64_t session;
	const struct msg_command *c;
	const char *actor; /* "operator alice" */
	struct arena *a; /* the turn's */
	/* the reply being made */
	const char **columns;
	size_t n_columns;
	struct link_row *rows;
	size_t n_rows, cap_rows, row_bytes;
	bool deferred; /* someone else answers later */
};

typedef int operate_fn(struct request *q, struct err *e);

/* operate_catch_up.c: orders for tenants that came after their environment's release, where the plan says catch_up: automatic. */
int catch_up_end_turn(struct brain *b, struct err *e) MUST_CHECK;

int operate_command(struct brain *b, const struct hub_event *ev, struct err *e) MUST_CHECK;
/* A failure of the store in the middle of a handler would leave half of its writes in the transaction: the process ends, nothing is committed. */
bool operate_is_fatal(const struct err *e);

/* ---- for handlers ---- */
const char *request_arg(const struct request *q, const char *key); /* the first; NULL when absent */
int request_need(const struct request *q, const char *key, const char **ret, struct err *e) MUST_CHECK; /* ERR_USAGE when absent */
/* The number in the first, when there is one; *ret is left as it is otherwise. */
int request_number(const struct request *q, const char *key, uint64_t least, uint64_t most, uint64_t *ret, struct err *e) MUST_CHECK;
const char **request_args(const struct request *q, const char *key, size_t *ret_n);
/* ERR_NOT_FOUND for a target that no agent has announced, with the one that was probably meant. Returns -1. */
int request_no_target(struct request *q, const char *target, struct err *e);
int request_run(struct request *q, struct run **ret, struct err *e) MUST_CHECK; /* of the argument `rollout` */
/* Begins a table: comma-joined keys with the marks of table_new. Sends what stood before it. */
void reply_columns(struct request *q, const char *columns);
/* Cells separated by tabs; an empty cell is an absent value. */
void reply_row(struct request *q, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The same of texts, one for each column, "" or NULL for an absent value: for lists of ten thousand, where formatting costs more than the rest. Copies. */
#define REPLY_COLUMNS_MAX 32
void reply_cells(struct request *q, const char *const *cells, size_t n);
const char *reply_seconds_until(struct request *q, int64_t at_us); /* whole seconds from now; "" for 0, or when it has passed */
const char *reply_time(struct request *q, int64_t at_us); /* for a cell: clock_text, absent for 0 */
void reply_document(struct request *q, struct bytes document); /* in a reply of its own, first */
void reply_end(struct request *q, enum exit_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
void reply_count(struct request *q, size_t n, const char *what); /* the end of a list: "1 agent", "2 agents" */
void reply_error(struct request *q, const struct err *why);

/* operate_status.c: this rollout alone, for the verbs that change one */
int reply_rollout(struct request *q, const struct store_rollout *r, struct err *e) MUST_CHECK;

operate_fn operate_ping, operate_trust_show, operate_trust_push, operate_fleet_status, operate_history; /* operate_fleet.c */
operate_fn operate_target_list, operate_target_show; /* operate_targets.c, operate_show.c */
/* operate_show.c: of target-show, once its ledger was asked: before and after what the ledger says. */
int show_target(struct request *q, const char *target, struct err *e) MUST_CHECK;
int show_history(struct request *q, const char *target, struct err *e) MUST_CHECK;
/* operate_targets.c: cells of one target */
struct view_target;
const char *target_state(const struct view_target *t); /* the worst that is known of it, in one word */
const char *target_detail(struct request *q, const struct view_target *t);
const char *target_labels(struct request *q, const struct view_target *t);
const char *target_size(struct request *q, const struct view_target *t);
const char *target_lag(struct request *q, const struct view_target *t);
operate_fn operate_agent_admit, operate_agent_list, operate_agent_revoke, operate_agent_approve, operate_agent_request; /* operate_agents.c */
operate_fn operate_release_add, operate_release_list; /* operate_release.c */
operate_fn operate_preview, operate_start; /* operate_start.c */
operate_fn operate_catch_up; /* operate_catch_up.c */
operate_fn operate_rollback; /* operate_rollback.c */
operate_fn operate_order, operate_approve; /* operate_approve.c */
operate_fn operate_rollout_list, operate_status; /* operate_status.c */
operate_fn operate_skip, operate_quarantine, operate_unquarantine, operate_freeze_add, operate_freeze_list,
    operate_freeze_remove; /* operate_steer.c */
operate_fn operate_pause, operate_resume, operate_abort, operate_retry; /* operate_control.c */

/* Two rollouts of one project never work on one target at a time: ERR_STATE names the other one; its agent takes those of several projects one after the other. `spare`: one that
 * may have them, or NULL. */
int request_check_busy(struct request *q, const char *project, const char *const *targets, size_t n, const struct run *spare,
                       struct err *e) MUST_CHECK;
/* Does this rollout, which is not over, still work on the target? One that only waits for deferred targets, or
 * aborts and waits for what is under way, has done with the others. */
bool run_still_has(struct run *u, const char *target);
/* The answer to whoever started a rollout; `note` begins with "; " or is empty. */
int reply_started(struct request *q, struct run *u, const char *note, struct err *e) MUST_CHECK;
operate_fn operate_audit_rows, operate_audit_list, operate_audit_document; /* operate_audit.c */

int request_release(struct request *q, struct store_release *ret, struct err *e) MUST_CHECK; /* of the argument `release`: version or digest in hex */

#endif
