/* The brain: the thread that owns decisions and the store's writes. It takes the hub's events in batches, moves rollouts by their tables, commits once, then sends. What
 * is in memory is a copy of the store; a failure of the store ends the process, and the next start goes on from what was committed.
 * It talks to the hub through two function pointers, so that tests stand in for it. */
#ifndef CONTROLLER_DAEMON_BRAIN_H
#define CONTROLLER_DAEMON_BRAIN_H

#include "controller/daemon/config.h"
#include "controller/link/hub.h"

struct brain;

struct brain_link {
	int (*send)(void *arg, uint64_t session, uint32_t epoch, const struct msg *m, struct err *e);
	int (*set_principals)(void *arg, const struct principal *p, size_t n, struct err *e);
	/* Asks a URL elsewhere; its answer comes by brain_fetched. NULL: URLs are not asked. */
	void (*fetch)(void *arg, uint64_t id, const char *url);
	void *arg;
	const char *controller_key; /* Z85; agents sign it in HELLO */
};

/* Opens the store, takes the next epoch, loads agents and active rollouts. `c` is borrowed. No link yet. */
int brain_new(const struct controller_config *c, struct brain **ret, struct err *e) MUST_CHECK;
void brain_destroy(struct brain **b);
/* Operators of the configuration and admitted agents: what the hub starts with. Borrowed until the next event. */
void brain_principals(struct brain *b, const struct principal **ret, size_t *ret_n);
void brain_attach(struct brain *b, const struct brain_link *link);

/* One turn: begin, any number of events (borrowed until the end), end. An error means that memory and store may differ: exit. */
int brain_begin(struct brain *b, int64_t now_us, struct err *e) MUST_CHECK;
struct arena *brain_turn_arena(struct brain *b);
/* Of some events, those whose signatures can be checked ahead of their turn (checkers.h): into ret, which has room for n; how many. */
size_t brain_to_check(struct brain *b, struct hub_event *events, size_t n, struct hub_event **ret);
int brain_event(struct brain *b, const struct hub_event *ev, struct err *e) MUST_CHECK;
int brain_end(struct brain *b, struct err *e) MUST_CHECK; /* decides, commits, sends */
/* Within a turn: what a URL gave, or, not ok, why it gave nothing. */
void brain_fetched(struct brain *b, uint64_t id, bool ok, const char *text);
/* When a turn is due even without an event; INT64_MAX for never. */
int64_t brain_wake_at(const struct brain *b);
uint32_t brain_epoch(const struct brain *b);

#endif
