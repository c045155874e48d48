/* A real hub and a real agent's link over loopback, in one zloop; the brain is played by this file: it welcomes, acknowledges and answers, and counts what came.
 *
 *   cmocka_unit_test_setup_teardown(test, link_setup, link_teardown)      *state is the struct link_world; its hub runs, its agent does not yet
 *   link_start_agent(w, &w->agent_key);
 *   link_run(w, condition);                                               turns the loop until the condition holds; fails when it does not in time */
#ifndef TESTS_SUPPORT_LINK_FIXTURE_H
#define TESTS_SUPPORT_LINK_FIXTURE_H

#include "agent/link/fetch.h"
#include "agent/link/uplink.h"
#include "common/link/curve.h"
#include "controller/link/hub.h"

#define LINK_WAIT_MS     30000
#define LINK_REPORTS_MAX 64

struct link_world {
	char dir[64], path[256];
	bool no_enrolment; /* the hub that is started next has no such socket */
	uint32_t heartbeat_ms; /* that WELCOME says; 0: 200 */
	uint32_t welcome_after_ms; /* how long HELLO waits for it */
	uint32_t proto; /* that WELCOME chooses; 0: the lowest */
	uint64_t memory_limit; /* of the hub that is started next; 0: its default */
	zloop_t *loop;
	zactor_t *hub;
	struct principal principals[3];
	struct curve_key agent_key, other_key, operator_key;
	struct sign_key *report_key;
	struct journal *journal;
	struct uplink *uplink;
	struct fetch *fetch;
	const char *controller_keys[2];
	const char *first; /* the address of the agent that is started next; NULL: the hub's */
	const char *also[2]; /* its further ones */
	size_t n_also;
	struct target target;
	const struct target *targets[1];
	/* what the brain saw */
	unsigned hellos, targets_seen, heartbeats, gones, clones, stored, commands, strangers;
	int64_t told_us; /* the clock, as the last heartbeat told it */
	uint64_t session, gone_session;
	bool signature_ok, silent; /* silent: no WELCOME */
	uint64_t reports[LINK_REPORTS_MAX];
	size_t n_reports;
	bool hold_acks;
	uint64_t resume_from;
	/* what the agent saw */
	unsigned ups, downs, offers, fetched, fetch_failed, marked;
	char marked_address[256]; /* the last one */
	char why[256], code[64]; /* code: of the last refusal */
	bool (*until)(struct link_world *w);
	int64_t end_us;
};

int link_setup(void **state);
int link_teardown(void **state);
/* A path in the world's folder, good until the next call. */
const char *link_file(struct link_world *w, const char *name);
void link_start_hub(struct link_world *w, const char *ctrl, const char *blob);
void link_stop_hub(struct link_world *w);
void link_start_agent(struct link_world *w, const struct curve_key *key);
/* Starts w->fetch into the folder "kept"; `first` is an address to be tried before the hub's, NULL: none. Marks are counted; of the last one `why` is kept. */
void link_start_fetch(struct link_world *w, const char *first);
bool link_has_fetched(struct link_world *w);
/* Turns the loop until the condition holds or the time is over; tells whether it holds. */
bool link_run_for(struct link_world *w, bool (*until)(struct link_world *w), uint32_t ms);
#define link_run(w, until) assert_true(link_run_for((w), (until), LINK_WAIT_MS))
bool link_never(struct link_world *w);

#endif
