/* `rollcall keys revoke` and `release withdraw`: a person's signed word that something is not to be believed any more. It goes to the controller at once, or
 * into a file that `rollcall trust push` and `rollcall trust fresh` take. */
#include <inttypes.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/crypto/dsse.h"
#include "common/wire/documents.h"
#include "controller/cli/commands.h"
#include "controller/cli/key_option.h"
#include "controller/cli/live.h"
#include "controller/cli/trust_cli.h"
#include "controller/release/open.h"

struct revoking {
	const struct cmd_args *args;
	struct arena *arena;
	struct live live; /* open when there is no --out */
	struct revocation word;
	const char *what; /* for people: "release 1.4.0 of shop" */
};

static void revoking_done(struct revoking *r)
{
	live_close(&r->live);
	arena_destroy(&r->arena);
}

/* The fleet's name is in the signature. It comes from --trust, or from the controller's trust document. */
static int take_fleet(struct revoking *r, struct err *e)
{
	AUTO(answer_done) struct answer answer = {0};
	const struct question q = {.verb = VERB_TRUST_SHOW};
	const char *path = cmd_option_value(r->args, "trust");
	struct envelope env;
	struct trust t;
	if (path) {
		if (trust_file_load(path, r->arena, &env, &t, e) != 0)
			return -1;
	} else if (!r->live.link) {
		return err_set(e, ERR_USAGE, "--out without --trust: name the fleet's trust document, as no controller is asked");
	} else if (live_ask(&r->live, &q, &answer, e) != 0 || envelope_decode(answer.document, r->arena, &env, e) != 0 ||
	           trust_decode(env.payload, r->arena, &t, e) != 0) {
		return err_wrap(e, "the controller's trust document");
	}
	r->word.fleet = arena_strdup(r->arena, t.fleet);
	return 0;
}

static int begin(struct revoking *r, const struct cmd_args *args, enum revocation_kind kind, struct err *e)
{
	*r = (struct revoking){.args = args, .arena = arena_new(TRUST_CLI_ARENA)};
	r->word = (struct revocation){.kind = kind, .reason = cmd_option_value(args, "reason"), .created_at_us = clock_wall_us()};
	const char *out = cmd_option_value(args, "out");
	if (out && file_exists(out))
		return err_set(e, ERR_EXISTS, "%s: exists already and is left as it is: give another --out", out);
	if (!out && live_open(args, &r->live, e) != 0)
		return -1;
	return take_fleet(r, e);
}

static int push(struct revoking *r, const struct envelope *env, struct err *e)
{
	AUTO(answer_done) struct answer answer = {0};
	AUTO(buf_done) struct buf data = BUF_INIT;
	struct question q = {.verb = VERB_TRUST_PUSH};
	envelope_encode(env, &data);
	q.document = buf_bytes(&data);
	if (live_ask(&r->live, &q, &answer, e) != 0)
		return -1;
	output_say("%s: revoked.", r->what);
	return answer_print(&answer, cmd_output(r->args));
}

static int finish(struct revoking *r, struct err *e)
{
	AUTO(sign_key_destroy) struct sign_key *k = NULL;
	AUTO(buf_done) struct buf payload = BUF_INIT;
	const char *out = cmd_option_value(r->args, "out");
	struct revocation again;
	if (key_option_load(r->args, r->arena, &k, e) != 0)
		return -1;
	revocation_encode(&r->word, &payload);
	/* What its readers would refuse is refused here, while the person who can mend it is present. */
	if (revocation_decode(buf_bytes(&payload), r->arena, &again, e) != 0)
		return -1;
	struct envelope env = {.type = TYPE_REVOCATION, .payload = buf_bytes(&payload)};
	if (dsse_sign(&env, k, r->arena, e) != 0)
		return -1;
	if (!out)
		return push(r, &env, e);
	if (envelope_save(out, &env, e) != 0)
		return -1;
	files_print(&out, 1, cmd_output(r->args), stdout);
	fprintf(
	    stderr,
	    "%s: the revocation is signed, and nobody has been told yet. Next: 'rollcall trust push %s', or 'rollcall trust fresh --revocation %s'.\n",
	    r->what, out, out);
	return EXIT_DONE;
}

/* ---- keys -------------------------------------------------------------------------------------------------------------------------------------------- */

static int run_keys_revoke(const struct cmd_args *args, struct err *e)
{
	AUTO(revoking_done) struct revoking r;
	const char *name = cmd_argument(args, 0);
	uint8_t public_key[SIGN_PUBLIC_SIZE], serial[16];
	char id[KEY_ID_SIZE];
	bool is_serial = bytes_from_hex(name, serial, sizeof serial, NULL) == 0, is_id = bytes_from_hex(name, serial, (KEY_ID_SIZE - 1) / 2, NULL) == 0;
	if (begin(&r, args, is_serial ? REVOKE_AGENT : REVOKE_KEY, e) != 0)
		return -1;
	r.word.subject = name;
	if (!is_serial && !is_id) {
		if (sign_public_load(public_key_path(name, r.arena), public_key, e) != 0)
			return -1;
		sign_key_id(public_key, id);
		r.word.subject = arena_strdup(r.arena, id);
	}
	r.what = arena_printf(r.arena, "%s %s", is_serial ? "certificate" : "key", r.word.subject);
	return finish(&r, e);
}

/* ---- releases ---------------------------------------------------------------------------------------------------------------------------------------- */

struct found {
	const char *project, *version, *digest;
	uint64_t sequence;
};

static int find_in_file(struct revoking *r, const char *path, struct found *ret, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_DOCUMENT);
	struct envelope env;
	struct release rel;
	if (release_open(path, a, &env, &rel, e) != 0)
		return -1;
	*ret = (struct found){.project = arena_strdup(r->arena, rel.project),
	                      .version = arena_strdup(r->arena, rel.version),
	                      .digest = arena_hex(r->arena, bytes_of(rel.digest, DIGEST_SIZE)),
	                      .sequence = rel.sequence};
	return 0;
}

static int find_by_version(struct revoking *r, const char *version, struct found *ret, struct err *e)
{
	AUTO(answer_done) struct answer answer = {0};
	const struct question q = {.verb = VERB_RELEASE_LIST};
	size_t n = 0;
	if (live_ask(&r->live, &q, &answer, e) != 0)
		return -1;
	const struct answer_table *t = answer_find(&answer, "version");
	for (size_t i = 0; t && i < t->n_rows; i++) {
		if (!str_eq(answer_cell(t, i, "version"), version))
			continue;
		n++;
		*ret = (struct found){.project = arena_strdup(r->arena, answer_cell(t, i, "project")),
		                      .version = version,
		                      .digest = arena_strdup(r->arena, answer_cell(t, i, "digest"))};
		if (str_to_u64(answer_cell(t, i, "sequence"), "sequence", 1, INT64_MAX, &ret->sequence, e) != 0)
			return -1;
	}
	if (n > 1)
		return err_set(e, ERR_USAGE, "release %s: %zu projects have one of that version: give the release's file instead", version, n);
	return n ? 0 : err_set(e, ERR_NOT_FOUND, "release %s: the controller holds none of that version: see 'rollcall release list'", version);
}

static int run_release_withdraw(const struct cmd_args *args, struct err *e)
{
	AUTO(revoking_done) struct revoking r;
	const char *name = cmd_argument(args, 0);
	bool older = cmd_option_given(args, "and-older");
	struct found f = {0};
	if (begin(&r, args, older ? REVOKE_OLDER_RELEASES : REVOKE_RELEASE, e) != 0)
		return -1;
	if (file_exists(name) ? find_in_file(&r, name, &f, e) != 0 : r.live.link && find_by_version(&r, name, &f, e) != 0)
		return -1;
	if (!f.project)
		return err_set(e, ERR_USAGE, "%s: no such file: without a controller to ask, give the release's file", name);
	r.word.subject = older ? f.project : f.digest;
	r.word.sequence = older ? f.sequence + 1 : 0;
	r.what = arena_printf(r.arena, "release %s of %s%s", f.version, f.project, older ? " and all before it" : "");
	return finish(&r, e);
}

/* ---- tables ------------------------------------------------------------------------------------------------------------------------------------------ */

#define REVOKE_OPTIONS                                                                                                                    \
	KEY_OPTIONS, {"reason", 0, "TEXT", "why; kept with it", false, false},                                                                \
	    {"trust", 0, "FILE", "the fleet's trust document (default: the controller's)", false, false},                                     \
	    {"out", 0, "FILE", "write the signed revocation here and tell nobody yet: needs no controller (then --trust too)", false, false}, \
	    CONTEXT_OPTIONS

static const struct cmd_option options[] = {REVOKE_OPTIONS, {0}};
static const struct cmd_option withdraw_options[] = {
    {"and-older", 0, NULL, "every release of the project up to this one", false, false}, REVOKE_OPTIONS, {0}};

const struct cmd revoke_commands[] = {
    {"keys revoke", "KEY.pub|ID|SERIAL", "Have a key, or the certificate of an agent, believed nowhere any more",
     "A key: signed by any one root key, or by the key itself, so that whoever loses a key can revoke it alone. A certificate, by its serial: signed "
     "by any one key of "
     "enrol or root. It goes into every freshness document from then on. Keys of role root and fresh are changed by the next trust document, not by "
     "this.",
     "rollcall keys revoke carol.pub --key ann --reason 'laptop stolen'", options, run_keys_revoke, 1, 1},
    {"release withdraw", "VERSION|RELEASE", "Have a release begun nowhere any more",
     "Signed by any one key of role release or root. Sites refuse to begin it (C7), also when it is approved already; what it has done may still be "
     "rolled "
     "back.",
     "rollcall release withdraw 1.4.0 --key carol --reason 'drops the wrong table'", withdraw_options, run_release_withdraw, 1, 1},
    {0},
};
