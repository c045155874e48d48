/* Signing reports. */
#include "agent/report/seal.h"

#include "common/crypto/dsse.h"
#include "common/wire/documents.h"

#define SEAL_ARENA ((size_t)1024 * 1024)

int report_seal(void *key, const struct report *r, struct buf *ret, struct err *e)
{
	AUTO(buf_done) struct buf payload = BUF_INIT;
	AUTO(arena_destroy) struct arena *a = arena_new(SEAL_ARENA);
	report_encode(r, &payload);
	struct envelope env = {.type = TYPE_REPORT, .payload = buf_bytes(&payload)};
	if (dsse_sign(&env, key, a, e) != 0)
		return err_wrap(e, "sign the report");
	envelope_encode(&env, ret);
	return 0;
}
