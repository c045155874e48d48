/* See the header. */
#include "agent/cli/keys.h"

#include "common/base/file.h"
#include "common/base/mem.h"

static int make_report_key(const char *path, struct err *e)
{
	AUTO(sign_key_destroy) struct sign_key *k = NULL;
	return sign_key_generate(&k, e) != 0 ? -1 : sign_key_save(k, path, NULL, e);
}

int agent_keys_make(const char *dir, struct agent_keys *ret, struct err *e)
{
	AUTO(agent_keys_done) struct agent_keys k = {.report = NULL};
	AUTO(mem_free_ptr) char *curve = file_join(dir, AGENT_CURVE_FILE);
	AUTO(mem_free_ptr) char *report = file_join(dir, AGENT_REPORT_FILE);
	if (file_make_dirs(dir, 0700, e) != 0)
		return -1;
	if ((!file_exists(curve) && curve_key_generate(curve, e) != 0) || (!file_exists(report) && make_report_key(report, e) != 0))
		return -1;
	if (curve_key_load(curve, &k.curve, e) != 0 || sign_key_load(report, NULL, &k.report, e) != 0)
		return -1;
	*ret = k;
	k = (struct agent_keys){.report = NULL};
	return 0;
}

void agent_keys_done(struct agent_keys *k)
{
	curve_key_done(&k->curve);
	sign_key_destroy(&k->report);
}
