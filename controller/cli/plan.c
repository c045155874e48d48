/* `rollcall plan check`: a plan alone, and against the project's pipeline. */
#include <inttypes.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/cli/table.h"
#include "common/wire/limits.h"
#include "controller/cli/commands.h"
#include "controller/plan/plan.h"
#include "controller/release/project.h"

#define PLAN_ARENA ((size_t)16 * 1024 * 1024)

static void print_waves(const struct plan *p, struct arena *a, enum output_format f)
{
	AUTO(table_destroy)
	struct table *t = table_new("environment,wave,selector,size,#max-parallel,max-failures,min-success,on-failure,#soak-s,unreachable");
	for (size_t i = 0; i < p->n_environments; i++)
		for (size_t k = 0; k < p->environments[i].n_waves; k++) {
			const struct plan_wave *w = &p->environments[i].waves[k];
			char size[16], failures[16], success[16], parallel[16], soak[24], after[CLOCK_TEXT_SIZE];
			snprintf(parallel, sizeof parallel, "%" PRIu32, w->max_parallel);
			snprintf(soak, sizeof soak, "%" PRIu64, w->soak_ms / 1000);
			const char *cells[] = {
			    p->environments[i].name,
			    w->name,
			    w->selector_text[0] ? w->selector_text : NULL,
			    limit_text(w->size, size),
			    parallel,
			    limit_text(w->max_failures, failures),
			    limit_text(w->min_success, success),
			    on_failure_name(w->on_failure),
			    soak,
			    w->defer_after_ms ? arena_printf(a, "defer after %s", clock_duration_text((int64_t)w->defer_after_ms * 1000, after)) : "wait"};
			table_row(t, cells);
		}
	table_print(t, f, "waves", stdout);
}

/* --project, or the folder above the plan's when that is a project's. */
static const char *project_folder(const struct cmd_args *a, const char *path, struct arena *arena)
{
	const char *folder = cmd_option_value(a, "project"), *slash = strrchr(path, '/');
	if (folder)
		return folder;
	const char *guess = slash ? arena_printf(arena, "%.*s/..", (int)(slash - path), path) : "..";
	return file_exists(arena_printf(arena, "%s/%s", guess, PROJECT_FILE)) ? guess : file_exists(PROJECT_FILE) ? "." : NULL;
}

static int run_check(const struct cmd_args *a, struct err *e)
{
	const char *path = cmd_argument(a, 0);
	AUTO(arena_destroy) struct arena *arena = arena_new(PLAN_ARENA);
	AUTO(buf_done) struct buf text = BUF_INIT;
	struct plan p;
	struct project project;
	if (file_read(path, LIMIT_YAML, &text, e) < 0 || plan_parse(path, buf_bytes(&text), arena, &p, e) < 0)
		return -1;
	const char *folder = project_folder(a, path, arena);
	if (folder) {
		if (project_load(folder, arena, &project, e) < 0 ||
		    plan_check_pipeline(&p, buf_bytes(&text), (const char *const *)project.pipeline, project.n_pipeline, e) < 0)
			return -1;
	} else {
		output_say("no %s beside the plan: its environments were not checked against a pipeline", PROJECT_FILE);
	}
	print_waves(&p, arena, cmd_output(a));
	output_say("the first wave of an environment grows beyond its size where that is too small for one target of each engine and major version");
	return EXIT_DONE;
}

static const struct cmd_option options[] = {
    {"project", 0, "FOLDER", "the folder of rollcall.yaml (default: above the plan's folder, or the present one)", false, false},
    {0},
};

const struct cmd plan_commands[] = {
    {.path = "plan check",
     .arguments = "PLAN",
     .summary = "Check a plan and show its waves with every default filled in",
     .example = "rollcall plan check plans/production.yaml",
     .options = options,
     .run = run_check,
     .min_arguments = 1,
     .max_arguments = 1},
    {0},
};
