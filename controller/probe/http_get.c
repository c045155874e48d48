/* See the header. The thread takes one URL after the other: what waits longer than its wave's probes may take is given up by whoever asked. */
#include "controller/probe/http_get.h"

#include <curl/curl.h>
#include <czmq.h>
#include <inttypes.h>
#include <stdatomic.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#define CONNECT_MS 5000L
#define TOTAL_MS   10000L

struct http_gets {
	zactor_t *actor;
	atomic_bool stop; /* the only thing both threads touch */
};

static size_t take_body(char *p, size_t size, size_t n, void *arg)
{
	struct buf *body = arg;
	if (body->n + size * n > HTTP_GET_MAX)
		return 0; /* ends the transfer */
	buf_add(body, p, size * n);
	return size * n;
}

static int ask_to_go_on(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)a, (void)b, (void)c, (void)d;
	return atomic_load((atomic_bool *)arg);
}

static void set_options(CURL *c, const char *url, struct buf *body, char *why, atomic_bool *stop)
{
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L); /* threads: no SIGALRM for name look-ups */
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, TOTAL_MS);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "rollcall/" ROLLCALL_VERSION);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, body);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, ask_to_go_on);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, stop);
}

/* The body, or why there is none, in `ret`. */
static bool get(CURL *c, const char *url, atomic_bool *stop, struct buf *ret)
{
	char why[CURL_ERROR_SIZE] = "";
	long status = 0;
	set_options(c, url, ret, why, stop);
	CURLcode rc = curl_easy_perform(c);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_reset(c);
	if (rc == CURLE_OK && status >= 200 && status < 300)
		return true;
	bool long_body = rc == CURLE_WRITE_ERROR;
	buf_clear(ret);
	if (long_body)
		buf_addf(ret, "the answer is longer than %zu bytes", HTTP_GET_MAX);
	else if (rc != CURLE_OK)
		buf_adds(ret, why[0] ? why : curl_easy_strerror(rc));
	else
		buf_addf(ret, "HTTP status %ld", status);
	return false;
}

static void run(zsock_t *pipe, void *arg)
{
	struct http_gets *h = arg;
	CURL *c = curl_easy_init();
	zsock_signal(pipe, c ? 0 : 1);
	for (bool end = !c; !end;) {
		AUTO(buf_done) struct buf body = BUF_INIT;
		AUTO(zmsg_destroy) zmsg_t *m = zmsg_recv(pipe);
		AUTO(zstr_free) char *id = m ? zmsg_popstr(m) : NULL;
		end = !id || str_eq(id, "$TERM");
		if (end)
			break;
		AUTO(zstr_free) char *url = zmsg_popstr(m);
		bool ok = get(c, url, &h->stop, &body);
		zmsg_t *answer = zmsg_new();
		zmsg_addstr(answer, id);
		zmsg_addstr(answer, ok ? "ok" : "error");
		zmsg_addmem(answer, body.p, body.n);
		zmsg_send(&answer, pipe);
	}
	curl_easy_cleanup(c);
}

int http_gets_new(struct http_gets **ret, struct err *e)
{
	struct http_gets *h = mem_alloc(sizeof *h);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		h->actor = zactor_new(run, h);
	if (!h->actor) {
		free(h);
		return err_set(e, ERR_INTERNAL, "libcurl does not start");
	}
	*ret = h;
	return 0;
}

void http_gets_destroy(struct http_gets **h)
{
	if (!*h)
		return;
	atomic_store(&(*h)->stop, true);
	zactor_destroy(&(*h)->actor);
	free(*h);
	*h = NULL;
}

void *http_gets_socket(struct http_gets *h)
{
	return zsock_resolve(h->actor);
}

void http_gets_ask(struct http_gets *h, uint64_t id, const char *url)
{
	char text[24];
	snprintf(text, sizeof text, "%" PRIu64, id);
	zmsg_t *m = zmsg_new();
	zmsg_addstr(m, text);
	zmsg_addstr(m, url);
	zmsg_send(&m, h->actor);
}

void http_gets_answer(struct http_gets *h, struct arena *a, uint64_t *ret_id, bool *ret_ok, const char **ret_text)
{
	AUTO(zmsg_destroy) zmsg_t *m = zmsg_recv(h->actor);
	AUTO(zstr_free) char *id = zmsg_popstr(m), *kind = zmsg_popstr(m);
	AUTO(zframe_destroy) zframe_t *body = zmsg_pop(m);
	*ret_id = strtoull(id, NULL, 10);
	*ret_ok = str_eq(kind, "ok");
	*ret_text = arena_strndup(a, (const char *)zframe_data(body), strnlen((const char *)zframe_data(body), zframe_size(body)));
}
