/* See the header. */
#include "agent/daemon/renewals.h"

#include <string.h>

#include "agent/keyset/asking.h"
#include "agent/keyset/schedule.h"
#include "agent/link/enrol_call.h"
#include "agent/verify/trusted.h"
#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/wire/enrol.h"
#include "common/wire/limits.h"

#define TICK_MS        250
#define LOOK_EVERY_US  ((int64_t)5 * 1000000) /* for what the command has made */
#define ANSWER_US      ((int64_t)15 * 1000000)
#define PENDING_MAX_MS (10 * 60 * 1000u) /* a person was asked: look again so often at least */
#define START_US       ((int64_t)10 * 1000000) /* for the controller's clock to be known */
#define UNKNOWN_MS     1000u /* the request is not known there any more: it is made again soon */
#define ATTEMPT_ARENA  (TRUSTED_ARENA + LIMIT_ARENA_MESSAGE)
#define REST_SHARE     3 /* of a life: at least so long after new keys, whatever this machine's clock says */

struct renewals {
	zloop_t *loop;
	const struct agent_config *config;
	struct journal *journal;
	renewed_fn *renewed;
	void *arg;
	int timer;
	/* the attempt under way */
	struct arena *arena;
	struct trusted trusted;
	struct asking asking;
	struct keyset folder;
	struct enrol_call call;
	int64_t call_end_us; /* monotonic, as all below but skew_us */
	/* between attempts */
	int64_t next_us, looked_us, rest_until_us;
	int64_t skew_us; /* what the controller's clock is ahead */
	size_t key; /* of controller_keys */
	unsigned tries;
	bool is_known; /* the controller has the request: it is polled */
	bool is_refused; /* asked for before it is due: the controller does not take the present certificate */
	bool has_heard; /* from the controller, in whatever way */
	bool said_mute; /* that it cannot renew by itself */
	bool is_clean; /* what came before the present keyset was removed */
	char said[512]; /* the last state, so that each is logged once */
};

static void end_attempt(struct renewals *r)
{
	enrol_call_close(&r->call);
	asking_done(&r->asking);
	r->asking = (struct asking){.arena = NULL};
	r->folder = (struct keyset){.folder = NULL};
	arena_destroy(&r->arena);
}

/* For the log and, where there is a folder, for `rollcall-agent status`. */
static void say(struct renewals *r, enum log_level level, const char *text)
{
	struct err e = ERR_INIT;
	if (str_eq(r->said, text))
		return;
	str_copy(r->said, sizeof r->said, text);
	if (level == LOG_LEVEL_INFO)
		log_info("renewal of the certificate: %s", text);
	else
		log_warn("renewal of the certificate: %s", text);
	if (r->folder.folder && keyset_note(&r->folder, text, &e) != 0)
		log_warn("%s", e.msg);
}

static void pause_ms(struct renewals *r, uint32_t ms)
{
	r->next_us = clock_mono_us() + (int64_t)dial_random_ms(ms / 2, ms + ms / 2) * 1000;
	end_attempt(r);
}

static void back_off(struct renewals *r, uint32_t most_ms)
{
	uint32_t ms = renewal_pause_ms(&r->config->cert, r->tries++);
	pause_ms(r, ms < most_ms ? ms : most_ms);
}

/* ---- new keys ---- */

static int take(struct renewals *r, const struct keyset *i, struct err *e)
{
	AUTO(agent_keys_done) struct agent_keys keys = {.report = NULL};
	uint8_t report_key[SIGN_PUBLIC_SIZE];
	char until[CLOCK_TEXT_SIZE], from[CLOCK_TEXT_SIZE];
	if (agent_keys_load(i->curve_key_file, i->report_key_file, &keys, e) != 0)
		return -1;
	sign_key_public(keys.report, report_key);
	if (!str_eq(i->cert.curve_key, keys.curve.public_text) || memcmp(i->cert.report_key, report_key, sizeof report_key) != 0)
		return err_set(e, ERR_KEY, "%s: the certificate is not of the keys beside it: move the folder away", i->folder);
	log_info("renewal of the certificate: new keys from here on, good until %s; the next are asked for from %s on",
	         clock_text(i->cert.not_after_us, until), clock_text(renewal_due_us(&i->cert), from));
	r->rest_until_us = clock_mono_us() + (i->cert.not_after_us - i->cert.not_before_us) / REST_SHARE;
	r->is_known = r->is_refused = r->is_clean = false;
	r->tries = 0;
	r->said[0] = '\0';
	r->renewed(r->arg, i, &keys);
	FAILPOINT("renewal-taken");
	return 0;
}

/* One that is newer than what is in use: the command's, or that of a process before this one, which died behind it. */
static void look_at_folders(struct renewals *r)
{
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_DOCUMENT);
	struct keyset newest;
	struct err e = ERR_INIT;
	r->looked_us = clock_mono_us();
	if (keyset_newest(r->config->data_dir, a, &newest, &e) != 0) {
		say(r, LOG_LEVEL_WARN, e.msg);
		return;
	}
	if (!newest.folder || newest.cert.not_before_us <= r->config->cert.not_before_us)
		return;
	end_attempt(r);
	if (take(r, &newest, &e) != 0)
		say(r, LOG_LEVEL_WARN, e.msg);
}

static int keep(struct renewals *r, struct bytes certificate, struct err *e)
{
	struct keyset i = r->folder;
	if (asking_check(&r->asking, certificate, &i.cert, e) != 0)
		return -1;
	i.certificate = certificate;
	return keyset_certify(&i, certificate, e) != 0 ? -1 : take(r, &i, e);
}

/* ---- answers ---- */

static void on_pending(struct renewals *r)
{
	char fingerprint[ENROL_FINGERPRINT_SIZE], text[512];
	enrol_fingerprint(r->asking.request, fingerprint);
	snprintf(
	    text, sizeof text,
	    "it waits for a person at the centre, who compares the fingerprint %s and types: rollcall agents approve %s --key ENROL-KEY --fingerprint %s",
	    fingerprint, r->config->name, fingerprint);
	r->is_known = true;
	say(r, LOG_LEVEL_INFO, text);
	back_off(r, PENDING_MAX_MS);
}

static void on_deny(struct renewals *r, const struct msg_deny *d)
{
	char text[512];
	if (r->is_known && str_eq(d->code, err_code_name(ERR_NOT_FOUND))) {
		r->is_known = false;
		pause_ms(r, UNKNOWN_MS);
		return;
	}
	snprintf(text, sizeof text, "the controller refused: %s", d->message);
	say(r, LOG_LEVEL_WARN, text);
	back_off(r, UINT32_MAX);
}

static void on_trouble(struct renewals *r, const char *why)
{
	char text[512];
	snprintf(text, sizeof text, "the controller's enrolment at %s: %s; it is tried again by itself", r->config->enrol_endpoint, why);
	say(r, LOG_LEVEL_WARN, text);
	r->key++; /* the next of the pinned ones */
	back_off(r, UINT32_MAX);
}

static void on_answer(void *arg, const struct msg *m, const char *why)
{
	struct renewals *r = arg;
	struct err e = ERR_INIT;
	if (!m) {
		on_trouble(r, why);
		return;
	}
	switch (m->type) {
	case MSG_ENROL_GRANT:
		if (keep(r, m->enrol_grant.certificate, &e) != 0) {
			say(r, LOG_LEVEL_WARN, e.msg);
			back_off(r, UINT32_MAX);
		}
		end_attempt(r);
		break;
	case MSG_ENROL_PENDING:
		on_pending(r);
		break;
	case MSG_ENROL_DENY:
		on_deny(r, &m->deny);
		break;
	case MSG_RETRY_AFTER:
		pause_ms(r, m->retry_after.ms + m->retry_after.jitter_ms);
		break;
	default:
		on_trouble(r, "it sent a message that has no place in an enrolment");
		break;
	}
}

/* ---- asking ---- */

/* All of it from disk, each time: nothing secret stays in memory between attempts that may lie hours apart. */
static int ask(struct renewals *r, struct err *e)
{
	const struct agent_config *c = r->config;
	r->arena = arena_new(ATTEMPT_ARENA);
	if (trusted_load(r->journal, c->trust_pin, r->arena, &r->trusted, e) != 0 ||
	    keyset_begin(c->data_dir, c->keyset.begun_at_us, clock_wall_us(), r->arena, &r->folder, e) != 0)
		return -1;
	r->asking = (struct asking){.arena = r->arena,
	                            .trust = &r->trusted.valid,
	                            .agent = c->name,
	                            .site = c->site,
	                            .targets = c->cert.targets,
	                            .n_targets = c->cert.n_targets,
	                            .former = c->report_key};
	if (asking_renewal(&r->asking, &r->folder, e) != 0)
		return -1;
	const char *controller = c->controller_keys[r->key % c->n_controller_keys];
	asking_sign(&r->asking, controller);
	const struct enrol_settings set = {.endpoint = c->enrol_endpoint, .controller_key = controller, .key = &r->asking.keys.curve};
	const struct msg question = asking_question(&r->asking, r->is_known);
	r->call_end_us = clock_mono_us() + ANSWER_US;
	return enrol_call_open(&r->call, r->loop, &set, &question, on_answer, r, e);
}

static bool is_due(const struct renewals *r, int64_t now_us)
{
	if (r->is_refused)
		return true;
	return now_us >= r->rest_until_us && clock_wall_us() + r->skew_us >= renewal_due_us(&r->config->cert);
}

static void say_mute(struct renewals *r)
{
	char until[CLOCK_TEXT_SIZE];
	if (r->said_mute)
		return;
	r->said_mute = true;
	log_warn(
	    "the certificate ends at %s, and agent.yaml does not say where new ones are asked for: add 'enrol: tcp://HOST:PORT' to controller, or type "
	    "rollcall-agent renew",
	    clock_text(r->config->cert.not_after_us, until));
}

static void tick(struct renewals *r, int64_t now_us)
{
	struct err e = ERR_INIT;
	if (enrol_call_is_open(&r->call)) {
		if (now_us >= r->call_end_us)
			on_trouble(r, "no answer");
		return;
	}
	if (now_us - r->looked_us >= LOOK_EVERY_US)
		look_at_folders(r);
	if (!is_due(r, now_us) || now_us < r->next_us)
		return;
	if (!r->config->enrol_endpoint) {
		say_mute(r);
		return;
	}
	if (ask(r, &e) != 0) {
		say(r, LOG_LEVEL_WARN, e.msg);
		back_off(r, UINT32_MAX);
	}
}

static int on_timer(zloop_t *loop, int id, void *arg)
{
	(void)loop, (void)id;
	tick(arg, clock_mono_us());
	return 0;
}

/* ---- outside ---- */

/* Nothing is asked for before, as this machine's clock may be wrong. */
static void hear(struct renewals *r)
{
	if (!r->has_heard)
		r->next_us = 0;
	r->has_heard = true;
}

/* What was noted while the controller did not know this agent is no news any more. */
static void forget_refusal(struct renewals *r)
{
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_DOCUMENT);
	struct keyset pending;
	struct err e = ERR_INIT;
	r->is_refused = false;
	r->said[0] = '\0';
	if (keyset_pending(r->config->data_dir, a, &pending, &e) != 0 || (pending.folder && keyset_note(&pending, "", &e) != 0))
		log_warn("%s", e.msg);
}

void renewals_welcome(struct renewals *r, int64_t controller_now_us)
{
	struct err e = ERR_INIT;
	char skew[CLOCK_TEXT_SIZE];
	r->skew_us = controller_now_us - clock_wall_us();
	hear(r);
	if (r->is_refused)
		forget_refusal(r);
	if (r->skew_us > LINK_CLOCK_BAD_US || r->skew_us < -LINK_CLOCK_BAD_US)
		log_warn("this machine's clock is %s %s the controller's: windows, expiry and freshness go by it: set the wrong one right",
		         clock_duration_text(r->skew_us < 0 ? -r->skew_us : r->skew_us, skew), r->skew_us < 0 ? "ahead of" : "behind");
	if (r->is_clean || !r->config->keyset.folder)
		return;
	r->is_clean = true; /* the controller has taken the present keys: those before are not needed any more */
	if (keyset_clean(r->config->data_dir, &r->config->keyset, &e) != 0)
		log_warn("%s: old keys stay for now", e.msg);
}

void renewals_refused(struct renewals *r, const char *code)
{
	if (str_eq(code, "expired") || str_eq(code, "key"))
		r->is_refused = true;
	hear(r);
	if (str_eq(code, "replaced") && r->is_known) /* somebody has approved: fetch it now */
		r->next_us = 0;
}

struct renewals *renewals_new(zloop_t *loop, const struct agent_config *c, struct journal *j, renewed_fn *renewed, void *arg)
{
	struct renewals *r = mem_alloc(sizeof *r);
	char until[CLOCK_TEXT_SIZE], from[CLOCK_TEXT_SIZE];
	*r = (struct renewals){.loop = loop, .config = c, .journal = j, .renewed = renewed, .arg = arg};
	r->looked_us = clock_mono_us(); /* the configuration took the newest */
	r->next_us = r->looked_us + START_US;
	r->timer = zloop_timer(loop, TICK_MS, 0, on_timer, r);
	log_info("certificate good until %s; %s %s on", clock_text(c->cert.not_after_us, until),
	         c->enrol_endpoint ? "renewed by itself from" : "to be renewed from", clock_text(renewal_due_us(&c->cert), from));
	return r;
}

void renewals_destroy(struct renewals **rp)
{
	struct renewals *r = *rp;
	if (!r)
		return;
	zloop_timer_end(r->loop, r->timer);
	end_attempt(r);
	mem_free_ptr(rp);
}
