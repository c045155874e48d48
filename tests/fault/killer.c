/* Keeps processes of a fleet (tests/support/fleet.bash) running and kills them with -9 at random moments of their lives, many times a second, for as long as a rollout is
 * under way. At the end all run. It takes over what fleet.bash started, and leaves what it started to fleet.bash: the pid files are the hand-over.
 *
 *   killer FLEET ROLLOUT KILLS SEED NAME:LIFE_MS...       NAME: "controller" or an agent; a life lasts 0 to LIFE_MS ms, evenly spread
 *
 * With FAULTS_DISK=NAME:MOST the disk of NAME's journal or store (or of the files whose paths hold FAULTS_DISK_FILE) gets full at another write in each life, from the first to the MOST-th, one after another; at the end NAME has room
 * again (tests/fault/shim/full_disk.c, LD_PRELOAD from FAULTS_SHIM).
 *
 * Prints "AGENTS AMID CONTROLLER MS": kills of agents, how many of them hit an agent with an unfinished task in its journal, kills of the controller, and milliseconds from
 * the last kill to now. ROLLCALL_AGENT and ROLLCALL_CONTROLLER are the programs. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/lite/lite.h"

#define VICTIMS_MAX 8
#define LOOK_MS     20 /* how often the rollout is looked at */

struct victim {
	char name[64], *pid_file, *log, *config, *journal; /* on the heap, for as long as this program lives */
	uint32_t life_ms, disk_most, disk_at; /* disk_most 0: its disk never gets full */
	pid_t pid;
	int64_t dies_at_us;
};

static struct {
	char *store;
	const char *rollout, *shim; /* shim NULL: no disk gets full */
	struct victim victims[VICTIMS_MAX];
	size_t n;
	unsigned long kills, amid, of_controller, wanted;
	uint64_t random;
	int64_t last_us;
} fleet;

static void die(const char *what, const char *why)
{
	fprintf(stderr, "killer: %s: %s\n", what, why);
	exit(1);
}

/* splitmix64: the same seed, the same lives, on every machine. */
static uint64_t next_random(void)
{
	uint64_t z = fleet.random += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* ---- processes ---- */

extern char **environ;

static void next_disk(struct victim *v)
{
	char text[64];
	v->disk_at = v->disk_at % v->disk_most + 1;
	const char *file = getenv("FAULTS_DISK_FILE");
	snprintf(text, sizeof text, "%s:%u", file ? file : str_eq(v->name, "controller") ? "store.db" : "journal.db", v->disk_at);
	setenv("ROLLCALL_DISK_FULL", text, 1);
	setenv("LD_PRELOAD", fleet.shim, 1);
}

static void spawn(struct victim *v)
{
	if (v->disk_most)
		next_disk(v);
	bool controller = str_eq(v->name, "controller");
	const char *program = getenv(controller ? "ROLLCALL_CONTROLLER" : "ROLLCALL_AGENT");
	const char *argv[] = {program ? program : "", "run", "--config", v->config, NULL};
	posix_spawn_file_actions_t files;
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, v->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
	int rc = posix_spawn(&v->pid, argv[0], &files, NULL, (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&files);
	unsetenv("LD_PRELOAD");
	if (rc != 0)
		die(argv[0], strerror(rc));
	v->dies_at_us = clock_mono_us() + (int64_t)(next_random() % ((uint64_t)v->life_ms * 1000 + 1));
}

/* A zombie that its own parent has not reaped yet is as dead. */
static bool is_alive(pid_t pid)
{
	char path[64];
	AUTO(buf_done) struct buf stat = BUF_INIT;
	struct err e = ERR_INIT;
	snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	if (file_read(path, 4096, &stat, &e) != 0)
		return false;
	const char *state = strrchr(buf_str(&stat), ')');
	return state && state[1] && state[2] != 'Z';
}

static void end(struct victim *v)
{
	kill(v->pid, SIGKILL);
	if (waitpid(v->pid, NULL, 0) >= 0)
		return;
	while (is_alive(v->pid)) /* another's child */
		clock_sleep_ms(1);
}

static void write_pid(const struct victim *v)
{
	char text[32];
	struct err e = ERR_INIT;
	snprintf(text, sizeof text, "%ld\n", (long)v->pid);
	if (file_write_atomic(v->pid_file, bytes_of_str(text), 0600, &e) != 0)
		die(v->pid_file, e.msg);
}

static void read_pid(struct victim *v)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	struct err e = ERR_INIT;
	if (file_read(v->pid_file, 64, &text, &e) != 0)
		die(v->name, e.msg);
	v->pid = (pid_t)strtol(buf_str(&text), NULL, 10);
	if (v->pid <= 1)
		die(v->pid_file, "no process id");
}

/* ---- what they are doing ---- */

/* The first column of the first row; -1 while the file is not there to be read. */
static int64_t ask(const char *file, const char *sql, const char *parameter)
{
	struct lite *l = NULL;
	struct lite_stmt *s = NULL;
	struct err e = ERR_INIT;
	bool row = false;
	int64_t value = -1;
	if (lite_open_readonly(file, &l, &e) == 0 && lite_prepare(l, sql, &s, &e) == 0) {
		if (parameter)
			lite_bind_text(s, 1, parameter);
		if (lite_step(s, &row, &e) == 0 && row)
			value = lite_int(s, 0);
	}
	lite_close(&l);
	return value;
}

static bool is_over(void)
{
	return ask(fleet.store, "SELECT final FROM rollout WHERE id = ?1", fleet.rollout) == 1;
}

static void kill_one(struct victim *v)
{
	end(v);
	fleet.kills++;
	if (str_eq(v->name, "controller"))
		fleet.of_controller++;
	else
		fleet.amid += ask(v->journal, "SELECT EXISTS (SELECT 1 FROM task WHERE state < 2)", NULL) == 1;
	fleet.last_us = clock_mono_us();
	spawn(v);
}

static struct victim *next_victim(void)
{
	struct victim *v = &fleet.victims[0];
	for (size_t i = 1; i < fleet.n; i++)
		if (fleet.victims[i].dies_at_us < v->dies_at_us)
			v = &fleet.victims[i];
	return v;
}

static void kill_until_over(void)
{
	int64_t look_at_us = 0;
	for (struct victim *v = next_victim(); fleet.kills < fleet.wanted; v = next_victim()) {
		int64_t now_us = clock_mono_us();
		if (now_us >= look_at_us) {
			if (is_over())
				return;
			look_at_us = clock_mono_us() + LOOK_MS * 1000;
		}
		int64_t ms = ((v->dies_at_us < look_at_us ? v->dies_at_us : look_at_us) - clock_mono_us()) / 1000;
		if (ms > 0)
			clock_sleep_ms((uint32_t)ms);
		if (clock_mono_us() + 1000 > v->dies_at_us)
			kill_one(v);
	}
}

/* ---- the command line ---- */

static char *path(const char *format, const char *dir, const char *name)
{
	struct buf text = BUF_INIT;
	buf_addf(&text, format, dir, name);
	return buf_take(&text);
}

static void add_victim(const char *dir, const char *arg)
{
	struct victim *v = &fleet.victims[fleet.n++];
	const char *colon = strchr(arg, ':');
	uint64_t life_ms = 0;
	struct err e = ERR_INIT;
	if (!colon || str_to_u64(colon + 1, "life", 1, 60000, &life_ms, &e) != 0)
		die(arg, "NAME:LIFE_MS is wanted");
	v->life_ms = (uint32_t)life_ms;
	snprintf(v->name, sizeof v->name, "%.*s", (int)(colon - arg), arg);
	v->pid_file = path("%s/%s.pid", dir, v->name);
	v->log = path("%s/%s.log", dir, v->name);
	v->config = path(str_eq(v->name, "controller") ? "%s/%s.yaml" : "%s/%s/agent.yaml", dir, v->name);
	v->journal = path("%s/%s/data/journal.db", dir, v->name);
	const char *disk = getenv("FAULTS_DISK");
	size_t n = strlen(v->name);
	if (disk && fleet.shim && strncmp(disk, v->name, n) == 0 && disk[n] == ':')
		v->disk_most = (uint32_t)strtoul(disk + n + 1, NULL, 10);
	read_pid(v);
	v->dies_at_us = clock_mono_us() + (int64_t)(next_random() % (life_ms * 1000));
}

static void make_room(struct victim *v)
{
	if (!v->disk_most)
		return;
	end(v);
	v->disk_most = 0;
	spawn(v);
}

static unsigned long number(const char *text, const char *what)
{
	uint64_t v = 0;
	struct err e = ERR_INIT;
	if (str_to_u64(text, what, 0, UINT64_MAX, &v, &e) != 0)
		die(what, e.msg);
	return (unsigned long)v;
}

int main(int argc, char **argv)
{
	if (argc < 6 || argc > 5 + VICTIMS_MAX)
		die("usage", "killer FLEET ROLLOUT KILLS SEED NAME:LIFE_MS...");
	fleet.store = path("%s/%s/store.db", argv[1], "controller");
	fleet.rollout = argv[2];
	fleet.shim = getenv("FAULTS_SHIM");
	fleet.wanted = number(argv[3], "KILLS");
	fleet.random = number(argv[4], "SEED");
	fleet.last_us = clock_mono_us();
	for (int i = 5; i < argc; i++)
		add_victim(argv[1], argv[i]);
	kill_until_over();
	for (size_t i = 0; i < fleet.n; i++)
		make_room(&fleet.victims[i]);
	for (size_t i = 0; i < fleet.n; i++)
		write_pid(&fleet.victims[i]);
	printf("%lu %lu %lu %lld\n", fleet.kills - fleet.of_controller, fleet.amid, fleet.of_controller,
	       (long long)(clock_mono_us() - fleet.last_us) / 1000);
	return 0;
}
