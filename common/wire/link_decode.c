/* Protobuf bodies of the link into plain structs: strict, capped, everything in the caller's arena. Texts are never NULL after decoding, "" when absent. What agent and controller say to
 * each other is here; enrolment, blobs and operators have a file each (link_codec.h). */
#include <inttypes.h>
#include <string.h>

#include "common/base/str.h"
#include "common/wire/limits.h"
#include "common/wire/link_codec.h"
#include "proto/link.pb-c.h"

#define BOOT_ID_MAX    64
#define PROOF_MAX      ((size_t)4 * 1024)
#define LABELS_MAX     64
#define LABEL_TEXT_MAX 256

int link_check_length(const char *s, const char *what, size_t max, struct err *e)
{
	size_t n = strlen(s);
	return n <= max ? 0 : err_set(e, ERR_LIMIT, "%s: %zu bytes; at most %zu are allowed", what, n, max);
}

static int check_target(const char *id, struct err *e)
{
	return str_is_target_id(id) ? 0 : err_set(e, ERR_PARSE, "target: not a target id");
}

static int decode_hello(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	(void)a;
	const Rollcall__V1__Hello *p = pb;
	if (!str_is_name(p->agent))
		return err_set(e, ERR_PARSE, "agent: not a name");
	if (p->proto_min > p->proto_max)
		return err_set(e, ERR_PARSE, "proto_min %u is above proto_max %u", p->proto_min, p->proto_max);
	if (p->boot_id.len > BOOT_ID_MAX || p->certificate.len > CERTIFICATE_MAX)
		return err_set(e, ERR_LIMIT, "boot_id or certificate is too long");
	if (p->signature.len != 64)
		return err_set(e, ERR_PARSE, "signature: %zu bytes, must be 64", p->signature.len);
	if (link_check_length(p->agent_version, "agent_version", CODE_MAX, e) != 0)
		return -1;
	ret->hello = (struct msg_hello){
	    .agent = p->agent,
	    .agent_version = p->agent_version,
	    .certificate = pb_to_bytes(p->certificate),
	    .boot_id = pb_to_bytes(p->boot_id),
	    .signature = pb_to_bytes(p->signature),
	    .proto_min = p->proto_min,
	    .proto_max = p->proto_max,
	    .max_epoch = p->max_epoch,
	    .session_counter = p->session_counter,
	    .trust_version = p->trust_version,
	    .report_seq = p->report_seq,
	};
	return 0;
}

static int decode_audit(uint64_t seq, ProtobufCBinaryData hash, struct audit_head *ret, struct err *e)
{
	if (seq > INT64_MAX)
		return err_set(e, ERR_PARSE, "audit_seq: above 2^63-1");
	ret->seq = seq;
	return pb_fixed(hash, "audit_hash", ret->hash, DIGEST_SIZE, e);
}

static int decode_welcome(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	(void)a;
	const Rollcall__V1__Welcome *p = pb;
	if (p->heartbeat_ms == 0 || p->heartbeat_ms > HEARTBEAT_MAX_MS)
		return err_set(e, ERR_PARSE, "heartbeat_ms: %u is outside 1 to %u", p->heartbeat_ms, HEARTBEAT_MAX_MS);
	if (p->spread_ms > HEARTBEAT_MAX_MS)
		return err_set(e, ERR_PARSE, "spread_ms: %u is above %u", p->spread_ms, HEARTBEAT_MAX_MS);
	ret->welcome = (struct msg_welcome){
	    .session = p->session,
	    .resume_from = p->resume_from,
	    .proto = p->proto,
	    .epoch = p->epoch,
	    .heartbeat_ms = p->heartbeat_ms,
	    .spread_ms = p->spread_ms,
	    .now_us = p->now_us,
	};
	return decode_audit(p->audit_seq, p->audit_hash, &ret->welcome.audit, e);
}

static int decode_deny(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	(void)a;
	const Rollcall__V1__Deny *p = pb;
	if (link_check_length(p->code, "code", CODE_MAX, e) != 0 || link_check_length(p->message, "message", LIMIT_LINK_TEXT, e) != 0)
		return -1;
	ret->deny = (struct msg_deny){.code = p->code, .message = p->message};
	return 0;
}

static int decode_retry_after(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	(void)a;
	const Rollcall__V1__RetryAfter *p = pb;
	if (p->ms > HEARTBEAT_MAX_MS || p->jitter_ms > HEARTBEAT_MAX_MS)
		return err_set(e, ERR_PARSE, "ms or jitter_ms is above %u", HEARTBEAT_MAX_MS);
	ret->retry_after = (struct msg_retry_after){.ms = p->ms, .jitter_ms = p->jitter_ms};
	return 0;
}

static int decode_target(const Rollcall__V1__TargetInfo *p, struct arena *a, struct target *ret, struct err *e)
{
	if (check_target(p->id, e) != 0)
		return -1;
	if (!str_is_name(p->engine))
		return err_set(e, ERR_PARSE, "target %s: its engine is not a name", p->id);
	if (p->n_label_keys != p->n_label_values || p->n_label_keys > LABELS_MAX)
		return err_set(e, ERR_PARSE, "target %s: %zu label keys and %zu values", p->id, p->n_label_keys, p->n_label_values);
	struct label *labels = arena_try_alloc(a, p->n_label_keys * sizeof *labels);
	if (!labels)
		return err_set(e, ERR_LIMIT, "targets: too large");
	for (size_t i = 0; i < p->n_label_keys; i++) {
		if (link_check_length(p->label_keys[i], "label key", LABEL_TEXT_MAX, e) != 0 ||
		    link_check_length(p->label_values[i], "label value", LABEL_TEXT_MAX, e) != 0)
			return -1;
		labels[i] = (struct label){.key = p->label_keys[i], .value = p->label_values[i]};
	}
	*ret = (struct target){.id = p->id, .engine = p->engine, .labels = labels, .n_labels = p->n_label_keys};
	return 0;
}

static int decode_targets(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	const Rollcall__V1__Targets *p = pb;
	if (p->n_targets > LIMIT_TARGETS_PER_AGENT)
		return err_set(e, ERR_LIMIT, "%zu targets; at most %d are allowed", p->n_targets, LIMIT_TARGETS_PER_AGENT);
	struct target *t = arena_try_alloc(a, p->n_targets * sizeof *t);
	if (!t)
		return err_set(e, ERR_LIMIT, "targets: too large");
	for (size_t i = 0; i < p->n_targets; i++)
		if (decode_target(p->targets[i], a, &t[i], e) != 0)
			return -1;
	ret->targets = (struct msg_targets){.targets = t, .n_targets = p->n_targets, .first = p->first, .last = p->last};
	return 0;
}

static int decode_facts(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	const Rollcall__V1__Facts *p = pb;
	if (p->n_facts > LIMIT_TARGETS_PER_AGENT)
		return err_set(e, ERR_LIMIT, "facts of %zu targets; at most %d are allowed", p->n_facts, LIMIT_TARGETS_PER_AGENT);
	struct target_facts *facts = arena_try_alloc(a, (p->n_facts + 1) * sizeof *facts);
	if (!facts)
		return err_set(e, ERR_LIMIT, "facts: too large");
	for (size_t i = 0; i < p->n_facts; i++) {
		const Rollcall__V1__TargetFacts *f = p->facts[i];
		if (check_target(f->target, e) != 0)
			return -1;
		facts[i] = (struct target_facts){
		    .target = f->target, .version = f->version, .trouble = f->trouble, .size_bytes = f->size_bytes, .lag_ms = f->lag_ms, .at_us = f->at_us};
	}
	ret->facts = (struct msg_facts){.facts = facts, .n_facts = p->n_facts};
	return 0;
}

static int decode_heartbeat(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	(void)a;
	const Rollcall__V1__Heartbeat *p = pb;
	if (p->wall_us < 0)
		return err_set(e, ERR_PARSE, "wall_us: before 1970");
	ret->heartbeat = (struct msg_heartbeat){.running = p->running, .queued = p->queued, .report_seq = p->report_seq, .wall_us = p->wall_us};
	return 0;
}

static int decode_heartbeat_ack(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	(void)a;
	const Rollcall__V1__HeartbeatAck *p = pb;
	if (p->heartbeat_ms == 0 || p->heartbeat_ms > HEARTBEAT_MAX_MS)
		return err_set(e, ERR_PARSE, "heartbeat_ms: %u is outside 1 to %u", p->heartbeat_ms, HEARTBEAT_MAX_MS);
	ret->heartbeat_ack = (struct msg_heartbeat_ack){.heartbeat_ms = p->heartbeat_ms};
	return 0;
}

static int check_size(uint64_t size, const char *what, size_t max, struct err *e)
{
	if (size == 0 || size > max)
		return err_set(e, ERR_LIMIT, "%s: %llu bytes is outside 1 to %zu", what, (unsigned long long)size, max);
	return 0;
}

static int decode_offer(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	(void)a;
	const Rollcall__V1__Offer *p = pb;
	struct msg_offer o = {
	    .attempt = p->attempt,
	    .epoch = p->epoch,
	    .target = p->target,
	    .release_size = p->release_size,
	    .dossier_size = p->dossier_size,
	    .proof = pb_to_bytes(p->proof),
	    .deadline_us = p->deadline_us,
	};
	if (pb_fixed(p->task, "task", o.task, TASK_SIZE, e) != 0 || check_target(p->target, e) != 0 ||
	    pb_fixed(p->release_hash, "release_hash", o.release_hash, DIGEST_SIZE, e) != 0 ||
	    pb_fixed(p->dossier_hash, "dossier_hash", o.dossier_hash, DIGEST_SIZE, e) != 0 ||
	    check_size(p->release_size, "release_size", LIMIT_ENVELOPE, e) != 0 || check_size(p->dossier_size, "dossier_size", LIMIT_DOSSIER, e) != 0)
		return -1;
	if (p->proof.len > PROOF_MAX)
		return err_set(e, ERR_LIMIT, "proof: %zu bytes; at most %zu are allowed", p->proof.len, PROOF_MAX);
	if (!direction_parse(p->direction, &o.direction))
		return err_set(e, ERR_PARSE, "direction: neither apply nor rollback");
	ret->offer = o;
	return 0;
}

static int decode_answer(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	(void)a;
	const Rollcall__V1__TaskAnswer *p = pb;
	struct msg_task t = {.attempt = p->attempt, .code = p->code, .message = p->message, .until_us = p->until_us};
	if (pb_fixed(p->task, "task", t.task, TASK_SIZE, e) != 0 || link_check_length(p->code, "code", CODE_MAX, e) != 0 ||
	    link_check_length(p->message, "message", LIMIT_LINK_TEXT, e) != 0)
		return -1;
	ret->task = t;
	return 0;
}

static int decode_call(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	(void)a;
	const Rollcall__V1__TaskCall *p = pb;
	struct msg_task t = {.attempt = p->attempt, .code = "", .message = ""};
	if (pb_fixed(p->task, "task", t.task, TASK_SIZE, e) != 0)
		return -1;
	ret->task = t;
	return 0;
}

static int decode_progress(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	(void)a;
	const Rollcall__V1__Progress *p = pb;
	struct msg_progress g = {
	    .attempt = p->attempt, .step = p->step, .of_steps = p->of_steps, .state = p->state, .changeset = p->changeset, .detail = p->detail};
	if (pb_fixed(p->task, "task", g.task, TASK_SIZE, e) != 0 || link_check_length(p->state, "state", CODE_MAX, e) != 0 ||
	    link_check_length(p->changeset, "changeset", LIMIT_LINK_TEXT, e) != 0 || link_check_length(p->detail, "detail", LIMIT_LINK_TEXT, e) != 0)
		return -1;
	ret->progress = g;
	return 0;
}

static int decode_report(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	(void)a;
	const Rollcall__V1__ReportMessage *p = pb;
	if (p->seq == 0 || p->seq > INT64_MAX)
		return err_set(e, ERR_PARSE, "seq: outside 1 to 2^63-1");
	if (p->envelope.len == 0)
		return err_set(e, ERR_PARSE, "envelope: empty");
	ret->report = (struct msg_report){.seq = p->seq, .envelope = pb_to_bytes(p->envelope)};
	return 0;
}

static int decode_report_ack(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	(void)a;
	const Rollcall__V1__ReportAck *p = pb;
	if (p->seq > INT64_MAX)
		return err_set(e, ERR_PARSE, "seq: above 2^63-1");
	ret->report_ack = (struct msg_report_ack){.seq = p->seq};
	return decode_audit(p->audit_seq, p->audit_hash, &ret->report_ack.audit, e);
}

static int decode_survey(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	(void)a;
	const Rollcall__V1__Survey *p = pb;
	if (check_target(p->target, e) != 0)
		return -1;
	struct msg_survey s = {.id = p->id, .target = p->target, .probe = p->probe};
	if ((p->probe || p->task.len) && pb_fixed(p->task, "task", s.task, TASK_SIZE, e) != 0)
		return -1;
	ret->survey = s;
	return 0;
}

static int decode_survey_result(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	const Rollcall__V1__SurveyResult *p = pb;
	struct survey_entry *entries = arena_try_alloc(a, p->n_entries * sizeof *entries);
	if (!entries)
		return err_set(e, ERR_LIMIT, "entries: too many");
	if (check_target(p->target, e) != 0 || link_check_length(p->error_code, "error_code", CODE_MAX, e) != 0)
		return -1;
	for (size_t i = 0; i < p->n_entries; i++) {
		const Rollcall__V1__SurveyEntry *s = p->entries[i];
		if (pb_fixed(s->digest, "digest", entries[i].digest, DIGEST_SIZE, e) != 0 || link_check_length(s->state, "state", CODE_MAX, e) != 0)
			return -1;
		entries[i].project = s->project;
		entries[i].changeset = s->changeset;
		entries[i].state = s->state;
		entries[i].release_version = s->release_version;
		entries[i].steps_done = s->steps_done;
	}
	struct msg_survey_result result = {
	    .id = p->id,
	    .target = p->target,
	    .error_code = p->error_code,
	    .error_message = p->error_message,
	    .engine_version = p->engine_version,
	    .database_identity = p->database_identity,
	    .probe_value = p->probe_value,
	    .entries = entries,
	    .n_entries = p->n_entries,
	    .last = p->last,
	    .fingerprint_form = p->fingerprint_form,
	};
	if (pb_fixed(p->fingerprint, "fingerprint", result.fingerprint, DIGEST_SIZE, e) != 0)
		return -1;
	ret->survey_result = result;
	return 0;
}

static int decode_ref(const Rollcall__V1__DocumentRef *p, struct document_ref *ret, struct err *e)
{
	if (p->version == 0 || p->version > INT64_MAX)
		return err_set(e, ERR_PARSE, "version of a document is out of range");
	ret->version = p->version;
	ret->size = p->size;
	if (check_size(p->size, "size of a document", LIMIT_DOCUMENT, e) != 0)
		return -1;
	return pb_fixed(p->hash, "hash of a document", ret->hash, DIGEST_SIZE, e);
}

static int decode_trust_update(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	const Rollcall__V1__TrustUpdate *p = pb;
	struct msg_trust_update u = {.n_trust = p->n_trust};
	if (p->n_trust > LIMIT_TRUST_STEPS)
		return err_set(e, ERR_LIMIT, "%zu trust documents; at most %d are allowed", p->n_trust, LIMIT_TRUST_STEPS);
	u.trust = arena_try_alloc(a, p->n_trust * sizeof *u.trust);
	if (!u.trust)
		return err_set(e, ERR_LIMIT, "trust documents: too large");
	for (size_t i = 0; i < p->n_trust; i++) {
		if (decode_ref(p->trust[i], &u.trust[i], e) != 0)
			return -1;
		if (i && u.trust[i].version <= u.trust[i - 1].version)
			return err_set(e, ERR_PARSE, "trust documents: version %" PRIu64 " comes behind version %" PRIu64 "; they must be in ascending order",
			               u.trust[i].version, u.trust[i - 1].version);
	}
	if (p->fresh && decode_ref(p->fresh, &u.fresh, e) != 0)
		return -1;
	ret->trust_update = u;
	return 0;
}

static const struct {
	const ProtobufCMessageDescriptor *descriptor; /* NULL: an empty body */
	decode_fn *decode;
} decoders[MSG_TYPE_COUNT] = {
    [MSG_HELLO] = {&rollcall__v1__hello__descriptor, decode_hello},
    [MSG_TARGETS] = {&rollcall__v1__targets__descriptor, decode_targets},
    [MSG_HEARTBEAT] = {&rollcall__v1__heartbeat__descriptor, decode_heartbeat},
    [MSG_ACCEPT] = {&rollcall__v1__task_answer__descriptor, decode_answer},
    [MSG_REFUSE] = {&rollcall__v1__task_answer__descriptor, decode_answer},
    [MSG_PROGRESS] = {&rollcall__v1__progress__descriptor, decode_progress},
    [MSG_REPORT] = {&rollcall__v1__report_message__descriptor, decode_report},
    [MSG_SURVEY_RESULT] = {&rollcall__v1__survey_result__descriptor, decode_survey_result},
    [MSG_BYE] = {NULL, NULL},
    [MSG_WELCOME] = {&rollcall__v1__welcome__descriptor, decode_welcome},
    [MSG_DENY] = {&rollcall__v1__deny__descriptor, decode_deny},
    [MSG_RETRY_AFTER] = {&rollcall__v1__retry_after__descriptor, decode_retry_after},
    [MSG_HEARTBEAT_ACK] = {&rollcall__v1__heartbeat_ack__descriptor, decode_heartbeat_ack},
    [MSG_OFFER] = {&rollcall__v1__offer__descriptor, decode_offer},
    [MSG_RECALL] = {&rollcall__v1__task_call__descriptor, decode_call},
    [MSG_STOP] = {&rollcall__v1__task_call__descriptor, decode_call},
    [MSG_REPORT_ACK] = {&rollcall__v1__report_ack__descriptor, decode_report_ack},
    [MSG_SURVEY] = {&rollcall__v1__survey__descriptor, decode_survey},
    [MSG_FETCH] = {&rollcall__v1__fetch__descriptor, link_decode_fetch},
    [MSG_CHUNK] = {&rollcall__v1__chunk__descriptor, link_decode_chunk},
    [MSG_NAK] = {&rollcall__v1__nak__descriptor, link_decode_nak},
    [MSG_PUT] = {&rollcall__v1__chunk__descriptor, link_decode_chunk},
    [MSG_PUT_ACK] = {&rollcall__v1__put_ack__descriptor, link_decode_put_ack},
    [MSG_COMMAND] = {&rollcall__v1__command__descriptor, link_decode_command},
    [MSG_REPLY] = {&rollcall__v1__reply__descriptor, link_decode_reply},
    [MSG_UNHELD] = {&rollcall__v1__task_call__descriptor, decode_call},
    [MSG_FACTS] = {&rollcall__v1__facts__descriptor, decode_facts},
    [MSG_TRUST_UPDATE] = {&rollcall__v1__trust_update__descriptor, decode_trust_update},
    [MSG_ENROL_REQ] = {&rollcall__v1__enrol_request__descriptor, link_decode_enrol_req},
    [MSG_ENROL_POLL] = {&rollcall__v1__enrol_poll__descriptor, link_decode_enrol_poll},
    [MSG_ENROL_PENDING] = {&rollcall__v1__enrol_pending__descriptor, link_decode_enrol_pending},
    [MSG_ENROL_GRANT] = {&rollcall__v1__enrol_grant__descriptor, link_decode_enrol_grant},
    [MSG_ENROL_DENY] = {&rollcall__v1__deny__descriptor, decode_deny},
};

int msg_decode(enum msg_type type, struct bytes body, struct arena *a, struct msg *ret, struct err *e)
{
	if ((unsigned)type >= MSG_TYPE_COUNT || type == MSG_INVALID)
		return err_set(e, ERR_PARSE, "unknown message type %u", (unsigned)type);
	struct msg m = {.type = type};
	if (!decoders[type].descriptor) {
		if (body.n != 0)
			return err_set(e, ERR_PARSE, "%s: %zu bytes, must be 0", msg_type_name(type), body.n);
		*ret = m;
		return 0;
	}
	ProtobufCMessage *pb = NULL;
	if (pb_unpack(decoders[type].descriptor, msg_type_name(type), body, LIMIT_FRAME_BODY, PB_UNKNOWN_REFUSE, a, &pb, e) != 0)
		return -1;
	if (decoders[type].decode(pb, a, &m, e) != 0)
		return err_wrap(e, "%s", msg_type_name(type));
	*ret = m;
	return 0;
}
