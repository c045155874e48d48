/* What the readers of up/down files share: files go in one by one, changes in order of version come out. */
#ifndef CONTROLLER_CHANGE_PAIR_H
#define CONTROLLER_CHANGE_PAIR_H

#include "controller/change/change.h"
#include "controller/change/source.h"

#define PAIR_OTHER_ENGINE (1u << 31) /* a database that no project of ours has */

struct pair_file {
	const struct source_file *file;
	const char *order; /* compared octet by octet, then the name */
	const char *name; /* of the change; files of one name belong together */
	unsigned engines; /* ENGINE_BITs; 0: every engine without a file of its own */
	bool up, run_in_transaction;
};

struct pairs {
	struct change_set *set;
	unsigned engines; /* of the project */
	const char *author; /* of every change: the reader's word */
	bool refuses_empty; /* an up file without a byte of text is a mistake there */
	struct pair_file *files;
	size_t n, cap;
};

void pair_add(struct pairs *p, const struct pair_file *f);
void pairs_finish(struct pairs *p);

#endif
