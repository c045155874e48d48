/* What an agent's name is worth here: revoked for ever, or held until a person has looked. */
#include <inttypes.h>
#include <string.h>

#include "common/base/log.h"
#include "common/crypto/digest.h"
#include "common/crypto/fresh.h"
#include "controller/daemon/brain_impl.h"

static int save(struct brain *b, struct brain_agent *g, const char *actor, const char *event, const char *why, struct err *e)
{
	runs_touch(b);
	if (store_agent_standing(b->store, &g->rec, e) < 0)
		return -1;
	return brain_log(b, actor, NULL, brain_agent_actor(b, g->rec.name), event, why, e);
}

int agent_revoke(struct brain *b, struct brain_agent *g, const char *actor, const char *reason, struct err *e)
{
	g->rec.revoked_at_us = b->now_us;
	g->rec.held_at_us = 0;
	run_text(&g->rec.standing, arena_printf(b->turn, "%s: %s", actor, reason));
	agent_set_session(b, g, 0); /* what it still has under way here is not taken; the hub ends its session with the new table */
	g->ack = false;
	b->principals_changed = true;
	log_warn("agent %s is revoked by %s: %s", g->rec.name, actor, reason);
	return save(b, g, actor, "revoke", reason, e);
}

bool agent_is_revoked(const struct brain *b, const struct brain_agent *g)
{
	return g->rec.revoked_at_us || (b->trusted.fresh && freshness_revokes_agent(b->trusted.fresh, g->rec.serial));
}

int agents_revoke_listed(struct brain *b, struct err *e)
{
	const struct freshness *f = b->trusted.fresh;
	if (!f || f->version == b->revoked_as_of)
		return 0;
	b->revoked_as_of = f->version;
	for (size_t i = 0; f->n_revoked_agents && i < b->n_agents; i++) {
		struct brain_agent *g = b->agents[i];
		if (!g->rec.revoked_at_us && freshness_revokes_agent(f, g->rec.serial) &&
		    agent_revoke(b, g, "freshness document", arena_printf(b->turn, "version %" PRIu64 " names its certificate", f->version), e) < 0)
			return -1;
	}
	return 0;
}

int agent_hold(struct brain *b, struct brain_agent *g, const char *why, struct err *e)
{
	if (g->rec.revoked_at_us)
		return 0;
	agent_send_away(b, g, "cloned", why);
	g->rec.held_at_us = b->now_us;
	run_text(&g->rec.standing, why);
	log_error("agent %s is held: %s: stop one of the two, then `rollcall agents approve %s`", g->rec.name, why, g->rec.name);
	return save(b, g, "controller", "cloned", why, e);
}

int agent_unhold(struct brain *b, struct brain_agent *g, const char *actor, struct err *e)
{
	g->rec.held_at_us = 0;
	run_text(&g->rec.standing, NULL);
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
	if (agent_is_revoked(b, g)) {
		*ret_code = "revoked";
		return arena_printf(b->turn, "this agent was revoked: %s", g->rec.standing ? g->rec.standing : "by the freshness document");
	}
	if (g->rec.held_at_us) {
		*ret_code = "cloned";
		return arena_printf(b->turn, "%s. Nothing is taken from either: stop one of them, then have `rollcall agents approve %s` typed",
		                    g->rec.standing, g->rec.name);
	}
	return NULL;
}
