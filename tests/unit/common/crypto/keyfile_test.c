/* common/crypto/keyfile: key files and their exact refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/sign.h"

struct place {
	char dir[64], path[96], pub[96];
	struct sign_key *key;
	struct secret *right, *wrong;
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	struct err e = ERR_INIT;
	snprintf(p->dir, sizeof p->dir, "/tmp/rollcall-keys-XXXXXX");
	if (!mkdtemp(p->dir) || sign_key_generate(&p->key, &e) != 0)
		return -1;
	snprintf(p->path, sizeof p->path, "%s/k", p->dir);
	snprintf(p->pub, sizeof p->pub, "%s/k.pub", p->dir);
	p->right = secret_new("correct horse", 13);
	p->wrong = secret_new("correct hoarse", 14);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	struct err e = ERR_INIT;
	int rc = file_remove_tree(p->dir, &e);
	sign_key_destroy(&p->key);
	secret_destroy(&p->right);
	secret_destroy(&p->wrong);
	free(p);
	return rc;
}

static void save(const struct place *p, const struct secret *passphrase)
{
	struct err e = ERR_INIT;
	int rc = sign_key_save_owned(p->key, p->path, "Ann Example", passphrase, &e);
	assert_string_equal(e.msg, "");
	assert_int_equal(rc, 0);
}

static void write_text(const char *path, const char *text, mode_t mode)
{
	struct err e = ERR_INIT;
	assert_int_equal(file_write_atomic(path, bytes_of_str(text), mode, &e), 0);
}

/* "PATH" at the start of `rest` is the key's path: the rest of the message is compared exactly. */
static void assert_load_fails(const struct place *p, const struct secret *passphrase, const char *rest)
{
	AUTO(sign_key_destroy) struct sign_key *k = NULL;
	char want[512];
	struct err e = ERR_INIT;
	snprintf(want, sizeof want, "%s: %s", p->path, rest);
	assert_int_equal(sign_key_load(p->path, passphrase, &k, &e), -1);
	assert_string_equal(e.msg, want);
	assert_int_equal(e.code, ERR_KEY);
	assert_null(k);
}

static void assert_same_key(const struct sign_key *a, const struct sign_key *b)
{
	uint8_t x[SIGN_PUBLIC_SIZE], y[SIGN_PUBLIC_SIZE];
	sign_key_public(a, x);
	sign_key_public(b, y);
	assert_memory_equal(x, y, sizeof x);
}

static void test_encrypted_key_comes_back(void **state)
{
	struct place *p = *state;
	AUTO(sign_key_destroy) struct sign_key *k = NULL;
	AUTO(buf_done) struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	struct stat st;
	char owner[SIGN_OWNER_SIZE];
	save(p, p->right);
	assert_true(sign_key_is_encrypted(p->path));
	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(p->pub, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(file_read(p->path, 4096, &b, &e), 0);
	assert_true(str_starts(buf_str(&b), "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
	assert_int_equal(sign_key_load(p->path, p->right, &k, &e), 0);
	assert_same_key(k, p->key);
	sign_public_owner(p->pub, owner);
	assert_string_equal(owner, "Ann Example");
}

static void test_plain_key_comes_back(void **state)
{
	struct place *p = *state;
	AUTO(sign_key_destroy) struct sign_key *k = NULL;
	struct err e = ERR_INIT;
	uint8_t want[SIGN_PUBLIC_SIZE], got[SIGN_PUBLIC_SIZE];
	save(p, NULL);
	assert_false(sign_key_is_encrypted(p->path));
	assert_int_equal(sign_key_load(p->path, NULL, &k, &e), 0);
	assert_same_key(k, p->key);
	assert_false(sign_key_wants_passphrase(p->path));
	assert_int_equal(sign_public_load(p->pub, got, &e), 0);
	sign_key_public(p->key, want);
	assert_memory_equal(got, want, sizeof want);
}

static void test_wrong_passphrase(void **state)
{
	struct place *p = *state;
	save(p, p->right);
	assert_load_fails(p, p->wrong, "wrong passphrase: try again");
	assert_load_fails(p, NULL, "the key is encrypted and no passphrase was given: give --passphrase-file or type it when asked");
}

static void test_empty_passphrase_is_refused(void **state)
{
	struct place *p = *state;
	AUTO(secret_destroy) struct secret *empty = secret_new("", 0);
	struct err e = ERR_INIT;
	assert_int_equal(sign_key_save(p->key, p->path, empty, &e), -1);
	assert_int_equal(e.code, ERR_KEY);
	assert_false(file_exists(p->path));
}

static void test_readable_by_others(void **state)
{
	struct place *p = *state;
	char want[256];
	save(p, p->right);
	assert_true(sign_key_wants_passphrase(p->path));
	assert_int_equal(chmod(p->path, 0644), 0);
	assert_false(sign_key_wants_passphrase(p->path)); /* nobody types one for a file that is refused for its mode */
	assert_true(sign_key_is_encrypted(p->path));
	snprintf(want, sizeof want, "mode 0644 lets others read it: run 'chmod 600 %s'", p->path);
	assert_load_fails(p, NULL, want);
	assert_int_equal(chmod(p->path, 0640), 0);
	snprintf(want, sizeof want, "mode 0640 lets others read it: run 'chmod 600 %s'", p->path);
	assert_load_fails(p, NULL, want);
}

static void test_missing_and_foreign_files(void **state)
{
	/* P-256, made for this test. */
	static const char ec[] = "-----BEGIN PRIVATE KEY-----\n"
	                         "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgdUs4DnZdVvf48vmx\n"
	                         "QA+5j8je9EoH9FUagKmEc1w49tuhRANCAAT0oiofNdTiQXwarvPwl5gGff9hye8O\n"
	                         "XEYcllMpDP0aNfFJmajDg7Sz5KFJ+XTYZxA3/fEQBG1XjDw72c2UVn/+\n"
	                         "-----END PRIVATE KEY-----\n";
	struct place *p = *state;
	assert_load_fails(p, NULL, "there is no such file: correct the path, or make it first");
	write_text(p->path, "hello\n", 0600);
	assert_load_fails(p, NULL, "not a private key in PEM (PKCS#8): make one with 'rollcall keys new'");
	write_text(p->path, ec, 0600);
	assert_load_fails(p, NULL, "a key of type id-ecPublicKey, and only Ed25519 is used: make one with 'rollcall keys new'");
}

static void cut_everywhere(const struct place *p, const struct secret *passphrase)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	AUTO(sign_key_destroy) struct sign_key *k = NULL;
	struct err e = ERR_INIT;
	save(p, passphrase);
	assert_int_equal(file_read(p->path, 4096, &b, &e), 0);
	for (size_t cut = 0; cut < b.n - 1; cut++) { /* without the last line break it is still whole */
		assert_int_equal(file_write_atomic(p->path, bytes_of(b.p, cut), 0600, &e), 0);
		assert_int_equal(sign_key_load(p->path, passphrase, &k, &e), -1);
		assert_int_equal(e.code, ERR_KEY);
	}
}

static void test_damaged_files(void **state)
{
	struct place *p = *state;
	cut_everywhere(p, p->right);
	assert_int_equal(remove(p->path), 0);
	assert_int_equal(remove(p->pub), 0);
	cut_everywhere(p, NULL);
}

/* One octet short, in the right form otherwise; another algorithm's number; no base64; the same again, over more lines than one and with CR LF. */
static void test_plain_files_written_by_others(void **state)
{
	static const char begin[] = "-----BEGIN PRIVATE KEY-----\n", end[] = "\n-----END PRIVATE KEY-----\n";
	struct place *p = *state;
	AUTO(sign_key_destroy) struct sign_key *k = NULL;
	struct err e = ERR_INIT;
	char text[256];
	snprintf(text, sizeof text, "%s%s%s", begin, "MC0CAQAwBQYDK2VwBCEEHwABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4=", end);
	write_text(p->path, text, 0600);
	assert_load_fails(p, NULL, "damaged key file: it holds no 32 octets of private key");
	snprintf(text, sizeof text, "%s%s%s", begin, "MC4CAQAwBQYDK2VuBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f", end);
	write_text(p->path, text, 0600);
	assert_load_fails(p, NULL, "a key of type X25519, and only Ed25519 is used: make one with 'rollcall keys new'");
	snprintf(text, sizeof text, "%s%s%s", begin, "MC4CAQAw!!!!", end);
	write_text(p->path, text, 0600);
	assert_load_fails(p, NULL, "damaged key file: what stands between its first line and its last is no base64");
	snprintf(text, sizeof text, "%s%s\r\n%s\r%s", begin, "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkK", "CwwNDg8QERITFBUWFxgZGhscHR4f", end);
	write_text(p->path, text, 0600);
	assert_int_equal(sign_key_load(p->path, NULL, &k, &e), 0);
}

static void test_never_over_an_existing_file(void **state)
{
	struct place *p = *state;
	AUTO(buf_done) struct buf before = BUF_INIT;
	AUTO(buf_done) struct buf after = BUF_INIT;
	struct err e = ERR_INIT;
	char want[256];
	save(p, NULL);
	assert_int_equal(file_read(p->path, 4096, &before, &e), 0);
	AUTO(sign_key_destroy) struct sign_key *other = NULL;
	assert_int_equal(sign_key_generate(&other, &e), 0);
	assert_int_equal(sign_key_save(other, p->path, NULL, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_int_equal(remove(p->pub), 0);
	assert_int_equal(sign_key_save(other, p->path, NULL, &e), -1);
	snprintf(want, sizeof want, "%s: exists already and is left as it is: choose another name", p->path);
	assert_string_equal(e.msg, want);
	assert_int_equal(file_read(p->path, 4096, &after, &e), 0);
	assert_true(bytes_equal(buf_bytes(&before), buf_bytes(&after)));
}

static void test_private_key_given_as_public(void **state)
{
	struct place *p = *state;
	uint8_t out[SIGN_PUBLIC_SIZE];
	char want[256];
	struct err e = ERR_INIT;
	save(p, NULL);
	assert_int_equal(sign_public_load(p->path, out, &e), -1);
	snprintf(want, sizeof want, "%s: this is a private key: name its public half, %s.pub", p->path, p->path);
	assert_string_equal(e.msg, want);
	write_text(p->pub, "nothing\n", 0644);
	assert_int_equal(sign_public_load(p->pub, out, &e), -1);
	snprintf(want, sizeof want, "%s: not a public key in PEM: name the .pub file that 'rollcall keys new' wrote", p->pub);
	assert_string_equal(e.msg, want);
}

static void test_owner_of_a_foreign_file(void **state)
{
	struct place *p = *state;
	char owner[SIGN_OWNER_SIZE];
	write_text(p->pub, "owner: \x01\n", 0644);
	sign_public_owner(p->pub, owner);
	assert_string_equal(owner, "k");
	assert_false(sign_owner_is_sound(""));
	assert_false(sign_owner_is_sound("a\nb"));
	assert_true(sign_owner_is_sound("Zoë"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_encrypted_key_comes_back),
	    T(test_plain_key_comes_back),
	    T(test_wrong_passphrase),
	    T(test_empty_passphrase_is_refused),
	    T(test_readable_by_others),
	    T(test_missing_and_foreign_files),
	    T(test_damaged_files),
	    T(test_plain_files_written_by_others),
	    T(test_never_over_an_existing_file),
	    T(test_private_key_given_as_public),
	    T(test_owner_of_a_foreign_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
