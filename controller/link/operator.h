/* The operator's side of the link: what the rollcall tool uses to talk to the controller. Blocking, with deadlines. */
#ifndef CONTROLLER_LINK_OPERATOR_H
#define CONTROLLER_LINK_OPERATOR_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/wire/link.h"

struct operator_config {
	const char *ctrl_endpoint, *blob_endpoint;
	const char *controller_key; /* Z85 */
	const char *curve_key_file;
	uint32_t timeout_ms;
};

struct operator_link;
/* ERR_LINK "controller at ... cannot be reached / refused our key: ..." within timeout_ms. */
int operator_connect(const struct operator_config *c, struct operator_link **ret, struct err *e) MUST_CHECK;
void operator_close(struct operator_link **l);
/* Sends one command and calls `fn` for each reply; returns when the last one came. The reply's own error is not an error of this call. */
typedef int operator_reply_fn(void *arg, const struct msg_reply *r, struct err *e);
int operator_ask(struct operator_link *l, const struct msg_command *c, operator_reply_fn *fn, void *arg, struct err *e) MUST_CHECK;
/* Uploads a blob in chunks and waits until the controller has it on disk. */
int operator_put(struct operator_link *l, struct bytes data, uint8_t ret_hash[DIGEST_SIZE], struct err *e) MUST_CHECK;

#endif
