/* The end of an actor that did one piece of work. */
#include "common/link/handover.h"

#include "common/base/str.h"

void handover_end(zsock_t *pipe, void *given)
{
	handover_give(given);
	zstr_send(pipe, "DONE");
	for (bool end = false; !end;) {
		char *word = zstr_recv(pipe);
		end = !word || str_eq(word, "$TERM");
		zstr_free(&word);
	}
}
