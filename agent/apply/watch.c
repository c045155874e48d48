/* Shared between a delivery's worker and the thread that listens for it. */
#include "agent/apply/watch.h"

#include "common/base/clock.h"
#include "common/base/str.h"

void watch_init(struct watch *w)
{
	*w = (struct watch){.wish = WISH_GO_ON};
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->looked, NULL);
}

void watch_done(struct watch *w)
{
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

/* Marks the beginning of a look when there is a statement worth one; gives what the look needs. */
static bool look_begin(struct watch *w, uint32_t min_ms, char backend[128], int64_t *ret_since_us)
{
	pthread_mutex_lock(&w->mutex);
	w->looking = w->conn && w->since_us && clock_mono_us() - w->since_us >= (int64_t)min_ms * 1000;
	*ret_since_us = w->since_us;
	str_copy(backend, sizeof w->backend, w->backend);
	bool looking = w->looking;
	pthread_mutex_unlock(&w->mutex);
	return looking;
}

static bool look_end(struct watch *w, int64_t since_us, const char *found)
{
	pthread_mutex_lock(&w->mutex);
	/* The statement may have just given up: the text is still its reason. Of a later one it is not. */
	bool counts = found[0] && (w->since_us == since_us || w->since_us == 0);
	if (counts)
		str_copy(w->blocker, sizeof w->blocker, found);
	w->looking = false;
	pthread_cond_broadcast(&w->looked);
	pthread_mutex_unlock(&w->mutex);
	return counts;
}

bool watch_look(struct watch *w, uint32_t min_ms, char out[512])
{
	char backend[sizeof w->backend];
	AUTO(buf_done) struct buf text = BUF_INIT;
	struct err ignored = ERR_INIT;
	int64_t since_us = 0;
	if (!look_begin(w, min_ms, backend, &since_us))
		return false;
	bool found = w->engine->blockers(w->target, backend, &text, &ignored) == 0; /* both stay while `looking` is set */
	str_copy(out, sizeof w->blocker, found ? buf_str(&text) : "");
	return look_end(w, since_us, out);
}
