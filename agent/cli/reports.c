/* See the header. */
#include "agent/cli/reports.h"

#include "common/base/str.h"
#include "common/wire/documents.h"

#define BATCH 200

int reports_walk(struct journal *j, size_t max, struct arena *a, report_fn *fn, void *arg, struct err *e)
{
	uint64_t last = journal_last_report(j), from = last > max ? last - max + 1 : 1;
	while (from <= last) {
		struct outbox_entry *list = NULL;
		size_t n = 0;
		if (journal_outbox(j, from, BATCH, a, &list, &n, e) != 0)
			return -1;
		if (n == 0)
			return 0;
		for (size_t i = 0; i < n; i++) {
			struct envelope env;
			struct report r;
			if (envelope_decode(list[i].envelope, a, &env, e) != 0 || report_decode(env.payload, a, &r, e) != 0)
				return err_wrap(e, "journal: report %llu", (unsigned long long)list[i].seq);
			fn(arg, &r);
		}
		from = list[n - 1].seq + 1;
	}
	return 0;
}

const char *reports_detail(struct arena *a, const struct report *r)
{
	const struct failure *f = &r->failure;
	if (str_empty(f->message))
		return NULL;
	const char *place = str_empty(f->changeset) ? ""
	                    : str_empty(f->file)    ? arena_printf(a, "%s: ", f->changeset)
	                                            : arena_printf(a, "%s (%s:%u): ", f->changeset, f->file, (unsigned)f->line);
	return arena_printf(a, "%s%s%s%s%s%s", place, str_empty(f->check) ? "" : f->check, str_empty(f->check) ? "" : ": ", f->message,
	                    str_empty(f->database_state) ? "" : " In the database: ", str_empty(f->database_state) ? "" : f->database_state);
}
