/* See the header. Failures abort. */
#include "tests/support/brain_fixture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/str.h"
#include "common/crypto/blobs.h"
#include "common/crypto/digest.h"
#include "common/crypto/dsse.h"
#include "common/wire/documents.h"
#include "common/wire/hello.h"

#define CONTROLLER_KEY BRAIN_CONTROLLER_KEY
#define AGENT_KEY      BRAIN_AGENT_KEY

const char *const brain_fixture_targets[BRAIN_TARGETS] = {"eu/pg1/a", "eu/pg1/b", "eu/pg1/c"};
const char brain_fixture_plan[] = "name: p\n"
                                  "environments:\n"
                                  "  - name: production\n"
                                  "    waves:\n"
                                  "      - {name: canary, selector: \"ring=canary\", max_parallel: 1, on_failure: rollback-target}\n"
                                  "      - {name: rest, max_parallel: 2}\n";

static void must(int rc, const struct err *e, const char *what)
{
	if (rc == 0)
		return;
	fprintf(stderr, "brain fixture: %s: %s\n", what, e->msg);
	abort();
}

static int keep(void *arg, uint64_t session, uint32_t epoch, const struct msg *m, struct err *e)
{
	struct brain_fixture *f = arg;
	struct buf body = BUF_INIT;
	(void)epoch;
	if (f->n_sent == BRAIN_SENT_MAX)
		abort();
	msg_encode(m, &body); /* through the codec, so that what cannot travel is found here */
	struct brain_sent *s = &f->sent[f->n_sent++];
	s->session = session;
	int rc = msg_decode(m->type, arena_bytes(f->arena, buf_bytes(&body)), f->arena, &s->msg, e);
	buf_done(&body);
	return rc;
}

static int count_principals(void *arg, const struct principal *p, size_t n, struct err *e)
{
	(void)p;
	(void)e;
	((struct brain_fixture *)arg)->principals = n;
	return 0;
}

static void keep_url(void *arg, uint64_t id, const char *url)
{
	struct brain_fixture *f = arg;
	f->fetched_id = id;
	f->fetched_url = arena_strdup(f->arena, url);
}

static void open_brain(struct brain_fixture *f)
{
	struct err e = ERR_INIT;
	must(brain_new(&f->config, &f->brain, &e), &e, "brain_new");
	const struct brain_link link = {.send = keep, .set_principals = count_principals, .fetch = keep_url, .arg = f, .controller_key = CONTROLLER_KEY};
	brain_attach(f->brain, &link);
}

void brain_fixture_init(struct brain_fixture *f)
{
	*f = (struct brain_fixture){.next_id = 1, .next_session = 100, .agent.trust_version = 1};
	snprintf(f->dir, sizeof f->dir, "/tmp/rollcall-brain-XXXXXX");
	if (!mkdtemp(f->dir))
		abort();
	trust_fixture_init(&f->trust);
	trust_fixture_build(&f->trust);
	f->now_us = f->trust.now_us;
	f->arena = arena_new((size_t)64 * 1024 * 1024);
	f->config = (struct controller_config){.path = "controller.yaml",
	                                       .data_dir = f->dir,
	                                       .store_path = arena_printf(f->arena, "%s/store.db", f->dir),
	                                       .blob_dir = arena_printf(f->arena, "%s/blobs", f->dir),
	                                       .trust = f->trust.trust,
	                                       .certificate_lifetime_us = 365 * 24 * FIXTURE_HOUR,
	                                       .trust_envelope = f->trust.trust_bytes};
	open_brain(f);
}

void brain_fixture_restart(struct brain_fixture *f)
{
	brain_destroy(&f->brain);
	f->agent.session = 0;
	open_brain(f);
}

void brain_fixture_done(struct brain_fixture *f)
{
	struct err e = ERR_INIT;
	brain_destroy(&f->brain);
	must(file_remove_tree(f->dir, &e), &e, "clean up");
	sign_key_destroy(&f->agent.report_key);
	trust_fixture_done(&f->trust);
	arena_destroy(&f->arena);
}

void brain_fixture_fetched(struct brain_fixture *f, bool ok, const char *text)
{
	struct err e = ERR_INIT;
	f->n_sent = 0;
	must(brain_begin(f->brain, f->now_us, &e), &e, "begin");
	brain_fetched(f->brain, f->fetched_id, ok, text);
	must(brain_end(f->brain, &e), &e, "end");
}

void brain_fixture_event(struct brain_fixture *f, const struct hub_event *ev)
{
	struct err e = ERR_INIT;
	f->n_sent = 0;
	must(brain_begin(f->brain, f->now_us, &e), &e, "begin");
	if (ev)
		must(brain_event(f->brain, ev, &e), &e, "event");
	must(brain_end(f->brain, &e), &e, "end");
}

void brain_fixture_idle(struct brain_fixture *f, int64_t later_us)
{
	f->now_us += later_us;
	brain_fixture_event(f, NULL);
}

/* ---- operators ------------------------------------------------------------------------------------------------------------------------------------------ */

const struct msg_reply *brain_fixture_command(struct brain_fixture *f, const char *role, enum verb v, struct bytes document, ...)
{
	struct link_argument arguments[16];
	struct hub_event ev = {.type = HUB_MESSAGE, .from = {.kind = LINK_OPERATOR, .name = "olga"}, .session = 1};
	struct msg_command *c = &ev.msg.command;
	ev.msg.type = MSG_COMMAND;
	str_copy(ev.from.role, sizeof ev.from.role, role ? role : "admin");
	*c = (struct msg_command){.id = f->next_id++, .verb = v, .arguments = arguments, .document = document};
	va_list ap;
	va_start(ap, document);
	for (const char *key; (key = va_arg(ap, const char *));)
		arguments[c->n_arguments++] = (struct link_argument){key, va_arg(ap, const char *)};
	va_end(ap);
	brain_fixture_event(f, &ev);
	for (size_t i = f->n_sent; i-- > 0;)
		if (f->sent[i].session == 1 && f->sent[i].msg.type == MSG_REPLY && f->sent[i].msg.reply.last)
			return &f->sent[i].msg.reply;
	return NULL;
}

static const struct msg_reply *by_plan(struct brain_fixture *f, const char *role, enum verb v, const char *plan)
{
	return brain_fixture_command(f, role, v, bytes_of_str(plan), "release", "1.2.0", "environment", "production", NULL);
}

const struct msg_reply *brain_fixture_start(struct brain_fixture *f, const char *plan)
{
	return by_plan(f, NULL, VERB_ROLLOUT_START, plan);
}

const struct msg_reply *brain_fixture_preview(struct brain_fixture *f, const char *plan)
{
	return by_plan(f, "viewer", VERB_ROLLOUT_PREVIEW, plan);
}

static bool column_is(const char *column, const char *name)
{
	return str_eq(column + strspn(column, "+#~%"), name);
}

static const char *cell_at(const struct msg_reply *r, size_t row, const char *column)
{
	for (size_t c = 0; c < r->n_columns; c++)
		if (column_is(r->columns[c], column))
			return r->rows[row].cells[c];
	return NULL;
}

const char *brain_fixture_cell(const struct brain_fixture *f, const char *column)
{
	return brain_fixture_cell_of(f, NULL, NULL, column);
}

const char *brain_fixture_cell_of(const struct brain_fixture *f, const char *key_column, const char *key, const char *column)
{
	for (size_t i = 0; i < f->n_sent; i++) {
		const struct msg_reply *r = &f->sent[i].msg.reply;
		if (f->sent[i].msg.type != MSG_REPLY)
			continue;
		for (size_t k = 0; k < r->n_rows; k++) {
			const char *cell = cell_at(r, k, column);
			if (cell && (!key || str_eq(cell_at(r, k, key_column), key)))
				return cell;
		}
	}
	return "";
}

const char *brain_fixture_status(struct brain_fixture *f, const char *rollout, const char *target, const char *column)
{
	(void)brain_fixture_command(f, "viewer", VERB_ROLLOUT_STATUS, NONE, "rollout", rollout, NULL);
	return target ? brain_fixture_cell_of(f, "target", target, column) : brain_fixture_cell_of(f, "rollout", rollout, column);
}

void brain_fixture_release(struct brain_fixture *f)
{
	uint8_t hash[DIGEST_SIZE];
	char hex[DIGEST_HEX_SIZE];
	struct err e = ERR_INIT;
	must(blobs_put(f->config.blob_dir, f->trust.release_bytes, hash, &e), &e, "release blob");
	const struct msg_reply *r = brain_fixture_command(f, NULL, VERB_RELEASE_ADD, NONE, "hash", bytes_to_hex(bytes_of(hash, DIGEST_SIZE), hex), NULL);
	if (!r || r->exit_code)
		must(-1, &(struct err){.msg = "refused"}, r ? r->message : "release add");
}

static struct order order_of(struct brain_fixture *f, const char *rollout)
{
	struct order o;
	struct err e = ERR_INIT;
	(void)brain_fixture_command(f, NULL, VERB_ROLLOUT_ORDER, NONE, "rollout", rollout, NULL);
	must(order_decode(f->sent[0].msg.reply.document, f->arena, &o, &e), &e, "order");
	return o;
}

struct bytes brain_fixture_approval(struct brain_fixture *f, const char *rollout, enum fixture_person by)
{
	struct buf data = BUF_INIT;
	const struct order o = order_of(f, rollout);
	struct approval p = {.environment = o.environment,
	                     .approver = f->trust.trust.keys[by].owner,
	                     .reason = "tested",
	                     .target_count = o.target_count,
	                     .created_at_us = f->now_us,
	                     .expires_at_us = f->now_us + FIXTURE_HOUR};
	memcpy(p.order_digest, o.digest, DIGEST_SIZE);
	memcpy(p.release_digest, o.release_digest, DIGEST_SIZE);
	approval_encode(&p, &data);
	struct bytes env = trust_fixture_sign(&f->trust, TYPE_APPROVAL, arena_bytes(f->arena, buf_bytes(&data)), by);
	buf_done(&data);
	return env;
}

const char *brain_fixture_approve_last(struct brain_fixture *f, uint8_t digest[DIGEST_SIZE])
{
	static const enum fixture_person by[] = {CAROL, DAVE};
	const char *id = arena_strdup(f->arena, brain_fixture_cell(f, "rollout"));
	const struct order o = order_of(f, id);
	memcpy(digest, o.digest, DIGEST_SIZE);
	for (size_t i = 0; i < ARRAY_LEN(by); i++) {
		struct bytes approval = brain_fixture_approval(f, id, by[i]);
		const struct msg_reply *r = brain_fixture_command(f, NULL, VERB_ROLLOUT_APPROVE, approval, "rollout", id, NULL);
		if (!r || (r->exit_code && i + 1 == ARRAY_LEN(by)))
			must(-1, &(struct err){.msg = "refused"}, r ? r->message : "approve");
	}
	return id;
}

const char *brain_fixture_run(struct brain_fixture *f, const char *plan, uint8_t digest[DIGEST_SIZE])
{
	(void)brain_fixture_start(f, plan);
	return brain_fixture_approve_last(f, digest);
}

void brain_fixture_production_alone(struct brain_fixture *f)
{
	static const char *pipeline[] = {"production"};
	f->trust.release.pipeline = pipeline;
	f->trust.release.n_pipeline = 1;
}

void brain_fixture_begin(struct brain_fixture *f, const char *const *targets, size_t n)
{
	brain_fixture_init(f);
	brain_fixture_production_alone(f);
	trust_fixture_build(&f->trust);
	brain_fixture_admit(f);
	brain_fixture_release(f);
	brain_fixture_connect(f, targets, n);
}

const char *brain_fixture_canary(struct brain_fixture *f, uint8_t digest[DIGEST_SIZE])
{
	brain_fixture_begin(f, brain_fixture_targets, BRAIN_TARGETS);
	return brain_fixture_run(f, brain_fixture_plan, digest);
}

/* ---- the agent ------------------------------------------------------------------------------------------------------------------------------------------ */

void brain_fixture_admit(struct brain_fixture *f)
{
	static const char *globs[] = {"eu/*"};
	struct buf data = BUF_INIT;
	struct err e = ERR_INIT;
	f->agent.name = "eu-agent";
	str_copy(f->agent.curve_key, sizeof f->agent.curve_key, AGENT_KEY);
	must(sign_key_generate(&f->agent.report_key, &e), &e, "report key");
	struct certificate c = {.agent = f->agent.name,
	                        .site = "eu",
	                        .serial = BRAIN_AGENT_SERIAL,
	                        .curve_key = f->agent.curve_key,
	                        .targets = globs,
	                        .n_targets = 1,
	                        .not_before_us = f->now_us - FIXTURE_HOUR,
	                        .not_after_us = f->now_us + 1000 * FIXTURE_HOUR};
	sign_key_public(f->agent.report_key, c.report_key);
	certificate_encode(&c, &data);
	f->agent.certificate = trust_fixture_sign(&f->trust, TYPE_CERTIFICATE, arena_bytes(f->arena, buf_bytes(&data)), ERIN);
	buf_done(&data);
	const struct msg_reply *r = brain_fixture_command(f, NULL, VERB_AGENT_ADMIT, f->agent.certificate, NULL);
	if (!r || r->exit_code)
		must(-1, &(struct err){.msg = "refused"}, r ? r->message : "admit");
}

struct hub_event brain_fixture_message(const struct brain_fixture *f, enum msg_type t)
{
	struct hub_event ev = {.type = HUB_MESSAGE, .from = {.kind = LINK_AGENT}, .session = f->agent.session, .msg = {.type = t}};
	str_copy(ev.from.name, sizeof ev.from.name, f->agent.name);
	str_copy(ev.from.curve_key, sizeof ev.from.curve_key, f->agent.curve_key);
	return ev;
}

bool brain_fixture_hello(struct brain_fixture *f)
{
	uint8_t sig[SIGNATURE_SIZE];
	struct buf data = BUF_INIT;
	f->agent.session = f->next_session++;
	struct hub_event ev = brain_fixture_message(f, MSG_HELLO);
	ev.msg.hello = (struct msg_hello){.agent = f->agent.name,
	                                  .agent_version = "0.1.0",
	                                  .certificate = f->agent.certificate,
	                                  .boot_id = bytes_of_str(f->agent.boot ? f->agent.boot : "boot"),
	                                  .proto_min = LINK_PROTO,
	                                  .proto_max = f->agent.proto_max ? f->agent.proto_max : LINK_PROTO,
	                                  .max_epoch = f->agent.max_epoch,
	                                  .trust_version = f->agent.trust_version,
	                                  .session_counter = ++f->agent.counter,
	                                  .report_seq = f->agent.report_seq};
	hello_signed_bytes(&ev.msg.hello, CONTROLLER_KEY, &data);
	sign_make(f->agent.report_key, buf_bytes(&data), sig);
	buf_done(&data);
	ev.msg.hello.signature = bytes_of(sig, sizeof sig);
	brain_fixture_event(f, &ev);
	if (f->n_sent == 0 || f->sent[0].msg.type != MSG_WELCOME)
		return false;
	f->agent.proto = f->sent[0].msg.welcome.proto;
	return true;
}

void brain_fixture_connect(struct brain_fixture *f, const char *const *targets, size_t n)
{
	if (!brain_fixture_hello(f))
		return;
	struct label labels[] = {{"environment", "production"}, {"ring", "rest"}};
	struct label canary[] = {{"environment", "production"}, {"ring", "canary"}};
	AUTO(mem_free_ptr) struct target *list = mem_alloc((n + 1) * sizeof *list);
	for (size_t i = 0; i < n; i++)
		list[i] = (struct target){.id = targets[i], .engine = "sqlite", .labels = i == 0 ? canary : labels, .n_labels = 2};
	struct hub_event ev = brain_fixture_message(f, MSG_TARGETS);
	ev.msg.targets = (struct msg_targets){.targets = list, .n_targets = n, .first = true, .last = true};
	brain_fixture_event(f, &ev);
}

size_t brain_fixture_offers(const struct brain_fixture *f, struct msg_offer *ret, size_t max)
{
	size_t n = 0;
	for (size_t i = 0; i < f->n_sent; i++)
		if (f->sent[i].msg.type == MSG_OFFER && n < max)
			ret[n++] = f->sent[i].msg.offer;
	return n;
}

struct msg_offer brain_fixture_offer(const struct brain_fixture *f, const char *target)
{
	struct msg_offer o[2];
	if (brain_fixture_offers(f, o, 2) != 1 || !str_eq(o[0].target, target))
		must(-1, &(struct err){.msg = "not one offer, and that to it"}, target);
	return o[0];
}

struct msg_report brain_fixture_report(struct brain_fixture *f, const struct msg_offer *o, const uint8_t order_digest[DIGEST_SIZE],
                                       enum outcome outcome)
{
	struct buf data = BUF_INIT;
	struct err e = ERR_INIT;
	struct step_outcome step = {
	    .changeset = "alice:a", .direction = o->direction, .run = 1, .state = outcome == OUTCOME_FAILED ? STEP_FAILED : STEP_DONE};
	struct report r = {.agent = f->agent.name,
	                   .target = o->target,
	                   .attempt = o->attempt,
	                   .direction = o->direction,
	                   .outcome = outcome,
	                   .steps = &step,
	                   .n_steps = 1,
	                   .started_at_us = f->now_us,
	                   .ended_at_us = f->now_us,
	                   .report_seq = ++f->agent.report_seq,
	                   .epoch = o->epoch,
	                   .agent_version = "0.1.0",
	                   .fingerprint_before = {f->agent.found},
	                   .fingerprint = {f->agent.left},
	                   .fingerprint_form = 1};
	r.ledger_rows = r.report_seq;
	if (outcome == OUTCOME_FAILED)
		r.failure = (struct failure){.code = "db", .message = "duplicate key.", .changeset = "alice:a", .database_state = "unchanged"};
	memcpy(r.task, o->task, TASK_SIZE);
	memcpy(r.order_digest, order_digest, DIGEST_SIZE);
	memcpy(r.release_digest, f->trust.release.digest, DIGEST_SIZE);
	memcpy(r.prev_report_hash, f->agent.prev_hash, DIGEST_SIZE);
	report_encode(&r, &data);
	struct envelope env = {.type = TYPE_REPORT, .payload = arena_bytes(f->arena, buf_bytes(&data))};
	must(dsse_sign(&env, f->agent.report_key, f->arena, &e), &e, "report");
	buf_clear(&data);
	envelope_encode(&env, &data);
	struct msg_report m = {.seq = r.report_seq, .envelope = arena_bytes(f->arena, buf_bytes(&data))};
	digest_sha256(m.envelope, f->agent.prev_hash);
	buf_done(&data);
	return m;
}

void brain_fixture_send_report(struct brain_fixture *f, const struct msg_report *r)
{
	struct hub_event ev = brain_fixture_message(f, MSG_REPORT);
	ev.msg.report = *r;
	brain_fixture_event(f, &ev);
}

void brain_fixture_outcome(struct brain_fixture *f, const struct msg_offer *o, const uint8_t order_digest[DIGEST_SIZE], enum outcome outcome)
{
	const struct msg_report r = brain_fixture_report(f, o, order_digest, outcome);
	brain_fixture_send_report(f, &r);
}

void brain_fixture_gone(struct brain_fixture *f)
{
	struct hub_event gone = brain_fixture_message(f, MSG_INVALID);
	gone.type = HUB_GONE;
	brain_fixture_event(f, &gone);
}

uint64_t brain_fixture_acked(const struct brain_fixture *f)
{
	for (size_t i = 0; i < f->n_sent; i++)
		if (f->sent[i].msg.type == MSG_REPORT_ACK)
			return f->sent[i].msg.report_ack.seq;
	return UINT64_MAX;
}
