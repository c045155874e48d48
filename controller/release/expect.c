/* See the header. */
#include "controller/release/expect.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/sql/dialect.h"

#define SNAPSHOT_MAX ((size_t)64 * 1024 * 1024)

static bool is_in_release(const struct release *r, const char *engine)
{
	for (size_t i = 0; i < r->n_engines; i++)
		if (str_eq(r->engines[i].engine, engine))
			return true;
	return false;
}

static struct schema_expected *schema_of(struct release *r, const char *engine, uint32_t form, struct arena *a)
{
	for (size_t i = 0; i < r->n_schemas; i++)
		if (str_eq(r->schemas[i].engine, engine))
			return &r->schemas[i];
	r->schemas = arena_regrow(a, r->schemas, r->n_schemas * sizeof *r->schemas, (r->n_schemas + 1) * sizeof *r->schemas);
	r->schemas[r->n_schemas] = (struct schema_expected){.engine = engine, .form = form};
	return &r->schemas[r->n_schemas++];
}

static void ask_for_feature(struct release *r, struct arena *a)
{
	if (release_needs(r, FEATURE_SCHEMA_EXPECTED))
		return;
	const char **all = arena_alloc(a, (r->n_critical + 1) * sizeof *all);
	for (size_t i = 0; i < r->n_critical; i++)
		all[i] = r->critical[i];
	all[r->n_critical++] = FEATURE_SCHEMA_EXPECTED;
	r->critical = all;
}

/* "# Rollcall snapshot 2 of a postgresql target" */
static int read_head(const char *path, const char *text, const char *engine, uint32_t *ret_form, struct err *e)
{
	char of[32] = "";
	if (sscanf(text, "# Rollcall snapshot %" SCNu32 " of a %31s target", ret_form, of) != 2)
		return err_set(e, ERR_PARSE, "%s: not a snapshot: give what 'rollcall-agent snapshot TARGET >FILE' wrote", path);
	if (!str_eq(of, engine))
		return err_set(e, ERR_PARSE, "%s: a snapshot of a %s target, and %s was said", path, of, engine);
	return 0;
}

int release_expect_schema(struct release *r, const char *text, bool after, struct arena *a, struct err *e)
{
	AUTO(buf_done) struct buf snapshot = BUF_INIT;
	const char *eq = strchr(text, '=');
	enum dialect d;
	uint32_t form = 0;
	if (!eq || !eq[1] || !dialect_parse(arena_strndup(a, text, (size_t)(eq - text)), &d))
		return err_set(e, ERR_USAGE, "%s: write it as ENGINE=FILE, such as postgresql=after.txt", text);
	const char *engine = dialect_name(d);
	if (!is_in_release(r, engine))
		return err_set(e, ERR_USAGE, "%s: the project is not for engine %s", text, engine);
	if (file_read(eq + 1, SNAPSHOT_MAX, &snapshot, e) != 0 || read_head(eq + 1, buf_str(&snapshot), engine, &form, e) != 0)
		return -1;
	struct schema_expected *x = schema_of(r, engine, form, a);
	if (x->form != form)
		return err_set(e, ERR_PARSE, "%s: the two snapshots of engine %s are of two forms: take both with the same version of Rollcall", eq + 1,
		               engine);
	digest_sha256(buf_bytes(&snapshot), after ? x->after : x->before);
	*(after ? &x->has_after : &x->has_before) = true;
	ask_for_feature(r, a);
	return 0;
}
