/* rollcall.yaml by libcyaml, then what no schema can say. */
#include "controller/release/project.h"

#include <string.h>

#include "common/base/file.h"
#include "common/base/nearest.h"
#include "common/base/str.h"
#include "common/conf/conf.h"
#include "common/model/version.h"
#include "common/wire/limits.h"
#include "controller/change/readers.h"
#include "controller/gate/gates.h"

struct file_range {
	char *engine, *min, *max;
};

struct file_gate {
	char *rule, *level, *environment;
};

struct file_mariadb {
	char *algorithm, *lock;
};

struct file {
	char *project;
	char **engines;
	unsigned engines_count;
	struct file_range *versions;
	unsigned versions_count;
	char **pipeline;
	unsigned pipeline_count;
	char *changes, *reader, *valid, *transaction;
	struct file_mariadb *mariadb;
	char **contexts;
	unsigned contexts_count;
	struct file_gate *gates;
	unsigned gates_count;
};

#define LIST_MAX 64

static const cyaml_schema_value_t text_value = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED)};

static const cyaml_schema_field_t range_fields[] = {
    CYAML_FIELD_STRING_PTR("engine", CYAML_FLAG_POINTER, struct file_range, engine, 1, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("min", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file_range, min, 1, 32),
    CYAML_FIELD_STRING_PTR("max", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file_range, max, 1, 32),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t range_value = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_range, range_fields)};

static const cyaml_schema_field_t gate_fields[] = {
    CYAML_FIELD_STRING_PTR("rule", CYAML_FLAG_POINTER, struct file_gate, rule, 1, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("level", CYAML_FLAG_POINTER, struct file_gate, level, 1, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("environment", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file_gate, environment, 1, CYAML_UNLIMITED),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t gate_value = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_gate, gate_fields)};

static const cyaml_schema_field_t mariadb_fields[] = {
    CYAML_FIELD_STRING_PTR("algorithm", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file_mariadb, algorithm, 1, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("lock", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file_mariadb, lock, 1, CYAML_UNLIMITED),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t file_fields[] = {
    CYAML_FIELD_STRING_PTR("project", CYAML_FLAG_POINTER, struct file, project, 1, CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE("engines", CYAML_FLAG_POINTER, struct file, engines, &text_value, 1, LIST_MAX),
    CYAML_FIELD_SEQUENCE("versions", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file, versions, &range_value, 0, LIST_MAX),
    CYAML_FIELD_SEQUENCE("pipeline", CYAML_FLAG_POINTER, struct file, pipeline, &text_value, 1, LIST_MAX),
    CYAML_FIELD_STRING_PTR("changes", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file, changes, 1, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("reader", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file, reader, 1, CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE("contexts", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file, contexts, &text_value, 0, LIST_MAX),
    CYAML_FIELD_STRING_PTR("valid", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file, valid, 1, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("transaction", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file, transaction, 1, CYAML_UNLIMITED),
    CYAML_FIELD_MAPPING_PTR("mariadb", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file, mariadb, mariadb_fields),
    CYAML_FIELD_SEQUENCE("gates", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file, gates, &gate_value, 0, 1000),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t file_value = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file, file_fields)};

struct loader {
	const char *path;
	struct bytes text;
	const struct file *f;
	struct arena *a;
	struct project *p;
	struct err *e;
};

/* "FILE:LINE: " for the n-th `key:`. */
static const char *at(struct loader *l, const char *key, size_t n)
{
	return arena_printf(l->a, "%s:%u", l->path, conf_line_of(l->text, key, n));
}

static const char **copy_texts(struct arena *a, char *const *from, size_t n)
{
	const char **to = arena_alloc(a, (n + 1) * sizeof *to);
	for (size_t i = 0; i < n; i++)
		to[i] = arena_strdup(a, from[i]);
	return to;
}

static int take_engines(struct loader *l)
{
	for (unsigned i = 0; i < l->f->engines_count; i++) {
		enum dialect d;
		const char *name = l->f->engines[i];
		if (!dialect_parse(name, &d))
			return err_set(l->e, ERR_USAGE, "%s: engine '%s' is unknown: use postgresql, mariadb or sqlite", at(l, "engines", 0), name);
		if (l->p->engines & ENGINE_BIT(d))
			return err_set(l->e, ERR_USAGE, "%s: engine %s is listed twice: write it once", at(l, "engines", 0), name);
		l->p->engines |= ENGINE_BIT(d);
	}
	l->p->ranges = arena_alloc(l->a, DIALECT_COUNT * sizeof *l->p->ranges);
	for (enum dialect d = 0; d < DIALECT_COUNT; d++)
		if (l->p->engines & ENGINE_BIT(d))
			l->p->ranges[l->p->n_ranges++].engine = dialect_name(d);
	return 0;
}

static int take_versions(struct loader *l)
{
	for (unsigned i = 0; i < l->f->versions_count; i++) {
		const struct file_range *v = &l->f->versions[i];
		struct engine_range *r = NULL;
		enum dialect d;
		bool known = dialect_parse(v->engine, &d);
		for (size_t j = 0; known && j < l->p->n_ranges; j++)
			if (str_eq(l->p->ranges[j].engine, dialect_name(d)))
				r = &l->p->ranges[j];
		if (!r)
			return err_set(l->e, ERR_USAGE, "%s: versions of '%s', which is none of the project's engines: name one of them", at(l, "engine", i),
			               v->engine);
		if ((v->min && !version_is_bound(v->min)) || (v->max && !version_is_bound(v->max)))
			return err_set(l->e, ERR_USAGE, "%s: '%s' is no version: write numbers and dots, such as 14 or 10.11", at(l, "engine", i),
			               v->min && !version_is_bound(v->min) ? v->min : v->max);
		if (v->min && v->max && version_against(v->max, v->min) < 0)
			return err_set(l->e, ERR_USAGE, "%s: min %s is above max %s: no server would do", at(l, "engine", i), v->min, v->max);
		r->min_version = arena_strdup(l->a, v->min);
		r->max_version = arena_strdup(l->a, v->max);
	}
	return 0;
}

static int take_pipeline(struct loader *l)
{
	for (unsigned i = 0; i < l->f->pipeline_count; i++) {
		if (!str_is_name(l->f->pipeline[i]))
			return err_set(l->e, ERR_USAGE, "%s: '%s' cannot be the name of an environment: use a-z, 0-9, '.', '_' and '-'", at(l, "pipeline", 0),
			               l->f->pipeline[i]);
		for (unsigned j = 0; j < i; j++)
			if (str_eq(l->f->pipeline[i], l->f->pipeline[j]))
				return err_set(l->e, ERR_USAGE, "%s: environment %s is in the pipeline twice: write it once", at(l, "pipeline", 0),
				               l->f->pipeline[i]);
	}
	l->p->pipeline = copy_texts(l->a, l->f->pipeline, l->f->pipeline_count);
	l->p->n_pipeline = l->f->pipeline_count;
	return 0;
}

/* The folder must lie in the project: what is signed must come from what Git holds. */
static bool stays_inside(const char *path)
{
	if (*path == '/')
		return false;
	for (const char *s = path; s; s = strchr(s, '/') ? strchr(s, '/') + 1 : NULL)
		if (strcmp(s, "..") == 0 || strncmp(s, "../", 3) == 0)
			return false;
	return true;
}

static int take_folder_and_reader(struct loader *l)
{
	l->p->changes = l->f->changes ? arena_strdup(l->a, l->f->changes) : "changes";
	if (!stays_inside(l->p->changes))
		return err_set(l->e, ERR_USAGE, "%s: changes '%s' is outside of the project: name a folder in it", at(l, "changes", 0), l->p->changes);
	l->p->reader = arena_strdup(l->a, l->f->reader);
	const char *names[16];
	size_t n = 0;
	for (; change_readers[n]; n++)
		names[n] = change_readers[n]->name;
	for (size_t i = 0; i < n; i++)
		if (!l->p->reader || str_eq(names[i], l->p->reader))
			return 0;
	const char *near = nearest_word(l->p->reader, names, n);
	return err_set(l->e, ERR_USAGE, "%s: reader '%s' is unknown: use %s", at(l, "reader", 0), l->p->reader,
	               near ? near : "liquibase-sql, updown or diesel");
}

static int take_gate(struct loader *l, const struct file_gate *g, size_t i)
{
	struct gate_setting *s = &l->p->gates[i];
	const struct gate *gate = gate_find(g->rule);
	if (!gate) {
		const char *near = gate_nearest(g->rule);
		return err_set(l->e, ERR_USAGE, "%s: gate '%s' is unknown: %s%s", at(l, "rule", i), g->rule,
		               near ? "did you mean " : "rollcall lint --gates lists them all", near ? near : "");
	}
	s->rule = gate->id;
	s->environment = arena_strdup(l->a, g->environment);
	if (!gate_level_parse(g->level, &s->level))
		return err_set(l->e, ERR_USAGE, "%s: level '%s' is unknown: use error, warn or off", at(l, "level", i), g->level);
	if (s->environment && !project_has_environment(l->p, s->environment))
		return err_set(l->e, ERR_USAGE, "%s: environment '%s' is not in the pipeline: add it there, or name another", at(l, "rule", i),
		               s->environment);
	return 0;
}

static int take_transaction(struct loader *l)
{
	const char *text = l->f->transaction;
	l->p->one_transaction = str_eq(text, "release");
	if (!text || l->p->one_transaction || str_eq(text, "changeset"))
		return 0;
	return err_set(l->e, ERR_USAGE, "%s: transaction '%s' is unknown: use changeset (each step is one, the default) or release (all of it is one)",
	               at(l, "transaction", 0), text);
}

static int take_online(struct loader *l)
{
	const struct file_mariadb *m = l->f->mariadb;
	if (!m)
		return 0;
	if (!(l->p->engines & ENGINE_BIT(DIALECT_MARIADB)))
		return err_set(l->e, ERR_USAGE, "%s: mariadb is none of the project's engines: add it to engines, or take this out", at(l, "mariadb", 0));
	if (m->algorithm && !(l->p->online.algorithm = sql_online_word(sql_algorithms, m->algorithm)))
		return err_set(l->e, ERR_USAGE, "%s: algorithm '%s' is none of MariaDB's: use instant, nocopy, inplace, copy or default",
		               at(l, "algorithm", 0), m->algorithm);
	if (m->lock && !(l->p->online.lock = sql_online_word(sql_locks, m->lock)))
		return err_set(l->e, ERR_USAGE, "%s: lock '%s' is none of MariaDB's: use none, shared, exclusive or default", at(l, "lock", 0), m->lock);
	return 0;
}

static int take_rest(struct loader *l)
{
	l->p->contexts = copy_texts(l->a, l->f->contexts, l->f->contexts_count);
	l->p->n_contexts = l->f->contexts_count;
	l->p->valid_ms = PROJECT_VALID_MS_DEFAULT;
	if (l->f->valid && str_to_duration_ms(l->f->valid, "valid", &l->p->valid_ms, l->e) != 0)
		return err_wrap(l->e, "%s", at(l, "valid", 0));
	l->p->gates = arena_alloc(l->a, (l->f->gates_count + 1) * sizeof *l->p->gates);
	for (unsigned i = 0; i < l->f->gates_count; i++, l->p->n_gates++)
		if (take_gate(l, &l->f->gates[i], i) != 0)
			return -1;
	return 0;
}

static int take_all(struct loader *l)
{
	l->p->name = arena_strdup(l->a, l->f->project);
	if (!str_is_name(l->p->name))
		return err_set(l->e, ERR_USAGE, "%s: '%s' cannot be the name of a project: use a-z, 0-9, '.', '_' and '-'", at(l, "project", 0), l->p->name);
	if (take_engines(l) != 0 || take_versions(l) != 0 || take_pipeline(l) != 0 || take_folder_and_reader(l) != 0)
		return -1;
	return take_transaction(l) != 0 || take_online(l) != 0 ? -1 : take_rest(l);
}

int project_load(const char *folder, struct arena *a, struct project *ret, struct err *e)
{
	AUTO(mem_free_ptr) char *path = file_join(folder, PROJECT_FILE);
	AUTO(buf_done) struct buf text = BUF_INIT;
	struct project p = {.root = arena_strdup(a, folder)};
	void *loaded = NULL;
	if (file_exists(folder) && !file_is_dir(folder))
		return err_set(e, ERR_USAGE, "%s: a file, not a folder: name the folder of a project", folder);
	if (!file_exists(path))
		return err_set(e, ERR_NOT_FOUND, "%s: no such file: run `rollcall init %s`, or name the folder of a project", path, folder);
	if (file_read(path, LIMIT_YAML, &text, e) != 0 || conf_parse(path, buf_bytes(&text), &file_value, &loaded, e) != 0)
		return -1;
	struct loader l = {.path = path, .text = buf_bytes(&text), .f = loaded, .a = a, .p = &p, .e = e};
	int rc = take_all(&l);
	conf_free(&file_value, loaded);
	if (rc == 0)
		*ret = p;
	return rc;
}

bool project_has_environment(const struct project *p, const char *name)
{
	for (size_t i = 0; i < p->n_pipeline; i++)
		if (str_eq(p->pipeline[i], name))
			return true;
	return false;
}
