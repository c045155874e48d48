/* Fuzz target for the files that people write or carry: site policy, request for a certificate, agent.yaml, controller.yaml, the tool's configuration, rollcall.yaml, private and public
 * keys of both kinds. First byte: which;
 * the rest: the file as it stands. A refusal says why, and where its form has a line, it is one of the file. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/daemon/config_yaml.h"
#include "agent/policy/policy.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/sign.h"
#include "common/link/curve.h"
#include "common/wire/request.h"
#include "controller/cli/context.h"
#include "controller/daemon/config.h"
#include "controller/release/project.h"
#include "tests/fuzz/fuzz.h"

#define ARENA     ((size_t)64 * 1024 * 1024)
#define INPUT_MAX ((size_t)64 * 1024)
#define NAME      "input"

typedef int reader(const char *path, struct bytes text, struct arena *a, struct err *e);

static int read_policy(const char *path, struct bytes text, struct arena *a, struct err *e)
{
	struct policy p;
	(void)path;
	if (policy_parse(NAME, text, a, &p, e) != 0)
		return -1;
	fuzz_require(p.site && p.site[0] && p.zone, "a policy has a site and a zone");
	return 0;
}

static int read_request(const char *path, struct bytes text, struct arena *a, struct err *e)
{
	AUTO(buf_done) struct buf again = BUF_INIT;
	struct agent_request r, back;
	(void)path;
	if (request_parse(NAME, text, a, &r, e) != 0)
		return -1;
	fuzz_require(request_format(NAME, &r, &again, e) == 0 && request_parse(NAME, buf_bytes(&again), a, &back, e) == 0, "what we write we read");
	fuzz_require(str_eq(r.agent, back.agent) && str_eq(r.curve_key, back.curve_key) && r.n_targets == back.n_targets, "it reads the same");
	return 0;
}

static int read_agent(const char *path, struct bytes text, struct arena *a, struct err *e)
{
	struct raw_file f = {.config = NULL};
	struct target t = {.id = "eu/lite/one"};
	(void)text;
	if (raw_load(path, &f, e) != 0)
		return -1;
	int rc = 0;
	for (unsigned i = 0; rc == 0 && i < f.config->targets_count; i++) {
		(void)raw_target_line(&f, i, "dsn");
		rc = raw_labels(&f, NAME, i, a, &t, e);
	}
	(void)raw_line(&f, "limits", "max_parallel");
	raw_done(&f);
	return rc;
}

static int read_controller(const char *path, struct bytes text, struct arena *a, struct err *e)
{
	struct controller_config c = {0};
	(void)text;
	(void)a;
	int rc = controller_config_load(path, &c, e);
	if (rc == 0)
		controller_config_done(&c);
	return rc;
}

static int read_context(const char *path, struct bytes text, struct arena *a, struct err *e)
{
	struct context c;
	(void)text;
	return context_load(path, NULL, a, &c, e);
}

/* This one wants a folder. */
static int read_project(const char *path, struct bytes text, struct arena *a, struct err *e)
{
	char folder[] = "/tmp/rollcall-fuzz-XXXXXX";
	struct project p;
	(void)path;
	fuzz_require(mkdtemp(folder) != NULL, "a folder");
	AUTO(mem_free_ptr) char *file = file_join(folder, PROJECT_FILE);
	fuzz_require(file_write_atomic(file, text, 0600, e) == 0, "a file");
	int rc = project_load(folder, a, &p, e);
	unlink(file);
	rmdir(folder);
	if (rc == 0)
		fuzz_require(p.name && p.changes && p.n_pipeline > 0, "a project has a name, changes and a pipeline");
	return rc;
}

static int read_private_key(const char *path, struct bytes text, struct arena *a, struct err *e)
{
	AUTO(sign_key_destroy) struct sign_key *k = NULL;
	uint8_t public_key[SIGN_PUBLIC_SIZE], sig[SIGNATURE_SIZE];
	(void)text;
	(void)a;
	if (sign_key_load(path, NULL, &k, e) != 0)
		return -1;
	sign_key_public(k, public_key);
	sign_make(k, bytes_of_str("x"), sig);
	fuzz_require(sign_check(public_key, bytes_of_str("x"), sig), "a key that is read can sign");
	return 0;
}

static int read_public_key(const char *path, struct bytes text, struct arena *a, struct err *e)
{
	uint8_t public_key[SIGN_PUBLIC_SIZE];
	char owner[SIGN_OWNER_SIZE];
	(void)text;
	(void)a;
	sign_public_owner(path, owner);
	fuzz_require(sign_owner_is_sound(owner), "an owner that can be read");
	if (sign_public_load(path, public_key, e) != 0)
		return -1;
	fuzz_require(sign_public_is_sound(public_key), "no weak key");
	return 0;
}

static int read_curve_key(const char *path, struct bytes text, struct arena *a, struct err *e)
{
	struct curve_key k = {0};
	char public_text[CURVE_KEY_TEXT_SIZE];
	struct err ignored = ERR_INIT;
	(void)text;
	(void)a;
	if (curve_public_read(path, public_text, &ignored) == 0)
		fuzz_require(strlen(public_text) == CURVE_KEY_TEXT_SIZE - 1, "a public key is 40 characters");
	if (curve_key_load(path, &k, e) != 0)
		return -1;
	curve_key_done(&k);
	return 0;
}

static reader *const readers[] = {read_policy,  read_request,     read_agent,      read_controller, read_context,
                                  read_project, read_private_key, read_public_key, read_curve_key};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = ERR_INIT;
	if (size < 1 || size > INPUT_MAX)
		return 0;
	AUTO(arena_destroy) struct arena *a = arena_new(ARENA);
	const uint8_t *text = data + 1;
	fuzz_accepted = readers[data[0] % ARRAY_LEN(readers)](fuzz_memory_file(text, size - 1), bytes_of(text, size - 1), a, &e) == 0;
	if (fuzz_accepted)
		return 0;
	fuzz_require(e.code != ERR_NONE && e.msg[0], "a refusal says why");
	if (str_starts(e.msg, NAME ":") && e.msg[sizeof NAME] >= '0' && e.msg[sizeof NAME] <= '9') {
		unsigned long line = strtoul(e.msg + sizeof NAME, NULL, 10);
		fuzz_require(line >= 1 && line <= fuzz_count_lines(text, size - 1), "a refusal names a line of the file");
	}
	return 0;
}
