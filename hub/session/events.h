/* One-way streams (`GET /live/sse`): a session whose client only reads, with one subscription,
 * which speaks text/event-stream. The server's side of HTTP is in server_events.c. */
#ifndef MH_HUB_EVENTS_H
#define MH_HUB_EVENTS_H

#include "hub/session/http.h"
#include "hub/session/transport.h"

struct session;
struct sessions;

struct events_request {
    const char *token;         /* NULL: none was sent */
    const char *channel;       /* "": none was named */
    const char *last_event_id; /* "": the first time */
};

/* The session, whose stream opens when the channel is ready, or which is refused then; or NULL and
 * why it is refused at once. */
struct session *events_open(struct sessions *sessions, struct transport *transport,
                            const struct events_request *request, enum http_problem *ret_problem);

#endif
