/* On what kind of file system a path lies. File locks and SQLite's write-ahead log do not hold over the network: there two writers can be at work at once, and what was
 * written can be missing after a crash. */
#ifndef COMMON_BASE_MOUNT_H
#define COMMON_BASE_MOUNT_H

#include "common/base/err.h"

#define MOUNT_KIND_SIZE 64
#define MOUNT_TABLE     "/proc/self/mountinfo"

/* Kind of the file system that holds `path` (which exists) when it is a network's: "nfs4", "cifs", "fuse.sshfs"; "" otherwise. `table` is MOUNT_TABLE but in tests. */
int mount_network_kind(const char *table, const char *path, char ret_kind[MOUNT_KIND_SIZE], struct err *e) MUST_CHECK;
/* ERR_STATE when it is: "data_dir /x lies on nfs4, a file system of the network: ...". */
int mount_refuse_network(const char *table, const char *path, const char *what, struct err *e) MUST_CHECK;

#endif
