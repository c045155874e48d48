/* See the header. */
#include "agent/daemon/discover.h"

#include <glob.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/wire/limits.h"

static const char *mark_of(const struct agent_pattern *p)
{
	return p->schemas ? DISCOVER_SCHEMA : DISCOVER_DATABASE;
}

/* `text` with the pattern's mark replaced, wherever it stands; NULL stays NULL. */
static const char *fill(const char *text, const char *mark, const char *name, struct arena *a)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	const char *at = text, *next;
	if (!text)
		return NULL;
	for (; (next = strstr(at, mark)); at = next + strlen(mark)) {
		buf_add(&b, at, (size_t)(next - at));
		buf_adds(&b, name);
	}
	buf_adds(&b, at);
	return arena_strdup(a, buf_str(&b));
}

static bool fits(const struct agent_pattern *p, const char *name)
{
	return str_glob(p->names, name) && !(p->except && str_glob(p->except, name));
}

/* ---- what is there ------------------------------------------------------------------------------------------------------------------------------------- */

struct found {
	const struct agent_pattern *pattern;
	struct arena *arena;
	const char **names;
	size_t n, cap;
};

static int take_name(struct found *f, const char *name, struct err *e)
{
	if (!fits(f->pattern, name))
		return 0;
	if (f->n >= LIMIT_TARGETS_PER_AGENT)
		return err_set(e, ERR_LIMIT, "more than %d names fit '%s': make it narrower", LIMIT_TARGETS_PER_AGENT, f->pattern->names);
	arena_vec_grow(f->arena, f->names, f->n, f->cap);
	f->names[f->n++] = arena_strdup(f->arena, name);
	return 0;
}

static int name_row(void *arg, size_t n_columns, const char *const *values, struct err *e)
{
	return n_columns == 1 && values[0] ? take_name(arg, values[0], e) : 0;
}

static int list_server(struct found *f, const struct engine *en, struct err *e)
{
	const struct agent_pattern *p = f->pattern;
	AUTO(secret_destroy) struct secret *password = NULL;
	struct engine_target connect = p->base.connect;
	struct conn *c = NULL;
	connect.dsn = fill(connect.dsn, DISCOVER_DATABASE, p->look_in, f->arena);
	connect.schema = NULL;
	if (agent_config_password(&p->base, &password, e) != 0)
		return -1;
	connect.password = password;
	if (en->open(&connect, &c, e) != 0)
		return -1;
	int rc = en->query(c, bytes_of_str(p->schemas ? en->schemas_sql : en->databases_sql), NULL, 0, name_row, f, e);
	en->close(&c);
	return rc;
}

/* A database is a file: the mark stands for a part of its name. */
static int list_files(struct found *f, struct err *e)
{
	const char *path = strchr(f->pattern->base.connect.dsn, ':') + 1, *mark = strstr(path, DISCOVER_DATABASE);
	size_t before = (size_t)(mark - path), after = strlen(mark + strlen(DISCOVER_DATABASE));
	glob_t g = {0};
	int rc = 0;
	if (glob(fill(path, DISCOVER_DATABASE, "*", f->arena), 0, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc && rc == 0; i++) {
			size_t n = strlen(g.gl_pathv[i]);
			rc = take_name(f, arena_strndup(f->arena, g.gl_pathv[i] + before, n - before - after), e);
		}
	globfree(&g);
	return rc;
}

int discover_list(const struct agent_pattern *p, struct arena *a, const char ***ret, size_t *ret_n, struct err *e)
{
	const struct engine *en = engine_by_name(p->base.target.engine);
	struct found f = {.pattern = p, .arena = a};
	if ((en->databases_sql ? list_server(&f, en, e) : list_files(&f, e)) != 0)
		return err_wrap(e, "looking for %s", p->base.target.id);
	*ret = f.names;
	*ret_n = f.n;
	return 0;
}

/* ---- making targets ------------------------------------------------------------------------------------------------------------------------------------ */

static bool is_covered(const struct agent_config *c, const char *id)
{
	for (size_t i = 0; i < c->n_covered; i++)
		if (str_glob(c->covered[i], id))
			return true;
	return false;
}

int discover_add(struct agent_config *c, size_t pattern, const char *name, bool *ret_new, struct err *e)
{
	const struct agent_pattern *p = &c->patterns[pattern];
	const char *mark = mark_of(p), *id = fill(p->base.target.id, mark, name, c->arena);
	if (ret_new)
		*ret_new = false;
	if (agent_config_target(c, id))
		return 0;
	if (!str_is_target_id(id))
		return err_set(e, ERR_PARSE, "'%.80s' cannot be a part of a target's id: rename it, or leave it out with except", name);
	if (!is_covered(c, id))
		return err_set(e, ERR_POLICY, "the certificate does not cover %s: have one made that does", id);
	if (c->n_targets >= LIMIT_TARGETS_PER_AGENT)
		return err_set(e, ERR_LIMIT, "%s: an agent serves %d targets at most: start a second agent", id, LIMIT_TARGETS_PER_AGENT);
	struct agent_target t = p->base;
	t.target.id = t.connect.id = id;
	t.pattern = pattern + 1;
	t.connect.dsn = fill(p->base.connect.dsn, mark, name, c->arena);
	t.connect.schema = fill(p->base.connect.schema, mark, name, c->arena);
	c->targets[c->n_targets++] = t;
	if (ret_new)
		*ret_new = true;
	return 0;
}

const struct agent_target *discover_made(const struct agent_config *c, size_t pattern, const char *name)
{
	AUTO(arena_destroy) struct arena *a = arena_new(64 * 1024);
	const struct agent_pattern *p = &c->patterns[pattern];
	return agent_config_target(c, fill(p->base.target.id, mark_of(p), name, a));
}

/* The part of the id that stands where the mark is; NULL when the rest is not the pattern's. */
static const char *name_in(const struct agent_pattern *p, const char *id, struct arena *a)
{
	const char *pattern = p->base.target.id, *mark = strstr(pattern, mark_of(p));
	size_t before = (size_t)(mark - pattern), after = strlen(mark) - strlen(mark_of(p)), n = strlen(id);
	if (n <= before + after || strncmp(id, pattern, before) != 0 || !str_ends(id, pattern + strlen(pattern) - after))
		return NULL;
	return arena_strndup(a, id + before, n - before - after);
}

const struct agent_target *discover_id(struct agent_config *c, const char *id)
{
	struct err ignored = ERR_INIT;
	for (size_t i = 0; !agent_config_target(c, id) && i < c->n_patterns; i++) {
		const char *name = name_in(&c->patterns[i], id, c->arena);
		if (name && !strchr(name, '/') && fits(&c->patterns[i], name))
			(void)!discover_add(c, i, name, NULL, &ignored);
	}
	return agent_config_target(c, id);
}

void discover_all(struct agent_config *c)
{
	for (size_t i = 0; i < c->n_patterns; i++) {
		AUTO(arena_destroy) struct arena *a = arena_new((size_t)4 * 1024 * 1024);
		struct err e = ERR_INIT;
		const char **names = NULL;
		size_t n = 0;
		if (discover_list(&c->patterns[i], a, &names, &n, &e) != 0)
			log_warn("%s: asked again later", e.msg);
		for (size_t k = 0; k < n; k++)
			if (discover_add(c, i, names[k], NULL, &e) != 0)
				log_warn("%s", e.msg);
	}
}
