/* One process to a data folder: a lock on DIR/lock that dies with its process. */
#ifndef COMMON_BASE_DIRLOCK_H
#define COMMON_BASE_DIRLOCK_H

#include "common/base/err.h"

/* `who` is what runs there ("agent"); *ret_fd holds the lock until it is closed. The folder exists; ERR_KEY when others can write to it. ERR_STATE when another process holds it: the message has its number. Never waits. */
int dirlock_take(const char *dir, const char *who, int *ret_fd, struct err *e) MUST_CHECK;
void dirlock_drop(int *fd); /* -1 or 0: none; sets it to -1 */

#endif
