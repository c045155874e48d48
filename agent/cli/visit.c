/* Going to a target's database from the command line. */
#include "agent/cli/visit.h"

void visit_end(struct visit *v)
{
	if (v->en)
		v->en->close(&v->conn);
	secret_destroy(&v->password);
	agent_config_done(&v->config);
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

int visit_begin(const struct cmd_args *a, bool lock, struct visit *v, struct err *e)
{
	if (agent_config_load(cmd_option_value(a, "config"), &v->config, e) != 0)
		return -1;
	v->target = agent_config_target(&v->config, cmd_argument(a, 0));
	if (!v->target)
		return err_set(e, ERR_NOT_FOUND, "%s is not a target of this agent: 'rollcall-agent check' lists them", cmd_argument(a, 0));
	v->en = engine_by_name(v->target->target.engine);
	v->connect = v->target->connect;
	if (agent_config_password(v->target, &v->password, e) != 0)
		return -1;
	v->connect.password = v->password;
	if (v->en->open(&v->connect, &v->conn, e) != 0)
		return -1;
	return lock ? take_lock(v, e) : 0;
}
