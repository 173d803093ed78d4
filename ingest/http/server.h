/* HTTP/1.1 on the libuv loop: keep-alive, pipelining, chunked bodies, Expect: 100-continue.
 *
 * server.c accepts, connection.c reads and writes, exchange.c leads a request from its head to its
 * end, decoder.c parses. A sweep each second closes connections that miss the deadline of their
 * phase, so that a client that drips bytes gains nothing by dripping. */
#ifndef MH_INGEST_SERVER_H
#define MH_INGEST_SERVER_H

#include <uv.h>

#include "ingest/http/networks.h"
#include "ingest/http/request.h"
#include "shared/base/base.h"

struct http_server;

/* What may change while the server runs. */
struct http_limits {
    unsigned max_body; /* bytes */
    size_t max_memory; /* bytes of all bodies that are held */
    uint64_t header_timeout_ms, body_timeout_ms, idle_timeout_ms;
    const struct networks *trusted; /* proxies; borrowed, NULL for none */
};

struct http_server_options {
    const char *listen; /* host:port */
    unsigned max_connections;
    unsigned max_header; /* bytes of request line and headers */
    struct http_limits limits;
    /* The header is in: choose a route, authenticate. May answer, or block. */
    void (*on_header)(void *owner, struct http_request *request);
    /* The body is in: answer now or later. */
    void (*on_request)(void *owner, struct http_request *request);
    /* The reply is out or the client is gone: free what hangs on the request. */
    void (*on_done)(void *owner, struct http_request *request);
    /* Something is wrong with the request as such. */
    void (*on_refused)(void *owner, struct http_request *request, enum reason reason);
    void *owner;
};

/* Holds the address, and takes nobody yet. 0 or a negative errno. *ret_port is the port. */
MUST_CHECK int http_server_open(uv_loop_t *loop, const struct http_server_options *options,
                                struct http_server **ret_server, int *ret_port);
/* From now on clients come; nothing when they do already. 0 or a negative errno. */
MUST_CHECK int http_server_listen(struct http_server *server);
/* For requests that begin from now on. */
void http_server_set_limits(struct http_server *server, const struct http_limits *limits);
/* Takes who waits to be accepted, then nobody any more; open requests go on and their connections
 * close after the reply. */
void http_server_drain(struct http_server *server);
/* Requests between the first header and the end of the reply. */
unsigned http_server_open_requests(const struct http_server *server);
unsigned http_server_connections(const struct http_server *server);
/* Ends everything; every complete request must be answered by now. */
void http_server_close(struct http_server *server, void (*on_closed)(void *owner), void *owner);

#endif
