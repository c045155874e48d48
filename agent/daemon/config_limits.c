/* The parts of agent.yaml that say how far a delivery may go here: limits, fingerprint, superuser, orphan, look_every; and what of a row may be told. */
#include <string.h>

#include "agent/daemon/config_impl.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/sql/timeouts.h"
#include "common/wire/limits.h"

#define LOOK_EVERY_DEFAULT_MS (5 * 60 * 1000)
#define LOOK_EVERY_MAX_MS     (24 * 3600 * 1000)
#define LOCK_FIRST_MS         1000u /* most locks are short; whoever needs longer tries again */

static int take_duration(struct loading *l, const char *key, const char *text, uint64_t min_ms, uint64_t default_ms, uint32_t *ret, struct err *e)
{
	uint64_t ms = default_ms;
	unsigned line = raw_line(&l->raw, "limits", key);
	if (text && str_to_duration_ms(text, key, &ms, e) != 0)
		return err_wrap(e, "%s:%u", l->path, line);
	if (ms < min_ms || ms > (uint64_t)24 * 3600 * 1000)
		return config_wrong(l, line, e, "%s '%s': outside %llums to 24h", key, text, (unsigned long long)min_ms);
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
		return config_wrong(l, raw_line(&l->raw, "limits", "fresh_max_age"), e, "fresh_max_age '%s': outside 1s to 365d", r->fresh_max_age);
	l->c->fresh_max_age_us = (int64_t)ms * 1000;
	l->c->max_step = r->max_step;
	return 0;
}

static int take_count(struct loading *l, const char *key, unsigned value, uint32_t default_value, uint32_t *ret, struct err *e)
{
	if (value > 1000)
		return config_wrong(l, raw_line(&l->raw, "limits", key), e, "%s %u: outside 1 to 1000", key, value);
	*ret = value ? value : default_value;
	return 0;
}

static int take_batch_limits(struct loading *l, const struct raw_limits *r, struct err *e)
{
	if (r->max_batch > BATCH_SIZE_MAX)
		return config_wrong(l, raw_line(&l->raw, "limits", "max_batch"), e, "max_batch %u: outside 1 to %d", r->max_batch, BATCH_SIZE_MAX);
	l->c->limits.max_batch = r->max_batch;
	if (r->batch_hold_file)
		l->c->limits.batch_hold_file = config_path(l, r->batch_hold_file);
	return take_duration(l, "min_batch_pause", r->min_batch_pause, 0, 0, &l->c->limits.min_pause_ms, e);
}

static int take_row_values(struct loading *l, bool *ret_hide, struct err *e)
{
	const char *text = l->raw.config->row_values;
	*ret_hide = str_eq(text, "hide");
	if (!text || *ret_hide || str_eq(text, "tell"))
		return 0;
	return config_wrong(l, raw_line(&l->raw, NULL, "row_values"), e, "row_values '%.40s': use tell or hide", text);
}

int config_take_limits(struct loading *l, struct engine_target *ret_timeouts, struct err *e)
{
	const struct raw_limits *r = &l->raw.config->limits;
	l->c->allow_class_x = r->class_x;
	if (take_row_values(l, &ret_timeouts->hide_row_values, e) != 0 || take_freshness(l, e) != 0 || take_batch_limits(l, r, e) != 0 ||
	    take_count(l, "max_parallel", r->max_parallel, 4, &l->c->max_parallel, e) != 0 ||
	    take_count(l, "max_parallel_per_instance", r->max_parallel_per_instance, 2, &l->c->max_parallel_per_instance, e) != 0 ||
	    take_duration(l, "retry_budget", r->retry_budget, 0, 20 * 60 * 1000, &l->c->retry_budget_ms, e) != 0 ||
	    take_duration(l, "lock_timeout", r->lock_timeout, 10, SQL_LOCK_TIMEOUT_MS, &ret_timeouts->lock_timeout_max_ms, e) != 0 ||
	    take_duration(l, "statement_timeout", r->statement_timeout, 10, SQL_STATEMENT_TIMEOUT_MS, &ret_timeouts->statement_timeout_ms, e) != 0 ||
	    take_duration(l, "connect_timeout", r->connect_timeout, 100, 10000, &ret_timeouts->connect_timeout_ms, e) != 0)
		return -1;
	uint32_t max_ms = ret_timeouts->lock_timeout_max_ms;
	l->c->lock_timeout_ms = max_ms;
	l->c->statement_timeout_ms = ret_timeouts->statement_timeout_ms;
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
	return text ? config_wrong(l, raw_line(&l->raw, NULL, "fingerprint"), e, "fingerprint '%.40s': use always, changed or off", text) : 0;
}

static int take_superuser(struct loading *l, struct err *e)
{
	const char *text = l->raw.config->superuser;
	l->c->refuse_superuser = str_eq(text, "refuse");
	if (!text || l->c->refuse_superuser || str_eq(text, "allow"))
		return 0;
	return config_wrong(l, raw_line(&l->raw, NULL, "superuser"), e, "superuser '%.40s': use allow or refuse", text);
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
		return config_wrong(l, raw_line(&l->raw, NULL, "orphan"), e,
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
		return config_wrong(l, line, e, "look_every '%.40s': outside 1s to 24h: give a time between, or off", text);
	l->c->look_every_ms = (uint32_t)ms;
	return 0;
}

int config_take_rules(struct loading *l, struct err *e)
{
	return take_fingerprint(l, e) != 0 || take_superuser(l, e) != 0 || take_orphan(l, e) != 0 || take_look_every(l, e) != 0 ? -1 : 0;
}
