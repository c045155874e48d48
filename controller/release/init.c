/* The sample project. */
#include "controller/release/init.h"

#include <ctype.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/str.h"
#include "common/sql/dialect.h"
#include "controller/release/project.h"
#include "controller/release/sample/sample.sql.h"

static const char readme[] = "# A Rollcall project\n"
                             "\n"
                             "    rollcall.yaml         name, engines, the environments that a release passes in order, gate levels\n"
                             "    changes/*.sql         Liquibase formatted SQL; --validate-before and --validate-after are comments to Liquibase\n"
                             "    plans/*.yaml          which targets a rollout takes, in which waves\n"
                             "    releases/             what was built from it; releases are never overwritten\n"
                             "\n"
                             "    rollcall lint                                    read and check everything\n"
                             "    rollcall release build --version 1.0.0           pack it into releases/\n"
                             "    rollcall release sign releases/... --key KEY     sign it\n"
                             "    rollcall release show releases/...               see what would run\n";

static const char plan[] =
    "# Which targets, in which order. Selectors look at the labels that agents give their targets.\n"
    "name: production\n"
    "environments:\n"
    "  - name: staging\n"
    "    waves:\n"
    "      - {name: all, selector: \"environment=staging\", max_parallel: 4}\n"
    "  - name: production\n"
    "    waves:\n"
    "      - {name: canary, selector: \"environment=production,ring=canary\", count: 1, max_parallel: 1, max_failures: \"0\", on_failure: "
    "rollback-wave, soak: 10s}\n"
    "      - {name: rest, selector: \"environment=production\", percent: 100, max_parallel: 8, max_failures: \"5%\", on_failure: halt}\n";

static const char project_rest[] =
    "pipeline: [staging, production]   # in this order; none may be skipped\n"
    "changes: changes\n"
    "reader: liquibase-sql             # or updown, diesel\n"
    "transaction: changeset            # or release: all of a release in one transaction, where every statement allows it\n"
    "valid: 365d                       # how long a release may be rolled out\n"
    "gates:                            # error, warn or off; everywhere, or for one environment\n"
    "  - {rule: PF23, level: error}    # a changeset without a rollback\n";

static const char project_mariadb[] =
    "mariadb: {algorithm: nocopy, lock: none}   # written into ALTER TABLE and CREATE INDEX, so that the server refuses what would copy a table\n";

/* rollcall.yaml is written last: a project is there when it is whole. */
static const struct {
	const char *path, *text; /* text NULL: made for this project */
} files[] = {
    {"README.md", readme},
    {"changes/001-tables.sql", sample_tables_sql},
    {"changes/002-rows.sql", sample_rows_sql},
    {"changes/003-orders-note.sql", sample_note_sql},
    {"changes/004-orders-cents.sql", sample_cents_sql},
    {"plans/production.yaml", plan},
    {PROJECT_FILE, NULL},
};

const char *init_file(size_t i)
{
	return i < ARRAY_LEN(files) ? files[i].path : NULL;
}

static char *project_name(const char *folder, const char *name)
{
	AUTO(mem_free_ptr) char *real = realpath(folder, NULL);
	AUTO(buf_done) struct buf b = BUF_INIT;
	if (name)
		return mem_strdup(name);
	for (const char *s = real ? basename(real) : ""; *s && b.n < 63; s++) {
		char c = (char)tolower((unsigned char)*s);
		if (isalnum((unsigned char)c) || (b.n && strchr("._-", c)))
			buf_addc(&b, c);
	}
	return str_is_name(buf_str(&b)) ? buf_take(&b) : mem_strdup("sample");
}

static int make_project_file(const char *folder, const char *name, const char *const *engines, size_t n, struct buf *out, struct err *e)
{
	static const char *const all[] = {"postgresql", "mariadb", "sqlite"};
	AUTO(mem_free_ptr) char *own = project_name(folder, name);
	bool mariadb = false;
	if (!str_is_name(own))
		return err_set(e, ERR_USAGE, "'%s' cannot be the name of a project: use a-z, 0-9, '.', '_' and '-'", own);
	buf_addf(out, "# Read by rollcall; unknown keys are errors.\nproject: %s\nengines: [", own);
	for (size_t i = 0; i < (n ? n : ARRAY_LEN(all)); i++) {
		enum dialect d;
		const char *engine = n ? engines[i] : all[i];
		if (!dialect_parse(engine, &d))
			return err_set(e, ERR_USAGE, "engine '%s' is unknown: use postgresql, mariadb or sqlite", engine);
		buf_addf(out, "%s%s", i ? ", " : "", dialect_name(d));
		mariadb |= d == DIALECT_MARIADB;
	}
	buf_addf(out, "]\n%s%s", project_rest, mariadb ? project_mariadb : "");
	return 0;
}

static int write_file(const char *folder, const char *name, const char *text, struct err *e)
{
	AUTO(mem_free_ptr) char *path = file_join(folder, name);
	AUTO(mem_free_ptr) char *copy = mem_strdup(path);
	AUTO(buf_done) struct buf b = BUF_INIT;
	buf_adds(&b, text);
	if (b.n && b.p[b.n - 1] != '\n')
		buf_addc(&b, '\n');
	if (file_make_dirs(dirname(copy), 0777, e) != 0)
		return -1;
	return file_write_atomic(path, buf_bytes(&b), 0644, e);
}

int init_project(const char *folder, const char *name, const char *const *engines, size_t n_engines, struct err *e)
{
	AUTO(buf_done) struct buf project = BUF_INIT;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO(mem_free_ptr) char *path = file_join(folder, files[i].path);
		if (file_exists(path))
			return err_set(e, ERR_EXISTS, "%s: is there already: nothing was written; name an empty folder", path);
	}
	if (file_make_dirs(folder, 0777, e) != 0 || make_project_file(folder, name, engines, n_engines, &project, e) != 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (write_file(folder, files[i].path, files[i].text ? files[i].text : buf_str(&project), e) != 0)
			return -1;
	return 0;
}
