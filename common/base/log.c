/* Log lines: "2026-11-22T21:52:07Z rollcall-agent warn: text". */
#include "common/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const char *log_program = "rollcall";
static enum log_level log_level = LOG_LEVEL_INFO;

void log_open(const char *program, enum log_level level)
{
	log_program = program;
	log_level = level;
}

int log_level_parse(const char *s, enum log_level *ret, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
		if (str_eq(s, level_names[i])) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return err_set(e, ERR_USAGE, "log level '%s': use error, warn, info or debug", s ? s : "");
}

static void emit(enum log_level level, const char *fmt, va_list ap)
{
	char line[4096], at[CLOCK_TEXT_SIZE];
	if (level > log_level)
		return;
	int n = snprintf(line, sizeof line, "%s %s %s: ", clock_text(clock_wall_us(), at), log_program, level_names[level]);
	int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
	size_t len = (size_t)n + (m < 0 ? 0 : (size_t)m);
	if (len > sizeof line - 2)
		len = sizeof line - 2;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < ' ')
			line[i] = ' '; /* a hostile name must not forge a second line */
	line[len++] = '\n';
	ssize_t ignored = write(STDERR_FILENO, line, len);
	(void)ignored;
}

#define DEFINE_LOG(name, level)           \
	void log_##name(const char *fmt, ...) \
	{                                     \
		va_list ap;                       \
		va_start(ap, fmt);                \
		emit(level, fmt, ap);             \
		va_end(ap);                       \
	}

DEFINE_LOG(error, LOG_LEVEL_ERROR)
DEFINE_LOG(warn, LOG_LEVEL_WARN)
DEFINE_LOG(info, LOG_LEVEL_INFO)
DEFINE_LOG(debug, LOG_LEVEL_DEBUG)
