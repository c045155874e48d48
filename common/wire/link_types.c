/* The link's closed sets: the 48-byte header, the names of types and verbs, and the table of who may send what where. Default deny: a cell that is not written
 * here is false. proto/README.md tells the same as a grammar. */
#include "common/wire/link.h"

#include <string.h>

#include "common/wire/limits.h"

#define MAGIC "RCP1"

static const char *const type_names[MSG_TYPE_COUNT] = {
    [MSG_INVALID] = "INVALID",
    [MSG_HELLO] = "HELLO",
    [MSG_TARGETS] = "TARGETS",
    [MSG_HEARTBEAT] = "HEARTBEAT",
    [MSG_ACCEPT] = "ACCEPT",
    [MSG_REFUSE] = "REFUSE",
    [MSG_PROGRESS] = "PROGRESS",
    [MSG_REPORT] = "REPORT",
    [MSG_SURVEY_RESULT] = "SURVEY_RESULT",
    [MSG_BYE] = "BYE",
    [MSG_WELCOME] = "WELCOME",
    [MSG_DENY] = "DENY",
    [MSG_RETRY_AFTER] = "RETRY_AFTER",
    [MSG_HEARTBEAT_ACK] = "HEARTBEAT_ACK",
    [MSG_OFFER] = "OFFER",
    [MSG_RECALL] = "RECALL",
    [MSG_STOP] = "STOP",
    [MSG_REPORT_ACK] = "REPORT_ACK",
    [MSG_SURVEY] = "SURVEY",
    [MSG_FETCH] = "FETCH",
    [MSG_CHUNK] = "CHUNK",
    [MSG_NAK] = "NAK",
    [MSG_PUT] = "PUT",
    [MSG_PUT_ACK] = "PUT_ACK",
    [MSG_COMMAND] = "COMMAND",
    [MSG_REPLY] = "REPLY",
    [MSG_UNHELD] = "UNHELD",
    [MSG_TRUST_UPDATE] = "TRUST_UPDATE",
    [MSG_ENROL_REQ] = "ENROL_REQ",
    [MSG_ENROL_POLL] = "ENROL_POLL",
    [MSG_ENROL_PENDING] = "ENROL_PENDING",
    [MSG_ENROL_GRANT] = "ENROL_GRANT",
    [MSG_ENROL_DENY] = "ENROL_DENY",
    [MSG_FACTS] = "FACTS",
};

static const char *const verb_names[VERB_COUNT] = {
    [VERB_INVALID] = "invalid",
    [VERB_PING] = "ping",
    [VERB_RELEASE_ADD] = "release-add",
    [VERB_RELEASE_LIST] = "release-list",
    [VERB_ROLLOUT_PREVIEW] = "rollout-preview",
    [VERB_ROLLOUT_START] = "rollout-start",
    [VERB_ROLLOUT_ORDER] = "rollout-order",
    [VERB_ROLLOUT_APPROVE] = "rollout-approve",
    [VERB_ROLLOUT_LIST] = "rollout-list",
    [VERB_ROLLOUT_STATUS] = "rollout-status",
    [VERB_ROLLOUT_PAUSE] = "rollout-pause",
    [VERB_ROLLOUT_RESUME] = "rollout-resume",
    [VERB_ROLLOUT_ABORT] = "rollout-abort",
    [VERB_ROLLOUT_RETRY] = "rollout-retry",
    [VERB_ROLLOUT_ROLLBACK] = "rollout-rollback",
    [VERB_AGENT_ADMIT] = "agent-admit",
    [VERB_AGENT_LIST] = "agent-list",
    [VERB_TARGET_LIST] = "target-list",
    [VERB_HISTORY] = "history",
    [VERB_TRUST_SHOW] = "trust-show",
    [VERB_AUDIT_ROWS] = "audit-rows",
    [VERB_AUDIT_LIST] = "audit-list",
    [VERB_AUDIT_DOCUMENT] = "audit-document",
    [VERB_ROLLOUT_SKIP] = "rollout-skip",
    [VERB_TARGET_QUARANTINE] = "target-quarantine",
    [VERB_TARGET_UNQUARANTINE] = "target-unquarantine",
    [VERB_FREEZE_ADD] = "freeze-add",
    [VERB_FREEZE_LIST] = "freeze-list",
    [VERB_FREEZE_REMOVE] = "freeze-remove",
    [VERB_ROLLOUT_CATCH_UP] = "rollout-catch-up",
    [VERB_AGENT_REVOKE] = "agent-revoke",
    [VERB_AGENT_APPROVE] = "agent-approve",
    [VERB_TRUST_PUSH] = "trust-push",
    [VERB_AGENT_REQUEST] = "agent-request",
    [VERB_FLEET_STATUS] = "fleet-status",
    [VERB_TARGET_SHOW] = "target-show",
};

/* The blob socket has no HELLO: the key is the whole session, so its peers are READY from the start. An operator's session starts with its first COMMAND. */
static const bool allowed[SOCKET_COUNT][LINK_ROLE_COUNT][LINK_STATE_COUNT][MSG_TYPE_COUNT] = {
    [SOCKET_CTRL][LINK_AGENT][LINK_NEW] = {[MSG_HELLO] = true},
    [SOCKET_CTRL][LINK_AGENT][LINK_READY] = {[MSG_TARGETS] = true,
                                             [MSG_HEARTBEAT] = true,
                                             [MSG_ACCEPT] = true,
                                             [MSG_REFUSE] = true,
                                             [MSG_PROGRESS] = true,
                                             [MSG_REPORT] = true,
                                             [MSG_SURVEY_RESULT] = true,
                                             [MSG_FACTS] = true,
                                             [MSG_UNHELD] = true,
                                             [MSG_BYE] = true},
    [SOCKET_CTRL][LINK_OPERATOR][LINK_NEW] = {[MSG_COMMAND] = true},
    [SOCKET_CTRL][LINK_OPERATOR][LINK_READY] = {[MSG_COMMAND] = true, [MSG_BYE] = true},
    [SOCKET_CTRL][LINK_CONTROLLER][LINK_NEW] = {[MSG_WELCOME] = true, [MSG_DENY] = true, [MSG_RETRY_AFTER] = true},
    [SOCKET_CTRL][LINK_CONTROLLER][LINK_READY] = {[MSG_HEARTBEAT_ACK] = true,
                                                  [MSG_OFFER] = true,
                                                  [MSG_RECALL] = true,
                                                  [MSG_STOP] = true,
                                                  [MSG_REPORT_ACK] = true,
                                                  [MSG_SURVEY] = true,
                                                  [MSG_DENY] = true,
                                                  [MSG_REPLY] = true,
                                                  [MSG_TRUST_UPDATE] = true},
    [SOCKET_BLOB][LINK_AGENT][LINK_READY] = {[MSG_FETCH] = true},
    [SOCKET_BLOB][LINK_OPERATOR][LINK_READY] = {[MSG_PUT] = true},
    [SOCKET_ENROL][LINK_STRANGER][LINK_NEW] = {[MSG_ENROL_REQ] = true, [MSG_ENROL_POLL] = true},
    [SOCKET_ENROL][LINK_CONTROLLER][LINK_NEW] =
        {[MSG_ENROL_PENDING] = true, [MSG_ENROL_GRANT] = true, [MSG_ENROL_DENY] = true, [MSG_RETRY_AFTER] = true},
    [SOCKET_BLOB][LINK_CONTROLLER][LINK_READY] = {[MSG_CHUNK] = true, [MSG_NAK] = true, [MSG_PUT_ACK] = true},
};

bool link_allowed(enum link_socket s, enum link_role sender, enum link_state state, enum msg_type t)
{
	if ((unsigned)s >= SOCKET_COUNT || (unsigned)sender >= LINK_ROLE_COUNT || (unsigned)state >= LINK_STATE_COUNT || (unsigned)t >= MSG_TYPE_COUNT)
		return false;
	return allowed[s][sender][state][t];
}

const char *msg_type_name(enum msg_type t)
{
	return (unsigned)t < MSG_TYPE_COUNT ? type_names[t] : "INVALID";
}

const char *verb_name(enum verb v)
{
	return (unsigned)v < VERB_COUNT ? verb_names[v] : "invalid";
}

static void put_le(uint8_t *p, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get_le(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

void link_header_encode(const struct link_header *h, uint8_t out[LINK_HEADER_SIZE])
{
	memcpy(out, MAGIC, 4);
	out[4] = h->proto;
	out[5] = h->type;
	put_le(out + 6, h->flags, 2);
	put_le(out + 8, h->session, 8);
	put_le(out + 16, h->seq, 8);
	put_le(out + 24, h->ack, 8);
	put_le(out + 32, h->epoch, 4);
	put_le(out + 36, h->body_len, 4);
	put_le(out + 40, 0, 8);
}

int link_header_decode(struct bytes data, struct link_header *ret, struct err *e)
{
	if (data.n != LINK_HEADER_SIZE)
		return err_set(e, ERR_PARSE, "header: %zu bytes, must be %d", data.n, LINK_HEADER_SIZE);
	const uint8_t *p = data.p;
	if (memcmp(p, MAGIC, 4) != 0)
		return err_set(e, ERR_PARSE, "header: not a Rollcall frame");
	if (p[4] != LINK_PROTO)
		return err_set(e, ERR_PARSE, "header: protocol %u; this end speaks %d", p[4], LINK_PROTO);
	if (p[5] == MSG_INVALID || p[5] >= MSG_TYPE_COUNT)
		return err_set(e, ERR_PARSE, "header: unknown message type %u", p[5]);
	if (get_le(p + 6, 2) != 0 || get_le(p + 40, 8) != 0)
		return err_set(e, ERR_PARSE, "header: flags or reserved bits are set");
	uint64_t body_len = get_le(p + 36, 4);
	if (body_len > LIMIT_FRAME_BODY)
		return err_set(e, ERR_LIMIT, "header: body of %llu bytes; at most %zu are allowed", (unsigned long long)body_len, LIMIT_FRAME_BODY);
	*ret = (struct link_header){
	    .proto = p[4],
	    .type = p[5],
	    .session = get_le(p + 8, 8),
	    .seq = get_le(p + 16, 8),
	    .ack = get_le(p + 24, 8),
	    .epoch = (uint32_t)get_le(p + 32, 4),
	    .body_len = (uint32_t)body_len,
	};
	return 0;
}
