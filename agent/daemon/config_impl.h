/* What the files that read agent.yaml share: config.c drives, each of the others takes the parts that its head names. */
#ifndef AGENT_DAEMON_CONFIG_IMPL_H
#define AGENT_DAEMON_CONFIG_IMPL_H

#include "agent/daemon/config.h"
#include "agent/daemon/config_yaml.h"
#include "common/link/curve.h"

struct loading {
	const char *path;
	char *folder; /* of the file: relative paths start there */
	struct raw_file raw;
	struct agent_config *c;
	struct curve_key curve;
};

/* ERR_USAGE "agent.yaml:LINE: ..." */
int config_wrong(const struct loading *l, unsigned line, struct err *e, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* Puts "agent.yaml:LINE: what: " before what *e says. */
int config_wrap(const struct loading *l, unsigned line, const char *what, struct err *e);
/* As it is meant in the file: relative to the file's folder. In the configuration's arena. */
const char *config_path(const struct loading *l, const char *path);

/* config_identity.c. Trust after the keys, the certificate after trust and targets. */
int config_take_keys(struct loading *l, struct err *e) MUST_CHECK;
int config_take_trust(struct loading *l, struct err *e) MUST_CHECK;
int config_take_certificate(struct loading *l, struct err *e) MUST_CHECK;
/* config_link.c; after trust. */
int config_take_controller(struct loading *l, struct err *e) MUST_CHECK;
/* config_limits.c */
int config_take_limits(struct loading *l, struct engine_target *ret_timeouts,
                       struct err *e) MUST_CHECK; /* row_values too: it goes with each connection */
int config_take_rules(struct loading *l, struct err *e) MUST_CHECK; /* fingerprint, superuser, orphan, look_every */
/* config_targets.c; after the limits. */
int config_take_targets(struct loading *l, const struct engine_target *timeouts, struct err *e) MUST_CHECK;

#endif
