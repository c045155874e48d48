/* A wire between two network namespaces that behaves as badly as it is told: packets are lost, late, or go one way only. Each end is a TUN device, rc0, in the namespace of the
 * process that is named. What a real network does to TCP happens here too: the kernels on both ends retransmit, back off and time out.
 *
 *   wire PID-A PID-B SETTINGS     reads SETTINGS again and again: one line "loss=30 delay=300 ab=1 ba=1" (percent, ms, does it carry from A to B, from B to A)
 *
 * Needs the right to open /dev/net/tun and to enter both namespaces. Ends when standard input ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"

#define PACKET_MAX    2048
#define UNDER_WAY_MAX 8192
#define SETTINGS_MS   20

struct packet {
	int64_t due_us;
	int to;
	size_t n;
	char data[PACKET_MAX];
};

struct settings {
	unsigned loss, delay_ms;
	int carries[2]; /* from end 0, from end 1 */
};

struct wire {
	int ends[2];
	struct settings now;
	int64_t read_us;
	uint64_t random;
	struct packet *under_way; /* a ring, in the order of arrival: the delay is the same for all */
	size_t first, count;
};

static void die(const char *what)
{
	fprintf(stderr, "wire: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int open_end(const char *pid)
{
	char path[64];
	struct ifreq r = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	snprintf(path, sizeof path, "/proc/%s/ns/net", pid);
	int ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNET) != 0)
		die(path);
	close(ns);
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	memcpy(r.ifr_name, "rc0", sizeof "rc0");
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r) != 0)
		die("/dev/net/tun");
	return fd;
}

static void read_settings(struct wire *w, const char *path)
{
	struct settings s = {0};
	FILE *f = fopen(path, "re");
	if (!f)
		return;
	if (fscanf(f, "loss=%u delay=%u ab=%d ba=%d", &s.loss, &s.delay_ms, &s.carries[0], &s.carries[1]) == 4)
		w->now = s;
	fclose(f);
}

/* The same packets are lost in each run. */
static unsigned percent(struct wire *w)
{
	w->random = w->random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(w->random >> 33) % 100;
}

static void take(struct wire *w, int from)
{
	for (;;) {
		struct packet *p = &w->under_way[(w->first + w->count) % UNDER_WAY_MAX];
		ssize_t n = read(w->ends[from], p->data, sizeof p->data);
		if (n <= 0)
			return;
		if (!w->now.carries[from] || percent(w) < w->now.loss || w->count == UNDER_WAY_MAX)
			continue;
		p->n = (size_t)n;
		p->to = w->ends[!from];
		p->due_us = clock_mono_us() + (int64_t)w->now.delay_ms * 1000;
		w->count++;
	}
}

/* ms until the next one is due. */
static int deliver_due(struct wire *w)
{
	for (; w->count; w->count--, w->first = (w->first + 1) % UNDER_WAY_MAX) {
		const struct packet *p = &w->under_way[w->first];
		int64_t left_us = p->due_us - clock_mono_us();
		if (left_us > 0)
			return (int)(left_us / 1000) + 1;
		if (write(p->to, p->data, p->n) < 0 && errno != EAGAIN && errno != EIO && errno != EINVAL)
			die("write");
	}
	return SETTINGS_MS;
}

int main(int argc, char **argv)
{
	struct wire w = {.now = {.carries = {1, 1}}, .under_way = mem_alloc(UNDER_WAY_MAX * sizeof(struct packet))};
	if (argc != 4) {
		fprintf(stderr, "wire PID-A PID-B SETTINGS\n");
		return 2;
	}
	for (int i = 0; i < 2; i++)
		w.ends[i] = open_end(argv[i + 1]);
	puts("up");
	fflush(stdout);
	for (;;) {
		int wait_ms = deliver_due(&w);
		struct pollfd fds[] = {{w.ends[0], POLLIN, 0}, {w.ends[1], POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
		if (poll(fds, 3, wait_ms < SETTINGS_MS ? wait_ms : SETTINGS_MS) > 0 && (fds[2].revents & (POLLIN | POLLHUP)))
			return 0;
		if (clock_mono_us() - w.read_us > SETTINGS_MS * 1000) {
			w.read_us = clock_mono_us();
			read_settings(&w, argv[3]);
		}
		take(&w, 0);
		take(&w, 1);
	}
}
