/* One HTTP request on its way through the router, and the reply that is being made for it.
 *
 * The server owns it from the first header to the last byte of the reply. A handler answers at once
 * or later, exactly once: while a complete request is unanswered the server keeps its connection,
 * so that the request cannot vanish under a handler that waits for Postgres. Before the
 * body is complete it can: what waits then (the look-up of a key) is linked through `waiting`,
 * which the server unlinks when the client is gone. */
#ifndef MH_INGEST_REQUEST_H
#define MH_INGEST_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "ingest/events/arena.h"
#include "ingest/events/reason.h"
#include "shared/base/buffer.h"
#include "shared/base/list.h"

struct http_connection;
struct http_content;
struct http_header;
struct http_server;
struct key;
struct route;

/* HEAD is GET without a body. */
enum http_method { HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OTHER };

#define HTTP_MAX_REPLY_HEADERS 16
#define HTTP_ADDRESS_SIZE 46

struct http_reply_header {
    const char *name, *value; /* static, or in the request's arena */
};

struct http_reply {
    int status;
    enum reason reason; /* for counters */
    const char *content_type;
    struct buffer body;
    const struct http_content *content; /* instead of body */
    unsigned header_count;
    struct http_reply_header headers[HTTP_MAX_REPLY_HEADERS];
};

struct http_request {
    struct http_server *server;
    struct http_connection *connection;
    enum http_method method;
    const char *path;    /* without query */
    const char *address; /* of the client as trusted proxies say; numeric, without port */
    struct buffer body;  /* complete when the handler runs; NUL follows it */
    struct arena arena;
    struct http_reply reply;

    const struct route *route;
    const char *segment; /* what stood for {} in the route's path */
    struct key *key;     /* after authentication, held */
    const char *user;    /* after authentication by token: public id */
    const char *session; /* of the same token: public id */
    const char *id;      /* of this request, if it has one; in the arena */
    struct list waiting; /* see above */
    void *work;          /* the handler's, in the arena */
    void (*release)(struct http_request *request); /* frees what `work` holds, or NULL */
    int64_t started_us;                            /* monotonic */
    size_t bytes;                                  /* of the body, as received */
    unsigned max_body;

    /* The server's: */
    struct http_request *next_spare;
    size_t body_memory;
    const struct http_header *headers; /* in the arena, as path and query */
    unsigned header_count;
    const char *query;  /* as sent */
    uint64_t announced; /* length of the body, 0 if it is not known */
    bool answered, complete, blocked, closing, expects_continue, head_only, old;
};

/* NULL when absent. Borrowed, NUL-terminated. */
const char *http_request_header(const struct http_request *request, const char *name);
/* The cookie's value or NULL. */
const char *http_request_cookie(struct http_request *request, const char *name);
/* Of the query string, decoded; NULL when absent. */
const char *http_request_query(struct http_request *request, const char *name);
/* The credentials of `Authorization: Bearer …`, or NULL. */
const char *http_request_bearer(const struct http_request *request);
/* Calls back for each header; return false to end. */
void http_request_each_header(const struct http_request *request,
                              bool (*on_header)(void *owner, const char *name, const char *value),
                              void *owner);

/* Reading pauses until unblock or an answer, for a decision about the header. */
void http_request_block(struct http_request *request);
void http_request_unblock(struct http_request *request);

/* Replaces an earlier header of that name. `name` is static; `value` is static or in
 * request->arena. */
void http_reply_header(struct http_request *request, const char *name, const char *value);
/* Sends request->reply.body, which the server takes over. */
void http_request_answer(struct http_request *request, int status, const char *content_type);
/* Sends prepared bytes with the headers they were prepared with. */
void http_request_answer_content(struct http_request *request, const struct http_content *content);

#endif
