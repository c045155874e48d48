/* `rollcall trust fresh | push`: freshness documents by hand, and handing signed documents to the controller. */
#include <inttypes.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/cli/table.h"
#include "common/crypto/dsse.h"
#include "common/crypto/fresh.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "controller/cli/key_option.h"
#include "controller/cli/live.h"
#include "controller/cli/trust_cli.h"

#define LIFETIME_US (24 * INT64_C(3600) * 1000000)

static int load_fresh(const char *path, const struct trust *t, struct arena *a, struct freshness *ret, struct err *e)
{
	struct envelope env;
	if (envelope_load(path, a, &env, e) != 0)
		return -1;
	if (trust_check_role(t, ROLE_FRESH, &env, TYPE_FRESHNESS, e) != 0 || freshness_decode(env.payload, a, ret, e) != 0)
		return err_wrap(e, "%s", path);
	return 0;
}

static int add_revocation(const char *path, const struct trust *t, struct freshness *f, struct arena *a, struct err *e)
{
	struct envelope env;
	struct revocation r;
	if (envelope_load(path, a, &env, e) != 0)
		return -1;
	struct trust valid = trust_without_revoked(t, f, a);
	if (revocation_decode(env.payload, a, &r, e) != 0 || revocation_check(t, &valid, &env, &r, e) != 0)
		return err_wrap(e, "%s", path);
	if (!freshness_add(f, &r, a))
		output_say("%s: %s %s is revoked already", path, revocation_kind_name(r.kind), r.subject);
	return 0;
}

static int add_revocations(const struct cmd_args *args, const struct trust *t, struct freshness *f, struct arena *a, struct err *e)
{
	const char *const *paths;
	size_t n = cmd_option_values(args, "revocation", &paths);
	for (size_t i = 0; i < n; i++)
		if (add_revocation(paths[i], t, f, a, e) != 0)
			return -1;
	return 0;
}

static void print_fresh(const struct cmd_args *args, const char *out, const struct freshness *f)
{
	AUTO(table_destroy) struct table *rows = table_new("#version,expires,#keys,#agents,#releases,#floors,file");
	char at[CLOCK_TEXT_SIZE];
	table_rowf(rows, "%" PRIu64 "\t%s\t%zu\t%zu\t%zu\t%zu\t%s", f->version, clock_text(f->expires_at_us, at), f->n_revoked_keys, f->n_revoked_agents,
	           f->n_withdrawn, f->n_floors, out);
	table_print(rows, cmd_output(args), "freshness", stdout);
}

int run_trust_fresh(const struct cmd_args *args, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(TRUST_CLI_ARENA);
	AUTO(sign_key_destroy) struct sign_key *k = NULL;
	AUTO(buf_done) struct buf payload = BUF_INIT;
	const char *out = cmd_option_value(args, "out"), *after = cmd_option_value(args, "after");
	int64_t now_us = clock_wall_us(), ends_us = now_us + LIFETIME_US;
	struct freshness f = {0};
	struct envelope env;
	struct trust t;
	if (file_exists(out))
		return err_set(e, ERR_EXISTS, "%s: exists already and is left as it is: give another --out", out);
	if (time_option(args, "expires", now_us, &ends_us, e) != 0 || trust_file_load(cmd_option_value(args, "trust"), a, &env, &t, e) != 0)
		return -1;
	if (after && load_fresh(after, &t, a, &f, e) != 0)
		return -1;
	uint64_t now_s = (uint64_t)(now_us / 1000000);
	f.fleet = t.fleet;
	f.version = now_s > f.version ? now_s : f.version + 1;
	f.trust_version = t.version;
	f.issued_at_us = now_us;
	f.expires_at_us = ends_us;
	if (add_revocations(args, &t, &f, a, e) != 0 || key_option_load(args, a, &k, e) != 0)
		return -1;
	freshness_encode(&f, &payload);
	env = (struct envelope){.type = TYPE_FRESHNESS, .payload = buf_bytes(&payload)};
	if (dsse_sign(&env, k, a, e) != 0)
		return -1;
	if (trust_check_role(&t, ROLE_FRESH, &env, TYPE_FRESHNESS, e) != 0)
		return -1;
	if (envelope_save(out, &env, e) != 0)
		return -1;
	print_fresh(args, out, &f);
	output_say("Next: 'rollcall trust push %s', or at a site 'rollcall-agent trust install %s'.", out, out);
	return EXIT_DONE;
}

int run_trust_push(const struct cmd_args *args, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(TRUST_CLI_ARENA);
	AUTO(buf_done) struct buf data = BUF_INIT;
	struct question q = {.verb = VERB_TRUST_PUSH};
	struct envelope env;
	const char *path = cmd_argument(args, 0);
	/* Looked into here, so that a wrong file is named before the controller is asked. */
	if (file_read(path, LIMIT_DOCUMENT, &data, e) != 0)
		return -1;
	if (envelope_decode_file(path, buf_bytes(&data), a, &env, e) != 0)
		return -1;
	q.document = buf_bytes(&data);
	question_add(&q, "force", cmd_option_given(args, "force") ? "yes" : NULL);
	return live_run(args, &q, e);
}

const struct cmd_option trust_fresh_options[] = {
    KEY_OPTIONS,
    {"trust", 0, "FILE", "the newest trust document, in which the key holds role fresh", false, true},
    {"after", 0, "FILE", "the freshness document before: what it revokes stays revoked", false, false},
    {"revocation", 0, "FILE", "what 'keys revoke' or 'release withdraw' wrote with --out; repeat for more", true, false},
    {"expires", 0, "WHEN", "a date, or a time from now (default: 24h)", false, false},
    {"out", 0, "FILE", "where to write it", false, true},
    {0},
};
const struct cmd_option trust_push_options[] = {
    {"force", 0, NULL, "take a trust document though it shuts out agents, or leaves a role without enough keys: where a stolen key must go at once",
     false, false},
    CONTEXT_OPTIONS,
    {0},
};
