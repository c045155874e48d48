/* controller.yaml: where the controller keeps its things, where it listens, whom it trusts, who its operators are. No secret is in the file itself. */
#ifndef CONTROLLER_DAEMON_CONFIG_H
#define CONTROLLER_DAEMON_CONFIG_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/crypto/sign.h"
#include "common/model/trust.h"
#include "controller/link/gateway.h"

struct controller_operator {
	const char *name, *role; /* viewer, operator, admin */
	char curve_key[CURVE_KEY_TEXT_SIZE];
};

struct controller_config {
	const char *path;
	const char *data_dir, *store_path, *blob_dir; /* DATA/store.db, DATA/blobs */
	const char *control_endpoint, *blob_endpoint;
	const char *enrol_endpoint; /* NULL: agents enrol by files only */
	struct sign_key *
	    enrol_key; /* signs certificates by itself for whoever brings a token; NULL: a person approves each. It renews what people have enrolled, too */
	int64_t certificate_lifetime_us; /* of what enrol_key signs */
	const char *gateway_socket; /* the peers' side runs in a process of its own and speaks to this one over it; NULL: a thread of this one */
	const struct gateway_address *also; /* further addresses, each with a gateway of its own */
	size_t n_also;
	uint32_t max_peers; /* of each gateway; 0: not said */
	const char *curve_key_file;
	struct trust trust; /* checked: its own root threshold. The store may hold a newer one, which then counts */
	struct bytes trust_envelope;
	struct sign_key *fresh_key; /* NULL: freshness documents are made elsewhere, if at all */
	int64_t fresh_interval_us, fresh_lifetime_us;
	struct controller_operator *operators;
	size_t n_operators;
	struct arena *arena; /* owns all of it */
};

/* Reads and checks everything that needs no network. Relative paths start at the file's folder. Each error reads "controller.yaml:LINE: what: what to do". */
int controller_config_load(const char *path, struct controller_config *ret, struct err *e) MUST_CHECK;
void controller_config_done(struct controller_config *c);

#endif
