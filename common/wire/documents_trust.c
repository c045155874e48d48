/* Envelopes, trust documents and agent certificates. */
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "common/wire/reader.h"
#include "proto/trust.pb-c.h"

#define KEYS_MAX  1000
#define ROLES_MAX 200

/* ---- envelope ------------------------------------------------------------------------------------------------------------------------------------ */

void envelope_encode(const struct envelope *env, struct buf *ret)
{
	AUTO(arena_destroy) struct arena *a = arena_new(WRITER_ARENA);
	Rollcall__V1__Envelope m = ROLLCALL__V1__ENVELOPE__INIT;
	m.type = put_text(env->type);
	m.payload = put_bytes(env->payload);
	m.n_signatures = env->n_signatures;
	m.signatures = put_array(a, env->n_signatures);
	for (size_t i = 0; i < env->n_signatures; i++) {
		Rollcall__V1__Signature *s = m.signatures[i] = arena_alloc(a, sizeof *s);
		rollcall__v1__signature__init(s);
		s->key_id = put_text(env->signatures[i].key_id);
		s->sig = put_fixed(env->signatures[i].sig, SIGNATURE_SIZE);
	}
	pb_pack(&m.base, ret);
}

int envelope_decode(struct bytes data, struct arena *a, struct envelope *ret, struct err *e)
{
	ProtobufCMessage *base;
	if (pb_unpack(&rollcall__v1__envelope__descriptor, "envelope", data, LIMIT_ENVELOPE, PB_UNKNOWN_REFUSE, a, &base, e) != 0)
		return -1;
	const Rollcall__V1__Envelope *m = (const Rollcall__V1__Envelope *)base;
	struct reader r = {.what = "envelope", .a = a, .e = e};
	struct envelope env = {.payload = pb_to_bytes(m->payload), .n_signatures = m->n_signatures};
	env.type = read_line(&r, "type", m->type, REQUIRED);
	if (env.payload.n == 0)
		read_fail(&r, "the payload is missing");
	env.signatures = read_array(&r, "signatures", m->n_signatures, ENVELOPE_SIGNATURES_MAX, sizeof *env.signatures);
	for (size_t i = 0; i < m->n_signatures && !r.failed; i++) {
		env.signatures[i].key_id = read_line(&r, "key id", m->signatures[i]->key_id, OPTIONAL);
		read_fixed(&r, "signature", m->signatures[i]->sig, env.signatures[i].sig, SIGNATURE_SIZE);
	}
	if (r.failed)
		return -1;
	*ret = env;
	return 0;
}

/* ---- trust document ------------------------------------------------------------------------------------------------------------------------------ */

static Rollcall__V1__TrustKey **put_keys(struct arena *a, const struct trust *t)
{
	Rollcall__V1__TrustKey **to = put_array(a, t->n_keys);
	for (size_t i = 0; i < t->n_keys; i++) {
		Rollcall__V1__TrustKey *k = to[i] = arena_alloc(a, sizeof *k);
		rollcall__v1__trust_key__init(k);
		k->id = put_text(t->keys[i].id);
		k->public_key = put_fixed(t->keys[i].public_key, SIGN_PUBLIC_SIZE);
		k->owner = put_text(t->keys[i].owner);
	}
	return to;
}

static Rollcall__V1__TrustRole **put_roles(struct arena *a, const struct trust *t)
{
	Rollcall__V1__TrustRole **to = put_array(a, t->n_roles);
	for (size_t i = 0; i < t->n_roles; i++) {
		const struct trust_role *from = &t->roles[i];
		Rollcall__V1__TrustRole *r = to[i] = arena_alloc(a, sizeof *r);
		rollcall__v1__trust_role__init(r);
		r->name = put_text(from->name);
		r->threshold = from->threshold;
		r->n_key_ids = from->n_key_ids;
		r->key_ids = put_texts(a, from->key_ids, from->n_key_ids);
		r->n_scopes = from->n_scopes;
		r->scopes = put_texts(a, from->scopes, from->n_scopes);
	}
	return to;
}

void trust_encode(const struct trust *t, struct buf *ret)
{
	AUTO(arena_destroy) struct arena *a = arena_new(WRITER_ARENA);
	Rollcall__V1__TrustDocument m = ROLLCALL__V1__TRUST_DOCUMENT__INIT;
	m.fleet = put_text(t->fleet);
	m.version = t->version;
	m.created_at_us = t->created_at_us;
	m.expires_at_us = t->expires_at_us;
	m.n_keys = t->n_keys;
	m.keys = put_keys(a, t);
	m.n_roles = t->n_roles;
	m.roles = put_roles(a, t);
	m.n_controller_keys = t->n_controller_keys;
	m.controller_keys = put_texts(a, t->controller_keys, t->n_controller_keys);
	m.n_critical = t->n_critical;
	m.critical = put_texts(a, t->critical, t->n_critical);
	Rollcall__V1__TrustLimits limits = ROLLCALL__V1__TRUST_LIMITS__INIT;
	limits.fresh_max_age_ms = t->fresh_max_age_ms;
	limits.max_step = t->max_step;
	if (t->fresh_max_age_ms || t->max_step)
		m.limits = &limits;
	pb_pack(&m.base, ret);
}

static void read_key(struct reader *r, const Rollcall__V1__TrustKey *m, struct trust_key *ret)
{
	ret->id = read_hex(r, "key id", m->id, KEY_ID_SIZE - 1);
	read_fixed(r, "public key", m->public_key, ret->public_key, SIGN_PUBLIC_SIZE);
	ret->owner = read_line(r, "owner", m->owner, REQUIRED);
}

static void read_limits(struct reader *r, const Rollcall__V1__TrustLimits *m, struct trust *ret)
{
	if (m->fresh_max_age_ms == 0 && m->max_step == 0)
		read_fail(r, "limits: empty");
	if (m->fresh_max_age_ms > (uint64_t)INT64_MAX / 1000 || m->max_step > INT64_MAX)
		read_fail(r, "limits: out of range");
	ret->fresh_max_age_ms = m->fresh_max_age_ms;
	ret->max_step = m->max_step;
}

static void read_role(struct reader *r, const Rollcall__V1__TrustRole *m, struct trust_role *ret)
{
	ret->name = read_line(r, "role", m->name, REQUIRED);
	ret->threshold = m->threshold;
	ret->n_key_ids = m->n_key_ids;
	ret->key_ids = read_lines(r, "key ids of a role", m->key_ids, m->n_key_ids, KEYS_MAX);
	ret->n_scopes = m->n_scopes;
	ret->scopes = read_lines(r, "scopes of a role", m->scopes, m->n_scopes, KEYS_MAX);
}

int trust_decode(struct bytes data, struct arena *a, struct trust *ret, struct err *e)
{
	ProtobufCMessage *base;
	/* Unknown fields are kept: a newer document is readable here unless it says `critical`. */
	if (pb_unpack(&rollcall__v1__trust_document__descriptor, "trust document", data, LIMIT_DOCUMENT, PB_UNKNOWN_KEEP, a, &base, e) != 0)
		return -1;
	const Rollcall__V1__TrustDocument *m = (const Rollcall__V1__TrustDocument *)base;
	struct reader r = {.what = "trust document", .a = a, .e = e};
	struct trust t = {.version = m->version, .created_at_us = m->created_at_us, .expires_at_us = m->expires_at_us};
	t.fleet = read_name(&r, "fleet", m->fleet);
	t.n_keys = m->n_keys;
	t.keys = read_array(&r, "keys", m->n_keys, KEYS_MAX, sizeof *t.keys);
	for (size_t i = 0; i < m->n_keys && !r.failed; i++)
		read_key(&r, m->keys[i], &t.keys[i]);
	t.n_roles = m->n_roles;
	t.roles = read_array(&r, "roles", m->n_roles, ROLES_MAX, sizeof *t.roles);
	for (size_t i = 0; i < m->n_roles && !r.failed; i++)
		read_role(&r, m->roles[i], &t.roles[i]);
	t.n_controller_keys = m->n_controller_keys;
	t.controller_keys = read_lines(&r, "controller keys", m->controller_keys, m->n_controller_keys, 100);
	t.n_critical = m->n_critical;
	t.critical = read_lines(&r, "critical features", m->critical, m->n_critical, 100);
	if (m->limits)
		read_limits(&r, m->limits, &t);
	if (r.failed)
		return -1;
	*ret = t;
	return 0;
}

/* ---- agent certificate --------------------------------------------------------------------------------------------------------------------------- */

void certificate_encode(const struct certificate *c, struct buf *ret)
{
	AUTO(arena_destroy) struct arena *a = arena_new(WRITER_ARENA);
	Rollcall__V1__AgentCertificate m = ROLLCALL__V1__AGENT_CERTIFICATE__INIT;
	m.agent = put_text(c->agent);
	m.site = put_text(c->site);
	m.serial = put_text(c->serial);
	m.curve_key = put_text(c->curve_key);
	m.report_key = put_fixed(c->report_key, SIGN_PUBLIC_SIZE);
	m.n_targets = c->n_targets;
	m.targets = put_texts(a, c->targets, c->n_targets);
	m.not_before_us = c->not_before_us;
	m.not_after_us = c->not_after_us;
	pb_pack(&m.base, ret);
}

int certificate_decode(struct bytes data, struct arena *a, struct certificate *ret, struct err *e)
{
	ProtobufCMessage *base;
	if (pb_unpack(&rollcall__v1__agent_certificate__descriptor, "certificate", data, LIMIT_DOCUMENT, PB_UNKNOWN_KEEP, a, &base, e) != 0)
		return -1;
	const Rollcall__V1__AgentCertificate *m = (const Rollcall__V1__AgentCertificate *)base;
	struct reader r = {.what = "certificate", .a = a, .e = e};
	struct certificate c = {.not_before_us = m->not_before_us, .not_after_us = m->not_after_us};
	c.agent = read_name(&r, "agent", m->agent);
	c.site = read_name(&r, "site", m->site);
	c.serial = read_line(&r, "serial", m->serial, REQUIRED);
	c.curve_key = read_line(&r, "curve key", m->curve_key, REQUIRED);
	if (c.curve_key && !str_is_curve_key(c.curve_key))
		read_fail(&r, "curve key '%s' is not 40 characters of Z85", c.curve_key);
	read_fixed(&r, "report key", m->report_key, c.report_key, SIGN_PUBLIC_SIZE);
	c.n_targets = m->n_targets;
	c.targets = read_lines(&r, "target patterns", m->targets, m->n_targets, LIMIT_TARGETS_PER_AGENT);
	if (c.n_targets == 0)
		read_fail(&r, "no target pattern: name the targets, such as eu/*");
	if (c.not_after_us <= c.not_before_us)
		read_fail(&r, "it ends before it begins");
	if (r.failed)
		return -1;
	*ret = c;
	return 0;
}
