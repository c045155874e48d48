/* See the header. */
#include "agent/keyset/keyset.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/base/str.h"
#include "common/crypto/dsse.h"
#include "common/wire/documents.h"
#include "common/wire/limits.h"

#define FOLDER     "keys"
#define STAMP      "%Y%m%dT%H%M%SZ"
#define STAMP_SIZE 17
#define STATE_MAX  4096

static const char *root_of(const char *data_dir, struct arena *a)
{
	return arena_printf(a, "%s/" FOLDER, data_dir);
}

/* Of a folder's name; 0 when it is no stamp. */
static int64_t stamp_us(const char *name)
{
	struct tm tm = {0};
	const char *end = strlen(name) == STAMP_SIZE - 1 ? strptime(name, STAMP, &tm) : NULL;
	return end && !*end ? (int64_t)timegm(&tm) * 1000000 : 0;
}

static struct keyset keyset_at(const char *root, const char *name, struct arena *a)
{
	const char *folder = arena_printf(a, "%s/%s", root, name);
	return (struct keyset){.folder = folder,
	                       .begun_at_us = stamp_us(name),
	                       .curve_key_file = arena_printf(a, "%s/curve.key", folder),
	                       .report_key_file = arena_printf(a, "%s/report.key", folder),
	                       .request_file = arena_printf(a, "%s/request", folder),
	                       .state_file = arena_printf(a, "%s/state", folder),
	                       .certificate_file = arena_printf(a, "%s/certificate", folder)};
}

static int read_certificate(struct keyset *i, struct arena *a, struct err *e)
{
	AUTO(buf_done) struct buf bytes = BUF_INIT;
	struct envelope env;
	if (!file_exists(i->certificate_file))
		return 0;
	if (file_read(i->certificate_file, LIMIT_DOCUMENT, &bytes, e) != 0)
		return -1;
	i->certificate = arena_bytes(a, buf_bytes(&bytes));
	if (envelope_decode(i->certificate, a, &env, e) != 0 || certificate_decode(env.payload, a, &i->cert, e) != 0)
		return err_wrap(e, "%s: not a certificate: move the folder away", i->certificate_file);
	return 0;
}

/* All of them, in no order; *ret_n 0 when there is no such folder. */
static int read_all(const char *data_dir, struct arena *a, struct keyset **ret, size_t *ret_n, struct err *e)
{
	const char *root = root_of(data_dir, a);
	struct keyset *list = NULL;
	size_t n = 0, cap = 0;
	int rc = 0;
	DIR *d = opendir(root);
	*ret_n = 0;
	if (!d)
		return file_exists(root) ? err_set_errno(e, "%s", root) : 0;
	for (struct dirent *entry; rc == 0 && (entry = readdir(d));) {
		if (!stamp_us(entry->d_name))
			continue;
		arena_vec_grow(a, list, n, cap);
		list[n] = keyset_at(root, entry->d_name, a);
		rc = read_certificate(&list[n++], a, e);
	}
	closedir(d);
	*ret = list;
	*ret_n = n;
	return rc;
}

int keyset_newest(const char *data_dir, struct arena *a, struct keyset *ret, struct err *e)
{
	struct keyset *list = NULL, newest = {0};
	size_t n = 0;
	if (read_all(data_dir, a, &list, &n, e) != 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (list[i].certificate.n && (!newest.folder || list[i].cert.not_before_us > newest.cert.not_before_us))
			newest = list[i];
	*ret = newest;
	return 0;
}

int keyset_pending(const char *data_dir, struct arena *a, struct keyset *ret, struct err *e)
{
	struct keyset *list = NULL, last = {0};
	size_t n = 0;
	if (read_all(data_dir, a, &list, &n, e) != 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!list[i].certificate.n && (!last.folder || list[i].begun_at_us > last.begun_at_us))
			last = list[i];
	*ret = last;
	return 0;
}

/* A second later when the name is taken: of a renewal that this second has seen end already. */
static int make_folder(const char *root, int64_t now_us, struct arena *a, struct keyset *ret, struct err *e)
{
	char name[STAMP_SIZE];
	struct tm tm;
	for (int64_t at_us = now_us;; at_us += 1000000) {
		time_t t = (time_t)(at_us / 1000000);
		if (!gmtime_r(&t, &tm) || strftime(name, sizeof name, STAMP, &tm) != STAMP_SIZE - 1)
			return err_set(e, ERR_STATE, "this machine's clock shows no time of this age: set it right");
		*ret = keyset_at(root, name, a);
		if (!file_exists(ret->folder))
			return file_make_dirs(ret->folder, 0700, e);
	}
}

static int begin_locked(const char *data_dir, int64_t not_older_us, int64_t now_us, struct arena *a, struct keyset *ret, struct err *e)
{
	struct keyset pending = {0};
	if (keyset_pending(data_dir, a, &pending, e) != 0)
		return -1;
	if (pending.folder && pending.begun_at_us >= not_older_us) {
		*ret = pending;
		return 0;
	}
	return make_folder(root_of(data_dir, a), now_us, a, ret, e);
}

int keyset_begin(const char *data_dir, int64_t not_older_us, int64_t now_us, struct arena *a, struct keyset *ret, struct err *e)
{
	const char *root = root_of(data_dir, a);
	if (file_make_dirs(root, 0700, e) != 0)
		return -1;
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX) != 0) { /* the command and the daemon may both begin */
		(void)err_set_errno(e, "%s", root);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	int rc = begin_locked(data_dir, not_older_us, now_us, a, ret, e);
	close(fd);
	return rc;
}

int keyset_certify(const struct keyset *i, struct bytes certificate, struct err *e)
{
	FAILPOINT("renewal-granted");
	if (file_write_atomic(i->certificate_file, certificate, 0600, e) != 0)
		return -1;
	FAILPOINT("renewal-certified");
	return 0;
}

int keyset_clean(const char *data_dir, const struct keyset *keep, struct err *e)
{
	AUTO(arena_destroy) struct arena *a = arena_new(LIMIT_ARENA_DOCUMENT);
	struct keyset *list = NULL;
	size_t n = 0;
	if (read_all(data_dir, a, &list, &n, e) != 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		bool older = list[i].certificate.n ? list[i].cert.not_before_us < keep->cert.not_before_us : list[i].begun_at_us < keep->begun_at_us;
		if (older && !str_eq(list[i].folder, keep->folder) && file_remove_tree(list[i].folder, e) != 0)
			return -1;
	}
	return 0;
}

int keyset_note(const struct keyset *i, const char *line, struct err *e)
{
	return file_write_atomic(i->state_file, bytes_of_str(line), 0600, e);
}

const char *keyset_state(const struct keyset *i, struct arena *a)
{
	AUTO(buf_done) struct buf text = BUF_INIT;
	struct err ignored = ERR_INIT;
	if (!file_exists(i->state_file) || file_read(i->state_file, STATE_MAX, &text, &ignored) != 0)
		return "";
	return arena_strdup(a, buf_str(&text));
}
