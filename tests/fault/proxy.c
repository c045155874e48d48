/* A TCP proxy that cuts, delays, freezes or doubles what passes, for the fault tests: between an agent and a database server, or between an agent and its controller.
 *
 *   proxy DIR TARGET_PORT SEED      listens on a free loopback port, which it writes to DIR/port
 *
 * The rule in force comes in lines over the FIFO DIR/rules and is for connections that are open as well as for new ones:
 *
 *   pass                      nothing happens (at the start)
 *   cut WORD PERCENT          when WORD passes towards the server: in so many of 100 cases the connection dies, a third each before the chunk that holds WORD is passed on, up to
 *                             2.5 ms after it, and after the server's answer, which is not passed on
 *   lose WORD TIMES           so many times the server's answer to WORD is lost with the connection
 *   limit LEAST MOST          each connection dies after so many bytes, both directions together, evenly spread
 *   delay MS                  each chunk waits so long
 *   drip MS                   octet by octet, so long apart
 *   freeze                    nothing passes, nothing is closed: a half-open connection
 *   strand                    the connections that are open now are frozen for good, later ones pass: the other end is gone, and nobody has said so
 *   to PORT                   the target is another one from here on; the connections that are open die, and everything passes
 *   twice                     new connections are doubled: a second connection gets all that the client says, and its answers are thrown away
 *
 * DIR/cuts is the number of connections that it cut so far, DIR/ruled of the rules that it has taken. One thread; a direction holds one chunk at a time. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#define PAIRS_MAX  256
#define CHUNK      16384
#define WORD_MAX   64
#define CUT_MAX_US 2500
#define TICK_MS    20

enum rule { RULE_PASS, RULE_CUT, RULE_LOSE, RULE_LIMIT, RULE_DELAY, RULE_DRIP, RULE_FREEZE, RULE_STRAND, RULE_TWICE, RULE_TO };

enum side { CLIENT, SERVER, COPY, SIDES };

struct flow { /* what came from one side and goes to the other */
	char chunk[CHUNK], tail[WORD_MAX]; /* tail: the end of the chunk before, because a word may lie across two */
	size_t n, sent, tail_n;
	int64_t due_us;
	bool ended;
};

struct pair {
	int fd[SIDES]; /* -1: none */
	struct flow flows[2]; /* by the side that it comes from */
	uint64_t bytes, limit; /* limit 0: none */
	int64_t cut_at_us; /* 0: not set */
	bool cut_on_answer, stranded;
};

static struct {
	const char *dir;
	int listener, rules;
	uint16_t target;
	uint64_t random;
	unsigned long cuts, ruled;
	enum rule rule;
	char word[WORD_MAX];
	uint64_t least, most; /* the rule's numbers; percent and ms are in least */
	struct pair *pairs[PAIRS_MAX];
	size_t n;
} proxy;

static void die(const char *what, const char *why)
{
	fprintf(stderr, "proxy: %s: %s\n", what, why);
	exit(1);
}

static uint64_t next_random(uint64_t below)
{
	uint64_t z = proxy.random += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return below ? (z ^ z >> 31) % below : 0;
}

static void tell(const char *name, unsigned long value)
{
	char text[32];
	struct err e = ERR_INIT;
	AUTO(mem_free_ptr) char *path = file_join(proxy.dir, name);
	snprintf(text, sizeof text, "%lu\n", value);
	if (file_write_atomic(path, bytes_of_str(text), 0600, &e) != 0)
		die(path, e.msg);
}

/* ---- connections ---- */

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int dial(void)
{
	struct sockaddr_in to = loopback(proxy.target);
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket", strerror(errno));
	if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
		close(fd);
		return -1;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void draw_limit(struct pair *p)
{
	p->limit = proxy.rule == RULE_LIMIT ? proxy.least + next_random(proxy.most - proxy.least + 1) : 0;
	p->bytes = 0;
}

static void accept_one(void)
{
	int one = 1, fd = accept4(proxy.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int server = fd < 0 || proxy.n == PAIRS_MAX ? -1 : dial();
	if (server < 0) { /* the server is away, and so are we */
		if (fd >= 0)
			close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	struct pair *p = mem_alloc(sizeof *p);
	*p = (struct pair){.fd = {fd, server, proxy.rule == RULE_TWICE ? dial() : -1}};
	draw_limit(p);
	proxy.pairs[proxy.n++] = p;
}

/* reset: RST instead of FIN, and what lies in the socket's buffers is lost. */
static void drop(size_t i, bool reset)
{
	struct pair *p = proxy.pairs[i];
	struct linger now = {.l_onoff = 1};
	for (size_t s = 0; s < SIDES; s++) {
		if (p->fd[s] < 0)
			continue;
		if (reset)
			setsockopt(p->fd[s], SOL_SOCKET, SO_LINGER, &now, sizeof now);
		close(p->fd[s]);
	}
	free(p);
	proxy.pairs[i] = proxy.pairs[--proxy.n];
}

static void cut(size_t i)
{
	drop(i, next_random(2) == 0);
	tell("cuts", ++proxy.cuts);
}

/* ---- what passes ---- */

static bool holds_word(struct flow *f)
{
	char both[WORD_MAX + CHUNK];
	size_t keep = strlen(proxy.word) - 1;
	memcpy(both, f->tail, f->tail_n);
	memcpy(both + f->tail_n, f->chunk, f->n);
	size_t n = f->tail_n + f->n;
	bool found = memmem(both, n, proxy.word, keep + 1) != NULL;
	f->tail_n = found ? 0 : n < keep ? n : keep;
	memcpy(f->tail, both + n - f->tail_n, f->tail_n);
	return found;
}

/* True when the connection is to die at once. */
static bool judge_word(struct pair *p, struct flow *f)
{
	if ((proxy.rule != RULE_CUT && proxy.rule != RULE_LOSE) || p->cut_at_us || p->cut_on_answer || !holds_word(f))
		return false;
	if (proxy.rule == RULE_LOSE) {
		p->cut_on_answer = proxy.least > 0 && proxy.least--;
		return false;
	}
	if (next_random(100) >= proxy.least)
		return false;
	switch (next_random(3)) {
	case 0:
		return true;
	case 1:
		p->cut_at_us = clock_mono_us() + (int64_t)next_random(CUT_MAX_US);
		break;
	default:
		p->cut_on_answer = true;
		break;
	}
	return false;
}

/* True when the connection is to die. */
static bool take(struct pair *p, enum side from)
{
	struct flow *f = &p->flows[from];
	ssize_t n = recv(p->fd[from], f->chunk, proxy.rule == RULE_DRIP ? 1 : CHUNK, 0);
	if (n <= 0) {
		f->ended = n == 0 || errno != EAGAIN;
		return false;
	}
	f->n = (size_t)n;
	f->sent = 0;
	f->due_us = proxy.rule == RULE_DELAY || proxy.rule == RULE_DRIP ? clock_mono_us() + (int64_t)proxy.least * 1000 : 0;
	p->bytes += f->n;
	if (from == SERVER && (p->cut_on_answer || p->cut_at_us))
		return p->cut_on_answer;
	if (from == CLIENT && p->fd[COPY] >= 0)
		(void)send(p->fd[COPY], f->chunk, f->n, MSG_NOSIGNAL);
	return (p->limit && p->bytes > p->limit) || (from == CLIENT && judge_word(p, f));
}

static void give(struct pair *p, enum side from)
{
	struct flow *f = &p->flows[from];
	if (from == SERVER && p->cut_at_us) { /* its answer is lost already */
		f->n = f->sent = 0;
		return;
	}
	ssize_t n = send(p->fd[from == CLIENT ? SERVER : CLIENT], f->chunk + f->sent, f->n - f->sent, MSG_NOSIGNAL);
	if (n < 0) {
		f->ended = f->ended || errno != EAGAIN;
		return;
	}
	f->sent += (size_t)n;
	if (f->sent == f->n)
		f->n = f->sent = 0;
}

static void serve(size_t i, const struct pollfd polled[SIDES])
{
	struct pair *p = proxy.pairs[i];
	if (p->stranded)
		return;
	char waste[CHUNK];
	if (p->cut_at_us && clock_mono_us() >= p->cut_at_us) {
		cut(i);
		return;
	}
	if (p->fd[COPY] >= 0 && polled[COPY].revents && recv(p->fd[COPY], waste, sizeof waste, 0) == 0) {
		close(p->fd[COPY]);
		p->fd[COPY] = -1;
	}
	for (enum side s = CLIENT; s <= SERVER; s++) {
		struct flow *f = &p->flows[s];
		if (f->n == 0 && polled[s].revents & (POLLIN | POLLHUP | POLLERR) && take(p, s)) {
			cut(i);
			return;
		}
		if (f->n && clock_mono_us() >= f->due_us)
			give(p, s);
	}
	for (enum side s = CLIENT; s <= SERVER; s++)
		if (p->flows[s].ended && p->flows[s].n == 0) {
			drop(i, false);
			return;
		}
}

/* ---- the loop ---- */

static const struct {
	const char *name;
	enum rule rule;
	unsigned words, numbers;
} rules[] = {
    {"pass", RULE_PASS, 0, 0}, {"cut", RULE_CUT, 1, 1},       {"lose", RULE_LOSE, 1, 1},     {"limit", RULE_LIMIT, 0, 2}, {"delay", RULE_DELAY, 0, 1},
    {"drip", RULE_DRIP, 0, 1}, {"freeze", RULE_FREEZE, 0, 0}, {"strand", RULE_STRAND, 0, 0}, {"twice", RULE_TWICE, 0, 0}, {"to", RULE_TO, 0, 1},
};

static void turn_to(uint64_t port)
{
	proxy.target = (uint16_t)port;
	proxy.rule = RULE_PASS;
	while (proxy.n)
		drop(proxy.n - 1, true);
}

static void set_rule(char *line)
{
	char *rest = line, *name = strsep(&rest, " ");
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		if (!str_eq(rules[i].name, name))
			continue;
		uint64_t *numbers[] = {&proxy.least, &proxy.most};
		struct err e = ERR_INIT;
		proxy.rule = rules[i].rule;
		const char *word = rules[i].words ? strsep(&rest, " ") : "";
		if (!word || !str_copy(proxy.word, sizeof proxy.word, word))
			die(name, "a word is wanted, and not a long one");
		for (unsigned k = 0; k < rules[i].numbers && k < ARRAY_LEN(numbers); k++)
			if (str_to_u64(strsep(&rest, " "), name, 0, UINT32_MAX, numbers[k], &e) != 0)
				die(name, e.msg);
		for (size_t k = 0; k < proxy.n; k++) {
			draw_limit(proxy.pairs[k]);
			proxy.pairs[k]->stranded |= proxy.rule == RULE_STRAND;
		}
		if (proxy.rule == RULE_TO)
			turn_to(proxy.least);
		return;
	}
	die(name, "no such rule");
}

/* Whole lines only. */
static void read_rules(void)
{
	static char text[1024];
	static size_t n;
	ssize_t got = read(proxy.rules, text + n, sizeof text - n - 1);
	if (got <= 0)
		return;
	n += (size_t)got;
	text[n] = '\0';
	for (char *end; (end = strchr(text, '\n')); memmove(text, end + 1, n + 1)) {
		*end = '\0';
		n -= (size_t)(end - text) + 1;
		set_rule(text);
		tell("ruled", ++proxy.ruled);
	}
}

/* A chunk that waits for its moment is looked at again when the time is up: poll() has no timer of its own. */
static int time_out_ms(void)
{
	for (size_t i = 0; i < proxy.n; i++)
		if (proxy.pairs[i]->cut_at_us || proxy.pairs[i]->flows[CLIENT].n || proxy.pairs[i]->flows[SERVER].n)
			return 1;
	return TICK_MS;
}

static void fill(struct pollfd *polled)
{
	polled[0] = (struct pollfd){.fd = proxy.rules, .events = POLLIN};
	polled[1] = (struct pollfd){.fd = proxy.rule == RULE_FREEZE ? -1 : proxy.listener, .events = POLLIN};
	for (size_t i = 0; i < proxy.n; i++)
		for (size_t s = 0; s < SIDES; s++) {
			bool full = proxy.pairs[i]->stranded || (s < COPY && proxy.pairs[i]->flows[s].n);
			polled[2 + i * SIDES + s] = (struct pollfd){.fd = full || proxy.rule == RULE_FREEZE ? -1 : proxy.pairs[i]->fd[s], .events = POLLIN};
		}
}

static void run(void)
{
	static struct pollfd polled[2 + PAIRS_MAX * SIDES];
	for (;;) {
		size_t n = proxy.n;
		fill(polled);
		if (poll(polled, 2 + n * SIDES, time_out_ms()) < 0 && errno != EINTR)
			die("poll", strerror(errno));
		for (size_t i = n; i-- > 0 && proxy.rule != RULE_FREEZE;) /* backwards: a dropped pair's place is taken by the last one, which had its turn */
			serve(i, &polled[2 + i * SIDES]);
		if (polled[1].revents)
			accept_one();
		if (polled[0].revents)
			read_rules();
	}
}

/* Open for writing too, so that it never ends. */
static void open_rules(void)
{
	AUTO(mem_free_ptr) char *path = file_join(proxy.dir, "rules");
	if (mkfifo(path, 0600) != 0 || (proxy.rules = open(path, O_RDWR | O_CLOEXEC)) < 0)
		die(path, strerror(errno));
}

int main(int argc, char **argv)
{
	uint64_t port = 0;
	struct err e = ERR_INIT;
	struct sockaddr_in here = loopback(0);
	socklen_t size = sizeof here;
	if (argc != 4 || str_to_u64(argv[2], "TARGET_PORT", 1, 65535, &port, &e) != 0 ||
	    str_to_u64(argv[3], "SEED", 0, UINT64_MAX, &proxy.random, &e) != 0)
		die("usage", "proxy DIR TARGET_PORT SEED");
	signal(SIGPIPE, SIG_IGN);
	proxy.dir = argv[1];
	proxy.target = (uint16_t)port;
	proxy.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (proxy.listener < 0 || bind(proxy.listener, (struct sockaddr *)&here, size) != 0 || listen(proxy.listener, 64) != 0 ||
	    getsockname(proxy.listener, (struct sockaddr *)&here, &size) != 0)
		die("listen", strerror(errno));
	open_rules();
	tell("cuts", 0);
	tell("ruled", 0);
	tell("port", ntohs(here.sin_port));
	run();
	return 0;
}
