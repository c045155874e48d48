/* `rollcall demo`. */
#include "common/base/str.h"
#include "controller/cli/commands.h"
#include "controller/daemon/demo.h"

static int run_demo(const struct cmd_args *a, struct err *e)
{
	bool postgres = cmd_option_given(a, "postgres"), mariadb = cmd_option_given(a, "mariadb");
	const struct demo_options o = {.keep = cmd_option_value(a, "keep"),
	                               .check = cmd_option_given(a, "check"),
	                               .engine = postgres  ? "postgresql"
	                                         : mariadb ? "mariadb"
	                                                   : "sqlite"};
	if (postgres && mariadb)
		return err_set(e, ERR_USAGE, "--postgres and --mariadb: one of them at a time");
	return demo_run(&o, e);
}

static const struct cmd_option options[] = {
    {"keep", 0, "DIR", "make this folder and leave everything in it (default: a temporary one, removed)", false, false},
    {"check", 0, NULL, "for scripts: tell only the claims; exit 0 when all of them held, 1 otherwise", false, false},
    {"postgres", 0, NULL, "twelve PostgreSQL databases on a private server instead of SQLite", false, false},
    {"mariadb", 0, NULL, "twelve MariaDB databases on a private server instead of SQLite", false, false},
    {0},
};

const struct cmd demo_commands[] = {
    {"demo", NULL, "Show the main job: a controller, three agents, twelve tenants, three releases",
     "Release 1 goes over three waves after two approvals. Release 2 is stopped by a tenant with dirty data, and completed after the data is put "
     "right. In release 3 the demo "
     "kills an agent with -9 in mid-step and proves from the tenants' ledgers that nothing ran twice. Everything is real and runs in a folder of its "
     "own; nothing is left "
     "behind.",
     "rollcall demo\nrollcall demo --keep /tmp/shop-demo\nrollcall demo --check --postgres", options, run_demo, 0, 0},
    {0},
};
