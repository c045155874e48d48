/* Commands about the controller itself, its agents, their targets, and what happened. */
#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "controller/operate/operate.h"

#define HISTORY_LIMIT     100
#define HISTORY_LIMIT_MAX 10000

int operate_ping(struct request *q, struct err *e)
{
	struct store_counts n = {0};
	if (store_count(q->b->store, &n, e) < 0)
		return -1;
	size_t online = 0;
	for (size_t i = 0; i < q->b->n_agents; i++)
		online += q->b->agents[i]->session != 0;
	reply_columns(q, "key,value");
	reply_row(q, "controller\t%s", ROLLCALL_VERSION);
	reply_row(q, "epoch\t%" PRIu32, q->b->epoch);
	reply_row(q, "trust\t%" PRIu64, q->b->config->trust.version);
	reply_row(q, "agents\t%" PRIu64, n.agents);
	reply_row(q, "agents-online\t%zu", online);
	reply_row(q, "targets\t%" PRIu64, n.targets);
	reply_row(q, "rollouts\t%" PRIu64, n.rollouts);
	reply_end(q, EXIT_DONE, "the controller answers");
	return 0;
}

int operate_trust_show(struct request *q, struct err *e)
{
	(void)e;
	reply_document(q, q->b->config->trust_envelope);
	reply_end(q, EXIT_DONE, "trust document version %" PRIu64, q->b->config->trust.version);
	return 0;
}

/* ---- agents ---------------------------------------------------------------------------------------------------------------------------------------------- */

#define AGENT_COLUMNS "agent,state,site,#targets,version,last-seen,+serial,+expires"

static void agent_row(struct request *q, const struct brain_agent *g)
{
	char seen[CLOCK_TEXT_SIZE], expires[CLOCK_TEXT_SIZE];
	size_t targets = 0;
	for (size_t i = 0; i < q->b->n_targets; i++)
		targets += str_eq(q->b->targets[i].agent, g->rec.name);
	clock_text(g->session ? q->b->now_us : g->rec.seen_at_us, seen);
	reply_row(q, "%s\t%s\t%s\t%zu\t%s\t%s\t%s\t%s", g->rec.name, g->session ? "online" : "offline", g->rec.site, targets,
	          g->rec.version ? g->rec.version : "", g->session || g->rec.seen_at_us ? seen : "", g->rec.serial,
	          clock_text(g->cert.not_after_us, expires));
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
	if (envelope_decode(q->c->document, q->a, &env, e) < 0 || trust_check_role(&q->b->config->trust, ROLE_ENROL, &env, TYPE_CERTIFICATE, e) < 0 ||
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

/* ---- targets and history ----------------------------------------------------------------------------------------------------------------------------------- */

static const char *labels_of(struct request *q, const struct target *t)
{
	struct buf b = BUF_INIT;
	for (size_t i = 0; i < t->n_labels; i++)
		buf_addf(&b, "%s%s=%s", i ? "," : "", t->labels[i].key, t->labels[i].value);
	const char *text = arena_strdup(q->a, buf_str(&b));
	buf_done(&b);
	return text;
}

int operate_target_list(struct request *q, struct err *e)
{
	struct selector *s = NULL;
	size_t n = 0;
	if (selector_parse(request_arg(q, "selector"), q->a, &s, e) < 0)
		return -1;
	reply_columns(q, "target,engine,agent,state,release,labels,+detail");
	for (size_t i = 0; i < q->b->n_targets; i++) {
		const struct store_target *t = &q->b->targets[i];
		const struct brain_agent *g = agent_by_name(q->b, t->agent);
		const char *release = NULL;
		if (!selector_matches(s, &t->target))
			continue;
		if (store_target_release(q->b->store, t->target.id, q->a, &release, e) < 0)
			return -1;
		const struct store_quarantine *out = quarantine_of(q->b, t->target.id);
		reply_row(q, "%s\t%s\t%s\t%s\t%s\t%s\t%s", t->target.id, t->target.engine, t->agent,
		          out             ? "quarantine"
		          : g && g->ready ? "online"
		                          : "offline",
		          release ? release : "", labels_of(q, &t->target), out ? arena_printf(q->a, "%s (%s)", out->reason, out->added_by) : "");
		n++;
	}
	reply_count(q, n, "target");
	return 0;
}

int operate_history(struct request *q, struct err *e)
{
	struct history_row *rows = NULL;
	size_t n = 0;
	uint64_t limit = HISTORY_LIMIT;
	const char *text = request_arg(q, "limit"), *rollout = request_arg(q, "rollout");
	struct run *u = NULL;
	if (text && str_to_u64(text, "limit", 1, HISTORY_LIMIT_MAX, &limit, e) < 0)
		return -1;
	if (rollout && run_find(q->b, rollout, &u, e) < 0)
		return -1;
	if (store_history(q->b->store, request_arg(q, "target"), u ? u->rec.id : NULL, (size_t)limit, q->a, &rows, &n, e) < 0)
		return -1;
	reply_columns(q, "at,target,rollout,release,direction,outcome,#attempt,~detail,+agent,+report");
	for (size_t i = 0; i < n; i++) {
		const struct history_row *r = &rows[i];
		char at[CLOCK_TEXT_SIZE];
		reply_row(q, "%s\t%s\t%s\t%s\t%s\t%s\t%" PRIu32 "\t%s\t%s\t%" PRIu32 ".%" PRIu64, clock_text(r->at_us, at), r->target,
		          r->rollout ? r->rollout : "", r->release ? r->release : "", r->direction, r->outcome, r->attempt, r->detail ? r->detail : "",
		          r->agent, r->journal, r->seq);
	}
	reply_count(q, n, "report");
	return 0;
}
