/* Tells ThreadSanitizer of a hand-over that it cannot see. A struct goes to an actor as its argument and comes back when the actor signals, says DONE or ends; what orders the
 * two sides is a message through libzmq, whose locks and atomics are not instrumented. The side that lets go calls handover_give just before its message, the side that got the
 * message handover_take just after; `p` names the struct. Only where a message really orders the two: anywhere else it hides a race. Nothing in other builds. The way there
 * needs no call: TSan sees a thread's start. */
#ifndef COMMON_LINK_HANDOVER_H
#define COMMON_LINK_HANDOVER_H

#include <czmq.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HANDOVER_SEEN 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define HANDOVER_SEEN 1
#endif

#ifdef HANDOVER_SEEN
void __tsan_acquire(void *p);
void __tsan_release(void *p);
#endif

static inline void handover_give(void *p)
{
#ifdef HANDOVER_SEEN
	__tsan_release(p);
#else
	(void)p;
#endif
}

static inline void handover_take(void *p)
{
#ifdef HANDOVER_SEEN
	__tsan_acquire(p);
#else
	(void)p;
#endif
}

/* An actor's last act: gives back what it was given, says DONE and waits for zactor_destroy. */
void handover_end(zsock_t *pipe, void *given);

#endif
