/* The blob ROUTER: chunks of content-addressed files to whoever has a known key (hub_fetch.c), and uploads from operators. There are no sessions here: the key of each message is all.
 * A file's name comes from 32 octets in hex, never from a text that a peer sent. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/crypto/blobs.h"
#include "common/crypto/digest.h"
#include "common/wire/limits.h"
#include "controller/link/hub_state.h"

#define UPLOAD_IDLE_US ((int64_t)60 * 1000 * 1000)

static void reply(struct hub *h, struct bytes routing, const struct msg *m)
{
	AUTO(buf_done) struct buf body = BUF_INIT;
	msg_encode(m, &body);
	/* A full queue drops it: the peer asks again for what it misses. */
	frame_send(h->blob_raw, routing, (struct link_header){.type = (uint8_t)m->type}, buf_bytes(&body), bytes_of(NULL, 0));
}

void hub_blob_nak(struct hub *h, struct bytes routing, const uint8_t hash[DIGEST_SIZE], const char *message)
{
	struct msg m = {.type = MSG_NAK, .nak = {.message = message}};
	memcpy(m.nak.hash, hash, DIGEST_SIZE);
	reply(h, routing, &m);
}

static void nak(struct hub *h, const struct frame *f, const uint8_t hash[DIGEST_SIZE], const char *message)
{
	hub_blob_nak(h, f->routing, hash, message);
}

static void put_ack(struct hub *h, const struct frame *f, const struct msg_chunk *c, bool complete)
{
	struct msg m = {.type = MSG_PUT_ACK, .put_ack = {.index = c->index, .complete = complete}};
	memcpy(m.put_ack.hash, c->hash, DIGEST_SIZE);
	reply(h, f->routing, &m);
}

static void drop_upload(struct upload *u)
{
	if (u->used)
		unlink(u->path);
	u->used = false;
}

static struct upload *find_upload(struct hub *h, const struct frame *f, const uint8_t hash[DIGEST_SIZE])
{
	for (struct upload *u = h->uploads; u < h->uploads + UPLOADS_MAX; u++)
		if (u->used && str_eq(u->owner, f->user) && memcmp(u->hash, hash, DIGEST_SIZE) == 0)
			return u;
	return NULL;
}

static struct upload *begin_upload(struct hub *h, const struct frame *f, const struct msg_chunk *c)
{
	struct upload *u = find_upload(h, f, c->hash);
	for (size_t i = 0; !u && i < UPLOADS_MAX; i++)
		if (!h->uploads[i].used)
			u = &h->uploads[i];
	if (!u)
		return NULL;
	drop_upload(u);
	*u = (struct upload){.used = true, .of = c->of};
	memcpy(u->hash, c->hash, DIGEST_SIZE);
	str_copy(u->owner, sizeof u->owner, f->user);
	snprintf(u->path, sizeof u->path, "%s/%zu", h->incoming_dir, (size_t)(u - h->uploads));
	unlink(u->path);
	return u;
}

static int append(const char *path, struct bytes data, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set_errno(e, "%s", path);
	ssize_t n = write(fd, data.p, data.n);
	int rc = n == (ssize_t)data.n ? 0
	         : n < 0              ? err_set_errno(e, "%s", path)
	                              : err_set(e, ERR_IO, "%s: only a part was written: the disk is full", path);
	close(fd);
	return rc;
}

/* The whole file is there: its hash decides. */
static int store_upload(struct hub *h, const struct upload *u, struct err *e)
{
	AUTO(buf_done) struct buf data = BUF_INIT;
	uint8_t hash[DIGEST_SIZE];
	if (file_read(u->path, LIMIT_ENVELOPE, &data, e) != 0)
		return -1;
	digest_sha256(buf_bytes(&data), hash);
	if (memcmp(hash, u->hash, DIGEST_SIZE) != 0)
		return err_set(e, ERR_SIGNATURE, "the bytes do not have the hash that they were sent under");
	return blobs_put(h->blob_dir, buf_bytes(&data), hash, e);
}

static void stored(struct hub *h, const struct frame *f, const struct principal *who, const struct msg_chunk *c)
{
	struct hub_head head = {.type = HUB_STORED, .from = *who};
	memcpy(head.blob, c->hash, DIGEST_SIZE);
	hub_event(h, &head, bytes_of(NULL, 0));
	put_ack(h, f, c, true);
}

static const char *check_chunk(const struct upload *u, const struct msg_chunk *c, size_t raw_size)
{
	if (!u)
		return "no such upload under way: start again with chunk 0";
	if (c->index != u->next || c->of != u->of)
		return "not the next chunk of this upload: start again with chunk 0";
	if (raw_size != LIMIT_CHUNK && c->index + 1 != c->of)
		return "a chunk before the last one is not full";
	return NULL;
}

static void on_put(struct hub *h, const struct frame *f, const struct principal *who, const struct msg_chunk *c)
{
	struct err e = ERR_INIT;
	if (blobs_has(h->blob_dir, c->hash, NULL)) {
		if (c->index == 0)
			stored(h, f, who, c);
		else
			put_ack(h, f, c, true);
		return;
	}
	struct upload *u = c->index == 0 ? begin_upload(h, f, c) : find_upload(h, f, c->hash);
	const char *wrong = !u && c->index == 0 ? "too many uploads at once: try again in a minute" : check_chunk(u, c, f->raw.n);
	if (wrong) {
		nak(h, f, c->hash, wrong);
		return;
	}
	u->next++;
	u->at_us = h->now_us;
	bool complete = u->next == u->of;
	if (append(u->path, f->raw, &e) != 0 || (complete && store_upload(h, u, &e) != 0)) {
		log_error("link: upload of %s failed: %s", who->name, e.msg);
		nak(h, f, c->hash, e.code == ERR_SIGNATURE ? e.msg : "the controller cannot store it: see its log");
		drop_upload(u);
	} else if (complete) {
		drop_upload(u);
		stored(h, f, who, c);
	} else {
		put_ack(h, f, c, false);
	}
}

static bool may_put(const struct principal *who)
{
	return who->kind == LINK_OPERATOR && (str_eq(who->role, "operator") || str_eq(who->role, "admin"));
}

static void on_frame(struct hub *h, const struct frame *f, const struct principal *who)
{
	enum msg_type type = (enum msg_type)f->header.type;
	struct err e = ERR_INIT;
	if (!link_allowed(SOCKET_BLOB, who->kind, LINK_READY, type)) {
		hub_violation(h, f->user, "this type is not allowed here");
		return;
	}
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_MESSAGE);
	struct msg m;
	if (msg_decode(type, f->body, a, &m, &e) != 0)
		hub_violation(h, f->user, e.msg);
	else if (type == MSG_FETCH)
		hub_fetch_ask(h, f->routing, &m.fetch);
	else if (may_put(who))
		on_put(h, f, who, &m.chunk);
	else
		nak(h, f, m.chunk.hash, "uploads need the role operator or admin");
}

bool hub_blob_read(struct hub *h)
{
	struct frame f;
	struct err e = ERR_INIT;
	enum frame_result r = frame_recv(h->blob_raw, true, &f, &e);
	if (r == FRAME_NONE)
		return false;
	const struct principal *who = principals_find(h->known, f.user);
	if (!who)
		hub_violation(h, f.user, "its key is not known any more");
	else if (f.named)
		hub_violation(h, f.user, "a routing id that is not ours to give");
	else if (r == FRAME_BAD)
		hub_violation(h, f.user, e.msg);
	else
		on_frame(h, &f, who);
	frame_done(&f);
	return true;
}

void hub_blob_expire(struct hub *h)
{
	for (struct upload *u = h->uploads; u < h->uploads + UPLOADS_MAX; u++)
		if (u->used && h->now_us - u->at_us > UPLOAD_IDLE_US)
			drop_upload(u);
}

int hub_blob_open(struct hub *h, struct err *e)
{
	char name[32];
	snprintf(name, sizeof name, h->index ? "incoming-%u" : "incoming", (unsigned)h->index);
	h->incoming_dir = file_join(h->blob_dir, name);
	if (file_remove_tree(h->incoming_dir, e) != 0 || file_make_dirs(h->incoming_dir, 0700, e) != 0)
		return err_wrap(e, "blobs");
	return 0;
}
