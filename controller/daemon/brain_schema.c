/* Drift: a target whose schema is not the one that its last delivery left. Reports say what a delivery found and left, surveys what is there now. */
#include "common/base/log.h"
#include "controller/daemon/brain_impl.h"

static bool is_known(const uint8_t fingerprint[DIGEST_SIZE])
{
	return !bytes_all_zero(bytes_of(fingerprint, DIGEST_SIZE));
}

static bool has_drifted(const struct store_schema *c)
{
	return is_known(c->left) && is_known(c->seen) && memcmp(c->left, c->seen, DIGEST_SIZE) != 0;
}

const char *schema_word(const struct store_schema *c)
{
	return has_drifted(c) ? "drift" : is_known(c->left) ? "as-left" : "";
}

static void forget(struct store_schema *c)
{
	memset(c->left, 0, DIGEST_SIZE);
	memset(c->seen, 0, DIGEST_SIZE);
}

/* Somebody looked. Drift is an event once, not with every look. */
static int look(struct brain *b, const char *who, const char *target, const uint8_t found[DIGEST_SIZE], uint32_t form, struct store_schema *c,
                struct err *e)
{
	char left[DIGEST_HEX_SIZE], now[DIGEST_HEX_SIZE];
	if (c->form != form)
		forget(c);
	bool knew = has_drifted(c) && memcmp(c->seen, found, DIGEST_SIZE) == 0;
	c->form = form;
	c->seen_at_us = b->now_us;
	memcpy(c->seen, found, DIGEST_SIZE);
	if (knew || !has_drifted(c))
		return 0;
	bytes_to_hex(bytes_of(c->left, DIGEST_SIZE), left);
	bytes_to_hex(bytes_of(found, DIGEST_SIZE), now);
	log_warn("%s: its schema was changed from outside since its last delivery", target);
	return brain_log(b, who, NULL, target, "drift", arena_printf(b->turn, "its last delivery left fingerprint %.12s, and %.12s is there", left, now),
	                 e);
}

/* What a delivery left is what is looked for from now on. One that ran nothing only looked. */
static int take_after(struct brain *b, const char *who, const struct report *r, struct store_schema *c, struct err *e)
{
	bool ran = r->n_steps > 0 || r->outcome == OUTCOME_NEEDS_ATTENTION;
	if (!is_known(r->fingerprint)) {
		if (ran)
			forget(c);
		return 0;
	}
	if (!ran && look(b, who, r->target, r->fingerprint, r->fingerprint_form, c, e) < 0)
		return -1;
	if (ran || !is_known(c->left)) {
		memcpy(c->left, r->fingerprint, DIGEST_SIZE);
		c->left_at_us = r->ended_at_us;
	}
	memcpy(c->seen, r->fingerprint, DIGEST_SIZE);
	c->seen_at_us = b->now_us;
	c->form = r->fingerprint_form;
	return 0;
}

int schema_reported(struct brain *b, const char *who, const struct report *r, struct err *e)
{
	struct store_schema c;
	if (store_schema(b->store, r->target, &c, e) < 0)
		return -1;
	if (is_known(r->fingerprint_before) && look(b, who, r->target, r->fingerprint_before, r->fingerprint_form, &c, e) < 0)
		return -1;
	if (take_after(b, who, r, &c, e) < 0)
		return -1;
	if (r->ledger_rows) {
		memcpy(c.ledger_head, r->ledger_head, DIGEST_SIZE);
		c.ledger_rows = r->ledger_rows;
	}
	return store_schema_put(b->store, r->target, &c, e);
}

int schema_surveyed(struct brain *b, const char *who, const struct msg_survey_result *m, struct err *e)
{
	struct store_schema c;
	if (!is_known(m->fingerprint))
		return 0;
	if (store_schema(b->store, m->target, &c, e) < 0 || look(b, who, m->target, m->fingerprint, m->fingerprint_form, &c, e) < 0)
		return -1;
	return store_schema_put(b->store, m->target, &c, e);
}
