/* The part of agent.yaml that says which databases are served: targets, each with its dsn, password and labels, and the patterns that find more. */
#include <string.h>

#include "agent/daemon/config_impl.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/wire/limits.h"

/* postgresql://user:secret@host, ?password=, password= : wherever a library would read one. */
static bool has_password(const char *dsn)
{
	const char *host = strstr(dsn, "://");
	if (host) {
		size_t n = strcspn(host + 3, "/?#");
		const char *at = memrchr(host + 3, '@', n);
		if (at && memchr(host + 3, ':', (size_t)(at - host - 3)))
			return true;
	}
	for (const char *p = dsn; *p; p++)
		if (strncasecmp(p, "password", 8) == 0 && p[8 + strspn(p + 8, " ")] == '=')
			return true;
	return false;
}

static const char *known_schemes(struct loading *l)
{
	struct buf b = BUF_INIT;
	for (size_t i = 0; engines[i]; i++)
		for (const char *const *s = engines[i]->schemes; *s; s++)
			buf_addf(&b, "%s%s", b.n ? ", " : "", *s);
	const char *text = arena_strdup(l->c->arena, buf_str(&b));
	buf_done(&b);
	return text;
}

static int take_dsn(struct loading *l, unsigned i, const char *dsn, struct agent_target *t, struct err *e)
{
	unsigned line = raw_target_line(&l->raw, i, "dsn");
	if (has_password(dsn)) /* not repeated in the message */
		return config_wrong(l, line, e, "target %s: a password stands in the dsn: move it to a file of mode 0600 and write 'password: {file: FILE}'",
		                    t->target.id);
	const struct engine *en = engine_by_dsn(dsn);
	if (!en)
		return config_wrong(l, line, e, "target %s: dsn '%.60s': unknown scheme: use one of %s", t->target.id, dsn, known_schemes(l));
	t->target.engine = en->name;
	t->connect.dsn = arena_strdup(l->c->arena, dsn);
	const char *rest = strchr(dsn, ':') + 1;
	if (en->dialect == DIALECT_SQLITE && rest[0] != '/')
		t->connect.dsn = arena_printf(l->c->arena, "%.*s%s", (int)(rest - dsn), dsn, config_path(l, rest));
	return 0;
}

static int check_secret_file(struct loading *l, unsigned line, const char *path, struct err *e)
{
	AUTO(secret_destroy) struct secret *s = NULL;
	return secret_read_line(path, &s, e) == 0 ? 0 : config_wrap(l, line, "password", e);
}

static int take_password(struct loading *l, unsigned i, const struct raw_password *r, struct agent_target *t, struct err *e)
{
	unsigned line = raw_target_line(&l->raw, i, "password");
	unsigned sources = !!r->file + !!r->credential + !!r->command_count + !!r->option_file;
	if (sources != 1)
		return config_wrong(l, line, e, "password: %u sources: give one of file, command, credential, option_file", sources);
	if (r->credential && !str_is_name(r->credential))
		return config_wrong(l, line, e, "password: credential '%s': not the name of a systemd credential", r->credential);
	t->password_credential = arena_strdup(l->c->arena, r->credential);
	if (r->option_file)
		t->connect.option_file = config_path(l, r->option_file);
	if (r->file) {
		t->password_file = config_path(l, r->file);
		if (check_secret_file(l, line, t->password_file, e) != 0)
			return -1;
	}
	if (r->command_count) {
		t->password_command = arena_alloc(l->c->arena, (r->command_count + 1) * sizeof *t->password_command);
		for (unsigned k = 0; k < r->command_count; k++)
			t->password_command[k] = arena_strdup(l->c->arena, r->command[k]);
	}
	return 0;
}

static int take_id(struct loading *l, unsigned i, const char *id, struct agent_target *t, struct err *e)
{
	unsigned line = raw_target_line(&l->raw, i, "id");
	size_t site = strlen(l->c->site);
	if (!l->raw.config->targets[i].discover && !str_is_target_id(id))
		return config_wrong(
		    l, line, e,
		    "id '%.200s': not a target id: write SITE/INSTANCE/DATABASE, or one more part for a schema, each 1 to 63 of a-z 0-9 . _ - (from "
		    "DATABASE on A-Z too)",
		    id);
	if (strncmp(id, l->c->site, site) != 0 || id[site] != '/')
		return config_wrong(l, line, e, "id '%s': it is of another site than this agent (%s): write %s/...", id, l->c->site, l->c->site);
	if (agent_config_target(l->c, id))
		return config_wrong(l, line, e, "id '%s' stands twice: keep one", id);
	t->target.id = t->connect.id = arena_strdup(l->c->arena, id);
	return 0;
}

static int take_environment(struct loading *l, unsigned i, struct agent_target *t, struct err *e)
{
	t->environment = target_label(&t->target, "environment");
	if (!t->environment)
		return config_wrong(l, raw_target_line(&l->raw, i, "labels"), e,
		                    "target %s: label 'environment' is missing: approvals are checked against it; write 'labels: {environment: NAME}'",
		                    t->target.id);
	if (!str_is_name(t->environment))
		return config_wrong(l, raw_target_line(&l->raw, i, "labels"), e, "target %s: environment '%.80s' is not a name", t->target.id,
		                    t->environment);
	return 0;
}

static int take_lag_from(struct loading *l, unsigned i, struct agent_target *t, struct err *e)
{
	const struct engine *en = engine_by_name(t->target.engine);
	unsigned line = raw_target_line(&l->raw, i, "lag_from");
	if (raw_lag_from(&l->raw, l->path, i, l->c->arena, &t->connect.lag_from, e) != 0)
		return -1;
	if (t->connect.lag_from && !en->lag_from)
		return config_wrong(l, line, e, "target %s: lag_from: %s: take it out", t->target.id,
		                    en->replica_lag ? "a primary of this engine knows its replicas itself" : "this engine has no replicas");
	for (const char *const *dsn = t->connect.lag_from; dsn && *dsn; dsn++) {
		if (has_password(*dsn))
			return config_wrong(l, line, e, "target %s: a password stands in lag_from: replicas are asked with the target's own", t->target.id);
		if (engine_by_dsn(*dsn) != en)
			return config_wrong(l, line, e, "target %s: lag_from '%.60s': not of the target's engine: write %s://HOST:PORT", t->target.id, *dsn,
			                    en->schemes[0]);
	}
	return 0;
}

/* A pattern: its id has one mark, and its dsn, or its schema, the same. */
static int take_pattern(struct loading *l, unsigned i, const struct agent_target *t, struct err *e)
{
	const struct raw_target *r = &l->raw.config->targets[i];
	const struct engine *en = engine_by_name(t->target.engine);
	unsigned line = raw_target_line(&l->raw, i, "discover");
	bool schemas = strstr(r->id, DISCOVER_SCHEMA), databases = strstr(r->id, DISCOVER_DATABASE);
	if (schemas == databases)
		return config_wrong(l, line, e, "discover: the id '%.80s' has to hold either " DISCOVER_DATABASE " or " DISCOVER_SCHEMA, r->id);
	if (databases && !strstr(r->dsn, DISCOVER_DATABASE))
		return config_wrong(l, line, e, "discover: the dsn has to hold " DISCOVER_DATABASE " too, where the name belongs");
	if (schemas && (!en->schemas_sql || !str_eq(r->schema, DISCOVER_SCHEMA)))
		return config_wrong(l, line, e, en->schemas_sql ? "discover: write schema: \"" DISCOVER_SCHEMA "\" too" : "discover: %s has no schemas",
		                    en->name);
	const char *look_in = r->look_in ? r->look_in : en->schemas_sql ? "postgres" : "information_schema";
	l->c->patterns[l->c->n_patterns++] = (struct agent_pattern){.base = *t,
	                                                            .names = arena_strdup(l->c->arena, r->discover),
	                                                            .except = arena_strdup(l->c->arena, r->except),
	                                                            .look_in = arena_strdup(l->c->arena, look_in),
	                                                            .schemas = schemas};
	return 0;
}

static int take_target(struct loading *l, unsigned i, const struct engine_target *timeouts, struct err *e)
{
	const struct raw_target *r = &l->raw.config->targets[i];
	struct agent_target t = {.connect = *timeouts};
	if (take_id(l, i, r->id, &t, e) != 0 || take_dsn(l, i, r->dsn, &t, e) != 0 || (r->password && take_password(l, i, r->password, &t, e) != 0) ||
	    take_lag_from(l, i, &t, e) != 0 || raw_labels(&l->raw, l->path, i, l->c->arena, &t.target, e) != 0 || take_environment(l, i, &t, e) != 0)
		return -1;
	t.connect.user = arena_strdup(l->c->arena, r->user);
	t.connect.schema = arena_strdup(l->c->arena, r->schema);
	t.connect.role = arena_strdup(l->c->arena, r->role);
	if (r->discover)
		return take_pattern(l, i, &t, e);
	if (r->except || r->look_in)
		return config_wrong(l, raw_target_line(&l->raw, i, r->except ? "except" : "look_in"), e, "target %s: except and look_in go with discover",
		                    r->id);
	l->c->targets[l->c->n_targets++] = t;
	return 0;
}

static bool has_patterns(const struct raw_config *r)
{
	for (unsigned i = 0; i < r->targets_count; i++)
		if (r->targets[i].discover)
			return true;
	return false;
}

int config_take_targets(struct loading *l, const struct engine_target *timeouts, struct err *e)
{
	unsigned n = l->raw.config->targets_count;
	l->c->targets = arena_alloc(l->c->arena, (has_patterns(l->raw.config) ? LIMIT_TARGETS_PER_AGENT : n) * sizeof *l->c->targets);
	l->c->patterns = arena_alloc(l->c->arena, n * sizeof *l->c->patterns);
	for (unsigned i = 0; i < n; i++)
		if (take_target(l, i, timeouts, e) != 0)
			return -1;
	return 0;
}
