/* See the header. */
#include "controller/daemon/config.h"

#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/conf/conf.h"
#include "common/crypto/trust.h"
#include "common/link/curve.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"

#define CONFIG_ARENA ((size_t)16 * 1024 * 1024)

struct yaml_operator {
	char *name, *role, *key;
};
struct yaml_address {
	char *control, *blobs;
};
struct yaml_listen {
	char *control, *blobs, *enrol, *gateway;
	struct yaml_address *also;
	unsigned also_count;
	unsigned *max_peers;
};
struct yaml_config {
	char *data_dir, *curve_key, *trust, *fresh_key, *fresh_interval, *fresh_lifetime, *enrol_key, *certificate_lifetime;
	struct yaml_listen listen;
	struct yaml_operator *operators;
	unsigned operators_count;
};

#define MAX_PEERS_MAX 100000

#define FRESH_INTERVAL_MS (10 * 60 * 1000)
#define FRESH_LIFETIME_MS (6 * 3600 * 1000)
#define FRESH_MIN_MS      100
#define FRESH_MAX_MS      ((uint64_t)30 * 24 * 3600 * 1000)

#define CERTIFICATE_MS     ((uint64_t)365 * 24 * 3600 * 1000)
#define CERTIFICATE_MIN_MS (10 * 1000)
#define CERTIFICATE_MAX_MS ((uint64_t)1830 * 24 * 3600 * 1000)

#define TEXT(key, type)          CYAML_FIELD_STRING_PTR(#key, CYAML_FLAG_POINTER, struct type, key, 1, 4096)
#define OPTIONAL_TEXT(key, type) CYAML_FIELD_STRING_PTR(#key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct type, key, 1, 4096)

static const cyaml_schema_field_t operator_fields[] = {TEXT(name, yaml_operator), TEXT(role, yaml_operator), TEXT(key, yaml_operator),
                                                       CYAML_FIELD_END};
static const cyaml_schema_value_t operator_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct yaml_operator, operator_fields)};
static const cyaml_schema_field_t address_fields[] = {TEXT(control, yaml_address), TEXT(blobs, yaml_address), CYAML_FIELD_END};
static const cyaml_schema_value_t address_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct yaml_address, address_fields)};
static const cyaml_schema_field_t listen_fields[] = {
    TEXT(control, yaml_listen),
    TEXT(blobs, yaml_listen),
    OPTIONAL_TEXT(enrol, yaml_listen),
    OPTIONAL_TEXT(gateway, yaml_listen),
    CYAML_FIELD_SEQUENCE("also", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_listen, also, &address_schema, 0, GATEWAYS_MAX - 1),
    CYAML_FIELD_UINT_PTR("max_peers", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_listen, max_peers),
    CYAML_FIELD_END};
static const cyaml_schema_field_t config_fields[] = {
    TEXT(data_dir, yaml_config),
    CYAML_FIELD_MAPPING("listen", CYAML_FLAG_DEFAULT, struct yaml_config, listen, listen_fields),
    TEXT(curve_key, yaml_config),
    TEXT(trust, yaml_config),
    OPTIONAL_TEXT(fresh_key, yaml_config),
    OPTIONAL_TEXT(fresh_interval, yaml_config),
    OPTIONAL_TEXT(fresh_lifetime, yaml_config),
    OPTIONAL_TEXT(enrol_key, yaml_config),
    OPTIONAL_TEXT(certificate_lifetime, yaml_config),
    CYAML_FIELD_SEQUENCE("operators", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_config, operators, &operator_schema, 0, 1000),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t config_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct yaml_config, config_fields)};

struct reading {
	const char *path;
	struct bytes text;
	struct arena *arena;
};

static int at_key(const struct reading *x, const char *key, size_t index, struct err *e)
{
	unsigned line = conf_line_of(x->text, key, index);
	return err_wrap(e, "%s:%u", x->path, line ? line : 1);
}

/* A path as written, from the folder of the configuration file when it is relative. */
static const char *resolve(const struct reading *x, const char *path)
{
	const char *slash = strrchr(x->path, '/');
	if (path[0] == '/' || !slash)
		return arena_strdup(x->arena, path);
	return arena_printf(x->arena, "%.*s/%s", (int)(slash - x->path), x->path, path);
}

static int read_trust(const struct reading *x, const char *path, struct controller_config *c, struct err *e)
{
	AUTO(buf_done) struct buf data = BUF_INIT;
	struct envelope env;
	if (file_read(path, LIMIT_DOCUMENT, &data, e) < 0)
		return -1;
	c->trust_envelope = arena_bytes(x->arena, buf_bytes(&data));
	if (envelope_decode(c->trust_envelope, x->arena, &env, e) < 0)
		return err_wrap(e, "%s", path);
	if (!str_eq(env.type, TYPE_TRUST))
		return err_set(e, ERR_PARSE, "%s is no trust document (it is a %s): give the file that `rollcall trust init` wrote", path, env.type);
	/* One that has expired is taken: the store may hold its successor, or is about to be given it. What is too old is refused by the sites. */
	if (trust_decode(env.payload, x->arena, &c->trust, e) < 0 || trust_check_self(&c->trust, &env, c->trust.created_at_us, e) < 0)
		return err_wrap(e, "%s", path);
	return 0;
}

static int read_duration(const struct reading *x, const char *key, const char *text, uint64_t default_ms, int64_t *ret_us, struct err *e)
{
	uint64_t ms = default_ms;
	if (text && str_to_duration_ms(text, key, &ms, e) < 0)
		return at_key(x, key, 0, e);
	if (ms < FRESH_MIN_MS || ms > FRESH_MAX_MS) {
		(void)err_set(e, ERR_USAGE, "%s '%s': outside 100ms to 30d", key, text);
		return at_key(x, key, 0, e);
	}
	*ret_us = (int64_t)ms * 1000;
	return 0;
}

static int read_fresh(const struct reading *x, const struct yaml_config *y, struct controller_config *c, struct err *e)
{
	if (!y->fresh_key && (y->fresh_interval || y->fresh_lifetime)) {
		const char *key = y->fresh_interval ? "fresh_interval" : "fresh_lifetime";
		(void)err_set(e, ERR_USAGE, "%s without fresh_key: name the key of role fresh that this controller signs with", key);
		return at_key(x, key, 0, e);
	}
	if (read_duration(x, "fresh_interval", y->fresh_interval, FRESH_INTERVAL_MS, &c->fresh_interval_us, e) < 0 ||
	    read_duration(x, "fresh_lifetime", y->fresh_lifetime, FRESH_LIFETIME_MS, &c->fresh_lifetime_us, e) < 0)
		return -1;
	if (c->fresh_lifetime_us < 2 * c->fresh_interval_us) {
		(void)err_set(e, ERR_USAGE, "fresh_lifetime is less than twice fresh_interval: one document that comes late would freeze the fleet");
		return at_key(x, y->fresh_lifetime ? "fresh_lifetime" : "fresh_interval", 0, e);
	}
	if (y->fresh_key && sign_key_load(resolve(x, y->fresh_key), NULL, &c->fresh_key, e) < 0)
		return at_key(x, "fresh_key", 0, e);
	return 0;
}

static bool is_role(const char *s)
{
	return str_eq(s, "viewer") || str_eq(s, "operator") || str_eq(s, "admin");
}

static int read_operator(const struct reading *x, const struct yaml_operator *y, size_t i, struct controller_config *c, struct err *e)
{
	struct controller_operator *o = &c->operators[i];
	if (!str_is_name(y->name)) {
		(void)err_set(e, ERR_USAGE, "operator \"%s\": a name is 1 to 63 of a-z, 0-9, '.', '_', '-': rename it", y->name);
		return at_key(x, "name", i, e);
	}
	if (!is_role(y->role)) {
		(void)err_set(e, ERR_USAGE, "operator %s: role \"%s\": give viewer, operator or admin", y->name, y->role);
		return at_key(x, "role", i, e);
	}
	*o = (struct controller_operator){.name = arena_strdup(x->arena, y->name), .role = arena_strdup(x->arena, y->role)};
	const char *path = resolve(x, y->key);
	bool is_path = strlen(y->key) != CURVE_KEY_TEXT_SIZE - 1 || access(path, F_OK) == 0;
	if (curve_public_read(is_path ? path : y->key, o->curve_key, e) < 0)
		return at_key(x, "key", i, e);
	for (size_t k = 0; k < i; k++)
		if (str_eq(c->operators[k].name, o->name) || str_eq(c->operators[k].curve_key, o->curve_key)) {
			(void)err_set(e, ERR_USAGE, "operators %s and %s have the same name or key: give each person one of their own", c->operators[k].name,
			              o->name);
			return at_key(x, "name", i, e);
		}
	return 0;
}

/* A key that signs without asking anybody: it must be one that the trust document names, and there must be a way to ask it. */
static int read_enrol_key(const struct reading *x, const struct yaml_config *y, struct controller_config *c, struct err *e)
{
	char id[KEY_ID_SIZE];
	uint8_t public_key[SIGN_PUBLIC_SIZE];
	const struct trust_role *role = trust_role(&c->trust, ROLE_ENROL);
	if (!c->enrol_endpoint)
		return err_set(e, ERR_USAGE, "enrol_key without listen.enrol: agents could not ask it: add enrol to listen, or remove the key");
	if (sign_key_load(resolve(x, y->enrol_key), NULL, &c->enrol_key, e) < 0)
		return -1;
	sign_key_public(c->enrol_key, public_key);
	sign_key_id(public_key, id);
	for (size_t i = 0; role && role->threshold == 1 && i < role->n_key_ids; i++)
		if (str_eq(role->key_ids[i], id))
			return 0;
	return err_set(e, ERR_USAGE, "enrol_key %s is not in role enrol of the trust document, or that wants more than one signature: give another key",
	               id);
}

static int read_certificate_lifetime(const struct yaml_config *y, struct controller_config *c, struct err *e)
{
	uint64_t ms = CERTIFICATE_MS;
	if (y->certificate_lifetime && !y->enrol_key)
		return err_set(e, ERR_USAGE,
		               "certificate_lifetime without enrol_key: it is for the certificates that this controller signs: give approve --expires");
	if (y->certificate_lifetime && str_to_duration_ms(y->certificate_lifetime, "certificate_lifetime", &ms, e) < 0)
		return -1;
	if (ms < CERTIFICATE_MIN_MS || ms > CERTIFICATE_MAX_MS)
		return err_set(e, ERR_USAGE, "certificate_lifetime '%s': outside 10s to 1830d", y->certificate_lifetime);
	c->certificate_lifetime_us = (int64_t)ms * 1000;
	return 0;
}

static int read_max_peers(const struct reading *x, const unsigned *wanted, struct controller_config *c, struct err *e)
{
	if (wanted && (*wanted == 0 || *wanted > MAX_PEERS_MAX)) {
		(void)err_set(e, ERR_USAGE, "max_peers %u: give 1 to %d: more agents need another controller", *wanted, MAX_PEERS_MAX);
		return at_key(x, "max_peers", 0, e);
	}
	c->max_peers = wanted ? *wanted : 0;
	return 0;
}

static int read_also(const struct reading *x, const struct yaml_listen *y, struct controller_config *c, struct err *e)
{
	struct gateway_address *also = arena_alloc(x->arena, (y->also_count + 1) * sizeof *also);
	for (unsigned i = 0; i < y->also_count; i++)
		also[i] = (struct gateway_address){arena_strdup(x->arena, y->also[i].control), arena_strdup(x->arena, y->also[i].blobs)};
	c->also = also;
	c->n_also = y->also_count;
	if (c->n_also == 0 || c->gateway_socket)
		return 0;
	(void)err_set(e, ERR_USAGE, "also: each further address is served by a gateway of its own: give `gateway: PATH` under listen, too");
	return at_key(x, "also", 0, e);
}

static int read_config(const struct reading *x, const struct yaml_config *y, struct controller_config *c, struct err *e)
{
	c->path = arena_strdup(x->arena, x->path);
	c->data_dir = resolve(x, y->data_dir);
	c->store_path = arena_printf(x->arena, "%s/store.db", c->data_dir);
	c->blob_dir = arena_printf(x->arena, "%s/blobs", c->data_dir);
	c->control_endpoint = arena_strdup(x->arena, y->listen.control);
	c->blob_endpoint = arena_strdup(x->arena, y->listen.blobs);
	c->enrol_endpoint = arena_strdup(x->arena, y->listen.enrol);
	c->gateway_socket = y->listen.gateway ? resolve(x, y->listen.gateway) : NULL;
	if (read_max_peers(x, y->listen.max_peers, c, e) < 0 || read_also(x, &y->listen, c, e) < 0)
		return -1;
	c->curve_key_file = resolve(x, y->curve_key);
	struct curve_key key = {0};
	if (curve_key_load(c->curve_key_file, &key, e) < 0)
		return at_key(x, "curve_key", 0, e);
	curve_key_done(&key);
	if (read_trust(x, resolve(x, y->trust), c, e) < 0)
		return at_key(x, "trust", 0, e);
	if (read_fresh(x, y, c, e) < 0)
		return -1;
	if (y->enrol_key && read_enrol_key(x, y, c, e) < 0)
		return at_key(x, "enrol_key", 0, e);
	if (read_certificate_lifetime(y, c, e) < 0)
		return at_key(x, "certificate_lifetime", 0, e);
	c->operators = arena_alloc(x->arena, (y->operators_count + 1) * sizeof *c->operators);
	for (; c->n_operators < y->operators_count; c->n_operators++)
		if (read_operator(x, &y->operators[c->n_operators], c->n_operators, c, e) < 0)
			return -1;
	return 0;
}

int controller_config_load(const char *path, struct controller_config *ret, struct err *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	void *value = NULL;
	if (file_read(path, LIMIT_YAML, &text, e) < 0 || conf_parse(path, buf_bytes(&text), &config_schema, &value, e) < 0)
		return -1;
	struct controller_config c = {.arena = arena_new(CONFIG_ARENA)};
	struct reading x = {.path = path, .text = buf_bytes(&text), .arena = c.arena};
	int rc = read_config(&x, value, &c, e);
	conf_free(&config_schema, value);
	if (rc < 0) {
		controller_config_done(&c);
		return -1;
	}
	*ret = c;
	return 0;
}

void controller_config_done(struct controller_config *c)
{
	sign_key_destroy(&c->fresh_key);
	sign_key_destroy(&c->enrol_key);
	arena_destroy(&c->arena);
	*c = (struct controller_config){0};
}
