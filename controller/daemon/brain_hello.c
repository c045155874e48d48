/* HELLO: an agent is let in once its certificate, its key and its signature agree, and is told what to go by. */
#include <inttypes.h>

#include "common/base/log.h"
#include "common/base/str.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "common/wire/hello.h"
#include "controller/daemon/brain_impl.h"

#define HEARTBEAT_MIN_MS 15000
#define HEARTBEAT_MAX_MS 300000
#define HEARTBEATS_PER_S 200 /* of the whole fleet: what is left after the shortest pause */
#define EPOCH_JUMP_MAX   100000 /* a start takes one: above this an agent lies, and its word must not use the numbers up */
#define SPREAD_MIN_MS    200
#define SPREAD_PER_TEN   20 /* ms for each ten agents: 500 a second */

/* *ret: the agent's certificate that it showed, the present one or the former. */
static int check_certificate(struct brain *b, const struct brain_agent *g, const struct hub_event *ev, const struct certificate **ret, struct err *e)
{
	const struct certificate *former = agent_former(b, g);
	const struct msg_hello *h = &ev->msg.hello;
	struct certificate cert = {0};
	struct envelope env;
	if (agent_decode_certificate(h->certificate, b->turn, &cert, &env, e) < 0)
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
	return brain_log(b, "controller", NULL, brain_agent_actor(b, g->rec.name), "journal-lost", NULL, e);
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
	run_text(&g->rec.version, h->agent_version);
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
	return brain_log_agent(b, g->rec.name, "connected", arena_strdup(b->turn, h->agent_version), e);
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

int hello_event(struct brain *b, const struct hub_event *ev, struct err *e)
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
	return brain_log_agent(b, ev->from.name, "denied", m.deny.message, e);
}
