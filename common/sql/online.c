/* See the header. */
#include "common/sql/online.h"

#include "common/base/str.h"
#include "common/sql/reader.h"

const char *const sql_algorithms[] = {"INSTANT", "NOCOPY", "INPLACE", "COPY", "DEFAULT", NULL};
const char *const sql_locks[] = {"NONE", "SHARED", "EXCLUSIVE", "DEFAULT", NULL};

const char *sql_online_word(const char *const *words, const char *text)
{
	while (*words && !str_ieq(*words, text))
		words++;
	return *words;
}

struct place {
	enum sql_online_state state;
	const char *joint; /* what stands before each of the two */
	bool renames; /* the table gets another name */
	bool open_end; /* a list at the end would take up what is put there */
};

static bool next_is(const struct reader *r, const char *word)
{
	struct reader ahead = *r;
	reader_next(&ahead);
	return token_is_word(&ahead.t, word);
}

/* Operations that stand alone in an ALTER TABLE: partitions and tablespaces. */
static bool stands_alone(const struct reader *r)
{
	static const char *const alone[] = {"DISCARD", "IMPORT",   "EXCHANGE", "COALESCE", "REORGANIZE", "TRUNCATE",
	                                    "REBUILD", "OPTIMIZE", "ANALYZE",  "CHECK",    "REPAIR"};
	static const char *const with[][2] = {{"ADD", "PARTITION"}, {"DROP", "PARTITION"}, {"CONVERT", "PARTITION"}, {"CONVERT", "TABLE"}};
	for (size_t i = 0; i < ARRAY_LEN(alone); i++)
		if (token_is_word(&r->t, alone[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(with); i++)
		if (token_is_word(&r->t, with[i][0]) && next_is(r, with[i][1]))
			return true;
	return false;
}

static bool renames_table(const struct reader *r)
{
	return token_is_word(&r->t, "RENAME") && !next_is(r, "COLUMN") && !next_is(r, "INDEX") && !next_is(r, "KEY");
}

/* How the table is partitioned may stand behind the last clause without a comma. */
static bool partitions(const struct reader *r)
{
	return (token_is_word(&r->t, "PARTITION") && next_is(r, "BY")) || (token_is_word(&r->t, "REMOVE") && next_is(r, "PARTITIONING"));
}

static void alter_clause(struct reader *r, struct place *p)
{
	if (stands_alone(r))
		p->state = SQL_ONLINE_CANNOT;
	else if (p->state == SQL_ONLINE_LACKS && (token_is_word(&r->t, "ALGORITHM") || token_is_word(&r->t, "LOCK")))
		p->state = SQL_ONLINE_SAYS;
	p->renames |= renames_table(r);
	p->open_end |= token_is_word(&r->t, "ORDER");
	while (!reader_at_end(r) && !token_is_symbol(&r->t, ',')) {
		if (partitions(r))
			p->state = SQL_ONLINE_CANNOT;
		if (token_is_symbol(&r->t, '('))
			reader_skip_group(r);
		else
			reader_next(r);
	}
}

static void read_alter(struct reader *r, struct place *p)
{
	bool online = reader_take(r, "ONLINE");
	reader_take(r, "IGNORE");
	if (!reader_take(r, "TABLE"))
		return;
	reader_take_exists(r);
	reader_skip_object(r);
	if (reader_at_end(r))
		return;
	*p = (struct place){.state = online ? SQL_ONLINE_SAYS : SQL_ONLINE_LACKS, .joint = ", "};
	do
		alter_clause(r, p);
	while (p->state != SQL_ONLINE_CANNOT && reader_take_symbol(r, ','));
}

static void read_create(struct reader *r, struct place *p)
{
	static const char *const kinds[] = {"UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR", NULL};
	if (reader_take(r, "OR"))
		reader_take(r, "REPLACE");
	reader_take_any(r, kinds);
	if (!reader_take(r, "INDEX"))
		return;
	while (!reader_at_end(r) && !token_is_symbol(&r->t, '('))
		reader_next(r);
	if (reader_at_end(r))
		return;
	*p = (struct place){.state = SQL_ONLINE_LACKS, .joint = " "};
	for (reader_skip_group(r); !reader_at_end(r); reader_next(r))
		if (token_is_word(&r->t, "ALGORITHM") || token_is_word(&r->t, "LOCK"))
			p->state = SQL_ONLINE_SAYS;
}

static struct place read_place(struct bytes statement)
{
	struct reader r;
	struct place p = {.state = SQL_ONLINE_CANNOT};
	reader_begin(&r, DIALECT_MARIADB, statement);
	reader_skip_settings(&r);
	if (reader_take(&r, "ALTER"))
		read_alter(&r, &p);
	else if (reader_take(&r, "CREATE"))
		read_create(&r, &p);
	return p;
}

enum sql_online_state sql_online_state(struct bytes statement)
{
	return read_place(statement).state;
}

/* Behind the last code, and behind the mark of a versioned comment around it: a server of another version passes over what is inside. Remarks stay at the end. */
static size_t end_of_code(struct bytes statement)
{
	struct lexer l;
	size_t end = 0;
	lex_init(&l, DIALECT_MARIADB, statement, 1);
	for (struct token t; lex_next(&l, &t) && t.kind != TOKEN_BAD && t.kind != TOKEN_SEMICOLON;)
		if (token_is_code(&t) || t.kind == TOKEN_VERSIONED)
			end = (size_t)(t.text.p - statement.p) + t.text.n;
	return end;
}

bool sql_online_write(struct bytes statement, const struct sql_online *o, struct buf *ret)
{
	struct place p = read_place(statement);
	bool lock = o->lock && !p.renames;
	if (p.state != SQL_ONLINE_LACKS || p.open_end || (!o->algorithm && !lock))
		return false;
	size_t at = end_of_code(statement);
	buf_add(ret, statement.p, at);
	if (o->algorithm)
		buf_addf(ret, "%sALGORITHM=%s", p.joint, o->algorithm);
	if (lock)
		buf_addf(ret, "%sLOCK=%s", p.joint, o->lock);
	buf_add(ret, statement.p + at, statement.n - at);
	if (sql_online_state(buf_bytes(ret)) == SQL_ONLINE_SAYS)
		return true;
	buf_clear(ret); /* the end was inside of parentheses that nothing closes */
	return false;
}
