/* See the header. */
#include "common/wire/enrol.h"

#include <stdio.h>

#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/wire/limits.h"
#include "common/wire/reader.h"
#include "proto/trust.pb-c.h"

void enrol_token_encode(const struct enrol_token *t, struct buf *ret)
{
	AUTO(arena_destroy) struct arena *a = arena_new(WRITER_ARENA);
	Rollcall__V1__EnrolToken m = ROLLCALL__V1__ENROL_TOKEN__INIT;
	m.nonce = put_fixed(t->nonce, ENROL_NONCE_SIZE);
	m.agent = put_text(t->agent);
	m.site = put_text(t->site);
	m.n_targets = t->n_targets;
	m.targets = put_texts(a, t->targets, t->n_targets);
	m.created_at_us = t->created_at_us;
	m.expires_at_us = t->expires_at_us;
	m.endpoint = put_text(t->endpoint);
	m.controller_key = put_text(t->controller_key);
	pb_pack(&m.base, ret);
}

int enrol_token_decode(struct bytes data, struct arena *a, struct enrol_token *ret, struct err *e)
{
	ProtobufCMessage *base;
	if (pb_unpack(&rollcall__v1__enrol_token__descriptor, "token", data, LIMIT_ENROL, PB_UNKNOWN_REFUSE, a, &base, e) != 0)
		return -1;
	const Rollcall__V1__EnrolToken *m = (const Rollcall__V1__EnrolToken *)base;
	struct reader r = {.what = "token", .a = a, .e = e};
	struct enrol_token t = {.n_targets = m->n_targets, .created_at_us = m->created_at_us, .expires_at_us = m->expires_at_us};
	read_fixed(&r, "nonce", m->nonce, t.nonce, ENROL_NONCE_SIZE);
	t.agent = read_name(&r, "agent", m->agent);
	t.site = read_name(&r, "site", m->site);
	t.targets = read_lines(&r, "targets", m->targets, m->n_targets, ENROL_TARGETS_MAX);
	t.endpoint = read_line(&r, "endpoint", m->endpoint, REQUIRED);
	t.controller_key = read_line(&r, "controller key", m->controller_key, REQUIRED);
	if (!r.failed && t.n_targets == 0)
		read_fail(&r, "it names no targets");
	if (!r.failed && !str_is_curve_key(t.controller_key))
		read_fail(&r, "the controller's key is not a CURVE public key");
	if (!r.failed && (t.created_at_us <= 0 || t.expires_at_us <= t.created_at_us || t.expires_at_us - t.created_at_us > ENROL_TOKEN_MAX_US))
		read_fail(&r, "it lasts longer than 30 minutes, or no time at all");
	if (r.failed)
		return -1;
	*ret = t;
	return 0;
}

static void add_sized(struct buf *b, struct bytes v)
{
	buf_add_u64le(b, v.n);
	buf_add(b, v.p, v.n);
}

void enrol_signed_bytes(const char *controller_key, struct bytes token, struct bytes request, struct buf *ret)
{
	buf_add(ret, "ROLLCALL-enrol", sizeof "ROLLCALL-enrol");
	add_sized(ret, bytes_of_str(controller_key));
	add_sized(ret, token);
	add_sized(ret, request);
}

char *enrol_fingerprint(struct bytes request, char out[ENROL_FINGERPRINT_SIZE])
{
	uint8_t digest[DIGEST_SIZE];
	char *p = out;
	digest_sha256(request, digest);
	for (size_t i = 0; i < 16; i += 2)
		p += snprintf(p, 6, "%s%02x%02x", i ? "-" : "", digest[i], digest[i + 1]);
	return out;
}
