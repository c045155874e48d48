/* Inside controller/cli: where keys are, and how a command gets one that may need a passphrase. */
#ifndef CONTROLLER_CLI_KEY_OPTION_H
#define CONTROLLER_CLI_KEY_OPTION_H

#include <stdint.h>

#include "common/base/arena.h"
#include "common/cli/cmd.h"
#include "common/crypto/sign.h"

/* For the option table of a command that signs. */
#define KEY_OPTIONS                                                                                                                          \
	{"key", 'k', "KEY", "the private key to sign with: a file, or the name of a key that 'keys new NAME' made", false, true},                \
	{                                                                                                                                        \
		"passphrase-file", 0, "FILE", "read the key's passphrase from the first line of FILE (default: asked on the terminal)", false, false \
	}

/* A path (it has a '/' or a '.', or such a file is here) as it stands; a plain NAME is $XDG_CONFIG_HOME/rollcall/keys/NAME. */
int key_path(const char *name_or_path, struct arena *a, const char **ret, struct err *e) MUST_CHECK;
/* The public half of such a key: where no file NAME.pub is here, the one of $XDG_CONFIG_HOME/rollcall/keys, if there is one. */
const char *public_key_path(const char *path, struct arena *a);
/* Loads the key that --key names, asking for its passphrase if it has one. */
int key_option_load(const struct cmd_args *args, struct arena *a, struct sign_key **ret, struct err *e) MUST_CHECK;
/* An option that is a date or a time from now ("2027-11-30", "365d"); *ret_us stays as it is when it was not given. */
int time_option(const struct cmd_args *args, const char *name, int64_t now_us, int64_t *ret_us, struct err *e) MUST_CHECK;
/* The same as the moment's text, for a question to the controller; NULL when it was not given. */
int time_option_text(const struct cmd_args *args, const char *name, bool may_be_past, struct arena *a, const char **ret, struct err *e) MUST_CHECK;

#endif
