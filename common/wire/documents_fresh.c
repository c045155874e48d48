/* Freshness documents and revocations. */
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "common/wire/reader.h"
#include "proto/trust.pb-c.h"

#define SERIAL_DIGITS 32

/* ---- freshness ------------------------------------------------------------------------------------------------------------------------------------- */

void freshness_encode(const struct freshness *f, struct buf *ret)
{
	AUTO(arena_destroy) struct arena *a = arena_new(WRITER_ARENA);
	Rollcall__V1__Freshness m = ROLLCALL__V1__FRESHNESS__INIT;
	m.fleet = put_text(f->fleet);
	m.version = f->version;
	m.issued_at_us = f->issued_at_us;
	m.expires_at_us = f->expires_at_us;
	m.trust_version = f->trust_version;
	m.n_revoked_keys = f->n_revoked_keys;
	m.revoked_keys = put_texts(a, f->revoked_keys, f->n_revoked_keys);
	m.n_revoked_agents = f->n_revoked_agents;
	m.revoked_agents = put_texts(a, f->revoked_agents, f->n_revoked_agents);
	m.n_withdrawn_releases = f->n_withdrawn;
	m.withdrawn_releases = arena_alloc(a, f->n_withdrawn * sizeof *m.withdrawn_releases);
	for (size_t i = 0; i < f->n_withdrawn; i++)
		m.withdrawn_releases[i] = put_fixed(f->withdrawn[i], DIGEST_SIZE);
	m.n_floors = f->n_floors;
	m.floors = put_array(a, f->n_floors);
	for (size_t i = 0; i < f->n_floors; i++) {
		Rollcall__V1__ReleaseFloor *to = m.floors[i] = arena_alloc(a, sizeof *to);
		rollcall__v1__release_floor__init(to);
		to->project = put_text(f->floors[i].project);
		to->sequence = f->floors[i].sequence;
	}
	m.n_critical = f->n_critical;
	m.critical = put_texts(a, f->critical, f->n_critical);
	pb_pack(&m.base, ret);
}

/* Hex of a fixed length, in ascending order: each once, and found by bisection. */
static const char **read_sorted(struct reader *r, const char *field, char *const *from, size_t n, size_t digits)
{
	const char **to = read_array(r, field, n, LIMIT_REVOCATIONS, sizeof *to);
	for (size_t i = 0; to && i < n && !r->failed; i++) {
		to[i] = read_hex(r, field, from[i], digits);
		if (i && !r->failed && strcmp(to[i - 1], to[i]) >= 0)
			read_fail(r, "%s: not in ascending order", field);
	}
	return to;
}

static void read_withdrawn(struct reader *r, const Rollcall__V1__Freshness *m, struct freshness *ret)
{
	ret->n_withdrawn = m->n_withdrawn_releases;
	ret->withdrawn = read_array(r, "withdrawn releases", ret->n_withdrawn, LIMIT_REVOCATIONS, DIGEST_SIZE);
	for (size_t i = 0; i < ret->n_withdrawn && !r->failed; i++) {
		read_digest(r, "withdrawn release", m->withdrawn_releases[i], ret->withdrawn[i]);
		if (i && !r->failed && memcmp(ret->withdrawn[i - 1], ret->withdrawn[i], DIGEST_SIZE) >= 0)
			read_fail(r, "withdrawn releases: not in ascending order");
	}
}

static void read_floors(struct reader *r, const Rollcall__V1__Freshness *m, struct freshness *ret)
{
	ret->n_floors = m->n_floors;
	ret->floors = read_array(r, "floors", m->n_floors, LIMIT_REVOCATIONS, sizeof *ret->floors);
	for (size_t i = 0; i < m->n_floors && !r->failed; i++) {
		ret->floors[i] = (struct release_floor){read_name(r, "project of a floor", m->floors[i]->project), m->floors[i]->sequence};
		if (m->floors[i]->sequence == 0 || m->floors[i]->sequence > INT64_MAX)
			read_fail(r, "the sequence of a floor is out of range");
		if (i && !r->failed && strcmp(ret->floors[i - 1].project, ret->floors[i].project) >= 0)
			read_fail(r, "floors: not in ascending order");
	}
}

int freshness_decode(struct bytes data, struct arena *a, struct freshness *ret, struct err *e)
{
	ProtobufCMessage *base;
	if (pb_unpack(&rollcall__v1__freshness__descriptor, "freshness document", data, LIMIT_DOCUMENT, PB_UNKNOWN_KEEP, a, &base, e) != 0)
		return -1;
	const Rollcall__V1__Freshness *m = (const Rollcall__V1__Freshness *)base;
	struct reader r = {.what = "freshness document", .a = a, .e = e};
	struct freshness f = {
	    .version = m->version, .issued_at_us = m->issued_at_us, .expires_at_us = m->expires_at_us, .trust_version = m->trust_version};
	f.fleet = read_name(&r, "fleet", m->fleet);
	if (f.version == 0 || f.version > INT64_MAX || f.trust_version == 0 || f.trust_version > INT64_MAX)
		read_fail(&r, "a version is out of range");
	if (f.expires_at_us <= f.issued_at_us || f.issued_at_us <= 0)
		read_fail(&r, "it ends before it begins");
	f.n_revoked_keys = m->n_revoked_keys;
	f.revoked_keys = read_sorted(&r, "revoked keys", m->revoked_keys, m->n_revoked_keys, KEY_ID_SIZE - 1);
	f.n_revoked_agents = m->n_revoked_agents;
	f.revoked_agents = read_sorted(&r, "revoked agents", m->revoked_agents, m->n_revoked_agents, SERIAL_DIGITS);
	read_withdrawn(&r, m, &f);
	read_floors(&r, m, &f);
	f.n_critical = m->n_critical;
	f.critical = read_lines(&r, "critical features", m->critical, m->n_critical, 100);
	if (r.failed)
		return -1;
	*ret = f;
	return 0;
}

/* ---- revocation ------------------------------------------------------------------------------------------------------------------------------------ */

static const char *const kinds[] = {
    [REVOKE_KEY] = "key", [REVOKE_AGENT] = "agent", [REVOKE_RELEASE] = "release", [REVOKE_OLDER_RELEASES] = "older-releases", NULL};

const char *revocation_kind_name(enum revocation_kind k)
{
	return kinds[k];
}

void revocation_encode(const struct revocation *v, struct buf *ret)
{
	Rollcall__V1__Revocation m = ROLLCALL__V1__REVOCATION__INIT;
	m.fleet = put_text(v->fleet);
	m.kind = put_text(kinds[v->kind]);
	m.subject = put_text(v->subject);
	m.sequence = v->sequence;
	m.reason = put_text(v->reason);
	m.created_at_us = v->created_at_us;
	pb_pack(&m.base, ret);
}

int revocation_decode(struct bytes data, struct arena *a, struct revocation *ret, struct err *e)
{
	static const size_t digits[] = {[REVOKE_KEY] = KEY_ID_SIZE - 1, [REVOKE_AGENT] = SERIAL_DIGITS, [REVOKE_RELEASE] = DIGEST_HEX_SIZE - 1};
	ProtobufCMessage *base;
	if (pb_unpack(&rollcall__v1__revocation__descriptor, "revocation", data, LIMIT_DOCUMENT, PB_UNKNOWN_REFUSE, a, &base, e) != 0)
		return -1;
	const Rollcall__V1__Revocation *m = (const Rollcall__V1__Revocation *)base;
	struct reader r = {.what = "revocation", .a = a, .e = e};
	struct revocation v = {.sequence = m->sequence, .created_at_us = m->created_at_us};
	v.fleet = read_name(&r, "fleet", m->fleet);
	v.kind = (enum revocation_kind)read_enum(&r, "kind", m->kind, kinds);
	v.subject = v.kind == REVOKE_OLDER_RELEASES ? read_name(&r, "project", m->subject) : read_hex(&r, "subject", m->subject, digits[v.kind]);
	if ((v.kind == REVOKE_OLDER_RELEASES) != (v.sequence != 0) || v.sequence > INT64_MAX)
		read_fail(&r, "the sequence does not fit its kind");
	v.reason = read_line(&r, "reason", m->reason, OPTIONAL);
	if (r.failed)
		return -1;
	*ret = v;
	return 0;
}
