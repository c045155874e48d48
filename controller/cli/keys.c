/* `rollcall keys new | show | curve`. */
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/cli/table.h"
#include "common/crypto/sign.h"
#include "common/link/curve.h"
#include "controller/cli/commands.h"
#include "controller/cli/key_option.h"

#define CLI_ARENA ((size_t)1024 * 1024)

/* A key made by name goes to the user's own folder, which may not be there yet. */
static int make_parent(const char *path, struct arena *a, struct err *e)
{
	const char *slash = strrchr(path, '/');
	if (!slash || slash == path)
		return 0;
	const char *dir = arena_strndup(a, path, (size_t)(slash - path));
	return file_is_dir(dir) ? 0 : file_make_dirs(dir, 0700, e);
}

static const char *owner_of(const struct cmd_args *args, const char *path)
{
	const char *slash = strrchr(path, '/'), *owner = cmd_option_value(args, "owner");
	return owner ? owner : slash ? slash + 1 : path;
}

static int show_public(const struct cmd_args *args, const char *path, const uint8_t public_key[SIGN_PUBLIC_SIZE], const char *owner,
                       const char *at_rest)
{
	char id[KEY_ID_SIZE], hex[SIGN_PUBLIC_SIZE * 2 + 1];
	sign_key_id(public_key, id);
	AUTO(table_destroy) struct table *t = table_new("key,owner,type,private-half,+public-key,file");
	table_row(t, (const char *const[]){id, owner, "ed25519", at_rest, bytes_to_hex(bytes_of(public_key, SIGN_PUBLIC_SIZE), hex), path});
	table_print(t, cmd_output(args), "keys", stdout);
	return EXIT_DONE;
}

static int run_new(const struct cmd_args *args, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(CLI_ARENA);
	AUTO(secret_destroy) struct secret *passphrase = NULL;
	AUTO(sign_key_destroy) struct sign_key *k = NULL;
	uint8_t public_key[SIGN_PUBLIC_SIZE];
	const char *path;
	if (key_path(cmd_argument(args, 0), a, &path, e) != 0)
		return -1;
	const char *owner = owner_of(args, path);
	if (!sign_owner_is_sound(owner))
		return err_set(e, ERR_USAGE, "--owner '%s': 1 to 100 characters, and none that cannot be printed", owner);
	if (file_exists(path)) /* said before a passphrase is asked for in vain */
		return err_set(e, ERR_EXISTS, "%s: exists already and is left as it is: choose another name", path);
	if (!cmd_option_given(args, "no-passphrase") &&
	    cmd_passphrase(cmd_option_value(args, "passphrase-file"), arena_printf(a, "New passphrase for %s", path), true, &passphrase, e) != 0)
		return err_wrap(e, "%s", path);
	if (make_parent(path, a, e) != 0 || sign_key_generate(&k, e) != 0 || sign_key_save_owned(k, path, owner, passphrase, e) != 0)
		return -1;
	sign_key_public(k, public_key);
	show_public(args, path, public_key, owner, passphrase ? "encrypted" : "plain");
	output_say("%s is the private half: it stays with you. Next: give %s.pub to whoever writes the trust document.", path, path);
	return EXIT_DONE;
}

static int show_curve(const struct cmd_args *args, const char *path, const char *text)
{
	AUTO(table_destroy) struct table *t = table_new("key,type,file");
	table_row(t, (const char *const[]){text, "curve", path});
	table_print(t, cmd_output(args), "keys", stdout);
	return EXIT_DONE;
}

static int run_show(const struct cmd_args *args, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(CLI_ARENA);
	const char *path, *pub;
	uint8_t public_key[SIGN_PUBLIC_SIZE];
	char owner[SIGN_OWNER_SIZE], curve[CURVE_KEY_TEXT_SIZE];
	if (key_path(cmd_argument(args, 0), a, &path, e) != 0)
		return -1;
	bool is_pub = str_ends(path, ".pub");
	pub = is_pub ? path : arena_printf(a, "%s.pub", path);
	const char *private_path = is_pub ? arena_strndup(a, path, strlen(path) - 4) : path;
	if (!file_exists(pub))
		return err_set(e, ERR_NOT_FOUND, "%s: no such file: name a key that 'rollcall keys new' or 'rollcall keys curve' made", pub);
	if (curve_public_read(pub, curve, NULL) == 0)
		return show_curve(args, pub, curve);
	if (sign_public_load(pub, public_key, e) != 0)
		return -1;
	sign_public_owner(pub, owner);
	const char *at_rest = !file_exists(private_path) ? "not here" : sign_key_is_encrypted(private_path) ? "encrypted" : "plain";
	return show_public(args, pub, public_key, owner, at_rest);
}

static int run_curve(const struct cmd_args *args, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(CLI_ARENA);
	const char *path;
	char text[CURVE_KEY_TEXT_SIZE];
	if (key_path(cmd_argument(args, 0), a, &path, e) != 0 || make_parent(path, a, e) != 0 || curve_key_generate(path, e) != 0)
		return -1;
	const char *pub = arena_printf(a, "%s.pub", path);
	if (curve_public_read(pub, text, e) != 0)
		return -1;
	show_curve(args, pub, text);
	output_say("%s is the secret half: it stays on this machine. Next: give %s to the other end.", path, pub);
	return EXIT_DONE;
}

static const struct cmd_option new_options[] = {
    {"owner", 0, "NAME", "whose key it is, for people to read (default: the key's name)", false, false},
    {"no-passphrase", 0, NULL, "leave the private half unencrypted: only for machines' own keys", false, false},
    {"passphrase-file", 0, "FILE", "read the new passphrase from the first line of FILE (default: asked twice on the terminal)", false, false},
    {0},
};

const struct cmd keys_commands[] = {
    {"keys new", "NAME|PATH", "Make an Ed25519 key for signing",
     "A NAME goes to $XDG_CONFIG_HOME/rollcall/keys/NAME, a PATH stays a path; the public half is beside it as .pub. The private half is encrypted "
     "with a "
     "passphrase, and nothing ever overwrites it.",
     "rollcall keys new alice --owner 'Alice Smith'\nrollcall keys new ./ci.key --no-passphrase", new_options, run_new, 1, 1},
    {"keys show", "NAME|PATH", "Show a key's id, owner and how it is kept",
     "The private half is not opened: what is shown comes from the .pub file beside it.",
     "rollcall keys show alice\nrollcall keys show ./ci.key.pub -o json", NULL, run_show, 1, 1},
    {"keys curve", "NAME|PATH", "Make a CURVE key for the link",
     "For a controller or an operator; an agent makes its own with 'rollcall-agent init'.", "rollcall keys curve ./controller.curve", NULL, run_curve,
     1, 1},
    {0},
};
