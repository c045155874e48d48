/* Release files. */
#include "controller/release/open.h"

#include <dirent.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/crypto/dsse.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "controller/release/project.h"

static bool holds_same(const char *path, struct bytes manifest)
{
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_DOCUMENT);
	struct envelope env;
	struct err ignored;
	return envelope_load(path, a, &env, &ignored) == 0 && str_eq(env.type, TYPE_RELEASE) && bytes_equal(env.payload, manifest);
}

int release_write(const char *path, struct release *r, struct err *e)
{
	AUTO(buf_done) struct buf manifest = BUF_INIT;
	release_encode(r, &manifest);
	if (manifest.n > LIMIT_ENVELOPE - LIMIT_DOCUMENT)
		return err_set(e, ERR_LIMIT, "%s: the release is larger than %zu MiB: split the project", path, LIMIT_ENVELOPE >> 20);
	digest_sha256(buf_bytes(&manifest), r->digest);
	if (file_exists(path))
		return holds_same(path, buf_bytes(&manifest))
		           ? 0
		           : err_set(e, ERR_EXISTS, "%s: is there already: releases are never overwritten; give the new one its own --version or --out",
		                     path);
	struct envelope env = {.type = TYPE_RELEASE, .payload = buf_bytes(&manifest)};
	return envelope_save(path, &env, e);
}

int release_open(const char *path, struct arena *a, struct envelope *ret_env, struct release *ret, struct err *e)
{
	struct envelope env;
	struct release r;
	if (envelope_load(path, a, &env, e) != 0)
		return -1;
	if (!str_eq(env.type, TYPE_RELEASE))
		return err_set(e, ERR_PARSE, "%s: not a release, but %s: name the file that `rollcall release build` wrote", path, env.type);
	if (release_decode(env.payload, a, &r, e) != 0)
		return err_wrap(e, "%s", path);
	*ret_env = env;
	*ret = r;
	return 0;
}

int release_sign(const char *path, const struct sign_key *k, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_DOCUMENT);
	struct envelope env;
	struct release r;
	if (release_open(path, a, &env, &r, e) != 0)
		return -1;
	if (dsse_sign(&env, k, a, e) != 0)
		return err_wrap(e, "%s", path);
	return envelope_save(path, &env, e);
}

static int load_trust(const char *path, int64_t now_us, struct arena *a, struct trust *ret, struct err *e)
{
	struct envelope env;
	struct trust t;
	if (envelope_load(path, a, &env, e) != 0)
		return -1;
	if (!str_eq(env.type, TYPE_TRUST))
		return err_set(e, ERR_PARSE, "%s: not a trust document, but %s: name the one of your fleet", path, env.type);
	if (trust_decode(env.payload, a, &t, e) != 0 || trust_check_self(&t, &env, now_us, e) != 0)
		return err_wrap(e, "%s", path);
	*ret = t;
	return 0;
}

int release_verify(const char *path, const char *trust_path, int64_t now_us, struct arena *a, const struct trust_key **ret_signers, size_t max,
                   size_t *ret_n, struct err *e)
{
	struct envelope env;
	struct release r = {0};
	struct trust t;
	char when[CLOCK_TEXT_SIZE];
	if (load_trust(trust_path, now_us, a, &t, e) != 0 || envelope_load(path, a, &env, e) != 0)
		return -1;
	/* Signatures before content: nothing of the manifest is decoded before its bytes are known to be someone's. */
	if (trust_check_role(&t, ROLE_RELEASE, &env, TYPE_RELEASE, e) != 0)
		return err_wrap(e, "%s", path);
	if (release_open(path, a, &env, &r, e) != 0)
		return -1;
	if (r.expires_at_us <= now_us)
		return err_set(e, ERR_POLICY, "%s: release %s expired at %s: build it again", path, r.version, clock_text(r.expires_at_us, when));
	*ret_n = trust_count_signers(&t, ROLE_RELEASE, &env, TYPE_RELEASE, ret_signers, max);
	return 0;
}

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
	*d = NULL;
}

int release_latest(const char *folder, struct arena *a, const char **ret_path, struct release *ret, struct err *e)
{
	AUTO(close_dir) DIR *dir = opendir(folder);
	*ret_path = NULL;
	if (!dir)
		return 0;
	for (struct dirent *d; (d = readdir(dir));) {
		struct envelope env;
		struct release r = {0};
		if (d->d_name[0] == '.' || !str_ends(d->d_name, PROJECT_RELEASE_EXTENSION))
			continue;
		const char *path = arena_printf(a, "%s/%s", folder, d->d_name);
		if (release_open(path, a, &env, &r, e) != 0)
			return -1;
		if (!*ret_path || r.sequence > ret->sequence) {
			*ret_path = path;
			*ret = r;
		}
	}
	return 0;
}
