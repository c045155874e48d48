/* An agent's folder. */
#include "tests/support/agent_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/link/curve.h"
#include "common/wire/documents.h"

static void must(int rc, const struct err *e)
{
	if (rc == 0)
		return;
	fprintf(stderr, "agent_fixture: %s\n", e->msg);
	abort();
}

static const char *in(const struct agent_fixture *f, const char *name, char out[256])
{
	snprintf(out, 256, "%s/%s", f->dir, name);
	return out;
}

static void make_keys(struct agent_fixture *f)
{
	struct err e = ERR_INIT;
	struct curve_key curve = {0};
	struct sign_key *report = NULL;
	char path[256];
	must(curve_key_generate(in(f, "curve.key", path), &e), &e);
	must(curve_key_load(path, &curve, &e), &e);
	str_copy(f->curve_key, sizeof f->curve_key, curve.public_text);
	curve_key_done(&curve);
	must(sign_key_generate(&report, &e), &e);
	must(sign_key_save(report, in(f, "report.key", path), NULL, &e), &e);
	sign_key_public(report, f->certificate.report_key);
	sign_key_destroy(&report);
}

void agent_fixture_init(struct agent_fixture *f)
{
	static const char *everything[] = {"eu/*"};
	*f = (struct agent_fixture){0};
	trust_fixture_init(&f->signed_by);
	str_copy(f->dir, sizeof f->dir, "/tmp/rollcall-agent.XXXXXX");
	if (!mkdtemp(f->dir))
		abort();
	int64_t now_us = clock_wall_us();
	struct trust_fixture *s = &f->signed_by;
	s->now_us = now_us; /* of the approvals, at build */
	s->trust.created_at_us = s->release.created_at_us = s->order.created_at_us = s->order.not_before_us = now_us - FIXTURE_HOUR;
	s->trust.expires_at_us = s->release.expires_at_us = s->order.not_after_us = now_us + 24 * FIXTURE_HOUR;
	s->trust.n_controller_keys = 0;
	f->certificate = (struct certificate){
	    .agent = "eu-1",
	    .site = "eu",
	    .serial = "7",
	    .curve_key = f->curve_key,
	    .targets = everything,
	    .n_targets = 1,
	    .not_before_us = now_us - FIXTURE_HOUR,
	    .not_after_us = now_us + 24 * FIXTURE_HOUR,
	};
	make_keys(f);
}

void agent_fixture_write(struct agent_fixture *f)
{
	AUTO(buf_done) struct buf payload = BUF_INIT;
	struct err e = ERR_INIT;
	char path[256];
	trust_fixture_build(&f->signed_by);
	certificate_encode(&f->certificate, &payload);
	must(file_write_atomic(in(f, "trust.env", path), f->signed_by.trust_bytes, 0644, &e), &e);
	must(file_write_atomic(in(f, "eu-1.cert", path), trust_fixture_sign(&f->signed_by, TYPE_CERTIFICATE, buf_bytes(&payload), ERIN), 0644, &e), &e);
}

void agent_fixture_file(const struct agent_fixture *f, const char *name, const char *text, mode_t mode)
{
	struct err e = ERR_INIT;
	char path[256];
	must(file_write_atomic(in(f, name, path), bytes_of_str(text), mode, &e), &e);
}

void agent_fixture_done(struct agent_fixture *f)
{
	struct err e = ERR_INIT;
	must(file_remove_tree(f->dir, &e), &e);
	trust_fixture_done(&f->signed_by);
}
