/* See the header. Not with czmq.h in one file: it brings the C library's struct tcp_info, which ends before what is received. */
#include "controller/link/connections.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <linux/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

in_port_t connection_port(const char *endpoint)
{
	const char *colon = endpoint ? strrchr(endpoint, ':') : NULL;
	return colon ? htons((in_port_t)strtoul(colon + 1, NULL, 10)) : 0;
}

static in_port_t port_of(const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_port;
	return a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port : 0;
}

static bool is_at(int fd, const in_port_t *ports, size_t n)
{
	struct sockaddr_storage at = {0};
	socklen_t size = sizeof at;
	in_port_t port = getsockname(fd, (struct sockaddr *)&at, &size) == 0 ? port_of(&at) : 0;
	for (size_t i = 0; port && i < n; i++)
		if (ports[i] == port)
			return true;
	return false;
}

void connections_walk(const in_port_t *ports, size_t n_ports, void (*each)(void *arg, int fd, uint64_t received), void *arg)
{
	DIR *d = opendir("/proc/self/fd");
	if (!d)
		return;
	for (struct dirent *entry; (entry = readdir(d));) {
		int fd = (int)strtol(entry->d_name, NULL, 10);
		struct tcp_info info = {0};
		socklen_t size = sizeof info;
		if (is_at(fd, ports, n_ports) && getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0)
			each(arg, fd, info.tcpi_bytes_received);
	}
	closedir(d);
}

bool connection_cut(int fd, char ret_address[CONNECTION_ADDRESS_SIZE])
{
	struct sockaddr_storage peer = {0};
	socklen_t size = sizeof peer;
	if (getpeername(fd, (struct sockaddr *)&peer, &size) != 0 || shutdown(fd, SHUT_RDWR) != 0)
		return false;
	const void *raw = peer.ss_family == AF_INET ? (const void *)&((struct sockaddr_in *)&peer)->sin_addr : &((struct sockaddr_in6 *)&peer)->sin6_addr;
	if (!inet_ntop(peer.ss_family, raw, ret_address, CONNECTION_ADDRESS_SIZE))
		ret_address[0] = '\0';
	return true;
}
