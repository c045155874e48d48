/* See the header. */
#include "agent/link/enrol_call.h"

#include "common/wire/limits.h"

static void end(struct enrol_call *c, const struct msg *m, const char *why)
{
	enrol_answer_fn *answer = c->answer;
	enrol_call_close(c);
	if (answer)
		answer(c->arg, m, why);
}

static void on_frame(void *arg, enum frame_result r, const struct frame *f, const char *why)
{
	struct enrol_call *c = arg;
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	enum msg_type type = (enum msg_type)f->header.type;
	struct msg m;
	struct err e = ERR_INIT;
	if (r != FRAME_OK)
		end(c, NULL, why);
	else if (!link_allowed(SOCKET_ENROL, LINK_CONTROLLER, LINK_NEW, type))
		end(c, NULL, "it sent a message that has no place in an enrolment");
	else if (msg_decode(type, arena_bytes(a, f->body), a, &m, &e) != 0)
		end(c, NULL, e.msg);
	else
		end(c, &m, "");
}

static void on_event(void *arg, enum monitor_event event)
{
	struct enrol_call *c = arg;
	switch (event) {
	case MONITOR_READY:
		if (dial_send(&c->dial, (struct link_header){.seq = 1}, &c->question) != FRAME_SENT)
			end(c, NULL, "the request could not be sent");
		break;
	case MONITOR_LOST:
	case MONITOR_REFUSED:
		end(c, NULL, "what answers there is not the pinned controller, or no enrolment is served there");
		break;
	case MONITOR_UNREACHABLE:
		end(c, NULL, "it cannot be reached");
		break;
	case MONITOR_NONE:
		break;
	}
}

int enrol_call_open(struct enrol_call *c, zloop_t *loop, const struct enrol_settings *s, const struct msg *question, enrol_answer_fn *answer,
                    void *arg, struct err *e)
{
	const struct dial_handler handler = {.frame = on_frame, .event = on_event, .arg = c};
	*c = (struct enrol_call){.question = *question, .answer = answer, .arg = arg};
	return dial_open(&c->dial, loop, LINK_ENROL_DEALER, s->key, s->controller_key, s->endpoint, &handler, e);
}

void enrol_call_close(struct enrol_call *c)
{
	dial_close(&c->dial);
	c->answer = NULL;
}

bool enrol_call_is_open(const struct enrol_call *c)
{
	return c->answer != NULL;
}
