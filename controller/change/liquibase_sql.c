/* Reader of Liquibase formatted SQL, our native format. Line by line, as Liquibase itself reads it: a line is a directive (a comment that begins with a known word) or text of
 * the open changeset. Each directive leaves an empty line in the changeset's SQL, so that every later place in the file stays right. */
#include "controller/change/liquibase.h"

#include <ctype.h>
#include <string.h>

#include "common/base/nearest.h"
#include "common/base/str.h"

/* What must follow a directive's word for the line to be one; otherwise it is an ordinary comment. */
enum follow { FOLLOW_ANYTHING, FOLLOW_BLANK, FOLLOW_TEXT, FOLLOW_WORD_END };

struct directive {
	const char *word;
	enum follow follow;
	bool outside; /* may stand before the first changeset */
	const char *form;
	void (*run)(struct lb *lb, struct bytes rest);
};

static void run_changeset(struct lb *lb, struct bytes rest);
static void run_rollback(struct lb *lb, struct bytes rest);
static void run_comment(struct lb *lb, struct bytes rest);
static void run_check_sum(struct lb *lb, struct bytes rest);
static void run_precondition(struct lb *lb, struct bytes rest);
static void run_ignore_lines(struct lb *lb, struct bytes rest);
static void run_before(struct lb *lb, struct bytes rest);
static void run_after(struct lb *lb, struct bytes rest);
static void run_wrong_comments(struct lb *lb, struct bytes rest);
static void run_wrong_ignore(struct lb *lb, struct bytes rest);
static void run_wrong_validate(struct lb *lb, struct bytes rest);
static void run_second_header(struct lb *lb, struct bytes rest);
static void run_paid(struct lb *lb, struct bytes rest);

/* Longer words stand before the words that they begin with. */
static const struct directive directives[] = {
    {"changeset", FOLLOW_ANYTHING, true, "--changeset author:id", run_changeset},
    {"property", FOLLOW_BLANK, true, "--property name:x value:y", lb_read_property},
    {"rollbackSqlFile", FOLLOW_WORD_END, true, "--rollback SQL", run_paid},
    {"rollback", FOLLOW_BLANK, false, "--rollback SQL", run_rollback},
    {"comments", FOLLOW_TEXT, true, "--comment text", run_wrong_comments},
    {"comment", FOLLOW_TEXT, false, "--comment text", run_comment},
    {"validCheckSum", FOLLOW_TEXT, false, "--validCheckSum: x", run_check_sum},
    {"preconditions", FOLLOW_WORD_END, false, "--preconditions onFail:HALT", lb_read_preconditions},
    {"precondition-", FOLLOW_ANYTHING, false, "--precondition-sql-check expectedResult:0 SELECT ...", run_precondition},
    {"ignoreLines:", FOLLOW_ANYTHING, true, "--ignoreLines:3, or --ignoreLines:start and --ignoreLines:end", run_ignore_lines},
    {"ignore:", FOLLOW_ANYTHING, true, "--ignoreLines:3, or --ignoreLines:start and --ignoreLines:end", run_wrong_ignore},
    {"validate-before", FOLLOW_WORD_END, false, "--validate-before name:x SELECT ...", run_before},
    {"validate-after", FOLLOW_WORD_END, false, "--validate-after name:x expectedResult:V SELECT ...", run_after},
    {"validate-", FOLLOW_ANYTHING, true, "--validate-before or --validate-after", run_wrong_validate},
    {"throttle-query", FOLLOW_WORD_END, false, "--throttle-query limit:50 SELECT ...", lb_read_throttle},
    {"lint-ignore", FOLLOW_WORD_END, false, "--lint-ignore RULE reason:\"...\"", lb_read_suppression},
    {"includeAll", FOLLOW_WORD_END, true, "", run_paid},
    {"include", FOLLOW_BLANK, true, "", run_paid},
    {"tagDatabase", FOLLOW_WORD_END, true, "", run_paid},
};

/* A comment line taken apart: "  -- word rest". */
struct comment_line {
	bool indented, spaced; /* blanks before the dashes, between dashes and word */
	size_t dashes;
	struct bytes text; /* after dashes and blanks */
};

static struct comment_line take_apart(struct bytes line)
{
	struct comment_line c = {.indented = line.n && isspace(line.p[0])};
	while (line.n && isspace(line.p[0]))
		line = bytes_of(line.p + 1, line.n - 1);
	while (line.n && line.p[0] == '-')
		line = bytes_of(line.p + 1, line.n - 1), c.dashes++;
	c.spaced = line.n && isspace(line.p[0]);
	while (line.n && isspace(line.p[0]))
		line = bytes_of(line.p + 1, line.n - 1);
	c.text = line;
	return c;
}

/* `comment:? ` wants exactly this in Liquibase; a lone "--comment" is ordinary text. */
static bool follows_text(struct bytes rest)
{
	if (rest.n && rest.p[0] == ':')
		rest = bytes_of(rest.p + 1, rest.n - 1);
	return rest.n && rest.p[0] == ' ';
}

static bool follows(enum follow f, struct bytes rest)
{
	switch (f) {
	case FOLLOW_ANYTHING:
		return true;
	case FOLLOW_BLANK:
		return rest.n && isspace(rest.p[0]);
	case FOLLOW_TEXT:
		return follows_text(rest);
	case FOLLOW_WORD_END:
		return rest.n == 0 || isspace(rest.p[0]) || rest.p[0] == ':';
	}
	return false;
}

/* "--include the new column" is English; only Liquibase's attributes make it an include. */
static bool is_include(struct bytes rest)
{
	rest = lb_trim(rest);
	return (rest.n > 5 && strncasecmp((const char *)rest.p, "file:", 5) == 0) ||
	       (rest.n > 26 && strncasecmp((const char *)rest.p, "relativeToChangelogFile:", 24) == 0);
}

static const struct directive *find_directive(struct bytes text, struct bytes *ret_rest)
{
	for (size_t i = 0; i < ARRAY_LEN(directives); i++) {
		const struct directive *d = &directives[i];
		size_t n = strlen(d->word);
		if (text.n < n || strncasecmp((const char *)text.p, d->word, n) != 0)
			continue;
		*ret_rest = bytes_of(text.p + n, text.n - n);
		if (follows(d->follow, *ret_rest) && (!str_eq(d->word, "include") || is_include(*ret_rest)))
			return d;
	}
	return NULL;
}

/* "--rolback" without a blank after the dashes is a slip, not a comment: Liquibase would pass over it in silence. */
static const struct directive *misspelt(const struct comment_line *c)
{
	char word[32];
	size_t n = 0;
	while (n < c->text.n && n < sizeof word - 1 && (isalpha(c->text.p[n]) || c->text.p[n] == '-'))
		n++;
	if (c->spaced || n < 7 || n == sizeof word - 1 || (n < c->text.n && !isspace(c->text.p[n]) && c->text.p[n] != ':'))
		return NULL;
	memcpy(word, c->text.p, n);
	word[n] = '\0';
	char *kind = strncasecmp(word, "precond", 7) == 0 ? strchr(word, '-') : NULL;
	if (kind)
		kind[1] = '\0';
	const struct directive *near = NULL;
	unsigned nearest = 3;
	for (size_t i = 0; i < ARRAY_LEN(directives); i++) {
		unsigned distance = nearest_distance(word, directives[i].word);
		if (distance == 0)
			return NULL; /* rightly spelt, and not followed by what would make it one */
		if (distance < nearest)
			nearest = distance, near = &directives[i];
	}
	return near;
}

static bool is_header(struct bytes text)
{
	if (text.n < 9 || strncasecmp((const char *)text.p, "liquibase", 9) != 0)
		return false;
	struct bytes rest = lb_trim(bytes_of(text.p + 9, text.n - 9));
	return rest.n >= 9 && strncasecmp((const char *)rest.p, "formatted", 9) == 0;
}

/* ---- directives --------------------------------------------------------------------------------------------------------------------------------- */

static void run_changeset(struct lb *lb, struct bytes rest)
{
	lb_begin_changeset(lb);
	if (rest.n && !isspace(rest.p[0]))
		LB_PROBLEM(lb, "write --changeset author:id; begin an ordinary comment with another word",
		           "a line that begins with --changeset is not a changeset line");
	else
		lb->broken = !lb_read_head(lb, rest);
}

static void run_rollback(struct lb *lb, struct bytes rest)
{
	if (rest.p[0] != ' ')
		LB_PROBLEM(lb, "put a blank after --rollback", "Liquibase reads a rollback only after a blank, not after a tab");
	else
		lb_add_rollback_line(lb, bytes_of(rest.p + 1, rest.n - 1));
}

static struct bytes after_colon(struct bytes rest)
{
	if (rest.n && rest.p[0] == ':')
		rest = bytes_of(rest.p + 1, rest.n - 1);
	return lb_trim(rest);
}

static void run_comment(struct lb *lb, struct bytes rest)
{
	rest = after_colon(rest);
	lb->cur.comment = arena_strndup(lb->a, (const char *)rest.p, rest.n);
}

static bool is_hex(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++)
		if (!isxdigit(b.p[i]))
			return false;
	return b.n > 0;
}

/* "any", our own 64 hex digits, or a sum of Liquibase's ("9:d41d..."), which says nothing about our digests. */
static void run_check_sum(struct lb *lb, struct bytes rest)
{
	struct bytes sum = after_colon(rest);
	const uint8_t *colon = memchr(sum.p, ':', sum.n);
	struct bytes digits = colon ? bytes_of(colon + 1, sum.n - (size_t)(colon - sum.p) - 1) : sum;
	if (lb_word_is(digits, "any") || (!colon && sum.n == 2 * DIGEST_SIZE && is_hex(sum))) {
		arena_vec_grow(lb->a, lb->cur.accepted, lb->cur.n_accepted, lb->cur.cap_accepted);
		char *text = arena_strndup(lb->a, (const char *)digits.p, digits.n);
		for (char *s = text; *s; s++)
			*s = (char)tolower((unsigned char)*s);
		lb->cur.accepted[lb->cur.n_accepted++] = text;
	} else if (digits.n != 32 || !is_hex(digits)) {
		LB_PROBLEM(lb, "write ANY, a digest of 64 hex digits, or one of Liquibase's sums", "'%.*s' is no checksum", (int)(sum.n > 80 ? 80 : sum.n),
		           (const char *)sum.p);
	}
}

static void run_precondition(struct lb *lb, struct bytes rest)
{
	struct bytes kind = lb_next_word(&rest);
	lb_read_precondition(lb, kind, rest);
}

static void run_before(struct lb *lb, struct bytes rest)
{
	lb_read_validation(lb, VALIDATE_BEFORE, rest);
}

static void run_after(struct lb *lb, struct bytes rest)
{
	lb_read_validation(lb, VALIDATE_AFTER, rest);
}

static void run_wrong_comments(struct lb *lb, struct bytes rest)
{
	(void)rest;
	LB_PROBLEM(lb, "write --comment", "--comments is not a Liquibase line, and Liquibase stops at it");
}

static void run_wrong_ignore(struct lb *lb, struct bytes rest)
{
	(void)rest;
	LB_PROBLEM(lb, "write --ignoreLines:3, or --ignoreLines:start and --ignoreLines:end; to leave a changeset out, write ignore:true on its line",
	           "--ignore: is not a Liquibase line, and Liquibase stops at it");
}

static void run_wrong_validate(struct lb *lb, struct bytes rest)
{
	(void)rest;
	LB_PROBLEM(lb, "write --validate-before or --validate-after", "a --validate- line that is neither before nor after");
}

static void run_second_header(struct lb *lb, struct bytes rest)
{
	(void)rest;
	LB_PROBLEM(lb, "remove it, or make two files of this one", "the header stands here again");
}

static void run_paid(struct lb *lb, struct bytes rest)
{
	(void)rest;
	struct comment_line c = take_apart(lb->line);
	size_t n = 0;
	while (n < c.text.n && isalpha(c.text.p[n]))
		n++;
	LB_PROBLEM(lb, "write the SQL itself here, or put the file into the change folder",
	           "%.*s in formatted SQL exists only in Liquibase's paid edition", (int)n, (const char *)c.text.p);
}

static void skip_to_end(struct lb *lb)
{
	uint32_t start = lb->lines.line;
	struct bytes line, rest;
	while (lb_skip_line(lb, &line)) {
		struct comment_line c = take_apart(line);
		const struct directive *d = c.dashes && !c.indented ? find_directive(c.text, &rest) : NULL;
		if (!d || d->run != run_ignore_lines || !lb_word_is(lb_trim(rest), "end"))
			continue;
		if (c.dashes == 1)
			LB_PROBLEM(lb, "write --ignoreLines:end", "a directive with one dash");
		return;
	}
	problem_add(lb->problems, lb->file->path, start, "write --ignoreLines:end after the last line to ignore", "--ignoreLines:start has no end");
}

static void run_ignore_lines(struct lb *lb, struct bytes rest)
{
	struct err e = ERR_INIT;
	struct bytes line;
	uint64_t count = 0;
	rest = lb_trim(rest);
	const char *word = arena_strndup(lb->a, (const char *)rest.p, rest.n);
	if (str_ieq(word, "start")) {
		skip_to_end(lb);
		return;
	}
	if (str_to_u64(word, "ignoreLines", 0, UINT32_MAX, &count, &e) != 0)
		LB_PROBLEM(lb, "write a number of lines, start or end",
		           str_ieq(word, "end") ? "--ignoreLines:end without a start%.0s" : "--ignoreLines:%.60s is unknown", word);
	while (count-- > 0 && lb_skip_line(lb, &line))
		;
}

/* ---- lines -------------------------------------------------------------------------------------------------------------------------------------- */

static bool run_line_block(struct lb *lb)
{
	bool alone;
	if (!lb_is_rollback_block(lb, &alone))
		return false;
	if (!alone)
		LB_PROBLEM(lb, "begin the SQL on the next line", "Liquibase reads a rollback comment only when nothing follows its first line");
	else if (!lb->open)
		LB_PROBLEM(lb, "move it below its --changeset line", "a rollback outside of a changeset");
	else {
		lb_add_sql_line(lb, bytes_of("", 0));
		lb_read_rollback_block(lb);
	}
	return true;
}

static void run_directive(struct lb *lb, const struct directive *d, const struct comment_line *c, struct bytes rest)
{
	if (d->run != run_changeset)
		lb_add_sql_line(lb, bytes_of("", 0));
	if (c->dashes == 1) {
		if (d->run == run_changeset)
			lb_begin_changeset(lb);
		LB_PROBLEM(lb, arena_printf(lb->a, "write %s", *d->form ? d->form : "two dashes"), "a directive with one dash");
	} else if (c->indented && (d->run == run_ignore_lines || d->run == run_check_sum))
		LB_PROBLEM(lb, "remove the blanks before it", "Liquibase reads this line only when it begins with its dashes");
	else if (!lb->open && !d->outside)
		LB_PROBLEM(lb, "move it below its --changeset line", "a %.*s line outside of a changeset", (int)strcspn(d->word, ":"), d->word);
	else
		d->run(lb, rest);
}

static bool run_line_directive(struct lb *lb)
{
	struct comment_line c = take_apart(lb->line);
	struct bytes rest;
	if (c.dashes != 1 && c.dashes != 2)
		return false;
	if (c.dashes == 2 && is_header(c.text)) {
		run_second_header(lb, c.text);
		return true;
	}
	const struct directive *d = find_directive(c.text, &rest);
	/* An indented "--comment" is an ordinary comment for Liquibase. */
	if (d && c.indented && (d->run == run_comment || d->run == run_wrong_comments))
		return false;
	if (d) {
		run_directive(lb, d, &c, rest);
		return true;
	}
	if (c.dashes == 2 && (d = misspelt(&c))) {
		LB_PROBLEM(lb, arena_printf(lb->a, "did you mean --%s? begin an ordinary comment with a blank after its dashes", d->word),
		           "a comment that looks like a directive");
		return true;
	}
	return false;
}

/* Text before the first changeset may only be comments: Liquibase drops SQL there without a word. */
static void run_outside_text(struct lb *lb)
{
	struct bytes b = lb_trim(lb->line);
	if (b.n == 0 || lb_starts_with(b, "--"))
		return;
	if (!lb_starts_with(b, "/*")) {
		if (lb->set->n == 0 || lb->set->changes[lb->set->n - 1].file != lb->file->path)
			LB_PROBLEM(lb, "move it below a --changeset line", "SQL before the first changeset");
		return;
	}
	uint32_t start = lb->lines.line;
	for (struct bytes line = b; !memmem(line.p, line.n, "*/", 2);)
		if (!source_line(&lb->lines, &line)) {
			problem_add(lb->problems, lb->file->path, start, "write */ at its end", "the comment is not closed");
			return;
		}
}

static bool read_header(struct lb *lb)
{
	static const char *const known[] = {"logicalFilePath", "changeLogId"}; /* names of the file in Liquibase's own books, without effect here */
	while (source_line(&lb->lines, &lb->line) && lb_is_blank(lb->line))
		;
	struct comment_line c = take_apart(lb->line);
	if (c.dashes != 2 || !is_header(c.text)) {
		LB_PROBLEM(lb, "begin the file with --liquibase formatted sql",
		           lb_is_blank(lb->line) ? "an empty file" : "not a Liquibase formatted SQL file");
		return false;
	}
	struct attribute at;
	struct bytes rest = lb_trim(bytes_of(c.text.p + 9, c.text.n - 9));
	lb_next_word(&rest);
	if (!lb_word_is(lb_next_word(&rest), "sql"))
		LB_PROBLEM(lb, "begin the file with --liquibase formatted sql", "the header does not say sql");
	while (lb_trim(rest).n && lb_attribute(lb, &rest, &at))
		if (!str_ieq(at.key, known[0]) && !str_ieq(at.key, known[1]))
			lb_unknown_attribute(lb, &at, "the header", known, ARRAY_LEN(known));
	return true;
}

/* Where Liquibase reads two lines and we one, a line behind a rollback would be run by one of us only. */
static bool has_lone_cr(struct lb *lb, struct bytes text)
{
	struct source_lines lines = {.rest = text};
	for (struct bytes line; source_line(&lines, &line);)
		if (memchr(line.p, '\r', line.n)) {
			problem_add(lb->problems, lb->file->path, lines.line, "end lines with LF or CR LF, and write a carriage return in a string as an escape",
			            "a carriage return alone ends a line for Liquibase");
			return true;
		}
	return false;
}

static void read_file(struct lb *lb)
{
	if (!source_text(lb->file, lb->a, lb->problems, &lb->lines.rest) || has_lone_cr(lb, lb->lines.rest))
		return;
	lb->lines.line = 0;
	lb->line = bytes_of("", 0);
	lb->open = false;
	if (!read_header(lb))
		return;
	while (source_line(&lb->lines, &lb->line)) {
		if (run_line_directive(lb) || run_line_block(lb))
			continue;
		if (lb->open)
			lb_add_sql_line(lb, lb->line);
		else
			run_outside_text(lb);
	}
	lb_finish_changeset(lb, true);
}

/* Other changelog formats in the folder would be changes that nobody runs. */
static bool is_other_changelog(const char *name)
{
	return str_ends(name, ".xml") || str_ends(name, ".yaml") || str_ends(name, ".yml") || str_ends(name, ".json");
}

static void liquibase_read(const struct read_options *o, const struct source_list *l, struct change_set *set)
{
	struct lb lb = {.o = o, .set = set, .a = set->arena, .problems = &set->problems, .properties = {.arena = set->arena}};
	for (size_t i = 0; i < l->n; i++) {
		lb.file = &l->files[i];
		if (source_is_sql(lb.file))
			read_file(&lb);
		else if (is_other_changelog(lb.file->name))
			problem_add(&set->problems, lb.file->path, 0, "write it as formatted SQL, or move it out of the change folder",
			            "not an .sql file, and it would be passed over");
	}
	buf_done(&lb.sql);
	buf_done(&lb.rollback);
}

static bool liquibase_detects(const struct source_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		AUTO(arena_destroy) struct arena *a = arena_new(SOURCES_TOTAL_MAX * 4);
		struct problems ignored = {.arena = a};
		struct source_lines lines = {0};
		struct bytes line = {0};
		if (!source_is_sql(&l->files[i]) || !source_text(&l->files[i], a, &ignored, &lines.rest))
			continue;
		while (source_line(&lines, &line) && lb_is_blank(line))
			;
		struct comment_line c = take_apart(line);
		return c.dashes == 2 && is_header(c.text);
	}
	return false;
}

const struct change_reader liquibase_sql_reader = {
    .name = "liquibase-sql",
    .reads = "Liquibase formatted SQL: *.sql with the header --liquibase formatted sql",
    .detects = liquibase_detects,
    .read = liquibase_read,
};
