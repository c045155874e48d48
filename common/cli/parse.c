/* From argv to struct cmd_args, by the command's own option table. Every complaint names what was typed and what would be right. */
#include "common/cli/parse.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"

static const char *const format_names[] = {[OUTPUT_TABLE] = "table",   [OUTPUT_WIDE] = "wide", [OUTPUT_JSON] = "json",
                                           [OUTPUT_NDJSON] = "ndjson", [OUTPUT_CSV] = "csv",   [OUTPUT_NAME] = "name"};

void cmd_args_done(struct cmd_args *a)
{
	for (size_t i = 0; i < a->n_options; i++)
		free(a->options[i].values);
	free(a->options);
	free(a->arguments);
}

static int set_format(struct cmd_args *a, const char *v, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(format_names); i++) {
		if (str_eq(v, format_names[i])) {
			a->format = (enum output_format)i;
			return 0;
		}
	}
	return err_set(e, ERR_USAGE, "-o %s: there is no such format: use table, wide, json, ndjson, csv or name", v);
}

int cmd_parse_common(struct cmd_args *a, int argc, char **argv, int *i, bool *ret_taken, struct err *e)
{
	const char *s = argv[*i];
	*ret_taken = true;
	if (str_eq(s, "-h") || str_eq(s, "--help")) {
		a->help = true;
		return 0;
	}
	if (str_starts(s, "--output="))
		return set_format(a, s + strlen("--output="), e);
	if (str_starts(s, "-o") && s[2])
		return set_format(a, s + 2 + (s[2] == '='), e);
	if (str_eq(s, "-o") || str_eq(s, "--output")) {
		if (*i + 1 >= argc)
			return err_set(e, ERR_USAGE, "%s needs a format: table, wide, json, ndjson, csv or name", s);
		return set_format(a, argv[++*i], e);
	}
	*ret_taken = false;
	return 0;
}

static struct option_values *find_long(struct cmd_args *a, const char *name, size_t n)
{
	for (size_t i = 0; i < a->n_options; i++) {
		const char *have = a->options[i].option->name;
		if (strlen(have) == n && memcmp(have, name, n) == 0)
			return &a->options[i];
	}
	return NULL;
}

static struct option_values *find_letter(struct cmd_args *a, char letter)
{
	for (size_t i = 0; i < a->n_options; i++)
		if (a->options[i].option->letter == letter)
			return &a->options[i];
	return NULL;
}

static int unknown_option(const struct cmd_args *a, const char *typed, size_t n, struct err *e)
{
	AUTO(buf_done) struct buf word = BUF_INIT;
	struct suggest s;
	buf_add(&word, typed, n);
	suggest_init(&s, str_starts(buf_str(&word), "--") ? word.p + 2 : buf_str(&word));
	for (size_t i = 0; i < a->n_options; i++)
		suggest_try(&s, a->options[i].option->name);
	suggest_try(&s, "output");
	suggest_try(&s, "help");
	if (s.best)
		return err_set(e, ERR_USAGE, "unknown option '%s': did you mean '--%s'?", buf_str(&word), s.best);
	return err_set(e, ERR_USAGE, "unknown option '%s'", buf_str(&word));
}

/* True when the next word is an option of this command: then a value was forgotten, it is not one. */
static bool is_known_option(struct cmd_args *a, const char *s)
{
	if (str_starts(s, "--"))
		return find_long(a, s + 2, strcspn(s + 2, "=")) || str_eq(s, "--help") || str_eq(s, "--output");
	return s[0] == '-' && s[1] && !s[2] && (find_letter(a, s[1]) || s[1] == 'h' || s[1] == 'o');
}

static int take_option(struct cmd_args *a, struct option_values *o, const char *value, int argc, char **argv, int *i, struct err *e)
{
	const struct cmd_option *d = o->option;
	if (o->n && !d->repeat)
		return err_set(e, ERR_USAGE, "option '--%s' is given twice", d->name);
	if (!d->value) {
		o->n++;
		return value ? err_set(e, ERR_USAGE, "option '--%s' takes no value", d->name) : 0;
	}
	if (!value && (*i + 1 >= argc || is_known_option(a, argv[*i + 1])))
		return err_set(e, ERR_USAGE, "option '--%s' needs a value: --%s %s", d->name, d->name, d->value);
	vec_grow(o->values, o->n, o->cap);
	o->values[o->n++] = value ? value : argv[++*i];
	return 0;
}

static int take_long(struct cmd_args *a, int argc, char **argv, int *i, struct err *e)
{
	const char *s = argv[*i];
	size_t n = strcspn(s, "=");
	struct option_values *o = find_long(a, s + 2, n - 2);
	if (!o)
		return unknown_option(a, s, n, e);
	return take_option(a, o, s[n] ? s + n + 1 : NULL, argc, argv, i, e);
}

/* -k FILE, -kFILE, -abc for flags. */
static int take_letters(struct cmd_args *a, int argc, char **argv, int *i, struct err *e)
{
	const char *word = argv[*i];
	for (const char *s = word + 1; *s; s++) {
		struct option_values *o = find_letter(a, *s);
		if (!o)
			return s == word + 1 ? unknown_option(a, word, strlen(word), e) : err_set(e, ERR_USAGE, "unknown option '-%c' in '%s'", *s, word);
		if (o->option->value)
			return take_option(a, o, s[1] ? s + 1 : NULL, argc, argv, i, e);
		if (take_option(a, o, NULL, argc, argv, i, e) != 0)
			return -1;
	}
	return 0;
}

static void open_options(struct cmd_args *a)
{
	const struct cmd_option *o = a->cmd->options;
	while (o && o[a->n_options].name)
		a->n_options++;
	a->options = mem_alloc((a->n_options + 1) * sizeof *a->options);
	for (size_t i = 0; i < a->n_options; i++)
		a->options[i].option = &o[i];
}

static int check_complete(const struct cmd_args *a, struct err *e)
{
	const struct cmd *c = a->cmd;
	size_t max = c->max_arguments < c->min_arguments ? c->min_arguments : c->max_arguments;
	if (c->arguments && max == 0)
		max = SIZE_MAX; /* "TARGET..." with no bound */
	for (size_t i = 0; i < a->n_options; i++) {
		const struct cmd_option *o = a->options[i].option;
		if (o->required && a->options[i].n == 0)
			return err_set(e, ERR_USAGE, "option '--%s%s%s' is required", o->name, o->value ? " " : "", o->value ? o->value : "");
	}
	if (a->n_arguments < c->min_arguments)
		return err_set(e, ERR_USAGE, "an argument is missing: %s", c->arguments);
	if (a->n_arguments > max)
		return err_set(e, ERR_USAGE, "one argument too many: '%s'", a->arguments[max]);
	return 0;
}

int cmd_parse(struct cmd_args *a, int argc, char **argv, struct err *e)
{
	bool options = true, taken = false;
	open_options(a);
	for (int i = 0; i < argc; i++) {
		const char *s = argv[i];
		if (options && str_eq(s, "--")) {
			options = false;
		} else if (!options || s[0] != '-' || !s[1]) { /* "-" alone is an argument: standard input */
			vec_grow(a->arguments, a->n_arguments, a->cap_arguments);
			a->arguments[a->n_arguments++] = s;
		} else {
			if (cmd_parse_common(a, argc, argv, &i, &taken, e) != 0)
				return -1;
			if (!taken && (str_starts(s, "--") ? take_long(a, argc, argv, &i, e) : take_letters(a, argc, argv, &i, e)) != 0)
				return -1;
		}
	}
	return a->help ? 0 : check_complete(a, e);
}
