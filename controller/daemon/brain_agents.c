/* Agents: who is admitted, who is connected. An agent is believed only after its certificate, its key and its signature agree. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/fresh.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "common/wire/hello.h"
#include "common/wire/limits.h"
#include "controller/daemon/brain_impl.h"

#define AGENT_ARENA      ((size_t)1024 * 1024)
#define AGENTS_ARENA     ((size_t)512 * 1024 * 1024)
#define HEARTBEAT_MIN_MS 15000
#define HEARTBEAT_MAX_MS 300000
#define HEARTBEATS_PER_S 200 /* of the whole fleet: what is left after the shortest pause */
#define EPOCH_JUMP_MAX   100000 /* a start takes one: above this an agent lies, and its word must not use the numbers up */
#define SPREAD_MIN_MS    200
#define SPREAD_PER_TEN   20 /* ms for each ten agents: 500 a second */

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
	g->load = (struct agent_load){0};
}

void agent_stir(struct brain *b, struct brain_agent *g)
{
	if (g->stirred)
		return;
	g->stirred = true;
	vec_grow(b->stirred, b->n_stirred, b->cap_stirred);
	b->stirred[b->n_stirred++] = g;
}

static int read_certificate(struct bytes data, struct arena *a, struct certificate *ret, struct envelope *ret_env, struct err *e)
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
	if (read_certificate(data, scratch, &c, &env, e) < 0)
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
	if (old->session) { /* said, because the hub goes on with a key that it still knows */
		const struct msg m = {.type = MSG_DENY, .deny = {.code = "replaced", .message = "a new certificate of this agent was admitted"}};
		brain_queue(b, old->session, &m);
	}
	agent_set_session(b, old, 0);
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
	const char *who = arena_printf(b->turn, "agent %s", g->rec.name);
	bool replaced = b->now_us < g->cert.not_after_us;
	const struct msg m = {
	    .type = MSG_DENY,
	    .deny = {.code = "expired",
	             .message = replaced ? "the certificate of this session was replaced, and the time in which both are good is over: go on "
	                                   "with the new keys"
	                                 : "the certificate of this session has expired: rollcall-agent renew asks for a new one"}};
	brain_queue(b, g->session, &m);
	agent_set_session(b, g, 0);
	g->ack = false;
	runs_touch(b);
	log_warn("agent %s: its session ends: %s", g->rec.name, m.deny.message);
	return brain_log(b, "controller", NULL, who, "expired", m.deny.message, e);
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

/* ---- HELLO --------------------------------------------------------------------------------------------------------------------------------------------- */

/* *ret: the agent's certificate that it showed, the present one or the former. */
static int check_certificate(struct brain *b, const struct brain_agent *g, const struct hub_event *ev, const struct certificate **ret, struct err *e)
{
	const struct certificate *former = agent_former(b, g);
	const struct msg_hello *h = &ev->msg.hello;
	struct certificate cert = {0};
	struct envelope env;
	if (read_certificate(h->certificate, b->turn, &cert, &env, e) < 0)
		return -1;
	if (trust_check_role(&b->trusted.valid, ROLE_ENROL, &env, TYPE_CERTIFICATE, e) < 0)
		return err_wrap(e, "certificate of %s", cert.agent);
	if (!str_eq(cert.agent, ev->from.name) || !str_eq(h->agent, ev->from.name))
		return err_set(e, ERR_POLICY, "the certificate is of agent %s, HELLO says %s, the key is %s's: use the files of one agent", cert.agent,
		               h->agent, ev->from.name);
	if (!str_eq(cert.curve_key, ev->from.curve_key))
		return err_set(e, ERR_POLICY, "the certificate of %s names another CURVE key than the one in use: use the key it was made for", cert.agent);
	*ret = former && str_eq(cert.serial, former->serial) ? former : &g->cert;
	if (!str_eq(cert.serial, (*ret)->serial))
		return err_set(e, ERR_POLICY, "the certificate of %s with serial %s was replaced by %s: install the new one", cert.agent, cert.serial,
		               g->rec.serial);
	if (b->now_us < cert.not_before_us || b->now_us >= cert.not_after_us)
		return err_set(e, ERR_POLICY, "the certificate of %s is not valid now: make a new one and admit it", cert.agent);
	return 0;
}

static int check_hello(struct brain *b, const struct brain_agent *g, const struct hub_event *ev, int64_t *ret_until_us, struct err *e)
{
	const struct msg_hello *h = &ev->msg.hello;
	AUTO(buf_done) struct buf signed_bytes = BUF_INIT;
	const struct certificate *shown = NULL;
	if (check_certificate(b, g, ev, &shown, e) < 0)
		return -1;
	*ret_until_us = agent_key_end_us(g, shown);
	hello_signed_bytes(h, b->link.controller_key, &signed_bytes);
	if (h->signature.n != SIGNATURE_SIZE || !sign_check(shown->report_key, buf_bytes(&signed_bytes), h->signature.p))
		return err_set(e, ERR_SIGNATURE, "HELLO of %s is not signed by the report key of its certificate", g->rec.name);
	if (h->max_epoch > b->epoch && h->max_epoch - b->epoch > EPOCH_JUMP_MAX)
		return err_set(e, ERR_POLICY,
		               "%s says that it has seen epoch %" PRIu32 ", and this controller is at %" PRIu32 ": look at the agent's journal", g->rec.name,
		               h->max_epoch, b->epoch);
	if (h->proto_min > LINK_PROTO_MAX || h->proto_max < LINK_PROTO)
		return err_set(e, ERR_LINK, "%s speaks link protocol %" PRIu32 " to %" PRIu32 ", this controller speaks %d to %d: upgrade the older one",
		               g->rec.name, h->proto_min, h->proto_max, LINK_PROTO, LINK_PROTO_MAX);
	return 0;
}

/* An agent whose newest report is older than what we hold has lost its journal: it counts from 1 again, and its new reports must not pass for old ones. */
static int note_lost_journal(struct brain *b, struct brain_agent *g, uint64_t report_seq, struct err *e)
{
	if (report_seq >= g->rec.report_seq)
		return 0;
	log_warn("agent %s has reports up to %" PRIu64 ", but %" PRIu64 " are stored here: its journal was lost or set back; a new count begins",
	         g->rec.name, report_seq, g->rec.report_seq);
	g->rec.journal++;
	g->rec.report_seq = 0;
	memset(g->rec.report_hash, 0, DIGEST_SIZE);
	return brain_log(b, "controller", NULL, arena_printf(b->turn, "agent %s", g->rec.name), "journal-lost", NULL, e);
}

static uint32_t heartbeat_ms(size_t n_agents)
{
	size_t ms = n_agents * 1000 / HEARTBEATS_PER_S;
	return ms < HEARTBEAT_MIN_MS ? HEARTBEAT_MIN_MS : ms > HEARTBEAT_MAX_MS ? HEARTBEAT_MAX_MS : (uint32_t)ms;
}

static int welcome(struct brain *b, struct brain_agent *g, const struct hub_event *ev, int64_t until_us, struct err *e)
{
	const struct msg_hello *h = &ev->msg.hello;
	/* Our store was set back, or is the copy of a controller's that is gone: go above what the agents have seen, or they would drop us. An equal epoch, before we told it ours, is
	 * another's too. */
	if (h->max_epoch > b->epoch || (h->max_epoch == b->epoch && !g->met)) {
		if (store_next_epoch(b->store, h->max_epoch + 1, &b->epoch, e) < 0)
			return -1;
		log_warn("agent %s has seen epoch %" PRIu32 ": the store was set back; going on with epoch %" PRIu32, g->rec.name, h->max_epoch, b->epoch);
	}
	g->met = true;
	if (note_lost_journal(b, g, h->report_seq, e) < 0)
		return -1;
	if (h->session_counter <= g->rec.session_counter)
		log_warn("agent %s: session counter %" PRIu64 " was seen before: two machines with the same keys, or a journal set back", g->rec.name,
		         h->session_counter);
	g->rec.session_counter = h->session_counter;
	free((void *)(uintptr_t)g->rec.version);
	g->rec.version = mem_strdup(h->agent_version);
	g->rec.seen_at_us = b->now_us;
	agent_set_session(b, g, ev->session);
	g->session_until_us = until_us;
	g->trust_version = h->trust_version;
	g->seen = true;
	agent_stir(b, g);
	uint32_t spread = (uint32_t)(b->n_agents / 10 * SPREAD_PER_TEN);
	const struct msg m = {.type = MSG_WELCOME,
	                      .welcome = {.session = ev->session,
	                                  .resume_from = g->rec.report_seq,
	                                  .proto = h->proto_max < LINK_PROTO_MAX ? h->proto_max : LINK_PROTO_MAX,
	                                  .epoch = b->epoch,
	                                  .heartbeat_ms = heartbeat_ms(b->n_agents),
	                                  .spread_ms = spread > SPREAD_MIN_MS ? spread : SPREAD_MIN_MS,
	                                  .now_us = b->now_us,
	                                  .audit = store_audit_head(b->store)}};
	brain_queue(b, ev->session, &m);
	if (trusted_tell(b, g, e) < 0)
		return -1;
	log_info("agent %s connected (%s)", g->rec.name, h->agent_version);
	return brain_log(b, arena_printf(b->turn, "agent %s", g->rec.name), NULL, arena_printf(b->turn, "agent %s", g->rec.name), "connected",
	                 arena_strdup(b->turn, h->agent_version), e);
}

/* It was here, and has gone to a later controller since: what was decided there, this store lacks. NULL: no. Its former session is over. */
static const char *taken_over(struct brain *b, struct brain_agent *g, const struct msg_hello *h)
{
	if (!g->met || h->max_epoch <= b->epoch)
		return NULL;
	agent_set_session(b, g, 0);
	agent_stir(b, g);
	runs_touch(b);
	return arena_printf(b->turn,
	                    "%s was here, and has seen epoch %" PRIu32 " of another controller since, this one is at %" PRIu32
	                    ": another one has taken over this fleet; stop this one, or, when the other is gone for good, start this one anew",
	                    g->rec.name, h->max_epoch, b->epoch);
}

static int hello(struct brain *b, const struct hub_event *ev, struct err *e)
{
	struct brain_agent *g = agent_by_name(b, ev->from.name);
	struct err why = ERR_INIT;
	const char *code = NULL;
	int64_t until_us = 0;
	if (!g)
		(void)err_set(&why, ERR_POLICY, "agent %s is not admitted: `rollcall agents admit` its certificate", ev->from.name);
	else if (check_hello(b, g, ev, &until_us, &why) == 0) {
		if (agent_is_cloned(g, ev->msg.hello.boot_id) &&
		    agent_hold(b, g, "a process of it came back that another one had replaced: two machines run with its keys", e) < 0)
			return -1;
		const char *objection = taken_over(b, g, &ev->msg.hello);
		if (!objection)
			objection = agent_objection(b, g, &code);
		if (!objection)
			return welcome(b, g, ev, until_us, e);
		(void)err_set(&why, ERR_POLICY, "%s", objection);
	}
	log_warn("agent %s denied: %s", ev->from.name, why.msg);
	const struct msg m = {.type = MSG_DENY, .deny = {.code = code ? code : err_code_name(why.code), .message = arena_strdup(b->turn, why.msg)}};
	brain_queue(b, ev->session, &m);
	return brain_log(b, arena_printf(b->turn, "agent %s", ev->from.name), NULL, arena_printf(b->turn, "agent %s", ev->from.name), "denied",
	                 m.deny.message, e);
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
	const char *who = arena_printf(b->turn, "agent %s", g->rec.name);
	return brain_log(b, who, NULL, who, "gone", NULL, e);
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
		return hello(b, ev, e);
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
