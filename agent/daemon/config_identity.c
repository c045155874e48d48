/* The parts of agent.yaml that say who this agent is and whom it trusts: keys, trust, certificate. */
#include <assert.h>
#include <string.h>

#include "agent/daemon/config_impl.h"
#include "agent/journal/journal.h"
#include "agent/verify/trusted.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"

static int pick(struct loading *l, struct err *e)
{
	AUTO(buf_done) struct buf bytes = BUF_INIT;
	struct agent_config *c = l->c;
	struct keyset newest;
	struct envelope env;
	struct certificate own;
	if (keyset_newest(c->data_dir, c->arena, &newest, e) != 0)
		return -1;
	if (!newest.folder)
		return 0;
	/* Whatever is wrong with agent.yaml's own files is no matter once they are not used any more. */
	if (file_exists(c->certificate_file) && file_read(c->certificate_file, LIMIT_DOCUMENT, &bytes, NULL) == 0 &&
	    envelope_decode(arena_bytes(c->arena, buf_bytes(&bytes)), c->arena, &env, NULL) == 0 &&
	    certificate_decode(env.payload, c->arena, &own, NULL) == 0 && own.not_before_us >= newest.cert.not_before_us)
		return 0;
	agent_config_keyset(c, &newest);
	return 0;
}

/* The keys and the certificate that were made last: those that agent.yaml names, or a renewal's in data_dir. */
int config_take_keys(struct loading *l, struct err *e)
{
	if (pick(l, e) != 0)
		return config_wrap(l, raw_line(&l->raw, NULL, "data_dir"), "data_dir", e);
	if (curve_key_load(l->c->curve_key_file, &l->curve, e) != 0)
		return config_wrap(l, raw_line(&l->raw, "keys", "curve"), "keys.curve", e);
	if (sign_key_load(l->c->report_key_file, NULL, &l->c->report_key, e) != 0)
		return config_wrap(l, raw_line(&l->raw, "keys", "report"), "keys.report", e);
	return 0;
}

static int read_pin(struct loading *l, struct err *e)
{
	AUTO(buf_done) struct buf bytes = BUF_INIT;
	struct envelope env;
	if (file_read(l->c->trust_file, LIMIT_DOCUMENT, &bytes, e) != 0)
		return -1;
	l->c->trust_pin = arena_bytes(l->c->arena, buf_bytes(&bytes));
	if (envelope_decode_file(l->c->trust_file, l->c->trust_pin, l->c->arena, &env, e) != 0)
		return -1;
	if (trust_decode(env.payload, l->c->arena, &l->c->trust, e) != 0)
		return -1;
	/* One that has expired is taken: it still leads to its successors. Nothing runs under it: C3. */
	return trust_check_self(&l->c->trust, &env, l->c->trust.created_at_us, e);
}

/* An agent that has run may have taken newer ones since. */
static int read_newer(struct loading *l, struct err *e)
{
	AUTO(mem_free_ptr) char *path = file_join(l->c->data_dir, "journal.db");
	AUTO(journal_close) struct journal *j = NULL;
	struct trusted t;
	if (!file_exists(path))
		return 0;
	if (journal_open(path, &j, e) != 0 || trusted_load(j, l->c->trust_pin, l->c->arena, &t, e) != 0)
		return -1;
	l->c->trust = t.doc;
	return 0;
}

int config_take_trust(struct loading *l, struct err *e)
{
	if (read_pin(l, e) != 0 || read_newer(l, e) != 0)
		return config_wrap(l, raw_line(&l->raw, NULL, "trust"), "trust", e);
	return 0;
}

static int check_certificate(struct loading *l, const struct certificate *cert, unsigned line, struct err *e)
{
	uint8_t report_key[SIGN_PUBLIC_SIZE];
	sign_key_public(l->c->report_key, report_key);
	if (!str_eq(cert->agent, l->c->name))
		return config_wrong(l, line, e, "certificate: it is agent %s's, and this agent is %s: have one made for %s", cert->agent, l->c->name,
		                    l->c->name);
	if (!str_eq(cert->site, l->c->site))
		return config_wrong(l, line, e, "certificate: it is for site %s, and this agent is at %s: correct site, or have another one made", cert->site,
		                    l->c->site);
	if (!str_eq(cert->curve_key, l->curve.public_text))
		return config_wrong(l, line, e, "certificate: it was made for another CURVE key than keys.curve: have one made from this agent's request");
	if (memcmp(cert->report_key, report_key, sizeof report_key) != 0)
		return config_wrong(l, line, e, "certificate: it was made for another report key than keys.report: have one made from this agent's request");
	return 0;
}

static bool covers(const struct certificate *cert, const char *target)
{
	for (size_t i = 0; i < cert->n_targets; i++)
		if (str_glob(cert->targets[i], target))
			return true;
	return false;
}

int config_take_certificate(struct loading *l, struct err *e)
{
	AUTO(buf_done) struct buf bytes = BUF_INIT;
	struct envelope env;
	struct certificate cert;
	unsigned line = raw_line(&l->raw, NULL, "certificate");
	if (file_read(l->c->certificate_file, LIMIT_DOCUMENT, &bytes, e) != 0)
		return config_wrap(l, line, "certificate", e);
	l->c->certificate = arena_bytes(l->c->arena, buf_bytes(&bytes));
	if (envelope_decode(l->c->certificate, l->c->arena, &env, e) != 0 || trust_check_role(&l->c->trust, ROLE_ENROL, &env, TYPE_CERTIFICATE, e) != 0 ||
	    certificate_decode(env.payload, l->c->arena, &cert, e) != 0)
		return err_wrap(e, "%s:%u: certificate: %s", l->path, line, l->c->certificate_file);
	if (check_certificate(l, &cert, line, e) != 0)
		return -1;
	l->c->cert = cert;
	l->c->covered = cert.targets;
	l->c->n_covered = cert.n_targets;
	for (size_t i = 0; i < l->c->n_targets; i++)
		if (!covers(&cert, l->c->targets[i].target.id))
			return config_wrong(l, raw_target_line(&l->raw, (unsigned)i, "id"), e,
			                    "target %s: the certificate does not cover it: remove it here, or have a certificate made that does",
			                    l->c->targets[i].target.id);
	return 0;
}

int agent_config_check_dates(const struct agent_config *c, struct err *e)
{
	char at[CLOCK_TEXT_SIZE];
	int64_t now_us = clock_wall_us();
	if (now_us < c->cert.not_before_us)
		return err_set(e, ERR_POLICY, "%s: the certificate is not valid before %s: wait, or set the clock right", c->certificate_file,
		               clock_text(c->cert.not_before_us, at));
	if (now_us > c->cert.not_after_us)
		return err_set(e, ERR_POLICY, "%s: the certificate expired at %s: type rollcall-agent renew --config %s", c->certificate_file,
		               clock_text(c->cert.not_after_us, at), c->path);
	return 0;
}

void agent_config_keyset(struct agent_config *c, const struct keyset *i)
{
	struct envelope env;
	struct err e = ERR_INIT;
	c->keyset = (struct keyset){.folder = arena_strdup(c->arena, i->folder),
	                            .begun_at_us = i->begun_at_us,
	                            .curve_key_file = arena_strdup(c->arena, i->curve_key_file),
	                            .report_key_file = arena_strdup(c->arena, i->report_key_file),
	                            .request_file = arena_strdup(c->arena, i->request_file),
	                            .state_file = arena_strdup(c->arena, i->state_file),
	                            .certificate_file = arena_strdup(c->arena, i->certificate_file),
	                            .certificate = arena_bytes(c->arena, i->certificate)};
	bool ok = envelope_decode(c->keyset.certificate, c->arena, &env, &e) == 0 && certificate_decode(env.payload, c->arena, &c->keyset.cert, &e) == 0;
	assert(ok); /* as before, from the same bytes */
	c->curve_key_file = c->keyset.curve_key_file;
	c->report_key_file = c->keyset.report_key_file;
	c->certificate_file = c->keyset.certificate_file;
	c->certificate = c->keyset.certificate;
	c->cert = c->keyset.cert;
}
