/* A brain with a stand-in for the hub: what it sends is kept, agents and operators speak through it. Real store, real blobs, real signatures. */
#ifndef TESTS_SUPPORT_BRAIN_FIXTURE_H
#define TESTS_SUPPORT_BRAIN_FIXTURE_H

#include "controller/daemon/brain.h"
#include "tests/support/trust_fixture.h"

#define BRAIN_SENT_MAX 512

#define NONE bytes_of(NULL, 0) /* a command without a document */

#define BRAIN_CONTROLLER_KEY "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"

#define BRAIN_AGENT_KEY    "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
#define BRAIN_AGENT_SERIAL "00112233445566778899aabbccddeeff"

struct brain_sent {
	uint64_t session;
	struct msg msg; /* a decoded copy in the fixture's arena */
};

struct brain_agent_fixture {
	const char *name;
	char curve_key[CURVE_KEY_TEXT_SIZE];
	struct sign_key *report_key;
	struct bytes certificate;
	uint64_t session, counter, report_seq;
	uint32_t max_epoch; /* that HELLO says */
	uint32_t proto_max, proto; /* that HELLO offers, 0: the lowest; that WELCOME chose */
	const char *boot; /* of the process that connects; NULL: "boot" */
	uint64_t trust_version; /* the same; 1 */
	uint8_t prev_hash[DIGEST_SIZE];
	uint8_t found, left; /* first byte of the fingerprints in its reports; 0: not taken */
};

struct brain_fixture {
	char dir[64];
	struct trust_fixture trust;
	struct arena *arena;
	struct controller_config config;
	struct brain *brain;
	int64_t now_us;
	struct brain_sent sent[BRAIN_SENT_MAX];
	size_t n_sent;
	struct brain_agent_fixture agent;
	uint64_t next_id, next_session;
	size_t principals; /* how many the hub was last told */
	uint64_t fetched_id; /* of the URL that was asked last */
	const char *fetched_url;
};

void brain_fixture_init(struct brain_fixture *f);
void brain_fixture_done(struct brain_fixture *f);
/* Of the release, before it is built: production is the whole pipeline. */
void brain_fixture_production_alone(struct brain_fixture *f);
/* The same with production alone, an agent that is connected with these targets, and the release. */
void brain_fixture_begin(struct brain_fixture *f, const char *const *targets, size_t n);
/* Three targets, and a plan for them: the first one alone, taken back when it fails; then the rest. */
#define BRAIN_TARGETS 3
extern const char *const brain_fixture_targets[BRAIN_TARGETS];
extern const char brain_fixture_plan[];
/* The same with these, and a rollout by that plan under way, whose canary was offered just now: its id, and the digest that reports have to name. */
const char *brain_fixture_canary(struct brain_fixture *f, uint8_t digest[DIGEST_SIZE]);
/* Kills the brain as a crash would, and starts another one on the same files. */
void brain_fixture_restart(struct brain_fixture *f);

/* One event in one turn; what went out is in f->sent from 0. */
void brain_fixture_event(struct brain_fixture *f, const struct hub_event *ev);
void brain_fixture_idle(struct brain_fixture *f, int64_t later_us);
/* A command by operator olga (admin) or, with role, by that role; `arguments`: key, value, ..., NULL. Returns the last reply. */
const struct msg_reply *brain_fixture_command(struct brain_fixture *f, const char *role, enum verb v, struct bytes document, ...);
/* rollout-start and rollout-preview of release 1.2.0 in production by this plan; the reply as above. */
const struct msg_reply *brain_fixture_start(struct brain_fixture *f, const char *plan);
const struct msg_reply *brain_fixture_preview(struct brain_fixture *f, const char *plan);
/* The cell of the first row of the first reply that has this column; "" when there is none. */
const char *brain_fixture_cell(const struct brain_fixture *f, const char *column);
const char *brain_fixture_cell_of(const struct brain_fixture *f, const char *key_column, const char *key, const char *column);
/* What rollout-status says of a target, or, with NULL, of the rollout itself. */
const char *brain_fixture_status(struct brain_fixture *f, const char *rollout, const char *target, const char *column);

/* The agent: admitted; connected, with true when it is welcome; the same, and its targets said. */
void brain_fixture_admit(struct brain_fixture *f);
bool brain_fixture_hello(struct brain_fixture *f);
void brain_fixture_connect(struct brain_fixture *f, const char *const *targets, size_t n);
/* Copies of the offers that the last event caused; how many. */
size_t brain_fixture_offers(const struct brain_fixture *f, struct msg_offer *ret, size_t max);
/* The same where there has to be one alone, to this target. */
struct msg_offer brain_fixture_offer(const struct brain_fixture *f, const char *target);
/* A message of the agent's session, its content still to be filled in. */
struct hub_event brain_fixture_message(const struct brain_fixture *f, enum msg_type t);
/* The agent's signed report on an offer. */
struct msg_report brain_fixture_report(struct brain_fixture *f, const struct msg_offer *o, const uint8_t order_digest[DIGEST_SIZE],
                                       enum outcome outcome);
void brain_fixture_send_report(struct brain_fixture *f, const struct msg_report *r);
/* Both: the offer came to this. */
void brain_fixture_outcome(struct brain_fixture *f, const struct msg_offer *o, const uint8_t order_digest[DIGEST_SIZE], enum outcome outcome);
/* Up to which report the last event acknowledged; UINT64_MAX: it did not. */
uint64_t brain_fixture_acked(const struct brain_fixture *f);
void brain_fixture_gone(struct brain_fixture *f); /* its session has ended */
/* The answer to the URL that was asked last, in a turn of its own. */
void brain_fixture_fetched(struct brain_fixture *f, bool ok, const char *text);
/* Uploads and adds the fixture's release. */
void brain_fixture_release(struct brain_fixture *f);
/* The approval of the rollout by a person of the trust fixture. */
struct bytes brain_fixture_approval(struct brain_fixture *f, const char *rollout, enum fixture_person by);
/* Of the rollout that was just started, by both approvers: its id, and the digest that reports have to name. */
const char *brain_fixture_approve_last(struct brain_fixture *f, uint8_t digest[DIGEST_SIZE]);
/* Started by this plan, and so approved. */
const char *brain_fixture_run(struct brain_fixture *f, const char *plan, uint8_t digest[DIGEST_SIZE]);

#endif
