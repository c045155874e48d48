/* common/base/mount: the kind of file system that a path lies on, by tables of mounts as the kernel writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "common/base/mount.h"

static char dir[] = "/tmp/rollcall-mount-XXXXXX";

static const char *kind_of(const char *table, const char *path)
{
	static char kind[MOUNT_KIND_SIZE];
	struct err e = ERR_INIT;
	if (mount_network_kind(table, path, kind, &e) != 0)
		fail_msg("%s", e.msg);
	return kind;
}

/* A table in which `dir` is mounted with this kind, under this name. */
static const char *with_table(const char *point, const char *kind, const char *after)
{
	static char path[64];
	AUTO(buf_done) struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	snprintf(path, sizeof path, "%s/mountinfo", dir);
	buf_addf(&b, "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n23 22 0:5 / /proc rw - proc proc rw\n");
	buf_addf(&b, "24 22 0:44 / %s rw,relatime shared:7 master:2 - %s host:/export rw,vers=4.2\n%s", point, kind, after);
	assert_int_equal(file_write_atomic(path, buf_bytes(&b), 0600, &e), 0);
	return path;
}

static void test_network_kinds(void **state)
{
	(void)state;
	static const char *const network[] = {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph", "fuse.glusterfs"};
	static const char *const local[] = {"ext4", "xfs", "btrfs", "tmpfs", "overlay", "fuse.gocryptfs", "zfs", "nfsd"};
	for (size_t i = 0; i < sizeof network / sizeof *network; i++)
		assert_string_equal(kind_of(with_table(dir, network[i], ""), dir), network[i]);
	for (size_t i = 0; i < sizeof local / sizeof *local; i++)
		assert_string_equal(kind_of(with_table(dir, local[i], ""), dir), "");
}

static void test_the_nearest_mount_counts(void **state)
{
	(void)state;
	char below[64], beside[64], odd[64], escaped[64], later[200];
	struct err e = ERR_INIT;
	snprintf(below, sizeof below, "%s/a", dir);
	snprintf(beside, sizeof beside, "%s/ab", dir);
	snprintf(odd, sizeof odd, "%s/a b\\c", dir);
	snprintf(escaped, sizeof escaped, "%s/a\\040b\\134c", dir);
	assert_int_equal(file_make_dirs(below, 0700, &e) || file_make_dirs(beside, 0700, &e) || file_make_dirs(odd, 0700, &e), 0);
	assert_string_equal(kind_of(with_table(below, "nfs4", ""), below), "nfs4");
	assert_string_equal(kind_of(with_table(below, "nfs4", ""), dir), "");
	assert_string_equal(kind_of(with_table(below, "nfs4", ""), beside), ""); /* the name goes on */
	assert_string_equal(kind_of(with_table(dir, "nfs4", ""), below), "nfs4");
	assert_string_equal(kind_of(with_table(escaped, "cifs", ""), odd), "cifs");
	snprintf(later, sizeof later, "25 24 8:2 / %s rw - xfs /dev/sdb1 rw\n", dir);
	assert_string_equal(kind_of(with_table(dir, "nfs4", later), dir), ""); /* mounted over it */
}

static void test_links_are_followed(void **state)
{
	(void)state;
	char link[64], far[64];
	struct err e = ERR_INIT;
	snprintf(link, sizeof link, "%s/link", dir);
	snprintf(far, sizeof far, "%s/far", dir);
	assert_int_equal(file_make_dirs(far, 0700, &e), 0);
	assert_int_equal(symlink(far, link), 0);
	assert_string_equal(kind_of(with_table(far, "cifs", ""), link), "cifs");
}

static void test_refusal(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	char message[300];
	assert_int_equal(mount_refuse_network(with_table(dir, "nfs4", ""), dir, "data_dir", &e), -1);
	snprintf(message, sizeof message,
	         "data_dir %s lies on nfs4, a file system of the network, where file locks and the write-ahead log do not hold: put it on a disk of this "
	         "machine",
	         dir);
	assert_string_equal(e.msg, message);
	assert_int_equal(mount_refuse_network(with_table(dir, "xfs", ""), dir, "data_dir", &e), 0);
}

static void test_the_real_table(void **state)
{
	(void)state;
	char kind[MOUNT_KIND_SIZE];
	struct err e = ERR_INIT;
	assert_string_equal(kind_of(MOUNT_TABLE, "/proc"), "");
	assert_int_equal(mount_network_kind(MOUNT_TABLE, "/no/such/path", kind, &e), -1);
	assert_string_equal(e.msg, "/no/such/path: No such file or directory");
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	struct err e = ERR_INIT;
	(void)state;
	return file_remove_tree(dir, &e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_network_kinds), cmocka_unit_test(test_the_nearest_mount_counts), cmocka_unit_test(test_links_are_followed),
	    cmocka_unit_test(test_refusal),       cmocka_unit_test(test_the_real_table),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
