/* What the brain's files and the operators' commands share. One thread. */
#ifndef CONTROLLER_DAEMON_BRAIN_IMPL_H
#define CONTROLLER_DAEMON_BRAIN_IMPL_H

#include "common/base/map.h"
#include "common/crypto/merkle.h"
#include "common/model/order.h"
#include "common/model/release.h"
#include "controller/daemon/brain.h"
#include "controller/rollout/decide.h"
#include "controller/store/store.h"

#define RELEASE_ARENA LIMIT_ARENA_DOCUMENT

#define LOAD_OFFSETS 3

/* As its heartbeats of this session say: brain_load.c. */
struct agent_load {
	struct msg_heartbeat last;
	int64_t at_us; /* when that came; 0: none yet */
	int64_t unsent_since_us, idle_since_us; /* of the first heartbeat in a row that showed it; 0: the last did not */
	int64_t offsets_us[LOAD_OFFSETS]; /* of its clock from ours, as the last heartbeats that told it showed it */
	size_t n_offsets; /* ever */
};

struct brain_agent {
	struct store_agent rec; /* strings in `arena` */
	struct certificate cert;
	struct certificate former; /* of the keys before; they open a session while rec.former_until_us lies ahead */
	struct arena *arena;
	uint64_t session; /* 0: not connected */
	int64_t session_until_us; /* what the certificate is good for that the session was opened with */
	uint8_t boots[2][DIGEST_SIZE]; /* of the process that is connected, or was last, and of the one before it */
	bool ready; /* its targets of this session are known */
	bool stirred; /* in the brain's list of this turn */
	bool met; /* welcomed by this process: it has our epoch, or a later one of ours */
	bool seen; /* counters changed in this turn: agent_stir too */
	bool ack; /* owes a REPORT_ACK at the end of this turn: agent_stir too */
	struct brain_target *targets;
	size_t n_targets;
	uint64_t trust_version; /* as its HELLO said */
	struct agent_load load;
};

struct brain_facts { /* of a target, as its agent's last look found it */
	char version[64], trouble[256];
	uint64_t size_bytes;
	int64_t lag_ms, at_us; /* at_us 0: nobody has looked yet */
	int64_t stored_at_us;
};

struct brain_target {
	struct target target; /* texts in the same block */
	struct brain_agent *owner;
	struct brain_target *next; /* of the same owner */
	bool named; /* its agent has said it in this session */
	struct brain_facts facts;
};

/* What is believed and handed on to the sites. */
struct brain_trust {
	struct trust doc; /* the newest trust document, as it was signed; in `arena` */
	struct bytes envelope;
	struct arena *arena;
	struct freshness *fresh; /* NULL: none; in `fresh_arena` */
	struct envelope fresh_envelope; /* as it was signed */
	struct arena *fresh_arena;
	struct document_ref fresh_ref, fresh_before; /* their blobs */
	struct trust valid; /* `doc` without the keys that `fresh` revokes: whose signatures count; in valid_arena */
	struct arena *valid_arena;
	int64_t fresh_due_us; /* when the next one is made; INT64_MAX: never */
	bool changed; /* the agents are told at the end of this turn */
};

/* A rollout in memory. Notes' texts are on the heap; the rest is in `arena`. */
struct run {
	struct store_rollout rec;
	struct rollout r;
	struct delivery_note *notes; /* by delivery index */
	struct order order;
	struct brain_agent **agents; /* by delivery index; NULL: no agent has it */
	uint8_t (*tasks)[TASK_SIZE]; /* by delivery index: of the present direction; zero before the first offer */
	struct map *by_target, *by_task; /* -> struct delivery */
	uint32_t *unsaved; /* delivery indexes whose rows are older than memory: see runs_save */
	size_t n_unsaved;
	bool *is_unsaved; /* by delivery index */
	struct merkle_tree *tree; /* of an order that was not made by this process: made with the first offer */
	struct store_gate_pass *passes; /* by role gate, for any wave; as they came */
	size_t n_passes, cap_passes;
	struct arena *arena;
	bool touched; /* decide at the end of this turn */
	bool more; /* and of the next one: see struct decision */
	bool had_freezes; /* at the last decision */
	uint64_t sessions_as_of; /* brain.session_moves when the sessions of its deliveries were taken from the agents */
	int64_t wake_at_us; /* 0: no need */
	struct places *places; /* where its deliveries go: brain_places.c */
};

struct outgoing {
	uint64_t session;
	struct msg msg;
};

struct survey;
struct probe_round;
struct places;

struct brain_freeze {
	struct store_freeze rec;
	struct selector *selector;
};

struct brain {
	const struct controller_config *config;
	struct store *store;
	struct brain_link link;
	struct brain_trust trusted;
	uint32_t epoch;
	int lock_fd; /* on data_dir */
	int64_t now_us; /* of the turn */
	struct arena *turn;
	struct brain_agent **agents;
	size_t n_agents, cap_agents;
	struct map *agent_by_name, *agent_by_session;
	uint64_t session_moves; /* grows whenever an agent's session, or whether it is ready, changes; never 0 */
	uint64_t revoked_as_of; /* version of the freshness document that the agents were last compared with */
	struct brain_agent **stirred; /* what the turn's end has to look at */
	size_t n_stirred, cap_stirred;
	struct map *target_by_id;
	struct brain_target **targets; /* by id, when targets_sorted: see the function of that name */
	bool targets_sorted;
	bool owners_changed; /* which agent has which target: runs look again at the turn's end */
	struct brain_target *dropped_targets; /* in this turn */
	struct brain_freeze *freezes; /* by their beginning; these two in steer_arena */
	size_t n_freezes;
	struct store_quarantine *quarantines; /* by target */
	size_t n_quarantines;
	struct arena *steer_arena;
	struct run **runs; /* the active ones */
	size_t n_runs, cap_runs;
	struct map *place_numbers; /* "eu", "eu/pg1" -> its number + 1, the same in all runs; names in place_arena */
	struct arena *place_arena;
	struct outgoing *out;
	size_t n_out, cap_out;
	struct principal *principals;
	size_t n_principals;
	bool principals_changed;
	int64_t keys_as_of_us, keys_due_us; /* when the principals were collected, and when the first of their keys ends */
	int64_t rest_at_us; /* nothing of a rollout has moved for so long by then that the store may rest */
	int64_t catch_up_at_us; /* look then for targets that lack their environment's release; 0: no need */
	struct probe_round *probe_rounds; /* waves whose probes are being asked */
	bool probes_changed;
	struct survey *surveys; /* previews under way */
	uint64_t next_survey;
};

/* brain.c: sent after the commit; what m points to lives as long as the turn. */
void brain_queue(struct brain *b, uint64_t session, const struct msg *m);
int brain_log(struct brain *b, const char *actor, const char *rollout, const char *object, const char *event, const char *detail,
              struct err *e) MUST_CHECK;
/* The same with the document that it is about: its SHA-256, and where it is one of many, which one (store_event.ref; NULL: none). */
struct brain_evidence {
	const char *ref;
	const uint8_t *hash;
};
int brain_log_evidence(struct brain *b, const char *actor, const char *rollout, const char *object, const char *event, const char *detail,
                       struct brain_evidence evidence, struct err *e) MUST_CHECK;
/* "agent eu-1": as the log names it, who acted or to whom it was done. In the turn's memory. */
const char *brain_agent_actor(const struct brain *b, const char *name);
int brain_log_agent(struct brain *b, const char *name, const char *event, const char *detail,
                    struct err *e) MUST_CHECK; /* what an agent did that is about itself */

/* brain_trust.c */
int trusted_load(struct brain *b,
                 struct err *e) MUST_CHECK; /* the newer of the configuration's and the store's trust document, the freshness document */
void trusted_free(struct brain *b);
/* A trust document, freshness document or revocation, whole envelope: checks it, keeps it, tells the agents at the end of the turn. */
struct pusher {
	const char *actor;
	bool forced; /* a trust document is taken though it shuts somebody out */
};
int trusted_push(struct brain *b, struct bytes envelope, const struct pusher *by, struct err *e) MUST_CHECK;
bool trusted_may_make(const struct brain *b, const struct trust *t); /* freshness documents: is the controller's fresh key enough under `t`? */
int trusted_add_revocations(struct brain *b, struct freshness *f, struct err *e) MUST_CHECK; /* what people have revoked here; in the turn's arena */
int trusted_first_step(const struct brain *b, uint64_t *ret, struct err *e) MUST_CHECK; /* the version from which on all are kept without a gap */
/* brain_lockout.c: adds whom this next trust document would shut out, and what to do; nothing when nobody. `over`: the freshness document ends with it. */
int trusted_check_lockout(struct brain *b, const struct trust *next, bool over, struct buf *ret_says, struct err *e) MUST_CHECK;
int trusted_tell(struct brain *b, struct brain_agent *g, struct err *e) MUST_CHECK; /* queues a TRUST_UPDATE when there is something to tell */
int trusted_end_turn(struct brain *b, struct err *e) MUST_CHECK; /* makes the next freshness document when it is due */
int64_t trusted_wake_at(const struct brain *b);

/* brain_agents.c */
int agents_load(struct brain *b, struct err *e) MUST_CHECK;
void agents_free(struct brain *b);
int agents_admit(struct brain *b, const struct store_agent *rec, struct err *e) MUST_CHECK;
struct brain_agent *agent_by_name(const struct brain *b, const char *name);
struct brain_agent *agent_by_session(const struct brain *b, uint64_t session);
void agent_set_session(struct brain *b, struct brain_agent *g, uint64_t session); /* 0: not connected any more; not ready either way */
/* Ends its session, if it has one, with DENY; what it has reported in this turn is not acknowledged. */
void agent_send_away(struct brain *b, struct brain_agent *g, const char *code, const char *message);
/* The CURVE key is no operator's and no other agent's, nor was it the other's before. */
int agents_key_is_free(const struct brain *b, const char *agent, const char *curve_key, struct err *e) MUST_CHECK;
int agent_decode_certificate(struct bytes data, struct arena *a, struct certificate *ret, struct envelope *ret_env, struct err *e) MUST_CHECK;
/* A certificate that an enrol key has signed and that has not expired; in the turn's arena. */
int agents_read_certificate(struct brain *b, struct bytes data, struct envelope *ret_env, struct certificate *ret, struct err *e) MUST_CHECK;
/* The former certificate while it is still good; NULL otherwise. */
const struct certificate *agent_former(const struct brain *b, const struct brain_agent *g);
/* The former certificate, for reports that were signed before the new keys and come through a session of the new ones, however late; NULL when there is none, or it is revoked. */
const struct certificate *agent_former_signer(const struct brain *b, const struct brain_agent *g);
/* When the present certificate of this agent, or its former one, ends here: by its own word, or with the overlap. */
int64_t agent_key_end_us(const struct brain_agent *g, const struct certificate *c);
/* At the turn's begin: sessions whose certificate has ended are closed before anything that they say is looked at. */
int agents_expire(struct brain *b, struct err *e) MUST_CHECK;
int agent_certificate(const struct brain *b, const struct brain_agent *g, struct bytes *ret,
                      struct err *e) MUST_CHECK; /* its envelope, in the turn's arena */
bool agent_may_serve(const struct brain_agent *g, const char *target);
int agent_event(struct brain *b, const struct hub_event *ev, struct err *e) MUST_CHECK; /* HELLO, TARGETS, FACTS, HEARTBEAT, gone, cloned */
void agent_stir(struct brain *b, struct brain_agent *g); /* something of it is to be saved or sent at the turn's end */
int agents_end_turn(struct brain *b, struct err *e) MUST_CHECK; /* saves counters, queues acks */

/* brain_hello.c */
int hello_event(struct brain *b, const struct hub_event *ev, struct err *e) MUST_CHECK; /* HELLO: WELCOME or DENY */

/* brain_load.c */
void load_event(struct brain *b, struct brain_agent *g, const struct msg_heartbeat *m);
uint64_t load_unsent(const struct brain_agent *g); /* reports that it has made and that are not stored here, by its last heartbeat */
const char *load_odd(const struct brain_agent *g, struct arena *a); /* what a person should look at, and where; "" when nothing */
/* Of its clock from ours, positive when it is ahead; false when it is away or has not said. Good to what a message takes on its way. */
bool load_offset(const struct brain_agent *g, int64_t *ret_us);
/* When something was that it says has been: by our clock where its own is known to be wrong, and never to come. */
int64_t load_time(const struct brain *b, const struct brain_agent *g, int64_t said_us);
const char *load_clock(const struct brain_agent *g, int64_t from_us,
                       struct arena *a); /* "its clock is 3 min ahead of the controller's"; "" below from_us */

/* brain_facts.c */
int facts_event(struct brain *b, struct brain_agent *g, const struct msg_facts *m, struct err *e) MUST_CHECK;
void facts_take(struct brain_facts *to, const struct target_facts *from);

/* brain_targets.c */
int targets_load(struct brain *b, struct err *e) MUST_CHECK; /* after the agents */
void targets_free(struct brain *b); /* before the agents */
int targets_event(struct brain *b, struct brain_agent *g, const struct msg_targets *m, struct err *e) MUST_CHECK;
void targets_end_turn(struct brain *b); /* after the sends */
struct brain_target **targets_sorted(struct brain *b, size_t *ret_n); /* by id; good until the next TARGETS */
const struct brain_target *target_by_id(const struct brain *b, const char *id); /* NULL: no agent has it */

/* brain_enrol.c */
int enrol_event(struct brain *b, const struct hub_event *ev, struct err *e) MUST_CHECK; /* ENROL_REQ, ENROL_POLL */
/* The one of this name that waits; NULL in *ret when none does. */
int enrol_find(struct brain *b, const char *agent, struct store_enrolment **ret, struct err *e) MUST_CHECK;
/* Admits it by a certificate made from exactly its request. */
int enrol_grant(struct brain *b, const struct store_enrolment *n, struct bytes envelope, const char *actor, struct err *e) MUST_CHECK;

/* Why a request of this agent for new keys is for a person to judge, though the controller has an enrol key: such a key goes on with what people have begun. NULL: nothing is odd. */
const char *enrol_why_a_person(const struct brain *b, const struct brain_agent *g);

/* brain_standing.c */
/* Revokes for ever: its keys are not admitted any more, its session ends, its name goes to nobody else. */
int agent_revoke(struct brain *b, struct brain_agent *g, const char *actor, const char *reason, struct err *e) MUST_CHECK;
/* Its own revocation, or its certificate in the freshness document. */
bool agent_is_revoked(const struct brain *b, const struct brain_agent *g);
/* Those whose certificates a new freshness document revokes are revoked here, too. */
int agents_revoke_listed(struct brain *b, struct err *e) MUST_CHECK;
/* Not believed until a person has looked: two machines run with its keys. */
int agent_hold(struct brain *b, struct brain_agent *g, const char *why, struct err *e) MUST_CHECK;
int agent_unhold(struct brain *b, struct brain_agent *g, const char *actor, struct err *e) MUST_CHECK;
/* Notes which process says HELLO. True when one is back that another had replaced: then both are alive. */
bool agent_is_cloned(struct brain_agent *g, struct bytes boot_id);
/* Why an agent that is known may not come in now; NULL when it may. */
const char *agent_objection(const struct brain *b, const struct brain_agent *g, const char **ret_code);

/* brain_reports.c */
int report_event(struct brain *b, const struct hub_event *ev, struct err *e) MUST_CHECK;

/* brain_run.c: rollouts in memory */
int runs_load(struct brain *b, struct err *e) MUST_CHECK;
void runs_free(struct brain *b);
/* Takes a rollout that is in the store into memory; the same object when it is there already. NULL in *ret when the store has none. */
int run_open(struct brain *b, const char *id, struct run **ret, struct err *e) MUST_CHECK;
/* The same for one that was put into the store in this turn: its targets, which may be many, are copied and not read back. */
struct run_draft {
	const struct rollout *r;
	const struct delivery_note *notes;
};
int run_begin(struct brain *b, const struct run_draft *draft, struct run **ret, struct err *e) MUST_CHECK;
/* By a unique beginning of its id. ERR_NOT_FOUND, ERR_USAGE when several begin so. */
int run_find(struct brain *b, const char *prefix, struct run **ret, struct err *e) MUST_CHECK;
int run_by_order(struct brain *b, const uint8_t order_digest[DIGEST_SIZE], struct run **ret, struct err *e) MUST_CHECK; /* NULL: none */
struct delivery *run_delivery(struct run *u, const char *target); /* NULL: not in it */
/* The delivery under way that a task of this agent belongs to; NULL for a task that is over or not ours. */
struct delivery *run_by_task(struct brain *b, const struct brain_agent *g, const uint8_t task[TASK_SIZE], struct run **ret_run);
void runs_touch(struct brain *b); /* who is connected changed */
void run_note(struct run *u, uint32_t index, const char *changeset, const char *code, const char *detail); /* copies; NULL clears; nothing waits */
/* A failed target that is being taken back: why it failed stays its note, also when the way back went well. */
bool run_keeps_reason(const struct delivery *d);
void run_waits(struct run *u, uint32_t index, const char *code, const char *text); /* what holds that way back up, beside its note; NULL: nothing */
void task_id(const uint8_t order_digest[DIGEST_SIZE], const char *target, enum direction d, uint8_t out[TASK_SIZE]);
void run_set_task(struct run *u, struct delivery *d); /* names its task for its present direction */
void run_bind_agents(const struct brain *b, struct run *u); /* which agent has which target, and its session */
void run_refresh_sessions(const struct brain *b, struct run *u); /* where one has come or gone since then */
void run_text(const char **field, const char *text); /* a copy on the heap in the place of the former one; NULL clears */
void run_free(struct run *u);

/* brain_task.c */
int task_event(struct brain *b, const struct hub_event *ev, struct err *e) MUST_CHECK; /* ACCEPT, REFUSE, PROGRESS, UNHELD */

/* brain_rollout.c */
int run_delivery_event(struct brain *b, struct run *u, struct delivery *d, enum delivery_event ev, const char *actor, struct err *e) MUST_CHECK;
int run_rollout_event(struct brain *b, struct run *u, enum rollout_event ev, const char *actor, const char *reason, struct err *e) MUST_CHECK;
int run_retry(struct brain *b, struct run *u, const char *const *targets, size_t n, const char *actor, const char *reason, size_t *ret_count,
              struct err *e) MUST_CHECK;
int runs_end_turn(struct brain *b, struct err *e) MUST_CHECK; /* decides, persists, queues offers; lets go of final ones */

/* brain_places.c: sites and database servers that several rollouts work on at once */
void places_name(struct brain *b, struct run *u); /* after rollout_group */
void places_free(struct brain *b);
void places_to_run(const struct brain *b, struct run *u); /* before decide(): what the others have under way there */
/* After it: where it ended something, the others that have caps may find room. */
void places_touch_others(const struct brain *b, struct run *u);

/* brain_persist.c */
int run_wave_detail(struct brain *b, struct run *u, uint32_t wave, const char *text, struct err *e) MUST_CHECK;
/* What moved: each move's row of the audit chain, waves and the rollout itself at once, deliveries with runs_save. */
int run_persist(struct brain *b, struct run *u, const struct decision *d, const char *actor, const char *reason, struct err *e) MUST_CHECK;
void run_unsaved(struct run *u, uint32_t index); /* the delivery's row is to be written before the turn's commit */
/* Writes the rows of the deliveries that moved since the last call, each once. Before the commit, and before anybody counts deliveries in the store. */
int runs_save(struct brain *b, struct err *e) MUST_CHECK;
void rest_end_turn(struct brain *b); /* after the sends: store_rest when it is wanted, and no rollout moves */
int64_t rest_wake_at(const struct brain *b);

/* brain_steer.c */
int steer_load(struct brain *b, struct err *e) MUST_CHECK; /* freezes that are not over, and quarantine, from the store */
const struct brain_freeze *freeze_of(const struct brain *b, const char *target); /* the one in force that lasts longest; NULL: none */
const struct store_quarantine *quarantine_of(const struct brain *b, const char *target); /* NULL: it is in none */
void freezes_to_run(const struct brain *b, struct run *u); /* before decide() */
void freezes_note(const struct brain *b, struct run *u, const struct decision *d); /* the reasons of what it froze */
int run_skip(struct brain *b, struct run *u, const char *const *targets, size_t n, const char *actor, const char *reason, struct err *e) MUST_CHECK;

/* brain_probe.c */
int probes_start(struct brain *b, struct run *u, uint32_t wave, struct err *e) MUST_CHECK;
void probes_survey_result(struct brain *b, const struct hub_event *ev); /* of a SURVEY that is no preview's */
int probes_end_turn(struct brain *b, struct err *e) MUST_CHECK; /* before runs_end_turn, which acts on it */
int64_t probes_wake_at(const struct brain *b);
void probes_forget(struct brain *b, const struct run *u);
void probes_free(struct brain *b);

/* brain_order.c */
struct order_request {
	const struct store_release *release;
	const char *environment, *actor, *reason;
	enum direction direction;
	const char *const *except;
	size_t n_except;
	const char *undoes; /* the rollout that a rollback takes back; NULL otherwise */
	const char *plan_name;
	uint8_t plan_digest[DIGEST_SIZE];
	struct bytes plan_text; /* kept where the plan lets new tenants catch up by themselves; empty otherwise */
	const char *const *contexts;
	size_t n_contexts;
	bool refuse_drift;
	bool partial; /* some of the environment's targets were left out on purpose */
	int64_t not_before_us, not_after_us; /* not_before_us 0: at once */
	const struct wave *waves;
	const struct plan_wave *const *plan_waves; /* site and server caps; NULL: none */
	size_t n_waves;
	const char *const *targets; /* in leaf order */
	const uint32_t *target_waves;
	size_t n_targets;
};
/* Freezes, stores, and starts it when the environment asks for no approval. */
int order_start(struct brain *b, const struct order_request *q, struct run **ret, struct err *e) MUST_CHECK;
/* Over its frozen target list; the caller's to destroy. */
struct merkle_tree *order_tree(struct brain *b, const struct rollout *r, const struct delivery_note *notes);
/* Checks an approval envelope against the rollout and takes it; starts the rollout when the threshold is met. */
int order_approve(struct brain *b, struct run *u, struct bytes envelope, const char *actor, struct err *e) MUST_CHECK;
/* Makes the dossier anew from what is in the store: with the approvals, and the gate passes so far. */
int order_dossier(struct brain *b, struct run *u, struct err *e) MUST_CHECK;
/* How many distinct keys have signed, and how many are needed. */
int order_approvals(struct brain *b, const struct run *u, size_t *ret_have, uint32_t *ret_need, struct err *e) MUST_CHECK;
/* By the owners of their keys, "ann, bob": who has approved, and who else may; "" when nobody. */
int order_approvers(struct brain *b, const struct run *u, const char **ret_signed, const char **ret_others, struct err *e) MUST_CHECK;
/* The release as it was signed, decoded into `a`; its envelope too when ret_env is not NULL. */
int order_release(struct brain *b, const uint8_t envelope_hash[DIGEST_SIZE], struct arena *a, struct release *ret, struct envelope *ret_env,
                  struct err *e) MUST_CHECK;

/* brain_gate.c: passes of waves, where the trust document has a role gate. */
/* Says to each wave whether it needs a pass and has it. Reads memory. */
void gates_to_run(const struct brain *b, struct run *u);
/* Checks a gate pass against the rollout and takes it; *ret_wave: of which wave. */
int gate_take(struct brain *b, struct run *u, const struct envelope *env, struct bytes envelope, uint32_t *ret_wave, struct err *e) MUST_CHECK;
/* "1 of 2 signatures (gate): signed by gina; have one of hugo sign"; "" when it has them, or needs none. */
const char *gate_missing(const struct brain *b, struct arena *a, const struct run *u, uint32_t wave);
/* The wave that waits for people of role gate; NULL: none does. */
const struct wave_run *gate_awaited(const struct run *u, uint32_t *ret_wave);

/* brain_schema.c: what reports and surveys say of targets' schemas; drift is logged when it is first seen. */
int schema_reported(struct brain *b, const char *who, const struct report *r, struct err *e) MUST_CHECK;
int schema_surveyed(struct brain *b, const char *who, const struct msg_survey_result *m, struct err *e) MUST_CHECK;
const char *schema_word(const struct store_schema *c); /* "as-left", "drift", "" when it cannot be told */

/* controller/operate/operate_catch_up.c: soon, so that several newcomers share one order. */
void catch_up_later(struct brain *b);
/* The site has let go what this task, of an order whose time is over, was for: it may catch up now. Nothing when no target of the agent was held so. */
int catch_up_let_go(struct brain *b, const struct brain_agent *g, const uint8_t task[TASK_SIZE], struct err *e) MUST_CHECK;

/* brain_preview.c */
struct request;
struct survey_request { /* copied */
	const struct release *release; /* its texts are in `owned`, see survey_start */
	enum direction direction;
	const char *const *contexts, *const *except;
	size_t n_contexts, n_except;
	const char *const *targets, *const *waves; /* the names of their waves */
	size_t n_targets;
	const char *note; /* to be said in the end; begins with "; ", NULL or empty: nothing */
};
/* Asks each target's agent; the request is answered once they have, or are late. Takes `owned`. */
void survey_start(struct brain *b, struct request *q, struct arena *owned, const struct survey_request *what);
int survey_event(struct brain *b, const struct hub_event *ev, struct err *e) MUST_CHECK; /* SURVEY_RESULT */
int surveys_end_turn(struct brain *b, struct err *e) MUST_CHECK; /* answers the complete and the late ones */
int64_t surveys_wake_at(const struct brain *b);
void surveys_free(struct brain *b);

#endif
