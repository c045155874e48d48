/* The link's sockets and their options: one table for each kind, so that nothing is set by hand elsewhere. Sources and measurements: proto/README.md, "Sockets". */
#ifndef COMMON_LINK_OPTIONS_H
#define COMMON_LINK_OPTIONS_H

#include <czmq.h>

#include "common/base/err.h"
#include "common/link/curve.h"

enum link_socket_kind {
	LINK_CTRL_ROUTER,
	LINK_BLOB_ROUTER,
	LINK_ENROL_ROUTER,
	LINK_CTRL_DEALER,
	LINK_BLOB_DEALER,
	LINK_ENROL_DEALER,
	LINK_SOCKET_KINDS
};

#define LINK_ZAP_DOMAIN       "rollcall"
#define LINK_ZAP_ENROL_DOMAIN "rollcall-enrol" /* any key, which the User-Id then names */

/* A CURVE server that admits nobody without a ZAP handler: ERR_LINK when option 93 does not hold. Unbound. */
int link_socket_server(enum link_socket_kind kind, const struct curve_key *own, zsock_t **ret, struct err *e) MUST_CHECK;
/* A CURVE client pinned to `server_key` (Z85). Never reconnects by itself: make a new one for each attempt. Unconnected. */
int link_socket_client(enum link_socket_kind kind, const struct curve_key *own, const char *server_key, zsock_t **ret, struct err *e) MUST_CHECK;

#endif
