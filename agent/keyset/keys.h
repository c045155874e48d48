/* An agent's two keys as files: one for the link, one for its reports. Both without a passphrase: the agent starts unattended, and the files' mode
 * protects them. */
#ifndef AGENT_KEYSET_KEYS_H
#define AGENT_KEYSET_KEYS_H

#include "common/base/err.h"
#include "common/crypto/sign.h"
#include "common/link/curve.h"

struct agent_keys {
	struct curve_key curve;
	struct sign_key *report;
};

int agent_keys_load(const char *curve_file, const char *report_file, struct agent_keys *ret, struct err *e) MUST_CHECK;
/* Loads them, and makes the ones that are missing. */
int agent_keys_make(const char *curve_file, const char *report_file, struct agent_keys *ret, struct err *e) MUST_CHECK;
void agent_keys_done(struct agent_keys *k);

#endif
