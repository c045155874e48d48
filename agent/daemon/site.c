/* The site's word, kept up to date. */
#include "agent/daemon/site.h"

#include <inttypes.h>
#include <sys/stat.h>

#include "agent/verify/trusted.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"

#define POLICY_ARENA ((size_t)64 * 1024 * 1024)
#define HOLDS_ARENA  ((size_t)16 * 1024 * 1024)

struct site {
	const struct agent_config *config;
	struct journal *journal;
	struct arena *policy_arena, *holds_arena;
	struct site_view view;
	struct stat file; /* of the policy, as it was read */
	bool looked, holds_failed;
};

/* ---- reading ---- */

/* An older document that is put back would open what a newer one has closed. */
static int check_version(const struct policy *p, const char *path, struct journal *j, struct err *e)
{
	uint64_t seen = 0;
	if (journal_number(j, "policy_version", &seen, e) != 0)
		return -1;
	if (p->version < seen)
		return err_set(e, ERR_POLICY, "%s: version %" PRIu64 ", but version %" PRIu64 " was in force before: give it a higher version", path,
		               p->version, seen);
	return p->version > seen ? journal_raise(j, "policy_version", p->version, e) : 0;
}

static void read_policy(const struct agent_config *c, struct journal *j, struct arena *a, struct site_view *ret)
{
	struct err e = ERR_INIT;
	struct trusted t;
	ret->has_policy = false;
	ret->unreadable = NULL;
	if (!c->policy_file)
		return;
	ret->has_policy = trusted_load(j, c->trust_pin, a, &t, &e) == 0 && policy_load(c->policy_file, &t.valid, c->site, a, &ret->policy, &e) == 0 &&
	                  check_version(&ret->policy, c->policy_file, j, &e) == 0;
	if (!ret->has_policy)
		ret->unreadable = arena_strdup(a, e.msg);
}

int site_view_read(const struct agent_config *c, struct journal *j, struct arena *a, struct site_view *ret, struct err *e)
{
	struct site_view v = {.n_holds = 0};
	if (journal_holds(j, a, &v.holds, &v.n_holds, e) != 0)
		return -1;
	read_policy(c, j, a, &v);
	*ret = v;
	return 0;
}

struct policy_facts site_view_facts(const struct site_view *v, const char *target, bool consented, int64_t now_us)
{
	return (struct policy_facts){.policy = v->has_policy ? &v->policy : NULL,
	                             .unreadable = v->unreadable,
	                             .holds = v->holds,
	                             .n_holds = v->n_holds,
	                             .target = target,
	                             .consented = consented,
	                             .now_us = now_us};
}

/* ---- in the daemon ---- */

struct site *site_new(const struct agent_config *c, struct journal *j)
{
	struct site *s = mem_alloc(sizeof *s);
	s->config = c;
	s->journal = j;
	site_refresh(s);
	return s;
}

void site_destroy(struct site **sp)
{
	struct site *s = *sp;
	if (!s)
		return;
	arena_destroy(&s->policy_arena);
	arena_destroy(&s->holds_arena);
	free(s);
	*sp = NULL;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void refresh_policy(struct site *s)
{
	struct stat now = {.st_ino = 0};
	if (s->config->policy_file && stat(s->config->policy_file, &now) != 0)
		now = (struct stat){.st_ino = 0};
	if (s->looked && same_file(&now, &s->file))
		return;
	s->looked = true;
	s->file = now;
	arena_destroy(&s->policy_arena);
	s->policy_arena = arena_new(POLICY_ARENA);
	read_policy(s->config, s->journal, s->policy_arena, &s->view);
	if (s->view.unreadable)
		log_error("%s: nothing is begun until the site's policy can be believed", s->view.unreadable);
	else if (s->view.has_policy)
		log_info("site policy version %" PRIu64 " (%s) is in force", s->view.policy.version, s->view.policy.source);
}

/* Holds that cannot be read are taken to be there: the last ones stay, and nothing is begun. */
static void refresh_holds(struct site *s)
{
	struct err e = ERR_INIT;
	struct arena *a = arena_new(HOLDS_ARENA);
	struct site_hold *holds = NULL;
	size_t n = 0;
	s->holds_failed = journal_holds(s->journal, a, &holds, &n, &e) != 0;
	if (s->holds_failed) {
		log_error("%s: holds cannot be read, so nothing is begun", e.msg);
		arena_destroy(&a);
		return;
	}
	arena_destroy(&s->holds_arena);
	s->holds_arena = a;
	s->view.holds = holds;
	s->view.n_holds = n;
}

void site_refresh(struct site *s)
{
	refresh_policy(s);
	refresh_holds(s);
}

void site_ask(struct site *s, const struct task *t, struct policy_verdict *ret)
{
	struct err e = ERR_INIT;
	bool consented = false;
	site_refresh(s);
	if (s->view.has_policy && policy_wants_consent(&s->view.policy, t->target) && journal_consented(s->journal, t, &consented, &e) != 0)
		log_error("%s: the consent counts as not given", e.msg);
	struct policy_facts f = site_view_facts(&s->view, t->target, consented, clock_wall_us());
	if (s->holds_failed)
		f.unreadable = "the journal's holds cannot be read";
	policy_decide(&f, ret);
}

bool site_holds(struct site *s, const char *target, struct policy_verdict *ret)
{
	struct policy_facts f = site_view_facts(&s->view, target, true, clock_wall_us());
	f.policy = NULL; /* only people's holds end what has begun: a window or a consent is for beginnings */
	f.unreadable = NULL;
	policy_decide(&f, ret);
	return ret->answer == POLICY_HOLD;
}
