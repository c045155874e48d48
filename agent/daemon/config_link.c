/* The part of agent.yaml that says where the controller is: controller. */
#include <string.h>

#include "agent/daemon/config_impl.h"
#include "common/base/str.h"

static int check_endpoint(struct loading *l, const char *key, const char *endpoint, struct err *e)
{
	const char *colon = strrchr(endpoint, ':');
	uint64_t port;
	if (!str_starts(endpoint, "tcp://") || colon <= endpoint + strlen("tcp://") || str_to_u64(colon + 1, "port", 1, 65535, &port, NULL) != 0)
		return config_wrong(l, raw_line(&l->raw, "controller", key), e, "%s '%s': not an address: write tcp://HOST:PORT", key, endpoint);
	return 0;
}

static bool is_listed(const struct trust *t, const char *key)
{
	for (size_t i = 0; i < t->n_controller_keys; i++)
		if (str_eq(t->controller_keys[i], key))
			return true;
	return t->n_controller_keys == 0;
}

static int take_also(struct loading *l, const struct raw_controller *r, struct err *e)
{
	l->c->controller_also = arena_alloc(l->c->arena, (r->also_count + 1) * sizeof *l->c->controller_also);
	l->c->blobs_also = arena_alloc(l->c->arena, (r->also_count + 1) * sizeof *l->c->blobs_also);
	for (unsigned i = 0; i < r->also_count; i++) {
		if (check_endpoint(l, "also", r->also[i].endpoint, e) != 0 || check_endpoint(l, "also", r->also[i].blobs, e) != 0)
			return -1;
		l->c->controller_also[i] = arena_strdup(l->c->arena, r->also[i].endpoint);
		l->c->blobs_also[i] = arena_strdup(l->c->arena, r->also[i].blobs);
	}
	l->c->n_also = r->also_count;
	return 0;
}

int config_take_controller(struct loading *l, struct err *e)
{
	const struct raw_controller *r = &l->raw.config->controller;
	unsigned line = raw_line(&l->raw, "controller", "keys");
	if (check_endpoint(l, "endpoint", r->endpoint, e) != 0 || check_endpoint(l, "blobs", r->blobs, e) != 0 ||
	    (r->enrol && check_endpoint(l, "enrol", r->enrol, e) != 0))
		return -1;
	if (take_also(l, r, e) != 0)
		return -1;
	l->c->controller_endpoint = arena_strdup(l->c->arena, r->endpoint);
	l->c->blob_endpoint = arena_strdup(l->c->arena, r->blobs);
	l->c->enrol_endpoint = arena_strdup(l->c->arena, r->enrol);
	l->c->controller_keys = arena_alloc(l->c->arena, r->keys_count * sizeof *l->c->controller_keys);
	for (unsigned i = 0; i < r->keys_count; i++) {
		char key[41];
		/* Z85 has '/' in its alphabet: only what is not 40 characters long is taken as a path. */
		const char *text = strlen(r->keys[i]) == 40 ? r->keys[i] : config_path(l, r->keys[i]);
		if (curve_public_read(text, key, e) != 0)
			return config_wrap(l, line, "controller key", e);
		if (!is_listed(&l->c->trust, key))
			return config_wrong(l, line, e, "controller key %s is not among those of the trust document: take one that is listed there", key);
		l->c->controller_keys[l->c->n_controller_keys++] = arena_strdup(l->c->arena, key);
	}
	return 0;
}
