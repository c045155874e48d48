/* Commands about agents: who is let in, who is not any more. */
#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "common/wire/enrol.h"
#include "common/wire/request.h"
#include "controller/operate/operate.h"

#define EXPIRES_SOON_US ((int64_t)30 * 24 * 3600 * 1000000)
#define REASON_MAX      300

#define AGENT_COLUMNS "agent,state,site,#targets,version,last-seen,~detail,+serial,+expires,+#running,+#queued,+#unsent-reports,+#clock-offset-ms"

static const char *state_of(const struct brain_agent *g)
{
	if (g->rec.revoked_at_us)
		return "revoked";
	if (g->rec.held_at_us)
		return "held";
	if (!g->session)
		return "offline";
	return g->ready ? "online" : "joining";
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
		return "its certificate has expired: at its site, rollcall-agent renew asks for a new one";
	if (g->session && !g->ready)
		return "it is connected and has not told yet which targets it has";
	const char *clock = load_clock(g, LINK_CLOCK_BAD_US, q->a);
	if (*clock)
		return arena_printf(q->a, "%s: windows, expiry and freshness go by it: set the wrong one right", clock);
	if (g->session && !str_eq(g->rec.version, ROLLCALL_VERSION))
		return arena_printf(q->a, "version %s, this controller is %s: bring the older one up to date", g->rec.version, ROLLCALL_VERSION);
	const char *odd = load_odd(g, q->a);
	if (*odd)
		return odd;
	int64_t left_us = g->cert.not_after_us - q->b->now_us;
	if (left_us < EXPIRES_SOON_US && left_us < (g->cert.not_after_us - g->cert.not_before_us) / 5) /* by then an agent has renewed it, if it can */
		return arena_printf(q->a, "its certificate expires at %s", clock_text(g->cert.not_after_us, at));
	return load_clock(g, LINK_CLOCK_TOLD_US, q->a);
}

/* By its last heartbeat; nothing is known of one that is away. */
static const char *load_cell(struct request *q, const struct brain_agent *g, uint64_t n)
{
	return g->session && g->load.at_us ? arena_printf(q->a, "%" PRIu64, n) : "";
}

static const char *offset_cell(struct request *q, const struct brain_agent *g)
{
	int64_t offset_us = 0;
	return load_offset(g, &offset_us) ? arena_printf(q->a, "%" PRId64, offset_us / 1000) : "";
}

static void agent_row(struct request *q, const struct brain_agent *g)
{
	char seen[CLOCK_TEXT_SIZE], expires[CLOCK_TEXT_SIZE];
	clock_text(g->session ? q->b->now_us : g->rec.seen_at_us, seen);
	reply_row(q, "%s\t%s\t%s\t%zu\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", g->rec.name, state_of(g), g->rec.site, g->n_targets,
	          str_or_empty(g->rec.version), g->session || g->rec.seen_at_us ? seen : "", detail_of(q, g), g->rec.serial,
	          clock_text(g->cert.not_after_us, expires), load_cell(q, g, g->load.last.running), load_cell(q, g, g->load.last.queued),
	          load_cell(q, g, load_unsent(g)), offset_cell(q, g));
}

/* Of the one that a command was about. */
static void reply_agent(struct request *q, const struct brain_agent *g)
{
	reply_columns(q, AGENT_COLUMNS);
	agent_row(q, g);
}

/* "; its certificate has expired": what is odd about a known agent's request for new keys; "" when nothing is. */
static const char *oddity(struct request *q, const struct store_enrolment *n)
{
	const struct brain_agent *g = n->nonce.n ? NULL : agent_by_name(q->b, n->agent);
	const char *why = g ? enrol_why_a_person(q->b, g) : NULL;
	return why ? arena_printf(q->a, "; %s", why) : "";
}

/* Those who wait to be enrolled. */
static int pending_rows(struct request *q, size_t *ret_n, struct err *e)
{
	struct store_enrolment *list = NULL;
	size_t n = 0;
	if (store_enrolments(q->b->store, q->a, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		char fingerprint[ENROL_FINGERPRINT_SIZE], at[CLOCK_TEXT_SIZE];
		if (list[i].certificate.n)
			continue;
		reply_row(q,
		          "%s\tpending\t\t0\t\t\t%s at %s%s; fingerprint %s: compare it with what the site sees, then: rollcall agents approve %s --key "
		          "ENROL-KEY\t\t\t\t\t\t",
		          list[i].agent, list[i].nonce.n ? "asked" : "asked for new keys", clock_text(list[i].asked_at_us, at), oddity(q, &list[i]),
		          enrol_fingerprint(list[i].request, fingerprint), list[i].agent);
		++*ret_n;
	}
	return 0;
}

static size_t skewed_agents(const struct brain *b)
{
	size_t n = 0;
	for (size_t i = 0; i < b->n_agents; i++)
		n += b->agents[i]->session && !str_eq(b->agents[i]->rec.version, ROLLCALL_VERSION);
	return n;
}

int operate_agent_list(struct request *q, struct err *e)
{
	size_t n = q->b->n_agents;
	reply_columns(q, AGENT_COLUMNS);
	for (size_t i = 0; i < q->b->n_agents; i++)
		agent_row(q, q->b->agents[i]);
	if (pending_rows(q, &n, e) < 0)
		return -1;
	size_t skewed = skewed_agents(q->b);
	if (skewed)
		reply_end(q, EXIT_DONE, "%zu agents, %zu of them connected with another version than this controller's (%s)", n, skewed, ROLLCALL_VERSION);
	else
		reply_count(q, n, "agent");
	return 0;
}

static int need_pending(struct request *q, const char *name, struct store_enrolment **ret, struct err *e)
{
	if (enrol_find(q->b, name, ret, e) < 0)
		return -1;
	return *ret ? 0 : err_set(e, ERR_NOT_FOUND, "no agent %s waits to be enrolled: `rollcall agents list` shows who does", name);
}

int operate_agent_request(struct request *q, struct err *e)
{
	struct store_enrolment *n = NULL;
	const char *name = NULL;
	struct agent_request r;
	char fingerprint[ENROL_FINGERPRINT_SIZE], at[CLOCK_TEXT_SIZE];
	if (request_need(q, "agent", &name, e) < 0 || need_pending(q, name, &n, e) < 0 || request_parse("request", n->request, q->a, &r, e) < 0)
		return -1;
	reply_document(q, n->request);
	reply_columns(q, "key,value");
	reply_row(q, "agent\t%s", r.agent);
	reply_row(q, "site\t%s", r.site);
	for (size_t i = 0; i < r.n_targets; i++)
		reply_row(q, "targets\t%s", r.targets[i]);
	reply_row(q, "asked\t%s", clock_text(n->asked_at_us, at));
	reply_row(q, "fingerprint\t%s", enrol_fingerprint(n->request, fingerprint));
	reply_end(q, EXIT_DONE, "compare the fingerprint with the one that 'rollcall-agent enroll' shows at the site");
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

int operate_agent_admit(struct request *q, struct err *e)
{
	struct envelope env;
	struct certificate c;
	if (agents_read_certificate(q->b, q->c->document, &env, &c, e) < 0 || agents_key_is_free(q->b, c.agent, c.curve_key, e) < 0)
		return -1;
	const struct store_agent rec = {
	    .name = c.agent, .site = c.site, .serial = c.serial, .curve_key = c.curve_key, .certificate = q->c->document, .admitted_at_us = q->b->now_us};
	uint8_t hash[DIGEST_SIZE];
	digest_sha256(q->c->document, hash);
	if (agents_admit(q->b, &rec, e) < 0 ||
	    brain_log_evidence(q->b, q->actor, NULL, brain_agent_actor(q->b, c.agent), "admit", c.serial, (struct brain_evidence){.hash = hash}, e) < 0)
		return -1;
	reply_agent(q, agent_by_name(q->b, c.agent));
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
	reply_agent(q, g);
	reply_end(
	    q, EXIT_DONE,
	    "agent %s is revoked: its keys open nothing here any more, and its name is used up. What runs at the site now ends by itself and is not "
	    "reported; its targets need an agent with another name",
	    g->rec.name);
	return 0;
}

static int approve_pending(struct request *q, struct err *e)
{
	struct store_enrolment *n = NULL;
	const char *name = NULL;
	if (request_need(q, "agent", &name, e) < 0 || need_pending(q, name, &n, e) < 0)
		return -1;
	if (agents_key_is_free(q->b, n->agent, n->curve_key, e) < 0 || enrol_grant(q->b, n, q->c->document, q->actor, e) < 0)
		return -1;
	reply_agent(q, agent_by_name(q->b, n->agent));
	reply_end(q, EXIT_DONE, "agent %s is enrolled: it fetches its certificate within seconds, if it still waits", n->agent);
	return 0;
}

int operate_agent_approve(struct request *q, struct err *e)
{
	struct brain_agent *g = NULL;
	if (q->c->document.n)
		return approve_pending(q, e);
	if (agent_arg(q, &g, e) < 0)
		return -1;
	if (g->rec.revoked_at_us)
		return err_set(e, ERR_POLICY, "agent %s was revoked (%s): that is for ever", g->rec.name, g->rec.standing);
	if (!g->rec.held_at_us)
		return err_set(e, ERR_STATE, "agent %s waits for nothing: `rollcall agents list` shows who does", g->rec.name);
	if (agent_unhold(q->b, g, q->actor, e) < 0)
		return -1;
	reply_agent(q, g);
	reply_end(q, EXIT_DONE, "agent %s may come in again", g->rec.name);
	return 0;
}
