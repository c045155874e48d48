/* The survey actor: what a target's ledger says, or what a probe finds, read without changing anything. */
#include <stdlib.h>

#include "agent/apply/probe.h"
#include "agent/ledger/ledger.h"
#include "agent/report/collect.h"
#include "agent/schema/snapshot.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/link/handover.h"
#include "common/wire/limits.h"
#include "common/wire/link.h"

#define ENTRIES_IN_PART 500 /* well under LIMIT_FRAME_BODY */

struct survey {
	const struct engine *engine;
	struct conn *conn;
	struct arena *arena;
	struct msg_survey_result result; /* entries: all of them */
};

struct name { /* two projects may have a changeset of the same id */
	const char *project, *changeset;
};

static int compare_names(const void *va, const void *vb)
{
	const struct name *a = va, *b = vb;
	int by_id = strcmp(a->changeset, b->changeset);
	return by_id ? by_id : strcmp(a->project, b->project);
}

/* In the order in which the ledger first names them. */
static void list_changesets(struct survey *s, const struct ledger *l)
{
	struct name *seen = arena_alloc(s->arena, (l->n_rows + 1) * sizeof *seen);
	size_t n = 0;
	s->result.entries = arena_alloc(s->arena, (l->n_rows + 1) * sizeof *s->result.entries);
	for (size_t i = 0; i < l->n_rows; i++) {
		const struct name name = {.project = l->rows[i].project, .changeset = l->rows[i].changeset};
		const struct project_ledger part = {.all = l, .project = name.project};
		if (bsearch(&name, seen, n, sizeof *seen, compare_names))
			continue;
		size_t at = n++;
		for (; at > 0 && compare_names(&seen[at - 1], &name) > 0; at--)
			seen[at] = seen[at - 1];
		seen[at] = name;
		struct changeset_status st;
		ledger_status(&part, name.changeset, 0, 0, &st);
		struct survey_entry *entry = &s->result.entries[s->result.n_entries++];
		*entry = (struct survey_entry){.project = name.project,
		                               .changeset = name.changeset,
		                               .state = changeset_state_name(st.state),
		                               .release_version = st.release_version,
		                               .steps_done = st.steps_done};
		memcpy(entry->digest, st.changeset_digest, DIGEST_SIZE);
	}
}

static int read_target(struct survey *s, const struct engine_target *t, struct err *e)
{
	struct engine_identity id;
	struct ledger l;
	if (s->engine->open(t, &s->conn, e) != 0)
		return err_wrap(e, "target unreachable");
	if (s->engine->identity(s->conn, &id, e) != 0 || ledger_peek(s->engine, s->conn, s->arena, &l, e) != 0)
		return -1;
	s->result.engine_version = arena_strdup(s->arena, id.version);
	s->result.database_identity = arena_strdup(s->arena, id.database);
	list_changesets(s, &l);
	return 0;
}

/* A preview is not worth failing over it. */
static void take_fingerprint(struct survey *s)
{
	AUTO(snapshot_done) struct snapshot now = {0};
	struct err why = ERR_INIT;
	if (snapshot_take(s->engine, s->conn, &now, &why) != 0) {
		log_warn("survey of %s: told without the schema's fingerprint: %s", s->result.target, why.msg);
		return;
	}
	memcpy(s->result.fingerprint, now.fingerprint, DIGEST_SIZE);
	s->result.fingerprint_form = SNAPSHOT_FORM;
}

static int survey(struct survey *s, const struct survey_job *job, struct err *e)
{
	AUTO(secret_destroy) struct secret *password = NULL;
	struct engine_target connect = job->target->connect;
	s->engine = engine_by_name(job->target->target.engine);
	if (!s->engine)
		return err_set(e, ERR_POLICY, "this agent has no engine %s", job->target->target.engine);
	if (agent_config_password(job->target, &password, e) != 0)
		return -1;
	connect.password = password;
	if (job->probe)
		return probe_run(job, &connect, s->arena, &s->result.probe_value, e);
	int rc = read_target(s, &connect, e);
	if (rc == 0 && job->config->fingerprint != FINGERPRINT_OFF)
		take_fingerprint(s);
	s->engine->close(&s->conn);
	return rc;
}

static void send_part(zsock_t *pipe, const struct msg_survey_result *part)
{
	AUTO(buf_done) struct buf body = BUF_INIT;
	struct msg m = {.type = MSG_SURVEY_RESULT, .survey_result = *part};
	msg_encode(&m, &body);
	zmsg_t *out = zmsg_new();
	zmsg_addstr(out, "SURVEY");
	zmsg_addmem(out, body.p, body.n);
	zmsg_send(&out, pipe);
}

static void send_parts(zsock_t *pipe, const struct msg_survey_result *all)
{
	size_t sent = 0;
	do {
		struct msg_survey_result part = *all;
		part.n_entries = all->n_entries - sent > ENTRIES_IN_PART ? ENTRIES_IN_PART : all->n_entries - sent;
		part.entries = all->entries ? all->entries + sent : NULL;
		sent += part.n_entries;
		part.last = sent == all->n_entries;
		send_part(pipe, &part);
	} while (sent < all->n_entries);
}

void survey_actor(zsock_t *pipe, void *arg)
{
	const struct survey_job *job = arg;
	struct err e = ERR_INIT;
	struct survey s = {.arena = arena_new(LIMIT_ARENA_DOCUMENT), .result = {.id = job->id, .target = job->target->target.id}};
	zsock_signal(pipe, 0);
	if (survey(&s, job, &e) != 0) {
		log_warn("survey of %s: %s", job->target->target.id, e.msg);
		s.result.error_code = err_code_name(e.code);
		s.result.error_message = collect_text(s.arena, e.msg, REPORT_TEXT_MAX);
		s.result.n_entries = 0;
	}
	send_parts(pipe, &s.result);
	arena_destroy(&s.arena);
	engines_thread_end();
	handover_end(pipe, arg);
}
