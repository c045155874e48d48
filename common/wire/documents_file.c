/* Envelopes in files. */
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"

int envelope_decode_file(const char *path, struct bytes data, struct arena *a, struct envelope *ret, struct err *e)
{
	struct err why = ERR_INIT;
	if (data.n == 0)
		return err_set(e, ERR_PARSE, "%s: the file is empty: correct the path, or fetch the document again", path);
	if (envelope_decode(data, a, ret, &why) == 0)
		return 0;
	return err_set(e, why.code, "%s: not a signed document of Rollcall: correct the path, or fetch the document again (%s)", path, why.msg);
}

int envelope_load(const char *path, struct arena *a, struct envelope *ret, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	if (file_read(path, LIMIT_ENVELOPE, &b, e) != 0)
		return -1;
	return envelope_decode_file(path, buf_bytes(&b), a, ret, e);
}

int envelope_save(const char *path, const struct envelope *env, struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	envelope_encode(env, &b);
	return file_write_atomic(path, buf_bytes(&b), 0644, e);
}
