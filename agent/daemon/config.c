/* agent.yaml into struct agent_config: everything is checked that needs neither a database nor the network, and each mistake is told with its line. */
#include "agent/daemon/config.h"

#include <stdarg.h>
#include <string.h>

#include "agent/daemon/config_yaml.h"
#include "agent/journal/journal.h"
#include "agent/verify/trusted.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/trust.h"
#include "common/link/curve.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"

#define LOOK_EVERY_DEFAULT_MS (5 * 60 * 1000)
#define LOOK_EVERY_MAX_MS     (24 * 3600 * 1000)
#define CONFIG_ARENA          ((size_t)64 * 1024 * 1024)
#define LOCK_FIRST_MS         1000u /* most locks are short; whoever needs longer tries again */

struct loading {
	const char *path;
	char *folder; /* of the file: relative paths start there */
	struct raw_file raw;
	struct agent_config *c;
	struct curve_key curve;
};

static int wrong(const struct loading *l, unsigned line, struct err *e, const char *fmt, ...) PRINTF_LIKE(4, 5);
static int wrong(const struct loading *l, unsigned line, struct err *e, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return err_set(e, ERR_USAGE, "%s:%u: %s", l->path, line, text);
}

static int wrap(const struct loading *l, unsigned line, const char *what, struct err *e)
{
	return err_wrap(e, "%s:%u: %s", l->path, line, what);
}

static const char *resolve(const struct loading *l, const char *path)
{
	return path[0] == '/' ? arena_strdup(l->c->arena, path) : arena_printf(l->c->arena, "%s/%s", l->folder, path);
}

static int take_names(struct loading *l, struct err *e)
{
	const struct raw_config *r = l->raw.config;
	if (!str_is_name(r->name))
		return wrong(l, raw_line(&l->raw, NULL, "name"), e, "name '%s': use lower-case letters, digits, '.', '_' and '-', 63 at most", r->name);
	if (!str_is_name(r->site))
		return wrong(l, raw_line(&l->raw, NULL, "site"), e, "site '%s': use lower-case letters, digits, '.', '_' and '-', 63 at most", r->site);
	l->c->path = arena_strdup(l->c->arena, l->path);
	l->c->name = arena_strdup(l->c->arena, r->name);
	l->c->site = arena_strdup(l->c->arena, r->site);
	l->c->data_dir = resolve(l, r->data_dir);
	l->c->trust_file = resolve(l, r->trust);
	l->c->certificate_file = resolve(l, r->certificate);
	l->c->curve_key_file = resolve(l, r->keys.curve);
	l->c->report_key_file = resolve(l, r->keys.report);
	l->c->policy_file = r->policy ? resolve(l, r->policy) : NULL;
	return 0;
}

static int check_endpoint(struct loading *l, const char *key, const char *endpoint, struct err *e)
{
	const char *colon = strrchr(endpoint, ':');
	uint64_t port;
	if (!str_starts(endpoint, "tcp://") || colon <= endpoint + strlen("tcp://") || str_to_u64(colon + 1, "port", 1, 65535, &port, NULL) != 0)
		return wrong(l, raw_line(&l->raw, "controller", key), e, "%s '%s': not an address: write tcp://HOST:PORT", key, endpoint);
	return 0;
}

static bool is_listed(const struct trust *t, const char *key)
{
	for (size_t i = 0; i < t->n_controller_keys; i++)
		if (str_eq(t->controller_keys[i], key))
			return true;
	return t->n_controller_keys == 0;
}

static int take_controller(struct loading *l, struct err *e)
{
	const struct raw_controller *r = &l->raw.config->controller;
	unsigned line = raw_line(&l->raw, "controller", "keys");
	if (check_endpoint(l, "endpoint", r->endpoint, e) != 0 || check_endpoint(l, "blobs", r->blobs, e) != 0)
		return -1;
	l->c->controller_endpoint = arena_strdup(l->c->arena, r->endpoint);
	l->c->blob_endpoint = arena_strdup(l->c->arena, r->blobs);
	l->c->controller_keys = arena_alloc(l->c->arena, r->keys_count * sizeof *l->c->controller_keys);
	for (unsigned i = 0; i < r->keys_count; i++) {
		char key[41];
		/* Z85 has '/' in its alphabet: only what is not 40 characters long is taken as a path. */
		const char *text = strlen(r->keys[i]) == 40 ? r->keys[i] : resolve(l, r->keys[i]);
		if (curve_public_read(text, key, e) != 0)
			return wrap(l, line, "controller key", e);
		if (!is_listed(&l->c->trust, key))
			return wrong(l, line, e, "controller key %s is not among those of the trust document: take one that is listed there", key);
		l->c->controller_keys[l->c->n_controller_keys++] = arena_strdup(l->c->arena, key);
	}
	return 0;
}

static int take_keys(struct loading *l, struct err *e)
{
	if (curve_key_load(l->c->curve_key_file, &l->curve, e) != 0)
		return wrap(l, raw_line(&l->raw, "keys", "curve"), "keys.curve", e);
	if (sign_key_load(l->c->report_key_file, NULL, &l->c->report_key, e) != 0)
		return wrap(l, raw_line(&l->raw, "keys", "report"), "keys.report", e);
	return 0;
}

static int read_pin(struct loading *l, struct err *e)
{
	AUTO(buf_done) struct buf bytes = BUF_INIT;
	struct envelope env;
	if (file_read(l->c->trust_file, LIMIT_DOCUMENT, &bytes, e) != 0)
		return -1;
	l->c->trust_pin = arena_bytes(l->c->arena, buf_bytes(&bytes));
	if (envelope_decode(l->c->trust_pin, l->c->arena, &env, e) != 0)
		return err_wrap(e, "%s: not a signed document of Rollcall", l->c->trust_file);
	if (trust_decode(env.payload, l->c->arena, &l->c->trust, e) != 0)
		return -1;
	/* One that has expired is taken: it still leads to its successors. Nothing runs under it: C3. */
	return trust_check_self(&l->c->trust, &env, l->c->trust.created_at_us, e);
}

/* An agent that has run may have taken newer ones since. */
static int read_newer(struct loading *l, struct err *e)
{
	AUTO(mem_free_ptr) char *path = file_join(l->c->data_dir, "journal.db");
	AUTO(journal_close) struct journal *j = NULL;
	struct trusted t;
	if (!file_exists(path))
		return 0;
	if (journal_open(path, &j, e) != 0 || trusted_load(j, l->c->trust_pin, l->c->arena, &t, e) != 0)
		return -1;
	l->c->trust = t.doc;
	return 0;
}

static int take_trust(struct loading *l, struct err *e)
{
	if (read_pin(l, e) != 0 || read_newer(l, e) != 0)
		return wrap(l, raw_line(&l->raw, NULL, "trust"), "trust", e);
	return 0;
}

static int check_certificate(struct loading *l, const struct certificate *cert, unsigned line, struct err *e)
{
	uint8_t report_key[SIGN_PUBLIC_SIZE];
	char at[CLOCK_TEXT_SIZE];
	int64_t now_us = clock_wall_us();
	sign_key_public(l->c->report_key, report_key);
	if (!str_eq(cert->agent, l->c->name))
		return wrong(l, line, e, "certificate: it is agent %s's, and this agent is %s: have one made for %s", cert->agent, l->c->name, l->c->name);
	if (!str_eq(cert->site, l->c->site))
		return wrong(l, line, e, "certificate: it is for site %s, and this agent is at %s: correct site, or have another one made", cert->site,
		             l->c->site);
	if (!str_eq(cert->curve_key, l->curve.public_text))
		return wrong(l, line, e, "certificate: it was made for another CURVE key than keys.curve: have one made from this agent's request");
	if (memcmp(cert->report_key, report_key, sizeof report_key) != 0)
		return wrong(l, line, e, "certificate: it was made for another report key than keys.report: have one made from this agent's request");
	if (now_us < cert->not_before_us)
		return wrong(l, line, e, "certificate: not valid before %s: wait, or set the clock right", clock_text(cert->not_before_us, at));
	if (now_us > cert->not_after_us)
		return wrong(l, line, e, "certificate: expired at %s: have a new one made", clock_text(cert->not_after_us, at));
	return 0;
}

static bool covers(const struct certificate *cert, const char *target)
{
	for (size_t i = 0; i < cert->n_targets; i++)
		if (str_glob(cert->targets[i], target))
			return true;
	return false;
}

static int take_certificate(struct loading *l, struct err *e)
{
	AUTO(buf_done) struct buf bytes = BUF_INIT;
	struct envelope env;
	struct certificate cert;
	unsigned line = raw_line(&l->raw, NULL, "certificate");
	if (file_read(l->c->certificate_file, LIMIT_DOCUMENT, &bytes, e) != 0)
		return wrap(l, line, "certificate", e);
	l->c->certificate = arena_bytes(l->c->arena, buf_bytes(&bytes));
	if (envelope_decode(l->c->certificate, l->c->arena, &env, e) != 0 || trust_check_role(&l->c->trust, ROLE_ENROL, &env, TYPE_CERTIFICATE, e) != 0 ||
	    certificate_decode(env.payload, l->c->arena, &cert, e) != 0)
		return err_wrap(e, "%s:%u: certificate: %s", l->path, line, l->c->certificate_file);
	if (check_certificate(l, &cert, line, e) != 0)
		return -1;
	l->c->covered = cert.targets;
	l->c->n_covered = cert.n_targets;
	for (size_t i = 0; i < l->c->n_targets; i++)
		if (!covers(&cert, l->c->targets[i].target.id))
			return wrong(l, raw_target_line(&l->raw, (unsigned)i, "id"), e,
			             "target %s: the certificate does not cover it: remove it here, or have a certificate made that does",
			             l->c->targets[i].target.id);
	return 0;
}

/* ---- limits ---- */

static int take_duration(struct loading *l, const char *key, const char *text, uint64_t min_ms, uint64_t default_ms, uint32_t *ret, struct err *e)
{
	uint64_t ms = default_ms;
	unsigned line = raw_line(&l->raw, "limits", key);
	if (text && str_to_duration_ms(text, key, &ms, e) != 0)
		return err_wrap(e, "%s:%u", l->path, line);
	if (ms < min_ms || ms > (uint64_t)24 * 3600 * 1000)
		return wrong(l, line, e, "%s '%s': outside %llums to 24h", key, text, (unsigned long long)min_ms);
	*ret = (uint32_t)ms;
	return 0;
}

static int take_freshness(struct loading *l, struct err *e)
{
	const struct raw_limits *r = &l->raw.config->limits;
	uint64_t ms = 0;
	if (r->fresh_max_age && str_to_duration_ms(r->fresh_max_age, "fresh_max_age", &ms, e) != 0)
		return err_wrap(e, "%s:%u", l->path, raw_line(&l->raw, "limits", "fresh_max_age"));
	if (r->fresh_max_age && (ms < 1000 || ms > (uint64_t)365 * 24 * 3600 * 1000))
		return wrong(l, raw_line(&l->raw, "limits", "fresh_max_age"), e, "fresh_max_age '%s': outside 1s to 365d", r->fresh_max_age);
	l->c->fresh_max_age_us = (int64_t)ms * 1000;
	l->c->max_step = r->max_step;
	return 0;
}

static int take_count(struct loading *l, const char *key, unsigned value, uint32_t default_value, uint32_t *ret, struct err *e)
{
	if (value > 1000)
		return wrong(l, raw_line(&l->raw, "limits", key), e, "%s %u: outside 1 to 1000", key, value);
	*ret = value ? value : default_value;
	return 0;
}

static int take_batch_limits(struct loading *l, const struct raw_limits *r, struct err *e)
{
	if (r->max_batch > BATCH_SIZE_MAX)
		return wrong(l, raw_line(&l->raw, "limits", "max_batch"), e, "max_batch %u: outside 1 to %d", r->max_batch, BATCH_SIZE_MAX);
	l->c->limits.max_batch = r->max_batch;
	if (r->batch_hold_file)
		l->c->limits.batch_hold_file = resolve(l, r->batch_hold_file);
	return take_duration(l, "min_batch_pause", r->min_batch_pause, 0, 0, &l->c->limits.min_pause_ms, e);
}

static int take_limits(struct loading *l, struct engine_target *ret_timeouts, struct err *e)
{
	const struct raw_limits *r = &l->raw.config->limits;
	l->c->allow_class_x = r->class_x;
	if (take_freshness(l, e) != 0 || take_batch_limits(l, r, e) != 0 ||
	    take_count(l, "max_parallel", r->max_parallel, 4, &l->c->max_parallel, e) != 0 ||
	    take_count(l, "max_parallel_per_instance", r->max_parallel_per_instance, 2, &l->c->max_parallel_per_instance, e) != 0 ||
	    take_duration(l, "retry_budget", r->retry_budget, 0, 20 * 60 * 1000, &l->c->retry_budget_ms, e) != 0 ||
	    take_duration(l, "lock_timeout", r->lock_timeout, 10, 5000, &ret_timeouts->lock_timeout_max_ms, e) != 0 ||
	    take_duration(l, "statement_timeout", r->statement_timeout, 10, 30 * 60 * 1000, &ret_timeouts->statement_timeout_ms, e) != 0 ||
	    take_duration(l, "connect_timeout", r->connect_timeout, 100, 10000, &ret_timeouts->connect_timeout_ms, e) != 0)
		return -1;
	uint32_t max_ms = ret_timeouts->lock_timeout_max_ms;
	ret_timeouts->lock_timeout_ms = max_ms < LOCK_FIRST_MS ? max_ms : LOCK_FIRST_MS;
	return 0;
}

static int take_fingerprint(struct loading *l, struct err *e)
{
	static const char *const names[] = {[FINGERPRINT_OFF] = "off", [FINGERPRINT_CHANGED] = "changed", [FINGERPRINT_ALWAYS] = "always"};
	const char *text = l->raw.config->fingerprint;
	l->c->fingerprint = FINGERPRINT_OFF;
	for (size_t i = 0; text && i < ARRAY_LEN(names); i++)
		if (str_eq(text, names[i])) {
			l->c->fingerprint = (enum fingerprint_when)i;
			return 0;
		}
	return text ? wrong(l, raw_line(&l->raw, NULL, "fingerprint"), e, "fingerprint '%.40s': use always, changed or off", text) : 0;
}

static int take_superuser(struct loading *l, struct err *e)
{
	const char *text = l->raw.config->superuser;
	l->c->refuse_superuser = str_eq(text, "refuse");
	if (!text || l->c->refuse_superuser || str_eq(text, "allow"))
		return 0;
	return wrong(l, raw_line(&l->raw, NULL, "superuser"), e, "superuser '%.40s': use allow or refuse", text);
}

/* "wait", or "cancel-after 10m". */
static int take_orphan(struct loading *l, struct err *e)
{
	static const char cancel[] = "cancel-after ";
	const char *text = l->raw.config->orphan;
	uint64_t ms = 0;
	if (!text || str_eq(text, "wait"))
		return 0;
	if (!str_starts(text, cancel) || str_to_duration_ms(text + strlen(cancel), "orphan", &ms, NULL) != 0 || ms == 0 ||
	    ms > (uint64_t)24 * 3600 * 1000)
		return wrong(l, raw_line(&l->raw, NULL, "orphan"), e,
		             "orphan '%.40s': write wait, or cancel-after and a time up to 24h, such as 'cancel-after 10m'", text);
	l->c->orphan_cancel_ms = (uint32_t)ms;
	return 0;
}

/* Versions and sizes for the inventory, and new tenants: how often to look. */
static int take_look_every(struct loading *l, struct err *e)
{
	const char *text = l->raw.config->look_every;
	uint64_t ms = LOOK_EVERY_DEFAULT_MS;
	unsigned line = raw_line(&l->raw, NULL, "look_every");
	if (str_eq(text, "off"))
		ms = 0;
	else if (text && str_to_duration_ms(text, "look_every", &ms, e) != 0)
		return err_wrap(e, "%s:%u", l->path, line);
	else if (ms < 1000 || ms > LOOK_EVERY_MAX_MS)
		return wrong(l, line, e, "look_every '%.40s': outside 1s to 24h: give a time between, or off", text);
	l->c->look_every_ms = (uint32_t)ms;
	return 0;
}

/* ---- targets ---- */

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
		return wrong(l, line, e, "target %s: a password stands in the dsn: move it to a file of mode 0600 and write 'password: {file: FILE}'",
		             t->target.id);
	const struct engine *en = engine_by_dsn(dsn);
	if (!en)
		return wrong(l, line, e, "target %s: dsn '%.60s': unknown scheme: use one of %s", t->target.id, dsn, known_schemes(l));
	t->target.engine = en->name;
	t->connect.dsn = arena_strdup(l->c->arena, dsn);
	const char *rest = strchr(dsn, ':') + 1;
	if (en->dialect == DIALECT_SQLITE && rest[0] != '/')
		t->connect.dsn = arena_printf(l->c->arena, "%.*s%s", (int)(rest - dsn), dsn, resolve(l, rest));
	return 0;
}

static int check_secret_file(struct loading *l, unsigned line, const char *path, struct err *e)
{
	AUTO(secret_destroy) struct secret *s = NULL;
	return secret_read_line(path, &s, e) == 0 ? 0 : wrap(l, line, "password", e);
}

static int take_password(struct loading *l, unsigned i, const struct raw_password *r, struct agent_target *t, struct err *e)
{
	unsigned line = raw_target_line(&l->raw, i, "password");
	unsigned sources = !!r->file + !!r->credential + !!r->command_count + !!r->option_file;
	if (sources != 1)
		return wrong(l, line, e, "password: %u sources: give one of file, command, credential, option_file", sources);
	if (r->credential && !str_is_name(r->credential))
		return wrong(l, line, e, "password: credential '%s': not the name of a systemd credential", r->credential);
	t->password_credential = arena_strdup(l->c->arena, r->credential);
	if (r->option_file)
		t->connect.option_file = resolve(l, r->option_file);
	if (r->file) {
		t->password_file = resolve(l, r->file);
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
		return wrong(l, line, e, "id '%.80s': not a target id: write SITE/INSTANCE/DATABASE, or one more part for a schema", id);
	if (strncmp(id, l->c->site, site) != 0 || id[site] != '/')
		return wrong(l, line, e, "id '%s': it is of another site than this agent (%s): write %s/...", id, l->c->site, l->c->site);
	if (agent_config_target(l->c, id))
		return wrong(l, line, e, "id '%s' stands twice: keep one", id);
	t->target.id = t->connect.id = arena_strdup(l->c->arena, id);
	return 0;
}

static int take_environment(struct loading *l, unsigned i, struct agent_target *t, struct err *e)
{
	t->environment = target_label(&t->target, "environment");
	if (!t->environment)
		return wrong(l, raw_target_line(&l->raw, i, "labels"), e,
		             "target %s: label 'environment' is missing: approvals are checked against it; write 'labels: {environment: NAME}'",
		             t->target.id);
	if (!str_is_name(t->environment))
		return wrong(l, raw_target_line(&l->raw, i, "labels"), e, "target %s: environment '%.80s' is not a name", t->target.id, t->environment);
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
		return wrong(l, line, e, "discover: the id '%.80s' has to hold either " DISCOVER_DATABASE " or " DISCOVER_SCHEMA, r->id);
	if (databases && !strstr(r->dsn, DISCOVER_DATABASE))
		return wrong(l, line, e, "discover: the dsn has to hold " DISCOVER_DATABASE " too, where the name belongs");
	if (schemas && (!en->schemas_sql || !str_eq(r->schema, DISCOVER_SCHEMA)))
		return wrong(l, line, e, en->schemas_sql ? "discover: write schema: \"" DISCOVER_SCHEMA "\" too" : "discover: %s has no schemas", en->name);
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
	    raw_labels(&l->raw, l->path, i, l->c->arena, &t.target, e) != 0 || take_environment(l, i, &t, e) != 0)
		return -1;
	t.connect.user = arena_strdup(l->c->arena, r->user);
	t.connect.schema = arena_strdup(l->c->arena, r->schema);
	t.connect.role = arena_strdup(l->c->arena, r->role);
	if (r->discover)
		return take_pattern(l, i, &t, e);
	if (r->except || r->look_in)
		return wrong(l, raw_target_line(&l->raw, i, r->except ? "except" : "look_in"), e, "target %s: except and look_in go with discover", r->id);
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

static int take_targets(struct loading *l, const struct engine_target *timeouts, struct err *e)
{
	unsigned n = l->raw.config->targets_count;
	l->c->targets = arena_alloc(l->c->arena, (has_patterns(l->raw.config) ? LIMIT_TARGETS_PER_AGENT : n) * sizeof *l->c->targets);
	l->c->patterns = arena_alloc(l->c->arena, n * sizeof *l->c->patterns);
	for (unsigned i = 0; i < n; i++)
		if (take_target(l, i, timeouts, e) != 0)
			return -1;
	return 0;
}

static int take_all(struct loading *l, struct err *e)
{
	struct engine_target timeouts = {0};
	if (take_names(l, e) != 0 || take_limits(l, &timeouts, e) != 0 || take_fingerprint(l, e) != 0 || take_superuser(l, e) != 0 ||
	    take_orphan(l, e) != 0 || take_look_every(l, e) != 0 || take_targets(l, &timeouts, e) != 0 || take_keys(l, e) != 0 || take_trust(l, e) != 0 ||
	    take_controller(l, e) != 0 || take_certificate(l, e) != 0)
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
