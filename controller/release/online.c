/* See the header. */
#include "controller/release/online.h"

#include "common/base/str.h"

static const struct statement *statement_at(const struct step *steps, size_t n, size_t i)
{
	for (size_t k = 0; k < n; i -= steps[k++].n_statements)
		if (i < steps[k].n_statements)
			return &steps[k].statements[i];
	return NULL;
}

/* Is it this one, with whatever could have been written into it? */
static bool was_written(struct bytes released, struct bytes source)
{
	if (bytes_equal(released, source))
		return true;
	for (const char *const *a = sql_algorithms;; a++) {
		for (const char *const *l = sql_locks;; l++) {
			AUTO(buf_done) struct buf text = BUF_INIT;
			if (sql_online_write(source, &(struct sql_online){*a, *l}, &text) && bytes_equal(released, buf_bytes(&text)))
				return true;
			if (!*l)
				break;
		}
		if (!*a)
			return false;
	}
}

static void write_one(struct arena *a, struct parsed_statement *s, const struct sql_online *o)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	if (s->c.class == STEP_N && sql_online_write(s->s.sql, o, &text))
		s->s.sql = arena_bytes(a, buf_bytes(&text));
}

static void write_script(struct arena *a, struct parsed_script *s, const struct sql_online *o, const struct step *released, size_t n_released)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct statement *was = statement_at(released, n_released, i);
		if (was && was_written(was->sql, s->list[i].s.sql))
			s->list[i].s.sql = was->sql;
		else
			write_one(a, &s->list[i], o);
	}
}

void online_write(const struct project *p, const struct release *previous, struct parsed_set *parsed)
{
	static const struct body none;
	for (size_t i = 0; i < parsed->n; i++) {
		struct parsed_change *c = &parsed->changes[i];
		bool own = c->change->online.algorithm || c->change->online.lock;
		const struct changeset *released = previous && !own ? release_changeset(previous, c->change->id) : NULL;
		const struct body *b = released ? changeset_body(released, dialect_name(DIALECT_MARIADB)) : NULL;
		const struct sql_online *o = own ? &c->change->online : &p->online;
		b = b ? b : &none;
		write_script(parsed->set->arena, &c->forward[DIALECT_MARIADB], o, b->steps, b->n_steps);
		write_script(parsed->set->arena, &c->rollback[DIALECT_MARIADB], o, b->rollback, b->n_rollback);
	}
}
