/* `rollcall-agent trust install` and `trust show`: what this agent believes, and giving it signed documents where no controller can. */
#include <stdio.h>

#include "agent/cli/commands.h"
#include "agent/cli/desk.h"
#include "agent/daemon/loop.h"
#include "agent/verify/trusted.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/cli/table.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"

static int open_journal(const struct agent_config *c, struct journal **ret, struct err *e)
{
	AUTO(mem_free_ptr) char *path = file_join(c->data_dir, AGENT_JOURNAL_FILE);
	return file_make_dirs(c->data_dir, 0700, e) < 0 ? -1 : journal_open(path, ret, e);
}

#define FLOORS_SHOWN 8

/* ", shop below sequence 7", one for each project, as far as they fit. */
static void add_floors(const struct freshness *f, struct buf *ret)
{
	for (size_t i = 0; i < f->n_floors && i < FLOORS_SHOWN; i++)
		buf_addf(ret, ", %s below sequence %llu", f->floors[i].project, (unsigned long long)f->floors[i].sequence);
	if (f->n_floors > FLOORS_SHOWN)
		buf_addf(ret, ", and so of %zu projects more", f->n_floors - FLOORS_SHOWN);
}

static int print_believed(const struct cmd_args *a, const struct agent_config *c, struct journal *j, struct err *e)
{
	AUTO(arena_destroy) struct arena *arena = arena_new(TRUSTED_ARENA);
	AUTO(table_destroy) struct table *t = table_new("document,#version,made,expires,detail");
	AUTO(buf_done) struct buf floors = BUF_INIT;
	char made[CLOCK_TEXT_SIZE], ends[CLOCK_TEXT_SIZE];
	struct trusted b;
	if (trusted_load(j, c->trust_pin, arena, &b, e) != 0)
		return -1;
	table_rowf(t, "trust\t%llu\t%s\t%s\tfleet %s", (unsigned long long)b.doc.version, clock_text(b.doc.created_at_us, made),
	           clock_text(b.doc.expires_at_us, ends), b.doc.fleet);
	if (b.fresh) {
		add_floors(b.fresh, &floors);
		table_rowf(t, "fresh\t%llu\t%s\t%s\trevoked: %zu keys, %zu agents, %zu releases%s", (unsigned long long)b.fresh->version,
		           clock_text(b.fresh->issued_at_us, made), clock_text(b.fresh->expires_at_us, ends), b.fresh->n_revoked_keys,
		           b.fresh->n_revoked_agents, b.fresh->n_withdrawn, buf_str(&floors));
	}
	table_print(t, cmd_output(a), "documents", stdout);
	return EXIT_DONE;
}

static int run_show(const struct cmd_args *a, struct err *e)
{
	AUTO(agent_config_done) struct agent_config c = {0};
	AUTO(journal_close) struct journal *j = NULL;
	if (desk_config(a, &c, e) != 0 || open_journal(&c, &j, e) != 0)
		return -1;
	return print_believed(a, &c, j, e);
}

static int run_install(const struct cmd_args *a, struct err *e)
{
	AUTO(agent_config_done) struct agent_config c = {0};
	AUTO(journal_close) struct journal *j = NULL;
	AUTO(buf_done) struct buf data = BUF_INIT;
	const char *path = cmd_argument(a, 0);
	bool is_new = false;
	if (desk_config(a, &c, e) != 0 || open_journal(&c, &j, e) != 0 || file_read(path, LIMIT_DOCUMENT, &data, e) != 0)
		return -1;
	struct envelope ignored;
	AUTO(arena_destroy) struct arena *arena = arena_new(LIMIT_ARENA_DOCUMENT);
	if (envelope_decode(buf_bytes(&data), arena, &ignored, e) != 0)
		return err_wrap(e, "%s: not a signed document of Rollcall: give a trust document or a freshness document", path);
	enum check_code refusing = trusted_take(j, c.trust_pin, buf_bytes(&data), clock_wall_us(), &is_new, e);
	if (refusing)
		return err_wrap(e, "%s: %s", path, check_title(refusing));
	output_say("%s: %s", path,
	           is_new ? "checked and taken; a running agent goes by it from its next delivery on" : "not newer than what this agent believes");
	return print_believed(a, &c, j, e);
}

static const struct cmd_option options[] = {
    DESK_CONFIG,
    {0},
};

const struct cmd trust_commands[] = {
    {
        .path = "trust install",
        .arguments = "FILE",
        .summary = "Take the next trust document, or a newer freshness document, from a file",
        .details = "For a site that the controller cannot reach, or whose operator does not wait for it. It is checked as one that comes by the "
                   "link: versions of the trust "
                   "document are taken one by one.",
        .example = "rollcall-agent trust install trust-2.env --config /etc/rollcall/agent.yaml",
        .options = options,
        .run = run_install,
        .min_arguments = 1,
        .max_arguments = 1,
    },
    {
        .path = "trust show",
        .summary = "Show which trust document and freshness document this agent goes by",
        .example = "rollcall-agent trust show --config /etc/rollcall/agent.yaml",
        .options = options,
        .run = run_show,
    },
    {0},
};
