/* The work that is none: what an agent that has applied the release at once would report. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/crypto/blobs.h"
#include "common/crypto/digest.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "tests/bench/fleet/farm.h"

void farm_must(int rc, const struct err *e)
{
	if (rc == 0)
		return;
	fprintf(stderr, "farm: %s\n", e->msg);
	abort();
}

void work_read_dossier(struct farm *f, const uint8_t hash[DIGEST_SIZE])
{
	AUTO(buf_done) struct buf data = BUF_INIT;
	AUTO(mem_free_ptr) char *dir = file_join(f->config->dir, "controller/blobs");
	struct dossier d;
	struct err e = ERR_INIT;
	if (f->order_arena && memcmp(f->dossier_hash, hash, DIGEST_SIZE) == 0)
		return;
	arena_destroy(&f->order_arena);
	f->order_arena = arena_new(LIMIT_ARENA_DOCUMENT);
	farm_must(blobs_get(dir, hash, LIMIT_DOSSIER, &data, &e), &e);
	farm_must(dossier_decode(arena_bytes(f->order_arena, buf_bytes(&data)), f->order_arena, &d, &e), &e);
	farm_must(order_decode(d.order, f->order_arena, &f->order, &e), &e);
	memcpy(f->dossier_hash, hash, DIGEST_SIZE);
}

struct report work_report(const struct farm *f, const char *agent, const struct msg_offer *o, enum outcome outcome,
                          struct step_outcome steps[FARM_STEPS_MAX])
{
	unsigned n = atomic_load(&f->shared->steps);
	int64_t now_us = clock_wall_us();
	struct report r = {.agent = agent,
	                   .target = o->target,
	                   .attempt = o->attempt,
	                   .direction = o->direction,
	                   .outcome = outcome,
	                   .steps = steps,
	                   .n_steps = n < FARM_STEPS_MAX ? n : FARM_STEPS_MAX,
	                   .started_at_us = now_us,
	                   .ended_at_us = now_us,
	                   .epoch = o->epoch,
	                   .agent_version = "0.1.0"};
	for (size_t i = 0; i < r.n_steps; i++)
		steps[i] = (struct step_outcome){.changeset = "bench:one",
		                                 .direction = o->direction,
		                                 .run = 1,
		                                 .step = (uint32_t)i,
		                                 .state = outcome == OUTCOME_FAILED ? STEP_FAILED : STEP_DONE};
	if (outcome == OUTCOME_FAILED)
		r.failure = (struct failure){.code = "db", .message = "planted.", .changeset = "bench:one", .database_state = "unchanged"};
	memcpy(r.task, o->task, TASK_SIZE);
	memcpy(r.order_digest, f->order.digest, DIGEST_SIZE);
	memcpy(r.release_digest, f->order.release_digest, DIGEST_SIZE);
	return r;
}
