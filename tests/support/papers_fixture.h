/* An agent on its own disk with one SQLite target and one accepted task, its papers really signed and pulled: what agent/apply/deliver.c and survey.c start from.
 *
 *   papers_fixture_init(&f);                  change f.agent.signed_by, f.task
 *   papers_fixture_write(&f);                 signs, writes blobs and agent.yaml, loads it, accepts the task
 *   papers_fixture_deliver(&f, &outcome, &e); papers_fixture_report(&f, &r);
 *   papers_fixture_done(&f); */
#ifndef TESTS_SUPPORT_PAPERS_FIXTURE_H
#define TESTS_SUPPORT_PAPERS_FIXTURE_H

#include "agent/apply/deliver.h"
#include "tests/support/agent_fixture.h"

struct papers_fixture {
	struct agent_fixture agent; /* the folder, and the fleet that signs */
	struct agent_config config; /* from write on */
	struct task task; /* attempt 1, epoch 3, apply, no deadline */
	struct journal *journal;
	struct watch watch;
	void (*progress)(void *arg, const struct delivery_progress *p); /* of deliver; NULL: none */
	void *progress_arg;
	struct arena *arena; /* of reports and values */
	char db[128], path[256];
};

void papers_fixture_init(struct papers_fixture *f);
void papers_fixture_write(struct papers_fixture *f);
void papers_fixture_accept(struct papers_fixture *f); /* the task as it stands now */
void papers_fixture_done(struct papers_fixture *f);

int papers_fixture_deliver(struct papers_fixture *f, enum outcome *ret, struct err *e);
/* The newest report of the outbox: its signature by the agent's report key is checked, its chain too. */
void papers_fixture_report(struct papers_fixture *f, struct report *ret);
size_t papers_fixture_open_tasks(struct papers_fixture *f);
const char *papers_fixture_blob(struct papers_fixture *f, const uint8_t hash[DIGEST_SIZE]); /* its path, good until the next call */
/* On the target, from outside. The value of one query as text, "NULL" for NULL. */
void papers_fixture_sql(struct papers_fixture *f, const char *sql);
const char *papers_fixture_value(struct papers_fixture *f, const char *sql);
/* Another session writes and lets nobody else: until it is told to end. */
struct lite;
struct lite *papers_fixture_block(struct papers_fixture *f);
void papers_fixture_unblock(struct lite **session);

#endif
