/* Files of a change folder: which there are, and their text in one shape. What is not a plain UTF-8 file inside the folder is a problem with a clear name. */
#ifndef CONTROLLER_CHANGE_SOURCE_H
#define CONTROLLER_CHANGE_SOURCE_H

#include "common/base/arena.h"
#include "controller/change/problem.h"

#define SOURCES_MAX       100000
#define SOURCES_TOTAL_MAX ((size_t)128 * 1024 * 1024)

struct source_file {
	const char *path; /* relative to the project folder: for messages and the model */
	const char *name; /* relative to the change folder */
	const char *full;
};

struct source_list {
	const char *folder; /* relative to the project folder */
	struct source_file *files; /* sorted by name, octet by octet */
	size_t n, cap;
};

/* Every file below root/folder, hidden ones left out. FIFOs, devices, links out of the folder, and names that are not UTF-8 or hold a control character
 * become problems. */
int source_list(const char *root, const char *folder, struct arena *a, struct problems *p, struct source_list *ret, struct err *e) MUST_CHECK;

bool source_is_sql(const struct source_file *f); /* its name ends in .sql, in upper or lower case */

/* The file's text as UTF-8 with LF line ends: a BOM is dropped, CRLF becomes LF, so that a checkout's line ends change no digest.
 * false after adding a problem: UTF-16, NUL, invalid UTF-8, too large, unreadable. */
bool source_text(const struct source_file *f, struct arena *a, struct problems *p, struct bytes *ret);

/* Lines of a text, without their LF. */
struct source_lines {
	struct bytes rest;
	uint32_t line; /* number of the last line handed out, from 1 */
};
bool source_line(struct source_lines *l, struct bytes *ret);

#endif
