/* CURVE key files. Written by hand in zcert's form, so that the secret never lies in memory that nobody wipes. */
#include "common/link/curve.h"

#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/base/str.h"

#define Z85_SIZE 40
static const char z85[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

static bool is_z85(const char *s, size_t n)
{
	return n == Z85_SIZE && strspn(s, z85) >= Z85_SIZE;
}

int curve_key_generate(const char *path, struct err *e)
{
	char public_text[Z85_SIZE + 1], secret_text[Z85_SIZE + 1], text[512], pub[4096];
	if (file_exists(path))
		return err_set(e, ERR_EXISTS, "%s: exists already: move it away first, or keep it", path);
	if (zmq_curve_keypair(public_text, secret_text) != 0)
		return err_set(e, ERR_KEY, "%s: this libzmq has no CURVE security: %s", path, zmq_strerror(zmq_errno()));
	int n = snprintf(text, sizeof text,
	                 "#   ZeroMQ CURVE **Secret** Certificate\n#   Keep it where only its owner reads it.\n\nmetadata\ncurve\n    "
	                 "public-key = \"%s\"\n    secret-key = \"%s\"\n",
	                 public_text, secret_text);
	int rc = file_write_atomic(path, bytes_of(text, (size_t)n), 0600, e);
	explicit_bzero(secret_text, sizeof secret_text);
	explicit_bzero(text, sizeof text);
	if (rc != 0)
		return -1;
	snprintf(pub, sizeof pub, "%s.pub", path);
	public_text[Z85_SIZE] = '\n';
	return file_write_atomic(pub, bytes_of(public_text, Z85_SIZE + 1), 0644, e);
}

/* The 40 characters after `name = "`. */
static const char *find_value(const char *text, const char *name)
{
	const char *p = strstr(text, name);
	if (!p)
		return NULL;
	p = strchr(p + strlen(name), '"'); /* not past more: a Z85 key may begin with '=' */
	if (!p)
		return NULL;
	p++;
	return is_z85(p, strcspn(p, "\"\r\n")) ? p : NULL;
}

int curve_key_load(const char *path, struct curve_key *ret, struct err *e)
{
	AUTO(secret_destroy) struct secret *file = NULL;
	if (secret_read_file(path, &file, e) != 0)
		return err_wrap(e, "CURVE key");
	const char *public_text = find_value(secret_reveal(file), "public-key");
	const char *secret_text = find_value(secret_reveal(file), "secret-key");
	if (!public_text || !secret_text)
		return err_set(e, ERR_KEY, "%s: not a CURVE key file: it must hold public-key and secret-key, as 'rollcall keys curve' writes them", path);
	struct curve_key k = {.secret_text = secret_new(secret_text, Z85_SIZE)};
	char derived[Z85_SIZE + 1];
	memcpy(k.public_text, public_text, Z85_SIZE);
	if (zmq_curve_public(derived, secret_reveal(k.secret_text)) != 0 || !str_eq(derived, k.public_text)) {
		curve_key_done(&k);
		return err_set(e, ERR_KEY, "%s: its public key does not belong to its secret key: restore the file from where it was made", path);
	}
	*ret = k;
	return 0;
}

void curve_key_done(struct curve_key *k)
{
	secret_destroy(&k->secret_text);
	*k = (struct curve_key){0};
}

int curve_public_read(const char *text_or_path, char out[41], struct err *e)
{
	/* Z85 has all that a path needs, so a path of 40 characters may look like a key: a file of that name decides. */
	if (is_z85(text_or_path, strlen(text_or_path)) && access(text_or_path, F_OK) != 0) {
		memcpy(out, text_or_path, Z85_SIZE + 1);
		return 0;
	}
	AUTO(buf_done) struct buf b = BUF_INIT;
	if (file_read(text_or_path, 4096, &b, e) != 0) {
		if (e)
			e->code = ERR_KEY;
		return err_wrap(e, "neither a CURVE public key (40 characters of Z85) nor a file that holds one");
	}
	size_t n = strcspn(buf_str(&b), "\r\n");
	if (!is_z85(buf_str(&b), n))
		return err_set(e, ERR_KEY, "%s: its first line is not a CURVE public key (40 characters of Z85)", text_or_path);
	memcpy(out, b.p, Z85_SIZE);
	out[Z85_SIZE] = '\0';
	return 0;
}
