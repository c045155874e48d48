/* Opening agent.yaml and the journal for a command. */
#include "agent/cli/desk.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/daemon/discover.h"
#include "agent/daemon/loop.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/nearest.h"
#include "common/base/str.h"

#define DESK_ARENA ((size_t)512 * 1024 * 1024)

void desk_done(struct desk *d)
{
	journal_close(&d->journal);
	agent_config_done(&d->config);
	arena_destroy(&d->arena);
}

int desk_config(const struct cmd_args *a, struct agent_config *ret, struct err *e)
{
	const char *path = cmd_option_value(a, "config"), *set = getenv("ROLLCALL_AGENT_CONFIG");
	if (!path && !str_empty(set))
		path = set;
	if (!path && !file_exists(DESK_CONFIG_DEFAULT))
		return err_set(e, ERR_USAGE,
		               "which agent? There is no " DESK_CONFIG_DEFAULT ": give --config FILE, the agent.yaml, or set ROLLCALL_AGENT_CONFIG to it");
	return agent_config_load(path ? path : DESK_CONFIG_DEFAULT, ret, e);
}

const char *desk_config_words(const struct cmd_args *a, struct arena *arena)
{
	const char *path = cmd_option_value(a, "config");
	return path ? arena_printf(arena, " --config %s", path) : "";
}

static int open_all(const struct cmd_args *a, struct desk *d, struct err *e)
{
	if (desk_config(a, &d->config, e) != 0)
		return -1;
	AUTO(mem_free_ptr) char *path = file_join(d->config.data_dir, AGENT_JOURNAL_FILE);
	return file_make_dirs(d->config.data_dir, 0700, e) != 0 ? -1 : journal_open(path, &d->journal, e);
}

int desk_open(const struct cmd_args *a, struct desk *ret, struct err *e)
{
	AUTO(desk_done) struct desk d = {.arena = arena_new(DESK_ARENA)};
	if (open_all(a, &d, e) != 0)
		return -1;
	*ret = d;
	d = (struct desk){0};
	return 0;
}

int desk_target(struct desk *d, const char *id, const struct agent_target **ret, struct err *e)
{
	*ret = discover_id(&d->config, id);
	if (*ret)
		return 0;
	AUTO(mem_free_ptr) const char **ids = mem_alloc((d->config.n_targets + 1) * sizeof *ids);
	for (size_t i = 0; i < d->config.n_targets; i++)
		ids[i] = d->config.targets[i].target.id;
	const char *near = nearest_path(id, ids, d->config.n_targets);
	if (near)
		return err_set(e, ERR_NOT_FOUND, "%s is not a target of this agent: did you mean %s? 'rollcall-agent check' lists them", id, near);
	return err_set(e, ERR_NOT_FOUND, "%s is not a target of this agent: 'rollcall-agent check' lists them", id);
}

const char *desk_user(struct desk *d)
{
	const char *sudo = getenv("SUDO_USER");
	const struct passwd *pw = getpwuid(getuid());
	if (getuid() == 0 && !str_empty(sudo) && str_is_name(sudo))
		return arena_strdup(d->arena, sudo);
	return pw ? arena_strdup(d->arena, pw->pw_name) : arena_printf(d->arena, "uid %u", (unsigned)getuid());
}

int desk_time_option(const struct cmd_args *a, const char *name, int64_t now_us, int64_t *ret_us, struct err *e)
{
	const char *text = cmd_option_value(a, name);
	uint64_t ms = 0;
	int64_t at_us = 0;
	if (!text)
		return 0;
	if (str_to_duration_ms(text, name, &ms, NULL) == 0 && ms <= (uint64_t)INT64_MAX / 4000)
		at_us = now_us + (int64_t)ms * 1000;
	else if (clock_parse(text, &at_us, NULL) != 0)
		return err_set(e, ERR_USAGE, "--%s %s: neither a moment (2027-11-30, 2027-11-30T12:00:00Z) nor a time from now (2h, 3d)", name, text);
	if (at_us <= now_us)
		return err_set(e, ERR_USAGE, "--%s %s: that is in the past", name, text);
	*ret_us = at_us;
	return 0;
}
