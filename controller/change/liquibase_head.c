/* The `--changeset author:id attribute:value ...` line and `--property`. */
#include "controller/change/liquibase.h"

#include <ctype.h>
#include <string.h>

#include "common/base/str.h"
#include "common/model/context.h"

#define ID_PART_MAX 200

struct head_attribute {
	const char *name;
	/* Sets what the attribute says; `target` is a bool, const char * or uint32_t inside struct lb. NULL: read, without effect here (the sentence says why). */
	enum { HEAD_BOOL, HEAD_TEXT, HEAD_WORD, HEAD_DELIMITER, HEAD_ROWS, HEAD_TIME, HEAD_ALGORITHM, HEAD_LOCK, HEAD_PASS, HEAD_PAID } kind;
	size_t offset;
};

#define LB_AT(field) offsetof(struct lb, field)

/* ignore_failure is the reverse of failOnError: turned round in apply_attribute. logicalFilePath only changes the path in Liquibase's identity, which ours does not have. */
static const struct head_attribute head_attributes[] = {
    {"runOnChange", HEAD_BOOL, LB_AT(cur.run_on_change)},
    {"runAlways", HEAD_BOOL, LB_AT(cur.run_always)},
    {"runInTransaction", HEAD_BOOL, LB_AT(cur.run_in_transaction)},
    {"failOnError", HEAD_BOOL, LB_AT(cur.ignore_failure)},
    {"ignore", HEAD_BOOL, LB_AT(cur.ignored)},
    {"splitStatements", HEAD_BOOL, LB_AT(split)},
    {"rollbackSplitStatements", HEAD_BOOL, LB_AT(rollback_split)},
    {"stripComments", HEAD_BOOL, LB_AT(strip_comments)},
    {"endDelimiter", HEAD_DELIMITER, LB_AT(delimiter)},
    {"rollbackEndDelimiter", HEAD_DELIMITER, LB_AT(rollback_delimiter)},
    {"context", HEAD_TEXT, LB_AT(cur.context)},
    {"contextFilter", HEAD_TEXT, LB_AT(cur.context)},
    {"labels", HEAD_TEXT, LB_AT(cur.labels)},
    {"dbms", HEAD_WORD, LB_AT(cur.dbms)},
    {"batch", HEAD_ROWS, LB_AT(cur.batching.size)}, /* ours, and so are the next five: Liquibase looks for its own and passes over others */
    {"rollbackBatch", HEAD_ROWS, LB_AT(cur.batching.rollback_size)},
    {"pause", HEAD_TIME, LB_AT(cur.batching.pause_ms)},
    {"maxLag", HEAD_TIME, LB_AT(cur.batching.max_lag_ms)},
    {"algorithm", HEAD_ALGORITHM, LB_AT(cur.online.algorithm)},
    {"lock", HEAD_LOCK, LB_AT(cur.online.lock)},
    {"logicalFilePath", HEAD_PASS, 0},
    {"runWith", HEAD_PAID, 0},
    {"runWithSpoolFile", HEAD_PAID, 0},
};

/* "\n", "\r" and "\t" are written as two characters; a "$" after "\n/" says end of line in Liquibase's pattern. Anything else that only a pattern can mean is refused. */
static const char *delimiter_text(struct lb *lb, const struct attribute *at)
{
	struct buf out = BUF_INIT;
	const char *s = at->value;
	bool pattern = false;
	for (; *s; s++) {
		if (*s == '\\' && (s[1] == 'n' || s[1] == 'r' || s[1] == 't')) {
			s++;
			buf_addc(&out, *s == 'n' ? '\n' : *s == 'r' ? '\r' : '\t');
		} else if (*s == '$' && s[1] == '\0' && s >= at->value + 3 && memcmp(s - 3, "\\n/", 3) == 0) {
			break;
		} else {
			pattern |= strchr("\\*+?[](){}^|", *s) != NULL;
			buf_addc(&out, *s);
		}
	}
	const char *text = arena_strdup(lb->a, buf_str(&out));
	buf_done(&out);
	if (!pattern && *text)
		return text;
	LB_PROBLEM(lb, "write a plain delimiter, such as ;; or / or \\nGO", pattern ? "%s:%.60s is a pattern" : "%s has no value%.0s", at->key,
	           at->value);
	return NULL;
}

static const struct head_attribute *find_attribute(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(head_attributes); i++)
		if (str_ieq(head_attributes[i].name, key))
			return &head_attributes[i];
	return NULL;
}

static void unknown_attribute(struct lb *lb, const struct attribute *at)
{
	const char *names[ARRAY_LEN(head_attributes)];
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(head_attributes); i++)
		if (head_attributes[i].kind != HEAD_PAID)
			names[n++] = head_attributes[i].name;
	lb_unknown_attribute(lb, at, "changeset", names, n);
}

static bool rows(struct lb *lb, const struct attribute *at, uint32_t *ret)
{
	struct err e = ERR_INIT;
	uint64_t n;
	if (str_to_u64(at->value, at->key, 1, BATCH_SIZE_MAX, &n, &e) == 0)
		return *ret = (uint32_t)n, true;
	LB_PROBLEM(lb, arena_printf(lb->a, "write a number of rows, such as %s:5000", at->key), "%s", e.msg);
	return false;
}

static bool duration(struct lb *lb, const struct attribute *at, uint32_t *ret)
{
	struct err e = ERR_INIT;
	uint64_t ms;
	if (str_to_duration_ms(at->value, at->key, &ms, &e) == 0 && ms > 0 && ms <= BATCH_TIME_MAX_MS)
		return *ret = (uint32_t)ms, true;
	LB_PROBLEM(lb, "write a time such as 100ms or 10s, an hour at most", "%s:%.60s is no such time", at->key, at->value);
	return false;
}

static bool online_word(struct lb *lb, const struct attribute *at, const char *const *words, const char *todo, const char **ret)
{
	const char *word = sql_online_word(words, at->value);
	if (word)
		return *ret = word, true;
	LB_PROBLEM(lb, todo, "%s:%.60s is none of MariaDB's", at->key, at->value);
	return false;
}

/* Liquibase reads quotes round contexts and labels; round any other value of its own it takes them for a part of it, or passes over the attribute. */
static bool quotes_fit(struct lb *lb, const struct head_attribute *h, const struct attribute *at)
{
	if (!at->quoted || (h->kind != HEAD_BOOL && h->kind != HEAD_WORD && h->kind != HEAD_DELIMITER))
		return true;
	LB_PROBLEM(lb, "write it without quotes and blanks", "Liquibase does not read a quoted value of %s", h->name);
	return false;
}

static bool text_attribute(struct lb *lb, const struct attribute *at, const char **ret)
{
	if (*ret)
		LB_PROBLEM(lb, "keep one", "context and contextFilter are the same thing, and both are given");
	else if (*at->value)
		return (*ret = lb_expand(lb, at->value)) != NULL;
	else
		LB_PROBLEM(lb, "give it one, or remove the attribute", "%s has no value", at->key);
	return false;
}

static bool apply_attribute(struct lb *lb, const struct head_attribute *h, const struct attribute *at)
{
	char *field = (char *)lb + h->offset;
	if (!quotes_fit(lb, h, at))
		return false;
	switch (h->kind) {
	case HEAD_BOOL:
		if (!lb_bool(lb, at, (bool *)field))
			return false;
		if (str_eq(h->name, "failOnError"))
			lb->cur.ignore_failure = !lb->cur.ignore_failure;
		return true;
	case HEAD_TEXT:
	case HEAD_WORD:
		return text_attribute(lb, at, (const char **)field);
	case HEAD_DELIMITER:
		return (*(const char **)field = delimiter_text(lb, at)) != NULL;
	case HEAD_ROWS:
		return rows(lb, at, (uint32_t *)field);
	case HEAD_TIME:
		return duration(lb, at, (uint32_t *)field);
	case HEAD_ALGORITHM:
		return online_word(lb, at, sql_algorithms, "write instant, nocopy, inplace, copy or default", (const char **)field);
	case HEAD_LOCK:
		return online_word(lb, at, sql_locks, "write none, shared, exclusive or default", (const char **)field);
	case HEAD_PASS:
		return true;
	case HEAD_PAID:
		LB_PROBLEM(lb, "remove it: Rollcall runs the statements itself",
		           "%s needs another program to run the SQL, and only Liquibase's paid edition has it", h->name);
		return false;
	}
	return false;
}

static bool read_attributes(struct lb *lb, struct bytes rest)
{
	unsigned long seen = 0;
	bool ok = true;
	struct attribute at;
	while (lb_trim(rest).n) {
		if (!lb_attribute(lb, &rest, &at))
			return false;
		const struct head_attribute *h = find_attribute(at.key);
		if (!h) {
			unknown_attribute(lb, &at);
			ok = false;
			continue;
		}
		unsigned long bit = 1ul << (h - head_attributes);
		if (seen & bit) {
			LB_PROBLEM(lb, "write it once", "%s is given twice", h->name);
			ok = false;
			continue;
		}
		seen |= bit;
		ok &= apply_attribute(lb, h, &at);
	}
	return ok;
}

static bool check_dbms(struct lb *lb)
{
	const char *unknown;
	lb->cur.engines = lb->o->engines & dbms_engines(lb->cur.dbms, lb->a, &unknown);
	if (!unknown)
		return true;
	const char *near = dbms_nearest(unknown);
	LB_PROBLEM(lb,
	           near ? arena_printf(lb->a, "did you mean %s?", near) : "name a database that Liquibase knows, such as postgresql, mariadb or sqlite",
	           "dbms '%.60s' is no database that Liquibase knows", unknown);
	return false;
}

static bool check_context(struct lb *lb)
{
	struct err e = ERR_INIT;
	bool unused;
	if (context_matches(lb->cur.context, NULL, 0, &unused, &e) == 0)
		return true;
	LB_PROBLEM(lb, "write names joined by and, or, !, commas and parentheses", "context '%.200s' is malformed", lb->cur.context);
	return false;
}

static bool part_is_valid(const char *s)
{
	size_t n = strlen(s);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f || s[i] == ';')
			return false;
	return n > 0 && n <= ID_PART_MAX;
}

/* "part" or part, up to `stop` (0: white space). Empty when nothing is there. */
static struct bytes take_part(struct bytes *rest, unsigned char stop)
{
	size_t n = 0;
	bool quoted = rest->n && rest->p[0] == '"';
	if (quoted && (n = rest->n > 1 ? strcspn((const char *)rest->p + 1, "\"\n") : 0) > 0 && n + 1 < rest->n && rest->p[n + 1] == '"') {
		struct bytes part = bytes_of(rest->p + 1, n);
		*rest = bytes_of(rest->p + n + 2, rest->n - n - 2);
		return part;
	}
	for (n = 0; n < rest->n && (stop ? rest->p[n] != stop : !isspace(rest->p[n])); n++)
		;
	struct bytes part = bytes_of(rest->p, n);
	*rest = bytes_of(rest->p + n, rest->n - n);
	return part;
}

static const char head_form[] = "write --changeset author:id";

static bool read_identity(struct lb *lb, struct bytes *rest)
{
	*rest = lb_trim(*rest);
	struct bytes author = take_part(rest, ':');
	if (rest->n == 0 || rest->p[0] != ':') {
		LB_PROBLEM(lb, head_form, "a changeset line without author:id");
		return false;
	}
	*rest = bytes_of(rest->p + 1, rest->n - 1);
	if (rest->n && isspace(rest->p[0]) && lb_trim(*rest).n) {
		LB_PROBLEM(lb, head_form, "a blank between the author's colon and the id");
		return false;
	}
	struct bytes name = take_part(rest, 0);
	if (name.n == 0) {
		LB_PROBLEM(lb, head_form, "the changeset has no id");
		return false;
	}
	author = lb_trim(author);
	lb->cur.author = lb_expand(lb, arena_strndup(lb->a, (const char *)author.p, author.n));
	lb->cur.name = lb_expand(lb, arena_strndup(lb->a, (const char *)name.p, name.n));
	if (!lb->cur.author || !lb->cur.name)
		return false;
	if (!part_is_valid(lb->cur.author) || !part_is_valid(lb->cur.name)) {
		LB_PROBLEM(lb, "use 1 to 200 characters for each, without control characters and semicolons", "author or id of the changeset cannot be used");
		return false;
	}
	lb->cur.id = arena_printf(lb->a, "%s:%s", lb->cur.author, lb->cur.name);
	return true;
}

bool lb_read_head(struct lb *lb, struct bytes rest)
{
	return read_identity(lb, &rest) && read_attributes(lb, rest) && check_dbms(lb) && check_context(lb);
}

static bool property_holds(struct lb *lb, const char *context)
{
	struct err e = ERR_INIT;
	bool holds = true;
	if (context && context_matches(context, lb->o->contexts, lb->o->n_contexts, &holds, &e) != 0)
		LB_PROBLEM(lb, "write names joined by and, or, !, commas and parentheses", "context '%.200s' is malformed", context);
	return holds;
}

struct property_line {
	const char *name, *value, *context, *dbms;
	bool global;
};

/* Liquibase reads neither part of a property in quotes: they stay in it, and its value ends at the first blank. */
static bool property_quotes_fit(struct lb *lb, const struct attribute *at, const char *name)
{
	if (!at->quoted)
		return true;
	if (str_ieq(at->key, "name")) {
		LB_PROBLEM(lb, "write it without quotes", "Liquibase keeps the quotes in the name of a property");
		return false;
	}
	if (!str_ieq(at->key, "value") || !at->value[strcspn(at->value, " \t")])
		return true;
	LB_PROBLEM(lb, "write a value without blanks", "Liquibase ends the value of property %.60s at its first blank", name ? name : "");
	return false;
}

static bool read_property_line(struct lb *lb, struct bytes rest, struct property_line *l)
{
	static const char *const known[] = {"name", "value", "context", "contextFilter", "dbms", "global", "labels"};
	struct attribute at;
	while (lb_trim(rest).n) {
		if (!lb_attribute(lb, &rest, &at) || !property_quotes_fit(lb, &at, l->name))
			return false;
		if (str_ieq(at.key, "name"))
			l->name = lb_expand(lb, at.value);
		else if (str_ieq(at.key, "value"))
			l->value = lb_expand(lb, at.raw); /* Liquibase keeps the quotes */
		else if (str_ieq(at.key, "context") || str_ieq(at.key, "contextFilter"))
			l->context = lb_expand(lb, at.value);
		else if (str_ieq(at.key, "dbms"))
			l->dbms = lb_expand(lb, at.value);
		else if (str_ieq(at.key, "global")) {
			if (!lb_bool(lb, &at, &l->global))
				return false;
		} else if (str_ieq(at.key, "labels")) {
			LB_PROBLEM(lb, "use context", "a property with labels cannot be known when the release is signed");
			return false;
		} else {
			lb_unknown_attribute(lb, &at, "property", known, ARRAY_LEN(known) - 1);
			return false;
		}
	}
	return true;
}

void lb_read_property(struct lb *lb, struct bytes rest)
{
	struct property_line l = {.global = true};
	const char *unknown;
	if (!read_property_line(lb, rest, &l))
		return;
	if (str_empty(l.name) || !l.value || !*l.value) {
		LB_PROBLEM(lb, "write --property name:x value:y", "a property needs a name and a value");
		return;
	}
	if (strlen(l.value) > PROPERTY_VALUE_MAX) {
		LB_PROBLEM(lb, "use a smaller value", "the value of property %.60s is larger than 64 KiB", l.name);
		return;
	}
	unsigned engines = dbms_engines(l.dbms, lb->a, &unknown);
	if (unknown) {
		const char *near = dbms_nearest(unknown);
		LB_PROBLEM(
		    lb, near ? arena_printf(lb->a, "did you mean %s?", near) : "name a database that Liquibase knows, such as postgresql, mariadb or sqlite",
		    "dbms '%.60s' is no database that Liquibase knows", unknown);
		return;
	}
	if (!property_holds(lb, l.context))
		return;
	if (!properties_add(&lb->properties,
	                    (struct property){.name = l.name, .value = l.value, .engines = engines, .local = !l.global, .file = lb->file->path}))
		LB_PROBLEM(lb, "use fewer", "more than %d properties", PROPERTIES_MAX);
}
