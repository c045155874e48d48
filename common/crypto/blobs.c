/* Content-addressed files: <dir>/<64 hex digits>, flat. A file appears whole (written beside, fsynced, renamed) or not at all. */
#include "common/crypto/blobs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/crypto/digest.h"

static char *blob_path(const char *dir, const uint8_t hash[DIGEST_SIZE])
{
	char hex[DIGEST_HEX_SIZE];
	return file_join(dir, bytes_to_hex(bytes_of(hash, DIGEST_SIZE), hex));
}

static bool holds(const char *path, struct bytes data)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	struct stat st;
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || (size_t)st.st_size != data.n)
		return false;
	return file_read(path, data.n, &b, NULL) == 0 && bytes_equal(buf_bytes(&b), data);
}

int blobs_put(const char *dir, struct bytes data, uint8_t ret_hash[DIGEST_SIZE], struct err *e)
{
	uint8_t hash[DIGEST_SIZE];
	digest_sha256(data, hash);
	AUTO(mem_free_ptr) char *path = blob_path(dir, hash);
	/* A file of that name with other bytes is a damaged one: written again, not believed. */
	if (!holds(path, data)) {
		if (file_make_dirs(dir, 0700, e) != 0 || file_write_atomic(path, data, 0600, e) != 0)
			return -1;
	}
	memcpy(ret_hash, hash, DIGEST_SIZE);
	return 0;
}

bool blobs_look(const char *dir, const uint8_t hash[DIGEST_SIZE], struct blob_file *ret)
{
	AUTO(mem_free_ptr) char *path = blob_path(dir, hash);
	struct stat st;
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	*ret = (struct blob_file){
	    .size = (uint64_t)st.st_size, .inode = (uint64_t)st.st_ino, .changed_ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec};
	return true;
}

bool blobs_has(const char *dir, const uint8_t hash[DIGEST_SIZE], uint64_t *ret_size)
{
	struct blob_file f;
	if (!blobs_look(dir, hash, &f))
		return false;
	if (ret_size)
		*ret_size = f.size;
	return true;
}

int blobs_get(const char *dir, const uint8_t hash[DIGEST_SIZE], size_t max_bytes, struct buf *ret, struct err *e)
{
	AUTO(mem_free_ptr) char *path = blob_path(dir, hash);
	AUTO(buf_done) struct buf b = BUF_INIT;
	uint8_t now[DIGEST_SIZE];
	if (file_read(path, max_bytes, &b, e) != 0)
		return -1;
	digest_sha256(buf_bytes(&b), now);
	if (memcmp(now, hash, DIGEST_SIZE) != 0)
		return err_set(e, ERR_SIGNATURE,
		               "%s: the bytes no longer match the name: the file was changed or damaged; remove it: an agent fetches it "
		               "again by itself, at the controller push the release again",
		               path);
	buf_done(ret);
	*ret = b;
	b = BUF_INIT;
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

int blobs_read_at(const char *dir, const uint8_t hash[DIGEST_SIZE], uint64_t offset, void *out, size_t size, size_t *ret_n, struct err *e)
{
	AUTO(mem_free_ptr) char *path = blob_path(dir, hash);
	AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_set_errno(e, "%s", path);
	if (offset > INT64_MAX)
		return err_set(e, ERR_LIMIT, "%s: no file reaches that offset", path);
	size_t got = 0;
	while (got < size) {
		ssize_t n = pread(fd, (char *)out + got, size - got, (off_t)(offset + got));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(e, "%s", path);
		if (n == 0)
			break;
		got += (size_t)n;
	}
	*ret_n = got;
	return 0;
}

void blobs_remove(const char *dir, const uint8_t hash[DIGEST_SIZE])
{
	AUTO(mem_free_ptr) char *path = blob_path(dir, hash);
	unlink(path);
}
