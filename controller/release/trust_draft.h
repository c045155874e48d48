/* Making trust documents and agent certificates: what `rollcall trust` does, without its command line. Files are DSSE envelopes. No network, no controller. */
#ifndef CONTROLLER_RELEASE_TRUST_DRAFT_H
#define CONTROLLER_RELEASE_TRUST_DRAFT_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/crypto/sign.h"
#include "common/model/trust.h"
#include "common/wire/request.h"

/* Adds the key of a .pub file to the document (once) and to the role, which it makes with threshold 1 when it is new. ERR_EXISTS when the role has the key. */
int trust_draft_add(struct trust *t, const char *role, const char *pub_path, struct arena *a, struct err *e) MUST_CHECK;
/* Takes a key (its id) out of a role, or out of every role when `role` is NULL, and out of the document when no role has it any more. ERR_NOT_FOUND when it is not there. */
int trust_draft_remove(struct trust *t, const char *role, const char *key_id, struct err *e) MUST_CHECK;
/* Puts the key of a .pub file into the place of another one, in every role that has it. ERR_NOT_FOUND, ERR_EXISTS. */
int trust_draft_replace(struct trust *t, const char *old_id, const char *pub_path, struct arena *a, struct err *e) MUST_CHECK;
/* The id of a key as people name it: a .pub file, an id, or the owner's name in the document. ERR_NOT_FOUND; ERR_USAGE when two keys have that owner. */
int trust_draft_find(const struct trust *t, const char *name, char ret_id[KEY_ID_SIZE], struct err *e) MUST_CHECK;
/* Sets a role's threshold; makes the role when it is new. */
void trust_draft_threshold(struct trust *t, const char *role, uint32_t threshold, struct arena *a);
/* Limits a role to targets with these labels, beside those that it covers already; makes the role when it is new. trust_draft_close reads the selector. */
void trust_draft_scope(struct trust *t, const char *role, const char *selector, struct arena *a);
/* Checks the shape and puts the document into an unsigned envelope. */
int trust_draft_close(const struct trust *t, struct arena *a, struct envelope *ret, struct err *e) MUST_CHECK;

/* Reads an envelope and the trust document in it. Nothing is verified: that is trust_check_self or trust_check_next. */
int trust_file_load(const char *path, struct arena *a, struct envelope *ret_env, struct trust *ret, struct err *e) MUST_CHECK;
/* Who must sign before it holds: "1 of 2 signatures (root): signed by ann; have one of bob, eve", or "" when the root threshold is met. `by` is the document whose root keys
 * are counted: the same one, or the version before. */
void trust_draft_next(const struct trust *by, const struct envelope *env, struct buf *ret);

/* A signed certificate from an agent's request. The key must hold role enrol in `trust` (ERR_POLICY). not_before is now. */
int certificate_make(const struct agent_request *r, const struct trust *t, const struct sign_key *k, int64_t now_us, int64_t not_after_us,
                     struct arena *a, struct envelope *ret, struct err *e) MUST_CHECK;

#endif
