/* Strangers who ask to be agents. A token, which a person with an enrol key has signed for this one name, gives the right to ask, once; a certificate is signed by a person who
 * has compared fingerprints, or at once when the configuration names an enrol key. What a stranger says is believed as far as its signatures go. */
#include <inttypes.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "common/wire/enrol.h"
#include "common/wire/limits.h"
#include "controller/daemon/brain_impl.h"
#include "controller/release/trust_draft.h"

#define POLL_MS     3000
#define KEEP_US     ((int64_t)7 * 24 * 3600 * 1000000) /* a token's nonce is remembered long after the token has ended */
#define WAITING_MAX 1000
#define OVERLAP_US  ((int64_t)7 * 24 * 3600 * 1000000) /* both keys of an agent are good while it changes over */
#define OFTEN_US    ((int64_t)3600 * 1000000) /* new keys more often than this want a person */

struct asking { /* one ENROL_REQ, and what it is found to hold */
	const struct msg_enrol_req *m;
	const struct hub_event *ev;
	struct enrol_token token;
	struct agent_request request;
	uint8_t digest[DIGEST_SIZE];
	bool is_granted; /* what it asks for is the agent's present certificate: the answer was lost */
	const char *person; /* why a person has to look, though there is a key that signs by itself; NULL: nothing is odd */
};

/* ---- answers ---- */

static void deny(struct brain *b, uint64_t session, const struct err *why)
{
	const struct msg m = {.type = MSG_ENROL_DENY, .deny = {.code = err_code_name(why->code), .message = arena_strdup(b->turn, why->msg)}};
	brain_queue(b, session, &m);
}

static void answer_state(struct brain *b, uint64_t session, const struct store_enrolment *n)
{
	struct msg m = {.type = MSG_ENROL_GRANT, .enrol_grant = {.certificate = n->certificate}};
	char fingerprint[ENROL_FINGERPRINT_SIZE];
	if (!n->certificate.n)
		m = (struct msg){.type = MSG_ENROL_PENDING,
		                 .enrol_pending = {.fingerprint = arena_strdup(b->turn, enrol_fingerprint(n->request, fingerprint)), .poll_ms = POLL_MS}};
	brain_queue(b, session, &m);
}

/* ---- what is checked ---- */

static int read_token(struct brain *b, struct asking *x, struct err *e)
{
	struct envelope env;
	char at[CLOCK_TEXT_SIZE];
	if (envelope_decode(x->m->token, b->turn, &env, e) < 0 || trust_check_role(&b->trusted.valid, ROLE_ENROL, &env, TYPE_ENROL_TOKEN, e) < 0 ||
	    enrol_token_decode(env.payload, b->turn, &x->token, e) < 0)
		return err_wrap(e, "token");
	if (b->now_us >= x->token.expires_at_us)
		return err_set(e, ERR_POLICY, "the token for %s expired at %s: have a new one made (rollcall agents invite)", x->token.agent,
		               clock_text(x->token.expires_at_us, at));
	return 0;
}

static int check_against_token(const struct asking *x, struct err *e)
{
	const struct enrol_token *t = &x->token;
	const struct agent_request *r = &x->request;
	if (!str_eq(r->agent, t->agent))
		return err_set(e, ERR_POLICY, "the request is for agent %s, and the token was made for %s", r->agent, t->agent);
	if (!str_eq(r->site, t->site))
		return err_set(e, ERR_POLICY, "the request is for site %s, and the token was made for site %s", r->site, t->site);
	for (size_t i = 0; i < r->n_targets; i++)
		if (!str_among(r->targets[i], t->targets, t->n_targets))
			return err_set(e, ERR_POLICY, "the request asks for targets %s, which the token does not name", r->targets[i]);
	return 0;
}

/* Both keys are proven: the CURVE key by the handshake that brought the message here, the report key by its signature. */
static int check_keys(const struct brain *b, const struct asking *x, struct err *e)
{
	AUTO(buf_done) struct buf signed_bytes = BUF_INIT;
	if (!str_eq(x->request.curve_key, x->ev->from.curve_key))
		return err_set(e, ERR_POLICY, "the request names another CURVE key than the one that it came with");
	enrol_signed_bytes(b->link.controller_key, x->m->token, x->m->request, &signed_bytes);
	if (x->m->signature.n != SIGNATURE_SIZE || !sign_check(x->request.report_key, buf_bytes(&signed_bytes), x->m->signature.p))
		return err_set(e, ERR_SIGNATURE, "the request is not signed by the report key that it names");
	return 0;
}

static int check_name(const struct brain *b, const struct asking *x, struct err *e)
{
	const struct brain_agent *g = agent_by_name(b, x->request.agent);
	if (g && g->rec.revoked_at_us)
		return err_set(e, ERR_POLICY, "agent %s was revoked: its name stays used up", x->request.agent);
	if (g)
		return err_set(e, ERR_POLICY, "there is an agent %s already: take another name", x->request.agent);
	return agents_key_is_free(b, x->request.agent, x->request.curve_key, e);
}

const char *enrol_why_a_person(const struct brain *b, const struct brain_agent *g)
{
	struct envelope env;
	struct bytes data = {0};
	struct err ignored = ERR_INIT;
	int64_t age_us = b->now_us - g->cert.not_before_us, often_us = (g->cert.not_after_us - g->cert.not_before_us) / 4;
	if (b->now_us >= g->cert.not_after_us)
		return "its certificate has expired";
	if (agent_certificate(b, g, &data, &ignored) < 0 || envelope_decode(data, b->turn, &env, &ignored) < 0 ||
	    trust_check_role(&b->trusted.valid, ROLE_ENROL, &env, TYPE_CERTIFICATE, &ignored) < 0)
		return "who signed its certificate is not of role enrol any more";
	if (g->former.serial && age_us < (often_us < OFTEN_US ? often_us : OFTEN_US))
		return "it has had new keys a moment ago";
	return NULL;
}

static bool is_present(const struct brain_agent *g, const struct agent_request *r)
{
	return str_eq(g->cert.curve_key, r->curve_key) && memcmp(g->cert.report_key, r->report_key, SIGN_PUBLIC_SIZE) == 0;
}

/* A known agent asks for new keys: its present report key says so, and it asks for no more than it has. */
static int check_renewal(struct brain *b, struct asking *x, struct err *e)
{
	AUTO(buf_done) struct buf signed_bytes = BUF_INIT;
	const char *code = NULL;
	if (request_parse("request", x->m->request, b->turn, &x->request, e) < 0)
		return -1;
	const struct brain_agent *g = agent_by_name(b, x->request.agent);
	const char *objection = g ? agent_objection(b, g, &code) : "no such agent is known: a new one needs a token (rollcall agents invite)";
	if (objection)
		return err_set(e, ERR_POLICY, "new keys for %s: %s", x->request.agent, objection);
	if (is_present(g, &x->request)) {
		x->is_granted = true;
		return check_keys(b, x, e);
	}
	x->person = enrol_why_a_person(b, g);
	if (!str_eq(x->request.site, g->rec.site))
		return err_set(e, ERR_POLICY, "new keys for %s: it is of site %s", x->request.agent, g->rec.site);
	for (size_t i = 0; i < x->request.n_targets; i++)
		if (!str_among(x->request.targets[i], g->cert.targets, g->cert.n_targets))
			return err_set(e, ERR_POLICY, "new keys for %s: targets %s are not in its present certificate", x->request.agent, x->request.targets[i]);
	enrol_signed_bytes(b->link.controller_key, x->m->token, x->m->request, &signed_bytes);
	if (x->m->former_signature.n != SIGNATURE_SIZE || !sign_check(g->cert.report_key, buf_bytes(&signed_bytes), x->m->former_signature.p))
		return err_set(e, ERR_SIGNATURE, "new keys for %s: not signed by its present report key", x->request.agent);
	return check_keys(b, x, e) < 0 ? -1 : agents_key_is_free(b, x->request.agent, x->request.curve_key, e);
}

static int check_asking(struct brain *b, struct asking *x, struct err *e)
{
	if (!x->m->token.n)
		return check_renewal(b, x, e);
	if (read_token(b, x, e) < 0 || request_parse("request", x->m->request, b->turn, &x->request, e) < 0)
		return -1;
	if (check_against_token(x, e) < 0 || check_keys(b, x, e) < 0)
		return -1;
	return check_name(b, x, e);
}

/* ---- granting ---- */

int enrol_grant(struct brain *b, const struct store_enrolment *n, struct bytes envelope, const char *actor, struct err *e)
{
	struct envelope env;
	struct certificate c;
	struct agent_request r;
	uint8_t hash[DIGEST_SIZE];
	if (request_parse("request", n->request, b->turn, &r, e) < 0 || agents_read_certificate(b, envelope, &env, &c, e) < 0)
		return -1;
	if (!str_eq(c.agent, r.agent) || !str_eq(c.site, r.site) || !str_eq(c.curve_key, r.curve_key) ||
	    memcmp(c.report_key, r.report_key, SIGN_PUBLIC_SIZE) != 0)
		return err_set(e, ERR_POLICY, "the certificate is not for the request of %s that waits here: show it again, and sign that", r.agent);
	const struct brain_agent *known = agent_by_name(b, c.agent);
	if (known && n->nonce.n)
		return err_set(e, ERR_POLICY, "there is an agent %s already: a token is for a new one", c.agent);
	struct store_agent rec = {
	    .name = c.agent, .site = c.site, .serial = c.serial, .curve_key = c.curve_key, .certificate = envelope, .admitted_at_us = b->now_us};
	if (known) {
		if (agent_certificate(b, known, &rec.former_certificate, e) < 0)
			return -1;
		rec.former_until_us = b->now_us + OVERLAP_US;
	}
	digest_sha256(envelope, hash);
	if (agents_admit(b, &rec, e) < 0 || store_enrolment_grant(b->store, n->digest, envelope, actor, b->now_us, e) < 0)
		return -1;
	return brain_log_evidence(b, actor, NULL, brain_agent_actor(b, c.agent), "enrol", c.serial, (struct brain_evidence){.hash = hash}, e);
}

/* False: a person has to, for x->person. The trust document may have taken the role from the controller's key since it was started. */
static bool sign_by_itself(struct brain *b, struct asking *x, struct bytes *ret)
{
	struct envelope env;
	struct err e = ERR_INIT;
	AUTO(buf_done) struct buf bytes = BUF_INIT;
	if (!b->config->enrol_key || x->person)
		return false;
	if (certificate_make(&x->request, &b->trusted.valid, b->config->enrol_key, b->now_us, b->now_us + b->config->certificate_lifetime_us, b->turn,
	                     &env, &e) < 0) {
		x->person = arena_printf(b->turn, "this controller's enrol_key cannot sign: %s", e.msg);
		return false;
	}
	envelope_encode(&env, &bytes);
	*ret = arena_bytes(b->turn, buf_bytes(&bytes));
	return true;
}

/* ---- events ---- */

int enrol_find(struct brain *b, const char *agent, struct store_enrolment **ret, struct err *e)
{
	struct store_enrolment *list = NULL;
	size_t n = 0;
	*ret = NULL;
	if (store_enrolments(b->store, b->turn, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (str_eq(list[i].agent, agent) && !list[i].certificate.n)
			*ret = &list[i];
	return 0;
}

/* The one with this request, or this token; NULL for neither. */
static const struct store_enrolment *seen_before(const struct store_enrolment *list, size_t n, const uint8_t digest[DIGEST_SIZE], struct bytes nonce)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(list[i].digest, digest, DIGEST_SIZE) == 0 || (nonce.n && bytes_equal(list[i].nonce, nonce)))
			return &list[i];
	return NULL;
}

static int take_new(struct brain *b, struct asking *x, struct store_enrolment *n, struct err *e)
{
	char fingerprint[ENROL_FINGERPRINT_SIZE];
	if (store_enrolment_put(b->store, n, e) < 0)
		return -1;
	if (sign_by_itself(b, x, &n->certificate))
		return enrol_grant(b, n, n->certificate, "controller", e);
	enrol_fingerprint(n->request, fingerprint);
	log_info("agent %s asks %s%s%s: fingerprint %s: rollcall agents approve %s", n->agent, n->nonce.n ? "to be enrolled" : "for new keys",
	         x->person ? ", and " : "", x->person ? x->person : "", fingerprint, n->agent);
	return brain_log_agent(b, n->agent, "enrol-asked", arena_strdup(b->turn, fingerprint), e);
}

/* A request that was refused leaves nothing behind but a line in the log: strangers could fill a store. */
static int on_request(struct brain *b, const struct hub_event *ev, struct err *e)
{
	struct asking x = {.m = &ev->msg.enrol_req, .ev = ev};
	struct store_enrolment *list = NULL;
	size_t n = 0, waiting = 0;
	struct err why = ERR_INIT;
	if (store_enrolments_prune(b->store, b->now_us - KEEP_US, e) < 0 || store_enrolments(b->store, b->turn, &list, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		waiting += !list[i].certificate.n;
	digest_sha256(x.m->request, x.digest);
	const struct store_enrolment *same = seen_before(list, n, x.digest, bytes_of(NULL, 0));
	if (same && str_eq(same->curve_key, ev->from.curve_key)) { /* its answer was lost */
		answer_state(b, ev->session, same);
		return 0;
	}
	int rc = check_asking(b, &x, &why);
	struct bytes nonce = x.m->token.n ? bytes_of(x.token.nonce, ENROL_NONCE_SIZE) : bytes_of(NULL, 0);
	if (rc == 0 && seen_before(list, n, x.digest, nonce))
		rc = err_set(&why, ERR_POLICY, "the token for %s was used already: a token is good for one request; have a new one made", x.token.agent);
	if (rc == 0 && waiting >= WAITING_MAX)
		rc = err_set(&why, ERR_LIMIT, "%zu requests wait already: have them approved first", waiting);
	if (rc < 0) {
		log_warn("enrolment refused: %s", why.msg);
		deny(b, ev->session, &why);
		return 0;
	}
	if (x.is_granted) {
		struct store_enrolment granted = {0};
		if (agent_certificate(b, agent_by_name(b, x.request.agent), &granted.certificate, e) < 0)
			return -1;
		answer_state(b, ev->session, &granted);
		return 0;
	}
	struct store_enrolment fresh = {
	    .nonce = nonce, .agent = x.request.agent, .curve_key = x.request.curve_key, .request = x.m->request, .asked_at_us = b->now_us};
	memcpy(fresh.digest, x.digest, DIGEST_SIZE);
	if (take_new(b, &x, &fresh, e) < 0)
		return -1;
	answer_state(b, ev->session, &fresh);
	return 0;
}

static int on_poll(struct brain *b, const struct hub_event *ev, struct err *e)
{
	struct store_enrolment *list = NULL;
	size_t n = 0;
	if (store_enrolments(b->store, b->turn, &list, &n, e) < 0)
		return -1;
	const struct store_enrolment *found = seen_before(list, n, ev->msg.enrol_poll.request_digest, bytes_of(NULL, 0));
	if (found && str_eq(found->curve_key, ev->from.curve_key)) {
		answer_state(b, ev->session, found);
		return 0;
	}
	struct err why = ERR_INIT;
	(void)err_set(&why, ERR_NOT_FOUND, "no such request waits here: ask again with a token");
	deny(b, ev->session, &why);
	return 0;
}

int enrol_event(struct brain *b, const struct hub_event *ev, struct err *e)
{
	return ev->msg.type == MSG_ENROL_REQ ? on_request(b, ev, e) : on_poll(b, ev, e);
}
