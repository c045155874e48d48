/* The one error type. What can fail returns 0 or -1, is MUST_CHECK, and takes `struct err *e` last.
 * An error is a fixed-size value, not a log line: it travels agent -> report -> store -> audit.
 * Callers add context with err_wrap(); the deepest message stays at the end of the text. */
#ifndef COMMON_BASE_ERR_H
#define COMMON_BASE_ERR_H

#include <stddef.h>

#define MUST_CHECK             __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* Stable codes: their names (err_code_name) appear in reports, the store and `-o json`. Append only. */
enum err_code {
	ERR_NONE = 0,
	ERR_USAGE, /* the command line or a configuration file is wrong */
	ERR_PARSE, /* a file or message does not follow its format */
	ERR_IO, /* the operating system refused */
	ERR_NOT_FOUND, /* what was named does not exist */
	ERR_EXISTS, /* what was to be made exists already */
	ERR_LIMIT, /* an outside size is over its cap */
	ERR_KEY, /* a key file is missing, unreadable, of a wrong mode or passphrase */
	ERR_SIGNATURE, /* a signature or threshold does not hold */
	ERR_POLICY, /* verified, but not allowed here (gate, role, site policy) */
	ERR_STATE, /* not possible in the present state */
	ERR_DB, /* a database answered with an error: see sqlstate, db_errno */
	ERR_DB_CONNECT, /* a database cannot be reached or refuses us */
	ERR_LINK, /* controller or peer unreachable, protocol error */
	ERR_TIMEOUT, /* a deadline passed */
	ERR_UNKNOWN, /* outcome unknown: COMMIT or a class N statement was in flight */
	ERR_INTERNAL, /* our own bug */
	ERR_CODE_COUNT
};

struct err {
	enum err_code code;
	char sqlstate[6]; /* PostgreSQL SQLSTATE, or MariaDB's; "" if none */
	int db_errno; /* MariaDB errno or SQLite extended code; 0 if none */
	const char *file; /* origin, static storage */
	int line;
	char msg[1536];
};

#define ERR_INIT ((struct err){.code = ERR_NONE})

/* -1, where compilers and analysers can see it. */
static inline int err_failed(int always)
{
	(void)always;
	return -1;
}

/* Fills `e` (may be NULL) and returns -1, so that `return err_set(e, ERR_PARSE, "...")` does both. */
#define err_set(e, code, ...) err_failed(err_set_at((e), (code), __FILE__, __LINE__, __VA_ARGS__))
/* Puts "context: " before the present message and returns -1; code and origin stay. */
#define err_wrap(e, ...) err_failed(err_wrap_at((e), __VA_ARGS__))

int err_set_at(struct err *e, enum err_code code, const char *file, int line, const char *fmt, ...) PRINTF_LIKE(5, 6);
int err_wrap_at(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Sets from errno: "what: strerror". Returns -1. */
#define err_set_errno(e, ...) err_failed(err_set_errno_at((e), __FILE__, __LINE__, __VA_ARGS__))
int err_set_errno_at(struct err *e, const char *file, int line, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* "parse", "db-connect", ...: lower case with dashes; static storage. */
const char *err_code_name(enum err_code code);

#endif
