/* See the header. */
#include "agent/schema/baseline.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/schema/snapshot.h"
#include "common/base/file.h"
#include "common/crypto/digest.h"

#define NAME_DIGITS 32

/* Target ids are as long as they like, and file systems are not. */
static void add_path(const char *data_dir, const char *target, struct buf *ret)
{
	uint8_t digest[DIGEST_SIZE];
	char hex[DIGEST_HEX_SIZE];
	digest_sha256(bytes_of_str(target), digest);
	buf_addf(ret, "%s/schemas/%.*s.txt", data_dir, NAME_DIGITS, bytes_to_hex(bytes_of(digest, DIGEST_SIZE), hex));
}

int baseline_load(const char *data_dir, const char *target, struct buf *ret, struct err *e)
{
	AUTO(buf_done) struct buf path = BUF_INIT;
	add_path(data_dir, target, &path);
	if (!file_exists(buf_str(&path)))
		return 0;
	return file_read(buf_str(&path), SNAPSHOT_BYTES_MAX + 100, ret, e);
}

int baseline_keep(const char *data_dir, const char *target, struct bytes text, struct err *e)
{
	AUTO(buf_done) struct buf path = BUF_INIT;
	AUTO(buf_done) struct buf folder = BUF_INIT;
	buf_addf(&folder, "%s/schemas", data_dir);
	add_path(data_dir, target, &path);
	return file_make_dirs(buf_str(&folder), 0700, e) != 0 ? -1 : file_write_atomic(buf_str(&path), text, 0600, e);
}

int baseline_forget(const char *data_dir, const char *target, struct err *e)
{
	AUTO(buf_done) struct buf path = BUF_INIT;
	add_path(data_dir, target, &path);
	return unlink(buf_str(&path)) == 0 || errno == ENOENT ? 0 : err_set_errno(e, "%s", buf_str(&path));
}
