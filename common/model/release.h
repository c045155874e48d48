/* A release: what may ever run. Decoded from, and encoded into, the manifest (proto/release.proto). */
#ifndef COMMON_MODEL_RELEASE_H
#define COMMON_MODEL_RELEASE_H

#include "common/base/arena.h"
#include "common/model/changeset.h"

struct engine_range {
	const char *engine, *min_version, *max_version; /* versions NULL: any */
};

struct provenance { /* of the Git commit; all NULL outside a repository */
	const char *commit, *tree, *author, *committer, *remote;
	const char **reviewers;
	size_t n_reviewers;
	bool dirty; /* files differed from the commit */
};

struct schema_expected {
	const char *engine;
	uint32_t form;
	uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];
	bool has_before, has_after;
};

struct release {
	const char *project, *version;
	uint64_t sequence; /* grows with each release of a project */
	int64_t created_at_us, expires_at_us;
	const char *min_agent_version; /* NULL: any */
	const char **critical; /* features a reader must know or refuse */
	size_t n_critical;
	struct engine_range *engines;
	size_t n_engines;
	struct provenance provenance;
	uint8_t gate_report_digest[DIGEST_SIZE];
	const char *gate_report; /* which gates ran and what they found, several lines; NULL: a release of before, which has only the digest */
	uint32_t splitter_version;
	struct changeset *changesets;
	size_t n_changesets;
	const char *author;
	const char **pipeline; /* environments in order; none may be skipped */
	size_t n_pipeline;
	struct schema_expected *schemas;
	size_t n_schemas;
	uint8_t digest[DIGEST_SIZE]; /* SHA-256 of the manifest's bytes: set by the decoder and by pack */
};

/* A critical feature: all pending changesets of a delivery are one transaction. Only for engines and releases in which every statement allows it. */
#define FEATURE_RELEASE_TRANSACTION "release-transaction"
/* The release says which schema it finds, or leaves: C17 and C24 compare. */
#define FEATURE_SCHEMA_EXPECTED "schema-expected"
/* What it says of this engine; NULL: it is not made for it. */
const struct engine_range *release_engine(const struct release *r, const char *engine);
bool release_needs(const struct release *r, const char *feature);

const struct schema_expected *release_schema(const struct release *r, const char *engine); /* NULL: nothing is said */

/* The first line of its gate report, without the word "gates"; in words when it carries none. In `a`. */
const char *release_gates_line(const struct release *r, struct arena *a);

const struct changeset *release_changeset(const struct release *r, const char *id); /* NULL if there is none */

#endif
