/* protobuf-c over an arena, and the walk that makes it strict. */
#include "common/wire/pb_arena.h"

#include <string.h>

static void *alloc_in_arena(void *arena, size_t size)
{
	return arena_try_alloc(arena, size);
}

static void free_nothing(void *arena, void *p)
{
	(void)arena, (void)p;
}

ProtobufCAllocator pb_allocator(struct arena *a)
{
	return (ProtobufCAllocator){.alloc = alloc_in_arena, .free = free_nothing, .allocator_data = a};
}

static int check_message(const ProtobufCMessage *m, const char *what, enum pb_unknown unknown, struct err *e);

static int check_value(const ProtobufCFieldDescriptor *f, const void *value, const char *what, enum pb_unknown unknown, struct err *e)
{
	if (f->type == PROTOBUF_C_TYPE_STRING) {
		const char *s = *(const char *const *)value;
		if (s && !bytes_is_utf8(bytes_of_str(s)))
			return err_set(e, ERR_PARSE, "%s: %s: not valid UTF-8", what, f->name);
	} else if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
		const ProtobufCMessage *sub = *(const ProtobufCMessage *const *)value;
		if (sub && check_message(sub, what, unknown, e) != 0)
			return -1;
	}
	return 0;
}

static size_t value_size(const ProtobufCFieldDescriptor *f)
{
	/* The rest are numbers, which need no check and are not looked at. */
	return f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_MESSAGE ? sizeof(void *) : 0;
}

/* Its depth is the schema's, not the sender's: no message type of ours contains itself. */
static int check_message(const ProtobufCMessage *m, const char *what, enum pb_unknown unknown, struct err *e)
{
	if (m->n_unknown_fields && unknown == PB_UNKNOWN_REFUSE)
		return err_set(e, ERR_PARSE, "%s: unknown field %u in %s", what, (unsigned)m->unknown_fields[0].tag, m->descriptor->short_name);
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		size_t size = value_size(f);
		if (size == 0)
			continue;
		const char *at = (const char *)m + f->offset;
		size_t n = 1;
		if (f->label == PROTOBUF_C_LABEL_REPEATED) {
			n = *(const size_t *)(const void *)((const char *)m + f->quantifier_offset);
			at = *(const char *const *)(const void *)at;
		}
		for (size_t k = 0; k < n; k++)
			if (check_value(f, at + k * size, what, unknown, e) != 0)
				return -1;
	}
	return 0;
}

int pb_unpack(const ProtobufCMessageDescriptor *d, const char *what, struct bytes data, size_t max_bytes, enum pb_unknown unknown, struct arena *a,
              ProtobufCMessage **ret, struct err *e)
{
	if (data.n > max_bytes)
		return err_set(e, ERR_LIMIT, "%s: %zu bytes; at most %zu are allowed", what, data.n, max_bytes);
	ProtobufCAllocator allocator = pb_allocator(a);
	ProtobufCMessage *m = protobuf_c_message_unpack(d, &allocator, data.n, data.p);
	if (!m)
		return err_set(e, ERR_PARSE, "%s: its bytes are no %s", what, d->short_name);
	if (check_message(m, what, unknown, e) != 0)
		return -1;
	/* protobuf-c keeps the last of a doubled field and cuts a text at its first NUL; either makes the message shorter when packed again. */
	if (protobuf_c_message_get_packed_size(m) != data.n)
		return err_set(e, ERR_PARSE, "%s: not in the form that an encoder writes (a field twice, a NUL in a text, or a padded number)", what);
	*ret = m;
	return 0;
}

void pb_pack(const ProtobufCMessage *m, struct buf *ret)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	buf_reserve(ret, n);
	ret->n += protobuf_c_message_pack(m, (uint8_t *)ret->p + ret->n);
	ret->p[ret->n] = '\0';
}

ProtobufCBinaryData pb_from_bytes(struct bytes b)
{
	return (ProtobufCBinaryData){.len = b.n, .data = (uint8_t *)(uintptr_t)b.p};
}

struct bytes pb_to_bytes(ProtobufCBinaryData b)
{
	return bytes_of(b.data, b.len);
}

int pb_fixed(ProtobufCBinaryData b, const char *what, uint8_t *out, size_t n, struct err *e)
{
	if (b.len != n)
		return err_set(e, ERR_PARSE, "%s: %zu bytes, must be %zu", what, b.len, n);
	memcpy(out, b.data, n);
	return 0;
}
