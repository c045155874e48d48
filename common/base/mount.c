/* Reading the table of mounts. */
#include "common/base/mount.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"

#define LINE_MAX_BYTES 8192

static const char *const network_kinds[] = {
    "nfs",         "nfs4",         "cifs",           "smb2",           "smb3",         "smbfs",       "9p",
    "afs",         "ceph",         "lustre",         "beegfs",         "coda",         "ncpfs",       "pvfs2",
    "davfs",       "fuse.sshfs",   "fuse.ceph",      "fuse.glusterfs", "fuse.davfs",   "fuse.davfs2", "fuse.s3fs",
    "fuse.rclone", "fuse.gcsfuse", "fuse.curlftpfs", "fuse.smbnetfs",  "fuse.juicefs", "fuse.goofys", NULL};

static void close_file(FILE **f)
{
	if (*f)
		fclose(*f);
}

static bool is_network(const char *kind)
{
	for (size_t i = 0; network_kinds[i]; i++)
		if (str_eq(network_kinds[i], kind))
			return true;
	return false;
}

/* Blanks and backslashes stand there as \040, \134. */
static void undo_octal(char *s)
{
	char *to = s;
	for (const char *p = s; *p; p++)
		if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' && p[3] >= '0' && p[3] <= '7') {
			*to++ = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
			p += 3;
		} else {
			*to++ = *p;
		}
	*to = '\0';
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw": the fifth word, and the one behind the lone '-'. */
static bool read_line(char *line, const char **ret_point, const char **ret_kind)
{
	char *save = NULL, *point = NULL, *word = strtok_r(line, " \n", &save);
	for (int i = 1; word && !str_eq(word, "-"); i++, word = strtok_r(NULL, " \n", &save))
		if (i == 5)
			point = word;
	*ret_kind = word ? strtok_r(NULL, " \n", &save) : NULL;
	*ret_point = point;
	if (point)
		undo_octal(point);
	return point && *ret_kind;
}

static bool holds(const char *point, const char *path)
{
	size_t n = strlen(point);
	return str_eq(point, "/") || (strncmp(point, path, n) == 0 && (path[n] == '/' || path[n] == '\0'));
}

int mount_network_kind(const char *table, const char *path, char ret_kind[MOUNT_KIND_SIZE], struct err *e)
{
	AUTO(mem_free_ptr) char *real = realpath(path, NULL);
	char line[LINE_MAX_BYTES], kind[MOUNT_KIND_SIZE] = "";
	const char *point, *its_kind;
	size_t longest = 0;
	if (!real)
		return err_set_errno(e, "%s", path);
	AUTO(close_file) FILE *f = fopen(table, "re");
	if (!f)
		return err_set_errno(e, "%s", table);
	while (fgets(line, sizeof line, f)) {
		if (!read_line(line, &point, &its_kind) || !holds(point, real) || strlen(point) < longest)
			continue;
		longest = strlen(point); /* of two at one place the later one lies on top */
		str_copy(kind, sizeof kind, its_kind);
	}
	str_copy(ret_kind, MOUNT_KIND_SIZE, is_network(kind) ? kind : "");
	return 0;
}

int mount_refuse_network(const char *table, const char *path, const char *what, struct err *e)
{
	char kind[MOUNT_KIND_SIZE];
	if (mount_network_kind(table, path, kind, e) != 0)
		return -1;
	if (!kind[0])
		return 0;
	return err_set(
	    e, ERR_STATE,
	    "%s %s lies on %s, a file system of the network, where file locks and the write-ahead log do not hold: put it on a disk of this machine",
	    what, path, kind);
}
