/* Gate passes that no honest tool makes, and dossiers with any passes in them. Writes to standard output; forge.c wraps and signs.
 *
 *   forge_gate pass ORDER WAVE KEY=VALUE...    a pass's payload: wave-name, number, targets, done, created, soak-until, expires (us), order-of, release-of (other orders)
 *   forge_gate dossier DOSSIER PASS...         the dossier with exactly these passes
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"

static struct arena *a;

static void die(const char *what, const struct err *e)
{
	fprintf(stderr, "forge_gate: %s%s%s\n", what, e ? ": " : "", e ? e->msg : "");
	exit(2);
}

static struct bytes read_file(const char *path)
{
	AUTO(buf_done) struct buf data = BUF_INIT;
	struct err e = ERR_INIT;
	if (file_read(path, LIMIT_ENVELOPE, &data, &e) != 0)
		die("read", &e);
	return arena_bytes(a, buf_bytes(&data));
}

static struct order read_order(const char *path)
{
	struct order o;
	struct err e = ERR_INIT;
	if (order_decode(read_file(path), a, &o, &e) != 0)
		die(path, &e);
	return o;
}

static const char *value_of(const char *word, const char *key)
{
	size_t n = strlen(key);
	return strncmp(word, key, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

static void edit(struct gate_pass *p, const char *word)
{
	const char *v;
	if ((v = value_of(word, "wave-name")))
		p->wave_name = v;
	else if ((v = value_of(word, "number")))
		p->wave = (uint32_t)strtoul(v, NULL, 10);
	else if ((v = value_of(word, "targets")))
		p->target_count = p->done = (uint32_t)strtoul(v, NULL, 10);
	else if ((v = value_of(word, "created")))
		p->created_at_us = strtoll(v, NULL, 10);
	else if ((v = value_of(word, "soak-until")))
		p->soak_until_us = strtoll(v, NULL, 10);
	else if ((v = value_of(word, "expires")))
		p->expires_at_us = strtoll(v, NULL, 10);
	else if ((v = value_of(word, "order-of")))
		memcpy(p->order_digest, read_order(v).digest, DIGEST_SIZE);
	else if ((v = value_of(word, "release-of")))
		memcpy(p->release_digest, read_order(v).release_digest, DIGEST_SIZE);
	else
		die(word, NULL);
}

static void forge_pass(int argc, char **argv)
{
	AUTO(buf_done) struct buf out = BUF_INIT;
	struct order o = read_order(argv[0]);
	struct gate_pass p = {.signer = "forger", .created_at_us = clock_wall_us(), .expires_at_us = clock_wall_us() + (int64_t)3600 * 1000000};
	for (uint32_t i = 0; i < o.n_waves; i++)
		if (str_eq(o.waves[i].name, argv[1]))
			p.wave = i, p.wave_name = o.waves[i].name, p.target_count = p.done = o.waves[i].target_count;
	memcpy(p.order_digest, o.digest, DIGEST_SIZE);
	memcpy(p.release_digest, o.release_digest, DIGEST_SIZE);
	for (int i = 2; i < argc; i++)
		edit(&p, argv[i]);
	gate_pass_encode(&p, &out);
	fwrite(out.p, 1, out.n, stdout);
}

static void forge_dossier(int argc, char **argv)
{
	AUTO(buf_done) struct buf out = BUF_INIT;
	struct dossier d;
	struct err e = ERR_INIT;
	if (dossier_decode(read_file(argv[0]), a, &d, &e) != 0)
		die(argv[0], &e);
	d.gate_passes = arena_alloc(a, (size_t)argc * sizeof *d.gate_passes);
	d.n_gate_passes = 0;
	for (int i = 1; i < argc; i++)
		d.gate_passes[d.n_gate_passes++] = read_file(argv[i]);
	dossier_encode(&d, &out);
	fwrite(out.p, 1, out.n, stdout);
}

int main(int argc, char **argv)
{
	a = arena_new(LIMIT_ARENA_DOCUMENT);
	if (argc >= 4 && str_eq(argv[1], "pass"))
		forge_pass(argc - 2, argv + 2);
	else if (argc >= 3 && str_eq(argv[1], "dossier"))
		forge_dossier(argc - 2, argv + 2);
	else
		die("pass ORDER WAVE KEY=VALUE... | dossier DOSSIER PASS...", NULL);
	arena_destroy(&a);
	return 0;
}
