/* Peers that mean harm against a real hub, from a process of their own: messages that never end, a hundred thousand tiny parts, connections that say nothing, floods of HELLO
 * and of strangers. What is asked: the hub's memory stays bounded, and an honest agent beside it is served. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "tests/support/hostile_peer.h"
#include "tests/support/hostile_process.h"
#include "tests/support/link_fixture.h"

#define ATTACK_MS  1500
#define ENDLESS_MS 5000 /* on a busy machine it takes its time to send as much as the limit */
#define PATIENT_MS 30000 /* of an attack that ends when it has got where it was to get, however busy the machine is */
#define LATE_US    2000000 /* between two heartbeats, which come each half second */
#define LIMIT      (100 * MB) /* above the memory at start: what a memory-limited process would have */
#define BOUND      (300 * MB) /* the same with what comes in between two looks, and until a connection is down, with room */

/* ---- the attacker ---- */

enum attack { ATTACK_ENDLESS, ATTACK_ENDLESS_ENROL, ATTACK_TINY_PARTS, ATTACK_MUTE, ATTACK_HELLOS, ATTACK_STRANGERS };

struct errand {
	enum attack what;
	struct hostile at;
	uint32_t ms;
};

static uint64_t attack(const void *errand)
{
	const struct errand *o = errand;
	static const uint8_t signature[64];
	const struct msg hello = {
	    .type = MSG_HELLO,
	    .hello = {.agent = "us-1", .proto_min = 1, .proto_max = 1, .session_counter = 1, .signature = bytes_of(signature, sizeof signature)}};
	int64_t end_us = clock_mono_us() + (int64_t)o->ms * 1000;
	switch (o->what) {
	case ATTACK_ENDLESS:
		hostile_endless(&o->at, false, 200000, end_us);
		break;
	case ATTACK_ENDLESS_ENROL:
		hostile_endless(&o->at, true, 8000, end_us);
		break;
	case ATTACK_TINY_PARTS:
		(void)hostile_tiny_parts(&o->at, end_us);
		break;
	case ATTACK_MUTE:
		hostile_mute(&o->at, end_us);
		break;
	case ATTACK_HELLOS:
		hostile_messages(&o->at, LINK_CTRL_DEALER, &hello, false, end_us);
		break;
	case ATTACK_STRANGERS:
		hostile_messages(&o->at, LINK_ENROL_DEALER, &(struct msg){.type = MSG_ENROL_POLL}, true, end_us);
		break;
	}
	return 0;
}

/* ---- the hub's side ---- */

static bool is_connected(struct link_world *w)
{
	return w->ups >= 1 && w->targets_seen >= 1 && w->heartbeats >= 3;
}

static struct watched {
	uint64_t peak;
	unsigned beats;
	int64_t since_us, beat_us, longest_gap_us;
	bool done;
} seen;

/* Turned every few milliseconds: looks at memory, at the honest agent's pulse, and for the attacker's end. */
static bool is_over(struct link_world *w)
{
	uint64_t now = hostile_resident(), word;
	seen.peak = now > seen.peak ? now : seen.peak;
	if (w->heartbeats != seen.beats || seen.beat_us == 0) {
		int64_t gap_us = seen.beat_us ? clock_mono_us() - seen.beat_us : 0;
		seen.longest_gap_us = gap_us > seen.longest_gap_us ? gap_us : seen.longest_gap_us;
		seen.beats = w->heartbeats;
		seen.beat_us = clock_mono_us();
	}
	seen.done = seen.done || hostile_over(false, &word);
	return seen.done;
}

static void set_out(struct link_world *w, enum attack what, const char *endpoint, uint32_t ms)
{
	struct errand o = {.what = what, .ms = ms};
	struct err e = ERR_INIT;
	assert_int_equal(hub_set_principals(w->hub, w->principals, 3, &e), 0); /* us-1, the attacker, has a key */
	hostile_init(&o.at, endpoint, hub_public_key(w->hub), &w->other_key);
	seen = (struct watched){.since_us = clock_mono_us()};
	hostile_send(&o, sizeof o);
}

static void suffer(struct link_world *w, enum attack what, const char *endpoint)
{
	uint32_t ms = what == ATTACK_ENDLESS ? ENDLESS_MS : ATTACK_MS;
	set_out(w, what, endpoint, ms);
	assert_true(link_run_for(w, is_over, ms + 8000));
}

static void begin(struct link_world *w)
{
	w->heartbeat_ms = 500;
	link_start_agent(w, &w->agent_key);
	link_run(w, is_connected);
}

static void expect_served(struct link_world *w, uint64_t before)
{
	print_message("# memory %+lld MB at most, longest time between two heartbeats %lld ms\n", (long long)(seen.peak - before) / (long long)MB,
	              (long long)seen.longest_gap_us / 1000);
	if (!MEASURED)
		return;
	assert_int_equal(w->downs, 0);
	assert_true(seen.longest_gap_us < LATE_US);
	assert_true(seen.peak < before + 48 * MB);
}

static bool is_refused(struct link_world *w)
{
	return is_over(w) || (hub_violations() > 0 && clock_mono_us() > seen.since_us + ATTACK_MS * 1000);
}

static void test_hundred_thousand_tiny_parts(void **state)
{
	struct link_world *w = *state;
	begin(w);
	uint64_t before = hostile_resident();
	set_out(w, ATTACK_TINY_PARTS, hub_ctrl_endpoint(w->hub), MEASURED ? PATIENT_MS : ATTACK_MS);
	assert_true(link_run_for(w, is_refused, PATIENT_MS + 8000));
	hostile_signal(SIGTERM);
	assert_true(link_run_for(w, is_over, 8000));
	expect_served(w, before);
	assert_true(!MEASURED || hub_violations() > 0); /* a slow attacker may not have got to the end of one */
}

static void test_mute_connections(void **state)
{
	struct link_world *w = *state;
	begin(w);
	uint64_t before = hostile_resident();
	suffer(w, ATTACK_MUTE, hub_ctrl_endpoint(w->hub));
	expect_served(w, before);
}

static void test_flood_of_hellos(void **state)
{
	struct link_world *w = *state;
	begin(w);
	uint64_t before = hostile_resident();
	suffer(w, ATTACK_HELLOS, hub_ctrl_endpoint(w->hub));
	expect_served(w, before);
	assert_true(hub_violations() > 0);
}

static void test_flood_of_strangers(void **state)
{
	struct link_world *w = *state;
	begin(w);
	uint64_t before = hostile_resident();
	suffer(w, ATTACK_STRANGERS, hub_enrol_endpoint(w->hub));
	expect_served(w, before);
	assert_true(w->strangers > 0 && w->strangers < 20 * (ATTACK_MS / 1000 + 2)); /* what the rate lets through to the brain */
}

static bool is_up_again(struct link_world *w)
{
	return uplink_is_up(w->uplink);
}

static bool is_small_again(struct link_world *w)
{
	return hostile_resident() < w->memory_limit;
}

static uint64_t begin_limited(struct link_world *w)
{
	link_stop_hub(w);
	uint64_t before = hostile_resident();
	w->memory_limit = before + LIMIT;
	w->no_enrolment = true;
	link_start_hub(w, "tcp://127.0.0.1:*", "tcp://127.0.0.1:*");
	begin(w);
	return before;
}

static void test_endless_message(void **state)
{
	struct link_world *w = *state;
	if (!MEASURED)
		skip();
	uint64_t before = begin_limited(w);
	suffer(w, ATTACK_ENDLESS, hub_ctrl_endpoint(w->hub));
	print_message("# memory %+lld MB at most, longest time between two heartbeats %lld ms\n", (long long)(seen.peak - before) / (long long)MB,
	              (long long)seen.longest_gap_us / 1000);
	assert_true(seen.peak > w->memory_limit); /* or the attack was none */
	assert_true(seen.peak < before + BOUND);
	assert_int_equal(w->downs, 0); /* its connections were cut, and nobody else's */
	assert_true(seen.longest_gap_us < LATE_US);
	link_run(w, is_small_again);
}

static uint64_t hold_at; /* of resident memory: then the attacker is stopped, with a part of its message here */

static bool is_holding(struct link_world *w)
{
	(void)w;
	return hostile_resident() > hold_at;
}

static bool is_down(struct link_world *w)
{
	return w->downs > 0;
}

/* Nothing comes any more, so nobody can be told from the others: all have to come back. */
static void test_held_part_of_a_message(void **state)
{
	struct link_world *w = *state;
	if (!MEASURED)
		skip();
	uint64_t before = begin_limited(w);
	hold_at = before + 40 * MB;
	set_out(w, ATTACK_ENDLESS, hub_ctrl_endpoint(w->hub), PATIENT_MS);
	link_run(w, is_holding);
	hostile_signal(SIGSTOP);
	uint64_t held = hostile_resident() - before, more = LIMIT + 10 * MB - (held < LIMIT ? held : LIMIT);
	uint8_t *ours = malloc(more); /* this process needs some of its memory itself */
	assert_non_null(ours);
	memset(ours, 1, more);
	assert_true(hostile_resident() > w->memory_limit);
	link_run(w, is_down);
	link_run(w, is_up_again);
	link_run(w, is_small_again);
	free(ours);
	hostile_signal(SIGCONT);
	hostile_signal(SIGTERM);
	uint64_t word;
	assert_true(hostile_over(true, &word));
}

static void test_endless_message_of_a_stranger(void **state)
{
	struct link_world *w = *state;
	if (!MEASURED)
		skip();
	link_stop_hub(w);
	uint64_t before = hostile_resident();
	w->memory_limit = before + 30 * MB;
	link_start_hub(w, "tcp://127.0.0.1:*", "tcp://127.0.0.1:*");
	begin(w);
	suffer(w, ATTACK_ENDLESS_ENROL, hub_enrol_endpoint(w->hub));
	print_message("# memory %+lld MB at most\n", (long long)(seen.peak - before) / (long long)MB);
	assert_int_equal(w->downs, 0); /* the fleet did not notice */
	assert_true(seen.longest_gap_us < LATE_US);
	assert_true(seen.peak < before + BOUND);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, link_setup, link_teardown)
	const struct CMUnitTest tests[] = {
	    CASE(test_hundred_thousand_tiny_parts),
	    CASE(test_mute_connections),
	    CASE(test_flood_of_hellos),
	    CASE(test_flood_of_strangers),
	    CASE(test_endless_message),
	    CASE(test_held_part_of_a_message),
	    CASE(test_endless_message_of_a_stranger),
	};
	return hostile_main("hostile_test", attack, sizeof(struct errand), tests, ARRAY_LEN(tests));
}
