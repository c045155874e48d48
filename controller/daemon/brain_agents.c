/* Agents: who is admitted, who is connected, and with which certificate. Who is let in: brain_hello.c. */
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/fresh.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "controller/daemon/brain_impl.h"

#define AGENT_ARENA  ((size_t)1024 * 1024)
#define AGENTS_ARENA ((size_t)512 * 1024 * 1024)

/* ---- who is admitted ----------------------------------------------------------------------------------------------------------------------------------- */

static void agent_free(struct brain_agent *g)
{
	arena_destroy(&g->arena);
	free((void *)(uintptr_t)g->rec.version);
	free((void *)(uintptr_t)g->rec.standing);
	free(g);
}

void agents_free(struct brain *b)
{
	for (size_t i = 0; i < b->n_agents; i++)
		agent_free(b->agents[i]);
	free(b->agents);
	free(b->stirred);
	map_destroy(&b->agent_by_name);
	map_destroy(&b->agent_by_session);
}

static void add_agent(struct brain *b, struct brain_agent *g)
{
	vec_grow(b->agents, b->n_agents, b->cap_agents);
	b->agents[b->n_agents++] = g;
	map_put(b->agent_by_name, map_text(g->rec.name), g);
}

void agent_set_session(struct brain *b, struct brain_agent *g, uint64_t session)
{
	if (g->session)
		map_remove(b->agent_by_session, map_fixed(&g->session));
	g->session = session;
	if (session)
		map_put(b->agent_by_session, map_fixed(&g->session), g);
	g->ready = false;
	b->session_moves++;
	g->load = (struct agent_load){0};
}

void agent_send_away(struct brain *b, struct brain_agent *g, const char *code, const char *message)
{
	const struct msg m = {.type = MSG_DENY, .deny = {.code = code, .message = message}};
	if (g->session)
		brain_queue(b, g->session, &m);
	agent_set_session(b, g, 0);
	g->ack = false;
}

void agent_stir(struct brain *b, struct brain_agent *g)
{
	if (g->stirred)
		return;
	g->stirred = true;
	vec_grow(b->stirred, b->n_stirred, b->cap_stirred);
	b->stirred[b->n_stirred++] = g;
}

int agent_decode_certificate(struct bytes data, struct arena *a, struct certificate *ret, struct envelope *ret_env, struct err *e)
{
	if (envelope_decode(data, a, ret_env, e) < 0)
		return err_wrap(e, "certificate");
	return certificate_decode(ret_env->payload, a, ret, e) < 0 ? err_wrap(e, "certificate") : 0;
}

static const char *copy_unless(struct arena *a, const char *text, const char *same)
{
	return str_eq(text, same) ? same : arena_strdup(a, text);
}

/* Only what is kept goes to the agent's own arena, and what its record says already is not kept twice: there are thousands of them. */
static int keep_certificate(struct brain_agent *g, struct bytes data, struct certificate *ret, struct err *e)
{
	AUTO(arena_destroy) struct arena *scratch = arena_new(AGENT_ARENA);
	struct envelope env;
	struct certificate c;
	if (agent_decode_certificate(data, scratch, &c, &env, e) < 0)
		return err_wrap(e, "agent %s", g->rec.name);
	const char **targets = arena_alloc(g->arena, c.n_targets * sizeof *targets);
	for (size_t i = 0; i < c.n_targets; i++)
		targets[i] = arena_strdup(g->arena, c.targets[i]);
	c.targets = targets;
	c.agent = copy_unless(g->arena, c.agent, g->rec.name);
	c.site = copy_unless(g->arena, c.site, g->rec.site);
	c.serial = copy_unless(g->arena, c.serial, g->rec.serial);
	c.curve_key = copy_unless(g->arena, c.curve_key, g->rec.curve_key);
	*ret = c;
	return 0;
}

/* A fresh object with copies of the record's texts. The certificates' own bytes stay in the store. */
static int agent_make(const struct store_agent *rec, struct brain_agent **ret, struct err *e)
{
	struct brain_agent *g = mem_alloc(sizeof *g);
	g->arena = arena_new(AGENT_ARENA);
	g->rec = *rec;
	g->rec.name = arena_strdup(g->arena, rec->name);
	g->rec.site = arena_strdup(g->arena, rec->site);
	g->rec.serial = arena_strdup(g->arena, rec->serial);
	g->rec.curve_key = arena_strdup(g->arena, rec->curve_key);
	g->rec.version = mem_strdup(rec->version); /* on the heap: each HELLO says it again */
	g->rec.standing = mem_strdup(rec->standing);
	g->rec.certificate = g->rec.former_certificate = bytes_of(NULL, 0);
	if (g->rec.journal == 0)
		g->rec.journal = 1;
	if (keep_certificate(g, rec->certificate, &g->cert, e) < 0 ||
	    (rec->former_certificate.n && keep_certificate(g, rec->former_certificate, &g->former, e) < 0)) {
		agent_free(g);
		return -1;
	}
	*ret = g;
	return 0;
}

int agents_load(struct brain *b, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(AGENTS_ARENA);
	struct store_agent *list = NULL;
	size_t n = 0;
	b->agent_by_name = map_new();
	b->agent_by_session = map_new();
	if (store_agents(b->store, a, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct brain_agent *g = NULL;
		if (agent_make(&list[i], &g, e) < 0)
			return -1;
		add_agent(b, g);
	}
	return 0;
}

struct brain_agent *agent_by_name(const struct brain *b, const char *name)
{
	return map_get(b->agent_by_name, map_text(name));
}

struct brain_agent *agent_by_session(const struct brain *b, uint64_t session)
{
	return session ? map_get(b->agent_by_session, map_fixed(&session)) : NULL;
}

int agent_certificate(const struct brain *b, const struct brain_agent *g, struct bytes *ret, struct err *e)
{
	return store_certificate(b->store, g->rec.name, g->rec.serial, b->turn, ret, e);
}

/* In place: runs and targets point to it. Its session ends, so that it says HELLO with the new certificate. */
static void replace_agent(struct brain *b, struct brain_agent *old, struct brain_agent *g)
{
	map_remove(b->agent_by_name, map_text(old->rec.name));
	agent_send_away(b, old, "replaced",
	                "a new certificate of this agent was admitted"); /* said, because the hub goes on with a key that it still knows */
	g->targets = old->targets;
	g->n_targets = old->n_targets;
	g->stirred = old->stirred;
	g->met = old->met; /* it is the same process with other keys: what we know of it holds */
	memcpy(g->boots, old->boots, sizeof g->boots);
	struct brain_agent was = *old;
	*old = *g;
	*g = was;
	map_put(b->agent_by_name, map_text(old->rec.name), old);
	agent_free(g);
}

/* Admits a new agent or replaces the certificate of a known one; keeps what was counted. A revoked name is a tombstone: who had it was trusted with things that nobody else
 * is to get by taking the name. */
int agents_admit(struct brain *b, const struct store_agent *rec, struct err *e)
{
	struct brain_agent *g = NULL, *old = agent_by_name(b, rec->name);
	struct store_agent merged = *rec;
	if (old && old->rec.revoked_at_us)
		return err_set(e, ERR_POLICY, "agent %s was revoked (%s): its name stays used up: give the agent another one", rec->name, old->rec.standing);
	/* what the keys before have signed still counts; they open no session */
	if (old && !rec->former_certificate.n && agent_certificate(b, old, &merged.former_certificate, e) < 0)
		return -1;
	if (old) {
		merged.version = old->rec.version;
		merged.held_at_us = old->rec.held_at_us;
		merged.standing = old->rec.standing;
		merged.session_counter = old->rec.session_counter;
		merged.seen_at_us = old->rec.seen_at_us;
		merged.journal = old->rec.journal;
		merged.report_seq = old->rec.report_seq;
		memcpy(merged.report_hash, old->rec.report_hash, DIGEST_SIZE);
	}
	if (agent_make(&merged, &g, e) < 0)
		return -1;
	if (store_agent_put(b->store, &merged, e) < 0) {
		agent_free(g);
		return -1;
	}
	if (!old)
		add_agent(b, g);
	else
		replace_agent(b, old, g);
	b->principals_changed = true;
	runs_touch(b);
	return 0;
}

int agents_key_is_free(const struct brain *b, const char *agent, const char *curve_key, struct err *e)
{
	for (size_t i = 0; i < b->config->n_operators; i++)
		if (str_eq(b->config->operators[i].curve_key, curve_key))
			return err_set(e, ERR_EXISTS, "the CURVE key of %s is operator %s's: make the agent a key of its own", agent,
			               b->config->operators[i].name);
	for (size_t i = 0; i < b->n_agents; i++) {
		const struct brain_agent *g = b->agents[i];
		if (!str_eq(g->rec.name, agent) && (str_eq(g->rec.curve_key, curve_key) || str_eq(g->former.curve_key, curve_key)))
			return err_set(e, ERR_EXISTS, "the CURVE key of %s is agent %s's: make it a key of its own", agent, g->rec.name);
	}
	return 0;
}

int agents_read_certificate(struct brain *b, struct bytes data, struct envelope *ret_env, struct certificate *ret, struct err *e)
{
	if (envelope_decode(data, b->turn, ret_env, e) < 0 || trust_check_role(&b->trusted.valid, ROLE_ENROL, ret_env, TYPE_CERTIFICATE, e) < 0 ||
	    certificate_decode(ret_env->payload, b->turn, ret, e) < 0)
		return err_wrap(e, "certificate");
	if (b->now_us >= ret->not_after_us)
		return err_set(e, ERR_POLICY, "the certificate of %s has expired: sign a new one", ret->agent);
	return 0;
}

const struct certificate *agent_former(const struct brain *b, const struct brain_agent *g)
{
	return agent_key_end_us(g, &g->former) > b->now_us ? agent_former_signer(b, g) : NULL;
}

const struct certificate *agent_former_signer(const struct brain *b, const struct brain_agent *g)
{
	if (!g->former.serial || (b->trusted.fresh && freshness_revokes_agent(b->trusted.fresh, g->former.serial)))
		return NULL;
	return &g->former;
}

int64_t agent_key_end_us(const struct brain_agent *g, const struct certificate *c)
{
	return c == &g->former && g->rec.former_until_us < c->not_after_us ? g->rec.former_until_us : c->not_after_us;
}

static int end_expired_session(struct brain *b, struct brain_agent *g, struct err *e)
{
	bool replaced = b->now_us < g->cert.not_after_us;
	const char *why = replaced ? "the certificate of this session was replaced, and the time in which both are good is over: go on with the new keys"
	                           : "the certificate of this session has expired: rollcall-agent renew asks for a new one";
	agent_send_away(b, g, "expired", why);
	runs_touch(b);
	log_warn("agent %s: its session ends: %s", g->rec.name, why);
	return brain_log(b, "controller", NULL, brain_agent_actor(b, g->rec.name), "expired", why, e);
}

int agents_expire(struct brain *b, struct err *e)
{
	/* A clock that was ahead, and was set right, brings back what it had ended. */
	if (b->now_us < b->keys_due_us && b->now_us >= b->keys_as_of_us)
		return 0;
	b->principals_changed = true;
	for (size_t i = 0; i < b->n_agents; i++)
		if (b->agents[i]->session && b->agents[i]->session_until_us <= b->now_us && end_expired_session(b, b->agents[i], e) < 0)
			return -1;
	return 0;
}

bool agent_may_serve(const struct brain_agent *g, const char *target)
{
	for (size_t i = 0; i < g->cert.n_targets; i++)
		if (str_glob(g->cert.targets[i], target))
			return true;
	return false;
}

/* ---- sessions ------------------------------------------------------------------------------------------------------------------------------------------ */

static int gone(struct brain *b, uint64_t session, struct err *e)
{
	struct brain_agent *g = agent_by_session(b, session);
	if (!g)
		return 0;
	agent_set_session(b, g, 0);
	g->ack = false;
	g->rec.seen_at_us = b->now_us;
	g->seen = true;
	agent_stir(b, g);
	runs_touch(b);
	log_info("agent %s is gone", g->rec.name);
	return brain_log_agent(b, g->rec.name, "gone", NULL, e);
}

int agent_event(struct brain *b, const struct hub_event *ev, struct err *e)
{
	if (ev->type == HUB_GONE)
		return gone(b, ev->session, e);
	if (ev->type == HUB_CLONED) {
		struct brain_agent *twin = agent_by_name(b, ev->from.name);
		return twin ? agent_hold(b, twin, "it was here twice with one session counter: its keys and journal were copied", e) : 0;
	}
	if (ev->msg.type == MSG_HELLO)
		return hello_event(b, ev, e);
	struct brain_agent *g = agent_by_session(b, ev->session);
	if (!g)
		return 0;
	g->rec.seen_at_us = b->now_us;
	if (ev->msg.type == MSG_HEARTBEAT)
		load_event(b, g, &ev->msg.heartbeat);
	if (ev->msg.type == MSG_FACTS)
		return facts_event(b, g, &ev->msg.facts, e);
	return ev->msg.type == MSG_TARGETS ? targets_event(b, g, &ev->msg.targets, e) : 0;
}

int agents_end_turn(struct brain *b, struct err *e)
{
	for (size_t i = 0; i < b->n_stirred; i++) {
		struct brain_agent *g = b->stirred[i];
		if (g->seen && store_agent_seen(b->store, &g->rec, e) < 0)
			return -1;
		if (g->ack && g->session) {
			const struct msg m = {.type = MSG_REPORT_ACK, .report_ack = {.seq = g->rec.report_seq, .audit = store_audit_head(b->store)}};
			brain_queue(b, g->session, &m);
		}
		g->seen = g->ack = g->stirred = false;
	}
	b->n_stirred = 0;
	return 0;
}
