/* The rule at the end of a time zone's file, in POSIX form: "CET-1CEST,M3.5.0,M10.5.0/3". It says what holds after the last change that the file lists. */
#ifndef AGENT_POLICY_ZONE_RULE_H
#define AGENT_POLICY_ZONE_RULE_H

#include <stdbool.h>
#include <stdint.h>

enum zone_day_kind { ZONE_DAY_MONTH, ZONE_DAY_JULIAN, ZONE_DAY_ZERO };

struct zone_day { /* a day of each year, and the time of that day */
	enum zone_day_kind kind;
	int month, week, day; /* M: month 1 to 12, week 1 to 5 (5: the last), day 0 Sunday; Jn: 1 to 365, no leap day; n: 0 to 365 */
	int32_t time_s; /* by the clock that holds until then */
};

struct zone_rule {
	int32_t standard, summer; /* seconds east of UTC */
	bool has_summer;
	struct zone_day begins, ends; /* of summer time */
};

bool zone_rule_parse(const char *text, struct zone_rule *ret);
int32_t zone_rule_offset(const struct zone_rule *r, int64_t at_s);

#endif
