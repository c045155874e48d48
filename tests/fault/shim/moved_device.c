/* A file system whose device has another number, as after a reboot or another order of mounting, for a process of the fault tests: LD_PRELOAD=moved_device.so. Every file's device number is higher by
 * one; all else is as it is. */
#include <dlfcn.h>
#include <sys/stat.h>

#define REAL(type, symbol) ((type)dlsym(RTLD_NEXT, symbol))

#define MOVED(name, kind)                                                      \
	int name(const char *restrict path, struct kind *restrict ret)             \
	{                                                                          \
		int rc = REAL(int (*)(const char *, struct kind *), #name)(path, ret); \
		ret->st_dev += rc == 0;                                                \
		return rc;                                                             \
	}
#define MOVED_OPEN(name, kind)                                      \
	int name(int fd, struct kind *ret)                              \
	{                                                               \
		int rc = REAL(int (*)(int, struct kind *), #name)(fd, ret); \
		ret->st_dev += rc == 0;                                     \
		return rc;                                                  \
	}
#define MOVED_AT(name, kind)                                                                        \
	int name(int fd, const char *restrict path, struct kind *restrict ret, int flags)               \
	{                                                                                               \
		int rc = REAL(int (*)(int, const char *, struct kind *, int), #name)(fd, path, ret, flags); \
		ret->st_dev += rc == 0;                                                                     \
		return rc;                                                                                  \
	}

MOVED(stat, stat)
MOVED(lstat, stat)
MOVED(stat64, stat64)
MOVED(lstat64, stat64)
MOVED_OPEN(fstat, stat)
MOVED_OPEN(fstat64, stat64)
MOVED_AT(fstatat, stat)
MOVED_AT(fstatat64, stat64)

int statx(int fd, const char *restrict path, int flags, unsigned mask, struct statx *restrict ret)
{
	int rc = REAL(int (*)(int, const char *, int, unsigned, struct statx *), "statx")(fd, path, flags, mask, ret);
	ret->stx_dev_minor += rc == 0;
	return rc;
}
