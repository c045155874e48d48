/* Delimiters: compile once, match at a position. */
#include "common/sql/delimiter.h"

#include <ctype.h>
#include <string.h>

#include "common/base/str.h"

static bool is_word_byte(unsigned char c)
{
	return isalnum(c) || c == '_' || c >= 0x80;
}

static bool is_blank(unsigned char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void add_byte(struct delimiter_alt *a, unsigned char c)
{
	a->part[a->n].kind = DELIMITER_BYTE;
	a->part[a->n++].byte = (unsigned char)tolower(c);
}

static void add_spaces(struct delimiter_alt *a)
{
	a->part[a->n++].kind = DELIMITER_SPACES;
}

static void finish_alt(struct delimiter_alt *a)
{
	/* White space at the end needs no matching: pieces are trimmed. */
	while (a->n && a->part[a->n - 1].kind == DELIMITER_SPACES)
		a->n--;
	a->whole_word = a->n > 0;
	for (size_t i = 0; i < a->n; i++)
		if (a->part[i].kind == DELIMITER_BYTE && !is_word_byte(a->part[i].byte))
			a->whole_word = false;
}

/* Anchors without any backslash, as in "^GO$" and "/$"; "$$", "^^" and "$" alone are text. */
static bool is_pattern(const char *text)
{
	size_t n = strlen(text);
	if (strchr(text, '\\') || strchr(text, '\n') || strchr(text, '\r'))
		return true;
	return n > 1 && ((text[0] == '^' && text[1] != '^') || (text[n - 1] == '$' && text[n - 2] != '$'));
}

/* Reads what follows a backslash; NULL when it is nothing that we know. */
static const char *compile_escape(const char *p, struct delimiter_alt *a)
{
	switch (*p) {
	case 'n':
	case 'r':
		if (a->n == 0)
			a->line_start = true;
		else
			a->line_end = true;
		p++;
		return *p == '?' || *p == '*' || *p == '+' ? p + 1 : p;
	case 's':
	case 't':
		add_spaces(a);
		p++;
		return *p == '*' || *p == '+' || *p == '?' ? p + 1 : p;
	case '\0':
		return NULL;
	default:
		if (is_word_byte((unsigned char)*p))
			return NULL;
		add_byte(a, (unsigned char)*p);
		return p + 1;
	}
}

/* One alternative, up to '|' or the end; NULL when it holds something that we do not read. */
static const char *compile_alt(const char *p, struct delimiter_alt *a)
{
	while (*p && *p != '|') {
		if (*p == '\\') {
			p = compile_escape(p + 1, a);
			if (!p)
				return NULL;
		} else if (*p == '\n' || *p == '\r') {
			p = compile_escape(*p == '\n' ? "n" : "r", a) ? p + 1 : p;
		} else if (*p == '^' && a->n == 0) {
			a->line_start = true;
			p++;
		} else if (*p == '$' && (p[1] == '\0' || p[1] == '|')) {
			a->line_end = true;
			p++;
		} else if (strchr("*+?()[]{}", *p)) {
			return NULL;
		} else if (*p == ' ') {
			add_spaces(a);
			p++;
		} else {
			add_byte(a, (unsigned char)*p++);
		}
	}
	finish_alt(a);
	return a->n ? p : NULL;
}

static int compile_pattern(const char *text, struct delimiter *d, struct err *e)
{
	for (const char *p = text;; p++) {
		if (d->n == DELIMITER_ALTS)
			return err_set(e, ERR_PARSE, "endDelimiter '%s': more than %d alternatives: write fewer", text, DELIMITER_ALTS);
		p = compile_alt(p, &d->alt[d->n]);
		if (!p)
			return err_set(e, ERR_PARSE, "endDelimiter '%s': this regular expression is not supported: write plain text, such as // or GO", text);
		d->n++;
		if (!*p)
			return 0;
	}
}

int delimiter_compile(const char *text, struct delimiter *ret, struct err *e)
{
	struct delimiter d = {.n = 0};
	size_t n = strlen(text);
	if (n == 0 || n >= DELIMITER_MAX)
		return err_set(e, ERR_PARSE, "endDelimiter: %zu bytes: write 1 to %d", n, DELIMITER_MAX - 1);
	if (is_pattern(text)) {
		if (compile_pattern(text, &d, e))
			return -1;
	} else {
		if (delimiter_plain(bytes_of_str(text), &d, e))
			return -1;
		bool slash = str_eq(text, "/");
		d.alt[0].line_start = slash;
		d.alt[0].line_end = slash || d.alt[0].whole_word;
	}
	*ret = d;
	return 0;
}

int delimiter_plain(struct bytes text, struct delimiter *ret, struct err *e)
{
	if (text.n == 0 || text.n >= DELIMITER_MAX)
		return err_set(e, ERR_PARSE, "delimiter: %zu bytes: write 1 to %d", text.n, DELIMITER_MAX - 1);
	struct delimiter d = {.n = 1};
	for (size_t i = 0; i < text.n; i++)
		add_byte(&d.alt[0], text.p[i]);
	finish_alt(&d.alt[0]);
	*ret = d;
	return 0;
}

static bool only_blanks_follow(struct bytes in, size_t at)
{
	while (at < in.n && is_blank(in.p[at]))
		at++;
	return at == in.n || in.p[at] == '\n';
}

static size_t match_alt(const struct delimiter_alt *a, struct bytes in, size_t at)
{
	size_t i = at;
	if (a->line_start && at > 0 && in.p[at - 1] != '\n')
		return 0;
	if (a->whole_word && at > 0 && is_word_byte(in.p[at - 1]))
		return 0;
	for (size_t k = 0; k < a->n; k++) {
		if (a->part[k].kind == DELIMITER_SPACES) {
			while (i < in.n && isspace(in.p[i]))
				i++;
		} else if (i == in.n || tolower(in.p[i]) != a->part[k].byte) {
			return 0;
		} else {
			i++;
		}
	}
	if (a->whole_word && i < in.n && is_word_byte(in.p[i]))
		return 0;
	if (a->line_end && !only_blanks_follow(in, i))
		return 0;
	return i - at;
}

size_t delimiter_match(const struct delimiter *d, struct bytes in, size_t at)
{
	for (size_t i = 0; i < d->n; i++) {
		size_t n = match_alt(&d->alt[i], in, at);
		if (n)
			return n;
	}
	return 0;
}
