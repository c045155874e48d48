/* Envelopes in files. */
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"

int envelope_load(const char *path, struct arena *a, struct envelope *ret, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	if (file_read(path, LIMIT_ENVELOPE, &b, e) != 0)
		return -1;
	if (envelope_decode(buf_bytes(&b), a, ret, e) != 0)
		return err_wrap(e, "%s: not a signed document of Rollcall", path);
	return 0;
}

int envelope_save(const char *path, const struct envelope *env, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	envelope_encode(env, &b);
	return file_write_atomic(path, buf_bytes(&b), 0644, e);
}
