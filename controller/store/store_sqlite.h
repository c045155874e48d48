/* What the files of the SQLite store share. */
#ifndef CONTROLLER_STORE_STORE_SQLITE_H
#define CONTROLLER_STORE_STORE_SQLITE_H

#include "common/lite/lite.h"
#include "controller/store/store.h"

struct store {
	struct lite *db;
	struct audit_head head, kept_head; /* of the chain; kept: as of store_begin, for a rollback */
};

/* store_sqlite_audit.c */
int audit_load_head(struct store *s, struct err *e) MUST_CHECK;

/* store_sqlite_current.c: after the report, or the release, was put */
int current_reported(struct store *s, const struct report *r, struct err *e) MUST_CHECK;
int current_release_known(struct store *s, const uint8_t digest[DIGEST_SIZE], struct err *e) MUST_CHECK;

/* Copies of a column in the arena. */
const char *column_text(struct lite_stmt *q, int column, struct arena *a);
struct bytes column_bytes(struct lite_stmt *q, int column, struct arena *a);
/* Exactly n octets, or zeros when the column is NULL; ERR_STATE names `what` when it has another length. */
int column_exact(struct lite_stmt *q, int column, void *out, size_t n, const char *what, struct err *e) MUST_CHECK;

#endif
