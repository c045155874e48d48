/* A secret (password, passphrase, private key text): its own type so that no printf takes it by accident; wiped when freed. */
#ifndef COMMON_BASE_SECRET_H
#define COMMON_BASE_SECRET_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/base/mem.h"

struct secret; /* opaque on purpose */

struct secret *secret_new(const void *p, size_t n);
void secret_destroy(struct secret **s); /* wipes; NULL-safe; for AUTO(secret_destroy) */
size_t secret_size(const struct secret *s);
/* The octets, NUL-terminated; borrowed. Call it only where the value is handed to the library that needs it. */
const char *secret_reveal(const struct secret *s);

/* For main() of a program that holds keys or passwords: no core file, and no debugger or /proc/PID/mem for others of the same user. */
void secret_harden_process(void);

/* First line of a file that is ours or root's and only its owner may read (mode & 077 must be 0), in a folder where others cannot put another in its place: ERR_KEY otherwise. Caps
 * at 64 KiB. */
int secret_read_line(const char *path, struct secret **ret, struct err *e) MUST_CHECK;
/* The whole file under the same rule. */
int secret_read_file(const char *path, struct secret **ret, struct err *e) MUST_CHECK;

#endif
