/* Commands as data: one const table a program, rows of {path, options, example, run}. Parsing, --help with an example everywhere, exit codes and unknown-option messages
 * come from the table, so that help and behaviour cannot drift apart. */
#ifndef COMMON_CLI_CMD_H
#define COMMON_CLI_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_WAITING = 3, /* waiting for approval */
	EXIT_TARGETS = 4, /* some targets failed */
	EXIT_ATTENTION = 5, /* unknown outcome or needs attention */
	EXIT_REFUSED = 6, /* by signature or policy */
	EXIT_UNREACHABLE = 7, /* controller */
	EXIT_TIMED_OUT = 8, /* --wait */
	EXIT_INTERRUPTED = 130
};

struct cmd_option {
	const char *name; /* without dashes */
	char letter; /* 0: none */
	const char *value; /* "FILE", "N", ...; NULL: a flag */
	const char *help; /* one sentence; default and unit in it */
	bool repeat; /* may be given several times */
	bool required;
};

struct cmd_args;

struct cmd {
	const char *path; /* "release build" */
	const char *arguments; /* "RELEASE", "[FOLDER]", "TARGET..."; NULL: none */
	const char *summary; /* one line, imperative */
	const char *details; /* more, may be NULL */
	const char *example; /* one or more command lines, required */
	const struct cmd_option *options; /* ends with {0}; NULL: none. -o/--output and -h/--help belong to every command */
	/* An exit code >= 0, or -1 with *e set: printed as "rollcall: ..." and mapped by its code (cmd_exit_code). */
	int (*run)(const struct cmd_args *a, struct err *e);
	size_t min_arguments, max_arguments; /* max 0 with arguments NULL: none */
};

struct cmd_program {
	const char *name, *purpose, *version;
	const struct cmd *const *groups; /* NULL-terminated list of tables; each ends with a row of path NULL */
};

/* Runs main(): parse, dispatch, print errors to stderr. Returns the process's exit code. Never blocks by itself. */
int cmd_main(const struct cmd_program *p, int argc, char **argv);

const char *cmd_option_value(const struct cmd_args *a,
                             const char *name); /* the last one; NULL when absent. Naming an option that the table lacks aborts */
size_t cmd_option_values(const struct cmd_args *a, const char *name, const char *const **ret);
bool cmd_option_given(const struct cmd_args *a, const char *name);
/* The option as a number or as a time ("15m"); ERR_USAGE names it when it is none. *ret stays as it is when the option is absent. */
int cmd_option_number(const struct cmd_args *a, const char *name, uint64_t min, uint64_t max, uint64_t *ret, struct err *e) MUST_CHECK;
int cmd_option_duration(const struct cmd_args *a, const char *name, uint64_t *ret_ms, struct err *e) MUST_CHECK;
size_t cmd_argument_count(const struct cmd_args *a);
const char *cmd_argument(const struct cmd_args *a, size_t i); /* NULL past the end */

enum exit_code cmd_exit_code(enum err_code code);

/* A passphrase: from --passphrase-file, else $ROLLCALL_PASSPHRASE_FILE, else asked on the terminal without echo (twice when `confirm`). ERR_KEY without a terminal. */
struct secret;
int cmd_passphrase(const char *file, const char *prompt, bool confirm, struct secret **ret, struct err *e) MUST_CHECK;

#endif
