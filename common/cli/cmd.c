/* Dispatch: finds the command in the program's tables, has it parsed, runs it, prints its error and turns it into an exit code.
 * One command runs in a process; nothing here is shared between threads. */
#include "common/cli/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/cli/parse.h"

size_t path_words(const char *path)
{
	size_t n = *path != '\0';
	for (; *path; path++)
		n += *path == ' ';
	return n;
}

bool path_matches(const char *path, int argc, char **argv)
{
	for (int i = 0; *path; i++) {
		size_t n = strcspn(path, " ");
		if (i >= argc || strlen(argv[i]) != n || memcmp(argv[i], path, n) != 0)
			return false;
		path += n + (path[n] == ' ');
	}
	return true;
}

bool path_in_group(const char *path, const char *group)
{
	size_t n = strcspn(path, " ");
	return strlen(group) == n && memcmp(path, group, n) == 0;
}

enum exit_code cmd_exit_code(enum err_code code)
{
	switch (code) {
	case ERR_NONE:
		return EXIT_DONE;
	case ERR_USAGE:
		return EXIT_USAGE;
	case ERR_SIGNATURE:
	case ERR_POLICY:
		return EXIT_REFUSED;
	case ERR_LINK:
		return EXIT_UNREACHABLE;
	case ERR_TIMEOUT:
		return EXIT_TIMED_OUT;
	case ERR_UNKNOWN:
		return EXIT_ATTENTION;
	case ERR_PARSE:
	case ERR_IO:
	case ERR_NOT_FOUND:
	case ERR_EXISTS:
	case ERR_LIMIT:
	case ERR_KEY:
	case ERR_STATE:
	case ERR_DB:
	case ERR_DB_CONNECT:
	case ERR_INTERNAL:
	case ERR_CODE_COUNT:
		return EXIT_FAILED;
	}
	return EXIT_FAILED;
}

/* A message may hold text from a peer or a database: control characters must not reach the terminal. */
static void print_message(const char *program, const char *msg)
{
	output_say("%s: %s", program, msg);
}

static int usage_failed(const struct cmd_program *p, const char *path, const struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	const char *sep = str_empty(path) ? "" : " ";
	buf_addf(&b, "%s%s%s%s '%s%s%s --help'", path, *sep ? ": " : "", e->msg, str_ends(e->msg, "?") ? " See" : "; see", p->name, sep, path);
	print_message(p->name, b.p);
	return EXIT_USAGE;
}

static int print_help(const struct buf *text, FILE *out, int code)
{
	fputs(buf_str(text), out);
	return code;
}

/* The longest path that the words begin with: "trust" must not hide "trust show". */
static const struct cmd *find_command(const struct cmd_program *p, int argc, char **argv)
{
	const struct cmd *best = NULL;
	CMD_EACH(p, c)
	{
		if (path_matches(c->path, argc, argv) && (!best || path_words(c->path) > path_words(best->path)))
			best = c;
	}
	return best;
}

static bool is_group(const struct cmd_program *p, const char *word)
{
	CMD_EACH(p, c)
	{
		if (path_words(c->path) > 1 && path_in_group(c->path, word))
			return true;
	}
	return false;
}

static int unknown_in_group(const struct cmd_program *p, const char *group, const char *word)
{
	struct err e = ERR_INIT;
	struct suggest s;
	suggest_init(&s, word);
	CMD_EACH(p, c)
	{
		if (path_words(c->path) > 1 && path_in_group(c->path, group))
			suggest_try(&s, c->path + strlen(group) + 1);
	}
	if (s.best)
		err_set(&e, ERR_USAGE, "unknown command '%s': did you mean '%s %s'?", word, group, s.best);
	else
		err_set(&e, ERR_USAGE, "unknown command '%s'", word);
	return usage_failed(p, group, &e);
}

static int unknown_command(const struct cmd_program *p, const char *word)
{
	AUTO(buf_done) struct buf first = BUF_INIT;
	char best[64] = "";
	struct err e = ERR_INIT;
	struct suggest s;
	suggest_init(&s, word);
	CMD_EACH(p, c)
	{
		buf_clear(&first);
		buf_add(&first, c->path, strcspn(c->path, " "));
		suggest_try(&s, buf_str(&first));
		if (s.best == first.p)
			str_copy(best, sizeof best, s.best); /* the buffer is written over for the next one */
		s.best = NULL;
	}
	if (*best)
		err_set(&e, ERR_USAGE, "unknown command '%s': did you mean '%s'?", word, best);
	else
		err_set(&e, ERR_USAGE, "unknown command '%s'", word);
	return usage_failed(p, "", &e);
}

/* `help`, `help release`, `help release build`. */
static int run_help(const struct cmd_program *p, int argc, char **argv)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	const struct cmd *c = argc ? find_command(p, argc, argv) : NULL;
	if (c && path_words(c->path) == (size_t)argc)
		help_command(p, c, &text);
	else if (argc == 1 && is_group(p, argv[0]))
		help_group(p, argv[0], &text);
	else if (argc == 0)
		help_program(p, &text);
	else
		return argc > 1 && is_group(p, argv[0]) ? unknown_in_group(p, argv[0], argv[1]) : unknown_command(p, argv[0]);
	return print_help(&text, stdout, EXIT_DONE);
}

/* No command's words were there: a group alone, an unknown word, or nothing at all. */
static int no_command(const struct cmd_program *p, bool help, int argc, char **argv)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	bool group = argc > 0 && is_group(p, argv[0]);
	if (argc == 0)
		help_program(p, &text);
	else if (group && argc > 1 && argv[1][0] != '-')
		return unknown_in_group(p, argv[0], argv[1]);
	else if (group)
		help_group(p, argv[0], &text);
	else
		return unknown_command(p, argv[0]);
	help = help || (argc > 1 && (str_eq(argv[1], "--help") || str_eq(argv[1], "-h")));
	return print_help(&text, help ? stdout : stderr, help ? EXIT_DONE : EXIT_USAGE);
}

static int run_command(struct cmd_args *a, int argc, char **argv)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	const struct cmd_program *p = a->program;
	struct err e = ERR_INIT;
	if (cmd_parse(a, argc, argv, &e) != 0)
		return usage_failed(p, a->cmd->path, &e);
	if (a->help) {
		help_command(p, a->cmd, &text);
		return print_help(&text, stdout, EXIT_DONE);
	}
	int code = a->cmd->run(a, &e);
	if (code < 0) {
		print_message(p->name, *e.msg ? e.msg : "failed without saying why: this is a fault of ours");
		code = cmd_exit_code(e.code == ERR_NONE ? ERR_INTERNAL : e.code);
	}
	return code;
}

/* A full disk or a closed pipe must not look like success. */
static int flush_stdout(const struct cmd_program *p, int code)
{
	struct err e = ERR_INIT;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	err_set_errno(&e, "standard output");
	print_message(p->name, e.msg);
	return code == EXIT_DONE ? EXIT_FAILED : code;
}

static int dispatch(struct cmd_args *a, int argc, char **argv)
{
	const struct cmd_program *p = a->program;
	struct err e = ERR_INIT;
	bool taken = true;
	int i = 1;
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (str_eq(argv[i], "--version") || str_eq(argv[i], "-V")) {
			printf("%s %s\n", p->name, p->version);
			return EXIT_DONE;
		}
		if (cmd_parse_common(a, argc, argv, &i, &taken, &e) != 0)
			return usage_failed(p, "", &e);
		if (!taken)
			break;
	}
	argc -= i, argv += i;
	a->cmd = find_command(p, argc, argv);
	if (argc > 0 && !a->cmd && str_eq(argv[0], "help"))
		return run_help(p, argc - 1, argv + 1);
	if (a->cmd && (a->cmd->path[0] || !a->help))
		return run_command(a, argc - (int)path_words(a->cmd->path), argv + path_words(a->cmd->path));
	if (argc > 0 && argv[0][0] == '-') {
		err_set(&e, ERR_USAGE, "unknown option '%s' before the command", argv[0]);
		return usage_failed(p, "", &e);
	}
	return no_command(p, a->help, argc, argv);
}

int cmd_main(const struct cmd_program *p, int argc, char **argv)
{
	AUTO(cmd_args_done) struct cmd_args a = {.program = p};
	return flush_stdout(p, dispatch(&a, argc, argv));
}

static const struct option_values *find_option(const struct cmd_args *a, const char *name)
{
	for (size_t i = 0; i < a->n_options; i++)
		if (str_eq(a->options[i].option->name, name))
			return &a->options[i];
	fprintf(stderr, "%s: own bug: '%s' has no option '--%s'\n", a->program->name, a->cmd->path, name);
	abort();
}

const char *cmd_option_value(const struct cmd_args *a, const char *name)
{
	const struct option_values *o = find_option(a, name);
	return o->n && o->values ? o->values[o->n - 1] : NULL;
}

size_t cmd_option_values(const struct cmd_args *a, const char *name, const char *const **ret)
{
	const struct option_values *o = find_option(a, name);
	*ret = o->values;
	return o->values ? o->n : 0;
}

bool cmd_option_given(const struct cmd_args *a, const char *name)
{
	return find_option(a, name)->n > 0;
}

/* A wrong option is the caller's slip, whatever the reader of numbers calls it. */
static int as_usage(int rc, struct err *e)
{
	if (rc != 0)
		e->code = ERR_USAGE;
	return rc;
}

int cmd_option_number(const struct cmd_args *a, const char *name, uint64_t min, uint64_t max, uint64_t *ret, struct err *e)
{
	char option[64];
	const char *text = cmd_option_value(a, name);
	snprintf(option, sizeof option, "--%s", name);
	return text ? as_usage(str_to_u64(text, option, min, max, ret, e), e) : 0;
}

int cmd_option_duration(const struct cmd_args *a, const char *name, uint64_t *ret_ms, struct err *e)
{
	char option[64];
	const char *text = cmd_option_value(a, name);
	snprintf(option, sizeof option, "--%s", name);
	return text ? as_usage(str_to_duration_ms(text, option, ret_ms, e), e) : 0;
}

size_t cmd_argument_count(const struct cmd_args *a)
{
	return a->n_arguments;
}

const char *cmd_argument(const struct cmd_args *a, size_t i)
{
	return i < a->n_arguments ? a->arguments[i] : NULL;
}

enum output_format cmd_output(const struct cmd_args *a)
{
	return a->format;
}
