/* See the header. */
#include "controller/audit/bundle.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#define BUNDLE_FORMAT 1

void bundle_init(struct bundle *b)
{
	*b = (struct bundle){.arena = arena_new(BUNDLE_ARENA_BYTES), .to_us = INT64_MAX};
}

void bundle_done(struct bundle *b)
{
	arena_destroy(&b->arena);
}

void bundle_add_document(struct bundle *b, const char *kind, const char *name, struct bytes data)
{
	arena_vec_grow(b->arena, b->documents, b->n_documents, b->cap_documents);
	b->documents[b->n_documents++] =
	    (struct bundle_document){.kind = arena_strdup(b->arena, kind), .name = arena_strdup(b->arena, name), .data = arena_bytes(b->arena, data)};
}

const struct bundle_document *bundle_find(const struct bundle *b, const char *kind, const char *name)
{
	for (size_t i = 0; i < b->n_documents; i++)
		if (str_eq(b->documents[i].kind, kind) && str_eq(b->documents[i].name, name))
			return &b->documents[i];
	return NULL;
}

/* ---- writing ---- */

static void put_text(json_t *o, const char *key, const char *value)
{
	if (value)
		json_object_set_new(o, key, json_string(value));
}

static void put_hex(json_t *o, const char *key, struct bytes data)
{
	char *hex = mem_alloc(data.n * 2 + 1);
	json_object_set_new(o, key, json_string(bytes_to_hex(data, hex)));
	free(hex);
}

static void add_line(struct buf *to, json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT);
	buf_adds(to, text);
	buf_addc(to, '\n');
	free(text);
	json_decref(o);
}

static json_t *header_line(const struct bundle *b)
{
	json_t *o = json_object();
	json_object_set_new(o, "rollcall-audit", json_integer(BUNDLE_FORMAT));
	put_text(o, "fleet", b->fleet);
	json_object_set_new(o, "made_at_us", json_integer(b->made_at_us));
	json_object_set_new(o, "from_us", json_integer(b->from_us));
	json_object_set_new(o, "to_us", json_integer(b->to_us));
	put_text(o, "target", b->target);
	return o;
}

static json_t *row_line(const struct audit_row *r)
{
	json_t *o = json_object();
	json_object_set_new(o, "seq", json_integer((json_int_t)r->seq));
	json_object_set_new(o, "at_us", json_integer(r->ev.at_us));
	put_text(o, "actor", r->ev.actor);
	put_text(o, "rollout", r->ev.rollout);
	put_text(o, "object", r->ev.object);
	put_text(o, "event", r->ev.event);
	put_text(o, "from", r->ev.from);
	put_text(o, "to", r->ev.to);
	put_text(o, "detail", r->ev.detail);
	put_text(o, "ref", r->ev.ref);
	if (r->ev.evidence)
		put_hex(o, "evidence", bytes_of(r->ev.evidence, DIGEST_SIZE));
	put_hex(o, "hash", bytes_of(r->hash, DIGEST_SIZE));
	return o;
}

static json_t *document_line(const struct bundle_document *d)
{
	json_t *o = json_object();
	put_text(o, "document", d->kind);
	put_text(o, "name", d->name);
	put_hex(o, "hex", d->data);
	return o;
}

int bundle_save(const struct bundle *b, const char *path, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	add_line(&text, header_line(b));
	for (size_t i = 0; i < b->n_rows; i++)
		add_line(&text, row_line(&b->rows[i]));
	for (size_t i = 0; i < b->n_documents; i++)
		add_line(&text, document_line(&b->documents[i]));
	return file_write_atomic(path, buf_bytes(&text), 0600, e);
}

/* ---- reading ---- */

struct in { /* the line being read */
	const char *path;
	size_t line;
	const json_t *o;
	struct bundle *b;
	struct err *e;
};

static int bad(const struct in *in, const char *what)
{
	return err_set(in->e, ERR_PARSE, "%s:%zu: %s: export the bundle again", in->path, in->line, what);
}

static const char *get_text(const struct in *in, const char *key)
{
	return arena_strdup(in->b->arena, json_string_value(json_object_get(in->o, key)));
}

static int get_int(const struct in *in, const char *key, int64_t *ret)
{
	const json_t *v = json_object_get(in->o, key);
	if (!json_is_integer(v))
		return bad(in, arena_printf(in->b->arena, "'%s' is not a number", key));
	*ret = json_integer_value(v);
	return 0;
}

static int get_digest(const struct in *in, const char *key, uint8_t out[DIGEST_SIZE])
{
	const char *hex = json_string_value(json_object_get(in->o, key));
	return hex && bytes_from_hex(hex, out, DIGEST_SIZE, NULL) == 0 ? 0 : bad(in, arena_printf(in->b->arena, "'%s' is not a SHA-256 in hex", key));
}

static int read_header(struct in *in)
{
	int64_t format = 0;
	if (get_int(in, "rollcall-audit", &format) < 0 || format != BUNDLE_FORMAT)
		return err_set(in->e, ERR_PARSE, "%s:%zu: this is not an audit bundle of format %d: make one with 'rollcall audit export --format bundle'",
		               in->path, in->line, BUNDLE_FORMAT);
	in->b->fleet = get_text(in, "fleet");
	in->b->target = get_text(in, "target");
	return get_int(in, "made_at_us", &in->b->made_at_us) < 0 || get_int(in, "from_us", &in->b->from_us) < 0 ? -1
	                                                                                                        : get_int(in, "to_us", &in->b->to_us);
}

static int read_row(struct in *in)
{
	struct bundle *b = in->b;
	int64_t seq = 0;
	struct audit_row r = {.ev = {.actor = get_text(in, "actor"),
	                             .rollout = get_text(in, "rollout"),
	                             .object = get_text(in, "object"),
	                             .event = get_text(in, "event"),
	                             .from = get_text(in, "from"),
	                             .to = get_text(in, "to"),
	                             .detail = get_text(in, "detail"),
	                             .ref = get_text(in, "ref")}};
	if (!r.ev.actor || !r.ev.object || !r.ev.event)
		return bad(in, "a row without actor, object or event");
	if (get_int(in, "seq", &seq) < 0 || get_int(in, "at_us", &r.ev.at_us) < 0 || get_digest(in, "hash", r.hash) < 0)
		return -1;
	if (json_object_get(in->o, "evidence")) {
		uint8_t *evidence = arena_alloc(b->arena, DIGEST_SIZE);
		if (get_digest(in, "evidence", evidence) < 0)
			return -1;
		r.ev.evidence = evidence;
	}
	r.seq = (uint64_t)seq;
	arena_vec_grow(b->arena, b->rows, b->n_rows, b->cap_rows);
	b->rows[b->n_rows++] = r;
	return 0;
}

static int read_document(struct in *in)
{
	const char *kind = get_text(in, "document"), *name = get_text(in, "name"), *hex = json_string_value(json_object_get(in->o, "hex"));
	if (!name || !hex)
		return bad(in, "a document without name or hex");
	size_t n = strlen(hex) / 2;
	uint8_t *data = arena_alloc(in->b->arena, n + 1);
	if (bytes_from_hex(hex, data, n, NULL) < 0)
		return bad(in, "'hex' is not hex");
	bundle_add_document(in->b, kind, name, bytes_of(data, n));
	return 0;
}

static int read_line(struct in *in)
{
	if (!json_is_object(in->o))
		return bad(in, "not a JSON object");
	if (in->line == 1)
		return read_header(in);
	if (json_object_get(in->o, "seq"))
		return read_row(in);
	return json_object_get(in->o, "document") ? read_document(in) : bad(in, "neither a row nor a document");
}

static void close_file(FILE **f)
{
	if (*f)
		fclose(*f);
}

static void free_line(char **line)
{
	free(*line);
}

static int read_lines(FILE *f, struct in *in)
{
	AUTO(free_line) char *line = NULL;
	size_t cap = 0, total = 0;
	ssize_t n;
	while ((n = getline(&line, &cap, f)) >= 0) {
		total += (size_t)n;
		in->line++;
		if (in->line > BUNDLE_LINES_MAX || (size_t)n > BUNDLE_LINE_MAX || total > BUNDLE_BYTES_MAX / 4)
			return bad(in, "the file is larger than any bundle");
		json_t *o = json_loadb(line, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
		if (!o)
			return bad(in, "not JSON");
		in->o = o;
		int rc = read_line(in);
		json_decref(o);
		if (rc < 0)
			return -1;
	}
	return in->line ? 0 : (in->line = 1, bad(in, "the file is empty"));
}

int bundle_load(const char *path, struct bundle *ret, struct err *e)
{
	AUTO(close_file) FILE *f = fopen(path, "re");
	struct stat st;
	if (!f || fstat(fileno(f), &st) != 0)
		return file_explain_open(path, e);
	/* A pipe is read like a file. */
	if (S_ISDIR(st.st_mode) && file_check_regular(path, st.st_mode, e) != 0)
		return -1;
	bundle_init(ret);
	struct in in = {.path = path, .b = ret, .e = e};
	return read_lines(f, &in);
}
