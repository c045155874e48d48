/* What an order says, as its approvers read it. */
#include "controller/cli/order_show.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"

#define SHOWN_TARGETS_MAX 40
#define LINE_WIDTH        80
#define LINE_INDENT       13

/* Names in lines of a terminal's width, under the wave's first line. */
static void show_targets(FILE *out, const struct target_list *l, uint32_t wave, bool all)
{
	size_t shown = 0, more = 0, column = 0;
	for (size_t i = 0; i < l->n; i++) {
		const char *target = l->leaves[i].target;
		if (l->leaves[i].wave != wave)
			continue;
		if (!all && shown == SHOWN_TARGETS_MAX) {
			more++;
			continue;
		}
		if (column == 0 || column + 2 + strlen(target) > LINE_WIDTH) {
			fprintf(out, "%s             ", column ? ",\n" : "");
			column = LINE_INDENT;
		} else {
			fputs(", ", out);
			column += 2;
		}
		fputs(target, out);
		column += strlen(target);
		shown++;
	}
	if (more)
		fprintf(out, ",\n             and %zu more (-o wide shows all)", more);
	fputc('\n', out);
}

static void show_wave(FILE *out, const struct wave *v)
{
	char limit[16], after[CLOCK_TEXT_SIZE];
	fprintf(out, "wave %-7s %u targets, %u at a time, more than %s failures: %s", v->name, v->target_count, v->max_parallel,
	        limit_text(v->max_failures, limit), on_failure_name(v->on_failure));
	if (v->min_success.value > 0)
		fprintf(out, ", %s have to succeed", limit_text(v->min_success, limit));
	if (v->defer_after_ms > 0)
		fprintf(out, ", goes on without unreachable ones after %s", clock_duration_text((int64_t)v->defer_after_ms * 1000, after));
	fputc('\n', out);
	for (size_t i = 0; i < v->n_probes; i++) {
		const struct probe *p = &v->probes[i];
		fprintf(out, "  probe      %s: %s%s%s, expected %s\n", p->name, p->sql ? p->sql : p->url, p->json ? " at " : "", p->json ? p->json : "",
		        p->expect);
	}
}

void order_show(FILE *out, const struct order *o, const struct target_list *l, bool all)
{
	char hex[DIGEST_HEX_SIZE], from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE];
	fprintf(out, "order        %s\n", o->id);
	fprintf(out, "release      %s %s (sequence %llu) sha256\n", o->project, o->release_version, (unsigned long long)o->release_sequence);
	fprintf(out, "             %s\n", bytes_to_hex(bytes_of(o->release_digest, DIGEST_SIZE), hex));
	fprintf(out, "environment  %s, plan %s, direction %s\n", o->environment, o->plan, direction_name(o->direction));
	fprintf(out, "valid        %s to %s\n", clock_text(o->not_before_us, from), clock_text(o->not_after_us, to));
	for (size_t i = 0; i < o->n_critical; i++)
		fprintf(out, "asks for     %s\n", o->critical[i]);
	for (size_t i = 0; i < o->n_except; i++)
		fprintf(out, "except       %s\n", o->except[i]);
	for (size_t w = 0; w < o->n_waves; w++) {
		const struct wave *v = &o->waves[w];
		show_wave(out, v);
		show_targets(out, l, (uint32_t)w, all);
	}
	fprintf(out, "targets      %u, Merkle root (recomputed here)\n             %s\n", o->target_count,
	        bytes_to_hex(bytes_of(o->targets_root, DIGEST_SIZE), hex));
	fprintf(out, "approving    order sha256\n             %s\n", bytes_to_hex(bytes_of(o->digest, DIGEST_SIZE), hex));
	fflush(out);
}

void release_show(FILE *out, const struct release *r, struct arena *a)
{
	fprintf(out, "gates        %s\n", release_gates_line(r, a));
	for (size_t i = 0; i < r->n_changesets; i++)
		fprintf(out, "changeset    %s (%s:%u)\n", r->changesets[i].id, r->changesets[i].file, r->changesets[i].line);
	fflush(out);
}
