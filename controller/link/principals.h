/* Who may come: a closed set of keys, looked up on every message. Each thread that looks has its own copy. */
#ifndef CONTROLLER_LINK_PRINCIPALS_H
#define CONTROLLER_LINK_PRINCIPALS_H

#include "controller/link/hub.h"

struct principals;

struct principals *principals_new(const struct principal *list, size_t n); /* copies; a key that comes twice: the last one counts */
void principals_destroy(struct principals **p);
const struct principal *principals_find(const struct principals *p, const char *curve_key); /* NULL: unknown */

#endif
