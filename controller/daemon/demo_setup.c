/* What exists before anything starts: people's keys, the trust document, the agents' certificates, the configurations. All of it as real as in production: encrypted
 * keys, thresholds, CURVE keys for each end. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/crypto/dsse.h"
#include "common/crypto/sign.h"
#include "common/link/curve.h"
#include "common/wire/documents.h"
#include "controller/daemon/demo_impl.h"

#define DAY_US ((int64_t)24 * 3600 * 1000000)

const char *const demo_sites[DEMO_SITES] = {"eu", "us", "ap"};
const struct tenant demo_tenants[DEMO_TENANTS] = {
    {"eu", "acme", "canary"},     {"eu", "birch", "early"},   {"eu", "cedar", "rest"},  {"eu", "dogwood", "rest"},
    {"us", "elm", "canary"},      {"us", "fig", "early"},     {"us", "ginkgo", "rest"}, {"us", "hazel", "rest"},
    {"ap", "ironwood", "canary"}, {"ap", "juniper", "early"}, {"ap", "koa", "rest"},    {"ap", "larch", "rest"},
};

/* People, and what the trust document lets each do. */
enum person { ROOT, CAROL, ANN, BOB, ENROL, PEOPLE };
static const char *const person_names[PEOPLE] = {"root", "carol", "ann", "bob", "enrol"};

struct setup {
	struct demo *demo;
	struct sign_key *keys[PEOPLE];
	struct secret *passphrase;
	struct arena *arena;
};

static void setup_done(struct setup *s)
{
	for (size_t i = 0; i < PEOPLE; i++)
		sign_key_destroy(&s->keys[i]);
	secret_destroy(&s->passphrase);
	arena_destroy(&s->arena);
}

int demo_write(const struct demo *d, const char *name, const char *text, struct err *e)
{
	AUTO(mem_free_ptr) char *path = file_join(d->dir, name);
	return file_write_atomic(path, bytes_of_str(text), 0600, e);
}

static const char *path_in(struct setup *s, const char *name)
{
	return arena_printf(s->arena, "%s/%s", s->demo->dir, name);
}

static int make_folders(struct setup *s, struct err *e)
{
	static const char *const folders[] = {"keys",      "shop/changes", "shop/plans", "shop/releases", "controller",
	                                      "agents/eu", "agents/us",    "agents/ap",  "tenants",       "logs"};
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		if (file_make_dirs(path_in(s, folders[i]), 0700, e) != 0)
			return -1;
	return 0;
}

static int make_passphrase(struct setup *s, struct err *e)
{
	uint8_t random[16];
	char hex[33];
	if (crypto_random(random, sizeof random, e) != 0)
		return -1;
	bytes_to_hex(bytes_of(random, sizeof random), hex);
	s->passphrase = secret_new(hex, 32);
	return file_write_atomic(path_in(s, "keys/passphrase"), bytes_of(hex, 32), 0600, e);
}

static int make_people(struct setup *s, struct err *e)
{
	for (size_t i = 0; i < PEOPLE; i++) {
		const char *path = path_in(s, arena_printf(s->arena, "keys/%s.key", person_names[i]));
		if (sign_key_generate(&s->keys[i], e) != 0 || sign_key_save(s->keys[i], path, s->passphrase, e) != 0)
			return -1;
	}
	return 0;
}

static int make_link_keys(struct setup *s, struct err *e)
{
	struct curve_key key = {0};
	if (curve_key_generate(path_in(s, "controller/controller.curve"), e) != 0 || curve_key_generate(path_in(s, "keys/operator.curve"), e) != 0 ||
	    curve_key_load(path_in(s, "controller/controller.curve"), &key, e) != 0)
		return -1;
	str_copy(s->demo->controller_key, sizeof s->demo->controller_key, key.public_text);
	curve_key_done(&key);
	return 0;
}

/* ---- signed documents ---- */

static int sign_and_save(struct setup *s, const char *type, const struct buf *payload, enum person by, const char *name, struct err *e)
{
	struct envelope env = {.type = type, .payload = buf_bytes(payload)};
	if (dsse_sign(&env, s->keys[by], s->arena, e) != 0)
		return -1;
	return envelope_save(path_in(s, name), &env, e);
}

static struct trust_key public_of(struct setup *s, enum person p)
{
	struct trust_key k = {.owner = person_names[p]};
	char id[KEY_ID_SIZE];
	sign_key_public(s->keys[p], k.public_key);
	sign_key_id(k.public_key, id);
	k.id = arena_strdup(s->arena, id);
	return k;
}

static int make_trust(struct setup *s, struct err *e)
{
	AUTO(buf_done) struct buf payload = BUF_INIT;
	struct trust_key keys[PEOPLE];
	for (size_t i = 0; i < PEOPLE; i++)
		keys[i] = public_of(s, (enum person)i);
	const char *root[] = {keys[ROOT].id}, *release[] = {keys[CAROL].id}, *approvers[] = {keys[ANN].id, keys[BOB].id}, *enrol[] = {keys[ENROL].id};
	struct trust_role roles[] = {
	    {.name = ROLE_ROOT, .threshold = 1, .key_ids = root, .n_key_ids = 1},
	    {.name = ROLE_RELEASE, .threshold = 1, .key_ids = release, .n_key_ids = 1},
	    {.name = ROLE_APPROVER_PREFIX "production", .threshold = 2, .key_ids = approvers, .n_key_ids = 2},
	    {.name = ROLE_ENROL, .threshold = 1, .key_ids = enrol, .n_key_ids = 1},
	};
	const char *controllers[] = {s->demo->controller_key};
	const struct trust t = {.fleet = "demo",
	                        .version = 1,
	                        .created_at_us = clock_wall_us(),
	                        .expires_at_us = clock_wall_us() + 365 * DAY_US,
	                        .keys = keys,
	                        .n_keys = PEOPLE,
	                        .roles = roles,
	                        .n_roles = ARRAY_LEN(roles),
	                        .controller_keys = controllers,
	                        .n_controller_keys = 1};
	trust_encode(&t, &payload);
	return sign_and_save(s, TYPE_TRUST, &payload, ROOT, "trust", e);
}

static int make_certificate(struct setup *s, const char *site, const char *curve, const uint8_t report_key[SIGN_PUBLIC_SIZE], struct err *e)
{
	AUTO(buf_done) struct buf payload = BUF_INIT;
	const char *targets[] = {arena_printf(s->arena, "%s/*", site)};
	struct certificate c = {.agent = arena_printf(s->arena, "agent-%s", site),
	                        .site = site,
	                        .serial = arena_printf(s->arena, "demo-%s-1", site),
	                        .curve_key = curve,
	                        .targets = targets,
	                        .n_targets = 1,
	                        .not_before_us = clock_wall_us() - DAY_US,
	                        .not_after_us = clock_wall_us() + 90 * DAY_US};
	memcpy(c.report_key, report_key, SIGN_PUBLIC_SIZE);
	certificate_encode(&c, &payload);
	return sign_and_save(s, TYPE_CERTIFICATE, &payload, ENROL, arena_printf(s->arena, "agents/%s/certificate", site), e);
}

/* ---- configurations ---- */

static int write_agent_yaml(struct setup *s, const char *site, struct err *e)
{
	AUTO(buf_done) struct buf y = BUF_INIT;
	const struct demo *d = s->demo;
	buf_addf(&y, "name: agent-%s\nsite: %s\ndata_dir: data\n", site, site);
	buf_addf(&y, "controller:\n  endpoint: \"tcp://127.0.0.1:%u\"\n  blobs: \"tcp://127.0.0.1:%u\"\n  keys: [\"%s\"]\n", d->control_port,
	         d->blob_port, d->controller_key);
	buf_adds(&y, "keys:\n  curve: agent.curve\n  report: report.key\n");
	buf_adds(&y, "trust: ../../trust\ncertificate: certificate\n");
	buf_adds(&y, "targets:\n");
	for (size_t i = 0; i < DEMO_TENANTS; i++) {
		const struct tenant *t = &demo_tenants[i];
		if (!str_eq(t->site, site))
			continue;
		buf_addf(&y, "  - id: %s/db-%s/%s\n    dsn: \"", site, site, t->name);
		d->engine->add_dsn(d, t, &y);
		buf_addf(&y, "\"\n    labels: {environment: production, ring: %s}\n", t->ring);
	}
	return demo_write(d, arena_printf(s->arena, "agents/%s/agent.yaml", site), y.p, e);
}

static int make_agent(struct setup *s, const char *site, struct err *e)
{
	AUTO(sign_key_destroy) struct sign_key *report = NULL;
	const char *curve_path = path_in(s, arena_printf(s->arena, "agents/%s/agent.curve", site));
	uint8_t report_public[SIGN_PUBLIC_SIZE];
	struct curve_key curve = {0};
	if (curve_key_generate(curve_path, e) != 0 || curve_key_load(curve_path, &curve, e) != 0)
		return -1;
	const char *curve_public = arena_strdup(s->arena, curve.public_text);
	curve_key_done(&curve);
	/* A machine's key: nobody is there at three in the morning to type a passphrase. */
	if (sign_key_generate(&report, e) != 0 || sign_key_save(report, path_in(s, arena_printf(s->arena, "agents/%s/report.key", site)), NULL, e) != 0)
		return -1;
	sign_key_public(report, report_public);
	return make_certificate(s, site, curve_public, report_public, e) != 0 ? -1 : write_agent_yaml(s, site, e);
}

static int write_controller_yaml(struct setup *s, struct err *e)
{
	AUTO(buf_done) struct buf y = BUF_INIT;
	buf_adds(&y, "data_dir: data\n");
	buf_addf(&y, "listen:\n  control: \"tcp://127.0.0.1:%u\"\n  blobs: \"tcp://127.0.0.1:%u\"\n", s->demo->control_port, s->demo->blob_port);
	buf_adds(&y, "curve_key: controller.curve\ntrust: ../trust\n");
	buf_adds(&y, "operators:\n  - {name: olga, role: admin, key: ../keys/operator.curve.pub}\n");
	return demo_write(s->demo, "controller/controller.yaml", y.p, e);
}

/* A port that is free now. */
static int free_port(unsigned *ret, struct err *e)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, n) != 0 || getsockname(fd, (struct sockaddr *)&at, &n) != 0) {
		err_set_errno(e, "a free port on 127.0.0.1");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	*ret = ntohs(at.sin_port);
	return 0;
}

int demo_setup(struct demo *d, struct err *e)
{
	AUTO(setup_done) struct setup s = {.demo = d, .arena = arena_new((size_t)4 * 1024 * 1024)};
	if (make_folders(&s, e) != 0 || free_port(&d->control_port, e) != 0 || free_port(&d->blob_port, e) != 0)
		return -1;
	if (make_passphrase(&s, e) != 0 || make_people(&s, e) != 0 || make_link_keys(&s, e) != 0 || make_trust(&s, e) != 0 ||
	    write_controller_yaml(&s, e) != 0)
		return -1;
	if (d->engine->start(d, e) != 0)
		return -1;
	for (size_t i = 0; i < DEMO_SITES; i++)
		if (make_agent(&s, demo_sites[i], e) != 0)
			return err_wrap(e, "agent %s", demo_sites[i]);
	return demo_write_project(d, e);
}
