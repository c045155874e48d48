/* Going to a target's database from the command line. */
#include "agent/cli/visit.h"

#include <string.h>

#include "agent/apply/identity.h"
#include "agent/apply/validated.h"
#include "common/base/clock.h"
#include "common/base/str.h"

#define REASON_MAX 160 /* with name and time it fits the ledger's meta table */

void visit_end(struct visit *v)
{
	if (v->en)
		v->en->close(&v->conn);
	secret_destroy(&v->password);
	desk_done(&v->desk);
}

static int take_lock(struct visit *v, struct err *e)
{
	char holder[256] = "";
	bool got = true;
	if (v->en->caps.session_lock && v->en->try_lock(v->conn, &got, holder, e) != 0)
		return -1;
	if (!got)
		return err_set(e, ERR_STATE, "%s is being worked on (%s): wait until that has ended, then type this again", v->target->target.id, holder);
	return 0;
}

int visit_begin(const struct cmd_args *a, bool write, struct visit *v, struct err *e)
{
	if ((write ? desk_open(a, &v->desk, e) : desk_config(a, &v->desk.config, e)) != 0 ||
	    desk_target(&v->desk, cmd_argument(a, 0), &v->target, e) != 0)
		return -1;
	v->en = engine_by_name(v->target->target.engine);
	v->connect = v->target->connect;
	if (agent_config_password(v->target, &v->password, e) != 0)
		return -1;
	v->connect.password = v->password;
	if (v->en->open(&v->connect, &v->conn, e) != 0)
		return -1;
	return write ? take_lock(v, e) : 0;
}

int visit_heads(struct visit *v, const struct ledger *l, struct journal_head **ret, size_t *ret_n, bool *ret_follows, uint64_t *ret_common,
                struct err *e)
{
	if (journal_heads(v->desk.journal, v->target->target.id, v->desk.arena, ret, ret_n, e) != 0)
		return -1;
	*ret_follows = identity_follows(l, *ret, *ret_n, ret_common);
	return 0;
}

int visit_accept(struct visit *v, const struct ledger *l, struct err *e)
{
	struct journal_head head = {.rows = l->n_rows, .uuid = l->uuid};
	memcpy(head.head, l->head, DIGEST_SIZE);
	return journal_head_reset(v->desk.journal, v->target->target.id, &head, e) == 0
	           ? validated_accept(v->desk.journal, v->target->target.id, l, v->desk.arena, e)
	           : -1;
}

int visit_reason(const struct cmd_args *a, struct visit *v, const char **ret, struct err *e)
{
	const char *reason = cmd_option_value(a, "reason");
	char now[CLOCK_TEXT_SIZE];
	if (str_empty(reason))
		return err_set(e, ERR_USAGE, "--reason is missing: say what you saw in the database");
	if (strlen(reason) > REASON_MAX)
		return err_set(e, ERR_USAGE, "--reason: %zu bytes; at most %d: shorten it", strlen(reason), REASON_MAX);
	*ret = arena_printf(v->desk.arena, "%.40s, %s: %s", desk_user(&v->desk), clock_text(clock_wall_us(), now), reason);
	return 0;
}
