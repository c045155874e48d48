/* The controller's audit log is its event log as a hash chain: row n's hash covers its fields and the hash of row n-1, so that nothing can be altered, taken out or put in
 * unnoticed. What the chain alone cannot show is that its end was cut off: for that the agents countersign its head in each report (proto/report.proto). */
#ifndef CONTROLLER_AUDIT_CHAIN_H
#define CONTROLLER_AUDIT_CHAIN_H

#include "common/base/bytes.h"
#include "controller/store/store.h"

/* hash = SHA-256(prev || f1 || f2 || ...), each field as its length in decimal, ':', its bytes and ','; an absent one as "-,". In order: seq, at_us, actor, rollout, object, event,
 * from, to, detail, ref, evidence (hex). For example "3:412,16:1790000000000000,10:controller,-,6:agent ,...". tests/fault/collect computes the same in Perl. */
void audit_hash(uint64_t seq, const struct store_event *ev, const uint8_t prev[DIGEST_SIZE], uint8_t out[DIGEST_SIZE]);

#endif
