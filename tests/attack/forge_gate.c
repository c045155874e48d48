/* Gate passes that no honest tool makes, and dossiers with any passes in them. Writes to standard output; forge.c wraps and signs.
 *
 *   forge_gate pass ORDER WAVE KEY=VALUE...    a pass's payload: wave-name, number, targets, done, created, soak-until, expires (us), order-of, release-of (other orders)
 *   forge_gate dossier DOSSIER PASS...         the dossier with exactly these passes
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "tests/support/thief.h"

static struct arena *a;

static void edit(struct gate_pass *p, const char *word)
{
	const char *v;
	if ((v = thief_value(word, "wave-name")))
		p->wave_name = v;
	else if ((v = thief_value(word, "number")))
		p->wave = (uint32_t)strtoul(v, NULL, 10);
	else if ((v = thief_value(word, "targets")))
		p->target_count = p->done = (uint32_t)strtoul(v, NULL, 10);
	else if ((v = thief_value(word, "created")))
		p->created_at_us = strtoll(v, NULL, 10);
	else if ((v = thief_value(word, "soak-until")))
		p->soak_until_us = strtoll(v, NULL, 10);
	else if ((v = thief_value(word, "expires")))
		p->expires_at_us = strtoll(v, NULL, 10);
	else if ((v = thief_value(word, "order-of")))
		memcpy(p->order_digest, thief_order(a, v).digest, DIGEST_SIZE);
	else if ((v = thief_value(word, "release-of")))
		memcpy(p->release_digest, thief_order(a, v).release_digest, DIGEST_SIZE);
	else
		thief_die(word, NULL);
}

static void forge_pass(int argc, char **argv)
{
	AUTO(buf_done) struct buf out = BUF_INIT;
	struct order o = thief_order(a, argv[0]);
	struct gate_pass p = {.signer = "forger", .created_at_us = clock_wall_us(), .expires_at_us = clock_wall_us() + (int64_t)3600 * 1000000};
	for (uint32_t i = 0; i < o.n_waves; i++)
		if (str_eq(o.waves[i].name, argv[1]))
			p.wave = i, p.wave_name = o.waves[i].name, p.target_count = p.done = o.waves[i].target_count;
	memcpy(p.order_digest, o.digest, DIGEST_SIZE);
	memcpy(p.release_digest, o.release_digest, DIGEST_SIZE);
	for (int i = 2; i < argc; i++)
		edit(&p, argv[i]);
	gate_pass_encode(&p, &out);
	thief_write(buf_bytes(&out));
}

static void forge_dossier(int argc, char **argv)
{
	AUTO(buf_done) struct buf out = BUF_INIT;
	struct dossier d;
	struct err e = ERR_INIT;
	if (dossier_decode(thief_read(a, argv[0]), a, &d, &e) != 0)
		thief_die(argv[0], &e);
	d.gate_passes = arena_alloc(a, (size_t)argc * sizeof *d.gate_passes);
	d.n_gate_passes = 0;
	for (int i = 1; i < argc; i++)
		d.gate_passes[d.n_gate_passes++] = thief_read(a, argv[i]);
	dossier_encode(&d, &out);
	thief_write(buf_bytes(&out));
}

int main(int argc, char **argv)
{
	a = arena_new(LIMIT_ARENA_DOCUMENT);
	if (argc >= 4 && str_eq(argv[1], "pass"))
		forge_pass(argc - 2, argv + 2);
	else if (argc >= 3 && str_eq(argv[1], "dossier"))
		forge_dossier(argc - 2, argv + 2);
	else
		thief_die("pass ORDER WAVE KEY=VALUE... | dossier DOSSIER PASS...", NULL);
	arena_destroy(&a);
	return 0;
}
