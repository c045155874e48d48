/* Who declared an emergency, and whom a site lets do so: the trust document says who may at all, the site's policy can only ask for more. */
#ifndef AGENT_VERIFY_BREAK_GLASS_H
#define AGENT_VERIFY_BREAK_GLASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/model/trust.h"

struct break_glass_vote {
	const char *key_id, *owner;
	bool of_safe, of_site; /* role break-glass; the site's role: a key may have both */
};

struct break_glass { /* in the arena of the verification */
	struct break_glass_vote *votes;
	size_t n_votes;
	uint32_t safe_least, site_least; /* thresholds of the two roles */
};

/* All zero: as the trust document says. Names are key ids, or owners as the trust document has them. */
struct break_glass_rule {
	bool nobody;
	const char **keys, **site_keys; /* none: every key of role break-glass; of the site's role */
	size_t n_keys, n_site_keys;
	uint32_t minimum; /* of role break-glass; the trust document's threshold holds where it is higher */
};

/* Does the site count this signature? rule NULL: the trust document alone decides. Pure, as all of these. */
bool break_glass_counts(const struct break_glass_vote *v, const struct break_glass_rule *rule);
uint32_t break_glass_least(const struct break_glass *g, const struct break_glass_rule *rule); /* keys of role break-glass that must have signed */
bool break_glass_holds(const struct break_glass *g, const struct break_glass_rule *rule);

/* All who may at a site, as if each of them had signed; NULL when the trust document lacks one of the two roles. In `a`. */
const struct break_glass *break_glass_all(const struct trust *t, const char *site, struct arena *a);

#endif
