/* Trust documents, agent certificates and envelopes as plain values (proto/trust.proto). What they *mean* is in common/crypto/trust.h. */
#ifndef COMMON_MODEL_TRUST_H
#define COMMON_MODEL_TRUST_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/bytes.h"

#define SIGN_PUBLIC_SIZE        32
#define SIGNATURE_SIZE          64
#define KEY_ID_SIZE             17 /* 16 hex digits of SHA-256(public key), and a NUL */
#define CURVE_KEY_TEXT_SIZE     41 /* Z85, and a NUL */
#define ENVELOPE_SIGNATURES_MAX 16
#define APPROVER_ROLES_MAX      32 /* of one environment */

#define TYPE_TRUST       "application/vnd.rollcall.trust.v1+protobuf"
#define TYPE_RELEASE     "application/vnd.rollcall.release.v1+protobuf"
#define TYPE_ORDER       "application/vnd.rollcall.order.v1+protobuf"
#define TYPE_APPROVAL    "application/vnd.rollcall.approval.v1+protobuf"
#define TYPE_CERTIFICATE "application/vnd.rollcall.certificate.v1+protobuf"
#define TYPE_GATE_PASS   "application/vnd.rollcall.gate-pass.v1+protobuf"
#define TYPE_REPORT      "application/vnd.rollcall.report.v1+protobuf"
#define TYPE_FRESHNESS   "application/vnd.rollcall.freshness.v1+protobuf"
#define TYPE_REVOCATION  "application/vnd.rollcall.revocation.v1+protobuf"

#define ROLE_ROOT            "root"
#define ROLE_RELEASE         "release"
#define ROLE_APPROVER_PREFIX "approver/"
#define ROLE_ENROL           "enrol"
#define ROLE_FRESH           "fresh"
#define ROLE_SITE            "site"
#define ROLE_BREAK_GLASS     "break-glass"
#define ROLE_GATE            "gate"

struct signature {
	const char *key_id; /* a hint, never a security decision */
	uint8_t sig[SIGNATURE_SIZE];
};

struct envelope {
	const char *type;
	struct bytes payload; /* exactly the bytes that were signed */
	struct signature *signatures;
	size_t n_signatures;
};

struct trust_key {
	const char *id;
	uint8_t public_key[SIGN_PUBLIC_SIZE];
	const char *owner;
};

struct trust_role {
	const char *name;
	uint32_t threshold;
	const char **key_ids;
	size_t n_key_ids;
	const char **scopes;
	size_t n_scopes;
};

struct trust {
	const char *fleet;
	uint64_t version;
	int64_t created_at_us, expires_at_us;
	struct trust_key *keys;
	size_t n_keys;
	struct trust_role *roles;
	size_t n_roles;
	const char **controller_keys; /* Z85 CURVE public keys */
	size_t n_controller_keys;
	const char **critical;
	size_t n_critical;
	uint64_t fresh_max_age_ms, max_step; /* 0: no such limit */
};

/* What is revoked, by the controller's fresh key. Lists ascend and hold each entry once. Asked by common/crypto/fresh.h. */
struct release_floor {
	const char *project;
	uint64_t sequence; /* releases below it are withdrawn */
};

struct freshness {
	const char *fleet;
	uint64_t version, trust_version;
	int64_t issued_at_us, expires_at_us;
	const char **revoked_keys; /* ids */
	size_t n_revoked_keys;
	const char **revoked_agents; /* serials */
	size_t n_revoked_agents;
	uint8_t (*withdrawn)[DIGEST_SIZE]; /* of manifests */
	size_t n_withdrawn;
	struct release_floor *floors;
	size_t n_floors;
	const char **critical;
	size_t n_critical;
};

enum revocation_kind { REVOKE_KEY, REVOKE_AGENT, REVOKE_RELEASE, REVOKE_OLDER_RELEASES };
struct revocation {
	const char *fleet;
	enum revocation_kind kind;
	const char *subject; /* key id, serial, digest of the manifest in hex, project */
	uint64_t sequence; /* REVOKE_OLDER_RELEASES */
	const char *reason; /* may be NULL */
	int64_t created_at_us;
};

struct certificate {
	const char *agent, *site, *serial;
	const char *curve_key; /* Z85 */
	uint8_t report_key[SIGN_PUBLIC_SIZE];
	const char **targets; /* globs over target ids */
	size_t n_targets;
	int64_t not_before_us, not_after_us;
};

#endif
