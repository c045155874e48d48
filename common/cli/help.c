/* Help texts, made from the same tables that the parser reads: a program, a group ("release"), a command. */
#include "common/cli/parse.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"

#define HELP_WIDTH 90

/* Adds text wrapped at HELP_WIDTH; the first line starts at column `at`, the others are indented by `indent`. */
static void add_wrapped(struct buf *b, const char *text, size_t at, size_t indent)
{
	bool fresh = true;
	while (*text) {
		size_t n = strcspn(text, " \n");
		if (!fresh && at + 1 + n > HELP_WIDTH) {
			buf_addf(b, "\n%*s", (int)indent, "");
			at = indent;
		} else if (!fresh) {
			buf_addc(b, ' ');
			at++;
		}
		buf_add(b, text, n);
		at += n;
		text += n;
		fresh = false;
		if (*text == '\n') {
			buf_addf(b, "\n%*s", (int)indent, "");
			at = indent;
			fresh = true;
		}
		text += *text != '\0';
	}
	buf_addc(b, '\n');
}

/* "  left      right", the right part wrapped under itself. */
static void add_entry(struct buf *b, const char *left, size_t width, const char *right)
{
	size_t n = strlen(left), column = width + 4;
	buf_addf(b, "  %s", left);
	if (n > width)
		buf_addf(b, "\n%*s", (int)column, "");
	else
		buf_addf(b, "%*s", (int)(column - 2 - n), "");
	add_wrapped(b, right, column, column);
}

static size_t widest_path(const struct cmd_program *p, const char *group)
{
	size_t width = 0;
	CMD_EACH(p, c)
	{
		size_t n = strlen(c->path);
		if ((!group || path_in_group(c->path, group)) && n > width)
			width = n;
	}
	return width;
}

void help_program(const struct cmd_program *p, struct buf *ret)
{
	size_t width = widest_path(p, NULL);
	buf_addf(ret, "%s %s: %s\n\nusage: %s COMMAND [OPTIONS] [ARGUMENTS]\n", p->name, p->version, p->purpose, p->name);
	for (const struct cmd *const *g = p->groups; *g; g++) {
		if ((*g)->path)
			buf_addc(ret, '\n');
		for (const struct cmd *c = *g; c->path; c++)
			add_entry(ret, *c->path ? c->path : "(no command)", width, c->summary);
	}
	buf_addf(ret, "\n'%s COMMAND --help' shows a command's options and an example; '%s --version' the version.\n", p->name, p->name);
	buf_adds(ret, "Data goes to standard output, messages to standard error; -o table|wide|json|ndjson|csv|name chooses the form.\n"
	              "Exit codes: 0 done, 1 failed, 2 usage, 3 waiting for approval, 4 some targets failed, 5 unknown or needs attention,\n"
	              "6 refused by signature or policy, 7 controller unreachable, 8 --wait timed out, 130 interrupted.\n");
}

void help_group(const struct cmd_program *p, const char *group, struct buf *ret)
{
	size_t width = widest_path(p, group);
	buf_addf(ret, "usage: %s %s COMMAND [OPTIONS] [ARGUMENTS]\n\n", p->name, group);
	CMD_EACH(p, c)
	{
		if (path_in_group(c->path, group))
			add_entry(ret, c->path, width, c->summary);
	}
	buf_addf(ret, "\n'%s %s COMMAND --help' shows a command's options and an example.\n", p->name, group);
}

static void option_left(const struct cmd_option *o, struct buf *ret)
{
	buf_clear(ret);
	if (o->letter)
		buf_addf(ret, "-%c, ", o->letter);
	else
		buf_adds(ret, "    ");
	buf_addf(ret, "--%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
}

static const struct cmd_option common_options[] = {
    {"output", 'o', "FORMAT", "table, wide, json, ndjson, csv or name (default: table); of several tables csv and name give the last", false, false},
    {"help", 'h', NULL, "show this text", false, false},
    {0},
};

static void add_options(const struct cmd_option *o, size_t width, struct buf *ret)
{
	AUTO(buf_done) struct buf left = BUF_INIT;
	AUTO(buf_done) struct buf right = BUF_INIT;
	for (; o && o->name; o++) {
		option_left(o, &left);
		buf_clear(&right);
		buf_addf(&right, "%s%s%s", o->help, o->required ? " (required)" : "", o->repeat ? " (may be repeated)" : "");
		add_entry(ret, left.p, width, right.p);
	}
}

static size_t widest_option(const struct cmd_option *o)
{
	AUTO(buf_done) struct buf left = BUF_INIT;
	size_t width = strlen("-o, --output FORMAT");
	for (; o && o->name; o++) {
		option_left(o, &left);
		if (left.n > width)
			width = left.n;
	}
	return width < 32 ? width : 32;
}

static void add_indented(struct buf *b, const char *lines)
{
	while (*lines) {
		size_t n = strcspn(lines, "\n");
		buf_addf(b, "  %.*s\n", (int)n, lines);
		lines += n + (lines[n] == '\n');
	}
}

void help_command(const struct cmd_program *p, const struct cmd *c, struct buf *ret)
{
	size_t width = widest_option(c->options);
	buf_addf(ret, "usage: %s%s%s%s%s%s\n\n", p->name, *c->path ? " " : "", c->path, c->options ? " [OPTIONS]" : "", c->arguments ? " " : "",
	         c->arguments ? c->arguments : "");
	add_wrapped(ret, c->summary, 0, 0);
	if (c->details) {
		buf_addc(ret, '\n');
		add_wrapped(ret, c->details, 0, 0);
	}
	buf_adds(ret, "\noptions:\n");
	add_options(c->options, width, ret);
	add_options(common_options, width, ret);
	buf_adds(ret, "\nexample:\n");
	add_indented(ret, c->example);
}
