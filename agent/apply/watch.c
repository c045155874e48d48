/* Shared between a delivery's worker and the thread that listens for it. */
#include "agent/apply/watch.h"

#include "common/base/clock.h"
#include "common/base/str.h"

void watch_init(struct watch *w)
{
	*w = (struct watch){.wish = WISH_GO_ON};
	pthread_mutex_init(&w->mutex, NULL);
}

void watch_done(struct watch *w)
{
	pthread_mutex_destroy(&w->mutex);
}

void watch_connection(struct watch *w, const struct engine *en, const struct engine_target *t, struct conn *conn)
{
	pthread_mutex_lock(&w->mutex);
	w->engine = en;
	w->target = t;
	w->conn = conn;
	w->since_us = 0;
	str_copy(w->backend, sizeof w->backend, conn ? en->backend(conn) : "");
	pthread_mutex_unlock(&w->mutex);
}

void watch_statement(struct watch *w, bool running)
{
	pthread_mutex_lock(&w->mutex);
	w->since_us = running ? clock_mono_us() : 0;
	if (running)
		w->blocker[0] = '\0';
	pthread_mutex_unlock(&w->mutex);
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

bool watch_look(struct watch *w, uint32_t min_ms, char out[512])
{
	char backend[sizeof w->backend];
	AUTO(buf_done) struct buf text = BUF_INIT;
	struct err e = ERR_INIT;
	pthread_mutex_lock(&w->mutex);
	int64_t since = w->since_us;
	const struct engine *en = w->engine;
	const struct engine_target *t = w->target;
	str_copy(backend, sizeof backend, w->backend);
	pthread_mutex_unlock(&w->mutex);
	if (!since || clock_mono_us() - since < (int64_t)min_ms * 1000 || en->blockers(t, backend, &text, &e) != 0 || text.n == 0)
		return false;
	pthread_mutex_lock(&w->mutex);
	bool same = w->since_us == since || w->since_us == 0; /* the statement may have just given up: the text is still its reason */
	if (same)
		str_copy(w->blocker, sizeof w->blocker, buf_str(&text));
	pthread_mutex_unlock(&w->mutex);
	str_copy(out, sizeof w->blocker, buf_str(&text));
	return same;
}
