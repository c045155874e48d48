/* The facts of a delivery that trust_fixture built: all is well until a test changes something. */
#ifndef TESTS_SUPPORT_VERIFY_FACTS_H
#define TESTS_SUPPORT_VERIFY_FACTS_H

#include "agent/verify/verify.h"
#include "tests/support/trust_fixture.h"

static inline struct verify_facts trust_fixture_facts(const struct trust_fixture *f)
{
	return (struct verify_facts){.trust = &f->trust,
	                             .release_envelope = f->release_bytes,
	                             .dossier = f->dossier_bytes,
	                             .proof = f->proof,
	                             .target = f->targets[f->target_index].target,
	                             .environment = "production",
	                             .engine = "postgresql",
	                             .agent_version = "0.1.0",
	                             .epoch = 3,
	                             .max_epoch = 3,
	                             .direction = f->order.direction,
	                             .now_us = f->now_us};
}

#endif
