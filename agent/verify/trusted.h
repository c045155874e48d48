/* What this agent believes: the newest trust document and freshness document that it has accepted, and the newest time that anyone has signed. Kept in the journal, so that
 * the loop that takes them, each runner that asks them and the command line share nothing else. A document is taken once, whole, after every check. */
#ifndef AGENT_VERIFY_TRUSTED_H
#define AGENT_VERIFY_TRUSTED_H

#include "agent/journal/journal.h"
#include "agent/verify/checks.h"
#include "common/base/arena.h"
#include "common/model/trust.h"

#define TRUSTED_ARENA ((size_t)64 * 1024 * 1024)

struct trusted { /* in the arena it was loaded into */
	struct trust doc; /* as signed */
	struct freshness *fresh; /* NULL: none has come */
	struct envelope fresh_envelope; /* as it was signed; of no meaning without `fresh` */
	struct trust valid; /* `doc` without the keys that `fresh` revokes: whose signatures count */
	uint8_t digest[DIGEST_SIZE]; /* of both documents: what was found under it holds as long as it is the same */
	int64_t attested_us; /* the newest signed time seen: the clock cannot be behind it */
};

/* The newer of the pinned document (the file that agent.yaml names, its envelope's bytes) and the journal's. ERR_POLICY when they are of two fleets. */
int trusted_load(struct journal *j, struct bytes pinned, struct arena *a, struct trusted *ret, struct err *e) MUST_CHECK;

/* The file that agent.yaml names is the document that is begun with: it is remembered like those that follow it, so that an older file put in its place, from a backup perhaps,
 * brings no old keys back. ERR_POLICY when it is older than what was used; `file` is for the message. */
int trusted_pin(struct journal *j, struct bytes pinned, const struct trust *doc, const char *file, int64_t now_us, struct err *e) MUST_CHECK;

/* A signed document that came by the link or in a file: the next trust document, or a newer freshness document. Checks it against what is believed and keeps it, in one
 * commit. *ret_new false: it is known already, or older than what is. Expiry is asked when something is to run: a successor that has expired still names the
 * one after it. CHECK_NONE; or why it is not taken, by the check whose document it is: C3, C4. */
enum check_code trusted_take(struct journal *j, struct bytes pinned, struct bytes envelope, int64_t now_us, bool *ret_new, struct err *e) MUST_CHECK;
/* Remembers a signed time once it lies in front of the newest known one. */
int trusted_attest(struct journal *j, int64_t signed_us, struct err *e) MUST_CHECK;

#endif
