/* The hub's door: accepts connections on its own SO_REUSEPORT socket and hands them to
 * libwebsockets, which runs on the hub's libuv loop. WebSockets at /connection/websocket become
 * sessions; a few pages are plain HTTP. The only module that knows libwebsockets. */
#ifndef MH_HUB_SERVER_H
#define MH_HUB_SERVER_H

#include <uv.h>

#include "hub/feed/feeds.h"
#include "hub/session/sessions.h"
#include "hub/session/tls.h"

struct server;

/* 0 or a negative errno (see listener_open). `tls` outlives the server; NULL: plain sockets. */
MUST_CHECK int server_open(uv_loop_t *loop, const struct hub_settings *settings, struct tls *tls,
                           struct sessions *sessions, const struct feeds *feeds,
                           struct server **ret_server);
/* Takes who waits to be accepted, then nobody any more. NULL-safe. */
void server_drain(struct server *server);
/* Accepts no more; ends what is left of the connections; their sessions end with them. The server's
 * handles close as the loop runs. NULL-safe. */
void server_close(struct server *server);
/* After the loop has run dry. NULL-safe. */
void server_free(struct server *server);

#endif
