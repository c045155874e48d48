/* What verification costs: releases, approvals and proofs a second, and its share of a whole delivery when one release goes to a thousand targets of one agent. SQLite is
 * the quickest engine, so that the share is the highest that it can be. One line for each figure: name, value, unit. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/verify/trusted.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/crypto/dsse.h"
#include "common/crypto/fresh.h"
#include "tests/support/papers_fixture.h"
#include "tests/support/verify_facts.h"

#define TARGETS    1000
#define DELIVERIES 30
#define RUN_US     ((int64_t)1000000)

static struct papers_fixture f;

static void must(int rc, const struct err *e)
{
	if (rc == 0)
		return;
	fprintf(stderr, "bench-verify: %s\n", e->msg);
	exit(1);
}

/* One delivery's verification, as agent/apply/deliver.c does it. */
static void verify_once(bool release_checked)
{
	AUTO(arena_destroy) struct arena *a = arena_new((size_t)64 << 20);
	struct err e = ERR_INIT;
	struct trusted t;
	struct verified v;
	must(trusted_load(f.journal, f.config.trust_pin, a, &t, &e), &e);
	struct verify_facts facts = trust_fixture_facts(&f.agent.signed_by);
	facts.trust = &t.doc;
	facts.freshness = t.fresh;
	facts.engine = "sqlite";
	facts.now_us = clock_wall_us();
	facts.release_checked = release_checked;
	must(verify_delivery(&facts, a, &v, &e), &e);
	if (!release_checked)
		must(verify_statements(&v.release, "sqlite", false, &e), &e);
}

static void whole_release(void)
{
	verify_once(false);
}

static void known_release(void)
{
	verify_once(true);
}

static void one_approval(void)
{
	struct trust_fixture *s = &f.agent.signed_by;
	AUTO(arena_destroy) struct arena *a = arena_new((size_t)1 << 20);
	struct err e = ERR_INIT;
	struct dossier d;
	struct envelope env;
	struct approval p;
	must(dossier_decode(s->dossier_bytes, a, &d, &e), &e);
	must(envelope_decode(d.approvals[0], a, &env, &e), &e);
	if (!dsse_signed_by(&env, TYPE_APPROVAL, s->trust.keys[CAROL].public_key))
		abort();
	must(approval_decode(env.payload, a, &p, &e), &e);
}

static struct merkle_leaf leaves[TARGETS];
static char names[TARGETS][32];
static struct merkle_tree *tree;
static uint8_t root[DIGEST_SIZE];

static void make_tree(void)
{
	for (size_t i = 0; i < TARGETS; i++) {
		snprintf(names[i], sizeof names[i], "eu/pg-1/shop_%zu", i);
		leaves[i] = (struct merkle_leaf){.target = names[i]};
	}
	tree = merkle_new(leaves, TARGETS);
	merkle_root(tree, root);
}

static void one_proof(void)
{
	struct merkle_proof p;
	static uint32_t i;
	merkle_prove(tree, i, &p);
	if (!merkle_verify(&p, names[i], root, TARGETS))
		abort();
	i = (i + 1) % TARGETS;
}

/* Microseconds for one call, over a second of them. */
static double cost_us(void (*run)(void))
{
	int64_t start_us = clock_mono_us(), now_us = start_us;
	size_t n = 0;
	for (; now_us - start_us < RUN_US; n++, now_us = clock_mono_us())
		run();
	return (double)(now_us - start_us) / (double)n;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

/* A whole delivery on a new database: the median. */
static double delivery_us(void)
{
	static double each[DELIVERIES];
	for (size_t i = 0; i < DELIVERIES; i++) {
		struct err e = ERR_INIT;
		enum outcome outcome = OUTCOME_COUNT;
		unlink(f.db); /* a new target each time, as far as anyone knows */
		papers_fixture_sql(&f, "CREATE TABLE unrelated (id integer)");
		must(journal_head_reset(f.journal, f.task.target, &(struct journal_head){0}, &e), &e);
		memset(f.task.id, (int)i + 20, TASK_SIZE);
		papers_fixture_accept(&f);
		int64_t start_us = clock_mono_us();
		must(papers_fixture_deliver(&f, &outcome, &e), &e);
		each[i] = (double)(clock_mono_us() - start_us);
		if (outcome != OUTCOME_APPLIED) {
			fprintf(stderr, "bench-verify: %s: %s\n", outcome_name(outcome), e.msg);
			exit(1);
		}
	}
	qsort(each, DELIVERIES, sizeof *each, compare);
	return each[DELIVERIES / 2];
}

int main(void)
{
	log_open("bench-verify", LOG_LEVEL_ERROR);
	papers_fixture_init(&f);
	papers_fixture_write(&f);
	make_tree();
	double whole = cost_us(whole_release), known = cost_us(known_release), approval = cost_us(one_approval), proof = cost_us(one_proof);
	double delivery = delivery_us();
	double all = whole + known * (TARGETS - 1), naive = whole * TARGETS;
	printf("releases   %8.0f /s   a release seen for the first time: 2 signatures, digests, statements (%.0f us)\n", 1e6 / whole, whole);
	printf("known      %8.0f /s   the same release for the next target: order, approvals, proof, what is revoked (%.0f us)\n", 1e6 / known, known);
	printf("approvals  %8.0f /s   one signature and its document\n", 1e6 / approval);
	printf("proofs     %8.0f /s   made and checked, %d targets\n", 1e6 / proof, TARGETS);
	printf("share      %8.2f %%    of one release over %d SQLite targets (%.1f ms each); %.2f %% if each target checked it all\n",
	       100 * all / (delivery * TARGETS), TARGETS, delivery / 1000, 100 * naive / (delivery * TARGETS));
	merkle_destroy(&tree);
	papers_fixture_done(&f);
	return 0;
}
