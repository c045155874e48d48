/* See the header. */
#include "agent/verify/verdicts.h"

#include <pthread.h>
#include <string.h>

#include "common/crypto/digest.h"
#include "common/crypto/dsse.h"

#define ANSWERS  1024 /* a power of two; a newer one takes an older one's place */
#define VERDICTS 32 /* an agent has few releases under way at a time */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t good[VERDICTS][DIGEST_SIZE];
static size_t n_good, next; /* the oldest is overwritten */

static struct answer {
	uint8_t key[DIGEST_SIZE]; /* zero: empty */
	bool is_signed;
} answers[ANSWERS];

void verdict_key(const uint8_t release_hash[DIGEST_SIZE], const struct trusted *t, const char *engine, uint8_t ret[DIGEST_SIZE])
{
	struct digest *d = digest_new();
	digest_add(d, release_hash, DIGEST_SIZE);
	digest_add(d, t->digest, DIGEST_SIZE);
	digest_add_sized(d, bytes_of_str(engine));
	digest_final(&d, ret);
}

void verdict_key_site(const uint8_t release_hash[DIGEST_SIZE], const uint8_t policy[DIGEST_SIZE], const char *engine, enum direction dir,
                      uint8_t ret[DIGEST_SIZE])
{
	struct digest *d = digest_new();
	digest_add(d, release_hash, DIGEST_SIZE);
	digest_add(d, policy, DIGEST_SIZE);
	digest_add_sized(d, bytes_of_str(engine));
	digest_add_sized(d, bytes_of_str(direction_name(dir)));
	digest_final(&d, ret);
}

static bool find(const uint8_t key[DIGEST_SIZE])
{
	for (size_t i = 0; i < n_good; i++)
		if (memcmp(good[i], key, DIGEST_SIZE) == 0)
			return true;
	return false;
}

bool verdict_is_good(const uint8_t key[DIGEST_SIZE])
{
	pthread_mutex_lock(&lock);
	bool found = find(key);
	pthread_mutex_unlock(&lock);
	return found;
}

void verdict_keep(const uint8_t key[DIGEST_SIZE])
{
	pthread_mutex_lock(&lock);
	if (!find(key)) {
		memcpy(good[next], key, DIGEST_SIZE);
		next = (next + 1) % VERDICTS;
		n_good = n_good < VERDICTS ? n_good + 1 : VERDICTS;
	}
	pthread_mutex_unlock(&lock);
}

/* ---- signatures ---- */

static void answer_key(const struct envelope *env, const char *expected_type, const uint8_t public_key[SIGN_PUBLIC_SIZE], uint8_t ret[DIGEST_SIZE])
{
	struct digest *d = digest_new();
	digest_add(d, public_key, SIGN_PUBLIC_SIZE);
	digest_add_sized(d, bytes_of_str(expected_type));
	digest_add_sized(d, bytes_of_str(env->type));
	digest_add_sized(d, env->payload);
	for (size_t i = 0; i < env->n_signatures; i++)
		digest_add(d, env->signatures[i].sig, SIGNATURE_SIZE);
	digest_final(&d, ret);
}

static bool recall(const struct answer *place, const uint8_t key[DIGEST_SIZE], bool *ret)
{
	pthread_mutex_lock(&lock);
	bool found = memcmp(place->key, key, DIGEST_SIZE) == 0;
	*ret = place->is_signed;
	pthread_mutex_unlock(&lock);
	return found;
}

bool verdict_signed_by(const struct envelope *env, const char *expected_type, const uint8_t public_key[SIGN_PUBLIC_SIZE])
{
	struct answer a = {.is_signed = false};
	answer_key(env, expected_type, public_key, a.key);
	struct answer *place = &answers[(a.key[0] | (size_t)a.key[1] << 8) % ANSWERS];
	if (recall(place, a.key, &a.is_signed))
		return a.is_signed;
	a.is_signed = dsse_signed_by(env, expected_type, public_key);
	pthread_mutex_lock(&lock);
	*place = a;
	pthread_mutex_unlock(&lock);
	return a.is_signed;
}
