/* Expectations of probes. */
#include "common/model/probe.h"

#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/str.h"

enum sign { EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, MORE, MORE_EQUAL };

static const struct {
	const char *text;
	enum sign sign;
} signs[] = {{"!=", NOT_EQUAL}, {"<=", LESS_EQUAL}, {">=", MORE_EQUAL}, {"==", EQUAL}, {"=", EQUAL}, {"<", LESS}, {">", MORE}};

/* The sign, and where the value begins. */
static enum sign read_sign(const char *expect, const char **ret_value)
{
	const char *p = expect + strspn(expect, " ");
	enum sign sign = EQUAL;
	for (size_t i = 0; i < ARRAY_LEN(signs); i++)
		if (str_starts(p, signs[i].text)) {
			sign = signs[i].sign;
			p += strlen(signs[i].text);
			break;
		}
	*ret_value = p + strspn(p, " ");
	return sign;
}

static bool read_number(const char *s, double *ret)
{
	char *end = NULL;
	*ret = strtod(s, &end);
	return end != s && *(end + strspn(end, " ")) == '\0' && *ret == *ret;
}

bool probe_expect_ok(const char *expect)
{
	const char *value = NULL;
	double number;
	enum sign sign = read_sign(expect, &value);
	return *value && (sign == EQUAL || sign == NOT_EQUAL || read_number(value, &number));
}

static int compare(double a, double b)
{
	return (a > b) - (a < b);
}

bool probe_holds(const char *expect, const char *value)
{
	const char *wanted = NULL;
	double a, b;
	enum sign sign = read_sign(expect, &wanted);
	bool numbers = read_number(value, &a) && read_number(wanted, &b);
	int order = numbers ? compare(a, b) : 0;
	bool equal = numbers ? order == 0 : str_eq(value, wanted);
	switch (sign) {
	case EQUAL:
		return equal;
	case NOT_EQUAL:
		return !equal;
	case LESS:
		return numbers && order < 0;
	case LESS_EQUAL:
		return numbers && order <= 0;
	case MORE:
		return numbers && order > 0;
	case MORE_EQUAL:
		return numbers && order >= 0;
	}
	return false;
}
