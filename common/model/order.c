/* Names and limits of orders. */
#include "common/model/order.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/str.h"

static const char *const direction_names[] = {"apply", "rollback"};
static const char *const on_failure_names[] = {"halt", "rollback-target", "rollback-wave", "rollback-all"};

bool order_allows_rollback(const struct order *o, uint32_t wave)
{
	if (wave >= o->n_waves)
		return false;
	if (o->direction == DIRECTION_ROLLBACK || o->waves[wave].on_failure != ON_FAILURE_HALT)
		return true;
	for (size_t i = wave + 1; i < o->n_waves; i++)
		if (o->waves[i].on_failure == ON_FAILURE_ROLLBACK_ALL)
			return true;
	return false;
}

bool order_needs(const struct order *o, const char *feature)
{
	for (size_t i = 0; i < o->n_critical; i++)
		if (str_eq(o->critical[i], feature))
			return true;
	return false;
}

bool order_wave_before(const struct order *o, uint32_t wave, uint32_t *ret)
{
	for (uint32_t i = wave < o->n_waves ? wave : 0; i-- > 0;)
		if (o->waves[i].target_count > 0)
			return *ret = i, true;
	return false;
}

const char *direction_name(enum direction d)
{
	return direction_names[d];
}

bool direction_parse(const char *s, enum direction *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(direction_names); i++)
		if (str_eq(s, direction_names[i]))
			return *ret = (enum direction)i, true;
	return false;
}

const char *on_failure_name(enum on_failure f)
{
	return on_failure_names[f];
}

bool on_failure_parse(const char *s, enum on_failure *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(on_failure_names); i++)
		if (str_eq(s, on_failure_names[i]))
			return *ret = (enum on_failure)i, true;
	return false;
}

bool limit_parse(const char *s, struct limit *ret)
{
	char *end = NULL;
	if (!s || *s < '0' || *s > '9')
		return false;
	unsigned long v = strtoul(s, &end, 10);
	bool percent = str_eq(end, "%");
	if ((*end && !percent) || v > (percent ? 100 : 1000000))
		return false;
	*ret = (struct limit){.value = (uint32_t)v, .percent = percent};
	return true;
}

char *limit_text(struct limit l, char out[16])
{
	snprintf(out, 16, "%" PRIu32 "%s", l.value, l.percent ? "%" : "");
	return out;
}

uint32_t limit_of(struct limit l, uint32_t total)
{
	return l.percent ? (uint32_t)(((uint64_t)l.value * total + 99) / 100) : l.value;
}
