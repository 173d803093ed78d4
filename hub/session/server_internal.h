/* What server.c and server_events.c share; nobody else includes it. */
#ifndef MH_HUB_SERVER_INTERNAL_H
#define MH_HUB_SERVER_INTERNAL_H

#include <libwebsockets.h>
#include <stdbool.h>
#include <uv.h>

#include "hub/session/http.h"
#include "hub/session/session.h"

#define MAX_HEADER_TEXT 512

struct server {
    struct lws_context *context;
    struct lws_vhost *vhost;
    uv_loop_t *loop;
    struct sessions *sessions;
    const struct feeds *feeds;
    const struct hub_settings *settings;
    struct tls *tls; /* NULL: plain sockets */
    int listener;
    uv_poll_t poll;
    bool listening;
};

struct event_connection;

/* libwebsockets keeps one of these per connection. It is the session's transport. */
struct connection {
    struct lws *wsi;
    struct session *session;
    struct event_connection *events; /* NULL: it is a WebSocket, or a page */
    int fd;
    bool encrypted;              /* libwebsockets does all the sending */
    enum protocol_close closing; /* PROTOCOL_CLOSE_NONE: open */
    bool close_begun;            /* libwebsockets has been told; a second time would cut it off */
    struct frame *page;          /* an HTTP body on its way */
};

/* In a session's callbacks; wsi, fd, encrypted. */
void connection_init(struct connection *connection, struct lws *wsi);
/* Whether a page of this Origin header may connect. */
bool origin_allowed(struct lws *wsi, const struct server *server);
bool server_full(const struct server *server);
/* Nothing if the value is NULL or empty. 0, or not: no room. */
int add_header(struct lws *wsi, const char *name, const char *value, unsigned char **at,
               unsigned char *end);
/* The head of a whole answer; `origin`: of the page that may read it, or "". 0 or -1. */
int send_head(struct lws *wsi, const struct http_answer *answer, const char *origin);
/* Sends the answer, whose body it frees, as LWS_CALLBACK_HTTP wants it. */
int send_page(struct connection *connection, struct lws *wsi, struct http_answer *answer,
              const char *origin);

/* ---- server_events.c ---- */

bool is_events_path(const char *path);
/* LWS_CALLBACK_HTTP, for the path. */
int on_events_request(struct lws *wsi, const struct server *server, struct connection *connection);
/* What the transport's functions do for a stream. */
int events_write(struct connection *connection, struct frame *frame);
bool events_blocked(const struct connection *connection);
void events_want_writable(struct connection *connection);
/* NULL-safe. */
void events_free(struct event_connection *events);
/* What the TIMER callback returns for a stream that is to end. */
int close_events(struct lws *wsi, struct connection *connection);

#endif
