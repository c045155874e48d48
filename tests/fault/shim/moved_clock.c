/* A wall clock that is wrong, for a process of the fault tests: LD_PRELOAD=moved_clock.so ROLLCALL_CLOCK=FILE. FILE begins with the microseconds (64 bits, little endian, signed) by
 * which the wall clock is ahead, and is read at every look at the clock: a test may move the clock while the process runs. Monotonic time stays as it is. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *ahead_us; /* NULL: the clock is right */

__attribute__((constructor)) static void moved_clock_map(void)
{
	const char *path = getenv("ROLLCALL_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	void *p = mmap(NULL, sizeof *ahead_us, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	ahead_us = p == MAP_FAILED ? NULL : p;
}

static int64_t now_us(void)
{
	struct timespec ts;
	((int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime"))(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000 + (ahead_us ? *ahead_us : 0);
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
	if (id != CLOCK_REALTIME || !ahead_us)
		return ((int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime"))(id, ret);
	int64_t us = now_us();
	*ret = (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
	return 0;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	(void)zone;
	int64_t us = now_us();
	*ret = (struct timeval){.tv_sec = us / 1000000, .tv_usec = us % 1000000};
	return 0;
}

time_t time(time_t *ret)
{
	time_t t = (time_t)(now_us() / 1000000);
	if (ret)
		*ret = t;
	return t;
}
