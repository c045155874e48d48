/* The report under construction. */
#include "agent/report/collect.h"

#include <string.h>

void collect_step(struct collector *c, const struct step_outcome *s)
{
	struct report *r = &c->report;
	arena_vec_grow(c->arena, r->steps, r->n_steps, c->cap_steps);
	r->steps[r->n_steps++] = *s;
}

void collect_validation(struct collector *c, const struct validation_outcome *v)
{
	struct report *r = &c->report;
	arena_vec_grow(c->arena, r->validations, r->n_validations, c->cap_validations);
	struct validation_outcome *to = &r->validations[r->n_validations++];
	*to = *v;
	to->value = collect_text(c->arena, v->value, REPORT_TEXT_MAX / 4);
	to->expected = collect_text(c->arena, v->expected, REPORT_TEXT_MAX / 4);
}

static bool is_whole_sentence(const char *s)
{
	size_t n = strlen(s);
	return n && (s[n - 1] == '.' || s[n - 1] == '!' || s[n - 1] == '?');
}

void collect_failure(struct collector *c, const struct err *e, const struct failure_place *at, const char *then, const char *database_state)
{
	const char *what = collect_text(c->arena, e->msg, REPORT_TEXT_MAX);
	if (!is_whole_sentence(what))
		what = arena_printf(c->arena, "%s.", what);
	c->report.failure = (struct failure){.code = err_code_name(e->code),
	                                     .check = at->check ? check_title(at->check) : NULL,
	                                     .sqlstate = e->sqlstate[0] ? arena_strdup(c->arena, e->sqlstate) : NULL,
	                                     .db_errno = e->db_errno,
	                                     .message = what,
	                                     .changeset = at->changeset,
	                                     .file = at->file,
	                                     .step = at->step,
	                                     .statement = at->statement,
	                                     .line = at->line,
	                                     .database_state = collect_text(c->arena, database_state, REPORT_TEXT_MAX),
	                                     .next = collect_text(c->arena, then, REPORT_TEXT_MAX)};
}

struct report collect_trimmed(const struct collector *c)
{
	struct report r = c->report;
	if (r.n_steps > REPORT_STEPS_MAX) {
		r.steps += r.n_steps - REPORT_STEPS_MAX;
		r.n_steps = REPORT_STEPS_MAX;
	}
	if (r.n_validations > REPORT_VALIDATIONS_MAX) {
		r.validations += r.n_validations - REPORT_VALIDATIONS_MAX;
		r.n_validations = REPORT_VALIDATIONS_MAX;
	}
	return r;
}

/* Bytes of the UTF-8 character at p (1 to 4), 0 when there is none. */
static size_t utf8_length(const char *p, size_t n)
{
	for (size_t len = 1; len <= 4 && len <= n; len++)
		if (bytes_is_utf8(bytes_of(p, len)))
			return len;
	return 0;
}

const char *collect_text(struct arena *a, const char *s, size_t max)
{
	if (!s)
		return NULL;
	size_t n = strlen(s), out = 0;
	char *to = arena_alloc(a, (n < max ? n : max) + 1);
	for (size_t i = 0; i < n;) {
		size_t len = utf8_length(s + i, n - i);
		if (out + (len ? len : 1) > max)
			break;
		if (len == 0 || (len == 1 && (unsigned char)s[i] < ' ' && s[i] != '\n' && s[i] != '\t'))
			to[out++] = '?';
		else
			for (size_t k = 0; k < len; k++)
				to[out++] = s[i + k];
		i += len ? len : 1;
	}
	return to;
}
