/* The programs' log: one line an event on stderr, for people. Only cli, daemon, link and the runner log, once for each failure, at the
 * place that decides what happens next. Never a secret, never SQL text. Thread-safe (one write a line). */
#ifndef COMMON_BASE_LOG_H
#define COMMON_BASE_LOG_H

#include "common/base/err.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_open(const char *program, enum log_level level);
int log_level_parse(const char *s, enum log_level *ret, struct err *e) MUST_CHECK;
void log_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_info(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_debug(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
