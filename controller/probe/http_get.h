/* Values of metric URLs, asked by a thread of its own: a slow server delays no decision. Only http and https, no redirects, HTTP_GET_MAX bytes at most, 10 s at most.
 * Who may be asked is said by signed orders alone. */
#ifndef CONTROLLER_PROBE_HTTP_GET_H
#define CONTROLLER_PROBE_HTTP_GET_H

#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"

#define HTTP_GET_MAX ((size_t)64 * 1024)

struct http_gets;
int http_gets_new(struct http_gets **ret, struct err *e) MUST_CHECK;
void http_gets_destroy(struct http_gets **h); /* ends what is under way; NULL-safe */
void *http_gets_socket(struct http_gets *h); /* readable when an answer is there; for zmq_poll */
void http_gets_ask(struct http_gets *h, uint64_t id, const char *url);
/* *ret_ok: the server answered with 2xx, and `text` is its body; otherwise why not. */
void http_gets_answer(struct http_gets *h, struct arena *a, uint64_t *ret_id, bool *ret_ok, const char **ret_text);

/* What the JSON pointer (RFC 6901) finds, as text: strings as they are, "true", "false", "NULL". ERR_PARSE: no JSON; ERR_NOT_FOUND: nothing there, or no single value. */
int http_json_value(const char *body, const char *pointer, struct arena *a, const char **ret, struct err *e) MUST_CHECK;

#endif
