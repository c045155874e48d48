/* `rollcall-agent snapshot`: a target's schema as text, and what differs from an earlier one. Reads only. */
#include <stdio.h>

#include "agent/cli/commands.h"
#include "agent/cli/visit.h"
#include "agent/schema/baseline.h"
#include "agent/schema/snapshot.h"
#include "common/cli/table.h"
#include "common/base/file.h"
#include "common/base/str.h"

static int print_diff(const char *target, const char *path, const struct snapshot *now, struct err *e)
{
	AUTO(buf_done) struct buf earlier = BUF_INIT;
	AUTO(buf_done) struct buf diff = BUF_INIT;
	if (file_read(path, SNAPSHOT_BYTES_MAX + 100, &earlier, e) != 0)
		return -1;
	if (!str_starts(buf_str(&earlier), SNAPSHOT_BEGIN))
		return err_set(e, ERR_PARSE, "%s: not a snapshot: give what 'rollcall-agent snapshot TARGET >FILE' wrote", path);
	size_t n = snapshot_diff(buf_str(&earlier), buf_str(&now->text), &diff);
	fputs(buf_str(&diff), stdout);
	if (n == 0)
		output_say("%s: the schema is the one of %s", target, path);
	else
		output_say("%s: %zu line%s differ%s from %s: '-' is only there, '+' only in the database", target, n, n == 1 ? "" : "s", n == 1 ? "s" : "",
		           path);
	return n ? EXIT_FAILED : EXIT_DONE;
}

/* From now on drift is what differs from this. */
static int accept(const struct visit *v, const struct snapshot *now, struct err *e)
{
	const char *target = v->target->target.id;
	if (baseline_keep(v->desk.config.data_dir, target, buf_bytes(&now->text), e) != 0)
		return -1;
	output_say("%s: its schema of %zu objects is taken to be as it should be. Next: 'rollcall rollout retry ROLLOUT %s'", target, now->n_objects,
	           target);
	return EXIT_DONE;
}

static int check_options(const struct cmd_args *a, struct err *e)
{
	if (cmd_option_given(a, "accept") && cmd_option_given(a, "diff"))
		return err_set(e, ERR_USAGE, "--diff shows, --accept decides: look first, then type --accept alone");
	if (cmd_output(a) != OUTPUT_TABLE)
		return err_set(e, ERR_USAGE, "a snapshot is one text, which --diff and 'rollcall release build' read byte for byte: leave -o out");
	return 0;
}

static int run_snapshot(const struct cmd_args *a, struct err *e)
{
	AUTO(visit_end) struct visit v = {0};
	AUTO(snapshot_done) struct snapshot s = {0};
	const char *earlier = cmd_option_value(a, "diff");
	char hex[DIGEST_HEX_SIZE];
	if (check_options(a, e) != 0)
		return -1;
	if (visit_begin(a, false, &v, e) != 0 || snapshot_take(v.en, v.conn, &s, e) != 0)
		return -1;
	if (cmd_option_given(a, "accept"))
		return accept(&v, &s, e);
	if (earlier)
		return print_diff(v.target->target.id, earlier, &s, e);
	fputs(buf_str(&s.text), stdout);
	output_say("%s: %zu objects, fingerprint %s", v.target->target.id, s.n_objects, bytes_to_hex(bytes_of(s.fingerprint, DIGEST_SIZE), hex));
	return EXIT_DONE;
}

static const struct cmd_option snapshot_options[] = {
    DESK_CONFIG,
    {.name = "diff", .value = "FILE", .help = "print only what differs from an earlier snapshot (exit 1 when something does)"},
    {.name = "accept", .help = "what is there now is as it should be: the next delivery finds no drift in it"},
    {0},
};

const struct cmd snapshot_commands[] = {
    {
        .path = "snapshot",
        .arguments = "TARGET",
        .summary = "Print a target's schema as text, one line an object, or what differs from an earlier snapshot",
        .details =
            "The text is the same for a database and its restored dump. Its SHA-256 is the fingerprint that reports carry. Nothing is changed in "
            "the database.",
        .example = "rollcall-agent snapshot eu/pg1/shop1 --config /etc/rollcall/agent.yaml --diff before.txt",
        .options = snapshot_options,
        .run = run_snapshot,
        .min_arguments = 1,
        .max_arguments = 1,
    },
    {0},
};
