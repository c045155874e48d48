/* Journal handles kept open between deliveries. Opening one costs an open, a schema parse and, with its first commit, a sync of the folder: about a millisecond and an
 * fsync a delivery. A handle is used by one thread at a time; it comes back idle (no statement stepping, no transaction), so that it holds nothing back. A handle is not
 * given out again after a fork (SQLite forbids it) or when the file at its path is another one. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/journal/journal_file.h"
#include "common/base/str.h"

#define POOL_SIZE 16

struct idle {
	struct journal *journal;
	char *path;
	dev_t device;
	ino_t inode;
	pid_t owner;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct idle pool[POOL_SIZE];
static size_t n_pool;

static bool fits(const struct idle *i, const char *path)
{
	struct stat st;
	return i->owner == getpid() && str_eq(i->path, path) && stat(path, &st) == 0 && st.st_dev == i->device && st.st_ino == i->inode;
}

static struct journal *take(const char *path)
{
	struct journal *found = NULL;
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < n_pool && !found; i++) {
		if (!fits(&pool[i], path))
			continue;
		found = pool[i].journal;
		free(pool[i].path);
		pool[i] = pool[--n_pool];
	}
	pthread_mutex_unlock(&lock);
	return found;
}

int journal_borrow(const char *path, struct journal **ret, struct err *e)
{
	struct journal *j = take(path);
	if (!j)
		return journal_open(path, ret, e);
	*ret = j;
	return 0;
}

static bool give(struct journal *j, const char *path)
{
	struct stat st;
	bool kept = false;
	if (!lite_rest(j->lite) || stat(path, &st) != 0)
		return false;
	pthread_mutex_lock(&lock);
	if (n_pool < POOL_SIZE) {
		pool[n_pool++] = (struct idle){.journal = j, .path = mem_strdup(path), .device = st.st_dev, .inode = st.st_ino, .owner = getpid()};
		kept = true;
	}
	pthread_mutex_unlock(&lock);
	return kept;
}

void journal_return(struct journal **jp)
{
	if (*jp && give(*jp, lite_path((*jp)->lite)))
		*jp = NULL;
	journal_close(jp);
}

void journal_pool_done(void)
{
	pthread_mutex_lock(&lock);
	while (n_pool) {
		struct idle *i = &pool[--n_pool];
		if (i->owner == getpid())
			journal_close(&i->journal);
		free(i->path);
	}
	pthread_mutex_unlock(&lock);
}
