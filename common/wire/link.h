/* The link's messages: closed types, their plain structs, codecs and frames. A frame on the wire is
 *   F0  48 bytes, little endian: 'RCP1' u32 | proto u8 | type u8 | flags u16 | session u64 | seq u64 | ack u64 | epoch u32 | body_len u32 | reserved u64
 *   F1  protobuf body, at most LIMIT_FRAME_BODY
 *   F2  raw bytes, only for CHUNK and PUT, at most LIMIT_CHUNK
 * Exactly these; more or fewer frames are a protocol error. Source: the link protocol RCP/1 in proto/README.md. */
#ifndef COMMON_WIRE_LINK_H
#define COMMON_WIRE_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/model/order.h"
#include "common/model/report.h"
#include "common/model/target.h"

#define LINK_PROTO       1 /* of the frames, and the lowest that HELLO and WELCOME may agree on */
#define LINK_PROTO_CLOCK 2 /* from this one on HEARTBEAT says the agent's time */
#define LINK_PROTO_MAX   2
#define LINK_HEADER_SIZE 48

/* Between an agent's clock and the controller's: told from the first on; from the second on a person has to set one right, as windows, expiry and freshness go by the agent's. */
#define LINK_CLOCK_TOLD_US ((int64_t)2 * 1000000)
#define LINK_CLOCK_BAD_US  ((int64_t)60 * 1000000)

enum msg_type {
	MSG_INVALID = 0,
	/* agent -> controller */
	MSG_HELLO,
	MSG_TARGETS,
	MSG_HEARTBEAT,
	MSG_ACCEPT,
	MSG_REFUSE,
	MSG_PROGRESS,
	MSG_REPORT,
	MSG_SURVEY_RESULT,
	MSG_BYE,
	/* controller -> agent */
	MSG_WELCOME,
	MSG_DENY,
	MSG_RETRY_AFTER,
	MSG_HEARTBEAT_ACK,
	MSG_OFFER,
	MSG_RECALL,
	MSG_STOP,
	MSG_REPORT_ACK,
	MSG_SURVEY,
	/* blob socket */
	MSG_FETCH,
	MSG_CHUNK,
	MSG_NAK,
	MSG_PUT,
	MSG_PUT_ACK,
	/* operator */
	MSG_COMMAND,
	MSG_REPLY,
	/* agent -> controller */
	MSG_UNHELD, /* a task that was refused as held may be offered again now, or its target have a new order */
	/* controller -> agent */
	MSG_TRUST_UPDATE,
	/* enrolment socket: a stranger asks, the controller answers */
	MSG_ENROL_REQ,
	MSG_ENROL_POLL,
	MSG_ENROL_PENDING,
	MSG_ENROL_GRANT,
	MSG_ENROL_DENY,
	/* agent -> controller */
	MSG_FACTS, /* what looks at its targets found */
	MSG_TYPE_COUNT
};

/* What an operator may ask. Append only. Named after each: arguments -> columns of the reply's rows.
 * Replies: `columns` carry the marks of table_new ('+' only wide and machine formats, '#' a number, '~' a sentence); a reply with other columns begins another table; long tables come in
 * several replies with the same columns. The last reply's `message` says in words what is so now and what to type next; its `exit_code` is the tool's (common/cli/cmd.h); a
 * refusal has `error_code` (err_code_name) and its reason in `message`. `release` is a version or the manifest's digest in hex; `rollout` an id or a unique beginning of one.
 * `detail` is the reason of a state, `next` what to type. Times are clock_text(). */
enum verb {
	VERB_INVALID = 0,
	VERB_PING, /* -> key,value: controller (version), epoch, trust and fresh (versions), agents, targets, rollouts */
	VERB_RELEASE_ADD, /* hash (hex): of an uploaded envelope; verified, then listed -> as RELEASE_LIST */
	VERB_RELEASE_LIST, /* -> version,project,#sequence,#changesets,signed-by,added,+digest */
	/* document: plan text; release, environment, direction?, except*, target*, start-at? -> target,wave,engine,changeset,action,detail: a row for each pending changeset in order; action is apply,
	 * resume (some steps are done), rollback, nothing (one row, changeset empty), blocked (why in detail) or unknown (not surveyed: why in detail) */
	VERB_ROLLOUT_PREVIEW,
	VERB_ROLLOUT_START, /* the same -> rollout,state,release,environment,direction,#targets; exit 3 while approvals are awaited */
	VERB_ROLLOUT_ORDER, /* rollout -> document: order bytes, in the first reply; #index,#wave,target,salt (hex): the leaves in their order, wave from 0 */
	VERB_ROLLOUT_APPROVE, /* rollout; document: approval or gate pass, an envelope -> as ROLLOUT_LIST; exit 3 while more of them are needed */
	VERB_ROLLOUT_LIST, /* -> rollout,state,release,environment,direction,#targets,#applied,#failed,#open,created,detail */
	/* rollout, target* (globs), fold? -> three tables: as ROLLOUT_LIST,+present-wave,+#moving,+#eyes,+#per-minute,+#seconds-left,+next; wave,state,#targets,#applied,#failed,#open,max-failures,
	 * detail,+#moving,+#eyes,+#soak-seconds; target,wave,state,step,#attempt,detail,next,+changeset,+since,+until. With fold and more targets than that: only what needs eyes, then what
	 * moves, at most so many, and before them a table others,#targets: how many are not listed, by their state.
	 * exit 0 succeeded or under way, 3 awaits approval or a gate pass, 4 targets failed (halted, failed, rolled back), 5 something needs attention, 1 aborted */
	VERB_ROLLOUT_STATUS,
	VERB_ROLLOUT_PAUSE, /* rollout, reason? -> as ROLLOUT_LIST, these five */
	VERB_ROLLOUT_RESUME, /* rollout, reason? */
	VERB_ROLLOUT_ABORT, /* rollout, reason */
	VERB_ROLLOUT_RETRY, /* rollout, target*, reason?; none: all that failed */
	VERB_ROLLOUT_ROLLBACK, /* rollout, except*, reason? -> a new rollout of direction rollback over the targets that applied it */
	VERB_AGENT_ADMIT, /* document: certificate envelope -> as AGENT_LIST */
	VERB_AGENT_LIST, /* -> agent,state (online, offline, held, revoked),site,#targets,version,last-seen,~detail,+serial,+expires */
	/* selector?, only* (behind, drifted, held, quarantined, offline, trouble: any of them), limit?, after? (an id) -> target,engine,agent,state (online, held, trouble, offline,
	 * quarantine),release,+lacks (its environment's present release, if it has it not),labels,+detail,+until,+version,+size,+lag,+last-apply,+looked,+schema (as-left, drift; empty:
	 * not known),+fingerprint,+ledger-rows */
	VERB_TARGET_LIST,
	VERB_HISTORY, /* target?, rollout?, limit? -> at,target,rollout,release,direction,outcome,#attempt,detail,+agent,+report */
	VERB_TRUST_SHOW, /* -> document: trust envelope */
	VERB_ROLLOUT_SKIP, /* rollout, target+, reason -> as ROLLOUT_LIST */
	VERB_TARGET_QUARANTINE, /* target, reason -> target,reason,by,since */
	VERB_TARGET_UNQUARANTINE, /* target, reason? -> nothing */
	VERB_FREEZE_ADD, /* selector?, from?, until, reason -> freeze,selector,from,until,state (waits, in-force),reason,by,#targets */
	VERB_FREEZE_LIST, /* -> the same */
	VERB_FREEZE_REMOVE, /* freeze, reason? -> nothing */
	VERB_ROLLOUT_CATCH_UP, /* document: plan text; environment, release?, reason? -> as ROLLOUT_START, over the targets that lack the release; by default the environment's present one */
	VERB_AGENT_REVOKE, /* agent, reason -> as AGENT_LIST */
	VERB_AGENT_APPROVE, /* agent; document: certificate envelope for one that waits to be enrolled, none for one that is held -> as AGENT_LIST */
	VERB_TRUST_PUSH, /* document: the next trust document, a freshness document or a revocation, signed; force (a trust document though it shuts somebody out) -> key,value: trust, fresh (versions) */
	VERB_AUDIT_ROWS, /* after (seq)? -> #seq,#at-us,actor,rollout,object,event,from,to,detail,ref,evidence (hex),hash (hex): at most some thousands at a time, until none come */
	VERB_AUDIT_LIST, /* from-us?, to-us?, target? -> kind,name,#size: the documents that the rows' evidence names */
	VERB_AUDIT_DOCUMENT, /* kind, name, offset? -> document: its bytes from there on, as many as one reply holds; key,value: size */
	VERB_AGENT_REQUEST, /* agent -> document: the text of its request; key,value: what a person compares */
	/* limit? (of the last table) -> four tables: fleet,controller,#epoch,#trust,#fresh,#fresh-age (seconds),#audit-rows,#agents,#agents-online,#targets,#online,#offline,#trouble,#held,
	 * #quarantined,#drifted,#behind; version,#agents,#online; rollout,state,release,environment,direction,present-wave,#targets,#applied,#failed,#open,#moving,#per-minute,#seconds-left,~detail,~next: those
	 * that run or wait; needs-eyes,kind (target, agent, rollout, freeze, trust),state,#targets,rollout,since,until,~detail,~next: the worst first. exit: the worst of ROLLOUT_STATUS */
	VERB_FLEET_STATUS,
	/* target -> four tables, once its ledger was asked: target,state,detail,engine,version,...: one row; rollout,release,environment,direction,wave,state,step,#attempt,since,~detail,~next:
	 * deliveries of rollouts that are not over; changeset,state (as its ledger has it, or pending),release,#steps-done,~detail; at,rollout,release,direction,outcome,#attempt,~detail,
	 * +agent: its last reports */
	VERB_TARGET_SHOW,
	VERB_COUNT
};

struct link_header {
	uint8_t proto, type;
	uint16_t flags;
	uint64_t session, seq, ack;
	uint32_t epoch, body_len;
};

void link_header_encode(const struct link_header *h, uint8_t out[LINK_HEADER_SIZE]);
int link_header_decode(struct bytes data, struct link_header *ret, struct err *e) MUST_CHECK;
const char *msg_type_name(enum msg_type t);
const char *verb_name(enum verb v);

/* Who may send what where: the closed table. */
enum link_socket { SOCKET_CTRL, SOCKET_BLOB, SOCKET_ENROL, SOCKET_COUNT };
enum link_role {
	LINK_AGENT,
	LINK_OPERATOR,
	LINK_CONTROLLER,
	LINK_STRANGER,
	LINK_ROLE_COUNT
}; /* the sender; a stranger: a key that nobody has admitted */
enum link_state { LINK_NEW, LINK_READY, LINK_STATE_COUNT };
bool link_allowed(enum link_socket s, enum link_role sender, enum link_state state, enum msg_type t);

struct msg_hello {
	const char *agent, *agent_version;
	struct bytes certificate, boot_id, signature;
	uint32_t proto_min, proto_max, max_epoch;
	uint64_t session_counter, trust_version, report_seq;
};
struct msg_welcome {
	uint64_t session, resume_from;
	uint32_t proto, epoch, heartbeat_ms, spread_ms;
	int64_t now_us;
	struct audit_head audit;
};
struct msg_deny {
	const char *code, *message;
}; /* DENY, ENROL_DENY */
struct msg_retry_after {
	uint32_t ms, jitter_ms;
};
struct msg_enrol_req {
	struct bytes token, request, signature, former_signature;
};
struct msg_enrol_poll {
	uint8_t request_digest[DIGEST_SIZE];
};
struct msg_enrol_pending {
	const char *fingerprint;
	uint32_t poll_ms;
};
struct msg_enrol_grant {
	struct bytes certificate;
};
struct msg_targets {
	struct target *targets;
	size_t n_targets;
	bool first, last;
};
struct msg_facts {
	struct target_facts *facts;
	size_t n_facts;
};
struct msg_heartbeat {
	uint32_t running, queued;
	uint64_t report_seq;
	int64_t wall_us; /* the agent's clock as it sent this; 0: not said */
};
struct msg_heartbeat_ack {
	uint32_t heartbeat_ms;
};
struct msg_offer {
	uint8_t task[TASK_SIZE];
	uint32_t attempt, epoch;
	const char *target;
	uint8_t release_hash[DIGEST_SIZE], dossier_hash[DIGEST_SIZE];
	uint64_t release_size, dossier_size;
	struct bytes proof;
	int64_t deadline_us;
	enum direction direction; /* rollback under an apply order: see order_allows_rollback */
};
struct msg_task { /* ACCEPT, REFUSE, RECALL, STOP, UNHELD */
	uint8_t task[TASK_SIZE];
	uint32_t attempt;
	const char *code, *message;
	int64_t until_us;
};
struct msg_progress {
	uint8_t task[TASK_SIZE];
	uint32_t attempt, step, of_steps;
	const char *state, *changeset, *detail;
};
struct msg_report {
	uint64_t seq;
	struct bytes envelope;
};
struct msg_report_ack {
	uint64_t seq;
	struct audit_head audit;
};
struct msg_survey {
	uint64_t id;
	const char *target;
	uint8_t task[TASK_SIZE]; /* zero without probe */
	uint32_t probe; /* 0: the ledger is asked for */
};
struct survey_entry {
	const char *project, *changeset, *state, *release_version;
	uint8_t digest[DIGEST_SIZE];
	uint32_t steps_done; /* of the last run, in the direction under way */
};
struct msg_survey_result {
	uint64_t id;
	const char *target, *error_code, *error_message, *engine_version, *database_identity, *probe_value;
	struct survey_entry *entries;
	size_t n_entries;
	bool last;
	uint8_t fingerprint[DIGEST_SIZE]; /* of the schema as it is now; zero: not taken */
	uint32_t fingerprint_form;
};
struct document_ref {
	uint64_t version, size; /* size 0: there is none */
	uint8_t hash[DIGEST_SIZE];
};
struct msg_trust_update {
	struct document_ref *trust; /* in ascending order of version, or the message is refused */
	size_t n_trust;
	struct document_ref fresh;
};
struct msg_fetch {
	uint8_t hash[DIGEST_SIZE];
	uint32_t first, count;
};
struct msg_chunk {
	uint8_t hash[DIGEST_SIZE];
	uint32_t index, of;
}; /* CHUNK, PUT */
struct msg_nak {
	uint8_t hash[DIGEST_SIZE];
	const char *message;
};
struct msg_put_ack {
	uint8_t hash[DIGEST_SIZE];
	uint32_t index;
	bool complete;
};
struct link_argument {
	const char *key, *value;
};
struct msg_command {
	uint64_t id;
	enum verb verb;
	struct link_argument *arguments;
	size_t n_arguments;
	struct bytes document;
};
struct link_row {
	const char **cells;
	size_t n_cells;
};
struct msg_reply {
	uint64_t id;
	bool last;
	uint32_t exit_code;
	const char *error_code, *message;
	const char **columns;
	size_t n_columns;
	struct link_row *rows;
	size_t n_rows;
	struct bytes document;
};

struct msg { /* one decoded message; strings and bytes live in the arena it was decoded into */
	enum msg_type type;
	union {
		struct msg_hello hello;
		struct msg_welcome welcome;
		struct msg_deny deny;
		struct msg_retry_after retry_after;
		struct msg_targets targets;
		struct msg_facts facts;
		struct msg_heartbeat heartbeat;
		struct msg_heartbeat_ack heartbeat_ack;
		struct msg_offer offer;
		struct msg_task task;
		struct msg_progress progress;
		struct msg_report report;
		struct msg_report_ack report_ack;
		struct msg_survey survey;
		struct msg_survey_result survey_result;
		struct msg_fetch fetch;
		struct msg_chunk chunk;
		struct msg_nak nak;
		struct msg_put_ack put_ack;
		struct msg_command command;
		struct msg_reply reply;
		struct msg_trust_update trust_update;
		struct msg_enrol_req enrol_req;
		struct msg_enrol_poll enrol_poll;
		struct msg_enrol_pending enrol_pending;
		struct msg_enrol_grant enrol_grant;
	};
};

/* Appends the body. The caller keeps it within LIMIT_FRAME_BODY (split lists into several messages); whoever sends a larger one gets ERR_LIMIT. Free texts are cut at
 * LIMIT_LINK_TEXT and made UTF-8. */
void msg_encode(const struct msg *m, struct buf *ret);
/* Strict: size, UTF-8, ids and names, digest lengths, counts; unknown fields are refused. Texts are "" when absent, never NULL. Give it an arena of
 * LIMIT_ARENA_MESSAGE. ERR_PARSE or ERR_LIMIT "TYPE: what". */
int msg_decode(enum msg_type type, struct bytes body, struct arena *a, struct msg *ret, struct err *e) MUST_CHECK;

#endif
