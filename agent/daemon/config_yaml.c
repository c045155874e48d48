/* agent.yaml's schema for libcyaml, and libyaml's document for what libcyaml cannot say: free label keys and lines. */
#include "agent/daemon/config_yaml.h"

#include <string.h>

#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/conf/conf.h"
#include "common/conf/numbers.h"
#include "common/wire/limits.h"

#define LABELS_MAX     64
#define LABEL_TEXT_MAX 256
#define LAG_FROM_MAX   16
#define ADDRESSES_MAX  15 /* beside the first */

#define TEXT(key, type, member)     CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, type, member, 1, CYAML_UNLIMITED)
#define OPT_TEXT(key, type, member) CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, 1, CYAML_UNLIMITED)

static const cyaml_schema_value_t text_schema = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, CYAML_UNLIMITED)};

static const cyaml_schema_field_t address_fields[] = {
    TEXT("endpoint", struct raw_address, endpoint),
    TEXT("blobs", struct raw_address, blobs),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t address_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_address, address_fields)};
static const cyaml_schema_field_t controller_fields[] = {
    TEXT("endpoint", struct raw_controller, endpoint),
    TEXT("blobs", struct raw_controller, blobs),
    OPT_TEXT("enrol", struct raw_controller, enrol),
    CYAML_FIELD_SEQUENCE("also", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_controller, also, &address_schema, 0, ADDRESSES_MAX),
    CYAML_FIELD_SEQUENCE("keys", CYAML_FLAG_POINTER, struct raw_controller, keys, &text_schema, 1, 16),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t keys_fields[] = {
    TEXT("curve", struct raw_keys, curve),
    TEXT("report", struct raw_keys, report),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t limits_fields[] = {
    CYAML_FIELD_UINT("max_parallel", CYAML_FLAG_OPTIONAL, struct raw_limits, max_parallel),
    CYAML_FIELD_UINT("max_parallel_per_instance", CYAML_FLAG_OPTIONAL, struct raw_limits, max_parallel_per_instance),
    OPT_TEXT("retry_budget", struct raw_limits, retry_budget),
    OPT_TEXT("lock_timeout", struct raw_limits, lock_timeout),
    OPT_TEXT("statement_timeout", struct raw_limits, statement_timeout),
    OPT_TEXT("connect_timeout", struct raw_limits, connect_timeout),
    CYAML_FIELD_UINT("max_batch", CYAML_FLAG_OPTIONAL, struct raw_limits, max_batch),
    OPT_TEXT("min_batch_pause", struct raw_limits, min_batch_pause),
    OPT_TEXT("batch_hold_file", struct raw_limits, batch_hold_file),
    OPT_TEXT("fresh_max_age", struct raw_limits, fresh_max_age),
    CYAML_FIELD_UINT("max_step", CYAML_FLAG_OPTIONAL, struct raw_limits, max_step),
    CYAML_FIELD_BOOL("class_x", CYAML_FLAG_OPTIONAL, struct raw_limits, class_x),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t password_fields[] = {
    OPT_TEXT("file", struct raw_password, file),
    OPT_TEXT("credential", struct raw_password, credential),
    OPT_TEXT("option_file", struct raw_password, option_file),
    CYAML_FIELD_SEQUENCE("command", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_password, command, &text_schema, 1, 64),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t target_fields[] = {
    TEXT("id", struct raw_target, id),
    TEXT("dsn", struct raw_target, dsn),
    OPT_TEXT("user", struct raw_target, user),
    OPT_TEXT("schema", struct raw_target, schema),
    OPT_TEXT("role", struct raw_target, role),
    OPT_TEXT("discover", struct raw_target, discover),
    OPT_TEXT("except", struct raw_target, except),
    OPT_TEXT("look_in", struct raw_target, look_in),
    CYAML_FIELD_MAPPING_PTR("password", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_target, password, password_fields),
    CYAML_FIELD_IGNORE("labels", CYAML_FLAG_OPTIONAL),
    CYAML_FIELD_IGNORE("lag_from", CYAML_FLAG_OPTIONAL), /* libcyaml cannot tell an empty list from none */
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t target_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_target, target_fields)};
static const cyaml_schema_field_t config_fields[] = {
    TEXT("name", struct raw_config, name),
    TEXT("site", struct raw_config, site),
    TEXT("data_dir", struct raw_config, data_dir),
    CYAML_FIELD_MAPPING("controller", CYAML_FLAG_DEFAULT, struct raw_config, controller, controller_fields),
    CYAML_FIELD_MAPPING("keys", CYAML_FLAG_DEFAULT, struct raw_config, keys, keys_fields),
    TEXT("trust", struct raw_config, trust),
    TEXT("certificate", struct raw_config, certificate),
    OPT_TEXT("policy", struct raw_config, policy),
    OPT_TEXT("fingerprint", struct raw_config, fingerprint),
    OPT_TEXT("superuser", struct raw_config, superuser),
    OPT_TEXT("row_values", struct raw_config, row_values),
    OPT_TEXT("orphan", struct raw_config, orphan),
    OPT_TEXT("look_every", struct raw_config, look_every),
    CYAML_FIELD_MAPPING("limits", CYAML_FLAG_OPTIONAL, struct raw_config, limits, limits_fields),
    CYAML_FIELD_SEQUENCE("targets", CYAML_FLAG_POINTER, struct raw_config, targets, &target_schema, 1, LIMIT_TARGETS_PER_AGENT),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_config, config_fields)};

int raw_load(const char *path, struct raw_file *ret, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	void *value = NULL;
	if (file_read(path, LIMIT_YAML, &text, e) != 0 || conf_parse(path, buf_bytes(&text), &schema, &value, e) != 0)
		return -1;
	*ret = (struct raw_file){.config = value};
	ret->has_document = conf_document(buf_bytes(&text), &ret->document);
	return 0;
}

void raw_done(struct raw_file *f)
{
	conf_free(&schema, f->config);
	if (f->has_document)
		yaml_document_delete(&f->document);
	*f = (struct raw_file){0};
}

static const char *scalar(const yaml_node_t *n)
{
	return n && n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : NULL;
}

/* *ret_line: of the key when it is there. */
static yaml_node_t *child(struct raw_file *f, yaml_node_t *parent, const char *key, unsigned *ret_line)
{
	if (!parent || parent->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *p = parent->data.mapping.pairs.start; p < parent->data.mapping.pairs.top; p++) {
		yaml_node_t *k = yaml_document_get_node(&f->document, p->key);
		if (!str_eq(scalar(k), key))
			continue;
		*ret_line = (unsigned)k->start_mark.line + 1;
		return yaml_document_get_node(&f->document, p->value);
	}
	return NULL;
}

static yaml_node_t *root(struct raw_file *f)
{
	return f->has_document ? yaml_document_get_root_node(&f->document) : NULL;
}

unsigned raw_line(struct raw_file *f, const char *section, const char *key)
{
	unsigned line = 1;
	yaml_node_t *at = root(f);
	if (section)
		at = child(f, at, section, &line);
	child(f, at, key, &line);
	return line;
}

static yaml_node_t *target_node(struct raw_file *f, unsigned target, unsigned *ret_line)
{
	yaml_node_t *list = child(f, root(f), "targets", ret_line);
	if (!list || list->type != YAML_SEQUENCE_NODE || list->data.sequence.items.start + target >= list->data.sequence.items.top)
		return NULL;
	yaml_node_t *n = yaml_document_get_node(&f->document, list->data.sequence.items.start[target]);
	*ret_line = (unsigned)n->start_mark.line + 1;
	return n;
}

unsigned raw_target_line(struct raw_file *f, unsigned target, const char *key)
{
	unsigned line = 1;
	yaml_node_t *n = target_node(f, target, &line);
	child(f, n, key, &line);
	return line;
}

static bool is_label_key(const char *s)
{
	size_t n = strlen(s);
	return n >= 1 && n <= 63 && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/") == n;
}

static int take_label(const char *path, unsigned line, const char *key, const char *value, struct arena *a, struct target *t, struct err *e)
{
	if (!key || !value)
		return err_set(e, ERR_USAGE, "%s:%u: labels: each is one key and one text: write 'ring: canary'", path, line);
	if (!is_label_key(key))
		return err_set(e, ERR_USAGE, "%s:%u: label key '%.80s': use letters, digits, '.', '_', '-' and '/', 63 at most", path, line, key);
	if (strlen(value) > LABEL_TEXT_MAX)
		return err_set(e, ERR_USAGE, "%s:%u: label '%s': its value is longer than %d bytes: shorten it", path, line, key, LABEL_TEXT_MAX);
	if (target_label(t, key))
		return err_set(e, ERR_USAGE, "%s:%u: label '%s' stands twice: keep one", path, line, key);
	t->labels[t->n_labels++] = (struct label){.key = arena_strdup(a, key), .value = arena_strdup(a, value)};
	return 0;
}

int raw_labels(struct raw_file *f, const char *path, unsigned target, struct arena *a, struct target *ret, struct err *e)
{
	unsigned line = 1;
	yaml_node_t *map = child(f, target_node(f, target, &line), "labels", &line);
	ret->labels = NULL;
	ret->n_labels = 0;
	if (!map)
		return 0;
	if (map->type != YAML_MAPPING_NODE)
		return err_set(e, ERR_USAGE, "%s:%u: labels: not a mapping: write 'labels: {environment: production}'", path, line);
	size_t n = (size_t)(map->data.mapping.pairs.top - map->data.mapping.pairs.start);
	if (n > LABELS_MAX)
		return err_set(e, ERR_USAGE, "%s:%u: labels: %zu; at most %d are allowed: remove some", path, line, n, LABELS_MAX);
	ret->labels = arena_alloc(a, n * sizeof *ret->labels);
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
		yaml_node_t *k = yaml_document_get_node(&f->document, p->key);
		if (take_label(path, (unsigned)k->start_mark.line + 1, scalar(k), scalar(yaml_document_get_node(&f->document, p->value)), a, ret, e) != 0)
			return -1;
	}
	return 0;
}

int raw_lag_from(struct raw_file *f, const char *path, unsigned target, struct arena *a, const char *const **ret, struct err *e)
{
	unsigned line = 1;
	yaml_node_t *list = child(f, target_node(f, target, &line), "lag_from", &line);
	*ret = NULL;
	if (!list)
		return 0;
	size_t n = list->type == YAML_SEQUENCE_NODE ? (size_t)(list->data.sequence.items.top - list->data.sequence.items.start) : SIZE_MAX;
	if (n > LAG_FROM_MAX)
		return err_set(e, ERR_USAGE, "%s:%u: lag_from: not a list of at most %d: write 'lag_from: [mariadb://HOST:PORT]'", path, line, LAG_FROM_MAX);
	const char **dsns = arena_alloc(a, (n + 1) * sizeof *dsns);
	for (size_t i = 0; i < n; i++) {
		const char *dsn = scalar(yaml_document_get_node(&f->document, list->data.sequence.items.start[i]));
		if (!dsn)
			return err_set(e, ERR_USAGE, "%s:%u: lag_from: each is one address: write 'lag_from: [mariadb://HOST:PORT]'", path, line);
		dsns[i] = arena_strdup(a, dsn);
	}
	dsns[n] = NULL;
	*ret = dsns;
	return 0;
}
