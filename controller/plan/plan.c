/* See the header. libcyaml gives the structs as written; the checks of values name the line of the offending key. */
#include "controller/plan/plan.h"

#include <stdarg.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/conf/conf.h"
#include "common/crypto/digest.h"
#include "common/sql/classify.h"

#define MAX_PARALLEL_DEFAULT 10
#define NOT_AFTER_DEFAULT_MS (UINT64_C(24) * 3600 * 1000)
#define WAVES_MAX            64
#define DEFER_DEFAULT_MS     (UINT64_C(15) * 60 * 1000)

struct yaml_probe {
	char *name, *sql, *engine, *url, *json, *expect;
};
struct yaml_wave {
	char *name, *selector, *max_failures, *min_success, *on_failure, *soak, *unreachable, *defer_after;
	uint32_t *count, *percent, *max_parallel, *max_parallel_site, *max_parallel_instance;
	struct yaml_probe *probes;
	unsigned probes_count;
};
struct yaml_environment {
	char *name, *not_after, *start_at, *catch_up, *drift;
	char **contexts;
	unsigned contexts_count;
	struct yaml_wave *waves;
	unsigned waves_count;
};
struct yaml_plan {
	char *name;
	struct yaml_environment *environments;
	unsigned environments_count;
};

#define TEXT(key, type, required) CYAML_FIELD_STRING_PTR(#key, CYAML_FLAG_POINTER | (required ? 0 : CYAML_FLAG_OPTIONAL), struct type, key, 1, 4096)
#define NUMBER(key)               CYAML_FIELD_UINT_PTR(#key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_wave, key)

static const cyaml_schema_field_t probe_fields[] = {
    TEXT(name, yaml_probe, true),
    TEXT(sql, yaml_probe, false),
    TEXT(engine, yaml_probe, false),
    TEXT(url, yaml_probe, false),
    TEXT(json, yaml_probe, false),
    TEXT(expect, yaml_probe, true),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t probe_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct yaml_probe, probe_fields)};
static const cyaml_schema_field_t wave_fields[] = {
    TEXT(name, yaml_wave, true),
    TEXT(selector, yaml_wave, false),
    NUMBER(count),
    NUMBER(percent),
    NUMBER(max_parallel),
    NUMBER(max_parallel_site),
    NUMBER(max_parallel_instance),
    TEXT(max_failures, yaml_wave, false),
    TEXT(min_success, yaml_wave, false),
    TEXT(on_failure, yaml_wave, false),
    TEXT(soak, yaml_wave, false),
    TEXT(unreachable, yaml_wave, false),
    TEXT(defer_after, yaml_wave, false),
    CYAML_FIELD_SEQUENCE("probes", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_wave, probes, &probe_schema, 0, PROBES_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t wave_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct yaml_wave, wave_fields)};
static const cyaml_schema_value_t text_schema = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 4096)};
static const cyaml_schema_field_t environment_fields[] = {
    TEXT(name, yaml_environment, true),
    TEXT(not_after, yaml_environment, false),
    TEXT(start_at, yaml_environment, false),
    TEXT(catch_up, yaml_environment, false),
    TEXT(drift, yaml_environment, false),
    CYAML_FIELD_SEQUENCE("contexts", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_environment, contexts, &text_schema, 0, 64),
    CYAML_FIELD_SEQUENCE("waves", CYAML_FLAG_POINTER, struct yaml_environment, waves, &wave_schema, 1, WAVES_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t environment_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct yaml_environment, environment_fields)};
static const cyaml_schema_field_t plan_fields[] = {
    TEXT(name, yaml_plan, true),
    CYAML_FIELD_SEQUENCE("environments", CYAML_FLAG_POINTER, struct yaml_plan, environments, &environment_schema, 1, 64),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t plan_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct yaml_plan, plan_fields)};

/* Where we are in the text: how many of each key were passed, so that a message can name the line of the present one. */
enum key {
	KEY_NAME,
	KEY_SELECTOR,
	KEY_COUNT,
	KEY_PERCENT,
	KEY_PARALLEL,
	KEY_FAILURES,
	KEY_SUCCESS,
	KEY_ON_FAILURE,
	KEY_SOAK,
	KEY_UNREACHABLE,
	KEY_DEFER_AFTER,
	KEY_NOT_AFTER,
	KEY_START_AT,
	KEY_CATCH_UP,
	KEY_DRIFT,
	N_KEYS
};
static const char *const keys[N_KEYS] = {"name",         "selector",    "count",      "percent",  "max_parallel",
                                         "max_failures", "min_success", "on_failure", "soak",     "unreachable",
                                         "defer_after",  "not_after",   "start_at",   "catch_up", "drift"};

struct reading {
	const char *path;
	struct bytes text;
	struct arena *arena;
	size_t passed[N_KEYS];
};

static int wrong(const struct reading *x, enum key k, struct err *e, const char *fmt, ...) PRINTF_LIKE(4, 5);
static int wrong(const struct reading *x, enum key k, struct err *e, const char *fmt, ...)
{
	char what[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	unsigned line = conf_line_of(x->text, keys[k], x->passed[k]);
	return err_set(e, ERR_USAGE, "%s:%u: %s", x->path, line ? line : 1, what);
}

static int read_size(struct reading *x, const struct yaml_wave *y, struct plan_wave *w, struct err *e)
{
	w->size = (struct limit){.value = 100, .percent = true};
	if (y->count && y->percent)
		return wrong(x, KEY_COUNT, e, "wave %s has both count and percent: keep one", y->name);
	if (y->count && (*y->count < 1 || *y->count > 1000000))
		return wrong(x, KEY_COUNT, e, "wave %s: count %u: give 1 or more", y->name, *y->count);
	if (y->percent && (*y->percent < 1 || *y->percent > 100))
		return wrong(x, KEY_PERCENT, e, "wave %s: percent %u: give 1 to 100", y->name, *y->percent);
	if (y->count)
		w->size = (struct limit){.value = *y->count};
	if (y->percent)
		w->size.value = *y->percent;
	return 0;
}

static int read_parallel(struct reading *x, const struct yaml_wave *y, struct plan_wave *w, struct err *e)
{
	w->max_parallel = y->max_parallel ? *y->max_parallel : MAX_PARALLEL_DEFAULT;
	w->max_parallel_site = y->max_parallel_site ? *y->max_parallel_site : 0;
	w->max_parallel_instance = y->max_parallel_instance ? *y->max_parallel_instance : 0;
	if (w->max_parallel < 1 || w->max_parallel > 100000)
		return wrong(x, KEY_PARALLEL, e, "wave %s: max_parallel %u: give 1 to 100000", y->name, w->max_parallel);
	return 0;
}

static int read_failure(struct reading *x, const struct yaml_wave *y, struct plan_wave *w, struct err *e)
{
	w->max_failures = (struct limit){0};
	w->on_failure = ON_FAILURE_HALT;
	if (y->max_failures && !limit_parse(y->max_failures, &w->max_failures))
		return wrong(x, KEY_FAILURES, e, "wave %s: max_failures \"%s\": give a count such as \"2\" or a percentage such as \"5%%\"", y->name,
		             y->max_failures);
	if (y->min_success && !limit_parse(y->min_success, &w->min_success))
		return wrong(x, KEY_SUCCESS, e, "wave %s: min_success \"%s\": give a count such as \"3\" or a percentage such as \"95%%\"", y->name,
		             y->min_success);
	if (y->on_failure && !on_failure_parse(y->on_failure, &w->on_failure))
		return wrong(x, KEY_ON_FAILURE, e, "wave %s: on_failure \"%s\": give halt, rollback-target, rollback-wave or rollback-all", y->name,
		             y->on_failure);
	return 0;
}

static int read_duration(struct reading *x, enum key k, const char *owner, const char *text, uint64_t *ret_ms, struct err *e)
{
	struct err inner = ERR_INIT;
	if (text && str_to_duration_ms(text, keys[k], ret_ms, &inner) < 0)
		return wrong(x, k, e, "%s: %s", owner, inner.msg);
	return 0;
}

/* Waiting is the default: that a wave passes without a target has to be written. */
static int read_unreachable(struct reading *x, const struct yaml_wave *y, struct plan_wave *w, struct err *e)
{
	bool defer = str_eq(y->unreachable, "defer");
	if (y->unreachable && !defer && !str_eq(y->unreachable, "wait"))
		return wrong(x, KEY_UNREACHABLE, e, "wave %s: unreachable \"%s\": give wait or defer", y->name, y->unreachable);
	if (y->defer_after && !defer)
		return wrong(x, KEY_DEFER_AFTER, e, "wave %s: defer_after is only for unreachable: defer: add that, or remove this", y->name);
	if (!defer)
		return 0;
	w->defer_after_ms = DEFER_DEFAULT_MS;
	if (read_duration(x, KEY_DEFER_AFTER, y->name, y->defer_after, &w->defer_after_ms, e) < 0)
		return -1;
	w->defer_after_ms += w->defer_after_ms == 0; /* 0 would mean: wait */
	return 0;
}

static int wrong_probe(const struct reading *x, unsigned i, const char *name, const char *what, struct err *e)
{
	unsigned line = conf_line_of(x->text, "name", x->passed[KEY_NAME] + 1 + i);
	return err_set(e, ERR_USAGE, "%s:%u: probe %s: %s", x->path, line ? line : 1, name, what);
}

/* As the targets have it: people also write postgres or mysql. */
static const char *engine_name(const char *text)
{
	enum dialect d;
	return text && dialect_parse(text, &d) ? dialect_name(d) : NULL;
}

/* A query wherever it may run: on the engine it names, or on every one. */
static bool is_query(const char *sql, const char *engine)
{
	enum dialect only = DIALECT_POSTGRESQL;
	bool known = engine && dialect_parse(engine, &only);
	for (int d = 0; d < DIALECT_COUNT; d++) {
		struct sql_class c;
		sql_classify((enum dialect)d, bytes_of_str(sql), &c);
		if ((!known || (int)only == d) && (c.kind != SQL_QUERY || !sql_is_single((enum dialect)d, bytes_of_str(sql))))
			return false;
	}
	return true;
}

/* Between "//" and the path: who asks, before an '@'. */
static bool url_has_user(const char *url)
{
	const char *host = strstr(url, "//") + 2;
	return memchr(host, '@', strcspn(host, "/?#")) != NULL;
}

static const char *objection_to_probe(const struct yaml_probe *y)
{
	enum dialect d;
	if (!str_is_name(y->name))
		return "a name is 1 to 63 of a-z, 0-9, '.', '_', '-': rename it";
	if (!y->sql == !y->url)
		return "give either sql or url";
	if (y->sql && y->json)
		return "json is for what a url answers: remove it";
	if (y->url && y->engine)
		return "engine is for sql: remove it";
	if (y->engine && !dialect_parse(y->engine, &d))
		return "engine: give postgresql, mariadb or sqlite";
	if (y->url && !str_starts(y->url, "http://") && !str_starts(y->url, "https://"))
		return "url: only http:// and https:// are asked";
	if (y->url && url_has_user(y->url))
		return "url: leave user and password out: everybody who reads the order reads them; let the metric be asked without";
	if (y->sql && (strlen(y->sql) > PROBE_SQL_MAX || !is_query(y->sql, y->engine)))
		return "sql: give one SELECT that gives one value";
	if (y->url && strlen(y->url) > PROBE_URL_MAX)
		return "url: it is too long";
	if (strlen(y->expect) > PROBE_EXPECT_MAX || !probe_expect_ok(y->expect))
		return "expect: give a value, or one after =, !=, <, <=, > or >= (numbers for the last four)";
	return y->json && y->json[0] != '/' ? "json: a pointer begins with /, such as /data/result/0/value/1" : NULL;
}

static int read_probes(struct reading *x, const struct yaml_wave *y, struct plan_wave *w, struct err *e)
{
	w->probes = arena_alloc(x->arena, (y->probes_count + 1) * sizeof *w->probes);
	for (unsigned i = 0; i < y->probes_count; i++) {
		const struct yaml_probe *p = &y->probes[i];
		const char *why = objection_to_probe(p);
		if (why)
			return wrong_probe(x, i, p->name, why, e);
		w->probes[w->n_probes++] = (struct probe){.name = arena_strdup(x->arena, p->name),
		                                          .sql = arena_strdup(x->arena, p->sql),
		                                          .engine = engine_name(p->engine),
		                                          .url = arena_strdup(x->arena, p->url),
		                                          .json = arena_strdup(x->arena, p->json),
		                                          .expect = arena_strdup(x->arena, p->expect)};
	}
	return 0;
}

static int read_wave(struct reading *x, const struct yaml_wave *y, struct plan_wave *w, struct err *e)
{
	struct err inner = ERR_INIT;
	*w = (struct plan_wave){.name = arena_strdup(x->arena, y->name), .selector_text = arena_strdup(x->arena, y->selector ? y->selector : "")};
	if (!str_is_name(y->name))
		return wrong(x, KEY_NAME, e, "wave \"%s\": a name is 1 to 63 of a-z, 0-9, '.', '_', '-': rename it", y->name);
	if (selector_parse(w->selector_text, x->arena, &w->selector, &inner) < 0)
		return wrong(x, KEY_SELECTOR, e, "wave %s: %s", y->name, inner.msg);
	if (read_size(x, y, w, e) < 0 || read_parallel(x, y, w, e) < 0 || read_failure(x, y, w, e) < 0 ||
	    read_duration(x, KEY_SOAK, y->name, y->soak, &w->soak_ms, e) < 0 || read_unreachable(x, y, w, e) < 0 || read_probes(x, y, w, e) < 0)
		return -1;
	const bool there[N_KEYS] = {[KEY_NAME] = true,
	                            [KEY_SELECTOR] = y->selector,
	                            [KEY_COUNT] = y->count,
	                            [KEY_PERCENT] = y->percent,
	                            [KEY_PARALLEL] = y->max_parallel,
	                            [KEY_FAILURES] = y->max_failures,
	                            [KEY_SUCCESS] = y->min_success,
	                            [KEY_ON_FAILURE] = y->on_failure,
	                            [KEY_SOAK] = y->soak,
	                            [KEY_UNREACHABLE] = y->unreachable,
	                            [KEY_DEFER_AFTER] = y->defer_after};
	for (size_t k = 0; k < N_KEYS; k++)
		x->passed[k] += there[k];
	x->passed[KEY_NAME] += w->n_probes;
	return 0;
}

static int read_start_at(struct reading *x, const struct yaml_environment *y, struct plan_environment *env, struct err *e)
{
	struct err inner = ERR_INIT;
	if (y->start_at && clock_parse(y->start_at, &env->start_at_us, &inner) < 0)
		return wrong(x, KEY_START_AT, e, "%s: start_at: %s", y->name, inner.msg);
	return 0;
}

static int read_catch_up(struct reading *x, const struct yaml_environment *y, struct plan_environment *env, struct err *e)
{
	env->catch_up_automatic = str_eq(y->catch_up, "automatic");
	if (y->catch_up && !env->catch_up_automatic && !str_eq(y->catch_up, "manual"))
		return wrong(x, KEY_CATCH_UP, e, "%s: catch_up \"%s\": give manual or automatic", y->name, y->catch_up);
	return 0;
}

static int read_drift(struct reading *x, const struct yaml_environment *y, struct plan_environment *env, struct err *e)
{
	env->refuse_drift = str_eq(y->drift, "refuse");
	if (y->drift && !env->refuse_drift && !str_eq(y->drift, "report"))
		return wrong(x, KEY_DRIFT, e, "%s: drift \"%s\": give report or refuse", y->name, y->drift);
	return 0;
}

static int read_environment(struct reading *x, const struct yaml_environment *y, struct plan_environment *env, struct err *e)
{
	if (!str_is_name(y->name))
		return wrong(x, KEY_NAME, e, "environment \"%s\": a name is 1 to 63 of a-z, 0-9, '.', '_', '-': rename it", y->name);
	*env = (struct plan_environment){.name = arena_strdup(x->arena, y->name), .not_after_ms = NOT_AFTER_DEFAULT_MS};
	if (read_duration(x, KEY_NOT_AFTER, y->name, y->not_after, &env->not_after_ms, e) < 0 || read_start_at(x, y, env, e) < 0 ||
	    read_catch_up(x, y, env, e) < 0 || read_drift(x, y, env, e) < 0)
		return -1;
	x->passed[KEY_NAME]++;
	x->passed[KEY_NOT_AFTER] += y->not_after != NULL;
	x->passed[KEY_CATCH_UP] += y->catch_up != NULL;
	x->passed[KEY_DRIFT] += y->drift != NULL;
	x->passed[KEY_START_AT] += y->start_at != NULL;
	env->contexts = arena_alloc(x->arena, (y->contexts_count + 1) * sizeof *env->contexts);
	for (unsigned i = 0; i < y->contexts_count; i++)
		env->contexts[env->n_contexts++] = arena_strdup(x->arena, y->contexts[i]);
	env->waves = arena_alloc(x->arena, y->waves_count * sizeof *env->waves);
	for (unsigned i = 0; i < y->waves_count; i++) {
		for (unsigned k = 0; k < i; k++)
			if (str_eq(y->waves[k].name, y->waves[i].name))
				return wrong(x, KEY_NAME, e, "environment %s has two waves named %s: rename one", y->name, y->waves[i].name);
		if (read_wave(x, &y->waves[i], &env->waves[env->n_waves++], e) < 0)
			return -1;
	}
	return 0;
}

static int read_plan(struct reading *x, const struct yaml_plan *y, struct plan *p, struct err *e)
{
	if (!str_is_name(y->name))
		return wrong(x, KEY_NAME, e, "plan \"%s\": a name is 1 to 63 of a-z, 0-9, '.', '_', '-': rename it", y->name);
	x->passed[KEY_NAME]++;
	p->name = arena_strdup(x->arena, y->name);
	p->environments = arena_alloc(x->arena, y->environments_count * sizeof *p->environments);
	for (unsigned i = 0; i < y->environments_count; i++) {
		if (plan_environment(p, y->environments[i].name))
			return wrong(x, KEY_NAME, e, "environment %s stands twice: keep one", y->environments[i].name);
		if (read_environment(x, &y->environments[i], &p->environments[i], e) < 0)
			return -1;
		p->n_environments++;
	}
	return 0;
}

int plan_parse(const char *name, struct bytes text, struct arena *a, struct plan *ret, struct err *e)
{
	void *value = NULL;
	if (conf_parse(name, text, &plan_schema, &value, e) < 0)
		return -1;
	struct reading x = {.path = arena_strdup(a, name), .text = text, .arena = a};
	struct plan p = {.path = x.path};
	int rc = read_plan(&x, value, &p, e);
	conf_free(&plan_schema, value);
	if (rc < 0)
		return -1;
	digest_sha256(text, p.digest);
	*ret = p;
	return 0;
}

/* The names in a plan come in the order: plan, then for each environment its own, its waves' and their probes'. */
int plan_check_pipeline(const struct plan *p, struct bytes text, const char *const *pipeline, size_t n, struct err *e)
{
	size_t names = 1;
	AUTO(buf_done) struct buf known = BUF_INIT;
	for (size_t i = 0; i < n; i++)
		buf_addf(&known, "%s%s", i ? ", " : "", pipeline[i]);
	for (size_t i = 0; i < p->n_environments; i++) {
		bool found = false;
		for (size_t k = 0; k < n; k++)
			found |= str_eq(pipeline[k], p->environments[i].name);
		if (!found)
			return err_set(e, ERR_USAGE, "%s:%u: environment %s is not in the project's pipeline (%s): correct the name, or add it to rollcall.yaml",
			               p->path, conf_line_of(text, "name", names), p->environments[i].name, buf_str(&known));
		names += 1 + p->environments[i].n_waves;
		for (size_t k = 0; k < p->environments[i].n_waves; k++)
			names += p->environments[i].waves[k].n_probes;
	}
	return 0;
}
