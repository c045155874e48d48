/* Commands about agents: who is let in, who is not any more. */
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "controller/operate/operate.h"

#define EXPIRES_SOON_US ((int64_t)30 * 24 * 3600 * 1000000)
#define REASON_MAX      300

#define AGENT_COLUMNS "agent,state,site,#targets,version,last-seen,~detail,+serial,+expires"

static const char *state_of(const struct brain_agent *g)
{
	if (g->rec.revoked_at_us)
		return "revoked";
	if (g->rec.held_at_us)
		return "held";
	return g->session ? "online" : "offline";
}

/* What a person has to know of it. */
static const char *detail_of(struct request *q, const struct brain_agent *g)
{
	char at[CLOCK_TEXT_SIZE];
	if (g->rec.revoked_at_us)
		return arena_printf(q->a, "revoked at %s: %s", clock_text(g->rec.revoked_at_us, at), g->rec.standing);
	if (g->rec.held_at_us)
		return arena_printf(q->a, "ALARM since %s: %s. Stop one of the two, then: rollcall agents approve %s", clock_text(g->rec.held_at_us, at),
		                    g->rec.standing, g->rec.name);
	if (q->b->now_us >= g->cert.not_after_us)
		return "its certificate has expired: have a new one made and admit it";
	if (g->cert.not_after_us - q->b->now_us < EXPIRES_SOON_US)
		return arena_printf(q->a, "its certificate expires at %s", clock_text(g->cert.not_after_us, at));
	return "";
}

static void agent_row(struct request *q, const struct brain_agent *g)
{
	char seen[CLOCK_TEXT_SIZE], expires[CLOCK_TEXT_SIZE];
	clock_text(g->session ? q->b->now_us : g->rec.seen_at_us, seen);
	reply_row(q, "%s\t%s\t%s\t%zu\t%s\t%s\t%s\t%s\t%s", g->rec.name, state_of(g), g->rec.site, g->n_targets, g->rec.version ? g->rec.version : "",
	          g->session || g->rec.seen_at_us ? seen : "", detail_of(q, g), g->rec.serial, clock_text(g->cert.not_after_us, expires));
}

int operate_agent_list(struct request *q, struct err *e)
{
	(void)e;
	reply_columns(q, AGENT_COLUMNS);
	for (size_t i = 0; i < q->b->n_agents; i++)
		agent_row(q, q->b->agents[i]);
	reply_count(q, q->b->n_agents, "agent");
	return 0;
}

static int agent_arg(struct request *q, struct brain_agent **ret, struct err *e)
{
	const char *name = NULL;
	if (request_need(q, "agent", &name, e) < 0)
		return -1;
	*ret = agent_by_name(q->b, name);
	return *ret ? 0 : err_set(e, ERR_NOT_FOUND, "no agent %s is known: `rollcall agents list` shows them", name);
}

static int check_key_is_free(const struct brain *b, const struct certificate *c, struct err *e)
{
	for (size_t i = 0; i < b->config->n_operators; i++)
		if (str_eq(b->config->operators[i].curve_key, c->curve_key))
			return err_set(e, ERR_EXISTS, "the CURVE key of %s is operator %s's: make the agent a key of its own", c->agent,
			               b->config->operators[i].name);
	for (size_t i = 0; i < b->n_agents; i++)
		if (str_eq(b->agents[i]->rec.curve_key, c->curve_key) && !str_eq(b->agents[i]->rec.name, c->agent))
			return err_set(e, ERR_EXISTS, "the CURVE key of %s is agent %s's: make it a key of its own", c->agent, b->agents[i]->rec.name);
	return 0;
}

int operate_agent_admit(struct request *q, struct err *e)
{
	struct envelope env;
	struct certificate c;
	if (envelope_decode(q->c->document, q->a, &env, e) < 0 || trust_check_role(&q->b->trusted.valid, ROLE_ENROL, &env, TYPE_CERTIFICATE, e) < 0 ||
	    certificate_decode(env.payload, q->a, &c, e) < 0)
		return err_wrap(e, "certificate");
	if (q->b->now_us >= c.not_after_us)
		return err_set(e, ERR_POLICY, "the certificate of %s has expired: sign a new one", c.agent);
	if (check_key_is_free(q->b, &c, e) < 0)
		return -1;
	const struct store_agent rec = {
	    .name = c.agent, .site = c.site, .serial = c.serial, .curve_key = c.curve_key, .certificate = q->c->document, .admitted_at_us = q->b->now_us};
	uint8_t hash[DIGEST_SIZE];
	digest_sha256(q->c->document, hash);
	if (agents_admit(q->b, &rec, e) < 0 || brain_log_evidence(q->b, q->actor, NULL, arena_printf(q->a, "agent %s", c.agent), "admit", c.serial,
	                                                          (struct brain_evidence){.hash = hash}, e) < 0)
		return -1;
	reply_columns(q, AGENT_COLUMNS);
	agent_row(q, agent_by_name(q->b, c.agent));
	reply_end(q, EXIT_DONE, "agent %s is admitted: start it, then `rollcall agents list` shows it online", c.agent);
	return 0;
}

int operate_agent_revoke(struct request *q, struct err *e)
{
	struct brain_agent *g = NULL;
	const char *reason = NULL;
	if (agent_arg(q, &g, e) < 0 || request_need(q, "reason", &reason, e) < 0)
		return -1;
	if (strlen(reason) > REASON_MAX)
		return err_set(e, ERR_LIMIT, "reason: %zu bytes; at most %d: shorten it", strlen(reason), REASON_MAX);
	if (g->rec.revoked_at_us)
		return err_set(e, ERR_STATE, "agent %s is revoked already: %s", g->rec.name, g->rec.standing);
	if (agent_revoke(q->b, g, q->actor, reason, e) < 0)
		return -1;
	reply_columns(q, AGENT_COLUMNS);
	agent_row(q, g);
	reply_end(
	    q, EXIT_DONE,
	    "agent %s is revoked: its keys open nothing here any more, and its name is used up. What runs at the site now ends by itself and is not "
	    "reported; its targets need an agent with another name",
	    g->rec.name);
	return 0;
}

int operate_agent_approve(struct request *q, struct err *e)
{
	struct brain_agent *g = NULL;
	if (agent_arg(q, &g, e) < 0)
		return -1;
	if (g->rec.revoked_at_us)
		return err_set(e, ERR_POLICY, "agent %s was revoked (%s): that is for ever", g->rec.name, g->rec.standing);
	if (!g->rec.held_at_us)
		return err_set(e, ERR_STATE, "agent %s waits for nothing", g->rec.name);
	if (agent_unhold(q->b, g, q->actor, e) < 0)
		return -1;
	reply_columns(q, AGENT_COLUMNS);
	agent_row(q, g);
	reply_end(q, EXIT_DONE, "agent %s may come in again", g->rec.name);
	return 0;
}
