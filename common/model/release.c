/* Look-ups in a release. */
#include "common/model/release.h"

#include <string.h>

#include "common/base/str.h"

const struct changeset *release_changeset(const struct release *r, const char *id)
{
	for (size_t i = 0; i < r->n_changesets; i++)
		if (str_eq(r->changesets[i].id, id))
			return &r->changesets[i];
	return NULL;
}

const struct engine_range *release_engine(const struct release *r, const char *engine)
{
	for (size_t i = 0; i < r->n_engines; i++)
		if (str_eq(r->engines[i].engine, engine))
			return &r->engines[i];
	return NULL;
}

bool release_needs(const struct release *r, const char *feature)
{
	for (size_t i = 0; i < r->n_critical; i++)
		if (str_eq(r->critical[i], feature))
			return true;
	return false;
}

const struct schema_expected *release_schema(const struct release *r, const char *engine)
{
	for (size_t i = 0; i < r->n_schemas; i++)
		if (str_eq(r->schemas[i].engine, engine))
			return &r->schemas[i];
	return NULL;
}

const char *release_gates_line(const struct release *r, struct arena *a)
{
	const char *text = r->gate_report, *head = "gates ";
	char hex[DIGEST_HEX_SIZE];
	if (!text)
		return arena_printf(a, "the release does not say which ran, only its report's digest %.12s",
		                    bytes_to_hex(bytes_of(r->gate_report_digest, DIGEST_SIZE), hex));
	if (str_starts(text, head))
		text += strlen(head);
	return arena_printf(a, "%.*s", (int)strcspn(text, "\n"), text);
}
