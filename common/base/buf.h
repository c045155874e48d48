/* struct buf: a growing string or octet run on the heap. `p` is always NUL-terminated once something was added. */
#ifndef COMMON_BASE_BUF_H
#define COMMON_BASE_BUF_H

#include <stddef.h>

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/base/mem.h"

struct buf {
	char *p;
	size_t n; /* bytes used, without the NUL */
	size_t cap; /* bytes allocated */
};

#define BUF_INIT ((struct buf){0})

void buf_done(struct buf *b); /* frees; for AUTO(buf_done) */
void buf_clear(struct buf *b);
void buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_add_u32le(struct buf *b, uint32_t v);
void buf_add_u64le(struct buf *b, uint64_t v);
const char *buf_str(const struct buf *b); /* never NULL */
struct bytes buf_bytes(const struct buf *b);
char *buf_take(struct buf *b); /* the heap string, caller frees; never NULL */

#endif
