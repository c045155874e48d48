/* config.yaml of the tool: read through the YAML schema, written whole and atomically. */
#include "controller/cli/context.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/str.h"
#include "common/conf/conf.h"

#define SAVE_ARENA ((size_t)64 * 1024 * 1024)

struct config_address {
	char *endpoint, *blobs;
};
struct config_controller {
	char *name, *endpoint, *blobs, *key, *operator_key;
	struct config_address *also;
	unsigned also_count;
};
struct config {
	char *current;
	struct config_controller *controllers;
	unsigned controllers_count;
};

#define TEXT_FIELD(type, member) CYAML_FIELD_STRING_PTR(#member, CYAML_FLAG_POINTER, type, member, 1, 4096)
static const cyaml_schema_field_t address_fields[] = {TEXT_FIELD(struct config_address, endpoint), TEXT_FIELD(struct config_address, blobs),
                                                      CYAML_FIELD_END};
static const cyaml_schema_value_t address_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_address, address_fields)};
static const cyaml_schema_field_t controller_fields[] = {
    TEXT_FIELD(struct config_controller, name),
    TEXT_FIELD(struct config_controller, endpoint),
    TEXT_FIELD(struct config_controller, blobs),
    TEXT_FIELD(struct config_controller, key),
    TEXT_FIELD(struct config_controller, operator_key),
    CYAML_FIELD_SEQUENCE("also", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct config_controller, also, &address_schema, 0, CONTEXT_ALSO_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t controller_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_controller, controller_fields)};
static const cyaml_schema_field_t config_fields[] = {
    TEXT_FIELD(struct config, current),
    CYAML_FIELD_SEQUENCE("controllers", CYAML_FLAG_POINTER, struct config, controllers, &controller_schema, 0, 1000),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t config_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct config, config_fields)};

static void config_free(struct config **c)
{
	if (*c)
		conf_free(&config_schema, *c);
	*c = NULL;
}

int context_check_endpoint(const char *option, const char *v, struct err *e)
{
	const char *port = v + 6;
	uint64_t n = 0;
	if (!str_starts(v, "tcp://") || !*port || *port == ':')
		return err_set(e, ERR_USAGE, "--%s %s: write it as tcp://HOST:PORT", option, v);
	for (const char *s = port; *s; s++)
		if (*s == ':')
			port = s + 1;
	if (str_to_u64(port, option, 1, 65535, &n, e) != 0)
		return err_set(e, ERR_USAGE, "--%s %s: write it as tcp://HOST:PORT", option, v);
	return 0;
}

int context_path(const char *option, struct arena *a, const char **ret, struct err *e)
{
	const char *file = option ? option : getenv("ROLLCALL_CONFIG");
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	if (!str_empty(file))
		*ret = arena_strdup(a, file);
	else if (!str_empty(xdg))
		*ret = arena_printf(a, "%s/rollcall/config.yaml", xdg);
	else if (!str_empty(home))
		*ret = arena_printf(a, "%s/.config/rollcall/config.yaml", home);
	else
		return err_set(e, ERR_USAGE, "no place for the configuration: give --config FILE or set HOME");
	return 0;
}

/* As the file has it; `a` keeps copies. */
static struct context context_of(const struct config_controller *c, struct arena *a)
{
	struct context_address *also = arena_alloc(a, (c->also_count + 1) * sizeof *also);
	for (unsigned i = 0; i < c->also_count; i++)
		also[i] = (struct context_address){arena_strdup(a, c->also[i].endpoint), arena_strdup(a, c->also[i].blobs)};
	return (struct context){.name = arena_strdup(a, c->name),
	                        .endpoint = arena_strdup(a, c->endpoint),
	                        .blobs = arena_strdup(a, c->blobs),
	                        .key = arena_strdup(a, c->key),
	                        .operator_key = arena_strdup(a, c->operator_key),
	                        .also = also,
	                        .n_also = c->also_count};
}

static const struct config_controller *find(const struct config *c, const char *name)
{
	for (unsigned i = 0; i < c->controllers_count; i++)
		if (str_eq(c->controllers[i].name, name))
			return &c->controllers[i];
	return NULL;
}

int context_load(const char *path, const char *name, struct arena *a, struct context *ret, struct err *e)
{
	AUTO(config_free) struct config *config = NULL;
	if (!file_exists(path) && errno == ENOENT)
		return err_set(
		    e, ERR_USAGE,
		    "%s: no controller is known yet: run 'rollcall connect --endpoint tcp://HOST:7101 --blobs tcp://HOST:7110 --key KEY --operator-key FILE'",
		    path);
	if (conf_load(path, &config_schema, (void **)&config, e) != 0)
		return -1;
	const struct config_controller *c = find(config, name ? name : config->current);
	if (!c)
		return err_set(e, ERR_USAGE, "%s: no controller is named '%s' there: run 'rollcall connect --name %s ...'", path,
		               name ? name : config->current, name ? name : config->current);
	*ret = context_of(c, a);
	return 0;
}

static void add_quoted(struct buf *b, const char *key, const char *v)
{
	buf_addf(b, "%s: \"", key);
	for (; *v; v++) {
		if (*v == '"' || *v == '\\')
			buf_addc(b, '\\');
		buf_addc(b, *v);
	}
	buf_adds(b, "\"\n");
}

static void add_controller(struct buf *b, const struct context *c)
{
	add_quoted(b, "  - name", c->name);
	add_quoted(b, "    endpoint", c->endpoint);
	add_quoted(b, "    blobs", c->blobs);
	if (c->n_also)
		buf_adds(b, "    also:\n");
	for (size_t i = 0; i < c->n_also; i++) {
		add_quoted(b, "      - endpoint", c->also[i].endpoint);
		add_quoted(b, "        blobs", c->also[i].blobs);
	}
	add_quoted(b, "    key", c->key);
	add_quoted(b, "    operator_key", c->operator_key);
}

static int make_parent(const char *path, struct err *e)
{
	AUTO(mem_free_ptr) char *copy = mem_strdup(path);
	return file_make_dirs(dirname(copy), 0700, e);
}

int context_save(const char *path, const struct context *c, struct err *e)
{
	AUTO(config_free) struct config *old = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT;
	AUTO(arena_destroy) struct arena *a = arena_new(SAVE_ARENA);
	if (file_exists(path) && conf_load(path, &config_schema, (void **)&old, e) != 0)
		return -1;
	buf_adds(&text, "# Written by 'rollcall connect'.\n");
	add_quoted(&text, "current", c->name);
	buf_adds(&text, "controllers:\n");
	for (unsigned i = 0; old && i < old->controllers_count; i++) {
		const struct context o = context_of(&old->controllers[i], a);
		if (!str_eq(o.name, c->name))
			add_controller(&text, &o);
	}
	add_controller(&text, c);
	if (make_parent(path, e) != 0)
		return -1;
	return file_write_atomic(path, buf_bytes(&text), 0600, e);
}
