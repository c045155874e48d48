/* Ed25519 keys: make, load, sign, verify. Private keys are PKCS#8 PEM, passphrase-encrypted at rest (AES-256-CBC, PBKDF2 or scrypt as OpenSSL 3 writes them); public
 * keys are SubjectPublicKeyInfo PEM beside them as NAME.pub. */
#ifndef COMMON_CRYPTO_SIGN_H
#define COMMON_CRYPTO_SIGN_H

#include <stdbool.h>

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/base/secret.h"
#include "common/model/trust.h"

struct sign_key; /* a private key in memory; wiped when destroyed */

int sign_key_generate(struct sign_key **ret, struct err *e) MUST_CHECK;
void sign_key_destroy(struct sign_key **k);
void sign_key_public(const struct sign_key *k, uint8_t out[SIGN_PUBLIC_SIZE]);
void sign_key_id(const uint8_t public_key[SIGN_PUBLIC_SIZE], char out[KEY_ID_SIZE]);

/* Writes `path` (mode 0600; never over an existing file: ERR_EXISTS) and `path`.pub (0644). passphrase NULL writes it unencrypted: for machines' keys only. */
int sign_key_save(const struct sign_key *k, const char *path, const struct secret *passphrase, struct err *e) MUST_CHECK;
/* ERR_KEY: missing, mode lets others read, not an Ed25519 key, encrypted and passphrase NULL, wrong passphrase; each with its own message and what to do. */
int sign_key_load(const char *path, const struct secret *passphrase, struct sign_key **ret, struct err *e) MUST_CHECK;
/* True when the file is an encrypted key, so that a command line knows to ask. */
bool sign_key_is_encrypted(const char *path); /* what stands in it; it may be one that sign_key_load refuses */
/* Whether there is something to ask before sign_key_load. False, too, for a file that it refuses whatever the passphrase, as for its mode: nobody types one for that. */
bool sign_key_wants_passphrase(const char *path);
int sign_public_load(const char *path, uint8_t out[SIGN_PUBLIC_SIZE], struct err *e) MUST_CHECK;

/* The same as sign_key_save, with the owner's name as a line "owner: NAME" at the head of the public file. */
int sign_key_save_owned(const struct sign_key *k, const char *path, const char *owner, const struct secret *passphrase, struct err *e) MUST_CHECK;
#define SIGN_OWNER_SIZE 101
/* Whose key a public file says it is; without such a line the file's name without .pub. Only for people to read. */
void sign_public_owner(const char *path, char out[SIGN_OWNER_SIZE]);
bool sign_owner_is_sound(const char *owner); /* 1 to 100 octets of UTF-8 without control characters */
/* False for the few Ed25519 public keys under which signatures can be forged, and for second spellings of a key. sign_check refuses them. */
bool sign_public_is_sound(const uint8_t public_key[SIGN_PUBLIC_SIZE]);

void sign_make(const struct sign_key *k, struct bytes message, uint8_t out[SIGNATURE_SIZE]);
bool sign_check(const uint8_t public_key[SIGN_PUBLIC_SIZE], struct bytes message, const uint8_t sig[SIGNATURE_SIZE]);

int crypto_random(void *out, size_t n, struct err *e) MUST_CHECK;

#endif
