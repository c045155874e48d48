/* How many descriptors there are, and how many are needed. */
#include "controller/link/descriptors.h"

#include <inttypes.h>
#include <sys/resource.h>

#define OWN_FILES 100

uint64_t descriptors_raise(void)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return 0;
	r.rlim_cur = r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r) != 0)
		getrlimit(RLIMIT_NOFILE, &r);
	return r.rlim_cur;
}

int descriptors_check(uint64_t limit, bool may_lower, uint32_t *max_peers, struct err *e)
{
	uint64_t needed = (uint64_t)*max_peers * 6 / 5 + OWN_FILES, allowed = limit > OWN_FILES ? (limit - OWN_FILES) * 5 / 6 : 0;
	if (limit >= needed)
		return 0;
	if (!may_lower || allowed == 0)
		return err_set(e, ERR_STATE,
		               "%" PRIu32 " peers need %" PRIu64 " file descriptors, and this process may have %" PRIu64
		               ": raise LimitNOFILE= of its systemd unit (or `ulimit -Hn`), or set max_peers in `listen` to %" PRIu64 " at most",
		               *max_peers, needed, limit, allowed);
	*max_peers = (uint32_t)allowed;
	return 0;
}
