/* What documents_release.c and documents_changeset.c share: a manifest is its head and its changesets. */
#ifndef COMMON_WIRE_DOCUMENTS_CHANGESET_H
#define COMMON_WIRE_DOCUMENTS_CHANGESET_H

#include "common/model/changeset.h"
#include "common/wire/reader.h"
#include "proto/release.pb-c.h"

#define ENGINES_MAX 16
#define LISTED_MAX  1000 /* checks, digests, people: of one changeset, or of a release's head */

struct changeset_reader {
	struct reader r;
	size_t statements; /* in the whole release */
};

/* Borrows from `from`; the lists are in `a`. */
Rollcall__V1__Changeset *put_changeset(struct arena *a, const struct changeset *from);
/* Fills *ret as far as it is sound; what is not is the reader's failure, which names the changeset. */
void read_changeset(struct changeset_reader *cr, const Rollcall__V1__Changeset *m, struct changeset *ret);

#endif
