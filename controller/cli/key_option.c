/* See the header. */
#include "controller/cli/key_option.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"

static const char *config_dir(struct arena *a)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	if (!str_empty(xdg))
		return arena_printf(a, "%s/rollcall", xdg);
	return str_empty(home) ? NULL : arena_printf(a, "%s/.config/rollcall", home);
}

int key_path(const char *name_or_path, struct arena *a, const char **ret, struct err *e)
{
	if (strpbrk(name_or_path, "/.") || file_exists(name_or_path)) {
		*ret = name_or_path;
		return 0;
	}
	const char *dir = config_dir(a);
	if (!str_is_name(name_or_path))
		return err_set(e, ERR_USAGE, "'%s' is neither a path nor a name: names have a-z, 0-9, '_' and '-'", name_or_path);
	if (!dir)
		return err_set(e, ERR_USAGE, "no place for keys: set HOME or XDG_CONFIG_HOME, or give a path such as ./%s.key", name_or_path);
	*ret = arena_printf(a, "%s/keys/%s", dir, name_or_path);
	return 0;
}

const char *public_key_path(const char *path, struct arena *a)
{
	const char *dir = strchr(path, '/') || file_exists(path) ? NULL : config_dir(a);
	const char *kept = dir ? arena_printf(a, "%s/keys/%s", dir, path) : NULL;
	return kept && str_ends(path, ".pub") && file_exists(kept) ? kept : path;
}

int key_option_load(const struct cmd_args *args, struct arena *a, struct sign_key **ret, struct err *e)
{
	AUTO(secret_destroy) struct secret *passphrase = NULL;
	const char *path = NULL;
	if (key_path(cmd_option_value(args, "key"), a, &path, e) != 0)
		return -1;
	const char *prompt = arena_printf(a, "Passphrase of %s", path);
	if (sign_key_wants_passphrase(path) && cmd_passphrase(cmd_option_value(args, "passphrase-file"), prompt, false, &passphrase, e) != 0)
		return err_wrap(e, "%s", path);
	return sign_key_load(path, passphrase, ret, e);
}

static int read_time(const char *text, const char *name, int64_t now_us, int64_t *ret_us, struct err *e)
{
	uint64_t ms = 0;
	if (str_to_duration_ms(text, name, &ms, NULL) == 0 && ms <= (uint64_t)INT64_MAX / 4000)
		*ret_us = now_us + (int64_t)ms * 1000;
	else if (clock_parse(text, ret_us, NULL) != 0)
		return err_set(e, ERR_USAGE, "--%s %s: neither a date (2027-11-30, 2027-11-30T12:00:00Z) nor a time from now (365d, 12h)", name, text);
	return 0;
}

int time_option(const struct cmd_args *args, const char *name, int64_t now_us, int64_t *ret_us, struct err *e)
{
	const char *text = cmd_option_value(args, name);
	int64_t at = 0;
	if (!text)
		return 0;
	if (read_time(text, name, now_us, &at, e) != 0)
		return -1;
	if (at <= now_us)
		return err_set(e, ERR_USAGE, "--%s %s: that is in the past", name, text);
	*ret_us = at;
	return 0;
}

int time_option_text(const struct cmd_args *args, const char *name, bool may_be_past, struct arena *a, const char **ret, struct err *e)
{
	const char *given = cmd_option_value(args, name);
	char text[CLOCK_TEXT_SIZE];
	int64_t at_us = 0, now_us = clock_wall_us();
	*ret = NULL;
	if (given && (may_be_past ? read_time(given, name, now_us, &at_us, e) : time_option(args, name, now_us, &at_us, e)) != 0)
		return -1;
	if (given)
		*ret = arena_strdup(a, clock_text(at_us, text));
	return 0;
}
