/* `rollcall rollout approve | order | hand-in`: what is signed is recomputed here from the order's own bytes and the full target list, so that a lying controller cannot
 * have one thing approved and another one run. The private key is used here and goes nowhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/crypto/merkle.h"
#include "common/crypto/sign.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"
#include "controller/cli/key_option.h"
#include "controller/cli/order_show.h"
#include "controller/cli/rollout_cli.h"
#include "controller/release/approve.h"
#include "controller/release/target_list.h"

static int take_leaf(const struct answer_table *t, size_t row, struct merkle_leaf *ret, struct err *e)
{
	uint64_t wave = 0, index = 0;
	if (str_to_u64(answer_cell(t, row, "index"), "index", 0, UINT32_MAX, &index, e) != 0 ||
	    str_to_u64(answer_cell(t, row, "wave"), "wave", 0, UINT32_MAX, &wave, e) != 0 ||
	    bytes_from_hex(answer_cell(t, row, "salt"), ret->salt, TARGET_SALT_SIZE, e) != 0)
		return err_wrap(e, "the controller's target list, row %zu", row);
	if (index != row)
		return err_set(e, ERR_SIGNATURE, "the controller's target list is not in its order at row %zu: nothing was signed", row);
	ret->wave = (uint32_t)wave;
	ret->target = answer_cell(t, row, "target");
	if (!str_is_target_id(ret->target))
		return err_set(e, ERR_PARSE, "the controller's target list, row %zu: not a target id", row);
	return 0;
}

static int take_list(const struct answer_table *t, struct arena *a, struct target_list *ret, struct err *e)
{
	*ret = (struct target_list){.n = t ? t->n_rows : 0};
	ret->leaves = arena_alloc(a, (ret->n + 1) * sizeof *ret->leaves);
	for (size_t i = 0; i < ret->n; i++)
		if (take_leaf(t, i, &ret->leaves[i], e) != 0)
			return -1;
	return 0;
}

static int show_release(FILE *out, const struct cmd_args *a, struct chosen_release *c, struct err *e)
{
	const char *path = cmd_option_value(a, "release");
	if (!path)
		return 0;
	if (chosen_release_load(path, c, e) != 0)
		return -1;
	if (!c->release)
		return err_set(e, ERR_USAGE, "--release %s: give the release's file: only that can be compared", path);
	release_show(out, c->release, c->arena);
	return 0;
}

/* The count is typed by the approver: a selector that matches 883 targets instead of 30 is seen here or never. */
static int typed_count(const struct cmd_args *a, uint64_t *ret, struct err *e)
{
	const char *given = cmd_option_value(a, "targets");
	char line[32] = "";
	if (!given && !isatty(STDIN_FILENO))
		return err_set(e, ERR_USAGE, "say how many targets you approve: --targets N");
	if (!given) {
		fprintf(stderr, "How many targets do you approve? ");
		if (!fgets(line, sizeof line, stdin))
			return err_set(e, ERR_USAGE, "no number was typed: nothing was signed");
		line[strcspn(line, "\r\n")] = '\0';
		given = line;
	}
	if (str_to_u64(given, "--targets", 0, UINT32_MAX, ret, e) == 0)
		return 0;
	e->code = ERR_USAGE;
	return -1;
}

/* The name that the key's public file carries. */
static const char *approver_name(const struct cmd_args *a, struct arena *arena, char out[SIGN_OWNER_SIZE], struct err *e)
{
	const char *key = NULL;
	if (cmd_option_value(a, "as"))
		return cmd_option_value(a, "as");
	if (key_path(cmd_option_value(a, "key"), arena, &key, e) != 0)
		return NULL;
	sign_public_owner(arena_printf(arena, "%s.pub", key), out);
	return out;
}

static int sign_approval(const struct cmd_args *a, const struct order *o, const struct envelope *release, struct arena *arena, struct buf *ret,
                         struct err *e)
{
	AUTO(sign_key_destroy) struct sign_key *key = NULL;
	char owner[SIGN_OWNER_SIZE];
	struct envelope env;
	struct approval_terms terms = {.order = o, .release = release, .reason = cmd_option_value(a, "reason"), .now_us = clock_wall_us()};
	if (typed_count(a, &terms.targets, e) != 0)
		return -1;
	terms.approver = approver_name(a, arena, owner, e);
	if (!terms.approver || key_option_load(a, arena, &key, e) != 0 || approval_make(&terms, key, arena, &env, e) != 0)
		return -1;
	envelope_encode(&env, ret);
	return 0;
}

static int fetch_order(struct live *l, const char *rollout, struct answer *ret, struct order *ret_order, struct target_list *ret_list, struct err *e)
{
	struct question q = {.verb = VERB_ROLLOUT_ORDER};
	question_add(&q, "rollout", rollout);
	if (live_ask(l, &q, ret, e) != 0)
		return -1;
	if (!ret->document.n || order_decode(ret->document, ret->arena, ret_order, e) != 0)
		return err_wrap(e, "the order that the controller sent");
	if (take_list(answer_find(ret, "salt"), ret->arena, ret_list, e) != 0)
		return -1;
	return target_list_check(ret_list, ret_order, e) == 0 ? 0 : err_wrap(e, "what the controller sent: nothing was signed");
}

int run_rollout_approve(const struct cmd_args *a, struct err *e)
{
	AUTO(live_close) struct live l = {0};
	AUTO(answer_done) struct answer fetched = {0};
	AUTO(answer_done) struct answer r = {0};
	AUTO(chosen_release_done) struct chosen_release release = {0};
	AUTO(buf_done) struct buf approval = BUF_INIT;
	struct question q = {.verb = VERB_ROLLOUT_APPROVE};
	struct order o = {0};
	struct target_list list = {0};
	FILE *out = cmd_output(a) == OUTPUT_TABLE || cmd_output(a) == OUTPUT_WIDE ? stdout : stderr;
	if (live_open(a, &l, e) != 0 || fetch_order(&l, cmd_argument(a, 0), &fetched, &o, &list, e) != 0)
		return -1;
	order_show(out, &o, &list, cmd_output(a) == OUTPUT_WIDE);
	if (show_release(out, a, &release, e) != 0 || sign_approval(a, &o, release.release ? &release.envelope : NULL, fetched.arena, &approval, e) != 0)
		return -1;
	question_add(&q, "rollout", o.id);
	q.document = buf_bytes(&approval);
	if (live_ask(&l, &q, &r, e) != 0)
		return -1;
	return rollout_answer_and_wait(a, &l, &r, e);
}

/* ---- with keys that see no network: the order goes out as a file, the approvals come back as files -------------------------------------------------- */

int run_rollout_order(const struct cmd_args *a, struct err *e)
{
	AUTO(live_close) struct live l = {0};
	AUTO(answer_done) struct answer fetched = {0};
	const char *path = cmd_option_value(a, "out");
	AUTO(buf_done) struct buf text = BUF_INIT;
	struct order o = {0};
	struct target_list list = {0};
	if (live_open(a, &l, e) != 0 || fetch_order(&l, cmd_argument(a, 0), &fetched, &o, &list, e) != 0)
		return -1;
	if (!path)
		path = arena_printf(fetched.arena, "%.8s.order", o.id);
	const char *list_path = target_list_path(path, fetched.arena);
	order_show(stderr, &o, &list, cmd_output(a) == OUTPUT_WIDE);
	target_list_write(&list, &text);
	if (file_write_atomic(list_path, buf_bytes(&text), 0644, e) != 0 || file_write_atomic(path, fetched.document, 0644, e) != 0)
		return -1;
	files_print((const char *const[]){path, list_path}, 2, cmd_output(a), stdout);
	output_say("Next: both files and the release go to each approver, who runs 'rollcall approve %s --release FILE --targets %u --key KEY --reason "
	           "TEXT'; the approvals come "
	           "back to 'rollcall rollout hand-in %.8s APPROVAL...'",
	           path, o.target_count, o.id);
	return EXIT_DONE;
}

static int hand_in(struct live *l, const char *rollout, const char *path, struct answer *ret, struct err *e)
{
	AUTO(buf_done) struct buf approval = BUF_INIT;
	struct question q = {.verb = VERB_ROLLOUT_APPROVE};
	if (file_read(path, LIMIT_DOCUMENT, &approval, e) != 0)
		return -1;
	question_add(&q, "rollout", rollout);
	q.document = buf_bytes(&approval);
	return live_ask(l, &q, ret, e) == 0 ? 0 : err_wrap(e, "%s", path);
}

int run_rollout_hand_in(const struct cmd_args *a, struct err *e)
{
	AUTO(live_close) struct live l = {0};
	size_t n = cmd_argument_count(a);
	if (live_open(a, &l, e) != 0)
		return -1;
	for (size_t i = 1; i + 1 < n; i++) {
		AUTO(answer_done) struct answer r = {0};
		if (hand_in(&l, cmd_argument(a, 0), cmd_argument(a, i), &r, e) != 0)
			return -1;
	}
	AUTO(answer_done) struct answer last = {0};
	if (hand_in(&l, cmd_argument(a, 0), cmd_argument(a, n - 1), &last, e) != 0)
		return -1;
	return rollout_answer_and_wait(a, &l, &last, e);
}
