/* Codecs between document bytes and the model. Only common/wire sees the generated *.pb-c.h. Decoders cap the size first, take memory only from the
 * arena, reject unknown enum names, bad UTF-8, NULs in text, wrong digest lengths and ids outside their alphabet; encoders are deterministic.
 * Nothing here verifies a signature: callers verify the raw bytes first, then decode exactly those. */
#ifndef COMMON_WIRE_DOCUMENTS_H
#define COMMON_WIRE_DOCUMENTS_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/model/order.h"
#include "common/model/release.h"
#include "common/model/report.h"
#include "common/model/trust.h"

void envelope_encode(const struct envelope *env, struct buf *ret);
int envelope_decode(struct bytes data, struct arena *a, struct envelope *ret, struct err *e) MUST_CHECK;

void trust_encode(const struct trust *t, struct buf *ret);
int trust_decode(struct bytes data, struct arena *a, struct trust *ret, struct err *e) MUST_CHECK;
void freshness_encode(const struct freshness *f, struct buf *ret);
int freshness_decode(struct bytes data, struct arena *a, struct freshness *ret, struct err *e) MUST_CHECK;
void revocation_encode(const struct revocation *r, struct buf *ret);
int revocation_decode(struct bytes data, struct arena *a, struct revocation *ret, struct err *e) MUST_CHECK;
const char *revocation_kind_name(enum revocation_kind k);
void certificate_encode(const struct certificate *c, struct buf *ret);
int certificate_decode(struct bytes data, struct arena *a, struct certificate *ret, struct err *e) MUST_CHECK;
void release_encode(const struct release *r, struct buf *ret);
int release_decode(struct bytes data, struct arena *a, struct release *ret, struct err *e) MUST_CHECK; /* sets digest */
void order_encode(const struct order *o, struct buf *ret);
int order_decode(struct bytes data, struct arena *a, struct order *ret, struct err *e) MUST_CHECK; /* sets digest */
void approval_encode(const struct approval *p, struct buf *ret);
int approval_decode(struct bytes data, struct arena *a, struct approval *ret, struct err *e) MUST_CHECK;
void gate_pass_encode(const struct gate_pass *p, struct buf *ret);
int gate_pass_decode(struct bytes data, struct arena *a, struct gate_pass *ret, struct err *e) MUST_CHECK;
void report_encode(const struct report *r, struct buf *ret);
int report_decode(struct bytes data, struct arena *a, struct report *ret, struct err *e) MUST_CHECK;

/* The blob that a rollout's agents pull: the order's bytes, the approvals' envelopes, and those of the gate passes that there are. */
struct dossier {
	struct bytes order;
	struct bytes *approvals, *gate_passes; /* envelope bytes */
	size_t n_approvals, n_gate_passes;
};
void dossier_encode(const struct dossier *d, struct buf *ret);
int dossier_decode(struct bytes data, struct arena *a, struct dossier *ret, struct err *e) MUST_CHECK;
void merkle_proof_encode(const struct merkle_proof *p, struct buf *ret);
int merkle_proof_decode(struct bytes data, struct merkle_proof *ret, struct err *e) MUST_CHECK;

/* What a file held: ERR_PARSE names the file and says what to do. */
int envelope_decode_file(const char *path, struct bytes data, struct arena *a, struct envelope *ret, struct err *e) MUST_CHECK;
/* An envelope in a file: reads (capped), decodes; ERR_PARSE names the file. */
int envelope_load(const char *path, struct arena *a, struct envelope *ret, struct err *e) MUST_CHECK;
int envelope_save(const char *path, const struct envelope *env, struct err *e) MUST_CHECK;

#endif
