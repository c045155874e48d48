/* Changes into a release: statements grouped into steps for each engine, rollbacks resolved, digests set. */
#ifndef CONTROLLER_RELEASE_PACK_H
#define CONTROLLER_RELEASE_PACK_H

#include "common/model/release.h"
#include "controller/change/statements.h"
#include "controller/release/project.h"

struct pack_options {
	const char *version; /* [A-Za-z0-9][A-Za-z0-9._+-]*, 64 at most */
	uint64_t sequence;
	const char *author; /* who builds it */
	int64_t now_us;
	struct provenance provenance;
};

/* Packs into set->arena. Transaction control, a rollback by a changeset that is not there, and sizes that a manifest cannot hold are added to set->problems (the caller looks at
 * them: a release with problems must not be signed). The gate report and its digest are left for the caller to set; digest is not set. */
void release_pack(const struct project *p, const struct parsed_set *parsed, struct change_set *set, const struct pack_options *o,
                  struct release *ret);

/* "1.2.0": usable as a release's version. */
bool release_version_is_valid(const char *s);

/* pack_whole.c: what cannot be in one transaction becomes a problem, with its place. */
void pack_check_whole(struct change_set *set, const struct release *r);

#endif
