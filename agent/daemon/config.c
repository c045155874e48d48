/* agent.yaml into struct agent_config: everything is checked that needs neither a database nor the network, and each mistake is told with its line. What the parts of the
 * file mean is in config_identity.c, config_link.c, config_limits.c and config_targets.c. */
#include <stdarg.h>
#include <string.h>

#include "agent/daemon/config_impl.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#define CONFIG_ARENA ((size_t)64 * 1024 * 1024)

int config_wrong(const struct loading *l, unsigned line, struct err *e, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return err_set(e, ERR_USAGE, "%s:%u: %s", l->path, line, text);
}

int config_wrap(const struct loading *l, unsigned line, const char *what, struct err *e)
{
	return err_wrap(e, "%s:%u: %s", l->path, line, what);
}

const char *config_path(const struct loading *l, const char *path)
{
	return path[0] == '/' ? arena_strdup(l->c->arena, path) : arena_printf(l->c->arena, "%s/%s", l->folder, path);
}

static int take_names(struct loading *l, struct err *e)
{
	const struct raw_config *r = l->raw.config;
	if (!str_is_name(r->name))
		return config_wrong(l, raw_line(&l->raw, NULL, "name"), e, "name '%s': use lower-case letters, digits, '.', '_' and '-', 63 at most",
		                    r->name);
	if (!str_is_name(r->site))
		return config_wrong(l, raw_line(&l->raw, NULL, "site"), e, "site '%s': use lower-case letters, digits, '.', '_' and '-', 63 at most",
		                    r->site);
	l->c->path = arena_strdup(l->c->arena, l->path);
	l->c->name = arena_strdup(l->c->arena, r->name);
	l->c->site = arena_strdup(l->c->arena, r->site);
	l->c->data_dir = config_path(l, r->data_dir);
	l->c->trust_file = config_path(l, r->trust);
	l->c->certificate_file = config_path(l, r->certificate);
	l->c->curve_key_file = config_path(l, r->keys.curve);
	l->c->report_key_file = config_path(l, r->keys.report);
	l->c->policy_file = r->policy ? config_path(l, r->policy) : NULL;
	return 0;
}

static int take_all(struct loading *l, struct err *e)
{
	struct engine_target timeouts = {0};
	if (take_names(l, e) != 0 || config_take_limits(l, &timeouts, e) != 0 || config_take_rules(l, e) != 0 ||
	    config_take_targets(l, &timeouts, e) != 0 || config_take_keys(l, e) != 0 || config_take_trust(l, e) != 0 ||
	    config_take_controller(l, e) != 0 || config_take_certificate(l, e) != 0)
		return -1;
	return 0;
}

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct buf b = BUF_INIT;
	buf_add(&b, slash ? path : ".", slash ? (slash == path ? 1 : (size_t)(slash - path)) : 1);
	return buf_take(&b);
}

int agent_config_load(const char *path, struct agent_config *ret, struct err *e)
{
	AUTO(agent_config_done) struct agent_config c = {.arena = arena_new(CONFIG_ARENA)};
	struct loading l = {.path = path, .c = &c};
	if (raw_load(path, &l.raw, e) != 0)
		return -1;
	l.folder = folder_of(path);
	int rc = take_all(&l, e);
	raw_done(&l.raw);
	curve_key_done(&l.curve);
	mem_free_ptr(&l.folder);
	if (rc != 0)
		return -1;
	*ret = c;
	c = (struct agent_config){0};
	return 0;
}

void agent_config_done(struct agent_config *c)
{
	sign_key_destroy(&c->report_key);
	arena_destroy(&c->arena);
	*c = (struct agent_config){0};
}

const struct agent_target *agent_config_target(const struct agent_config *c, const char *id)
{
	for (size_t i = 0; i < c->n_targets; i++)
		if (str_eq(c->targets[i].target.id, id))
			return &c->targets[i];
	return NULL;
}
