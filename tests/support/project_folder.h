/* A project in a temporary folder: files go in by name, the folder goes away at the end. */
#ifndef TESTS_SUPPORT_PROJECT_FOLDER_H
#define TESTS_SUPPORT_PROJECT_FOLDER_H

#include <stddef.h>

#include "controller/change/readers.h"

struct project_folder {
	char path[64];
};

void project_folder_init(struct project_folder *f);
void project_folder_done(struct project_folder *f);
/* Makes the folders on the way. */
void project_folder_write(const struct project_folder *f, const char *name, const char *text);
void project_folder_write_bytes(const struct project_folder *f, const char *name, const void *p, size_t n);
void project_folder_remove(const struct project_folder *f, const char *name);
/* Reads folder/changes; `reader` NULL: found by looking. */
struct change_set *project_folder_read(const struct project_folder *f, const char *reader, unsigned engines);
/* All problems, one a line. */
const char *project_folder_problems(const struct change_set *s);

#endif
