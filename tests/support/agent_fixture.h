/* An agent's folder for tests: keys, trust document, certificate and agent.yaml, all really signed, valid now. Agent eu-1 of site eu.
 *
 *   struct agent_fixture f;
 *   agent_fixture_init(&f);            makes a folder in /tmp; the trust document names no controller keys
 *   agent_fixture_write(&f);           writes trust.env and eu-1.cert as f.trust and f.certificate stand now; again after changes
 *   agent_fixture_file(&f, "agent.yaml", text, 0644);
 *   agent_fixture_done(&f);            removes the folder
 */
#ifndef TESTS_SUPPORT_AGENT_FIXTURE_H
#define TESTS_SUPPORT_AGENT_FIXTURE_H

#include <sys/types.h>

#include "tests/support/trust_fixture.h"

struct agent_fixture {
	char dir[64];
	struct trust_fixture signed_by;
	char curve_key[CURVE_KEY_TEXT_SIZE]; /* curve.key's public half */
	struct certificate certificate; /* for agent eu-1, targets eu and below */
};

void agent_fixture_init(struct agent_fixture *f);
void agent_fixture_write(struct agent_fixture *f);
void agent_fixture_file(const struct agent_fixture *f, const char *name, const char *text, mode_t mode);
void agent_fixture_done(struct agent_fixture *f);

#endif
