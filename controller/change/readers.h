/* The seam between other tools' folders and our model: one reader for each format, in one visible list. A reader says whether a folder is its own, and reads it whole;
 * what is wrong in the files goes to set->problems, only what keeps it from reading at all is an error. */
#ifndef CONTROLLER_CHANGE_READERS_H
#define CONTROLLER_CHANGE_READERS_H

#include "controller/change/change.h"
#include "controller/change/source.h"

struct read_options {
	const char *root; /* the project folder */
	const char *folder; /* of the changes, relative to root */
	unsigned engines; /* ENGINE_BITs of the project */
	const char *const *contexts; /* in which properties with a context are looked up; none: every one matches, as in Liquibase */
	size_t n_contexts;
};

struct change_reader {
	const char *name; /* as rollcall.yaml writes it */
	const char *reads; /* one line for people */
	bool (*detects)(const struct source_list *l);
	void (*read)(const struct read_options *o, const struct source_list *l, struct change_set *set);
};

extern const struct change_reader *const change_readers[]; /* NULL-terminated */
extern const struct change_reader liquibase_sql_reader, updown_reader, diesel_reader;

/* Reads the folder with the named reader (NULL: the first that detects it). ERR_NOT_FOUND for a missing folder, ERR_USAGE for an unknown reader or when none detects it.
 * A folder with problems is still returned: see problems_check(). Blocks on disk. */
int change_set_read(const struct read_options *o, const char *reader, struct change_set **ret, struct err *e) MUST_CHECK;

#endif
