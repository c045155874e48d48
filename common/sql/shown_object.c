/* Views, routines, triggers, events and sequences of MariaDB: what the statement says against what SHOW CREATE shows. What is not understood fits nothing. */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/sql/effect.h"
#include "common/sql/reader.h"
#include "common/sql/same.h"

#define WORD_SIZE 64

static bool is_any(const struct token *t, const char *const *words)
{
	while (*words && !token_is_word(t, *words))
		words++;
	return *words;
}

/* To one of the words, or the end; what was passed over. */
static struct bytes take_to(struct reader *r, const char *const *words)
{
	const uint8_t *from = r->t.text.p;
	while (!reader_at_end(r) && !is_any(&r->t, words))
		if (token_is_symbol(&r->t, '('))
			reader_skip_group(r);
		else
			reader_next(r);
	return bytes_of(from, (size_t)(r->t.text.p - from));
}

static bool both_or_neither(struct bytes said, struct bytes shown)
{
	return (said.n > 0) == (shown.n > 0) && sql_same(said, shown);
}

/* ---- routines, triggers, events ---- */

enum trait {
	TRAIT_DETERMINISTIC = 1 << 0,
	TRAIT_NO_SQL = 1 << 1,
	TRAIT_READS = 1 << 2,
	TRAIT_MODIFIES = 1 << 3,
	TRAIT_INVOKER = 1 << 4,
	TRAIT_PRESERVE = 1 << 5,
	TRAIT_DISABLED = 1 << 6
};

struct object {
	struct bytes parameters, returns, every, at, starts, ends, comment; /* n 0: not said */
	unsigned traits;
	bool unknown;
	struct reader body; /* where it begins */
};

/* The word with which a body begins, wherever it stands first behind the kind of object. */
static const char *const bodies[] = {"BEGIN", "RETURN", "DO",       "SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "SET", "CALL",
                                     "WITH",  "SIGNAL", "TRUNCATE", "IF",     "CASE",   "LOOP",   "WHILE",  "REPEAT",  NULL};

/* [NOT] DETERMINISTIC, READS SQL DATA, SQL SECURITY INVOKER, COMMENT 'x', ... */
static void take_trait(struct reader *r, struct object *o)
{
	static const char *const idle[] = {"LANGUAGE", "SQL", "DATA", "CONTAINS", "SECURITY", "DEFINER", "ENABLE", "SLAVE", "REPLICA", NULL};
	static const struct {
		const char *word;
		unsigned trait;
	} traits[] = {{"DETERMINISTIC", TRAIT_DETERMINISTIC},
	              {"NO", TRAIT_NO_SQL},
	              {"READS", TRAIT_READS},
	              {"MODIFIES", TRAIT_MODIFIES},
	              {"INVOKER", TRAIT_INVOKER},
	              {"PRESERVE", TRAIT_PRESERVE},
	              {"DISABLE", TRAIT_DISABLED}};
	bool negated = reader_take(r, "NOT");
	for (size_t i = 0; i < ARRAY_LEN(traits); i++)
		if (reader_take(r, traits[i].word)) {
			o->traits |= negated ? 0 : traits[i].trait;
			return;
		}
	if (reader_take(r, "COMMENT")) {
		o->comment = r->t.text;
		reader_next(r);
	} else if (!reader_take_any(r, idle)) {
		o->unknown = true;
		reader_next(r);
	}
}

static void read_routine(struct reader *r, struct object *o)
{
	static const char *const behind_type[] = {"DETERMINISTIC", "NOT",     "LANGUAGE", "CONTAINS", "NO", "READS", "MODIFIES",
	                                          "SQL",           "COMMENT", "BEGIN",    "RETURN",   "IF", "CASE",  NULL};
	const uint8_t *from = r->t.text.p;
	o->unknown |= !token_is_symbol(&r->t, '(');
	reader_skip_group(r);
	o->parameters = bytes_of(from, (size_t)(r->t.text.p - from));
	if (reader_take(r, "RETURNS"))
		o->returns = take_to(r, behind_type);
	while (!reader_at_end(r) && !is_any(&r->t, bodies))
		take_trait(r, o);
}

static void read_event(struct reader *r, struct object *o)
{
	static const char *const next[] = {"STARTS", "ENDS", "ON", "ENABLE", "DISABLE", "COMMENT", "DO", NULL};
	while (!reader_at_end(r) && !token_is_word(&r->t, "DO")) {
		if (reader_take(r, "ON"))
			o->unknown |= !reader_take(r, "SCHEDULE") && !reader_take(r, "COMPLETION") && !token_is_word(&r->t, "SLAVE");
		else if (reader_take(r, "EVERY"))
			o->every = take_to(r, next);
		else if (reader_take(r, "AT"))
			o->at = take_to(r, next);
		else if (reader_take(r, "STARTS"))
			o->starts = take_to(r, next);
		else if (reader_take(r, "ENDS"))
			o->ends = take_to(r, next);
		else
			take_trait(r, o);
	}
}

static bool object_read(struct bytes text, struct object *o)
{
	static const char *const kinds[] = {"TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", NULL};
	struct reader r;
	*o = (struct object){.traits = 0};
	reader_begin(&r, DIALECT_MARIADB, text);
	while (!reader_at_end(&r) && !is_any(&r.t, kinds))
		reader_next(&r);
	bool trigger = token_is_word(&r.t, "TRIGGER"), event = token_is_word(&r.t, "EVENT");
	reader_next(&r);
	reader_take_exists(&r);
	reader_skip_object(&r);
	if (event)
		read_event(&r, o);
	else if (!trigger) /* whose time and table are as it was written, too */
		read_routine(&r, o);
	o->body = r;
	return !reader_at_end(&r) && !o->unknown;
}

/* Without STARTS the server writes when it was made. */
static bool schedule_fits(const struct object *said, const struct object *shown)
{
	return both_or_neither(said->every, shown->every) && both_or_neither(said->at, shown->at) && both_or_neither(said->ends, shown->ends) &&
	       (said->starts.n == 0 || sql_same(said->starts, shown->starts));
}

bool sql_body_fits(struct bytes statement, const char *shown)
{
	struct object a, b;
	return object_read(statement, &a) && object_read(bytes_of_str(shown), &b) && a.traits == b.traits && both_or_neither(a.comment, b.comment) &&
	       both_or_neither(a.parameters, b.parameters) && (a.returns.n > 0) == (b.returns.n > 0) &&
	       (a.returns.n == 0 || sql_type_fits(a.returns, b.returns)) && schedule_fits(&a, &b) && reader_rest_equal(&a.body, &b.body);
}

/* ---- a view ---- */

struct view {
	char algorithm[WORD_SIZE], security[WORD_SIZE]; /* "": not said */
	struct bytes columns, query;
};

static void take_word(struct reader *r, char *out)
{
	reader_take_symbol(r, '=');
	token_name(DIALECT_MARIADB, &r->t, out, WORD_SIZE);
}

/* Up to its query; DEFINER is a matter of who runs it. */
static bool view_read(struct bytes text, struct view *v)
{
	struct reader r;
	*v = (struct view){.algorithm = ""};
	reader_begin(&r, DIALECT_MARIADB, text);
	while (!reader_at_end(&r) && !reader_take(&r, "VIEW")) {
		if (reader_take(&r, "ALGORITHM"))
			take_word(&r, v->algorithm);
		else if (reader_take(&r, "SECURITY"))
			take_word(&r, v->security);
		reader_next(&r);
	}
	while (!reader_at_end(&r) && !token_is_word(&r.t, "AS")) {
		const uint8_t *from = r.t.text.p;
		if (!token_is_symbol(&r.t, '(')) {
			reader_next(&r);
			continue;
		}
		reader_skip_group(&r);
		v->columns = bytes_of(from, (size_t)(r.t.text.p - from));
	}
	if (!reader_take(&r, "AS"))
		return false;
	v->query = bytes_of(r.t.text.p, (size_t)(text.p + text.n - r.t.text.p));
	return true;
}

/* What CREATE VIEW does not say is the server's default, and what ALTER VIEW does not say stays. */
static bool said_fits(const char *said, const char *shown, const char *usual, bool alters)
{
	return *said ? str_ieq(said, shown) : alters || str_ieq(shown, usual);
}

bool sql_view_fits(struct bytes statement, const char *shown)
{
	struct view said, has;
	struct reader r;
	reader_begin(&r, DIALECT_MARIADB, statement);
	bool alters = token_is_word(&r.t, "ALTER");
	return view_read(statement, &said) && view_read(bytes_of_str(shown), &has) && said_fits(said.algorithm, has.algorithm, "UNDEFINED", alters) &&
	       said_fits(said.security, has.security, "DEFINER", alters) && sql_same_query(said.query, said.columns, has.query);
}

/* ---- a sequence ---- */

/* The number behind the word; false when it is not there. */
static bool number_behind(struct bytes text, const char *word, char *out)
{
	struct reader r;
	reader_begin(&r, DIALECT_MARIADB, text);
	while (!reader_at_end(&r) && !reader_take(&r, word))
		reader_next(&r);
	if (!reader_take(&r, "WITH") && !reader_take(&r, "BY"))
		reader_take_symbol(&r, '=');
	bool minus = reader_take_symbol(&r, '-');
	if (r.t.kind != TOKEN_NUMBER)
		return false;
	snprintf(out, WORD_SIZE, "%s%.*s", minus ? "-" : "", (int)r.t.text.n, (const char *)r.t.text.p);
	return true;
}

static bool comes_round(struct bytes text)
{
	struct reader r;
	bool no = false;
	for (reader_begin(&r, DIALECT_MARIADB, text); !reader_at_end(&r); reader_next(&r)) {
		if (token_is_word(&r.t, "CYCLE"))
			return !no;
		no = token_is_word(&r.t, "NO");
	}
	return false;
}

/* One that counts down begins, and ends, elsewhere: then only what is said is compared. */
bool sql_sequence_fits(struct bytes statement, const char *shown)
{
	static const struct {
		const char *word, *usual;
	} numbers[] = {{"INCREMENT", "1"}, {"MINVALUE", "1"}, {"MAXVALUE", "9223372036854775806"}, {"START", "1"}, {"CACHE", "1000"}};
	struct bytes text = bytes_of_str(shown);
	char lowest[WORD_SIZE] = "1";
	bool down = false;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		char said[WORD_SIZE], has[WORD_SIZE] = "0"; /* nocache */
		bool is_said = number_behind(statement, numbers[i].word, said), start = str_eq(numbers[i].word, "START");
		(void)number_behind(text, numbers[i].word, has);
		down |= str_eq(numbers[i].word, "INCREMENT") && has[0] == '-';
		if (str_eq(numbers[i].word, "MINVALUE"))
			str_copy(lowest, sizeof lowest, has);
		if (!is_said && down && !str_eq(numbers[i].word, "INCREMENT") && !str_eq(numbers[i].word, "CACHE"))
			continue;
		if (!str_eq(has, is_said ? said : start ? lowest : numbers[i].usual))
			return false;
	}
	return comes_round(statement) == comes_round(text);
}
