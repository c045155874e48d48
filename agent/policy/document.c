/* The policy document's text into struct policy; each mistake is told with its line. */
#include <stdarg.h>
#include <stdio.h>

#include "agent/policy/policy.h"
#include "common/base/str.h"
#include "common/conf/conf.h"
#include "common/crypto/digest.h"
#include "common/wire/limits.h"

#define TEXT_MAX 1024

struct yaml_row { /* of windows and blackouts */
	char *days, *from, *to, *zone, *reason;
	char **targets;
	unsigned targets_count;
};
struct yaml_statements {
	char **deny, **deny_classes;
	unsigned deny_count, deny_classes_count;
};
struct yaml_break_glass {
	char **keys, **site_keys;
	unsigned keys_count, site_keys_count;
	uint32_t minimum;
};
struct yaml_policy {
	char *site, *zone, *wave_gate, *drift, *largest_table, *longest_lock, *longest_statement;
	uint64_t version;
	uint32_t minimum_approvals;
	struct yaml_row *windows, *blackouts;
	unsigned windows_count, blackouts_count;
	char **consent;
	unsigned consent_count;
	struct yaml_statements statements;
	struct yaml_break_glass break_glass;
};

#define TEXT(key, type)     CYAML_FIELD_STRING_PTR(#key, CYAML_FLAG_POINTER, struct type, key, 1, TEXT_MAX)
#define OPT_TEXT(key, type) CYAML_FIELD_STRING_PTR(#key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct type, key, 1, TEXT_MAX)
#define TEXTS(key, type)    CYAML_FIELD_SEQUENCE(#key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct type, key, &text_schema, 0, 1000)

/* One at least: an empty list reads like one that was left out. */
#define NAMES(key, type) CYAML_FIELD_SEQUENCE(#key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct type, key, &text_schema, 1, 100)

static const cyaml_schema_value_t text_schema = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, TEXT_MAX)};
static const cyaml_schema_field_t window_fields[] = {
    TEXT(days, yaml_row), TEXT(from, yaml_row), TEXT(to, yaml_row), OPT_TEXT(zone, yaml_row), TEXTS(targets, yaml_row), CYAML_FIELD_END,
};
static const cyaml_schema_field_t blackout_fields[] = {
    TEXT(from, yaml_row), OPT_TEXT(to, yaml_row), OPT_TEXT(zone, yaml_row), OPT_TEXT(reason, yaml_row), TEXTS(targets, yaml_row), CYAML_FIELD_END,
};
static const cyaml_schema_value_t window_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct yaml_row, window_fields)};
static const cyaml_schema_value_t blackout_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct yaml_row, blackout_fields)};
static const cyaml_schema_field_t statements_fields[] = {TEXTS(deny, yaml_statements), TEXTS(deny_classes, yaml_statements), CYAML_FIELD_END};
static const cyaml_schema_field_t break_glass_fields[] = {NAMES(keys, yaml_break_glass), NAMES(site_keys, yaml_break_glass),
                                                          CYAML_FIELD_UINT("minimum", CYAML_FLAG_OPTIONAL, struct yaml_break_glass, minimum),
                                                          CYAML_FIELD_END};
static const cyaml_schema_field_t policy_fields[] = {
    TEXT(site, yaml_policy),
    CYAML_FIELD_UINT("version", CYAML_FLAG_DEFAULT, struct yaml_policy, version),
    OPT_TEXT(zone, yaml_policy),
    CYAML_FIELD_SEQUENCE("windows", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_policy, windows, &window_schema, 0, CALENDAR_ROWS_MAX),
    CYAML_FIELD_SEQUENCE("blackouts", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_policy, blackouts, &blackout_schema, 0,
                         CALENDAR_ROWS_MAX),
    TEXTS(consent, yaml_policy),
    CYAML_FIELD_MAPPING("statements", CYAML_FLAG_OPTIONAL, struct yaml_policy, statements, statements_fields),
    CYAML_FIELD_UINT("minimum_approvals", CYAML_FLAG_OPTIONAL, struct yaml_policy, minimum_approvals),
    CYAML_FIELD_MAPPING("break_glass", CYAML_FLAG_OPTIONAL, struct yaml_policy, break_glass, break_glass_fields),
    OPT_TEXT(wave_gate, yaml_policy),
    OPT_TEXT(drift, yaml_policy),
    OPT_TEXT(largest_table, yaml_policy),
    OPT_TEXT(longest_lock, yaml_policy),
    OPT_TEXT(longest_statement, yaml_policy),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t policy_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct yaml_policy, policy_fields)};

struct reading {
	const char *name;
	struct bytes text;
	struct arena *arena;
	struct policy *p;
};

/* Puts the place before what *e says. */
static int at_key(const struct reading *x, const char *key, size_t index, struct err *e)
{
	unsigned line = conf_line_of(x->text, key, index);
	return err_wrap(e, "%s:%u", x->name, line ? line : 1);
}

static const char **copy_texts(const struct reading *x, char *const *from, unsigned n)
{
	const char **to = arena_alloc(x->arena, (n + 1) * sizeof *to);
	for (unsigned i = 0; i < n; i++)
		to[i] = arena_strdup(x->arena, from[i]);
	return to;
}

static int take_zone(const struct reading *x, const char *name, const struct zone **ret, struct err *e)
{
	*ret = x->p->zone;
	return name ? zone_load(name, x->arena, ret, e) : 0;
}

static int take_window(const struct reading *x, const struct yaml_row *y, size_t i, struct err *e)
{
	struct window *w = &x->p->calendar.windows[i];
	w->targets = copy_texts(x, y->targets, y->targets_count);
	w->n_targets = y->targets_count;
	if (calendar_days_parse(y->days, &w->days, e) != 0 || calendar_time_parse(y->from, &w->from, e) != 0 ||
	    calendar_time_parse(y->to, &w->to, e) != 0 || take_zone(x, y->zone, &w->zone, e) != 0)
		return at_key(x, "days", i, e);
	if (w->from == w->to || w->from == CALENDAR_DAY_MINUTES) {
		(void)err_set(e, ERR_PARSE, "window %s %s to %s: it is never open, or always: a whole day is from 00:00 to 24:00", y->days, y->from, y->to);
		return at_key(x, "days", i, e);
	}
	return 0;
}

static int take_blackout(const struct reading *x, const struct yaml_row *y, size_t i, struct err *e)
{
	struct blackout *b = &x->p->calendar.blackouts[i];
	b->targets = copy_texts(x, y->targets, y->targets_count);
	b->n_targets = y->targets_count;
	b->reason = arena_strdup(x->arena, y->reason);
	if (calendar_date_parse(y->from, &b->first_day, e) != 0 || calendar_date_parse(y->to ? y->to : y->from, &b->last_day, e) != 0 ||
	    take_zone(x, y->zone, &b->zone, e) != 0)
		return at_key(x, "blackouts", 0, e);
	if (b->last_day < b->first_day) {
		(void)err_set(e, ERR_PARSE, "blackout %s to %s: it ends before it begins", y->from, y->to);
		return at_key(x, "blackouts", 0, e);
	}
	return 0;
}

static int take_calendar(const struct reading *x, const struct yaml_policy *y, struct err *e)
{
	struct calendar *c = &x->p->calendar;
	c->windows = arena_alloc(x->arena, (y->windows_count + 1) * sizeof *c->windows);
	c->blackouts = arena_alloc(x->arena, (y->blackouts_count + 1) * sizeof *c->blackouts);
	for (; c->n_windows < y->windows_count; c->n_windows++)
		if (take_window(x, &y->windows[c->n_windows], c->n_windows, e) != 0)
			return -1;
	for (; c->n_blackouts < y->blackouts_count; c->n_blackouts++)
		if (take_blackout(x, &y->blackouts[c->n_blackouts], c->n_blackouts, e) != 0)
			return -1;
	return 0;
}

static int take_statements(const struct reading *x, const struct yaml_statements *y, struct err *e)
{
	x->p->deny = copy_texts(x, y->deny, y->deny_count);
	x->p->n_deny = y->deny_count;
	for (unsigned i = 0; i < y->deny_classes_count; i++) {
		enum step_class c;
		if (!step_class_parse(y->deny_classes[i], &c)) {
			(void)err_set(e, ERR_PARSE, "class '%s': write T, N, B or X", y->deny_classes[i]);
			return at_key(x, "deny_classes", 0, e);
		}
		x->p->deny_class[c] = true;
	}
	return 0;
}

static bool has_none(char *const *names, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (str_eq(names[i], "none"))
			return true;
	return false;
}

static int take_break_glass(const struct reading *x, const struct yaml_break_glass *y, struct err *e)
{
	struct break_glass_rule *r = &x->p->break_glass;
	bool none = has_none(y->keys, y->keys_count);
	if (has_none(y->site_keys, y->site_keys_count) || (none && (y->keys_count > 1 || y->site_keys_count || y->minimum)))
		(void)err_set(e, ERR_PARSE, "break_glass: none means that nobody may break glass here, and stands alone: {keys: [none]}");
	else if (y->minimum == 1)
		(void)err_set(e, ERR_PARSE, "break_glass: minimum 1: in an emergency no one acts alone: 2 is the least");
	else {
		*r = (struct break_glass_rule){.nobody = none, .minimum = y->minimum, .n_keys = none ? 0 : y->keys_count, .n_site_keys = y->site_keys_count};
		r->keys = copy_texts(x, y->keys, (unsigned)r->n_keys);
		r->site_keys = copy_texts(x, y->site_keys, y->site_keys_count);
		return 0;
	}
	return at_key(x, "break_glass", 0, e);
}

static int take_cap(const struct reading *x, const char *key, const char *text, uint32_t *ret_ms, struct err *e)
{
	uint64_t ms = 0;
	if (!text)
		return 0;
	if (str_to_duration_ms(text, key, &ms, e) != 0)
		return at_key(x, key, 0, e);
	if (ms < 10 || ms > (uint64_t)24 * 3600 * 1000) {
		(void)err_set(e, ERR_PARSE, "%s '%s': outside 10ms to 24h", key, text);
		return at_key(x, key, 0, e);
	}
	*ret_ms = (uint32_t)ms;
	return 0;
}

/* One of two words; absent: the second. */
static int take_word(const struct reading *x, const char *key, const char *text, const char *word, const char *other, bool *ret, struct err *e)
{
	*ret = str_eq(text, word);
	if (!text || *ret || str_eq(text, other))
		return 0;
	(void)err_set(e, ERR_PARSE, "%s '%s': write %s or %s", key, text, word, other);
	return at_key(x, key, 0, e);
}

static int take_all(const struct reading *x, const struct yaml_policy *y, struct err *e)
{
	struct policy *p = x->p;
	p->site = arena_strdup(x->arena, y->site);
	p->version = y->version;
	p->minimum_approvals = y->minimum_approvals;
	p->consent = copy_texts(x, y->consent, y->consent_count);
	p->n_consent = y->consent_count;
	if (zone_load(y->zone ? y->zone : "UTC", x->arena, &p->zone, e) != 0)
		return at_key(x, "zone", 0, e);
	if (take_calendar(x, y, e) != 0 || take_statements(x, &y->statements, e) != 0 || take_break_glass(x, &y->break_glass, e) != 0)
		return -1;
	if (take_word(x, "wave_gate", y->wave_gate, "signed", "controller", &p->wave_gate_signed, e) != 0 ||
	    take_word(x, "drift", y->drift, "refuse", "report", &p->refuse_drift, e) != 0)
		return -1;
	if (y->largest_table && table_limit_parse(y->largest_table, &p->largest_table, e) != 0)
		return at_key(x, "largest_table", 0, e);
	return take_cap(x, "longest_lock", y->longest_lock, &p->longest_lock_ms, e) != 0
	           ? -1
	           : take_cap(x, "longest_statement", y->longest_statement, &p->longest_statement_ms, e);
}

int policy_parse(const char *name, struct bytes text, struct arena *a, struct policy *ret, struct err *e)
{
	void *value = NULL;
	struct policy p = {.source = "not checked"};
	const struct reading x = {.name = name, .text = text, .arena = a, .p = &p};
	if (text.n > LIMIT_YAML)
		return err_set(e, ERR_LIMIT, "%s: %zu bytes; a site policy has at most %zu", name, text.n, LIMIT_YAML);
	if (conf_parse(name, text, &policy_schema, &value, e) != 0)
		return -1;
	int rc = take_all(&x, value, e);
	conf_free(&policy_schema, value);
	if (rc != 0)
		return -1;
	digest_sha256(text, p.digest);
	*ret = p;
	return 0;
}
