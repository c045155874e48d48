/* C8, C16: what came against what the target's own ledger says. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ledger/ledger.h"
#include "agent/verify/checks.h"
#include "agent/verify/verify.h"
#include "common/base/mem.h"
#include "common/base/str.h"

static bool is_in_effect(enum changeset_state s)
{
	return s == CHANGESET_APPLIED || s == CHANGESET_PARTIAL || s == CHANGESET_ROLLING_BACK;
}

/* An older release must not come after a newer one, as long as anything of the newer one is still there. */
static int check_sequence(const struct verified *v, const struct ledger *l, struct err *e)
{
	if (v->direction == DIRECTION_ROLLBACK)
		return 0;
	for (size_t i = 0; i < l->n_rows; i++) {
		const struct ledger_row *row = &l->rows[i];
		if (row->release_sequence <= v->release.sequence || row->direction != DIRECTION_APPLY || row->state != STEP_DONE)
			continue;
		struct changeset_status s;
		ledger_status(l, row->changeset, 0, 0, &s);
		if (is_in_effect(s.state) && s.release_sequence > v->release.sequence)
			return err_set(e, ERR_POLICY,
			               "release %s %s has sequence %" PRIu64 ", and this target has changeset %s of release %s, sequence %" PRIu64
			               ": it is older",
			               v->release.project, v->release.version, v->release.sequence, row->changeset, s.release_version, s.release_sequence);
	}
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

static int check_unchanged(const struct changeset *c, const struct ledger *l, const char *engine, struct err *e)
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

int verify_against_ledger(const struct verified *v, const struct ledger *l, const char *engine, const char **ret_check, struct err *e)
{
	if (check_sequence(v, l, e) != 0)
		return check_refuse(C8_SEQUENCE, ret_check, e);
	/* ledger_status walks all rows, so only the changesets that the ledger knows are asked for. */
	AUTO(mem_free_ptr) const char **known = mem_alloc((l->n_rows + 1) * sizeof *known);
	for (size_t i = 0; i < l->n_rows; i++)
		known[i] = l->rows[i].changeset;
	qsort(known, l->n_rows, sizeof *known, compare_names);
	for (size_t i = 0; i < v->release.n_changesets; i++) {
		const struct changeset *c = &v->release.changesets[i];
		if (bsearch(&c->id, known, l->n_rows, sizeof *known, compare_names) && check_unchanged(c, l, engine, e) != 0)
			return check_refuse(C16_LEDGER, ret_check, e);
	}
	return 0;
}
