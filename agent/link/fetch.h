/* Pulls blobs by hash from the controller's blob socket into data_dir/blobs: one at a time, a few chunks of credit, resumed where a connection broke, never more bytes than
 * the offer said, kept only when the hash is right. An address that sent something else, or from which no chunk comes though it answers, is marked: the next one is asked at once, and
 * the marked one only when no other is left. It lives in the loop's thread. */
#ifndef AGENT_LINK_FETCH_H
#define AGENT_LINK_FETCH_H

#include <czmq.h>

#include "common/base/bytes.h"
#include "common/link/curve.h"

struct fetch_settings { /* borrowed */
	const char *endpoint;
	const char **also; /* further addresses, tried in their order when the present one does not answer */
	size_t n_also;
	const char **controller_keys;
	size_t n_controller_keys;
	const struct curve_key *key;
	const char *dir;
	uint32_t retry_min_ms, retry_max_ms;
};

struct fetch_mark {
	const char *address, *why;
	int64_t until_us; /* wall clock */
};
/* An address was marked. alone: there is no other one, so that it is asked again all the same. */
typedef void fetch_marked_fn(void *arg, const struct fetch_mark *m, bool alone);

/* ok false: no address has such a blob, or all sent other bytes: three answers, and at least one of each; `why` is for people. */
typedef void fetch_done_fn(void *arg, const uint8_t hash[DIGEST_SIZE], bool ok, const char *why);

struct fetch;
struct fetch *fetch_new(zloop_t *loop, const struct fetch_settings *s, fetch_done_fn *done, fetch_marked_fn *marked, void *arg);
void fetch_destroy(struct fetch **f);
/* The address to begin with from now on, counted as uplink_address does: where the link has come up. */
void fetch_address(struct fetch *f, size_t address);
/* Asks for a blob; a second wish for the same hash joins the first. A blob that is there already is not asked for: check blobs_has first. */
void fetch_want(struct fetch *f, const uint8_t hash[DIGEST_SIZE], uint64_t size);
/* Nobody wants it any more; done is not called. */
void fetch_forget(struct fetch *f, const uint8_t hash[DIGEST_SIZE]);

#endif
