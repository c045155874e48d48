/* Where a project's files come from: asks `git`, executed with a fixed argv, a clean environment, a deadline and capped output; never through a shell. */
#ifndef CONTROLLER_CHANGE_GIT_H
#define CONTROLLER_CHANGE_GIT_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/model/release.h"

#define GIT_OUTPUT_MAX ((size_t)1024 * 1024)
#define GIT_TIMEOUT_MS 30000

/* Fills *ret for the commit that `folder` has checked out: commit, tree, author and committer as "Name <mail>", reviewers (Reviewed-by: trailers), remote without user and
 * password, and whether files below the folder differ from it (releases/ aside: what was built is not what it is built from). Outside of a repository, before the first commit, or without git: all NULL, which is no error.
 * ERR_TIMEOUT, ERR_LIMIT, ERR_IO when git hangs, says too much, or fails in a repository. Blocks. */
int git_provenance(const char *folder, struct arena *a, struct provenance *ret, struct err *e) MUST_CHECK;

/* Runs `git -C folder argv...` and returns its standard output; *ret_status is its exit status. For tests and for git_provenance. */
int git_run(const char *folder, const char *const *argv, struct buf *ret, int *ret_status, struct err *e) MUST_CHECK;

/* "https://user:secret@host/x" without what stands before the '@'; other forms as they are. */
const char *git_remote_without_credentials(const char *url, struct arena *a);

#endif
