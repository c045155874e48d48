/* The bodies of enrolment's messages, there and back: what a key that nobody knows may send. */
#include "common/wire/limits.h"
#include "common/wire/link_codec.h"
#include "proto/link.pb-c.h"

#define POLL_MIN_MS 100u

void link_encode_enrol_req(const struct msg *m, struct arena *a, struct buf *ret)
{
	(void)a;
	Rollcall__V1__EnrolRequest p = ROLLCALL__V1__ENROL_REQUEST__INIT;
	p.token = pb_from_bytes(m->enrol_req.token);
	p.request = pb_from_bytes(m->enrol_req.request);
	p.signature = pb_from_bytes(m->enrol_req.signature);
	p.former_signature = pb_from_bytes(m->enrol_req.former_signature);
	pb_pack(&p.base, ret);
}

void link_encode_enrol_poll(const struct msg *m, struct arena *a, struct buf *ret)
{
	(void)a;
	Rollcall__V1__EnrolPoll p = ROLLCALL__V1__ENROL_POLL__INIT;
	p.request_digest = pb_from_bytes(bytes_of(m->enrol_poll.request_digest, DIGEST_SIZE));
	pb_pack(&p.base, ret);
}

void link_encode_enrol_pending(const struct msg *m, struct arena *a, struct buf *ret)
{
	(void)a;
	Rollcall__V1__EnrolPending p = ROLLCALL__V1__ENROL_PENDING__INIT;
	p.fingerprint = link_text(m->enrol_pending.fingerprint);
	p.poll_ms = m->enrol_pending.poll_ms;
	pb_pack(&p.base, ret);
}

void link_encode_enrol_grant(const struct msg *m, struct arena *a, struct buf *ret)
{
	(void)a;
	Rollcall__V1__EnrolGrant p = ROLLCALL__V1__ENROL_GRANT__INIT;
	p.certificate = pb_from_bytes(m->enrol_grant.certificate);
	pb_pack(&p.base, ret);
}

int link_decode_enrol_req(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	(void)a;
	const Rollcall__V1__EnrolRequest *p = pb;
	if (p->request.len == 0)
		return err_set(e, ERR_PARSE, "request: it is missing");
	if (p->signature.len != 64 || (p->former_signature.len != 64 && p->former_signature.len != 0))
		return err_set(e, ERR_PARSE, "signature: %zu and %zu bytes, must be 64, and 64 or none", p->signature.len, p->former_signature.len);
	if ((p->token.len == 0) == (p->former_signature.len == 0))
		return err_set(e, ERR_PARSE, "either a token, or a signature by the present report key");
	ret->enrol_req = (struct msg_enrol_req){.token = pb_to_bytes(p->token),
	                                        .request = pb_to_bytes(p->request),
	                                        .signature = pb_to_bytes(p->signature),
	                                        .former_signature = pb_to_bytes(p->former_signature)};
	return 0;
}

int link_decode_enrol_poll(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	(void)a;
	const Rollcall__V1__EnrolPoll *p = pb;
	return pb_fixed(p->request_digest, "request_digest", ret->enrol_poll.request_digest, DIGEST_SIZE, e);
}

int link_decode_enrol_pending(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	(void)a;
	const Rollcall__V1__EnrolPending *p = pb;
	if (link_check_length(p->fingerprint, "fingerprint", CODE_MAX, e) != 0)
		return -1;
	if (p->poll_ms < POLL_MIN_MS || p->poll_ms > HEARTBEAT_MAX_MS)
		return err_set(e, ERR_LIMIT, "poll_ms %u is outside %u to %u", p->poll_ms, POLL_MIN_MS, HEARTBEAT_MAX_MS);
	ret->enrol_pending = (struct msg_enrol_pending){.fingerprint = p->fingerprint, .poll_ms = p->poll_ms};
	return 0;
}

int link_decode_enrol_grant(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	(void)a;
	const Rollcall__V1__EnrolGrant *p = pb;
	if (p->certificate.len == 0 || p->certificate.len > CERTIFICATE_MAX)
		return err_set(e, ERR_LIMIT, "certificate: %zu bytes is outside 1 to %zu", p->certificate.len, CERTIFICATE_MAX);
	ret->enrol_grant.certificate = pb_to_bytes(p->certificate);
	return 0;
}
