/* The splitter: tokens in, statements out. A statement ends at a ';' that no body holds, and at the chosen delimiter. Comments around a statement
 * are no part of it; comments inside stay unless they are to be stripped. */
#include "common/sql/split.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/sql/classify.h"
#include "common/sql/compound.h"
#include "common/sql/delimiter.h"
#include "common/sql/lex.h"

struct splitter {
	enum dialect dialect;
	bool split, strip, client_lines; /* client_lines: DELIMITER lines are obeyed */
	bool default_end; /* nobody named a delimiter */
	split_fn *fn;
	void *arg;
	struct lexer lex;
	struct delimiter stop;
	struct compound compound;
	/* The piece so far. */
	const uint8_t *first, *last; /* of the kept text; last: behind its end, first NULL: nothing yet */
	const uint8_t *solid; /* behind the last token that is no ';' */
	const uint8_t *kept_from; /* stripping: where the text not yet copied begins */
	uint32_t line;
	bool has_code, stripped, comment_between, line_break_between;
	bool split_in_versioned; /* a ';' that would end the statement stands in a versioned comment */
	bool copy, copy_from; /* PostgreSQL: COPY; the word before was its FROM */
	struct buf text;
};

static void splitter_done(struct splitter *s)
{
	buf_done(&s->text);
}

static void piece_reset(struct splitter *s)
{
	compound_reset(&s->compound, s->dialect);
	s->first = s->last = s->solid = s->kept_from = NULL;
	s->has_code = s->stripped = s->comment_between = s->line_break_between = false;
	s->split_in_versioned = s->copy = s->copy_from = false;
	buf_clear(&s->text);
}

static int fail(const struct token *t, const char *what, struct err *e)
{
	return err_set(e, ERR_PARSE, "line %" PRIu32 ": %s", t->line, what);
}

static int fail_lexer(const struct splitter *s, const struct token *t, struct err *e)
{
	const struct lexer *l = &s->lex;
	return err_set(e, ERR_PARSE, "line %" PRIu32 ": %s%s%.*s: %s", t->line, l->what, l->snippet.n ? " " : "", (int)l->snippet.n,
	               (const char *)l->snippet.p, l->fix);
}

static bool is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* MariaDB reads "--" and a comment as two minus signs, but "--" and a blank, or the end, as the start of a comment: what follows them cannot be cut off. */
static bool ends_in_minus_signs(const struct splitter *s, const uint8_t *end)
{
	return s->dialect == DIALECT_MARIADB && end - s->first >= 2 && end[-1] == '-' && end[-2] == '-';
}

/* The text of the piece that ends at `end`. */
static struct bytes piece_text(struct splitter *s)
{
	const uint8_t *end = s->solid ? s->solid : s->last;
	if (!s->stripped)
		return bytes_of(s->first, (size_t)(end - s->first));
	if (end > s->kept_from)
		buf_add(&s->text, s->kept_from, (size_t)(end - s->kept_from));
	struct bytes b = buf_bytes(&s->text);
	while (b.n && is_space(b.p[b.n - 1]))
		b.n--;
	return b;
}

static int piece_end(struct splitter *s, struct err *e)
{
	const char *missing = compound_missing(&s->compound);
	if (missing && s->has_code)
		return err_set(e, ERR_PARSE, "line %" PRIu32 ": %s", s->compound.line, missing);
	if (s->has_code && ends_in_minus_signs(s, s->solid))
		return err_set(e, ERR_PARSE, "line %" PRIu32 ": '--' at the end of a statement: a comment needs a blank behind the '--'", s->line);
	int rc = 0;
	if (s->has_code) {
		struct piece p = {.sql = piece_text(s), .line = s->line};
		rc = s->fn(s->arg, &p, e);
	}
	piece_reset(s);
	return rc;
}

/* Text that stays, code or not, joins the piece. When comments stood before it, they and the white space around them become one blank or line break. */
static void piece_keep(struct splitter *s, const struct token *t)
{
	if (!s->first) {
		s->first = s->kept_from = t->text.p;
		s->line = t->line;
	} else if (s->comment_between && s->strip && !ends_in_minus_signs(s, s->last)) {
		if (s->last > s->kept_from)
			buf_add(&s->text, s->kept_from, (size_t)(s->last - s->kept_from));
		buf_addc(&s->text, s->line_break_between ? '\n' : ' ');
		s->kept_from = t->text.p;
		s->stripped = true;
	}
	s->comment_between = s->line_break_between = false;
	s->last = t->text.p + t->text.n;
	if (t->kind != TOKEN_SEMICOLON)
		s->solid = s->last;
}

static void note_gap(struct splitter *s, const struct token *t)
{
	if (t->kind == TOKEN_COMMENT)
		s->comment_between = true;
	if (memchr(t->text.p, '\n', t->text.n))
		s->line_break_between = true;
}

/* COPY ... FROM stdin: its data lines follow in the script, which only psql can send. */
static int check_copy(struct splitter *s, const struct token *t, struct err *e)
{
	if (s->dialect != DIALECT_POSTGRESQL)
		return 0;
	if (s->compound.tokens == 0)
		s->copy = token_is_word(t, "COPY");
	if (s->copy && s->copy_from && token_is_word(t, "STDIN"))
		return fail(t, "COPY FROM stdin: its data lines need psql, write INSERT statements", e);
	s->copy_from = s->copy && s->compound.parens == 0 && token_is_word(t, "FROM");
	return 0;
}

/* A line of the sqlite3 shell, such as ".read x.sql". */
static int check_first(struct splitter *s, const struct token *t, struct err *e)
{
	if (s->dialect == DIALECT_SQLITE && token_is_symbol(t, '.'))
		return fail(t, "sqlite3 shell command: the shell does not run here, write it as SQL or take it out", e);
	if (s->dialect == DIALECT_MARIADB && token_is_word(t, "SOURCE"))
		return fail(t, "client command source: the mariadb client does not run here, put the file's statements here", e);
	return 0;
}

/* From the first byte of a line to its last, but for blanks behind it. */
static bool is_alone(const struct splitter *s, const struct token *t)
{
	struct lexer ahead = s->lex;
	struct bytes rest = lex_take_line(&ahead);
	while (rest.n && is_space(rest.p[rest.n - 1]))
		rest.n--;
	return rest.n == 0 && (t->text.p == s->lex.in.p || t->text.p[-1] == '\n');
}

/* Liquibase and other tools end a statement at a line that is GO or a slash; sent along, the two statements around it would be one. */
static int check_alone(const struct splitter *s, const struct token *t, struct err *e)
{
	bool go = token_is_word(t, "GO");
	if (!s->default_end || s->lex.stop || !(go || token_is_symbol(t, '/')) || !is_alone(s, t))
		return 0;
	return err_set(e, ERR_PARSE,
	               "line %" PRIu32 ": %s alone on its line, where other tools end a statement: end it with ';' and take the line out, or write "
	               "endDelimiter:%s",
	               t->line, go ? "GO" : "'/'", go ? "GO" : "/");
}

static int take_code(struct splitter *s, const struct token *t, struct err *e)
{
	if (s->split_in_versioned)
		return fail(t, "two statements around a ';' in a versioned comment: write them apart", e);
	if ((!s->has_code && check_first(s, t, e)) || check_alone(s, t, e) || check_copy(s, t, e))
		return -1;
	piece_keep(s, t);
	s->has_code = true;
	compound_feed(&s->compound, t);
	if (s->compound.too_deep)
		return fail(t, compound_missing(&s->compound), e);
	return 0;
}

static int take_semicolon(struct splitter *s, const struct token *t, struct err *e)
{
	if (compound_inside(&s->compound))
		return take_code(s, t, e);
	if (s->lex.versioned) {
		s->split_in_versioned = s->has_code;
		return 0;
	}
	if (s->split)
		return piece_end(s, e);
	if (s->has_code) {
		piece_keep(s, t);
		compound_reset(&s->compound, s->dialect);
	}
	return 0;
}

static bool starts_line(const struct splitter *s, const struct token *t)
{
	const uint8_t *p = t->text.p;
	while (p > s->lex.in.p && (p[-1] == ' ' || p[-1] == '\t'))
		p--;
	return p == s->lex.in.p || p[-1] == '\n';
}

static struct bytes first_argument(struct bytes line)
{
	while (line.n && is_space(*line.p)) {
		line.p++;
		line.n--;
	}
	size_t n = 0;
	while (n < line.n && !is_space(line.p[n]))
		n++;
	line.n = n;
	if (n >= 2 && (line.p[0] == '\'' || line.p[0] == '"') && line.p[n - 1] == line.p[0])
		return bytes_of(line.p + 1, n - 2);
	return line;
}

static bool rest_is_semicolon(const struct splitter *s)
{
	struct lexer ahead = s->lex;
	return bytes_equal(first_argument(lex_take_line(&ahead)), bytes_of_str(";"));
}

/* A DELIMITER line of the mariadb client: where a statement may begin; and, in the middle of one that a chosen delimiter should have ended, the line that goes back
 * to ';', which the client sends along for the server to refuse. Anywhere else the word is an identifier. */
static bool is_delimiter_line(const struct splitter *s, const struct token *t)
{
	if (s->dialect != DIALECT_MARIADB || !token_is_word(t, "DELIMITER"))
		return false;
	return !s->has_code || (s->lex.stop && starts_line(s, t) && rest_is_semicolon(s));
}

/* A chosen delimiter is plain text: it may stand where it cuts something that the dialect takes for one. */
static int end_at_delimiter(struct splitter *s, const struct token *t, struct err *e)
{
	if (s->lex.versioned)
		return fail(t, "delimiter inside a versioned comment: close the comment with */ first", e);
	if (s->has_code && !compound_missing(&s->compound) && !sql_is_single(s->dialect, bytes_of(s->first, (size_t)(s->last - s->first))))
		return fail(t, "delimiter in the middle of a token: choose another delimiter", e);
	return piece_end(s, e);
}

static int take_delimiter_line(struct splitter *s, const struct token *t, struct err *e)
{
	if (!s->client_lines)
		return fail(t, "DELIMITER line in text that is not split: take it out, or split statements", e);
	if (s->has_code)
		return fail(t, "DELIMITER line in the middle of a statement: end the statement before it with the delimiter that was chosen", e);
	if (end_at_delimiter(s, t, e))
		return -1;
	struct bytes to = first_argument(lex_take_line(&s->lex));
	s->lex.stop = NULL;
	if (to.n == 0)
		return fail(t, "DELIMITER without an argument: write the new delimiter after it, such as DELIMITER //", e);
	if (memchr(to.p, '\\', to.n))
		return fail(t, "DELIMITER with a backslash: choose another, such as DELIMITER //", e);
	if (bytes_equal(to, bytes_of_str(";")))
		return 0;
	if (delimiter_plain(to, &s->stop, e))
		return err_wrap(e, "line %" PRIu32, t->line);
	s->lex.stop = &s->stop;
	return 0;
}

/* Where a statement may begin the mariadb client takes "--" for a comment even without the blank behind it, and the server never sees that line. */
static bool is_client_comment(const struct splitter *s, const struct token *t)
{
	return s->dialect == DIALECT_MARIADB && !s->first && token_is_symbol(t, '-') && s->lex.at < s->lex.in.n && s->lex.in.p[s->lex.at] == '-';
}

static int take_token(struct splitter *s, const struct token *t, struct err *e)
{
	switch (t->kind) {
	case TOKEN_SPACE:
	case TOKEN_COMMENT:
		note_gap(s, t);
		return 0;
	case TOKEN_HINT:
	case TOKEN_VERSIONED:
		piece_keep(s, t);
		return 0;
	case TOKEN_BAD:
		return fail_lexer(s, t, e);
	case TOKEN_SEMICOLON:
		return take_semicolon(s, t, e);
	case TOKEN_DELIMITER:
		return end_at_delimiter(s, t, e);
	case TOKEN_WORD:
		if (is_delimiter_line(s, t))
			return take_delimiter_line(s, t, e);
		return take_code(s, t, e);
	case TOKEN_SYMBOL:
		if (!is_client_comment(s, t))
			return take_code(s, t, e);
		lex_take_line(&s->lex);
		return 0;
	case TOKEN_QUOTED:
	case TOKEN_STRING:
	case TOKEN_NUMBER:
		return take_code(s, t, e);
	}
	return err_set(e, ERR_INTERNAL, "token of kind %d", (int)t->kind);
}

/* NUL bytes and broken UTF-8, by line. */
static int check_bytes(struct bytes text, uint32_t line, struct err *e)
{
	if (bytes_is_utf8(text) && !bytes_has_nul(text))
		return 0;
	for (size_t at = 0; at < text.n; line++) {
		const uint8_t *end = memchr(text.p + at, '\n', text.n - at);
		size_t n = end ? (size_t)(end - text.p) + 1 - at : text.n - at;
		if (bytes_has_nul(bytes_of(text.p + at, n)))
			return err_set(e, ERR_PARSE, "line %" PRIu32 ": NUL byte: take it out, or save the file as UTF-8 if it is UTF-16", line);
		if (!bytes_is_utf8(bytes_of(text.p + at, n)))
			return err_set(e, ERR_PARSE, "line %" PRIu32 ": invalid UTF-8: save the file as UTF-8", line);
		at += n;
	}
	return 0;
}

static int splitter_run(struct splitter *s, struct bytes text, uint32_t first_line, struct err *e)
{
	if (check_bytes(text, first_line, e))
		return -1;
	const struct delimiter *stop = s->lex.stop;
	lex_init(&s->lex, s->dialect, text, first_line);
	s->lex.stop = stop;
	piece_reset(s);
	struct token t;
	while (lex_next(&s->lex, &t))
		if (take_token(s, &t, e))
			return -1;
	return piece_end(s, e);
}

int sql_split(enum dialect d, struct bytes script, const struct split_options *o, split_fn *fn, void *arg, struct err *e)
{
	static const struct split_options defaults = {.split = true, .first_line = 1};
	static const uint8_t bom[] = {0xEF, 0xBB, 0xBF};
	if (!o)
		o = &defaults;
	if (script.n >= sizeof bom && memcmp(script.p, bom, sizeof bom) == 0)
		script = bytes_of(script.p + sizeof bom, script.n - sizeof bom);
	AUTO(splitter_done)
	struct splitter s = {.dialect = d, .split = o->split, .strip = o->strip_comments, .client_lines = o->split, .fn = fn, .arg = arg};
	s.default_end = o->split && !o->delimiter;
	if (o->split && o->delimiter && strcmp(o->delimiter, ";") != 0) {
		if (delimiter_compile(o->delimiter, &s.stop, e))
			return -1;
		s.lex.stop = &s.stop;
	}
	return splitter_run(&s, script, o->first_line ? o->first_line : 1, e);
}

static int count_piece(void *arg, const struct piece *p, struct err *e)
{
	size_t *n = arg;
	(void)p;
	return ++*n > 1 ? err_set(e, ERR_PARSE, "more than one statement") : 0;
}

bool sql_is_single(enum dialect d, struct bytes statement)
{
	size_t n = 0;
	struct err e = ERR_INIT;
	AUTO(splitter_done) struct splitter s = {.dialect = d, .split = true, .fn = count_piece, .arg = &n};
	return splitter_run(&s, statement, 1, &e) == 0 && n == 1;
}
