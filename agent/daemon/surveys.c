/* Surveys. */
#include "agent/daemon/surveys.h"

#include "agent/apply/runner.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/link/handover.h"
#include "common/wire/limits.h"

#define PARALLEL_MAX 8
#define WAITING_MAX  (2 * LIMIT_TARGETS_PER_AGENT)

struct survey {
	struct survey *next;
	struct surveys *all;
	struct survey_job job;
	zactor_t *actor; /* NULL: waits */
};

struct surveys {
	zloop_t *loop;
	const struct agent_config *config;
	struct uplink *uplink;
	struct survey *first; /* oldest first */
	size_t n, running;
};

static void fail_survey(struct surveys *s, const struct msg_survey *m, const char *code, const char *message)
{
	struct msg r = {.type = MSG_SURVEY_RESULT,
	                .survey_result = {.id = m->id, .target = m->target, .error_code = code, .error_message = message, .last = true}};
	if (!uplink_send(s->uplink, &r))
		log_debug("survey of %s: no controller to tell", m->target);
}

static void forward(struct surveys *s, zmsg_t *m)
{
	AUTO(zframe_destroy) zframe_t *body = zmsg_pop(m);
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	struct msg r;
	struct err e = ERR_INIT;
	if (!body || msg_decode(MSG_SURVEY_RESULT, bytes_of(zframe_data(body), zframe_size(body)), a, &r, &e) != 0)
		log_error("survey: %s", body ? e.msg : "an answer without a body");
	else if (!uplink_send(s->uplink, &r))
		log_debug("survey of %s: no controller to tell", r.survey_result.target);
}

static void start_waiting(struct surveys *s);

static void end_survey(struct surveys *s, struct survey *v)
{
	struct survey **at = &s->first;
	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
	zloop_reader_end(s->loop, zactor_sock(v->actor));
	zactor_destroy(&v->actor);
	handover_take(&v->job);
	free(v);
	s->n--;
	s->running--;
	start_waiting(s);
}

static int on_survey(zloop_t *loop, zsock_t *pipe, void *arg)
{
	(void)loop;
	struct survey *v = arg;
	AUTO(zmsg_destroy) zmsg_t *m = zmsg_recv(pipe);
	if (!m)
		return 0;
	AUTO(zstr_free) char *what = zmsg_popstr(m);
	if (str_eq(what, "SURVEY"))
		forward(v->all, m);
	else if (str_eq(what, "DONE"))
		end_survey(v->all, v);
	return 0;
}

static void start_waiting(struct surveys *s)
{
	for (struct survey *v = s->first; v && s->running < PARALLEL_MAX; v = v->next) {
		if (v->actor)
			continue;
		v->actor = zactor_new(survey_actor, &v->job);
		if (!v->actor)
			return;
		zloop_reader(s->loop, zactor_sock(v->actor), on_survey, v);
		s->running++;
	}
}

void surveys_ask(struct surveys *s, const struct msg_survey *m)
{
	const struct agent_target *target = agent_config_target(s->config, m->target);
	if (!target) {
		fail_survey(s, m, err_code_name(ERR_NOT_FOUND), "this agent does not serve the target");
		return;
	}
	if (s->n >= WAITING_MAX) {
		fail_survey(s, m, err_code_name(ERR_LIMIT), "too many surveys at once: ask again later");
		return;
	}
	struct survey *v = mem_alloc(sizeof *v);
	v->all = s;
	v->job = (struct survey_job){.config = s->config, .target = target, .id = m->id, .probe = m->probe};
	memcpy(v->job.task, m->task, TASK_SIZE);
	struct survey **at = &s->first;
	while (*at)
		at = &(*at)->next;
	*at = v;
	s->n++;
	start_waiting(s);
}

struct surveys *surveys_new(zloop_t *loop, const struct agent_config *c)
{
	struct surveys *s = mem_alloc(sizeof *s);
	s->loop = loop;
	s->config = c;
	return s;
}

void surveys_connect(struct surveys *s, struct uplink *u)
{
	s->uplink = u;
}

void surveys_destroy(struct surveys **sp)
{
	struct surveys *s = *sp;
	if (!s)
		return;
	while (s->first) {
		struct survey *v = s->first;
		s->first = v->next;
		if (v->actor)
			zloop_reader_end(s->loop, zactor_sock(v->actor));
		zactor_destroy(&v->actor);
		handover_take(&v->job);
		free(v);
	}
	free(s);
	*sp = NULL;
}
