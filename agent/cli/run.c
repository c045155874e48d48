/* `rollcall-agent run` and `rollcall-agent status`. */
#include <malloc.h>
#include <stdio.h>

#include "agent/cli/commands.h"
#include "agent/daemon/loop.h"
#include "agent/journal/journal.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/cli/table.h"

#define STATUS_ARENA ((size_t)512 * 1024 * 1024)

static int run_run(const struct cmd_args *a, struct err *e)
{
	AUTO(agent_config_done) struct agent_config c = {0};
	enum log_level level = LOG_LEVEL_INFO;
	if (cmd_option_given(a, "log") && log_level_parse(cmd_option_value(a, "log"), &level, e) != 0)
		return -1;
	log_open("rollcall-agent", level);
	if (agent_config_load(cmd_option_value(a, "config"), &c, e) != 0)
		return -1;
	malloc_trim(0); /* the file's trees are gone */
	return agent_run(&c, e) == 0 ? EXIT_DONE : -1;
}

static const char *state_text(enum task_state s)
{
	switch (s) {
	case TASK_ACCEPTED:
		return "accepted";
	case TASK_RUNNING:
		return "running";
	case TASK_FINISHED:
		return "finished";
	}
	return "unknown";
}

static int show_tasks(struct journal *j, struct table *t, size_t *ret_n, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(STATUS_ARENA);
	struct task *open = NULL;
	char id[TASK_SIZE * 2 + 1], deadline[CLOCK_TEXT_SIZE];
	if (journal_open_tasks(j, a, &open, ret_n, e) != 0)
		return -1;
	for (size_t i = 0; i < *ret_n; i++)
		table_rowf(t, "%s\t%s\t%s\t%u\t%s\t%s", open[i].target, state_text(open[i].state), direction_name(open[i].direction), open[i].attempt,
		           clock_text(open[i].deadline_us, deadline), bytes_to_hex(bytes_of(open[i].id, TASK_SIZE), id));
	return 0;
}

static int run_status(const struct cmd_args *a, struct err *e)
{
	AUTO(agent_config_done) struct agent_config c = {0};
	AUTO(journal_close) struct journal *j = NULL;
	AUTO(table_destroy) struct table *t = table_new("target,state,direction,#attempt,deadline,+task");
	size_t n = 0;
	if (agent_config_load(cmd_option_value(a, "config"), &c, e) != 0)
		return -1;
	AUTO(mem_free_ptr) char *path = file_join(c.data_dir, AGENT_JOURNAL_FILE);
	if (!file_exists(path))
		return err_set(e, ERR_NOT_FOUND, "%s: no journal: this agent has not run yet; start it with 'rollcall-agent run --config %s'", path, c.path);
	if (journal_open(path, &j, e) != 0 || show_tasks(j, t, &n, e) != 0)
		return -1;
	table_print(t, cmd_output(a), "tasks", stdout);
	uint64_t last = journal_last_report(j), unacked = last + 1 - journal_first_unacked(j), unclassified = 0;
	if (journal_number(j, "unclassified_errors", &unclassified, e) != 0)
		return -1;
	fprintf(stderr,
	        "agent %s: %zu open tasks, %llu reports written, %llu not acknowledged by the controller yet, %llu errors of unclassified codes\n",
	        c.name, n, (unsigned long long)last, (unsigned long long)unacked, (unsigned long long)unclassified);
	return EXIT_DONE;
}

static const struct cmd_option run_options[] = {
    {.name = "config", .letter = 'c', .value = "FILE", .help = "agent.yaml", .required = true},
    {.name = "log", .value = "LEVEL", .help = "error, warn, info or debug; default: info"},
    {0},
};
static const struct cmd_option status_options[] = {
    {.name = "config", .letter = 'c', .value = "FILE", .help = "agent.yaml", .required = true},
    {0},
};

const struct cmd run_commands[] = {
    {
        .path = "run",
        .summary = "Serve the targets of agent.yaml until SIGTERM",
        .details =
            "On SIGTERM or SIGINT nothing new is begun and running deliveries end between two steps. A second signal cancels the running statements.",
        .example = "rollcall-agent run --config /etc/rollcall/agent.yaml",
        .options = run_options,
        .run = run_run,
    },
    {
        .path = "status",
        .summary = "Show what the journal holds: open tasks and unsent reports",
        .example = "rollcall-agent status --config /etc/rollcall/agent.yaml",
        .options = status_options,
        .run = run_status,
    },
    {0},
};
