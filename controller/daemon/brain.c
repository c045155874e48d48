/* The turn: begin, events, end. See brain.h. */
#include "controller/daemon/brain_impl.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/dirlock.h"
#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/wire/limits.h"
#include "controller/operate/operate.h"

static void add_principal(struct brain *b, size_t *cap, enum link_role kind, const char *name, const char *role, const char *key)
{
	vec_grow(b->principals, b->n_principals, *cap);
	struct principal *p = &b->principals[b->n_principals++];
	*p = (struct principal){.kind = kind};
	str_copy(p->name, sizeof p->name, name);
	str_copy(p->role, sizeof p->role, role);
	str_copy(p->curve_key, sizeof p->curve_key, key);
}

static void add_agent_key(struct brain *b, size_t *cap, const struct brain_agent *g, const struct certificate *c)
{
	int64_t end_us = agent_key_end_us(g, c);
	if (end_us <= b->now_us)
		return;
	add_principal(b, cap, LINK_AGENT, g->rec.name, "", c->curve_key);
	b->keys_due_us = end_us < b->keys_due_us ? end_us : b->keys_due_us;
}

static void drop_principals(struct brain *b)
{
	free(b->principals);
	b->principals = NULL;
	b->n_principals = 0;
}

/* The keys that are good now. The hub looks each message's key up, so what is not in here is not heard, whenever its session was opened. */
static void collect_principals(struct brain *b)
{
	size_t cap = 0;
	b->keys_as_of_us = b->now_us;
	b->keys_due_us = INT64_MAX;
	drop_principals(b);
	for (size_t i = 0; i < b->config->n_operators; i++) {
		const struct controller_operator *o = &b->config->operators[i];
		add_principal(b, &cap, LINK_OPERATOR, o->name, o->role, o->curve_key);
	}
	for (size_t i = 0; i < b->n_agents; i++) {
		const struct brain_agent *g = b->agents[i];
		const struct certificate *former = agent_former(b, g);
		if (agent_is_revoked(b, g))
			continue;
		if (former)
			add_agent_key(b, &cap, g, former);
		add_agent_key(b, &cap, g, &g->cert);
	}
}

int brain_new(const struct controller_config *c, struct brain **ret, struct err *e)
{
	AUTO(brain_destroy) struct brain *b = mem_alloc(sizeof *b);
	b->config = c;
	b->lock_fd = -1;
	b->next_survey = b->session_moves = 1;
	b->catch_up_at_us = 1; /* tenants may have come and releases gone out since the last look */
	if (file_make_dirs(c->data_dir, 0700, e) < 0 || dirlock_take(c->data_dir, "controller", &b->lock_fd, e) < 0 ||
	    file_make_dirs(c->blob_dir, 0700, e) < 0 || store_open(c->store_path, &b->store, e) < 0 || store_next_epoch(b->store, 1, &b->epoch, e) < 0)
		return -1;
	b->now_us = clock_wall_us();
	if (trusted_load(b, e) < 0 || agents_load(b, e) < 0 || targets_load(b, e) < 0 || runs_load(b, e) < 0 || steer_load(b, e) < 0)
		return -1;
	collect_principals(b);
	*ret = take_ptr(&b);
	return 0;
}

void brain_destroy(struct brain **b)
{
	if (!*b)
		return;
	surveys_free(*b);
	probes_free(*b);
	runs_free(*b);
	targets_free(*b);
	agents_free(*b);
	trusted_free(*b);
	arena_destroy(&(*b)->steer_arena);
	arena_destroy(&(*b)->turn);
	store_close(&(*b)->store);
	dirlock_drop(&(*b)->lock_fd);
	free((*b)->out);
	free((*b)->principals);
	free(*b);
	*b = NULL;
}

void brain_principals(struct brain *b, const struct principal **ret, size_t *ret_n)
{
	*ret = b->principals;
	*ret_n = b->n_principals;
}

void brain_attach(struct brain *b, const struct brain_link *link)
{
	b->link = *link;
	drop_principals(b); /* the link has its own */
}

uint32_t brain_epoch(const struct brain *b)
{
	return b->epoch;
}

struct arena *brain_turn_arena(struct brain *b)
{
	return b->turn;
}

int brain_begin(struct brain *b, int64_t now_us, struct err *e)
{
	b->now_us = now_us;
	b->turn = arena_new(LIMIT_ARENA_DOCUMENT);
	b->n_out = 0;
	return store_begin(b->store, e) < 0 || store_check_epoch(b->store, b->epoch, e) < 0 ? -1 : agents_expire(b, e);
}

void brain_queue(struct brain *b, uint64_t session, const struct msg *m)
{
	vec_grow(b->out, b->n_out, b->cap_out);
	b->out[b->n_out++] = (struct outgoing){.session = session, .msg = *m};
}

int brain_log(struct brain *b, const char *actor, const char *rollout, const char *object, const char *event, const char *detail, struct err *e)
{
	return brain_log_evidence(b, actor, rollout, object, event, detail, (struct brain_evidence){0}, e);
}

int brain_log_evidence(struct brain *b, const char *actor, const char *rollout, const char *object, const char *event, const char *detail,
                       struct brain_evidence evidence, struct err *e)
{
	const struct store_event ev = {.at_us = b->now_us,
	                               .actor = actor,
	                               .rollout = rollout,
	                               .object = object,
	                               .event = event,
	                               .detail = detail,
	                               .ref = evidence.ref,
	                               .evidence = evidence.hash};
	return store_event_put(b->store, &ev, e);
}

const char *brain_agent_actor(const struct brain *b, const char *name)
{
	return arena_printf(b->turn, "agent %s", name);
}

int brain_log_agent(struct brain *b, const char *name, const char *event, const char *detail, struct err *e)
{
	const char *who = brain_agent_actor(b, name);
	return brain_log(b, who, NULL, who, event, detail, e);
}

static int message_event(struct brain *b, const struct hub_event *ev, struct err *e)
{
	switch (ev->msg.type) {
	case MSG_ACCEPT:
		FAILPOINT("accept-received");
		return task_event(b, ev, e);
	case MSG_REFUSE:
	case MSG_PROGRESS:
	case MSG_UNHELD:
		return task_event(b, ev, e);
	case MSG_REPORT:
		FAILPOINT("report-received");
		return report_event(b, ev, e);
	case MSG_SURVEY_RESULT:
		return survey_event(b, ev, e);
	case MSG_ENROL_REQ:
	case MSG_ENROL_POLL:
		return enrol_event(b, ev, e);
	case MSG_COMMAND: /* it may count in the store what moved a moment ago */
		return runs_save(b, e) < 0 ? -1 : operate_command(b, ev, e);
	default: /* HELLO, TARGETS, HEARTBEAT; the hub lets nothing else through */
		return agent_event(b, ev, e);
	}
}

int brain_event(struct brain *b, const struct hub_event *ev, struct err *e)
{
	switch (ev->type) {
	case HUB_MESSAGE:
		return message_event(b, ev, e);
	case HUB_GONE:
	case HUB_CLONED:
		return agent_event(b, ev, e);
	case HUB_STORED: /* the command that names the blob follows */
	case HUB_STARTED:
		break;
	}
	return 0;
}

static void before_send(enum msg_type type)
{
	if (type == MSG_OFFER)
		FAILPOINT("offer-stored");
	else if (type == MSG_REPORT_ACK)
		FAILPOINT("report-stored");
}

static void after_send(enum msg_type type)
{
	if (type == MSG_OFFER)
		FAILPOINT("offer-sent");
	else if (type == MSG_REPORT_ACK)
		FAILPOINT("ack-sent");
}

/* A message that cannot go out now is not lost: its state is in the store, and offers and acks go again. */
static void send_all(struct brain *b, bool denials)
{
	for (size_t i = 0; i < b->n_out; i++) {
		struct err e = ERR_INIT;
		if ((b->out[i].msg.type == MSG_DENY) != denials)
			continue;
		before_send(b->out[i].msg.type);
		if (b->link.send && b->link.send(b->link.arg, b->out[i].session, b->epoch, &b->out[i].msg, &e) < 0)
			log_warn("%s not sent: %s", msg_type_name(b->out[i].msg.type), e.msg);
		after_send(b->out[i].msg.type);
	}
}

int brain_end(struct brain *b, struct err *e)
{
	if (catch_up_end_turn(b, e) < 0 || probes_end_turn(b, e) < 0 || runs_end_turn(b, e) < 0 || surveys_end_turn(b, e) < 0 ||
	    trusted_end_turn(b, e) < 0 || agents_revoke_listed(b, e) < 0 || agents_end_turn(b, e) < 0 || runs_save(b, e) < 0)
		return -1;
	FAILPOINT("turn-uncommitted");
	if (store_commit(b->store, e) < 0)
		return -1;
	FAILPOINT("turn-committed");
	send_all(b, true); /* before the hub forgets a key, so that its owner hears why */
	if (b->principals_changed) {
		collect_principals(b);
		if (b->link.set_principals && b->link.set_principals(b->link.arg, b->principals, b->n_principals, e) < 0)
			return -1;
		drop_principals(b);
		b->principals_changed = false;
	}
	send_all(b, false);
	b->n_out = 0;
	targets_end_turn(b);
	arena_destroy(&b->turn);
	rest_end_turn(b);
	return 0;
}

int64_t brain_wake_at(const struct brain *b)
{
	int64_t at = surveys_wake_at(b), fresh_at = trusted_wake_at(b), probes_at = probes_wake_at(b), rest_at = rest_wake_at(b);
	if (fresh_at < at)
		at = fresh_at;
	if (probes_at < at)
		at = probes_at;
	if (rest_at < at)
		at = rest_at;
	if (b->keys_due_us < at)
		at = b->keys_due_us;
	if (b->catch_up_at_us && b->catch_up_at_us < at)
		at = b->catch_up_at_us;
	for (size_t i = 0; i < b->n_runs; i++) {
		if (b->runs[i]->touched)
			return 0;
		if (b->runs[i]->wake_at_us && b->runs[i]->wake_at_us < at)
			at = b->runs[i]->wake_at_us;
	}
	return at;
}
