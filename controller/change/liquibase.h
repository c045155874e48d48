/* Inside of the Liquibase reader: the state that its files share. Rules come from Liquibase's own line patterns (4.2x, formatted SQL) as facts; where Liquibase would pass over
 * something in silence that was surely meant (a misspelt attribute, SQL before the first changeset), it is a problem here. */
#ifndef CONTROLLER_CHANGE_LIQUIBASE_H
#define CONTROLLER_CHANGE_LIQUIBASE_H

#include "common/base/buf.h"
#include "controller/change/properties.h"
#include "controller/change/readers.h"

struct lb {
	const struct read_options *o;
	struct change_set *set;
	struct arena *a;
	struct problems *problems;
	struct properties properties;
	const struct source_file *file;
	struct source_lines lines;
	struct bytes line; /* the present one */
	bool open; /* inside a changeset: `cur`, the two texts and their options are valid */
	bool broken; /* its line was wrong: it comes to nothing */
	struct change cur;
	struct buf sql, rollback;
	uint32_t rollback_last; /* line of the last rollback text */
	bool split, strip_comments, rollback_split;
	const char *delimiter, *rollback_delimiter;
	bool preconditions; /* its --preconditions line was read */
	const char *preconditions_output; /* which of onSqlOutput and onUpdateSQL was given */
};

/* One `key:value` of a line; `raw` is the value with its quotes. */
struct attribute {
	const char *key, *value, *raw;
	bool quoted;
};

#define LB_PROBLEM(lb, todo, ...) problem_add((lb)->problems, (lb)->file->path, (lb)->lines.line, (todo), __VA_ARGS__)

/* liquibase_attr.c: the next attribute of *rest; false at the end or after a problem. */
bool lb_attribute(struct lb *lb, struct bytes *rest, struct attribute *ret);
void lb_unknown_attribute(struct lb *lb, const struct attribute *at, const char *of, const char *const *known, size_t n);
bool lb_bool(struct lb *lb, const struct attribute *at, bool *ret);
/* Text of an attribute or a check with ${name} replaced; NULL after a problem. */
const char *lb_expand(struct lb *lb, const char *text);
struct bytes lb_trim(struct bytes b);
struct bytes lb_next_word(struct bytes *rest);
bool lb_word_is(struct bytes word, const char *s); /* case ignored */

/* liquibase_head.c: `--changeset` (what follows the word) into lb->cur and its options; false after a problem. */
bool lb_read_head(struct lb *lb, struct bytes rest);
void lb_read_property(struct lb *lb, struct bytes rest);

/* liquibase_text.c */
void lb_add_sql_line(struct lb *lb, struct bytes line);
void lb_add_rollback_line(struct lb *lb, struct bytes text);
bool lb_is_blank(struct bytes b);
bool lb_starts_with(struct bytes b, const char *word); /* case ignored */
void lb_begin_changeset(struct lb *lb);
/* Turns the open changeset, if there is one, into a change of the set. `last` in its file. */
void lb_finish_changeset(struct lb *lb, bool last);

/* Takes the next line away: it stays as an empty one in the open changeset. */
bool lb_skip_line(struct lb *lb, struct bytes *line);
/* Is this line the start of a rollback comment; does nothing follow it there. */
bool lb_is_rollback_block(struct lb *lb, bool *ret_alone);
void lb_read_rollback_block(struct lb *lb);

/* liquibase_check.c */
void lb_read_preconditions(struct lb *lb, struct bytes rest);
void lb_read_precondition(struct lb *lb, struct bytes kind, struct bytes rest);
void lb_read_validation(struct lb *lb, enum validation_when when, struct bytes rest);
void lb_finish_validations(struct lb *lb);
void lb_read_throttle(struct lb *lb, struct bytes rest);
void lb_finish_batching(struct lb *lb);
void lb_read_suppression(struct lb *lb, struct bytes rest);

#endif
