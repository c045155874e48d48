/* `rollcall init` and `rollcall lint`. */
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/cli/table.h"
#include "common/wire/limits.h"
#include "controller/cli/commands.h"
#include "controller/release/build.h"
#include "controller/release/init.h"
#include "controller/release/open.h"

static const char *folder_of(const struct cmd_args *a)
{
	return cmd_argument_count(a) ? cmd_argument(a, 0) : ".";
}

static void table_done(struct table **t)
{
	table_destroy(t);
}

static int run_init(const struct cmd_args *a, struct err *e)
{
	const char *const *engines;
	size_t n = cmd_option_values(a, "engine", &engines);
	if (init_project(folder_of(a), cmd_option_value(a, "name"), engines, n, e) != 0)
		return -1;
	AUTO(table_done) struct table *t = table_new("file");
	for (size_t i = 0; init_file(i); i++)
		table_rowf(t, "%s/%s", folder_of(a), init_file(i));
	table_print(t, cmd_output(a), "files", stdout);
	output_say("next: rollcall lint %s", folder_of(a));
	return EXIT_DONE;
}

static const char *number(struct arena *a, uint32_t line)
{
	return line ? arena_printf(a, "%u", line) : NULL;
}

static const char *level_word(const struct finding *f)
{
	return f->suppressed ? "suppressed" : gate_level_name(f->level);
}

/* As compilers say it, so that editors find the place. */
static void print_lines(const struct build *b, bool all)
{
	AUTO(buf_done) struct buf out = BUF_INIT;
	for (size_t i = 0; i < b->findings.n; i++) {
		const struct finding *f = &b->findings.list[i];
		if (f->suppressed && !all)
			continue;
		output_add_visible(&out, f->file);
		if (f->line)
			buf_addf(&out, ":%u", f->line);
		buf_addf(&out, ": %s: ", level_word(f));
		output_add_visible(&out, f->what);
		buf_adds(&out, ": ");
		output_add_visible(&out, f->suppressed ? f->suppressed : f->todo);
		buf_addf(&out, " [%s]\n", f->rule);
	}
	fputs(buf_str(&out), stdout);
	fflush(stdout);
}

static void print_findings(const struct build *b, bool all, enum output_format format)
{
	if (format == OUTPUT_TABLE) {
		print_lines(b, all);
		return;
	}
	AUTO(table_done) struct table *t = table_new("file,#line,level,rule,changeset,what,what-to-do,+why,+suppressed");
	for (size_t i = 0; i < b->findings.n; i++) {
		const struct finding *f = &b->findings.list[i];
		if (f->suppressed && !all)
			continue;
		const char *cells[] = {f->file,      number(b->findings.arena, f->line), level_word(f), f->rule, f->changeset, f->what, f->todo, f->why,
		                       f->suppressed};
		table_row(t, cells);
	}
	table_print(t, format, "findings", stdout);
}

static void print_gates(enum output_format format)
{
	AUTO(table_done) struct table *t = table_new("rule,level,title,+why,+what-to-do");
	for (const struct gate *g = gates; g->id; g++) {
		const char *cells[] = {g->id, gate_level_name(g->level), g->title, g->why, g->todo};
		table_row(t, cells);
	}
	table_print(t, format, "gates", stdout);
}

/* What --against names, or the latest in the project's releases folder. */
static int load_previous(const char *folder, const char *against, struct arena *a, struct release *r, const struct release **ret, struct err *e)
{
	const char *path = NULL;
	struct envelope env;
	*ret = NULL;
	if (against) {
		if (release_open(against, a, &env, r, e) != 0)
			return -1;
		*ret = r;
		return 0;
	}
	if (release_latest(arena_printf(a, "%s/%s", folder, PROJECT_RELEASES_FOLDER), a, &path, r, e) != 0)
		return -1;
	*ret = path ? r : NULL;
	return 0;
}

static int run_lint(const struct cmd_args *a, struct err *e)
{
	AUTO(arena_destroy) struct arena *arena = arena_new(4 * LIMIT_ARENA_DOCUMENT);
	AUTO(build_done) struct build b = {0};
	struct release previous;
	struct build_options o = {
	    .folder = folder_of(a), .environment = cmd_option_value(a, "environment"), .pack = {.version = "lint", .now_us = clock_wall_us()}};
	if (cmd_option_given(a, "gates")) {
		print_gates(cmd_output(a));
		return EXIT_DONE;
	}
	if (load_previous(o.folder, cmd_option_value(a, "against"), arena, &previous, &o.previous, e) != 0 || build_project(&o, &b, e) != 0)
		return -1;
	print_findings(&b, cmd_option_given(a, "all"), cmd_output(a));
	size_t errors = findings_count(&b.findings, GATE_ERROR), warnings = findings_count(&b.findings, GATE_WARN);
	output_say("%zu changesets, %zu errors, %zu warnings", b.release.n_changesets, errors, warnings);
	return errors ? EXIT_FAILED : EXIT_DONE;
}

static const struct cmd_option init_options[] = {
    {"name", 0, "NAME", "the project's name (default: the folder's)", false, false},
    {"engine", 0, "ENGINE", "postgresql, mariadb or sqlite; may be repeated (default: all three)", true, false},
    {0},
};

static const struct cmd_option lint_options[] = {
    {"against", 0, "RELEASE", "a release file that was rolled out before (default: the highest sequence in releases/)", false, false},
    {"environment", 0, "NAME", "take the gate levels of this environment (default: the strictest of the pipeline)", false, false},
    {"all", 0, NULL, "show suppressed findings too", false, false},
    {"gates", 0, NULL, "list the gates and their usual levels instead", false, false},
    {0},
};

const struct cmd project_commands[] = {
    {"init", "[FOLDER]", "Write a complete sample project", "Never overwrites: when one of the files is there, nothing is written.",
     "rollcall init shop\nrollcall init shop --engine postgresql", init_options, run_init, 0, 1},
    {"lint", "[FOLDER]", "Read all changes and run the gates over them",
     "Prints a line for each finding (-o wide: a table, with the reasons) and exits 1 when one of level error stands. Levels are set in "
     "rollcall.yaml; --lint-ignore RULE reason:\"...\" in a "
     "changeset suppresses a rule there.",
     "rollcall lint\nrollcall lint shop --against shop/releases/shop-1.0.0.release -o json", lint_options, run_lint, 0, 1},
    {0},
};
