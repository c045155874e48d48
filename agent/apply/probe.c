/* See the header. */
#include "agent/apply/probe.h"

#include "agent/apply/deliver.h"
#include "agent/report/collect.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/model/probe.h"
#include "common/sql/classify.h"

#define STATEMENT_MAX_MS 30000 /* a probe is a look, not a job: however long the target's own statements may take */

struct single {
	struct arena *arena;
	const char *value;
	size_t rows;
};

static int single_row(void *arg, size_t n_columns, const char *const *values, struct err *e)
{
	struct single *s = arg;
	if (n_columns != 1 || ++s->rows > 1)
		return err_set(e, ERR_DB, "its query has to give one row with one column");
	const char *v = values[0] ? values[0] : "NULL";
	s->value = collect_text(s->arena, v, PROBE_VALUE_MAX);
	return 0;
}

static int find_task(const struct survey_job *job, struct journal *j, struct arena *a, struct task *ret, struct err *e)
{
	bool found = false;
	if (journal_get_task(j, job->task, a, &found, ret, e) != 0)
		return -1;
	if (!found || !str_eq(ret->target, job->target->target.id))
		return err_set(e, ERR_NOT_FOUND, "this agent has no such task on %s: nothing is asked there", job->target->target.id);
	return 0;
}

/* The probe as the verified order has it. */
static int find_probe(const struct survey_job *job, struct arena *a, const struct probe **ret, struct err *e)
{
	AUTO(mem_free_ptr) char *path = file_join(job->config->data_dir, "journal.db");
	AUTO(journal_return) struct journal *j = NULL;
	struct task task;
	struct deliver_job d = {.config = job->config, .target = job->target, .task = &task};
	struct verified v;
	uint32_t wave = 0;
	if (journal_borrow(path, &j, e) != 0 || find_task(job, j, a, &task, e) != 0)
		return -1;
	enum check_code c = deliver_preview(&d, j, a, &v, &wave, e);
	if (c)
		return err_wrap(e, "%s", check_title(c));
	const struct wave *w = &v.order.waves[wave];
	if (job->probe == 0 || job->probe > w->n_probes || !w->probes[job->probe - 1].sql)
		return err_set(e, ERR_NOT_FOUND, "wave %s of order %s has no probe %u with SQL", w->name, v.order.id, job->probe);
	*ret = &w->probes[job->probe - 1];
	return 0;
}

static int check_query(const struct engine *en, const struct probe *p, struct err *e)
{
	struct sql_class c;
	struct bytes sql = bytes_of_str(p->sql);
	sql_classify(en->dialect, sql, &c);
	if (c.kind != SQL_QUERY || !sql_is_single(en->dialect, sql))
		return err_set(e, ERR_POLICY, "probe %s is not one query: only a SELECT is run here", p->name);
	return 0;
}

static int ask(const struct engine *en, struct conn *conn, const struct probe *p, struct single *s, struct err *e)
{
	struct err ignored = ERR_INIT;
	if (en->begin_read(conn, e) != 0)
		return -1;
	int rc = en->query(conn, bytes_of_str(p->sql), NULL, 0, single_row, s, e);
	if (en->rollback(conn, rc == 0 ? e : &ignored) != 0)
		return -1;
	if (rc == 0 && s->rows == 0)
		return err_set(e, ERR_DB, "its query gave no row");
	return rc;
}

int probe_run(const struct survey_job *job, const struct engine_target *connect, struct arena *a, const char **ret_value, struct err *e)
{
	const struct engine *en = engine_by_name(job->target->target.engine);
	const struct probe *p = NULL;
	struct engine_target to = *connect;
	struct single s = {.arena = a};
	struct conn *conn = NULL;
	if (find_probe(job, a, &p, e) != 0 || check_query(en, p, e) != 0)
		return -1;
	if (to.statement_timeout_ms > STATEMENT_MAX_MS)
		to.statement_timeout_ms = STATEMENT_MAX_MS;
	if (en->open(&to, &conn, e) != 0)
		return err_wrap(e, "target unreachable");
	int rc = ask(en, conn, p, &s, e);
	en->close(&conn);
	if (rc != 0)
		return -1;
	*ret_value = s.value;
	return 0;
}
