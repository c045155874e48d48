/* How long to wait before a step, or a connection, is tried again. Pure; the class of an error is the engine's to say (engine->retry_class). */
#ifndef AGENT_APPLY_RETRY_H
#define AGENT_APPLY_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/engine/engine.h"

enum retry_how {
	RETRY_HOW_NOT, /* it failed */
	RETRY_HOW_AGAIN, /* the same transaction again, on the same connection */
	RETRY_HOW_RECONNECT, /* a new connection, and resolve() before anything else */
	RETRY_HOW_PERSON /* a person must look */
};

enum retry_how retry_how(enum retry_class c);
/* May try number n (from 0, counting the failed ones) be followed by another one, as far as the class is concerned? */
bool retry_may(enum retry_class c, uint32_t n);
/* Full jitter: somewhere in 0 .. min(60 s, base * 1.6^n), base 0.5 s (hazards: retry classes). `random` is any 32 random bits. */
uint32_t retry_delay_ms(enum retry_class c, uint32_t n, uint32_t random);

/* lock_timeout of try `n`: the first one's, growing by as much with each, never above max_ms (0: it does not grow). */
uint32_t retry_lock_timeout_ms(uint32_t n, uint32_t first_ms, uint32_t max_ms);

/* Losses of a delivery's connections. An outage is over when one has come as far as the ledger: the next outage's waits begin small again. A statement that takes the
 * server down each time makes no progress with that: its waits grow until a step is done. */
struct retry_losses {
	uint32_t unreached, in_work;
	uint64_t done; /* at the last loss in work */
};
/* How many losses of its kind came before this one: the `n` of the functions above. reached: the ledger was read; done: a number that grows with each step done. */
uint32_t retry_count_loss(struct retry_losses *l, bool reached, uint64_t done);

#endif
