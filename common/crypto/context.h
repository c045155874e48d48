/* Library contexts of OpenSSL, for a library that computes digests by the thousand: libpq runs HMAC 4,096 times for a SCRAM login. OpenSSL 3.0 looks the digest's method up each
 * time, under locks that all threads of one context share, and two logins at once then take 2.4 times as long each (6.8 ms of processor time instead of 2.8). A thread that has
 * borrowed a context has those locks for itself. */
#ifndef COMMON_CRYPTO_CONTEXT_H
#define COMMON_CRYPTO_CONTEXT_H

struct crypto_context;

/* From now on it is this thread's default. NULL: there is none to be had, and the thread goes on with the common one. What is made meanwhile (a TLS connection) may be used after
 * it was given back, and by any thread. Does not block; the first time in a thread costs 0.3 ms. */
struct crypto_context *crypto_context_borrow(void);
/* In the thread that borrowed it; for AUTO. NULL-safe. */
void crypto_context_return(struct crypto_context **cp);
/* Frees those that are kept: when nothing that was made with them is left. */
void crypto_contexts_done(void);

#endif
