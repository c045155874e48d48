/* Fuzz target for common/sql. First byte: dialect and options; the rest: a script. Pieces must lie inside the script (unless comments are stripped), in order,
 * without white space around them, each one statement; classification must not fail; what can be batched stays so with a range; what it leaves points into it; the lexer must cover every byte once.
 * `make fuzz T=sql_split DIALECT=mariadb` spends all its time on one dialect: what it makes up then begins with a byte of that dialect. */
#include <stdlib.h>
#include <string.h>

#include "common/sql/batch.h"
#include "common/base/mem.h"
#include "common/sql/classify.h"
#include "common/sql/effect.h"
#include "common/sql/lex.h"
#include "common/sql/online.h"
#include "common/sql/same.h"
#include "common/sql/split.h"
#include "tests/fuzz/fuzz.h"

struct run {
	enum dialect d;
	struct bytes script;
	const uint8_t *last; /* behind the piece before */
	bool inside, single;
};

/* With a range put in, a statement that can be batched is still one statement, and can be batched by the same table. */
static void check_batch(enum dialect d, struct bytes sql)
{
	struct sql_batch b, again;
	AUTO(buf_done) struct buf text = BUF_INIT;
	const char *why = sql_batch_read(d, sql, &b);
	if (why) {
		fuzz_require(strstr(why, ": ") != NULL, "a refusal says what to do");
		return;
	}
	fuzz_require(b.where <= b.condition && b.condition <= b.end && b.end <= sql.n, "places in order");
	sql_batch_render(&b, "(k > 1 AND k <= 2)", &text);
	fuzz_require(sql_batch_read(d, buf_bytes(&text), &again) == NULL && again.kind == b.kind && strcmp(again.name, b.name) == 0,
	             "a batch can be batched");
	fuzz_require(sql_is_single(d, buf_bytes(&text)), "a batch is one statement");
	(void)sql_batch_names_unfinished(&b);
}

/* What a statement leaves points into it; an effect that appears does not show in what there was. The statement stands for a definition, too. */
static void check_effects(struct bytes sql)
{
	static struct sql_effects effects;
	struct sql_renames renames;
	AUTO(buf_done) struct buf text = BUF_INIT;
	sql_effects_read(sql, &effects);
	for (size_t i = 0; i < effects.n; i++) {
		struct bytes says = effects.of[i].says;
		fuzz_require(says.n == 0 || (says.p >= sql.p && says.p + says.n <= sql.p + sql.n), "a clause inside its statement");
	}
	buf_add(&text, sql.p, sql.n);
	bool same = sql_effects_show(&effects, buf_str(&text), buf_str(&text));
	for (size_t i = 0; same && i < effects.n; i++)
		fuzz_require(effects.of[i].if_exists, "what has not changed shows nothing");
	(void)sql_effects_show(&effects, "", buf_str(&text));
	(void)sql_tables_equal(buf_str(&text), buf_str(&text));
	(void)sql_same(sql, sql);
	(void)sql_same_query(sql, sql, sql);
	(void)sql_index_fits(sql, buf_str(&text));
	(void)sql_index_same(buf_str(&text), buf_str(&text));
	(void)sql_body_fits(sql, buf_str(&text));
	(void)sql_view_fits(sql, buf_str(&text));
	(void)sql_sequence_fits(sql, buf_str(&text));
	(void)sql_column_fits(sql, sql, false, sql);
	(void)sql_default_became(sql, sql, sql);
	(void)sql_type_fits(sql, sql);
	(void)sql_columns_fit(sql, sql);
	sql_renames_read(sql, &renames);
	fuzz_require(renames.n <= ARRAY_LEN(renames.of), "as many names as there is room for");
}

/* What is written in is read again, and the statement stays one. */
static void check_online(struct bytes sql)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	if (!sql_online_write(sql, &(struct sql_online){sql_algorithms[0], NULL}, &text))
		return;
	fuzz_require(sql_online_state(buf_bytes(&text)) == SQL_ONLINE_SAYS, "what was written is said");
	fuzz_require(sql_is_single(DIALECT_MARIADB, buf_bytes(&text)) || !sql_is_single(DIALECT_MARIADB, sql), "one statement stays one");
}

static int check_piece(void *arg, const struct piece *p, struct err *e)
{
	struct run *c = arg;
	struct sql_class class;
	(void)e;
	fuzz_require(p->sql.n > 0, "piece is not empty");
	if (c->inside) {
		fuzz_require(p->sql.p >= c->last && p->sql.p + p->sql.n <= c->script.p + c->script.n, "piece inside the script, in order");
		c->last = p->sql.p + p->sql.n;
	}
	if (c->single)
		fuzz_require(sql_is_single(c->d, p->sql), "piece is one statement");
	if (sql_is_single(c->d, p->sql))
		check_batch(c->d, p->sql);
	check_effects(p->sql);
	if (c->d == DIALECT_MARIADB)
		check_online(p->sql);
	sql_classify(c->d, p->sql, &class);
	fuzz_require(class.class == STEP_T || class.why != NULL, "class N and X say why");
	return 0;
}

static void check_lexer(enum dialect d, struct bytes script)
{
	struct lexer l;
	struct token t;
	lex_init(&l, d, script, 1);
	const uint8_t *at = script.p;
	while (lex_next(&l, &t)) {
		if (t.kind == TOKEN_BAD)
			return;
		fuzz_require(t.text.p == at && t.text.n > 0, "tokens cover the script");
		at += t.text.n;
	}
	fuzz_require(at == script.p + script.n, "tokens reach the end");
}

/* libFuzzer's own; not there when the corpus is replayed. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) __attribute__((weak));
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	const char *only = getenv("DIALECT");
	enum dialect d;
	(void)seed;
	size = LLVMFuzzerMutate(data, size, max_size);
	if (only && *only && size) {
		fuzz_require(dialect_parse(only, &d), "DIALECT is a dialect");
		data[0] = (uint8_t)((data[0] == UINT8_MAX ? 0 : data[0]) / DIALECT_COUNT * DIALECT_COUNT + d); /* the options stay */
	}
	return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const delimiters[] = {NULL, "//", "$$", "GO", "\\n/\\s*$"};
	if (size < 1)
		return 0;
	unsigned options = data[0] / DIALECT_COUNT;
	struct run c = {.d = (enum dialect)(data[0] % DIALECT_COUNT), .script = bytes_of(data + 1, size - 1), .last = data + 1};
	struct split_options o = {.split = !(options & 1), .strip_comments = options & 2, .delimiter = delimiters[options / 4 % 5], .first_line = 1};
	struct err e = ERR_INIT;
	c.inside = !o.strip_comments;
	c.single = o.split;
	check_lexer(c.d, c.script);
	fuzz_accepted = sql_split(c.d, c.script, &o, check_piece, &c, &e) == 0;
	if (!fuzz_accepted)
		fuzz_require(e.code == ERR_PARSE, "errors are parse errors");
	return 0;
}
