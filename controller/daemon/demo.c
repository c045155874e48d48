/* The demo's frame: a folder of its own, narration, running the command line, and an end that leaves nothing behind, however it is reached. */
#include "controller/daemon/demo.h"

#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/cli/cmd.h"
#include "common/cli/table.h"
#include "controller/daemon/demo_impl.h"

#define CLI_TIMEOUT_MS 180000
#define CLI_WORDS_MAX  32
#define STOP_MS        10000

/* ---- narration ---- */

static void emphasis(const char *on)
{
	if (output_has_colour(stdout))
		fputs(on, stdout);
}

void demo_heading(struct demo *d, const char *fmt, ...)
{
	char took[CLOCK_TEXT_SIZE];
	va_list ap;
	putchar('\n');
	emphasis("\033[1m");
	fputs("== ", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	emphasis("\033[0m");
	printf("  (%s)\n", clock_duration_text(clock_mono_us() - d->started_at_us, took));
	fflush(stdout);
}

void demo_say(struct demo *d, const char *fmt, ...)
{
	va_list ap;
	if (d->quiet)
		return;
	fputs("   ", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

void demo_claim(struct demo *d, bool holds, const char *fmt, ...)
{
	va_list ap;
	d->claims++;
	d->broken += !holds;
	emphasis(holds ? "\033[32m" : "\033[31m");
	fputs(holds ? "   [true]   " : "   [FALSE]  ", stdout);
	emphasis("\033[0m");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

/* ---- the command line ---- */

struct echo {
	bool at_line_start;
};

static void echo_indented(void *arg, const char *text, size_t n)
{
	struct echo *echo = arg;
	for (size_t i = 0; i < n; i++) {
		if (echo->at_line_start && text[i] != '\n')
			fputs("       ", stdout);
		putchar(text[i]);
		echo->at_line_start = text[i] == '\n';
	}
	fflush(stdout);
}

static int run_cli(struct demo *d, const struct process_run *how, const char *const *words, const char *const *more, struct buf *out, int *ret_code,
                   struct err *e)
{
	const char *argv[CLI_WORDS_MAX] = {arena_printf(d->arena, "%s/rollcall", d->bin)};
	struct process_run run = *how;
	size_t n = 1;
	for (; *words && n + 1 < CLI_WORDS_MAX; words++)
		argv[n++] = *words;
	for (; more && *more && n + 1 < CLI_WORDS_MAX; more++)
		argv[n++] = *more;
	run.argv = argv;
	run.timeout_ms = CLI_TIMEOUT_MS;
	return process_run(&run, out, ret_code, e);
}

static void show_command(const struct demo *d, const char *const *words)
{
	if (d->quiet)
		return;
	emphasis("\033[36m");
	fputs("   $ rollcall", stdout);
	for (; *words; words++)
		printf(strchr(*words, ' ') ? " '%s'" : " %s", *words);
	emphasis("\033[0m");
	putchar('\n');
	fflush(stdout);
}

int demo_cli(struct demo *d, int code, const char *const *words, struct err *e)
{
	AUTO(buf_done) struct buf out = BUF_INIT;
	struct echo echo = {.at_line_start = true};
	const struct process_run how = {.echo = d->quiet ? NULL : echo_indented, .echo_arg = &echo};
	int got = 0;
	show_command(d, words);
	if (run_cli(d, &how, words, NULL, &out, &got, e) != 0)
		return -1;
	if (got != EXIT_DONE)
		demo_say(d, "    exit code %d", got);
	if (got == code)
		return 0;
	return err_set(e, ERR_STATE, "'rollcall %s %s' ended with exit code %d instead of %d: %.1000s", words[0], words[1] ? words[1] : "", got, code,
	               buf_str(&out));
}

int demo_ask(struct demo *d, const char *const *words, int *ret_code, json_t **ret_json, struct err *e)
{
	static const char *const as_json[] = {"-o", "json", NULL};
	AUTO(buf_done) struct buf out = BUF_INIT;
	const struct process_run how = {.drop_stderr = true};
	json_error_t je;
	int code = 0;
	if (run_cli(d, &how, words, as_json, &out, &code, e) != 0)
		return -1;
	json_t *j = json_loadb(buf_str(&out), out.n, 0, &je);
	if (!j)
		return err_set(e, ERR_LINK, "'rollcall %s %s' gave no answer (exit code %d)", words[0], words[1] ? words[1] : "", code);
	if (ret_code)
		*ret_code = code;
	*ret_json = j;
	return 0;
}

int demo_pause(int ms, struct err *e)
{
	int64_t end = clock_mono_us() + (int64_t)ms * 1000;
	do {
		if (process_interrupted)
			return err_set(e, ERR_STATE, "interrupted");
		poll(NULL, 0, ms < 50 ? ms : 50);
	} while (clock_mono_us() < end);
	return 0;
}

long demo_number(struct demo *d, const struct tenant *t, const char *sql)
{
	AUTO(buf_done) struct buf value = BUF_INIT;
	struct err e = ERR_INIT;
	int64_t n = 0;
	if (d->engine->sql(d, t, sql, &value, &e) != 0 || str_to_i64(buf_str(&value), "number", INT64_MIN, INT64_MAX, &n, &e) != 0)
		return -1;
	return (long)n;
}

/* ---- programs ---- */

int demo_start_controller(struct demo *d, struct err *e)
{
	const char *argv[] = {arena_printf(d->arena, "%s/rollcall-controller", d->bin), "run", "--config",
	                      arena_printf(d->arena, "%s/controller/controller.yaml", d->dir), NULL};
	return process_start(&d->controller, argv, arena_printf(d->arena, "%s/logs/controller.log", d->dir), e);
}

int demo_start_agent(struct demo *d, size_t site, struct err *e)
{
	const char *argv[] = {arena_printf(d->arena, "%s/rollcall-agent", d->bin), "run", "--config",
	                      arena_printf(d->arena, "%s/agents/%s/agent.yaml", d->dir, demo_sites[site]), NULL};
	return process_start(&d->agents[site], argv, arena_printf(d->arena, "%s/logs/agent-%s.log", d->dir, demo_sites[site]), e);
}

static int find_programs(struct demo *d, struct err *e)
{
	static const char *const names[] = {"rollcall", "rollcall-controller", "rollcall-agent"};
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n <= 0)
		return err_set_errno(e, "/proc/self/exe");
	self[n] = '\0';
	d->bin = arena_strdup(d->arena, dirname(self));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (access(arena_printf(d->arena, "%s/%s", d->bin, names[i]), X_OK) != 0)
			return err_set(e, ERR_NOT_FOUND, "%s/%s is not there: the demo starts the programs beside its own; build or install all three", d->bin,
			               names[i]);
	return 0;
}

/* ---- the folder ---- */

static int make_folder(struct demo *d, const char *keep, struct err *e)
{
	const char *tmp = getenv("TMPDIR");
	if (!keep) {
		char *dir = arena_printf(d->arena, "%s/rollcall-demo-XXXXXX", str_empty(tmp) ? "/tmp" : tmp);
		if (!mkdtemp(dir))
			return err_set_errno(e, "%s", dir);
		d->dir = dir;
		return 0;
	}
	if (mkdir(keep, 0700) != 0)
		return errno == EEXIST ? err_set(e, ERR_EXISTS, "--keep %s: exists already: name a folder that does not", keep)
		                       : err_set_errno(e, "--keep %s", keep);
	AUTO(mem_free_ptr) char *full = realpath(keep, NULL);
	if (!full)
		return err_set_errno(e, "--keep %s", keep);
	d->dir = arena_strdup(d->arena, full);
	d->keep = true;
	return 0;
}

/* Everything that runs is stopped before the folder goes; in the order in which nobody complains. */
static void demo_done(struct demo *d)
{
	struct err e = ERR_INIT;
	for (size_t i = 0; i < DEMO_SITES; i++)
		process_stop(&d->agents[i], STOP_MS);
	process_stop(&d->controller, STOP_MS);
	process_stop(&d->server, STOP_MS);
	if (chdir("/") != 0 || (d->dir && !d->keep && file_remove_tree(d->dir, &e) != 0) || (d->server_apart && file_remove_tree(d->server_dir, &e) != 0))
		fprintf(stderr, "rollcall: demo: its folder could not be removed: %s\n", e.msg);
	arena_destroy(&d->arena);
}

/* What the tool finds in its environment is the demo's, not the caller's. */
static int enter_folder(struct demo *d, struct err *e)
{
	if (chdir(d->dir) != 0)
		return err_set_errno(e, "%s", d->dir);
	setenv("ROLLCALL_CONFIG", arena_printf(d->arena, "%s/config.yaml", d->dir), 1);
	setenv("ROLLCALL_PASSPHRASE_FILE", arena_printf(d->arena, "%s/keys/passphrase", d->dir), 1);
	unsetenv("ROLLCALL_CONTROLLER");
	return 0;
}

static void say_where(struct demo *d)
{
	if (!d->keep)
		return;
	demo_say(d, "Everything is still in %s. To look around, start it again:", d->dir);
	demo_say(d, "  cd %s; export PATH=%s:$PATH ROLLCALL_CONFIG=$PWD/config.yaml ROLLCALL_PASSPHRASE_FILE=$PWD/keys/passphrase", d->dir, d->bin);
	demo_say(d, "  rollcall-controller run --config controller/controller.yaml 2>>logs/controller.log &");
	for (size_t i = 0; i < DEMO_SITES; i++)
		demo_say(d, "  rollcall-agent run --config agents/%s/agent.yaml 2>>logs/agent-%s.log &", demo_sites[i], demo_sites[i]);
	demo_say(d, "  rollcall status; rollcall rollout list; rollcall history; rollcall-agent status --config agents/%s/agent.yaml", demo_sites[0]);
}

static void print_end(struct demo *d)
{
	char took[CLOCK_TEXT_SIZE];
	demo_heading(d, "The end");
	if (!d->keep)
		demo_say(d, "Processes are stopped and the folder is removed; 'rollcall demo --keep DIR' leaves it to look around in.");
	say_where(d);
	printf("   %u of %u claims held, in %s\n", d->claims - d->broken, d->claims, clock_duration_text(clock_mono_us() - d->started_at_us, took));
}

/* The logs say what a failed start or a broken claim does not. */
static void print_log_tails(const struct demo *d)
{
	static const char *const names[] = {"controller", "agent-eu", "agent-us", "agent-ap"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(buf_done) struct buf text = BUF_INIT;
		struct err e = ERR_INIT;
		const char *path = arena_printf(d->arena, "%s/logs/%s.log", d->dir, names[i]);
		if (file_read(path, (size_t)64 * 1024 * 1024, &text, &e) != 0 || !text.n)
			continue;
		size_t from = text.n > 3000 ? text.n - 3000 : 0;
		fprintf(stderr, "---- the end of %s.log\n%s\n", names[i], text.p + from);
	}
}

static int play(struct demo *d, const struct demo_options *o, struct err *e)
{
	if (find_programs(d, e) != 0 || make_folder(d, o->keep, e) != 0 || enter_folder(d, e) != 0)
		return -1;
	printf("Rollcall demo: one controller, three agents, twelve %s tenants in %s\n", d->engine->people, d->dir);
	if (demo_setup(d, e) != 0 || demo_story(d, e) != 0) {
		if (!process_interrupted)
			print_log_tails(d);
		return -1;
	}
	print_end(d);
	if (d->broken)
		print_log_tails(d);
	return 0;
}

int demo_run(const struct demo_options *o, struct err *e)
{
	AUTO(demo_done)
	struct demo d = {
	    .engine = demo_engine_find(o->engine), .quiet = o->check, .started_at_us = clock_mono_us(), .arena = arena_new((size_t)64 * 1024 * 1024)};
	if (!d.engine)
		return err_set(e, ERR_INTERNAL, "the demo knows no engine '%s'", o->engine);
	process_catch_signals();
	int rc = play(&d, o, e);
	if (process_interrupted) {
		fprintf(stderr, "\ninterrupted: stopping the demo's processes%s\n", d.keep ? "" : " and removing its folder");
		return EXIT_INTERRUPTED;
	}
	if (rc != 0)
		return err_wrap(e, "demo");
	return d.broken ? EXIT_FAILED : EXIT_DONE;
}
