/* A list of contexts that nobody has at the moment: as many are made as were ever borrowed at once. */
#include "common/crypto/context.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/crypto/openssl.h"

struct crypto_context {
	OSSL_LIB_CTX *own, *before; /* before: this thread's default until it was borrowed */
	struct crypto_context *next;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct crypto_context *idle;

static struct crypto_context *take_idle(void)
{
	pthread_mutex_lock(&mutex);
	struct crypto_context *c = idle;
	if (c)
		idle = c->next;
	pthread_mutex_unlock(&mutex);
	return c;
}

/* By the machine's openssl.cnf, read as leniently as OpenSSL itself reads it for the common one: a site's choice of providers holds here, too. */
static struct crypto_context *make(void)
{
	OSSL_LIB_CTX *own = OSSL_LIB_CTX_new();
	if (!own)
		return NULL;
	(void)CONF_modules_load_file_ex(own, NULL, NULL, CONF_MFLAGS_DEFAULT_SECTION | CONF_MFLAGS_IGNORE_MISSING_FILE | CONF_MFLAGS_IGNORE_RETURN_CODES);
	struct crypto_context *c = mem_alloc(sizeof *c);
	c->own = own;
	return c;
}

struct crypto_context *crypto_context_borrow(void)
{
	struct crypto_context *c = take_idle();
	if (!c)
		c = make();
	if (c)
		c->before = OSSL_LIB_CTX_set0_default(c->own);
	return c;
}

void crypto_context_return(struct crypto_context **cp)
{
	struct crypto_context *c = *cp;
	if (!c)
		return;
	(void)OSSL_LIB_CTX_set0_default(c->before);
	pthread_mutex_lock(&mutex);
	c->next = idle;
	idle = c;
	pthread_mutex_unlock(&mutex);
	*cp = NULL;
}

void crypto_contexts_done(void)
{
	for (struct crypto_context *c; (c = take_idle());) {
		OSSL_LIB_CTX_free(c->own);
		free(c);
	}
}
