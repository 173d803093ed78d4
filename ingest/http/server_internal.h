/* What server.c, connection.c and exchange.c share. */
#ifndef MH_INGEST_SERVER_INTERNAL_H
#define MH_INGEST_SERVER_INTERNAL_H

#include <time.h>

#include "ingest/http/connection.h"
#include "ingest/http/decoder.h"
#include "ingest/http/request_pool.h"

/* Read at a time; all connections share the place. */
#define READ_BYTES ((size_t)(32 * 1024))

struct http_server {
    struct http_server_options options;
    uv_poll_t poll;   /* of the listener */
    uv_timer_t again; /* connections in `ready` */
    uv_timer_t sweep;
    struct list connections, ready;
    unsigned connection_count, request_count;
    struct request_pool requests;
    size_t body_memory; /* of open requests */
    int listener;       /* -1 once drained */
    bool listening, accepting, draining;
    unsigned open_handles;
    time_t date_second;
    char date[32];
    char input[READ_BYTES];
    void (*on_closed)(void *owner);
    void *closed_owner;
};

enum http_phase {
    PHASE_HEAD,
    PHASE_BODY,
    PHASE_WAIT, /* the request is complete */
    PHASE_SEND,
    PHASE_LINGER, /* answered and shut; what still comes is dropped until the client has read */
    PHASE_CLOSED
};

struct http_connection {
    struct list link;  /* server->connections */
    struct list ready; /* server->ready */
    struct http_server *server;
    uv_poll_t poll;
    int descriptor, watched;
    enum http_phase phase;
    int64_t deadline_us; /* monotonic; 0: none */
    struct http_request *request;
    struct buffer input; /* read, and not taken yet */
    struct http_decoder *decoder;
    bool keep_alive;
    bool input_ended;
    bool busy;          /* taking input: an answer is seen without being woken */
    bool unread;        /* of this request's body, when the reply is sent before it has come */
    struct buffer head; /* of the reply */
    const char *body;
    size_t body_length, sent;
    size_t dropped; /* while lingering */
    char address[HTTP_ADDRESS_SIZE];
};

/* Requests: exchange.c. */

/* From the head that the decoder has, or, for a reason, from one that is refused. */
void exchange_begin(struct http_connection *connection, enum reason reason);
/* Bytes of the body; false when no more of it shall be read. */
MUST_CHECK bool exchange_body(struct http_request *request, const char *bytes, size_t length);
void exchange_refuse(struct http_request *request, enum reason reason);
/* The body is complete: asks the handler, once nothing blocks. */
void exchange_end(struct http_request *request);
/* The reply is out or the client is gone. */
void exchange_done(struct http_connection *connection);
/* For Date, to the second. */
const char *http_server_date(struct http_server *server);
/* Runs http_connection_resume at the loop's next turn. */
void http_server_wake(struct http_connection *connection);
/* There is one connection less. */
void http_server_on_connection_closed(struct http_server *server);
void http_server_on_handle_closed(struct http_server *server);

#endif
