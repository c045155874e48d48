/* CURVE keys in files, and what both ends set on their sockets. Key file: the ZPL form that czmq's zcert_save_secret writes, mode 0600; NAME.pub holds the public key alone (Z85). */
#ifndef COMMON_LINK_CURVE_H
#define COMMON_LINK_CURVE_H

#include "common/base/err.h"
#include "common/base/secret.h"

struct curve_key {
	char public_text[41]; /* Z85 */
	struct secret *secret_text;
};

int curve_key_generate(const char *path, struct err *e) MUST_CHECK; /* never over an existing file */
int curve_key_load(const char *path, struct curve_key *ret, struct err *e) MUST_CHECK; /* ERR_KEY */
void curve_key_done(struct curve_key *k);
/* Accepts a Z85 public key text or the path of a NAME.pub file. */
int curve_public_read(const char *text_or_path, char out[41], struct err *e) MUST_CHECK;

#endif
