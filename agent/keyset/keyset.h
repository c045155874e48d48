/* data_dir/keys: the keys and certificates that renewals made, beside those that agent.yaml names. Of all of them the certificate that was made last counts.
 *
 *   20261126T081324Z/curve.key curve.key.pub report.key report.key.pub    made when a renewal begins, in a folder named by that second
 *   20261126T081324Z/request                                              what is asked for, the same bytes each time
 *   20261126T081324Z/state                                                what came of asking so far, a line for people
 *   20261126T081324Z/certificate                                          written last, atomically: from then on, and not before, it is a keyset
 *
 * So a crash at any point leaves the keyset that was there, and a folder with which the next attempt goes on. Blocks. Not for deciding when to renew: schedule.h. */
#ifndef AGENT_KEYSET_KEYSET_H
#define AGENT_KEYSET_KEYSET_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/model/trust.h"

struct keyset { /* in the arena; folder NULL: there is none */
	const char *folder;
	const char *curve_key_file, *report_key_file, *request_file, *state_file, *certificate_file;
	int64_t begun_at_us;
	struct bytes certificate; /* its envelope; empty: not certified yet */
	struct certificate cert; /* decoded; its signature was not looked at here */
};

/* The certified one whose certificate begins last. */
int keyset_newest(const char *data_dir, struct arena *a, struct keyset *ret, struct err *e) MUST_CHECK;
/* The one that was begun last and is not certified. */
int keyset_pending(const char *data_dir, struct arena *a, struct keyset *ret, struct err *e) MUST_CHECK;
/* The pending one, unless it was begun before `not_older_us`; otherwise a new, empty folder. One process at a time. */
int keyset_begin(const char *data_dir, int64_t not_older_us, int64_t now_us, struct arena *a, struct keyset *ret, struct err *e) MUST_CHECK;
int keyset_certify(const struct keyset *i, struct bytes certificate, struct err *e) MUST_CHECK;
/* Removes those that are older than this one, once nobody needs them. */
int keyset_clean(const char *data_dir, const struct keyset *keep, struct err *e) MUST_CHECK;

/* For people: what came of asking. */
int keyset_note(const struct keyset *i, const char *line, struct err *e) MUST_CHECK;
const char *keyset_state(const struct keyset *i, struct arena *a); /* "" when nothing was noted */

#endif
