/* How the line to the controller stands, in DATA_DIR/link, so that `rollcall-agent status` can tell without asking anybody. A note for people: nothing is decided by it.
 *
 *   up 1795676884000000 -3600000000 tcp://controller:7101
 *   down 1795676884000000 0 tcp://controller:7101
 *   it cannot be reached
 */
#ifndef AGENT_DAEMON_STANDING_H
#define AGENT_DAEMON_STANDING_H

#include "common/base/arena.h"
#include "common/base/err.h"

struct standing {
	bool is_up;
	int64_t since_us; /* 0: nothing is noted */
	int64_t offset_us; /* of this machine's clock from the controller's as WELCOME told it, positive when it is ahead */
	const char *address, *why; /* why: it is not up */
};

/* An address for blobs that is asked last for a while, and why; in DATA_DIR/marks, a line each, while the agent runs:
 *
 *   1795676884000000 1795680484000000 tcp://mirror:7110 the bytes do not have the hash that was asked for
 */
struct standing_mark {
	int64_t since_us, until_us;
	const char *address, *why;
};

struct standings; /* the writer */
struct standings *standings_new(const char *data_dir); /* borrowed */
void standings_destroy(struct standings **s);
void standings_up(struct standings *s, const char *address, int64_t offset_us);
/* Each failed attempt; the same one again is not written again. */
void standings_down(struct standings *s, const char *address, const char *why);
/* The same address again takes the place of what was noted of it. */
void standings_mark(struct standings *s, const char *address, const char *why, int64_t until_us);

/* In the arena. Nothing noted is no error. */
int standing_marks(const char *data_dir, struct arena *a, struct standing_mark **ret, size_t *ret_n, struct err *e) MUST_CHECK;
int standing_read(const char *data_dir, struct arena *a, struct standing *ret, struct err *e) MUST_CHECK;

#endif
