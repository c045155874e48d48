/* See the header. */
#include "agent/keyset/asking.h"

#include <string.h>

#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "common/wire/enrol.h"
#include "common/wire/limits.h"
#include "common/wire/request.h"

static int write_request(struct asking *x, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	struct agent_request r = {
	    .agent = x->agent, .site = x->site, .curve_key = x->keys.curve.public_text, .targets = x->targets, .n_targets = x->n_targets};
	sign_key_public(x->keys.report, r.report_key);
	if (request_format("request", &r, &text, e) != 0)
		return -1;
	x->request = arena_bytes(x->arena, buf_bytes(&text));
	return 0;
}

static bool is_ours(const struct asking *x, const struct agent_request *r)
{
	uint8_t report_key[SIGN_PUBLIC_SIZE];
	sign_key_public(x->keys.report, report_key);
	return str_eq(r->agent, x->agent) && str_eq(r->site, x->site) && str_eq(r->curve_key, x->keys.curve.public_text) &&
	       memcmp(r->report_key, report_key, sizeof report_key) == 0;
}

int asking_prepare(struct asking *x, struct err *e)
{
	struct agent_request r;
	if (!x->request.n && write_request(x, e) != 0)
		return -1;
	if (request_parse("request", x->request, x->arena, &r, e) != 0)
		return -1;
	if (!is_ours(x, &r))
		return err_set(e, ERR_KEY, "the request is not of the keys beside it: move both away");
	digest_sha256(x->request, x->digest);
	return 0;
}

void asking_sign(struct asking *x, const char *controller_key)
{
	AUTO(buf_done) struct buf signed_bytes = BUF_INIT;
	enrol_signed_bytes(controller_key, x->token, x->request, &signed_bytes);
	sign_make(x->keys.report, buf_bytes(&signed_bytes), x->signature);
	if (x->former)
		sign_make(x->former, buf_bytes(&signed_bytes), x->former_signature);
}

struct msg asking_question(const struct asking *x, bool is_known)
{
	struct msg m = {.type = MSG_ENROL_POLL};
	if (is_known) {
		memcpy(m.enrol_poll.request_digest, x->digest, DIGEST_SIZE);
		return m;
	}
	m = (struct msg){.type = MSG_ENROL_REQ,
	                 .enrol_req = {.token = x->token, .request = x->request, .signature = bytes_of(x->signature, SIGNATURE_SIZE)}};
	if (x->former)
		m.enrol_req.former_signature = bytes_of(x->former_signature, SIGNATURE_SIZE);
	return m;
}

int asking_check(const struct asking *x, struct bytes certificate, struct certificate *ret, struct err *e)
{
	struct envelope env;
	struct certificate c;
	uint8_t report_key[SIGN_PUBLIC_SIZE];
	sign_key_public(x->keys.report, report_key);
	if (envelope_decode(certificate, x->arena, &env, e) != 0 || trust_check_role(x->trust, ROLE_ENROL, &env, TYPE_CERTIFICATE, e) != 0 ||
	    certificate_decode(env.payload, x->arena, &c, e) != 0)
		return err_wrap(e, "the certificate that came");
	if (!str_eq(c.agent, x->agent) || !str_eq(c.site, x->site) || !str_eq(c.curve_key, x->keys.curve.public_text) ||
	    memcmp(c.report_key, report_key, sizeof report_key) != 0)
		return err_set(e, ERR_POLICY, "the certificate that came is for another agent, site or key than was asked for: nothing was written");
	*ret = c;
	return 0;
}

void asking_done(struct asking *x)
{
	agent_keys_done(&x->keys);
}

int asking_renewal(struct asking *x, const struct keyset *folder, struct err *e)
{
	AUTO(buf_done) struct buf kept = BUF_INIT;
	if (agent_keys_make(folder->curve_key_file, folder->report_key_file, &x->keys, e) != 0)
		return -1;
	FAILPOINT("renewal-keys-made");
	bool was_there = file_exists(folder->request_file);
	if (was_there && file_read(folder->request_file, LIMIT_ENROL, &kept, e) != 0)
		return -1;
	x->request = arena_bytes(x->arena, buf_bytes(&kept));
	if (asking_prepare(x, e) != 0)
		return err_wrap(e, "%s", folder->folder);
	if (!was_there && file_write_atomic(folder->request_file, x->request, 0600, e) != 0)
		return -1;
	FAILPOINT("renewal-prepared");
	return 0;
}
