/* C8, C16: what came against what the target's own ledger says. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ledger/ledger.h"
#include "agent/verify/verify.h"
#include "common/base/mem.h"
#include "common/base/str.h"

static bool is_in_effect(enum changeset_state s)
{
	return s == CHANGESET_APPLIED || s == CHANGESET_PARTIAL || s == CHANGESET_ROLLING_BACK;
}

/* An older release must not come after a newer one, as long as anything of the newer one is still there, or was there when this agent last looked: a ledger can be set back
 * with its database. Nor may one come that is so far ahead that no later one could follow it. */
static int check_sequence(const struct verified *v, const struct project_ledger *l, const struct sequence_known *known, struct err *e)
{
	const struct release *r = &v->release;
	const struct ledger_row *newest = ledger_newest(l);
	uint64_t highest = newest ? newest->release_sequence : 0;
	if (v->direction == DIRECTION_ROLLBACK)
		return 0;
	if (r->sequence < highest)
		return err_set(e, ERR_POLICY,
		               "release %s %s has sequence %" PRIu64 ", and this target has changeset %s of release %s, sequence %" PRIu64 ": it is older",
		               r->project, r->version, r->sequence, newest->changeset, newest->release_version, highest);
	if (r->sequence < known->in_journal)
		return err_set(e, ERR_POLICY,
		               "release %s %s has sequence %" PRIu64 ", and this agent has seen sequence %" PRIu64
		               " in effect on this target, of which the ledger knows nothing any more: the database was set back",
		               r->project, r->version, r->sequence, known->in_journal);
	highest = highest > known->in_journal ? highest : known->in_journal;
	highest = highest > known->floor ? highest : known->floor;
	if (known->max_step && highest && r->sequence > highest && r->sequence - highest > known->max_step)
		return err_set(e, ERR_POLICY,
		               "release %s %s has sequence %" PRIu64 ", %" PRIu64 " above the highest one known here, and %" PRIu64 " are allowed (max_step)",
		               r->project, r->version, r->sequence, r->sequence - highest, known->max_step);
	return 0;
}

static bool is_accepted(const struct changeset *c, const uint8_t digest[DIGEST_SIZE])
{
	char hex[DIGEST_HEX_SIZE];
	bytes_to_hex(bytes_of(digest, DIGEST_SIZE), hex);
	for (size_t i = 0; i < c->n_accepted_digests; i++)
		if (str_eq(c->accepted_digests[i], "any") || str_eq(c->accepted_digests[i], hex))
			return true;
	return false;
}

static int check_unchanged(const struct changeset *c, const struct project_ledger *l, const char *engine, struct err *e)
{
	const struct body *b = changeset_body(c, engine);
	struct changeset_status s;
	ledger_status(l, c->id, b ? b->n_steps : 0, b ? b->n_rollback : 0, &s);
	if (!is_in_effect(s.state) || memcmp(s.changeset_digest, c->digest, DIGEST_SIZE) == 0 || is_accepted(c, s.changeset_digest))
		return 0;
	/* Running again what changed is these attributes' purpose; to go on with other content in the middle is not. */
	if (s.state == CHANGESET_APPLIED && (c->run_on_change || c->run_always))
		return 0;
	char was[DIGEST_HEX_SIZE], is[DIGEST_HEX_SIZE];
	return err_set(e, ERR_POLICY, "%s:%u: changeset %s is %s on this target with another content (release %s, digest %.12s; now %.12s)", c->file,
	               (unsigned)c->line, c->id, changeset_state_name(s.state), s.release_version ? s.release_version : "?",
	               bytes_to_hex(bytes_of(s.changeset_digest, DIGEST_SIZE), was), bytes_to_hex(bytes_of(c->digest, DIGEST_SIZE), is));
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum check_code verify_against_ledger(const struct verified *v, const struct ledger *all, const struct sequence_known *known, const char *engine,
                                      struct err *e)
{
	const struct project_ledger l = {.all = all, .project = v->release.project};
	if (check_sequence(v, &l, known, e) != 0)
		return check_refuse(C8_SEQUENCE, e);
	/* ledger_status walks all rows, so only the changesets that the ledger knows are asked for. */
	AUTO(mem_free_ptr) const char **names = mem_alloc((all->n_rows + 1) * sizeof *names);
	size_t n = 0;
	for (const struct ledger_row *r = NULL; (r = project_next(&l, r));)
		names[n++] = r->changeset;
	qsort(names, n, sizeof *names, compare_names);
	for (size_t i = 0; i < v->release.n_changesets; i++) {
		const struct changeset *c = &v->release.changesets[i];
		if (bsearch(&c->id, names, n, sizeof *names, compare_names) && check_unchanged(c, &l, engine, e) != 0)
			return check_refuse(C16_LEDGER, e);
	}
	return CHECK_NONE;
}
