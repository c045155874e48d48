/* main() of the controller daemon. */
#include <locale.h>
#include <stdio.h>

#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/base/str.h"
#include "common/cli/cmd.h"
#include "controller/daemon/config.h"
#include "controller/daemon/run.h"

static const struct cmd_option config_options[] = {
    {"config", 'c', "FILE", "configuration file (default /etc/rollcall/controller.yaml)", false, false},
    {"log-level", 0, "LEVEL", "error, warn, info or debug (default info)", false, false},
    {0},
};

static const char *config_path(const struct cmd_args *a)
{
	const char *path = cmd_option_value(a, "config");
	return path ? path : "/etc/rollcall/controller.yaml";
}

static int open_log(const struct cmd_args *a, struct err *e)
{
	enum log_level level = LOG_LEVEL_INFO;
	const char *text = cmd_option_value(a, "log-level");
	if (text && log_level_parse(text, &level, e) < 0)
		return -1;
	log_open("rollcall-controller", level);
	return 0;
}

static int run_run(const struct cmd_args *a, struct err *e)
{
	if (open_log(a, e) < 0)
		return -1;
	return controller_run(config_path(a), e) < 0 ? -1 : EXIT_DONE;
}

static int run_check(const struct cmd_args *a, struct err *e)
{
	struct controller_config c = {0};
	if (open_log(a, e) < 0 || controller_config_load(config_path(a), &c, e) < 0)
		return -1;
	printf("%s: good: %zu operators, trust version %llu of fleet %s\n", c.path, c.n_operators, (unsigned long long)c.trust.version, c.trust.fleet);
	controller_config_done(&c);
	return EXIT_DONE;
}

static const struct cmd_option gateway_options[] = {
    {"socket", 0, "PATH", "the core's unix socket: `gateway` under `listen` of its configuration", false, true},
    {"index", 0, "N", "which of several it is, from 0 (default: 0)", false, false},
    {"control", 0, "ENDPOINT", "where agents and operators connect", false, true},
    {"blobs", 0, "ENDPOINT", "where they pull and push files", false, true},
    {"enrol", 0, "ENDPOINT", "where strangers ask to be let in (default: nowhere)", false, false},
    {"curve-key", 0, "FILE", "the controller's CURVE key", false, true},
    {"blob-dir", 0, "DIR", "the files: DATA_DIR/blobs", false, true},
    {"max-peers", 0, "N", "how many connections at most", false, true},
    {"log-level", 0, "LEVEL", "error, warn, info or debug (default info)", false, false},
    {0},
};

static int run_gateway(const struct cmd_args *a, struct err *e)
{
	uint64_t peers = 0, index = 0;
	if (open_log(a, e) < 0 || cmd_option_number(a, "index", 0, GATEWAYS_MAX - 1, &index, e) < 0 ||
	    cmd_option_number(a, "max-peers", 1, UINT32_MAX, &peers, e) < 0)
		return -1;
	const struct gateway_config c = {.hub = {.ctrl_endpoint = cmd_option_value(a, "control"),
	                                         .blob_endpoint = cmd_option_value(a, "blobs"),
	                                         .enrol_endpoint = cmd_option_value(a, "enrol"),
	                                         .curve_key_file = cmd_option_value(a, "curve-key"),
	                                         .blob_dir = cmd_option_value(a, "blob-dir"),
	                                         .index = (uint32_t)index,
	                                         .max_peers = (uint32_t)peers},
	                                 .socket_path = cmd_option_value(a, "socket")};
	return controller_gateway(&c, e) < 0 ? -1 : EXIT_DONE;
}

static const struct cmd commands[] = {
    {.path = "run",
     .summary = "Run the controller until it is told to stop",
     .details = "Listens for agents and operators, decides, and keeps all it knows in DATA_DIR. Logs to stderr. SIGTERM and SIGINT stop it; kill -9 "
                "loses nothing.",
     .example = "rollcall-controller run --config /etc/rollcall/controller.yaml",
     .options = config_options,
     .run = run_run},
    {.path = "gateway",
     .summary = "Run the peers' side of a controller in a process of its own",
     .details =
         "The controller starts this by itself when its configuration has `gateway: PATH` under `listen`, and starts it again when it ends. It holds "
         "no store, no trust document and no key but the link's, and its memory is limited, so that a flood from outside ends it and not the "
         "controller.",
     .example = "rollcall-controller gateway --socket data/gateway.sock --control tcp://0.0.0.0:7101 --blobs tcp://0.0.0.0:7110 --curve-key "
                "controller.key --blob-dir data/blobs --max-peers 20000",
     .options = gateway_options,
     .run = run_gateway},
    {.path = "check",
     .summary = "Check the configuration, its keys and the trust document",
     .example = "rollcall-controller check --config controller.yaml",
     .options = config_options,
     .run = run_check},
    {0},
};

static const struct cmd *const groups[] = {commands, NULL};

static const struct cmd_program program = {
    .name = "rollcall-controller",
    .purpose = "holds the plan, pushes signed releases to agents, keeps what they report",
    .version = ROLLCALL_VERSION,
    .groups = groups,
};

int main(int argc, char **argv)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	secret_harden_process();
	log_open("rollcall-controller", LOG_LEVEL_INFO);
	return cmd_main(&program, argc, argv);
}
