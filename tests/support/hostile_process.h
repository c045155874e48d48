/* A process of its own for peers that mean harm, made before the tests' own process has any thread. It is sent on errands, one after the other, each of which it runs in a child: libzmq may
 * end a process that closes sockets in the middle of what they send. */
#ifndef TESTS_SUPPORT_HOSTILE_PROCESS_H
#define TESTS_SUPPORT_HOSTILE_PROCESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

#define MB ((uint64_t)1024 * 1024)

/* A sanitizer keeps freed memory and makes everything slower: there it only shows that nothing breaks. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEASURED false
#else
#define MEASURED true
#endif

uint64_t hostile_resident(void); /* bytes of this process, as the kernel has them */

/* In the other process: what is done for one errand, and the word on it. */
typedef uint64_t hostile_errand_fn(const void *errand);

/* For main(): makes the process, runs the tests here, ends it. */
int hostile_main(const char *name, hostile_errand_fn *run, size_t errand_size, const struct CMUnitTest *tests, size_t n);
void hostile_send(const void *errand, size_t errand_size);
/* The word on the errand; 0 when its child died. With `wait` it always comes. */
bool hostile_over(bool wait, uint64_t *ret);
/* SIGSTOP or SIGCONT to the whole of it; SIGTERM ends the present errand. */
void hostile_signal(int signal);

#endif
