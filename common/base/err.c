/* struct err: fill, wrap, name. Nothing here allocates, so an error can always be told. */
#include "common/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const code_names[] = {
    [ERR_NONE] = "none",
    [ERR_USAGE] = "usage",
    [ERR_PARSE] = "parse",
    [ERR_IO] = "io",
    [ERR_NOT_FOUND] = "not-found",
    [ERR_EXISTS] = "exists",
    [ERR_LIMIT] = "limit",
    [ERR_KEY] = "key",
    [ERR_SIGNATURE] = "signature",
    [ERR_POLICY] = "policy",
    [ERR_STATE] = "state",
    [ERR_DB] = "db",
    [ERR_DB_CONNECT] = "db-connect",
    [ERR_LINK] = "link",
    [ERR_TIMEOUT] = "timeout",
    [ERR_UNKNOWN] = "unknown-outcome",
    [ERR_INTERNAL] = "internal",
};

const char *err_code_name(enum err_code code)
{
	return (unsigned)code < ERR_CODE_COUNT ? code_names[code] : "invalid";
}

static void fill(struct err *e, enum err_code code, const char *file, int line, const char *fmt, va_list ap)
{
	*e = (struct err){.code = code, .file = file, .line = line};
	vsnprintf(e->msg, sizeof e->msg, fmt, ap);
}

int err_set_at(struct err *e, enum err_code code, const char *file, int line, const char *fmt, ...)
{
	if (e) {
		va_list ap;
		va_start(ap, fmt);
		fill(e, code, file, line, fmt, ap);
		va_end(ap);
	}
	return -1;
}

int err_set_errno_at(struct err *e, const char *file, int line, const char *fmt, ...)
{
	int saved = errno;
	if (e) {
		va_list ap;
		va_start(ap, fmt);
		fill(e, saved == ENOENT ? ERR_NOT_FOUND : ERR_IO, file, line, fmt, ap);
		va_end(ap);
		size_t n = strlen(e->msg);
		snprintf(e->msg + n, sizeof e->msg - n, ": %s", strerror(saved));
	}
	return -1;
}

int err_wrap_at(struct err *e, const char *fmt, ...)
{
	if (e) {
		char inner[sizeof e->msg];
		memcpy(inner, e->msg, sizeof inner);
		va_list ap;
		va_start(ap, fmt);
		int n = vsnprintf(e->msg, sizeof e->msg, fmt, ap);
		va_end(ap);
		if (n >= 0 && (size_t)n < sizeof e->msg)
			snprintf(e->msg + n, sizeof e->msg - (size_t)n, ": %s", inner);
	}
	return -1;
}
