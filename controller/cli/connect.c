/* `rollcall connect` and `rollcall ping`: which controller this tool speaks to, and whether it answers. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/file.h"
#include "common/base/str.h"
#include "common/link/curve.h"
#include "controller/cli/commands.h"
#include "controller/cli/live.h"

static const struct cmd_option connect_options[] = {
    {"endpoint", 0, "tcp://HOST:PORT", "the controller's control socket; again for a further address, tried when those before do not answer", true,
     true},
    {"blobs", 0, "tcp://HOST:PORT", "the controller's blob socket; one for each --endpoint, in the same order", true, true},
    {"key", 0, "KEY", "the controller's public key: 40 characters of Z85, or a file NAME.pub", false, true},
    {"operator-key", 0, "FILE", "your own key for the link, as 'rollcall keys curve' writes it", false, true},
    {"name", 0, "NAME", "what to call this controller here (default: main)", false, false},
    {"config", 0, "FILE", "where to write it (default: $ROLLCALL_CONFIG, then $XDG_CONFIG_HOME/rollcall/config.yaml)", false, false},
    {"offline", 0, NULL, "write it without asking the controller first", false, false},
    {0},
};

/* Says at once what is wrong with the key file, and makes its path hold from any folder. */
static int check_operator_key(const char *path, struct arena *a, const char **ret, struct err *e)
{
	struct curve_key key = {0};
	if (str_ends(path, ".pub"))
		return err_set(e, ERR_USAGE, "--operator-key %s: that is the public half: give the private one, of the same name without .pub", path);
	if (curve_key_load(path, &key, e) != 0)
		return err_wrap(e, "--operator-key");
	curve_key_done(&key);
	AUTO(mem_free_ptr) char *full = realpath(path, NULL);
	if (!full)
		return err_set_errno(e, "--operator-key %s", path);
	*ret = arena_strdup(a, full);
	return 0;
}

/* The first --endpoint with the first --blobs, the others as further addresses. */
static int read_addresses(const struct cmd_args *a, struct arena *arena, struct context *c, struct err *e)
{
	const char *const *endpoints, *const *blobs;
	size_t n = cmd_option_values(a, "endpoint", &endpoints), n_blobs = cmd_option_values(a, "blobs", &blobs);
	struct context_address *also = arena_alloc(arena, n * sizeof *also);
	if (n != n_blobs)
		return err_set(e, ERR_USAGE, "%zu --endpoint and %zu --blobs: give one --blobs for each --endpoint, in the same order", n, n_blobs);
	if (n > CONTEXT_ALSO_MAX + 1)
		return err_set(e, ERR_USAGE, "%zu addresses: give at most %d", n, CONTEXT_ALSO_MAX + 1);
	for (size_t i = 0; i < n; i++) {
		if (context_check_endpoint("endpoint", endpoints[i], e) != 0 || context_check_endpoint("blobs", blobs[i], e) != 0)
			return -1;
		also[i] = (struct context_address){endpoints[i], blobs[i]};
	}
	c->endpoint = also[0].endpoint;
	c->blobs = also[0].blobs;
	c->also = also + 1;
	c->n_also = n - 1;
	return 0;
}

static int ask_ping(const struct context *c, struct answer *ret, struct err *e)
{
	AUTO(live_close) struct live l = {.arena = arena_new(4096)};
	const struct question q = {.verb = VERB_PING};
	if (live_open_context(c, &l, e) != 0)
		return -1;
	return live_ask(&l, &q, ret, e);
}

static int run_connect(const struct cmd_args *a, struct err *e)
{
	AUTO(arena_destroy) struct arena *arena = arena_new((size_t)64 * 1024);
	AUTO(answer_done) struct answer r = {.message = ""};
	const char *path = NULL;
	char key[41];
	struct context c = {.name = cmd_option_value(a, "name"), .key = key};
	if (!c.name)
		c.name = "main";
	if (!str_is_name(c.name))
		return err_set(e, ERR_USAGE, "--name %s: use lower-case letters, digits, '.', '_' and '-', at most 63", c.name);
	if (read_addresses(a, arena, &c, e) != 0)
		return -1;
	if (curve_public_read(cmd_option_value(a, "key"), key, e) != 0)
		return err_wrap(e, "--key");
	if (check_operator_key(cmd_option_value(a, "operator-key"), arena, &c.operator_key, e) != 0)
		return -1;
	if (!cmd_option_given(a, "offline") && ask_ping(&c, &r, e) != 0)
		return e && e->code == ERR_TIMEOUT
		           ? err_set(e, ERR_LINK, "nothing was written: what answers at %s is not a control socket: is --endpoint its blob socket?",
		                     c.endpoint)
		           : err_wrap(e, "nothing was written");
	if (context_path(cmd_option_value(a, "config"), arena, &path, e) != 0 || context_save(path, &c, e) != 0)
		return -1;
	output_say("controller '%s' is written to %s; try 'rollcall ping'", c.name, path);
	return EXIT_DONE;
}

static int run_ping(const struct cmd_args *a, struct err *e)
{
	const struct question q = {.verb = VERB_PING};
	return live_run(a, &q, e);
}

static const struct cmd_option ping_options[] = {CONTEXT_OPTIONS, {0}};

const struct cmd connect_commands[] = {
    {"connect", NULL, "Remember a controller and the key to speak to it with",
     "Asks the controller once before anything is written: a wrong key, address or an operator that it does not know is said at once. Further "
     "controllers get a --name; "
     "'--controller NAME' then chooses one, the last connected is the default.",
     "rollcall connect --endpoint tcp://controller:7101 --blobs tcp://controller:7110 --key controller.key.pub --operator-key ann.key",
     connect_options, run_connect, 0, 0},
    {"ping", NULL, "Ask the controller whether it is there, and for its version, epoch and trust version", NULL,
     "rollcall ping\nrollcall ping --controller staging -o json", ping_options, run_ping, 0, 0},
    {0},
};
