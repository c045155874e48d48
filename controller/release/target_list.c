/* See the header. */
#include "controller/release/target_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/model/target.h"
#include "common/wire/limits.h"

const char *target_list_path(const char *order_path, struct arena *a)
{
	return arena_printf(a, "%s.targets", order_path);
}

void target_list_write(const struct target_list *l, struct buf *ret)
{
	char salt[TARGET_SALT_SIZE * 2 + 1];
	for (size_t i = 0; i < l->n; i++)
		buf_addf(ret, "%zu %" PRIu32 " %s %s\n", i, l->leaves[i].wave, l->leaves[i].target,
		         bytes_to_hex(bytes_of(l->leaves[i].salt, TARGET_SALT_SIZE), salt));
}

static int read_line(char *line, size_t expected, struct arena *a, struct merkle_leaf *ret, struct err *e)
{
	char *save = NULL, *cells[4];
	uint64_t index = 0, wave = 0;
	for (size_t i = 0; i < ARRAY_LEN(cells); i++)
		if (!(cells[i] = strtok_r(i ? NULL : line, " ", &save)))
			return err_set(e, ERR_PARSE, "a line is 'INDEX WAVE TARGET SALT'");
	if (strtok_r(NULL, " ", &save))
		return err_set(e, ERR_PARSE, "a line is 'INDEX WAVE TARGET SALT', and no more");
	if (str_to_u64(cells[0], "index", 0, UINT32_MAX, &index, e) != 0 || str_to_u64(cells[1], "wave", 0, UINT32_MAX, &wave, e) != 0)
		return -1;
	if (index != expected)
		return err_set(e, ERR_PARSE, "index %" PRIu64 " stands where %zu is due: lines are missing, or not in their order", index, expected);
	if (!str_is_target_id(cells[2]))
		return err_set(e, ERR_PARSE, "'%.64s' is no target's id", cells[2]);
	if (bytes_from_hex(cells[3], ret->salt, TARGET_SALT_SIZE, NULL) != 0)
		return err_set(e, ERR_PARSE, "the salt is %d hex digits", TARGET_SALT_SIZE * 2);
	ret->wave = (uint32_t)wave;
	ret->target = arena_strdup(a, cells[2]);
	return 0;
}

int target_list_read(const char *name, struct bytes text, struct arena *a, struct target_list *ret, struct err *e)
{
	struct target_list list = {0};
	size_t cap = 0;
	char *save = NULL;
	AUTO(buf_done) struct buf copy = BUF_INIT;
	buf_add(&copy, text.p, text.n);
	for (char *line = strtok_r(copy.p, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (list.n == LIMIT_TARGETS)
			return err_set(e, ERR_PARSE, "%s: more than %d targets", name, LIMIT_TARGETS);
		arena_vec_grow(a, list.leaves, list.n, cap);
		if (read_line(line, list.n, a, &list.leaves[list.n], e) != 0)
			return err_wrap(e, "%s:%zu", name, list.n + 1);
		list.n++;
	}
	*ret = list;
	return 0;
}

static int check_waves(const struct target_list *l, const struct order *o, struct err *e)
{
	AUTO(mem_free_ptr) uint32_t *counts = mem_alloc((o->n_waves + 1) * sizeof *counts);
	for (size_t i = 0; i < l->n; i++) {
		if (l->leaves[i].wave >= o->n_waves)
			return err_set(e, ERR_SIGNATURE, "target %s is in wave %" PRIu32 ", the order has %zu", l->leaves[i].target, l->leaves[i].wave,
			               o->n_waves);
		counts[l->leaves[i].wave]++;
	}
	for (size_t w = 0; w < o->n_waves; w++)
		if (counts[w] != o->waves[w].target_count)
			return err_set(e, ERR_SIGNATURE, "wave %s: the order says %" PRIu32 " targets, the list has %" PRIu32, o->waves[w].name,
			               o->waves[w].target_count, counts[w]);
	return 0;
}

int target_list_check(const struct target_list *l, const struct order *o, struct err *e)
{
	uint8_t root[DIGEST_SIZE];
	if (l->n == 0 || l->n != o->target_count)
		return err_set(e, ERR_SIGNATURE, "the order is for %" PRIu32 " targets, the list has %zu", o->target_count, l->n);
	if (check_waves(l, o, e) != 0)
		return -1;
	struct merkle_tree *tree = merkle_new(l->leaves, l->n);
	merkle_root(tree, root);
	merkle_destroy(&tree);
	if (memcmp(root, o->targets_root, DIGEST_SIZE) != 0)
		return err_set(e, ERR_SIGNATURE, "the target list is not the one in the order (another Merkle root)");
	return 0;
}
