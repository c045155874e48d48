/* The farm's parent: makes the agents, forks the processes, obeys commands on standard input and answers each with one line.
 *
 *   fleet_farm DIR ENDPOINT AGENTS PROCESSES TARGETS_EACH      the controller must not run yet: its store gets the agents; "prepared" says when it may
 *
 *   start               the agents begin to connect
 *   up N MS             waits until N agents have their WELCOME                 "up N" or "late N"
 *   acked N MS          waits until N reports in all are acknowledged           "acked N" or "late N"
 *   stats               "up=... handshake_timeouts=... retries_after=... losses=... offers=... applied=... ..."
 *   steps N | fail N | mute N        see struct farm_shared
 *   record              each process writes DIR/record.K                        "recorded"
 *   raw N COMMITS       "raw exchange_s=... cpu_s=... store_s=... cpu_s=... signatures_s=... cpu_s=...": what the bare exchange with N peers, their rows in the store in so many
 *                       transactions, and their reports' signatures cost (the agents stay connected); see struct raw_cost
 *   quit */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/bench/fleet/farm.h"

#define PROCESSES_MAX 64

struct parent {
	struct farm_config config;
	struct farm_shared *shared;
	struct identity *ids;
	pid_t processes[PROCESSES_MAX];
	size_t n_processes;
};

static void die(const struct err *e)
{
	fprintf(stderr, "fleet_farm: %s\n", e->msg);
	exit(1);
}

static void answer(const char *word, unsigned n)
{
	printf("%s %u\n", word, n);
}

static void start(struct parent *p)
{
	size_t share = (p->config.n_agents + p->config.n_processes - 1) / p->config.n_processes;
	for (size_t first = 0; first < p->config.n_agents; first += share) {
		size_t n = p->config.n_agents - first < share ? p->config.n_agents - first : share;
		pid_t pid = fork();
		if (pid < 0)
			abort();
		if (pid == 0) {
			srandom((unsigned)getpid());
			farm_play(&p->config, p->shared, p->ids, first, n, (unsigned)p->n_processes);
			_exit(0); /* the parent's buffers are not ours to write */
		}
		p->processes[p->n_processes++] = pid;
	}
	puts("started");
}

static void wait_for(atomic_uint *counter, const char *word, unsigned wanted, unsigned ms)
{
	int64_t end_us = clock_mono_us() + (int64_t)ms * 1000;
	while (atomic_load(counter) < wanted && clock_mono_us() < end_us)
		clock_sleep_ms(2);
	unsigned n = atomic_load(counter);
	answer(n >= wanted ? word : "late", n);
}

static void tell_stats(const struct farm_shared *s)
{
	printf("up=%u handshake_timeouts=%u refused=%u retries_after=%u losses=%u offers=%u repeated_offers=%u applied=%u failed=%u reports=%u acked=%u "
	       "forgotten=%u "
	       "offer_bytes=%u accept_bytes=%u report_bytes=%u\n",
	       s->up, s->handshake_timeouts, s->refused, s->retries_after, s->losses, s->offers, s->repeated_offers, s->applied, s->failed, s->reports,
	       s->acked, s->forgotten, s->offer_bytes, s->accept_bytes, s->report_bytes);
}

static void record(struct parent *p)
{
	atomic_store(&p->shared->recorded, 0);
	atomic_fetch_add(&p->shared->record, 1);
	while (atomic_load(&p->shared->recorded) < p->n_processes)
		clock_sleep_ms(2);
	puts("recorded");
}

static void raw(struct parent *p, unsigned n, unsigned commits)
{
	struct err e = ERR_INIT;
	struct raw_cost exchange = {0}, store = {0};
	if (raw_exchange(&p->config, p->ids, n, p->shared, &exchange, &e) != 0 || raw_store(&p->config, n, commits, p->shared, &store, &e) != 0)
		die(&e);
	struct raw_cost signatures = raw_signatures(n, (size_t)sysconf(_SC_NPROCESSORS_ONLN));
	printf("raw exchange_s=%.3f cpu_s=%.3f store_s=%.3f cpu_s=%.3f signatures_s=%.3f cpu_s=%.3f\n", exchange.s, exchange.cpu_s, store.s, store.cpu_s,
	       signatures.s, signatures.cpu_s);
}

static bool obey(struct parent *p, const char *line)
{
	char verb[16] = "";
	unsigned a = 0, b = 0;
	struct farm_shared *s = p->shared;
	sscanf(line, "%15s %u %u", verb, &a, &b); /* NOLINT: a test's own input */
	if (str_eq(verb, "start"))
		start(p);
	else if (str_eq(verb, "up"))
		wait_for(&s->up, "up", a, b);
	else if (str_eq(verb, "acked"))
		wait_for(&s->acked, "acked", a, b);
	else if (str_eq(verb, "stats"))
		tell_stats(s);
	else if (str_eq(verb, "steps"))
		atomic_store(&s->steps, a), answer(verb, a);
	else if (str_eq(verb, "fail"))
		atomic_store(&s->fail_until, a), answer(verb, a);
	else if (str_eq(verb, "mute"))
		atomic_store(&s->mute, a), answer(verb, a);
	else if (str_eq(verb, "record"))
		record(p);
	else if (str_eq(verb, "raw"))
		raw(p, a, b);
	else
		return false;
	fflush(stdout);
	return true;
}

static void end(struct parent *p)
{
	atomic_store(&p->shared->quit, true);
	for (size_t i = 0; i < p->n_processes; i++)
		waitpid(p->processes[i], NULL, 0);
}

/* Each agent has four descriptors: its connection, its socket's mailbox and two of its monitor. */
static void raise_descriptors(void)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

int main(int argc, char **argv)
{
	struct parent p = {0};
	struct err e = ERR_INIT;
	char line[256];
	uint64_t n[3] = {0};
	log_open("fleet_farm", LOG_LEVEL_ERROR);
	if (argc != 6) {
		fprintf(stderr, "usage: fleet_farm DIR ENDPOINT AGENTS PROCESSES TARGETS_EACH\n");
		return 2;
	}
	for (int i = 0; i < 3; i++)
		if (str_to_u64(argv[3 + i], "number", 1, 100000, &n[i], &e) != 0)
			die(&e);
	p.config = (struct farm_config){.dir = argv[1], .endpoint = argv[2], .n_agents = n[0], .n_processes = n[1], .targets_each = n[2]};
	if (p.config.n_processes > PROCESSES_MAX)
		p.config.n_processes = PROCESSES_MAX;
	p.shared = mmap(NULL, sizeof *p.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p.shared == MAP_FAILED)
		return 1;
	raise_descriptors();
	atomic_store(&p.shared->steps, 1);
	if (identities_make(&p.config, &p.ids, &e) != 0)
		die(&e);
	puts("prepared");
	fflush(stdout);
	while (fgets(line, sizeof line, stdin) && obey(&p, line))
		;
	end(&p);
	return 0;
}
