/* `rollcall-agent init`: an agent's two keys, and the request that the holder of an enrol key certifies. Private keys never leave this machine. */
#include <stdio.h>
#include <string.h>

#include "agent/cli/commands.h"
#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/cli/table.h"
#include "common/crypto/sign.h"
#include "common/link/curve.h"
#include "common/wire/request.h"

/* What its certificate would name and the agent would never serve. */
static int check_targets(const struct cmd_args *a, const char *site, struct err *e)
{
	const char *const *given = NULL;
	size_t n = cmd_option_values(a, "target", &given), k = strlen(site);
	for (size_t i = 0; i < n; i++)
		if (!str_starts(given[i], site) || given[i][k] != '/')
			return err_set(e, ERR_USAGE, "--target '%s': it is of another site than this agent's: write %s/...", given[i], site);
	return 0;
}

static int check_names(const char *name, const char *site, struct err *e)
{
	if (!str_is_name(name))
		return err_set(e, ERR_USAGE, "--name '%s': use lower-case letters, digits, '.', '_' and '-', 63 at most", name);
	if (!str_is_name(site))
		return err_set(e, ERR_USAGE, "--site '%s': use lower-case letters, digits, '.', '_' and '-', 63 at most", site);
	return 0;
}

static int make_report_key(const char *path, uint8_t ret_public[SIGN_PUBLIC_SIZE], struct err *e)
{
	AUTO(sign_key_destroy) struct sign_key *k = NULL;
	/* Without a passphrase: the agent starts unattended. The file's mode protects it. */
	if (sign_key_generate(&k, e) != 0 || sign_key_save(k, path, NULL, e) != 0)
		return -1;
	sign_key_public(k, ret_public);
	return 0;
}

static int make_request(const struct cmd_args *a, const char *curve_file, const uint8_t report_key[SIGN_PUBLIC_SIZE], const char *path, struct err *e)
{
	AUTO(curve_key_done) struct curve_key curve = {0};
	const char *site = cmd_option_value(a, "site"), *const *given = NULL;
	char all[80];
	const char *everything = all;
	size_t n = cmd_option_values(a, "target", &given);
	if (curve_key_load(curve_file, &curve, e) != 0)
		return -1;
	snprintf(all, sizeof all, "%s/*", site);
	struct agent_request r = {.agent = cmd_option_value(a, "name"), .site = site, .curve_key = curve.public_text};
	memcpy(r.report_key, report_key, SIGN_PUBLIC_SIZE);
	r.targets = n ? (const char **)(uintptr_t)given : &everything;
	r.n_targets = n ? n : 1;
	return request_save(path, &r, e);
}

static int run_init(const struct cmd_args *a, struct err *e)
{
	const char *name = cmd_option_value(a, "name"), *dir = cmd_option_value(a, "dir");
	uint8_t report_key[SIGN_PUBLIC_SIZE];
	if (!dir)
		dir = ".";
	const char *site = cmd_option_value(a, "site");
	if (check_names(name, site, e) != 0 || check_targets(a, site, e) != 0 || file_make_dirs(dir, 0700, e) != 0)
		return -1;
	AUTO(buf_done) struct buf request_name = BUF_INIT;
	buf_addf(&request_name, "%s.request", name);
	AUTO(mem_free_ptr) char *curve = file_join(dir, "curve.key");
	AUTO(mem_free_ptr) char *report = file_join(dir, "report.key");
	AUTO(mem_free_ptr) char *request = file_join(dir, request_name.p);
	if (curve_key_generate(curve, e) != 0 || make_report_key(report, report_key, e) != 0 || make_request(a, curve, report_key, request, e) != 0)
		return -1;
	AUTO(table_destroy) struct table *t = table_new("file,what");
	table_rowf(t, "%s\t%s", curve, "CURVE key of the link, secret");
	table_rowf(t, "%s\t%s", report, "key that signs the reports, secret");
	table_rowf(t, "%s\t%s", request, "request, to be certified");
	table_print(t, cmd_output(a), "files", stdout);
	output_say(
	    "next: the holder of an enrol key runs 'rollcall trust certify %s'; put the certificate beside the keys as %s.cert, and write agent.yaml",
	    request, name);
	return EXIT_DONE;
}

static const struct cmd_option init_options[] = {
    {.name = "name", .value = "NAME", .help = "the agent's name: lower-case letters, digits, '.', '_', '-'", .required = true},
    {.name = "site", .value = "SITE", .help = "the site whose databases it serves: the first part of their target ids", .required = true},
    {.name = "dir", .value = "DIR", .help = "where the files go; default: the present folder"},
    {.name = "target", .value = "GLOB", .help = "target ids that it may serve, repeatable; default: SITE/*", .repeat = true},
    {0},
};

const struct cmd init_commands[] = {
    {
        .path = "init",
        .summary = "Make an agent's keys and the request for its certificate",
        .details = "Writes curve.key, report.key and NAME.request. Nothing existing is overwritten.",
        .example = "rollcall-agent init --name eu-1 --site eu --dir /etc/rollcall",
        .options = init_options,
        .run = run_init,
    },
    {0},
};
