/* See the header. Not with czmq.h in one file: it brings the C library's struct tcp_info, which ends before what is received. */
#include "common/link/heard.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

#include "common/wire/limits.h"

#define UNREAD_MAX (4 * LIMIT_CHUNK_CREDIT * (uint64_t)LIMIT_CHUNK) /* several times what may be on its way unread */

static bool ask(int fd, uint64_t *ret)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof info;
	bool told = getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
	            size >= offsetof(struct tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received;
	*ret = told ? info.tcpi_bytes_received : 0;
	return told;
}

bool link_heard(int fd)
{
	uint64_t received;
	return fd >= 0 && (!ask(fd, &received) || received > 0);
}

uint64_t link_received(int fd)
{
	uint64_t received = 0;
	return fd >= 0 && ask(fd, &received) ? received : 0;
}

bool link_is_endless(int fd, uint64_t received)
{
	uint64_t now = link_received(fd);
	return now > received && now - received > UNREAD_MAX;
}

const char *link_unheard(int fd)
{
	return fd < 0 ? "no connection comes about: a firewall between drops what is sent there, or that machine is down"
	              : "it takes the connection and says nothing: the controller or gateway there hangs, or something else listens at that address";
}
