/* The TCP connections of this process on ports that it listens on, found among its descriptors: libzmq shows none of them. */
#ifndef CONTROLLER_LINK_CONNECTIONS_H
#define CONTROLLER_LINK_CONNECTIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONNECTION_ADDRESS_SIZE INET6_ADDRSTRLEN

/* Of "tcp://HOST:PORT", in network order; 0 for NULL, "" and whatever has none. */
in_port_t connection_port(const char *endpoint);
/* Calls `each` for every connection whose own port is one of these (0 is none), with what it has received since it was opened. */
void connections_walk(const in_port_t *ports, size_t n_ports, void (*each)(void *arg, int fd, uint64_t received), void *arg);
/* Shuts it down in both directions: whoever reads it, in whatever thread, finds its end. False when it is gone already. */
bool connection_cut(int fd, char ret_address[CONNECTION_ADDRESS_SIZE]);

#endif
