/* Tables for programs: JSON, one JSON object a line, CSV. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/cli/rows.h"

static json_t *json_cell(const struct column *c, const char *cell)
{
	AUTO(buf_done) struct buf clean = BUF_INIT;
	struct err e = ERR_INIT;
	int64_t n = 0;
	char *end;
	if (!cell)
		return json_null();
	if (c->number && str_to_i64(cell, c->key, INT64_MIN, INT64_MAX, &n, &e) == 0)
		return json_integer(n);
	if (c->number) {
		double d = strtod(cell, &end);
		json_t *real = *cell && !*end ? json_real(d) : NULL; /* NULL for nan and infinity, which JSON lacks */
		if (real)
			return real;
	}
	text_add_clean(&clean, cell, false);
	return json_string(buf_str(&clean));
}

static json_t *json_row(const struct table *t, size_t row)
{
	json_t *o = json_object();
	for (size_t i = 0; i < t->n_columns; i++)
		json_object_set_new(o, t->columns[i].key, json_cell(&t->columns[i], table_cell(t, row, i)));
	return o;
}

static json_t *json_rows(const struct table *t)
{
	json_t *rows = json_array();
	for (size_t row = 0; row < t->n_rows; row++)
		json_array_append_new(rows, json_row(t, row));
	return rows;
}

void machine_json(const struct table *const *tables, const char *const *kinds, size_t n, FILE *out)
{
	json_t *top = json_object();
	for (size_t i = 0; i < n; i++)
		json_object_set_new(top, kinds[i], json_rows(tables[i]));
	json_dumpf(top, out, JSON_INDENT(2));
	fputc('\n', out);
	json_decref(top);
}

void machine_ndjson(const struct table *t, const char *kind, FILE *out)
{
	for (size_t row = 0; row < t->n_rows; row++) {
		json_t *o = json_row(t, row);
		if (kind)
			json_object_set_new(o, "kind", json_string(kind));
		json_dumpf(o, out, JSON_COMPACT);
		fputc('\n', out);
		json_decref(o);
	}
}

/* RFC 4180 quoting, lines ended by LF as every Unix reader takes them. */
static void print_csv_cell(const char *s, FILE *out)
{
	if (!s)
		return;
	if (!s[strcspn(s, ",\"\r\n")]) {
		fputs(s, out);
		return;
	}
	fputc('"', out);
	for (; *s; s++) {
		if (*s == '"')
			fputc('"', out);
		fputc(*s, out);
	}
	fputc('"', out);
}

void machine_csv(const struct table *t, FILE *out)
{
	for (size_t row = 0; row <= t->n_rows; row++) {
		for (size_t i = 0; i < t->n_columns; i++) {
			if (i)
				fputc(',', out);
			print_csv_cell(row ? table_cell(t, row - 1, i) : t->columns[i].key, out);
		}
		fputc('\n', out);
	}
}
