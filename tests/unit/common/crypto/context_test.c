/* common/crypto/context: a thread that has borrowed a context has one for itself, computes with it, and is as before when it has given it back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "common/crypto/context.h"
#include "common/crypto/digest.h"
#include "common/crypto/openssl.h"

static OSSL_LIB_CTX *of_this_thread(void)
{
	return OSSL_LIB_CTX_set0_default(NULL); /* NULL changes nothing */
}

static void assert_computes(void)
{
	static const uint8_t expected[4] = {0xba, 0x78, 0x16, 0xbf}; /* FIPS 180-2, "abc" */
	uint8_t got[DIGEST_SIZE];
	unsigned int n = 0;
	assert_int_equal(EVP_Digest("abc", 3, got, &n, EVP_sha256(), NULL), 1);
	assert_memory_equal(got, expected, sizeof expected);
}

static void test_it_is_the_threads_own_until_it_is_given_back(void **state)
{
	(void)state;
	OSSL_LIB_CTX *before = of_this_thread();
	struct crypto_context *c = crypto_context_borrow();
	assert_non_null(c);
	assert_ptr_not_equal(of_this_thread(), before);
	assert_computes();
	crypto_context_return(&c);
	assert_null(c);
	assert_ptr_equal(of_this_thread(), before);
	assert_computes();
	crypto_context_return(&c); /* NULL: nothing */
	crypto_contexts_done();
}

static void test_one_within_another(void **state)
{
	(void)state;
	OSSL_LIB_CTX *before = of_this_thread();
	struct crypto_context *outer = crypto_context_borrow();
	OSSL_LIB_CTX *outers = of_this_thread();
	struct crypto_context *inner = crypto_context_borrow();
	assert_ptr_not_equal(of_this_thread(), outers);
	crypto_context_return(&inner);
	assert_ptr_equal(of_this_thread(), outers);
	crypto_context_return(&outer);
	assert_ptr_equal(of_this_thread(), before);
	crypto_contexts_done();
}

static void test_what_was_given_back_is_taken_again(void **state)
{
	(void)state;
	struct crypto_context *c = crypto_context_borrow();
	OSSL_LIB_CTX *first = of_this_thread();
	crypto_context_return(&c);
	c = crypto_context_borrow();
	assert_ptr_equal(of_this_thread(), first);
	crypto_context_return(&c);
	crypto_contexts_done();
}

struct meeting { /* two threads that have one at the same time */
	pthread_barrier_t both;
	OSSL_LIB_CTX *seen[2];
};

struct visitor {
	struct meeting *at;
	size_t i;
};

static void *visit(void *arg)
{
	struct visitor *v = arg;
	struct crypto_context *c = crypto_context_borrow();
	v->at->seen[v->i] = of_this_thread();
	pthread_barrier_wait(&v->at->both);
	assert_computes();
	crypto_context_return(&c);
	return NULL;
}

static void test_two_threads_have_one_each(void **state)
{
	(void)state;
	struct meeting m = {0};
	struct visitor visitors[2] = {{.at = &m, .i = 0}, {.at = &m, .i = 1}};
	pthread_t threads[2];
	assert_int_equal(pthread_barrier_init(&m.both, NULL, 2), 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, visit, &visitors[i]), 0);
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&m.both);
	assert_ptr_not_equal(m.seen[0], m.seen[1]);
	assert_ptr_not_equal(m.seen[0], of_this_thread());
	crypto_contexts_done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_it_is_the_threads_own_until_it_is_given_back),
	    cmocka_unit_test(test_one_within_another),
	    cmocka_unit_test(test_what_was_given_back_is_taken_again),
	    cmocka_unit_test(test_two_threads_have_one_each),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
