/* See the header. */
#include "agent/keyset/keys.h"

#include "common/base/file.h"
#include "common/base/mem.h"

static int make_report_key(const char *path, struct err *e)
{
	AUTO(sign_key_destroy) struct sign_key *k = NULL;
	return sign_key_generate(&k, e) != 0 ? -1 : sign_key_save(k, path, NULL, e);
}

int agent_keys_load(const char *curve_file, const char *report_file, struct agent_keys *ret, struct err *e)
{
	AUTO(agent_keys_done) struct agent_keys k = {.report = NULL};
	if (curve_key_load(curve_file, &k.curve, e) != 0 || sign_key_load(report_file, NULL, &k.report, e) != 0)
		return -1;
	*ret = k;
	k = (struct agent_keys){0};
	return 0;
}

int agent_keys_make(const char *curve_file, const char *report_file, struct agent_keys *ret, struct err *e)
{
	if ((!file_exists(curve_file) && curve_key_generate(curve_file, e) != 0) || (!file_exists(report_file) && make_report_key(report_file, e) != 0))
		return -1;
	return agent_keys_load(curve_file, report_file, ret, e);
}

void agent_keys_done(struct agent_keys *k)
{
	curve_key_done(&k->curve);
	sign_key_destroy(&k->report);
}
