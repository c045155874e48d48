/* A request for an agent certificate: what `rollcall-agent init` writes and a person carries to the holder of an enrol key, who runs `rollcall trust certify`.
 * It holds nothing secret. Plain lines, so that the person can read what they certify:
 *   # rollcall agent request v1: ...
 *   agent: eu-1
 *   site: eu
 *   curve-key: rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7
 *   report-key: 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c
 *   target: eu/pg-1/ *             (one line a pattern, without the blank; over target ids)
 * Lines that start with '#' and empty lines are passed over; a value ends at the line's end. */
#ifndef COMMON_WIRE_REQUEST_H
#define COMMON_WIRE_REQUEST_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/model/trust.h"

struct agent_request {
	const char *agent, *site; /* names */
	const char *curve_key; /* Z85, public */
	uint8_t report_key[SIGN_PUBLIC_SIZE];
	const char **targets;
	size_t n_targets;
};

/* Writes atomically, mode 0644. The caller's values are checked by the same rules as a reader's: ERR_PARSE. */
int request_save(const char *path, const struct agent_request *r, struct err *e) MUST_CHECK;
/* ERR_PARSE "FILE:LINE: what: what to do". Strings live in the arena. */
int request_load(const char *path, struct arena *a, struct agent_request *ret, struct err *e) MUST_CHECK;

/* The same text in memory; `name` stands for the file in messages. request_format appends what request_save would write. */
int request_parse(const char *name, struct bytes text, struct arena *a, struct agent_request *ret, struct err *e) MUST_CHECK;
int request_format(const char *name, const struct agent_request *r, struct buf *ret, struct err *e) MUST_CHECK;

#endif
