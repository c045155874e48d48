/* Keys, certificates and the store's rows of the farm's agents. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/crypto/dsse.h"
#include "common/wire/documents.h"
#include "controller/store/store.h"
#include "tests/bench/fleet/farm.h"

#define DAY_US     (INT64_C(24) * 3600 * 1000000)
#define CERT_ARENA ((size_t)64 * 1024)

static char *path_in(const struct farm_config *c, const char *name)
{
	return file_join(c->dir, name);
}

static int make_keys(struct identity *id, struct err *e)
{
	char secret_text[41];
	if (zmq_curve_keypair(id->key.public_text, secret_text) != 0)
		return err_set(e, ERR_KEY, "this libzmq has no CURVE security");
	id->key.secret_text = secret_new(secret_text, 40);
	return sign_key_generate(&id->report_key, e);
}

static int certify(struct identity *id, const struct sign_key *enrol, int64_t now_us, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(CERT_ARENA);
	AUTO(buf_done) struct buf payload = BUF_INIT;
	struct buf data = BUF_INIT;
	const char *glob = arena_printf(a, "%s/%s/*", id->site, id->name);
	struct certificate cert = {.agent = id->name,
	                           .site = id->site,
	                           .serial = "1",
	                           .curve_key = id->key.public_text,
	                           .targets = &glob,
	                           .n_targets = 1,
	                           .not_before_us = now_us,
	                           .not_after_us = now_us + DAY_US};
	sign_key_public(id->report_key, cert.report_key);
	certificate_encode(&cert, &payload);
	struct envelope env = {.type = TYPE_CERTIFICATE, .payload = buf_bytes(&payload)};
	if (dsse_sign(&env, enrol, a, e) != 0)
		return -1;
	envelope_encode(&env, &data);
	id->certificate = buf_bytes(&data); /* for the process's life */
	return 0;
}

static int admit_all(const struct farm_config *c, const struct identity *ids, int64_t now_us, struct err *e)
{
	AUTO(store_close) struct store *s = NULL;
	AUTO(mem_free_ptr) char *path = path_in(c, "controller/store.db");
	if (store_open(path, &s, e) != 0 || store_begin(s, e) != 0)
		return -1;
	for (size_t i = 0; i < c->n_agents; i++) {
		const struct store_agent rec = {.name = ids[i].name,
		                                .site = ids[i].site,
		                                .serial = "1",
		                                .curve_key = ids[i].key.public_text,
		                                .certificate = ids[i].certificate,
		                                .admitted_at_us = now_us};
		if (store_agent_put(s, &rec, e) != 0)
			return -1;
	}
	return store_commit(s, e);
}

int identities_make(const struct farm_config *c, struct identity **ret, struct err *e)
{
	AUTO(sign_key_destroy) struct sign_key *enrol = NULL;
	AUTO(mem_free_ptr) char *enrol_path = path_in(c, "keys/enrol"), *controller_path = path_in(c, "keys/controller.curve.pub");
	char controller_key[41];
	int64_t now_us = clock_wall_us();
	if (sign_key_load(enrol_path, NULL, &enrol, e) != 0 || curve_public_read(controller_path, controller_key, e) != 0)
		return -1;
	struct identity *ids = mem_alloc(c->n_agents * sizeof *ids);
	for (size_t i = 0; i < c->n_agents; i++) {
		snprintf(ids[i].name, sizeof ids[i].name, "a%05zu", i);
		snprintf(ids[i].site, sizeof ids[i].site, "s%03zu", i / FARM_PER_SITE);
		memcpy(ids[i].controller_key, controller_key, sizeof controller_key);
		if (make_keys(&ids[i], e) != 0 || certify(&ids[i], enrol, now_us, e) != 0)
			return -1;
	}
	*ret = ids;
	return admit_all(c, ids, now_us, e);
}
