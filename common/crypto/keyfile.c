/* Key files. Private: PKCS#8 PEM, encrypted with AES-256-CBC under a scrypt key (N 16384, r 8, p 1: 16 MB and some 50 ms a guess), mode 0600. libcrypto encrypts, and reads what is
 * encrypted or public; what is plain is put together and taken apart here, since its encoders and decoders leave private keys behind in memory that nobody wipes.
 * Public: SubjectPublicKeyInfo PEM, with a line "owner: NAME" before it that PEM readers pass over. */
#include <errno.h>
#include <fcntl.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/openssl.h"
#include "common/crypto/sign_key.h"

#define PUBLIC_MAX    ((size_t)16 * 1024)
#define PRIVATE_BEGIN "-----BEGIN PRIVATE KEY-----"
#define PRIVATE_END   "-----END PRIVATE KEY-----"
#define CRYPTED_BEGIN "-----BEGIN ENCRYPTED PRIVATE KEY-----"

/* The seed's OCTET STRING in the OCTET STRING of PrivateKeyInfo (RFC 8410 section 7): 04 20, then the 32 octets. */
#define INNER_SIZE (2 + SIGN_SEED_SIZE)
/* SEQUENCE of 46: version 0, the algorithm 1.3.101.112, OCTET STRING of 34. */
static const uint8_t der_head[] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, INNER_SIZE};
static const uint8_t inner_head[] = {0x04, SIGN_SEED_SIZE};
#define DER_SIZE    (sizeof der_head + INNER_SIZE)
#define BASE64_SIZE sodium_base64_ENCODED_LEN(DER_SIZE, sodium_base64_VARIANT_ORIGINAL)

static void free_bio(BIO **b)
{
	BIO_free_all(*b);
}

static void free_p8(PKCS8_PRIV_KEY_INFO **p)
{
	PKCS8_PRIV_KEY_INFO_free(*p);
}

static void free_sig(X509_SIG **p)
{
	X509_SIG_free(*p);
}

static void free_pkey(EVP_PKEY **p)
{
	EVP_PKEY_free(*p);
}

static int libcrypto_failed(struct err *e, const char *path, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	err_set(e, ERR_KEY, "%s: %s: libcrypto: %s", path, what, reason ? reason : "unknown reason");
	ERR_clear_error();
	return -1;
}

/* ---- write --------------------------------------------------------------------------------------------------------------------------------------- */

static int write_new(const char *path, BIO *bio, mode_t mode, struct err *e)
{
	char *p = NULL;
	long n = BIO_get_mem_data(bio, &p);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0 && errno == EEXIST)
		return err_set(e, ERR_EXISTS, "%s: exists already and is left as it is: choose another name", path);
	if (fd < 0)
		return err_set_errno(e, "%s", path);
	bool ok = fchmod(fd, mode) == 0 && write(fd, p, (size_t)n) == n && fsync(fd) == 0;
	if (!ok) {
		err_set_errno(e, "%s", path);
		unlink(path);
	}
	close(fd);
	return ok ? 0 : -1;
}

static void private_der(const struct sign_key *k, uint8_t out[DER_SIZE])
{
	memcpy(out, der_head, sizeof der_head);
	memcpy(out + sizeof der_head, inner_head, sizeof inner_head);
	memcpy(out + sizeof der_head + sizeof inner_head, k->expanded, SIGN_SEED_SIZE);
}

static int write_encrypted(const uint8_t der[DER_SIZE], const struct secret *passphrase, const char *path, BIO *out, struct err *e)
{
	const unsigned char *p = der;
	AUTO(free_p8) PKCS8_PRIV_KEY_INFO *p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)DER_SIZE);
	X509_ALGOR *pbe = p8 ? PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), NULL, 0, NULL, 16384, 8, 1) : NULL;
	if (!pbe)
		return libcrypto_failed(e, path, "cannot encrypt");
	AUTO(free_sig) X509_SIG *sig = PKCS8_set0_pbe(secret_reveal(passphrase), (int)secret_size(passphrase), p8, pbe);
	if (!sig) {
		X509_ALGOR_free(pbe);
		return libcrypto_failed(e, path, "cannot encrypt");
	}
	return PEM_write_bio_PKCS8(out, sig) == 1 ? 0 : libcrypto_failed(e, path, "cannot write");
}

static int write_plain(const uint8_t der[DER_SIZE], const char *path, BIO *out, struct err *e)
{
	char base64[BASE64_SIZE], text[BASE64_SIZE + sizeof PRIVATE_BEGIN + sizeof PRIVATE_END + 2];
	sodium_bin2base64(base64, sizeof base64, der, DER_SIZE, sodium_base64_VARIANT_ORIGINAL);
	int n = snprintf(text, sizeof text, PRIVATE_BEGIN "\n%s\n" PRIVATE_END "\n", base64);
	bool ok = BIO_write(out, text, n) == n;
	explicit_bzero(base64, sizeof base64);
	explicit_bzero(text, sizeof text);
	return ok ? 0 : libcrypto_failed(e, path, "cannot write");
}

static int private_pem(const struct sign_key *k, const struct secret *passphrase, const char *path, BIO *out, struct err *e)
{
	uint8_t der[DER_SIZE];
	private_der(k, der);
	int rc = passphrase ? write_encrypted(der, passphrase, path, out, e) : write_plain(der, path, out, e);
	explicit_bzero(der, sizeof der);
	return rc;
}

static int save_public(const struct sign_key *k, const char *path, const char *owner, struct err *e)
{
	AUTO(free_bio) BIO *out = BIO_new(BIO_s_mem());
	AUTO(free_pkey) EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, k->expanded + SIGN_SEED_SIZE, SIGN_PUBLIC_SIZE);
	if (!out || !pkey || (owner && BIO_printf(out, "owner: %s\n", owner) < 0) || PEM_write_bio_PUBKEY(out, pkey) != 1)
		return libcrypto_failed(e, path, "cannot write");
	return write_new(path, out, 0644, e);
}

int sign_key_save_owned(const struct sign_key *k, const char *path, const char *owner, const struct secret *passphrase, struct err *e)
{
	AUTO(buf_done) struct buf pub = BUF_INIT;
	buf_addf(&pub, "%s.pub", path);
	if (passphrase && secret_size(passphrase) == 0)
		return err_set(e, ERR_KEY, "%s: the passphrase is empty: give one, or say that the key needs none", path);
	if (file_exists(pub.p))
		return err_set(e, ERR_EXISTS, "%s: exists already and is left as it is: choose another name", pub.p);
	AUTO(free_bio) BIO *out = BIO_new(BIO_s_secmem());
	if (!out)
		return libcrypto_failed(e, path, "no memory");
	if (private_pem(k, passphrase, path, out, e) != 0 || write_new(path, out, 0600, e) != 0)
		return -1;
	if (save_public(k, pub.p, owner, e) != 0) {
		unlink(path); /* half a pair would be refused next time as existing */
		return -1;
	}
	return 0;
}

int sign_key_save(const struct sign_key *k, const char *path, const struct secret *passphrase, struct err *e)
{
	return sign_key_save_owned(k, path, NULL, passphrase, e);
}

/* ---- read ---------------------------------------------------------------------------------------------------------------------------------------- */

bool sign_key_is_encrypted(const char *path)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	bool found = file_read(path, PUBLIC_MAX, &b, NULL) == 0 && strstr(buf_str(&b), CRYPTED_BEGIN);
	if (b.p)
		explicit_bzero(b.p, b.n); /* the file may as well have been a plain key */
	return found;
}

bool sign_key_wants_passphrase(const char *path)
{
	AUTO(secret_destroy) struct secret *text = NULL;
	return secret_read_file(path, &text, NULL) == 0 && strstr(secret_reveal(text), CRYPTED_BEGIN);
}

/* The 32 octets inside, taken out by hand: EVP_PKCS82PKEY leaves copies of them. */
static int unwrap(const PKCS8_PRIV_KEY_INFO *p8, const char *path, struct sign_key **ret, struct err *e)
{
	const ASN1_OBJECT *type = NULL;
	const unsigned char *p = NULL;
	int n = 0;
	if (PKCS8_pkey_get0(&type, &p, &n, NULL, p8) != 1)
		return libcrypto_failed(e, path, "damaged key file");
	if (OBJ_obj2nid(type) != NID_ED25519)
		return err_set(e, ERR_KEY, "%s: a key of type %s, and only Ed25519 is used: make one with 'rollcall keys new'", path,
		               OBJ_nid2sn(OBJ_obj2nid(type)));
	if (n != INNER_SIZE || memcmp(p, inner_head, sizeof inner_head) != 0)
		return err_set(e, ERR_KEY, "%s: damaged key file: it holds no %d octets of private key", path, SIGN_SEED_SIZE);
	*ret = sign_key_of_seed(p + sizeof inner_head);
	return 0;
}

static int read_encrypted(const struct secret *text, const char *path, const struct secret *passphrase, PKCS8_PRIV_KEY_INFO **ret, struct err *e)
{
	AUTO(free_bio) BIO *in = BIO_new_mem_buf(secret_reveal(text), (int)secret_size(text));
	AUTO(free_sig) X509_SIG *sig = in ? PEM_read_bio_PKCS8(in, NULL, NULL, NULL) : NULL;
	if (!sig)
		return libcrypto_failed(e, path, "damaged key file");
	if (!passphrase)
		return err_set(e, ERR_KEY, "%s: the key is encrypted and no passphrase was given: give --passphrase-file or type it when asked", path);
	*ret = PKCS8_decrypt(sig, secret_reveal(passphrase), (int)secret_size(passphrase));
	ERR_clear_error();
	return *ret ? 0 : err_set(e, ERR_KEY, "%s: wrong passphrase: try again", path);
}

static int read_plain(const char *begin, const char *path, PKCS8_PRIV_KEY_INFO **ret, struct err *e)
{
	uint8_t der[1024]; /* keys of other types are longer, and are named */
	size_t n = 0;
	const char *base64 = begin + strlen(PRIVATE_BEGIN), *end = strstr(base64, PRIVATE_END);
	const unsigned char *p = der;
	if (!end || sodium_base642bin(der, sizeof der, base64, (size_t)(end - base64), " \t\r\n", &n, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
		return err_set(e, ERR_KEY, "%s: damaged key file: what stands between its first line and its last is no base64", path);
	*ret = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)n);
	explicit_bzero(der, sizeof der);
	return *ret ? 0 : libcrypto_failed(e, path, "damaged key file");
}

static int parse_private(const struct secret *text, const char *path, const struct secret *passphrase, struct sign_key **ret, struct err *e)
{
	AUTO(free_p8) PKCS8_PRIV_KEY_INFO *p8 = NULL;
	const char *begin = strstr(secret_reveal(text), PRIVATE_BEGIN);
	if (strstr(secret_reveal(text), CRYPTED_BEGIN)) {
		if (read_encrypted(text, path, passphrase, &p8, e) != 0)
			return -1;
	} else if (!begin) {
		return err_set(e, ERR_KEY, "%s: not a private key in PEM (PKCS#8): make one with 'rollcall keys new'", path);
	} else if (read_plain(begin, path, &p8, e) != 0) {
		return -1;
	}
	return unwrap(p8, path, ret, e);
}

int sign_key_load(const char *path, const struct secret *passphrase, struct sign_key **ret, struct err *e)
{
	AUTO(secret_destroy) struct secret *text = NULL;
	if (secret_read_file(path, &text, e) != 0)
		return -1;
	return parse_private(text, path, passphrase, ret, e);
}

int sign_public_load(const char *path, uint8_t out[SIGN_PUBLIC_SIZE], struct err *e)
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	size_t n = SIGN_PUBLIC_SIZE;
	if (file_read(path, PUBLIC_MAX, &b, e) != 0) {
		if (e)
			e->code = ERR_KEY;
		return -1;
	}
	if (strstr(buf_str(&b), "PRIVATE KEY-----")) {
		explicit_bzero(b.p, b.n);
		return err_set(e, ERR_KEY, "%s: this is a private key: name its public half, %s.pub", path, path);
	}
	AUTO(free_bio) BIO *in = BIO_new_mem_buf(buf_str(&b), (int)b.n);
	AUTO(free_pkey) EVP_PKEY *pkey = in ? PEM_read_bio_PUBKEY(in, NULL, NULL, NULL) : NULL;
	ERR_clear_error();
	if (!pkey)
		return err_set(e, ERR_KEY, "%s: not a public key in PEM: name the .pub file that 'rollcall keys new' wrote", path);
	uint8_t raw[SIGN_PUBLIC_SIZE];
	if (EVP_PKEY_get_id(pkey) != EVP_PKEY_ED25519 || EVP_PKEY_get_raw_public_key(pkey, raw, &n) != 1)
		return err_set(e, ERR_KEY, "%s: a key of type %s, and only Ed25519 is used: make one with 'rollcall keys new'", path,
		               EVP_PKEY_get0_type_name(pkey));
	if (!sign_public_is_sound(raw))
		return err_set(e, ERR_KEY, "%s: a weak Ed25519 key, under which anyone could sign: make a new one with 'rollcall keys new'", path);
	memcpy(out, raw, sizeof raw);
	return 0;
}

void sign_public_owner(const char *path, char out[SIGN_OWNER_SIZE])
{
	AUTO(buf_done) struct buf b = BUF_INIT;
	const char *base = strrchr(path, '/');
	str_copy(out, SIGN_OWNER_SIZE, base ? base + 1 : path);
	if (str_ends(out, ".pub"))
		out[strlen(out) - 4] = '\0';
	if (file_read(path, PUBLIC_MAX, &b, NULL) != 0 || !str_starts(buf_str(&b), "owner: "))
		return;
	char *name = b.p + strlen("owner: ");
	name[strcspn(name, "\r\n")] = '\0';
	if (sign_owner_is_sound(name))
		str_copy(out, SIGN_OWNER_SIZE, name);
}

bool sign_owner_is_sound(const char *owner)
{
	size_t n = owner ? strlen(owner) : 0;
	if (n == 0 || n >= SIGN_OWNER_SIZE || !bytes_is_utf8(bytes_of_str(owner)))
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)owner[i] < ' ' || owner[i] == 0x7f)
			return false;
	return true;
}
