/* Fuzz target for the signed documents. First byte: the decoder; the rest: the document's bytes. What is refused says why as a parse or limit error and leaves the result
 * untouched; what is accepted is in the one form that the encoder writes, and reads back the same. */
#include <string.h>

#include "common/base/mem.h"
#include "common/wire/documents.h"
#include "common/wire/enrol.h"
#include "tests/fuzz/fuzz.h"

#define ARENA ((size_t)64 * 1024 * 1024)

/* Decodes; when that works encodes again into `again`. */
typedef int codec(struct bytes data, struct arena *a, struct buf *again, struct err *e);

#define CODEC(name)                                                                               \
	static int name##_codec(struct bytes data, struct arena *a, struct buf *again, struct err *e) \
	{                                                                                             \
		struct name v, before;                                                                    \
		memset(&v, 0x5a, sizeof v);                                                               \
		memset(&before, 0x5a, sizeof before);                                                     \
		if (name##_decode(data, a, &v, e) != 0) {                                                 \
			fuzz_require(memcmp(&v, &before, sizeof v) == 0, #name ": untouched when refused");   \
			return -1;                                                                            \
		}                                                                                         \
		name##_encode(&v, again);                                                                 \
		return 0;                                                                                 \
	}
CODEC(envelope)
CODEC(trust)
CODEC(certificate)
CODEC(release)
CODEC(order)
CODEC(approval)
CODEC(report)
CODEC(dossier)
CODEC(freshness)
CODEC(revocation)
CODEC(gate_pass)

static int token_codec(struct bytes data, struct arena *a, struct buf *again, struct err *e)
{
	struct enrol_token t;
	if (enrol_token_decode(data, a, &t, e) != 0)
		return -1;
	enrol_token_encode(&t, again);
	return 0;
}

static int proof_codec(struct bytes data, struct arena *a, struct buf *again, struct err *e)
{
	struct merkle_proof p;
	(void)a;
	if (merkle_proof_decode(data, &p, e) != 0)
		return -1;
	merkle_proof_encode(&p, again);
	return 0;
}

static codec *const codecs[] = {
    envelope_codec, trust_codec, certificate_codec, release_codec,    order_codec, approval_codec,  report_codec,
    dossier_codec,  proof_codec, freshness_codec,   revocation_codec, token_codec, gate_pass_codec,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_done) struct buf once = BUF_INIT;
	AUTO(buf_done) struct buf twice = BUF_INIT;
	struct err e = ERR_INIT;
	if (size < 1)
		return 0;
	codec *run = codecs[data[0] % ARRAY_LEN(codecs)];
	struct bytes document = bytes_of(data + 1, size - 1);
	AUTO(arena_destroy) struct arena *a = arena_new(ARENA);
	fuzz_accepted = run(document, a, &once, &e) == 0;
	if (!fuzz_accepted) {
		fuzz_require((e.code == ERR_PARSE || e.code == ERR_LIMIT) && e.msg[0], "a refusal says why");
		return 0;
	}
	fuzz_require(run(buf_bytes(&once), a, &twice, &e) == 0, "what we encode is accepted");
	fuzz_require(bytes_equal(buf_bytes(&once), buf_bytes(&twice)), "encoding is stable");
	return 0;
}
