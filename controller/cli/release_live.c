/* `rollcall release push` and `rollcall release list`: releases at the controller. */
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "controller/cli/commands.h"
#include "controller/cli/live.h"

static int read_release(const char *path, struct buf *ret, struct err *e)
{
	AUTO(arena_destroy) struct arena *arena = arena_new(LIMIT_ENVELOPE + (size_t)1024 * 1024);
	struct envelope env = {0};
	if (file_read(path, LIMIT_ENVELOPE, ret, e) != 0)
		return -1;
	if (envelope_decode_file(path, buf_bytes(ret), arena, &env, e) != 0)
		return -1;
	if (!str_eq(env.type, TYPE_RELEASE))
		return err_set(e, ERR_PARSE, "%s: not a release but %s: give the file that 'rollcall release build' wrote", path, env.type);
	return env.n_signatures ? 0 : err_set(e, ERR_SIGNATURE, "%s: nobody has signed it: run 'rollcall release sign %s --key FILE'", path, path);
}

static int run_push(const struct cmd_args *a, struct err *e)
{
	AUTO(live_close) struct live l = {0};
	AUTO(answer_done) struct answer r = {0};
	AUTO(buf_done) struct buf data = BUF_INIT;
	struct question q = {.verb = VERB_RELEASE_ADD};
	uint8_t hash[DIGEST_SIZE];
	char hex[DIGEST_HEX_SIZE];
	if (read_release(cmd_argument(a, 0), &data, e) != 0 || live_open(a, &l, e) != 0 || operator_put(l.link, buf_bytes(&data), hash, e) != 0)
		return -1;
	question_add(&q, "hash", bytes_to_hex(bytes_of(hash, sizeof hash), hex));
	if (live_ask(&l, &q, &r, e) != 0)
		return -1;
	return answer_print(&r, cmd_output(a));
}

static int run_list(const struct cmd_args *a, struct err *e)
{
	const struct question q = {.verb = VERB_RELEASE_LIST};
	return live_run(a, &q, e);
}

static const struct cmd_option options[] = {CONTEXT_OPTIONS, {0}};

const struct cmd release_live_commands[] = {
    {"release push", "RELEASE", "Give a signed release to the controller",
     "The controller checks the signatures against the trust document and keeps the bytes as they are. Nothing runs anywhere until a rollout of it "
     "is started and approved. "
     "Pushing the same release again changes nothing.",
     "rollcall release push shop-1.0.0.release", options, run_push, 1, 1},
    {"release list", NULL, "List the releases that the controller holds", NULL, "rollcall release list", options, run_list, 0, 0},
    {0},
};
