/* The texts of the open changeset, and how it ends: scripts for each engine, the rollback's kinds. */
#include <string.h>

#include "common/base/str.h"
#include "controller/change/liquibase.h"

void lb_add_sql_line(struct lb *lb, struct bytes line)
{
	buf_add(&lb->sql, line.p, line.n);
	buf_addc(&lb->sql, '\n');
}

/* Rollback lines may be scattered: the gaps become empty lines, so that places in the rollback stay right too. */
void lb_add_rollback_line(struct lb *lb, struct bytes text)
{
	if (!lb->cur.rollback_line)
		lb->cur.rollback_line = lb->rollback_last = lb->lines.line;
	for (; lb->rollback_last < lb->lines.line; lb->rollback_last++)
		buf_addc(&lb->rollback, '\n');
	buf_add(&lb->rollback, text.p, text.n);
}

bool lb_is_blank(struct bytes b)
{
	return lb_trim(b).n == 0;
}

/* The text for each engine with its properties put in; engines with equal texts share one script. */
static void add_scripts(struct lb *lb, struct script proto, struct script **list, size_t *n, size_t *cap)
{
	for (enum dialect d = 0; d < DIALECT_COUNT; d++) {
		struct bytes text;
		if (!(lb->cur.engines & ENGINE_BIT(d)))
			continue;
		if (properties_expand(&lb->properties, proto.sql, lb->file->path, d, &text) != EXPAND_DONE) {
			problem_add(lb->problems, lb->file->path, proto.line, "use smaller properties",
			            "the text grows past 64 MiB when its properties are put in");
			return;
		}
		size_t i = 0;
		while (i < *n && !bytes_equal((*list)[i].sql, text))
			i++;
		if (i == *n) {
			arena_vec_grow(lb->a, *list, *n, *cap);
			(*list)[(*n)++] = proto;
			(*list)[i].sql = text;
			(*list)[i].engines = 0;
		}
		(*list)[i].engines |= ENGINE_BIT(d);
	}
}

/* A last changeset that ends with a lone "/" is split at lone slashes, as Liquibase does. */
static bool ends_with_slash_line(struct bytes sql)
{
	sql = lb_trim(sql);
	return sql.n >= 2 && memcmp(sql.p + sql.n - 2, "\n/", 2) == 0;
}

static struct script make_script(struct lb *lb, const struct buf *text, uint32_t line, bool split, const char *delimiter)
{
	return (struct script){.sql = arena_bytes(lb->a, buf_bytes(text)),
	                       .file = lb->file->path,
	                       .line = line,
	                       .split = split,
	                       .strip_comments = lb->strip_comments,
	                       .delimiter = delimiter};
}

bool lb_starts_with(struct bytes b, const char *word)
{
	return b.n >= strlen(word) && strncasecmp((const char *)b.p, word, strlen(word)) == 0;
}

/* "changeSetId:x changeSetAuthor:y": run that changeset again. */
static void finish_rollback_by_changeset(struct lb *lb, struct bytes text)
{
	const char *id = NULL, *author = NULL;
	while (text.n) {
		struct bytes word = lb_next_word(&text);
		if (lb_starts_with(word, "changeSetId:"))
			id = arena_strndup(lb->a, (const char *)word.p + 12, word.n - 12);
		else if (lb_starts_with(word, "changeSetAuthor:"))
			author = arena_strndup(lb->a, (const char *)word.p + 16, word.n - 16);
		else if (!lb_starts_with(word, "changeSetPath:")) {
			problem_add(lb->problems, lb->file->path, lb->cur.rollback_line, "write --rollback changeSetId:x changeSetAuthor:y and nothing else",
			            "'%.*s' does not belong into a rollback by changeset", (int)(word.n > 60 ? 60 : word.n), (const char *)word.p);
			return;
		}
	}
	if (str_empty(id) || str_empty(author)) {
		problem_add(lb->problems, lb->file->path, lb->cur.rollback_line, "write --rollback changeSetId:x changeSetAuthor:y",
		            "the rollback does not name its changeset's %s", str_empty(id) ? "id" : "author");
		return;
	}
	lb->cur.rollback_id = arena_printf(lb->a, "%s:%s", author, id);
}

static void finish_rollback(struct lb *lb)
{
	struct bytes text = lb_trim(buf_bytes(&lb->rollback));
	if (text.n == 0) {
		lb->cur.rollback_line = 0;
	} else if (lb_starts_with(text, "not required") || lb_starts_with(text, "empty")) {
		lb->cur.no_rollback_needed = lb->cur.engines;
	} else if (strcasestr(buf_str(&lb->rollback), "changeSetId:")) {
		finish_rollback_by_changeset(lb, arena_bytes(lb->a, text));
	} else {
		struct script s = make_script(lb, &lb->rollback, lb->cur.rollback_line, lb->rollback_split, lb->rollback_delimiter);
		add_scripts(lb, s, &lb->cur.rollback, &lb->cur.n_rollback, &lb->cur.cap_rollback);
	}
}

/* Until its line has been read well, its text is taken but comes to nothing: the line's problem is told, not one for each line below it. */
void lb_begin_changeset(struct lb *lb)
{
	lb_finish_changeset(lb, false);
	buf_clear(&lb->sql);
	buf_clear(&lb->rollback);
	lb->cur = (struct change){
	    .file = lb->file->path, .line = lb->lines.line, .run_in_transaction = true, .on_fail = ON_FAIL_HALT, .on_error = ON_FAIL_HALT};
	lb->split = lb->rollback_split = lb->strip_comments = true;
	lb->delimiter = lb->rollback_delimiter = lb->preconditions_output = NULL;
	lb->preconditions = false;
	lb->open = lb->broken = true;
}

void lb_finish_changeset(struct lb *lb, bool last)
{
	if (!lb->open)
		return;
	lb->open = false;
	if (lb->broken)
		return;
	if (lb_is_blank(buf_bytes(&lb->sql))) {
		problem_add(lb->problems, lb->file->path, lb->cur.line, "write the SQL after its line, or remove the changeset", "changeset %s has no SQL",
		            lb->cur.id);
		return;
	}
	if (last && !lb->delimiter && ends_with_slash_line(buf_bytes(&lb->sql)))
		lb->delimiter = "\n/";
	struct script s = make_script(lb, &lb->sql, lb->cur.line + 1, lb->split, lb->delimiter);
	add_scripts(lb, s, &lb->cur.forward, &lb->cur.n_forward, &lb->cur.cap_forward);
	finish_rollback(lb);
	lb_finish_validations(lb);
	lb_finish_batching(lb);
	arena_vec_grow(lb->a, lb->set->changes, lb->set->n, lb->set->cap);
	lb->set->changes[lb->set->n++] = lb->cur;
}

/* Skipped lines stay as empty ones in an open changeset. */
bool lb_skip_line(struct lb *lb, struct bytes *line)
{
	if (!source_line(&lb->lines, line))
		return false;
	lb_add_sql_line(lb, bytes_of("", 0));
	return true;
}

/* Slash-star "liquibase rollback" alone on a line, SQL on the next ones, star-slash at the end of the last. */
bool lb_is_rollback_block(struct lb *lb, bool *ret_alone)
{
	struct bytes b = lb_trim(lb->line);
	if (!lb_starts_with(b, "/*"))
		return false;
	b = lb_trim(bytes_of(b.p + 2, b.n - 2));
	if (!lb_starts_with(b, "liquibase"))
		return false;
	b = lb_trim(bytes_of(b.p + 9, b.n - 9));
	*ret_alone = b.n == 8;
	return lb_starts_with(b, "rollback");
}

void lb_read_rollback_block(struct lb *lb)
{
	uint32_t start = lb->lines.line;
	struct bytes line;
	while (lb_skip_line(lb, &line)) {
		struct bytes b = lb_trim(line);
		bool end = b.n >= 2 && memcmp(b.p + b.n - 2, "*/", 2) == 0;
		lb_add_rollback_line(lb, end ? bytes_of(b.p, b.n - 2) : line);
		if (end)
			return;
	}
	problem_add(lb->problems, lb->file->path, start, "write */ at the end of its last line", "the rollback comment is not closed");
}
