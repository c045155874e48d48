/* See the header. */
#include "common/wire/hello.h"

static void add_sized(struct buf *b, struct bytes v)
{
	buf_add_u64le(b, v.n);
	buf_add(b, v.p, v.n);
}

void hello_signed_bytes(const struct msg_hello *h, const char *controller_key, struct buf *ret)
{
	buf_add(ret, "ROLLCALL-hello", sizeof "ROLLCALL-hello");
	add_sized(ret, bytes_of_str(controller_key));
	add_sized(ret, bytes_of_str(h->agent));
	add_sized(ret, h->boot_id);
	add_sized(ret, h->certificate);
	buf_add_u64le(ret, h->session_counter);
	buf_add_u64le(ret, h->report_seq);
}
