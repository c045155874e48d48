/* A disk that gets full, for SQLite inside a test: from the n-th write on every one to a file whose path holds a word fails with ENOSPC, until somebody makes room. */
#ifndef TESTS_SUPPORT_FULL_DISK_H
#define TESTS_SUPPORT_FULL_DISK_H

/* n 0: it never gets full; the writes are counted. */
void full_disk_begin(const char *name, unsigned long n);
/* How many writes there were. */
unsigned long full_disk_end(void);

#endif
