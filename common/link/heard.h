/* Whether the other end of a TCP connection has ever said anything: libzmq tells of a connection, and of the whole handshake, and of nothing in between. */
#ifndef COMMON_LINK_HEARD_H
#define COMMON_LINK_HEARD_H

#include <stdbool.h>
#include <stdint.h>

/* From the dialling on until the first byte, in ms. ZMTP's greeting comes at once, before the work of the handshake: who has not said it by then hangs, or is no controller. */
#define LINK_FIRST_WORD_MS 5000

/* `fd` as monitor_read gives it; -1 while there is no connection: false. It belongs to libzmq, which may have closed it and used its number again: what cannot be told counts as
 * heard, and the handshake's own time decides. */
bool link_heard(int fd);
/* Octets that have come over it so far; 0 when that cannot be told. */
uint64_t link_received(int fd);
/* Neither MAXMSGSIZE nor RCVHWM bounds a message of many parts, which libzmq would gather in memory: what has come since the last whole message does. True: more than an honest end
 * ever leaves unread. To be asked every LINK_FLOOD_MS, while no whole message waits to be read. received: link_received after that message, 0 before the first one. */
#define LINK_FLOOD_MS 100
bool link_is_endless(int fd, uint64_t received);
/* Why nothing was heard, to stand behind the address: for people. */
const char *link_unheard(int fd);

#endif
