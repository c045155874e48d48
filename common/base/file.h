/* Whole files: capped reads, atomic writes, directories. Blocks. */
#ifndef COMMON_BASE_FILE_H
#define COMMON_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/base/buf.h"
#include "common/base/err.h"

/* Reads a regular file whole; ERR_LIMIT above max_bytes, ERR_IO for a device, FIFO or directory. `ret` is untouched on failure. */
int file_read(const char *path, size_t max_bytes, struct buf *ret, struct err *e) MUST_CHECK;
/* Writes beside the file, fsyncs, renames over it, fsyncs the folder: a reader sees the old or the new content, never a part. */
int file_write_atomic(const char *path, struct bytes data, mode_t mode, struct err *e) MUST_CHECK;
bool file_exists(const char *path);
bool file_is_dir(const char *path);
/* What errno says after a failed open for reading, and what to do: ERR_NOT_FOUND or ERR_IO. Always -1. */
int file_explain_open(const char *path, struct err *e);
/* ERR_IO unless `mode`, as stat has it, is a regular file's. */
int file_check_regular(const char *path, mode_t mode, struct err *e) MUST_CHECK;
/* ERR_KEY unless nobody but us and root can put files into a folder, or take them out: owned by us or root, not writable for a group or others. A sticky folder such as /tmp
 * passes: what is ours stays ours there. */
int file_check_folder(const char *dir, struct err *e) MUST_CHECK;
/* Like `mkdir -p`; folders that it makes get `mode`. */
int file_make_dirs(const char *path, mode_t mode, struct err *e) MUST_CHECK;
/* Removes a tree, links not followed; missing is fine. */
int file_remove_tree(const char *path, struct err *e) MUST_CHECK;
/* "dir/name" on the heap; caller frees. */
char *file_join(const char *dir, const char *name);

#endif
