/* Plain structs of the link into protobuf bodies. Deterministic; a NULL text is sent as an empty one. */
#include <assert.h>
#include <string.h>

#include "common/wire/limits.h"
#include "common/wire/link_codec.h"
#include "proto/link.pb-c.h"

#define ENCODE_ARENA ((size_t)256 * 1024 * 1024) /* our own messages: reached only by a bug */

char *link_free_text(const char *s, struct arena *a)
{
	size_t n = s ? strnlen(s, LIMIT_LINK_TEXT) : 0;
	char *copy = arena_strndup(a, s ? s : "", n);
	while (n > 0 && s[n] != '\0' && ((unsigned char)s[n] & 0xc0) == 0x80)
		copy[--n] = '\0'; /* not in the middle of a character */
	if (!bytes_is_utf8(bytes_of_str(copy)))
		for (char *c = copy; *c; c++)
			if ((unsigned char)*c >= 0x80)
				*c = '?';
	return copy;
}

static ProtobufCBinaryData fixed(const uint8_t *p, size_t n)
{
	return pb_from_bytes(bytes_of(p, n));
}

static void encode_hello(const struct msg *m, struct arena *a, struct buf *ret)
{
	(void)a;
	Rollcall__V1__Hello p = ROLLCALL__V1__HELLO__INIT;
	p.agent = link_text(m->hello.agent);
	p.certificate = pb_from_bytes(m->hello.certificate);
	p.proto_min = m->hello.proto_min;
	p.proto_max = m->hello.proto_max;
	p.boot_id = pb_from_bytes(m->hello.boot_id);
	p.session_counter = m->hello.session_counter;
	p.trust_version = m->hello.trust_version;
	p.max_epoch = m->hello.max_epoch;
	p.report_seq = m->hello.report_seq;
	p.agent_version = link_text(m->hello.agent_version);
	p.signature = pb_from_bytes(m->hello.signature);
	pb_pack(&p.base, ret);
}

static void encode_welcome(const struct msg *m, struct arena *a, struct buf *ret)
{
	(void)a;
	Rollcall__V1__Welcome p = ROLLCALL__V1__WELCOME__INIT;
	p.session = m->welcome.session;
	p.proto = m->welcome.proto;
	p.epoch = m->welcome.epoch;
	p.heartbeat_ms = m->welcome.heartbeat_ms;
	p.resume_from = m->welcome.resume_from;
	p.now_us = m->welcome.now_us;
	p.spread_ms = m->welcome.spread_ms;
	p.audit_seq = m->welcome.audit.seq;
	p.audit_hash = fixed(m->welcome.audit.hash, DIGEST_SIZE);
	pb_pack(&p.base, ret);
}

static void encode_deny(const struct msg *m, struct arena *a, struct buf *ret)
{
	Rollcall__V1__Deny p = ROLLCALL__V1__DENY__INIT;
	p.code = link_text(m->deny.code);
	p.message = link_free_text(m->deny.message, a);
	pb_pack(&p.base, ret);
}

static void encode_retry_after(const struct msg *m, struct arena *a, struct buf *ret)
{
	(void)a;
	Rollcall__V1__RetryAfter p = ROLLCALL__V1__RETRY_AFTER__INIT;
	p.ms = m->retry_after.ms;
	p.jitter_ms = m->retry_after.jitter_ms;
	pb_pack(&p.base, ret);
}

static void fill_target(const struct target *t, struct arena *a, Rollcall__V1__TargetInfo *p)
{
	rollcall__v1__target_info__init(p);
	p->id = link_text(t->id);
	p->engine = link_text(t->engine);
	p->n_label_keys = p->n_label_values = t->n_labels;
	p->label_keys = arena_alloc(a, t->n_labels * sizeof(char *));
	p->label_values = arena_alloc(a, t->n_labels * sizeof(char *));
	for (size_t i = 0; i < t->n_labels; i++) {
		p->label_keys[i] = link_text(t->labels[i].key);
		p->label_values[i] = link_text(t->labels[i].value);
	}
}

static void encode_targets(const struct msg *m, struct arena *a, struct buf *ret)
{
	Rollcall__V1__Targets p = ROLLCALL__V1__TARGETS__INIT;
	p.n_targets = m->targets.n_targets;
	p.targets = arena_alloc(a, p.n_targets * sizeof *p.targets);
	for (size_t i = 0; i < p.n_targets; i++) {
		p.targets[i] = arena_alloc(a, sizeof **p.targets);
		fill_target(&m->targets.targets[i], a, p.targets[i]);
	}
	p.first = m->targets.first;
	p.last = m->targets.last;
	pb_pack(&p.base, ret);
}

static void encode_heartbeat(const struct msg *m, struct arena *a, struct buf *ret)
{
	(void)a;
	Rollcall__V1__Heartbeat p = ROLLCALL__V1__HEARTBEAT__INIT;
	p.running = m->heartbeat.running;
	p.queued = m->heartbeat.queued;
	p.report_seq = m->heartbeat.report_seq;
	p.wall_us = m->heartbeat.wall_us;
	pb_pack(&p.base, ret);
}

static void encode_heartbeat_ack(const struct msg *m, struct arena *a, struct buf *ret)
{
	(void)a;
	Rollcall__V1__HeartbeatAck p = ROLLCALL__V1__HEARTBEAT_ACK__INIT;
	p.heartbeat_ms = m->heartbeat_ack.heartbeat_ms;
	pb_pack(&p.base, ret);
}

static void encode_offer(const struct msg *m, struct arena *a, struct buf *ret)
{
	(void)a;
	Rollcall__V1__Offer p = ROLLCALL__V1__OFFER__INIT;
	p.task = fixed(m->offer.task, TASK_SIZE);
	p.attempt = m->offer.attempt;
	p.target = link_text(m->offer.target);
	p.release_hash = fixed(m->offer.release_hash, DIGEST_SIZE);
	p.release_size = m->offer.release_size;
	p.dossier_hash = fixed(m->offer.dossier_hash, DIGEST_SIZE);
	p.dossier_size = m->offer.dossier_size;
	p.proof = pb_from_bytes(m->offer.proof);
	p.epoch = m->offer.epoch;
	p.deadline_us = m->offer.deadline_us;
	p.direction = link_text(direction_name(m->offer.direction));
	pb_pack(&p.base, ret);
}

static void encode_answer(const struct msg *m, struct arena *a, struct buf *ret)
{
	Rollcall__V1__TaskAnswer p = ROLLCALL__V1__TASK_ANSWER__INIT;
	p.task = fixed(m->task.task, TASK_SIZE);
	p.attempt = m->task.attempt;
	p.code = link_text(m->task.code);
	p.message = link_free_text(m->task.message, a);
	p.until_us = m->task.until_us;
	pb_pack(&p.base, ret);
}

static void encode_call(const struct msg *m, struct arena *a, struct buf *ret)
{
	(void)a;
	Rollcall__V1__TaskCall p = ROLLCALL__V1__TASK_CALL__INIT;
	p.task = fixed(m->task.task, TASK_SIZE);
	p.attempt = m->task.attempt;
	pb_pack(&p.base, ret);
}

static void encode_progress(const struct msg *m, struct arena *a, struct buf *ret)
{
	Rollcall__V1__Progress p = ROLLCALL__V1__PROGRESS__INIT;
	p.task = fixed(m->progress.task, TASK_SIZE);
	p.attempt = m->progress.attempt;
	p.state = link_text(m->progress.state);
	p.changeset = link_free_text(m->progress.changeset, a);
	p.step = m->progress.step;
	p.of_steps = m->progress.of_steps;
	p.detail = link_free_text(m->progress.detail, a);
	pb_pack(&p.base, ret);
}

static void encode_report(const struct msg *m, struct arena *a, struct buf *ret)
{
	(void)a;
	Rollcall__V1__ReportMessage p = ROLLCALL__V1__REPORT_MESSAGE__INIT;
	p.seq = m->report.seq;
	p.envelope = pb_from_bytes(m->report.envelope);
	pb_pack(&p.base, ret);
}

static void encode_report_ack(const struct msg *m, struct arena *a, struct buf *ret)
{
	(void)a;
	Rollcall__V1__ReportAck p = ROLLCALL__V1__REPORT_ACK__INIT;
	p.seq = m->report_ack.seq;
	p.audit_seq = m->report_ack.audit.seq;
	p.audit_hash = fixed(m->report_ack.audit.hash, DIGEST_SIZE);
	pb_pack(&p.base, ret);
}

static void encode_survey(const struct msg *m, struct arena *a, struct buf *ret)
{
	(void)a;
	Rollcall__V1__Survey p = ROLLCALL__V1__SURVEY__INIT;
	p.id = m->survey.id;
	p.target = link_text(m->survey.target);
	p.probe = m->survey.probe;
	if (m->survey.probe)
		p.task = fixed(m->survey.task, TASK_SIZE);
	pb_pack(&p.base, ret);
}

static void encode_survey_result(const struct msg *m, struct arena *a, struct buf *ret)
{
	const struct msg_survey_result *r = &m->survey_result;
	Rollcall__V1__SurveyResult p = ROLLCALL__V1__SURVEY_RESULT__INIT;
	p.id = r->id;
	p.target = link_text(r->target);
	p.error_code = link_text(r->error_code);
	p.error_message = link_free_text(r->error_message, a);
	p.engine_version = link_free_text(r->engine_version, a);
	p.database_identity = link_free_text(r->database_identity, a);
	p.probe_value = link_free_text(r->probe_value, a);
	p.last = r->last;
	p.fingerprint = fixed(r->fingerprint, DIGEST_SIZE);
	p.fingerprint_form = r->fingerprint_form;
	p.n_entries = r->n_entries;
	p.entries = arena_alloc(a, r->n_entries * sizeof *p.entries);
	for (size_t i = 0; i < r->n_entries; i++) {
		Rollcall__V1__SurveyEntry *s = p.entries[i] = arena_alloc(a, sizeof *s);
		rollcall__v1__survey_entry__init(s);
		s->project = link_text(r->entries[i].project);
		s->changeset = link_text(r->entries[i].changeset);
		s->state = link_text(r->entries[i].state);
		s->digest = fixed(r->entries[i].digest, DIGEST_SIZE);
		s->release_version = link_text(r->entries[i].release_version);
		s->steps_done = r->entries[i].steps_done;
	}
	pb_pack(&p.base, ret);
}

static Rollcall__V1__DocumentRef *put_ref(const struct document_ref *r, struct arena *a)
{
	Rollcall__V1__DocumentRef *to = arena_alloc(a, sizeof *to);
	rollcall__v1__document_ref__init(to);
	to->version = r->version;
	to->size = r->size;
	to->hash = pb_from_bytes(bytes_of(r->hash, DIGEST_SIZE));
	return to;
}

static void encode_trust_update(const struct msg *m, struct arena *a, struct buf *ret)
{
	Rollcall__V1__TrustUpdate p = ROLLCALL__V1__TRUST_UPDATE__INIT;
	p.n_trust = m->trust_update.n_trust;
	p.trust = arena_alloc(a, p.n_trust * sizeof *p.trust);
	for (size_t i = 0; i < p.n_trust; i++)
		p.trust[i] = put_ref(&m->trust_update.trust[i], a);
	if (m->trust_update.fresh.size)
		p.fresh = put_ref(&m->trust_update.fresh, a);
	pb_pack(&p.base, ret);
}

static void encode_facts(const struct msg *m, struct arena *a, struct buf *ret)
{
	Rollcall__V1__Facts p = ROLLCALL__V1__FACTS__INIT;
	p.n_facts = m->facts.n_facts;
	p.facts = arena_alloc(a, p.n_facts * sizeof *p.facts);
	for (size_t i = 0; i < p.n_facts; i++) {
		const struct target_facts *f = &m->facts.facts[i];
		Rollcall__V1__TargetFacts *to = p.facts[i] = arena_alloc(a, sizeof *to);
		rollcall__v1__target_facts__init(to);
		to->target = link_text(f->target);
		to->version = link_free_text(f->version, a);
		to->trouble = link_free_text(f->trouble, a);
		to->size_bytes = f->size_bytes;
		to->lag_ms = f->lag_ms;
		to->at_us = f->at_us;
	}
	pb_pack(&p.base, ret);
}

static void encode_nothing(const struct msg *m, struct arena *a, struct buf *ret)
{
	(void)m, (void)a, (void)ret;
}

static encode_fn *const encoders[MSG_TYPE_COUNT] = {
    [MSG_HELLO] = encode_hello,
    [MSG_TARGETS] = encode_targets,
    [MSG_HEARTBEAT] = encode_heartbeat,
    [MSG_ACCEPT] = encode_answer,
    [MSG_REFUSE] = encode_answer,
    [MSG_PROGRESS] = encode_progress,
    [MSG_REPORT] = encode_report,
    [MSG_SURVEY_RESULT] = encode_survey_result,
    [MSG_BYE] = encode_nothing,
    [MSG_WELCOME] = encode_welcome,
    [MSG_DENY] = encode_deny,
    [MSG_RETRY_AFTER] = encode_retry_after,
    [MSG_HEARTBEAT_ACK] = encode_heartbeat_ack,
    [MSG_OFFER] = encode_offer,
    [MSG_RECALL] = encode_call,
    [MSG_STOP] = encode_call,
    [MSG_REPORT_ACK] = encode_report_ack,
    [MSG_SURVEY] = encode_survey,
    [MSG_FETCH] = link_encode_fetch,
    [MSG_CHUNK] = link_encode_chunk,
    [MSG_NAK] = link_encode_nak,
    [MSG_PUT] = link_encode_chunk,
    [MSG_PUT_ACK] = link_encode_put_ack,
    [MSG_COMMAND] = link_encode_command,
    [MSG_REPLY] = link_encode_reply,
    [MSG_UNHELD] = encode_call,
    [MSG_TRUST_UPDATE] = encode_trust_update,
    [MSG_ENROL_REQ] = link_encode_enrol_req,
    [MSG_ENROL_POLL] = link_encode_enrol_poll,
    [MSG_ENROL_PENDING] = link_encode_enrol_pending,
    [MSG_ENROL_GRANT] = link_encode_enrol_grant,
    [MSG_ENROL_DENY] = encode_deny,
    [MSG_FACTS] = encode_facts,
};

void msg_encode(const struct msg *m, struct buf *ret)
{
	assert((unsigned)m->type < MSG_TYPE_COUNT && encoders[m->type]);
	AUTO(arena_destroy) struct arena *a = arena_new(ENCODE_ARENA);
	encoders[m->type](m, a, ret);
}
