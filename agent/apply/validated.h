/* Which changeset of a project, the newest one, an agent has seen to be valid on a target. One note in the journal, kept from the first delivery of the project on; without one it is not known. */
#ifndef AGENT_APPLY_VALIDATED_H
#define AGENT_APPLY_VALIDATED_H

#include "agent/journal/journal.h"
#include "agent/ledger/ledger.h"

struct validated {
	const char *changeset; /* "": none yet; NULL: not known, the journal has kept no account of it */
	uint32_t run;
};

int validated_read(struct journal *j, const char *target, const char *project, struct arena *a, struct validated *ret, struct err *e) MUST_CHECK;
/* A person has said that the ledger goes on as it is, a restored or adopted one: of each of its projects the newest changeset counts as seen to be valid, unless the ledger says otherwise. */
int validated_accept(struct journal *j, const char *target, const struct ledger *l, struct arena *a, struct err *e) MUST_CHECK;
/* To be put into the journal, by journal_notes_put or with what ends a task. v->changeset is not NULL. In the arena. */
struct journal_note validated_note(const char *target, const char *project, const struct validated *v, struct arena *a);

#endif
