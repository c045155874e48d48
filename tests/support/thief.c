/* See the header. */
#include "tests/support/thief.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"

void thief_die(const char *what, const struct err *e)
{
	fprintf(stderr, "%s: %s%s%s\n", program_invocation_short_name, what, e ? ": " : "", e ? e->msg : "");
	exit(2);
}

struct bytes thief_read(struct arena *a, const char *path)
{
	AUTO(buf_done) struct buf data = BUF_INIT;
	struct err e = ERR_INIT;
	if (file_read(path, LIMIT_ENVELOPE, &data, &e) != 0)
		thief_die("read", &e);
	return arena_bytes(a, buf_bytes(&data));
}

struct order thief_order(struct arena *a, const char *path)
{
	struct order o;
	struct err e = ERR_INIT;
	if (order_decode(thief_read(a, path), a, &o, &e) != 0)
		thief_die(path, &e);
	return o;
}

const char *thief_value(const char *word, const char *key)
{
	size_t n = strlen(key);
	return strncmp(word, key, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

void thief_write(struct bytes data)
{
	fwrite(data.p, 1, data.n, stdout);
}
