/* C14, the half that only the server can tell: as whom it lets us work, and its version. On each connection, before anything is made there. */
#include "agent/apply/delivery.h"
#include "common/base/str.h"
#include "common/model/version.h"

/* C14, where the site wants it: a role that may do all makes every other limit on this target a mere word. */
enum ended server_role(struct delivery *d)
{
	bool superuser = false;
	if (!d->refuse_superuser)
		return ENDED_OK;
	if (d->engine->superuser(d->conn, &superuser, &d->error) != 0)
		return delivery_judge(d, &d->error);
	if (!superuser)
		return ENDED_OK;
	err_set(&d->error, ERR_POLICY, "the role of target %s is a superuser, and this site refuses to work as one", d->task->target);
	return delivery_refuse(
	    d, C14_ENGINE,
	    arena_printf(d->arena, "give target %s a role that owns its schema and no more, or write superuser: allow in agent.yaml", d->task->target));
}

/* C14: the versions that the release was signed for, against what this server says. What is applied may be taken back on any. */
enum ended server_version(struct delivery *d)
{
	const struct release *r = &d->verified->release;
	const struct engine_range *range = release_engine(r, d->engine->name);
	struct engine_identity id;
	if (!range || (!range->min_version && !range->max_version) || d->task->direction == DIRECTION_ROLLBACK)
		return ENDED_OK;
	if (d->engine->identity(d->conn, &id, &d->error) != 0)
		return delivery_judge(d, &d->error);
	if (engine_range_has(range, id.version))
		return ENDED_OK;
	err_set(&d->error, ERR_POLICY, "release %s %s is made for %s, and the server of target %s is version %s", r->project, r->version,
	        engine_range_text(range, d->arena), d->task->target, id.version);
	return delivery_refuse(d, C14_ENGINE, check_what_to_do(C14_ENGINE));
}
