/* What was validated, in the journal. */
#include "agent/apply/validated.h"

#include <inttypes.h>
#include <stdio.h>

#define NOTE "*validated" /* "RUN CHANGESET"; no validation can have this name */

int validated_read(struct journal *j, const char *target, const char *project, struct arena *a, struct validated *ret, struct err *e)
{
	struct journal_note note = {.target = target, .project = project, .changeset = "", .name = NOTE};
	struct validated v = {0};
	bool found = false;
	int at = 0;
	if (journal_note_get(j, &note, a, &found, e) != 0)
		return -1;
	if (found && note.value && sscanf(note.value, "%" SCNu32 "%n", &v.run, &at) == 1 && note.value[at] == ' ')
		v.changeset = note.value + at + 1;
	*ret = v;
	return 0;
}

struct journal_note validated_note(const char *target, const char *project, const struct validated *v, struct arena *a)
{
	return (struct journal_note){
	    .target = target, .project = project, .changeset = "", .name = NOTE, .value = arena_printf(a, "%" PRIu32 " %s", v->run, v->changeset)};
}

int validated_accept(struct journal *j, const char *target, const struct ledger *l, struct arena *a, struct err *e)
{
	struct journal_note *notes = arena_alloc(a, (l->n_rows + 1) * sizeof *notes);
	size_t n = 0;
	for (size_t i = 0; i < l->n_rows; i++) {
		const struct project_ledger part = {.all = l, .project = l->rows[i].project};
		const struct ledger_row *newest = ledger_newest_forward(&part);
		if (newest != &l->rows[i]) /* once for each project */
			continue;
		struct validated v = {.changeset = newest->changeset, .run = newest->run};
		if (ledger_unvalidated(&part))
			v = (struct validated){.changeset = ""};
		notes[n++] = validated_note(target, part.project, &v, a);
	}
	return journal_notes_put(j, notes, n, e);
}
