/* What a target's schema is, as text that people can read and compare: one line an object, "kind name definition", sorted bytewise, under a head line. The same for a database
 * and its restored dump, whoever asks and wherever it stands; what is and is not in it is said in agent/engine/sql/<engine>_snapshot.sql. Its SHA-256 is the fingerprint.
 *
 *   # Rollcall snapshot 2 of a postgresql target
 *   column public.orders.note text NOT NULL DEFAULT ''::text
 *   grant table public.orders app: INSERT, SELECT
 *   table public.orders (id, customer, note)
 */
#ifndef AGENT_SCHEMA_SNAPSHOT_H
#define AGENT_SCHEMA_SNAPSHOT_H

#include "agent/engine/engine.h"

#define SNAPSHOT_BEGIN     "# Rollcall snapshot " /* of the text */
#define SNAPSHOT_FORM      2 /* goes up when the text of an unchanged schema changes: fingerprints of two forms say nothing about each other */
#define SNAPSHOT_BYTES_MAX ((size_t)64 * 1024 * 1024)

struct snapshot {
	struct buf text;
	size_t n_objects;
	uint8_t fingerprint[DIGEST_SIZE];
};

/* Asks the database; not inside a transaction. ERR_LIMIT when the schema's text is longer than SNAPSHOT_BYTES_MAX. */
int snapshot_take(const struct engine *en, struct conn *c, struct snapshot *ret, struct err *e) MUST_CHECK;
void snapshot_done(struct snapshot *s);

/* The lines that only one of two snapshots has, in their order: "- line" of the earlier, "+ line" of the later. Returns how many. Pure. */
size_t snapshot_diff(const char *earlier, const char *later, struct buf *ret);

#endif
