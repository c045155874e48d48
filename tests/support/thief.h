/* What the thief's tools (tests/attack) share: what makes documents as no honest tool makes them, and what speaks as no honest program speaks. */
#ifndef TESTS_SUPPORT_THIEF_H
#define TESTS_SUPPORT_THIEF_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/model/order.h"

/* "forge: what: why" on standard error, by the program's name, and exit code 2; e NULL: there is no more to say. */
void thief_die(const char *what, const struct err *e) __attribute__((noreturn));

/* A file, in the arena, or the end. */
struct bytes thief_read(struct arena *a, const char *path);
struct order thief_order(struct arena *a, const char *path);

/* The VALUE of a word "KEY=VALUE"; NULL: it is another key's. */
const char *thief_value(const char *word, const char *key);
void thief_write(struct bytes data); /* to standard output */

#endif
