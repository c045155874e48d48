/* --release FILE|VERSION of the rollout commands. */
#include "controller/cli/rollout_cli.h"

#include <string.h>

#include "common/base/file.h"
#include "common/base/str.h"
#include "common/wire/limits.h"
#include "controller/release/open.h"
#include "controller/release/project.h"

void chosen_release_done(struct chosen_release *c)
{
	arena_destroy(&c->arena);
}

int chosen_release_load(const char *file_or_version, struct chosen_release *ret, struct err *e)
{
	ret->arena = arena_new(LIMIT_ARENA_DOCUMENT);
	ret->release = NULL;
	if (!file_exists(file_or_version)) {
		if (strchr(file_or_version, '/') || str_ends(file_or_version, PROJECT_RELEASE_EXTENSION))
			return err_set(e, ERR_NOT_FOUND, "--release %s: there is no such file", file_or_version);
		ret->name = arena_strdup(ret->arena, file_or_version);
		return 0;
	}
	struct release *r = arena_alloc(ret->arena, sizeof *r);
	if (release_open(file_or_version, ret->arena, &ret->envelope, r, e) != 0)
		return err_wrap(e, "--release");
	char *hex = arena_alloc(ret->arena, DIGEST_HEX_SIZE);
	ret->name = bytes_to_hex(bytes_of(r->digest, DIGEST_SIZE), hex);
	ret->release = r;
	return 0;
}
