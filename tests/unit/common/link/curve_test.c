/* common/link/curve: key files come back as they were written, whatever characters Z85 gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "common/link/curve.h"

static char dir[] = "/tmp/curve_test.XXXXXX", path[64], pub[64];

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/k", dir);
	snprintf(pub, sizeof pub, "%s/k.pub", dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return file_remove_tree(dir, NULL);
}

/* Two keys whose text begins with '=': a reader that skips over '=' and quotes in one go refuses them. */
static void test_key_that_begins_with_an_equals_sign(void **state)
{
	(void)state;
	static const char text[] = "curve\n    public-key = \"=2/m]Qwca#s[Gz:mY=UOwtBcu^Zakx?H{Rj/1X{V\"\n"
	                           "    secret-key = \"(ouX9<PS%-wHfgQq3={S^.4njJsiuGr}UAMKS>m}\"\n";
	struct curve_key k = {.secret_text = NULL};
	struct err e = ERR_INIT;
	assert_int_equal(file_write_atomic(path, bytes_of_str(text), 0600, &e), 0);
	assert_int_equal(curve_key_load(path, &k, &e), 0);
	assert_string_equal(k.public_text, "=2/m]Qwca#s[Gz:mY=UOwtBcu^Zakx?H{Rj/1X{V");
	curve_key_done(&k);
	remove(path);
}

static void test_generated_keys_load(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++) {
		struct curve_key k = {.secret_text = NULL};
		struct err e = ERR_INIT;
		char text[41];
		assert_int_equal(curve_key_generate(path, &e), 0);
		assert_int_equal(curve_key_load(path, &k, &e), 0);
		assert_int_equal(curve_public_read(pub, text, &e), 0);
		assert_string_equal(text, k.public_text);
		curve_key_done(&k);
		remove(path);
		remove(pub);
	}
}

/* 40 characters, all of them of Z85. */
static void test_path_that_looks_like_a_key(void **state)
{
	(void)state;
	static const char made[] = "/tmp/a-path-that-looks-like-a-key-00", looks[] = "/tmp/a-path-that-looks-like-a-key-00.pub";
	struct err e = ERR_INIT;
	char text[41];
	assert_int_equal(strlen(looks), 40);
	assert_int_equal(curve_public_read(looks, text, &e), 0);
	assert_string_equal(text, looks);
	assert_int_equal(curve_key_generate(made, &e), 0);
	assert_int_equal(curve_public_read(looks, text, &e), 0);
	assert_string_not_equal(text, looks);
	remove(made);
	remove(looks);
}

static void test_refusals(void **state)
{
	(void)state;
	struct curve_key k = {.secret_text = NULL};
	struct err e = ERR_INIT;
	assert_int_equal(curve_key_load(path, &k, &e), -1);
	assert_int_equal(e.code, ERR_KEY);
	assert_int_equal(curve_key_generate(path, &e), 0);
	assert_int_equal(curve_key_generate(path, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(curve_key_load(path, &k, &e), -1);
	assert_non_null(strstr(e.msg, "mode 0644 lets others read it"));
	assert_int_equal(file_write_atomic(path, bytes_of_str("hello\n"), 0600, &e), 0);
	assert_int_equal(curve_key_load(path, &k, &e), -1);
	assert_non_null(strstr(e.msg, "not a CURVE key file"));
	assert_null(k.secret_text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_key_that_begins_with_an_equals_sign),
	    cmocka_unit_test(test_generated_keys_load),
	    cmocka_unit_test(test_path_that_looks_like_a_key),
	    cmocka_unit_test(test_refusals),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
