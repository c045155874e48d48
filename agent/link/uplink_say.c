/* What the agent says to the controller: HELLO, its targets, heartbeats, and the reports of the outbox, a window of them at a time. */
#include <string.h>

#include "agent/link/uplink_impl.h"
#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/wire/hello.h"
#include "common/wire/limits.h"

#define REPORT_WINDOW 32 /* reports sent and not yet acknowledged */
#define REPORT_BATCH  8 /* read from the journal at a time */
#define OUTBOX_MS     1000 /* look again, for what could not be sent at once */
#define TARGETS_BYTES ((size_t)100 * 1024) /* in one TARGETS message */

enum frame_sent uplink_say(struct uplink *u, const struct msg *m)
{
	struct link_header header = {.session = u->session, .seq = u->seq_out + 1, .ack = u->seq_in, .epoch = u->max_epoch};
	enum frame_sent sent = dial_send(&u->dial, header, m);
	if (sent == FRAME_SENT)
		u->seq_out++;
	return sent;
}

static void sign_hello(struct uplink *u, struct msg_hello *h, uint8_t signature[SIGNATURE_SIZE])
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	hello_signed_bytes(h, u->set.controller_keys[u->key], &b);
	sign_make(u->set.report_key, buf_bytes(&b), signature);
	h->signature = bytes_of(signature, SIGNATURE_SIZE);
}

int uplink_say_hello(struct uplink *u, struct err *e)
{
	uint8_t signature[SIGNATURE_SIZE];
	struct msg m = {
	    .type = MSG_HELLO,
	    .hello =
	        {
	            .agent = u->set.agent,
	            .agent_version = u->set.agent_version,
	            .certificate = u->set.certificate,
	            .boot_id = bytes_of(u->boot_id, sizeof u->boot_id),
	            .proto_min = LINK_PROTO,
	            .proto_max = LINK_PROTO_MAX,
	            .max_epoch = u->max_epoch,
	            .trust_version = u->set.trust_version,
	            .report_seq = journal_last_report(u->journal),
	        },
	};
	if (journal_next(u->journal, "session_counter", &m.hello.session_counter, e) != 0)
		return -1;
	sign_hello(u, &m.hello, signature);
	u->seq_in = u->seq_out = u->session = 0;
	return uplink_say(u, &m) == FRAME_SENT ? 0 : err_set(e, ERR_LINK, "HELLO could not be sent");
}

static size_t target_size(const struct target *t)
{
	size_t n = strlen(t->id) + strlen(t->engine) + 16;
	for (size_t i = 0; i < t->n_labels; i++)
		n += strlen(t->labels[i].key) + strlen(t->labels[i].value) + 8;
	return n;
}

bool uplink_say_targets(struct uplink *u)
{
	AUTO(mem_free_ptr) struct target *part = mem_alloc(u->set.n_targets * sizeof *part);
	size_t done = 0;
	do {
		size_t n = 0, size = 0, first = done;
		for (; done < u->set.n_targets && (n == 0 || size < TARGETS_BYTES); done++) {
			size += target_size(u->set.targets[done]);
			part[n++] = *u->set.targets[done];
		}
		struct msg m = {.type = MSG_TARGETS, .targets = {.targets = part, .n_targets = n, .first = first == 0, .last = done == u->set.n_targets}};
		if (uplink_say(u, &m) != FRAME_SENT)
			return false;
	} while (done < u->set.n_targets);
	return true;
}

void uplink_say_heartbeat(struct uplink *u)
{
	struct msg m = {.type = MSG_HEARTBEAT};
	u->on.load(u->on.arg, &m.heartbeat);
	m.heartbeat.report_seq = journal_last_report(u->journal);
	if (u->proto >= LINK_PROTO_CLOCK) /* one that does not know the field would end the session for it */
		m.heartbeat.wall_us = clock_wall_us();
	u->beat_us = uplink_after_ms(u->heartbeat_ms);
	uplink_say(u, &m);
}

/* ---- the outbox ---- */

static bool send_report(struct uplink *u, const struct outbox_entry *r)
{
	struct msg m = {.type = MSG_REPORT, .report = {.seq = r->seq, .envelope = r->envelope}};
	FAILPOINT("report-unsent");
	enum frame_sent sent = uplink_say(u, &m);
	FAILPOINT("report-sent");
	if (sent == FRAME_TOO_LARGE && u->stuck_report != r->seq) {
		u->stuck_report = r->seq;
		log_error("report %llu is %zu bytes; a message has at most %zu: it and all later ones stay in the journal; split the release",
		          (unsigned long long)r->seq, r->envelope.n, LIMIT_FRAME_BODY);
	}
	return sent == FRAME_SENT;
}

/* True when there may be more to send now. */
static bool send_some(struct uplink *u)
{
	uint64_t end = u->acked_report + REPORT_WINDOW + 1;
	if (u->state != UP || u->next_report >= end)
		return false;
	AUTO(arena_destroy) struct arena *a = arena_new((REPORT_BATCH + 1) * LIMIT_DOCUMENT * 2);
	struct outbox_entry *list = NULL;
	size_t n = 0, max = end - u->next_report < REPORT_BATCH ? (size_t)(end - u->next_report) : REPORT_BATCH;
	struct err e = ERR_INIT;
	if (journal_outbox(u->journal, u->next_report, max, a, &list, &n, &e) != 0) {
		log_error("outbox: %s: reports wait until it can be read", e.msg);
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (!send_report(u, &list[i]))
			return false;
		u->next_report = list[i].seq + 1;
	}
	return n == max;
}

void uplink_kick(struct uplink *u)
{
	u->outbox_us = uplink_after_ms(OUTBOX_MS);
	while (send_some(u))
		;
}

void uplink_resend(struct uplink *u)
{
	u->next_report = u->acked_report + 1;
	uplink_kick(u);
}

void uplink_acked(struct uplink *u, const struct msg_report_ack *ack)
{
	struct err e = ERR_INIT;
	if (ack->seq <= u->acked_report)
		return;
	u->acked_report = ack->seq;
	FAILPOINT("ack-received");
	if (journal_acked(u->journal, ack->seq, &ack->audit, &e) != 0)
		log_error("%s: %s", e.code == ERR_STATE ? "controller" : "journal: the report will be sent again", e.msg);
	FAILPOINT("ack-journaled");
	uplink_kick(u);
}
