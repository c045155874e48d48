/* `rollcall init`: a complete sample project, to look at, to run and to change. */
#ifndef CONTROLLER_RELEASE_INIT_H
#define CONTROLLER_RELEASE_INIT_H

#include "common/base/err.h"

/* Writes the project into `folder` (made when it is missing). ERR_EXISTS when it holds a rollcall.yaml, or any file that would be written: nothing is written then.
 * `name` NULL: the folder's own name. `engines` NULL: all three. */
int init_project(const char *folder, const char *name, const char *const *engines, size_t n_engines, struct err *e) MUST_CHECK;
/* What it writes, relative to the folder; NULL past the end. */
const char *init_file(size_t i);

#endif
