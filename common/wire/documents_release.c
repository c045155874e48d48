/* The release manifest: its head, and that its changesets are each there once; a changeset itself is documents_changeset.c. The decoded form borrows the unpacked message's texts, which live in
 * the same arena. */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/model/version.h"
#include "common/wire/documents.h"
#include "common/wire/documents_changeset.h"
#include "common/wire/limits.h"

#define ENVIRONMENTS_MAX 64

/* ---- encode -------------------------------------------------------------------------------------------------------------------------------------- */

static Rollcall__V1__SchemaExpected **put_schemas(struct arena *a, const struct release *r)
{
	Rollcall__V1__SchemaExpected **to = put_array(a, r->n_schemas);
	for (size_t i = 0; i < r->n_schemas; i++) {
		Rollcall__V1__SchemaExpected *x = to[i] = arena_alloc(a, sizeof *x);
		rollcall__v1__schema_expected__init(x);
		x->engine = put_text(r->schemas[i].engine);
		x->form = r->schemas[i].form;
		if (r->schemas[i].has_before)
			x->before = put_fixed(r->schemas[i].before, DIGEST_SIZE);
		if (r->schemas[i].has_after)
			x->after = put_fixed(r->schemas[i].after, DIGEST_SIZE);
	}
	return to;
}

static Rollcall__V1__Provenance *put_provenance(struct arena *a, const struct provenance *from)
{
	Rollcall__V1__Provenance *p = arena_alloc(a, sizeof *p);
	rollcall__v1__provenance__init(p);
	p->commit = put_text(from->commit);
	p->tree = put_text(from->tree);
	p->author = put_text(from->author);
	p->committer = put_text(from->committer);
	p->remote = put_text(from->remote);
	p->dirty = from->dirty;
	p->n_reviewers = from->n_reviewers;
	p->reviewers = put_texts(a, from->reviewers, from->n_reviewers);
	return p;
}

static void put_engines(struct arena *a, const struct release *from, Rollcall__V1__ReleaseManifest *m)
{
	m->n_engines = from->n_engines;
	m->engines = put_array(a, m->n_engines);
	for (size_t i = 0; i < m->n_engines; i++) {
		Rollcall__V1__EngineRange *g = m->engines[i] = arena_alloc(a, sizeof *g);
		rollcall__v1__engine_range__init(g);
		g->engine = put_text(from->engines[i].engine);
		g->min_version = put_text(from->engines[i].min_version);
		g->max_version = put_text(from->engines[i].max_version);
	}
}

void release_encode(const struct release *r, struct buf *ret)
{
	AUTO(arena_destroy) struct arena *a = arena_new(WRITER_ARENA);
	Rollcall__V1__ReleaseManifest m = ROLLCALL__V1__RELEASE_MANIFEST__INIT;
	m.project = put_text(r->project);
	m.version = put_text(r->version);
	m.sequence = r->sequence;
	m.created_at_us = r->created_at_us;
	m.expires_at_us = r->expires_at_us;
	m.min_agent_version = put_text(r->min_agent_version);
	m.n_critical = r->n_critical;
	m.critical = put_texts(a, r->critical, r->n_critical);
	put_engines(a, r, &m);
	m.provenance = put_provenance(a, &r->provenance);
	m.gate_report_digest = put_fixed(r->gate_report_digest, DIGEST_SIZE);
	m.splitter_version = r->splitter_version;
	m.n_changesets = r->n_changesets;
	m.changesets = put_array(a, m.n_changesets);
	for (size_t i = 0; i < m.n_changesets; i++)
		m.changesets[i] = put_changeset(a, &r->changesets[i]);
	m.author = put_text(r->author);
	m.n_schemas = r->n_schemas;
	m.schemas = put_schemas(a, r);
	m.n_pipeline = r->n_pipeline;
	m.pipeline = put_texts(a, r->pipeline, r->n_pipeline);
	m.gate_report = put_text(r->gate_report);
	pb_pack(&m.base, ret);
}

/* ---- decode -------------------------------------------------------------------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void check_ids_are_unique(struct reader *r, const struct release *rel)
{
	const char **ids = read_array(r, "changesets", rel->n_changesets, LIMIT_CHANGESETS, sizeof *ids);
	if (!ids)
		return;
	for (size_t i = 0; i < rel->n_changesets; i++)
		ids[i] = rel->changesets[i].id;
	qsort(ids, rel->n_changesets, sizeof *ids, compare_ids);
	for (size_t i = 1; i < rel->n_changesets; i++)
		if (str_eq(ids[i - 1], ids[i]))
			read_fail(r, "changeset %s is there twice", ids[i]);
}

static void read_provenance(struct reader *r, const Rollcall__V1__Provenance *m, struct provenance *ret)
{
	if (!m)
		return;
	ret->commit = read_line(r, "commit", m->commit, OPTIONAL);
	ret->tree = read_line(r, "tree", m->tree, OPTIONAL);
	ret->author = read_line(r, "commit's author", m->author, OPTIONAL);
	ret->committer = read_line(r, "committer", m->committer, OPTIONAL);
	ret->remote = read_text(r, "remote", m->remote, OPTIONAL, TEXT_MAX_SIZE);
	ret->dirty = m->dirty;
	ret->n_reviewers = m->n_reviewers;
	ret->reviewers = read_lines(r, "reviewers", m->reviewers, m->n_reviewers, LISTED_MAX);
}

static bool is_bound(const char *version)
{
	return !version || version_is_bound(version);
}

static void read_engines(struct reader *r, const Rollcall__V1__ReleaseManifest *m, struct release *ret)
{
	ret->n_engines = m->n_engines;
	ret->engines = read_array(r, "engines", m->n_engines, ENGINES_MAX, sizeof *ret->engines);
	for (size_t i = 0; i < m->n_engines && !r->failed; i++) {
		ret->engines[i].engine = read_name(r, "engine", m->engines[i]->engine);
		ret->engines[i].min_version = read_version(r, "engine's least version", m->engines[i]->min_version, OPTIONAL);
		ret->engines[i].max_version = read_version(r, "engine's last version", m->engines[i]->max_version, OPTIONAL);
		if (!r->failed && !(is_bound(ret->engines[i].min_version) && is_bound(ret->engines[i].max_version)))
			read_fail(r, "engine %s: a version to compare with is numbers and dots", ret->engines[i].engine);
		for (size_t j = 0; j < i; j++)
			if (str_eq(ret->engines[j].engine, ret->engines[i].engine))
				read_fail(r, "engine %s is listed twice", ret->engines[i].engine);
	}
}

static void read_schemas(struct reader *r, const Rollcall__V1__ReleaseManifest *m, struct release *ret)
{
	ret->n_schemas = m->n_schemas;
	ret->schemas = read_array(r, "expected schemas", m->n_schemas, ENGINES_MAX, sizeof *ret->schemas);
	for (size_t i = 0; i < m->n_schemas && !r->failed; i++) {
		struct schema_expected *x = &ret->schemas[i];
		x->engine = read_name(r, "expected schema's engine", m->schemas[i]->engine);
		x->form = m->schemas[i]->form;
		x->has_before = m->schemas[i]->before.len > 0;
		x->has_after = m->schemas[i]->after.len > 0;
		if (x->has_before)
			read_digest(r, "expected schema before", m->schemas[i]->before, x->before);
		if (x->has_after)
			read_digest(r, "expected schema after", m->schemas[i]->after, x->after);
		if (!r->failed && release_schema(&(struct release){.schemas = ret->schemas, .n_schemas = i}, x->engine))
			read_fail(r, "the expected schema of engine %s is there twice", x->engine);
	}
	if (!r->failed && m->n_schemas && !release_needs(ret, FEATURE_SCHEMA_EXPECTED))
		read_fail(r, "it expects a schema without asking for the feature " FEATURE_SCHEMA_EXPECTED);
}

static void read_gates(struct reader *r, const Rollcall__V1__ReleaseManifest *m, struct release *ret)
{
	uint8_t digest[DIGEST_SIZE];
	read_digest(r, "gate report's digest", m->gate_report_digest, ret->gate_report_digest);
	ret->gate_report = read_text(r, "gate report", m->gate_report, OPTIONAL, LIMIT_GATE_REPORT);
	if (!ret->gate_report)
		return;
	for (const char *p = ret->gate_report; *p; p++)
		if (((unsigned char)*p < ' ' && *p != '\n') || *p == 0x7f) {
			read_fail(r, "the gate report holds a control character");
			return;
		}
	digest_sha256(bytes_of_str(ret->gate_report), digest);
	if (memcmp(digest, ret->gate_report_digest, DIGEST_SIZE) != 0)
		read_fail(r, "the gate report's text is not what its digest says");
}

static void read_head(struct reader *r, const Rollcall__V1__ReleaseManifest *m, struct release *ret)
{
	ret->project = read_name(r, "project", m->project);
	ret->version = read_version(r, "version", m->version, REQUIRED);
	ret->sequence = m->sequence;
	ret->created_at_us = m->created_at_us;
	ret->expires_at_us = m->expires_at_us;
	if (m->expires_at_us <= 0)
		read_fail(r, "it does not say when it expires");
	ret->min_agent_version = read_version(r, "least agent version", m->min_agent_version, OPTIONAL);
	ret->n_critical = m->n_critical;
	ret->critical = read_lines(r, "critical features", m->critical, m->n_critical, 100);
	read_engines(r, m, ret);
	read_provenance(r, m->provenance, &ret->provenance);
	read_schemas(r, m, ret);
	read_gates(r, m, ret);
	ret->splitter_version = m->splitter_version;
	ret->author = read_line(r, "author", m->author, OPTIONAL);
	ret->n_pipeline = m->n_pipeline;
	ret->pipeline = read_lines(r, "environments", m->pipeline, m->n_pipeline, ENVIRONMENTS_MAX);
	for (size_t i = 0; i < m->n_pipeline && !r->failed; i++)
		read_name(r, "environment", ret->pipeline[i]);
}

int release_decode(struct bytes data, struct arena *a, struct release *ret, struct err *e)
{
	ProtobufCMessage *base;
	if (pb_unpack(&rollcall__v1__release_manifest__descriptor, "release", data, LIMIT_ENVELOPE, PB_UNKNOWN_KEEP, a, &base, e) != 0)
		return -1;
	const Rollcall__V1__ReleaseManifest *m = (const Rollcall__V1__ReleaseManifest *)base;
	struct changeset_reader cr = {.r = {.what = "release", .a = a, .e = e}};
	struct release rel = {.n_changesets = m->n_changesets};
	read_head(&cr.r, m, &rel);
	if (m->n_changesets == 0)
		read_fail(&cr.r, "it holds no changeset");
	rel.changesets = read_array(&cr.r, "changesets", m->n_changesets, LIMIT_CHANGESETS, sizeof *rel.changesets);
	for (size_t i = 0; i < m->n_changesets && !cr.r.failed; i++)
		read_changeset(&cr, m->changesets[i], &rel.changesets[i]);
	if (!cr.r.failed)
		check_ids_are_unique(&cr.r, &rel);
	if (cr.r.failed)
		return -1;
	digest_sha256(data, rel.digest);
	*ret = rel;
	return 0;
}
