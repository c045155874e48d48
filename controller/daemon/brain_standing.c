/* What an agent's name is worth here: revoked for ever, or held until a person has looked. */
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/crypto/digest.h"
#include "controller/daemon/brain_impl.h"

static void set_standing(struct brain_agent *g, const char *why)
{
	free((void *)(uintptr_t)g->rec.standing);
	g->rec.standing = mem_strdup(why);
}

static int save(struct brain *b, struct brain_agent *g, const char *actor, const char *event, const char *why, struct err *e)
{
	runs_touch(b);
	if (store_agent_standing(b->store, &g->rec, e) < 0)
		return -1;
	return brain_log(b, actor, NULL, arena_printf(b->turn, "agent %s", g->rec.name), event, why, e);
}

int agent_revoke(struct brain *b, struct brain_agent *g, const char *actor, const char *reason, struct err *e)
{
	g->rec.revoked_at_us = b->now_us;
	g->rec.held_at_us = 0;
	set_standing(g, arena_printf(b->turn, "%s: %s", actor, reason));
	agent_set_session(b, g, 0); /* what it still has under way here is not taken; the hub ends its session with the new table */
	g->ack = false;
	b->principals_changed = true;
	log_warn("agent %s is revoked by %s: %s", g->rec.name, actor, reason);
	return save(b, g, actor, "revoke", reason, e);
}

int agent_hold(struct brain *b, struct brain_agent *g, const char *why, struct err *e)
{
	if (g->rec.revoked_at_us)
		return 0;
	if (g->session) {
		const struct msg m = {.type = MSG_DENY, .deny = {.code = "cloned", .message = why}};
		brain_queue(b, g->session, &m);
	}
	agent_set_session(b, g, 0);
	g->ack = false;
	g->rec.held_at_us = b->now_us;
	set_standing(g, why);
	log_error("agent %s is held: %s: stop one of the two, then `rollcall agents approve %s`", g->rec.name, why, g->rec.name);
	return save(b, g, "controller", "cloned", why, e);
}

int agent_unhold(struct brain *b, struct brain_agent *g, const char *actor, struct err *e)
{
	g->rec.held_at_us = 0;
	set_standing(g, NULL);
	memset(g->boots, 0, sizeof g->boots);
	return save(b, g, actor, "approve", NULL, e);
}

bool agent_is_cloned(struct brain_agent *g, struct bytes boot_id)
{
	uint8_t boot[DIGEST_SIZE];
	digest_sha256(boot_id, boot);
	if (memcmp(boot, g->boots[0], DIGEST_SIZE) == 0)
		return false; /* the same process, again */
	bool back = memcmp(boot, g->boots[1], DIGEST_SIZE) == 0;
	memcpy(g->boots[1], g->boots[0], DIGEST_SIZE);
	memcpy(g->boots[0], boot, DIGEST_SIZE);
	return back;
}

const char *agent_objection(const struct brain *b, const struct brain_agent *g, const char **ret_code)
{
	if (g->rec.revoked_at_us) {
		*ret_code = "revoked";
		return arena_printf(b->turn, "this agent was revoked: %s", g->rec.standing);
	}
	if (g->rec.held_at_us) {
		*ret_code = "cloned";
		return arena_printf(b->turn, "%s. Nothing is taken from either: stop one of them, then have `rollcall agents approve %s` typed",
		                    g->rec.standing, g->rec.name);
	}
	return NULL;
}
