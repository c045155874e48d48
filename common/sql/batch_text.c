/* What a batched statement sets and asks for, and its text with a range put in. */
#include <string.h>

#include "common/base/str.h"
#include "common/sql/batch.h"
#include "common/sql/lex.h"

static bool is_name(const struct token *t)
{
	return t->kind == TOKEN_WORD || t->kind == TOKEN_QUOTED;
}

/* Every column that SET assigns goes to `fn` until it says true: a = ..., t.a = ..., (a, b) = ... */
static bool any_assigned(const struct sql_batch *b, bool (*fn)(const void *arg, const char *column), const void *arg)
{
	struct lexer l;
	struct token t;
	size_t depth = 0;
	bool left = true; /* of the equals sign */
	char name[SQL_NAME_MAX];
	lex_init(&l, b->dialect, bytes_of(b->text.p + b->set, b->where - b->set), 1);
	while (lex_next_code(&l, &t) && t.kind != TOKEN_BAD) {
		depth += token_is_symbol(&t, '(');
		depth -= depth && token_is_symbol(&t, ')');
		if (depth == 0 && token_is_symbol(&t, ','))
			left = true;
		else if (depth == 0 && token_is_symbol(&t, '='))
			left = false;
		if (!left || !is_name(&t))
			continue;
		token_name(b->dialect, &t, name, sizeof name);
		if (fn(arg, name))
			return true;
	}
	return false;
}

static bool is_column(const void *arg, const char *column)
{
	return str_ieq(arg, column);
}

bool sql_batch_assigns(const struct sql_batch *b, const char *column)
{
	return b->kind == SQL_BATCH_UPDATE && any_assigned(b, is_column, column);
}

static bool condition_names(const struct sql_batch *b, const char *wanted)
{
	struct lexer l;
	struct token t;
	char name[SQL_NAME_MAX];
	lex_init(&l, b->dialect, bytes_of(b->text.p + b->condition, b->end - b->condition), 1);
	while (lex_next_code(&l, &t) && t.kind != TOKEN_BAD) {
		if (!is_name(&t))
			continue;
		token_name(b->dialect, &t, name, sizeof name);
		if (str_ieq(name, wanted))
			return true;
	}
	return false;
}

static bool is_asked_for(const void *arg, const char *column)
{
	return condition_names(arg, column);
}

bool sql_batch_names_unfinished(const struct sql_batch *b)
{
	switch (b->kind) {
	case SQL_BATCH_UPDATE:
		return any_assigned(b, is_asked_for, b);
	case SQL_BATCH_DELETE:
		return true;
	case SQL_BATCH_INSERT:
		return b->skips_present || condition_names(b, b->into);
	}
	return false;
}

void sql_batch_render(const struct sql_batch *b, const char *range, struct buf *ret)
{
	/* Line breaks: a comment of the author's may end any part. */
	buf_add(ret, b->text.p, b->where);
	buf_addf(ret, "\nWHERE %s", range);
	if (b->end > b->condition) {
		buf_adds(ret, " AND (");
		buf_add(ret, b->text.p + b->condition, b->end - b->condition);
		buf_adds(ret, "\n)");
	}
	buf_adds(ret, "\n");
	buf_add(ret, b->text.p + b->end, b->text.n - b->end);
}
