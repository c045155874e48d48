/* The ZAP handler: a thread of its own that answers libzmq's "may this key come in?" from a hash table. One for each process: the address is libzmq's. Source: RFC 27/ZAP. */
#ifndef CONTROLLER_LINK_ZAP_H
#define CONTROLLER_LINK_ZAP_H

#include "controller/link/hub.h"

/* ERR_STATE when this process has a ZAP handler already. The User-Id that it gives is the key itself, so that a changed table needs no renumbering. */
int zap_new(const struct principal *list, size_t n, zactor_t **ret, struct err *e) MUST_CHECK;
/* Replaces the table; returns when the new one is in force. */
void zap_set(zactor_t *zap, const struct principal *list, size_t n);

#endif
