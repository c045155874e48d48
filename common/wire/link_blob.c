/* The bodies of the blob socket's messages, there and back: files by their hashes, in chunks. */
#include "common/wire/limits.h"
#include "common/wire/link_codec.h"
#include "proto/link.pb-c.h"

void link_encode_fetch(const struct msg *m, struct arena *a, struct buf *ret)
{
	(void)a;
	Rollcall__V1__Fetch p = ROLLCALL__V1__FETCH__INIT;
	p.hash = pb_from_bytes(bytes_of(m->fetch.hash, DIGEST_SIZE));
	p.first = m->fetch.first;
	p.count = m->fetch.count;
	pb_pack(&p.base, ret);
}

void link_encode_chunk(const struct msg *m, struct arena *a, struct buf *ret)
{
	(void)a;
	Rollcall__V1__Chunk p = ROLLCALL__V1__CHUNK__INIT;
	p.hash = pb_from_bytes(bytes_of(m->chunk.hash, DIGEST_SIZE));
	p.index = m->chunk.index;
	p.of = m->chunk.of;
	pb_pack(&p.base, ret);
}

void link_encode_nak(const struct msg *m, struct arena *a, struct buf *ret)
{
	Rollcall__V1__Nak p = ROLLCALL__V1__NAK__INIT;
	p.hash = pb_from_bytes(bytes_of(m->nak.hash, DIGEST_SIZE));
	p.message = link_free_text(m->nak.message, a);
	pb_pack(&p.base, ret);
}

void link_encode_put_ack(const struct msg *m, struct arena *a, struct buf *ret)
{
	(void)a;
	Rollcall__V1__PutAck p = ROLLCALL__V1__PUT_ACK__INIT;
	p.hash = pb_from_bytes(bytes_of(m->put_ack.hash, DIGEST_SIZE));
	p.index = m->put_ack.index;
	p.complete = m->put_ack.complete;
	pb_pack(&p.base, ret);
}

int link_decode_fetch(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	(void)a;
	const Rollcall__V1__Fetch *p = pb;
	struct msg_fetch f = {.first = p->first, .count = p->count};
	if (pb_fixed(p->hash, "hash", f.hash, DIGEST_SIZE, e) != 0)
		return -1;
	if (p->count == 0 || p->count > LIMIT_CHUNK_CREDIT || p->first > LIMIT_ENVELOPE / LIMIT_CHUNK)
		return err_set(e, ERR_LIMIT, "count: %u chunks from %u; 1 to %d may be asked for", p->count, p->first, LIMIT_CHUNK_CREDIT);
	ret->fetch = f;
	return 0;
}

int link_decode_chunk(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	(void)a;
	const Rollcall__V1__Chunk *p = pb;
	struct msg_chunk c = {.index = p->index, .of = p->of};
	if (pb_fixed(p->hash, "hash", c.hash, DIGEST_SIZE, e) != 0)
		return -1;
	if (p->index >= p->of || p->of > LIMIT_ENVELOPE / LIMIT_CHUNK)
		return err_set(e, ERR_LIMIT, "index: chunk %u of %u; at most %zu chunks are allowed", p->index, p->of, LIMIT_ENVELOPE / LIMIT_CHUNK);
	ret->chunk = c;
	return 0;
}

int link_decode_nak(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	(void)a;
	const Rollcall__V1__Nak *p = pb;
	struct msg_nak n = {.message = p->message};
	if (pb_fixed(p->hash, "hash", n.hash, DIGEST_SIZE, e) != 0 || link_check_length(p->message, "message", LIMIT_LINK_TEXT, e) != 0)
		return -1;
	ret->nak = n;
	return 0;
}

int link_decode_put_ack(const void *pb, struct arena *a, struct msg *ret, struct err *e)
{
	(void)a;
	const Rollcall__V1__PutAck *p = pb;
	struct msg_put_ack k = {.index = p->index, .complete = p->complete};
	if (pb_fixed(p->hash, "hash", k.hash, DIGEST_SIZE, e) != 0)
		return -1;
	ret->put_ack = k;
	return 0;
}
