/* One process of the farm: an epoll loop over libzmq's descriptors. zmq_poll would look at every socket each time, which thousands of them make too slow. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "tests/bench/fleet/farm.h"

#define EVENTS  256
#define TICK_MS 20

static void record(const struct farm *f, unsigned process)
{
	char path[512];
	snprintf(path, sizeof path, "%s/record.%u", f->config->dir, process);
	FILE *to = fopen(path, "we");
	if (!to)
		abort();
	for (size_t i = 0; i < f->n_peers; i++)
		peer_record(f->peers[i], to);
	fclose(to);
	atomic_fetch_add(&f->shared->recorded, 1);
}

static void turn(struct farm *f)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(f->epoll_fd, events, EVENTS, TICK_MS);
	for (int i = 0; i < n; i++)
		peer_read(events[i].data.ptr);
}

void farm_play(const struct farm_config *c, struct farm_shared *s, const struct identity *ids, size_t first, size_t n, unsigned process)
{
	struct farm f = {.config = c, .shared = s, .n_peers = n, .epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
	unsigned recorded = 0;
	int64_t ticked_us = 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_IGN);
	zsys_handler_set(NULL);
	zsys_set_max_sockets(0);
	f.peers = mem_alloc(n * sizeof(struct peer *));
	f.due_us = mem_alloc(n * sizeof *f.due_us);
	for (size_t i = 0; i < n; i++)
		f.peers[i] = peer_new(&f, &ids[first + i], first + i, &f.due_us[i]);
	while (!atomic_load(&s->quit)) {
		turn(&f);
		int64_t now_us = clock_mono_us();
		if (now_us - ticked_us < TICK_MS * 1000)
			continue;
		ticked_us = now_us;
		for (size_t i = 0; i < n; i++)
			if (now_us >= f.due_us[i])
				peer_tick(f.peers[i], now_us);
		if (atomic_load(&s->record) != recorded) {
			recorded = atomic_load(&s->record);
			record(&f, process);
		}
	}
	for (size_t i = 0; i < n; i++)
		peer_destroy(&f.peers[i]);
	free(f.peers);
	free(f.due_us);
	close(f.epoll_fd);
	arena_destroy(&f.order_arena);
}
