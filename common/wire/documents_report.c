/* Reports. What goes in comes partly from database servers (messages, values), so the encoder makes every text fit for its own decoder: a report that the
 * controller cannot read would block the outbox for ever. */
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "common/wire/reader.h"
#include "proto/report.pb-c.h"

#define MESSAGE_MAX  ((size_t)4096)
#define OUTCOMES_MAX 1000000

static const char *const when_names[] = {[VALIDATE_BEFORE] = "before", [VALIDATE_AFTER] = "after", NULL};

/* ---- encode -------------------------------------------------------------------------------------------------------------------------------------- */

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Octets that are not UTF-8 become '?'; what is longer than MESSAGE_MAX ends in "...". */
static char *put_foreign(struct arena *a, const char *s)
{
	size_t n = s ? strlen(s) : 0;
	if (n <= MESSAGE_MAX && (n == 0 || bytes_is_utf8(bytes_of_str(s))))
		return put_text(s);
	bool cut = n > MESSAGE_MAX;
	if (cut) {
		n = MESSAGE_MAX - 3;
		while (n && is_continuation(s[n]))
			n--;
	}
	char *copy = arena_printf(a, "%.*s%s", (int)n, s, cut ? "..." : "");
	if (!bytes_is_utf8(bytes_of(copy, n)))
		for (size_t i = 0; i < n; i++)
			if ((unsigned char)copy[i] >= 0x80)
				copy[i] = '?';
	return copy;
}

static Rollcall__V1__Failure *put_failure(struct arena *a, const struct failure *from)
{
	Rollcall__V1__Failure *f = arena_alloc(a, sizeof *f);
	rollcall__v1__failure__init(f);
	f->code = put_text(from->code);
	f->check = put_text(from->check);
	f->sqlstate = put_text(from->sqlstate);
	f->db_errno = from->db_errno;
	f->message = put_foreign(a, from->message);
	f->changeset = put_text(from->changeset);
	f->file = put_text(from->file);
	f->step = from->step;
	f->statement = from->statement;
	f->line = from->line;
	f->database_state = put_foreign(a, from->database_state);
	f->next = put_foreign(a, from->next);
	return f;
}

static Rollcall__V1__StepOutcome *put_step(struct arena *a, const struct step_outcome *from)
{
	Rollcall__V1__StepOutcome *s = arena_alloc(a, sizeof *s);
	rollcall__v1__step_outcome__init(s);
	s->changeset = put_text(from->changeset);
	s->direction = put_text(direction_name(from->direction));
	s->run = from->run;
	s->step = from->step;
	s->class_ = put_text(step_class_name(from->class));
	s->state = put_text(step_state_name(from->state));
	s->via = put_text(step_via_name(from->via));
	s->started_at_us = from->started_at_us;
	s->ended_at_us = from->ended_at_us;
	s->digest = put_fixed(from->digest, DIGEST_SIZE);
	s->row_hash = put_fixed(from->row_hash, DIGEST_SIZE);
	return s;
}

static Rollcall__V1__ValidationOutcome *put_validation(struct arena *a, const struct validation_outcome *from)
{
	Rollcall__V1__ValidationOutcome *v = arena_alloc(a, sizeof *v);
	rollcall__v1__validation_outcome__init(v);
	v->changeset = put_text(from->changeset);
	v->name = put_text(from->name);
	v->when = put_text(when_names[from->when]);
	v->ok = from->ok;
	v->value = put_foreign(a, from->value);
	v->expected = put_foreign(a, from->expected);
	return v;
}

static void put_outcomes(struct arena *a, const struct report *r, Rollcall__V1__Report *m)
{
	m->n_steps = r->n_steps;
	m->steps = put_array(a, r->n_steps);
	for (size_t i = 0; i < r->n_steps; i++)
		m->steps[i] = put_step(a, &r->steps[i]);
	m->n_validations = r->n_validations;
	m->validations = put_array(a, r->n_validations);
	for (size_t i = 0; i < r->n_validations; i++)
		m->validations[i] = put_validation(a, &r->validations[i]);
}

void report_encode(const struct report *r, struct buf *ret)
{
	AUTO(arena_destroy) struct arena *a = arena_new(WRITER_ARENA);
	Rollcall__V1__Report m = ROLLCALL__V1__REPORT__INIT;
	m.agent = put_text(r->agent);
	m.target = put_text(r->target);
	m.task = put_fixed(r->task, TASK_SIZE);
	m.attempt = r->attempt;
	m.order_digest = put_fixed(r->order_digest, DIGEST_SIZE);
	m.release_digest = put_fixed(r->release_digest, DIGEST_SIZE);
	m.direction = put_text(direction_name(r->direction));
	m.outcome = put_text(outcome_name(r->outcome));
	m.failure = put_failure(a, &r->failure);
	put_outcomes(a, r, &m);
	m.started_at_us = r->started_at_us;
	m.ended_at_us = r->ended_at_us;
	m.ledger_head = put_fixed(r->ledger_head, DIGEST_SIZE);
	m.ledger_rows = r->ledger_rows;
	m.report_seq = r->report_seq;
	m.prev_report_hash = put_fixed(r->prev_report_hash, DIGEST_SIZE);
	m.epoch = r->epoch;
	m.agent_version = put_text(r->agent_version);
	m.database_identity = put_foreign(a, r->database_identity);
	m.ledger_uuid = put_text(r->ledger_uuid);
	m.reverted = r->reverted;
	m.audit_seq = r->audit.seq;
	m.audit_hash = put_fixed(r->audit.hash, DIGEST_SIZE);
	m.fingerprint_before = put_fixed(r->fingerprint_before, DIGEST_SIZE);
	m.fingerprint = put_fixed(r->fingerprint, DIGEST_SIZE);
	m.fingerprint_form = r->fingerprint_form;
	pb_pack(&m.base, ret);
}

/* ---- decode -------------------------------------------------------------------------------------------------------------------------------------- */

static void read_failure(struct reader *r, const Rollcall__V1__Failure *m, struct failure *ret)
{
	if (!m)
		return;
	ret->code = read_line(r, "failure's code", m->code, OPTIONAL);
	ret->check = read_line(r, "failure's check", m->check, OPTIONAL);
	ret->sqlstate = read_line(r, "failure's SQLSTATE", m->sqlstate, OPTIONAL);
	ret->db_errno = m->db_errno;
	ret->message = read_text(r, "failure's message", m->message, OPTIONAL, TEXT_MAX_SIZE);
	ret->changeset = read_text(r, "failure's changeset", m->changeset, OPTIONAL, TEXT_MAX_SIZE);
	ret->file = read_line(r, "failure's file", m->file, OPTIONAL);
	ret->step = m->step;
	ret->statement = m->statement;
	ret->line = m->line;
	ret->database_state = read_text(r, "failure's database state", m->database_state, OPTIONAL, TEXT_MAX_SIZE);
	ret->next = read_text(r, "failure's next", m->next, OPTIONAL, TEXT_MAX_SIZE);
}

static void read_step(struct reader *r, const Rollcall__V1__StepOutcome *m, struct step_outcome *ret)
{
	ret->changeset = read_text(r, "step's changeset", m->changeset, REQUIRED, TEXT_MAX_SIZE);
	if (!direction_parse(m->direction, &ret->direction))
		read_fail(r, "a step's direction is unknown");
	ret->run = m->run;
	ret->step = m->step;
	if (!step_class_parse(m->class_, &ret->class))
		read_fail(r, "a step's class is unknown");
	if (!step_state_parse(m->state, &ret->state))
		read_fail(r, "a step's state is unknown");
	if (!step_via_parse(m->via, &ret->via))
		read_fail(r, "a step's way of knowing is unknown");
	ret->started_at_us = m->started_at_us;
	ret->ended_at_us = m->ended_at_us;
	read_digest(r, "step's digest", m->digest, ret->digest);
	read_digest(r, "step's ledger row", m->row_hash, ret->row_hash);
}

static void read_validation(struct reader *r, const Rollcall__V1__ValidationOutcome *m, struct validation_outcome *ret)
{
	ret->changeset = read_text(r, "validation's changeset", m->changeset, REQUIRED, TEXT_MAX_SIZE);
	ret->name = read_line(r, "validation's name", m->name, REQUIRED);
	ret->when = (enum validation_when)read_enum(r, "validation's time", m->when, when_names);
	ret->ok = m->ok;
	ret->value = read_text(r, "validation's value", m->value, OPTIONAL, TEXT_MAX_SIZE);
	ret->expected = read_text(r, "validation's expected value", m->expected, OPTIONAL, TEXT_MAX_SIZE);
}

static void read_outcomes(struct reader *r, const Rollcall__V1__Report *m, struct report *ret)
{
	ret->n_steps = m->n_steps;
	ret->steps = read_array(r, "steps", m->n_steps, OUTCOMES_MAX, sizeof *ret->steps);
	for (size_t i = 0; i < m->n_steps && !r->failed; i++)
		read_step(r, m->steps[i], &ret->steps[i]);
	ret->n_validations = m->n_validations;
	ret->validations = read_array(r, "validations", m->n_validations, OUTCOMES_MAX, sizeof *ret->validations);
	for (size_t i = 0; i < m->n_validations && !r->failed; i++)
		read_validation(r, m->validations[i], &ret->validations[i]);
}

static void read_identity(struct reader *r, const Rollcall__V1__Report *m, struct report *ret)
{
	ret->agent = read_name(r, "agent", m->agent);
	ret->target = read_line(r, "target", m->target, REQUIRED);
	if (ret->target && !str_is_target_id(ret->target))
		read_fail(r, "target '%s' is not a target id (site/instance/database[/schema])", ret->target);
	read_fixed(r, "task", m->task, ret->task, TASK_SIZE);
	read_digest(r, "order's digest", m->order_digest, ret->order_digest);
	read_digest(r, "release's digest", m->release_digest, ret->release_digest);
	if (!direction_parse(m->direction, &ret->direction))
		read_fail(r, "its direction is neither apply nor rollback");
	if (!outcome_parse(m->outcome, &ret->outcome))
		read_fail(r, "its outcome is unknown");
	read_digest(r, "ledger's head", m->ledger_head, ret->ledger_head);
	read_digest(r, "hash of the report before", m->prev_report_hash, ret->prev_report_hash);
	read_digest(r, "hash of the audit chain", m->audit_hash, ret->audit.hash);
	read_digest(r, "fingerprint before", m->fingerprint_before, ret->fingerprint_before);
	read_digest(r, "fingerprint", m->fingerprint, ret->fingerprint);
	ret->agent_version = read_version(r, "agent's version", m->agent_version, OPTIONAL);
	ret->ledger_uuid = read_line(r, "ledger's uuid", m->ledger_uuid, OPTIONAL);
	ret->database_identity = read_text(r, "database's identity", m->database_identity, OPTIONAL, TEXT_MAX_SIZE);
}

int report_decode(struct bytes data, struct arena *a, struct report *ret, struct err *e)
{
	ProtobufCMessage *base;
	if (pb_unpack(&rollcall__v1__report__descriptor, "report", data, LIMIT_DOCUMENT, PB_UNKNOWN_KEEP, a, &base, e) != 0)
		return -1;
	const Rollcall__V1__Report *m = (const Rollcall__V1__Report *)base;
	struct reader r = {.what = "report", .a = a, .e = e};
	struct report rep = {.attempt = m->attempt,
	                     .started_at_us = m->started_at_us,
	                     .ended_at_us = m->ended_at_us,
	                     .ledger_rows = m->ledger_rows,
	                     .report_seq = m->report_seq,
	                     .epoch = m->epoch,
	                     .reverted = m->reverted,
	                     .audit = {.seq = m->audit_seq},
	                     .fingerprint_form = m->fingerprint_form};
	read_identity(&r, m, &rep);
	read_failure(&r, m->failure, &rep.failure);
	read_outcomes(&r, m, &rep);
	if (r.failed)
		return -1;
	*ret = rep;
	return 0;
}
