/* What the files of the SQLite store share. */
#ifndef CONTROLLER_STORE_STORE_SQLITE_H
#define CONTROLLER_STORE_STORE_SQLITE_H

#include "common/lite/lite.h"
#include "controller/store/store.h"

/* The release that was asked for last: the reports of a rollout are all of one. */
struct release_name {
	uint8_t digest[DIGEST_SIZE];
	uint64_t sequence;
	char *project, *version; /* NULL: none was found */
};

struct store {
	struct lite *db;
	struct release_name asked;
	struct audit_head head, kept_head; /* of the chain; kept: as of store_begin, for a rollback */
};

/* store_sqlite_audit.c */
int audit_load_head(struct store *s, struct err *e) MUST_CHECK;

/* store_sqlite_current.c: after the report, or the release, was put */
int current_reported(struct store *s, const struct report *r, const struct release_name *of, struct err *e) MUST_CHECK;
int current_release_known(struct store *s, const uint8_t digest[DIGEST_SIZE], struct err *e) MUST_CHECK;

/* store_sqlite_release.c: good until the next call; its project is NULL when the store does not have this release */
int release_name(struct store *s, const uint8_t digest[DIGEST_SIZE], const struct release_name **ret, struct err *e) MUST_CHECK;
void release_name_forget(struct store *s); /* what was found may not be there any more */

/* Copies of a column in the arena. */
const char *column_text(struct lite_stmt *q, int column, struct arena *a);
struct bytes column_bytes(struct lite_stmt *q, int column, struct arena *a);
/* Exactly n octets, or zeros when the column is NULL; ERR_STATE names `what` when it has another length. */
int column_exact(struct lite_stmt *q, int column, void *out, size_t n, const char *what, struct err *e) MUST_CHECK;

#endif
