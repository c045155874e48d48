/* Orders, approvals, dossiers and Merkle proofs. */
#include <inttypes.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "common/wire/reader.h"
#include "proto/order.pb-c.h"

#define WAVES_MAX  1000
#define EXCEPT_MAX 5000

/* ---- order --------------------------------------------------------------------------------------------------------------------------------------- */

static Rollcall__V1__Probe *put_probe(struct arena *a, const struct probe *from)
{
	Rollcall__V1__Probe *p = arena_alloc(a, sizeof *p);
	rollcall__v1__probe__init(p);
	p->name = put_text(from->name);
	p->sql = put_text(from->sql);
	p->engine = put_text(from->engine);
	p->url = put_text(from->url);
	p->json = put_text(from->json);
	p->expect = put_text(from->expect);
	return p;
}

static Rollcall__V1__Wave *put_wave(struct arena *a, const struct wave *from)
{
	char limit[16], least[16];
	Rollcall__V1__Wave *w = arena_alloc(a, sizeof *w);
	rollcall__v1__wave__init(w);
	w->name = put_text(from->name);
	w->target_count = from->target_count;
	w->max_parallel = from->max_parallel;
	w->max_failures = arena_strdup(a, limit_text(from->max_failures, limit));
	w->soak_ms = from->soak_ms;
	if (from->min_success.value > 0)
		w->min_success = arena_strdup(a, limit_text(from->min_success, least));
	w->defer_after_ms = from->defer_after_ms;
	w->n_probes = from->n_probes;
	w->probes = put_array(a, from->n_probes);
	for (size_t i = 0; i < from->n_probes; i++)
		w->probes[i] = put_probe(a, &from->probes[i]);
	w->on_failure = put_text(on_failure_name(from->on_failure));
	return w;
}

static void put_lists(struct arena *a, const struct order *o, Rollcall__V1__Order *m)
{
	m->n_waves = o->n_waves;
	m->waves = put_array(a, o->n_waves);
	for (size_t i = 0; i < o->n_waves; i++)
		m->waves[i] = put_wave(a, &o->waves[i]);
	m->n_contexts = o->n_contexts;
	m->contexts = put_texts(a, o->contexts, o->n_contexts);
	m->n_except = o->n_except;
	m->except = put_texts(a, o->except, o->n_except);
	m->n_critical = o->n_critical;
	m->critical = put_texts(a, o->critical, o->n_critical);
}

void order_encode(const struct order *o, struct buf *ret)
{
	AUTO(arena_destroy) struct arena *a = arena_new(WRITER_ARENA);
	Rollcall__V1__Order m = ROLLCALL__V1__ORDER__INIT;
	m.id = put_text(o->id);
	m.project = put_text(o->project);
	m.release_digest = put_fixed(o->release_digest, DIGEST_SIZE);
	m.release_version = put_text(o->release_version);
	m.release_sequence = o->release_sequence;
	m.environment = put_text(o->environment);
	m.direction = put_text(direction_name(o->direction));
	m.plan = put_text(o->plan);
	m.plan_digest = put_fixed(o->plan_digest, DIGEST_SIZE);
	m.targets_root = put_fixed(o->targets_root, DIGEST_SIZE);
	m.target_count = o->target_count;
	m.created_at_us = o->created_at_us;
	m.not_before_us = o->not_before_us;
	m.not_after_us = o->not_after_us;
	m.label_filter = put_text(o->label_filter);
	put_lists(a, o, &m);
	pb_pack(&m.base, ret);
}

static void read_probe(struct reader *r, const Rollcall__V1__Probe *m, struct probe *ret)
{
	ret->name = read_name(r, "probe", m->name);
	ret->sql = read_text(r, "probe's SQL", m->sql, OPTIONAL, PROBE_SQL_MAX);
	ret->engine = read_line(r, "probe's engine", m->engine, OPTIONAL);
	ret->url = read_text(r, "probe's URL", m->url, OPTIONAL, PROBE_URL_MAX);
	ret->json = read_line(r, "probe's JSON pointer", m->json, OPTIONAL);
	ret->expect = read_line(r, "probe's expectation", m->expect, REQUIRED);
	if (!r->failed && !ret->sql == !ret->url)
		read_fail(r, "probe %s has to have either SQL or a URL", ret->name);
	if (!r->failed && !probe_expect_ok(ret->expect))
		read_fail(r, "probe %s expects nothing that could be compared", ret->name);
}

static void read_probes(struct reader *r, const Rollcall__V1__Wave *m, struct wave *ret)
{
	ret->n_probes = m->n_probes;
	ret->probes = read_array(r, "probes", m->n_probes, PROBES_MAX, sizeof *ret->probes);
	for (size_t i = 0; i < m->n_probes && !r->failed; i++)
		read_probe(r, m->probes[i], &ret->probes[i]);
}

static void read_wave(struct reader *r, const Rollcall__V1__Wave *m, struct wave *ret)
{
	ret->name = read_name(r, "wave", m->name);
	ret->target_count = m->target_count;
	ret->max_parallel = m->max_parallel;
	ret->soak_ms = m->soak_ms;
	ret->defer_after_ms = m->defer_after_ms;
	if (!limit_parse(m->max_failures, &ret->max_failures))
		read_fail(r, "a wave's failure limit is neither a count nor a percentage");
	read_probes(r, m, ret);
	if (!str_empty(m->min_success) && !limit_parse(m->min_success, &ret->min_success))
		read_fail(r, "a wave's min_success is neither a count nor a percentage");
	if (!on_failure_parse(m->on_failure, &ret->on_failure))
		read_fail(r, "a wave's on_failure is unknown");
}

static void read_waves(struct reader *r, const Rollcall__V1__Order *m, struct order *ret)
{
	uint64_t targets = 0;
	ret->n_waves = m->n_waves;
	ret->waves = read_array(r, "waves", m->n_waves, WAVES_MAX, sizeof *ret->waves);
	if (m->n_waves == 0)
		read_fail(r, "it has no wave");
	for (size_t i = 0; i < m->n_waves && !r->failed; i++) {
		read_wave(r, m->waves[i], &ret->waves[i]);
		for (size_t j = 0; j < i; j++)
			if (str_eq(ret->waves[j].name, ret->waves[i].name))
				read_fail(r, "wave %s is there twice", ret->waves[i].name);
		targets += m->waves[i]->target_count;
	}
	ret->target_count = m->target_count;
	if (targets != m->target_count || targets == 0)
		read_fail(r, "its waves hold %" PRIu64 " targets and it counts %" PRIu32, targets, m->target_count);
}

static void read_release_named(struct reader *r, const Rollcall__V1__Order *m, struct order *ret)
{
	ret->id = read_hex(r, "id", m->id, 32);
	ret->project = read_name(r, "project", m->project);
	read_digest(r, "release's digest", m->release_digest, ret->release_digest);
	ret->release_version = read_version(r, "release's version", m->release_version, REQUIRED);
	ret->release_sequence = m->release_sequence;
	ret->environment = read_name(r, "environment", m->environment);
	if (!direction_parse(m->direction, &ret->direction))
		read_fail(r, "its direction is neither apply nor rollback");
	ret->plan = read_line(r, "plan", m->plan, OPTIONAL);
	read_digest(r, "plan's digest", m->plan_digest, ret->plan_digest);
	read_digest(r, "root of the target list", m->targets_root, ret->targets_root);
}

int order_decode(struct bytes data, struct arena *a, struct order *ret, struct err *e)
{
	ProtobufCMessage *base;
	if (pb_unpack(&rollcall__v1__order__descriptor, "order", data, LIMIT_DOCUMENT, PB_UNKNOWN_KEEP, a, &base, e) != 0)
		return -1;
	const Rollcall__V1__Order *m = (const Rollcall__V1__Order *)base;
	struct reader r = {.what = "order", .a = a, .e = e};
	struct order o = {.created_at_us = m->created_at_us, .not_before_us = m->not_before_us, .not_after_us = m->not_after_us};
	read_release_named(&r, m, &o);
	read_waves(&r, m, &o);
	if (o.not_after_us <= o.not_before_us)
		read_fail(&r, "its time window ends before it begins");
	o.n_contexts = m->n_contexts;
	o.contexts = read_lines(&r, "contexts", m->contexts, m->n_contexts, 1000);
	o.label_filter = read_text(&r, "label filter", m->label_filter, OPTIONAL, TEXT_MAX_SIZE);
	o.n_except = m->n_except;
	o.except = read_lines(&r, "changesets left out", m->except, m->n_except, EXCEPT_MAX);
	o.n_critical = m->n_critical;
	o.critical = read_lines(&r, "critical features", m->critical, m->n_critical, 100);
	if (r.failed)
		return -1;
	digest_sha256(data, o.digest);
	*ret = o;
	return 0;
}

/* ---- approval ------------------------------------------------------------------------------------------------------------------------------------ */

void approval_encode(const struct approval *p, struct buf *ret)
{
	AUTO(arena_destroy) struct arena *a = arena_new(WRITER_ARENA);
	Rollcall__V1__Approval m = ROLLCALL__V1__APPROVAL__INIT;
	m.order_digest = put_fixed(p->order_digest, DIGEST_SIZE);
	m.release_digest = put_fixed(p->release_digest, DIGEST_SIZE);
	m.environment = put_text(p->environment);
	m.target_count = p->target_count;
	m.approver = put_text(p->approver);
	m.reason = put_text(p->reason);
	m.created_at_us = p->created_at_us;
	m.expires_at_us = p->expires_at_us;
	m.n_break_glass = p->n_break_glass;
	m.break_glass = put_texts(a, p->break_glass, p->n_break_glass);
	pb_pack(&m.base, ret);
}

static void read_break_glass(struct reader *r, const Rollcall__V1__Approval *m, struct approval *ret)
{
	ret->n_break_glass = m->n_break_glass;
	ret->break_glass = read_array(r, "break-glass targets", m->n_break_glass, LIMIT_BREAK_GLASS, sizeof *ret->break_glass);
	for (size_t i = 0; i < m->n_break_glass && !r->failed; i++) {
		ret->break_glass[i] = read_line(r, "break-glass target", m->break_glass[i], REQUIRED);
		if (!r->failed && !str_is_target_id(ret->break_glass[i]))
			read_fail(r, "break-glass targets: not a target id");
		if (i && !r->failed && strcmp(ret->break_glass[i - 1], ret->break_glass[i]) >= 0)
			read_fail(r, "break-glass targets: not in ascending order");
	}
	if (ret->n_break_glass && (ret->expires_at_us - ret->created_at_us > BREAK_GLASS_US_MAX || ret->n_break_glass != ret->target_count))
		read_fail(r, "a break-glass approval names each target of the order and holds for 4 hours at most");
}

int approval_decode(struct bytes data, struct arena *a, struct approval *ret, struct err *e)
{
	ProtobufCMessage *base;
	if (pb_unpack(&rollcall__v1__approval__descriptor, "approval", data, LIMIT_DOCUMENT, PB_UNKNOWN_REFUSE, a, &base, e) != 0)
		return -1;
	const Rollcall__V1__Approval *m = (const Rollcall__V1__Approval *)base;
	struct reader r = {.what = "approval", .a = a, .e = e};
	struct approval p = {.target_count = m->target_count, .created_at_us = m->created_at_us, .expires_at_us = m->expires_at_us};
	read_digest(&r, "order's digest", m->order_digest, p.order_digest);
	read_digest(&r, "release's digest", m->release_digest, p.release_digest);
	p.environment = read_name(&r, "environment", m->environment);
	p.approver = read_line(&r, "approver", m->approver, REQUIRED);
	p.reason = read_text(&r, "reason", m->reason, OPTIONAL, TEXT_MAX_SIZE);
	if (p.expires_at_us <= p.created_at_us)
		read_fail(&r, "it expires before it was made");
	read_break_glass(&r, m, &p);
	if (r.failed)
		return -1;
	*ret = p;
	return 0;
}

/* ---- dossier, proof ------------------------------------------------------------------------------------------------------------------------------ */

void dossier_encode(const struct dossier *d, struct buf *ret)
{
	AUTO(arena_destroy) struct arena *a = arena_new(WRITER_ARENA);
	Rollcall__V1__Dossier m = ROLLCALL__V1__DOSSIER__INIT;
	m.order = put_bytes(d->order);
	m.n_approvals = d->n_approvals;
	m.approvals = arena_alloc(a, d->n_approvals * sizeof *m.approvals);
	for (size_t i = 0; i < d->n_approvals; i++)
		m.approvals[i] = put_bytes(d->approvals[i]);
	m.n_gate_passes = d->n_gate_passes;
	m.gate_passes = arena_alloc(a, d->n_gate_passes * sizeof *m.gate_passes);
	for (size_t i = 0; i < d->n_gate_passes; i++)
		m.gate_passes[i] = put_bytes(d->gate_passes[i]);
	pb_pack(&m.base, ret);
}

int dossier_decode(struct bytes data, struct arena *a, struct dossier *ret, struct err *e)
{
	ProtobufCMessage *base;
	if (pb_unpack(&rollcall__v1__dossier__descriptor, "dossier", data, LIMIT_DOSSIER, PB_UNKNOWN_REFUSE, a, &base, e) != 0)
		return -1;
	const Rollcall__V1__Dossier *m = (const Rollcall__V1__Dossier *)base;
	struct reader r = {.what = "dossier", .a = a, .e = e};
	struct dossier d = {.order = pb_to_bytes(m->order), .n_approvals = m->n_approvals, .n_gate_passes = m->n_gate_passes};
	if (d.order.n == 0)
		read_fail(&r, "the order is missing");
	d.approvals = read_array(&r, "approvals", m->n_approvals, LIMIT_APPROVALS, sizeof *d.approvals);
	for (size_t i = 0; i < m->n_approvals && !r.failed; i++)
		d.approvals[i] = pb_to_bytes(m->approvals[i]);
	d.gate_passes = read_array(&r, "gate passes", m->n_gate_passes, LIMIT_GATE_PASSES, sizeof *d.gate_passes);
	for (size_t i = 0; i < m->n_gate_passes && !r.failed; i++)
		d.gate_passes[i] = pb_to_bytes(m->gate_passes[i]);
	if (r.failed)
		return -1;
	*ret = d;
	return 0;
}

void merkle_proof_encode(const struct merkle_proof *p, struct buf *ret)
{
	ProtobufCBinaryData path[MERKLE_PATH_MAX];
	Rollcall__V1__MerkleProof m = ROLLCALL__V1__MERKLE_PROOF__INIT;
	m.salt = put_fixed(p->salt, TARGET_SALT_SIZE);
	m.index = p->index;
	m.count = p->count;
	m.wave = p->wave;
	m.n_path = p->n_path;
	m.path = path;
	for (size_t i = 0; i < p->n_path && i < MERKLE_PATH_MAX; i++)
		path[i] = put_fixed(p->path[i], DIGEST_SIZE);
	pb_pack(&m.base, ret);
}

int merkle_proof_decode(struct bytes data, struct merkle_proof *ret, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new((size_t)64 * 1024);
	ProtobufCMessage *base;
	if (pb_unpack(&rollcall__v1__merkle_proof__descriptor, "target proof", data, 4096, PB_UNKNOWN_REFUSE, a, &base, e) != 0)
		return -1;
	const Rollcall__V1__MerkleProof *m = (const Rollcall__V1__MerkleProof *)base;
	struct reader r = {.what = "target proof", .a = a, .e = e};
	struct merkle_proof p = {.index = m->index, .count = m->count, .wave = m->wave, .n_path = m->n_path};
	read_fixed(&r, "salt", m->salt, p.salt, TARGET_SALT_SIZE);
	if (m->n_path > MERKLE_PATH_MAX)
		read_fail(&r, "%zu digests, and %d are allowed", m->n_path, MERKLE_PATH_MAX);
	for (size_t i = 0; i < m->n_path && !r.failed; i++)
		read_digest(&r, "path", m->path[i], p.path[i]);
	if (r.failed)
		return -1;
	*ret = p;
	return 0;
}
