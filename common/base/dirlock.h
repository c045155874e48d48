/* One process to a data folder: a lock on DIR/lock that dies with its process. */
#ifndef COMMON_BASE_DIRLOCK_H
#define COMMON_BASE_DIRLOCK_H

#include "common/base/err.h"

/* `who` is what runs there ("agent"); *ret_fd holds the lock until it is closed. The folder exists; ERR_KEY when others can write to it. ERR_STATE when another process holds it: the message has its number. Waits only for one that looks (dirlock_holder), some ms. */
int dirlock_take(const char *dir, const char *who, int *ret_fd, struct err *e) MUST_CHECK;
/* The process that holds it now: *ret_pid 0: none does, -1: its number cannot be read. ERR_IO when the file cannot be looked at. */
int dirlock_holder(const char *dir, long *ret_pid, struct err *e) MUST_CHECK;
void dirlock_drop(int *fd); /* -1 or 0: none; sets it to -1 */

#endif
