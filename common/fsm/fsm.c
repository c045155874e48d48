/* Interpreter and checker of state tables. See the header. */
#include "common/fsm/fsm.h"

#include "common/base/str.h"

const struct fsm_row *fsm_find(const struct fsm *m, int state, int event, const void *facts)
{
	for (size_t i = 0; i < m->n_rows; i++) {
		const struct fsm_row *r = &m->rows[i];
		if (r->from == state && r->event == event && (!r->guard || r->guard->holds(facts)))
			return r;
	}
	return NULL;
}

static const char *name_of(const char *const *names, size_t n, int i)
{
	return i >= 0 && (size_t)i < n && names[i] ? names[i] : "?";
}

int fsm_step(const struct fsm *m, int state, int event, const void *facts, const struct fsm_row **ret_row, struct err *e)
{
	const struct fsm_row *r = fsm_find(m, state, event, facts);
	if (!r)
		return err_set(e, ERR_STATE, "%s: no row for event %s in state %s", m->name, name_of(m->events, m->n_events, event),
		               name_of(m->states, m->n_states, state));
	*ret_row = r;
	return 0;
}

static bool index_ok(int i, size_t n)
{
	return i >= 0 && (size_t)i < n;
}

static int check_row(const struct fsm *m, size_t i, struct err *e)
{
	const struct fsm_row *r = &m->rows[i];
	if (!index_ok(r->from, m->n_states) || !index_ok(r->to, m->n_states) || !index_ok(r->event, m->n_events))
		return err_set(e, ERR_INTERNAL, "%s: row %zu names a state or event that has no name", m->name, i);
	if (r->action && (!m->actions || !m->actions[r->action]))
		return err_set(e, ERR_INTERNAL, "%s: row %zu has an action without a name", m->name, i);
	if (str_empty(r->why))
		return err_set(e, ERR_INTERNAL, "%s: row %zu (%s, %s) gives no reason", m->name, i, m->states[r->from], m->events[r->event]);
	for (size_t k = 0; k < i; k++) {
		const struct fsm_row *q = &m->rows[k];
		if (q->from != r->from || q->event != r->event)
			continue;
		if (q->guard == r->guard || !q->guard)
			return err_set(e, ERR_INTERNAL, "%s: row %zu (%s, %s) can never be taken: row %zu comes first", m->name, i, m->states[r->from],
			               m->events[r->event], k);
	}
	return 0;
}

/* Every state that some row's chain leads to from `seen`, or, backwards, from which `seen` can be reached. */
static unsigned long long closure(const struct fsm *m, unsigned long long seen, bool backwards)
{
	for (bool grew = true; grew;) {
		grew = false;
		for (size_t i = 0; i < m->n_rows; i++) {
			int a = backwards ? m->rows[i].to : m->rows[i].from, b = backwards ? m->rows[i].from : m->rows[i].to;
			if ((seen >> a & 1) && !(seen >> b & 1)) {
				seen |= 1ULL << b;
				grew = true;
			}
		}
	}
	return seen;
}

static int check_events_used(const struct fsm *m, struct err *e)
{
	for (size_t ev = 0; ev < m->n_events; ev++) {
		bool used = false;
		for (size_t i = 0; i < m->n_rows; i++)
			used |= (size_t)m->rows[i].event == ev;
		if (!used)
			return err_set(e, ERR_INTERNAL, "%s: event %s is used by no row", m->name, m->events[ev]);
	}
	return 0;
}

int fsm_check(const struct fsm *m, struct err *e)
{
	if (!m->n_states || m->n_states > FSM_STATES_MAX || !index_ok(m->initial, m->n_states))
		return err_set(e, ERR_INTERNAL, "%s: no states, too many, or no initial one", m->name);
	for (size_t i = 0; i < m->n_rows; i++)
		if (check_row(m, i, e) < 0)
			return -1;
	unsigned long long reach = closure(m, 1ULL << m->initial, false), ends = closure(m, m->final, true);
	for (size_t s = 0; s < m->n_states; s++) {
		if (str_empty(m->states[s]))
			return err_set(e, ERR_INTERNAL, "%s: state %zu has no name", m->name, s);
		if (!(reach >> s & 1))
			return err_set(e, ERR_INTERNAL, "%s: state %s cannot be reached from %s", m->name, m->states[s], m->states[m->initial]);
		if (!(ends >> s & 1))
			return err_set(e, ERR_INTERNAL, "%s: state %s has no way to a final state", m->name, m->states[s]);
	}
	return check_events_used(m, e);
}

void fsm_dot(const struct fsm *m, struct buf *ret)
{
	buf_addf(ret, "digraph \"%s\" {\n\trankdir=LR;\n\tnode [shape=box, style=rounded];\n", m->name);
	for (size_t s = 0; s < m->n_states; s++)
		buf_addf(ret, "\t\"%s\"%s%s;\n", m->states[s], (int)s == m->initial ? " [penwidth=2]" : "", (m->final >> s & 1) ? " [peripheries=2]" : "");
	for (size_t i = 0; i < m->n_rows; i++) {
		const struct fsm_row *r = &m->rows[i];
		buf_addf(ret, "\t\"%s\" -> \"%s\" [label=\"%s%s%s%s%s%s\", tooltip=\"%s\"];\n", m->states[r->from], m->states[r->to], m->events[r->event],
		         r->guard ? " [" : "", r->guard ? r->guard->name : "", r->guard ? "]" : "", r->action ? " / " : "",
		         r->action ? m->actions[r->action] : "", r->why);
	}
	buf_adds(ret, "}\n");
}
