/* Shared between a delivery's worker and the thread that listens for it. */
#include "agent/apply/watch.h"

#include "common/base/clock.h"
#include "common/base/str.h"

#define SERVER_FIRST_US 100000 /* one wait alone is ended by the server's own timeout: it knows it best */

void watch_init(struct watch *w)
{
	*w = (struct watch){.wish = WISH_GO_ON};
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->looked, NULL);
}

static void close_look(struct watch *w)
{
	if (w->look)
		w->look_engine->close(&w->look);
}

void watch_done(struct watch *w)
{
	close_look(w);
	pthread_cond_destroy(&w->looked);
	pthread_mutex_destroy(&w->mutex);
}

void watch_connection(struct watch *w, const struct engine *en, const struct engine_target *t, struct conn *conn)
{
	pthread_mutex_lock(&w->mutex);
	w->since_us = 0;
	while (w->looking)
		pthread_cond_wait(&w->looked, &w->mutex);
	w->engine = en;
	w->target = conn ? t : NULL;
	w->conn = conn;
	str_copy(w->backend, sizeof w->backend, conn ? en->backend(conn) : "");
	pthread_mutex_unlock(&w->mutex);
}

void watch_statement(struct watch *w, bool running)
{
	pthread_mutex_lock(&w->mutex);
	w->since_us = running ? clock_mono_us() : 0;
	w->stoppable = false;
	if (running) {
		w->blocker[0] = '\0';
		w->stopped_us = 0;
	}
	pthread_mutex_unlock(&w->mutex);
}

void watch_stoppable(struct watch *w, bool inside)
{
	pthread_mutex_lock(&w->mutex);
	w->stoppable = true;
	w->inside = inside;
	pthread_mutex_unlock(&w->mutex);
}

void watch_try(struct watch *w, uint32_t lock_timeout_ms)
{
	pthread_mutex_lock(&w->mutex);
	w->try_since_us = clock_mono_us();
	w->lock_us = (int64_t)lock_timeout_ms * 1000;
	w->waited_us = w->looked_us = w->stopped_us = 0;
	w->waiting = false;
	pthread_mutex_unlock(&w->mutex);
}

void watch_allow(struct watch *w, uint32_t lock_timeout_ms)
{
	int64_t us = (int64_t)lock_timeout_ms * 1000;
	pthread_mutex_lock(&w->mutex);
	w->lock_us = us > w->lock_us ? us : w->lock_us;
	pthread_mutex_unlock(&w->mutex);
}

int64_t watch_stopped(struct watch *w)
{
	pthread_mutex_lock(&w->mutex);
	int64_t us = w->stopped_us;
	pthread_mutex_unlock(&w->mutex);
	return us;
}

enum wish watch_wish(struct watch *w)
{
	pthread_mutex_lock(&w->mutex);
	enum wish wish = w->wish;
	pthread_mutex_unlock(&w->mutex);
	return wish;
}

void watch_blocker(struct watch *w, char out[512])
{
	pthread_mutex_lock(&w->mutex);
	str_copy(out, sizeof w->blocker, w->blocker);
	pthread_mutex_unlock(&w->mutex);
}

void watch_ask(struct watch *w, enum wish wish)
{
	pthread_mutex_lock(&w->mutex);
	if (wish > w->wish)
		w->wish = wish;
	if (w->wish == WISH_TERMINATE && w->conn)
		w->engine->cancel(w->conn); /* under the mutex: the worker cannot close it meanwhile */
	pthread_mutex_unlock(&w->mutex);
}

struct sight {
	int64_t since_us; /* of the statement that was looked at */
	bool inside; /* a transaction */
	bool seen; /* the server has said how it stands */
	enum engine_wait wait;
	struct buf blockers;
};

static void sight_done(struct sight *s)
{
	buf_done(&s->blockers);
}

/* Marks the beginning of a look when there is a statement worth one; gives what the look needs. */
static bool look_begin(struct watch *w, uint32_t min_ms, char backend[128], struct sight *s)
{
	pthread_mutex_lock(&w->mutex);
	int64_t from_us = w->stoppable && w->try_since_us ? w->try_since_us : w->since_us; /* many short waits of a transaction are one long one */
	w->looking = w->conn && w->since_us && clock_mono_us() - from_us >= (int64_t)min_ms * 1000;
	s->since_us = w->since_us;
	s->inside = w->stoppable && w->inside;
	str_copy(backend, sizeof w->backend, w->backend);
	bool looking = w->looking;
	pthread_mutex_unlock(&w->mutex);
	return looking;
}

/* A wait is taken to have begun at the look before, or with the statement when it is alone, and to have ended at the look after. */
static void add_up(struct watch *w, const struct sight *s)
{
	int64_t now_us = clock_mono_us(), begun_us = s->inside ? w->try_since_us : s->since_us;
	int64_t from_us = w->looked_us > begun_us ? w->looked_us : begun_us;
	bool waits = s->wait == ENGINE_WAIT_LOCK;
	if (s->wait == ENGINE_WAIT_NONE)
		w->waited_us = 0;
	else if (waits || w->waiting)
		w->waited_us += now_us - from_us;
	w->looked_us = now_us;
	w->waiting = waits;
}

/* Under the mutex, which the worker needs to go on to its next statement: by then the server has what was asked of it. Again with each look: a cancel may not get through. */
static void stop_overdue(struct watch *w)
{
	if (!w->waiting || w->waited_us < w->lock_us + SERVER_FIRST_US)
		return;
	w->stopped_us = w->waited_us;
	w->engine->cancel(w->conn);
}

static bool look_end(struct watch *w, const struct sight *s, char out[512])
{
	pthread_mutex_lock(&w->mutex);
	bool same = w->since_us == s->since_us;
	/* The statement may have just given up: the text is still its reason. Of a later one it is not. */
	bool counts = s->blockers.n && (same || w->since_us == 0);
	if (counts)
		str_copy(w->blocker, sizeof w->blocker, buf_str(&s->blockers));
	if (same && w->stoppable && s->seen) {
		add_up(w, s);
		stop_overdue(w);
	}
	str_copy(out, sizeof w->blocker, counts ? w->blocker : "");
	w->blind = !s->seen;
	w->looking = false;
	pthread_cond_broadcast(&w->looked);
	pthread_mutex_unlock(&w->mutex);
	return counts;
}

/* The connection stays while there is something to be seen: some statements (CREATE DATABASE) need that nobody else is in the database. */
static bool goes_on(const struct sight *s)
{
	return s->seen && (s->blockers.n || s->wait != ENGINE_WAIT_NONE || s->inside);
}

bool watch_look(struct watch *w, uint32_t min_ms, char out[512])
{
	char backend[sizeof w->backend];
	AUTO(sight_done) struct sight s = {.wait = ENGINE_WAIT_NONE, .blockers = BUF_INIT};
	struct err ignored = ERR_INIT;
	if (!look_begin(w, min_ms, backend, &s)) {
		close_look(w);
		return false;
	}
	w->look_engine = w->engine;
	s.seen =
	    w->engine->blockers(w->target, &w->look, backend, &s.wait, &s.blockers, &ignored) == 0; /* engine and target stay while `looking` is set */
	if (!goes_on(&s))
		close_look(w);
	return look_end(w, &s, out);
}

uint32_t watch_pause_ms(struct watch *w, uint32_t most_ms)
{
	pthread_mutex_lock(&w->mutex);
	int64_t left_ms = (w->looked_us + w->lock_us + SERVER_FIRST_US - w->waited_us - clock_mono_us()) / 1000 + 1;
	bool soon = w->stoppable && w->waiting && !w->stopped_us && !w->blind && left_ms < (int64_t)most_ms;
	pthread_mutex_unlock(&w->mutex);
	return !soon ? most_ms : left_ms > 0 ? (uint32_t)left_ms : 1;
}
