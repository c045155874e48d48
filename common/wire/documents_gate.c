/* Gate passes. */
#include <inttypes.h>

#include "common/base/str.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "common/wire/reader.h"
#include "proto/order.pb-c.h"

void gate_pass_encode(const struct gate_pass *p, struct buf *ret)
{
	Rollcall__V1__GatePass m = ROLLCALL__V1__GATE_PASS__INIT;
	m.order_digest = put_fixed(p->order_digest, DIGEST_SIZE);
	m.release_digest = put_fixed(p->release_digest, DIGEST_SIZE);
	m.wave = p->wave;
	m.wave_name = put_text(p->wave_name);
	m.target_count = p->target_count;
	m.done = p->done;
	m.failed = p->failed;
	m.unreported = p->unreported;
	m.reports_digest = put_fixed(p->reports_digest, DIGEST_SIZE);
	m.soak_until_us = p->soak_until_us;
	m.created_at_us = p->created_at_us;
	m.expires_at_us = p->expires_at_us;
	m.signer = put_text(p->signer);
	m.reason = put_text(p->reason);
	pb_pack(&m.base, ret);
}

int gate_pass_decode(struct bytes data, struct arena *a, struct gate_pass *ret, struct err *e)
{
	ProtobufCMessage *base;
	if (pb_unpack(&rollcall__v1__gate_pass__descriptor, "gate pass", data, LIMIT_DOCUMENT, PB_UNKNOWN_REFUSE, a, &base, e) != 0)
		return -1;
	const Rollcall__V1__GatePass *m = (const Rollcall__V1__GatePass *)base;
	struct reader r = {.what = "gate pass", .a = a, .e = e};
	struct gate_pass p = {.wave = m->wave,
	                      .target_count = m->target_count,
	                      .done = m->done,
	                      .failed = m->failed,
	                      .unreported = m->unreported,
	                      .soak_until_us = m->soak_until_us,
	                      .created_at_us = m->created_at_us,
	                      .expires_at_us = m->expires_at_us};
	read_digest(&r, "order's digest", m->order_digest, p.order_digest);
	read_digest(&r, "release's digest", m->release_digest, p.release_digest);
	read_digest(&r, "digest of the reports", m->reports_digest, p.reports_digest);
	p.wave_name = read_name(&r, "wave", m->wave_name);
	p.signer = read_line(&r, "signer", m->signer, REQUIRED);
	p.reason = read_text(&r, "reason", m->reason, OPTIONAL, TEXT_MAX_SIZE);
	if ((uint64_t)p.done + p.failed + p.unreported != p.target_count)
		read_fail(&r, "it counts %" PRIu64 " targets of %" PRIu32, (uint64_t)p.done + p.failed + p.unreported, p.target_count);
	if (p.created_at_us < p.soak_until_us)
		read_fail(&r, "it was made before the wave's soak was over");
	if (p.expires_at_us <= p.created_at_us)
		read_fail(&r, "it expires before it was made");
	if (r.failed)
		return -1;
	*ret = p;
	return 0;
}
