/* Signatures checked by several threads: each event gets the answer that it would have got alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/crypto/dsse.h"
#include "common/wire/documents.h"
#include "controller/daemon/checkers.h"

#define EVENTS 90

static struct bytes seal(struct arena *a, const struct sign_key *k, const char *type)
{
	AUTO(buf_done) struct buf data = BUF_INIT;
	struct err e = ERR_INIT;
	struct envelope env = {.type = type, .payload = bytes_of_str("what was done")};
	assert_int_equal(dsse_sign(&env, k, a, &e), 0);
	envelope_encode(&env, &data);
	return arena_bytes(a, buf_bytes(&data));
}

/* Of three events one is good, one has another's key, and one is another document, or none at all. */
static void check_with(size_t workers)
{
	AUTO(arena_destroy) struct arena *a = arena_new((size_t)1 << 20);
	AUTO(checkers_destroy) struct checkers *c = checkers_new(workers);
	AUTO(sign_key_destroy) struct sign_key *key = NULL;
	AUTO(sign_key_destroy) struct sign_key *other = NULL;
	struct hub_event events[EVENTS] = {0}, *list[EVENTS];
	struct err e = ERR_INIT;
	assert_int_equal(sign_key_generate(&key, &e), 0);
	assert_int_equal(sign_key_generate(&other, &e), 0);
	const struct bytes kinds[] = {seal(a, key, TYPE_REPORT), seal(a, other, TYPE_REPORT), seal(a, key, TYPE_ORDER), bytes_of_str("no envelope")};
	for (size_t i = 0; i < EVENTS; i++) {
		events[i].msg.report.envelope = kinds[i % 3 == 2 ? 2 + i % 2 : i % 3];
		sign_key_public(key, events[i].checked_key);
		list[i] = &events[i];
	}
	for (size_t n = 0; n <= EVENTS; n += 15) { /* also fewer than there are workers */
		for (size_t i = 0; i < EVENTS; i++)
			events[i].checked = false;
		checkers_start(c, list, n);
		checkers_finish(c);
		checkers_finish(c); /* nothing is left to do */
		for (size_t i = 0; i < EVENTS; i++)
			assert_int_equal(events[i].checked, i < n && i % 3 == 0);
	}
}

static void test_by_the_caller_alone(void **state)
{
	(void)state;
	check_with(0);
}

static void test_by_workers(void **state)
{
	(void)state;
	check_with(1);
	check_with(3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_by_the_caller_alone),
	    cmocka_unit_test(test_by_workers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
