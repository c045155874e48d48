/* See the header. */
#include "common/link/knock.h"

#include "common/base/clock.h"
#include "common/link/heard.h"
#include "common/link/monitor.h"

static int explain(const struct knock *k, enum monitor_event event, int fd, struct err *e)
{
	switch (event) {
	case MONITOR_REFUSED:
		return err_set(e, ERR_LINK, "controller at %s refused our key: %s", k->endpoint, k->if_refused);
	case MONITOR_LOST:
		return err_set(e, ERR_LINK, "what answers at %s is not the controller with the key %s: check the address and the controller's key",
		               k->endpoint, k->server_key);
	case MONITOR_UNREACHABLE:
		return err_set(e, ERR_LINK, "controller at %s cannot be reached: check the address, and that rollcall-controller runs there", k->endpoint);
	case MONITOR_NONE:
	case MONITOR_READY:
		break;
	}
	if (!link_heard(fd))
		return err_set(e, ERR_LINK, "controller at %s: %s: check the address, and look at what runs there", k->endpoint, link_unheard(fd));
	return err_set(e, ERR_LINK, "controller at %s greeted, and did not end the handshake within %u ms: it is too busy; try again", k->endpoint,
	               k->timeout_ms);
}

int knock_wait(zsock_t *monitor, const struct knock *k, int *ret_fd, struct err *e)
{
	uint32_t first_word_ms = k->timeout_ms < LINK_FIRST_WORD_MS ? k->timeout_ms : LINK_FIRST_WORD_MS;
	int64_t now_us = clock_mono_us(), end_us = now_us + (int64_t)k->timeout_ms * 1000, first_word_us = now_us + (int64_t)first_word_ms * 1000;
	zmq_pollitem_t item = {.socket = zsock_resolve(monitor), .events = ZMQ_POLLIN};
	enum monitor_event event = MONITOR_NONE;
	int fd = -1;
	while (event == MONITOR_NONE) {
		int64_t left_ms = ((link_heard(fd) ? end_us : first_word_us) - clock_mono_us()) / 1000;
		if (left_ms <= 0)
			break;
		if (zmq_poll(&item, 1, (long)left_ms) > 0)
			event = monitor_read(monitor, &fd);
		else if (zmq_errno() == EINTR)
			return err_set(e, ERR_LINK, "interrupted while connecting to %s", k->endpoint);
	}
	if (event != MONITOR_READY)
		return explain(k, event, fd, e);
	if (ret_fd)
		*ret_fd = fd;
	return 0;
}
