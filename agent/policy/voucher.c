/* Who vouches for a policy file: the site role's signatures, or its owner. A file that the agent's own user could write proves nothing: whoever takes the agent over could
 * open every window. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/policy/policy.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/trust.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"

#define SIGNERS_MAX 16

static bool is_envelope(struct bytes data)
{
	static const char mark[] = "application/vnd.rollcall.";
	return data.n > sizeof mark + 2 && data.p[0] == 0x0a && memcmp(data.p + 2, mark, sizeof mark - 1) == 0;
}

static int open_envelope(const char *path, struct bytes data, const struct trust *t, const char *site, struct arena *a, struct bytes *ret_text,
                         const char **ret_source, struct err *e)
{
	struct envelope env;
	const struct trust_key *signers[SIGNERS_MAX];
	const struct trust_role *role = trust_site_role(t, site);
	const char *name = role ? role->name : ROLE_SITE;
	AUTO(buf_done) struct buf names = BUF_INIT;
	if (envelope_decode(data, a, &env, e) != 0 || trust_check_role(t, name, &env, TYPE_SITE_POLICY, e) != 0)
		return err_wrap(e, "%s", path);
	size_t n = trust_count_signers(t, name, &env, TYPE_SITE_POLICY, signers, SIGNERS_MAX);
	for (size_t i = 0; i < n && i < SIGNERS_MAX; i++)
		buf_addf(&names, "%s%s", i ? ", " : "signed by ", signers[i]->owner);
	*ret_text = env.payload;
	*ret_source = arena_strdup(a, buf_str(&names));
	return 0;
}

static bool is_roots_alone(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && st.st_uid == 0 && (st.st_mode & 022) == 0;
}

static int check_owner(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char folder[4096];
	snprintf(folder, sizeof folder, "%.*s", slash && slash > path ? (int)(slash - path) : 1, slash ? path : ".");
	if (geteuid() != 0 && is_roots_alone(path) && is_roots_alone(folder))
		return 0;
	return err_set(
	    e, ERR_POLICY,
	    "%s: the agent's own user could change it, so it proves nothing: sign it (rollcall-agent policy sign), or let root own the file and its "
	    "folder and run the agent as another user",
	    path);
}

int policy_load(const char *path, const struct trust *t, const char *site, struct arena *a, struct policy *ret, struct err *e)
{
	AUTO(buf_done) struct buf data = BUF_INIT;
	struct policy p;
	struct bytes text;
	const char *source = "owned by root";
	if (file_read(path, LIMIT_DOCUMENT, &data, e) != 0)
		return -1;
	text = buf_bytes(&data);
	if (is_envelope(text)) {
		if (open_envelope(path, text, t, site, a, &text, &source, e) != 0)
			return -1;
	} else if (check_owner(path, e) != 0) {
		return -1;
	}
	if (policy_parse(path, text, a, &p, e) != 0)
		return -1;
	if (!str_eq(p.site, site))
		return err_set(e, ERR_POLICY, "%s: it is the policy of site %s, and this agent is at %s: give the one of this site", path, p.site, site);
	p.source = source;
	*ret = p;
	return 0;
}
