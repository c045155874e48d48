/* Inside common/cli only: the parsed command line, and what parse.c, help.c and suggest.c give to cmd.c. */
#ifndef COMMON_CLI_PARSE_H
#define COMMON_CLI_PARSE_H

#include "common/base/buf.h"
#include "common/cli/cmd.h"
#include "common/cli/table.h"

struct option_values {
	const struct cmd_option *option;
	const char **values; /* NULL for flags */
	size_t n, cap; /* n counts flags too */
};

struct cmd_args {
	const struct cmd_program *program;
	const struct cmd *cmd;
	struct option_values *options; /* one for each row of the command's options */
	size_t n_options;
	const char **arguments;
	size_t n_arguments, cap_arguments;
	enum output_format format;
	bool help;
};

void cmd_args_done(struct cmd_args *a);

/* Everything after the command's words: options and arguments in any order, "--" ends the options. ERR_USAGE. */
int cmd_parse(struct cmd_args *a, int argc, char **argv, struct err *e) MUST_CHECK;
/* One of the options that every command has (-o, -h), at argv[*i]; *ret_taken says whether it was one. */
int cmd_parse_common(struct cmd_args *a, int argc, char **argv, int *i, bool *ret_taken, struct err *e) MUST_CHECK;

void help_program(const struct cmd_program *p, struct buf *ret);
void help_group(const struct cmd_program *p, const char *group, struct buf *ret);
void help_command(const struct cmd_program *p, const struct cmd *c, struct buf *ret);

/* The candidate nearest to `word` by edit distance, NULL when none is near enough to be meant. */
struct suggest {
	const char *word, *best;
	size_t distance;
};
void suggest_init(struct suggest *s, const char *word);
void suggest_try(struct suggest *s, const char *candidate);

/* The words of "release build": how many, and whether argv starts with all of them. */
size_t path_words(const char *path);
bool path_matches(const char *path, int argc, char **argv);
/* The first word equals `group`, whatever follows. */
bool path_in_group(const char *path, const char *group);

#define CMD_EACH(p, c)                                                     \
	for (const struct cmd *const *group_ = (p)->groups; *group_; group_++) \
		for (const struct cmd *c = *group_; c->path; c++)

#endif
